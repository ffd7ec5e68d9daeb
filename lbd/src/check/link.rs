//! The connection of one check: made, written, read and closed without blocking.
//!
//! It interprets nothing that passes.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use lbd_config::config::{ServerSpec, SourceSpec, UseSrc};
use lbd_proxy::Namespaces;
use nix::errno::Errno;
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::{TcpStream, UnixStream};

use super::target::Place;

/// A connection to a server, an agent or a SOCKS proxy before it.
pub(super) enum Link {
    /// HTTP/2, which looks like HTTP/1 to a check.
    Http2(Box<super::http2::Http2>),
    Tcp(TcpStream),
    Tls(Box<super::secure::Secure>),
    Unix(UnixStream),
}

/// Why a socket did not come to be, in the reference's words.
pub(super) struct Refusal {
    /// Nothing was attempted on the network: the socket itself failed.
    pub(super) is_local: bool,
    pub(super) text: String,
}

impl Link {
    /// Begins to connect; [`Link::connected`] tells when it is done.
    pub(super) fn open(
        place: &Place,
        server: &ServerSpec,
        source: Option<&SourceSpec>,
        namespaces: &Namespaces,
    ) -> Result<Self, Refusal> {
        let entered = namespaces.within(server.namespace.as_deref(), || {
            Self::open_here(place, server, source)
        });
        entered.unwrap_or_else(|error| {
            Err(Refusal {
                is_local: true,
                text: system_text(&error),
            })
        })
    }

    fn open_here(
        place: &Place,
        server: &ServerSpec,
        source: Option<&SourceSpec>,
    ) -> Result<Self, Refusal> {
        let local = |error: io::Error| Refusal {
            is_local: true,
            text: system_text(&error),
        };
        let path = match place {
            Place::Inet(to) => return Self::tcp(*to, server, source),
            Place::Unix(path) => SockAddr::unix(path).map_err(local)?,
            Place::Abstract(name) => {
                SockAddr::unix(std::ffi::OsStr::from_bytes(name)).map_err(local)?
            }
        };
        let kind = Type::STREAM.nonblocking().cloexec();
        let socket = Socket::new(Domain::UNIX, kind, None).map_err(local)?;
        socket.connect(&path).map_err(|error| Refusal {
            is_local: false,
            text: system_text(&error),
        })?;
        UnixStream::from_std(socket.into())
            .map(Self::Unix)
            .map_err(local)
    }

    fn tcp(
        to: SocketAddr,
        server: &ServerSpec,
        source: Option<&SourceSpec>,
    ) -> Result<Self, Refusal> {
        let local = |error: io::Error| Refusal {
            is_local: true,
            text: system_text(&error),
        };
        let kind = Type::STREAM.nonblocking().cloexec();
        let socket = Socket::new(Domain::for_address(to), kind, None).map_err(local)?;
        socket.set_tcp_nodelay(true).map_err(local)?;
        if let Some(key) = &server.md5_key {
            lbd_proxy::set_md5_key(socket.as_fd(), to, key).map_err(local)?;
        }
        if let Some(source) = source {
            bind(&socket, source, to)?;
        }
        match socket.connect(&to.into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
            Err(error) => {
                // The reference names what the system says later, not what it says at once.
                let text = match error.raw_os_error() {
                    Some(libc::ENETUNREACH) => {
                        format!("General socket error ({})", Errno::ENETUNREACH.desc())
                    }
                    _ => system_text(&error),
                };
                return Err(Refusal {
                    is_local: false,
                    text,
                });
            }
        }
        TcpStream::from_std(socket.into())
            .map(Self::Tcp)
            .map_err(local)
    }

    /// Waits until the connection stands or has failed.
    pub(super) async fn connected(&self) -> io::Result<()> {
        self.writable().await?;
        let error = match self {
            Self::Tcp(stream) => stream.take_error()?,
            Self::Unix(stream) => stream.take_error()?,
            Self::Tls(_) | Self::Http2(_) => None,
        };
        error.map_or(Ok(()), Err)
    }

    async fn writable(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.writable().await,
            Self::Unix(stream) => stream.writable().await,
            // What is under TLS or HTTP/2 is written to by itself.
            Self::Tls(_) | Self::Http2(_) => Ok(()),
        }
    }

    /// Reads what there is into `buffer`; 0 at the end of the stream.
    pub(super) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tls(secure) => return Box::pin(secure.read(buffer)).await,
            Self::Http2(http2) => return Box::pin(http2.read(buffer)).await,
            Self::Tcp(_) | Self::Unix(_) => {}
        }
        loop {
            let done = match self {
                Self::Tcp(stream) => {
                    stream.readable().await?;
                    stream.try_read(buffer)
                }
                Self::Unix(stream) => {
                    stream.readable().await?;
                    stream.try_read(buffer)
                }
                Self::Tls(_) | Self::Http2(_) => return Ok(0),
            };
            match done {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
        }
    }

    /// Writes all of `bytes`.
    pub(super) async fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Tls(secure) => return Box::pin(secure.write_all(bytes)).await,
            Self::Http2(http2) => return Box::pin(http2.write_all(bytes)).await,
            Self::Tcp(_) | Self::Unix(_) => {}
        }
        while !bytes.is_empty() {
            self.writable().await?;
            let done = match self {
                Self::Tcp(stream) => stream.try_write(bytes),
                Self::Unix(stream) => stream.try_write(bytes),
                Self::Tls(_) | Self::Http2(_) => Ok(bytes.len()),
            };
            match done {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Own and peer's address of a fresh connection, for the PROXY header; `None` on unix sockets.
    pub(super) fn addresses(&self) -> Option<(SocketAddr, SocketAddr)> {
        match self {
            Self::Tcp(stream) => Some((stream.local_addr().ok()?, stream.peer_addr().ok()?)),
            Self::Tls(_) | Self::Http2(_) | Self::Unix(_) => None,
        }
    }

    /// Closes: by a reset, so that no port of this side is held back, or in order.
    pub(super) fn close(self, in_order: bool) {
        let this = match self {
            Self::Tls(secure) => return secure.close(in_order),
            Self::Http2(http2) => return http2.close(in_order),
            this => this,
        };
        if let (Self::Tcp(stream), false) = (&this, in_order) {
            // The connection is over anyway: a system that refuses closes in order.
            let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
    }
}

/// Binds to the source address that the configuration names. A check has no client, so that only
/// a fixed foreign address (`usesrc <address>`) counts of the transparent forms.
fn bind(socket: &Socket, source: &SourceSpec, to: SocketAddr) -> Result<(), Refusal> {
    let fail = |text: &str| Refusal {
        is_local: true,
        text: text.to_owned(),
    };
    if let Some(interface) = &source.interface {
        // The reference goes on without the interface when the system refuses it.
        let _ = socket.bind_device(Some(interface.as_bytes()));
    }
    let foreign = match &source.usesrc {
        Some(UseSrc::Address(address)) if address.is_ipv4() == to.is_ipv4() => Some(*address),
        _ => None,
    };
    let Some(address) = foreign.or(source.address) else {
        return Ok(());
    };
    if foreign.is_some() {
        let _ = match address {
            SocketAddr::V4(_) => socket.set_ip_transparent_v4(true),
            SocketAddr::V6(_) => Ok(()),
        };
    }
    let _ = socket.set_reuse_address(true);
    let bound = match (source.ports, foreign) {
        (Some((first, last)), None) => bind_range(socket, address.ip(), first, last),
        _ => socket.bind(&address.into()),
    };
    bound.map_err(|_| fail("Can't bind to source address"))
}

/// Takes the ports of a range in turn; refused only when none is free.
fn bind_range(socket: &Socket, ip: IpAddr, first: u16, last: u16) -> io::Result<()> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let count = u32::from(last.saturating_sub(first)) + 1;
    let mut error = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..count {
        let offset = NEXT.fetch_add(1, Relaxed) % count;
        let port = first.saturating_add(u16::try_from(offset).unwrap_or(0));
        match socket.bind(&SocketAddr::new(ip, port).into()) {
            Ok(()) => return Ok(()),
            Err(refused) => error = refused,
        }
    }
    Err(error)
}

/// `ECONNREFUSED returned by OS (Connection refused)`: the words that operators look for.
pub(super) fn system_text(error: &io::Error) -> String {
    let Some(number) = error.raw_os_error() else {
        return error.to_string();
    };
    let errno = Errno::from_raw(number);
    let name = match errno {
        Errno::ECONNREFUSED => "ECONNREFUSED returned by OS",
        Errno::ECONNRESET => "ECONNRESET returned by OS",
        Errno::EHOSTUNREACH | Errno::ENETUNREACH => "ENETUNREACH returned by OS",
        Errno::ENOMEM => "ENOMEM returned by OS",
        Errno::EBADF => "EBADF returned by OS",
        Errno::EFAULT => "EFAULT returned by OS",
        Errno::EINVAL => "EINVAL returned by OS",
        Errno::ENOTCONN => "ENCONN returned by OS",
        Errno::ENOTSOCK => "ENSOCK returned by OS",
        Errno::ENOBUFS => "ENOBUFS returned by OS",
        Errno::EPIPE => "EPIPE returned by OS",
        Errno::ENFILE => "Too many sockets on the system",
        Errno::EMFILE => "Too many sockets on the process",
        _ => "General socket error",
    };
    format!("{name} ({})", errno.desc())
}

//! Opening a connection to a server: socket, options, source address, destination.
//!
//! It does not wait: the caller polls the transport for writability and asks for the error.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use lbd_config::config::{ProxySpec, ServerAddress, ServerSpec, SourceSpec, TcpKeepalive, UseSrc};
use lbd_rules::facts::Endpoint;
use socket2::{Domain, SockAddr, Socket, Type};

use crate::namespace::Namespaces;
use crate::sys;
use crate::transport::Transport;

/// Where a stream's connection to the server goes, and what shapes it.
pub(crate) struct Dial<'a> {
    /// The server's address, or what stands for it.
    pub(crate) address: &'a ServerAddress,
    /// Backend.
    pub(crate) backend: &'a ProxySpec,
    /// Network namespaces.
    pub(crate) namespaces: &'a Namespaces,
    /// Server; `None` for `dispatch` and `option transparent`.
    pub(crate) server: Option<&'a ServerSpec>,
    /// The client's destination, for mapped ports and transparent targets.
    pub(crate) destination: Endpoint,
    /// Address of somebody else to connect from (`usesrc`).
    pub(crate) foreign: Option<SocketAddr>,
    /// Mark of the packets.
    pub(crate) mark: Option<u32>,
    /// Type of service of the packets.
    pub(crate) tos: Option<u8>,
    /// Send buffer.
    pub(crate) sndbuf: Option<usize>,
    /// Receive buffer.
    pub(crate) rcvbuf: Option<usize>,
    /// Bytes that the kernel may hold unsent.
    pub(crate) notsent: Option<u32>,
    /// TLS will be spoken.
    pub(crate) tls: bool,
}

/// The address of somebody else that a `source` line asks for, before its family is looked at.
/// `header` is the address in the header field of `usesrc hdr_ip`.
pub(crate) fn foreign(
    source: &SourceSpec,
    client: Endpoint,
    header: impl FnOnce(&[u8], i32) -> Option<IpAddr>,
) -> Option<SocketAddr> {
    match source.usesrc.as_ref()? {
        UseSrc::Client => match client {
            Endpoint::Inet(address) => Some(address),
            _ => None,
        },
        UseSrc::ClientIp => client.ip().map(|ip| SocketAddr::new(ip, 0)),
        UseSrc::Address(address) => Some(*address),
        UseSrc::Header(name, occurrence) => {
            header(name, *occurrence).map(|ip| SocketAddr::new(ip, 0))
        }
    }
}

/// The IP destination of a server for this client.
pub(crate) fn destination(address: &ServerAddress, client_dst: Endpoint) -> Option<SocketAddr> {
    match address {
        ServerAddress::Inet(address) => Some(*address),
        ServerAddress::MappedPort(ip, offset) => {
            let port = i32::from(client_dst.port()?) + offset;
            Some(SocketAddr::new(*ip, u16::try_from(port).ok()?))
        }
        ServerAddress::Transparent { port } => {
            let ip = client_dst.ip()?;
            let port = if *port == 0 {
                client_dst.port()?
            } else {
                *port
            };
            Some(SocketAddr::new(ip, port))
        }
        _ => None,
    }
}

/// Begins to connect; the transport becomes writable when it is decided.
///
/// # Errors
/// What the kernel says at once: no route, no port, no descriptor, refused (unix sockets).
pub(crate) fn start(dial: &Dial<'_>) -> io::Result<(Transport, Endpoint)> {
    match dial.address {
        ServerAddress::Unix(path) => unix(dial, path.as_os_str().as_bytes()),
        ServerAddress::Abstract { name, is_padded } => {
            let mut full = vec![0];
            full.extend_from_slice(name);
            if *is_padded {
                full.resize(SUN_PATH, 0);
            }
            unix(dial, &full)
        }
        ServerAddress::SockPair(_) | ServerAddress::None => {
            Err(io::Error::from(io::ErrorKind::AddrNotAvailable))
        }
        address => {
            let to = destination(address, dial.destination)
                .ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))?;
            inet(dial, to)
        }
    }
}

fn unix(dial: &Dial<'_>, path: &[u8]) -> io::Result<(Transport, Endpoint)> {
    // Abstract names are a namespace's own.
    let socket = socket(dial, Domain::UNIX)?;
    let address = SockAddr::unix(std::ffi::OsStr::from_bytes(path))?;
    socket.connect(&address)?;
    let fd = OwnedFd::from(socket);
    let io = match dial.tls {
        true => Transport::new_tls(fd, true)?,
        false => Transport::new(fd, true)?,
    };
    Ok((io, Endpoint::Unix))
}

/// A socket in the namespace of the server.
fn socket(dial: &Dial<'_>, domain: Domain) -> io::Result<Socket> {
    let name = dial.server.and_then(|server| server.namespace.as_deref());
    let kind = Type::STREAM.nonblocking().cloexec();
    dial.namespaces
        .within(name, || Socket::new(domain, kind, None))?
}

fn inet(dial: &Dial<'_>, to: SocketAddr) -> io::Result<(Transport, Endpoint)> {
    // A SOCKS proxy stands before the server; the handshake that names the server is the caller's.
    let to = dial.server.and_then(|server| server.socks4).unwrap_or(to);
    let socket = socket(dial, Domain::for_address(to))?;
    socket.set_tcp_nodelay(true)?;
    if let Some(server) = dial.server {
        server_options(&socket, server);
        if let Some(key) = &server.md5_key {
            sys::set_md5_key(socket.as_fd(), to, key)?;
        }
    }
    if let Some(keepalive) = dial.backend.backend.keepalive {
        set_keepalive(&socket, keepalive);
    }
    if let Some(mark) = dial.mark {
        let _ = socket.set_mark(mark);
    }
    if let Some(tos) = dial.tos {
        let _ = socket.set_tos_v4(u32::from(tos));
        let _ = socket.set_tclass_v6(u32::from(tos));
    }
    if let Some(size) = dial.sndbuf {
        let _ = socket.set_send_buffer_size(size);
    }
    if let Some(size) = dial.rcvbuf {
        let _ = socket.set_recv_buffer_size(size);
    }
    if let Some(bytes) = dial.notsent {
        let _ = sys::set_notsent_lowat(socket.as_fd(), bytes);
    }
    if dial.backend.backend.smart_connect {
        let _ = sys::set_quickack(socket.as_fd(), false);
    }
    let source = dial.server.and_then(|server| server.source.as_ref());
    if let Some(source) = source.or(dial.backend.backend.source.as_ref()) {
        bind_source(&socket, source, dial, to)?;
    }
    if let Err(error) = socket.connect(&to.into())
        && error.raw_os_error() != Some(libc::EINPROGRESS)
    {
        return Err(error);
    }
    let fd = OwnedFd::from(socket);
    let io = match dial.tls {
        true => Transport::new_tls(fd, false)?,
        false => Transport::new(fd, false)?,
    };
    Ok((io, Endpoint::Inet(to)))
}

fn server_options(socket: &Socket, server: &ServerSpec) {
    if let Some(timeout) = server.user_timeout {
        let _ = socket.set_tcp_user_timeout(Some(timeout));
    }
    if let Some(congestion) = &server.congestion {
        let _ = socket.set_tcp_congestion(congestion.as_bytes());
    }
    if server.fast_open {
        let _ = sys::fast_open_connect(socket.as_fd());
    }
}

/// Turns TCP keepalive on with what the configuration says.
pub(crate) fn set_keepalive(socket: &Socket, keepalive: TcpKeepalive) {
    let mut options = socket2::TcpKeepalive::new();
    if let Some(idle) = keepalive.idle {
        options = options.with_time(idle);
    }
    if let Some(interval) = keepalive.interval {
        options = options.with_interval(interval);
    }
    if let Some(count) = keepalive.count {
        options = options.with_retries(count);
    }
    let _ = socket.set_keepalive(true);
    let _ = socket.set_tcp_keepalive(&options);
}

fn bind_source(
    socket: &Socket,
    source: &SourceSpec,
    dial: &Dial<'_>,
    to: SocketAddr,
) -> io::Result<()> {
    if let Some(interface) = &source.interface {
        socket.bind_device(Some(interface.as_bytes()))?;
    }
    let foreign = dial
        .foreign
        .filter(|address| address.is_ipv4() == to.is_ipv4());
    let Some(address) = foreign.or(source.address) else {
        return Ok(());
    };
    if foreign.is_some() {
        socket.set_ip_transparent_v4(true)?;
    }
    socket.set_reuse_address(true)?;
    if let (Some((first, last)), None) = (source.ports, foreign) {
        return bind_range(socket, address.ip(), first, last);
    }
    if address.port() == 0 {
        let _ = sys::bind_address_no_port(socket.as_fd());
    }
    socket.bind(&address.into())
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

/// Size of `sockaddr_un::sun_path`.
const SUN_PATH: usize = 108;

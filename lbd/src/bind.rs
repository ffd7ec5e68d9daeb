//! Listening sockets: from the configuration's addresses to descriptors, before privileges go.
//!
//! It accepts nothing: workers do.
#![allow(
    unsafe_code,
    reason = "inherited descriptors and socket options that socket2 lacks"
)]

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use lbd_config::config::{BindOptions, ListenAddress, UnixSocketSpec};
use lbd_proxy::Namespaces;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// How a listening socket shall be made.
#[derive(Debug, Clone)]
pub(crate) struct ListenRequest<'a> {
    /// Where.
    pub(crate) address: &'a ListenAddress,
    /// Options of its `bind` line.
    pub(crate) options: &'a BindOptions,
    /// Length of the accept queue.
    pub(crate) backlog: u32,
    /// Sockets wanted: one for each worker on TCP, always one on other addresses.
    pub(crate) shards: usize,
    /// Whether the acknowledgement of a connection waits for data (`option tcp-smart-accept`).
    pub(crate) quiet_ack: bool,
    /// Network namespaces.
    pub(crate) namespaces: &'a Namespaces,
    /// Whether `SO_REUSEPORT` may be used.
    pub(crate) reuse_port: bool,
}

/// The sockets of one listener.
#[derive(Debug)]
pub(crate) struct Bound {
    /// One for each shard; a single one is shared by the workers.
    pub(crate) sockets: Vec<OwnedFd>,
    /// Path to remove when the process ends, for a unix socket that lbd made.
    pub(crate) path: Option<SocketFile>,
}

/// The file of a unix socket that this process made.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    /// Device and inode: another process may have put its own socket there meanwhile.
    id: (u64, u64),
}

impl SocketFile {
    fn new(path: &Path) -> io::Result<Self> {
        let file = fs::symlink_metadata(path)?;
        Ok(Self {
            path: path.to_owned(),
            id: (file.dev(), file.ino()),
        })
    }

    /// One that the program before this one made.
    pub(crate) fn known(path: &Path, id: (u64, u64)) -> Self {
        Self {
            path: path.to_owned(),
            id,
        }
    }

    /// Device and inode.
    pub(crate) fn id(&self) -> (u64, u64) {
        self.id
    }

    /// Whether it was made at this path.
    pub(crate) fn is_at(&self, path: &Path) -> bool {
        self.path == path
    }

    /// Removes the file, unless it has become another one.
    pub(crate) fn remove(&self) {
        if Self::new(&self.path).is_ok_and(|now| now.id == self.id) {
            // Who gave up the rights to remove it leaves it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Why a socket could not be made, in the reference's words.
#[derive(Debug)]
pub(crate) struct BindError {
    /// `protocol tcpv4: cannot bind socket (…) for [1.2.3.4:80]`.
    pub(crate) message: String,
    /// How to mend it, or empty.
    pub(crate) hint: &'static str,
    /// Whether trying again may help (the old process still holds the address).
    pub(crate) is_in_use: bool,
}

/// Makes the sockets of one listener.
pub(crate) fn bind(request: &ListenRequest<'_>) -> Result<Bound, BindError> {
    let name = request.options.namespace.as_deref();
    let bound = request.namespaces.within(name, || bind_here(request));
    bound.unwrap_or_else(|error| {
        Err(BindError {
            message: format!(
                "cannot enter namespace '{}' ({})",
                name.unwrap_or_default(),
                plain(&error)
            ),
            hint: "root or CAP_SYS_ADMIN is needed",
            is_in_use: false,
        })
    })
}

fn bind_here(request: &ListenRequest<'_>) -> Result<Bound, BindError> {
    match request.address {
        ListenAddress::Tcp(address) => bind_tcp(*address, request),
        ListenAddress::Unix(path) => bind_unix(path, &request.options.unix, request.backlog),
        ListenAddress::Abstract { name, is_padded } => {
            bind_abstract(name, *is_padded, request.backlog)
        }
        ListenAddress::Fd(fd) | ListenAddress::SockPair(fd) => inherit(*fd),
    }
}

/// Makes the socket of a `stats socket` line.
pub(crate) fn bind_stats(
    address: &ListenAddress,
    unix: &UnixSocketSpec,
    backlog: u32,
) -> Result<Bound, BindError> {
    let options = BindOptions {
        unix: unix.clone(),
        ..BindOptions::default()
    };
    bind(&ListenRequest {
        namespaces: &Namespaces::default(),
        address,
        options: &options,
        backlog,
        shards: 1,
        quiet_ack: false,
        reuse_port: false,
    })
}

fn bind_tcp(address: SocketAddr, request: &ListenRequest<'_>) -> Result<Bound, BindError> {
    let count = if request.reuse_port {
        request.shards.max(1)
    } else {
        1
    };
    let mut sockets = Vec::with_capacity(count);
    for _ in 0..count {
        let socket = tcp_socket(address, request).map_err(|(what, error)| BindError {
            message: format!(
                "protocol {}: {what} ({}) for [{address}]",
                if address.is_ipv4() { "tcpv4" } else { "tcpv6" },
                plain(&error)
            ),
            hint: if error.raw_os_error() == Some(libc::EADDRNOTAVAIL) {
                "this node does not hold the address: set net.ipv4.ip_nonlocal_bind=1 (and \
                 net.ipv6.ip_nonlocal_bind=1), or say 'transparent' on the bind line"
            } else if error.kind() == io::ErrorKind::PermissionDenied {
                "ports below 1024 need root, CAP_NET_BIND_SERVICE or a lower \
                 net.ipv4.ip_unprivileged_port_start"
            } else {
                ""
            },
            is_in_use: error.kind() == io::ErrorKind::AddrInUse,
        })?;
        sockets.push(socket.into());
    }
    Ok(Bound {
        sockets,
        path: None,
    })
}

type SocketFault = (&'static str, io::Error);

fn tcp_socket(address: SocketAddr, request: &ListenRequest<'_>) -> Result<Socket, SocketFault> {
    let options = request.options;
    let make = |error| ("cannot create receiving socket", error);
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM.nonblocking(),
        Some(Protocol::TCP),
    )
    .map_err(make)?;
    socket.set_cloexec(true).map_err(make)?;
    let option = |error| ("cannot set socket options", error);
    socket.set_reuse_address(true).map_err(option)?;
    if request.reuse_port {
        socket.set_reuse_port(true).map_err(option)?;
    }
    if address.is_ipv6() && (options.v6only || options.v4v6) {
        socket.set_only_v6(options.v6only).map_err(option)?;
    }
    if options.transparent {
        set_transparent(&socket, address)
            .map_err(|error| ("cannot make listening socket transparent", error))?;
    }
    if let Some(interface) = &options.interface {
        socket
            .bind_device(Some(interface.as_bytes()))
            .map_err(|error| ("cannot bind listener to device", error))?;
    }
    if let Some(mss) = options.mss {
        let value = u32::try_from(mss.abs()).unwrap_or(0);
        socket
            .set_tcp_mss(value)
            .map_err(|error| ("cannot set MSS", error))?;
    }
    if let Some(timeout) = options.user_timeout {
        socket
            .set_tcp_user_timeout(Some(timeout))
            .map_err(|error| ("cannot set TCP User Timeout", error))?;
    }
    if let Some(algorithm) = &options.congestion {
        socket
            .set_tcp_congestion(algorithm.as_bytes())
            .map_err(|error| ("cannot set congestion control", error))?;
    }
    if let Some(key) = &options.md5_key {
        let any = match address {
            SocketAddr::V4(_) => SocketAddr::from(([0; 4], 0)),
            SocketAddr::V6(_) => SocketAddr::from(([0; 16], 0)),
        };
        lbd_proxy::set_md5_key(socket.as_fd(), any, key)
            .map_err(|error| ("cannot enable MD5 signature", error))?;
    }
    // Accepted connections inherit it.
    socket.set_tcp_nodelay(true).map_err(option)?;
    if request.quiet_ack {
        // It saves a packet; nothing is lost where the kernel does not know it.
        let _ = set_int(&socket, libc::IPPROTO_TCP, libc::TCP_QUICKACK, 0);
    }
    if options.defer_accept {
        set_int(&socket, libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT, 1)
            .map_err(|error| ("cannot enable DEFER_ACCEPT", error))?;
    }
    socket
        .bind(&SockAddr::from(address))
        .map_err(|error| ("cannot bind socket", error))?;
    if options.fast_open {
        let queue = i32::try_from(request.backlog).unwrap_or(i32::MAX);
        set_int(&socket, libc::IPPROTO_TCP, libc::TCP_FASTOPEN, queue)
            .map_err(|error| ("cannot enable TCP_FASTOPEN", error))?;
    }
    socket
        .listen(backlog(request.backlog))
        .map_err(|error| ("cannot listen to socket", error))?;
    Ok(socket)
}

fn set_transparent(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    let (level, name) = if address.is_ipv4() {
        (libc::IPPROTO_IP, libc::IP_TRANSPARENT)
    } else {
        (libc::IPPROTO_IPV6, libc::IPV6_TRANSPARENT)
    };
    let freebind = if address.is_ipv4() {
        (libc::IPPROTO_IP, libc::IP_FREEBIND)
    } else {
        (libc::IPPROTO_IPV6, libc::IPV6_FREEBIND)
    };
    // Either is enough to bind a foreign address; only the first needs a privilege.
    set_int(socket, level, name, 1).or_else(|_| set_int(socket, freebind.0, freebind.1, 1))
}

fn set_int(socket: &Socket, level: i32, name: i32, value: i32) -> io::Result<()> {
    // SAFETY: the descriptor is open for the life of `socket`, and the pointer and length
    // describe a live `i32`, which is what these options take.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            lbd_core::bits::count32(size_of::<i32>()),
        )
    };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

fn backlog(wanted: u32) -> i32 {
    i32::try_from(wanted.max(1)).unwrap_or(i32::MAX)
}

fn unix_error(what: &str, path: &str, error: &io::Error) -> BindError {
    BindError {
        message: format!("protocol unix_stream: {what} ({}) [{path}]", plain(error)),
        hint: "",
        is_in_use: error.kind() == io::ErrorKind::AddrInUse,
    }
}

/// Binds under a temporary name and renames it, so that clients never find the path missing.
fn bind_unix(path: &Path, owner: &UnixSocketSpec, queue: u32) -> Result<Bound, BindError> {
    let shown = path.display().to_string();
    let fail = |what: &str| {
        let (what, shown) = (what.to_owned(), shown.clone());
        move |error: io::Error| unix_error(&what, &shown, &error)
    };
    let temporary = PathBuf::from(format!("{shown}.{}.tmp", std::process::id()));
    let _ = fs::remove_file(&temporary);
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)
        .map_err(fail("cannot create receiving socket"))?;
    let name = SockAddr::unix(&temporary).map_err(fail("cannot bind UNIX socket"))?;
    socket
        .bind(&name)
        .map_err(fail("cannot bind UNIX socket"))?;
    let finished = set_owner(&temporary, owner)
        .map_err(fail("cannot change UNIX socket ownership"))
        .and_then(|()| {
            socket
                .listen(backlog(queue))
                .map_err(fail("cannot listen to socket"))?;
            fs::rename(&temporary, path).map_err(fail("cannot rename final name before final bind"))
        });
    if let Err(error) = finished {
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    Ok(Bound {
        sockets: vec![socket.into()],
        path: SocketFile::new(path).ok(),
    })
}

fn set_owner(path: &Path, owner: &UnixSocketSpec) -> io::Result<()> {
    if owner.uid.is_some() || owner.gid.is_some() {
        std::os::unix::fs::chown(path, owner.uid, owner.gid)?;
    }
    if let Some(mode) = owner.mode {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

fn bind_abstract(name: &[u8], is_padded: bool, queue: u32) -> Result<Bound, BindError> {
    let shown = format!("abns@{}", String::from_utf8_lossy(name));
    let fail = |error: io::Error| unix_error("cannot bind UNIX socket", &shown, &error);
    let address = abstract_address(name, is_padded).map_err(fail)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None).map_err(fail)?;
    socket.bind(&address).map_err(fail)?;
    socket.listen(backlog(queue)).map_err(fail)?;
    Ok(Bound {
        sockets: vec![socket.into()],
        path: None,
    })
}

/// The address of an abstract socket: `abns@` fills all of `sun_path` with zeros, `abnsz@` ends
/// with the name.
pub(crate) fn abstract_address(name: &[u8], is_padded: bool) -> io::Result<SockAddr> {
    use std::os::unix::ffi::OsStrExt;
    /// Bytes of `sun_path` on Linux, the leading zero included.
    const SUN_PATH: usize = 108;
    if name.len() >= SUN_PATH {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "name too long"));
    }
    let mut bytes = Vec::with_capacity(SUN_PATH);
    bytes.push(0);
    bytes.extend_from_slice(name);
    if is_padded {
        bytes.resize(SUN_PATH, 0);
    }
    SockAddr::unix(std::ffi::OsStr::from_bytes(&bytes))
}

/// Takes over an inherited socket; the configuration has checked that it is one.
fn inherit(fd: i32) -> Result<Bound, BindError> {
    // SAFETY: the number came from the configuration and was inherited from the parent; nothing
    // else in this process owns it, and `fcntl` fails cleanly on a number that is not open.
    let is_open = unsafe { libc::fcntl(fd, libc::F_GETFD) } >= 0;
    if !is_open {
        return Err(BindError {
            message: format!("cannot use file descriptor '{fd}' : Bad file descriptor"),
            hint: "the parent process must pass it open",
            is_in_use: false,
        });
    }
    // SAFETY: open, as just checked, and owned by this value from here on.
    let socket = unsafe { Socket::from_raw_fd(fd) };
    let _ = socket.set_nonblocking(true);
    let _ = socket.set_cloexec(true);
    let _ = socket.set_tcp_nodelay(true);
    Ok(Bound {
        sockets: vec![socket.into()],
        path: None,
    })
}

/// The system's sentence without Rust's `(os error N)`.
pub(crate) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

/// How often and how long binding is tried again while an old process lets go of an address.
pub(crate) const RETRIES: u32 = 200;
/// Pause between two tries.
pub(crate) const RETRY_PAUSE: Duration = Duration::from_millis(10);

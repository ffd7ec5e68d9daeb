//! The system calls that neither std nor socket2 offer in the form the data path needs.
//!
//! It holds no state and no policy: a call, its error, nothing else. All unsafe code is here.
#![allow(
    unsafe_code,
    reason = "system calls that no kept crate offers in this form"
)]

use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use lbd_rules::facts::Endpoint;
use lbd_rules::view::SocketMark;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

fn check(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// The size of a structure as the kernel takes it.
const fn len_of<T>() -> libc::socklen_t {
    lbd_core::bits::low32(size_of::<T>() as u64)
}

/// Accepts one connection, non-blocking and closed on exec; `WouldBlock` when none waits.
pub(crate) fn accept(listener: BorrowedFd<'_>) -> io::Result<(OwnedFd, Endpoint)> {
    // SAFETY: an all-zero sockaddr_storage is a valid value of that plain structure.
    let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let mut len = len_of::<libc::sockaddr_storage>();
    // SAFETY: `storage` and `len` outlive the call and `len` says the size of `storage`.
    let fd = unsafe {
        libc::accept4(
            listener.as_raw_fd(),
            (&raw mut storage).cast(),
            &raw mut len,
            libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK,
        )
    };
    check(fd as isize)?;
    // SAFETY: the kernel just gave this descriptor to us alone.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    Ok((fd, endpoint(&storage)))
}

/// Another descriptor of an open socket, closed on exec.
pub(crate) fn copy_of(fd: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: duplicating a number fails cleanly when it is not open.
    let copy = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 3) };
    check(copy as isize)?;
    // SAFETY: the kernel just gave this descriptor to us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

/// Our own address of a connected socket.
pub(crate) fn local_address(fd: BorrowedFd<'_>) -> Endpoint {
    // SAFETY: as in `accept`.
    let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let mut len = len_of::<libc::sockaddr_storage>();
    // SAFETY: `storage` and `len` outlive the call and `len` says the size of `storage`.
    let done =
        unsafe { libc::getsockname(fd.as_raw_fd(), (&raw mut storage).cast(), &raw mut len) };
    if done < 0 {
        Endpoint::Unknown
    } else {
        endpoint(&storage)
    }
}

fn endpoint(storage: &libc::sockaddr_storage) -> Endpoint {
    match i32::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that the storage, which is large enough and aligned for
            // every address, holds a sockaddr_in.
            let sin = unsafe { &*(&raw const *storage).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(sin.sin_addr.s_addr));
            Endpoint::Inet(SocketAddr::V4(SocketAddrV4::new(
                ip,
                u16::from_be(sin.sin_port),
            )))
        }
        libc::AF_INET6 => {
            // SAFETY: as above with sockaddr_in6.
            let sin = unsafe { &*(&raw const *storage).cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(sin.sin6_addr.s6_addr);
            let port = u16::from_be(sin.sin6_port);
            // A client of a dual-stack socket is an IPv4 one, and shown as such.
            match ip.to_ipv4_mapped() {
                Some(ip) => Endpoint::Inet(SocketAddr::V4(SocketAddrV4::new(ip, port))),
                None => Endpoint::Inet(SocketAddr::V6(SocketAddrV6::new(
                    ip,
                    port,
                    0,
                    sin.sin6_scope_id,
                ))),
            }
        }
        libc::AF_UNIX => Endpoint::Unix,
        _ => Endpoint::Unknown,
    }
}

/// Receives into `buf`; 0 at the end of the stream.
pub(crate) fn recv(fd: BorrowedFd<'_>, buf: &mut [u8]) -> io::Result<usize> {
    // SAFETY: `buf` is writable for its length during the call.
    check(unsafe { libc::recv(fd.as_raw_fd(), buf.as_mut_ptr().cast(), buf.len(), 0) })
}

/// Sends the slices in one call without raising SIGPIPE; `more` says that more follows at once.
pub(crate) fn send(fd: BorrowedFd<'_>, slices: &[IoSlice<'_>], more: bool) -> io::Result<usize> {
    let flags = libc::MSG_NOSIGNAL | if more { libc::MSG_MORE } else { 0 };
    if let [slice] = slices {
        // SAFETY: the slice is readable for its length during the call.
        return check(unsafe {
            libc::send(fd.as_raw_fd(), slice.as_ptr().cast(), slice.len(), flags)
        });
    }
    // SAFETY: an all-zero msghdr is a valid value of that plain structure.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    // IoSlice is guaranteed to have the layout of iovec; sendmsg does not write through it.
    message.msg_iov = slices.as_ptr().cast_mut().cast();
    message.msg_iovlen = slices.len().min(MAX_SLICES);
    // SAFETY: `message` points to the slices, which are readable during the call.
    check(unsafe { libc::sendmsg(fd.as_raw_fd(), &raw const message, flags) })
}

/// Moves up to `len` bytes between a pipe and a socket without blocking; 0 at the end.
///
/// `more` says that more follows at once, as in [`send`].
pub(crate) fn splice(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    len: usize,
    more: bool,
) -> io::Result<usize> {
    let more = if more { libc::SPLICE_F_MORE } else { 0 };
    let flags = libc::SPLICE_F_MOVE | libc::SPLICE_F_NONBLOCK | more;
    // SAFETY: null offsets are allowed for pipes and sockets; no memory of ours is involved.
    check(unsafe {
        libc::splice(
            from.as_raw_fd(),
            std::ptr::null_mut(),
            to.as_raw_fd(),
            std::ptr::null_mut(),
            len,
            flags,
        )
    })
}

/// Makes a non-blocking pipe of about `size` bytes; returns its ends and the size obtained.
pub(crate) fn pipe(size: usize) -> io::Result<(OwnedFd, OwnedFd, usize)> {
    let mut ends: [RawFd; 2] = [-1; 2];
    // SAFETY: `ends` has room for the two descriptors.
    check(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) } as isize)?;
    // SAFETY: the kernel just gave these descriptors to us alone.
    let (reader, writer) =
        unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) };
    let wanted = libc::c_int::try_from(size).unwrap_or(libc::c_int::MAX);
    // SAFETY: a call on our own descriptor with integer arguments.
    let set = unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_SETPIPE_SZ, wanted) };
    let got = if set > 0 {
        set
    } else {
        // SAFETY: a call on our own descriptor with integer arguments.
        unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_GETPIPE_SZ) }
    };
    Ok((reader, writer, check(got as isize)?))
}

/// Number of this thread.
pub(crate) fn thread_id() -> u32 {
    // SAFETY: the call has no conditions.
    unsafe { libc::gettid() }.cast_unsigned()
}

/// CPU time that this thread has used.
pub(crate) fn thread_cpu_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` outlives the call.
    let done = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    match (
        done,
        u64::try_from(time.tv_sec),
        u32::try_from(time.tv_nsec),
    ) {
        (0, Ok(secs), Ok(nanos)) => Duration::new(secs, nanos),
        _ => Duration::ZERO,
    }
}

/// What the kernel knows of a TCP connection, by the name of the sample fetch's suffix; times in
/// microseconds.
pub(crate) fn tcp_info(fd: RawFd, field: &str) -> Option<i64> {
    // SAFETY: an all-zero tcp_info is a valid value of that plain structure.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut len = len_of::<libc::tcp_info>();
    // SAFETY: `info` and `len` outlive the call and `len` says the size of `info`.
    let done = unsafe {
        libc::getsockopt(
            fd,
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut info).cast(),
            &raw mut len,
        )
    };
    if done < 0 {
        return None;
    }
    Some(i64::from(match field {
        "rtt" => info.tcpi_rtt,
        "rttvar" => info.tcpi_rttvar,
        "unacked" => info.tcpi_unacked,
        "sacked" => info.tcpi_sacked,
        "retrans" => info.tcpi_retrans,
        "fackets" => info.tcpi_fackets,
        "lost" => info.tcpi_lost,
        "reordering" => info.tcpi_reordering,
        _ => return None,
    }))
}

/// Where a connection that netfilter redirected was going to.
pub(crate) fn original_destination(fd: BorrowedFd<'_>, v6: bool) -> Option<Endpoint> {
    let (level, name) = if v6 {
        (libc::SOL_IPV6, libc::IP6T_SO_ORIGINAL_DST)
    } else {
        (libc::SOL_IP, libc::SO_ORIGINAL_DST)
    };
    // SAFETY: as in `accept`.
    let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let mut len = len_of::<libc::sockaddr_storage>();
    // SAFETY: `storage` and `len` outlive the call and `len` says the size of `storage`.
    let done = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            level,
            name,
            (&raw mut storage).cast(),
            &raw mut len,
        )
    };
    (done >= 0).then(|| endpoint(&storage))
}

/// Sets the time to live of a socket's packets, for `silent-drop` and its reset.
pub(crate) fn set_ttl(fd: BorrowedFd<'_>, ttl: u8) -> io::Result<()> {
    set_int(fd, libc::SOL_IP, libc::IP_TTL, i32::from(ttl))
}

/// Lets the kernel forget a connection without a word to the peer (needs CAP_NET_ADMIN).
pub(crate) fn enter_repair(fd: BorrowedFd<'_>) -> io::Result<()> {
    set_int(fd, libc::IPPROTO_TCP, libc::TCP_REPAIR, 1)
}

/// Sets how many bytes must have come before a reader is woken (`SO_RCVLOWAT`).
pub(crate) fn set_low_water(fd: BorrowedFd<'_>, bytes: u32) -> io::Result<()> {
    let bytes = i32::try_from(bytes).unwrap_or(i32::MAX);
    set_int(fd, libc::SOL_SOCKET, libc::SO_RCVLOWAT, bytes)
}

/// Turns delayed acknowledgements of a connection on or off.
pub(crate) fn set_quickack(fd: BorrowedFd<'_>, on: bool) -> io::Result<()> {
    set_int(fd, libc::IPPROTO_TCP, libc::TCP_QUICKACK, i32::from(on))
}

/// Bounds what the kernel holds unsent of a connection (`tune.notsent-lowat.*`).
pub(crate) fn set_notsent_lowat(fd: BorrowedFd<'_>, bytes: u32) -> io::Result<()> {
    set_int(
        fd,
        libc::IPPROTO_TCP,
        libc::TCP_NOTSENT_LOWAT,
        bytes.cast_signed(),
    )
}

/// Leaves the choice of a source port to `connect`, so that ports are shared by destination.
pub(crate) fn bind_address_no_port(fd: BorrowedFd<'_>) -> io::Result<()> {
    set_int(fd, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, 1)
}

/// Lets data travel with the SYN of `connect`.
pub(crate) fn fast_open_connect(fd: BorrowedFd<'_>) -> io::Result<()> {
    set_int(fd, libc::IPPROTO_TCP, libc::TCP_FASTOPEN_CONNECT, 1)
}

fn set_int(fd: BorrowedFd<'_>, level: i32, name: i32, value: i32) -> io::Result<()> {
    let len = len_of::<libc::c_int>();
    // SAFETY: `value` is a c_int that outlives the call and `len` its size.
    let done =
        unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, (&raw const value).cast(), len) };
    check(done as isize).map(|_| ())
}

/// Most slices of one `send`.
const MAX_SLICES: usize = 64;

/// Seconds that local time is east of GMT at this moment.
pub fn utc_offset(secs: u64) -> i32 {
    let time = libc::time_t::try_from(secs).unwrap_or(0);
    // SAFETY: an all-zero tm is a valid value of that plain structure (its zone pointer is null).
    let mut tm: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are valid for the call; localtime_r keeps neither.
    unsafe { libc::localtime_r(&raw const time, &raw mut tm) };
    i32::try_from(tm.tm_gmtoff).unwrap_or(0)
}

/// Sets a netfilter mark or a type of service on a socket known by its number only.
pub(crate) fn mark_socket(fd: RawFd, mark: SocketMark) {
    if fd < 0 {
        return;
    }
    // SAFETY: the caller's session owns this descriptor and is borrowed for the call.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    match mark {
        SocketMark::Mark(mark) => {
            let _ = set_int(fd, libc::SOL_SOCKET, libc::SO_MARK, mark.cast_signed());
        }
        SocketMark::Tos(tos) => {
            let _ = set_int(fd, libc::IPPROTO_IP, libc::IP_TOS, i32::from(tos));
            let _ = set_int(fd, libc::IPPROTO_IPV6, libc::IPV6_TCLASS, i32::from(tos));
        }
    }
}

/// Puts a descriptor under the runtime's poller.
pub(crate) fn watch(fd: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an OwnedFd stays open and the same until the AsyncFd that owns it is dropped.
    unsafe { AsyncFd::register_with_interest(fd, interest) }.map_err(io::Error::from)
}

/// Moves the calling thread into a network namespace.
pub(crate) fn enter_namespace(space: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the descriptor is open for the call; only this thread's namespace changes.
    check(unsafe { libc::setns(space.as_raw_fd(), libc::CLONE_NEWNET) } as isize).map(|_| ())
}

/// Signs and checks the segments of a socket with this key (RFC 2385, `TCP_MD5SIG`): those of
/// `peer`, or of everybody on a listening socket that is told an unspecified address.
///
/// # Errors
/// When the kernel has no such signatures, or the key is longer than 80 bytes.
pub fn set_md5_key(socket: BorrowedFd<'_>, peer: SocketAddr, key: &[u8]) -> io::Result<()> {
    /// `struct tcp_md5sig` of linux/tcp.h.
    #[repr(C)]
    struct Md5Sig {
        address: libc::sockaddr_storage,
        flags: u8,
        prefix: u8,
        key_len: u16,
        interface: i32,
        key: [u8; 80],
    }
    const PREFIX: u8 = 1;
    const TCP_MD5SIG_EXT: i32 = 32;
    let too_long = || io::Error::from(io::ErrorKind::InvalidInput);
    let name = socket2::SockAddr::from(peer);
    // SAFETY: all bits zero are a valid value of this plain structure.
    let mut option: Md5Sig = unsafe { std::mem::zeroed() };
    // SAFETY: both are storages for addresses of their own size, apart from one another.
    unsafe {
        std::ptr::copy_nonoverlapping(
            name.as_ptr().cast::<u8>(),
            (&raw mut option.address).cast::<u8>(),
            name.len() as usize,
        );
    }
    option.key_len = u16::try_from(key.len()).map_err(|_| too_long())?;
    option
        .key
        .get_mut(..key.len())
        .ok_or_else(too_long)?
        .copy_from_slice(key);
    let is_any = peer.ip().is_unspecified();
    if is_any {
        option.flags = PREFIX;
    }
    let optname = if is_any {
        TCP_MD5SIG_EXT
    } else {
        libc::TCP_MD5SIG
    };
    // SAFETY: the pointer and length describe `option`, which lives until the call returns.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            optname,
            (&raw const option).cast(),
            len_of::<Md5Sig>(),
        )
    };
    check(done as isize).map(|_| ())
}

//! The sockets that take log lines, and the batches in front of them.
//!
//! One value belongs to one thread. Datagrams wait until the thread's turn ends or the batch is
//! full, then leave by one `sendmmsg` for each socket; nothing here ever blocks.
#![allow(
    unsafe_code,
    reason = "sendmmsg, which no kept crate offers for reused buffers"
)]

use std::collections::HashMap;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU64, Ordering};

use lbd_config::config::LogAddress;
use socket2::{Domain, SockAddr, Socket, Type};

/// Lines that no sink took, for `show info` and the log itself.
#[derive(Debug, Default)]
pub(crate) struct Dropped(AtomicU64);

impl Dropped {
    /// Number of lines lost since the start.
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Most datagrams of one `sendmmsg`.
const MAX_BATCH: usize = 64;
/// Most bytes that wait in one batch.
const MAX_BATCH_BYTES: usize = 128 * 1024;

struct Destination {
    address: Option<SockAddr>,
    socket: Option<Socket>,
    /// Descriptor of `stdout`, `stderr` or `fd@`.
    fd: Option<i32>,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// The socket is connected: its path may be out of reach after a change of root.
    is_connected: bool,
}

impl Destination {
    fn connect(&mut self) {
        if let (Some(socket), Some(address)) = (&self.socket, &self.address) {
            self.is_connected = socket.connect(address).is_ok();
        }
    }
}

/// All sinks of one thread.
pub(crate) struct Sinks {
    index: HashMap<LogAddress, usize>,
    destinations: Vec<Destination>,
    pending: usize,
    dropped: std::sync::Arc<Dropped>,
}

impl std::fmt::Debug for Sinks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sinks")
            .field("pending", &self.pending)
            .finish_non_exhaustive()
    }
}

impl Sinks {
    /// No sink yet; they open at their first use, or in [`Sinks::open`].
    pub(crate) fn new(dropped: std::sync::Arc<Dropped>) -> Self {
        Self {
            index: HashMap::new(),
            destinations: Vec::new(),
            pending: 0,
            dropped,
        }
    }

    /// The number under which lines to `address` are pushed.
    pub(crate) fn open(&mut self, address: &LogAddress) -> usize {
        if let Some(&at) = self.index.get(address) {
            return at;
        }
        let mut destination = Destination {
            address: None,
            socket: None,
            fd: None,
            bytes: Vec::new(),
            ends: Vec::new(),
            is_connected: false,
        };
        // A sink that cannot be opened loses its lines, which the counter shows.
        match address {
            LogAddress::Udp(to) => {
                destination.address = Some(SockAddr::from(*to));
                destination.socket = datagram_socket(Domain::for_address(*to)).ok();
            }
            LogAddress::Unix(path) => {
                destination.address = SockAddr::unix(path).ok();
                destination.socket = datagram_socket(Domain::UNIX).ok();
                destination.connect();
            }
            LogAddress::Abstract(name) => {
                destination.address = crate::bind::abstract_address(name, true).ok();
                destination.socket = datagram_socket(Domain::UNIX).ok();
                destination.connect();
            }
            LogAddress::Fd(fd) => destination.fd = Some(*fd),
            LogAddress::Ring(_) => {}
        }
        self.destinations.push(destination);
        self.index
            .insert(address.clone(), self.destinations.len() - 1);
        self.destinations.len() - 1
    }

    /// Appends one finished line to the batch of sink `at`; `write` gets the batch's buffer.
    pub(crate) fn push(&mut self, at: usize, write: impl FnOnce(&mut Vec<u8>)) {
        let destination = &mut self.destinations[at];
        write(&mut destination.bytes);
        destination.ends.push(destination.bytes.len());
        self.pending += 1;
        if destination.ends.len() == MAX_BATCH || destination.bytes.len() > MAX_BATCH_BYTES {
            self.pending -= destination.ends.len();
            flush(destination, &self.dropped);
        }
    }

    /// Whether lines wait.
    pub(crate) fn is_pending(&self) -> bool {
        self.pending > 0
    }

    /// Sends all that waits.
    pub(crate) fn flush(&mut self) {
        if self.pending == 0 {
            return;
        }
        self.pending = 0;
        for destination in &mut self.destinations {
            if !destination.ends.is_empty() {
                flush(destination, &self.dropped);
            }
        }
    }
}

impl Drop for Sinks {
    fn drop(&mut self) {
        self.flush();
    }
}

fn datagram_socket(domain: Domain) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::DGRAM.nonblocking(), None)?;
    socket.set_cloexec(true)?;
    // Nobody reads what comes back.
    let _ = socket.shutdown(std::net::Shutdown::Read);
    Ok(socket)
}

fn flush(destination: &mut Destination, dropped: &Dropped) {
    let lines = destination.ends.len();
    let mut is_lost = false;
    let sent = match (&destination.socket, &destination.address, destination.fd) {
        (Some(socket), Some(address), _) => {
            let to = Some(address).filter(|_| !destination.is_connected);
            let sent = send_datagrams(socket, to, &destination.bytes, &destination.ends);
            if sent == 0 && address.domain() == Domain::UNIX {
                // The one who listened there may have been started anew.
                is_lost = true;
            }
            sent
        }
        (_, _, Some(fd)) => write_lines(fd, &destination.bytes, &destination.ends),
        _ => 0,
    };
    if sent < lines {
        dropped
            .0
            .fetch_add((lines - sent) as u64, Ordering::Relaxed);
    }
    destination.bytes.clear();
    destination.ends.clear();
    if is_lost {
        destination.connect();
    }
}

/// Sends each line as a datagram; gives how many the kernel took.
fn send_datagrams(socket: &Socket, to: Option<&SockAddr>, bytes: &[u8], ends: &[usize]) -> usize {
    // SAFETY: both are plain C structures for which all-zero is a valid value.
    let mut parts: [libc::iovec; MAX_BATCH] = unsafe { std::mem::zeroed() };
    // SAFETY: as above.
    let mut messages: [libc::mmsghdr; MAX_BATCH] = unsafe { std::mem::zeroed() };
    let mut start = 0;
    for (at, &end) in ends.iter().enumerate().take(MAX_BATCH) {
        let line = &bytes[start..end];
        parts[at].iov_base = line.as_ptr().cast_mut().cast();
        parts[at].iov_len = line.len();
        let header = &mut messages[at].msg_hdr;
        header.msg_iov = &raw mut parts[at];
        header.msg_iovlen = 1;
        if let Some(address) = to {
            header.msg_name = address.as_ptr().cast_mut().cast();
            header.msg_namelen = address.len();
        }
        start = end;
    }
    let count = ends.len().min(MAX_BATCH);
    let (mut sent, mut tried) = (0, 0);
    // A refused datagram (nobody listens) stops the batch: go on behind it.
    while tried < count {
        // SAFETY: the first `count` headers are filled in, and point into `bytes`, `parts` and
        // `address`, which outlive the call; the kernel only reads the data.
        let done = unsafe {
            libc::sendmmsg(
                socket.as_raw_fd(),
                messages[tried..].as_mut_ptr(),
                (count - tried) as libc::c_uint,
                libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
            )
        };
        if done > 0 {
            sent += done as usize;
            tried += done as usize;
            continue;
        }
        if io::Error::last_os_error().kind() == io::ErrorKind::WouldBlock {
            break;
        }
        tried += 1;
    }
    sent
}

/// Writes whole lines to a descriptor that may be a pipe, a file or a terminal.
fn write_lines(fd: i32, bytes: &[u8], ends: &[usize]) -> usize {
    let mut written = 0;
    while written < bytes.len() {
        if !is_writable(fd) {
            break;
        }
        let rest = &bytes[written..bytes.len().min(written + libc::PIPE_BUF)];
        // Whole lines only, so that what is lost is lost as lines; a single longer line is cut.
        let fitting = ends
            .iter()
            .rev()
            .find(|&&end| end > written && end <= written + rest.len());
        let rest = fitting.map_or(rest, |&end| &bytes[written..end]);
        // SAFETY: the pointer and length describe live bytes; a closed descriptor gives an error.
        let done = unsafe { libc::write(fd, rest.as_ptr().cast(), rest.len()) };
        if done <= 0 {
            break;
        }
        written += done as usize;
    }
    ends.iter().filter(|&&end| end <= written).count()
}

/// Whether a write of up to `PIPE_BUF` bytes goes through at once. The descriptor is shared with
/// other processes, so it is not made non-blocking.
fn is_writable(fd: i32) -> bool {
    let mut poll = libc::pollfd {
        fd,
        events: libc::POLLOUT,
        revents: 0,
    };
    // SAFETY: one live structure, as the count says.
    unsafe { libc::poll(&raw mut poll, 1, 0) == 1 && poll.revents & libc::POLLOUT != 0 }
}

#[cfg(test)]
mod tests;

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
    /// The kernel cuts a buffer into datagrams.
    cuts: bool,
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
            cuts: false,
        };
        // A sink that cannot be opened loses its lines, which the counter shows.
        match address {
            LogAddress::Udp(to) => {
                destination.address = Some(SockAddr::from(*to));
                destination.socket = datagram_socket(Domain::for_address(*to)).ok();
                destination.cuts = destination.socket.as_ref().is_some_and(can_cut);
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

/// Whether the kernel knows `UDP_SEGMENT` (4.18): an older one would send one long datagram.
fn can_cut(socket: &Socket) -> bool {
    let mut value: libc::c_int = 0;
    let mut len = lbd_core::bits::count32(size_of::<libc::c_int>());
    // SAFETY: `value` and `len` outlive the call and `len` says the size of `value`.
    let done = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_UDP,
            libc::UDP_SEGMENT,
            (&raw mut value).cast(),
            &raw mut len,
        )
    };
    done == 0
}

fn flush(destination: &mut Destination, dropped: &Dropped) {
    let lines = destination.ends.len();
    let mut is_lost = false;
    let sent = match (&destination.socket, &destination.address, destination.fd) {
        (Some(socket), Some(address), _) => {
            let to = Some(address).filter(|_| !destination.is_connected);
            let sent = send_datagrams(
                socket,
                to,
                &destination.bytes,
                &destination.ends,
                &mut destination.cuts,
            );
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
///
/// Neighbours of equal length go to the kernel as one buffer that it cuts (`UDP_SEGMENT`, udp(7)):
/// the way through the stack is walked once for all of them. `segments` is cleared when the kernel
/// or the device does not offer that.
fn send_datagrams(
    socket: &Socket,
    to: Option<&SockAddr>,
    bytes: &[u8],
    ends: &[usize],
    segments: &mut bool,
) -> usize {
    if ends.len() == 1 {
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        let done = match to {
            Some(to) => socket.send_to_with_flags(bytes, to, flags),
            None => socket.send_with_flags(bytes, flags),
        };
        return usize::from(done.is_ok());
    }
    let mut batch = Batch::new();
    let (mut sent, mut at) = (0, 0);
    while at < ends.len() {
        batch.fill(to, bytes, &ends[at..], start_of(ends, at), *segments);
        match batch.send(socket) {
            Ok(took) => {
                sent += took;
                at += took;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            // Nothing on the way cuts: one by one.
            Err(_) if batch.begins_cut() => *segments = false,
            // A refused datagram (nobody listens) stops the batch: go on behind it.
            Err(_) => at += 1,
        }
    }
    sent
}

/// Where line `at` begins.
fn start_of(ends: &[usize], at: usize) -> usize {
    at.checked_sub(1).map_or(0, |before| ends[before])
}

/// The control message that says how long each datagram of a buffer is; laid out as cmsg(3) says.
#[repr(C)]
#[derive(Clone, Copy)]
struct SegmentSize {
    header: libc::cmsghdr,
    size: u16,
}

/// The headers of one `sendmmsg`.
struct Batch {
    parts: [libc::iovec; MAX_BATCH],
    messages: [libc::mmsghdr; MAX_BATCH],
    sizes: [SegmentSize; MAX_BATCH],
    /// Lines of each message.
    counts: [usize; MAX_BATCH],
    len: usize,
}

impl Batch {
    fn new() -> Self {
        // SAFETY: all are plain C structures and numbers for which all-zero is a valid value.
        unsafe { std::mem::zeroed() }
    }

    /// Describes the lines that end at `ends` and begin at `start`.
    fn fill(
        &mut self,
        to: Option<&SockAddr>,
        bytes: &[u8],
        ends: &[usize],
        mut start: usize,
        segments: bool,
    ) {
        self.len = 0;
        let mut rest = ends;
        while let Some(&first) = rest.first().filter(|_| self.len < MAX_BATCH) {
            let size = first - start;
            let count = match segments && size <= MAX_CUT {
                true => run(rest, start, size),
                false => 1,
            };
            let end = rest[count - 1];
            let at = self.len;
            let line = &bytes[start..end];
            self.parts[at].iov_base = line.as_ptr().cast_mut().cast();
            self.parts[at].iov_len = line.len();
            self.counts[at] = count;
            let header = &mut self.messages[at].msg_hdr;
            header.msg_iov = &raw mut self.parts[at];
            header.msg_iovlen = 1;
            if let Some(address) = to {
                header.msg_name = address.as_ptr().cast_mut().cast();
                header.msg_namelen = address.len();
            }
            header.msg_control = std::ptr::null_mut();
            header.msg_controllen = 0;
            if let (2.., Ok(size)) = (count, u16::try_from(size)) {
                let control = &mut self.sizes[at];
                control.size = size;
                control.header.cmsg_level = libc::SOL_UDP;
                control.header.cmsg_type = libc::UDP_SEGMENT;
                control.header.cmsg_len = size_of::<libc::cmsghdr>() + size_of::<u16>();
                header.msg_control = (&raw mut *control).cast();
                header.msg_controllen = size_of::<SegmentSize>();
            }
            self.len += 1;
            start = end;
            rest = &rest[count..];
        }
    }

    /// Whether the first message holds several lines.
    fn begins_cut(&self) -> bool {
        self.counts[0] > 1
    }

    /// Hands all over; gives how many lines the kernel took, or why it took none.
    fn send(&mut self, socket: &Socket) -> io::Result<usize> {
        // SAFETY: the first `len` headers are filled in, and point into the bytes and the address
        // they were made of, which the caller holds, and into `self`; the kernel only reads them.
        let done = unsafe {
            libc::sendmmsg(
                socket.as_raw_fd(),
                self.messages.as_mut_ptr(),
                lbd_core::bits::count32(self.len),
                libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
            )
        };
        let done = usize::try_from(done).map_err(|_| io::Error::last_os_error())?;
        Ok(self.counts[..done].iter().sum())
    }
}

/// How many lines at the front of `ends` one buffer may hold: all of `size` bytes, the last one
/// not longer.
fn run(ends: &[usize], start: usize, size: usize) -> usize {
    let mut count = 1;
    while let Some(&end) = ends.get(count)
        && count < MAX_SEGMENTS
        && end - start <= MAX_SEGMENTED
    {
        let len = end - ends[count - 1];
        if len > size || len == 0 {
            break;
        }
        count += 1;
        if len < size {
            break;
        }
    }
    count
}

/// Most datagrams of one buffer that every kernel with `UDP_SEGMENT` takes.
const MAX_SEGMENTS: usize = 64;

/// Longest datagrams made by cutting: longer ones may need fragments on their way, which cutting
/// does not make.
const MAX_CUT: usize = 1400;

/// Most bytes of such a buffer: what an IP packet holds, less the headers.
const MAX_SEGMENTED: usize = 65_000;

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
        let Ok(done @ 1..) = usize::try_from(done) else {
            break;
        };
        written += done;
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

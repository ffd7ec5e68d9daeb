//! A TLS session over a socket: the same polls as of a socket, what goes between is encrypted.
//!
//! It chooses no certificate and knows no timeout. rustls holds what is not sent yet; the bytes
//! that a write took are told when they have left, so that a slow peer is seen as one.

use std::cell::{Cell, RefCell};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::task::{Context, Poll, ready};

use lbd_tls::rustls::server::Acceptor;
use lbd_tls::rustls::{Connection, Error};
use tokio::io::Ready;
use tokio::io::unix::AsyncFd;

use crate::sys;

mod early;
mod opening;
mod seen;
mod sending;

pub(crate) use seen::Seen;

/// What a socket is on its way to a session.
enum Stage {
    /// Nothing of TLS was spoken yet: bytes pass as they are.
    Clear,
    /// A client's first message is awaited; what came of it.
    Hello(Box<Acceptor>, Vec<u8>),
    /// The client waits for a certificate to be chosen.
    Chosen,
    /// A session, or its handshake.
    On(Box<Connection>),
}

/// A socket that speaks TLS, or will.
pub struct TlsStream {
    socket: AsyncFd<OwnedFd>,
    is_unix: bool,
    stage: RefCell<Stage>,
    /// Encrypted bytes that came behind what could be used.
    pending: RefCell<Vec<u8>>,
    /// Clear bytes that rustls holds may be left to read.
    has_plain: Cell<bool>,
    /// The peer closed its side of the socket.
    is_ended: Cell<bool>,
    /// Clear bytes that rustls took and whose write was not told yet.
    taken: Cell<usize>,
    /// Encrypted bytes sent of them.
    sent: Cell<usize>,
    /// The connection is to vanish: no goodbye.
    is_aborted: Cell<bool>,
    /// Early data, on either side.
    early: early::EarlyData,
    /// What passes by of a handshake; none outside of one.
    seen: RefCell<Option<Box<Seen>>>,
    /// Why the session failed.
    error: RefCell<Option<Error>>,
}

impl std::fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsStream")
            .field("socket", &self.socket)
            .finish_non_exhaustive()
    }
}

thread_local! {
    /// Encrypted bytes on their way from a socket to rustls; one for each worker, used within one
    /// poll only.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH_SIZE].into_boxed_slice());
}

impl TlsStream {
    /// A socket whose first bytes are clear.
    pub(crate) fn new(socket: AsyncFd<OwnedFd>, is_unix: bool) -> Self {
        Self {
            socket,
            is_unix,
            stage: RefCell::new(Stage::Clear),
            pending: RefCell::default(),
            has_plain: Cell::new(false),
            is_ended: Cell::new(false),
            taken: Cell::new(0),
            sent: Cell::new(0),
            is_aborted: Cell::new(false),
            early: early::EarlyData::default(),
            seen: RefCell::default(),
            error: RefCell::new(None),
        }
    }

    pub(crate) fn socket(&self) -> &AsyncFd<OwnedFd> {
        &self.socket
    }

    pub(crate) fn is_unix(&self) -> bool {
        self.is_unix
    }

    pub(crate) fn set_aborted(&self) {
        self.is_aborted.set(true);
    }

    /// Whether bytes still pass as they are.
    pub(crate) fn is_clear(&self) -> bool {
        matches!(*self.stage.borrow(), Stage::Clear)
    }

    /// Looks at the session, when there is one.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut Connection) -> T) -> Option<T> {
        match &mut *self.stage.borrow_mut() {
            Stage::On(connection) => Some(look(connection)),
            _ => None,
        }
    }

    /// What was seen of the handshake, once.
    pub(crate) fn take_seen(&self) -> Option<Box<Seen>> {
        self.seen.borrow_mut().take()
    }

    fn with_seen(&self, look: impl FnOnce(&mut Seen)) {
        if let Some(seen) = &mut *self.seen.borrow_mut() {
            look(seen);
        }
    }

    /// Reads from the socket behind `into`; 0 at the end.
    fn poll_socket(
        &self,
        cx: &mut Context<'_>,
        most: usize,
        into: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let read = ready!(self.poll_recv(cx, &mut scratch[..most.min(SCRATCH_SIZE)]))?;
            into.extend_from_slice(&scratch[..read]);
            Poll::Ready(Ok(read))
        })
    }

    fn poll_recv(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            let mut guard = ready!(self.socket.poll_read_ready(cx))?;
            match sys::recv(self.socket.get_ref().as_fd(), buf) {
                Ok(read) => {
                    // Less than asked for: the queue is empty, and new bytes make a new event.
                    if read > 0 && read < buf.len() {
                        guard.clear_ready_matching(Ready::READABLE);
                    }
                    return Poll::Ready(Ok(read));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => guard.clear_ready(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Gives rustls what the socket has, at most `most` bytes, and takes what comes of it into
    /// `out`; how many bytes were given and taken. 0 given is the end.
    fn poll_feed(
        &self,
        cx: &mut Context<'_>,
        most: usize,
        out: &mut [u8],
    ) -> Poll<io::Result<(usize, usize)>> {
        let left = std::mem::take(&mut *self.pending.borrow_mut());
        if !left.is_empty() {
            let filled = self.feed(&left, out)?;
            return Poll::Ready(Ok((left.len(), filled)));
        }
        SCRATCH.with_borrow_mut(|scratch| {
            let read = ready!(self.poll_recv(cx, &mut scratch[..most.min(SCRATCH_SIZE)]))?;
            if read == 0 {
                self.is_ended.set(true);
                return Poll::Ready(Ok((0, 0)));
            }
            let filled = self.feed(&scratch[..read], out)?;
            Poll::Ready(Ok((read, filled)))
        })
    }

    fn feed(&self, mut bytes: &[u8], out: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        let fed = self.with(|connection| {
            if matches!(connection, Connection::Client(_)) {
                self.with_seen(|seen| seen.received(bytes));
            }
            while !bytes.is_empty() {
                // After the goodbye of the peer nothing counts any more.
                if connection.read_tls(&mut bytes)? == 0 {
                    break;
                }
                let mut processed = connection.process_new_packets();
                self.with_seen(Seen::take_secrets);
                if !self.early.is_unused() && processed.is_ok() {
                    if !self.early.progress(connection) {
                        processed = Err(Error::General("early data was refused".to_owned()));
                    }
                    filled += self.early.read(connection, &mut out[filled..])?;
                    // More of it may be held than there was room for.
                    self.has_plain
                        .set(self.has_plain.get() || filled == out.len());
                }
                match processed {
                    Ok(state) if state.plaintext_bytes_to_read() > 0 => {
                        if filled < out.len() {
                            filled += connection.reader().read(&mut out[filled..])?;
                        }
                        if filled == out.len() {
                            self.has_plain.set(true);
                            break;
                        }
                    }
                    Ok(state) if state.peer_has_closed() => {
                        self.has_plain.set(true);
                        break;
                    }
                    Ok(_) => {}
                    Err(error) => {
                        *self.error.borrow_mut() = Some(error.clone());
                        return Err(io::Error::new(io::ErrorKind::InvalidData, error));
                    }
                }
            }
            Ok(())
        });
        let fed = fed.unwrap_or(Ok(()));
        if let Err(error) = fed {
            // The peer is told why, if it takes it at once.
            let _ = self.push(false);
            return match filled {
                0 => Err(error),
                // What came before the fault is good.
                _ => Ok(filled),
            };
        }
        if !bytes.is_empty() {
            self.pending.borrow_mut().extend_from_slice(bytes);
        }
        Ok(filled)
    }

    /// Reads clear bytes once there are some; 0 at the end of the stream.
    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_clear() {
            return self.poll_recv(cx, buf);
        }
        loop {
            if self.has_plain.get() {
                match self.take_plain(buf) {
                    Some(Ok(read)) => return Poll::Ready(Ok(read)),
                    Some(Err(error)) => return Poll::Ready(Err(error)),
                    None => {}
                }
            }
            if let Some(error) = &*self.error.borrow() {
                let error = io::Error::new(io::ErrorKind::InvalidData, error.clone());
                return Poll::Ready(Err(error));
            }
            if self.is_ended.get() {
                return Poll::Ready(Ok(0));
            }
            let most = buf.len().max(HELLO_READ);
            let filled = match ready!(self.poll_feed(cx, most, buf)) {
                Ok((0, _)) => return Poll::Ready(Ok(0)),
                Ok((_, filled)) => filled,
                Err(error) => return Poll::Ready(Err(error)),
            };
            // An answer to what came, such as new keys, goes at once when it can.
            if let Poll::Ready(Err(error)) = self.poll_answer(cx) {
                return Poll::Ready(Err(error));
            }
            if filled > 0 {
                return Poll::Ready(Ok(filled));
            }
        }
    }

    /// What rustls has decrypted; `None` when that is nothing yet.
    fn take_plain(&self, buf: &mut [u8]) -> Option<io::Result<usize>> {
        let read = self.with(|connection| match self.early.read(connection, buf)? {
            0 => connection.reader().read(buf),
            early => Ok(early),
        })?;
        match read {
            Ok(0) => Some(Ok(0)),
            Ok(read) => {
                self.has_plain.set(read == buf.len());
                Some(Ok(read))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.has_plain.set(false);
                None
            }
            // The socket's end without a goodbye ends the stream; framing tells whether too early.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Some(Ok(0)),
            Err(error) => Some(Err(error)),
        }
    }

    fn poll_answer(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Only without a write under way, whose bytes are counted.
        match self.taken.get() {
            0 => self.poll_flush(cx, false),
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Ready when a read would tell something.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.has_plain.get() || self.is_ended.get() || !self.pending.borrow().is_empty() {
            return Poll::Ready(());
        }
        self.socket.poll_read_ready(cx).map(|_| ())
    }

    /// Whether nothing was heard that concerns who uses the session: tickets and new keys do not.
    pub(crate) fn is_quiet(&self, cx: &mut Context<'_>) -> bool {
        loop {
            if self.has_plain.get() || self.is_ended.get() {
                return false;
            }
            match self.poll_feed(cx, HELLO_READ, &mut []) {
                Poll::Pending => return true,
                Poll::Ready(Ok((read, _))) if read > 0 => {}
                Poll::Ready(_) => return false,
            }
        }
    }
}

impl Drop for TlsStream {
    fn drop(&mut self) {
        self.say_goodbye();
    }
}

/// Why there is no session.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The peer closed.
    Closed,
    /// The socket failed.
    Io,
    /// No certificate is for the name (`strict-sni`).
    NoCertificate,
    /// The client offers less than it can, as if an attempt with more had failed (RFC 7507).
    Fallback,
    /// The client speaks HTTP in clear.
    Http,
    /// The same, to a proxy.
    HttpProxy,
    /// The connection ended after the first messages.
    Broken,
    /// The peers do not agree.
    Tls(Error),
}

/// Encrypted bytes read at once.
const SCRATCH_SIZE: usize = 128 * 1024;

/// Encrypted bytes read at once during a handshake.
const HELLO_READ: usize = 4096;

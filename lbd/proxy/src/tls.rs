//! A TLS session over a socket: the same polls as of a socket, what goes between is encrypted.
//!
//! It chooses no certificate and knows no timeout. rustls holds what is not sent yet; the bytes
//! that a write took are told when they have left, so that a slow peer is seen as one.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use lbd_rules::facts::Early;
use lbd_tls::hello::{self, Hello};
use lbd_tls::rustls::server::{Accepted, AcceptedAlert, Acceptor};
use lbd_tls::rustls::{Connection, Error, PeerIncompatible, ServerConfig};
use tokio::io::Ready;
use tokio::io::unix::AsyncFd;

use crate::sys;

mod early;
mod seen;

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

    /// From now on a client is to speak TLS; `first` came already.
    pub(crate) fn expect_hello(&self, first: &[u8]) {
        self.pending.borrow_mut().extend_from_slice(first);
        *self.stage.borrow_mut() = Stage::Hello(Box::default(), Vec::new());
    }

    /// From now on we speak TLS to a server.
    pub(crate) fn begin(&self, mut connection: Connection) {
        *self.seen.borrow_mut() = Some(Box::default());
        if let Connection::Client(client) = &mut connection {
            self.early.may_send.set(client.early_data().is_some());
        }
        self.go_on(connection);
    }

    fn go_on(&self, mut connection: Connection) {
        connection.set_buffer_limit(None);
        *self.stage.borrow_mut() = Stage::On(Box::new(connection));
    }

    /// Waits for a client's first message.
    pub(crate) fn poll_hello(&self, cx: &mut Context<'_>) -> Poll<Result<Box<Accepted>, Fault>> {
        loop {
            let mut stage = self.stage.borrow_mut();
            let Stage::Hello(acceptor, records) = &mut *stage else {
                return Poll::Ready(Err(Fault::Closed));
            };
            let mut pending = self.pending.borrow_mut();
            if let Some(fault) = http(&pending) {
                return Poll::Ready(Err(fault));
            }
            while !pending.is_empty() {
                let mut bytes = &pending[..];
                let read = acceptor.read_tls(&mut bytes).map_err(|_| Fault::Io)?;
                records.extend(pending.drain(..read));
                let accepted = acceptor.accept();
                if !matches!(accepted, Ok(None)) {
                    let seen = Seen::hello(std::mem::take(records));
                    *self.seen.borrow_mut() = Some(Box::new(seen));
                }
                match accepted {
                    Ok(Some(accepted)) => {
                        *stage = Stage::Chosen;
                        return Poll::Ready(Ok(Box::new(accepted)));
                    }
                    Ok(None) => {}
                    Err((error, alert)) => return Poll::Ready(Err(self.refused(error, alert))),
                }
            }
            let read = ready!(self.poll_socket(cx, HELLO_READ, &mut pending));
            match read {
                Ok(0) => return Poll::Ready(Err(Fault::Closed)),
                Ok(_) => {}
                Err(_) => return Poll::Ready(Err(Fault::Io)),
            }
        }
    }

    /// Goes on with a certificate.
    ///
    /// # Errors
    /// When the client's message does not agree with the settings; it has been told.
    pub(crate) fn choose(
        &self,
        accepted: Accepted,
        config: Arc<ServerConfig>,
    ) -> Result<(), Fault> {
        match accepted.into_connection(config) {
            Ok(connection) => {
                self.with_seen(Seen::take_secrets);
                self.go_on(connection.into());
                // What came behind the client's message was taken with it.
                let processed = self.with(|connection| connection.process_new_packets());
                match processed {
                    Some(Err(error)) => {
                        *self.error.borrow_mut() = Some(error.clone());
                        let _ = self.push(false);
                        Err(Fault::Tls(error))
                    }
                    _ => Ok(()),
                }
            }
            Err((error, alert)) => Err(self.refused(error, alert)),
        }
    }

    /// Tells the client that no certificate is for it.
    pub(crate) fn refuse_name(&self) -> Fault {
        self.send_alert(UNRECOGNIZED_NAME);
        Fault::NoCertificate
    }

    /// Tells the client that it need not have offered less than it can.
    pub(crate) fn refuse_fallback(&self) -> Fault {
        self.send_alert(INAPPROPRIATE_FALLBACK);
        Fault::Fallback
    }

    /// Sends a fatal alert (RFC 8446 6.2), if the socket takes it at once.
    fn send_alert(&self, description: u8) {
        let record = [21, 3, 3, 0, 2, 2, description];
        let socket = self.socket.get_ref().as_fd();
        let _ = sys::send(socket, &[IoSlice::new(&record)], false);
    }

    fn refused(&self, error: Error, mut alert: AcceptedAlert) -> Fault {
        let (mut is_old, mut knows_13) = (false, true);
        if let Some(seen) = &*self.seen.borrow() {
            let content = hello::handshake_bytes(&seen.hello);
            let hello = hello::message(&content, hello::CLIENT_HELLO).and_then(Hello::parse);
            if let Some(hello) = hello {
                is_old = hello.version < TLS12;
                knows_13 = hello.extension(hello::SUPPORTED_VERSIONS).is_some();
            }
        }
        // rustls looks for what TLS 1.2 needs first, and says that it is missing.
        if is_old && matches!(error, Error::PeerIncompatible(_)) {
            self.send_alert(PROTOCOL_VERSION);
            let error = Error::PeerIncompatible(PeerIncompatible::Tls12NotOffered);
            *self.error.borrow_mut() = Some(error.clone());
            return Fault::Tls(error);
        }
        // Groups belong to suites in TLS 1.2: without one of both no suite is left.
        let error = match error {
            Error::PeerIncompatible(PeerIncompatible::NoKxGroupsInCommon) if !knows_13 => {
                Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon)
            }
            error => error,
        };
        let mut bytes = Vec::new();
        let _ = alert.write_all(&mut bytes);
        let socket = self.socket.get_ref().as_fd();
        let _ = sys::send(socket, &[IoSlice::new(&bytes)], false);
        *self.error.borrow_mut() = Some(error.clone());
        Fault::Tls(error)
    }

    /// Waits for the end of the handshake.
    pub(crate) fn poll_handshake(&self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        loop {
            let flushed = self.poll_flush(cx, false);
            if let Poll::Ready(Err(_)) = flushed {
                return Poll::Ready(Err(Fault::Io));
            }
            let is_done = self.early.may_send.get() || self.may_begin();
            if is_done && flushed.is_ready() {
                return Poll::Ready(Ok(()));
            }
            if is_done {
                return Poll::Pending;
            }
            match ready!(self.poll_feed(cx, HELLO_READ, &mut [])) {
                Ok((0, _)) => return Poll::Ready(Err(Fault::Broken)),
                Ok(_) => {}
                Err(_) => {
                    let kept = self.error.borrow().clone();
                    return Poll::Ready(Err(kept.map_or(Fault::Broken, Fault::Tls)));
                }
            }
        }
    }

    /// Whether requests may be read: after the handshake, or early data may come before its end.
    /// As in the reference not without a protocol agreed on by ALPN.
    fn may_begin(&self) -> bool {
        let begins = self.with(|connection| {
            let is_pending = connection.is_handshaking();
            let mut agreed = false;
            if let Connection::Server(server) = &mut *connection
                && server.early_data().is_some()
            {
                let mut early = self.early.received.borrow_mut();
                early.get_or_insert_with(|| Rc::new(Early::new(is_pending)));
                agreed = true;
            }
            if agreed {
                self.has_plain.set(true);
            }
            !is_pending || (agreed && connection.alpn_protocol().is_some())
        });
        begins.unwrap_or(true)
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

    /// Writes slices; the bytes told are sent, or the last of them are in the kernel's hands.
    ///
    /// A caller that was told to wait comes back with the same bytes.
    pub(crate) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
        more: bool,
    ) -> Poll<io::Result<usize>> {
        let total: usize = slices.iter().map(|slice| slice.len()).sum();
        if self.error.borrow().is_some() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if self.taken.get() == 0 && self.early.may_send.get() {
            let taken = self.with(|connection| self.early.write(connection, slices));
            match taken.unwrap_or(Ok(0))? {
                0 => {
                    // The rest waits for the server.
                    self.early.wait(cx);
                    return Poll::Pending;
                }
                taken => self.taken.set(taken),
            }
            self.sent.set(0);
        }
        if self.taken.get() == 0 {
            let mut left = MAX_WRITE;
            let taken = self.with(|connection| -> io::Result<usize> {
                let mut taken = 0;
                for slice in slices {
                    let part = &slice[..slice.len().min(left)];
                    let mut writer = connection.writer();
                    writer.write_all(part)?;
                    taken += part.len();
                    left -= part.len();
                }
                Ok(taken)
            });
            match taken {
                Some(taken) => self.taken.set(taken?),
                None => return self.poll_write_clear(cx, slices, more),
            }
            self.sent.set(0);
        }
        let flushed = self.poll_flush(cx, more || self.taken.get() < total);
        match flushed {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(self.taken.replace(0).min(total))),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => self.partly_sent().map(|told| Ok(told.min(total))),
        }
    }

    /// The clear bytes that whole records on their way have carried, when that is any.
    fn partly_sent(&self) -> Poll<usize> {
        let sent = self.sent.get();
        let records = sent / (RECORD + OVERHEAD);
        let told = (records * RECORD).min(self.taken.get().saturating_sub(1));
        if told == 0 {
            return Poll::Pending;
        }
        self.sent.set(sent - records * (RECORD + OVERHEAD));
        self.taken.set(self.taken.get() - told);
        Poll::Ready(told)
    }

    fn poll_write_clear(
        &self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
        more: bool,
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut guard = ready!(self.socket.poll_write_ready(cx))?;
            match sys::send(self.socket.get_ref().as_fd(), slices, more) {
                Ok(sent) => return Poll::Ready(Ok(sent)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => guard.clear_ready(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Sends all that rustls holds.
    fn poll_flush(&self, cx: &mut Context<'_>, more: bool) -> Poll<io::Result<()>> {
        loop {
            if !self
                .with(|connection| connection.wants_write())
                .unwrap_or(false)
            {
                return Poll::Ready(Ok(()));
            }
            let mut guard = ready!(self.socket.poll_write_ready(cx))?;
            match self.push(more) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => guard.clear_ready(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// One send of what rustls holds.
    fn push(&self, more: bool) -> io::Result<usize> {
        let mut wire = Wire { stream: self, more };
        let sent = self.with(|connection| connection.write_tls(&mut wire));
        let sent = sent.unwrap_or(Ok(0))?;
        self.sent.set(self.sent.get() + sent);
        Ok(sent)
    }

    /// Says goodbye and ends our side of the stream.
    pub(crate) fn shutdown_write(&self) {
        self.say_goodbye();
        let socket = socket2::SockRef::from(self.socket.get_ref());
        let _ = socket.shutdown(std::net::Shutdown::Write);
    }

    fn say_goodbye(&self) {
        if self.is_aborted.get() || self.error.borrow().is_some() {
            return;
        }
        let is_on = self.with(|connection| {
            let done = !connection.is_handshaking() || self.early.received.borrow().is_some();
            if done {
                connection.send_close_notify();
            }
            done
        });
        if is_on == Some(true) {
            // What the kernel does not take at once is lost: nobody waits for it.
            let _ = self.push(false);
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

/// The socket as rustls writes to it.
struct Wire<'a> {
    stream: &'a TlsStream,
    more: bool,
}

impl Write for Wire<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(buf)])
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.stream
            .with_seen(|seen| bufs.iter().for_each(|buf| seen.sent(buf)));
        sys::send(self.stream.socket.get_ref().as_fd(), bufs, self.more)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether a client begins as HTTP clients do that were not told to speak TLS.
fn http(bytes: &[u8]) -> Option<Fault> {
    const METHODS: [&[u8]; 4] = [b"GET ", b"POST ", b"HEAD ", b"PUT "];
    if bytes.starts_with(b"CONNECT ") {
        return Some(Fault::HttpProxy);
    }
    let is_method = METHODS.iter().any(|method| bytes.starts_with(method));
    is_method.then_some(Fault::Http)
}

/// Encrypted bytes read at once.
const SCRATCH_SIZE: usize = 128 * 1024;

/// Encrypted bytes read at once during a handshake.
const HELLO_READ: usize = 4096;

/// The version of TLS 1.2 in messages.
const TLS12: [u8; 2] = [3, 3];

/// The alert for a client that is too old (RFC 5246 E.1).
const PROTOCOL_VERSION: u8 = 70;

/// The alert for a name that no certificate is for (RFC 6066 3).
const UNRECOGNIZED_NAME: u8 = 112;

/// The alert for a client that could have offered more (RFC 7507 3).
const INAPPROPRIATE_FALLBACK: u8 = 86;

/// Clear bytes encrypted at once: what rustls may hold for one connection.
const MAX_WRITE: usize = 128 * 1024;

/// Clear bytes of a full record.
const RECORD: usize = 16_384;

/// Most bytes that a record adds (RFC 5246 6.2.3.3, RFC 8446 5.2).
const OVERHEAD: usize = 29;

//! A connection's socket, TCP or unix, as the data path uses it: polls, half-closes, resets.
//!
//! It knows no protocol and holds no buffer. Readiness comes from tokio: a read that returns less
//! than was asked for is not followed by another one that would only say "not yet".

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use lbd_http::h2::ErrorCode;
use lbd_rules::facts::Endpoint;
use socket2::SockRef;
use tokio::io::unix::AsyncFd;
use tokio::io::{Interest, Ready};

use crate::mux::H2Stream;
use crate::pool::Pipe;
use crate::sys;
use crate::tls::TlsStream;

/// A connection, or a stream of one.
#[derive(Debug)]
pub enum Transport {
    /// A stream of an HTTP/2 connection.
    H2(H2Stream),
    /// TCP.
    Tcp(AsyncFd<OwnedFd>),
    /// A unix stream socket.
    Unix(AsyncFd<OwnedFd>),
    /// A socket of either kind that speaks TLS, at the latest after its first clear bytes.
    Tls(Box<TlsStream>),
}

impl Transport {
    /// Takes over a connected, non-blocking socket; `is_unix` says which kind it is.
    ///
    /// # Errors
    /// When the runtime's poller refuses the descriptor.
    pub fn new(fd: OwnedFd, is_unix: bool) -> io::Result<Self> {
        let fd = sys::watch(fd, Interest::READABLE | Interest::WRITABLE)?;
        Ok(if is_unix {
            Self::Unix(fd)
        } else {
            Self::Tcp(fd)
        })
    }

    /// The same for a connection that will speak TLS.
    ///
    /// # Errors
    /// When the runtime's poller refuses the descriptor.
    pub fn new_tls(fd: OwnedFd, is_unix: bool) -> io::Result<Self> {
        let fd = sys::watch(fd, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self::Tls(Box::new(TlsStream::new(fd, is_unix))))
    }

    /// TLS, when it is spoken here.
    pub fn tls(&self) -> Option<&TlsStream> {
        match self {
            Self::Tls(stream) => Some(stream),
            Self::H2(stream) => stream.link.io.tls(),
            Self::Tcp(_) | Self::Unix(_) => None,
        }
    }

    /// Whether bytes may pass through a pipe.
    pub fn may_splice(&self) -> bool {
        matches!(self, Self::Tcp(_))
    }

    /// The protocol that both sides agreed on by ALPN; `None` without TLS or without agreement.
    pub fn alpn(&self) -> Option<Vec<u8>> {
        self.tls()?
            .with(|connection| connection.alpn_protocol().map(<[u8]>::to_vec))?
    }

    /// The socket, or the one that carries the stream.
    fn socket(&self) -> &AsyncFd<OwnedFd> {
        match self {
            Self::Tcp(socket) | Self::Unix(socket) => socket,
            Self::H2(stream) => stream.link.io.socket(),
            Self::Tls(stream) => stream.socket(),
        }
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.socket().get_ref().as_fd()
    }

    /// The stream of an HTTP/2 connection that this is.
    pub(crate) fn h2(&self) -> Option<&H2Stream> {
        match self {
            Self::H2(stream) => Some(stream),
            _ => None,
        }
    }

    /// Whether the peer's content ends with the stream that carries it and needs no framing.
    pub(crate) fn is_h2(&self) -> bool {
        matches!(self, Self::H2(_))
    }

    /// Whether it is a TCP connection.
    pub fn is_tcp(&self) -> bool {
        match self {
            Self::Tcp(_) => true,
            Self::H2(_) | Self::Unix(_) => false,
            Self::Tls(stream) => !stream.is_unix(),
        }
    }

    /// The descriptor's number, for facts about the connection.
    pub fn raw_fd(&self) -> RawFd {
        self.socket().as_raw_fd()
    }

    /// Options of the socket, by socket2.
    pub fn options(&self) -> SockRef<'_> {
        SockRef::from(self.socket().get_ref())
    }

    /// Our own address.
    pub fn local(&self) -> Endpoint {
        sys::local_address(self.fd())
    }

    /// Reads once it is possible; 0 at the end of the stream.
    pub fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if let Self::H2(stream) = self {
            return stream.poll_read(cx, buf);
        }
        if let Self::Tls(stream) = self {
            return stream.poll_read(cx, buf);
        }
        loop {
            let mut guard = ready!(self.socket().poll_read_ready(cx))?;
            match sys::recv(self.fd(), buf) {
                Ok(read) => {
                    // Less than asked for: the queue is empty, and new bytes make a new event.
                    if read > 0 && read < buf.len() {
                        guard.clear_ready_matching(Ready::READABLE);
                    }
                    return Poll::Ready(Ok(read));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    guard.clear_ready();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Ready when a read would tell something: bytes, the end, or an error.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        if let Self::H2(stream) = self {
            return stream.poll_readable(cx);
        }
        if let Self::Tls(stream) = self {
            return stream.poll_readable(cx);
        }
        self.socket().poll_read_ready(cx).map(|_| ())
    }

    /// Whether the peer closed its side (or both), as far as the poller was told.
    pub fn is_read_closed(&self, cx: &mut Context<'_>) -> bool {
        if let Self::H2(stream) = self {
            return stream.is_gone(cx);
        }
        match self.socket().poll_read_ready(cx) {
            Poll::Ready(Ok(guard)) => guard.ready().is_read_closed(),
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        }
    }

    /// Whether the connection is gone in both directions: reset, or closed by both.
    pub fn is_broken(&self, cx: &mut Context<'_>) -> bool {
        if let Self::H2(stream) = self {
            return stream.is_gone(cx);
        }
        match self.socket().poll_write_ready(cx) {
            Poll::Ready(Ok(guard)) => guard.ready().is_write_closed(),
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        }
    }

    /// Whether nothing was heard since the last read: neither bytes nor a close.
    pub fn is_quiet(&self, cx: &mut Context<'_>) -> bool {
        if let Self::H2(stream) = self {
            return stream.poll_readable(cx).is_pending();
        }
        if let Self::Tls(stream) = self {
            return stream.is_quiet(cx);
        }
        self.socket().poll_read_ready(cx).is_pending()
    }

    /// Writes slices once it is possible; `more` delays the packet for what follows at once.
    pub fn poll_write(
        &self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
        more: bool,
    ) -> Poll<io::Result<usize>> {
        if let Self::H2(stream) = self {
            return stream.poll_write(cx, slices);
        }
        if let Self::Tls(stream) = self {
            return stream.poll_write(cx, slices, more);
        }
        loop {
            let mut guard = ready!(self.socket().poll_write_ready(cx))?;
            match sys::send(self.fd(), slices, more) {
                Ok(sent) => {
                    // A part only: the send buffer is full, and room in it makes a new event.
                    if sent < slices.iter().map(|slice| slice.len()).sum() {
                        guard.clear_ready_matching(Ready::WRITABLE);
                    }
                    return Poll::Ready(Ok(sent));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => guard.clear_ready(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Ready when a write is possible (for a connection under way: when its fate is known).
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket().poll_write_ready(cx).map_ok(|_| ())
    }

    /// Moves up to `len` bytes from the socket into the pipe; 0 at the end of the stream.
    pub fn poll_splice_in(
        &self,
        cx: &mut Context<'_>,
        pipe: &mut Pipe,
        len: usize,
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut guard = ready!(self.socket().poll_read_ready(cx))?;
            match sys::splice(self.fd(), pipe.writer(), len.min(pipe.room()), false) {
                Ok(moved) => {
                    pipe.added(moved);
                    return Poll::Ready(Ok(moved));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // A pipe that still holds data may be what blocks: only the caller knows to
                    // empty it, so do not wait for the socket then.
                    if pipe.held() > 0 {
                        return Poll::Pending;
                    }
                    guard.clear_ready();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Wakes whoever reads only when this many bytes have come, or the end; 1: for each.
    pub(crate) fn set_low_water(&self, bytes: u32) {
        if let Self::Tcp(socket) = self {
            // Nothing but the number of wake-ups depends on it.
            let _ = sys::set_low_water(socket.get_ref().as_fd(), bytes);
        }
    }

    /// Moves what the pipe holds to the socket; `more` as for a write.
    pub fn poll_splice_out(
        &self,
        cx: &mut Context<'_>,
        pipe: &mut Pipe,
        more: bool,
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut guard = ready!(self.socket().poll_write_ready(cx))?;
            match sys::splice(pipe.reader(), self.fd(), pipe.held(), more) {
                Ok(moved) => {
                    pipe.removed(moved);
                    return Poll::Ready(Ok(moved));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => guard.clear_ready(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Ends our side of the stream; errors mean that it has ended anyway.
    pub fn shutdown_write(&self) {
        if let Self::H2(stream) = self {
            return stream.finish();
        }
        if let Self::Tls(stream) = self {
            return stream.shutdown_write();
        }
        let _ = self.options().shutdown(std::net::Shutdown::Write);
    }

    /// Makes the coming close a reset.
    pub fn abort(&self) {
        if let Self::H2(stream) = self {
            return stream.reset(ErrorCode::CANCEL);
        }
        if let Self::Tls(stream) = self {
            stream.set_aborted();
        }
        let _ = self.options().set_linger(Some(Duration::ZERO));
    }

    /// The pending error of the socket, such as the reason why a connect failed.
    pub fn take_error(&self) -> Option<io::Error> {
        self.options().take_error().unwrap_or_else(Some)
    }

    /// Sets the netfilter mark; needs privileges, failures are ignored as in the reference.
    pub fn set_mark(&self, mark: u32) {
        if self.is_tcp() {
            let _ = self.options().set_mark(mark);
        }
    }

    /// Sets the type of service of the packets.
    pub fn set_tos(&self, tos: u8) {
        if self.is_tcp() {
            let _ = self.options().set_tos_v4(u32::from(tos));
            let _ = self.options().set_tclass_v6(u32::from(tos));
        }
    }

    /// Asks for immediate or delayed acknowledgements.
    pub fn set_quickack(&self, on: bool) {
        if self.is_tcp() {
            let _ = sys::set_quickack(self.fd(), on);
        }
    }

    /// Vanishes without a word to the peer, as far as privileges allow: `silent-drop`.
    pub fn silent_drop(&self, rst_ttl: Option<u8>) {
        if let Self::H2(stream) = self {
            // All of the connection vanishes.
            stream.link.io.silent_drop(rst_ttl);
            return stream.link.drop_silently();
        }
        if !self.is_tcp() {
            return;
        }
        match rst_ttl {
            Some(ttl) => {
                let _ = sys::set_ttl(self.fd(), ttl);
                self.abort();
            }
            None if sys::enter_repair(self.fd()).is_ok() => {
                if let Self::Tls(stream) = self {
                    stream.set_aborted();
                }
            }
            None => {
                // A reset that dies at the first router.
                let _ = sys::set_ttl(self.fd(), 1);
                self.abort();
            }
        }
    }

    /// Where a redirected connection was going to, when netfilter knows it.
    pub fn original_destination(&self) -> Option<Endpoint> {
        let v6 = matches!(self.local(), Endpoint::Inet(address) if address.is_ipv6());
        sys::original_destination(self.fd(), v6)
    }
}

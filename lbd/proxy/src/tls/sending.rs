//! What is sent: bytes that rustls encrypts, and the goodbye.
//!
//! The bytes that a write took are told when they have left.

use std::io::{self, IoSlice, Write};
use std::os::fd::AsFd;
use std::task::{Context, Poll, ready};

use super::TlsStream;
use crate::sys;

impl TlsStream {
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
    pub(super) fn poll_flush(&self, cx: &mut Context<'_>, more: bool) -> Poll<io::Result<()>> {
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
    pub(super) fn push(&self, more: bool) -> io::Result<usize> {
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

    pub(super) fn say_goodbye(&self) {
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

/// Clear bytes encrypted at once: what rustls may hold for one connection.
const MAX_WRITE: usize = 128 * 1024;

/// Clear bytes of a full record.
const RECORD: usize = 16_384;

/// Most bytes that a record adds (RFC 5246 6.2.3.3, RFC 8446 5.2).
const OVERHEAD: usize = 29;

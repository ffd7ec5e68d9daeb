//! Early data of a session (RFC 8446 2.3): what a client sent before its handshake was confirmed,
//! and what we send to a server before it has answered.
//!
//! How much that is rustls bounds: by `max_early_data_size` of whoever receives it.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice, Read, Write};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use lbd_rules::facts::Early;
use lbd_tls::rustls::Connection;

/// Tasks that wait for one handshake: at most the streams of an HTTP/2 connection, which are
/// bounded themselves; who comes beyond that waits until others are woken.
const MOST_WAITING: usize = 4096;

/// Where early data of a stream stands.
#[derive(Debug, Default)]
pub(super) struct EarlyData {
    /// A client's: shared with what rules know of the session.
    pub(super) received: RefCell<Option<Rc<Early>>>,
    /// Whether we may still send some to a server.
    pub(super) may_send: Cell<bool>,
    /// Whether we sent some.
    sent: Cell<bool>,
    /// The server did not take what we sent.
    refused: Cell<bool>,
    waiting: RefCell<Vec<Waker>>,
}

impl EarlyData {
    /// Has the task woken when the handshake is over.
    pub(super) fn wait(&self, cx: &Context<'_>) {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.len() < MOST_WAITING && !waiting.iter().any(|one| one.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
    }

    fn wake(&self) {
        for waker in self.waiting.take() {
            waker.wake();
        }
    }

    /// Whether nothing is to be looked at.
    pub(super) fn is_unused(&self) -> bool {
        !self.may_send.get() && self.received.borrow().is_none()
    }

    /// Whether the server refused what we sent.
    pub(super) fn is_refused(&self) -> bool {
        self.refused.get()
    }

    /// Whether a client's handshake is still to be confirmed.
    pub(super) fn is_pending(&self) -> bool {
        let received = self.received.borrow();
        received.as_ref().is_some_and(|early| early.is_pending())
    }

    /// Reads what a client sent early.
    pub(super) fn read(&self, connection: &mut Connection, out: &mut [u8]) -> io::Result<usize> {
        let received = self.received.borrow();
        let (Some(early), Connection::Server(server)) = (&*received, connection) else {
            return Ok(0);
        };
        let read = match server.early_data() {
            Some(mut data) => data.read(out)?,
            None => 0,
        };
        if read > 0 {
            early.set_received();
        }
        Ok(read)
    }

    /// Writes to a server early; how many bytes were taken.
    pub(super) fn write(
        &self,
        connection: &mut Connection,
        slices: &[IoSlice<'_>],
    ) -> io::Result<usize> {
        let Connection::Client(client) = connection else {
            return Ok(0);
        };
        let Some(mut early) = client.early_data() else {
            return Ok(0);
        };
        let mut taken = 0;
        for slice in slices {
            let part = &slice[..slice.len().min(early.bytes_left())];
            if !part.is_empty() {
                early.write_all(part)?;
                taken += part.len();
                self.sent.set(true);
            }
            if part.len() < slice.len() {
                break;
            }
        }
        Ok(taken)
    }

    /// The handshake went on: `false` when the server did not take what we sent.
    pub(super) fn progress(&self, connection: &Connection) -> bool {
        if connection.is_handshaking() {
            return true;
        }
        match connection {
            Connection::Client(client) if self.may_send.replace(false) => {
                let refused = self.sent.get() && !client.is_early_data_accepted();
                self.refused.set(refused);
                self.wake();
                !refused
            }
            Connection::Server(_) if self.is_pending() => {
                if let Some(early) = &*self.received.borrow() {
                    early.confirm();
                }
                self.wake();
                true
            }
            _ => true,
        }
    }
}

impl super::TlsStream {
    /// What rules know of early data of a client; `None` when none was agreed on.
    pub(crate) fn early(&self) -> Option<Rc<Early>> {
        self.early.received.borrow().clone()
    }

    /// Whether the server refused early data.
    pub(crate) fn refused_early(&self) -> bool {
        self.early.is_refused()
    }

    /// Why the session failed.
    pub(crate) fn fault(&self) -> Option<super::Fault> {
        self.error.borrow().clone().map(super::Fault::Tls)
    }

    /// Whether what is written now goes to a server early.
    pub(crate) fn sends_early(&self) -> bool {
        self.early.may_send.get()
    }

    /// Waits until a client's handshake is confirmed; the one who waits reads the socket, unless
    /// `others_read`.
    pub(crate) fn poll_confirmed(
        &self,
        cx: &mut Context<'_>,
        others_read: bool,
    ) -> Poll<io::Result<()>> {
        while self.early.is_pending() {
            if others_read {
                self.early.wait(cx);
                return Poll::Pending;
            }
            // Our part of the handshake must have left, or the client cannot confirm.
            if let Poll::Ready(Err(error)) = self.poll_flush(cx, false) {
                return Poll::Ready(Err(error));
            }
            match std::task::ready!(self.poll_feed(cx, super::HELLO_READ, &mut [])) {
                Ok((0, _)) => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }
}

//! A section with the streams of its connections, as the control side's thread and the workers
//! reach it: who has changed a table writes to the peers what it has changed.
//!
//! It makes no connection and waits for none.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use lbd_core::Time;
use parking_lot::Mutex;
use peers_proto::section::SectionView;
use peers_proto::{ConnId, Section};
use tokio::io::{AsyncWrite, WriteHalf};
use tokio::sync::Notify;

use super::Stream;

/// A section and what its threads share.
pub(crate) struct Core {
    pub(crate) state: Mutex<State>,
    /// Tables have changed, or the section's next deadline has.
    pub(crate) wake: Notify,
    /// Tables have changed, and nobody waits for peers to know.
    pub(crate) hint: Notify,
    pub(crate) is_hinted: AtomicBool,
    /// Times that a worker went on without knowing that its changes were written.
    unsure: AtomicU64,
}

/// What is behind the lock.
pub(crate) struct State {
    pub(crate) section: Section,
    pub(crate) lines: BTreeMap<ConnId, Outgoing>,
}

/// The way out of a connection.
pub(crate) struct Outgoing {
    pub(crate) line: Arc<Line>,
    writer: WriteHalf<Box<dyn Stream>>,
    /// What the section has made, and how much of it was written.
    bytes: Vec<u8>,
    written: usize,
    is_flushed: bool,
    /// The stream takes no more: the connection's task waits for room.
    is_blocked: bool,
}

/// What a connection's task waits for besides its stream.
#[derive(Default)]
pub(crate) struct Line {
    /// There is something to send, or it is over.
    pub(crate) wake: Notify,
    pub(crate) is_over: AtomicBool,
    /// It is over.
    pub(crate) over: Notify,
}

impl Outgoing {
    pub(crate) fn new(line: Arc<Line>, writer: WriteHalf<Box<dyn Stream>>) -> Self {
        Self {
            line,
            writer,
            bytes: Vec::new(),
            written: 0,
            is_flushed: true,
            is_blocked: false,
        }
    }

    /// Writes what the section has for the connection; ready when all of it is written, with whether
    /// there was something.
    fn poll_send(
        &mut self,
        section: &mut Section,
        id: ConnId,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<bool>> {
        let mut has_sent = false;
        loop {
            if self.written == self.bytes.len() {
                self.bytes.clear();
                self.written = 0;
                if let Some(made) = section.outgoing(id) {
                    std::mem::swap(made, &mut self.bytes);
                }
            }
            if self.bytes.is_empty() && self.is_flushed {
                self.is_blocked = false;
                return Poll::Ready(Ok(has_sent));
            }
            let writer = Pin::new(&mut self.writer);
            let polled = match self.bytes.is_empty() {
                true => writer.poll_flush(cx).map_ok(|()| None),
                false => writer
                    .poll_write(cx, &self.bytes[self.written..])
                    .map_ok(Some),
            };
            self.is_blocked = polled.is_pending();
            match std::task::ready!(polled)? {
                None => self.is_flushed = true,
                Some(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Some(written) => {
                    self.written += written;
                    self.is_flushed = false;
                    has_sent = true;
                }
            }
        }
    }

    /// Ends this side of the stream.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_shutdown(cx)
    }
}

impl State {
    /// As [`Outgoing::poll_send`]; without the connection there is nothing to send.
    pub(crate) fn poll_send(&mut self, id: ConnId, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        match self.lines.get_mut(&id) {
            Some(outgoing) => outgoing.poll_send(&mut self.section, id, cx),
            None => Poll::Ready(Ok(false)),
        }
    }

    /// Makes and writes what peers are to know, as far as streams take it now.
    fn push(&mut self, now: Time) -> Pushed {
        // Only whether it can go on now is asked: who must wait is woken for it.
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..MAX_ROUNDS {
            self.section.push_changes(now);
            let (mut has_sent, mut is_blocked) = (false, false);
            for (id, outgoing) in &mut self.lines {
                if outgoing.is_blocked {
                    is_blocked = true;
                    continue;
                }
                match outgoing.poll_send(&mut self.section, *id, &mut cx) {
                    Poll::Ready(Ok(sent)) => has_sent |= sent,
                    // The connection's task finds the same, and ends or waits.
                    Poll::Ready(Err(_)) => outgoing.line.wake.notify_one(),
                    Poll::Pending => {
                        is_blocked = true;
                        outgoing.line.wake.notify_one();
                    }
                }
            }
            match (is_blocked, has_sent) {
                (true, _) => return Pushed::Blocked,
                (false, false) => return Pushed::All,
                (false, true) => {}
            }
        }
        Pushed::Some
    }
}

/// How much of what there was to tell has been written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pushed {
    All,
    /// A stream takes no more; its connection's task goes on when it does.
    Blocked,
    /// There is more, or the section is busy.
    Some,
}

/// How a section stands.
#[derive(Debug, Clone)]
pub struct View {
    /// What its machine knows.
    pub section: SectionView,
    /// How often [`Teller::push`] has left something to others: a stream that takes no more, or a
    /// section that is busy. An answer may then have left before peers knew what it had changed.
    pub unsure: u64,
}

/// Writes changes to the peers of a section from any thread. Clones are of the same section.
#[derive(Clone)]
pub struct Teller(Arc<Core>);

impl std::fmt::Debug for Teller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Teller").finish_non_exhaustive()
    }
}

impl Teller {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self(core)
    }

    /// Writes all that was changed before the call to the peers that are connected, as far as their
    /// streams take it. It waits a millisecond at most for another thread that does the same; what
    /// is left then follows soon.
    pub fn push(&self, now: Time) {
        let pushed = match self.0.state.try_lock_for(PATIENCE) {
            Some(mut state) => {
                let mut pushed = Pushed::Some;
                // It waits for nothing, and is not to be stopped by what a task may do in a turn.
                let push = poll_fn(|_| {
                    pushed = state.push(now);
                    Poll::Ready(())
                });
                let mut cx = Context::from_waker(Waker::noop());
                let _ = pin!(tokio::task::unconstrained(push)).poll(&mut cx);
                pushed
            }
            None => Pushed::Some,
        };
        if pushed != Pushed::All {
            self.0.unsure.fetch_add(1, Ordering::Relaxed);
        }
        if pushed == Pushed::Some {
            self.0.wake.notify_one();
        }
    }

    /// Has changes written within a millisecond or two: for those that no answer tells of.
    pub fn hint(&self) {
        if !self.0.is_hinted.swap(true, Ordering::AcqRel) {
            self.0.hint.notify_one();
        }
    }

    /// How things stand, as far as the section is not busy for longer than a tenth of a second: it
    /// never is while it does not hang.
    pub fn view(&self, now: Time) -> Option<View> {
        let state = self.0.state.try_lock_for(VIEW_PATIENCE)?;
        Some(View {
            section: state.section.snapshot(now),
            unsure: self.0.unsure.load(Ordering::Relaxed),
        })
    }
}

impl Core {
    pub(crate) fn new(section: Section) -> Self {
        Self {
            state: Mutex::new(State {
                section,
                lines: BTreeMap::new(),
            }),
            wake: Notify::new(),
            hint: Notify::new(),
            is_hinted: AtomicBool::new(false),
            unsure: AtomicU64::new(0),
        }
    }
}

/// How long a thread waits for the section.
const PATIENCE: Duration = Duration::from_millis(1);

/// How long who asks how things stand waits for the section: what it does under its lock takes a
/// millisecond or two.
const VIEW_PATIENCE: Duration = Duration::from_millis(100);

/// How often a thread makes more once all is written: 64 KiB each.
const MAX_ROUNDS: usize = 4;

#[cfg(test)]
mod tests;

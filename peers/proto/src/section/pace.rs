//! How often changes are told: at once while they are few, together when they come fast.
//!
//! A write of its own for each change costs the sender a wake, a system call and an acknowledgement.
//! Of a fast flow what has gathered within [`GATHER`] goes in one write; whoever waits for a single
//! change, or loses a node in the middle of a moderate flow, notices nothing of it.

use std::time::Duration;

use lbd_core::Time;

/// The flow of changes on one connection.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// What was sent is counted from here.
    since: Time,
    count: u64,
    is_fast: bool,
    /// Nothing is told before.
    next: Option<Time>,
}

impl Pace {
    /// Whether changes may be told now.
    pub(crate) fn is_open(&mut self, now: Time) -> bool {
        if self.next.is_some_and(|next| now < next) {
            return false;
        }
        self.next = None;
        true
    }

    /// When changes are to be told that wait.
    pub(crate) fn wanted(&self) -> Option<Time> {
        self.next
    }

    /// So many changes were told, and no more are there.
    pub(crate) fn told(&mut self, now: Time, sent: u64) {
        self.count += sent;
        let elapsed = now.since(self.since);
        if elapsed >= WINDOW {
            let fast = FAST * elapsed.as_micros() / 1_000_000;
            self.is_fast = u128::from(self.count) > fast;
            self.since = now;
            self.count = 0;
        }
        if self.is_fast && sent > 0 {
            self.next = Some(now + GATHER);
        }
    }
}

/// How long changes of a fast flow wait for others.
const GATHER: Duration = Duration::from_millis(1);

/// Changes a second beyond which a flow is fast.
const FAST: u128 = 50_000;

/// How long a flow is watched before it is called fast or not.
const WINDOW: Duration = Duration::from_millis(20);

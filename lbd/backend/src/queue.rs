//! Who waits for a free slot: one queue for each server and one for the backend.
//!
//! It wakes nobody: it yields tokens, and the caller delivers them to the workers' mailboxes.

use std::collections::BTreeMap;

use lbd_core::{ServerId, Time, bits};

/// Most streams that wait in one queue, whatever the configuration says.
pub const MAX_WAITERS: usize = 1 << 20;

/// Largest absolute value of a priority class (`set-priority-class`).
pub const MAX_CLASS: i32 = 0x7ff;

/// Largest absolute value of a priority offset in milliseconds (`set-priority-offset`).
pub const MAX_OFFSET: i32 = 0x7_ffff;

/// Place in the order of waiting: class first, then time of arrival moved by the offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    class: i32,
    when: i64,
    sequence: u64,
}

impl Rank {
    pub(crate) fn new(class: i32, offset_ms: i32, now: Time, sequence: u64) -> Self {
        let offset = offset_ms.clamp(-MAX_OFFSET, MAX_OFFSET);
        Self {
            class: class.clamp(-MAX_CLASS, MAX_CLASS),
            when: i64::try_from(now.as_millis()).unwrap_or(i64::MAX / 2) + i64::from(offset),
            sequence,
        }
    }

    /// Whether it goes before `other` of the backend's queue: a server's own waiter wins a tie.
    pub(crate) fn precedes(&self, other: &Self) -> bool {
        (self.class, self.when) <= (other.class, other.when)
    }
}

/// A place in a queue, to be kept while waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// The server whose queue it is; the backend's when `None`.
    pub server: Option<ServerId>,
    pub(crate) rank: Rank,
}

/// What a waiter is woken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It holds a slot of that server now. When the stream is gone, the slot must be given back
    /// with `Roster::release`.
    Granted(ServerId),
    /// It has lost its place because the server (or every server) went away: assign again.
    Redistributed,
}

/// A waiter that leaves its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wake {
    /// What the caller gave with `Ask::token`.
    pub token: u64,
    /// What it is woken for.
    pub outcome: Outcome,
    /// Whether it stood in a server's queue, not in the backend's.
    pub from_server: bool,
    /// How many were served before it in that queue, itself included (log fields `%sq`, `%bq`).
    pub position: u32,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Waiter {
    pub(crate) token: u64,
    /// Bound to this server by `force-persist`: survives a redistribution.
    pub(crate) forced: bool,
    served_before: u32,
}

/// One queue with its counters.
#[derive(Debug, Default)]
pub(crate) struct WaitQueue {
    waiters: BTreeMap<Rank, Waiter>,
    /// Waiters that were served so far, wrapping.
    served: u32,
    /// Most that waited at once.
    pub(crate) max: u32,
    /// Waiters refused because of `MAX_WAITERS`.
    pub(crate) refused: u64,
}

impl WaitQueue {
    pub(crate) fn len(&self) -> u32 {
        bits::count32(self.waiters.len())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    /// Adds a waiter; false when the queue is at its limit.
    pub(crate) fn push(&mut self, rank: Rank, token: u64, forced: bool) -> bool {
        if self.waiters.len() >= MAX_WAITERS {
            self.refused += 1;
            return false;
        }
        let waiter = Waiter {
            token,
            forced,
            served_before: self.served,
        };
        self.waiters.insert(rank, waiter);
        self.max = self.max.max(self.len());
        true
    }

    pub(crate) fn first(&self) -> Option<Rank> {
        self.waiters.first_key_value().map(|(rank, _)| *rank)
    }

    /// Takes the first waiter, to be served; with its position.
    pub(crate) fn serve_first(&mut self) -> Option<(Waiter, u32)> {
        let (_, waiter) = self.waiters.pop_first()?;
        let position = self.position(&waiter);
        self.served = self.served.wrapping_add(1);
        Some((waiter, position))
    }

    /// Takes a waiter out that gives up; its position, or `None` when it has left already.
    pub(crate) fn remove(&mut self, rank: &Rank) -> Option<u32> {
        let waiter = self.waiters.remove(rank)?;
        Some(self.position(&waiter))
    }

    /// Takes all waiters out that are not bound to the server.
    pub(crate) fn drain_free(&mut self, keep_forced: bool) -> Vec<(Waiter, u32)> {
        let mut out = Vec::new();
        let served = self.served;
        self.waiters.retain(|_, waiter| {
            if keep_forced && waiter.forced {
                return true;
            }
            out.push((*waiter, position(served, waiter)));
            false
        });
        out
    }

    fn position(&self, waiter: &Waiter) -> u32 {
        position(self.served, waiter)
    }
}

fn position(served: u32, waiter: &Waiter) -> u32 {
    served.wrapping_sub(waiter.served_before).wrapping_add(1)
}

#[cfg(test)]
mod tests;

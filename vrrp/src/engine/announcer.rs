//! Sends announcements, at once or with the pause that the configuration asks for.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use lbd_core::Time;

use super::EngineCounters;
use crate::announce::Frames;
use crate::sysctl;

/// One announcement that waits or is sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due {
    pub(super) at: Time,
    pub(super) instance: usize,
    pub(super) index: u32,
    pub(super) mac: [u8; 6],
    pub(super) ip: IpAddr,
}

#[derive(Debug)]
pub(super) struct Announcer {
    frames: Frames,
    queue: VecDeque<Due>,
    /// When each interface may send again.
    free: Vec<(u32, bool, Time)>,
    sent: u64,
}

impl Announcer {
    pub(super) fn new(frames: Frames) -> Self {
        Self {
            frames,
            queue: VecDeque::new(),
            free: Vec::new(),
            sent: 0,
        }
    }

    /// Puts one into the queue, `pause` after the one before it on that interface.
    pub(super) fn put(&mut self, mut due: Due, pause: Duration, counters: &mut EngineCounters) {
        if self.queue.len() >= MAX_QUEUE {
            counters.announce_errors += 1;
            return;
        }
        if !pause.is_zero() {
            let key = (due.index, due.ip.is_ipv6());
            let slot = self
                .free
                .iter_mut()
                .find(|(index, v6, _)| (*index, *v6) == key);
            match slot {
                Some((_, _, free)) => {
                    due.at = due.at.max(*free);
                    *free = due.at + pause;
                }
                None => self.free.push((key.0, key.1, due.at + pause)),
            }
        }
        let place = self.queue.partition_point(|other| other.at <= due.at);
        self.queue.insert(place, due);
    }

    /// Drops what an instance that is no longer master wanted to say.
    pub(super) fn forget(&mut self, instance: usize) {
        self.queue.retain(|due| due.instance != instance);
    }

    pub(super) fn due(&self) -> Option<Time> {
        self.queue.front().map(|due| due.at)
    }

    /// Announcements sent.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// Sends what is due.
    pub(super) fn run(&mut self, now: Time, counters: &mut EngineCounters) {
        let mut is_router = None;
        while let Some(due) = self.queue.front().filter(|due| due.at <= now).copied() {
            self.queue.pop_front();
            let is_router =
                due.ip.is_ipv6() && *is_router.get_or_insert_with(sysctl::forwards_ipv6);
            match self.frames.announce(due.index, due.mac, due.ip, is_router) {
                Ok(()) => self.sent += 1,
                Err(_) => counters.announce_errors += 1,
            }
        }
    }
}

/// Announcements that wait: 4096 addresses with 16 rounds.
const MAX_QUEUE: usize = 65_536;

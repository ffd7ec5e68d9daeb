//! Room in a table: entries whose time is over go, and in a full table the one that would end first.
//!
//! It starts no timer: [`Table::expire`] says when it wants to be called again.

use std::sync::atomic::Ordering;

use lbd_core::Time;

use crate::shard::State;
use crate::table::Table;

/// Places of a shard's queue that it looks at, at most.
const PURGE_PLACES: usize = 64;

impl Table {
    /// Removes entries whose time is over, `budget` of them at most. Tells when it wants to be
    /// called again: now when there may be more, none when nothing will end.
    pub fn expire(&self, now: Time, budget: usize) -> Option<Time> {
        self.context.layout.expire_ms?;
        let now_ms = now.as_millis();
        let mut left = budget;
        let start = self.next_expiry.load(Ordering::Relaxed);
        for step in 0..self.shards.len() {
            let index = (start + step) % self.shards.len();
            if self.first_ms[index].load(Ordering::Relaxed) > now_ms {
                continue;
            }
            let mut state = self.shards[index].lock();
            while let Some(_over) = state.settle(&self.context, now_ms, now_ms, &mut left) {
                state.remove_first(&self.context);
                state.counted.expired += 1;
                self.context.used.fetch_sub(1, Ordering::Relaxed);
            }
            self.publish(index, &state);
            if left == 0 {
                self.next_expiry.store(index, Ordering::Relaxed);
                return Some(now);
            }
        }
        let places = self.first_ms.iter().map(|at| at.load(Ordering::Relaxed));
        let first = places.min();
        first
            .filter(|&at_ms| at_ms != u64::MAX)
            .map(Time::from_millis)
    }

    /// Counts one entry more if there is room for it.
    pub(crate) fn reserve(&self) -> bool {
        let next = |used: u32| (used < self.schema().size).then_some(used + 1);
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        self.context.used.fetch_update(set, fetch, next).is_ok()
    }

    /// Publishes the earliest place of a shard's queue after it changed.
    #[inline]
    pub(crate) fn publish(&self, index: usize, state: &State) {
        let first = state.first_ms();
        let known = &self.first_ms[index];
        if known.load(Ordering::Relaxed) != first {
            known.store(first, Ordering::Relaxed);
        }
    }

    /// Removes the entry that would end first, in whichever shard it is; its room is the caller's.
    pub(crate) fn make_room(&self, now_ms: u64) -> bool {
        let may_purge = !self.schema().nopurge;
        let expires = self.context.layout.expire_ms.is_some();
        let mut in_use = InUse::default();
        // Each look settles one shard's first place for good, so that after one look at every shard
        // the first of all is known.
        let tries = self.shards.len() + 1;
        for attempt in 1..=tries {
            let Some((index, first, second)) = self.first_to_end(&in_use) else {
                return false;
            };
            if !(may_purge || expires && first <= now_ms) {
                return false;
            }
            let mut state = self.shards[index].lock();
            let mut budget = PURGE_PLACES;
            match state.settle(&self.context, now_ms, u64::MAX, &mut budget) {
                Some(deadline) => {
                    let is_over = expires && deadline <= now_ms;
                    let is_first = deadline <= second || attempt == tries;
                    if is_over || may_purge && is_first {
                        state.remove_first(&self.context);
                        if is_over {
                            state.counted.expired += 1;
                        } else {
                            state.counted.purged += 1;
                        }
                        self.publish(index, &state);
                        return true;
                    }
                }
                None => in_use.add(index),
            }
            self.publish(index, &state);
        }
        false
    }

    /// The shard whose queue is first, its first place and the first place of the others; without
    /// the shards in which everything is in use.
    fn first_to_end(&self, in_use: &InUse) -> Option<(usize, u64, u64)> {
        let (mut best, mut first, mut second) = (0, u64::MAX, u64::MAX);
        for (index, at_ms) in self.first_ms.iter().enumerate() {
            let at_ms = at_ms.load(Ordering::Relaxed);
            if at_ms >= second || in_use.has(index) {
                continue;
            }
            if at_ms < first {
                (best, second, first) = (index, first, at_ms);
            } else {
                second = at_ms;
            }
        }
        (first != u64::MAX).then_some((best, first, second))
    }
}

/// Shards in which everything is in use; there are 256 at most.
#[derive(Default)]
struct InUse([u64; 4]);

impl InUse {
    fn add(&mut self, index: usize) {
        self.0[index / 64 % 4] |= 1 << (index % 64);
    }

    fn has(&self, index: usize) -> bool {
        self.0[index / 64 % 4] & 1 << (index % 64) != 0
    }
}

#[cfg(test)]
mod tests;

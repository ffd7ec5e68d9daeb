//! The update log of one shard: which entries changed here, in the order of their update ids.
//!
//! It holds places, not values: a peer is sent what an entry holds when it is read.

use lbd_core::bits::low32;
use std::collections::VecDeque;

/// Places above twice the entries after which the log drops the ones that entries have left.
const SLACK: usize = 256;

/// A place in the log, 12 bytes.
#[derive(Debug, Clone, Copy)]
struct Place([u32; 3]);

impl Place {
    fn new(id: u64, slot: u32) -> Self {
        Self([low32(id), low32(id >> 32), slot])
    }

    fn id(self) -> u64 {
        u64::from(self.0[1]) << 32 | u64::from(self.0[0])
    }

    fn slot(self) -> u32 {
        self.0[2]
    }
}

/// Places in the order of their ids.
#[derive(Debug, Default)]
pub(crate) struct Log {
    places: VecDeque<Place>,
}

impl Log {
    /// Adds a place; its id is above all others.
    pub(crate) fn push(&mut self, id: u64, slot: u32) {
        self.places.push_back(Place::new(id, slot));
    }

    /// Drops places that every peer acknowledged.
    pub(crate) fn trim(&mut self, acknowledged: u64, at_most: usize) {
        for _ in 0..at_most {
            match self.places.front() {
                Some(first) if first.id() <= acknowledged => self.places.pop_front(),
                _ => break,
            };
        }
        if self.places.capacity() > 64 && self.places.len() < self.places.capacity() / 8 {
            let capacity = self.places.capacity() / 4;
            self.places.shrink_to(capacity);
        }
    }

    /// Whether it is so long beside `entries` that it must be compacted.
    pub(crate) fn is_long(&self, entries: usize) -> bool {
        self.places.len() > 2 * entries + SLACK
    }

    /// Keeps the places that entries still have: at most one for each.
    pub(crate) fn compact(&mut self, mut is_current: impl FnMut(u64, u32) -> bool) {
        self.places
            .retain(|place| is_current(place.id(), place.slot()));
    }

    /// Places with ids above `after` up to `until`.
    pub(crate) fn between(&self, after: u64, until: u64) -> impl Iterator<Item = (u64, u32)> {
        let first = self.places.partition_point(|place| place.id() <= after);
        self.places
            .range(first..)
            .map(|place| (place.id(), place.slot()))
            .take_while(move |&(id, _)| id <= until)
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.places.capacity() * 12
    }
}

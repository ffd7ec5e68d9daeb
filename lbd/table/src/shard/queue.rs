//! The order in which entries of one shard end: one place for each row, moved lazily.
//!
//! A place says when an entry has to be looked at, not when it ends: using an entry again moves its
//! deadline and leaves its place.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

const SLOT_BITS: u32 = 24;

/// Rows by the moment at which to look at them.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// Milliseconds and slot in one word; the earliest on top.
    places: BinaryHeap<Reverse<u64>>,
}

impl Queue {
    #[inline]
    pub(crate) fn push(&mut self, at_ms: u64, slot: u32) {
        self.places.push(Reverse(place(at_ms, slot)));
    }

    /// The earliest place.
    #[inline]
    pub(crate) fn first(&self) -> Option<(u64, u32)> {
        let &Reverse(place) = self.places.peek()?;
        Some((place >> SLOT_BITS, (place & ((1 << SLOT_BITS) - 1)) as u32))
    }

    /// Takes the earliest place out.
    pub(crate) fn pop(&mut self) {
        self.places.pop();
    }

    /// Moves the earliest place.
    pub(crate) fn move_first(&mut self, at_ms: u64) {
        if let Some(mut first) = self.places.peek_mut() {
            let slot = (first.0 & ((1 << SLOT_BITS) - 1)) as u32;
            first.0 = place(at_ms, slot);
        }
    }

    /// Keeps the places of the slots that `is_wanted` names.
    pub(crate) fn retain(&mut self, mut is_wanted: impl FnMut(u32) -> bool) {
        self.places
            .retain(|&Reverse(place)| is_wanted((place & ((1 << SLOT_BITS) - 1)) as u32));
    }

    pub(crate) fn bytes(&self) -> usize {
        self.places.capacity() * 8
    }
}

/// 40 bits of milliseconds, 24 of slot.
#[inline]
fn place(at_ms: u64, slot: u32) -> u64 {
    at_ms << SLOT_BITS | u64::from(slot)
}

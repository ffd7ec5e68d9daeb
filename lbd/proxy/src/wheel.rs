//! A hierarchical timing wheel: which of many timers are due, each at most once in it.
//!
//! It reads no clock and wakes nobody. Times are whole milliseconds on the caller's scale; timers
//! are named by small numbers that the caller hands out (the places of sessions in their list).

use lbd_core::bits::{low16, low32};

/// The timers. Setting, moving, taking out and giving out one are all of constant cost; a timer
/// that rests takes 24 bytes.
#[derive(Debug)]
pub(crate) struct Wheel {
    /// All that was due up to here has been given out.
    now: u64,
    levels: [Level; LEVELS],
    /// By name of the timer.
    nodes: Vec<Node>,
}

#[derive(Debug, Clone, Copy)]
struct Level {
    /// Bit n: slot n holds something.
    occupied: u64,
    /// The first timer of each slot.
    heads: [u32; SLOTS],
}

#[derive(Debug, Clone, Copy)]
struct Node {
    /// When it is due; [`UNSET`] while it is not in the wheel.
    at: u64,
    next: u32,
    prev: u32,
    /// Level and slot it stands in.
    place: u16,
}

impl Default for Wheel {
    fn default() -> Self {
        let level = Level {
            occupied: 0,
            heads: [NONE; SLOTS],
        };
        Self {
            now: 0,
            levels: [level; LEVELS],
            nodes: Vec::new(),
        }
    }
}

impl Wheel {
    /// When timer `id` is due; `None` when it is not set.
    pub(crate) fn due(&self, id: u32) -> Option<u64> {
        self.nodes
            .get(id as usize)
            .map(|node| node.at)
            .filter(|at| *at != UNSET)
    }

    /// Sets timer `id`, or moves it. A time that has passed is due at the next millisecond; one
    /// beyond the horizon of twelve days comes early.
    pub(crate) fn set(&mut self, id: u32, at: u64) {
        self.clear(id);
        let index = id as usize;
        if index >= self.nodes.len() {
            self.nodes.resize(index + 1, Node::IDLE);
        }
        self.link(id, at.clamp(self.now + 1, self.now + HORIZON));
    }

    /// Takes timer `id` out, if it is set.
    pub(crate) fn clear(&mut self, id: u32) {
        let Some(node) = self.nodes.get_mut(id as usize) else {
            return;
        };
        if node.at == UNSET {
            return;
        }
        let Node {
            next, prev, place, ..
        } = std::mem::replace(node, Node::IDLE);
        if let Some(next) = self.nodes.get_mut(next as usize) {
            next.prev = prev;
        }
        match self.nodes.get_mut(prev as usize) {
            Some(prev) => prev.next = next,
            None => {
                let (level, slot) = (usize::from(place) / SLOTS, usize::from(place) % SLOTS);
                let level = &mut self.levels[level];
                level.heads[slot] = next;
                if next == NONE {
                    level.occupied &= !(1 << slot);
                }
            }
        }
    }

    /// The moment at which [`Wheel::advance`] has something to do: not later than the first timer
    /// is due, and for far ones earlier.
    pub(crate) fn next(&self) -> Option<u64> {
        self.first_slot().map(|(_, _, start)| start)
    }

    /// Moves on to `now` and hands over what is due, taken out; in order of slots, not exactly of
    /// times.
    pub(crate) fn advance(&mut self, now: u64, mut give: impl FnMut(u32)) {
        while let Some((level, slot, start)) = self.first_slot().filter(|first| first.2 <= now) {
            self.now = self.now.max(start);
            let level = &mut self.levels[level];
            level.occupied &= !(1 << slot);
            let mut id = std::mem::replace(&mut level.heads[slot], NONE);
            while let Some(node) = self.nodes.get_mut(id as usize) {
                let Node { at, next, .. } = std::mem::replace(node, Node::IDLE);
                if at <= now {
                    give(id);
                } else {
                    self.link(id, at);
                }
                id = next;
            }
        }
        self.now = self.now.max(now);
    }

    /// Level, slot and beginning of the slot that comes first. Whatever stands on a lower level
    /// comes before all on the higher ones.
    fn first_slot(&self) -> Option<(usize, usize, u64)> {
        let level = self.levels.iter().position(|level| level.occupied != 0)?;
        let shift = shift_of(level);
        let at = (self.now >> shift) % SLOTS as u64;
        // Slots behind the hand belong to its next turn.
        let ahead = u64::from(
            self.levels[level]
                .occupied
                .rotate_right(low32(at))
                .trailing_zeros(),
        );
        let start = ((self.now >> shift) + ahead) << shift;
        Some((level, slot_of(at + ahead), start))
    }

    /// Puts an idle node that exists into the list of its slot.
    fn link(&mut self, id: u32, at: u64) {
        // The highest digit, to the base of the number of slots, in which the time differs.
        let differing = (at ^ self.now) | 1;
        let level = (differing.ilog2() / BITS) as usize;
        let level = level.min(LEVELS - 1);
        let slot = slot_of(at >> shift_of(level));
        let head = std::mem::replace(&mut self.levels[level].heads[slot], id);
        self.levels[level].occupied |= 1 << slot;
        if let Some(head) = self.nodes.get_mut(head as usize) {
            head.prev = id;
        }
        self.nodes[id as usize] = Node {
            at,
            next: head,
            prev: NONE,
            place: low16((level * SLOTS + slot) as u64),
        };
    }
}

impl Node {
    const IDLE: Self = Self {
        at: UNSET,
        next: NONE,
        prev: NONE,
        place: 0,
    };
}

/// How far the slots of a level stand above single milliseconds.
const fn shift_of(level: usize) -> u32 {
    BITS * low32(level as u64)
}

/// The slot that a time in units of its level falls into.
const fn slot_of(at: u64) -> usize {
    low32(at % SLOTS as u64) as usize
}

/// No timer.
const NONE: u32 = u32::MAX;

/// A time that never comes.
const UNSET: u64 = u64::MAX;

/// Bits of a time that choose the slot of a level.
const BITS: u32 = 6;

/// Slots of a level.
const SLOTS: usize = 1 << BITS;

/// Levels: 64 slots of 1 ms, of 64 ms, of 4 s, of 4.4 minutes, of 4.7 hours.
const LEVELS: usize = 5;

/// Farther than this the wheel does not look: a little less than a whole turn of the top level.
const HORIZON: u64 = (1 << shift_of(LEVELS)) - (1 << shift_of(LEVELS - 1));

#[cfg(test)]
mod tests;

//! Looking at all entries of a table in slices: `show table`, `clear table`, a peer's lesson, a
//! snapshot.
//!
//! It holds no lock between slices: an entry that lives during the whole walk is met exactly once,
//! one that comes or goes meanwhile at most once.

use lbd_core::Time;
use std::ops::ControlFlow;

use crate::data::DataType;
use crate::entry::EntryView;
use crate::shard::slab;
use crate::table::{Removal, Table};

/// Rows that a walk looks at under one lock.
const ROWS: u32 = 64;

/// How far a walk is. A new one begins at the first entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Walk {
    shard: usize,
    slot: u32,
}

impl Walk {
    /// The shard that it is in.
    pub(crate) fn shard(&self) -> usize {
        self.shard
    }

    /// The next slot below `last`.
    pub(crate) fn step(&mut self, last: u32) -> Option<u32> {
        let slot = self.slot;
        (slot < last).then(|| {
            self.slot += 1;
            slot
        })
    }
}

/// A comparison of the filters of `show table` and `clear table`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// Equal.
    Eq,
    /// Greater or equal.
    Ge,
    /// Greater.
    Gt,
    /// Less or equal.
    Le,
    /// Less.
    Lt,
    /// Not equal.
    Ne,
}

impl Operator {
    /// The operator of a word.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "eq" => Self::Eq,
            "ge" => Self::Ge,
            "gt" => Self::Gt,
            "le" => Self::Le,
            "lt" => Self::Lt,
            "ne" => Self::Ne,
            _ => return None,
        })
    }
}

/// A filter `data.<type> <operator> <value>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filter {
    /// The data type; the table stores it.
    pub data: DataType,
    /// The element of an array; an entry never matches one that is not there.
    pub index: u32,
    /// How to compare.
    pub operator: Operator,
    /// What to compare with.
    pub value: i64,
}

impl Filter {
    /// Whether an entry passes.
    pub fn matches(&self, entry: &EntryView<'_>) -> bool {
        let Some(number) = entry.number(self.data, self.index) else {
            return false;
        };
        match self.operator {
            Operator::Eq => number == self.value,
            Operator::Ge => number >= self.value,
            Operator::Gt => number > self.value,
            Operator::Le => number <= self.value,
            Operator::Lt => number < self.value,
            Operator::Ne => number != self.value,
        }
    }
}

impl Table {
    /// Meets entries, `at_most` rows of them in this slice. `take` answers `Break` for the one that
    /// it has no room for: that one comes first in the next slice. It is called with a shard locked
    /// and must not call the table. Says whether there are more.
    pub fn walk(
        &self,
        walk: &mut Walk,
        now: Time,
        at_most: usize,
        mut take: impl FnMut(&EntryView<'_>) -> ControlFlow<()>,
    ) -> bool {
        self.slices(walk, at_most, |walk, last| {
            let state = self.shards[walk.shard].lock();
            while walk.slot < last {
                if let Some(slot) = state.live(walk.slot)
                    && let Some(entry) = self.view(&state, walk.shard, slot, now.as_millis())
                    && take(&entry).is_break()
                {
                    return ControlFlow::Break(());
                }
                walk.slot += 1;
            }
            ControlFlow::Continue(())
        })
    }

    /// The same for the lesson of a peer, after which it needs no update that was logged before the
    /// lesson began ([`Table::skip_to`]).
    pub fn teach(
        &self,
        walk: &mut Walk,
        now: Time,
        at_most: usize,
        mut take: impl FnMut(&EntryView<'_>) -> ControlFlow<()>,
    ) -> bool {
        self.slices(walk, at_most, |walk, last| {
            let mut state = self.shards[walk.shard].lock();
            while walk.slot < last {
                if let Some(slot) = state.live(walk.slot) {
                    let entry = self.view(&state, walk.shard, slot, now.as_millis());
                    if entry.is_some_and(|entry| take(&entry).is_break()) {
                        return ControlFlow::Break(());
                    }
                    // A later change gets an id of its own, above the lesson's mark.
                    slab::clear(state.slab.row_mut(slot), slab::PENDING);
                }
                walk.slot += 1;
            }
            ControlFlow::Continue(())
        })
    }

    /// Removes the entries that `is_wanted` names and nobody tracks, as `clear table` does. Says
    /// whether there are more to look at.
    pub fn clear_slice(
        &self,
        walk: &mut Walk,
        now: Time,
        at_most: usize,
        mut is_wanted: impl FnMut(&EntryView<'_>) -> bool,
    ) -> bool {
        let now_ms = now.as_millis();
        let has_more = self.slices(walk, at_most, |walk, last| {
            let mut state = self.shards[walk.shard].lock();
            while walk.slot < last {
                if let Some(slot) = state.live(walk.slot) {
                    let entry = self.view(&state, walk.shard, slot, now_ms);
                    if entry.is_some_and(|entry| is_wanted(&entry)) {
                        let _: Removal = self.clear(&mut state, slot, now_ms);
                    }
                }
                walk.slot += 1;
            }
            ControlFlow::Continue(())
        });
        self.tell_of_removals();
        has_more
    }

    /// Calls `slice` for pieces of the shards' rows until `at_most` rows were looked at.
    pub(crate) fn slices(
        &self,
        walk: &mut Walk,
        at_most: usize,
        mut slice: impl FnMut(&mut Walk, u32) -> ControlFlow<()>,
    ) -> bool {
        let mut left = u32::try_from(at_most).unwrap_or(u32::MAX);
        while left > 0 {
            let Some(shard) = self.shards.get(walk.shard) else {
                return false;
            };
            let rows = shard.lock().slab.rows();
            if walk.slot >= rows {
                walk.shard += 1;
                walk.slot = 0;
                continue;
            }
            let last = rows.min(walk.slot + ROWS.min(left));
            left -= last - walk.slot;
            if slice(walk, last).is_break() {
                return true;
            }
        }
        walk.shard < self.shards.len()
    }
}

#[cfg(test)]
mod tests;

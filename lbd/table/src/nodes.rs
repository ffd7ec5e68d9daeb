//! Contributions of other nodes, which add up; and what was cleared, which stays cleared.
//!
//! Each node counts in its own part and tells others that part, so that nothing is lost when two
//! count at once. A value that was set, and not counted, begins a new epoch of its entry: parts of an
//! older epoch do not count any more, and those of a newer one take the place of all that is here. An
//! entry that was cleared leaves a tombstone with the epoch that the next entry of its key begins
//! with. So any order of arrival ends in the same state.
//!
//! Values of which there is one for all (tags, servers) are those that came last.

use std::cmp::Ordering::{Equal, Greater, Less};
use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use lbd_core::Time;
use parking_lot::{Mutex, MutexGuard};

use crate::data::{DataType, Value};
use crate::entry::{EntryMut, EntryView, Part};
use crate::key::Key;
use crate::learn::Item;
use crate::shard::{State, slab};
use crate::table::{Full, Table, entry_id};
use crate::walk::Walk;

/// Most tombstones of a table; the oldest go first, and are counted.
pub const MAX_TOMBSTONES: usize = 65_536;

/// How long a tombstone is kept in a table whose entries live for ever, and at least.
const TOMB_MS: u64 = 3_600_000;

/// Whose part of an entry is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Of the node that tells, by its number.
    Teller(u8),
    /// Of a third node, by its number: it counts where nothing of it is known.
    Third {
        /// Its number.
        node: u8,
        /// It was told in the node's present life.
        is_present: bool,
    },
    /// Of this node, before it forgot.
    Learner,
    /// Of this node, as a snapshot has it: what others know of it may be newer.
    Snapshot,
}

/// Of which life of an entry another node tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    /// It begins here with what is told.
    New,
    /// Of one that is over here.
    Over,
    /// Of the one that is here.
    Same,
}

/// An entry that another node tells of.
pub(crate) struct Met<'t> {
    pub(crate) index: usize,
    pub(crate) slot: u32,
    pub(crate) state: MutexGuard<'t, State>,
    pub(crate) life: Life,
    /// There was none, or one that had expired.
    pub(crate) is_new: bool,
}

/// What is told beside the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// Whose part it is.
    pub origin: Origin,
    /// The entry's epoch there.
    pub epoch: u32,
    /// Milliseconds that it lives; none for as long as the table says.
    pub expires_ms: Option<u32>,
    /// The teller's own part is whole. While it is not it may have forgotten what is known of it
    /// here: that holds until the teller has learned it. Of [`Origin::Learner`] a part that is not
    /// whole wants what others tell of it later.
    pub is_sure: bool,
}

/// What a node still has to learn about what it has forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Learning {
    /// Nothing: entries that begin are whole.
    #[default]
    Over = 0,
    /// A lesson may come late, from a node that was out of reach: it is added to what is counted.
    Late = 1,
    /// Lessons are had: sums of peers without parts are taken apart, too.
    Lesson = 2,
}

/// A cleared entry.
#[derive(Debug, Clone, Copy)]
struct Tomb {
    epoch: u32,
    until_ms: u64,
    number: u64,
    /// It was cleared here.
    is_ours: bool,
}

/// Tombstones of a table.
#[derive(Debug, Default)]
pub(crate) struct Tombs {
    /// There are some: spares the lock where there are none.
    any: AtomicBool,
    list: Mutex<List>,
}

#[derive(Debug, Default)]
struct List {
    by_key: HashMap<Box<[u8]>, Tomb>,
    order: VecDeque<(u64, Box<[u8]>)>,
    last: u64,
    dropped: u64,
}

impl Tombs {
    fn bury(&self, key: &[u8], epoch: u32, now_ms: u64, until_ms: u64, is_ours: bool) {
        let mut list = self.list.lock();
        list.last += 1;
        let number = list.last;
        let tomb = Tomb {
            epoch,
            until_ms,
            number,
            is_ours,
        };
        list.by_key.insert(key.into(), tomb);
        list.order.push_back((number, key.into()));
        while let Some((number, key)) = list.order.front() {
            let tomb = list.by_key.get(key).filter(|tomb| tomb.number == *number);
            let is_kept = tomb.is_some_and(|tomb| tomb.until_ms > now_ms);
            if is_kept && list.by_key.len() <= MAX_TOMBSTONES {
                break;
            }
            let is_current = tomb.is_some();
            let Some((_, key)) = list.order.pop_front() else {
                break;
            };
            if is_current {
                list.by_key.remove(&key);
                list.dropped += u64::from(is_kept);
            }
        }
        self.any.store(true, Ordering::Relaxed);
    }

    fn epoch_of(&self, key: &[u8]) -> u32 {
        if !self.any.load(Ordering::Relaxed) {
            return 0;
        }
        let list = self.list.lock();
        list.by_key.get(key).map_or(0, |tomb| tomb.epoch)
    }
}

impl EntryView<'_> {
    /// Our part of the counters, and all else.
    pub fn own_values(&self, take: impl FnMut(DataType, u32, Value<'_>)) {
        self.each(Part::Own, take);
    }

    /// Another node's part of the counters, and all else.
    pub fn values_of(&self, node: u8, take: impl FnMut(DataType, u32, Value<'_>)) {
        self.each(Part::Node(usize::from(node)), take);
    }

    /// Whether another node has a part.
    pub fn has_part(&self, node: u8) -> bool {
        let layout = &self.context.layout;
        let at = layout.of_node(layout.counters_at, usize::from(node));
        usize::from(node) < layout.nodes
            && self.row[at..at + layout.node_words]
                .iter()
                .any(|&word| word != 0)
    }

    /// Whether another node's part is what it has told in its present life: it knows of it.
    pub fn is_present(&self, node: u8) -> bool {
        let at = self.context.layout.present_at();
        at.is_some_and(|at| self.row[at] & 1 << node != 0)
    }

    /// Whether our own part is whole, as far as is known while this node learns.
    pub fn is_owned(&self) -> bool {
        slab::has(self.row, slab::OWNED)
    }

    /// How often a value of it was set instead of counted.
    pub fn epoch(&self) -> u32 {
        let at = self.context.layout.epoch_at();
        at.map_or(0, |at| self.row[at])
    }
}

impl Table {
    /// Other nodes whose contributions are kept.
    pub fn nodes(&self) -> u8 {
        // At most seven.
        lbd_core::bits::low8(self.context.layout.nodes as u64)
    }

    /// Says whether this node still learns what it has forgotten: then what others know of its part
    /// is added to entries that begin.
    pub fn set_learning(&self, learning: Learning) {
        self.context
            .learning
            .store(learning as u8, Ordering::Relaxed);
    }

    fn is_learning(&self) -> bool {
        self.context.learning.load(Ordering::Relaxed) != Learning::Over as u8
    }

    fn has_lessons(&self) -> bool {
        self.context.learning.load(Ordering::Relaxed) == Learning::Lesson as u8
    }

    /// The entry that another node tells of, in the life in which it tells. `None` when it was cleared
    /// here and who tells of it does not know yet, and where entries have no lives.
    pub(crate) fn meet(
        &self,
        key: &Key<'_>,
        epoch: u32,
        now_ms: u64,
    ) -> Result<Option<Met<'_>>, Full> {
        let (index, hash) = self.place(key);
        let (mut state, slot, is_new) = self.entry(index, hash, key.bytes(), now_ms)?;
        state.now_ms = state.now_ms.max(now_ms);
        let layout = &self.context.layout;
        let Some(epoch_at) = layout.epoch_at() else {
            return Ok(None);
        };
        let row = state.slab.row_mut(slot);
        let life = match epoch.cmp(&row[epoch_at]) {
            Less if is_new => {
                state.remove(&self.context, slot);
                self.context.used.fetch_sub(1, Ordering::Relaxed);
                return Ok(None);
            }
            Less => Life::Over,
            Equal if !is_new => Life::Same,
            Equal => Life::New,
            Greater => {
                row[layout.counters_at..].fill(0);
                row[epoch_at] = epoch;
                slab::set(row, slab::OWNED);
                Life::New
            }
        };
        Ok(Some(Met {
            index,
            slot,
            state,
            life,
            is_new,
        }))
    }

    /// Takes over a node's part of an entry.
    ///
    /// # Errors
    ///
    /// [`Full`].
    pub fn learn_of(
        &self,
        key: &Key<'_>,
        told: Told,
        items: &[Item<'_>],
        write_to: Option<&Self>,
        now: Time,
    ) -> Result<(), Full> {
        let now_ms = now.as_millis();
        let Some(met) = self.meet(key, told.epoch, now_ms)? else {
            return Ok(());
        };
        let (index, slot, mut state) = (met.index, met.slot, met.state);
        let layout = &self.context.layout;
        let last_id = &self.shards[index].last_id;
        if met.life == Life::Over {
            if state.touch_local(&self.context, last_id, slot, now_ms) {
                drop(state);
                self.wake();
            }
            return Ok(());
        }
        let grew = self.put(&mut state, (index, slot), told, items, now_ms);
        let own_ms = layout.expire_ms.unwrap_or(0);
        let lives_ms = told.expires_ms.map_or(own_ms, |sent| sent.min(own_ms));
        // Others may have heard of what was counted since, and of that only.
        let wakes = grew && state.touch_local(&self.context, last_id, slot, now_ms);
        state.touch_remote(&self.context, slot, now_ms + u64::from(lives_ms));
        self.publish(index, &state);
        drop(state);
        if wakes {
            self.wake();
        }
        if let Some(target) = write_to.filter(|_| matches!(told.origin, Origin::Teller(_))) {
            let as_is = items.iter().filter(|item| item.0.is_as_is()).copied();
            let as_is: Vec<_> = as_is.collect();
            // A target without room counts it as refused; the source has it.
            let _ = target.learn(key, told.expires_ms, &as_is, None, now);
        }
        Ok(())
    }

    /// Says whether our own part is not what the teller knows of it.
    fn put(
        &self,
        state: &mut State,
        (index, slot): (usize, u32),
        told: Told,
        items: &[Item<'_>],
        now_ms: u64,
    ) -> bool {
        let origin = told.origin;
        let (row, long_key) = state.row_and_key(&self.context.layout, slot);
        let is_learner =
            origin == Origin::Learner && !slab::has(row, slab::OWNED) && self.is_learning();
        let is_snapshot = origin == Origin::Snapshot;
        let adopts = is_learner || is_snapshot;
        // What was copied has in it what others knew.
        let has_past = slab::has(row, slab::RESTORED | slab::COPY);
        // A sum that a peer without parts told holds what a lesson now tells part by part.
        let is_copy = slab::has(row, slab::COPY) && self.has_lessons();
        let layout = &self.context.layout;
        if is_snapshot {
            slab::clear(row, slab::OWNED);
            slab::set(row, slab::RESTORED);
        } else if is_learner && told.is_sure {
            slab::set(row, slab::OWNED);
        }
        let mut entry = EntryMut {
            context: &self.context,
            row,
            long_key,
            now_ms,
            id: entry_id(index, slot),
            is_new: false,
            is_changed: false,
        };
        let is_known = match origin {
            Origin::Third { node, .. } => entry.view().has_part(node),
            // It has forgotten what is known here, and will hear of it.
            Origin::Teller(node) if !told.is_sure => {
                entry.view().has_part(node) && !entry.view().is_present(node)
            }
            Origin::Teller(_) | Origin::Learner | Origin::Snapshot => false,
        };
        for &(data, element, value) in items {
            if let Origin::Teller(node) | Origin::Third { node, .. } = origin
                && is_copy
                && !is_known
            {
                entry.uncount(usize::from(node), data, element, value);
            }
            match origin {
                Origin::Teller(_) if is_known && !data.is_as_is() => {}
                Origin::Teller(node) => entry.accept_of(usize::from(node), data, element, value),
                Origin::Third { node, .. } if !is_known && !data.is_as_is() && !data.is_local() => {
                    entry.accept_of(usize::from(node), data, element, value);
                }
                Origin::Learner | Origin::Snapshot if adopts && data.is_as_is() => {
                    entry.accept(data, element, value);
                }
                Origin::Learner | Origin::Snapshot if adopts => {
                    entry.adopt(data, element, value, has_past);
                }
                Origin::Third { .. } | Origin::Learner | Origin::Snapshot => {}
            }
        }
        let present = match origin {
            Origin::Teller(node)
            | Origin::Third {
                node,
                is_present: true,
            } if !is_known => Some(node),
            _ => None,
        };
        if let Some((at, node)) = layout.present_at().zip(present) {
            // At most seven nodes.
            entry.row[at] |= 1 << node;
        }
        let is_as_told = |item: &Item<'_>| entry.is_own(item.0, item.1, item.2);
        origin == Origin::Learner && !items.iter().all(is_as_told)
    }

    /// A node has cleared the entry of a key.
    pub fn learn_removal(&self, key: &Key<'_>, epoch: u32, now: Time) {
        let now_ms = now.as_millis();
        let (index, hash) = self.place(key);
        let mut state = self.shards[index].lock();
        let Some(epoch_at) = self.context.layout.epoch_at() else {
            return;
        };
        let found = state.find(&self.context.layout, hash, key.bytes());
        let here = found.map(|slot| state.slab.row(slot)[epoch_at]);
        if here.is_some_and(|here| here >= epoch) {
            return;
        }
        let until_ms = self.tomb_until(now_ms);
        self.context
            .tombs
            .bury(key.bytes(), epoch, now_ms, until_ms, false);
        let Some(slot) = found else { return };
        if slab::refs(state.slab.row(slot)) == 0 {
            state.remove(&self.context, slot);
            self.context.used.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        // Who is tracked stays and begins anew.
        let row = state.slab.row_mut(slot);
        row[self.context.layout.counters_at..].fill(0);
        row[epoch_at] = epoch;
    }

    /// Tombstones with numbers above `after`, in their order; with `ours_only` those of entries that
    /// were cleared here. `take` gets number, key and epoch and answers `Break` for the one that it
    /// has no room for. It must not call the table.
    pub fn tombstones(
        &self,
        after: u64,
        ours_only: bool,
        now: Time,
        mut take: impl FnMut(u64, &[u8], u32) -> ControlFlow<()>,
    ) {
        if !self.context.tombs.any.load(Ordering::Relaxed) {
            return;
        }
        let list = self.context.tombs.list.lock();
        let start = list.order.partition_point(|(number, _)| *number <= after);
        for (number, key) in list.order.range(start..) {
            let tomb = list.by_key.get(key).filter(|tomb| tomb.number == *number);
            let told =
                tomb.filter(|tomb| tomb.until_ms > now.as_millis() && (tomb.is_ours || !ours_only));
            if let Some(tomb) = told
                && take(*number, key, tomb.epoch).is_break()
            {
                return;
            }
        }
    }

    /// The number of the last tombstone.
    pub fn last_tombstone(&self) -> u64 {
        self.context.tombs.list.lock().last
    }

    /// A node has started again: what is known of its part is of its former life, and it may ask for
    /// it. Looks at `at_most` rows and says whether there are more.
    pub fn begin_life(&self, node: u8, walk: &mut Walk, at_most: usize) -> bool {
        let Some(at) = self.context.layout.present_at() else {
            return false;
        };
        self.slices(walk, at_most, |walk, last| {
            let mut state = self.shards[walk.shard()].lock();
            while let Some(slot) = walk.step(last) {
                if let Some(slot) = state.live(slot) {
                    state.slab.row_mut(slot)[at] &= !(1 << node);
                }
            }
            ControlFlow::Continue(())
        })
    }

    /// A node is gone: the connections that it had at that moment are no more. Looks at `at_most`
    /// rows and says whether there are more.
    pub fn forget_connections(&self, node: u8, walk: &mut Walk, at_most: usize) -> bool {
        let layout = &self.context.layout;
        let Some(at) = layout.at(DataType::ConnCur, 0) else {
            return false;
        };
        if usize::from(node) >= layout.nodes {
            return false;
        }
        let at = layout.of_node(at, usize::from(node));
        self.slices(walk, at_most, |walk, last| {
            let mut state = self.shards[walk.shard()].lock();
            while let Some(slot) = walk.step(last) {
                if let Some(slot) = state.live(slot) {
                    state.slab.row_mut(slot)[at] = 0;
                }
            }
            ControlFlow::Continue(())
        })
    }

    /// Tells peers anew of entries with connections at this moment.
    pub fn tell_connections(&self, now: Time, walk: &mut Walk, at_most: usize) -> bool {
        let Some(at) = self.context.layout.at(DataType::ConnCur, 0) else {
            return false;
        };
        let now_ms = now.as_millis();
        let has_more = self.slices(walk, at_most, |walk, last| {
            let index = walk.shard();
            let shard = &self.shards[index];
            let mut state = shard.lock();
            while let Some(slot) = walk.step(last) {
                if let Some(slot) = state
                    .live(slot)
                    .filter(|&slot| state.slab.row(slot)[at] != 0)
                {
                    state.touch_local(&self.context, &shard.last_id, slot, now_ms);
                }
            }
            ControlFlow::Continue(())
        });
        self.wake();
        has_more
    }

    /// An entry begins: with the epoch of the tombstone of its key.
    pub(crate) fn begin(&self, state: &mut State, slot: u32, key: &[u8]) {
        let Some(at) = self.context.layout.epoch_at() else {
            return;
        };
        let epoch = self.context.tombs.epoch_of(key);
        let row = state.slab.row_mut(slot);
        row[at] = row[at].max(epoch);
        if !self.is_learning() {
            slab::set(row, slab::OWNED);
        }
    }

    /// An entry is cleared here.
    pub(crate) fn bury(&self, state: &State, slot: u32, now_ms: u64) {
        let Some(at) = self.context.layout.epoch_at() else {
            return;
        };
        let epoch = state.slab.row(slot)[at].wrapping_add(1);
        let until_ms = self.tomb_until(now_ms);
        let key = state.key(&self.context.layout, slot);
        self.context.tombs.bury(key, epoch, now_ms, until_ms, true);
    }

    pub(crate) fn tell_of_removals(&self) {
        if self.context.layout.nodes > 0 {
            self.wake();
        }
    }

    fn tomb_until(&self, now_ms: u64) -> u64 {
        let lives_ms = u64::from(self.context.layout.expire_ms.unwrap_or(0));
        now_ms + lives_ms.max(TOMB_MS)
    }
}

#[cfg(test)]
mod tests;

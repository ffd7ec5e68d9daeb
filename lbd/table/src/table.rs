//! A stick table: find, create, change and clear entries.
//!
//! It keeps no clock and starts no timer: `now` comes with each call, and [`Table::expire`] says
//! when it wants to be called again.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use ahash::RandomState;
use lbd_core::Time;
use parking_lot::MutexGuard;

use crate::data::DataType;
use crate::dictionary::Dictionary;
use crate::entry::{EntryMut, EntryView};
use crate::key::{self, Key};
use crate::nodes::{Learning, Tombs};
use crate::schema::{Layout, Schema};
use crate::shard::{Apart, Context, Shard, State, slab};

/// Shards of a table; four times as many for one of more than [`LARGE`] entries, because a shard
/// has 2^24 rows.
const SHARDS: usize = 64;
const LARGE: u32 = 1 << 28;

/// The table has no room: it is full and `nopurge`, or everything that could go is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the table is full")
    }
}

impl std::error::Error for Full {}

/// What became of an entry that was to be cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// There is no such entry.
    Absent,
    /// It is tracked and stays.
    InUse,
    /// It is gone.
    Removed,
}

/// An entry's place. It stays the same while the entry lives and may then be another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryId {
    pub(crate) shard: u16,
    pub(crate) slot: u32,
}

impl EntryId {
    /// The place that a number printed by `show table` names, without its `0x`.
    pub fn parse(hexadecimal: &str) -> Option<Self> {
        let number = u64::from_str_radix(hexadecimal, 16).ok()?;
        let shard = u16::try_from((number >> 28).checked_sub(1)?).ok()?;
        (number & 0xF == 0).then_some(Self {
            shard,
            // 24 bits.
            slot: (number >> 4 & 0xFF_FFFF) as u32,
        })
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = (u64::from(self.shard) + 1) << 28 | u64::from(self.slot) << 4;
        write!(f, "0x{number:x}")
    }
}

/// Counters of a table since its start, and its sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Largest number of entries.
    pub size: u32,
    /// Entries.
    pub used: u32,
    /// Entries created.
    pub created: u64,
    /// Entries whose time was over.
    pub expired: u64,
    /// Entries removed to make room.
    pub purged: u64,
    /// Entries removed by commands.
    pub cleared: u64,
    /// Entries that found no room.
    pub refused: u64,
    /// Updates taken over from peers and snapshots.
    pub learned: u64,
    /// Update ids given to changes made here (`local_updates`).
    pub local_updates: u64,
    /// Places of the update log.
    pub log_places: u64,
    /// Names that the dictionary of `server_key` holds.
    pub names: u64,
    /// Names that it had no room for.
    pub names_refused: u64,
    /// Bytes allocated for entries, index, queue and log.
    pub bytes: u64,
}

type Waker = Box<dyn Fn() + Send + Sync>;

/// A stick table that many workers use at once.
pub struct Table {
    name: Box<str>,
    schema: Schema,
    pub(crate) context: Context,
    pub(crate) shards: Box<[Shard]>,
    /// Earliest place of each shard's queue in milliseconds, to be looked at together; written under
    /// the shard's lock.
    pub(crate) first_ms: Box<[AtomicU64]>,
    refused: AtomicU64,
    /// Shard at which the next expiry begins.
    pub(crate) next_expiry: AtomicUsize,
    waker: OnceLock<Waker>,
    pub(crate) readers: crate::updates::Readers,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("name", &self.name)
            .field("used", &self.used())
            .finish_non_exhaustive()
    }
}

impl Table {
    /// An empty table. `name` is the one that commands use; `seed` keeps clients from choosing keys
    /// that fall together.
    pub fn new(name: &str, schema: Schema, seed: u64) -> Self {
        let layout = Layout::new(&schema, slab::HEADER);
        let count = if schema.size > LARGE {
            4 * SHARDS
        } else {
            SHARDS
        };
        let shards = (0..count).map(|_| Shard::new(&layout)).collect();
        let spread = |n: u64| seed.wrapping_add(n.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let context = Context {
            layout,
            hasher: RandomState::with_seeds(spread(1), spread(2), spread(3), spread(4)),
            dictionary: Dictionary::default(),
            shard_seed: key::shard_seed(name),
            peer_shards: AtomicU32::new(0),
            used: Apart::default(),
            ids: Apart::default(),
            reading: Apart::default(),
            tombs: Tombs::default(),
            learning: AtomicU8::new(Learning::Over as u8),
        };
        Self {
            name: name.into(),
            schema,
            context,
            shards,
            first_ms: (0..count).map(|_| AtomicU64::new(u64::MAX)).collect(),
            refused: AtomicU64::new(0),
            next_expiry: AtomicUsize::new(0),
            waker: OnceLock::new(),
            readers: crate::updates::Readers::default(),
        }
    }

    /// The name that commands use.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it was declared as.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// How many entries there are.
    pub fn used(&self) -> u32 {
        self.context.used.load(Ordering::Relaxed)
    }

    /// How many entries it may take before the oldest ones go (`table_avl`).
    pub fn available(&self) -> u32 {
        self.schema.size.saturating_sub(self.used())
    }

    /// The strings of `server_key`.
    pub fn dictionary(&self) -> &Dictionary {
        &self.context.dictionary
    }

    /// Says how many shards the table's `peers` section has.
    pub fn set_peer_shards(&self, shards: u32) {
        self.context.peer_shards.store(shards, Ordering::Relaxed);
    }

    /// Says whom to wake when a change is logged while a reader sleeps ([`Table::arm`]). The first
    /// call counts. It is called without a lock, by the worker that made the change.
    pub fn set_waker(&self, waker: impl Fn() + Send + Sync + 'static) -> bool {
        self.waker.set(Box::new(waker)).is_ok()
    }

    /// Reads an entry. This neither creates it nor starts its time anew.
    pub fn read<R>(
        &self,
        key: &Key<'_>,
        now: Time,
        read: impl FnOnce(&EntryView<'_>) -> R,
    ) -> Option<R> {
        let now_ms = now.as_millis();
        let (index, hash) = self.place(key);
        let state = self.shards[index].lock();
        let slot = state.find(&self.context.layout, hash, key.bytes())?;
        self.view(&state, index, slot, now_ms).map(|e| read(&e))
    }

    /// Changes an entry that is there.
    pub fn edit<R>(
        &self,
        key: &Key<'_>,
        now: Time,
        edit: impl FnOnce(&mut EntryMut<'_>) -> R,
    ) -> Option<R> {
        let now_ms = now.as_millis();
        let (index, hash) = self.place(key);
        let state = self.shards[index].lock();
        let slot = state.find(&self.context.layout, hash, key.bytes())?;
        if self.context.is_over(state.slab.row(slot), now_ms) {
            return None;
        }
        Some(self.change(state, index, slot, now_ms, false, edit))
    }

    /// Changes an entry, which is created when it is not there.
    ///
    /// # Errors
    ///
    /// [`Full`]; counted as refused.
    pub fn upsert<R>(
        &self,
        key: &Key<'_>,
        now: Time,
        edit: impl FnOnce(&mut EntryMut<'_>) -> R,
    ) -> Result<R, Full> {
        let now_ms = now.as_millis();
        let (index, hash) = self.place(key);
        let (state, slot, is_new) = self.entry(index, hash, key.bytes(), now_ms)?;
        Ok(self.change(state, index, slot, now_ms, is_new, edit))
    }

    /// Reads the entry at a place.
    pub fn read_at<R>(
        &self,
        id: EntryId,
        now: Time,
        read: impl FnOnce(&EntryView<'_>) -> R,
    ) -> Option<R> {
        let index = usize::from(id.shard);
        let state = self.shards.get(index)?.lock();
        let slot = state.live(id.slot)?;
        self.view(&state, index, slot, now.as_millis())
            .map(|entry| read(&entry))
    }

    /// Changes the entry at a place.
    pub fn edit_at<R>(
        &self,
        id: EntryId,
        now: Time,
        edit: impl FnOnce(&mut EntryMut<'_>) -> R,
    ) -> Option<R> {
        let now_ms = now.as_millis();
        let index = usize::from(id.shard);
        let state = self.shards.get(index)?.lock();
        let slot = state.live(id.slot)?;
        if self.context.is_over(state.slab.row(slot), now_ms) {
            return None;
        }
        Some(self.change(state, index, slot, now_ms, false, edit))
    }

    /// Removes the entry of a key, as `clear table` does; of the peers only nodes whose contributions
    /// are kept are told.
    pub fn remove(&self, key: &Key<'_>, now: Time) -> Removal {
        let (index, hash) = self.place(key);
        let mut state = self.shards[index].lock();
        let removal = match state.find(&self.context.layout, hash, key.bytes()) {
            Some(slot) => self.clear(&mut state, slot, now.as_millis()),
            None => Removal::Absent,
        };
        drop(state);
        self.tell_of_removals();
        removal
    }

    /// Removes the entry at a place.
    pub fn remove_at(&self, id: EntryId, now: Time) -> Removal {
        let Some(shard) = self.shards.get(usize::from(id.shard)) else {
            return Removal::Absent;
        };
        let mut state = shard.lock();
        let removal = match state.live(id.slot) {
            Some(slot) => self.clear(&mut state, slot, now.as_millis()),
            None => Removal::Absent,
        };
        drop(state);
        self.tell_of_removals();
        removal
    }

    /// Counters and sizes. Takes each shard's lock once: not for the hot path.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats {
            size: self.schema.size,
            used: self.used(),
            refused: self.refused.load(Ordering::Relaxed),
            names: self.context.dictionary.len() as u64,
            names_refused: self.context.dictionary.refused(),
            bytes: (self.shards.len() * size_of::<Shard>()) as u64,
            ..Stats::default()
        };
        for shard in &self.shards {
            let state = shard.lock();
            stats.created += state.counted.created;
            stats.expired += state.counted.expired;
            stats.purged += state.counted.purged;
            stats.cleared += state.counted.cleared;
            stats.learned += state.counted.learned;
            stats.local_updates += state.counted.logged;
            stats.log_places += state.log.len() as u64;
            stats.bytes += state.bytes() as u64;
        }
        stats
    }

    #[inline]
    pub(crate) fn place(&self, key: &Key<'_>) -> (usize, u64) {
        let hash = self.context.hash(key.bytes());
        // Other bits than those by which the index of a shard finds its places.
        ((hash >> 40) as usize & (self.shards.len() - 1), hash)
    }

    /// The entry in a locked shard to read; none when it is over.
    #[inline]
    pub(crate) fn view<'a>(
        &'a self,
        state: &'a State,
        index: usize,
        slot: u32,
        now_ms: u64,
    ) -> Option<EntryView<'a>> {
        let row = state.slab.row(slot);
        if self.context.is_over(row, now_ms) {
            return None;
        }
        let is_long = !self.context.layout.key.is_inline();
        Some(EntryView {
            context: &self.context,
            row,
            long_key: if is_long {
                state.key(&self.context.layout, slot)
            } else {
                &[]
            },
            now_ms,
            id: entry_id(index, slot),
        })
    }

    /// Calls `edit` on an entry of a locked shard, and touches it if that changed it.
    #[inline]
    pub(crate) fn change<R>(
        &self,
        mut state: MutexGuard<'_, State>,
        index: usize,
        slot: u32,
        now_ms: u64,
        is_new: bool,
        edit: impl FnOnce(&mut EntryMut<'_>) -> R,
    ) -> R {
        state.now_ms = state.now_ms.max(now_ms);
        let (row, long_key) = state.row_and_key(&self.context.layout, slot);
        let mut entry = EntryMut {
            context: &self.context,
            row,
            long_key,
            now_ms,
            id: entry_id(index, slot),
            is_new,
            is_changed: false,
        };
        let result = edit(&mut entry);
        let is_changed = entry.is_changed;
        let wakes = is_changed && {
            let last_id = &self.shards[index].last_id;
            state.touch_local(&self.context, last_id, slot, now_ms)
        };
        drop(state);
        if wakes {
            self.wake();
        }
        result
    }

    pub(crate) fn wake(&self) {
        if let Some(waker) = self.waker.get() {
            waker();
        }
    }

    /// The locked shard and the slot of a key, which gets an entry if it has none; and whether the
    /// entry is new.
    #[inline]
    pub(crate) fn entry(
        &self,
        index: usize,
        hash: u64,
        key: &[u8],
        now_ms: u64,
    ) -> Result<(MutexGuard<'_, State>, u32, bool), Full> {
        let shard = &self.shards[index];
        let mut has_room = false;
        loop {
            let mut state = shard.lock();
            if let Some(slot) = state.find(&self.context.layout, hash, key) {
                if has_room {
                    self.context.used.fetch_sub(1, Ordering::Relaxed);
                }
                let is_over = self.context.is_over(state.slab.row(slot), now_ms);
                if is_over {
                    state.renew(&self.context, slot, now_ms);
                    self.begin(&mut state, slot, key);
                }
                return Ok((state, slot, is_over));
            }
            if has_room || self.reserve() {
                if let Some(slot) = state.insert(&self.context, hash, key, now_ms) {
                    self.begin(&mut state, slot, key);
                    self.publish(index, &state);
                    return Ok((state, slot, true));
                }
                self.context.used.fetch_sub(1, Ordering::Relaxed);
                break;
            }
            // Room is made without a lock: it may have to be made in another shard.
            drop(state);
            has_room = self.make_room(now_ms);
            if !has_room {
                break;
            }
        }
        self.refused.fetch_add(1, Ordering::Relaxed);
        Err(Full)
    }

    pub(crate) fn clear(&self, state: &mut State, slot: u32, now_ms: u64) -> Removal {
        let row = state.slab.row(slot);
        if slab::refs(row) != 0 {
            return Removal::InUse;
        }
        let is_over = self.context.is_over(row, now_ms);
        if !is_over {
            self.bury(state, slot, now_ms);
        }
        state.remove(&self.context, slot);
        self.context.used.fetch_sub(1, Ordering::Relaxed);
        if is_over {
            state.counted.expired += 1;
            return Removal::Absent;
        }
        state.counted.cleared += 1;
        Removal::Removed
    }

    /// Whether the table counts connections at this moment.
    pub(crate) fn has_gauge(&self) -> bool {
        self.context.layout.at(DataType::ConnCur, 0).is_some()
    }
}

#[inline]
pub(crate) fn entry_id(index: usize, slot: u32) -> EntryId {
    EntryId {
        // At most 256 shards.
        shard: lbd_core::bits::low16(index as u64),
        slot,
    }
}

#[cfg(test)]
mod tests;

//! One shard of a table: index, rows, expiry queue and update log behind one lock.
//!
//! It does not count entries over all shards: its callers reserve room before they insert.

pub(crate) mod log;
pub(crate) mod queue;
pub(crate) mod slab;

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};

use ahash::RandomState;
use hashbrown::HashTable;
use parking_lot::{Mutex, MutexGuard};

use crate::data::DataType;
use crate::dictionary::Dictionary;
use crate::key;
use crate::nodes::Tombs;
use crate::schema::Layout;
use crate::updates::is_told_here;
use log::Log;
use queue::Queue;
use slab::{DEFERRED, LIVE, LOCAL, LOGGED, OWNED, PENDING, Slab};

/// How far an entry in use is put behind one used right now: it cannot be removed, and is not to be
/// looked at again and again.
const IN_USE_MS: u64 = 1000;

/// Removed rows that wait for their place in the queue, beside half of the live ones, before the
/// queue is swept.
const SWEEP: usize = 64;

/// Places of the log that one change may drop.
const TRIM: usize = 4;

/// What all shards of a table share.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) layout: Layout,
    pub(crate) hasher: RandomState,
    pub(crate) dictionary: Dictionary,
    /// Seed of [`key::peer_shard`].
    pub(crate) shard_seed: u64,
    /// Shards of the `peers` section; zero when it has none.
    pub(crate) peer_shards: AtomicU32,
    /// Entries, and rooms reserved for one.
    pub(crate) used: Apart<AtomicU32>,
    /// The last update id given.
    pub(crate) ids: Apart<AtomicU64>,
    pub(crate) reading: Apart<Reading>,
    /// What was cleared, for other nodes.
    pub(crate) tombs: Tombs,
    /// What this node has to learn: a [`crate::Learning`].
    pub(crate) learning: AtomicU8,
}

/// What workers must know of the readers of the update log.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// Every reader has acknowledged ids up to this.
    pub(crate) acknowledged: AtomicU64,
    /// There are readers.
    pub(crate) is_replicated: AtomicBool,
    /// A reader sleeps and wants to be woken.
    pub(crate) is_armed: AtomicBool,
}

/// On cache lines of its own, so that writing it does not slow down readers of its neighbours.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Apart<T>(T);

impl<T> Deref for Apart<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl Context {
    #[inline]
    pub(crate) fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash_one(key)
    }

    #[inline]
    fn deadline(&self, now_ms: u64) -> u64 {
        now_ms + u64::from(self.layout.expire_ms.unwrap_or(0))
    }

    /// Whether an entry without references is over.
    #[inline]
    pub(crate) fn is_over(&self, row: &[u32], now_ms: u64) -> bool {
        self.layout.expire_ms.is_some() && slab::deadline(row) <= now_ms && slab::refs(row) == 0
    }
}

/// What happened in a shard since the start.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counted {
    pub(crate) created: u64,
    pub(crate) expired: u64,
    pub(crate) purged: u64,
    pub(crate) cleared: u64,
    pub(crate) learned: u64,
    pub(crate) logged: u64,
}

/// A shard and what is known of it without its lock. On cache lines of its own.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Shard {
    state: Mutex<State>,
    /// Last id of the log; the largest number while one is being given. Written under the lock.
    pub(crate) last_id: AtomicU64,
}

impl Shard {
    pub(crate) fn new(layout: &Layout) -> Self {
        Self {
            state: Mutex::new(State::new(layout)),
            last_id: AtomicU64::new(0),
        }
    }

    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

/// What the lock of a shard protects.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) slab: Slab,
    index: HashTable<u32>,
    queue: Queue,
    pub(crate) log: Log,
    /// Keys too long for a row, by slot.
    long_keys: Vec<Box<[u8]>>,
    /// Rows that are not live but have a place in the queue.
    removed: usize,
    /// Latest time that a caller gave, for ends that have none.
    pub(crate) now_ms: u64,
    pub(crate) counted: Counted,
}

impl State {
    fn new(layout: &Layout) -> Self {
        Self {
            slab: Slab::new(layout.stride),
            index: HashTable::new(),
            queue: Queue::default(),
            log: Log::default(),
            long_keys: Vec::new(),
            removed: 0,
            now_ms: 0,
            counted: Counted::default(),
        }
    }

    /// Entries, those that are over but not yet removed included.
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    /// Earliest place of the queue in milliseconds, the largest number without one.
    #[inline]
    pub(crate) fn first_ms(&self) -> u64 {
        self.queue.first().map_or(u64::MAX, |(at_ms, _)| at_ms)
    }

    /// Bytes that it has allocated.
    pub(crate) fn bytes(&self) -> usize {
        let long: usize = self.long_keys.iter().map(|key| key.len()).sum();
        let rows = self.slab.bytes() + self.queue.bytes() + self.log.bytes();
        rows + self.index.allocation_size() + long + self.long_keys.capacity() * 16
    }

    #[inline]
    pub(crate) fn key(&self, layout: &Layout, slot: u32) -> &[u8] {
        key_of(layout, &self.slab, &self.long_keys, slot)
    }

    /// The row of an entry to change, beside its key.
    pub(crate) fn row_and_key(&mut self, layout: &Layout, slot: u32) -> (&mut [u32], &[u8]) {
        let long = self.long_keys.get(slot as usize).map_or(&[][..], |k| k);
        let row = self.slab.row_mut(slot);
        if layout.key.is_inline() {
            return (row, &[]);
        }
        (row, long)
    }

    #[inline]
    pub(crate) fn find(&self, layout: &Layout, hash: u64, key: &[u8]) -> Option<u32> {
        let is_it = |&slot: &u32| self.key(layout, slot) == key;
        self.index.find(hash, is_it).copied()
    }

    /// The slot, if a live entry has it.
    pub(crate) fn live(&self, slot: u32) -> Option<u32> {
        (slot < self.slab.rows() && slab::has(self.slab.row(slot), LIVE)).then_some(slot)
    }

    /// Adds an entry that is not there; none when the shard has no more rows.
    pub(crate) fn insert(
        &mut self,
        context: &Context,
        hash: u64,
        key: &[u8],
        now_ms: u64,
    ) -> Option<u32> {
        let layout = &context.layout;
        let slot = self.slab.allocate()?;
        let deadline = context.deadline(now_ms);
        let row = self.slab.row_mut(slot);
        slab::set(row, LIVE);
        slab::set_deadline(row, deadline);
        if layout.key.is_inline() {
            key::store_inline(&mut row[slab::HEADER..layout.data_at], layout.key, key);
        } else {
            let at = slot as usize;
            if self.long_keys.len() <= at {
                self.long_keys.resize_with(at + 1, Box::default);
            }
            self.long_keys[at] = key.into();
        }
        self.queue.push(deadline, slot);
        let (slab, long_keys) = (&self.slab, &self.long_keys);
        self.index.insert_unique(hash, slot, |&slot| {
            context.hash(key_of(layout, slab, long_keys, slot))
        });
        self.counted.created += 1;
        Some(slot)
    }

    /// Makes an entry that is over a new one in its place.
    pub(crate) fn renew(&mut self, context: &Context, slot: u32, now_ms: u64) {
        self.forget_name(context, slot);
        let data_at = context.layout.data_at;
        let deadline = context.deadline(now_ms);
        let epoch_at = context.layout.epoch_at();
        let row = self.slab.row_mut(slot);
        // What was said of it to other nodes stays said.
        let epoch = epoch_at.map(|at| row[at]);
        row[data_at..].fill(0);
        if let Some((at, epoch)) = epoch_at.zip(epoch) {
            row[at] = epoch;
        }
        slab::clear(
            row,
            LOCAL | LOGGED | PENDING | OWNED | slab::RESTORED | slab::COPY,
        );
        slab::set_update(row, 0);
        slab::set_deadline(row, deadline);
        self.counted.expired += 1;
        self.counted.created += 1;
    }

    fn forget_name(&self, context: &Context, slot: u32) {
        if let Some(at) = context.layout.at(DataType::ServerKey, 0) {
            let number = self.slab.row(slot)[at];
            if number != 0 {
                context.dictionary.release(number);
            }
        }
    }

    /// Takes an entry out of the index. Its row waits for its place in the queue.
    pub(crate) fn remove(&mut self, context: &Context, slot: u32) {
        self.unlink(context, slot);
        self.removed += 1;
        if self.removed > self.len() / 2 + SWEEP {
            self.sweep();
        }
    }

    fn unlink(&mut self, context: &Context, slot: u32) {
        let hash = context.hash(self.key(&context.layout, slot));
        if let Ok(found) = self.index.find_entry(hash, |&other| other == slot) {
            found.remove();
        }
        if context.layout.has_names() {
            self.forget_name(context, slot);
        }
        if let Some(key) = self.long_keys.get_mut(slot as usize) {
            *key = Box::default();
        }
        slab::clear(self.slab.row_mut(slot), LIVE | LOGGED | PENDING);
    }

    /// Frees all removed rows.
    fn sweep(&mut self) {
        let slab = &mut self.slab;
        self.queue.retain(|slot| {
            if slab::has(slab.row(slot), LIVE) {
                return true;
            }
            if !slab::drop_place(slab.row_mut(slot)) {
                slab.release(slot);
            }
            false
        });
        self.removed = 0;
    }

    /// Takes the earliest place out; the row of a removed entry goes with its last place.
    fn drop_first(&mut self, slot: u32) {
        self.queue.pop();
        let row = self.slab.row_mut(slot);
        if !slab::drop_place(row) && !slab::has(row, LIVE) {
            self.slab.release(slot);
            self.removed = self.removed.saturating_sub(1);
        }
    }

    /// Moves the earliest place, or drops it when the row has a second one at the same moment.
    fn move_first(&mut self, slot: u32, to_ms: u64) {
        if slab::has_places(self.slab.row(slot)) {
            let place = self.queue.first();
            self.queue.pop();
            if self.queue.first() == place {
                slab::drop_place(self.slab.row_mut(slot));
            } else {
                self.queue.push(to_ms, slot);
            }
        } else {
            self.queue.move_first(to_ms);
        }
    }

    /// Gives an entry a place at its deadline, because the one it has may be later.
    fn bring_forward(&mut self, slot: u32) {
        let row = self.slab.row_mut(slot);
        if slab::add_place(row) {
            self.queue.push(slab::deadline(row), slot);
        }
    }

    /// One reference less.
    pub(crate) fn release(&mut self, slot: u32) {
        let row = self.slab.row_mut(slot);
        let refs = slab::refs(row).saturating_sub(1);
        slab::set_refs(row, refs);
        if refs == 0 && slab::has(row, DEFERRED) {
            slab::clear(row, DEFERRED);
            self.bring_forward(slot);
        }
    }

    /// Brings the entry that ends first and is not in use to the top of the queue and tells its
    /// deadline. Looks at `budget` places at most, and at none later than `until_ms`.
    pub(crate) fn settle(
        &mut self,
        context: &Context,
        now_ms: u64,
        until_ms: u64,
        budget: &mut usize,
    ) -> Option<u64> {
        while *budget > 0 {
            let (at_ms, slot) = self.queue.first()?;
            if at_ms > until_ms {
                return None;
            }
            *budget -= 1;
            let row = self.slab.row_mut(slot);
            if !slab::has(row, LIVE) {
                self.drop_first(slot);
                continue;
            }
            let deadline = slab::deadline(row);
            if slab::refs(row) != 0 {
                let behind_all = context.deadline(now_ms) + IN_USE_MS;
                if at_ms >= behind_all {
                    return None;
                }
                // What is in use when its time comes gets a full time more, as in the reference.
                if context.layout.expire_ms.is_some() && deadline <= now_ms {
                    slab::set_deadline(row, context.deadline(now_ms));
                }
                slab::set(row, DEFERRED);
                self.move_first(slot, behind_all);
            } else if deadline > at_ms {
                self.move_first(slot, deadline);
            } else {
                return Some(deadline);
            }
        }
        None
    }

    /// Removes the entry that [`State::settle`] brought to the top.
    pub(crate) fn remove_first(&mut self, context: &Context) {
        if let Some((_, slot)) = self.queue.first() {
            self.unlink(context, slot);
            self.removed += 1;
            self.drop_first(slot);
        }
    }

    /// An entry was used or changed here: its time starts anew, and peers are to be told. Says
    /// whether a reader of the log is to be woken.
    #[inline]
    pub(crate) fn touch_local(
        &mut self,
        context: &Context,
        last_id: &AtomicU64,
        slot: u32,
        now_ms: u64,
    ) -> bool {
        let deadline = context.deadline(now_ms);
        let row = self.slab.row_mut(slot);
        slab::set_deadline(row, deadline);
        if !context.reading.is_replicated.load(Ordering::Relaxed) {
            return false;
        }
        // Also of a place that another thread has made: it may not be told yet.
        let is_told_here = is_told_here();
        // A place that no peer has seen yet stays: the peer will be sent what is there then.
        if slab::has(row, PENDING) {
            return false;
        }
        self.append(context, last_id, slot);
        !is_told_here
            && context.reading.is_armed.load(Ordering::SeqCst)
            && context.reading.is_armed.swap(false, Ordering::SeqCst)
    }

    fn append(&mut self, context: &Context, last_id: &AtomicU64, slot: u32) {
        // A reader that sees an id below the counter finds here either the largest number or an id
        // at least as high, and so looks into this shard.
        last_id.store(u64::MAX, Ordering::SeqCst);
        let id = context.ids.fetch_add(1, Ordering::SeqCst) + 1;
        last_id.store(id, Ordering::SeqCst);
        let row = self.slab.row_mut(slot);
        slab::set(row, LOGGED | PENDING | LOCAL);
        slab::set_update(row, id);
        self.log.push(id, slot);
        self.counted.logged += 1;
        self.log
            .trim(context.reading.acknowledged.load(Ordering::Relaxed), TRIM);
        if self.log.is_long(self.index.len()) {
            let slab = &self.slab;
            self.log.compact(|id, slot| is_current(slab.row(slot), id));
        }
    }

    /// An entry was learned from a peer and lives until `deadline_ms`.
    pub(crate) fn touch_remote(&mut self, context: &Context, slot: u32, deadline_ms: u64) {
        self.counted.learned += 1;
        let row = self.slab.row_mut(slot);
        let is_earlier = deadline_ms < slab::deadline(row);
        slab::set_deadline(row, deadline_ms);
        // The next change made here is news again. One made before that no peer has seen keeps its
        // place in the log, as in the reference.
        let is_ours = slab::has(row, PENDING);
        slab::clear(row, if is_ours { PENDING } else { PENDING | LOCAL });
        if is_earlier && context.layout.expire_ms.is_some() {
            self.bring_forward(slot);
        }
    }
}

/// Whether the row still has the place of the log with that id.
#[inline]
pub(crate) fn is_current(row: &[u32], id: u64) -> bool {
    slab::has(row, LOGGED) && slab::update(row) == lbd_core::bits::low32(id)
}

#[inline]
fn key_of<'a>(layout: &Layout, slab: &'a Slab, long_keys: &'a [Box<[u8]>], slot: u32) -> &'a [u8] {
    if layout.key.is_inline() {
        let words = &slab.row(slot)[slab::HEADER..layout.data_at];
        return key::load_inline(words, layout.key);
    }
    long_keys.get(slot as usize).map_or(&[], |key| key)
}

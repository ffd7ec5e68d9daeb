//! What a table's update log gives to peers: each change once, in the order of the update ids, to
//! any number of readers; and a lesson of all entries.
//!
//! It speaks no protocol: a session of peers turns what it reads into messages.

use lbd_core::Time;
use parking_lot::Mutex;
use std::cell::Cell;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use crate::entry::EntryView;
use crate::shard::{Shard, is_current, slab};
use crate::table::Table;

/// Most readers of one table: as many as a `peers` section may have remote peers.
pub const MAX_READERS: usize = 1024;

/// Update ids that one look at the shards spans.
const WINDOW: u64 = 4096;

/// What a thread does about the changes that it makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Teller {
    /// It wakes whom [`Table::set_waker`] names.
    Other,
    /// It tells peers itself, and has nothing to tell.
    Own,
    /// It tells peers itself, and has something to tell.
    Due,
}

thread_local! {
    static TELLER: Cell<Teller> = const { Cell::new(Teller::Other) };
}

/// From now on this thread tells peers itself what it changes: it looks at [`take_due`] before
/// answers leave and before it sleeps, and no other thread is woken for its changes.
pub fn tell_changes_here() {
    TELLER.set(Teller::Own);
}

/// Whether this thread has changed something since the last look that peers are to be told.
#[inline]
pub fn take_due() -> bool {
    let is_due = TELLER.get() == Teller::Due;
    if is_due {
        TELLER.set(Teller::Own);
    }
    is_due
}

/// Notes a change; whether this thread tells of it itself.
#[inline]
pub(crate) fn is_told_here() -> bool {
    let tells = TELLER.get() != Teller::Other;
    if tells {
        TELLER.set(Teller::Due);
    }
    tells
}

/// A reader of a table's update log: one remote peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReaderId(usize);

/// How far the readers are.
#[derive(Debug, Default)]
pub(crate) struct Readers(Mutex<Vec<Option<Reader>>>);

/// How far one reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reader {
    /// The last update id that it acknowledged.
    pub acknowledged: u64,
    /// The last update id that it was given.
    pub sent: u64,
}

/// What a reader got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulled {
    /// Updates taken.
    pub taken: usize,
    /// There may be more.
    pub has_more: bool,
}

impl Table {
    /// Adds a reader, which gets every change from now on, and the earlier ones that the log still
    /// holds. From the first reader on changes are logged. None when there are [`MAX_READERS`].
    pub fn add_reader(&self) -> Option<ReaderId> {
        let mut readers = self.readers.0.lock();
        let free = readers.iter().position(Option::is_none);
        let index = free.unwrap_or(readers.len());
        if index >= MAX_READERS {
            return None;
        }
        if index == readers.len() {
            readers.push(None);
        }
        let at = self.context.reading.acknowledged.load(Ordering::Relaxed);
        readers[index] = Some(Reader {
            acknowledged: at,
            sent: at,
        });
        self.context
            .reading
            .is_replicated
            .store(true, Ordering::SeqCst);
        Some(ReaderId(index))
    }

    /// Takes a reader away.
    pub fn remove_reader(&self, reader: ReaderId) {
        let mut readers = self.readers.0.lock();
        if let Some(place) = readers.get_mut(reader.0) {
            *place = None;
        }
        let is_replicated = readers.iter().any(Option::is_some);
        self.context
            .reading
            .is_replicated
            .store(is_replicated, Ordering::SeqCst);
        self.acknowledge_all(&readers);
    }

    /// How far a reader is.
    pub fn reader(&self, reader: ReaderId) -> Option<Reader> {
        *self.readers.0.lock().get(reader.0)?
    }

    /// The last update id given (`localupdate`). Peers see its low 32 bits.
    pub fn last_update(&self) -> u64 {
        self.context.ids.load(Ordering::SeqCst)
    }

    /// Whether there are updates that a reader was not given.
    pub fn has_updates(&self, reader: ReaderId) -> bool {
        let at = self.reader(reader).map_or(u64::MAX, |reader| reader.sent);
        self.last_update() > at
    }

    /// Asks to be woken at the next change that is logged by a thread that does not tell of it itself
    /// ([`tell_changes_here`]). Look with [`Table::has_updates`] once
    /// more after this, before sleeping.
    pub fn arm(&self) {
        self.context.reading.is_armed.store(true, Ordering::SeqCst);
    }

    /// Gives a reader the entries changed since it last was given some, in the order of their ids,
    /// each with what it holds now. `take` answers `Break` for the one that it has no room for: that
    /// one comes again. It is called with a shard locked and must not call the table.
    pub fn pull(
        &self,
        reader: ReaderId,
        now: Time,
        at_most: usize,
        mut take: impl FnMut(u64, &EntryView<'_>) -> ControlFlow<()>,
    ) -> Pulled {
        let Some(start) = self.reader(reader) else {
            return Pulled {
                taken: 0,
                has_more: false,
            };
        };
        let mut sent = start.sent;
        let mut taken = 0;
        let mut candidates = Vec::new();
        'looks: while taken < at_most {
            let last = self.last_update();
            if sent >= last {
                break;
            }
            let window = WINDOW.min((at_most - taken) as u64);
            let until = last.min(sent + window);
            self.collect(sent, until, &mut candidates);
            if candidates.is_empty() {
                // Entries that changed again have left their places: the gap may be long.
                let next = self.first_after(until).unwrap_or(u64::MAX);
                sent = last.min(next - 1);
                continue;
            }
            for &(id, index, slot) in &candidates {
                match self.give(index, slot, id, now, &mut take) {
                    Some(ControlFlow::Break(())) => break 'looks,
                    Some(ControlFlow::Continue(())) => taken += 1,
                    None => {}
                }
                sent = id;
            }
            sent = until;
        }
        self.advance(reader, |reader| reader.sent = sent.max(reader.sent));
        Pulled {
            taken,
            has_more: sent < self.last_update(),
        }
    }

    /// Places of the log with ids above `after` up to `until`, over all shards, in order.
    fn collect(&self, after: u64, until: u64, into: &mut Vec<(u64, usize, u32)>) {
        into.clear();
        for (index, shard) in self.shards.iter().enumerate() {
            if shard.last_id.load(Ordering::SeqCst) <= after {
                continue;
            }
            let state = shard.lock();
            let places = state.log.between(after, until);
            into.extend(
                places
                    .filter(|&(id, slot)| is_current(state.slab.row(slot), id))
                    .map(|(id, slot)| (id, index, slot)),
            );
        }
        into.sort_unstable();
    }

    /// The first place of the log with an id above `after` that an entry still has.
    fn first_after(&self, after: u64) -> Option<u64> {
        let shards = self.shards.iter();
        let behind = shards.filter(|shard| shard.last_id.load(Ordering::SeqCst) > after);
        let first = |shard: &Shard| {
            let state = shard.lock();
            let mut places = state.log.between(after, u64::MAX);
            places
                .find(|&(id, slot)| is_current(state.slab.row(slot), id))
                .map(|(id, _)| id)
        };
        behind.filter_map(first).min()
    }

    /// Gives one entry if it still has that place of the log.
    fn give(
        &self,
        index: usize,
        slot: u32,
        id: u64,
        now: Time,
        take: &mut impl FnMut(u64, &EntryView<'_>) -> ControlFlow<()>,
    ) -> Option<ControlFlow<()>> {
        let mut state = self.shards[index].lock();
        if !is_current(state.slab.row(slot), id) {
            return None;
        }
        let flow = take(id, &self.view(&state, index, slot, now.as_millis())?);
        if flow.is_continue() {
            slab::clear(state.slab.row_mut(slot), slab::PENDING);
        }
        Some(flow)
    }

    /// A peer acknowledged an update by the low 32 bits of its id. One that was not sent, or was
    /// acknowledged before, is ignored: says whether it was not.
    pub fn acknowledge(&self, reader: ReaderId, id: u32) -> bool {
        let mut is_good = false;
        self.advance(reader, |reader| {
            let behind = u64::from(lbd_core::bits::low32(reader.sent).wrapping_sub(id));
            if let Some(full) = reader.sent.checked_sub(behind) {
                is_good = full > reader.acknowledged;
                reader.acknowledged = reader.acknowledged.max(full);
            }
        });
        is_good
    }

    /// A new session with that peer: what was not acknowledged is given again.
    pub fn rewind(&self, reader: ReaderId) {
        self.advance(reader, |reader| reader.sent = reader.acknowledged);
    }

    /// A peer learned all entries: it needs no update up to `mark`, which is
    /// [`Table::last_update`] from before its lesson.
    pub fn skip_to(&self, reader: ReaderId, mark: u64) {
        let mark = mark.min(self.last_update());
        self.advance(reader, |reader| {
            reader.acknowledged = reader.acknowledged.max(mark);
            reader.sent = reader.sent.max(mark);
        });
    }

    fn advance(&self, reader: ReaderId, change: impl FnOnce(&mut Reader)) {
        let mut readers = self.readers.0.lock();
        if let Some(Some(reader)) = readers.get_mut(reader.0) {
            change(reader);
        }
        self.acknowledge_all(&readers);
    }

    fn acknowledge_all(&self, readers: &[Option<Reader>]) {
        let acknowledged = readers.iter().flatten().map(|reader| reader.acknowledged);
        // Without readers it stays: entries keep places that none has seen for the next one.
        let Some(all) = acknowledged.min() else {
            return;
        };
        self.context
            .reading
            .acknowledged
            .store(all, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;

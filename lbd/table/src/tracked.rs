//! An entry that a session or stream tracks (`track-sc0` and on): it counts as a reference, so that
//! it is neither purged, expired nor cleared.
//!
//! It does not know which counter it is, nor when tracking begins and ends.

use std::fmt;
use std::ops::Deref;

use lbd_core::Time;

use crate::entry::{EntryMut, EntryView};
use crate::key::Key;
use crate::shard::slab;
use crate::table::{EntryId, Full, Table, entry_id};

/// A tracked entry. `H` leads to its table: a `&Table`, an `Arc<Table>`, or a worker's own handle,
/// which spares the workers a shared reference count.
pub struct Tracked<H: Deref<Target = Table>> {
    table: H,
    id: EntryId,
}

impl<H: Deref<Target = Table>> fmt::Debug for Tracked<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tracked({} in {})", self.id, self.table.name())
    }
}

impl<H: Deref<Target = Table>> Tracked<H> {
    /// Begins to track the entry of a key, which is created when it is not there, and counts a
    /// connection: `conn_cur`, `conn_cnt`, `conn_rate`.
    ///
    /// # Errors
    ///
    /// [`Full`].
    pub fn start(table: H, key: &Key<'_>, now: Time) -> Result<Self, Full> {
        Self::start_with(table, key, now, |_| {})
    }

    /// The same, with more to count at the same moment.
    ///
    /// # Errors
    ///
    /// [`Full`].
    pub fn start_with(
        table: H,
        key: &Key<'_>,
        now: Time,
        edit: impl FnOnce(&mut EntryMut<'_>),
    ) -> Result<Self, Full> {
        let now_ms = now.as_millis();
        let (index, hash) = table.place(key);
        let (mut state, slot, is_new) = table.entry(index, hash, key.bytes(), now_ms)?;
        let row = state.slab.row_mut(slot);
        let refs = slab::refs(row).checked_add(1).ok_or(Full)?;
        slab::set_refs(row, refs);
        table.change(state, index, slot, now_ms, is_new, |entry| {
            entry.start_connection();
            edit(entry);
        });
        let id = entry_id(index, slot);
        Ok(Self { table, id })
    }

    /// The table of the entry.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The entry's place.
    pub fn id(&self) -> EntryId {
        self.id
    }

    /// Reads the entry.
    pub fn read<R>(&self, now: Time, read: impl FnOnce(&EntryView<'_>) -> R) -> Option<R> {
        self.table.read_at(self.id, now, read)
    }

    /// Changes the entry.
    pub fn edit<R>(&self, now: Time, edit: impl FnOnce(&mut EntryMut<'_>) -> R) -> Option<R> {
        self.table.edit_at(self.id, now, edit)
    }

    /// Ends tracking: `conn_cur` goes down, and an entry that is over goes. Dropping does the same
    /// at the latest time that the entry's shard has seen.
    pub fn end(mut self, now: Time) {
        self.release(Some(now.as_millis()));
        // Nothing left for `drop`: a place no shard has.
        self.id.shard = u16::MAX;
    }

    fn release(&mut self, now_ms: Option<u64>) {
        let index = usize::from(self.id.shard);
        let Some(shard) = self.table.shards.get(index) else {
            return;
        };
        let slot = self.id.slot;
        let mut state = shard.lock();
        let now_ms = now_ms.unwrap_or(state.now_ms);
        state.release(slot);
        self.table.publish(index, &state);
        if self.table.has_gauge() {
            // A change starts the entry's time anew: it cannot be over.
            self.table
                .change(state, index, slot, now_ms, false, |entry| {
                    entry.end_connection();
                });
        } else if self.table.context.is_over(state.slab.row(slot), now_ms) {
            let _ = self.table.clear(&mut state, slot, now_ms);
        }
    }
}

impl<H: Deref<Target = Table>> Drop for Tracked<H> {
    fn drop(&mut self) {
        self.release(None);
    }
}

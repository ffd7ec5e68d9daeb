//! Taking over what peers send and what a snapshot holds.
//!
//! It decodes nothing: values come typed, in full, one entry at a time.

use lbd_core::Time;

use crate::data::{DataType, Value};
use crate::entry::EntryMut;
use crate::key::Key;
use crate::shard::slab;
use crate::table::{Full, Table, entry_id};

/// One value of an entry.
pub type Item<'a> = (DataType, u32, Value<'a>);

impl Table {
    /// Takes over an entry from a peer: its values replace ours, except the local ones unless the
    /// table is `recv-only`. It lives `expires_ms` milliseconds if that is given, at most as long as
    /// the table says; else as long as the table says. What the table does not store is passed over.
    /// `write_to` gets the values that no arithmetic is done on.
    ///
    /// # Errors
    ///
    /// [`Full`], of this table; one of `write_to` is counted there.
    pub fn learn(
        &self,
        key: &Key<'_>,
        expires_ms: Option<u32>,
        items: &[Item<'_>],
        write_to: Option<&Self>,
        now: Time,
    ) -> Result<(), Full> {
        let is_taken = |data: DataType| !data.is_local() || self.schema().recv_only;
        self.take_over(key, expires_ms, items, is_taken, now)?;
        if let Some(target) = write_to {
            // A target without room counts it as refused; the source has it.
            let _ = target.take_over(key, expires_ms, items, DataType::is_as_is, now);
        }
        Ok(())
    }

    fn take_over(
        &self,
        key: &Key<'_>,
        expires_ms: Option<u32>,
        items: &[Item<'_>],
        is_taken: impl Fn(DataType) -> bool,
        now: Time,
    ) -> Result<(), Full> {
        let now_ms = now.as_millis();
        let (index, hash) = self.place(key);
        let (mut state, slot, is_new) = self.entry(index, hash, key.bytes(), now_ms)?;
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
        for &(data, element, value) in items {
            if is_taken(data) {
                entry.accept(data, element, value);
            }
        }
        if self.context.layout.nodes > 0 {
            slab::set(entry.row, slab::COPY);
        }
        let own = self.context.layout.expire_ms.unwrap_or(0);
        let lives_ms = expires_ms.map_or(own, |sent| sent.min(own));
        state.touch_remote(&self.context, slot, now_ms + u64::from(lives_ms));
        self.publish(index, &state);
        Ok(())
    }
}

#[cfg(test)]
mod tests;

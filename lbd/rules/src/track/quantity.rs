//! What fetches, converters and actions read from an entry and do to it, by the words that name it.
//!
//! Which entry is meant is the keyword's business.

use lbd_core::Time;
use lbd_table::{DataType, EntryMut, EntryView, Gpc, Key, Table};

/// Which general purpose counter or tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// The one that an argument gives.
    At,
    /// The first one.
    First,
    /// The second one.
    Second,
}

impl Which {
    fn gpc(self, index: u32) -> Gpc {
        match self {
            Self::At => Gpc::At(index),
            Self::First => Gpc::First,
            Self::Second => Gpc::Second,
        }
    }
}

/// What a keyword asks of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quantity {
    /// Sets a general purpose counter to zero; what it was.
    ClearGpc(Which),
    /// A value as commands show it.
    Data(DataType),
    /// Milliseconds until it is over.
    Expire,
    /// A general purpose counter.
    Gpc(Which),
    /// The rate of one.
    GpcRate(Which),
    /// A general purpose tag; the first may be `gpt0` or in the array.
    Gpt(Which),
    /// Milliseconds since its last use.
    Idle,
    /// Counts one event on a general purpose counter; its new value.
    IncGpc(Which),
    /// A counter of bytes in units of 1024.
    Kbytes(DataType),
    /// How many sessions and streams track it.
    Trackers,
}

impl Quantity {
    /// Whether asking changes the entry, which is created for it.
    fn changes(self) -> bool {
        matches!(self, Self::ClearGpc(_) | Self::IncGpc(_))
    }

    /// The value; none when the table does not store it. `index` is that of [`Which::At`].
    fn read(self, entry: &EntryView<'_>, index: u32) -> Option<i64> {
        match self {
            Self::ClearGpc(_) | Self::IncGpc(_) => None,
            Self::Data(data) => entry.number(data, 0),
            Self::Expire => Some(i64::from(entry.expires_in_ms())),
            Self::Gpc(which) => entry.gpc(which.gpc(index)).map(i64::from),
            Self::GpcRate(which) => entry.gpc_rate(which.gpc(index)).map(i64::from),
            Self::Gpt(Which::At) => entry.number(DataType::Gpt, index),
            Self::Gpt(_) => entry.gpt(0).map(i64::from),
            Self::Idle => Some(i64::from(entry.idle_ms())),
            Self::Kbytes(data) => entry.number(data, 0).map(|bytes| bytes >> 10),
            Self::Trackers => Some(i64::from(entry.trackers())),
        }
    }

    fn change(self, entry: &mut EntryMut<'_>, index: u32) -> Option<i64> {
        match self {
            Self::ClearGpc(which) => entry.clear_gpc(which.gpc(index)).map(i64::from),
            // Nothing to count on counts nothing.
            Self::IncGpc(which) => Some(entry.add_gpc(which.gpc(index), 1).map_or(0, i64::from)),
            _ => self.read(&entry.view(), index),
        }
    }

    /// Asks an entry that is tracked.
    #[inline]
    pub(crate) fn of_entry(self, entry: &super::Entry, index: u32, now: Time) -> Option<i64> {
        if self.changes() {
            return entry.edit(now, |entry| self.change(entry, index)).flatten();
        }
        entry.read(now, |entry| self.read(entry, index)).flatten()
    }

    /// Asks the entry of a key. A key that is not there, or that the table cannot hold, gives 0; one
    /// that is to be changed is created first when `creates`.
    pub(crate) fn of_key(
        self,
        table: &Table,
        key: Option<Key<'_>>,
        index: u32,
        now: Time,
        creates: bool,
    ) -> Option<i64> {
        let Some(key) = key else { return Some(0) };
        if !self.changes() {
            let read = table.read(&key, now, |entry| self.read(entry, index));
            return read.unwrap_or(Some(0));
        }
        let change = |entry: &mut EntryMut<'_>| self.change(entry, index);
        if creates {
            return table.upsert(&key, now, change).unwrap_or(Some(0));
        }
        table.edit(&key, now, change).unwrap_or(Some(0))
    }
}

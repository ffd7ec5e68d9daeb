//! Stick tables as rules reach them, and the entries that a session or stream tracks (haproxy 3.4
//! configuration 4.3, `track-sc0`).
//!
//! Keywords are in `fetch::table`, `convert::table` and `action::table`.

pub(crate) mod quantity;

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use lbd_core::{Time, Value};
use lbd_table::{EntryMut, Key, KeyType, Table, Tracked};

use crate::cast;
use crate::view::View;

/// A worker's own hold on a table: copying it counts on no cache line of another worker, which is
/// what the outer reference is for.
#[derive(Clone)]
pub struct TableHandle(Arc<Shared>);

struct Shared(Arc<Table>);

impl TableHandle {
    /// A hold on a table.
    pub fn new(table: Arc<Table>) -> Self {
        Self(Arc::new(Shared(table)))
    }
}

impl Deref for TableHandle {
    type Target = Table;

    #[inline]
    fn deref(&self) -> &Table {
        &self.0.0
    }
}

impl fmt::Debug for TableHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TableHandle({})", self.name())
    }
}

/// A tracked entry.
pub type Entry = Tracked<TableHandle>;

/// The counters `sc0` and on of a session or of a stream; empty until a rule tracks something.
#[derive(Debug, Default)]
pub struct Counters(Vec<Option<Entry>>);

impl Counters {
    /// What counter `number` tracks.
    #[inline]
    pub fn get(&self, number: u32) -> Option<&Entry> {
        self.0.get(number as usize)?.as_ref()
    }

    /// Begins to track with counter `number`; what it tracked before is released.
    pub fn put(&mut self, number: u32, entry: Entry) {
        let at = number as usize;
        if self.0.len() <= at {
            self.0.resize_with(at + 1, || None);
        }
        self.0[at] = Some(entry);
    }

    /// Whether nothing was ever tracked.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Calls `visit` for each tracked entry with its number.
    pub fn each(&self, mut visit: impl FnMut(u32, &Entry)) {
        for (number, entry) in (0..).zip(&self.0) {
            if let Some(entry) = entry {
                visit(number, entry);
            }
        }
    }

    /// Releases all; the memory is kept.
    pub fn end(&mut self, now: Time) {
        for entry in self.0.drain(..).flatten() {
            entry.end(now);
        }
    }
}

/// The counters of a session, which all streams of its connection have; they end with the last.
#[derive(Debug, Clone, Default)]
pub struct SessionCounters(Option<Arc<Counters>>);

impl SessionCounters {
    /// Begins to track with counter `number`, before the first stream.
    pub fn put(&mut self, number: u32, entry: Entry) {
        // Not shared yet: rules of the session run before its streams.
        if let Some(counters) = Arc::get_mut(self.0.get_or_insert_default()) {
            counters.put(number, entry);
        }
    }

    /// Releases all when no other stream of the connection is left.
    pub fn end(&mut self, now: Time) {
        if let Some(mut counters) = self.0.take().and_then(Arc::into_inner) {
            counters.end(now);
        }
    }
}

impl Deref for SessionCounters {
    type Target = Counters;

    #[inline]
    fn deref(&self) -> &Counters {
        static NONE: Counters = Counters(Vec::new());
        self.0.as_deref().unwrap_or(&NONE)
    }
}

/// Calls `edit` for each entry that a stream counts on: its own, and the session's of other numbers.
pub fn edit_all(
    session: &Counters,
    stream: Option<&Counters>,
    now: Time,
    edit: impl Fn(&mut EntryMut<'_>),
) {
    if let Some(stream) = stream {
        stream.each(|_, entry| {
            entry.edit(now, &edit);
        });
    }
    session.each(|number, entry| {
        if stream.is_none_or(|stream| stream.get(number).is_none()) {
            entry.edit(now, &edit);
        }
    });
}

/// The entry of counter `number`: the stream's, else the session's.
#[inline]
pub(crate) fn tracked<'a>(view: &View<'a>, number: u32) -> Option<&'a Entry> {
    let stream = view.stream.and_then(|stream| stream.counters.get(number));
    stream.or_else(|| view.session?.counters.get(number))
}

/// A value as a key of this type, cast as the reference casts it; none when it has no such form.
pub fn key<'a>(view: &View<'a>, value: Value<'a>, kind: KeyType) -> Option<Key<'a>> {
    let value = match (kind, value) {
        // A method is a string here.
        (KeyType::String { .. }, Value::Str(_)) | (KeyType::Ipv4, Value::Ipv4(_)) => value,
        _ => cast::to(value, kind.sample_type(), view.arena)?,
    };
    Key::of(value, kind)
}

//! One list or map: its entries in order, their versions, and the edits of the runtime API and of
//! rules (haproxy 3.4 management: `add|del|clear|prepare|commit acl|map`, `set map`).
//!
//! Look-ups go through matchers, never through a set.

use std::hash::{Hash as _, Hasher as _};
use std::sync::{Arc, Weak};

use lbd_core::Span;
use parking_lot::Mutex;

use super::matcher::Matcher;
use super::{MAX_ENTRIES, MAX_TEXT};

/// A line of a list or map.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Unique in the set; grows in order of insertion.
    pub id: u64,
    /// Version to which it belongs.
    pub version: u32,
    /// Line of the file, 0 when it came from elsewhere.
    pub line: u32,
    /// Pattern as written.
    pub key: Arc<[u8]>,
    /// Value of a map.
    pub value: Option<Arc<[u8]>>,
}

/// A place of the configuration that uses a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// What it is: `acl 'name'`, `map`, ….
    pub what: String,
    /// Where it stands.
    pub span: Option<Span>,
}

/// Which entries an edit means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which<'k> {
    /// All with this key.
    Key(&'k [u8]),
    /// The one with this id (`#<ref>`).
    Id(u64),
}

impl Which<'_> {
    fn is(self, entry: &Entry) -> bool {
        match self {
            Self::Key(key) => *entry.key == *key,
            Self::Id(id) => entry.id == id,
        }
    }
}

/// A list or map, shared between all that use it. Written by the runtime API and by rules, each
/// edit under one short lock; `matchers` are told within it.
#[derive(Debug)]
pub struct PatternSet {
    id: u32,
    reference: Option<Box<str>>,
    is_map: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    usages: Vec<Usage>,
    entries: Vec<Entry>,
    last_id: u64,
    current: u32,
    next: u32,
    matchers: Vec<Weak<Matcher>>,
    /// A digest of what was loaded.
    loaded: u64,
    /// It is not what was loaded any more.
    is_edited: bool,
}

/// What became of the edits of a set when another one took its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edits {
    /// There were none.
    None,
    /// They are in the new set, whose file is the same.
    Kept,
    /// The new set's file is another one, or its patterns are read otherwise: it goes before.
    Lost,
}

impl State {
    fn each_matcher(&mut self, mut told: impl FnMut(&Matcher)) {
        self.matchers.retain(|matcher| match matcher.upgrade() {
            Some(matcher) => {
                told(&matcher);
                true
            }
            None => false,
        });
    }
}

impl PatternSet {
    pub(super) fn new(id: u32, reference: Option<&str>, is_map: bool, usage: Usage) -> Self {
        let state = State {
            usages: vec![usage],
            ..State::default()
        };
        Self {
            id,
            reference: reference.map(Into::into),
            is_map,
            state: Mutex::new(state),
        }
    }

    /// Numeric id.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// File or virtual name, as written in the configuration.
    pub fn reference(&self) -> Option<&str> {
        self.reference.as_deref()
    }

    /// Whether entries have values.
    pub fn is_map(&self) -> bool {
        self.is_map
    }

    /// Where it is used, for `show acl` and `show map`.
    pub fn usages(&self) -> Vec<Usage> {
        self.state.lock().usages.clone()
    }

    /// Records another use.
    pub fn add_usage(&self, usage: Usage) {
        self.state.lock().usages.push(usage);
    }

    /// Current version and the last one that was prepared.
    pub fn versions(&self) -> (u32, u32) {
        let state = self.state.lock();
        (state.current, state.next)
    }

    /// Number of entries of all versions.
    pub fn len(&self) -> usize {
        self.state.lock().entries.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Up to `limit` entries of `version` (the current one if `None`) whose id is above `after`
    /// (0 for the first page), in order.
    pub fn page(&self, version: Option<u32>, after: u64, limit: usize) -> Vec<Entry> {
        let state = self.state.lock();
        let version = version.unwrap_or(state.current);
        let start = state.entries.partition_point(|entry| entry.id <= after);
        state.entries[start..]
            .iter()
            .filter(|entry| entry.version == version)
            .take(limit)
            .cloned()
            .collect()
    }

    /// The entry with this id.
    pub fn entry(&self, id: u64) -> Option<Entry> {
        let state = self.state.lock();
        let at = state
            .entries
            .binary_search_by_key(&id, |entry| entry.id)
            .ok()?;
        state.entries.get(at).cloned()
    }

    /// The matchers that index this set, for look-ups by the runtime API.
    pub fn matchers(&self) -> Vec<Arc<Matcher>> {
        self.state
            .lock()
            .matchers
            .iter()
            .filter_map(Weak::upgrade)
            .collect()
    }

    /// Fills the set while the configuration loads; matchers are made afterwards.
    ///
    /// # Errors
    /// When the set or the text is too large.
    pub fn load(&self, line: u32, key: &[u8], value: Option<&[u8]>) -> Result<(), String> {
        let mut state = self.state.lock();
        let version = state.current;
        let entry = Self::entry_of(&mut state, version, line, key, value)?;
        state.entries.push(entry);
        let mut digest = std::hash::DefaultHasher::new();
        (state.loaded, key, value).hash(&mut digest);
        state.loaded = digest.finish();
        Ok(())
    }

    /// Takes over what was edited in a set whose place this one takes, which was loaded from the same
    /// file and has not been used yet.
    pub fn take_over(&self, former: &Self) -> Edits {
        let before = former.state.lock();
        if !before.is_edited {
            return Edits::None;
        }
        let mut state = self.state.lock();
        if before.loaded != state.loaded || self.is_map != former.is_map {
            return Edits::Lost;
        }
        let current = before.current;
        let mut has_fault = false;
        state.each_matcher(|matcher| {
            let mut entries = before.entries.iter().filter(|e| e.version == current);
            has_fault |= entries.any(|entry| matcher.check(entry).is_err());
        });
        if has_fault {
            return Edits::Lost;
        }
        state.entries.clone_from(&before.entries);
        state.last_id = before.last_id;
        state.current = current;
        state.next = before.next;
        state.is_edited = true;
        state.each_matcher(|matcher| {
            matcher.rebuild(before.entries.iter().filter(|e| e.version == current));
        });
        Edits::Kept
    }

    /// Adds an entry at the end of `version` (the current one if `None`).
    ///
    /// # Errors
    /// A pattern or value that a matcher cannot read, an unknown version, or no room.
    pub fn add(
        &self,
        version: Option<u32>,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(), String> {
        let mut state = self.state.lock();
        let version = version.unwrap_or(state.current);
        if version != state.current && !is_pending(&state, version) {
            return Err(format!("version {version} is neither current nor prepared"));
        }
        let entry = Self::entry_of(&mut state, version, 0, key, value)?;
        let mut fault = None;
        state.each_matcher(|matcher| {
            if let Err(why) = matcher.check(&entry) {
                fault.get_or_insert(why);
            }
        });
        if let Some(why) = fault {
            return Err(why);
        }
        if version == state.current {
            state.each_matcher(|matcher| matcher.insert(&entry));
        }
        state.is_edited = true;
        state.entries.push(entry);
        Ok(())
    }

    /// Whether it is not what was loaded any more.
    pub fn is_edited(&self) -> bool {
        self.state.lock().is_edited
    }

    /// Whether the current version has an entry with this key.
    pub fn contains_key(&self, key: &[u8]) -> bool {
        let state = self.state.lock();
        state
            .entries
            .iter()
            .any(|entry| entry.version == state.current && *entry.key == *key)
    }

    /// Removes entries of the current version; returns how many.
    pub fn delete(&self, which: Which<'_>) -> usize {
        let mut state = self.state.lock();
        let current = state.current;
        let doomed = |entry: &Entry| entry.version == current && which.is(entry);
        let gone: Vec<Entry> = state
            .entries
            .iter()
            .filter(|e| doomed(e))
            .cloned()
            .collect();
        if gone.is_empty() {
            return 0;
        }
        state.is_edited = true;
        state.entries.retain(|entry| !doomed(entry));
        state.each_matcher(|matcher| gone.iter().for_each(|entry| matcher.remove(entry)));
        gone.len()
    }

    /// Gives entries of the current version another value, in place; returns how many.
    ///
    /// # Errors
    /// A value that a matcher cannot read.
    pub fn set_value(&self, which: Which<'_>, value: &[u8]) -> Result<usize, String> {
        if value.len() > MAX_TEXT {
            return Err(too_long());
        }
        let mut state = self.state.lock();
        let current = state.current;
        let value: Arc<[u8]> = value.into();
        let doomed = |entry: &Entry| entry.version == current && which.is(entry);
        let mut changes: Vec<(Entry, Entry)> = Vec::new();
        for entry in state.entries.iter().filter(|entry| doomed(entry)) {
            let changed = Entry {
                value: Some(Arc::clone(&value)),
                ..entry.clone()
            };
            changes.push((entry.clone(), changed));
        }
        let mut fault = None;
        state.each_matcher(|matcher| {
            for (_, changed) in &changes {
                if let Err(why) = matcher.check(changed) {
                    fault.get_or_insert(why);
                }
            }
        });
        if let Some(why) = fault {
            return Err(why);
        }
        state.is_edited |= !changes.is_empty();
        for entry in state.entries.iter_mut().filter(|entry| doomed(entry)) {
            entry.value = Some(Arc::clone(&value));
        }
        state.each_matcher(|matcher| {
            for (old, changed) in &changes {
                matcher.remove(old);
                matcher.insert(changed);
            }
        });
        Ok(changes.len())
    }

    /// Gives a key of the current version of a map a value, adding it when it is not there. Says whether
    /// the map is another one than before.
    ///
    /// # Errors
    /// A key or value that a matcher cannot read, or no room.
    pub fn put(&self, key: &[u8], value: &[u8]) -> Result<bool, String> {
        if self.holds(key, value) {
            return Ok(false);
        }
        if self.set_value(Which::Key(key), value)? == 0 {
            self.add(None, key, Some(value))?;
        }
        Ok(true)
    }

    /// Whether a key is there, and has this value wherever it is.
    fn holds(&self, key: &[u8], value: &[u8]) -> bool {
        let state = self.state.lock();
        let current = state.current;
        let its = state
            .entries
            .iter()
            .filter(|entry| entry.version == current && *entry.key == *key);
        let mut has_any = false;
        for entry in its {
            has_any = true;
            if entry.value.as_deref() != Some(value) {
                return false;
            }
        }
        has_any
    }

    /// Removes all entries of `version` (the current one if `None`).
    pub fn clear(&self, version: Option<u32>) {
        let mut state = self.state.lock();
        let version = version.unwrap_or(state.current);
        state.is_edited = true;
        state.entries.retain(|entry| entry.version != version);
        if version == state.current {
            state.each_matcher(|matcher| matcher.rebuild(std::iter::empty()));
        }
    }

    /// Opens a new version, which nobody sees until it is committed.
    pub fn prepare(&self) -> u32 {
        let mut state = self.state.lock();
        state.next = state.next.wrapping_add(1);
        state.next
    }

    /// Makes `version` the current one and drops all older entries.
    ///
    /// # Errors
    /// When that version was not prepared, or is older than the current one.
    pub fn commit(&self, version: u32) -> Result<(), String> {
        let mut state = self.state.lock();
        if version != state.current && !is_pending(&state, version) {
            return Err("Version number out of range.".to_owned());
        }
        state.is_edited = true;
        state.current = version;
        let next = state.next;
        // Entries of versions prepared later stay for their own commit.
        state
            .entries
            .retain(|entry| entry.version == version || is_between(version, entry.version, next));
        let entries = std::mem::take(&mut state.entries);
        state.each_matcher(|matcher| {
            matcher.rebuild(entries.iter().filter(|entry| entry.version == version));
        });
        state.entries = entries;
        Ok(())
    }

    pub(super) fn register(
        &self,
        make: impl FnOnce(&mut dyn Iterator<Item = &Entry>) -> Result<Arc<Matcher>, String>,
    ) -> Result<Arc<Matcher>, String> {
        let mut state = self.state.lock();
        let current = state.current;
        let matcher = make(&mut state.entries.iter().filter(|e| e.version == current))?;
        state.matchers.push(Arc::downgrade(&matcher));
        Ok(matcher)
    }

    fn entry_of(
        state: &mut State,
        version: u32,
        line: u32,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<Entry, String> {
        if state.entries.len() >= MAX_ENTRIES {
            return Err(format!("the list is full ({MAX_ENTRIES} entries)"));
        }
        if key.len() > MAX_TEXT || value.is_some_and(|value| value.len() > MAX_TEXT) {
            return Err(too_long());
        }
        state.last_id += 1;
        let value = value.map(Into::into);
        Ok(Entry {
            id: state.last_id,
            version,
            line,
            key: key.into(),
            value,
        })
    }
}

fn too_long() -> String {
    format!("a pattern or value has at most {MAX_TEXT} bytes")
}

/// Whether `version` was prepared after the current one; numbers wrap.
fn is_pending(state: &State, version: u32) -> bool {
    is_between(state.current, version, state.next)
}

fn is_between(after: u32, version: u32, last: u32) -> bool {
    version != after && version.wrapping_sub(after) <= last.wrapping_sub(after)
}

//! One way of looking values up in a pattern set, readable from every worker.
//!
//! It never changes by itself: its set tells it what was edited.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use bumpalo::Bump;
use lbd_core::Value;
use parking_lot::RwLock;

use super::index::{Hit, Index, MapValue, ValueKind};
use super::parse::{MatchKind, MatchOptions};
use super::set::{Entry, PatternSet};
use crate::cast;

/// A compiled index over a set. Written by its set only, under the set's lock; read by all.
#[derive(Debug)]
pub struct Matcher {
    kind: MatchKind,
    options: MatchOptions,
    values: Option<ValueKind>,
    /// As built with the configuration; read without a lock while nothing was edited.
    base: Index,
    is_edited: AtomicBool,
    live: RwLock<Index>,
    /// For `show acl` and for edits by rules.
    set: Weak<PatternSet>,
}

/// What a look-up found, for the runtime API's `get map` and `get acl`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// Method.
    pub kind: MatchKind,
    /// Whether case counts.
    pub is_case_sensitive: bool,
    /// Whether the index is a tree (else a list in order).
    pub is_tree: bool,
    /// Id of the entry that matched.
    pub entry: Option<u64>,
}

impl Matcher {
    /// Indexes what `set` holds and follows its edits.
    ///
    /// # Errors
    /// The first pattern or value that is not of this kind, with its line when it has one.
    pub fn new(
        set: &Arc<PatternSet>,
        kind: MatchKind,
        options: MatchOptions,
        values: Option<ValueKind>,
    ) -> Result<Arc<Self>, String> {
        set.register(|entries| {
            let base = Self::build(kind, options, values, entries)?;
            Ok(Arc::new(Self {
                kind,
                options,
                values,
                base,
                is_edited: AtomicBool::new(false),
                live: RwLock::new(Index::new(kind, options)),
                set: Arc::downgrade(set),
            }))
        })
    }

    fn build<'e>(
        kind: MatchKind,
        options: MatchOptions,
        values: Option<ValueKind>,
        entries: impl Iterator<Item = &'e Entry>,
    ) -> Result<Index, String> {
        let mut index = Index::new(kind, options);
        for entry in entries {
            let value = Self::value_of(values, entry)?;
            index
                .insert(entry.id, &entry.key, value)
                .map_err(|why| match entry.line {
                    0 => why,
                    line => format!("{why} at line {line}"),
                })?;
        }
        Ok(index)
    }

    fn value_of(values: Option<ValueKind>, entry: &Entry) -> Result<Option<MapValue>, String> {
        match (values, &entry.value) {
            (Some(kind), Some(text)) => MapValue::parse(kind, text).map(Some),
            _ => Ok(None),
        }
    }

    /// Method.
    pub fn kind(&self) -> MatchKind {
        self.kind
    }

    /// Options.
    pub fn options(&self) -> MatchOptions {
        self.options
    }

    /// The set that it indexes, while the configuration holds it.
    pub fn set(&self) -> Option<Arc<PatternSet>> {
        self.set.upgrade()
    }

    /// Number of patterns.
    pub fn len(&self) -> usize {
        self.read(Index::len)
    }

    /// Whether there is no pattern.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether `value` matches a pattern; it is cast to the method's type first.
    #[inline]
    pub fn is_match<'a>(&self, value: Value<'a>, arena: &'a Bump) -> bool {
        self.find(value, arena, |_| ()).is_some()
    }

    /// Gives the matching pattern to `take`.
    pub fn find<'a, R>(
        &self,
        value: Value<'a>,
        arena: &'a Bump,
        take: impl FnOnce(Hit<'_>) -> R,
    ) -> Option<R> {
        let value = cast::to(value, self.kind.input(), arena)?;
        self.read(|index| index.find(value).map(take))
    }

    /// The mapped value of the matching pattern, a string copied to `arena`.
    pub fn map<'a>(&self, value: Value<'a>, arena: &'a Bump) -> Option<Value<'a>> {
        self.find(value, arena, |hit| {
            hit.value.map(|value| give(value, arena))
        })?
    }

    /// What a value finds, for the runtime API.
    pub fn look_up(&self, value: Value<'_>, arena: &Bump) -> Lookup {
        let entry = cast::to(value, self.kind.input(), arena)
            .and_then(|value| self.read(|index| index.find(value).map(|hit| hit.entry)));
        Lookup {
            kind: self.kind,
            is_case_sensitive: !self.options.ignore_case,
            is_tree: self.base.is_hashed(),
            entry,
        }
    }

    #[inline]
    fn read<R>(&self, with: impl FnOnce(&Index) -> R) -> R {
        if self.is_edited.load(Ordering::Acquire) {
            with(&self.live.read())
        } else {
            with(&self.base)
        }
    }

    /// Checks that `entry` is well formed for this matcher.
    pub(crate) fn check(&self, entry: &Entry) -> Result<(), String> {
        super::parse::parse(self.kind, self.options, &entry.key)?;
        Self::value_of(self.values, entry).map(|_| ())
    }

    pub(crate) fn insert(&self, entry: &Entry) {
        let value = Self::value_of(self.values, entry).unwrap_or_default();
        // The set has checked the entry; one that fails all the same is left out.
        self.edit(|index| drop(index.insert(entry.id, &entry.key, value)));
    }

    pub(crate) fn remove(&self, entry: &Entry) {
        self.edit(|index| index.remove(entry.id, &entry.key));
    }

    /// Replaces all patterns; the new index is built before readers are held up.
    pub(crate) fn rebuild<'e>(&self, entries: impl Iterator<Item = &'e Entry>) {
        let mut index = Index::new(self.kind, self.options);
        for entry in entries {
            let value = Self::value_of(self.values, entry).unwrap_or_default();
            // Checked when it was added.
            drop(index.insert(entry.id, &entry.key, value));
        }
        *self.live.write() = index;
        self.is_edited.store(true, Ordering::Release);
    }

    fn edit(&self, change: impl FnOnce(&mut Index)) {
        if !self.is_edited.load(Ordering::Acquire) {
            let mut copy = self.base.clone();
            change(&mut copy);
            *self.live.write() = copy;
            self.is_edited.store(true, Ordering::Release);
        } else {
            change(&mut self.live.write());
        }
    }
}

fn give<'a>(value: &MapValue, arena: &'a Bump) -> Value<'a> {
    match value {
        MapValue::Str(text) => Value::Str(arena.alloc_slice_copy(text)),
        MapValue::Int(number) => Value::Int(*number),
        MapValue::Ip(IpAddr::V4(address)) => Value::Ipv4(*address),
        MapValue::Ip(IpAddr::V6(address)) => Value::Ipv6(*address),
    }
}

//! Pattern lists and maps: sets of entries shared by name, and matchers that index them.
//!
//! It neither opens files nor knows ACLs or converters; those ask for a set and a matcher.
//!
//! A [`PatternSet`] is what the runtime API shows and edits. A [`Matcher`] is one way of looking a
//! value up in it (method, case). Readers take no lock until a set is edited for the first time;
//! from then on they take a read lock that a writer holds only while it touches one entry or
//! swaps in an index built beforehand. *Invariant:* a matcher indexes exactly the entries of its
//! set that are of the current version.

pub mod index;
pub mod load;
pub mod matcher;
mod networks;
pub mod parse;
pub mod set;

use std::sync::Arc;

pub use index::{MapValue, ValueKind};
pub use matcher::{Lookup, Matcher};
pub use parse::{MatchKind, MatchOptions};
pub use set::{Edits, Entry, PatternSet, Usage, Which};

/// Entries that one set may hold.
pub const MAX_ENTRIES: usize = 16_000_000;
/// Bytes of one key or value.
pub const MAX_TEXT: usize = 16_384;

/// All pattern sets of a configuration, shared by file name and by unique id (`-u`).
#[derive(Debug, Default, Clone)]
pub struct PatternStore {
    sets: Vec<Arc<PatternSet>>,
}

impl PatternStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes over what was edited in the sets whose place these take, by their names; those whose
    /// edits are lost. Lists within the configuration have no names that stay.
    pub fn take_over(&self, former: &Self) -> Vec<String> {
        let mut lost = Vec::new();
        for old in &former.sets {
            let new = old.reference().and_then(|reference| self.find(reference));
            let edits = match new {
                Some(new) => new.take_over(old),
                None if old.is_edited() => Edits::Lost,
                None => Edits::None,
            };
            if edits == Edits::Lost {
                let named = old.reference().map(str::to_owned);
                lost.push(named.unwrap_or_else(|| format!("#{}", old.id())));
            }
        }
        lost
    }

    /// All sets in the order in which they were made.
    pub fn sets(&self) -> &[Arc<PatternSet>] {
        &self.sets
    }

    /// The set loaded from (or named after) this file reference, as written in the configuration.
    pub fn find(&self, reference: &str) -> Option<&Arc<PatternSet>> {
        self.sets
            .iter()
            .find(|set| set.reference() == Some(reference))
    }

    /// The set with this numeric id (`#<id>` in the runtime API).
    pub fn by_id(&self, id: u32) -> Option<&Arc<PatternSet>> {
        self.sets.iter().find(|set| set.id() == id)
    }

    /// Adds a set without a file, such as the words of an ACL line; `id` is the `-u` one.
    ///
    /// # Errors
    /// When `id` is taken.
    pub fn add_inline(&mut self, id: Option<u32>, usage: Usage) -> Result<Arc<PatternSet>, String> {
        self.add(id, None, false, usage)
    }

    /// Adds a set for `reference`, still empty.
    ///
    /// # Errors
    /// When `id` is taken.
    pub fn add_file(
        &mut self,
        id: Option<u32>,
        reference: &str,
        is_map: bool,
        usage: Usage,
    ) -> Result<Arc<PatternSet>, String> {
        self.add(id, Some(reference), is_map, usage)
    }

    fn add(
        &mut self,
        id: Option<u32>,
        reference: Option<&str>,
        is_map: bool,
        usage: Usage,
    ) -> Result<Arc<PatternSet>, String> {
        let id = match id {
            Some(id) if self.by_id(id).is_some() => {
                return Err(format!("the unique id \"{id}\" is already used"));
            }
            Some(id) => id,
            None => self.free_id(),
        };
        let set = Arc::new(PatternSet::new(id, reference, is_map, usage));
        self.sets.push(Arc::clone(&set));
        Ok(set)
    }

    fn free_id(&self) -> u32 {
        let in_order = lbd_core::bits::count32(self.sets.len());
        if self.by_id(in_order).is_none() {
            return in_order;
        }
        (0..)
            .find(|id| self.by_id(*id).is_none())
            .unwrap_or(u32::MAX)
    }
}

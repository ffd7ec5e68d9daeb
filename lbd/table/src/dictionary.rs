//! The strings that `server_key` values name, each kept once and counted.
//!
//! It does not know what a string means: a server's name or its address.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use parking_lot::RwLock;

/// Most strings that one table's dictionary holds: peers may send any.
pub const MAX_NAMES: usize = 65_536;

/// Longest string of a dictionary in bytes.
pub const MAX_NAME_LEN: usize = 1024;

/// Strings by number. Workers add and count while they hold a shard; the lock is never held across
/// a call into a table.
#[derive(Default)]
pub struct Dictionary {
    inner: RwLock<Inner>,
    refused: AtomicU64,
}

#[derive(Default)]
struct Inner {
    numbers: HashMap<Arc<str>, u32>,
    /// Number 1 is the first.
    names: Vec<Option<Name>>,
    free: Vec<u32>,
}

struct Name {
    text: Arc<str>,
    uses: AtomicU32,
}

impl Inner {
    fn name(&self, number: u32) -> Option<&Name> {
        let index = (number as usize).checked_sub(1)?;
        self.names.get(index)?.as_ref()
    }
}

impl Dictionary {
    /// The number of a string, counted once more; none when there is no room for it.
    pub(crate) fn acquire(&self, text: &str) -> Option<u32> {
        {
            let inner = self.inner.read();
            if let Some(&number) = inner.numbers.get(text) {
                if let Some(name) = inner.name(number) {
                    name.uses.fetch_add(1, Ordering::Relaxed);
                }
                return Some(number);
            }
        }
        self.insert(text)
    }

    fn insert(&self, text: &str) -> Option<u32> {
        let mut inner = self.inner.write();
        if let Some(&number) = inner.numbers.get(text) {
            if let Some(name) = inner.name(number) {
                name.uses.fetch_add(1, Ordering::Relaxed);
            }
            return Some(number);
        }
        if inner.numbers.len() >= MAX_NAMES || text.len() > MAX_NAME_LEN {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let text: Arc<str> = text.into();
        let name = Some(Name {
            text: Arc::clone(&text),
            uses: AtomicU32::new(1),
        });
        let number = match inner.free.pop() {
            Some(number) => {
                inner.names[number as usize - 1] = name;
                number
            }
            None => {
                inner.names.push(name);
                // At most MAX_NAMES.
                lbd_core::bits::count32(inner.names.len())
            }
        };
        inner.numbers.insert(text, number);
        Some(number)
    }

    /// Takes back one count; a string that nobody counts is forgotten.
    pub(crate) fn release(&self, number: u32) {
        {
            let inner = self.inner.read();
            let Some(name) = inner.name(number) else {
                return;
            };
            if name.uses.fetch_sub(1, Ordering::AcqRel) != 1 {
                return;
            }
        }
        let mut inner = self.inner.write();
        // Another may have counted it, or forgotten it, between the two locks.
        let is_unused = |name: &Name| name.uses.load(Ordering::Acquire) == 0;
        if !inner.name(number).is_some_and(is_unused) {
            return;
        }
        if let Some(name) = inner.names[number as usize - 1].take() {
            inner.numbers.remove(&name.text);
            inner.free.push(number);
        }
    }

    /// The string of a number.
    pub fn text(&self, number: u32) -> Option<Arc<str>> {
        let inner = self.inner.read();
        inner.name(number).map(|name| Arc::clone(&name.text))
    }

    /// How many strings it holds.
    pub fn len(&self) -> usize {
        self.inner.read().numbers.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many strings it had no room for.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Dictionary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dictionary")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

//! The servers of a backend as a list that grows while workers read it.
//!
//! Indices are for ever: a server that was taken out keeps its own, and whoever still holds it
//! reads it as it was. Who takes part in the balance is the roster's matter.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use lbd_core::{ServerId, bits};

use super::server::ServerState;

/// Servers, by `ServerId`. Read without a lock; [`push`](Self::push) and [`remove`](Self::remove)
/// are for the control side alone, which calls one at a time.
#[derive(Debug)]
pub struct Servers {
    /// Those of the configuration.
    first: Box<[Arc<ServerState>]>,
    /// Those that came while running, in chunks of which each is twice as large as the one before.
    later: [OnceLock<Chunk>; CHUNKS],
    /// Indices that are given, those of removed servers included.
    given: AtomicUsize,
    removed: AtomicUsize,
}

type Chunk = Box<[OnceLock<Arc<ServerState>>]>;

/// Servers of the first chunk.
const CHUNK: usize = 64;

/// Chunks: more than the limit of a roster.
const CHUNKS: usize = 11;

impl Servers {
    /// The servers of a configuration.
    pub fn new(first: Vec<Arc<ServerState>>) -> Self {
        Self {
            given: AtomicUsize::new(first.len()),
            first: first.into(),
            later: std::array::from_fn(|_| OnceLock::new()),
            removed: AtomicUsize::new(0),
        }
    }

    /// The server of this index, also when it was taken out.
    #[inline]
    pub fn get(&self, at: usize) -> Option<&Arc<ServerState>> {
        match self.first.get(at) {
            Some(server) => Some(server),
            None => self.later(at),
        }
    }

    fn later(&self, at: usize) -> Option<&Arc<ServerState>> {
        let (chunk, place) = self.place(at)?;
        self.later.get(chunk)?.get()?.get(place)?.get()
    }

    /// The chunk of an index behind the first ones, and the place in it.
    fn place(&self, at: usize) -> Option<(usize, usize)> {
        let behind = at.checked_sub(self.first.len())?;
        let chunk = (behind / CHUNK + 1).ilog2() as usize;
        Some((chunk, behind - CHUNK * ((1 << chunk) - 1)))
    }

    /// Those that were not taken out, in the order of their indices.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<ServerState>> {
        let given = self.given.load(Ordering::Acquire);
        let all = (0..given).filter_map(|at| self.get(at));
        all.filter(|server| !server.is_removed())
    }

    /// The server of this name.
    pub fn named(&self, name: &[u8]) -> Option<&Arc<ServerState>> {
        self.iter().find(|server| server.name.as_bytes() == name)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        let given = self.given.load(Ordering::Acquire);
        given - self.removed.load(Ordering::Relaxed).min(given)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a server, which `make` makes for its index; `None` when the list is full.
    pub(crate) fn push(&self, make: impl FnOnce(ServerId) -> ServerState) -> Option<ServerId> {
        let at = self.given.load(Ordering::Acquire);
        let (chunk, place) = self.place(at)?;
        let size = CHUNK << chunk;
        let cells = self
            .later
            .get(chunk)?
            .get_or_init(|| (0..size).map(|_| OnceLock::new()).collect());
        let id = ServerId(bits::count32(at));
        cells.get(place)?.set(Arc::new(make(id))).ok()?;
        self.given.store(at + 1, Ordering::Release);
        Some(id)
    }

    /// Takes a server out.
    pub(crate) fn remove(&self, server: &ServerState) {
        if server.set_removed() {
            self.removed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl<'a> IntoIterator for &'a Servers {
    type Item = &'a Arc<ServerState>;
    type IntoIter = Box<dyn Iterator<Item = Self::Item> + 'a>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter())
    }
}

#[cfg(test)]
mod tests;

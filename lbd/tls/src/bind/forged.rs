//! Certificates that were made up for names, remembered for the whole process.
//!
//! How many is bounded by `tune.ssl.ssl-ctx-cache-size`; the one that was not used for longest goes.

use std::sync::Arc;

use lru::LruCache;
use parking_lot::Mutex;

use super::{Entry, Served};
use crate::certificate::Certificate;
use crate::forge::{self, Forger};

/// What a made-up certificate depends on: the line, the certificate that would be shown, the name.
type Key = (usize, usize, Box<str>);

#[derive(Debug)]
struct Known {
    served: Arc<Served>,
    base: Arc<Certificate>,
}

/// Remembers made-up certificates of all lines.
#[derive(Debug)]
pub struct ForgedCache {
    most: usize,
    known: Mutex<LruCache<Key, Known>>,
}

impl ForgedCache {
    /// For at most so many; 0 remembers none.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            // It takes no room before it is used.
            known: Mutex::new(LruCache::unbounded()),
        }
    }

    fn put(&self, key: Key, known: Known) {
        if self.most == 0 {
            return;
        }
        let mut all = self.known.lock();
        all.put(key, known);
        if all.len() > self.most {
            all.pop_lru();
        }
    }
}

/// How a line makes certificates up.
#[derive(Debug, Clone)]
pub struct Forging {
    /// Who signs.
    pub forger: Arc<Forger>,
    /// Where they are remembered.
    pub cache: Arc<ForgedCache>,
}

impl Forging {
    /// A certificate for a name, in place of `base`, which is what would be shown.
    pub(super) fn served(&self, name: &str, base: &Entry, now: u64) -> Option<Arc<Served>> {
        let name = name.to_ascii_lowercase();
        let line = Arc::as_ptr(&base.policy) as usize;
        let key = (line, Arc::as_ptr(&base.certificate) as usize, name.into());
        if let Some(known) = self.cache.known.lock().get(&key)
            && Arc::ptr_eq(&known.base, &base.certificate)
            && Arc::ptr_eq(&known.served.entry.policy, &base.policy)
            && forge::is_fresh(&known.served.entry.certificate, now)
        {
            return Some(Arc::clone(&known.served));
        }
        // Two clients at once may have one made each; that costs a signature and no more.
        let certificate = self.forger.forge(&key.2, &base.certificate, now)?;
        let entry = Entry {
            certificate: Arc::new(certificate),
            ..base.clone()
        };
        let served = Arc::new(Served::new(entry));
        let known = Known {
            served: Arc::clone(&served),
            base: Arc::clone(&base.certificate),
        };
        self.cache.put(key, known);
        Some(served)
    }
}

//! Session tickets: keys that may be given, shared by a pair, and replaced while running; and a
//! session cache that keeps lines apart.
//!
//! A ticket is a key's name, a nonce, and the session sealed by AES-256-GCM (RFC 5077 4 leaves the
//! form to the server). Nothing is rotated by time here: without given keys they last as long as the
//! process, as in the reference, or until the nodes of a pair agree on others ([`share`]).
//!
//! What nodes share is not the keys of lines but secrets from which each line's keys are derived, with
//! what the line is: a line that verifies clients otherwise has other keys on either node.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{digest, hkdf, rand};
use parking_lot::RwLock;
use rustls::server::{ProducesTickets, ServerSessionMemoryCache, StoresServerSessions};

#[cfg(test)]
mod tests;

/// Bytes of a key's name.
const NAME_LEN: usize = 16;
/// Sizes of the keys of `tls-ticket-keys`: for AES-128 and for AES-256.
const KEY_SIZES: [usize; 2] = [48, 80];
/// Keys that are used at once: past, present, next.
pub const KEYS: usize = 3;

/// Bytes of a secret that nodes share.
pub const SECRET: usize = 32;

/// What a line is, in 32 bytes: its keys are derived with it.
pub type Label = [u8; 32];

/// The label of a line of which that is what must be the same on nodes that resume each other's
/// sessions.
pub fn label<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Label {
    let mut all = digest::Context::new(&digest::SHA256);
    for part in parts {
        // With their lengths, so that no part begins in another one's end.
        all.update(&(part.len() as u64).to_be_bytes());
        all.update(part);
    }
    let mut label = Label::default();
    label.copy_from_slice(all.finish().as_ref());
    label
}

/// The keys of a line with that label, by secrets that nodes share.
///
/// `None` when a secret is not [`SECRET`] bytes long.
fn derived(secrets: &[Vec<u8>], label: &Label) -> Option<Vec<Vec<u8>>> {
    let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"lbd session tickets");
    let one = |secret: &Vec<u8>| {
        let info = [&label[..]];
        let secret = Some(secret).filter(|secret| secret.len() == SECRET)?;
        let secret = salt.extract(secret);
        let okm = secret.expand(&info, KeyLength).ok()?;
        let mut key = vec![0; KEY_SIZES[1]];
        okm.fill(&mut key).ok()?;
        Some(key)
    };
    secrets.iter().map(one).collect()
}

/// Length of the larger keys, as the derivation wants to know it.
struct KeyLength;

impl hkdf::KeyType for KeyLength {
    fn len(&self) -> usize {
        KEY_SIZES[1]
    }
}

/// A random secret for nodes to share; `None` when the system gives no random bytes.
pub fn secret() -> Option<Vec<u8>> {
    let mut secret = vec![0; SECRET];
    rand::fill(&mut secret).ok()?;
    Some(secret)
}

struct Key {
    /// As given; its first bytes name it.
    secret: Box<[u8]>,
    aead: LessSafeKey,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").finish_non_exhaustive()
    }
}

impl Key {
    fn new(secret: &[u8]) -> Option<Self> {
        if !KEY_SIZES.contains(&secret.len()) {
            return None;
        }
        // All that is secret goes into the key, whatever part of it the reference would use.
        let material = digest::digest(&digest::SHA256, &secret[NAME_LEN..]);
        let key = UnboundKey::new(&AES_256_GCM, material.as_ref()).ok()?;
        Some(Self {
            secret: secret.into(),
            aead: LessSafeKey::new(key),
        })
    }

    fn name(&self) -> &[u8] {
        &self.secret[..NAME_LEN]
    }
}

/// Makes and reads tickets.
#[derive(Debug)]
pub struct Tickets {
    /// The last but one makes tickets, all read them.
    keys: RwLock<Vec<Key>>,
    lifetime: u32,
    is_given: bool,
}

impl Tickets {
    /// With a random key. `lifetime` in seconds is told to clients.
    ///
    /// `None` when the system gives no random bytes.
    pub fn random(lifetime: u32) -> Option<Self> {
        let mut secret = [0; KEY_SIZES[1]];
        rand::fill(&mut secret).ok()?;
        let mut tickets = Self::with(&[secret.to_vec()], lifetime)?;
        tickets.is_given = false;
        Some(tickets)
    }

    /// Others with a random key and the same lifetime.
    pub fn another(&self) -> Option<Self> {
        Self::random(self.lifetime)
    }

    /// Whether the keys were given (`tls-ticket-keys`).
    pub fn is_given(&self) -> bool {
        self.is_given
    }

    /// With given keys, the oldest first; `None` when one is not 48 or 80 bytes long, or there is
    /// none.
    pub fn with(secrets: &[Vec<u8>], lifetime: u32) -> Option<Self> {
        let keys: Option<Vec<Key>> = secrets.iter().map(|secret| Key::new(secret)).collect();
        let keys = keys.filter(|keys| !keys.is_empty())?;
        Some(Self {
            keys: RwLock::new(keys),
            lifetime,
            is_given: true,
        })
    }

    /// Adds a key as the next one; the oldest goes. `false` when its size is not that of the others.
    pub fn push(&self, secret: &[u8]) -> bool {
        let Some(key) = Key::new(secret) else {
            return false;
        };
        let mut keys = self.keys.write();
        if keys.iter().any(|known| known.secret.len() != secret.len()) {
            return false;
        }
        if keys.len() >= KEYS {
            keys.remove(0);
        }
        keys.push(key);
        true
    }

    /// Takes other keys, the oldest first, in the place of all. `false` when there is none or too
    /// many, or their size is not that of the present ones.
    pub fn replace(&self, secrets: &[Vec<u8>]) -> bool {
        let made: Option<Vec<Key>> = secrets.iter().map(|secret| Key::new(secret)).collect();
        let Some(made) = made.filter(|made| (1..=KEYS).contains(&made.len())) else {
            return false;
        };
        let mut keys = self.keys.write();
        let mut all = keys.iter().chain(&made).map(|key| key.secret.len());
        let first = all.next();
        if all.any(|len| Some(len) != first) {
            return false;
        }
        *keys = made;
        true
    }

    /// Goes on by secrets that nodes share, the oldest first. What made tickets so far still reads
    /// them. `false` when there are none or too many, or one is of another size.
    pub fn share(&self, secrets: &[Vec<u8>], label: &Label) -> bool {
        if secrets.is_empty() || secrets.len() > KEYS {
            return false;
        }
        let made = derived(secrets, label).and_then(|secrets| {
            let keys = secrets.iter().map(|secret| Key::new(secret));
            keys.collect::<Option<Vec<_>>>()
        });
        let Some(mut made) = made else {
            return false;
        };
        let mut keys = self.keys.write();
        let maker = keys.len().saturating_sub(2);
        if made.iter().all(|key| key.name() != keys[maker].name()) {
            made.insert(0, keys.swap_remove(maker));
        }
        *keys = made;
        true
    }

    /// The keys, the oldest first.
    pub fn secrets(&self) -> Vec<Box<[u8]>> {
        let keys = self.keys.read();
        keys.iter().map(|key| key.secret.clone()).collect()
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        self.lifetime
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let keys = self.keys.read();
        let key = &keys[keys.len().saturating_sub(2)];
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).ok()?;
        let mut ticket = Vec::with_capacity(NAME_LEN + NONCE_LEN + plain.len() + 16);
        ticket.extend_from_slice(key.name());
        ticket.extend_from_slice(&nonce);
        let mut sealed = plain.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        key.aead
            .seal_in_place_append_tag(nonce, Aad::from(key.name()), &mut sealed)
            .ok()?;
        ticket.extend_from_slice(&sealed);
        Some(ticket)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = cipher.split_at_checked(NAME_LEN)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_LEN)?;
        let keys = self.keys.read();
        let key = keys.iter().find(|key| key.name() == name)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut plain = sealed.to_vec();
        let len = key
            .aead
            .open_in_place(nonce, Aad::from(name), &mut plain)
            .ok()?
            .len();
        plain.truncate(len);
        Some(plain)
    }
}

/// A memory of sessions that takes none before the first one comes.
#[derive(Debug)]
pub struct SessionsOnDemand {
    most: usize,
    store: OnceLock<Arc<ServerSessionMemoryCache>>,
}

impl SessionsOnDemand {
    /// One for at most so many sessions.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            store: OnceLock::new(),
        }
    }

    fn store(&self) -> &ServerSessionMemoryCache {
        self.store
            .get_or_init(|| ServerSessionMemoryCache::new(self.most))
    }
}

impl StoresServerSessions for SessionsOnDemand {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.store().put(key, value)
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.store().get(key)
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.store().take(key)
    }

    fn can_cache(&self) -> bool {
        true
    }
}

/// A part of the cache of sessions of the process: a session of one line is none of another line,
/// which may ask more of clients.
#[derive(Debug)]
pub struct Part {
    store: Arc<dyn StoresServerSessions>,
    number: u64,
    /// Parts made so far of this store.
    made: Arc<AtomicU64>,
}

impl Part {
    /// The first part of a store.
    pub fn new(store: Arc<dyn StoresServerSessions>) -> Self {
        Self {
            store,
            number: 0,
            made: Arc::new(AtomicU64::new(1)),
        }
    }

    /// Another part of the same store.
    #[must_use]
    pub fn next(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            number: self.made.fetch_add(1, Ordering::Relaxed),
            made: Arc::clone(&self.made),
        }
    }

    fn key(&self, key: &[u8]) -> Vec<u8> {
        let mut own = self.number.to_be_bytes().to_vec();
        own.extend_from_slice(key);
        own
    }
}

impl StoresServerSessions for Part {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.store.put(self.key(&key), value)
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.store.get(&self.key(key))
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.store.take(&self.key(key))
    }

    fn can_cache(&self) -> bool {
        self.store.can_cache()
    }
}

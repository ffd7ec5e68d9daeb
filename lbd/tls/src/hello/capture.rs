//! The lists of a client hello that are kept for rules (haproxy 3.4 configuration 3.2,
//! `tune.ssl.capture-buffer-size`).
//!
//! They share one size, in the order of the fields here; what does not fit is cut off.

use super::{GROUPS, Hello, POINT_FORMATS, Reader, SIGNATURE_ALGORITHMS, SUPPORTED_VERSIONS};

/// Lists of a client hello.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Capture {
    /// Hash of all cipher suites (XXH64), those included that did not fit.
    pub suites_hash: u64,
    /// `legacy_version`.
    pub version: u16,
    bytes: Box<[u8]>,
    ends: [u16; LISTS],
}

/// Lists.
const LISTS: usize = 6;

impl Capture {
    /// Keeps at most `limit` bytes (at most 65535) of the lists.
    pub fn new(hello: &Hello<'_>, limit: usize) -> Self {
        let limit = limit.min(usize::from(u16::MAX));
        let whole16 = |kind| hello.list16(kind).unwrap_or_default();
        let whole8 = |kind| {
            let content = hello.extension(kind);
            content
                .and_then(|content| Reader(content).block8())
                .unwrap_or_default()
        };
        let mut room = Room {
            bytes: Vec::new(),
            limit,
        };
        let mut ends = [0; LISTS];
        ends[0] = room.add(hello.suites);
        for (kind, _) in hello.extensions() {
            // A type is kept whole or not.
            if room.bytes.len() + 2 > limit {
                break;
            }
            room.add(&kind.to_be_bytes());
        }
        ends[1] = room.end();
        ends[2] = room.add(whole16(GROUPS));
        ends[3] = room.add(whole8(POINT_FORMATS));
        ends[4] = room.add(whole8(SUPPORTED_VERSIONS));
        ends[5] = room.add(whole16(SIGNATURE_ALGORITHMS));
        Self {
            suites_hash: xxhash_rust::xxh64::xxh64(hello.suites, 0),
            version: u16::from_be_bytes(hello.version),
            bytes: room.bytes.into(),
            ends,
        }
    }

    /// Cipher suites, two bytes each.
    pub fn suites(&self) -> &[u8] {
        self.list(0)
    }

    /// Types of extensions, two bytes each.
    pub fn extensions(&self) -> &[u8] {
        self.list(1)
    }

    /// Groups, two bytes each.
    pub fn groups(&self) -> &[u8] {
        self.list(2)
    }

    /// Point formats, a byte each.
    pub fn formats(&self) -> &[u8] {
        self.list(3)
    }

    /// Versions, two bytes each.
    pub fn versions(&self) -> &[u8] {
        self.list(4)
    }

    /// Signature algorithms, two bytes each.
    pub fn sigalgs(&self) -> &[u8] {
        self.list(5)
    }

    fn list(&self, at: usize) -> &[u8] {
        let from = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        let (from, to) = (usize::from(from), usize::from(self.ends[at]));
        self.bytes.get(from..to).unwrap_or_default()
    }
}

/// What is kept so far.
struct Room {
    bytes: Vec<u8>,
    limit: usize,
}

impl Room {
    /// Adds what fits; where it ends.
    fn add(&mut self, list: &[u8]) -> u16 {
        let fits = list.len().min(self.limit - self.bytes.len());
        self.bytes.extend_from_slice(&list[..fits]);
        self.end()
    }

    fn end(&self) -> u16 {
        // The limit is within the type.
        u16::try_from(self.bytes.len()).unwrap_or(u16::MAX)
    }
}

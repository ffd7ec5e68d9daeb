//! The static and the dynamic table of HPACK (RFC 7541 2.3, appendix A).

use std::collections::VecDeque;

/// What an entry costs beside its name and value (RFC 7541 4.1).
pub(super) const ENTRY_OVERHEAD: usize = 32;

/// The static table; its first entry has index 1.
#[rustfmt::skip]
pub(super) const STATIC: [(&[u8], &[u8]); 61] = [
    (b":authority", b""), (b":method", b"GET"), (b":method", b"POST"), (b":path", b"/"),
    (b":path", b"/index.html"), (b":scheme", b"http"), (b":scheme", b"https"),
    (b":status", b"200"), (b":status", b"204"), (b":status", b"206"), (b":status", b"304"),
    (b":status", b"400"), (b":status", b"404"), (b":status", b"500"), (b"accept-charset", b""),
    (b"accept-encoding", b"gzip, deflate"), (b"accept-language", b""), (b"accept-ranges", b""),
    (b"accept", b""), (b"access-control-allow-origin", b""), (b"age", b""), (b"allow", b""),
    (b"authorization", b""), (b"cache-control", b""), (b"content-disposition", b""),
    (b"content-encoding", b""), (b"content-language", b""), (b"content-length", b""),
    (b"content-location", b""), (b"content-range", b""), (b"content-type", b""), (b"cookie", b""),
    (b"date", b""), (b"etag", b""), (b"expect", b""), (b"expires", b""), (b"from", b""),
    (b"host", b""), (b"if-match", b""), (b"if-modified-since", b""), (b"if-none-match", b""),
    (b"if-range", b""), (b"if-unmodified-since", b""), (b"last-modified", b""), (b"link", b""),
    (b"location", b""), (b"max-forwards", b""), (b"proxy-authenticate", b""),
    (b"proxy-authorization", b""), (b"range", b""), (b"referer", b""), (b"refresh", b""),
    (b"retry-after", b""), (b"server", b""), (b"set-cookie", b""),
    (b"strict-transport-security", b""), (b"transfer-encoding", b""), (b"user-agent", b""),
    (b"vary", b""), (b"via", b""), (b"www-authenticate", b""),
];

/// An entry: where its bytes are in the ring, and how its name and value share them.
#[derive(Debug, Clone, Copy)]
struct Entry {
    start: usize,
    name_len: usize,
    len: usize,
}

/// The dynamic table of a decoder. Its bytes lie in one buffer that is compacted when it has grown
/// to twice what the table may hold.
#[derive(Debug, Default)]
pub(super) struct Dynamic {
    bytes: Vec<u8>,
    /// The newest first.
    entries: VecDeque<Entry>,
    size: usize,
    max_size: usize,
}

impl Dynamic {
    pub(super) fn new(max_size: usize) -> Self {
        Self {
            max_size,
            ..Self::default()
        }
    }

    /// The size in use, as RFC 7541 4.1 counts it.
    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn set_max_size(&mut self, max_size: usize) {
        self.max_size = max_size;
        self.evict(0);
    }

    /// Name and value of an index of the joint address space, which begins at 1.
    pub(super) fn get(&self, index: usize) -> Option<(&[u8], &[u8])> {
        let at = index.checked_sub(1)?;
        if let Some(entry) = STATIC.get(at) {
            return Some(*entry);
        }
        let entry = self.entries.get(at - STATIC.len())?;
        let bytes = self.bytes.get(entry.start..entry.start + entry.len)?;
        Some(bytes.split_at(entry.name_len))
    }

    /// Adds an entry, throwing out the oldest for it; one larger than the table empties it.
    pub(super) fn insert(&mut self, name: &[u8], value: &[u8]) {
        let len = name.len() + value.len();
        let cost = len + ENTRY_OVERHEAD;
        self.evict(cost);
        if cost > self.max_size {
            return;
        }
        if self.bytes.len() + len > 2 * self.max_size {
            self.compact();
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(value);
        self.entries.push_front(Entry {
            start,
            name_len: name.len(),
            len,
        });
        self.size += cost;
    }

    fn evict(&mut self, room: usize) {
        while self.size + room > self.max_size {
            let Some(entry) = self.entries.pop_back() else {
                return;
            };
            self.size -= entry.len + ENTRY_OVERHEAD;
        }
    }

    fn compact(&mut self) {
        // The oldest bytes are in front: what is before the oldest entry is free.
        let start = self.entries.back().map_or(self.bytes.len(), |e| e.start);
        self.bytes.drain(..start);
        for entry in &mut self.entries {
            entry.start -= start;
        }
    }
}

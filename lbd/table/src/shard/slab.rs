//! Entries of one shard: rows of words in chunks, so that growing moves nothing.
//!
//! It does not know keys or data, only the header of a row.

use lbd_core::bits::low32;

/// Words of a row's header.
pub(crate) const HEADER: usize = 4;

/// Low 32 bits of the deadline in milliseconds.
const DEADLINE: usize = 0;
/// High bits of the deadline from bit 24 on, places beyond the first from bit 8 on, flags below.
const META: usize = 1;
/// References; of a free row, the next free one.
const REFS: usize = 2;
/// Low 32 bits of the last update id.
const UPDATE: usize = 3;

/// The row holds an entry.
pub(crate) const LIVE: u32 = 1;
/// The entry has a place in the update log.
pub(crate) const LOGGED: u32 = 2;
/// No peer has seen that place.
pub(crate) const PENDING: u32 = 4;
/// The last change was made here, not learned from a peer.
pub(crate) const LOCAL: u32 = 8;

/// Its place in the queue was put off because it was in use.
pub(crate) const DEFERRED: u32 = 16;

/// Our part of its counters is whole: the entry began here after this node had learned, or what
/// others knew of our part was added.
pub(crate) const OWNED: u32 = 32;

/// Our part of its counters is of a snapshot: what others know of it may be newer.
pub(crate) const RESTORED: u32 = 64;

/// Our part of its counters is the sum that a peer without parts has told: other nodes' parts may be
/// in it.
pub(crate) const COPY: u32 = 128;

/// Places of one row in the queue beyond the first.
const MAX_EXTRA: u32 = 15;
const EXTRA: u32 = 8;

/// Rows of a chunk: small enough that many small tables stay small.
const CHUNK: usize = 1 << CHUNK_BITS;
const CHUNK_BITS: u32 = 5;

/// Most rows of a shard: a slot has 24 bits in the queue.
pub(crate) const MAX_ROWS: u32 = 1 << 24;

const NO_SLOT: u32 = u32::MAX;

/// Rows of a fixed number of words.
#[derive(Debug)]
pub(crate) struct Slab {
    chunks: Vec<Box<[u32]>>,
    stride: usize,
    rows: u32,
    free: u32,
}

impl Slab {
    pub(crate) fn new(stride: usize) -> Self {
        Self {
            chunks: Vec::new(),
            stride,
            rows: 0,
            free: NO_SLOT,
        }
    }

    /// Rows ever used: slots are below this.
    pub(crate) fn rows(&self) -> u32 {
        self.rows
    }

    /// A zeroed row, not yet live; none when the shard is at its end.
    pub(crate) fn allocate(&mut self) -> Option<u32> {
        if self.free != NO_SLOT {
            let slot = self.free;
            self.free = self.row(slot)[REFS];
            self.row_mut(slot).fill(0);
            return Some(slot);
        }
        if self.rows >= MAX_ROWS {
            return None;
        }
        if self.rows as usize == self.chunks.len() * CHUNK {
            let chunk = vec![0; CHUNK * self.stride].into_boxed_slice();
            self.chunks.push(chunk);
        }
        self.rows += 1;
        Some(self.rows - 1)
    }

    /// Gives a row back.
    pub(crate) fn release(&mut self, slot: u32) {
        let free = self.free;
        let row = self.row_mut(slot);
        row[META] = 0;
        row[REFS] = free;
        self.free = slot;
    }

    #[inline]
    pub(crate) fn row(&self, slot: u32) -> &[u32] {
        let at = (slot as usize % CHUNK) * self.stride;
        &self.chunks[(slot >> CHUNK_BITS) as usize][at..at + self.stride]
    }

    #[inline]
    pub(crate) fn row_mut(&mut self, slot: u32) -> &mut [u32] {
        let at = (slot as usize % CHUNK) * self.stride;
        &mut self.chunks[(slot >> CHUNK_BITS) as usize][at..at + self.stride]
    }

    /// Bytes that it has allocated.
    pub(crate) fn bytes(&self) -> usize {
        self.chunks.len() * (CHUNK * self.stride * 4) + self.chunks.capacity() * 16
    }
}

/// Moment at which an entry is over, or was last used in a table without expiry; milliseconds.
#[inline]
pub(crate) fn deadline(row: &[u32]) -> u64 {
    u64::from(row[META] >> 24) << 32 | u64::from(row[DEADLINE])
}

/// Deadlines have 40 bits: 34 years of milliseconds.
#[inline]
pub(crate) fn set_deadline(row: &mut [u32], deadline_ms: u64) {
    row[DEADLINE] = low32(deadline_ms);
    row[META] = row[META] & 0x00FF_FFFF | low32(deadline_ms >> 32 & 0xFF) << 24;
}

/// Counts one place in the queue more; says whether the row may have it.
pub(crate) fn add_place(row: &mut [u32]) -> bool {
    let may = row[META] >> EXTRA & 0xFF < MAX_EXTRA;
    if may {
        row[META] += 1 << EXTRA;
    }
    may
}

/// Counts one place in the queue less; says whether others are left.
#[inline]
pub(crate) fn drop_place(row: &mut [u32]) -> bool {
    let has_others = has_places(row);
    if has_others {
        row[META] -= 1 << EXTRA;
    }
    has_others
}

/// Whether it has places in the queue beyond the first.
#[inline]
pub(crate) fn has_places(row: &[u32]) -> bool {
    row[META] >> EXTRA & 0xFF != 0
}

#[inline]
pub(crate) fn has(row: &[u32], flag: u32) -> bool {
    row[META] & flag != 0
}

#[inline]
pub(crate) fn set(row: &mut [u32], flags: u32) {
    row[META] |= flags;
}

#[inline]
pub(crate) fn clear(row: &mut [u32], flags: u32) {
    row[META] &= !flags;
}

#[inline]
pub(crate) fn refs(row: &[u32]) -> u32 {
    row[REFS]
}

#[inline]
pub(crate) fn set_refs(row: &mut [u32], refs: u32) {
    row[REFS] = refs;
}

#[inline]
pub(crate) fn update(row: &[u32]) -> u32 {
    row[UPDATE]
}

#[inline]
pub(crate) fn set_update(row: &mut [u32], id: u64) {
    // The low half tells an entry's place in the log from its former ones.
    row[UPDATE] = low32(id);
}

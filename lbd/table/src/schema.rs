//! What a table is declared as: key, size, expiry, data types (haproxy 3.4 configuration 11.1).
//!
//! It does not parse the declaration; names of other tables and sections stay names.

use std::fmt;

use crate::data::{DATA_TYPES, DataType, Kind, MAX_ELEMENTS};
use crate::key::KeyType;

/// Which of a server's names `server_key` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ServerKeyKind {
    /// Its address and port (`srvkey addr`).
    Addr,
    /// Its name (`srvkey name`).
    #[default]
    Name,
}

/// One data type of a `store` list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stored {
    /// The type.
    pub data: DataType,
    /// Elements of an array, 1 to [`MAX_ELEMENTS`]; 1 for the others.
    pub elements: u8,
    /// Period of a rate in milliseconds, not zero; 0 for the others.
    pub period_ms: u32,
}

impl Stored {
    /// A type without arguments.
    pub fn plain(data: DataType) -> Self {
        Self {
            data,
            elements: 1,
            period_ms: 0,
        }
    }

    /// A rate.
    pub fn rate(data: DataType, period_ms: u32) -> Self {
        Self {
            period_ms,
            ..Self::plain(data)
        }
    }

    /// An array.
    pub fn array(data: DataType, elements: u8) -> Self {
        Self {
            elements,
            ..Self::plain(data)
        }
    }
}

/// Why a declaration is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaError {
    /// An array of no or of too many elements.
    Elements(DataType),
    /// The first of two types excludes the second.
    Excluded(DataType, DataType),
    /// A key of no or of too many bytes.
    KeyLength(u32),
    /// A rate without a period.
    Period(DataType),
    /// A table for no entries.
    Size,
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elements(data) => {
                write!(f, "'{}' takes 1 to {MAX_ELEMENTS} elements", data.name())
            }
            Self::Excluded(first, second) => write!(
                f,
                "'{}' and '{}' cannot be stored in one table",
                first.name(),
                second.name()
            ),
            Self::KeyLength(len) => write!(
                f,
                "a key of {len} bytes; 1 to {} are possible",
                KeyType::MAX_LEN
            ),
            Self::Period(data) => write!(f, "'{}' takes a period above zero", data.name()),
            Self::Size => f.write_str("a table takes a size above zero"),
        }
    }
}

impl std::error::Error for SchemaError {}

/// The declaration of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// Type and length of its keys.
    pub key: KeyType,
    /// Largest number of entries.
    pub size: u32,
    /// Milliseconds that an entry lives after its last use; none when it lives until it is purged.
    pub expire_ms: Option<u32>,
    /// New entries are refused when the table is full.
    pub nopurge: bool,
    /// What `server_key` holds.
    pub server_key: ServerKeyKind,
    /// Local types are learned from peers as well.
    pub recv_only: bool,
    /// Name of the table that gets a copy of what peers send.
    pub write_to: Option<Box<str>>,
    /// Bytes that count as one in the byte rates, 1 to 1024.
    pub brates_factor: u16,
    /// Other nodes whose contributions to counters are kept beside ours and add up, at most
    /// [`MAX_NODES`]; 0 when what peers send replaces what is there.
    pub nodes: u8,
    stored: Vec<Stored>,
}

impl Schema {
    /// A table that stores nothing but its keys.
    ///
    /// # Errors
    ///
    /// A size of zero, a key of no or of too many bytes.
    pub fn new(key: KeyType, size: u32) -> Result<Self, SchemaError> {
        if size == 0 {
            return Err(SchemaError::Size);
        }
        if key.is_empty() || key.len() > KeyType::MAX_LEN {
            return Err(SchemaError::KeyLength(key.len()));
        }
        Ok(Self {
            key,
            size,
            expire_ms: None,
            nopurge: false,
            server_key: ServerKeyKind::Name,
            recv_only: false,
            write_to: None,
            brates_factor: 1,
            nodes: 0,
            stored: Vec::new(),
        })
    }

    /// Adds a data type. Says whether it is new: a repeated one is left as it was, as the reference
    /// does, which warns.
    ///
    /// # Errors
    ///
    /// A wrong number of elements, no period, a type that one already stored excludes.
    pub fn store(&mut self, added: Stored) -> Result<bool, SchemaError> {
        let data = added.data;
        if self.stored(data).is_some() {
            return Ok(false);
        }
        if added.elements == 0 || added.elements > if data.is_array() { MAX_ELEMENTS } else { 1 } {
            return Err(SchemaError::Elements(data));
        }
        if data.has_period() != (added.period_ms != 0) {
            return Err(SchemaError::Period(data));
        }
        for (array, single) in EXCLUSIONS {
            let other = match data {
                _ if data == *array => single,
                _ if data == *single => array,
                _ => continue,
            };
            if self.stored(*other).is_some() {
                return Err(SchemaError::Excluded(*other, data));
            }
        }
        self.stored.push(added);
        self.stored.sort_unstable_by_key(|stored| stored.data);
        Ok(true)
    }

    /// The same with a data type more, for declarations known to be right.
    ///
    /// # Errors
    ///
    /// As [`Schema::store`].
    pub fn with(mut self, added: Stored) -> Result<Self, SchemaError> {
        self.store(added)?;
        Ok(self)
    }

    /// What is stored of a type.
    pub fn stored(&self, data: DataType) -> Option<&Stored> {
        self.stored.iter().find(|stored| stored.data == data)
    }

    /// All that is stored, in the order of the bits of the peers protocol.
    pub fn all_stored(&self) -> &[Stored] {
        &self.stored
    }

    /// Whether bytes are counted.
    pub fn counts_bytes(&self) -> bool {
        const BYTES: u64 = 1 << DataType::BytesInCnt as u64
            | 1 << DataType::BytesInRate as u64
            | 1 << DataType::BytesOutCnt as u64
            | 1 << DataType::BytesOutRate as u64;
        self.bitmap() & BYTES != 0
    }

    /// The bitmap of the peers protocol.
    pub fn bitmap(&self) -> u64 {
        self.stored
            .iter()
            .fold(0, |bits, stored| bits | 1 << stored.data.bit())
    }
}

/// Array types and the single types that they take the place of.
const EXCLUSIONS: &[(DataType, DataType)] = &[
    (DataType::Gpt, DataType::Gpt0),
    (DataType::Gpc, DataType::Gpc0),
    (DataType::Gpc, DataType::Gpc1),
    (DataType::GpcRate, DataType::Gpc0Rate),
    (DataType::GpcRate, DataType::Gpc1Rate),
];

/// Most other nodes whose contributions a table keeps.
pub const MAX_NODES: u8 = 7;

/// Where things lie in an entry: words of the header, then the key, then what no arithmetic is done
/// on, then our counters, then those of each other node, then which of these are of the nodes' present
/// lives, then the epoch.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) key: KeyType,
    /// First word of each data type, or [`ABSENT`].
    offsets: [u16; DATA_TYPES],
    elements: [u8; DATA_TYPES],
    periods: [u32; DATA_TYPES],
    pub(crate) data_at: usize,
    /// First word of our counters.
    pub(crate) counters_at: usize,
    /// Words of one node's counters.
    pub(crate) node_words: usize,
    /// Other nodes.
    pub(crate) nodes: usize,
    /// Words of an entry.
    pub(crate) stride: usize,
    pub(crate) expire_ms: Option<u32>,
    pub(crate) brates_factor: u16,
}

const ABSENT: u16 = u16::MAX;

impl Layout {
    pub(crate) fn new(schema: &Schema, header: usize) -> Self {
        let data_at = header + schema.key.inline_words();
        let mut layout = Self {
            key: schema.key,
            offsets: [ABSENT; DATA_TYPES],
            elements: [0; DATA_TYPES],
            periods: [0; DATA_TYPES],
            data_at,
            counters_at: data_at,
            node_words: 0,
            nodes: usize::from(schema.nodes.min(MAX_NODES)),
            stride: data_at,
            expire_ms: schema.expire_ms.filter(|&ms| ms != 0),
            brates_factor: schema.brates_factor.max(1),
        };
        for is_as_is in [true, false] {
            if !is_as_is {
                layout.counters_at = layout.stride;
            }
            let own = schema.stored.iter();
            for stored in own.filter(|stored| stored.data.is_as_is() == is_as_is) {
                let index = stored.data as usize;
                // At most 85 words of header and key and 550 of data.
                layout.offsets[index] = lbd_core::bits::low16(layout.stride as u64);
                layout.elements[index] = stored.elements;
                layout.periods[index] = stored.period_ms;
                layout.stride += stored.data.kind().words() * usize::from(stored.elements);
            }
        }
        layout.node_words = layout.stride - layout.counters_at;
        if layout.nodes > 0 {
            layout.stride += layout.node_words * layout.nodes + 2;
        }
        layout
    }

    /// Where another node's part of a counter of ours lies.
    #[inline]
    pub(crate) fn of_node(&self, at: usize, node: usize) -> usize {
        at + (node + 1) * self.node_words
    }

    /// Whether other nodes have parts of a type.
    #[inline]
    pub(crate) fn is_shared(&self, data: DataType) -> bool {
        self.nodes > 0 && !data.is_as_is()
    }

    /// The word that has a bit for each node whose part was told in its present life.
    #[inline]
    pub(crate) fn present_at(&self) -> Option<usize> {
        (self.nodes > 0).then(|| self.stride - 2)
    }

    /// The word of the epoch.
    #[inline]
    pub(crate) fn epoch_at(&self) -> Option<usize> {
        (self.nodes > 0).then(|| self.stride - 1)
    }

    /// First word of an element; none when it is not stored.
    #[inline]
    pub(crate) fn at(&self, data: DataType, index: u32) -> Option<usize> {
        let kind = data as usize;
        (index < u32::from(self.elements[kind]))
            .then(|| usize::from(self.offsets[kind]) + index as usize * data.kind().words())
    }

    #[inline]
    pub(crate) fn period_ms(&self, data: DataType) -> u32 {
        self.periods[data as usize]
    }

    #[inline]
    pub(crate) fn elements(&self, data: DataType) -> u32 {
        u32::from(self.elements[data as usize])
    }

    /// Whether entries hold names of the dictionary.
    #[inline]
    pub(crate) fn has_names(&self) -> bool {
        self.elements[DataType::ServerKey as usize] != 0
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (DataType, u32)> {
        DataType::ALL
            .into_iter()
            .flat_map(|data| (0..self.elements(data)).map(move |index| (data, index)))
    }
}

/// Whether values of this kind are numbers that commands may compare and set.
pub(crate) fn is_number(kind: Kind) -> bool {
    kind != Kind::Name
}

#[cfg(test)]
mod tests;

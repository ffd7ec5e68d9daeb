//! Keys: their types, and values cut or padded to what a table takes.
//!
//! It does not cast between sample types: a value comes in the type that [`KeyType::sample_type`]
//! names.

use std::fmt::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};

use lbd_core::bits::{count32, low8, low32};
use lbd_core::{Type, Value};
use xxhash_rust::xxh64::xxh64;
use zerocopy::IntoBytes;

/// Type of a table's keys (configuration 11.1, `type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// Exactly so many bytes; shorter ones are padded with zeros, longer ones are cut.
    Binary {
        /// Length in bytes.
        len: u32,
    },
    /// An unsigned 32-bit number.
    Integer,
    /// An IPv4 address (`ip` and `ipv4`).
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// Up to so many bytes; longer ones are cut, and each ends before its first zero byte.
    String {
        /// Largest length in bytes.
        len: u32,
    },
}

impl KeyType {
    /// Largest length of a key.
    pub const MAX_LEN: u32 = 65_535;
    /// `string` without `len`: the reference counts a closing zero byte in its 32.
    pub const DEFAULT_STRING: Self = Self::String { len: 31 };
    /// `binary` without `len`.
    pub const DEFAULT_BINARY: Self = Self::Binary { len: 32 };

    /// Largest length of a key in bytes.
    #[inline]
    pub fn len(self) -> u32 {
        match self {
            Self::Binary { len } | Self::String { len } => len,
            Self::Integer | Self::Ipv4 => 4,
            Self::Ipv6 => 16,
        }
    }

    /// Whether keys have no bytes at all; a schema refuses such a type.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The word that `show table` prints.
    pub fn name(self) -> &'static str {
        match self {
            Self::Binary { .. } => "binary",
            Self::Integer => "integer",
            Self::Ipv4 => "ip",
            Self::Ipv6 => "ipv6",
            Self::String { .. } => "string",
        }
    }

    /// The sample type that a value must have been cast to.
    pub fn sample_type(self) -> Type {
        match self {
            Self::Binary { .. } => Type::Bin,
            Self::Integer => Type::Int,
            Self::Ipv4 => Type::Ipv4,
            Self::Ipv6 => Type::Ipv6,
            Self::String { .. } => Type::Str,
        }
    }

    /// The number of the peers protocol.
    pub fn wire_type(self) -> u32 {
        match self {
            Self::Integer => 2,
            Self::Ipv4 => 4,
            Self::Ipv6 => 5,
            Self::String { .. } => 6,
            Self::Binary { .. } => 7,
        }
    }

    /// The length of the peers protocol: that of strings counts a closing zero byte.
    pub fn wire_len(self) -> u32 {
        match self {
            Self::String { len } => len + 1,
            other => other.len(),
        }
    }

    /// Whether a key lies in the entry itself; a longer one is allocated with its own length.
    pub(crate) fn is_inline(self) -> bool {
        self.len() as usize <= INLINE
    }

    /// Words of an entry that hold its key; the first one of a string is its length.
    pub(crate) fn inline_words(self) -> usize {
        if !self.is_inline() {
            return 0;
        }
        let length = usize::from(matches!(self, Self::String { .. }));
        length + (self.len() as usize).div_ceil(4)
    }
}

/// Longest key that lies in its entry.
const INLINE: usize = 64;

/// A key as a table compares it.
#[derive(Clone)]
pub struct Key<'a>(Form<'a>);

#[derive(Clone)]
enum Form<'a> {
    Borrowed(&'a [u8]),
    Inline { len: u8, bytes: [u8; INLINE] },
    Owned(Box<[u8]>),
}

impl<'a> Key<'a> {
    /// The key that a sample makes, cut or padded; none when the sample is not of the table's
    /// [`KeyType::sample_type`].
    pub fn of(value: Value<'a>, key: KeyType) -> Option<Self> {
        match (key, value) {
            (KeyType::Ipv4, Value::Ipv4(address)) => Some(Self::ipv4(address)),
            (KeyType::Ipv6, Value::Ipv6(address)) => Some(Self::ipv6(address)),
            // The low 32 bits, whatever the sign.
            (KeyType::Integer, Value::Int(number)) => {
                Some(Self::integer(low32(number.cast_unsigned())))
            }
            (KeyType::String { .. }, Value::Str(text) | Value::Method(text)) => {
                Some(Self::bytes_of(text, key))
            }
            (KeyType::Binary { .. }, Value::Bin(block)) => Some(Self::bytes_of(block, key)),
            _ => None,
        }
    }

    /// An IPv4 address.
    pub fn ipv4(address: Ipv4Addr) -> Self {
        Self::inline(&address.octets())
    }

    /// An IPv6 address.
    pub fn ipv6(address: Ipv6Addr) -> Self {
        Self::inline(&address.octets())
    }

    /// A number.
    pub fn integer(number: u32) -> Self {
        Self::inline(&number.to_ne_bytes())
    }

    /// The bytes of a string, block or address as a table of that type keeps them. A number is in
    /// the machine's own order.
    pub fn bytes_of(bytes: &'a [u8], key: KeyType) -> Self {
        let max = key.len() as usize;
        let cut = &bytes[..bytes.len().min(max)];
        if matches!(key, KeyType::String { .. }) {
            let end = cut.iter().position(|&byte| byte == 0).unwrap_or(cut.len());
            return Self(Form::Borrowed(&cut[..end]));
        }
        if cut.len() == max {
            return Self(Form::Borrowed(cut));
        }
        if max <= INLINE {
            let mut padded = [0; INLINE];
            padded[..cut.len()].copy_from_slice(cut);
            return Self(Form::Inline {
                // At most INLINE.
                len: low8(max as u64),
                bytes: padded,
            });
        }
        let mut padded = vec![0; max];
        padded[..cut.len()].copy_from_slice(cut);
        Self(Form::Owned(padded.into()))
    }

    fn inline(octets: &[u8]) -> Self {
        let mut bytes = [0; INLINE];
        bytes[..octets.len()].copy_from_slice(octets);
        Self(Form::Inline {
            // 4 or 16.
            len: low8(octets.len() as u64),
            bytes,
        })
    }

    /// Its bytes; a number's are in the machine's own order.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        match &self.0 {
            Form::Borrowed(bytes) => bytes,
            Form::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Form::Owned(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?})", self.bytes())
    }
}

/// Writes a key into the words of an entry that has it inline. A key made for another type is cut to
/// the room there is.
pub(crate) fn store_inline(words: &mut [u32], key: KeyType, bytes: &[u8]) {
    let at = usize::from(matches!(key, KeyType::String { .. }));
    let len = bytes.len().min(key.len() as usize);
    if at == 1 {
        words[0] = count32(len);
    }
    let room = words[at..].as_mut_bytes();
    room[..len].copy_from_slice(&bytes[..len]);
    room[len..].fill(0);
}

/// The key in the words of an entry that has it inline.
#[inline]
pub(crate) fn load_inline(words: &[u32], key: KeyType) -> &[u8] {
    match key {
        KeyType::String { .. } => &words[1..].as_bytes()[..words[0] as usize],
        _ => &words.as_bytes()[..key.len() as usize],
    }
}

/// The shard of a `peers` section with `shards` of them, 1 and up, that gets a key; 0 when there
/// are none. `seed` is [`shard_seed`] of the table.
pub fn peer_shard(bytes: &[u8], seed: u64, shards: u32) -> u32 {
    if shards == 0 {
        return 0;
    }
    // Less than `shards`, a u32.
    low32(xxh64(bytes, seed) % u64::from(shards)) + 1
}

/// The seed of a table's shards, from the name that commands know it by.
pub fn shard_seed(table: &str) -> u64 {
    xxh64(table.as_bytes(), 0)
}

/// Writes a key as `show table` does.
pub(crate) fn display(out: &mut String, key: KeyType, bytes: &[u8]) {
    // Writing to a String cannot fail.
    let _ = match key {
        KeyType::Ipv4 => match <[u8; 4]>::try_from(bytes) {
            Ok(octets) => write!(out, "{}", Ipv4Addr::from(octets)),
            Err(_) => Ok(()),
        },
        KeyType::Ipv6 => match <[u8; 16]>::try_from(bytes) {
            Ok(octets) => write!(out, "{}", Ipv6Addr::from(octets)),
            Err(_) => Ok(()),
        },
        KeyType::Integer => match <[u8; 4]>::try_from(bytes) {
            Ok(octets) => write!(out, "{}", u32::from_ne_bytes(octets)),
            Err(_) => Ok(()),
        },
        KeyType::String { .. } => {
            text(out, bytes);
            Ok(())
        }
        KeyType::Binary { .. } => bytes.iter().try_for_each(|byte| write!(out, "{byte:02X}")),
    };
}

/// A string with what is not printable, a space, `=` and `\` escaped.
fn text(out: &mut String, bytes: &[u8]) {
    for &byte in bytes {
        match byte {
            b'\t' => out.push_str("\\t"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            0x1b => out.push_str("\\e"),
            b'\\' | b' ' | b'=' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            0x21..=0x7e => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "\\x{byte:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests;

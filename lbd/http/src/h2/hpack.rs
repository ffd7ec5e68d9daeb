//! Header compression for HTTP/2 (RFC 7541).
//!
//! Decoding knows everything: both tables, Huffman code, size updates. Encoding uses the static
//! table and plain literals that nobody indexes, as the reference does: it holds no state, and a
//! header block costs a copy.

mod huffman;
mod table;

use lbd_core::bits::low8;
use table::{Dynamic, STATIC};

/// A header block that cannot be decoded: the connection's compression state is lost (RFC 9113
/// 4.3), and so is the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockError {
    /// A bad Huffman code.
    Huffman,
    /// An index of no entry.
    Index,
    /// An integer of more than 28 bits.
    Integer,
    /// A size update that is too large or comes after a field.
    SizeUpdate,
    /// The block decodes to more than the decoder's limit.
    TooLarge,
    /// The block ends within a field.
    Truncated,
}

/// Decodes header blocks of one direction of a connection.
#[derive(Debug)]
pub struct Decoder {
    table: Dynamic,
    /// What our settings allow the table to be.
    limit: usize,
    name: Vec<u8>,
    value: Vec<u8>,
}

impl Decoder {
    /// A decoder whose table may grow to `table_size` bytes, our `SETTINGS_HEADER_TABLE_SIZE`.
    pub fn new(table_size: usize) -> Self {
        Self {
            // The peer may use the default until it knows our settings.
            table: Dynamic::new(table_size),
            limit: table_size,
            name: Vec::new(),
            value: Vec::new(),
        }
    }

    /// Decodes a whole block and hands each field to `each`. At most `max_bytes` of names and
    /// values are decoded: a small block can name large entries again and again.
    ///
    /// # Errors
    /// See [`BlockError`]; the connection must end.
    pub fn decode(
        &mut self,
        mut block: &[u8],
        max_bytes: usize,
        mut each: impl FnMut(&[u8], &[u8]),
    ) -> Result<(), BlockError> {
        let mut total = 0;
        let mut is_begin = true;
        while let [first, ..] = *block {
            if first & 0xe0 == 0x20 {
                let size = integer(&mut block, 5)?;
                if !is_begin || size > self.limit {
                    return Err(BlockError::SizeUpdate);
                }
                self.table.set_max_size(size);
                continue;
            }
            is_begin = false;
            total += if first & 0x80 != 0 {
                let index = integer(&mut block, 7)?;
                let (name, value) = self.table.get(index).ok_or(BlockError::Index)?;
                each(name, value);
                name.len() + value.len()
            } else {
                let is_indexed = first & 0x40 != 0;
                let index = integer(&mut block, if is_indexed { 6 } else { 4 })?;
                self.name.clear();
                if index == 0 {
                    string(&mut block, &mut self.name)?;
                } else {
                    let (name, _) = self.table.get(index).ok_or(BlockError::Index)?;
                    self.name.extend_from_slice(name);
                }
                self.value.clear();
                string(&mut block, &mut self.value)?;
                each(&self.name, &self.value);
                if is_indexed {
                    self.table.insert(&self.name, &self.value);
                }
                self.name.len() + self.value.len()
            };
            if total > max_bytes {
                return Err(BlockError::TooLarge);
            }
        }
        Ok(())
    }
}

/// Reads an integer with a prefix of that many bits (RFC 7541 5.1).
fn integer(block: &mut &[u8], prefix: u32) -> Result<usize, BlockError> {
    let [first, rest @ ..] = *block else {
        return Err(BlockError::Truncated);
    };
    *block = rest;
    let mask = (1_usize << prefix) - 1;
    let mut number = usize::from(*first) & mask;
    if number < mask {
        return Ok(number);
    }
    for shift in [0, 7, 14, 21] {
        let [next, rest @ ..] = *block else {
            return Err(BlockError::Truncated);
        };
        *block = rest;
        number += (usize::from(*next) & 0x7f) << shift;
        if next & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(BlockError::Integer)
}

/// Appends a string (RFC 7541 5.2).
fn string(block: &mut &[u8], out: &mut Vec<u8>) -> Result<(), BlockError> {
    let is_huffman = block.first().is_some_and(|first| first & 0x80 != 0);
    let len = integer(block, 7)?;
    let (text, rest) = block.split_at_checked(len).ok_or(BlockError::Truncated)?;
    *block = rest;
    if is_huffman {
        huffman::decode(text, out).map_err(|_| BlockError::Huffman)
    } else {
        out.extend_from_slice(text);
        Ok(())
    }
}

/// Appends a field that the peer need not remember.
pub fn encode(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    match static_index(name, value) {
        (index, true) => out.push(0x80 | index),
        (index, false) => encode_named(index, name, value, out),
    }
}

/// Appends a field whose value is a secret, so that no hop puts it into a table.
pub fn encode_sensitive(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    let (index, _) = static_index(name, b"\0");
    let at = out.len();
    encode_named(index, name, value, out);
    // Never indexed, instead of just not indexed.
    if let Some(first) = out.get_mut(at) {
        *first |= 0x10;
    }
}

/// Appends the order to forget the table, due once when the peer's setting made it smaller.
pub fn encode_empty_table(out: &mut Vec<u8>) {
    out.push(0x20);
}

fn encode_named(index: u8, name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    encode_integer(usize::from(index), 4, 0, out);
    if index == 0 {
        encode_integer(name.len(), 7, 0, out);
        out.extend_from_slice(name);
    }
    encode_integer(value.len(), 7, 0, out);
    out.extend_from_slice(value);
}

fn encode_integer(mut number: usize, prefix: u32, bits: u8, out: &mut Vec<u8>) {
    let mask = (1_usize << prefix) - 1;
    if number < mask {
        out.push(bits | low8(number as u64));
        return;
    }
    out.push(bits | low8(mask as u64));
    number -= mask;
    while number > 0x7f {
        out.push(0x80 | low8(number as u64));
        number >>= 7;
    }
    out.push(low8(number as u64));
}

/// The index of a field's name in the static table, 0 for none, and whether the value is that
/// entry's too.
fn static_index(name: &[u8], value: &[u8]) -> (u8, bool) {
    // By length first: most names are compared with one or two entries.
    let Some(places) = BY_LENGTH.get(name.len()) else {
        return (0, false);
    };
    let mut found = 0;
    for at in places.iter().take_while(|at| **at != 0) {
        let (known, its) = STATIC[usize::from(*at) - 1];
        if known == name {
            if its == value {
                return (*at, true);
            }
            found = if found == 0 { *at } else { found };
        }
    }
    (found, false)
}

const LONGEST: usize = 27;
const SAME_LENGTH: usize = 16;

/// Indexes of the static table by the length of their names.
const BY_LENGTH: [[u8; SAME_LENGTH]; LONGEST + 1] = {
    let mut table = [[0; SAME_LENGTH]; LONGEST + 1];
    let mut counts = [0; LONGEST + 1];
    let mut at = 0;
    while at < STATIC.len() {
        let len = STATIC[at].0.len();
        table[len][counts[len]] = low8(at as u64) + 1;
        counts[len] += 1;
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests;

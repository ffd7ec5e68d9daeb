//! Messages: their frames, definitions of tables, and updates of entries.
//!
//! It keeps no state but what the caller hands in.

pub mod definition;
pub mod entry;

use crate::varint;

/// Largest body that is taken: a receiver with a buffer of 16384 bytes takes no more.
pub const MAX_BODY: usize = 16_384;

/// Class of messages about the session.
pub const CONTROL: u8 = 0;
/// Class of messages about faults.
pub const ERROR: u8 = 1;
/// Class of messages about tables.
pub const TABLE: u8 = 10;
/// Class that must not occur.
pub const RESERVED: u8 = 255;

/// A message of class [`CONTROL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// The other side asks for a lesson.
    ResyncRequest = 0,
    /// The lesson is complete.
    ResyncFinished = 1,
    /// The lesson is over, but the teacher itself has not learned all.
    ResyncPartial = 2,
    /// The end of the lesson was noticed.
    ResyncConfirm = 3,
    /// Nothing but a sign of life.
    Heartbeat = 4,
}

impl Control {
    /// The message of a type.
    pub fn of(kind: u8) -> Option<Self> {
        Some(match kind {
            0 => Self::ResyncRequest,
            1 => Self::ResyncFinished,
            2 => Self::ResyncPartial,
            3 => Self::ResyncConfirm,
            4 => Self::Heartbeat,
            _ => return None,
        })
    }

    /// Appends it.
    pub fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[CONTROL, self as u8]);
    }
}

/// A fault that ends a session, with its message of class [`ERROR`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Something that the protocol does not allow.
    Protocol = 0,
    /// A message too large.
    TooLarge = 1,
}

impl Fault {
    /// Appends it.
    pub fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[ERROR, self as u8]);
    }
}

/// A type of class [`TABLE`].
pub mod kind {
    /// An entry with the id of its update.
    pub const UPDATE: u8 = 0x80;
    /// An entry, its id one above the one before.
    pub const INCREMENTAL: u8 = 0x81;
    /// A table's name, types and parameters; updates that follow are its.
    pub const DEFINITION: u8 = 0x82;
    /// Updates that follow are of a table defined before.
    pub const SWITCH: u8 = 0x83;
    /// How far the other side is.
    pub const ACK: u8 = 0x84;
    /// An entry with id and remaining time.
    pub const TIMED: u8 = 0x85;
    /// The same with an id one above.
    pub const TIMED_INCREMENTAL: u8 = 0x86;
    /// Between nodes of lbd: a third node's part of an entry, or the receiver's own before it forgot.
    pub const PART: u8 = 0x90;
    /// Between nodes of lbd: an entry was cleared.
    pub const REMOVAL: u8 = 0x91;
    /// Between nodes of lbd: digests of some of a table's buckets.
    pub const DIGESTS: u8 = 0x92;
    /// Between nodes of lbd: an entry of a bucket that differs, with the sender's part.
    pub const MEND: u8 = 0x93;
    /// Between nodes of lbd: another node's part of such an entry.
    pub const MEND_PART: u8 = 0x94;
}

/// One message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// Its class.
    pub class: u8,
    /// Its type.
    pub kind: u8,
    /// What follows; empty for types without a length.
    pub body: &'a [u8],
}

/// The message at the start of `bytes` and its length; `None` when more bytes must come.
///
/// # Errors
/// A length that cannot be.
pub fn take(bytes: &[u8]) -> Result<Option<(Message<'_>, usize)>, Fault> {
    let &[class, kind, ref rest @ ..] = bytes else {
        return Ok(None);
    };
    if kind & 0x80 == 0 {
        let body = &rest[..0];
        return Ok(Some((Message { class, kind, body }, 2)));
    }
    let length = varint::take(rest).map_err(|_| Fault::Protocol)?;
    let Some((length, used)) = length else {
        return Ok(None);
    };
    let length = usize::try_from(length).map_err(|_| Fault::TooLarge)?;
    if length > MAX_BODY {
        return Err(Fault::TooLarge);
    }
    let body = rest[used..].get(..length);
    Ok(body.map(|body| (Message { class, kind, body }, 2 + used + length)))
}

/// Appends a message of class [`TABLE`].
pub fn put(out: &mut Vec<u8>, kind: u8, body: &[u8]) {
    out.extend_from_slice(&[TABLE, kind]);
    varint::put(out, body.len() as u64);
    out.extend_from_slice(body);
}

/// Reads the fields of a body one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// The fields of a body.
    pub fn new(body: &'a [u8]) -> Self {
        Self(body)
    }

    /// What is left.
    pub fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A number.
    ///
    /// # Errors
    /// When the body ends before.
    pub fn varint(&mut self) -> Result<u64, Fault> {
        match varint::take(self.0) {
            Ok(Some((value, used))) => {
                self.0 = &self.0[used..];
                Ok(value)
            }
            Ok(None) | Err(varint::TooLong) => Err(Fault::Protocol),
        }
    }

    /// So many bytes.
    ///
    /// # Errors
    /// When the body ends before.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let (bytes, rest) = self.0.split_at_checked(count).ok_or(Fault::Protocol)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// A number of four bytes, the high one first.
    ///
    /// # Errors
    /// When the body ends before.
    pub fn u32(&mut self) -> Result<u32, Fault> {
        let bytes = self.bytes(4)?;
        // Four of them.
        Ok(bytes
            .iter()
            .fold(0, |value, &byte| value << 8 | u32::from(byte)))
    }

    /// Bytes behind their number.
    ///
    /// # Errors
    /// When the body ends before.
    pub fn counted(&mut self) -> Result<&'a [u8], Fault> {
        let count = self.varint()?;
        self.bytes(usize::try_from(count).map_err(|_| Fault::Protocol)?)
    }
}

#[cfg(test)]
mod tests;

//! Snapshots: a table as bytes that outlive the process, of the protocol's own definitions and
//! entries.
//!
//! It opens no file and reads no clock. Whoever does keeps the order of the blocks, and takes none
//! over before all were looked at.
//!
//! # Form
//!
//! [`MAGIC`], then blocks: four bytes of length, four of the CRC-32 of what follows, then a byte that
//! says what it is:
//!
//! | kind | what follows |
//! |---|---|
//! | [`HEAD`] | the writer's start on the wall clock in milliseconds, the table's definition |
//! | [`ENTRIES`] | the wall clock, then for each entry its length, its remaining time, key, this node's
//! part of the values, the epoch, and other nodes' parts behind their names |
//! | [`END`] | how many entries there were |
//!
//! A file without its last block is cut, and so is one whose count differs. Names are told once and
//! numbered, as on a connection. Numbers are the protocol's.

use std::fmt;
use std::ops::ControlFlow;

use lbd_core::Time;
use lbd_core::bits::{count32, held32};
use lbd_table::{Key, Origin, Rate, Table, Told, Value, Walk};

use crate::codec::definition::{self, Column};
use crate::codec::entry::{self, Names, Part, Taken};
use crate::codec::{Fault, Fields};
use crate::varint;

/// How a file begins; the number is the form's version.
pub const MAGIC: &[u8] = b"lbd-table 1\n";

/// The first block.
pub const HEAD: u8 = 0;
/// A block of entries.
pub const ENTRIES: u8 = 1;
/// The last block.
pub const END: u8 = 2;

/// Bytes before a block: length and checksum.
pub const FRAME: usize = 8;

/// Longest block: what a reader needs in memory.
pub const MAX_BLOCK: usize = 1 << 20;

/// Bytes of entries after which a block ends.
const BLOCK: usize = 64 * 1024;

/// Rows of a table that one block looks at.
const ROWS: usize = 4096;

/// Why a file is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// A checksum does not match.
    Checksum,
    /// It ends too early.
    Cut,
    /// It cannot have been written so.
    Form,
    /// It is of a table with other keys.
    OtherTable,
    /// It is of another version, or something else.
    Version,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Checksum => "a checksum does not match",
            Self::Cut => "it ends too early",
            Self::Form => "it is damaged",
            Self::OtherTable => "it is of a table with other keys",
            Self::Version => "it is of another version",
        })
    }
}

impl std::error::Error for Damage {}

impl From<Fault> for Damage {
    fn from(_: Fault) -> Self {
        Self::Form
    }
}

/// Makes the bytes of a table's file.
#[derive(Debug, Default)]
pub struct Writer {
    walk: Walk,
    names: Names,
    nodes: Vec<String>,
    count: u64,
}

impl Writer {
    /// `nodes` are the names of the other nodes of the table's section, in their order.
    pub fn new(nodes: Vec<String>) -> Self {
        Self {
            nodes,
            ..Self::default()
        }
    }

    /// What comes first. `started_ms` is when the process that writes began.
    pub fn begin(&self, out: &mut Vec<u8>, table: &Table, started_ms: u64) {
        out.extend_from_slice(MAGIC);
        let mut body = vec![HEAD];
        varint::put(&mut body, started_ms);
        definition::put(&mut body, 0, table.name(), table.schema());
        frame(out, &body);
    }

    /// The next block of entries. Says whether there are more.
    pub fn entries(&mut self, out: &mut Vec<u8>, table: &Table, now: Time, wall_ms: u64) -> bool {
        let mut body = vec![ENTRIES];
        varint::put(&mut body, wall_ms);
        let mut one = Vec::new();
        let mut count = 0;
        let (names, nodes) = (&mut self.names, &self.nodes);
        let key = table.schema().key;
        let has_more = table.walk(&mut self.walk, now, ROWS, |view| {
            if body.len() >= BLOCK {
                return ControlFlow::Break(());
            }
            one.clear();
            one.extend_from_slice(&view.expires_in_ms().to_be_bytes());
            entry::put_key(&mut one, view.key(), key);
            entry::put_values(&mut one, view, Part::Own, names);
            varint::put(&mut one, u64::from(view.epoch()));
            for (node, name) in (0..table.nodes()).zip(nodes) {
                if view.has_part(node) {
                    varint::put(&mut one, name.len() as u64);
                    one.extend_from_slice(name.as_bytes());
                    entry::put_values(&mut one, view, Part::Node(node), names);
                }
            }
            varint::put(&mut body, one.len() as u64);
            body.extend_from_slice(&one);
            count += 1;
            ControlFlow::Continue(())
        });
        self.count += count;
        if count > 0 {
            frame(out, &body);
        }
        has_more
    }

    /// What comes last.
    pub fn end(&self, out: &mut Vec<u8>) {
        let mut body = vec![END];
        varint::put(&mut body, self.count);
        frame(out, &body);
    }
}

fn frame(out: &mut Vec<u8>, body: &[u8]) {
    // A block is bounded, and so is a definition.
    out.extend_from_slice(&count32(body.len()).to_be_bytes());
    out.extend_from_slice(&crc32fast::hash(body).to_be_bytes());
    out.extend_from_slice(body);
}

/// The length of the block behind a frame.
///
/// # Errors
/// One that cannot be.
pub fn block_len(frame: [u8; FRAME]) -> Result<usize, Damage> {
    let [a, b, c, d, ..] = frame;
    let len = u32::from_be_bytes([a, b, c, d]) as usize;
    match len {
        1..=MAX_BLOCK => Ok(len),
        _ => Err(Damage::Form),
    }
}

/// Whether a block is what was written.
///
/// # Errors
/// It is not.
pub fn verify(frame: [u8; FRAME], block: &[u8]) -> Result<(), Damage> {
    let [.., a, b, c, d] = frame;
    match crc32fast::hash(block) == u32::from_be_bytes([a, b, c, d]) {
        true => Ok(()),
        false => Err(Damage::Checksum),
    }
}

/// What the first block says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// When the process that wrote it began.
    pub started_ms: u64,
    columns: Vec<Column>,
    key_type: u64,
    key_len: u64,
}

/// Reads the first block.
///
/// # Errors
/// It is another one, or damaged.
pub fn head(block: &[u8]) -> Result<Head, Damage> {
    let rest = block.strip_prefix(&[HEAD]).ok_or(Damage::Form)?;
    let mut fields = Fields::new(rest);
    let started_ms = fields.varint()?;
    let definition = definition::take(fields.rest())?;
    Ok(Head {
        started_ms,
        columns: definition.columns,
        key_type: definition.key_type,
        key_len: definition.key_len,
    })
}

/// Follows the blocks of a file; with a table it takes their entries over.
#[derive(Debug)]
pub struct Reader<'a> {
    table: Option<(&'a Table, Time, u64)>,
    nodes: &'a [String],
    key: lbd_table::KeyType,
    head: Head,
    names: Names,
    taken: Vec<Taken>,
    count: u64,
    is_complete: bool,
    /// Entries whose time was over meanwhile.
    pub expired: u64,
    /// Entries that found no room.
    pub refused: u64,
}

impl<'a> Reader<'a> {
    /// A reader that only looks whether a table can take the file.
    ///
    /// # Errors
    /// The table has other keys.
    pub fn looking(head: Head, table: &Table) -> Result<Self, Damage> {
        let key = table.schema().key;
        let fits = u64::from(key.wire_type()) == head.key_type
            && u64::from(key.wire_len()) == head.key_len;
        if !fits {
            return Err(Damage::OtherTable);
        }
        Ok(Self {
            table: None,
            nodes: &[],
            key,
            head,
            names: Names::default(),
            taken: Vec::new(),
            count: 0,
            is_complete: false,
            expired: 0,
            refused: 0,
        })
    }

    /// A reader that takes over what stands there, at `wall_ms` of the wall clock. `nodes` are the
    /// names of the other nodes, in their order.
    ///
    /// # Errors
    /// The table has other keys.
    pub fn taking(
        head: Head,
        table: &'a Table,
        nodes: &'a [String],
        (now, wall_ms): (Time, u64),
    ) -> Result<Self, Damage> {
        let mut reader = Self::looking(head, table)?;
        reader.table = Some((table, now, wall_ms));
        reader.nodes = nodes;
        Ok(reader)
    }

    /// Entries seen.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether the last block was seen.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Takes a block behind the first.
    ///
    /// # Errors
    /// It is damaged.
    pub fn block(&mut self, block: &[u8]) -> Result<(), Damage> {
        let (&kind, rest) = block.split_first().ok_or(Damage::Form)?;
        let mut fields = Fields::new(rest);
        match kind {
            _ if self.is_complete => Err(Damage::Form),
            ENTRIES => {
                let written_ms = fields.varint()?;
                while !fields.is_empty() {
                    let one = fields.counted()?;
                    self.entry(one, written_ms)?;
                }
                Ok(())
            }
            END => {
                self.is_complete = true;
                match fields.varint()? == self.count {
                    true => Ok(()),
                    false => Err(Damage::Cut),
                }
            }
            _ => Err(Damage::Form),
        }
    }

    fn entry(&mut self, one: &[u8], written_ms: u64) -> Result<(), Damage> {
        let mut fields = Fields::new(one);
        let left_ms = fields.u32()?;
        let key = entry::take_key(&mut fields, self.key)?;
        self.values(&mut fields)?;
        let epoch = u32::try_from(fields.varint()?).map_err(|_| Damage::Form)?;
        self.count += 1;
        let place = self.table.and_then(|(table, now, wall_ms)| {
            // A clock that was set back has let no time pass.
            let passed = held32(wall_ms.saturating_sub(written_ms));
            let expires = table.schema().expire_ms;
            let expires = expires.map(|_| left_ms.saturating_sub(passed));
            let is_over = expires == Some(0);
            self.expired += u64::from(is_over);
            (!is_over).then_some(Place {
                table,
                now,
                passed,
                epoch,
                expires,
            })
        });
        if let Some(place) = &place {
            self.put(&key, place, None);
        }
        while !fields.is_empty() {
            let name = fields.counted()?;
            let node = self.nodes.iter().position(|known| known.as_bytes() == name);
            self.values(&mut fields)?;
            // A node that is not of the section any more has no part.
            if let Some((place, node)) = place.as_ref().zip(node) {
                self.put(&key, place, u8::try_from(node).ok());
            }
        }
        Ok(())
    }

    fn values(&mut self, fields: &mut Fields<'_>) -> Result<(), Damage> {
        let (names, taken) = (&mut self.names, &mut self.taken);
        Ok(entry::take_values(
            fields,
            &self.head.columns,
            names,
            taken,
        )?)
    }

    /// Takes over the values read last, of a node or of this one.
    fn put(&mut self, key: &Key<'_>, place: &Place<'_>, node: Option<u8>) {
        for taken in &mut self.taken {
            if let Taken::Number(_, _, Value::Rate(rate)) = taken {
                *rate = Rate {
                    elapsed_ms: rate.elapsed_ms.saturating_add(place.passed),
                    ..*rate
                };
            }
        }
        let mut items = Vec::with_capacity(self.taken.len());
        entry::items(&self.taken, &self.names, &mut items);
        let table = place.table;
        let learned = match table.nodes() {
            0 if node.is_some() => Ok(()),
            0 => table.learn(key, place.expires, &items, None, place.now),
            nodes if node.is_some_and(|node| node >= nodes) => Ok(()),
            _ => {
                let told = Told {
                    origin: node.map_or(Origin::Snapshot, |node| Origin::Third {
                        node,
                        is_present: false,
                    }),
                    epoch: place.epoch,
                    expires_ms: place.expires,
                    is_sure: true,
                };
                table.learn_of(key, told, &items, None, place.now)
            }
        };
        self.refused += u64::from(learned.is_err());
    }
}

/// Where an entry goes.
struct Place<'a> {
    table: &'a Table,
    now: Time,
    /// Milliseconds since it was written.
    passed: u32,
    epoch: u32,
    expires: Option<u32>,
}

#[cfg(test)]
mod tests;

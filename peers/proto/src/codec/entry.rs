//! Updates of entries: a key, then all of its values in the order of the definition.
//!
//! Dictionaries of names belong to a connection; see [`Names`].

use lbd_core::bits::low32;
use lbd_table::{DataType, EntryView, Item, Key, KeyType, Kind, Rate, Value};

use super::definition::Column;
use super::{Fault, Fields};
use crate::varint;

/// Places of a dictionary.
pub const NAMES: usize = 128;

/// Longest name that a dictionary takes.
pub const MAX_NAME: usize = 1024;

/// The names that one side of a connection has told, by place.
#[derive(Debug, Clone)]
pub struct Names {
    places: Vec<Option<Box<str>>>,
    next: usize,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            places: vec![None; NAMES],
            next: 0,
        }
    }
}

impl Names {
    /// The name at a place of the wire, which counts from 1.
    pub fn get(&self, place: usize) -> Option<&str> {
        self.places.get(place.checked_sub(1)?)?.as_deref()
    }

    /// All names with their places on the wire.
    pub fn all(&self) -> Vec<(usize, String)> {
        let places = self.places.iter().enumerate();
        places
            .filter_map(|(at, name)| Some((at + 1, name.as_deref()?.to_owned())))
            .collect()
    }

    /// The place of a name, and whether it must be told first: places are taken in turn.
    fn place(&mut self, name: &str) -> (usize, bool) {
        let known = self
            .places
            .iter()
            .position(|known| known.as_deref() == Some(name));
        if let Some(at) = known {
            return (at + 1, false);
        }
        let at = self.next;
        self.next = (at + 1) % NAMES;
        self.places[at] = Some(name.into());
        (at + 1, true)
    }
}

/// Which part of an entry's counters is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Another node's.
    Node(u8),
    /// This node's.
    Own,
    /// All together.
    Sum,
}

/// Appends key and values of an entry; of counters the sum.
pub fn put(out: &mut Vec<u8>, entry: &EntryView<'_>, key: KeyType, names: &mut Names) {
    put_key(out, entry.key(), key);
    put_values(out, entry, Part::Sum, names);
}

/// Appends a key.
pub fn put_key(out: &mut Vec<u8>, bytes: &[u8], key: KeyType) {
    match key {
        KeyType::Integer => {
            let number = bytes.try_into().map_or(0, u32::from_ne_bytes);
            out.extend_from_slice(&number.to_be_bytes());
        }
        KeyType::String { .. } => {
            varint::put(out, bytes.len() as u64);
            out.extend_from_slice(bytes);
        }
        KeyType::Binary { .. } | KeyType::Ipv4 | KeyType::Ipv6 => out.extend_from_slice(bytes),
    }
}

/// Appends the values of an entry.
pub fn put_values(out: &mut Vec<u8>, entry: &EntryView<'_>, part: Part, names: &mut Names) {
    let take = |_: DataType, _: u32, value: Value<'_>| match value {
        Value::Unsigned(number) => varint::put(out, u64::from(number)),
        // Signed numbers travel as the 64 bits of the same number.
        Value::Signed(number) => varint::put(out, i64::from(number).cast_unsigned()),
        Value::Long(number) => varint::put(out, number),
        Value::Rate(rate) => {
            for part in [rate.elapsed_ms, rate.current, rate.previous] {
                varint::put(out, u64::from(part));
            }
        }
        Value::Name(None) => out.push(0),
        Value::Name(Some(name)) => put_name(out, name, names),
    };
    match part {
        Part::Node(node) => entry.values_of(node, take),
        Part::Own => entry.own_values(take),
        Part::Sum => entry.values(take),
    }
}

fn put_name(out: &mut Vec<u8>, name: &str, names: &mut Names) {
    let (place, is_new) = names.place(name);
    let mut body = Vec::with_capacity(name.len() + 4);
    varint::put(&mut body, place as u64);
    if is_new {
        varint::put(&mut body, name.len() as u64);
        body.extend_from_slice(name.as_bytes());
    }
    varint::put(out, body.len() as u64);
    out.extend_from_slice(&body);
}

/// Reads the key of an entry of our table.
///
/// # Errors
/// A body that ends too early.
pub fn take_key<'a>(fields: &mut Fields<'a>, key: KeyType) -> Result<Key<'a>, Fault> {
    Ok(match key {
        KeyType::Integer => Key::integer(fields.u32()?),
        KeyType::String { .. } => Key::bytes_of(fields.counted()?, key),
        KeyType::Binary { .. } | KeyType::Ipv4 | KeyType::Ipv6 => {
            Key::bytes_of(fields.bytes(key.len() as usize)?, key)
        }
    })
}

/// A value whose name, if it is one, stands in a dictionary.
#[derive(Debug, Clone, Copy)]
pub enum Taken {
    /// Any but a name.
    Number(DataType, u32, Value<'static>),
    /// The place of a name.
    Name(DataType, usize),
}

/// Reads the values of an entry. Behind the known ones anything may follow.
///
/// # Errors
/// A body that ends too early, or a name that cannot be.
pub fn take_values(
    fields: &mut Fields<'_>,
    columns: &[Column],
    names: &mut Names,
    into: &mut Vec<Taken>,
) -> Result<(), Fault> {
    into.clear();
    for column in columns {
        for element in 0..column.elements {
            let data = column.data;
            let value = match data.kind() {
                // Of larger numbers the low bits count, as with the reference.
                Kind::Unsigned => Value::Unsigned(low32(fields.varint()?)),
                Kind::Signed => Value::Signed(low32(fields.varint()?).cast_signed()),
                Kind::Long => Value::Long(fields.varint()?),
                Kind::Rate => Value::Rate(Rate {
                    elapsed_ms: low32(fields.varint()?),
                    current: low32(fields.varint()?),
                    previous: low32(fields.varint()?),
                }),
                Kind::Name => {
                    if let Some(place) = take_name(fields, names)? {
                        into.push(Taken::Name(data, place));
                    }
                    continue;
                }
            };
            into.push(Taken::Number(data, element, value));
        }
    }
    Ok(())
}

fn take_name(fields: &mut Fields<'_>, names: &mut Names) -> Result<Option<usize>, Fault> {
    let body = fields.counted()?;
    if body.is_empty() {
        return Ok(None);
    }
    let mut body = Fields::new(body);
    let place = usize::try_from(body.varint()?).map_err(|_| Fault::Protocol)?;
    if place == 0 || place > NAMES {
        return Err(Fault::Protocol);
    }
    if !body.is_empty() {
        let name = body.counted()?;
        let name = std::str::from_utf8(name).map_err(|_| Fault::Protocol)?;
        if name.len() > MAX_NAME {
            return Err(Fault::Protocol);
        }
        names.places[place - 1] = Some(name.into());
    }
    Ok(names.get(place).is_some().then_some(place))
}

/// The values as a table takes them.
pub fn items<'a>(taken: &[Taken], names: &'a Names, into: &mut Vec<Item<'a>>) {
    into.clear();
    into.extend(taken.iter().map(|taken| match *taken {
        Taken::Number(data, element, value) => (data, element, value),
        Taken::Name(data, place) => (data, 0, Value::Name(names.get(place))),
    }));
}

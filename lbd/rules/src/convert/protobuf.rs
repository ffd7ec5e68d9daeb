//! Fields of protocol buffers, bare or in gRPC messages (manual 7.3.1).
//!
//! It knows no schema: a field is found by its numbers, and read as the configuration says.

use super::{bytes, text};
use crate::arg::{Arg, ArgError, ArgKind, ArgSpec};
use crate::registry::{Converter, Example};
use lbd_core::{Type, Value};

const ARGS: &[ArgSpec] = &[
    ArgSpec::required(ArgKind::Protobuf),
    ArgSpec::optional(ArgKind::Str),
];

/// The family.
pub const CONVERTERS: &[Converter] = &[
    Converter {
        name: "protobuf",
        args: ARGS,
        from: Type::Bin,
        to: Type::Bin,
        doc: "A field of a protocol buffer by its dotted numbers: as it stands, or as an integer \
              when its type is named (manual 7.3.1).",
        examples: &[
            Example::Ok("bin(0a020801),protobuf(1)"),
            Example::Fail(
                "bin(08),protobuf(1,string)",
                "Wrong protocol buffer type 'string'",
            ),
            Example::Fail("bin(08),protobuf(x)", "failed to parse 'x' as type"),
        ],
        build: |_, args| {
            let wanted = Wanted::parse(&args)?;
            bytes(move |_, message| wanted.find(message))
        },
    },
    Converter {
        name: "ungrpc",
        args: ARGS,
        from: Type::Bin,
        to: Type::Bin,
        doc: "The same in the first message of a gRPC body that has the field (manual 7.3.1).",
        examples: &[
            Example::Ok("bin(00000000040a020801),ungrpc(1)"),
            Example::Fail(
                "bin(08),ungrpc(1,text)",
                "Wrong protocol buffer type 'text'",
            ),
        ],
        build: |_, args| {
            let wanted = Wanted::parse(&args)?;
            bytes(move |_, body| messages(body).find_map(|message| wanted.find(message)))
        },
    },
];

/// The messages of a gRPC body: each behind a byte about compression and its length. One that is not
/// there whole ends them.
fn messages(mut body: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (head, rest) = body.split_first_chunk::<5>()?;
        let len = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        let (message, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
        body = rest;
        Some(message)
    })
}

/// What a field is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum As {
    /// Its bytes.
    Raw,
    /// A number of any length.
    Varint,
    /// The same, its sign in the lowest bit.
    ZigZag,
    Fixed32,
    SignedFixed32,
    Fixed64,
    Float,
    Double,
}

/// A field, found.
#[derive(Debug, Clone, Copy)]
enum Found<'m> {
    Varint(u64, &'m [u8]),
    Fixed64([u8; 8], &'m [u8]),
    Bytes(&'m [u8]),
    Fixed32([u8; 4], &'m [u8]),
}

/// A path of field numbers and what its end is read as.
#[derive(Debug)]
struct Wanted {
    path: Box<[u64]>,
    read_as: As,
}

impl Wanted {
    fn parse(args: &[Arg]) -> Result<Self, ArgError> {
        let read_as = match &*text(args, 1) {
            b"" => As::Raw,
            b"int32" | b"int64" | b"uint32" | b"uint64" | b"bool" | b"enum" => As::Varint,
            b"sint32" | b"sint64" => As::ZigZag,
            b"fixed32" => As::Fixed32,
            b"sfixed32" => As::SignedFixed32,
            b"fixed64" | b"sfixed64" => As::Fixed64,
            b"float" => As::Float,
            b"double" => As::Double,
            other => {
                return Err(ArgError::new(format!(
                    "Wrong protocol buffer type '{}'",
                    String::from_utf8_lossy(other)
                )));
            }
        };
        let path = path(&text(args, 0)).ok_or_else(|| ArgError::new("no field numbers"))?;
        Ok(Self { path, read_as })
    }

    fn find<'a>(&self, message: &'a [u8]) -> Option<Value<'a>> {
        self.value(search(&self.path, message)?)
    }

    fn value<'a>(&self, found: Found<'a>) -> Option<Value<'a>> {
        Some(match (self.read_as, found) {
            (
                As::Raw,
                Found::Varint(_, raw)
                | Found::Fixed64(_, raw)
                | Found::Fixed32(_, raw)
                | Found::Bytes(raw),
            ) => Value::Bin(raw),
            (As::Varint, Found::Varint(number, _)) => Value::Int(number.cast_signed()),
            (As::ZigZag, Found::Varint(number, _)) => {
                let sign = (number & 1).wrapping_neg();
                Value::Int(((number >> 1) ^ sign).cast_signed())
            }
            (As::Fixed32, Found::Fixed32(bytes, _)) => {
                Value::Int(i64::from(u32::from_le_bytes(bytes)))
            }
            (As::SignedFixed32, Found::Fixed32(bytes, _)) => {
                Value::Int(i64::from(i32::from_le_bytes(bytes)))
            }
            (As::Fixed64, Found::Fixed64(bytes, _)) => Value::Int(i64::from_le_bytes(bytes)),
            (As::Float, Found::Fixed32(bytes, _)) => {
                Value::Int(whole(f64::from(f32::from_le_bytes(bytes))))
            }
            (As::Double, Found::Fixed64(bytes, _)) => Value::Int(whole(f64::from_le_bytes(bytes))),
            _ => return None,
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the fraction is cut off, and what is too large ends at the limits"
)]
fn whole(number: f64) -> i64 {
    number as i64
}

/// Numbers of fields, dotted. One that no message can have finds nothing.
pub(crate) fn path(text: &[u8]) -> Option<Box<[u64]>> {
    let text = std::str::from_utf8(text).ok()?;
    let mut numbers = Vec::new();
    for part in text.split('.') {
        let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number || numbers.len() == MAX_PATH {
            return None;
        }
        numbers.push(part.parse().unwrap_or(u64::MAX));
    }
    Some(numbers.into())
}

/// The first field at the end of `path`. A message that has its parent more than once means one
/// parent with the fields of all, so the search goes on in the next.
fn search<'m>(path: &[u64], mut message: &'m [u8]) -> Option<Found<'m>> {
    let (number, below) = path.split_first()?;
    while !message.is_empty() {
        let (key, found) = field(&mut message)?;
        if key != *number {
            continue;
        }
        if below.is_empty() {
            return Some(found);
        }
        if let Found::Bytes(inner) = found
            && let Some(found) = search(below, inner)
        {
            return Some(found);
        }
    }
    None
}

/// Takes a field off the front: its number and content; `None` where no field can be read.
fn field<'m>(message: &mut &'m [u8]) -> Option<(u64, Found<'m>)> {
    let (key, _) = varint(message)?;
    let found = match key & 7 {
        0 => varint(message).map(|(number, raw)| Found::Varint(number, raw))?,
        1 => {
            let raw = take(message, 8)?;
            Found::Fixed64(raw.try_into().ok()?, raw)
        }
        2 => {
            let (len, _) = varint(message)?;
            Found::Bytes(take(message, usize::try_from(len).ok()?)?)
        }
        5 => {
            let raw = take(message, 4)?;
            Found::Fixed32(raw.try_into().ok()?, raw)
        }
        // Groups, which nobody makes any more, and what is not defined.
        _ => return None,
    };
    Some((key >> 3, found))
}

fn take<'m>(message: &mut &'m [u8], len: usize) -> Option<&'m [u8]> {
    let (taken, rest) = message.split_at_checked(len)?;
    *message = rest;
    Some(taken)
}

/// Takes a number off the front: seven bits in each byte, the lowest first, the last without the
/// highest bit; and the bytes it was in.
fn varint<'m>(message: &mut &'m [u8]) -> Option<(u64, &'m [u8])> {
    let end = message
        .iter()
        .take(MAX_VARINT)
        .position(|byte| byte & 0x80 == 0)?;
    let raw = take(message, end + 1)?;
    let low = |byte: u8| u64::from(byte & 0x7f);
    let number = raw
        .iter()
        .rev()
        .fold(0u64, |sum, byte| sum << 7 | low(*byte));
    Some((number, raw))
}

/// Bytes of the longest number.
const MAX_VARINT: usize = 10;

/// Depth of a path.
const MAX_PATH: usize = 64;

#[cfg(test)]
mod tests;

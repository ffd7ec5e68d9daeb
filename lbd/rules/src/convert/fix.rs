//! Converters of the FIX protocol (manual 7.3.1, FIX 4.2 volume 1).
//!
//! One message is looked at, the first of the payload; sessions are not followed.

use super::{Built, NO_ARGS, STR, bytes, text};
use crate::arg::{Arg, ArgError};
use crate::cast;
use crate::registry::{Converter, Example};
use lbd_core::{Type, Value};

/// The family.
pub const CONVERTERS: &[Converter] = &[
    Converter {
        name: "fix_is_valid",
        args: NO_ARGS,
        from: Type::Bin,
        to: Type::Bool,
        doc: "Whether the payload begins with a well-formed FIX message (manual 7.3.1).",
        examples: &[Example::Ok("req.payload(0,0),fix_is_valid")],
        build: |_, _| bytes(|_, payload| check(payload).map(Value::Bool)),
    },
    Converter {
        name: "fix_tag_value",
        args: STR,
        from: Type::Bin,
        to: Type::Bin,
        doc: "The value of a tag of a FIX message, by number or by name (manual 7.3.1).",
        examples: &[
            Example::Ok("req.payload(0,0),fix_tag_value(35)"),
            Example::Ok("req.payload(0,0),fix_tag_value(MsgType)"),
            Example::Fail("req.payload(0,0),fix_tag_value(x)", "Invalid FIX Tag"),
        ],
        build: |_, args| tag_value(&args),
    },
];

/// The end of a field.
const SOH: u8 = 1;
const BEGIN_STRING: u64 = 8;
const BODY_LENGTH: u64 = 9;
const CHECK_SUM: u64 = 10;
const MSG_TYPE: u64 = 35;
/// Bytes of the shortest message: `8=FIX.4.0|9=5|35=0|10=000|`.
const SHORTEST: usize = 26;
/// What `BeginString` may say.
const VERSIONS: &[&[u8]] = &[
    b"FIX.4.0",
    b"FIX.4.1",
    b"FIX.4.2",
    b"FIX.4.3",
    b"FIX.4.4",
    b"FIXT.1.1",
];
/// Tags that have a name here.
const NAMES: &[(&[u8], u64)] = &[
    (b"BeginString", BEGIN_STRING),
    (b"BodyLength", BODY_LENGTH),
    (b"CheckSum", CHECK_SUM),
    (b"MsgType", MSG_TYPE),
    (b"SenderCompID", 49),
    (b"TargetCompID", 56),
];

/// One `tag=value` and what follows it.
enum Field<'a> {
    /// A tag with its value and the bytes behind.
    Whole(u64, &'a [u8], &'a [u8]),
    /// The end of the field has not come yet.
    Partial,
    Invalid,
}

fn field(payload: &[u8]) -> Field<'_> {
    let Some(end) = payload.iter().position(|byte| *byte == SOH) else {
        return Field::Partial;
    };
    let Some(equals) = payload[..end].iter().position(|byte| *byte == b'=') else {
        return Field::Invalid;
    };
    match digits(&payload[..equals]) {
        Some(tag) if equals + 1 < end => {
            Field::Whole(tag, &payload[equals + 1..end], &payload[end + 1..])
        }
        _ => Field::Invalid,
    }
}

fn digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Whether the payload begins with a valid message; `None` while more of it must come.
fn check(payload: &[u8]) -> Option<bool> {
    if payload.len() < SHORTEST {
        return None;
    }
    let mut rest = payload;
    let mut body = 0..0;
    for position in 0.. {
        let before = payload.len() - rest.len();
        let (tag, value, after) = match field(rest) {
            Field::Whole(tag, value, after) => (tag, value, after),
            Field::Partial => return None,
            Field::Invalid => return Some(false),
        };
        let start = payload.len() - after.len();
        let is_right = match position {
            0 => tag == BEGIN_STRING && VERSIONS.contains(&value),
            1 => match digits(value).and_then(|length| usize::try_from(length).ok()) {
                Some(length) if tag == BODY_LENGTH => {
                    body = start..start.saturating_add(length);
                    true
                }
                _ => false,
            },
            2 => tag == MSG_TYPE,
            _ => true,
        };
        if !is_right {
            return Some(false);
        }
        if position > 2 && tag == CHECK_SUM {
            let sum = payload[..before]
                .iter()
                .fold(0u8, |sum, byte| sum.wrapping_add(*byte));
            let is_sum = value.len() == 3 && digits(value) == Some(u64::from(sum));
            return Some(is_sum && body.end == before);
        }
        rest = after;
    }
    Some(false)
}

fn tag_value(args: &[Arg]) -> Built {
    let name = text(args, 0);
    let named = NAMES.iter().find(|(known, _)| **known == *name);
    let tag = match named {
        Some((_, tag)) => *tag,
        None => cast::whole_int(&name)
            .and_then(|tag| u64::try_from(tag).ok())
            .filter(|tag| *tag > 0)
            .ok_or_else(|| {
                let name = String::from_utf8_lossy(&name);
                ArgError::new(format!("Invalid FIX Tag '{name}'"))
            })?,
    };
    bytes(move |_, payload| {
        let mut rest = payload;
        while let Field::Whole(found, value, after) = field(rest) {
            if found == tag {
                return Some(Value::Bin(value));
            }
            if found == CHECK_SUM {
                break;
            }
            rest = after;
        }
        None
    })
}

#[cfg(test)]
mod tests;

//! Converters of the Forwarded field (RFC 7239, manual 7.3.1).
//!
//! It reads one element; splitting the field is the work of `req.hdr`.

use super::{NO_ARGS, STR, build, bytes, kept, text};
use crate::arg::ArgError;
use crate::cast;
use crate::registry::{Converter, Example};
use crate::view::View;
use lbd_core::{Type, Value};
use std::net::IpAddr;

/// The family.
pub const CONVERTERS: &[Converter] = &[
    Converter {
        name: "rfc7239_field",
        args: STR,
        from: Type::Str,
        to: Type::Str,
        doc: "A parameter of a Forwarded element: for, by, host or proto (manual 7.3.1).",
        examples: &[
            Example::Ok("req.hdr(forwarded),rfc7239_field(for)"),
            Example::Fail("str(a),rfc7239_field(x)", "expects one of"),
        ],
        build: |_, args| {
            let name = text(&args, 0);
            let at = NAMES
                .iter()
                .position(|known| *known == &*name)
                .ok_or_else(|| ArgError::new("expects one of 'by', 'for', 'host', 'proto'"))?;
            bytes(move |_, text| Forwarded::parse(text)?.values[at].map(Value::Str))
        },
    },
    Converter {
        name: "rfc7239_is_valid",
        args: NO_ARGS,
        from: Type::Str,
        to: Type::Bool,
        doc: "Whether the text is one well-formed element of a Forwarded field (manual 7.3.1).",
        examples: &[Example::Ok("req.hdr(forwarded),rfc7239_is_valid")],
        build: |_, _| bytes(|_, text| Some(Value::Bool(Forwarded::parse(text).is_some()))),
    },
    Converter {
        name: "rfc7239_n2nn",
        args: NO_ARGS,
        from: Type::Str,
        to: Type::Any,
        doc: "The name in a node: an address, unknown or an obfuscated name (manual 7.3.1).",
        examples: &[Example::Ok(
            "req.hdr(forwarded),rfc7239_field(for),rfc7239_n2nn",
        )],
        build: |_, _| {
            bytes(|_, text| {
                Some(match Node::parse(text)?.name {
                    Name::Address(IpAddr::V4(v4)) => Value::Ipv4(v4),
                    Name::Address(IpAddr::V6(v6)) => Value::Ipv6(v6),
                    Name::Text(name) => Value::Str(name),
                })
            })
        },
    },
    Converter {
        name: "rfc7239_n2np",
        args: NO_ARGS,
        from: Type::Str,
        to: Type::Any,
        doc: "The port in a node: a number or an obfuscated one (manual 7.3.1).",
        examples: &[Example::Ok(
            "req.hdr(forwarded),rfc7239_field(for),rfc7239_n2np",
        )],
        build: |_, _| {
            bytes(|_, text| {
                Some(match Node::parse(text)?.port? {
                    Port::Number(port) => Value::Int(i64::from(port)),
                    Port::Text(port) => Value::Str(port),
                })
            })
        },
    },
    Converter {
        name: "rfc7239_nn",
        args: NO_ARGS,
        from: Type::Any,
        to: Type::Str,
        doc: "A node name from an address or a word (manual 7.3.1).",
        examples: &[
            Example::Ok("src,rfc7239_nn"),
            Example::Ok("str(a),rfc7239_nn"),
        ],
        build: |_, _| build(node_name),
    },
    Converter {
        name: "rfc7239_np",
        args: NO_ARGS,
        from: Type::Any,
        to: Type::Str,
        doc: "A node port from a number or a word (manual 7.3.1).",
        examples: &[
            Example::Ok("src_port,rfc7239_np"),
            Example::Ok("str(a),rfc7239_np"),
        ],
        build: |_, _| build(node_port),
    },
];

const NAMES: [&[u8]; 4] = [b"by", b"for", b"host", b"proto"];

/// One element of a Forwarded field; values stand in the order of `NAMES`.
struct Forwarded<'a> {
    values: [Option<&'a [u8]>; 4],
}

impl<'a> Forwarded<'a> {
    /// `name=value` pairs between semicolons, each name once and in lower case.
    fn parse(text: &'a [u8]) -> Option<Self> {
        let mut found = Self { values: [None; 4] };
        let mut rest = text;
        loop {
            let equals = rest.iter().position(|byte| *byte == b'=')?;
            let at = NAMES.iter().position(|known| *known == &rest[..equals])?;
            let (value, after) = value(&rest[equals + 1..])?;
            if found.values[at].replace(value).is_some() || !is_valid(at, value) {
                return None;
            }
            match after.split_first() {
                None => return Some(found),
                Some((b';', after)) => rest = after,
                Some(_) => return None,
            }
        }
    }
}

/// A token or a quoted string without escapes, and what follows it.
fn value(text: &[u8]) -> Option<(&[u8], &[u8])> {
    if let Some(quoted) = text.strip_prefix(b"\"") {
        let end = quoted.iter().position(|byte| *byte == b'"')?;
        return Some((&quoted[..end], &quoted[end + 1..]));
    }
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let end = text
        .iter()
        .position(|byte| !is_token(byte))
        .unwrap_or(text.len());
    (end > 0).then_some((&text[..end], &text[end..]))
}

fn is_valid(at: usize, value: &[u8]) -> bool {
    match NAMES[at] {
        b"by" | b"for" => Node::parse(value).is_some(),
        b"proto" => value == b"http" || value == b"https",
        _ => {
            let is_host = |b: &u8| b.is_ascii_alphanumeric() || b"-._~:[]%".contains(b);
            !value.is_empty() && value.iter().all(is_host)
        }
    }
}

enum Name<'a> {
    Address(IpAddr),
    /// `unknown`, or an obfuscated name with its underscore.
    Text(&'a [u8]),
}

enum Port<'a> {
    Number(u16),
    Text(&'a [u8]),
}

/// RFC 7239 6: a node name and an optional port.
struct Node<'a> {
    name: Name<'a>,
    port: Option<Port<'a>>,
}

impl<'a> Node<'a> {
    fn parse(text: &'a [u8]) -> Option<Self> {
        let (name, rest) = if let Some(inner) = text.strip_prefix(b"[") {
            let end = inner.iter().position(|byte| *byte == b']')?;
            let address = cast::parse_addr(&inner[..end]).filter(IpAddr::is_ipv6)?;
            (Name::Address(address), &inner[end + 1..])
        } else {
            let end = text
                .iter()
                .position(|byte| *byte == b':')
                .unwrap_or(text.len());
            let (head, rest) = text.split_at(end);
            let name = match cast::parse_addr(head) {
                Some(address) => Name::Address(address),
                None if head == b"unknown" || is_obfuscated(head) => Name::Text(head),
                None => return None,
            };
            (name, rest)
        };
        let port = match rest.split_first() {
            None => None,
            Some((b':', port)) if is_obfuscated(port) => Some(Port::Text(port)),
            Some((b':', port)) => {
                let digits = std::str::from_utf8(port).ok()?;
                let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
                Some(Port::Number(digits.parse().ok().filter(|_| is_plain)?))
            }
            Some(_) => return None,
        };
        Some(Self { name, port })
    }
}

fn is_obfuscated(text: &[u8]) -> bool {
    text.strip_prefix(b"_").is_some_and(is_word)
}

fn is_word(text: &[u8]) -> bool {
    !text.is_empty()
        && text
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(byte))
}

fn node_name<'a>(view: &View<'a>, value: Value<'a>) -> Option<Value<'a>> {
    match value {
        Value::Ipv4(_) => Some(Value::Str(cast::to_str(value, view.arena)?)),
        Value::Ipv6(_) => {
            let text = cast::to_str(value, view.arena)?;
            let bracketed = b"[".iter().chain(text).chain(b"]").copied();
            Some(Value::Str(kept(view, bracketed)))
        }
        other => obfuscated(view, other),
    }
}

fn node_port<'a>(view: &View<'a>, value: Value<'a>) -> Option<Value<'a>> {
    match value {
        Value::Int(0..=65_535) => Some(Value::Str(cast::to_str(value, view.arena)?)),
        Value::Int(_) => None,
        other => obfuscated(view, other),
    }
}

fn obfuscated<'a>(view: &View<'a>, value: Value<'a>) -> Option<Value<'a>> {
    match value {
        Value::Str(text) if is_word(text) => {
            Some(Value::Str(kept(view, b"_".iter().chain(text).copied())))
        }
        _ => None,
    }
}

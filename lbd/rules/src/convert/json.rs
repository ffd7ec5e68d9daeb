//! Converters to and from JSON (manual 7.3.1).
//!
//! Tokens (JWT) are read in [`super::jwt`].

use super::{Built, LIMIT, STR, bytes, text};
use crate::arg::{Arg, ArgError, ArgKind, ArgSpec};
use crate::registry::{Converter, Example};
use crate::view::View;
use lbd_core::{Type, Value};
use std::fmt::Write;

/// The family.
pub const CONVERTERS: &[Converter] = &[
    Converter {
        name: "json",
        args: STR,
        from: Type::Str,
        to: Type::Str,
        doc: "A string escaped for JSON; ascii or utf8 with s, p (manual 7.3.1).",
        examples: &[
            Example::Ok("path,json(utf8s)"),
            Example::Ok("path,json(ascii)"),
            Example::Fail("path,json(z)", "Unexpected input code type"),
        ],
        build: |_, args| json(&args),
    },
    Converter {
        name: "json_query",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
        ],
        from: Type::Str,
        to: Type::Any,
        doc: "A value in a JSON text by its path, as string or int (manual 7.3.1).",
        examples: &[
            Example::Ok("req.body,json_query($.a)"),
            Example::Ok("req.body,json_query($.a,int)"),
        ],
        build: |_, args| json_query(&args),
    },
];
/// How `json` reads bytes beyond ASCII.
#[derive(Clone, Copy)]
struct Coding {
    is_utf8: bool,
    /// What is malformed is left out instead of ending the string.
    skips: bool,
    /// What is malformed drops the sample.
    fails: bool,
}

fn json(args: &[Arg]) -> Built {
    let coding = |is_utf8, skips, fails| Coding {
        is_utf8,
        skips,
        fails,
    };
    let coding = match &*text(args, 0) {
        b"" | b"ascii" => coding(false, false, false),
        b"utf8" => coding(true, false, true),
        b"utf8s" => coding(true, true, false),
        b"utf8p" => coding(true, false, false),
        b"utf8ps" => coding(true, true, false),
        _ => {
            return Err(ArgError::new(
                "Unexpected input code type. Allowed value are 'ascii', 'utf8', 'utf8s', \
                 'utf8p' and 'utf8ps'",
            ));
        }
    };
    bytes(move |view, text| {
        if text.len() > LIMIT / 6 {
            return None;
        }
        let mut out = bumpalo::collections::String::new_in(view.arena);
        let mut rest = text;
        while !rest.is_empty() {
            let (code, taken) = next_code(rest, coding.is_utf8);
            rest = &rest[taken..];
            match code {
                Some(code) => escape(code, &mut out).ok()?,
                None if coding.fails => return None,
                None if coding.skips => {}
                None => break,
            }
        }
        Some(Value::Str(out.into_bump_str().as_bytes()))
    })
}

/// The first code point and its bytes; `None` for what is not UTF-8.
fn next_code(text: &[u8], is_utf8: bool) -> (Option<u32>, usize) {
    let first = text[0];
    if !is_utf8 || first < 0x80 {
        return (Some(u32::from(first)), 1);
    }
    for len in 2..=4.min(text.len()) {
        if let Ok(found) = std::str::from_utf8(&text[..len]) {
            return (found.chars().next().map(u32::from), len);
        }
    }
    (None, 1)
}

fn escape(code: u32, out: &mut impl Write) -> std::fmt::Result {
    match u8::try_from(code).ok().filter(u8::is_ascii).map(char::from) {
        Some('"') => out.write_str("\\\""),
        Some('\\') => out.write_str("\\\\"),
        Some('/') => out.write_str("\\/"),
        Some('\u{8}') => out.write_str("\\b"),
        Some('\u{c}') => out.write_str("\\f"),
        Some('\r') => out.write_str("\\r"),
        Some('\n') => out.write_str("\\n"),
        Some('\t') => out.write_str("\\t"),
        Some(c) if !c.is_ascii_control() => out.write_char(c),
        _ if code > 0xffff => {
            let high = 0xd800 + ((code - 0x1_0000) >> 10);
            let low = 0xdc00 + ((code - 0x1_0000) & 0x3ff);
            write!(out, "\\u{high:04x}\\u{low:04x}")
        }
        _ => write!(out, "\\u{code:04x}"),
    }
}

/// Depth of a path.
const MAX_PATH: usize = 64;

/// One step of a JSON path: a name, or an index in brackets.
enum Step {
    Index(usize),
    Name(String),
}

/// `$.name.other[0]`, a dot within a name behind a backslash.
fn json_path(path: &[u8]) -> Option<Vec<Step>> {
    let path = std::str::from_utf8(path).ok()?;
    let mut chars = path.strip_prefix('$')?.chars().peekable();
    let mut steps = Vec::new();
    while let Some(c) = chars.next() {
        if steps.len() == MAX_PATH {
            return None;
        }
        match c {
            '.' => {
                let mut name = String::new();
                while let Some(c) = chars.next_if(|c| !matches!(c, '.' | '[')) {
                    name.push(if c == '\\' { chars.next()? } else { c });
                }
                if name.is_empty() {
                    return None;
                }
                steps.push(Step::Name(name));
            }
            '[' => {
                let inside: String = std::iter::from_fn(|| chars.next_if(|c| *c != ']')).collect();
                chars.next()?;
                let quoted = inside
                    .strip_prefix(['\'', '"'])
                    .and_then(|s| s.strip_suffix(['\'', '"']));
                steps.push(match quoted {
                    Some(name) => Step::Name(name.to_owned()),
                    None => Step::Index(inside.parse().ok()?),
                });
            }
            _ => return None,
        }
    }
    Some(steps)
}

fn json_query(args: &[Arg]) -> Built {
    let wanted = query(args)?;
    bytes(move |view, text| wanted.find(view, text))
}

/// What is looked for in a JSON text.
pub(super) struct Query {
    path: Vec<Step>,
    is_int: bool,
}

/// A path and, optionally, the type of what is found.
pub(super) fn query(args: &[Arg]) -> Result<Query, ArgError> {
    let path = json_path(&text(args, 0))
        .ok_or_else(|| ArgError::new("A JSON path must start with '$'"))?;
    let is_int = match &*text(args, 1) {
        b"" => false,
        b"int" => true,
        _ => {
            return Err(ArgError::new(
                "output_type only supports \"int\" as argument",
            ));
        }
    };
    Ok(Query { path, is_int })
}

impl Query {
    /// The value in `text`.
    pub(super) fn find<'a>(&self, view: &View<'a>, text: &[u8]) -> Option<Value<'a>> {
        let whole: serde_json::Value = serde_json::from_slice(text).ok()?;
        let found = self
            .path
            .iter()
            .try_fold(&whole, |value, step| match step {
                Step::Index(at) => value.get(*at),
                Step::Name(name) => value.get(name),
            })?;
        if self.is_int {
            return found.as_i64().map(Value::Int);
        }
        Some(match found {
            serde_json::Value::Bool(value) => Value::Bool(*value),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(value) => Value::Int(value),
                None => Value::Str(view.keep(number.to_string().as_bytes())),
            },
            serde_json::Value::String(value) => Value::Str(view.keep(value.as_bytes())),
            list @ serde_json::Value::Array(_) => {
                Value::Str(view.keep(list.to_string().as_bytes()))
            }
            serde_json::Value::Null | serde_json::Value::Object(_) => return None,
        })
    }
}

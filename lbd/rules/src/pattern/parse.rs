//! Patterns as text: each match method's form of them (haproxy 3.4 configuration 7.1).
//!
//! It reads one pattern; lists, files and operators before a pattern are read elsewhere.

use std::net::{Ipv4Addr, Ipv6Addr};

use lbd_core::Type;
use lbd_core::bits::low8;

use crate::cast;
use crate::regex::Regex;

/// A method of matching (`-m`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatchKind {
    /// Prefix.
    Beg,
    /// Binary data, written in hexadecimal.
    Bin,
    /// The value as a boolean.
    Bool,
    /// A part between slashes.
    Dir,
    /// A part between dots, slashes, colons and question marks.
    Dom,
    /// Suffix.
    End,
    /// There is a value.
    Found,
    /// Integers and ranges.
    Int,
    /// Addresses and networks.
    Ip,
    /// Length of the value as an integer.
    Len,
    /// An HTTP method; not selectable by `-m`, the default for that type.
    Method,
    /// Regular expression.
    Reg,
    /// The whole string.
    Str,
    /// A part of the string.
    Sub,
}

impl MatchKind {
    /// The method of this name, as `-m` and the ACL suffixes have it.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "beg" => Self::Beg,
            "bin" => Self::Bin,
            "bool" => Self::Bool,
            "dir" => Self::Dir,
            "dom" => Self::Dom,
            "end" => Self::End,
            "found" => Self::Found,
            "int" => Self::Int,
            "ip" => Self::Ip,
            "len" => Self::Len,
            "reg" => Self::Reg,
            "str" => Self::Str,
            "sub" => Self::Sub,
            _ => return None,
        })
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Beg => "beg",
            Self::Bin => "bin",
            Self::Bool => "bool",
            Self::Dir => "dir",
            Self::Dom => "dom",
            Self::End => "end",
            Self::Found => "found",
            Self::Int => "int",
            Self::Ip => "ip",
            Self::Len => "len",
            Self::Method => "meth",
            Self::Reg => "reg",
            Self::Str => "str",
            Self::Sub => "sub",
        }
    }

    /// The method that a sample of this type is matched by unless `-m` says otherwise.
    pub fn default_for(kind: Type) -> Option<Self> {
        match kind {
            Type::Bool => Some(Self::Bool),
            Type::Int => Some(Self::Int),
            Type::Addr | Type::Ipv4 | Type::Ipv6 => Some(Self::Ip),
            Type::Str => Some(Self::Str),
            Type::Method => Some(Self::Method),
            Type::Bin | Type::Any | Type::Same => None,
        }
    }

    /// The type to which a sample is cast before it is matched.
    pub fn input(self) -> Type {
        match self {
            Self::Found => Type::Any,
            Self::Bool => Type::Bool,
            Self::Int => Type::Int,
            Self::Ip => Type::Addr,
            Self::Bin => Type::Bin,
            Self::Method => Type::Method,
            Self::Beg
            | Self::Dir
            | Self::Dom
            | Self::End
            | Self::Len
            | Self::Reg
            | Self::Str
            | Self::Sub => Type::Str,
        }
    }
}

/// How patterns of one matcher are read and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MatchOptions {
    /// Letters match whatever their case (`-i`).
    pub ignore_case: bool,
    /// Integers are versions `major.minor`, compared as `major << 16 | minor`.
    pub is_dotted: bool,
}

/// A pattern in the form in which it is compared.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    /// Nothing to compare with.
    Always,
    Bytes(Box<[u8]>),
    Range(Option<i64>, Option<i64>),
    V4 {
        net: u32,
        mask: u32,
    },
    V6 {
        net: u128,
        prefix: u8,
    },
    Regex(Box<Regex>),
}

/// Reads one pattern.
pub(crate) fn parse(kind: MatchKind, options: MatchOptions, text: &[u8]) -> Result<Test, String> {
    let shown = || String::from_utf8_lossy(text).into_owned();
    match kind {
        MatchKind::Found | MatchKind::Bool => Ok(Test::Always),
        MatchKind::Int | MatchKind::Len => range(text, options.is_dotted),
        MatchKind::Ip => network(text)
            .ok_or_else(|| format!("'{}' is not a valid IPv4 or IPv6 address", shown())),
        MatchKind::Bin => hex_block(text).map(Test::Bytes),
        MatchKind::Reg => Ok(Test::Regex(Box::new(Regex::new(
            text,
            options.ignore_case,
        )?))),
        MatchKind::Dir => Ok(Test::Bytes(trimmed(text, is_dir_delimiter))),
        MatchKind::Dom => Ok(Test::Bytes(trimmed(text, is_dom_delimiter))),
        MatchKind::Beg | MatchKind::End | MatchKind::Method | MatchKind::Str | MatchKind::Sub => {
            Ok(Test::Bytes(text.into()))
        }
    }
}

pub(crate) fn is_dir_delimiter(byte: u8) -> bool {
    byte == b'/'
}

pub(crate) fn is_dom_delimiter(byte: u8) -> bool {
    matches!(byte, b'/' | b'?' | b'.' | b':')
}

fn trimmed(text: &[u8], is_delimiter: fn(u8) -> bool) -> Box<[u8]> {
    let start = text
        .iter()
        .position(|b| !is_delimiter(*b))
        .unwrap_or(text.len());
    let end = text
        .iter()
        .rposition(|b| !is_delimiter(*b))
        .map_or(start, |at| at + 1);
    text[start..end].into()
}

fn hex_block(text: &[u8]) -> Result<Box<[u8]>, String> {
    if !text.len().is_multiple_of(2) {
        return Err("an even number of hex digit is expected".to_owned());
    }
    let mut out = Vec::with_capacity(text.len() / 2);
    for pair in text.chunks_exact(2) {
        let digit = |byte: u8| {
            char::from(byte)
                .to_digit(16)
                .ok_or_else(|| format!("an hex digit is expected (found '{}')", char::from(byte)))
        };
        out.push(low8((digit(pair[0])? * 16 + digit(pair[1])?).into()));
    }
    Ok(out.into())
}

fn range(text: &[u8], is_dotted: bool) -> Result<Test, String> {
    let shown = String::from_utf8_lossy(text);
    let number = |part: &[u8]| {
        if is_dotted {
            dotted(part)
        } else {
            cast::whole_int(part)
        }
    };
    let Some(colon) = text.iter().position(|b| *b == b':') else {
        let value = number(text).ok_or_else(|| format!("'{shown}' is not a number"))?;
        return Ok(Test::Range(Some(value), Some(value)));
    };
    let bound = |part: &[u8]| {
        if part.is_empty() {
            return Ok(None);
        }
        number(part)
            .map(Some)
            .ok_or_else(|| format!("'{shown}' is not a valid number range"))
    };
    let (low, high) = (bound(&text[..colon])?, bound(&text[colon + 1..])?);
    if let (Some(low), Some(high)) = (low, high)
        && low > high
    {
        return Err(format!("'{shown}' is not a valid number range"));
    }
    Ok(Test::Range(low, high))
}

/// A version `major[.minor]` as `major << 16 | minor`.
pub(crate) fn dotted(text: &[u8]) -> Option<i64> {
    let mut parts = text.splitn(2, |b| *b == b'.');
    let major = cast::whole_int(parts.next()?)?;
    let minor = match parts.next() {
        Some(minor) => cast::whole_int(minor)?,
        None => 0,
    };
    ((0..=0xffff).contains(&major) && (0..=0xffff).contains(&minor)).then_some(major << 16 | minor)
}

/// An address with an optional mask: `10.0.0.0/8`, `10.12/8` (abbreviated), `a.b.c.d/e.f.g.h`,
/// `2001:db8::/32`.
fn network(text: &[u8]) -> Option<Test> {
    let text = std::str::from_utf8(text).ok()?;
    let (address, mask) = match text.split_once('/') {
        Some((address, mask)) => (address, Some(mask)),
        None => (text, None),
    };
    if let Some(v4) = abbreviated_v4(address) {
        let mask = mask.map_or(Some(u32::MAX), parse_mask4)?;
        return Some(Test::V4 {
            net: u32::from(v4) & mask,
            mask,
        });
    }
    let v6: Ipv6Addr = address.parse().ok()?;
    let prefix = match mask {
        Some(mask) => mask.parse().ok().filter(|bits| *bits <= 128)?,
        None => 128,
    };
    Some(Test::V6 {
        net: u128::from(v6) & mask6(prefix),
        prefix,
    })
}

/// An IPv4 address in which zero octets before the last may be left out: `127.1`.
fn abbreviated_v4(text: &str) -> Option<Ipv4Addr> {
    let parts: Vec<&str> = text.split('.').collect();
    if parts.len() > 4 {
        return None;
    }
    let mut octets = [0u8; 4];
    for (at, part) in parts.iter().enumerate() {
        if part.is_empty() || part.len() > 3 || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let value = part.parse().ok()?;
        let is_last = at + 1 == parts.len();
        octets[if is_last && at > 0 { 3 } else { at }] = value;
    }
    Some(Ipv4Addr::from(octets))
}

/// An IPv4 mask, dotted or as a number of bits.
pub(crate) fn parse_mask4(text: &str) -> Option<u32> {
    if text.contains('.') {
        return text.parse::<Ipv4Addr>().ok().map(u32::from);
    }
    let bits: u32 = text.parse().ok().filter(|bits| *bits <= 32)?;
    Some(if bits == 0 {
        0
    } else {
        u32::MAX << (32 - bits)
    })
}

/// The mask of an IPv6 prefix length.
pub(crate) fn mask6(prefix: u8) -> u128 {
    if prefix == 0 {
        0
    } else {
        u128::MAX << (128 - u32::from(prefix.min(128)))
    }
}

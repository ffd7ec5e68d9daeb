//! The normalizers of `http-request normalize-uri` (haproxy 3.4 configuration 4.4).
//!
//! Each is one pure step from a target to a target; which are applied, in which order, and what a
//! refusal means is the rule's.

use memchr::memchr;

use super::param::{hex_pair, is_unreserved};
use super::{Form, Target};

/// One normalizer with its option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Normalizer {
    /// `fragment-encode`: `#` becomes `%23`.
    FragmentEncode,
    /// `fragment-strip`: `#` and what follows goes.
    FragmentStrip,
    /// `path-merge-slashes`.
    PathMergeSlashes,
    /// `path-strip-dot`.
    PathStripDot,
    /// `path-strip-dotdot [full]`.
    PathStripDotdot {
        /// `..` at the beginning goes as well.
        full: bool,
    },
    /// `percent-decode-unreserved [strict]`.
    PercentDecodeUnreserved {
        /// A malformed coding is refused.
        strict: bool,
    },
    /// `percent-to-uppercase [strict]`.
    PercentToUppercase {
        /// A malformed coding is refused.
        strict: bool,
    },
    /// `query-sort-by-name`.
    QuerySortByName,
}

/// A coding is malformed and the normalizer is strict: the request is to be answered with 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MalformedCoding;

impl std::fmt::Display for MalformedCoding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("malformed percent coding")
    }
}

impl std::error::Error for MalformedCoding {}

impl Normalizer {
    /// Appends the normalized form of `target`; only the path and query are touched.
    ///
    /// # Errors
    /// [`MalformedCoding`] from the strict variants; `out` is then unspecified.
    pub fn apply(self, target: &[u8], out: &mut Vec<u8>) -> Result<(), MalformedCoding> {
        let parts = Target::split(target, false);
        if !matches!(parts.form, Form::Absolute | Form::Origin) {
            out.extend_from_slice(target);
            return Ok(());
        }
        let (front, rest) = target.split_at(parts.path.start);
        let path_len = memchr(b'?', rest).unwrap_or(rest.len());
        let (path, query) = rest.split_at(path_len);
        out.extend_from_slice(front);
        match self {
            Self::FragmentEncode => {
                for &byte in rest {
                    out.extend_from_slice(if byte == b'#' {
                        b"%23"
                    } else {
                        std::slice::from_ref(&byte)
                    });
                }
                return Ok(());
            }
            Self::FragmentStrip => {
                let end = memchr(b'#', rest).unwrap_or(rest.len());
                out.extend_from_slice(&rest[..end]);
                return Ok(());
            }
            Self::PercentDecodeUnreserved { strict } => {
                return decode_unreserved(rest, strict, out);
            }
            Self::PercentToUppercase { strict } => return to_uppercase(rest, strict, out),
            Self::PathMergeSlashes => merge_slashes(path, out),
            Self::PathStripDot => strip_dot(path, out),
            Self::PathStripDotdot { full } => strip_dotdot(path, full, out),
            Self::QuerySortByName => {
                out.extend_from_slice(path);
                sort_query(query, out);
                return Ok(());
            }
        }
        out.extend_from_slice(query);
        Ok(())
    }
}

fn merge_slashes(path: &[u8], out: &mut Vec<u8>) {
    let mut last = 0;
    for &byte in path {
        if byte != b'/' || last != b'/' {
            out.push(byte);
        }
        last = byte;
    }
}

/// The segments after each slash; the flag tells the last one.
fn segments(path: &[u8]) -> impl Iterator<Item = (&[u8], bool)> {
    let body = path.strip_prefix(b"/").unwrap_or(path);
    let mut left = body.iter().filter(|b| **b == b'/').count();
    body.split(|&b| b == b'/').map(move |segment| {
        let last = left == 0;
        left = left.saturating_sub(1);
        (segment, last)
    })
}

fn strip_dot(path: &[u8], out: &mut Vec<u8>) {
    if path.first() != Some(&b'/') {
        out.extend_from_slice(path);
        return;
    }
    out.push(b'/');
    for (segment, last) in segments(path) {
        if segment == b"." {
            continue;
        }
        out.extend_from_slice(segment);
        if !last {
            out.push(b'/');
        }
    }
}

fn strip_dotdot(path: &[u8], full: bool, out: &mut Vec<u8>) {
    if path.first() != Some(&b'/') {
        out.extend_from_slice(path);
        return;
    }
    out.push(b'/');
    // Nothing before `floor` is taken back: the first slash, and each `../` that stays.
    let mut floor = out.len();
    for (segment, last) in segments(path) {
        if segment != b".." {
            out.extend_from_slice(segment);
            if !last {
                out.push(b'/');
            }
        } else if out.len() > floor {
            // Takes back the segment before and its slash.
            let end = out.len() - 1;
            let start = out[floor..end]
                .iter()
                .rposition(|&b| b == b'/')
                .map_or(floor, |at| floor + at + 1);
            out.truncate(start);
        } else if !full {
            out.extend_from_slice(b"../");
            floor = out.len();
        }
    }
}

fn decode_unreserved(rest: &[u8], strict: bool, out: &mut Vec<u8>) -> Result<(), MalformedCoding> {
    let mut at = 0;
    while let Some(&byte) = rest.get(at) {
        at += 1;
        if byte == b'%' {
            match rest.get(at..at + 2).and_then(hex_pair) {
                Some(decoded) if is_unreserved(decoded) => {
                    out.push(decoded);
                    at += 2;
                    continue;
                }
                Some(_) => {}
                None if strict => return Err(MalformedCoding),
                None => {}
            }
        }
        out.push(byte);
    }
    Ok(())
}

fn to_uppercase(rest: &[u8], strict: bool, out: &mut Vec<u8>) -> Result<(), MalformedCoding> {
    let mut at = 0;
    while let Some(&byte) = rest.get(at) {
        out.push(byte);
        at += 1;
        if byte != b'%' {
            continue;
        }
        match rest.get(at..at + 2) {
            Some(digits) if hex_pair(digits).is_some() => {
                out.extend(digits.iter().map(u8::to_ascii_uppercase));
                at += 2;
            }
            _ if strict => return Err(MalformedCoding),
            _ => {}
        }
    }
    Ok(())
}

fn sort_query(query: &[u8], out: &mut Vec<u8>) {
    let Some(body) = query.strip_prefix(b"?") else {
        return;
    };
    // The reference takes a last `&` for an end, not for an empty parameter.
    let body = body.strip_suffix(b"&").unwrap_or(body);
    let mut params: Vec<&[u8]> = body.split(|&b| b == b'&').collect();
    let name = |param: &&[u8]| memchr(b'=', param).unwrap_or(param.len());
    // Stable: equal names keep their order.
    params.sort_by(|a, b| a[..name(a)].cmp(&b[..name(b)]));
    out.push(b'?');
    for (index, param) in params.into_iter().enumerate() {
        if index > 0 {
            out.push(b'&');
        }
        out.extend_from_slice(param);
    }
}

//! `normalize-uri`: the forms of a target that mean the same made one (RFC 3986 6.2).
//!
//! Nothing is normalized unless a rule asks for it.

use lbd_core::Diag;

use super::uri::{Part, put, range};
use super::{Built, Rule, edit};
use crate::program::Verdict;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Normalizer {
    FragmentEncode,
    FragmentStrip,
    MergeSlashes,
    PercentDecode { strict: bool },
    PercentUpper { strict: bool },
    QuerySort,
    StripDot,
    StripDotDot { full: bool },
}

impl Normalizer {
    fn part(self) -> Part {
        match self {
            Self::MergeSlashes | Self::StripDot | Self::StripDotDot { .. } => Part::Path,
            _ => Part::PathQuery,
        }
    }

    /// The normalized text; `None` when it is invalid under `strict`.
    fn apply(self, text: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::FragmentEncode => Some(match text.iter().position(|byte| *byte == b'#') {
                None => text.to_vec(),
                Some(_) => text
                    .iter()
                    .fold(Vec::with_capacity(text.len() + 8), |mut out, byte| {
                        match byte {
                            b'#' => out.extend_from_slice(b"%23"),
                            _ => out.push(*byte),
                        }
                        out
                    }),
            }),
            Self::FragmentStrip => {
                let end = text
                    .iter()
                    .position(|byte| *byte == b'#')
                    .unwrap_or(text.len());
                Some(text[..end].to_vec())
            }
            Self::MergeSlashes => {
                let mut out = text.to_vec();
                out.dedup_by(|a, b| *a == b'/' && *b == b'/');
                Some(out)
            }
            Self::PercentDecode { strict } => percent(text, strict, true),
            Self::PercentUpper { strict } => percent(text, strict, false),
            Self::QuerySort => Some(sort_query(text)),
            Self::StripDot => Some(strip_dot(text)),
            Self::StripDotDot { full } => Some(strip_dotdot(text, full)),
        }
    }
}

/// Reads the arguments of `normalize-uri`.
pub(super) fn build(rule: &mut Rule<'_, '_>) -> Result<Built, Diag> {
    if !rule.ctx.names.is_experimental_allowed() {
        return Err(rule.args.fault(
            "'normalize-uri' action is experimental, must be allowed via a global \
             'expose-experimental-directives'",
        ));
    }
    let word = rule.args.value("missing argument <normalizer>")?;
    let mut option = |name: &str| -> Result<bool, Diag> {
        if rule.args.is_over() {
            return Ok(false);
        }
        if rule.args.take(name) {
            return Ok(true);
        }
        let got = rule
            .args
            .peek()
            .map(|word| word.lossy().into_owned())
            .unwrap_or_default();
        Err(rule.args.fault(format!(
            "unknown argument '{got}' for '{}' normalizer",
            word.lossy()
        )))
    };
    let normalizer = match word.text {
        b"fragment-encode" => Normalizer::FragmentEncode,
        b"fragment-strip" => Normalizer::FragmentStrip,
        b"path-merge-slashes" => Normalizer::MergeSlashes,
        b"path-strip-dot" => Normalizer::StripDot,
        b"path-strip-dotdot" => Normalizer::StripDotDot {
            full: option("full")?,
        },
        b"percent-decode-unreserved" => Normalizer::PercentDecode {
            strict: option("strict")?,
        },
        b"percent-to-uppercase" => Normalizer::PercentUpper {
            strict: option("strict")?,
        },
        b"query-sort-by-name" => Normalizer::QuerySort,
        _ => {
            let message = format!("unknown normalizer '{}'", word.lossy());
            return Err(Diag::alert(word.span, message));
        }
    };
    Ok(Built::new(move |ctx, _| {
        let Some(head) = ctx.request.as_deref_mut() else {
            return Verdict::Continue;
        };
        let Some(old) = range(head, normalizer.part()) else {
            return Verdict::Continue;
        };
        let text = head.target().get(old).unwrap_or_default();
        let Some(new) = normalizer.apply(text) else {
            return Verdict::Invalid;
        };
        let edited = if new == text {
            Ok(())
        } else {
            put(head, normalizer.part(), &new)
        };
        edit::verdict(edited, ctx)
    }))
}

fn nibble(byte: u8) -> Option<u8> {
    u8::try_from(char::from(byte).to_digit(16)?).ok()
}

/// Percent-encoded octets: decoded when unreserved (`decode`), else with upper-case digits.
fn percent(text: &[u8], strict: bool, decode: bool) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        at += 1;
        if *byte != b'%' {
            out.push(*byte);
            continue;
        }
        let pair = text.get(at..at + 2);
        let value = pair.and_then(|pair| Some((nibble(pair[0])? << 4) | nibble(pair[1])?));
        match (value, pair) {
            (Some(value), Some(pair)) => {
                if !decode {
                    out.extend_from_slice(&[
                        b'%',
                        pair[0].to_ascii_uppercase(),
                        pair[1].to_ascii_uppercase(),
                    ]);
                } else if is_unreserved(value) {
                    out.push(value);
                } else {
                    out.extend_from_slice(&[b'%', pair[0], pair[1]]);
                }
                at += 2;
            }
            _ if strict => return None,
            _ => out.push(b'%'),
        }
    }
    Some(out)
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Removes `/./` and a final `/.`.
fn strip_dot(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut at = 0;
    while at < path.len() {
        let rest = &path[at..];
        if rest.starts_with(b"/./") {
            at += 2;
        } else if rest == b"/." {
            out.push(b'/');
            at += 2;
        } else {
            out.push(rest[0]);
            at += 1;
        }
    }
    out
}

/// Takes `/x/..` out; what goes beyond the root stays unless `full`.
fn strip_dotdot(path: &[u8], full: bool) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    let body = path.strip_prefix(b"/").unwrap_or(path);
    let mut ends_in_dots = false;
    for segment in body.split(|byte| *byte == b'/') {
        ends_in_dots = false;
        if segment != b".." {
            kept.push(segment);
            continue;
        }
        match kept.last() {
            Some(last) if *last != b".." => {
                kept.pop();
                ends_in_dots = true;
            }
            _ if full => ends_in_dots = true,
            _ => kept.push(segment),
        }
    }
    let mut out = Vec::with_capacity(path.len());
    for segment in &kept {
        out.push(b'/');
        out.extend_from_slice(segment);
    }
    // What ended in dots named a directory.
    if ends_in_dots || out.is_empty() {
        out.push(b'/');
    }
    out
}

fn sort_query(text: &[u8]) -> Vec<u8> {
    let Some(mark) = text.iter().position(|byte| *byte == b'?') else {
        return text.to_vec();
    };
    let query = &text[mark + 1..];
    let mut params: Vec<&[u8]> = query.split(|byte| *byte == b'&').collect();
    let name = |param: &&[u8]| -> Vec<u8> {
        param
            .split(|byte| *byte == b'=')
            .next()
            .unwrap_or_default()
            .to_vec()
    };
    params.sort_by_key(name);
    let mut out = text[..=mark].to_vec();
    out.extend_from_slice(&params.join(&b'&'));
    out
}

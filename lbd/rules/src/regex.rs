//! Regular expressions as HAProxy users write them (PCRE), on bytes, and their replacement texts.
//!
//! Most run on the `regex` crate in linear time; look-around and back-references fall back to
//! bounded backtracking. It keeps no captures between calls.

use std::fmt;

/// Steps of backtracking after which a match is given up and counts as none.
pub const BACKTRACK_LIMIT: usize = 100_000;
/// Size in bytes that one compiled expression may take.
pub const COMPILED_LIMIT: usize = 10 << 20;
/// Groups that a replacement may name: `\0` to `\9`.
pub const MAX_GROUPS: usize = 10;

/// A compiled regular expression.
#[derive(Clone)]
pub struct Regex {
    text: Box<[u8]>,
    engine: Engine,
}

#[derive(Clone)]
enum Engine {
    Linear(regex::bytes::Regex),
    Backtracking(Box<fancy_regex::Regex>),
}

/// Start and end of the whole match and of the first nine groups.
pub type Groups = [Option<(usize, usize)>; MAX_GROUPS];

impl fmt::Debug for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Regex({})", self.text.escape_ascii())
    }
}

impl Regex {
    /// Compiles `pattern`; `ignore_case` is the `-i` flag.
    ///
    /// # Errors
    /// The reference's sentence `regex '…' is invalid (error=…)`.
    pub fn new(pattern: &[u8], ignore_case: bool) -> Result<Self, String> {
        let translated = translate(pattern);
        let linear = regex::bytes::RegexBuilder::new(&translated)
            .unicode(false)
            .case_insensitive(ignore_case)
            .size_limit(COMPILED_LIMIT)
            .build();
        let engine = match linear {
            Ok(regex) => Engine::Linear(regex),
            Err(error) => {
                let full = fancy_regex::RegexBuilder::new(&translated)
                    .case_insensitive(ignore_case)
                    .backtrack_limit(BACKTRACK_LIMIT)
                    .delegate_size_limit(COMPILED_LIMIT)
                    .build();
                match full {
                    Ok(regex) => Engine::Backtracking(Box::new(regex)),
                    Err(_) => return Err(invalid(pattern, &error)),
                }
            }
        };
        Ok(Self {
            text: pattern.into(),
            engine,
        })
    }

    /// The expression as written.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Whether it matches anywhere in `text`. Input that is not UTF-8 does not match an
    /// expression that needs backtracking.
    pub fn is_match(&self, text: &[u8]) -> bool {
        match &self.engine {
            Engine::Linear(regex) => regex.is_match(text),
            Engine::Backtracking(regex) => {
                std::str::from_utf8(text).is_ok_and(|text| regex.is_match(text).unwrap_or(false))
            }
        }
    }

    /// The first match at or after `from`.
    pub fn find_at(&self, text: &[u8], from: usize) -> Option<Groups> {
        let mut groups: Groups = [None; MAX_GROUPS];
        match &self.engine {
            Engine::Linear(regex) => {
                let mut found = regex.capture_locations();
                regex.captures_read_at(&mut found, text, from)?;
                for (slot, group) in groups.iter_mut().enumerate() {
                    *group = found.get(slot);
                }
            }
            Engine::Backtracking(regex) => {
                let text = std::str::from_utf8(text).ok()?;
                let found = regex.captures_from_pos(text, from).ok()??;
                for (slot, group) in groups.iter_mut().enumerate() {
                    *group = found.get(slot).map(|m| (m.start(), m.end()));
                }
            }
        }
        Some(groups)
    }

    /// Writes `text` to `out` with the first match (or with `all` each one) replaced; returns
    /// whether there was a match. Gives up (false) when the result would exceed `limit` bytes.
    pub fn replace(
        &self,
        text: &[u8],
        with: &[u8],
        all: bool,
        limit: usize,
        out: &mut impl Extend<u8>,
    ) -> bool {
        let (mut at, mut written, mut found) = (0, 0, false);
        while let Some(groups) = self.find_at(text, at) {
            let Some((start, end)) = groups[0] else { break };
            found = true;
            written += emit(out, &text[at..start]) + expand(with, text, &groups, out);
            at = end;
            if start == end {
                // An empty match: step over one byte, or it would match here for ever.
                let Some(byte) = text.get(end) else { break };
                written += emit(out, std::slice::from_ref(byte));
                at = end + 1;
            }
            if written > limit {
                return false;
            }
            if !all {
                break;
            }
        }
        emit(out, text.get(at..).unwrap_or_default());
        found && written + text.len().saturating_sub(at) <= limit
    }
}

fn emit(out: &mut impl Extend<u8>, bytes: &[u8]) -> usize {
    out.extend(bytes.iter().copied());
    bytes.len()
}

/// Writes a replacement: `\0` to `\9` are groups, `\xHH` is a byte, and any other escaped
/// character stands for itself. Returns the bytes written.
pub fn expand(with: &[u8], text: &[u8], groups: &Groups, out: &mut impl Extend<u8>) -> usize {
    let (mut at, mut written) = (0, 0);
    while let Some(&byte) = with.get(at) {
        at += 1;
        if byte != b'\\' {
            written += emit(out, &[byte]);
            continue;
        }
        let Some(&next) = with.get(at) else {
            written += emit(out, b"\\");
            break;
        };
        at += 1;
        if next.is_ascii_digit() {
            if let Some((start, end)) = groups[usize::from(next - b'0')] {
                written += emit(out, text.get(start..end).unwrap_or_default());
            }
        } else if next == b'x'
            && let Some(value) = with.get(at..at + 2).and_then(hex_pair)
        {
            written += emit(out, &[value]);
            at += 2;
        } else {
            written += emit(out, &[next]);
        }
    }
    written
}

fn hex_pair(pair: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()
}

fn invalid(pattern: &[u8], error: &regex::Error) -> String {
    let detail = error.to_string();
    let reason = detail
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("error: "));
    let reason = reason.unwrap_or(&detail).trim();
    format!(
        "regex '{}' is invalid (error={reason})",
        String::from_utf8_lossy(pattern)
    )
}

/// Rewrites what PCRE takes literally and the `regex` crate does not: `[` and set operators inside
/// a class, a `{` that opens no repetition, `\<`, bytes beyond ASCII.
fn translate(pattern: &[u8]) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let (mut at, mut class_start) = (0, None::<usize>);
    while let Some(&byte) = pattern.get(at) {
        let rest = &pattern[at..];
        let taken = if byte == b'\\' {
            translate_escape(rest, &mut out)
        } else if !byte.is_ascii() {
            out.push_str(&format!("\\x{byte:02x}"));
            1
        } else if let Some(first) = class_start {
            translate_in_class(rest, at == first, &mut class_start, &mut out)
        } else if byte == b'[' {
            let negated = usize::from(pattern.get(at + 1) == Some(&b'^'));
            out.push_str(if negated == 1 { "[^" } else { "[" });
            class_start = Some(at + 1 + negated);
            1 + negated
        } else if byte == b'{' && !opens_repetition(rest) {
            out.push_str("\\{");
            1
        } else {
            out.push(char::from(byte));
            1
        };
        at += taken;
    }
    out
}

fn translate_escape(rest: &[u8], out: &mut String) -> usize {
    match rest.get(1) {
        None => {
            out.push('\\');
            1
        }
        Some(b'<') => {
            out.push('<');
            2
        }
        Some(b'>') => {
            out.push('>');
            2
        }
        Some(b'e') => {
            out.push_str("\\x1b");
            2
        }
        Some(b'0') => {
            out.push_str("\\x00");
            2
        }
        Some(next) if !next.is_ascii() => {
            out.push_str(&format!("\\x{next:02x}"));
            2
        }
        Some(next) => {
            out.push('\\');
            out.push(char::from(*next));
            2
        }
    }
}

fn translate_in_class(
    rest: &[u8],
    is_first: bool,
    class_start: &mut Option<usize>,
    out: &mut String,
) -> usize {
    match rest[0] {
        b']' if !is_first => {
            *class_start = None;
            out.push(']');
            1
        }
        b']' => {
            out.push_str("\\]");
            1
        }
        b'[' => {
            let end = rest.windows(2).position(|pair| pair == b":]");
            match end {
                Some(end) if rest.starts_with(b"[:") => {
                    out.push_str(&String::from_utf8_lossy(&rest[..end + 2]));
                    end + 2
                }
                _ => {
                    out.push_str("\\[");
                    1
                }
            }
        }
        byte @ (b'&' | b'~') => {
            out.push('\\');
            out.push(char::from(byte));
            1
        }
        byte => {
            out.push(char::from(byte));
            1
        }
    }
}

/// Whether `{` begins `{n}`, `{n,}` or `{n,m}`.
fn opens_repetition(rest: &[u8]) -> bool {
    let Some(end) = rest.iter().position(|byte| *byte == b'}') else {
        return false;
    };
    let inner = &rest[1..end];
    inner.first().is_some_and(u8::is_ascii_digit)
        && inner
            .iter()
            .all(|byte| byte.is_ascii_digit() || *byte == b',')
        && inner.iter().filter(|byte| **byte == b',').count() <= 1
}

#[cfg(test)]
mod tests;

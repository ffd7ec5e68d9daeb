//! Field values: comma-separated elements as `hdr()` sees them, whole values as `fhdr()` does.
//!
//! It knows no field by name and allocates nothing.

use crate::head::Head;

/// The bytes without blanks (space, tab) at either end.
#[inline]
pub fn trim(bytes: &[u8]) -> &[u8] {
    let blank = |b: &u8| *b == b' ' || *b == b'\t';
    let Some(first) = bytes.iter().position(|b| !blank(b)) else {
        return &[];
    };
    let last = bytes.iter().rposition(|b| !blank(b)).unwrap_or(first);
    &bytes[first..=last]
}

/// The elements of one value: split at commas outside double quotes, trimmed.
///
/// An empty value has one empty element; a backslash within quotes protects the next byte.
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    rest: Option<&'a [u8]>,
}

/// Iterates over the elements of `value`.
pub fn elements(value: &[u8]) -> Elements<'_> {
    Elements { rest: Some(value) }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let value = self.rest?;
        let end = element_end(value);
        self.rest = value.get(end + 1..);
        Some(trim(&value[..end]))
    }
}

/// Offset of the comma that ends the first element, or the length.
fn element_end(value: &[u8]) -> usize {
    let mut quoted = false;
    let mut at = 0;
    while let Some(&byte) = value.get(at) {
        match byte {
            b',' if !quoted => return at,
            b'"' => quoted = !quoted,
            b'\\' if quoted => at += 1,
            _ => {}
        }
        at += 1;
    }
    value.len()
}

/// Every element of every field of this name (`hdr(name)`); all fields when `name` is empty.
pub fn hdr<'a>(head: &'a Head, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> + Clone {
    Values {
        head,
        name,
        index: 0,
    }
    .flat_map(elements)
}

/// Every whole value of every field of this name (`fhdr(name)`); all fields when it is empty.
pub fn fhdr<'a>(head: &'a Head, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> + Clone {
    Values {
        head,
        name,
        index: 0,
    }
}

#[derive(Debug, Clone)]
struct Values<'a> {
    head: &'a Head,
    name: &'a [u8],
    index: usize,
}

impl<'a> Iterator for Values<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let index = if self.name.is_empty() {
            (self.index < self.head.len()).then_some(self.index)
        } else {
            self.head.find(self.name, self.index)
        }?;
        self.index = index + 1;
        Some(self.head.value(index))
    }
}

/// The element or value at a position: 1 is the first, -1 the last, 0 counts as -1.
///
/// From the end the reference looks back over ten at most; there is no such limit here.
pub fn occurrence<'a>(
    mut values: impl Iterator<Item = &'a [u8]> + Clone,
    position: i64,
) -> Option<&'a [u8]> {
    if position > 0 {
        return values.nth(usize::try_from(position - 1).ok()?);
    }
    let back = if position == 0 {
        1
    } else {
        position.unsigned_abs()
    };
    let count = values.clone().count() as u64;
    values.nth(usize::try_from(count.checked_sub(back)?).ok()?)
}

/// How a field is chosen by its name (`del-header <name> -m <method>`, `del-headers-bin`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameMatch {
    /// The name begins so (`-m beg`).
    Begin,
    /// The name ends so (`-m end`).
    End,
    /// The name is this (`-m str`, the default).
    Exact,
    /// The name contains it (`-m sub`).
    Sub,
}

impl NameMatch {
    /// Whether the lower-case `name` matches `pattern`, whatever the pattern's case.
    pub fn matches(self, name: &[u8], pattern: &[u8]) -> bool {
        let len = pattern.len();
        if len > name.len() {
            return false;
        }
        match self {
            Self::Begin => name[..len].eq_ignore_ascii_case(pattern),
            Self::End => name[name.len() - len..].eq_ignore_ascii_case(pattern),
            Self::Exact => name.eq_ignore_ascii_case(pattern),
            Self::Sub => {
                len == 0
                    || name
                        .windows(len)
                        .any(|part| part.eq_ignore_ascii_case(pattern))
            }
        }
    }

    /// Removes every field whose name matches; returns how many.
    pub fn remove(self, head: &mut Head, pattern: &[u8]) -> usize {
        head.retain(|name, _| !self.matches(name, pattern))
    }
}

#[cfg(test)]
mod tests;

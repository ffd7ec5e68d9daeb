//! The exact reader: lines of a head to offsets, as haproxy 3.4 reads them.
//!
//! It gives no field a meaning and copies nothing.

use memchr::{memchr, memchr2};

use super::{MAX_NAME_LEN, ParseError, ParseOptions, Reason};
use crate::head::{Field, Slice};

/// What the reader found besides the offsets.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Offset after the empty line that ends the fields.
    pub(super) end: usize,
    /// Some value spans lines: its line breaks are still to be blanked.
    pub(super) folded: bool,
    /// The first fault that was let pass.
    pub(super) violation: Option<ParseError>,
}

const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = lbd_core::bits::low8(byte as u64);
        table[byte] = b.is_ascii_alphanumeric()
            || matches!(
                b,
                b'!' | b'#'
                    | b'$'
                    | b'%'
                    | b'&'
                    | b'\''
                    | b'*'
                    | b'+'
                    | b'-'
                    | b'.'
                    | b'^'
                    | b'_'
                    | b'`'
                    | b'|'
                    | b'~'
            );
        byte += 1;
    }
    table
};

/// True for the characters of a token (RFC 9110 5.6.2).
#[inline]
pub(crate) fn is_token(byte: u8) -> bool {
    TOKEN[byte as usize]
}

#[inline]
pub(super) fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// Offset of the first byte at or after `from` that is no blank.
pub(super) fn skip_blanks(input: &[u8], from: usize) -> usize {
    let rest = input.get(from..).unwrap_or_default();
    from + rest
        .iter()
        .position(|&b| !is_blank(b))
        .unwrap_or(rest.len())
}

/// Skips empty lines before a start line; `None` when more bytes are needed to know.
pub(super) fn skip_empty_lines(input: &[u8]) -> Result<Option<usize>, ParseError> {
    let mut at = 0;
    loop {
        match input.get(at) {
            None => return Ok(None),
            Some(b'\n') => at += 1,
            Some(b'\r') => match input.get(at + 1) {
                None => return Ok(None),
                Some(b'\n') => at += 2,
                Some(_) => return Err(ParseError::new(at, Reason::BareCr)),
            },
            Some(_) => return Ok(Some(at)),
        }
    }
}

/// Takes a line end at `at`: the offset after it, `None` when more bytes are needed.
pub(super) fn line_end(
    input: &[u8],
    at: usize,
    otherwise: Reason,
) -> Result<Option<usize>, ParseError> {
    match (input.get(at), input.get(at + 1)) {
        (None, _) | (Some(b'\r'), None) => Ok(None),
        (Some(b'\n'), _) => Ok(Some(at + 1)),
        (Some(b'\r'), Some(b'\n')) => Ok(Some(at + 2)),
        (Some(b'\r'), Some(_)) => Err(ParseError::new(at, Reason::BareCr)),
        (Some(_), _) => Err(ParseError::new(at, otherwise)),
    }
}

/// Reads field lines from `from` to the empty line; `None` when more bytes are needed.
pub(super) fn read_fields(
    input: &[u8],
    from: usize,
    options: &ParseOptions,
    fields: &mut Vec<Field>,
) -> Result<Option<Found>, ParseError> {
    let mut found = Found::default();
    let mut at = from;
    loop {
        match input.get(at) {
            None => return Ok(None),
            Some(b'\r' | b'\n') => {
                let end = line_end(input, at, Reason::BareCr)?;
                return Ok(end.map(|end| Found { end, ..found }));
            }
            Some(_) => {}
        }
        let Some((name_end, good)) = read_name(input, at, options, &mut found)? else {
            return Ok(None);
        };
        let Some((value, next)) = read_value(input, name_end + 1, options, &mut found)? else {
            return Ok(None);
        };
        if good {
            if fields.len() + 1 >= options.max_headers {
                return Err(ParseError::new(at, Reason::TooManyHeaders));
            }
            fields.push(Field {
                name: Slice::new(at, name_end),
                value,
            });
        }
        at = next;
    }
}

/// Offset of the colon, and whether the name is one (otherwise the field is to be dropped).
fn read_name(
    input: &[u8],
    start: usize,
    options: &ParseOptions,
    found: &mut Found,
) -> Result<Option<(usize, bool)>, ParseError> {
    let rest = &input[start..];
    let Some(len) = rest.iter().position(|&b| !is_token(b)) else {
        return Ok(None);
    };
    let stop = start + len;
    match rest[len] {
        b':' if len == 0 => Err(ParseError::new(stop, Reason::InvalidName)),
        b':' if len > MAX_NAME_LEN => Err(ParseError::new(start, Reason::InvalidName)),
        b':' => Ok(Some((stop, true))),
        b'\r' | b'\n' => Err(ParseError::new(stop, Reason::MissingColon)),
        _ if !options.accept_unsafe_violations => Err(ParseError::new(stop, Reason::InvalidName)),
        _ => {
            let Some(more) = rest[len..]
                .iter()
                .position(|&b| matches!(b, b':' | b'\r' | b'\n'))
            else {
                return Ok(None);
            };
            if rest[len + more] != b':' {
                return Err(ParseError::new(stop + more, Reason::MissingColon));
            }
            let fault = ParseError::new(stop, Reason::InvalidName);
            found.violation.get_or_insert(fault);
            Ok(Some((stop + more, false)))
        }
    }
}

/// The trimmed value that begins after the colon, and the offset of the next line.
fn read_value(
    input: &[u8],
    start: usize,
    options: &ParseOptions,
    found: &mut Found,
) -> Result<Option<(Slice, usize)>, ParseError> {
    let mut from = start;
    let mut folded = false;
    loop {
        let Some(len) = memchr(b'\n', input.get(from..).unwrap_or_default()) else {
            return Ok(None);
        };
        let feed = from + len;
        let end = if len > 0 && input[feed - 1] == b'\r' {
            feed - 1
        } else {
            feed
        };
        check_value(input, from, end, options, found)?;
        match input.get(feed + 1) {
            None => return Ok(None),
            Some(&next) if is_blank(next) => {
                folded = true;
                from = feed + 1;
            }
            Some(_) => {
                let (mut first, mut last) = (start, end);
                let blank = |b: u8| is_blank(b) || (folded && matches!(b, b'\r' | b'\n'));
                while first < last && blank(input[first]) {
                    first += 1;
                }
                while last > first && blank(input[last - 1]) {
                    last -= 1;
                }
                found.folded |= folded;
                return Ok(Some((Slice::new(first, last), feed + 1)));
            }
        }
    }
}

fn check_value(
    input: &[u8],
    from: usize,
    end: usize,
    options: &ParseOptions,
    found: &mut Found,
) -> Result<(), ParseError> {
    let mut at = from;
    while let Some(hit) = memchr2(b'\r', 0, &input[at..end]) {
        at += hit;
        if input[at] == b'\r' {
            return Err(ParseError::new(at, Reason::BareCr));
        }
        let fault = ParseError::new(at, Reason::NulInValue);
        if !options.accept_unsafe_violations {
            return Err(fault);
        }
        found.violation.get_or_insert(fault);
        at += 1;
    }
    Ok(())
}

//! Parameters of a query string or of a form (`url_param`, `req.body_param`), and `url_dec`.
//!
//! Values are returned as they stand: decoding is a step of its own.

use memchr::memchr;

/// Iterates over the parameters that have a name and an equals sign: (name, value).
#[derive(Debug, Clone)]
pub struct Params<'a> {
    rest: Option<&'a [u8]>,
    delimiter: u8,
}

/// The parameters of a target: after the first `delimiter` (`?` by default), each up to `&`, `;`
/// or the delimiter.
pub fn url_params(target: &[u8], delimiter: u8) -> Params<'_> {
    Params {
        rest: memchr(delimiter, target).map(|at| &target[at + 1..]),
        delimiter,
    }
}

/// The parameters of an url-encoded form, each up to `&`.
pub fn form_params(body: &[u8]) -> Params<'_> {
    Params {
        rest: Some(body),
        delimiter: 0,
    }
}

impl<'a> Iterator for Params<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.rest?;
            let ends = |b: u8| match self.delimiter {
                0 => b == b'&',
                delimiter => b == b'&' || b == b';' || b == delimiter,
            };
            let end = rest.iter().position(|&b| ends(b)).unwrap_or(rest.len());
            self.rest = rest.get(end + 1..);
            if let Some(equals) = memchr(b'=', &rest[..end]) {
                return Some((&rest[..equals], &rest[equals + 1..end]));
            }
        }
    }
}

/// The value of the first parameter of this name; of the first at all when `name` is empty.
pub fn param<'a>(mut params: Params<'a>, name: &[u8], ignore_case: bool) -> Option<&'a [u8]> {
    params
        .find(|(have, _)| {
            name.is_empty()
                || (if ignore_case {
                    have.eq_ignore_ascii_case(name)
                } else {
                    *have == name
                })
        })
        .map(|(_, value)| value)
}

/// Appends `text` with its percent codings decoded; false (and `out` as before) when one is
/// malformed. `+` becomes a blank after a `?`, or everywhere in a form.
pub fn url_decode(text: &[u8], form: bool, out: &mut Vec<u8>) -> bool {
    let before = out.len();
    let mut plus_is_blank = form;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'+' if plus_is_blank => out.push(b' '),
            b'%' => {
                let Some(decoded) = text.get(at..at + 2).and_then(hex_pair) else {
                    out.truncate(before);
                    return false;
                };
                out.push(decoded);
                at += 2;
            }
            _ => {
                plus_is_blank |= byte == b'?';
                out.push(byte);
            }
        }
    }
    true
}

/// The byte that two hexadecimal digits make.
pub(super) fn hex_pair(digits: &[u8]) -> Option<u8> {
    let [high, low] = digits else { return None };
    let digit = |b: u8| char::from(b).to_digit(16);
    u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()
}

/// Appends `text`, percent-encoding every byte for which `keep` is false.
pub fn percent_encode(text: &[u8], keep: impl Fn(u8) -> bool, out: &mut Vec<u8>) {
    for &byte in text {
        if keep(byte) {
            out.push(byte);
        } else {
            let digits = b"0123456789ABCDEF";
            out.extend_from_slice(&[
                b'%',
                digits[usize::from(byte >> 4)],
                digits[usize::from(byte & 15)],
            ]);
        }
    }
}

/// True for the characters that need no coding anywhere (RFC 3986 2.3).
pub fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

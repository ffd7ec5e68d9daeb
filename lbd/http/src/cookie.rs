//! Cookies in their fields: `Cookie` pairs, `Set-Cookie` with attributes, edits in place.
//!
//! It decides nothing about persistence: which cookie means a server is the caller's.
//!
//! As the reference reads them: pairs end at `;` or `,` outside double quotes, blanks around name
//! and value do not count, names are case-sensitive, a name without `=` is no cookie.

use std::ops::Range;

use crate::head::{Head, HeadFull};
use crate::header::trim;

/// Where a cookie stands in a head; valid until its field is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Index of the field.
    pub field: usize,
    /// The name within the field's value.
    pub name: Range<usize>,
    /// The value, quotes included, within the field's value.
    pub value: Range<usize>,
}

impl Place {
    /// The cookie's name.
    pub fn name_in<'a>(&self, head: &'a Head) -> &'a [u8] {
        head.value(self.field)
            .get(self.name.clone())
            .unwrap_or_default()
    }

    /// The cookie's value.
    pub fn value_in<'a>(&self, head: &'a Head) -> &'a [u8] {
        head.value(self.field)
            .get(self.value.clone())
            .unwrap_or_default()
    }

    /// Name, equals sign and value as they stand (`capture cookie`).
    pub fn text_in<'a>(&self, head: &'a Head) -> &'a [u8] {
        head.value(self.field)
            .get(self.name.start..self.value.end)
            .unwrap_or_default()
    }
}

/// A pair within a value, and where its delimiter stands (or the end).
struct Pair {
    name: Range<usize>,
    value: Range<usize>,
    equals: bool,
    end: usize,
}

/// Reads the pair at or after `from`; `None` at the end of the value.
fn next_pair(value: &[u8], from: usize) -> Option<Pair> {
    let delimiter = |b: u8| matches!(b, b';' | b',');
    let skip = |b: u8| delimiter(b) || matches!(b, b' ' | b'\t');
    let start = from + value.get(from..)?.iter().position(|&b| !skip(b))?;
    let stop = |b: u8| b == b'=' || delimiter(b);
    let len = value[start..]
        .iter()
        .position(|&b| stop(b))
        .unwrap_or(value.len() - start);
    let mark = start + len;
    let name = start..start + trim(&value[start..mark]).len();
    if value.get(mark) != Some(&b'=') {
        return Some(Pair {
            name,
            value: mark..mark,
            equals: false,
            end: mark,
        });
    }
    let end = value_end(value, mark + 1);
    let lead = value[mark + 1..end]
        .iter()
        .take_while(|b| matches!(b, b' ' | b'\t'))
        .count();
    let first = mark + 1 + lead;
    let value = first..first + trim(&value[first..end]).len();
    Some(Pair {
        name,
        value,
        equals: true,
        end,
    })
}

/// Offset of the delimiter after a value, quotes respected.
fn value_end(value: &[u8], from: usize) -> usize {
    let mut quoted = false;
    let mut at = from;
    while let Some(&byte) = value.get(at) {
        match byte {
            b';' | b',' if !quoted => return at,
            b'"' => quoted = !quoted,
            b'\\' if quoted => at += 1,
            _ => {}
        }
        at += 1;
    }
    value.len()
}

/// All cookies of a request in order; attributes of old (`$Path`) are none.
pub fn request_cookies(head: &Head) -> Cookies<'_> {
    Cookies {
        head,
        kind: Kind::Request,
        field: 0,
        at: 0,
    }
}

/// The cookies that a response sets, in order, attributes apart.
pub fn response_cookies(head: &Head) -> Cookies<'_> {
    Cookies {
        head,
        kind: Kind::Response,
        field: 0,
        at: 0,
    }
}

/// Every pair of the response's Set-Cookie fields, attributes included: what the reference counts
/// in `res.cook_cnt` without a name.
pub fn response_pairs(head: &Head) -> Cookies<'_> {
    Cookies {
        head,
        kind: Kind::ResponsePairs,
        field: 0,
        at: 0,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Request,
    Response,
    ResponsePairs,
}

/// Iterates over the places of cookies.
#[derive(Debug, Clone)]
pub struct Cookies<'a> {
    head: &'a Head,
    kind: Kind,
    field: usize,
    at: usize,
}

impl Cookies<'_> {
    fn field_name(&self) -> &'static [u8] {
        if self.kind == Kind::Request {
            b"cookie"
        } else {
            b"set-cookie"
        }
    }
}

impl Iterator for Cookies<'_> {
    type Item = Place;

    fn next(&mut self) -> Option<Place> {
        loop {
            let field = self.head.find(self.field_name(), self.field)?;
            if field != self.field {
                (self.field, self.at) = (field, 0);
            }
            let value = self.head.value(field);
            let Some(pair) = next_pair(value, self.at) else {
                (self.field, self.at) = (field + 1, 0);
                continue;
            };
            self.at = pair.end;
            if self.kind == Kind::Response {
                self.at = attributes_end(value, pair.end);
            }
            let old_attribute =
                self.kind == Kind::Request && value.get(pair.name.start) == Some(&b'$');
            if pair.equals && !old_attribute {
                return Some(Place {
                    field,
                    name: pair.name,
                    value: pair.value,
                });
            }
        }
    }
}

/// Offset of the comma after the attributes of a Set-Cookie, or the end.
fn attributes_end(value: &[u8], from: usize) -> usize {
    let mut at = from;
    while value.get(at) == Some(&b';') {
        at = value_end(value, at + 1);
    }
    at
}

/// The first cookie with this name.
pub fn first(mut cookies: Cookies<'_>, name: &[u8]) -> Option<Place> {
    let head = cookies.head;
    cookies.find(|place| place.name_in(head) == name)
}

/// The cookie with this name before which `skipped` others with it stand.
pub fn nth(cookies: Cookies<'_>, name: &[u8], skipped: usize) -> Option<Place> {
    let head = cookies.head;
    let mut named = cookies.filter(|place| place.name_in(head) == name);
    named.nth(skipped)
}

/// The last cookie with this name (`req.cook`, `res.cook`); without a name the first of all.
pub fn last(mut cookies: Cookies<'_>, name: &[u8]) -> Option<Place> {
    let head = cookies.head;
    if name.is_empty() {
        return cookies.next();
    }
    cookies.filter(|place| place.name_in(head) == name).last()
}

/// The number of cookies with this name; of all when it is empty.
pub fn count(cookies: Cookies<'_>, name: &[u8]) -> usize {
    let head = cookies.head;
    cookies
        .filter(|place| name.is_empty() || place.name_in(head) == name)
        .count()
}

/// The first cookie whose name begins with `prefix` (`capture cookie`): a prefix that ends with an
/// equals sign asks for the whole name.
pub fn by_prefix(mut cookies: Cookies<'_>, prefix: &[u8]) -> Option<Place> {
    let head = cookies.head;
    cookies.find(|place| match prefix.strip_suffix(b"=") {
        Some(name) => place.name_in(head) == name,
        None => place.name_in(head).starts_with(prefix),
    })
}

/// Gives a cookie another value, in a request or a response.
///
/// Blanks between its name and its value go, as in the reference.
///
/// # Errors
/// [`HeadFull`] when it does not fit.
pub fn replace_value(head: &mut Head, place: &Place, value: &[u8]) -> Result<(), HeadFull> {
    let equals = place.name.end..place.value.start;
    let separated = head.value(place.field).get(equals.clone()) != Some(b"=");
    head.splice_value(place.field, place.value.clone(), value)?;
    if separated {
        head.splice_value(place.field, equals, b"=")?;
    }
    Ok(())
}

/// Removes the bytes `cut` of a cookie's value, counted from its start (the server's prefix).
pub fn cut_value(head: &mut Head, place: &Place, cut: Range<usize>) {
    let start = place.value.start;
    let end = (start + cut.end).min(place.value.end);
    head.cut_value(place.field, start + cut.start..end);
}

/// Removes one cookie of a request, its old attributes and one delimiter; then the field, if it is
/// empty. The neighbours stay joined by the delimiter that stood before the cookie.
pub fn remove(head: &mut Head, place: &Place) {
    let value = head.value(place.field);
    let mut end = value_end(value, place.value.end);
    // `$Path` and its like belong to the cookie before them (RFC 2109 4.4).
    while let Some(pair) = next_pair(value, end) {
        if value.get(pair.name.start) != Some(&b'$') {
            break;
        }
        end = pair.end;
    }
    let before = &value[..place.name.start.min(value.len())];
    let kept = trim(before);
    let next = next_pair(value, end).map(|pair| pair.name.start);
    match (kept.split_last(), next) {
        // Nothing remains on either side.
        (None, None) => head.remove_at(place.field),
        (None, Some(next)) => head.cut_value(place.field, 0..next),
        (Some((_, rest)), None) => {
            let keep = trim_end(rest).len();
            let len = value.len();
            if keep == 0 {
                head.remove_at(place.field);
            } else {
                head.cut_value(place.field, keep..len);
            }
        }
        (Some((&delimiter, rest)), Some(next)) => {
            let keep = trim_end(rest).len();
            // `x;` + blank + next: the cookie that goes is at least three bytes long.
            let joint = [delimiter, b' '];
            let _ = head.splice_value(place.field, keep..next, &joint);
        }
    }
}

/// Without trailing blanks; leading ones cannot be there in a trimmed value.
fn trim_end(bytes: &[u8]) -> &[u8] {
    let len = bytes
        .iter()
        .rposition(|b| !matches!(b, b' ' | b'\t'))
        .map_or(0, |at| at + 1);
    &bytes[..len]
}

#[cfg(test)]
mod tests;

//! How header fields and cookies are read from a head, without allocation where one value is given.
//!
//! What the fetches are called is not known here.

use std::net::IpAddr;
use std::ops::ControlFlow;

use lbd_core::Value;
use lbd_core::bits::low8;
use lbd_http::{Head, cookie, header};

use super::super::{Built, eval, int, ip, number, string, text};
use crate::arg::{Arg, ArgError};
use crate::cast;
use crate::registry::Outcome;
use crate::view::View;

/// Occurrences that may be counted from the end.
const MAX_BACK: i64 = 10;

/// Which message is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Request,
    Response,
    /// The one whose rules are evaluated.
    Either,
}

impl Side {
    pub(super) fn head<'a>(self, view: &View<'a>) -> Option<&'a Head> {
        match self {
            Self::Request => view.request,
            Self::Response => view.response,
            Self::Either if view.vars.is_response => view.response,
            Self::Either => view.request,
        }
    }

    fn is_response(self, view: &View<'_>) -> bool {
        match self {
            Self::Request => false,
            Self::Response => true,
            Self::Either => view.vars.is_response,
        }
    }
}

/// Whether values are split at commas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Split {
    Elements,
    Whole,
}

/// A field by name and occurrence.
struct Field {
    side: Side,
    name: Box<[u8]>,
    occurrence: i64,
    split: Split,
}

impl Field {
    fn parse(side: Side, args: &[Arg], split: Split) -> Result<Self, ArgError> {
        let occurrence = number(args, 1).unwrap_or(0);
        if occurrence < -MAX_BACK {
            return Err(ArgError::new(format!(
                "header occurrence must be >= {}",
                -MAX_BACK
            )));
        }
        let name = text(args, 0).to_ascii_lowercase().into();
        Ok(Self {
            side,
            name,
            occurrence,
            split,
        })
    }

    /// Gives each value, or the one of the occurrence asked for.
    fn each<'a>(
        &self,
        view: &View<'a>,
        sink: &mut dyn FnMut(&'a [u8]) -> ControlFlow<()>,
    ) -> Outcome {
        let Some(head) = self.side.head(view) else {
            return Outcome::Absent;
        };
        let wanted = match self.occurrence {
            0 => None,
            ahead @ 1.. => Some(ahead),
            back => {
                let mut total = 0;
                let _ = self.all(head, &mut |_| {
                    total += 1;
                    ControlFlow::Continue(())
                });
                // Counted from 1; 0 or less never comes.
                Some(total + back + 1)
            }
        };
        let (mut at, mut outcome) = (0, Outcome::Absent);
        let _ = self.all(head, &mut |value| {
            at += 1;
            if wanted.is_some_and(|wanted| wanted != at) {
                return ControlFlow::Continue(());
            }
            outcome = Outcome::Done;
            if wanted.is_some() {
                let _ = sink(value);
                return ControlFlow::Break(());
            }
            sink(value)
        });
        outcome
    }

    fn all<'a>(
        &self,
        head: &'a Head,
        visit: &mut dyn FnMut(&'a [u8]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut from = 0;
        loop {
            let found = match self.name.is_empty() {
                true => (from < head.len()).then_some(from),
                false => head.find(&self.name, from),
            };
            let Some(at) = found else {
                return ControlFlow::Continue(());
            };
            from = at + 1;
            match self.split {
                Split::Whole => visit(head.value(at))?,
                Split::Elements => header::elements(head.value(at)).try_for_each(&mut *visit)?,
            }
        }
    }
}

pub(super) fn values(
    side: Side,
    args: &[Arg],
    split: Split,
    give: for<'a> fn(&'a [u8]) -> Value<'a>,
) -> Built {
    let field = Field::parse(side, args, split)?;
    eval(move |view, sink| field.each(view, &mut |value| sink(give(value))))
}

pub(super) fn count(side: Side, args: &[Arg], split: Split) -> Built {
    let field = Field::parse(side, args, split)?;
    int(move |view| {
        let mut total = 0;
        let _ = field.all(field.side.head(view)?, &mut |_| {
            total += 1;
            ControlFlow::Continue(())
        });
        Some(total)
    })
}

pub(super) fn integers(side: Side, args: &[Arg]) -> Built {
    values(side, args, Split::Elements, as_int)
}

pub(super) fn as_int(text: &[u8]) -> Value<'_> {
    Value::Int(cast::leading_int(text))
}

/// What is no address is passed over.
pub(super) fn addresses(side: Side, args: &[Arg]) -> Built {
    let field = Field::parse(side, args, Split::Elements)?;
    eval(move |view, sink| {
        let mut any = false;
        field.each(view, &mut |value| match address(value) {
            Some(found) => {
                any = true;
                sink(ip(found))
            }
            None => ControlFlow::Continue(()),
        });
        if any { Outcome::Done } else { Outcome::Absent }
    })
}

/// An address with or without port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn address(text: &[u8]) -> Option<IpAddr> {
    if let Some(found) = cast::parse_addr(text) {
        return Some(found);
    }
    if let Some(rest) = text.strip_prefix(b"[") {
        let end = rest.iter().position(|byte| *byte == b']')?;
        return cast::parse_addr(&rest[..end]);
    }
    let colon = text.iter().position(|byte| *byte == b':')?;
    cast::parse_addr(&text[..colon])
}

pub(super) fn names(side: Side, args: &[Arg]) -> Built {
    let delimiter = joiner(args);
    string(move |view| {
        let head = side.head(view)?;
        Some(join(
            view,
            &delimiter,
            (0..head.len()).map(|at| head.name(at)),
        ))
    })
}

fn joiner(args: &[Arg]) -> Box<[u8]> {
    let given = text(args, 0);
    if given.is_empty() {
        b",".as_slice().into()
    } else {
        given
    }
}

fn join<'a, 'n>(
    view: &View<'a>,
    delimiter: &[u8],
    names: impl Iterator<Item = &'n [u8]>,
) -> &'a [u8] {
    let mut out = bumpalo::collections::Vec::new_in(view.arena);
    for (at, name) in names.enumerate() {
        if at > 0 {
            out.extend_from_slice(delimiter);
        }
        out.extend_from_slice(name);
    }
    out.into_bump_slice()
}

/// The fields as they would stand in an HTTP/1 message, with the empty line.
pub(super) fn as_text<'a>(head: &Head, view: &View<'a>) -> &'a [u8] {
    let mut out = bumpalo::collections::Vec::with_capacity_in(head.encoded_len() + 2, view.arena);
    for (name, value) in head.iter() {
        out.extend_from_slice(name);
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out.into_bump_slice()
}

/// Each name and value after its length as a varint of the SPOP protocol; two empty ones end it.
pub(super) fn as_binary<'a>(head: &Head, view: &View<'a>) -> &'a [u8] {
    let mut out = bumpalo::collections::Vec::with_capacity_in(head.encoded_len() + 2, view.arena);
    for (name, value) in head.iter() {
        for part in [name, value] {
            put_varint(&mut out, part.len() as u64);
            out.extend_from_slice(part);
        }
    }
    out.extend_from_slice(&[0, 0]);
    out.into_bump_slice()
}

fn put_varint(out: &mut bumpalo::collections::Vec<'_, u8>, number: u64) {
    if number < 240 {
        out.push(low8(number));
        return;
    }
    out.push(low8(number) | 240);
    let mut rest = (number - 240) >> 4;
    while rest >= 128 {
        out.push(low8(rest) | 128);
        rest = (rest - 128) >> 7;
    }
    out.push(low8(rest));
}

fn jar<'a>(side: Side, view: &View<'a>) -> Option<(&'a Head, cookie::Cookies<'a>)> {
    let head = side.head(view)?;
    Some(match side.is_response(view) {
        true => (head, cookie::response_cookies(head)),
        false => (head, cookie::request_cookies(head)),
    })
}

pub(super) fn cookies(side: Side, args: &[Arg], give: for<'a> fn(&'a [u8]) -> Value<'a>) -> Built {
    let name = text(args, 0);
    eval(move |view, sink| {
        let Some((head, jar)) = jar(side, view) else {
            return Outcome::Absent;
        };
        let mut outcome = Outcome::Absent;
        let mut each = |place: cookie::Place| {
            outcome = Outcome::Done;
            sink(give(place.value_in(head)))
        };
        let _ = if name.is_empty() {
            // Who takes one value takes the last: without a name the first cookie is meant.
            let places = bumpalo::collections::Vec::from_iter_in(jar, view.arena);
            places.into_iter().rev().try_for_each(&mut each)
        } else {
            let mut named = jar.filter(|place| place.name_in(head) == &*name);
            named.try_for_each(&mut each)
        };
        outcome
    })
}

pub(super) fn cookie_count(side: Side, args: &[Arg]) -> Built {
    let name = text(args, 0);
    int(move |view| {
        let (head, jar) = jar(side, view)?;
        let is_it = |place: &cookie::Place| name.is_empty() || place.name_in(head) == &*name;
        i64::try_from(jar.filter(is_it).count()).ok()
    })
}

pub(super) fn cookie_names(side: Side, args: &[Arg]) -> Built {
    let delimiter = joiner(args);
    string(move |view| {
        let (head, jar) = jar(side, view)?;
        let places: bumpalo::collections::Vec<'_, cookie::Place> =
            bumpalo::collections::Vec::from_iter_in(jar, view.arena);
        Some(join(
            view,
            &delimiter,
            places
                .iter()
                .map(|place| place.name_in(head))
                .filter(|name| !name.is_empty()),
        ))
    })
}

pub(super) fn as_str(text: &[u8]) -> Value<'_> {
    Value::Str(text)
}

//! Response heads: the status line, then what its fields mean given the request.
//!
//! It does not read the body; a fault here is the server's and makes a 502.

use std::mem::MaybeUninit;

use super::fields::{Facts, Reading};
use super::lines::{self, skip_blanks};
use super::request::{blank_folds, offsets, read_version, slice_in};
use super::{Framing, ParseError, ParseOptions, Parsed, Reason, RequestInfo, Status};
use crate::head::{Field, Head, Kind, Slice};

const QUICK_FIELDS: usize = super::DEFAULT_MAX_HEADERS;

struct StatusLine {
    version: Slice,
    reason: Slice,
    status: u16,
    version_11: bool,
    next: usize,
    violation: Option<ParseError>,
}

/// Reads a response head from the beginning of `input` into `head`.
///
/// # Errors
/// A fault with its offset; the response is then a bad one (502). `head` is empty.
pub fn parse_response(
    input: &[u8],
    head: &mut Head,
    request: &RequestInfo,
    options: &ParseOptions,
) -> Result<Status<Parsed>, ParseError> {
    let mut fields = head.take_fields();
    let read = match quick(input, options, &mut fields) {
        Some(read) => Ok(read),
        None => {
            fields.clear();
            exact(input, options, &mut fields)
        }
    };
    let (line, end, folded, violation) = match read {
        Ok(Some(read)) => read,
        Ok(None) => {
            head.return_fields(fields);
            if input.len() >= options.max_head_len {
                return Err(ParseError::new(options.max_head_len, Reason::HeadTooLong));
            }
            return Ok(Status::Partial);
        }
        Err(error) => {
            head.return_fields(fields);
            return Err(error);
        }
    };
    if end > options.max_head_len {
        head.return_fields(fields);
        return Err(ParseError::new(options.max_head_len, Reason::HeadTooLong));
    }
    let parts = [Slice::default(), line.reason, line.version];
    head.adopt(Kind::Response, &input[..end], parts, line.status, fields);
    if folded {
        blank_folds(head);
    }
    match interpret(head, &line, request, options) {
        Ok(mut parsed) => {
            parsed.consumed = end;
            parsed.violation = line.violation.or(violation).or(parsed.violation);
            Ok(Status::Complete(parsed))
        }
        Err(error) => {
            head.clear();
            Err(error)
        }
    }
}

type Read = Option<(StatusLine, usize, bool, Option<ParseError>)>;

fn quick(input: &[u8], options: &ParseOptions, fields: &mut Vec<Field>) -> Option<Read> {
    let mut space = [const { MaybeUninit::<httparse::Header<'_>>::uninit() }; QUICK_FIELDS];
    let mut response = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
        &mut response,
        input,
        &mut space,
    );
    let end = match parsed {
        Ok(httparse::Status::Complete(end)) => end,
        Ok(httparse::Status::Partial) => return Some(None),
        Err(_) => return None,
    };
    // A reason with bytes beyond ASCII is reported as empty: the exact reader keeps it.
    let reason = response
        .reason
        .filter(|reason| !reason.is_empty())?
        .as_bytes();
    if response.headers.len() >= options.max_headers || reason[0] == b' ' || reason[0] == b'\t' {
        return None;
    }
    if !offsets(input, response.headers, fields) {
        return None;
    }
    let reason = slice_in(input, reason);
    // `HTTP/1.x sss reason`, one blank each: anything else is not accepted by httparse.
    let version = (reason.start as usize).checked_sub(13)?;
    let line = StatusLine {
        version: Slice::new(version, version + 8),
        reason,
        status: response.code?,
        version_11: response.version? == 1,
        next: 0,
        violation: None,
    };
    Some(Some((line, end, false, None)))
}

fn exact(
    input: &[u8],
    options: &ParseOptions,
    fields: &mut Vec<Field>,
) -> Result<Read, ParseError> {
    let Some(start) = lines::skip_empty_lines(input)? else {
        return Ok(None);
    };
    let Some(line) = read_line(input, start, options)? else {
        return Ok(None);
    };
    let found = lines::read_fields(input, line.next, options, fields)?;
    Ok(found.map(|found| (line, found.end, found.folded, found.violation)))
}

fn read_line(
    input: &[u8],
    start: usize,
    options: &ParseOptions,
) -> Result<Option<StatusLine>, ParseError> {
    let Some((version, version_11, mut violation)) = read_version(input, start, options)? else {
        return Ok(None);
    };
    let at = version.range().end;
    let from = skip_blanks(input, at);
    if from == at {
        return Err(ParseError::new(at, Reason::InvalidVersion));
    }
    let rest = input.get(from..).unwrap_or_default();
    let Some(len) = rest.iter().position(|b| !b.is_ascii_digit()) else {
        return Ok(None);
    };
    let fault = ParseError::new(from, Reason::InvalidStatus);
    let number = super::fields::parse_decimal(&rest[..len]).ok_or(fault)?;
    let status = u16::try_from(number).map_err(|_| fault)?;
    match len {
        3 => {}
        4.. if options.accept_unsafe_violations => {
            violation.get_or_insert(fault);
        }
        _ => return Err(fault),
    }
    let stop = from + len;
    if !matches!(rest[len], b' ' | b'\t' | b'\r' | b'\n') {
        return Err(ParseError::new(stop, Reason::InvalidStatus));
    }
    let reason = skip_blanks(input, stop);
    let rest = input.get(reason..).unwrap_or_default();
    let Some(len) = memchr::memchr2(b'\r', b'\n', rest) else {
        return Ok(None);
    };
    let end = reason + len;
    let next = lines::line_end(input, end, Reason::BareCr)?;
    Ok(next.map(|next| StatusLine {
        version,
        reason: Slice::new(reason, end),
        status,
        version_11,
        next,
        violation,
    }))
}

fn interpret(
    head: &mut Head,
    line: &StatusLine,
    request: &RequestInfo,
    options: &ParseOptions,
) -> Result<Parsed, ParseError> {
    let relaxed = options.accept_unsafe_violations;
    let mut facts = Facts::collect(
        head,
        Reading {
            request: false,
            relaxed,
        },
    )?;
    if facts.other_coding {
        return Err(ParseError::new(0, Reason::UnsupportedCoding));
    }
    let mut parsed = Parsed {
        version_11: line.version_11,
        keep_alive: facts.keeps(line.version_11),
        ..Parsed::default()
    };
    if facts.transfer_encoding {
        facts.canonical_transfer_encoding(head);
        if facts.content_length.is_some() {
            facts.drop_named(head, b"content-length");
            parsed.keep_alive = false;
        }
        parsed.keep_alive &= parsed.version_11;
    }
    let switching = line.status == 101;
    if switching && !request.upgrade {
        return Err(ParseError::new(0, Reason::UnexpectedSwitch));
    }
    parsed.upgrade = switching;
    parsed.tunnel = switching || (request.connect && (200..300).contains(&line.status));
    parsed.informational = (100..200).contains(&line.status) && !switching;
    let bodiless = (100..200).contains(&line.status) || line.status == 204 || parsed.tunnel;
    if bodiless {
        facts.drop_named(head, b"content-length");
        facts.drop_named(head, b"transfer-encoding");
    } else if !request.head && line.status != 304 {
        parsed.framing = facts.framing().unwrap_or(Framing::UntilClose);
        parsed.keep_alive &= parsed.framing != Framing::UntilClose;
    }
    parsed.websocket = switching && facts.websocket;
    if parsed.websocket && !facts.websocket_key {
        let fault = ParseError::new(0, Reason::WebsocketKey);
        if !relaxed {
            return Err(fault);
        }
        parsed.websocket_key_missing = true;
        parsed.violation = Some(fault);
    }
    if facts.marked {
        head.sweep();
    }
    Ok(parsed)
}

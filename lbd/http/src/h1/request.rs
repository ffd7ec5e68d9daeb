//! Request heads: the request line, then what its fields mean for framing and connection.
//!
//! It does not read the body and does not answer faulty requests; it names the status to answer.

use std::mem::MaybeUninit;

use super::authority::check_target;
use super::fields::{Facts, Reading};
use super::lines::{self, is_blank, is_token, skip_blanks};
use super::{Framing, ParseError, ParseOptions, Parsed, Reason, Status};
use crate::head::{Field, Head, Kind, Slice};

/// How many fields the quick reader has room for; a head with more takes the exact one.
const QUICK_FIELDS: usize = super::DEFAULT_MAX_HEADERS;

/// Offsets of method, target and version, and the first byte after the line.
pub(super) struct RequestLine {
    pub(super) parts: [Slice; 3],
    pub(super) next: usize,
    /// `GET /path` without a version: there are no fields (HTTP/0.9).
    pub(super) simple: bool,
    /// The version is `HTTP/` digit dot digit and at least 1.1.
    pub(super) version_11: bool,
    pub(super) violation: Option<ParseError>,
}

/// Reads a request head from the beginning of `input` into `head`.
///
/// # Errors
/// A fault with its offset; [`ParseError::status`] is what to answer. `head` is then empty.
pub fn parse_request(
    input: &[u8],
    head: &mut Head,
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
            return too_long(input, options).map_or(Ok(Status::Partial), Err);
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
    head.adopt(Kind::Request, &input[..end], line.parts, 0, fields);
    if folded {
        blank_folds(head);
    }
    match interpret(head, &line, options) {
        Ok(mut parsed) => {
            parsed.consumed = end;
            parsed.violation = line.violation.or(violation).or(parsed.violation);
            Ok(Status::Complete(parsed))
        }
        Err(mut error) => {
            if error.offset == 0 {
                error.offset = line.parts[1].start as usize;
            }
            head.clear();
            Err(error)
        }
    }
}

type Read = Option<(RequestLine, usize, bool, Option<ParseError>)>;

/// The vectorised reader. `None` when it refuses: then the exact reader decides.
pub(super) fn quick(input: &[u8], options: &ParseOptions, fields: &mut Vec<Field>) -> Option<Read> {
    let mut space = [const { MaybeUninit::<httparse::Header<'_>>::uninit() }; QUICK_FIELDS];
    let mut request = httparse::Request::new(&mut []);
    let end = match request.parse_with_uninit_headers(input, &mut space) {
        Ok(httparse::Status::Complete(end)) => end,
        // Faults that only we see are found when the head is complete or too long.
        Ok(httparse::Status::Partial) => return Some(None),
        Err(_) => return None,
    };
    let target = request.path?.as_bytes();
    if request.headers.len() >= options.max_headers || has_odd_byte(target) {
        return None;
    }
    if !offsets(input, request.headers, fields) {
        return None;
    }
    let method = slice_in(input, request.method?.as_bytes());
    let target = slice_in(input, target);
    let version = target.range().end + 1;
    let line = RequestLine {
        parts: [method, target, Slice::new(version, version + 8)],
        next: 0,
        simple: false,
        version_11: request.version? == 1,
        violation: None,
    };
    Some(Some((line, end, false, None)))
}

/// The target has bytes that httparse lets pass and we look at closer.
fn has_odd_byte(target: &[u8]) -> bool {
    // No early end: the loop becomes vector code.
    target.iter().fold(false, |odd, &b| {
        odd | (b >= 0x7f) | (b == b'#') | (b <= b' ')
    })
}

/// Turns httparse's fields into offsets; false when one has a name longer than we accept.
pub(super) fn offsets(
    input: &[u8],
    headers: &[httparse::Header<'_>],
    fields: &mut Vec<Field>,
) -> bool {
    for header in headers {
        if header.name.len() > super::MAX_NAME_LEN {
            return false;
        }
        fields.push(Field {
            name: slice_in(input, header.name.as_bytes()),
            value: slice_in(input, header.value),
        });
    }
    true
}

/// Where `part`, a subslice of `input`, lies in it. An empty part may lie anywhere.
pub(super) fn slice_in(input: &[u8], part: &[u8]) -> Slice {
    if part.is_empty() {
        return Slice::default();
    }
    let start = part.as_ptr().addr().wrapping_sub(input.as_ptr().addr());
    Slice::new(start, start + part.len())
}

/// The exact reader, which also finds the fault.
pub(super) fn exact(
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
    if line.simple {
        let end = line.next;
        return Ok(Some((line, end, false, None)));
    }
    let found = lines::read_fields(input, line.next, options, fields)?;
    Ok(found.map(|found| (line, found.end, found.folded, found.violation)))
}

fn read_line(
    input: &[u8],
    start: usize,
    options: &ParseOptions,
) -> Result<Option<RequestLine>, ParseError> {
    let rest = &input[start..];
    let Some(len) = rest.iter().position(|&b| !is_token(b)) else {
        return Ok(None);
    };
    if len == 0 || !is_blank(rest[len]) {
        return Err(ParseError::new(start + len, Reason::InvalidMethod));
    }
    let method = Slice::new(start, start + len);
    let from = skip_blanks(input, start + len);
    let mut violation = None;
    let mut at = from;
    loop {
        match input.get(at) {
            None => return Ok(None),
            Some(b' ' | b'\t' | b'\r' | b'\n') => break,
            Some(b'#' | 0x80..) => {
                let fault = ParseError::new(at, Reason::InvalidTarget);
                if !options.accept_unsafe_violations {
                    return Err(fault);
                }
                violation.get_or_insert(fault);
            }
            Some(0x21..=0x7e) => {}
            Some(_) => return Err(ParseError::new(at, Reason::InvalidTarget)),
        }
        at += 1;
    }
    if at == from {
        return Err(ParseError::new(at, Reason::InvalidTarget));
    }
    let target = Slice::new(from, at);
    if !is_blank(input[at]) {
        // No version: a simple request of HTTP/0.9, which only GET has.
        let fault = ParseError::new(at, Reason::InvalidVersion);
        if !options.accept_unsafe_violations || &rest[..len] != b"GET" {
            return Err(fault);
        }
        let next = lines::line_end(input, at, Reason::InvalidVersion)?;
        return Ok(next.map(|next| RequestLine {
            parts: [method, target, Slice::default()],
            next,
            simple: true,
            version_11: false,
            violation: violation.or(Some(fault)),
        }));
    }
    let Some((version, version_11, bad)) = read_version(input, skip_blanks(input, at), options)?
    else {
        return Ok(None);
    };
    let next = lines::line_end(input, version.range().end, Reason::InvalidVersion)?;
    Ok(next.map(|next| RequestLine {
        parts: [method, target, version],
        next,
        simple: false,
        version_11,
        violation: violation.or(bad),
    }))
}

/// The version token at `from`, whether it is 1.1 or later, and the fault it was let pass with.
pub(super) fn read_version(
    input: &[u8],
    from: usize,
    options: &ParseOptions,
) -> Result<Option<(Slice, bool, Option<ParseError>)>, ParseError> {
    let rest = input.get(from..).unwrap_or_default();
    let in_version = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'.' || b == b'/';
    let Some(len) = rest.iter().position(|&b| !in_version(b)) else {
        return Ok(None);
    };
    let version = Slice::new(from, from + len);
    if let [
        b'H',
        b'T',
        b'T',
        b'P',
        b'/',
        major @ b'0'..=b'9',
        b'.',
        minor @ b'0'..=b'9',
    ] = rest[..len]
    {
        let version_11 = major > b'1' || (major == b'1' && minor >= b'1');
        return Ok(Some((version, version_11, None)));
    }
    let fault = ParseError::new(from, Reason::InvalidVersion);
    if len == 0 || !options.accept_unsafe_violations {
        return Err(fault);
    }
    Ok(Some((version, false, Some(fault))))
}

/// The fault of an incomplete head that has no room left to become complete.
fn too_long(input: &[u8], options: &ParseOptions) -> Option<ParseError> {
    if input.len() < options.max_head_len {
        return None;
    }
    let start = lines::skip_empty_lines(input)
        .ok()
        .flatten()
        .unwrap_or(input.len());
    let in_line = memchr::memchr(b'\n', &input[start..]).is_none();
    let reason = if in_line {
        Reason::TargetTooLong
    } else {
        Reason::HeadTooLong
    };
    Some(ParseError::new(options.max_head_len, reason))
}

/// Writes blanks over the line breaks within values (RFC 9112 5.2).
pub(super) fn blank_folds(head: &mut Head) {
    for index in 0..head.len() {
        for byte in head.value_mut(index) {
            if matches!(byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
    }
}

/// Everything that has a meaning, whichever reader found the offsets.
fn interpret(
    head: &mut Head,
    line: &RequestLine,
    options: &ParseOptions,
) -> Result<Parsed, ParseError> {
    let relaxed = options.accept_unsafe_violations;
    if line.simple {
        head.set_version(b"HTTP/1.0")
            .map_err(|_| ParseError::new(0, Reason::HeadTooLong))?;
    }
    let mut facts = Facts::collect(
        head,
        Reading {
            request: true,
            relaxed,
        },
    )?;
    if facts.other_coding {
        return Err(ParseError::new(0, Reason::UnsupportedCoding));
    }
    let connect = head.method() == b"CONNECT";
    let mut violation = check_target(head, &facts, connect, relaxed)?;
    let mut parsed = Parsed {
        version_11: line.version_11,
        keep_alive: facts.keeps(line.version_11),
        framing: facts.framing().unwrap_or_default(),
        has_host: facts.host.is_some(),
        expect_continue: facts.expect_continue,
        connect,
        ..Parsed::default()
    };
    settle_framing(head, &mut facts, &mut parsed, options)?;
    settle_upgrade(head, &mut facts, &mut parsed);
    if parsed.websocket && !facts.websocket_key {
        let fault = ParseError::new(0, Reason::WebsocketKey);
        if !relaxed {
            return Err(fault);
        }
        parsed.websocket_key_missing = true;
        violation.get_or_insert(fault);
    }
    if facts.marked {
        head.sweep();
    }
    parsed.violation = violation;
    Ok(parsed)
}

fn settle_framing(
    head: &mut Head,
    facts: &mut Facts,
    parsed: &mut Parsed,
    options: &ParseOptions,
) -> Result<(), ParseError> {
    if parsed.connect {
        if matches!(parsed.framing, Framing::ContentLength(_)) {
            return Err(ParseError::new(0, Reason::ConnectWithContent));
        }
        if facts.chunked || facts.content_length.is_some() {
            facts.drop_named(head, b"content-length");
            facts.drop_named(head, b"transfer-encoding");
        }
        parsed.keep_alive &= !facts.chunked;
        parsed.framing = Framing::None;
        return Ok(());
    }
    if facts.chunked {
        facts.canonical_transfer_encoding(head);
        if facts.content_length.is_some() {
            facts.drop_named(head, b"content-length");
            // RFC 9112 6.1: both together may be an attack; the connection ends after it.
            parsed.keep_alive = false;
        }
        // RFC 9112 6.1: a sender of HTTP/1.0 does not know where a chunked body ends.
        parsed.keep_alive &= parsed.version_11;
    }
    let bodiless = matches!(head.method(), b"GET" | b"HEAD" | b"DELETE");
    if !parsed.version_11
        && bodiless
        && parsed.framing != Framing::None
        && !options.accept_payload_with_any_method
    {
        return Err(ParseError::new(0, Reason::PayloadNotAllowed));
    }
    Ok(())
}

/// An upgrade needs both `Connection: upgrade` and a protocol; half of it is removed.
fn settle_upgrade(head: &mut Head, facts: &mut Facts, parsed: &mut Parsed) {
    parsed.upgrade = facts.connection_upgrade && facts.upgrade;
    parsed.websocket = parsed.upgrade && facts.websocket;
    if facts.upgrade && !facts.connection_upgrade {
        facts.drop_named(head, b"upgrade");
    }
    if facts.connection_upgrade && !facts.upgrade {
        for index in 0..head.len() {
            if head.name(index) == b"connection"
                && super::fields::strip_tokens(head, index, |token| {
                    token.eq_ignore_ascii_case(b"upgrade")
                })
            {
                facts.drop_field(head, index);
            }
        }
    }
}

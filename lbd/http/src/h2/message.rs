//! Between fields as HTTP/2 carries them and heads (RFC 9113 8, RFC 8441).
//!
//! It knows nothing of streams: it says what a block means, or that it is malformed.

use std::ops::Range;

use super::hpack;
use crate::h1::authority::{check_target, has_port, is_host};
use crate::h1::body::is_forbidden_trailer;
use crate::h1::fields::{Facts, Reading};
use crate::h1::lines::is_token;
use crate::h1::{Framing, ParseError, Parsed, Reason, RequestInfo};
use crate::head::Head;
use crate::header::trim;
use crate::uri::{Form, Target};

/// A message is malformed (RFC 9113 8.1.1): its stream ends with `PROTOCOL_ERROR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// What a head says about its message.
#[derive(Debug, Clone, Copy, Default)]
pub struct Incoming {
    /// As the HTTP/1 codec says it; content whose length is not known is [`Framing::Chunked`].
    pub parsed: Parsed,
    /// The length announced.
    pub(super) length: Option<u64>,
}

/// What a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Request,
    Response,
    Trailers,
}

/// The scheme of requests that name none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scheme {
    /// `http`.
    Http,
    /// `https`.
    #[default]
    Https,
}

/// Memory that is kept between blocks.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pseudo: Vec<u8>,
    cookies: Vec<u8>,
}

/// The pseudo-header fields of a request or response, as ranges of the scratch.
#[derive(Debug, Default)]
struct Pseudo {
    authority: Option<Range<usize>>,
    method: Option<Range<usize>>,
    path: Option<Range<usize>>,
    protocol: Option<Range<usize>>,
    scheme: Option<Range<usize>>,
    status: Option<Range<usize>>,
}

/// Fills a head, field by field.
pub(super) struct Reader<'a> {
    head: &'a mut Head,
    scratch: &'a mut Scratch,
    what: What,
    pseudo: Pseudo,
    fields: usize,
    max_fields: usize,
    is_begun: bool,
    is_malformed: bool,
    /// Method or scheme are none: the request is to be answered as a bad one.
    violation: Option<ParseError>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        head: &'a mut Head,
        scratch: &'a mut Scratch,
        what: What,
        max_fields: usize,
    ) -> Self {
        scratch.pseudo.clear();
        scratch.cookies.clear();
        head.start_trailers();
        Self {
            head,
            scratch,
            what,
            pseudo: Pseudo::default(),
            fields: 0,
            max_fields,
            is_begun: what == What::Trailers,
            is_malformed: false,
            violation: None,
        }
    }

    /// Takes the next field.
    pub(super) fn field(&mut self, name: &[u8], value: &[u8]) {
        if self.is_malformed {
            return;
        }
        let done = if name.first() == Some(&b':') {
            self.pseudo(name, value)
        } else {
            self.regular(name, value)
        };
        self.is_malformed = done.is_err();
    }

    fn pseudo(&mut self, name: &[u8], value: &[u8]) -> Result<(), Malformed> {
        if self.is_begun {
            return Err(Malformed);
        }
        let is_request = self.what == What::Request;
        let place = match name {
            b":authority" if is_request => &mut self.pseudo.authority,
            b":method" if is_request => &mut self.pseudo.method,
            b":path" if is_request => &mut self.pseudo.path,
            b":protocol" if is_request => &mut self.pseudo.protocol,
            b":scheme" if is_request => &mut self.pseudo.scheme,
            b":status" if !is_request => &mut self.pseudo.status,
            _ => return Err(Malformed),
        };
        let start = self.scratch.pseudo.len();
        self.scratch.pseudo.extend_from_slice(value);
        match place.replace(start..start + value.len()) {
            Some(_) => Err(Malformed),
            None => Ok(()),
        }
    }

    fn regular(&mut self, name: &[u8], value: &[u8]) -> Result<(), Malformed> {
        if !self.is_begun {
            self.begin()?;
        }
        if !is_name(name) || has_bad_byte(value) {
            return Err(Malformed);
        }
        match name {
            b"connection" | b"proxy-connection" | b"keep-alive" | b"upgrade"
            | b"transfer-encoding" => return Err(Malformed),
            b"te" if !value.eq_ignore_ascii_case(b"trailers") => return Err(Malformed),
            // The authority stands for it already.
            b"host" if self.pseudo.authority.is_some() => return Ok(()),
            b"cookie" if self.what == What::Request => {
                let cookies = &mut self.scratch.cookies;
                if !cookies.is_empty() {
                    cookies.extend_from_slice(b"; ");
                }
                cookies.extend_from_slice(trim(value));
                return Ok(());
            }
            name if self.what == What::Trailers && is_forbidden_trailer(name) => return Ok(()),
            _ => {}
        }
        self.add(name, trim(value))
    }

    fn add(&mut self, name: &[u8], value: &[u8]) -> Result<(), Malformed> {
        self.fields += 1;
        if self.fields >= self.max_fields {
            return Err(Malformed);
        }
        self.head.add(name, value).map_err(|_| Malformed)
    }

    /// All pseudo-header fields are there: writes the start line.
    fn begin(&mut self) -> Result<(), Malformed> {
        self.is_begun = true;
        match self.what {
            What::Request => self.request_line(),
            What::Response => self.status_line(),
            What::Trailers => Ok(()),
        }
    }

    fn request_line(&mut self) -> Result<(), Malformed> {
        let Self {
            head,
            scratch,
            pseudo,
            ..
        } = self;
        let text = |range: &Option<Range<usize>>| {
            let range = range.clone()?;
            scratch.pseudo.get(range)
        };
        let method = text(&pseudo.method).ok_or(Malformed)?;
        let authority = text(&pseudo.authority);
        if authority.is_some_and(|authority| authority.is_empty() || !is_host(authority)) {
            return Err(Malformed);
        }
        // As in the reference these are no faults of the protocol, and answered.
        if method.is_empty() || !method.iter().copied().all(is_token) {
            self.violation = Some(ParseError::new(0, Reason::InvalidMethod));
            return head
                .start_request(b"GET", b"/", VERSION)
                .map_err(|_| Malformed);
        }
        let scheme = text(&pseudo.scheme);
        let path = text(&pseudo.path);
        let is_extended = pseudo.protocol.is_some();
        if method == b"CONNECT" && !is_extended {
            // RFC 9113 8.5.
            let authority = authority.ok_or(Malformed)?;
            if scheme.is_some() || path.is_some() {
                return Err(Malformed);
            }
            head.start_request(method, authority, VERSION)
                .map_err(|_| Malformed)?;
        } else {
            let (scheme, path) = scheme.zip(path).ok_or(Malformed)?;
            let is_asterisk = path == b"*" && method == b"OPTIONS";
            if !(is_asterisk || is_path(path)) {
                return Err(Malformed);
            }
            if !is_scheme(scheme) {
                self.violation = Some(ParseError::new(0, Reason::InvalidTarget));
                return head
                    .start_request(b"GET", b"/", VERSION)
                    .map_err(|_| Malformed);
            }
            if is_extended && (method != b"CONNECT" || authority.is_none()) {
                return Err(Malformed);
            }
            let mut line = std::mem::take(&mut scratch.cookies);
            if let Some(authority) = authority {
                line.extend_from_slice(scheme);
                line.extend_from_slice(b"://");
                line.extend_from_slice(authority);
            }
            if !is_asterisk || authority.is_none() {
                line.extend_from_slice(path);
            }
            // Like a request for an upgrade in HTTP/1, which it will be on the other side.
            let method = if is_extended { b"GET" } else { method };
            let begun = head.start_request(method, &line, VERSION);
            line.clear();
            scratch.cookies = line;
            begun.map_err(|_| Malformed)?;
        }
        match authority {
            Some(authority) => head.add(b"host", authority).map_err(|_| Malformed),
            None => Ok(()),
        }
    }

    fn status_line(&mut self) -> Result<(), Malformed> {
        let range = self.pseudo.status.clone().ok_or(Malformed)?;
        let [d @ b'1'..=b'9', e, f] = *self.scratch.pseudo.get(range).ok_or(Malformed)? else {
            return Err(Malformed);
        };
        if !e.is_ascii_digit() || !f.is_ascii_digit() {
            return Err(Malformed);
        }
        let digit = |byte: u8| u16::from(byte - b'0');
        let status = digit(d) * 100 + digit(e) * 10 + digit(f);
        self.head
            .start_response(VERSION, status, b"")
            .map_err(|_| Malformed)
    }

    /// The request is complete; `is_end`: no content follows.
    pub(super) fn request(mut self, is_end: bool) -> Result<Incoming, Malformed> {
        self.complete()?;
        let head = &mut *self.head;
        let facts = collect(head, true)?;
        let connect = head.method() == b"CONNECT";
        if connect && !has_port(head.target()) {
            return Err(Malformed);
        }
        if !connect {
            check_target(head, &facts, connect, false).map_err(|_| Malformed)?;
        }
        let mut parsed = Parsed {
            keep_alive: true,
            version_11: true,
            has_host: facts.host.is_some(),
            expect_continue: facts.expect_continue,
            connect,
            violation: self.violation,
            ..Parsed::default()
        };
        let mut length = facts.content_length;
        if let Some(protocol) = self.pseudo.protocol.clone() {
            let protocol = self.scratch.pseudo.get(protocol).unwrap_or_default();
            let is_name = !protocol.is_empty() && protocol.iter().copied().all(is_token);
            // What would become HTTP/2 on the other side is no protocol to switch to.
            if !is_name || protocol.eq_ignore_ascii_case(b"h2c") {
                return Err(Malformed);
            }
            head.add(b"upgrade", protocol).map_err(|_| Malformed)?;
            head.add(b"connection", b"upgrade").map_err(|_| Malformed)?;
            parsed.upgrade = true;
            parsed.websocket = protocol.eq_ignore_ascii_case(b"websocket");
        }
        if parsed.upgrade || connect {
            // What follows is no content.
            head.remove(b"content-length");
            length = None;
        } else {
            parsed.framing = framing(length, is_end)?;
        }
        Ok(Incoming { parsed, length })
    }

    /// The response is complete.
    pub(super) fn response(
        mut self,
        is_end: bool,
        request: &RequestInfo,
    ) -> Result<Incoming, Malformed> {
        self.complete()?;
        let head = &mut *self.head;
        let facts = collect(head, false)?;
        let mut status = head.status();
        // RFC 9113 8.6.
        if status == 101 {
            return Err(Malformed);
        }
        let is_success = (200..300).contains(&status);
        if request.upgrade && is_success {
            // What HTTP/1 says in the same case.
            status = 101;
            head.set_status(status);
            head.add(b"connection", b"upgrade").map_err(|_| Malformed)?;
        }
        let mut parsed = Parsed {
            keep_alive: true,
            version_11: true,
            upgrade: status == 101,
            tunnel: is_success && (request.connect || request.upgrade),
            informational: status < 200 && status != 101,
            ..Parsed::default()
        };
        if parsed.informational && is_end {
            return Err(Malformed);
        }
        let is_bodiless = parsed.informational || status == 204 || parsed.tunnel;
        if is_bodiless {
            head.remove(b"content-length");
            return Ok(Incoming {
                parsed,
                length: None,
            });
        }
        let length = facts
            .content_length
            .filter(|_| !request.head && status != 304);
        if !request.head && status != 304 {
            parsed.framing = framing(length, is_end)?;
        }
        Ok(Incoming { parsed, length })
    }

    /// The trailers are complete.
    pub(super) fn trailers(self) -> Result<(), Malformed> {
        if self.is_malformed {
            return Err(Malformed);
        }
        Ok(())
    }

    fn complete(&mut self) -> Result<(), Malformed> {
        if !self.is_begun && !self.is_malformed {
            self.begin()?;
        }
        if self.is_malformed {
            return Err(Malformed);
        }
        if self.scratch.cookies.is_empty() {
            return Ok(());
        }
        let cookies = std::mem::take(&mut self.scratch.cookies);
        let added = self.add(b"cookie", &cookies);
        self.scratch.cookies = cookies;
        added
    }
}

fn collect(head: &mut Head, request: bool) -> Result<Facts, Malformed> {
    let reading = Reading {
        request,
        relaxed: false,
    };
    let facts = Facts::collect(head, reading).map_err(|_| Malformed)?;
    if facts.marked {
        head.sweep();
        // Offsets have moved.
        return Facts::collect(head, reading).map_err(|_| Malformed);
    }
    Ok(facts)
}

fn framing(length: Option<u64>, is_end: bool) -> Result<Framing, Malformed> {
    match length {
        Some(0) => Ok(Framing::None),
        Some(_) if is_end => Err(Malformed),
        Some(length) => Ok(Framing::ContentLength(length)),
        None if is_end => Ok(Framing::None),
        None => Ok(Framing::Chunked),
    }
}

/// Field names are lower-case tokens (RFC 9113 8.2.1).
fn is_name(name: &[u8]) -> bool {
    !name.is_empty()
        && name
            .iter()
            .all(|byte| is_token(*byte) && !byte.is_ascii_uppercase())
}

fn has_bad_byte(value: &[u8]) -> bool {
    // No early end: the loop becomes vector code.
    value.iter().fold(false, |bad, b| {
        bad | (*b == 0) | (*b == b'\r') | (*b == b'\n')
    })
}

fn is_path(path: &[u8]) -> bool {
    path.first() == Some(&b'/') && path.iter().all(|b| (b'!'..=b'~').contains(b) && *b != b'#')
}

fn is_scheme(scheme: &[u8]) -> bool {
    scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

/// Appends the header block of a request; `protocol` makes it an extended CONNECT.
pub(super) fn encode_request(
    head: &Head,
    scheme: Scheme,
    protocol: Option<&[u8]>,
    out: &mut Vec<u8>,
) {
    let is_connect = head.method() == b"CONNECT";
    let target = Target::split(head.target(), is_connect);
    let bytes = head.target();
    let authority = match target.form {
        Form::Absolute | Form::Authority => Some(&bytes[target.authority.clone()]),
        // The reference leaves Host as it is otherwise.
        _ => protocol.and_then(|_| head.first(b"host")),
    };
    let method = match protocol {
        Some(_) => b"CONNECT",
        None => head.method(),
    };
    hpack::encode(b":method", method, out);
    if !is_connect {
        let scheme: &[u8] = match (target.form, scheme) {
            (Form::Absolute, _) => &bytes[target.scheme.clone()],
            (_, Scheme::Http) => b"http",
            (_, Scheme::Https) => b"https",
        };
        hpack::encode(b":scheme", scheme, out);
    }
    if let Some(authority) = authority {
        hpack::encode(b":authority", authority, out);
    }
    if !is_connect {
        let path = match target.form {
            Form::Absolute => match &bytes[target.path.start.min(bytes.len())..] {
                [] if head.method() == b"OPTIONS" => b"*",
                [] => b"/",
                path => path,
            },
            _ => bytes,
        };
        hpack::encode(b":path", path, out);
    }
    if let Some(protocol) = protocol {
        hpack::encode(b":protocol", protocol, out);
    }
    for (name, value) in head.iter() {
        match name {
            b"host" if authority.is_some() => {}
            b"authorization" | b"proxy-authorization" => hpack::encode_sensitive(name, value, out),
            // The key is HTTP/1's own affair (RFC 8441 5).
            b"sec-websocket-key" if protocol == Some(b"websocket") => {}
            name if is_of_connection(name) => {}
            _ => hpack::encode(name, value, out),
        }
    }
}

/// Appends the header block of a response.
pub(super) fn encode_response(head: &Head, out: &mut Vec<u8>) {
    let mut status = itoa::Buffer::new();
    // A switch is a plain success here (RFC 8441 5).
    let is_switch = head.status() == 101;
    let code = if is_switch { 200 } else { head.status() };
    hpack::encode(b":status", status.format(code).as_bytes(), out);
    for (name, value) in head.iter() {
        let is_dropped = is_of_connection(name) || (is_switch && name == b"sec-websocket-accept");
        if !is_dropped {
            hpack::encode(name, value, out);
        }
    }
}

/// Appends the header block of trailers.
pub(super) fn encode_trailers(head: &Head, out: &mut Vec<u8>) {
    for (name, value) in head.iter().filter(|(name, _)| !is_of_connection(name)) {
        hpack::encode(name, value, out);
    }
}

/// Whether a field is about a connection of HTTP/1 (RFC 9113 8.2.2).
fn is_of_connection(name: &[u8]) -> bool {
    matches!(
        name,
        b"connection"
            | b"proxy-connection"
            | b"keep-alive"
            | b"transfer-encoding"
            | b"upgrade"
            | b"http2-settings"
    )
}

const VERSION: &[u8] = b"HTTP/2.0";

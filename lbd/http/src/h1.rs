//! The HTTP/1 codec (RFC 9112): heads in, bodies in and out, heads out; no I/O and no clock.
//!
//! It does not decide what a message means to a proxy: keep-alive towards the other side, routing,
//! timeouts and answers are the caller's.
//!
//! Two readers of a head exist. The quick one is `httparse`; whatever it refuses is read again by
//! the exact one in `lines`, which follows haproxy 3.4 byte for byte and finds the faulty offset.
//! *Invariant:* what the quick reader accepts, the exact one reads alike (checked by a property
//! test); everything that has a meaning is decided after either, in one place.

pub(crate) mod authority;
pub mod body;
pub mod connection;
pub mod encode;
pub(crate) mod fields;
pub mod framing;
pub(crate) mod lines;
mod request;
mod response;

pub use body::{BodyDecoder, Step};
pub use connection::{connection_add, connection_has, connection_remove};
pub use encode::{CaseMap, EncodeOptions, encode_head};
pub use framing::{frame_request, frame_response};
pub use request::parse_request;
pub use response::parse_response;

use crate::head::Head;

/// Where we read or write HTTP/1 otherwise than haproxy 3.4, each with the reason; tested.
pub const DEVIATIONS: &[&str] = &[
    "a response status of fewer than three digits is refused (haproxy passes it on): RFC 9112 4",
    "CONNECT with a non-empty content is refused with 400 (haproxy answers 502 after forwarding)",
    "trailers that frame, route or authenticate are dropped (haproxy drops only content-length): \
     RFC 9110 6.5.1",
    "chunk extensions are limited to 4096 bytes a chunk and 16384 a message (haproxy: unlimited)",
    "leading zeros of a chunk size are limited with the extensions (haproxy: unlimited)",
    "with accept-unsafe-violations the authority of an absolute target ends at '?' and '#' as well \
     (haproxy appends the slash after the query): RFC 3986 3.2",
    "a response with both Transfer-Encoding and Content-Length never leaves its connection reusable",
    "TE is reduced to trailers when a request is read (haproxy: when it is sent, rules see it whole)",
    "a carriage return within a field name is refused even with accept-unsafe-violations (haproxy \
     drops the field)",
    "with accept-unsafe-violations a version of another form is never 1.1 or later (haproxy looks at \
     its sixth and eighth byte)",
    "TE: trailers is recognised whatever its case (haproxy: lower case only): RFC 9110 10.1.4",
    "empty elements of Connection go when another element is taken out (haproxy keeps inner ones)",
    "a head sent with faulty bytes may be refused only once its line is complete",
];

/// Default of `max_headers`: `tune.http.maxhdr`; one less is accepted, as in the reference.
pub const DEFAULT_MAX_HEADERS: usize = 101;

/// Default of `max_head_len`: `tune.bufsize` less `tune.maxrewrite`.
pub const DEFAULT_MAX_HEAD_LEN: usize = 16_384 - 1_024;

/// Longest field name; the reference refuses longer ones.
pub const MAX_NAME_LEN: usize = 255;

/// How the end of a message's content is found (RFC 9112 6.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Framing {
    /// There is no content.
    #[default]
    None,
    /// Exactly this many bytes, at least one.
    ContentLength(u64),
    /// Chunks, then trailers.
    Chunked,
    /// Until the connection ends; responses only.
    UntilClose,
}

/// Whether the input holds a whole head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status<T> {
    /// Bytes are missing; call again with the same bytes and more.
    Partial,
    /// The head is complete.
    Complete(T),
}

/// Limits and relaxations of the head parsers.
#[derive(Debug, Clone, Copy)]
pub struct ParseOptions {
    /// `tune.http.maxhdr`: a head with this many fields or more is refused.
    pub max_headers: usize,
    /// Longest head in bytes.
    pub max_head_len: usize,
    /// `option accept-unsafe-violations-in-http-request`, or `-response`.
    pub accept_unsafe_violations: bool,
    /// `h1-accept-payload-with-any-method`: content with GET, HEAD, DELETE in HTTP/1.0.
    pub accept_payload_with_any_method: bool,
}

impl Default for ParseOptions {
    fn default() -> Self {
        Self {
            max_headers: DEFAULT_MAX_HEADERS,
            max_head_len: DEFAULT_MAX_HEAD_LEN,
            accept_unsafe_violations: false,
            accept_payload_with_any_method: false,
        }
    }
}

/// Whether parsing `input` again can have another outcome than [`Status::Partial`], when it had that
/// with the first `seen` bytes: lines are what completes a head. Saves the repeated scan of a head
/// that arrives byte by byte.
pub fn worth_parsing(input: &[u8], seen: usize, options: &ParseOptions) -> bool {
    seen == 0
        || input.len() >= options.max_head_len
        || input
            .get(seen..)
            .is_some_and(|new| memchr::memchr(b'\n', new).is_some())
}

/// What a complete head says about its message and its connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Parsed {
    /// Bytes of input that the head took, leading empty lines included.
    pub consumed: usize,
    /// How the content ends. [`Framing::None`] when a tunnel begins.
    pub framing: Framing,
    /// The sender keeps the connection: version, Connection and framing considered.
    pub keep_alive: bool,
    /// The version is 1.1 or later (the encoder then writes `HTTP/1.1`).
    pub version_11: bool,
    /// Request: asks for an upgrade. Response: switches protocols (101).
    pub upgrade: bool,
    /// The upgrade is to `websocket`.
    pub websocket: bool,
    /// With `websocket`: Sec-WebSocket-Key or -Accept is missing, which was let pass.
    pub websocket_key_missing: bool,
    /// Request: `Expect: 100-continue`.
    pub expect_continue: bool,
    /// Request: there is a Host field.
    pub has_host: bool,
    /// Request: the method is CONNECT.
    pub connect: bool,
    /// Response: what follows the head is a tunnel (101, or 2xx to CONNECT).
    pub tunnel: bool,
    /// Response: 1xx other than 101; another head follows.
    pub informational: bool,
    /// A fault that was accepted because of `accept_unsafe_violations`, for `show errors`.
    pub violation: Option<ParseError>,
}

/// What of the request matters for reading its response.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RequestInfo {
    /// The method was HEAD.
    pub head: bool,
    /// The method was CONNECT.
    pub connect: bool,
    /// The request asked for an upgrade.
    pub upgrade: bool,
}

impl RequestInfo {
    /// As a sent request and what its head said give it.
    pub fn of(head: &Head, upgrade: bool) -> Self {
        Self {
            head: head.method() == b"HEAD",
            connect: head.method() == b"CONNECT",
            upgrade,
        }
    }
}

/// A faulty message: where and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseError {
    /// Offset of the fault in the input given (0 where no single byte is to blame).
    pub offset: usize,
    /// What is wrong.
    pub reason: Reason,
}

impl ParseError {
    pub(crate) const fn new(offset: usize, reason: Reason) -> Self {
        Self { offset, reason }
    }

    /// Status with which a faulty request is answered; a faulty response makes a 502.
    pub fn status(&self) -> u16 {
        self.reason.status()
    }
}

impl std::fmt::Display for ParseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at byte {}", self.reason.text(), self.offset)
    }
}

impl std::error::Error for ParseError {}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])* $name:ident = $status:literal, $text:literal;)*) => {
        /// Why a message was refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[doc = $doc])* $name,)*
        }

        impl Reason {
            /// All reasons, for counters by reason.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The status that answers a request with this fault.
            pub fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// The reason in words, lower case.
            pub fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

reasons! {
    /// A carriage return not followed by a line feed.
    BareCr = 400, "carriage return without line feed";
    /// A chunk does not end with CR LF.
    ChunkEnd = 400, "chunk not followed by an empty line end";
    /// Extensions of a chunk are longer than allowed.
    ChunkExtensionTooLong = 400, "chunk extension too long";
    /// A faulty byte in a chunk's size or extension.
    ChunkSize = 400, "invalid chunk size line";
    /// A chunk is larger than 2^52 - 1 bytes.
    ChunkTooLarge = 400, "chunk too large";
    /// CONNECT carries content.
    ConnectWithContent = 400, "CONNECT request with content";
    /// Content-Length is not a number or too large, or two of them differ.
    ContentLength = 400, "invalid or conflicting content-length";
    /// Two Host fields, or Host and target, differ.
    HostMismatch = 400, "conflicting host names";
    /// Host holds a byte that no authority may have.
    InvalidHost = 400, "invalid host";
    /// A faulty byte in the method.
    InvalidMethod = 400, "invalid method";
    /// A faulty byte in a field name, or no name.
    InvalidName = 400, "invalid header name";
    /// The status is not a number of three digits.
    InvalidStatus = 400, "invalid status code";
    /// The target is in no form that the method allows, or has a faulty byte.
    InvalidTarget = 400, "invalid request target";
    /// Neither `HTTP/x.y` nor another version that is accepted.
    InvalidVersion = 400, "invalid HTTP version";
    /// A field line has no colon.
    MissingColon = 400, "header line without colon";
    /// A NUL in a field value.
    NulInValue = 400, "NUL character in a header value";
    /// Content with GET, HEAD or DELETE before HTTP/1.1.
    PayloadNotAllowed = 413, "payload not allowed with this method in HTTP/1.0";
    /// The target alone exceeds the limit.
    TargetTooLong = 414, "request target too long";
    /// The head exceeds the limit.
    HeadTooLong = 431, "message head too long";
    /// More fields than `max_headers` allows.
    TooManyHeaders = 400, "too many header fields";
    /// Transfer-Encoding does not end with one `chunked`.
    TransferEncoding = 400, "invalid transfer-encoding";
    /// Transfer-Encoding has codings other than `chunked`.
    UnsupportedCoding = 422, "unsupported transfer coding";
    /// A 101 that nothing asked for.
    UnexpectedSwitch = 400, "switching protocols without upgrade";
    /// A websocket upgrade without key or accept.
    WebsocketKey = 400, "websocket handshake without key";
}

#[cfg(test)]
mod tests;

//! Heads and chunk framing to bytes.
//!
//! It adds no field and decides nothing about the connection.

use crate::head::{Head, Kind};
use crate::uri::{Form, Target};

/// Spellings of field names for `option h1-case-adjust-bogus-client` and `-server`.
///
/// Filled from `h1-case-adjust` and `h1-case-adjust-file` (haproxy 3.4 configuration 3.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CaseMap {
    /// Sorted by lower-case name: (lower case, as to be written).
    names: Vec<Spelling>,
}

type Spelling = (Box<[u8]>, Box<[u8]>);

impl CaseMap {
    /// A map without names.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a spelling; false when it is no spelling of `name` or that name has one already.
    pub fn add(&mut self, name: &[u8], spelling: &[u8]) -> bool {
        if !name.eq_ignore_ascii_case(spelling) {
            return false;
        }
        let lower = name.to_ascii_lowercase().into_boxed_slice();
        match self.names.binary_search_by(|(have, _)| have.cmp(&lower)) {
            Ok(_) => false,
            Err(at) => {
                self.names.insert(at, (lower, spelling.into()));
                true
            }
        }
    }

    /// True when there is no spelling.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// How to write the lower-case `name`.
    pub fn spelling<'a>(&'a self, name: &'a [u8]) -> &'a [u8] {
        match self.names.binary_search_by(|(have, _)| (**have).cmp(name)) {
            Ok(at) => &self.names[at].1,
            Err(_) => name,
        }
    }
}

/// How a head is written.
#[derive(Debug, Clone, Copy, Default)]
pub struct EncodeOptions<'a> {
    /// Spellings for a bogus peer; `None` writes lower case.
    pub case_map: Option<&'a CaseMap>,
    /// Writes an absolute target as path and query: it was made of the pseudo-header fields of
    /// HTTP/2, and servers of HTTP/1 know the authority by Host.
    pub origin_form: bool,
}

/// Appends the start line, the fields and the empty line.
///
/// A response without a reason gets the well-known one of its status. Trailers have no start line.
pub fn encode_head(head: &Head, out: &mut Vec<u8>, options: &EncodeOptions<'_>) {
    out.reserve(head.encoded_len() + 32);
    match head.kind() {
        Kind::Request => {
            out.extend_from_slice(head.method());
            out.push(b' ');
            out.extend_from_slice(match options.origin_form {
                true => origin_form(head),
                false => head.target(),
            });
            out.push(b' ');
            out.extend_from_slice(sent_version(head.version()));
            out.extend_from_slice(b"\r\n");
        }
        Kind::Response => {
            out.extend_from_slice(sent_version(head.version()));
            out.push(b' ');
            push_status(out, head.status());
            out.push(b' ');
            let reason = head.reason();
            out.extend_from_slice(if reason.is_empty() {
                crate::status::reason(head.status()).as_bytes()
            } else {
                reason
            });
            out.extend_from_slice(b"\r\n");
        }
        Kind::Trailers => {}
    }
    encode_fields(head, out, options);
}

fn origin_form(head: &Head) -> &[u8] {
    let target = Target::split(head.target(), head.method() == b"CONNECT");
    if target.form != Form::Absolute {
        return head.target();
    }
    match &head.target()[target.path.start..] {
        [] if head.method() == b"OPTIONS" => b"*",
        [] => b"/",
        path => path,
    }
}

/// Appends the fields and the empty line, as `req.hdrs` and `res.hdrs` show them.
pub fn encode_fields(head: &Head, out: &mut Vec<u8>, options: &EncodeOptions<'_>) {
    for (name, value) in head.iter() {
        out.extend_from_slice(match options.case_map {
            Some(map) => map.spelling(name),
            None => name,
        });
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// We speak 1.1 whatever later version the other side announced (RFC 9110 2.5); an older one is kept,
/// so that the receiver does not count on more than the sender can.
fn sent_version(version: &[u8]) -> &[u8] {
    match version {
        [b'H', b'T', b'T', b'P', b'/', b'2'..=b'9', b'.', b'0'..=b'9']
        | [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1'..=b'9'] => b"HTTP/1.1",
        _ => version,
    }
}

fn push_status(out: &mut Vec<u8>, status: u16) {
    let mut text = itoa::Buffer::new();
    let text = text.format(status);
    out.extend_from_slice(&b"000"[text.len().min(3)..]);
    out.extend_from_slice(text.as_bytes());
}

/// Longest chunk header: sixteen digits and a line end.
pub const MAX_CHUNK_HEADER: usize = 18;

/// The line before a chunk of `len` bytes; `len` 0 would be the last chunk (see [`last_chunk`]).
#[derive(Debug, Clone, Copy)]
pub struct ChunkHeader {
    bytes: [u8; MAX_CHUNK_HEADER],
    start: u8,
}

impl ChunkHeader {
    /// The line's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[usize::from(self.start)..]
    }
}

/// Makes the line before a chunk of `len` bytes, for `writev` with the data.
pub fn chunk_header(len: u64) -> ChunkHeader {
    let mut bytes = *b"0000000000000000\r\n";
    let (mut rest, mut at) = (len, 16);
    loop {
        at -= 1;
        bytes[at] = b"0123456789ABCDEF"[(rest & 15) as usize];
        rest >>= 4;
        if rest == 0 {
            break;
        }
    }
    ChunkHeader {
        bytes,
        start: lbd_core::bits::low8(at as u64),
    }
}

/// What follows the data of each chunk.
pub const CHUNK_END: &[u8] = b"\r\n";

/// The last chunk and the empty line, without trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Appends one whole chunk; nothing when `data` is empty.
pub fn encode_chunk(data: &[u8], out: &mut Vec<u8>) {
    if !data.is_empty() {
        out.extend_from_slice(chunk_header(data.len() as u64).as_bytes());
        out.extend_from_slice(data);
        out.extend_from_slice(CHUNK_END);
    }
}

/// Appends the last chunk and the trailers, if any.
pub fn last_chunk(trailers: Option<&Head>, out: &mut Vec<u8>, options: &EncodeOptions<'_>) {
    out.extend_from_slice(b"0\r\n");
    match trailers {
        Some(trailers) => encode_fields(trailers, out, options),
        None => out.extend_from_slice(b"\r\n"),
    }
}

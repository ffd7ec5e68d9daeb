//! The HTTP/1 message in an error file (haproxy 3.4 configuration, `errorfile`).
//!
//! Lines may end in CRLF or LF, as people write such files with editors. It reads no file.

use lbd_http::{Head, HeadFull};

use super::Message;
use crate::registry::Limits;

/// Why the content of an error file is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageFault {
    /// A chunked body.
    Chunked,
    /// The head is not HTTP; offset of the fault.
    Head(usize),
    /// A body shorter or longer than announced: (found, announced).
    Length(usize, u64),
    /// A status that is no final answer.
    Status(u16),
    /// Longer than a buffer: (size, limit).
    TooLong(usize, usize),
    /// A body where there can be none.
    Unexpected,
    /// A version that is not `HTTP/d.d`.
    Version(String),
}

impl std::fmt::Display for MessageFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Chunked => f.write_str("chunk-encoded payload not supported"),
            Self::Head(at) => write!(f, "unable to parse headers (error offset: {at})"),
            Self::Length(found, announced) => write!(
                f,
                "payload size does not match the announced content-length ({found} != {announced})"
            ),
            Self::Status(status) => {
                write!(
                    f,
                    "invalid http status code for an error message ({status})"
                )
            }
            Self::TooLong(size, limit) => {
                write!(
                    f,
                    "message payload exceeds the buffer size ({size} > {limit})"
                )
            }
            Self::Unexpected => f.write_str("message payload not expected"),
            Self::Version(version) => write!(f, "invalid http version ({version})"),
        }
    }
}

impl std::error::Error for MessageFault {}

/// Reads a message; nothing at all is the wish to answer nothing.
pub(super) fn read(content: &[u8], limits: Limits) -> Result<Message, MessageFault> {
    let mut head = Head::with_max_len(limits.bufsize);
    if content.is_empty() {
        return Ok(Message {
            head,
            body: Box::default(),
        });
    }
    if content.len() > limits.bufsize {
        return Err(MessageFault::TooLong(content.len(), limits.bufsize));
    }
    let mut lines = Lines { content, at: 0 };
    let start = lines.next().ok_or(MessageFault::Head(0))?;
    let (version, status, reason) = status_line(start)?;
    let full = |HeadFull| MessageFault::TooLong(content.len(), limits.bufsize);
    head.start_response(version, status, reason).map_err(full)?;
    loop {
        let at = lines.at;
        let line = lines.next().ok_or(MessageFault::Head(at))?;
        if line.is_empty() {
            break;
        }
        let (name, value) = field(line).ok_or(MessageFault::Head(at))?;
        head.add(name, value).map_err(full)?;
    }
    let body = &content[lines.at..];
    frame(&mut head, body).map_err(|fault| fault.unwrap_or_else(|| full(HeadFull)))?;
    Ok(Message {
        head,
        body: body.into(),
    })
}

/// Checks the announced length against the body, and announces it when the file does not.
fn frame(head: &mut Head, body: &[u8]) -> Result<(), Option<MessageFault>> {
    let status = head.status();
    if status == 204 || status == 304 {
        head.remove(b"content-length");
        head.remove(b"transfer-encoding");
        return if body.is_empty() {
            Ok(())
        } else {
            Err(Some(MessageFault::Unexpected))
        };
    }
    if head.first(b"transfer-encoding").is_some() {
        return Err(Some(MessageFault::Chunked));
    }
    let announced = match head.first(b"content-length") {
        None => {
            let mut length = itoa::Buffer::new();
            let text = length.format(body.len());
            return head
                .add(b"content-length", text.as_bytes())
                .map_err(|HeadFull| None);
        }
        Some(text) => std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.parse::<u64>().ok()),
    };
    match announced {
        None => Err(Some(MessageFault::Head(0))),
        Some(0) if !body.is_empty() => Err(Some(MessageFault::Unexpected)),
        Some(length) if length != body.len() as u64 => {
            Err(Some(MessageFault::Length(body.len(), length)))
        }
        Some(_) => Ok(()),
    }
}

struct Lines<'c> {
    content: &'c [u8],
    at: usize,
}

impl<'c> Lines<'c> {
    /// The next line without its end; none when the end is missing.
    fn next(&mut self) -> Option<&'c [u8]> {
        let rest = self.content.get(self.at..)?;
        let len = memchr::memchr(b'\n', rest)?;
        self.at += len + 1;
        let line = &rest[..len];
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

fn status_line(line: &[u8]) -> Result<(&[u8], u16, &[u8]), MessageFault> {
    let mut parts = line.splitn(3, |byte| *byte == b' ');
    let version = parts.next().unwrap_or_default();
    let code = parts.next().unwrap_or_default();
    let reason = parts.next().unwrap_or_default();
    match version {
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() => {}
        [b'H', b'T', b'T', b'P', b'/', ..] => {
            let version = String::from_utf8_lossy(version).into_owned();
            return Err(MessageFault::Version(version));
        }
        _ => return Err(MessageFault::Head(0)),
    }
    let status = match code {
        [a, b, c] if code.iter().all(u8::is_ascii_digit) => {
            u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0')
        }
        _ => return Err(MessageFault::Head(version.len() + 1)),
    };
    if status < 200 {
        return Err(MessageFault::Status(status));
    }
    if reason
        .iter()
        .any(|byte| byte.is_ascii_control() && *byte != b'\t')
    {
        return Err(MessageFault::Head(version.len() + 5));
    }
    Ok((version, status, reason))
}

fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr::memchr(b':', line)?;
    let name = &line[..colon];
    let value = lbd_http::header::trim(&line[colon + 1..]);
    let is_clean = value
        .iter()
        .all(|byte| !byte.is_ascii_control() || *byte == b'\t');
    (is_token(name) && is_clean).then_some((name, value))
}

/// Whether `name` is a token of RFC 9110 5.6.2.
fn is_token(name: &[u8]) -> bool {
    let is_token_byte = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    !name.is_empty() && name.iter().all(is_token_byte)
}

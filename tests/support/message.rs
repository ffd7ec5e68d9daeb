//! HTTP/1 messages as a test sees them, read from a stream.
//!
//! It accepts only what a test needs and shares no code with the product, so that both cannot be
//! wrong in the same way. It refuses nothing that a proxy would: odd heads are kept as they came.

use std::io::{self, Read};

/// More than this in one head or body is a fault of the test.
const MAX_MESSAGE: usize = 256 << 20;

/// A request as a server received it.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The PROXY protocol v1 line that came before it, without its line end.
    pub proxy: Option<String>,
    /// `GET`, `POST`, …
    pub method: String,
    /// The target as it came.
    pub target: String,
    /// `HTTP/1.1`
    pub version: String,
    /// Names as they came, and values, in order.
    pub headers: Vec<(String, String)>,
    /// All bytes up to and including the empty line.
    pub head: Vec<u8>,
    /// The content, without its framing.
    pub body: Vec<u8>,
    /// Trailers of a chunked body.
    pub trailers: Vec<(String, String)>,
    /// Number of the connection at this server, from 0.
    pub connection: usize,
    /// Number of the request on its connection, from 0.
    pub sequence: usize,
    /// The peer's address.
    pub peer: String,
}

impl Request {
    /// The first value of a header, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        first(&self.headers, name)
    }

    /// All values of a header, in order.
    pub fn header_values(&self, name: &str) -> Vec<&str> {
        values(&self.headers, name)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A response as a client received it.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The reason phrase.
    pub reason: String,
    /// `HTTP/1.1`
    pub version: String,
    /// Names as they came, and values, in order.
    pub headers: Vec<(String, String)>,
    /// All bytes up to and including the empty line.
    pub head: Vec<u8>,
    /// The content, without its framing.
    pub body: Vec<u8>,
    /// Trailers of a chunked body.
    pub trailers: Vec<(String, String)>,
    /// Status codes of the 1xx responses that came before it.
    pub interim: Vec<u16>,
    /// False when the connection ended before the framing said so.
    pub complete: bool,
}

impl Response {
    /// The first value of a header, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        first(&self.headers, name)
    }

    /// All values of a header, in order.
    pub fn header_values(&self, name: &str) -> Vec<&str> {
        values(&self.headers, name)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The name that an [`Origin`](crate::Origin) put into the response; empty if none did.
    pub fn server(&self) -> &str {
        self.header("x-server").unwrap_or("")
    }
}

fn first<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(n, _)| n.eq_ignore_ascii_case(name))
        .map(|(_, v)| v.as_str())
}

fn values<'a>(headers: &'a [(String, String)], name: &str) -> Vec<&'a str> {
    headers
        .iter()
        .filter(|(n, _)| n.eq_ignore_ascii_case(name))
        .map(|(_, v)| v.as_str())
        .collect()
}

/// Bytes read from a stream and not yet used.
#[derive(Debug, Default)]
pub struct Input {
    bytes: Vec<u8>,
}

/// Why a message could not be read.
#[derive(Debug)]
pub enum ReadError {
    /// The stream ended before the first byte of a message.
    Closed,
    /// The stream ended within a head; the bytes that came.
    Truncated(Vec<u8>),
    /// Reading failed or took too long; the bytes that came and were not used.
    Io(io::Error, Vec<u8>),
    /// Not an HTTP message; the bytes of the head.
    Malformed(Vec<u8>),
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let show = String::from_utf8_lossy;
        match self {
            Self::Closed => f.write_str("the connection was closed without a byte"),
            Self::Truncated(b) => write!(f, "the connection was closed within a head: {}", show(b)),
            Self::Io(e, b) => write!(f, "{e}; received before: {:?}", show(b)),
            Self::Malformed(b) => write!(f, "not an HTTP message: {:?}", show(b)),
        }
    }
}

impl std::error::Error for ReadError {}

impl Input {
    /// Takes what has been read and not used.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// Reads once; false at the end of the stream.
    fn fill(&mut self, from: &mut impl Read) -> Result<bool, ReadError> {
        let mut buffer = [0; 16 << 10];
        assert!(
            self.bytes.len() <= MAX_MESSAGE,
            "a message of more than {MAX_MESSAGE} bytes"
        );
        match from.read(&mut buffer) {
            Ok(0) => Ok(false),
            Ok(n) => {
                self.bytes.extend_from_slice(&buffer[..n]);
                Ok(true)
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(true),
            Err(e) => Err(ReadError::Io(e, self.bytes.clone())),
        }
    }

    /// Bytes up to and including `end`; `None` at the end of the stream.
    fn until(&mut self, from: &mut impl Read, end: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        let mut searched = 0;
        loop {
            let at = self.bytes[searched..]
                .windows(end.len())
                .position(|w| w == end);
            if let Some(at) = at {
                return Ok(Some(
                    self.bytes.drain(..searched + at + end.len()).collect(),
                ));
            }
            searched = self.bytes.len().saturating_sub(end.len() - 1);
            if !self.fill(from)? {
                return Ok(None);
            }
        }
    }

    /// The next `count` bytes and whether all of them came.
    fn exactly(
        &mut self,
        from: &mut impl Read,
        count: usize,
    ) -> Result<(Vec<u8>, bool), ReadError> {
        while self.bytes.len() < count {
            if !self.fill(from)? {
                return Ok((self.take(), false));
            }
        }
        Ok((self.bytes.drain(..count).collect(), true))
    }

    /// One head with its empty line.
    fn head(&mut self, from: &mut impl Read) -> Result<Vec<u8>, ReadError> {
        match self.until(from, b"\r\n\r\n")? {
            Some(head) => Ok(head),
            None if self.bytes.is_empty() => Err(ReadError::Closed),
            None => Err(ReadError::Truncated(self.take())),
        }
    }

    /// A PROXY v1 line, without its line end.
    pub fn proxy_line(&mut self, from: &mut impl Read) -> Result<String, ReadError> {
        let line = self.until(from, b"\r\n")?.ok_or(ReadError::Closed)?;
        if !line.starts_with(b"PROXY ") {
            return Err(ReadError::Malformed(line));
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }

    /// One request with its body. `on_continue` is called when the client waits for a 100.
    pub fn request(
        &mut self,
        from: &mut impl Read,
        on_continue: impl FnOnce(),
    ) -> Result<Request, ReadError> {
        let head = self.head(from)?;
        let Some((start, headers)) = split_head(&head) else {
            return Err(ReadError::Malformed(head));
        };
        let mut words = start.splitn(3, ' ').map(str::to_owned);
        let mut request = Request {
            method: words.next().unwrap_or_default(),
            target: words.next().unwrap_or_default(),
            version: words.next().unwrap_or_default(),
            headers,
            head,
            ..Request::default()
        };
        if request
            .header("expect")
            .is_some_and(|v| v.eq_ignore_ascii_case("100-continue"))
        {
            on_continue();
        }
        let body = self.body(from, &request.headers, false)?;
        (request.body, request.trailers) = (body.content, body.trailers);
        if !body.complete {
            return Err(ReadError::Truncated(request.head));
        }
        Ok(request)
    }

    /// One final response to a request of this method, with its body.
    pub fn response(&mut self, from: &mut impl Read, method: &str) -> Result<Response, ReadError> {
        let mut interim = Vec::new();
        loop {
            let head = self.head(from)?;
            let Some((start, headers)) = split_head(&head) else {
                return Err(ReadError::Malformed(head));
            };
            let mut words = start.splitn(3, ' ');
            let version = words.next().unwrap_or_default().to_owned();
            let status = words.next().and_then(|w| w.parse().ok());
            let Some(status) = status.filter(|_| version.starts_with("HTTP/")) else {
                return Err(ReadError::Malformed(head));
            };
            if (100..200).contains(&status) && status != 101 {
                interim.push(status);
                continue;
            }
            let reason = words.next().unwrap_or_default().to_owned();
            let bodiless = method.eq_ignore_ascii_case("HEAD")
                || matches!(status, 101 | 204 | 304)
                || (method.eq_ignore_ascii_case("CONNECT") && (200..300).contains(&status));
            let body = if bodiless {
                Body {
                    complete: true,
                    ..Body::default()
                }
            } else {
                self.body(from, &headers, true)?
            };
            return Ok(Response {
                status,
                reason,
                version,
                headers,
                head,
                body: body.content,
                trailers: body.trailers,
                interim,
                complete: body.complete,
            });
        }
    }

    fn body(
        &mut self,
        from: &mut impl Read,
        headers: &[(String, String)],
        until_close: bool,
    ) -> Result<Body, ReadError> {
        let coding = first(headers, "transfer-encoding");
        if coding.is_some_and(|v| v.to_ascii_lowercase().contains("chunked")) {
            return self.chunked(from);
        }
        if let Some(length) = first(headers, "content-length").and_then(|v| v.trim().parse().ok()) {
            let (content, complete) = self.exactly(from, length)?;
            return Ok(Body {
                content,
                complete,
                ..Body::default()
            });
        }
        if until_close {
            while self.fill(from)? {}
        }
        let content = if until_close { self.take() } else { Vec::new() };
        Ok(Body {
            content,
            complete: true,
            ..Body::default()
        })
    }

    fn chunked(&mut self, from: &mut impl Read) -> Result<Body, ReadError> {
        let mut body = Body::default();
        loop {
            let Some(line) = self.until(from, b"\r\n")? else {
                return Ok(body);
            };
            let text = String::from_utf8_lossy(&line).into_owned();
            let size = text
                .trim_end()
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned();
            let Ok(size) = usize::from_str_radix(&size, 16) else {
                return Err(ReadError::Malformed(line));
            };
            if size == 0 {
                break;
            }
            let (chunk, whole) = self.exactly(from, size)?;
            body.content.extend_from_slice(&chunk);
            if !whole || self.until(from, b"\r\n")?.is_none() {
                return Ok(body);
            }
        }
        loop {
            let Some(line) = self.until(from, b"\r\n")? else {
                return Ok(body);
            };
            if line == b"\r\n" {
                body.complete = true;
                return Ok(body);
            }
            body.trailers
                .extend(split_field(&String::from_utf8_lossy(&line)));
        }
    }
}

#[derive(Default)]
struct Body {
    content: Vec<u8>,
    trailers: Vec<(String, String)>,
    complete: bool,
}

/// The start line and the fields of a head; `None` when a field has no colon.
fn split_head(head: &[u8]) -> Option<(String, Vec<(String, String)>)> {
    let text = String::from_utf8_lossy(head).into_owned();
    let mut lines = text.split("\r\n");
    let start = lines.next()?.to_owned();
    let headers = lines
        .filter(|line| !line.is_empty())
        .map(split_field)
        .collect::<Option<_>>()?;
    Some((start, headers))
}

fn split_field(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(':')?;
    Some((name.to_owned(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests;

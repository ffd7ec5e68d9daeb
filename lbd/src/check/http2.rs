//! HTTP/2 beneath a check that speaks HTTP/1: the request is taken apart, the answer put together.
//!
//! It judges no answer. An answer's head becomes the text of one, without a reason as the protocol
//! has none; its end closes.

use std::io::{self, IoSlice};

use lbd_http::Head;
use lbd_http::h2::{Config, Connection, ErrorCode, Key, Read, Role, Scheme, Sent};

use super::link::Link;

/// A connection with one request at a time on it.
pub(super) struct Http2 {
    link: Link,
    machine: Connection,
    scheme: Scheme,
    /// The stream of the request, once it was sent.
    key: Option<Key>,
    /// What came and is no whole frame yet.
    input: Vec<u8>,
    /// Text of the answer that was not read yet.
    text: Vec<u8>,
    read: usize,
    /// The server has said its last.
    has_ended: bool,
}

impl Http2 {
    /// HTTP/2 over `link`, which has carried nothing yet.
    pub(super) fn new(link: Link) -> Self {
        let scheme = match &link {
            Link::Tls(_) => Scheme::Https,
            _ => Scheme::Http,
        };
        Self {
            link,
            machine: Connection::new(Config::new(Role::Client)),
            scheme,
            key: None,
            input: Vec::new(),
            text: Vec::new(),
            read: 0,
            has_ended: false,
        }
    }

    /// Sends a request given as HTTP/1 text.
    pub(super) async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let (head, mut body) = request(bytes).ok_or(io::ErrorKind::InvalidInput)?;
        if let Some(key) = self.key.take() {
            self.machine.release(key);
        }
        let opened = self.machine.open(&head, self.scheme, None, body.is_empty());
        let key = opened.ok_or(io::ErrorKind::ConnectionReset)?;
        self.key = Some(key);
        while !body.is_empty() {
            match self.machine.write(key, &[IoSlice::new(body)]) {
                Sent::Taken(count) => {
                    body = &body[count.min(body.len())..];
                    if body.is_empty() {
                        self.machine.finish(key);
                    }
                }
                // The server must open its window first.
                Sent::Full => {
                    self.flush().await?;
                    if !self.fill().await? {
                        return Err(io::ErrorKind::ConnectionReset.into());
                    }
                }
                // It answered without the rest.
                Sent::Gone => break,
            }
        }
        self.flush().await
    }

    /// Reads the answer as HTTP/1 text; 0 at its end.
    pub(super) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.flush().await?;
            let rest = &self.text[self.read..];
            if !rest.is_empty() {
                let count = rest.len().min(buffer.len());
                buffer[..count].copy_from_slice(&rest[..count]);
                self.read += count;
                return Ok(count);
            }
            self.text.clear();
            self.read = 0;
            let Some(key) = self.key else {
                return Ok(0);
            };
            let mut head = Head::new();
            if self.machine.take_head(key, &mut head).is_some() {
                self.text = answer(&head);
                continue;
            }
            match self.machine.read(key, buffer) {
                Read::Data(count) => return Ok(count),
                Read::End => return Ok(0),
                Read::Reset(_) => return Err(io::ErrorKind::ConnectionReset.into()),
                Read::Pending if self.has_ended => return Ok(0),
                Read::Pending => self.has_ended = !self.fill().await?,
            }
        }
    }

    /// Gives the machine what the connection has; false at its end.
    async fn fill(&mut self) -> io::Result<bool> {
        let mut buffer = [0; READ];
        let count = self.link.read(&mut buffer).await?;
        self.input.extend_from_slice(&buffer[..count]);
        let used = self.machine.receive(&self.input, MAX_FRAMES);
        self.input.drain(..used);
        if self.machine.is_failed() {
            // The server is told why.
            let _ = self.flush().await;
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(count > 0)
    }

    async fn flush(&mut self) -> io::Result<()> {
        while !self.machine.output().is_empty() {
            let out = self.machine.output().to_vec();
            self.link.write_all(&out).await?;
            self.machine.advance(out.len());
        }
        Ok(())
    }

    /// Closes as the connection below is to be closed.
    pub(super) fn close(mut self, in_order: bool) {
        self.machine.kill(ErrorCode::NO_ERROR);
        self.link.close(in_order);
    }
}

/// The head and the content of a request's text; what only HTTP/1 says is left out where heads
/// are encoded.
fn request(bytes: &[u8]) -> Option<(Head, &[u8])> {
    let end = bytes.windows(4).position(|at| at == b"\r\n\r\n")?;
    let mut lines = bytes[..end]
        .split(|&b| b == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let mut words = lines.next()?.splitn(3, |&b| b == b' ');
    let (method, target) = (words.next()?, words.next()?);
    let mut head = Head::new();
    head.start_request(method, target, b"HTTP/1.1").ok()?;
    for line in lines {
        let colon = line.iter().position(|&b| b == b':')?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name != b"connection" {
            head.add(name, value).ok()?;
        }
    }
    Some((head, &bytes[end + 4..]))
}

/// The text of an answer's head.
fn answer(head: &Head) -> Vec<u8> {
    let mut text = format!("HTTP/2.0 {} \r\n", head.status()).into_bytes();
    for (name, value) in head.iter() {
        text.extend_from_slice(name);
        text.extend_from_slice(b": ");
        text.extend_from_slice(value);
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(b"\r\n");
    text
}

/// Bytes read at once.
const READ: usize = 4096;

/// Frames looked at at once: more than fit what is read.
const MAX_FRAMES: usize = READ;

//! One connection of the origin.
//!
//! It answers each head with the body that the path asks for and looks at nothing else.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

#[derive(Debug)]
pub(super) struct Bodies {
    small: Vec<u8>,
    large: Vec<u8>,
    huge: Vec<u8>,
}

impl Bodies {
    pub(super) fn new() -> Self {
        Self {
            small: response(110),
            large: response(64 << 10),
            huge: response(1 << 20),
        }
    }

    fn of(&self, head: &[u8]) -> &[u8] {
        match head {
            [b'G', b'E', b'T', b' ', b'/', b'6', b'4', b'k', ..] => &self.large,
            [b'G', b'E', b'T', b' ', b'/', b'1', b'm', ..] => &self.huge,
            _ => &self.small,
        }
    }
}

fn response(length: usize) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nServer: tiny\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\
         \r\n"
    );
    let mut response = head.into_bytes();
    response.resize(response.len() + length, b'x');
    response
}

#[derive(Debug)]
pub(super) struct OriginConnection {
    stream: TcpStream,
    /// A head that did not come in one piece, then the head that is being answered.
    head: Vec<u8>,
    /// Bytes of the answer that are sent; `None` while there is nothing to answer.
    sent: Option<usize>,
}

impl OriginConnection {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            head: Vec::new(),
            sent: None,
        }
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Reads and answers as far as it can; false when the connection has ended.
    pub(super) fn on_event(&mut self, bodies: &Bodies, buffer: &mut [u8]) -> bool {
        loop {
            if self.sent.is_some() && !self.write(bodies) {
                return false;
            }
            if self.sent.is_some() {
                return true;
            }
            match self.stream.read(buffer) {
                Ok(0) => return false,
                Ok(count) => self.head.extend_from_slice(&buffer[..count]),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return true,
                Err(_) => return false,
            }
            if self.head.ends_with(b"\r\n\r\n") {
                self.sent = Some(0);
                if !self.write(bodies) {
                    return false;
                }
                // The next request comes with an event of its own.
                return true;
            }
        }
    }

    fn write(&mut self, bodies: &Bodies) -> bool {
        let answer = bodies.of(&self.head);
        let mut sent = self.sent.unwrap_or(0);
        while sent < answer.len() {
            match self.stream.write(&answer[sent..]) {
                Ok(count) => sent += count,
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    self.sent = Some(sent);
                    return true;
                }
                Err(_) => return false,
            }
        }
        self.sent = None;
        self.head.clear();
        true
    }
}

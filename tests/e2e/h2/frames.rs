//! A client that sends frames as a test says, right or wrong, and reads what is said.
//!
//! It decodes no header block: of those that a proxy sends it looks at the status, which both
//! programs put first.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use support::stream::Address;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
pub(crate) const PADDED: u8 = 8;
pub(crate) const WITH_PRIORITY: u8 = 0x20;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The end of what a test waits for.
const MARK: [u8; 8] = *b"the-mark";

/// A frame that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// In words, as far as two programs must agree.
    fn text(&self) -> String {
        let code = |from: usize| {
            let bytes = self.payload.get(from..from + 4);
            bytes.map_or(0, |b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
        };
        let end = if self.flags & END_STREAM != 0 {
            " end"
        } else {
            ""
        };
        match self.kind {
            DATA => format!("DATA {} of {}{end}", self.stream, self.payload.len()),
            HEADERS => format!("HEADERS {} {}{end}", self.stream, status(&self.payload)),
            RST_STREAM => format!("RST_STREAM {} {}", self.stream, code(0)),
            GOAWAY => format!("GOAWAY {}", code(4)),
            kind => format!("frame {kind} of {}", self.stream),
        }
    }
}

/// The status that a response's block begins with.
fn status(block: &[u8]) -> String {
    const INDEXED: [&str; 7] = ["200", "204", "206", "304", "400", "404", "500"];
    match block {
        [first @ 0x88..=0x8e, ..] => INDEXED[usize::from(first - 0x88)].to_owned(),
        [0x08 | 0x48, 3, a, b, c, ..] => String::from_utf8_lossy(&[*a, *b, *c]).into_owned(),
        _ => "trailers".to_owned(),
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Peer {
    socket: TcpStream,
    input: Vec<u8>,
    /// What is sent together, while it is gathered.
    held: Option<Vec<u8>>,
    /// Something was waited for in vain.
    is_silent: bool,
}

impl Peer {
    /// Connects and greets.
    pub(crate) fn connect(address: Address) -> Self {
        let mut peer = Self::raw(address);
        peer.send_bytes(PREFACE);
        peer.send(SETTINGS, 0, 0, &[]);
        peer
    }

    /// Connects and says nothing.
    pub(crate) fn raw(address: Address) -> Self {
        Self::on(TcpStream::connect(address.to_string()).expect("the proxy listens"))
    }

    /// The server's end of a connection that the proxy made: its preface was read.
    pub(crate) fn accepted(socket: TcpStream) -> Self {
        let mut peer = Self::on(socket);
        let mut preface = [0; PREFACE.len()];
        let read = peer.socket.read_exact(&mut preface);
        read.expect("the proxy speaks first");
        assert_eq!(preface, PREFACE);
        peer
    }

    fn on(socket: TcpStream) -> Self {
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .expect("a timeout can be set");
        Self {
            socket,
            input: Vec::new(),
            held: None,
            is_silent: false,
        }
    }

    /// Reads a request to its end.
    pub(crate) fn wait_request(&mut self) {
        self.until(|frame| frame.stream == 1 && frame.flags & END_STREAM != 0);
    }

    /// Reads until this frame comes; what was said instead.
    pub(crate) fn wait_frame(&mut self, kind: u8, flags: u8, payload: &[u8]) -> Result<(), String> {
        let is_it =
            |frame: &Frame| frame.kind == kind && frame.flags == flags && frame.payload == payload;
        let said = self.until(is_it);
        match said
            .last()
            .is_some_and(|text| text == "end" || text == "silence")
        {
            true => Err(format!("{said:?}")),
            false => Ok(()),
        }
    }

    /// Sends bytes; the proxy may have closed.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        match &mut self.held {
            Some(held) => held.extend_from_slice(bytes),
            None => drop(self.socket.write_all(bytes)),
        }
    }

    /// Sends all that `say` says by one write: the proxy reads it at once.
    pub(crate) fn together(&mut self, say: impl FnOnce(&mut Self)) {
        self.held = Some(Vec::new());
        say(self);
        let held = self.held.take().unwrap_or_default();
        self.send_bytes(&held);
    }

    /// Sends a frame.
    pub(crate) fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let [_, l0, l1, l2] = u32::try_from(payload.len())
            .expect("a frame is short")
            .to_be_bytes();
        let mut bytes = vec![l0, l1, l2, kind, flags];
        bytes.extend_from_slice(&stream.to_be_bytes());
        bytes.extend_from_slice(payload);
        self.send_bytes(&bytes);
    }

    /// Sends a request's head.
    pub(crate) fn request(&mut self, stream: u32, is_end: bool, fields: &[(&str, &str)]) {
        let end = if is_end { END_STREAM } else { 0 };
        self.send(HEADERS, END_HEADERS | end, stream, &block(fields));
    }

    /// Sends a GET.
    pub(crate) fn get(&mut self, stream: u32, path: &str) {
        self.request(stream, true, &get(path));
    }

    /// The next frame; `None` at the end of the connection, or when nothing comes.
    pub(crate) fn frame(&mut self) -> Option<Frame> {
        loop {
            if let [l0, l1, l2, kind, flags, s0, s1, s2, s3, ..] = *self.input {
                let len = u32::from_be_bytes([0, l0, l1, l2]) as usize;
                if self.input.len() >= 9 + len {
                    let payload = self.input[9..9 + len].to_vec();
                    self.input.drain(..9 + len);
                    return Some(Frame {
                        kind,
                        flags,
                        stream: u32::from_be_bytes([s0, s1, s2, s3]),
                        payload,
                    });
                }
            }
            let mut bytes = [0; 65_536];
            match self.socket.read(&mut bytes) {
                Ok(0) => return None,
                Ok(read) => self.input.extend_from_slice(&bytes[..read]),
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    self.is_silent = true;
                    return None;
                }
                Err(_) => return None,
            }
        }
    }

    /// What is said until this one, settings and credit apart; `end` when the connection ends, `silence` when
    /// nothing comes.
    pub(crate) fn until(&mut self, is_last: impl Fn(&Frame) -> bool) -> Vec<String> {
        let mut said = Vec::new();
        loop {
            let Some(frame) = self.frame() else {
                let end = if self.is_silent { "silence" } else { "end" };
                said.push(end.to_owned());
                return said;
            };
            let last = is_last(&frame);
            if !matches!(frame.kind, SETTINGS | WINDOW_UPDATE) && frame.payload != MARK {
                let text = frame.text();
                // Twice is once: the reference says some goodbyes again.
                if said.last() != Some(&text) {
                    said.push(text);
                }
            }
            if last {
                return said;
            }
        }
    }

    /// What is said to all that was sent, as far as it is said at once.
    pub(crate) fn answers(&mut self) -> Vec<String> {
        self.send(PING, 0, 0, &MARK);
        self.until(|frame| frame.kind == PING && frame.payload == MARK)
    }

    /// What is said until a stream ends.
    pub(crate) fn stream(&mut self, stream: u32) -> Vec<String> {
        self.until(|frame| {
            let ends = matches!(frame.kind, DATA | HEADERS) && frame.flags & END_STREAM != 0;
            frame.stream == stream && (ends || frame.kind == RST_STREAM)
        })
    }

    /// What is said until the connection ends.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        self.until(|_| false)
    }

    /// Ends our side.
    pub(crate) fn close(&self) {
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

/// The fields of a GET.
pub(crate) fn get(path: &str) -> [(&str, &str); 4] {
    [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "a.example"),
        (":path", path),
    ]
}

/// The fields of a POST.
pub(crate) fn post(path: &str) -> [(&str, &str); 4] {
    let mut fields = get(path);
    fields[0].1 = "POST";
    fields
}

/// A block of plain literals.
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        out.push(0);
        for text in [name, value] {
            put_length(text.len(), &mut out);
            out.extend_from_slice(text.as_bytes());
        }
    }
    out
}

fn put_length(len: usize, out: &mut Vec<u8>) {
    let Some(mut rest) = len.checked_sub(127) else {
        out.push(u8::try_from(len).expect("below 127"));
        return;
    };
    out.push(127);
    while rest > 127 {
        out.push(0x80 | u8::try_from(rest & 127).expect("seven bits"));
        rest >>= 7;
    }
    out.push(u8::try_from(rest).expect("seven bits"));
}

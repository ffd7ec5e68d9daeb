//! Plays a script on a connection and writes down what came.
//!
//! It does not know which side it is.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::Step;
use crate::message::{Input, ReadError, Request, Response};
use crate::stream::Stream;

/// How long a step waits for bytes, or for another script, before the record says that it did.
const PATIENCE: Duration = Duration::from_secs(4);
/// What a record says when a script waited for a word that never came.
pub(super) const IN_VAIN: &str = "nobody said";
/// Longer texts are recorded by length and sum.
const MAX_TEXT: usize = 400;

/// Words that scripts of one case say to each other.
#[derive(Debug, Default)]
pub(super) struct Flags {
    said: Mutex<BTreeSet<&'static str>>,
    changed: Condvar,
    over: AtomicBool,
    /// Path of the proxy's runtime socket.
    runtime: String,
}

impl Flags {
    pub(super) fn new(runtime: String) -> Self {
        Self {
            runtime,
            ..Self::default()
        }
    }

    fn command(&self, text: &str) -> io::Result<()> {
        let mut socket = UnixStream::connect(&self.runtime)?;
        socket.write_all(format!("{text}\n").as_bytes())?;
        socket.shutdown(Shutdown::Write)?;
        socket.read_to_end(&mut Vec::new()).map(drop)
    }

    fn say(&self, word: &'static str) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.insert(word);
        self.changed.notify_all();
    }

    /// From now on connections end because the case is over, not because the proxy ends them.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Release);
    }

    fn wait(&self, word: &'static str) -> bool {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .changed
            .wait_timeout_while(said, PATIENCE, |said| !said.contains(word));
        waited.is_ok_and(|(_, result)| !result.timed_out())
    }
}

pub(super) struct Player {
    stream: Option<Stream>,
    input: Input,
    flags: Arc<Flags>,
    record: String,
}

impl Player {
    pub(super) fn new(stream: Stream, flags: Arc<Flags>) -> Self {
        let _ = stream.set_timeout(PATIENCE);
        Self {
            stream: Some(stream),
            input: Input::default(),
            flags,
            record: String::new(),
        }
    }

    /// Connects and plays; waits that come first in the script come before the connection.
    pub(super) fn connect(address: &str, flags: Arc<Flags>, script: &[Step]) -> String {
        let waits = script
            .iter()
            .take_while(|step| matches!(step, Step::Await(_)))
            .count();
        for step in &script[..waits] {
            if let Step::Await(word) = step
                && !flags.wait(word)
            {
                return format!("{IN_VAIN} {word}\n");
            }
        }
        match Stream::connect(address, PATIENCE) {
            Ok(stream) => Self::new(stream, flags).play(&script[waits..]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                Self::gone(flags).play(&script[waits..])
            }
            Err(_) => "not connected\n".to_owned(),
        }
    }

    /// A connection that was made and reset before this end learned of it: closed, as
    /// [`Player::lost`] says of a later reset.
    fn gone(flags: Arc<Flags>) -> Self {
        Self {
            stream: None,
            input: Input::default(),
            flags,
            record: "closed\n".to_owned(),
        }
    }

    pub(super) fn play(mut self, script: &[Step]) -> String {
        for step in script {
            if self.stream.is_none() {
                // A step behind the end that another script waits for.
                if let Step::Say(word) = step {
                    self.flags.say(word);
                }
                continue;
            }
            self.step(step);
        }
        let rest = self.input.take();
        if !rest.is_empty() {
            self.bytes("more", &rest);
        }
        self.record
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Await(word) => {
                if !self.flags.wait(word) {
                    let _ = writeln!(self.record, "{IN_VAIN} {word}");
                }
            }
            Step::Bytes(count) => self.exactly(*count),
            Step::Close => self.stream = None,
            Step::Command(text) => {
                if let Err(e) = self.flags.command(text) {
                    let _ = writeln!(self.record, "command failed: {e}");
                }
            }
            Step::End => while self.response("GET") {},
            Step::Finish => {
                if let Some(stream) = &self.stream {
                    let _ = stream.shutdown(Shutdown::Write);
                }
            }
            Step::Head => self.head(),
            Step::Quiet(time) => self.quiet(*time),
            Step::RawEnd => self.raw_end(),
            Step::Request => {
                self.request();
            }
            Step::Reset => {
                if let Some(stream) = self.stream.take() {
                    stream.reset();
                }
            }
            Step::Response(method) => {
                self.response(method);
            }
            Step::Say(word) => self.flags.say(word),
            Step::Send(bytes) => self.send(bytes),
            Step::Serve(bytes) => {
                while self.request() {
                    self.send(bytes);
                }
            }
            Step::Sleep(time) => thread::sleep(*time),
            Step::Slowly(bytes, piece, pause) => {
                for part in bytes.chunks((*piece).max(1)) {
                    self.send(part);
                    thread::sleep(*pause);
                }
            }
        }
    }

    /// A peer that has gone is seen by the next read.
    fn send(&mut self, bytes: &[u8]) {
        if let Some(stream) = &mut self.stream {
            let _ = stream.write_all(bytes);
        }
    }

    fn response(&mut self, method: &str) -> bool {
        let Some(stream) = &mut self.stream else {
            return false;
        };
        let read = self.input.response(stream, method);
        match read {
            Ok(response) => {
                self.describe_response(&response);
                true
            }
            Err(error) => {
                self.failed(error);
                false
            }
        }
    }

    fn request(&mut self) -> bool {
        let Some(stream) = &mut self.stream else {
            return false;
        };
        let read = self.input.request(stream, || ());
        match read {
            Ok(request) => {
                self.describe_request(&request);
                true
            }
            Err(error) => {
                self.failed(error);
                false
            }
        }
    }

    fn head(&mut self) {
        let mut bytes = self.input.take();
        while !bytes.ends_with(b"\r\n\r\n") {
            let mut one = [0];
            match self.read(&mut one) {
                Ok(1) => bytes.push(one[0]),
                Ok(_) => return self.closed("head", &bytes),
                Err(e) => return self.lost("head", &bytes, &e),
            }
        }
        self.head_lines(&bytes);
    }

    fn exactly(&mut self, count: usize) {
        let mut bytes = self.input.take();
        while bytes.len() < count {
            let mut buffer = vec![0; (count - bytes.len()).min(64 << 10)];
            match self.read(&mut buffer) {
                Ok(0) => return self.closed("bytes", &bytes),
                Ok(n) => bytes.extend_from_slice(&buffer[..n]),
                Err(e) => return self.lost("bytes", &bytes, &e),
            }
        }
        self.bytes("bytes", &bytes);
    }

    fn raw_end(&mut self) {
        let mut bytes = self.input.take();
        let mut buffer = vec![0; 64 << 10];
        loop {
            match self.read(&mut buffer) {
                Ok(0) => return self.closed("bytes", &bytes),
                Ok(n) => bytes.extend_from_slice(&buffer[..n]),
                Err(e) => return self.lost("bytes", &bytes, &e),
            }
        }
    }

    fn quiet(&mut self, time: Duration) {
        let end = Instant::now() + time;
        let mut bytes = self.input.take();
        let mut buffer = vec![0; 64 << 10];
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            if let Some(stream) = &self.stream {
                let _ = stream.set_timeout(left);
            }
            match self.read(&mut buffer) {
                Ok(0) => return self.closed("meanwhile", &bytes),
                Ok(n) => bytes.extend_from_slice(&buffer[..n]),
                Err(e) if is_timeout(&e) => break,
                Err(e) => return self.lost("meanwhile", &bytes, &e),
            }
        }
        if let Some(stream) = &self.stream {
            let _ = stream.set_timeout(PATIENCE);
        }
        match bytes.is_empty() {
            true => self.record.push_str("nothing comes\n"),
            false => self.bytes("meanwhile", &bytes),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.stream {
            Some(stream) => stream.read(buffer),
            None => Ok(0),
        }
    }

    fn failed(&mut self, error: ReadError) {
        match error {
            ReadError::Closed => self.closed("bytes", &[]),
            ReadError::Truncated(bytes) => self.closed("cut", &bytes),
            ReadError::Io(e, bytes) => self.lost("cut", &bytes, &e),
            ReadError::Malformed(bytes) => {
                self.bytes("malformed", &bytes);
                self.raw_end();
            }
        }
    }

    fn closed(&mut self, what: &str, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.bytes(what, bytes);
        }
        let over = self.flags.over.load(Ordering::Acquire);
        let end = if over { "still open\n" } else { "closed\n" };
        self.record.push_str(end);
        self.stream = None;
    }

    /// A reset is a close here: which of the two a peer sees depends on what was still unread.
    fn lost(&mut self, what: &str, bytes: &[u8], error: &io::Error) {
        if is_timeout(error) {
            if !bytes.is_empty() {
                self.bytes(what, bytes);
            }
            self.record.push_str("still open\n");
            self.stream = None;
        } else {
            self.closed(what, bytes);
        }
    }

    fn bytes(&mut self, what: &str, bytes: &[u8]) {
        let _ = writeln!(self.record, "{what} {}", show(bytes));
    }

    /// The proxy's own page, whose text is each program's own: only its status counts.
    fn page(response: &Response) -> bool {
        let start = format!("<html><body><h1>{} ", response.status);
        response.body.starts_with(start.as_bytes())
    }

    fn head_lines(&mut self, head: &[u8]) {
        let text = head.strip_suffix(b"\r\n\r\n").unwrap_or(head);
        for line in text.split(|&b| b == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let _ = writeln!(self.record, "| {}", line.escape_ascii());
        }
    }

    fn describe_response(&mut self, response: &Response) {
        for status in &response.interim {
            let _ = writeln!(self.record, "interim {status}");
        }
        if Self::page(response) {
            let mut names: Vec<_> = response.headers.iter().map(field).collect();
            names.retain(|line| {
                !line.starts_with("content-length:") && !line.starts_with("connection:")
            });
            names.sort();
            let _ = writeln!(self.record, "| {} {}", response.version, response.status);
            for line in names {
                let _ = writeln!(self.record, "| {line}");
            }
            let _ = writeln!(self.record, "body <page {}>", response.status);
        } else {
            self.head_lines(&response.head);
            self.content(&response.body, &response.trailers);
        }
        if !response.complete {
            self.record.push_str("incomplete\n");
        }
    }

    fn describe_request(&mut self, request: &Request) {
        self.head_lines(&request.head);
        self.content(&request.body, &request.trailers);
    }

    fn content(&mut self, body: &[u8], trailers: &[(String, String)]) {
        if !body.is_empty() {
            let _ = writeln!(self.record, "body {}", show(body));
        }
        for (name, value) in trailers {
            let _ = writeln!(self.record, "trailer {name}: {value}");
        }
    }
}

fn field((name, value): &(String, String)) -> String {
    format!("{}: {value}", name.to_ascii_lowercase())
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn show(bytes: &[u8]) -> String {
    if bytes.len() <= MAX_TEXT {
        return format!("\"{}\"", bytes.escape_ascii());
    }
    // FNV-1a: enough to see a byte that changed.
    let sum = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, &byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("of {} bytes, sum {sum:016x}", bytes.len())
}

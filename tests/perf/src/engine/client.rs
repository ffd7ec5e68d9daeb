//! One client connection of the load.
//!
//! It knows `content-length` bodies only, which is what the origin sends.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::time::Instant;

use nix::sys::epoll::EpollFlags;
use nix::sys::socket::{MsgFlags, recv};

use super::line::Line;
use super::{Pace, Run};

/// From here on the rest of a body is dropped in the kernel instead of copied.
const DROP_FROM: usize = 16 << 10;

#[derive(Debug)]
pub(super) struct Client {
    line: Line,
    state: State,
    /// The head so far, when it did not come in one piece.
    head: Vec<u8>,
    /// When the request was sent or due.
    started: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Connecting,
    Idle,
    Head,
    /// Bytes of the body that are still to come.
    Body(usize),
    /// The answer is there; the peer is to close.
    Closing,
}

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fate {
    Keep,
    /// It is done and stays open.
    Settle,
    Replace,
}

impl Client {
    pub(super) fn new(line: Line) -> Self {
        Self {
            line,
            state: State::Connecting,
            head: Vec::new(),
            started: Instant::now(),
        }
    }

    pub(super) fn stream(&self) -> &TcpStream {
        self.line.stream()
    }

    /// Sends the request; a failure shows as the end of the stream.
    pub(super) fn send(&mut self, request: &[u8], started: Instant) {
        self.started = started;
        self.state = State::Head;
        self.line.send(request);
    }

    pub(super) fn on_event(
        &mut self,
        token: usize,
        events: EpollFlags,
        buffer: &mut [u8],
        run: &mut Run<'_>,
    ) -> Fate {
        if self.state == State::Connecting && events.contains(EpollFlags::EPOLLOUT) {
            if self
                .stream()
                .take_error()
                .is_ok_and(|error| error.is_some())
            {
                run.errors += 1;
                return Fate::Replace;
            }
            if matches!(run.load.pace, Pace::Rate(_)) {
                self.state = State::Idle;
                run.idle.push(token);
            } else {
                self.send(&run.request, Instant::now());
            }
        }
        let gone = EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR | EpollFlags::EPOLLRDHUP;
        if events.intersects(EpollFlags::EPOLLIN | gone) {
            return self.read(token, events.intersects(gone), buffer, run);
        }
        Fate::Keep
    }

    fn read(
        &mut self,
        token: usize,
        is_ending: bool,
        buffer: &mut [u8],
        run: &mut Run<'_>,
    ) -> Fate {
        loop {
            let (count, asked) = match self.read_once(buffer) {
                Ok(read) => read,
                Err(ErrorKind::WouldBlock | ErrorKind::Interrupted) => return Fate::Keep,
                Err(_) => return self.lost(token, run),
            };
            if count == 0 {
                return self.lost(token, run);
            }
            if !self.take(&buffer[..count.min(buffer.len())], count) {
                run.errors += 1;
                return Fate::Replace;
            }
            if self.state == State::Body(0) {
                run.completed(self.started, self.line.is_resumed());
                match self.after_answer(token, run) {
                    Fate::Keep if self.state == State::Closing => {}
                    fate => return fate,
                }
            } else if count < asked && !is_ending {
                return Fate::Keep;
            }
        }
    }

    /// How many bytes came, and how many were asked for.
    fn read_once(&mut self, buffer: &mut [u8]) -> Result<(usize, usize), ErrorKind> {
        if let State::Body(rest) = self.state
            && rest >= DROP_FROM
            && !self.line.is_tls()
        {
            let asked = rest.min(buffer.len());
            let count = recv(
                self.stream().as_raw_fd(),
                &mut buffer[..asked],
                MsgFlags::MSG_TRUNC,
            );
            return count
                .map(|count| (count, asked))
                .map_err(|e| std::io::Error::from(e).kind());
        }
        let count = self.line.read(buffer).map_err(|e| e.kind())?;
        // A session may hold more, whatever it gave.
        let asked = match self.line.is_tls() {
            true => count,
            false => buffer.len(),
        };
        Ok((count, asked))
    }

    /// Uses what came; false when it is not the answer that was asked for.
    fn take(&mut self, bytes: &[u8], count: usize) -> bool {
        match self.state {
            State::Body(rest) if count <= rest => self.state = State::Body(rest - count),
            State::Head => {
                self.head.extend_from_slice(bytes);
                if let Some(end) = self.head.windows(4).position(|w| w == b"\r\n\r\n") {
                    let body_so_far = self.head.len() - end - 4;
                    let length = content_length(&self.head[..end]);
                    let is_good = self.head.starts_with(b"HTTP/1.1 200");
                    let rest = length.and_then(|length| length.checked_sub(body_so_far));
                    let (true, Some(rest)) = (is_good, rest) else {
                        return false;
                    };
                    self.head.clear();
                    self.state = State::Body(rest);
                }
            }
            _ => return false,
        }
        true
    }

    fn after_answer(&mut self, token: usize, run: &mut Run<'_>) -> Fate {
        match run.load.pace {
            Pace::Closed => self.send(&run.request, Instant::now()),
            Pace::NewConnection => self.state = State::Closing,
            Pace::Fill => {
                self.state = State::Idle;
                run.idle.push(token);
                return Fate::Settle;
            }
            Pace::Rate(_) => match run.late.pop_front() {
                Some(due) => self.send(&run.request, due),
                None => {
                    self.state = State::Idle;
                    run.idle.push(token);
                }
            },
        }
        Fate::Keep
    }

    fn lost(&mut self, token: usize, run: &mut Run<'_>) -> Fate {
        if self.state != State::Closing {
            run.errors += 1;
            run.idle.retain(|&idle| idle != token);
        }
        Fate::Replace
    }
}

fn content_length(head: &[u8]) -> Option<usize> {
    let lines = head.split(|&b| b == b'\n');
    lines
        .filter_map(|line| std::str::from_utf8(line).ok()?.split_once(':'))
        .find_map(|(n, v)| {
            n.eq_ignore_ascii_case("content-length")
                .then(|| v.trim().parse().ok())
                .flatten()
        })
}

//! One run of a script.
//!
//! It reads no socket and no clock: events come in, the next action goes out.

use std::sync::Arc;
use std::time::Duration;

use lbd_core::Time;

use super::expect::{Verdict, judge_bytes, judge_http};
use super::http::{self, HttpReply, Read};
use super::script::{CodeSource, Connect, Expect, Kind, Pattern, Script, Step, Text};
use super::text::{at_step, mismatch, unhex};
use super::{Answer, MAX_ANSWER, Renderer};
use crate::health::{AgentReply, CheckReport, CheckStatus};

/// How long a run may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckTimeouts {
    /// `inter` of the check.
    pub inter: Duration,
    /// `timeout connect`; limits connecting when `check` is set.
    pub connect: Option<Duration>,
    /// `timeout check`: from the connection to the answer.
    pub check: Option<Duration>,
}

/// What came of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// The server has closed in order.
    Closed,
    /// The connection could not be made: the system's words, such as
    /// `ECONNREFUSED returned by OS (Connection refused)`.
    ConnectFailed(&'a str),
    /// The connection stands, TLS included; `true` when it is TLS.
    Connected(bool),
    /// Bytes have come.
    Data(&'a [u8]),
    /// Reading or writing failed: the system's words.
    Failed(&'a str),
    /// TCP stands, TLS is being set up.
    Handshaking,
    /// What was to be sent has gone.
    Sent,
    /// The time of `poll_timeout` has come.
    Timeout,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finished {
    /// With an agent's line, for `Input::AgentReplied`.
    Agent(AgentReply, Duration),
    /// With a report, for `Input::Checked`.
    Report(CheckReport),
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action<'a> {
    /// Close the connection if there is one, and make this one.
    Connect(&'a Connect),
    /// Close the connection: the run is over.
    Done(Finished),
    /// Wait for bytes, a close or the timeout.
    Receive,
    /// Send these bytes.
    Send(Vec<u8>),
    /// Wait for what was asked for before.
    Wait,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Connecting,
    Done,
    Handshaking,
    Receiving,
    Sending,
}

enum Next {
    Connect(usize),
    Finish(Finished),
    Receive,
    Send(Vec<u8>),
}

/// A script on its way.
#[derive(Debug)]
pub struct CheckRun {
    script: Arc<Script>,
    timeouts: CheckTimeouts,
    /// A 404 is a conditional success now (`Health::accepts_404`).
    accept_404: bool,
    at: usize,
    /// Last connect, send or expect that was evaluated.
    current: Option<usize>,
    phase: Phase,
    tls: bool,
    closed: bool,
    /// An expectation must wait for bytes: nothing came since the last send.
    must_read: bool,
    data: Vec<u8>,
    http: Option<HttpReply>,
    /// The last request was HEAD: its answer has no body.
    is_head: bool,
    code: u32,
    start: Time,
    deadline: Time,
}

impl CheckRun {
    /// A run that starts at `now`; `accept_404` as the health machine says.
    pub fn new(script: Arc<Script>, timeouts: CheckTimeouts, accept_404: bool, now: Time) -> Self {
        Self {
            accept_404: accept_404 && script.disable_on_404,
            script,
            timeouts,
            at: 0,
            current: None,
            phase: Phase::Sending,
            tls: false,
            closed: false,
            must_read: false,
            data: Vec::new(),
            http: None,
            is_head: false,
            code: 0,
            start: now,
            deadline: now + timeouts.inter,
        }
    }

    /// The first thing to do.
    pub fn begin(&mut self, now: Time, renderer: &mut dyn Renderer) -> Action<'_> {
        let next = self.advance(now, renderer);
        self.act(next)
    }

    /// Takes what came of the last action. After `Action::Done` nothing has an effect.
    pub fn handle(
        &mut self,
        now: Time,
        event: Event<'_>,
        renderer: &mut dyn Renderer,
    ) -> Action<'_> {
        let next = match (self.phase, event) {
            (Phase::Done, _) => return Action::Wait,
            (_, Event::Timeout) => self.on_timeout(now),
            (_, Event::ConnectFailed(error)) => self.on_connect_failed(now, error),
            (_, Event::Failed(error)) => self.fail_io(now, CheckStatus::SocketError, error),
            (Phase::Connecting, Event::Handshaking) => {
                self.phase = Phase::Handshaking;
                return Action::Wait;
            }
            (Phase::Connecting | Phase::Handshaking, Event::Connected(tls)) => {
                self.tls = tls;
                if let Some(check) = self.timeouts.check {
                    self.deadline = now + check;
                }
                self.at += 1;
                self.advance(now, renderer)
            }
            (Phase::Sending, Event::Sent) => {
                self.at += 1;
                self.advance(now, renderer)
            }
            (phase, Event::Data(bytes)) => {
                let room = MAX_ANSWER.saturating_sub(self.data.len());
                self.data.extend_from_slice(&bytes[..bytes.len().min(room)]);
                if phase != Phase::Receiving {
                    return Action::Wait;
                }
                self.must_read = false;
                self.advance(now, renderer)
            }
            (phase, Event::Closed) => {
                self.closed = true;
                if phase != Phase::Receiving {
                    return Action::Wait;
                }
                self.must_read = false;
                self.advance(now, renderer)
            }
            (_, Event::Connected(_) | Event::Handshaking | Event::Sent) => return Action::Wait,
        };
        self.act(next)
    }

    /// When `Event::Timeout` is wanted.
    pub fn poll_timeout(&self) -> Option<Time> {
        (self.phase != Phase::Done).then_some(self.deadline)
    }

    fn act(&mut self, next: Next) -> Action<'_> {
        match next {
            Next::Connect(at) => {
                self.phase = Phase::Connecting;
                match &self.script.steps[at].1 {
                    Step::Connect(connect) => Action::Connect(connect),
                    _ => Action::Wait,
                }
            }
            Next::Finish(finished) => {
                self.phase = Phase::Done;
                Action::Done(finished)
            }
            Next::Receive => {
                self.phase = Phase::Receiving;
                Action::Receive
            }
            Next::Send(bytes) => {
                self.phase = Phase::Sending;
                Action::Send(bytes)
            }
        }
    }

    /// Goes on from step `at` until something must be done or awaited.
    fn advance(&mut self, now: Time, renderer: &mut dyn Renderer) -> Next {
        let script = Arc::clone(&self.script);
        while let Some((number, step)) = script.steps.get(self.at) {
            self.code = 0;
            match step {
                Step::Comment(_) => {}
                Step::Action(token) => renderer.perform(*token, self.answer()),
                Step::Connect(_) => {
                    self.current = Some(self.at);
                    self.open(now);
                    return Next::Connect(self.at);
                }
                Step::Send(send) => {
                    self.current = Some(self.at);
                    self.data.clear();
                    self.http = None;
                    self.must_read = true;
                    let bytes = match &send.data {
                        Pattern::Bytes(bytes) => Some(bytes.clone()),
                        Pattern::Token(token) => {
                            let text = renderer.render(*token, self.answer());
                            if send.is_hex {
                                unhex(&text)
                            } else {
                                Some(text)
                            }
                        }
                    };
                    let Some(bytes) = bytes else {
                        let text = format!("{NOT_BUILT} at step {number}").into_bytes();
                        return self.finish(now, CheckStatus::L7Response, text);
                    };
                    self.is_head = bytes.starts_with(b"HEAD ");
                    if !bytes.is_empty() {
                        return Next::Send(bytes);
                    }
                }
                Step::Expect(expect) => {
                    self.current = Some(self.at);
                    if self.must_read && self.data.is_empty() && !self.closed {
                        return Next::Receive;
                    }
                    self.must_read = false;
                    if let Some(next) = self.expect(now, expect, *number, renderer) {
                        return next;
                    }
                }
            }
            self.at += 1;
        }
        self.pass(now, renderer)
    }

    fn open(&mut self, now: Time) {
        self.data.clear();
        self.http = None;
        self.closed = false;
        self.must_read = true;
        let connect = self
            .timeouts
            .connect
            .filter(|_| self.timeouts.check.is_some());
        let most = connect.map_or(self.timeouts.inter, |c| c.min(self.timeouts.inter));
        self.deadline = now + most;
    }

    /// Evaluates an expectation; `None` when it is met and the next step is on.
    fn expect(
        &mut self,
        now: Time,
        expect: &Expect,
        number: u32,
        renderer: &mut dyn Renderer,
    ) -> Option<Next> {
        let last = self.closed || self.data.len() >= MAX_ANSWER;
        let verdict = if self.script.kind == Kind::Http {
            match http::read(&self.data, last, self.is_head) {
                Read::Invalid => return Some(self.fail_io(now, CheckStatus::SocketError, "")),
                Read::More => Verdict::Wait,
                Read::Reply(reply) => {
                    self.code = u32::from(reply.status);
                    let reply = self.http.insert(reply);
                    if self.accept_404 && reply.status == 404 {
                        return None;
                    }
                    judge_http(expect, reply, renderer)
                }
            }
        } else {
            let rest = self.script.steps.get(self.at + 1..).unwrap_or_default();
            let is_final = !rest.iter().any(|(_, step)| {
                matches!(step, Step::Connect(_) | Step::Expect(_) | Step::Send(_))
            });
            judge_bytes(expect, &self.data, last, is_final, renderer)
        };
        match verdict {
            Verdict::Pass => None,
            Verdict::Agent(reply) => {
                Some(Next::Finish(Finished::Agent(reply, now.since(self.start))))
            }
            Verdict::Done(text) => {
                let status = expect.ok_status.unwrap_or(CheckStatus::L7Ok);
                Some(self.finish(now, status, text))
            }
            Verdict::Wait => {
                self.rewind();
                Some(Next::Receive)
            }
            Verdict::Fail {
                status,
                matched,
                info,
                code,
            } => {
                self.code = code.unwrap_or(self.code);
                let text = self.failure_text(expect, number, matched, info, renderer);
                Some(self.finish(now, status, text))
            }
        }
    }

    /// More bytes are judged by all expectations in a row, from the first of them.
    fn rewind(&mut self) {
        let is_expect = |at: usize| matches!(self.script.steps[at].1, Step::Expect(_));
        let mut head = self.at;
        while head > 0 && is_expect(head - 1) {
            head -= 1;
        }
        self.at = head;
    }

    fn failure_text(
        &mut self,
        expect: &Expect,
        number: u32,
        matched: bool,
        info: Vec<u8>,
        renderer: &mut dyn Renderer,
    ) -> Vec<u8> {
        let mut text = if !info.is_empty() {
            info
        } else if let Some(on_error) = &expect.on_error {
            self.render(on_error, renderer)
        } else if self.data.is_empty() {
            format!("TCPCHK got an empty response at step {number}").into_bytes()
        } else if self.script.kind == Kind::Protocol {
            Vec::new()
        } else {
            mismatch(expect, number, matched).into_bytes()
        };
        if let Some(comment) = &expect.comment {
            text.extend_from_slice(b" comment: ");
            text.extend_from_slice(comment.as_bytes());
        }
        self.read_code(expect, renderer);
        text
    }

    /// All steps went well: the last one says what that is called.
    fn pass(&mut self, now: Time, renderer: &mut dyn Renderer) -> Next {
        let script = Arc::clone(&self.script);
        let plain = b"(tcp-check)".to_vec();
        match self
            .current
            .and_then(|at| script.steps.get(at))
            .map(|(_, step)| step)
        {
            Some(Step::Expect(expect)) => {
                if self.accept_404 && self.http.as_ref().is_some_and(|h| h.status == 404) {
                    self.code = 404;
                    return self.finish(now, CheckStatus::L7OkConditional, Vec::new());
                }
                self.code = self.http.as_ref().map_or(0, |h| u32::from(h.status));
                let text = match &expect.on_success {
                    Some(text) => self.render(text, renderer),
                    None if script.kind == Kind::Tcp => plain,
                    None => Vec::new(),
                };
                self.read_code(expect, renderer);
                self.finish(now, expect.ok_status.unwrap_or(CheckStatus::L7Ok), text)
            }
            Some(Step::Connect(connect)) => {
                let status = if self.tls {
                    CheckStatus::L6Ok
                } else {
                    CheckStatus::L4Ok
                };
                let text = if connect.implicit { Vec::new() } else { plain };
                self.finish(now, status, text)
            }
            _ => self.finish(now, CheckStatus::L7Ok, plain),
        }
    }

    fn on_timeout(&mut self, now: Time) -> Next {
        let status = match self.phase {
            Phase::Connecting => CheckStatus::L4Timeout,
            Phase::Handshaking => CheckStatus::L6Timeout,
            _ => match self.current.map(|at| &self.script.steps[at].1) {
                Some(Step::Expect(expect)) => expect.tout_status.unwrap_or(CheckStatus::L7Timeout),
                _ => CheckStatus::L7Timeout,
            },
        };
        self.fail_io(now, status, "")
    }

    fn on_connect_failed(&mut self, now: Time, error: &str) -> Next {
        let status = match self.phase {
            Phase::Handshaking => CheckStatus::L6Response,
            Phase::Connecting => CheckStatus::L4Connection,
            _ => CheckStatus::SocketError,
        };
        self.fail_io(now, status, error)
    }

    /// The connection ended the run; scripts of one's own are told at which step.
    fn fail_io(&mut self, now: Time, status: CheckStatus, error: &str) -> Next {
        let place = match (self.script.kind, self.current) {
            (Kind::Tcp, Some(at)) => {
                let (number, step) = &self.script.steps[at];
                at_step(*number, Some(step))
            }
            (Kind::Tcp, None) => at_step(0, None),
            _ => String::new(),
        };
        self.code = 0;
        self.finish(now, status, format!("{error}{place}").into_bytes())
    }

    fn finish(&self, now: Time, status: CheckStatus, text: Vec<u8>) -> Next {
        let duration = now.since(self.start);
        Next::Finish(Finished::Report(CheckReport {
            status,
            code: self.code,
            text,
            duration,
        }))
    }

    fn read_code(&mut self, expect: &Expect, renderer: &mut dyn Renderer) {
        let digits = match expect.status_code {
            None => return,
            Some(CodeSource::FirstThree) => self.payload().get(..3).unwrap_or_default().to_vec(),
            Some(CodeSource::Token(token)) => renderer.render(token, self.answer()),
        };
        let code = std::str::from_utf8(&digits)
            .ok()
            .and_then(|d| d.trim().parse().ok());
        self.code = code.unwrap_or(self.code);
    }

    fn render(&self, text: &Text, renderer: &mut dyn Renderer) -> Vec<u8> {
        let from = |at: usize| self.payload().get(at..).unwrap_or_default();
        match text {
            Text::Literal(text) => text.clone().into_bytes(),
            Text::Payload(at) => from(*at).to_vec(),
            Text::Line(at) => {
                let line = from(*at).split(|b| matches!(b, b'\r' | b'\n')).next();
                let line = line.unwrap_or_default();
                let start = line.iter().position(|&b| b != b' ').unwrap_or(line.len());
                line[start..].to_vec()
            }
            Text::Token(token) => renderer.render(*token, self.answer()),
        }
    }

    fn payload(&self) -> &[u8] {
        self.http.as_ref().map_or(&self.data, |http| &http.body)
    }

    fn answer(&self) -> Answer<'_> {
        Answer {
            payload: self.payload(),
            http: self.http.as_ref(),
        }
    }
}

/// What is told of a `send` whose format gives nothing that can be sent.
const NOT_BUILT: &str = "tcp-check send : failed to build log-format string";

//! One request and its response (or one TCP connection): its state and the way through it.
//!
//! The steps are straight-line functions, one file each; this file holds what they share.

mod answer;
mod assign;
mod backend;
mod cacheable;
mod dispatch;
mod end;
mod exchange;
mod gather;
mod headers;
mod open;
mod preface;
mod pump;
mod request;
mod response;
mod route;
mod rules;
mod service;
mod stick;
pub(crate) mod track;
mod tunnel;
mod upgrade;

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use lbd_backend::persist::CookieState;
use lbd_config::config::LogLine;
use lbd_core::{ProxyId, ServerId, Time};
use lbd_http::{BodyDecoder, Framing, Head, Parsed};
use lbd_rules::facts::StreamFacts;
use lbd_rules::program::Reply;
use lbd_rules::var::VarStore;
use lbd_rules::view::Buffered;

use crate::live::Activity;
use crate::log;
use crate::server_conn::ServerConn;
use crate::service::Answer;
use crate::session::Session;
use crate::term::{Phase, StreamError};

pub(crate) use answer::settle;
pub(crate) use request::ParseLimits;
pub(crate) use tunnel::run_tcp;

/// The state of a stream, kept by its worker between requests.
#[derive(Debug, Default)]
pub struct Stream {
    /// What rules and logs know.
    pub facts: StreamFacts,
    /// Request head.
    pub request: Head,
    /// Response head.
    pub response: Head,
    /// Variables of scope `txn`.
    pub txn: VarStore,
    pub(crate) request_vars: VarStore,
    pub(crate) response_vars: VarStore,
    /// The backend chosen.
    pub backend: Option<ProxyId>,
    /// The server whose slot is held, or was when the stream ended.
    pub server: Option<ServerId>,
    /// The proxy whose rules run.
    pub(crate) place: Option<ProxyId>,
    pub(crate) has_request: bool,
    pub(crate) has_response: bool,
    pub(crate) in_response: bool,
    pub(crate) is_logged: bool,
    /// Bytes read and written that counters know already (`option contstats`).
    pub(crate) counted: (u64, u64),
    /// What the request head says.
    pub(crate) parsed: Parsed,
    /// The request body as far as it was buffered.
    pub(crate) body: Body,
    /// The response body as far as it was buffered.
    pub(crate) response_body: Body,
    pub(crate) reply: Option<Box<Reply>>,
    pub(crate) cookie: CookieState,
    /// What the stream is doing, for the letters.
    pub(crate) phase: Phase,
    /// A final response head is on its way to the client: no other answer is possible.
    pub(crate) is_answered: bool,
    /// The client's connection goes on after this stream.
    pub(crate) keeps_client: bool,
    /// The client may still be sending when its connection is closed.
    pub(crate) lingers: bool,
    /// Slots and counts held, see `dispatch`.
    pub(crate) held: Held,
    pub(crate) conn: Option<Box<ServerConn>>,
    /// `ignore-persist` held.
    pub(crate) ignores_persistence: bool,
    /// `force-persist` held.
    pub(crate) forces_persistence: bool,
    /// Keys to store in tables with the server that answers.
    pub(crate) stores: Vec<stick::Store>,
    /// The server that a cookie or `use-server` asks for.
    pub(crate) wanted: Option<ServerId>,
    /// The server that failed last.
    pub(crate) avoid: Option<ServerId>,
    /// The client expects no content with the status that rules gave the response.
    pub(crate) drops_response_body: bool,
    /// The whole request is held and may be sent again.
    pub(crate) is_replayable: bool,
    /// The key of a WebSocket that was made for the server.
    pub(crate) made_key: Option<Box<str>>,
}

/// What a stream holds of limits, given back exactly once.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// Counted in this backend.
    pub(crate) backend: Option<ProxyId>,
    /// Holds a slot of this server.
    pub(crate) slot: Option<ServerId>,
    /// Counted among this server's streams.
    pub(crate) server: Option<ServerId>,
    /// That server's sessions have been counted.
    pub(crate) is_counted: bool,
}

/// A body, or its beginning, held for rules or for sending it again.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) decoder: BodyDecoder,
    /// The length that the head says.
    announced: Option<u64>,
    /// Decoded content that has not been forwarded.
    pub(crate) data: Vec<u8>,
    /// The whole body is there.
    pub(crate) complete: bool,
    /// No more will be buffered.
    pub(crate) full: bool,
    /// Bytes that count against the room for rewriting the head, see `rules`.
    pub(crate) held: usize,
}

impl Default for Body {
    fn default() -> Self {
        Self {
            decoder: BodyDecoder::new(Framing::None),
            announced: None,
            data: Vec::new(),
            complete: true,
            full: false,
            held: 0,
        }
    }
}

impl Body {
    /// A body that begins. One that comes by HTTP/2 (`is_h2`) has no framing of its own: it ends
    /// with its stream, whatever length was announced.
    pub(crate) fn begin(&mut self, framing: Framing, is_h2: bool) {
        self.announced = match framing {
            Framing::ContentLength(length) => Some(length),
            _ => None,
        };
        self.decoder = BodyDecoder::new(match framing {
            Framing::Chunked | Framing::ContentLength(_) if is_h2 => Framing::UntilClose,
            framing => framing,
        });
        self.data.clear();
        self.complete = self.decoder.is_end();
        self.full = false;
        self.held = 0;
    }

    /// Bytes of it that have come, `waiting` ones not decoded yet.
    fn arrived(&self, waiting: usize) -> usize {
        let more = match self.decoder.framing() {
            Framing::Chunked if !self.decoder.is_end() => waiting,
            _ => waiting.min(usize::try_from(self.decoder.remaining_known()).unwrap_or(usize::MAX)),
        };
        self.data.len() + more
    }

    fn view(&self) -> Buffered<'_> {
        Buffered {
            data: &self.data,
            complete: self.complete,
            full: self.full,
            announced: self.announced,
            awaits_head: false,
        }
    }

    fn reset(&mut self) {
        self.begin(Framing::None, false);
        if self.data.capacity() > MAX_KEPT_BODY {
            self.data = Vec::new();
        }
    }
}

/// Why the way through a stream ends early.
#[derive(Debug)]
pub(crate) enum Halt {
    /// By an error, to be answered when nothing was sent yet.
    Error(StreamError),
    /// By an answer of lbd's own.
    Reply(Box<Reply>),
    /// By the answer of a service, whose body is made while it is sent.
    Service(Box<Answer>),
    /// By closing the connection without a word.
    Close(StreamError),
    /// The request is to be sent once more.
    Again,
    /// The connection goes on as HTTP.
    Switch,
}

impl From<StreamError> for Halt {
    fn from(error: StreamError) -> Self {
        Self::Error(error)
    }
}

impl Stream {
    pub(crate) fn request_view(&self) -> Option<&Head> {
        self.has_request.then_some(&self.request)
    }

    pub(crate) fn response_view(&self) -> Option<&Head> {
        self.has_response.then_some(&self.response)
    }

    pub(crate) fn request_body(&self) -> Buffered<'_> {
        self.body.view()
    }

    pub(crate) fn response_body(&self) -> Buffered<'_> {
        self.response_body.view()
    }

    pub(crate) fn reqres(&self) -> &VarStore {
        if self.in_response {
            &self.response_vars
        } else {
            &self.request_vars
        }
    }

    /// Makes it ready for the next request, keeping the memory.
    pub(crate) fn reset(&mut self) {
        let mut line = std::mem::take(&mut self.facts.request_line);
        let mut captures = std::mem::take(&mut self.facts.request_captures);
        let mut response_captures = std::mem::take(&mut self.facts.response_captures);
        // Empty since the end of the stream; the memory is kept.
        let counters = std::mem::take(&mut self.facts.counters);
        line.clear();
        captures.clear();
        response_captures.clear();
        self.facts = StreamFacts {
            request_line: line,
            request_captures: captures,
            response_captures,
            counters,
            ..StreamFacts::default()
        };
        self.txn.clear();
        self.request_vars.clear();
        self.response_vars.clear();
        self.backend = None;
        self.server = None;
        self.place = None;
        self.has_request = false;
        self.has_response = false;
        self.in_response = false;
        self.is_logged = false;
        self.counted = (0, 0);
        self.parsed = Parsed::default();
        self.body.reset();
        self.response_body.reset();
        self.reply = None;
        self.cookie = CookieState::default();
        self.phase = Phase::Request;
        self.is_answered = false;
        self.keeps_client = false;
        self.lingers = false;
        self.conn = None;
        self.ignores_persistence = false;
        self.forces_persistence = false;
        self.stores.clear();
        self.wanted = None;
        self.avoid = None;
        self.is_replayable = false;
        self.made_key = None;
        self.drops_response_body = false;
    }

    /// Notes what the stream is doing, for letters and lists.
    pub(crate) fn enter(&mut self, phase: Phase, session: &Session) {
        self.phase = phase;
        session.live.activity.set(match phase {
            Phase::Done => Activity::Idle,
            Phase::Request => Activity::Request,
            Phase::Queue => Activity::Queue,
            Phase::Connect => Activity::Connect,
            Phase::Headers => Activity::Response,
            Phase::Data | Phase::Last => Activity::Data,
            Phase::Tarpit => Activity::Tarpit,
        });
    }
}

/// What becomes of a connection after a stream.
enum After {
    /// Another request may follow.
    Again,
    /// It closes.
    Close,
    /// It closes once the client has stopped sending, or soon.
    Linger,
}

/// What an idle connection was woken by.
enum Woken {
    Bytes,
    Closed,
    TimedOut,
    Ended(StreamError),
}

/// Serves the one request of a stream of HTTP/2.
pub(crate) async fn run_one(session: &mut Session) {
    // The future of a request is large and short-lived: apart, so that idle ones stay small.
    Box::pin(one(session, None)).await;
}

/// Serves the requests of a connection one after the other; true when it is to go on as HTTP/2,
/// whose preface has come instead of a request.
pub(crate) async fn run_http(session: &mut Session) -> bool {
    session.facts.http_major = 1;
    loop {
        let woken = if session.input.is_empty() {
            // What fails here fails below, too.
            let _ = settle(session).await;
            Idle::new(session).await
        } else {
            Woken::Bytes
        };
        session.follow();
        let is_first = session.facts.streams == 0;
        if is_first {
            if matches!(woken, Woken::Bytes) && upgrade::is_wanted(session).await {
                return true;
            }
            session.counters().h1_sessions.inc();
        }
        let fault = match woken {
            Woken::Bytes => None,
            // Between requests nobody owes anybody a word.
            _ if !is_first => return false,
            Woken::Closed => Some(StreamError::ClientAbort),
            Woken::TimedOut => Some(StreamError::ClientTimeout),
            Woken::Ended(error) => Some(error),
        };
        // A probe: nothing was sent, nothing is answered.
        if fault.is_some() && session.spec().frontend.ignore_probes {
            return false;
        }
        // The future of a request is large and short-lived: apart, so that idle ones stay small.
        match Box::pin(one(session, fault)).await {
            After::Again => {}
            After::Close => return false,
            After::Linger => {
                Box::pin(session.linger()).await;
                return false;
            }
        }
    }
}

/// Waits for the next request, or for what ends the connection before it.
///
/// A future by hand: it is what a waiting connection consists of, and holds nothing twice.
struct Idle<'s> {
    session: &'s mut Session,
    deadline: Option<Time>,
    /// From when on a stopping worker may close the connection: a client that has just had an answer
    /// may be about to send its next request, which would then be lost.
    closable: Time,
}

const NEVER: Time = Time(u64::MAX);
/// How long a connection has rested that a stopping worker may close.
const REST: Duration = Duration::from_secs(1);

impl<'s> Idle<'s> {
    fn new(session: &'s mut Session) -> Self {
        session.live.activity.set(Activity::Idle);
        let timeouts = &session.spec().timeouts;
        let client = session.client_timeout();
        let is_first = session.facts.streams == 0;
        let (since, limit) = if is_first {
            (session.facts.accepted, timeouts.http_request.or(client))
        } else {
            let limit = timeouts.http_keep_alive.or(timeouts.http_request);
            (session.now(), limit.or(client))
        };
        // Clients that cannot do without get one more answer that says that the connection closes.
        let waits = is_first || session.spec().frontend.idle_close_on_response;
        Self {
            deadline: limit.map(|limit| since + limit),
            closable: if waits { NEVER } else { since + REST },
            session,
        }
    }
}

impl Future for Idle<'_> {
    type Output = Woken;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Woken> {
        let this = self.get_mut();
        let session = &mut *this.session;
        match session.poll_fill(cx) {
            Poll::Ready(Ok(1..)) => return Poll::Ready(Woken::Bytes),
            Poll::Ready(_) => return Poll::Ready(Woken::Closed),
            Poll::Pending => {}
        }
        if let Some(ending) = session.live.ending() {
            return Poll::Ready(Woken::Ended(StreamError::Ended(ending)));
        }
        session.follow();
        let worker = &session.worker;
        let closes = session.closes_from().map(|at| at.max(this.closable));
        let closes = closes.filter(|at| *at != NEVER);
        if closes.is_some_and(|at| worker.clock.now() >= at) {
            return Poll::Ready(Woken::TimedOut);
        }
        let deadline = match (this.deadline, closes) {
            (Some(first), Some(second)) => Some(first.min(second)),
            (one, other) => one.or(other),
        };
        session
            .live
            .poll_deadline(cx, &worker.clock, deadline)
            .map(|()| Woken::TimedOut)
    }
}

/// Serves one request.
async fn one(session: &mut Session, fault: Option<StreamError>) -> After {
    let mut stream = session.worker.take_stream();
    request::begin(session, &mut stream);
    if fault.is_some() {
        // Nothing of a request ever came.
        stream.facts.timers.request_start = None;
    }
    let mut guard = end::Guard::new(session, stream);
    let (session, stream) = guard.parts();
    let result = match fault {
        Some(error) => {
            stream.is_logged = session.spec().frontend.dontlognull;
            Err(Halt::Error(error))
        }
        None => drive(session, stream).await,
    };
    if let Err(halt) = result {
        answer::halt(session, stream, halt).await;
    }
    if !stream.keeps_client {
        // Those before it have their answers, whatever became of this one.
        let _ = settle(session).await;
    }
    let after = match (stream.keeps_client, stream.lingers) {
        (true, _) => After::Again,
        (false, true) => After::Linger,
        (false, false) => After::Close,
    };
    guard.finish();
    after
}

/// The way of a request through the proxy, as in DESIGN 4.7.
async fn drive(session: &mut Session, stream: &mut Stream) -> Result<(), Halt> {
    request::receive(session, stream).await?;
    request::inspect(session, stream)?;
    if matches!(session.spec().log.format, LogLine::Default) {
        // The line that says only who came is written when somebody has come.
        log::stream(session, stream);
    }
    backend::buffer_early(session, stream).await?;
    rules::frontend(session, stream).await?;
    route::choose(session, stream)?;
    rules::backend(session, stream).await?;
    headers::prepare_request(session, stream)?;
    backend::buffer_body(session, stream).await?;
    backend::persistence(session, stream)?;
    loop {
        dispatch::connect(session, stream).await?;
        match exchange::run(session, stream).await {
            Err(Halt::Again) => {}
            result => return result,
        }
    }
}

/// Memory of a buffered body that is kept between requests.
const MAX_KEPT_BODY: usize = 64 * 1024;

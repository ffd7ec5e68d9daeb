//! The end of a stream: counters, slots and the log line, exactly once, however it ends.
//!
//! It sends nothing to anybody.

use std::time::Duration;

use lbd_backend::persist::CookieMode;
use lbd_config::config::Mode;
use lbd_core::Time;
use lbd_core::bits;
use lbd_rules::facts::Bytes;

use crate::live::Activity;
use crate::log;
use crate::session::{Moment, Session};
use crate::stream::{Stream, track};
use crate::term::StreamError;

/// Owns a running stream; dropping it ends the stream.
pub(super) struct Guard<'s> {
    session: &'s mut Session,
    /// There until the end.
    stream: Option<Box<Stream>>,
}

impl<'s> Guard<'s> {
    /// A stream that begins.
    pub(super) fn new(session: &'s mut Session, stream: Box<Stream>) -> Self {
        Self {
            session,
            stream: Some(stream),
        }
    }

    /// The parts to work with.
    pub(super) fn parts(&mut self) -> (&mut Session, &mut Stream) {
        // Made with a stream, which only `drop` takes.
        (self.session, self.stream.get_or_insert_default())
    }

    /// Ends the stream.
    pub(super) fn finish(self) {}
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        let Some(mut stream) = self.stream.take() else {
            return;
        };
        if std::thread::panicking() {
            StreamError::Internal.mark(stream.phase, &mut stream.facts.term);
        }
        end(self.session, &mut stream);
        self.session.worker.give_stream(stream);
    }
}

fn end(session: &mut Session, stream: &mut Stream) {
    let now = session.now();
    stream.facts.timers.end = Some(now);
    stream.conn = None;
    stream.facts.term.cookie_request = b'-';
    if has_cookie(session, stream) {
        stream.facts.term.cookie_request = stream.cookie.client.letter() as u8;
        stream.facts.term.cookie_response = stream.cookie.server.letter() as u8;
    }
    count(session, stream);
    // The descriptor may be another connection's by now.
    stream.facts.server_fd = None;
    // The line counts the others: this one no longer has its place, as in the reference.
    release(session, stream);
    log::stream(session, stream);
    stream.facts.counters.end(now);
    session.previous_end = Some(Moment::now(&session.worker.clock));
    session.live.activity.set(Activity::Idle);
    session.live.backend.set(None);
    session.live.server_fd.set(-1);
}

fn has_cookie(session: &Session, stream: &Stream) -> bool {
    let config = &session.bound.generation.config;
    stream.has_request
        && stream.backend.is_some_and(|id| {
            let cookie = config.proxies[id.index()].backend.cookie.as_ref();
            // One that is only looked at is not told of.
            cookie.is_some_and(|cookie| cookie.mode != CookieMode::Passive)
        })
}

/// Gives back what the stream holds of its backend and server.
pub(super) fn release(session: &Session, stream: &mut Stream) {
    let generation = &session.bound.generation;
    let Some(backend) = stream.held.backend.take() else {
        return;
    };
    let state = generation.proxy(backend);
    leave_server(session, stream, backend);
    if let Some(server) = stream.held.slot.take() {
        state.release(server, &session.worker.shared, session.now());
    }
    state.streams.leave();
    state.roster.leave();
    session.live.server.set(None);
}

/// Stops counting the stream among a server's.
pub(super) fn leave_server(session: &Session, stream: &mut Stream, backend: lbd_core::ProxyId) {
    if let Some(server) = stream.held.server.take()
        && let Some(server) = session.bound.generation.server(backend, server)
    {
        server.streams.leave();
    }
}

fn count(session: &Session, stream: &mut Stream) {
    let worker = session.worker.index;
    let generation = &session.bound.generation;
    let facts = &stream.facts;
    let is_http = session.spec().mode == Mode::Http;
    let frontend = session.counters();
    if session.facts.http_major == 1 {
        frontend.h1_open_streams.dec();
    }
    let backend = stream.backend.map(|id| generation.proxy(id));
    let server = stream
        .server
        .zip(stream.backend)
        .and_then(|(server, backend)| generation.server(backend, server));
    let all = [
        Some(frontend),
        backend.map(|state| state.backend.of(worker)),
        server.map(|state| state.counters.of(worker)),
    ];
    traffic(
        session,
        stream,
        Bytes {
            request_in: facts.bytes.request_in.saturating_sub(stream.counted.0),
            request_out: facts.bytes.request_out.saturating_sub(stream.counted.0),
            response_in: facts.bytes.response_in.saturating_sub(stream.counted.1),
            response_out: facts.bytes.response_out.saturating_sub(stream.counted.1),
        },
    );
    for counters in all.into_iter().flatten() {
        match facts.term.cause {
            b'C' | b'c' if !matches!(facts.term.phase, b'Q' | b'C') => counters.client_aborts.inc(),
            // Before the answer's body they are failed responses.
            b'S' | b's' if matches!(facts.term.phase, b'D' | b'L') => counters.server_aborts.inc(),
            b'I' => counters.internal_errors.inc(),
            _ => {}
        }
        if facts.asked.failed_rewrites > 0 {
            counters
                .failed_rewrites
                .add(u64::from(facts.asked.failed_rewrites));
        }
    }
    // A server's messages are counted when they come (`response::count_received`).
    let proxies = all.into_iter().take(2).flatten();
    for counters in proxies.filter(|_| is_http) {
        let is_refused = facts.term.cause == b'P' && !stream.has_request;
        if facts.status != 0 || stream.has_request || is_refused {
            counters.response(facts.status);
        }
        // What could not be read as a request and was answered counts as one.
        if stream.has_request || facts.status != 0 {
            counters.requests.inc();
            if session.facts.http_major == 2 {
                counters.h2_requests.inc();
            }
        }
    }
    // What a backend answers itself is not intercepted on the way to it.
    let is_own = stream.backend.is_none_or(|id| id == session.frontend);
    if facts.term.cause == b'L' && is_own {
        frontend.intercepted.inc();
    }
    let now = session.now();
    for counters in all.into_iter().skip(1).flatten() {
        let timers = &facts.timers;
        let between = |from: Option<Time>, to: Option<Time>| {
            from.zip(to)
                .map(|(from, to)| bits::held64(to.since(from).as_millis()))
        };
        let begun = timers.request_received.or(Some(timers.start));
        if let Some(ms) = between(begun, timers.dequeued) {
            counters.queue_time.add(ms);
        }
        if let Some(ms) = between(timers.dequeued, timers.connected) {
            counters.connect_time.add(ms);
        }
        if let Some(ms) = between(timers.connected, timers.response_received) {
            counters.response_time.add(ms);
        }
        counters
            .total_time
            .add(bits::held64(now.since(timers.start).as_millis()));
    }
}

/// Adds bytes of a stream to all that count them.
fn traffic(session: &Session, stream: &Stream, bytes: Bytes) {
    let worker = session.worker.index;
    let generation = &session.bound.generation;
    let backend = stream.backend.map(|id| generation.proxy(id));
    let server = stream
        .server
        .zip(stream.backend)
        .and_then(|(server, backend)| generation.server(backend, server));
    let all = [
        Some(session.counters()),
        backend.map(|state| state.backend.of(worker)),
        server.map(|state| state.counters.of(worker)),
    ];
    for counters in all.into_iter().flatten() {
        counters.bytes_in.add(bytes.request_in);
        counters.bytes_out.add(bytes.response_in);
        counters.request_in.add(bytes.request_in);
        counters.request_out.add(bytes.request_out);
        counters.response_in.add(bytes.response_in);
        counters.response_out.add(bytes.response_out);
    }
    if session.facts.http_major == 1 {
        session.counters().h1_bytes_in.add(bytes.request_in);
        session.counters().h1_bytes_out.add(bytes.response_out);
    }
    if let Some(state) = backend.filter(|_| stream.facts.server_http_major == 1) {
        state.backend.of(worker).h1_bytes_in.add(bytes.response_in);
        state.backend.of(worker).h1_bytes_out.add(bytes.request_out);
    }
    if session.spec().frontend.socket_stats
        && let Some(listener) = generation.listener(session.facts.listener)
    {
        let counters = listener.counters.of(worker);
        counters.bytes_in.add(bytes.request_in);
        counters.bytes_out.add(bytes.response_in);
    }
    track::bytes(session, stream, bytes.request_in, bytes.response_in);
    let process = session.worker.shared.process().counters.of(worker);
    process.bytes_out.add(bytes.response_out);
}

/// Counts a long transfer while it goes on (`option contstats`).
pub(super) struct Progress {
    /// When to count next; `None` without the option.
    next: Option<Time>,
    counted: (u64, u64),
}

impl Progress {
    /// A transfer that begins.
    pub(super) fn new(session: &Session) -> Self {
        let is_wanted = session.spec().options.contstats;
        Self {
            next: is_wanted.then(|| session.now() + COUNT_INTERVAL),
            counted: (0, 0),
        }
    }

    /// The bytes that the transfer has moved so far.
    pub(super) fn note(&mut self, session: &Session, stream: &mut Stream, up: u64, down: u64) {
        let now = session.now();
        if self.next.is_none_or(|next| now < next) {
            return;
        }
        self.next = Some(now + COUNT_INTERVAL);
        let (new_up, new_down) = (up - self.counted.0, down - self.counted.1);
        self.counted = (up, down);
        stream.counted.0 += new_up;
        stream.counted.1 += new_down;
        let bytes = Bytes {
            request_in: new_up,
            request_out: new_up,
            response_in: new_down,
            response_out: new_down,
        };
        traffic(session, stream, bytes);
    }
}

/// How often `option contstats` counts.
const COUNT_INTERVAL: Duration = Duration::from_secs(5);

//! The request head: receiving it within its time, and what is looked at before any rule.
//!
//! It runs no rules and edits nothing but what the policy on header names removes.

use std::rc::Rc;

use lbd_config::config::{H2LogErrors, HeaderNamePolicy, ProxySpec};
use lbd_http::{
    BodyDecoder, Framing, ParseError, ParseOptions, Parsed, Reason, Status, cookie, count,
    parse_request,
};
use lbd_rules::program::Reply;

use crate::session::Session;
use crate::state::BadMessage;
use crate::state::proxy::MAX_CAPTURE;
use crate::stream::{Halt, Stream, answer, rules};
use crate::term::{Phase, StreamError};

/// Starts the clock of a stream.
pub(super) fn begin(session: &mut Session, stream: &mut Stream) {
    let clock = &session.worker.clock;
    let facts = &mut stream.facts;
    facts.id = u64::from(session.facts.streams);
    facts.request_number = session.worker.next_request();
    let (start, wall) = session.previous_end.map_or(
        (session.facts.accepted, session.facts.accepted_wall),
        |end| (end.at, end.wall()),
    );
    facts.timers.start = start;
    facts.timers.start_wall = wall;
    facts.timers.request_start = Some(clock.now());
    facts.timers.request_start_wall = Some(clock.wall());
    session.facts.streams = session.facts.streams.saturating_add(1);
    session.live.requests.set(session.facts.streams);
    let now = clock.now();
    let counters = session.counters();
    counters.request_rate.hit(now);
    if session.facts.http_major == 1 {
        counters.h1_streams.inc();
        counters.h1_open_streams.inc();
    }
    session
        .worker
        .shared
        .process()
        .counters
        .of(session.worker.index)
        .requests
        .inc();
    let bufsize = session.bound.generation.config.global.tune.bufsize;
    stream.request.set_max_len(bufsize);
    stream.response.set_max_len(bufsize);
    stream.enter(Phase::Request, session);
}

/// What the head parsers must respect.
pub(super) fn parse_options(session: &Session, relaxed: bool) -> ParseOptions {
    let tune = &session.bound.generation.config.global.tune;
    ParseOptions {
        max_headers: tune.http_maxhdr,
        max_head_len: tune.bufsize.saturating_sub(tune.maxrewrite).max(512),
        accept_unsafe_violations: relaxed,
        accept_payload_with_any_method: false,
    }
}

/// The limits of heads that a machine of HTTP/2 must respect.
pub(crate) struct ParseLimits {
    /// Of requests.
    pub(crate) request: ParseOptions,
}

impl ParseLimits {
    /// Those of a session.
    pub(crate) fn of(session: &Session) -> Self {
        Self {
            request: parse_options(session, false),
        }
    }
}

/// Takes the head that a stream of HTTP/2 began with.
fn take(session: &mut Session, stream: &mut Stream) -> Result<(), Halt> {
    let Some(h2) = session.io.h2() else {
        return Err(StreamError::Internal.into());
    };
    let Some(incoming) = h2.take_head(&mut stream.request) else {
        // There is nobody to answer: the stream was reset for its fault, or by the client.
        if !h2.is_faulty() {
            return Err(Halt::Close(StreamError::ClientAbort));
        }
        let is_whole = h2.is_none();
        stream.is_logged |= match session.bound.generation.config.global.tune.h2.log_errors {
            H2LogErrors::Connection => !is_whole,
            H2LogErrors::None => true,
            H2LogErrors::Stream => false,
        };
        stream.facts.is_no_request = true;
        return Err(Halt::Close(StreamError::ClientFault(0)));
    };
    if let Some(violation) = incoming.parsed.violation {
        return Err(StreamError::ClientFault(violation.status()).into());
    }
    stream.has_request = true;
    stream.parsed = incoming.parsed;
    stream.facts.bytes.request_in += count::head_len(&stream.request);
    stream.body.begin(incoming.parsed.framing, true);
    stream.facts.timers.request_received = Some(session.now());
    Ok(())
}

/// Receives the whole head.
pub(super) async fn receive(session: &mut Session, stream: &mut Stream) -> Result<(), Halt> {
    if session.io.is_h2() {
        return take(session, stream);
    }
    let spec = session.spec();
    let limit = spec
        .timeouts
        .http_request
        .or_else(|| session.client_timeout());
    let options = parse_options(session, spec.frontend.accept_unsafe_request);
    let since = match session.previous_end {
        None => Some(session.facts.accepted),
        Some(_) => stream.facts.timers.request_start,
    };
    let deadline = since.zip(limit).map(|(since, limit)| since + limit);
    loop {
        match parse_request(session.input.data(), &mut stream.request, &options) {
            Ok(Status::Complete(parsed)) => {
                if let Some(violation) = parsed.violation {
                    capture(session, stream, violation);
                }
                stream.has_request = true;
                stream.parsed = parsed;
                stream.facts.bytes.request_in += count::head_len(&stream.request);
                stream.body.begin(parsed.framing, false);
                session.input.eat(parsed.consumed);
                if let Err(error) = look_ahead(&parsed, session.input.data()) {
                    stream.has_request = false;
                    return Err(refuse(session, stream, error));
                }
                session.tidy_input();
                stream.facts.timers.request_received = Some(session.now());
                return Ok(());
            }
            Ok(Status::Partial) => {}
            Err(error) => return Err(refuse(session, stream, error)),
        }
        if session.input.is_full() {
            let error = ParseError {
                offset: session.input.len(),
                reason: Reason::HeadTooLong,
            };
            return Err(refuse(session, stream, error));
        }
        match session.fill(deadline).await {
            Ok(0) => return Err(on_close(session, stream)),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether the chunks that came with a head are faulty: then nothing of the message goes on.
pub(super) fn look_ahead(parsed: &Parsed, mut bytes: &[u8]) -> Result<(), ParseError> {
    if parsed.framing != Framing::Chunked {
        return Ok(());
    }
    let mut decoder = BodyDecoder::new(parsed.framing);
    while !bytes.is_empty() && !decoder.is_end() {
        let step = decoder.decode(bytes)?;
        bytes = &bytes[step.consumed..];
    }
    Ok(())
}

fn on_close(session: &Session, _stream: &Stream) -> Halt {
    let frontend = &session.spec().frontend;
    if frontend.ignore_probes && session.input.is_empty() {
        return Halt::Close(StreamError::ClientAbort);
    }
    StreamError::ClientAbort.into()
}

fn refuse(session: &Session, stream: &mut Stream, error: ParseError) -> Halt {
    capture(session, stream, error);
    StreamError::ClientFault(error.status()).into()
}

/// Keeps a faulty request for `show errors`.
fn capture(session: &Session, stream: &Stream, error: ParseError) {
    let bytes = session.input.data();
    let state = session.bound.generation.proxy(session.frontend);
    let mut slot = state.bad_request.lock();
    let events = &session.worker.shared.process().bad_messages;
    let event = events.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    *slot = Some(BadMessage {
        wall: session.worker.clock.wall(),
        frontend: session.frontend,
        backend: stream.backend,
        server: stream.server,
        source: session.facts.src(),
        session: session.facts.id,
        streams: session.facts.streams,
        offset: error.offset,
        reason: error.reason.text(),
        event,
        bytes: bytes[..bytes.len().min(MAX_CAPTURE)].to_vec(),
        total: bytes.len(),
    });
}

/// Looks at the head before any rule: log line, header names, captures, monitor URI.
pub(super) fn inspect(session: &mut Session, stream: &mut Stream) -> Result<(), Halt> {
    let bound = Rc::clone(&session.bound);
    let spec = &bound.generation.config.proxies[session.frontend.index()];
    note_line(stream, bound.generation.config.global.tune.http_logurilen);
    stream.facts.is_proxied = spec.frontend.use_proxy_header
        && !matches!(stream.request.target().first(), Some(b'/' | b'*'));
    check_names(spec, session, stream)?;
    capture_headers(spec, stream);
    if let Some(format) = &spec.frontend.unique_id_format {
        let mut id = Vec::new();
        let arena = session.worker.take_arena();
        format.render(&session.view(Some(stream), &arena), &mut id);
        session.worker.give_arena(arena);
        stream.facts.unique_id = Some(id.into());
    }
    match &spec.frontend.monitor_uri {
        Some(uri) if stream.request.target() == uri.as_slice() => {
            Err(Halt::Reply(Box::new(monitor(session, stream, spec))))
        }
        _ => Ok(()),
    }
}

fn note_line(stream: &mut Stream, limit: usize) {
    let line = &mut stream.facts.request_line;
    line.clear();
    let request = &stream.request;
    line.extend_from_slice(request.method());
    line.push(b' ');
    line.extend_from_slice(request.target());
    stream.facts.method_len = u16::try_from(request.method().len()).unwrap_or(u16::MAX);
    stream.facts.target_len = u32::try_from(request.target().len()).unwrap_or(u32::MAX);
    line.push(b' ');
    line.extend_from_slice(request.version());
    line.truncate(limit.saturating_sub(1).max(1));
}

fn check_names(spec: &ProxySpec, session: &Session, stream: &mut Stream) -> Result<(), Halt> {
    let is_plain = |name: &[u8]| name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-');
    match spec.options.restrict_header_names {
        HeaderNamePolicy::Preserve => Ok(()),
        HeaderNamePolicy::Delete => {
            stream.request.retain(|name, _| is_plain(name));
            Ok(())
        }
        HeaderNamePolicy::Reject if stream.request.iter().all(|(name, _)| is_plain(name)) => Ok(()),
        HeaderNamePolicy::Reject => {
            session.counters().denied_requests.inc();
            Err(StreamError::Rule(403).into())
        }
    }
}

fn capture_headers(spec: &ProxySpec, stream: &mut Stream) {
    let frontend = &spec.frontend;
    if !frontend.request_captures.is_empty() {
        stream
            .facts
            .request_captures
            .resize_with(frontend.request_captures.len(), || None);
        for (slot, capture) in stream
            .facts
            .request_captures
            .iter_mut()
            .zip(&frontend.request_captures)
        {
            let value = capture
                .header
                .as_ref()
                .and_then(|name| last_value(&stream.request, name));
            *slot = value.map(|value| value[..value.len().min(capture.len)].into());
        }
    }
    if !frontend.response_captures.is_empty() {
        stream
            .facts
            .response_captures
            .resize_with(frontend.response_captures.len(), || None);
    }
    if let Some(capture) = &frontend.capture_cookie {
        let place = capture_place(&stream.request, capture, cookie::request_cookies);
        stream.facts.request_cookie = place;
    }
}

/// The value of the last field of this name, which is what captures keep.
pub(super) fn last_value<'h>(head: &'h lbd_http::Head, name: &[u8]) -> Option<&'h [u8]> {
    head.iter()
        .rev()
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
}

/// The text of the cookie to capture, bounded.
pub(super) fn capture_place(
    head: &lbd_http::Head,
    capture: &lbd_config::config::CookieCapture,
    cookies: fn(&lbd_http::Head) -> cookie::Cookies<'_>,
) -> Option<Box<[u8]>> {
    let place = if capture.is_prefix {
        cookie::by_prefix(cookies(head), &capture.name)
    } else {
        cookie::first(cookies(head), &capture.name)
    };
    let text = place?.text_in(head).to_vec();
    Some(text[..text.len().min(capture.len)].into())
}

/// The answer to the monitor URI; such requests are not logged.
fn monitor(session: &Session, stream: &mut Stream, spec: &ProxySpec) -> Reply {
    stream.is_logged = true;
    let fails = rules::any_holds(session, stream, &spec.frontend.monitor_fail);
    let mut reply = answer::of_status(session, stream, if fails { 503 } else { 200 });
    reply.is_deny = false;
    reply
}

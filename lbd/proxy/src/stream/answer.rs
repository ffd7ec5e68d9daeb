//! Answers of lbd's own: error messages, rule replies, and what is left to do after them.
//!
//! It does not decide that there is one.

use std::future::poll_fn;
use std::io::IoSlice;
use std::rc::Rc;
use std::task::Poll;

use lbd_config::config::{ConnectionMode, Mode};
use lbd_http::h1::encode::{EncodeOptions, encode_head};
use lbd_http::h1::{connection_add, connection_has};
use lbd_http::{Head, count};
use lbd_rules::program::{Cursor, Reply, Verdict};
use lbd_rules::reply::ReplySpec;

use crate::session::Session;
use crate::stream::{Halt, Stream, end, response, rules, service, track};
use crate::term::{self, Phase, StreamError};

/// Ends a stream whose way was cut short.
pub(super) async fn halt(session: &mut Session, stream: &mut Stream, halt: Halt) {
    count_unread(session, stream);
    match halt {
        Halt::Reply(reply) => {
            if reply.is_deny {
                StreamError::Rule(0).mark(answer_phase(stream), &mut stream.facts.term);
            } else {
                let phase = match stream.phase {
                    _ if stream.in_response => Phase::Headers,
                    // A server's `redir`.
                    Phase::Connect => Phase::Connect,
                    _ => Phase::Request,
                };
                term::mark_local(phase, &mut stream.facts.term);
            }
            drop_server(session, stream);
            let of_request = !stream.in_response;
            if !send(session, stream, *reply, false).await && of_request {
                stream.facts.timers.request_received = None;
            }
        }
        Halt::Service(answer) => {
            term::mark_local(Phase::Request, &mut stream.facts.term);
            drop_server(session, stream);
            Box::pin(service::send(session, stream, *answer)).await;
        }
        Halt::Error(error) => on_error(session, stream, error).await,
        Halt::Close(error) => {
            error.mark(stream.phase, &mut stream.facts.term);
            stream.keeps_client = false;
        }
        Halt::Again | Halt::Switch => on_error(session, stream, StreamError::Internal).await,
    }
}

/// What came along with the heads counts, though nobody will read it.
fn count_unread(session: &Session, stream: &mut Stream) {
    if stream.has_request {
        let of_request = count::ahead(&stream.body.decoder, session.input.data());
        stream.facts.bytes.request_in += of_request;
    }
    if stream.has_response {
        stream.facts.bytes.response_in += response::waiting(stream);
    }
}

fn answer_phase(stream: &Stream) -> Phase {
    match stream.phase {
        Phase::Done => Phase::Request,
        phase => phase,
    }
}

async fn on_error(session: &mut Session, stream: &mut Stream, error: StreamError) {
    let phase = stream.phase;
    // A stream of HTTP/2 has nothing to be waited for once its request is complete.
    let is_cut = error == StreamError::ClientAbort && session.io.is_h2();
    let seen = match phase {
        Phase::Headers if is_cut => Phase::Data,
        phase => phase,
    };
    error.mark(seen, &mut stream.facts.term);
    count_failure(session, stream, error, phase);
    drop_server(session, stream);
    stream.keeps_client = false;
    if matches!(error, StreamError::ClientFault(_)) {
        // Where this request ends, and the next one begins, cannot be trusted any more.
        stream.parsed.keep_alive = false;
    }
    if matches!(error, StreamError::Ended(_)) {
        stream.facts.status = ENDED_STATUS;
    }
    if stream.is_answered {
        return;
    }
    match error.status(phase) {
        Some(status) => {
            let reply = of_status(session, stream, status);
            // A message that never became a request has no rules.
            let is_constant = !stream.has_request;
            let is_itself = send(session, stream, reply, is_constant).await;
            // The error counts, not what an error file or a redirect made of it.
            if stream.facts.status != 0 && is_itself {
                stream.facts.status = status;
            }
        }
        // The client repeats a request that was lost on a kept connection; nothing to log.
        None if error == StreamError::ServerGone => stream.is_logged = true,
        None => {}
    }
}

/// What came instead of a request, as tracked entries of the session count it.
fn count_bad_request(session: &Session, stream: &Stream, error: StreamError) {
    if stream.has_request || session.spec().mode != Mode::Http {
        return;
    }
    match error {
        StreamError::ClientAbort | StreamError::ClientFault(_) => {
            track::bad_request(session, stream, true);
        }
        StreamError::ClientTimeout => track::bad_request(session, stream, false),
        _ => {}
    }
}

pub(super) fn count_failure(session: &Session, stream: &Stream, error: StreamError, phase: Phase) {
    let worker = session.worker.index;
    let generation = &session.bound.generation;
    if phase == Phase::Request
        && matches!(
            error,
            StreamError::ClientAbort | StreamError::ClientTimeout | StreamError::ClientFault(_)
        )
    {
        session.counters().failed_requests.inc();
        count_bad_request(session, stream, error);
    }
    if matches!(phase, Phase::Data | Phase::Last) && matches!(error, StreamError::ClientFault(_)) {
        session.counters().failed_requests.inc();
    }
    let backend = stream
        .backend
        .map(|id| generation.proxy(id).backend.of(worker));
    let server = stream
        .backend
        .zip(stream.server)
        .and_then(|(backend, server)| generation.server(backend, server))
        .map(|server| server.counters.of(worker));
    let is_server_fault = matches!(
        error,
        StreamError::ServerAbort | StreamError::ServerTimeout | StreamError::ServerFault
    );
    let is_late = matches!(phase, Phase::Data | Phase::Last) && error != StreamError::ServerTimeout;
    if is_server_fault && (phase == Phase::Headers || is_late) {
        for counters in [backend, server].into_iter().flatten() {
            counters.failed_responses.inc();
        }
        if stream.has_request {
            track::failure(session, stream);
        }
    }
    if phase == Phase::Connect
        && matches!(
            error,
            StreamError::ServerAbort | StreamError::NoServer | StreamError::ServerTimeout
        )
        && let Some(backend) = backend
        && server.is_none()
    {
        backend.failed_connections.inc();
    }
    if phase == Phase::Queue
        && matches!(error, StreamError::ServerAbort | StreamError::ServerTimeout)
    {
        for counters in [backend, server].into_iter().flatten() {
            counters.failed_connections.inc();
        }
    }
}

fn drop_server(session: &Session, stream: &mut Stream) {
    stream.conn = None;
    stream.facts.server_fd = None;
    session.live.server_fd.set(-1);
    end::release(session, stream);
}

/// The configured or built-in answer with a status.
pub(super) fn of_status(session: &Session, stream: &Stream, status: u16) -> Reply {
    let arena = session.worker.take_arena();
    let reply = ReplySpec::for_status(status, &session.view(Some(stream), &arena));
    session.worker.give_arena(arena);
    reply
}

/// Whether the client's connection can go on after this request, as far as the request says.
pub(super) fn client_stays(session: &Session, stream: &Stream) -> bool {
    let config = &session.bound.generation.config;
    // A backend's `httpclose` is about its servers only.
    let closes =
        config.proxies[session.frontend.index()].options.connection == ConnectionMode::Close;
    stream.has_request
        && stream.parsed.keep_alive
        && !closes
        && session.closes_from().is_none_or(|at| session.now() < at)
}

/// Says in a response head whether the connection goes on.
pub(super) fn say_connection(head: &mut Head, keeps: bool, client_is_11: bool) {
    let head_is_11 = !matches!(head.version(), b"HTTP/1.0" | b"HTTP/0.9");
    // A head that is full to the last byte can only lose this hint.
    let _ = match (keeps, head_is_11) {
        (true, true) if client_is_11 => Ok(()),
        (true, _) => connection_add(head, b"keep-alive"),
        (false, true) => connection_add(head, b"close"),
        // The older version closes without saying so.
        (false, false) => Ok(()),
    };
}

/// Sends an answer; `is_constant` ones are not shown to `http-after-response`. False when rules
/// failed and a 500 took its place.
async fn send(session: &mut Session, stream: &mut Stream, reply: Reply, is_constant: bool) -> bool {
    let Reply { head, mut body, .. } = reply;
    if head.status() == 0 {
        // An empty error file: close without an answer.
        stream.keeps_client = false;
        return true;
    }
    let mut is_itself = true;
    stream.response = head;
    stream.has_response = true;
    stream.in_response = true;
    if !is_constant && after_response(session, stream).is_err() {
        // No rules for this one: they would fail again.
        let reply = of_status(session, stream, 500);
        (stream.response, body) = (reply.head, reply.body);
        is_itself = false;
    }
    stream.facts.status = stream.response.status();
    let can_stay = matches!(
        stream.facts.term.cause,
        b'-' | b'L' | b'P' | b'S' | b's' | b'R'
    );
    // Who still waits for a 100 may leave the body out and send the next request in its place.
    let is_unclear =
        stream.parsed.expect_continue && !stream.body.decoder.is_end() && session.input.is_empty();
    stream.keeps_client = can_stay && !is_unclear && client_stays(session, stream);
    let status = stream.facts.status;
    let is_bodiless = matches!(status, 100..=199 | 204 | 304);
    if !is_bodiless {
        stream.response.remove(b"transfer-encoding");
        let mut digits = [0u8; 20];
        let length = decimal(body.len(), &mut digits);
        if stream.response.first(b"content-length") != Some(length) {
            let _ = stream.response.set(b"content-length", length);
        }
    }
    if !session.io.is_h2() {
        let is_11 = stream.parsed.version_11;
        say_connection(&mut stream.response, stream.keeps_client, is_11);
    }
    let is_head = stream.has_request && stream.request.method() == b"HEAD";
    let body: &[u8] = if is_head || is_bodiless { b"" } else { &body };
    let mut out = session.worker.take_bytes();
    put_head(session, stream, body.is_empty(), &mut out);
    out.extend_from_slice(body);
    stream.is_answered = true;
    stream.facts.bytes.response_out += count::head_len(&stream.response) + body.len() as u64;
    let sent = match may_hold(session, stream, out.len()) {
        true => {
            hold(session, &out);
            Ok(())
        }
        // A close follows at once: the last packet carries it.
        false => write_all(session, &out, !stream.keeps_client).await,
    };
    session.worker.give_bytes(out);
    if sent.is_err() {
        stream.keeps_client = false;
        return is_itself;
    }
    conclude(session, stream).await;
    is_itself
}

/// Leaves the client's connection ready for what follows an answer that was sent.
pub(super) async fn conclude(session: &mut Session, stream: &mut Stream) {
    if session.io.is_h2() {
        return session.io.shutdown_write();
    }
    if !stream.keeps_client {
        session.io.shutdown_write();
    }
    if !stream.has_request || !stream.body.decoder.is_end() {
        stream.lingers = true;
        stream.keeps_client = stream.keeps_client && drain(session, stream).await;
    }
}

/// Answers 500 in place of an answer whose rules failed, without asking them again.
pub(super) async fn fail(session: &mut Session, stream: &mut Stream) {
    let reply = of_status(session, stream, 500);
    send(session, stream, reply, true).await;
}

/// Whether an answer may wait for that to the next request: one that is here as a whole, so that
/// nothing more has to come before it is looked at.
fn may_hold(session: &Session, stream: &Stream, len: usize) -> bool {
    stream.keeps_client
        && stream.has_request
        && stream.body.decoder.is_end()
        && !session.io.is_h2()
        && session.held.as_ref().map_or(0, |held| held.0.len()) + len <= MAX_HELD
        && memchr::memmem::find(session.input.data(), b"\r\n\r\n").is_some()
}

fn hold(session: &mut Session, answer: &[u8]) {
    let worker = &session.worker;
    let held = session.held.get_or_insert_with(|| worker.take_held());
    held.0.extend_from_slice(answer);
}

/// Sends the answers that were held, before anything is waited for.
pub(crate) async fn settle(session: &mut Session) -> Result<(), StreamError> {
    if session.held.is_none() {
        return Ok(());
    }
    // Apart, as it is rare and what waits is to be small.
    Box::pin(write_all(session, b"", false)).await
}

/// Gives the response's head to the client's stream, or writes it to `out` for a connection that
/// has none; its length. `is_end`: nothing follows.
pub(super) fn put_head(session: &Session, stream: &Stream, is_end: bool, out: &mut Vec<u8>) -> u64 {
    if let Some(h2) = session.io.h2() {
        if connection_has(&stream.response, b"close") {
            // A rule wants the client to go elsewhere.
            h2.say_goodbye();
        }
        h2.send_response(&stream.response, is_end);
        return stream.response.encoded_len() as u64 + 2;
    }
    let bound = &session.bound;
    let spec = &bound.generation.config.proxies[session.frontend.index()];
    let case_map = spec
        .frontend
        .h1_case_adjust
        .then_some(&bound.generation.case_map);
    let before = out.len();
    let options = EncodeOptions {
        case_map,
        ..EncodeOptions::default()
    };
    encode_head(&stream.response, out, &options);
    (out.len() - before) as u64
}

/// Sends an interim response.
pub(super) async fn send_interim(session: &mut Session, head: &Head) -> Result<(), StreamError> {
    if let Some(h2) = session.io.h2() {
        h2.send_response(head, false);
        return Ok(());
    }
    let mut out = session.worker.take_bytes();
    encode_head(head, &mut out, &EncodeOptions::default());
    let sent = write_all(session, &out, false).await;
    session.worker.give_bytes(out);
    sent
}

/// Runs `http-after-response`; an error when a rewrite fails in strict mode.
pub(super) fn after_response(
    session: &mut Session,
    stream: &mut Stream,
) -> Result<(), StreamError> {
    let bound = Rc::clone(&session.bound);
    let proxies = &bound.generation.config.proxies;
    let places = [
        stream.backend.filter(|id| *id != session.frontend),
        Some(session.frontend),
    ];
    for place in places.into_iter().flatten() {
        let program = &proxies[place.index()].rules.http_after_response;
        if program.is_empty() {
            continue;
        }
        stream.place = Some(place);
        let verdict = rules::evaluate(session, stream, program, &mut Cursor::default(), None, true);
        match verdict {
            Verdict::Failed | Verdict::RewriteFailed => return Err(StreamError::ResponseRule(500)),
            // `allow` ends the rules of its own proxy only.
            _ => {}
        }
    }
    Ok(())
}

/// Reads what is left of a request that was answered before its end.
async fn drain(session: &mut Session, stream: &mut Stream) -> bool {
    let deadline = session.client_timeout().map(|limit| session.now() + limit);
    let mut left = MAX_DRAIN;
    loop {
        while !session.input.is_empty() && !stream.body.decoder.is_end() {
            let Ok(step) = stream.body.decoder.decode(session.input.data()) else {
                return false;
            };
            session.input.eat(step.consumed);
        }
        if stream.body.decoder.is_end() {
            session.tidy_input();
            return true;
        }
        match session.fill(deadline).await {
            Ok(0) | Err(_) => return false,
            Ok(read) => match left.checked_sub(read) {
                Some(rest) => left = rest,
                None => return false,
            },
        }
    }
}

/// Writes bytes to the client within `timeout client`; `more` delays the last packet for what
/// follows at once.
pub(super) async fn write_all(
    session: &mut Session,
    bytes: &[u8],
    more: bool,
) -> Result<(), StreamError> {
    let kept = session.held.take();
    let held: &[u8] = kept.as_ref().map_or(b"", |held| &held.0);
    let mut sent = 0;
    let all = held.len() + bytes.len();
    let live = Rc::clone(&session.live);
    let worker = Rc::clone(&session.worker);
    worker.tell_changes();
    let limit = session.client_timeout();
    let mut deadline = limit.map(|limit| session.now() + limit);
    let result = poll_fn(|cx| {
        while sent < all {
            let slices = [
                IoSlice::new(held.get(sent..).unwrap_or_default()),
                IoSlice::new(&bytes[sent.saturating_sub(held.len())..]),
            ];
            let first = usize::from(sent >= held.len());
            match session.io.poll_write(cx, &slices[first..], more) {
                Poll::Ready(Ok(n)) => {
                    sent += n;
                    live.bytes_out.set(live.bytes_out.get() + n as u64);
                    deadline = limit.map(|limit| worker.clock.now() + limit);
                }
                Poll::Ready(Err(_)) => return Poll::Ready(Err(StreamError::ClientAbort)),
                Poll::Pending => {
                    if let Some(ending) = live.ending() {
                        return Poll::Ready(Err(StreamError::Ended(ending)));
                    }
                    return live
                        .poll_deadline(cx, &worker.clock, deadline)
                        .map(|()| Err(StreamError::ClientTimeout));
                }
            }
        }
        Poll::Ready(Ok(()))
    })
    .await;
    if let Some(held) = kept {
        session.worker.give_held(held);
    }
    result
}

/// A number in decimal digits.
pub(super) fn decimal(mut n: usize, digits: &mut [u8; 20]) -> &[u8] {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + lbd_core::bits::low8((n % 10) as u64);
        n /= 10;
        if n == 0 {
            return &digits[at..];
        }
    }
}

/// What the log says of a stream that was ended from outside; the client is not told.
const ENDED_STATUS: u16 = 500;

/// Bytes of answers that are held at most.
const MAX_HELD: usize = 16 * 1024;

/// Bytes of an unwanted request body that are read so that the connection can go on.
const MAX_DRAIN: usize = 1 << 20;

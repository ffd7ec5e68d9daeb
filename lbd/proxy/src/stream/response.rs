//! The response head: counters, captures, cookies, rules, and what the client is told.
//!
//! It moves no body.

use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};

use lbd_backend::health::Observation;
use lbd_backend::persist::ResponseEdit;
use lbd_backend::retry::Failure;
use lbd_config::config::ProxySpec;
use lbd_core::Time;
use lbd_http::h1::encode::{EncodeOptions, encode_chunk, last_chunk};
use lbd_http::h1::frame_response;
use lbd_http::{BodyDecoder, Framing, ParseError, Parsed, cookie, count};

use crate::log;
use crate::pool::Pool;
use crate::server_conn::ServerConn;
use crate::session::Session;
use crate::state::BadMessage;
use crate::state::proxy::MAX_CAPTURE;
use crate::stream::pump::{Pump, Sink};
use crate::stream::{
    Halt, Stream, answer, cacheable, dispatch, exchange, request, rules, stick, track,
};
use crate::term::{Phase, StreamError};

/// Reads more of the server's bytes when they come; 0 at the end.
pub(super) fn poll_fill(
    cx: &mut Context<'_>,
    conn: &mut ServerConn,
    pool: &Pool,
) -> Poll<io::Result<usize>> {
    if conn.input.capacity() == 0 {
        std::task::ready!(conn.io.poll_readable(cx));
        conn.input = pool.large();
    }
    let room = conn.input.room();
    let room_len = room.len().min(FIRST_READ);
    let read = conn.io.poll_read(cx, &mut room[..room_len]);
    match read {
        Poll::Ready(Ok(read)) => {
            conn.input.filled(read);
            Poll::Ready(Ok(read))
        }
        other => {
            let held = std::mem::take(&mut conn.input);
            if held.is_empty() {
                pool.give(held);
            } else {
                conn.input = pool.settle(held);
            }
            other
        }
    }
}

/// Keeps a faulty response for `show errors`.
pub(super) fn capture(session: &Session, stream: &Stream, conn: &ServerConn, error: ParseError) {
    let Some(backend) = stream.backend else {
        return;
    };
    let bytes = conn.input.data();
    let mut slot = session.bound.generation.proxy(backend).bad_response.lock();
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

/// Counts a response head, as it came, for its server.
fn count_received(session: &Session, stream: &Stream) {
    let place = stream.backend.zip(stream.server);
    let server =
        place.and_then(|(backend, server)| session.bound.generation.server(backend, server));
    if let Some(server) = server {
        let counters = server.counters.of(session.worker.index);
        counters.requests.inc();
        counters.response(stream.response.status());
    }
}

/// Sends a 1xx on, when the client's version knows them.
pub(super) async fn forward_informational(
    session: &mut Session,
    stream: &mut Stream,
) -> Result<(), Halt> {
    stream.facts.bytes.response_in += count::head_len(&stream.response);
    if !stream.parsed.version_11 {
        return Ok(());
    }
    count_received(session, stream);
    stream.has_response = true;
    stream.in_response = true;
    answer::after_response(session, stream)?;
    stream.has_response = false;
    stream.in_response = false;
    stream.facts.bytes.response_out += count::head_len(&stream.response);
    Ok(answer::send_interim(session, &stream.response).await?)
}

/// Judges and edits a final response head.
pub(super) async fn process(
    session: &mut Session,
    stream: &mut Stream,
    spec: &ProxySpec,
    parsed: &Parsed,
) -> Result<(), Halt> {
    run_content_rules(session, stream, spec, parsed).await?;
    let status = stream.response.status();
    stream.facts.server_status = status;
    stream.facts.bytes.response_in += count::head_len(&stream.response);
    stream.facts.timers.response_received = Some(session.now());
    if let Some(server) = stream.conn.as_ref().and_then(|conn| conn.server.as_ref()) {
        let is_bad = (status >= 500 && status != 501 && status != 505) || status < 101;
        let what = if is_bad {
            Observation::HttpWrongStatus
        } else {
            Observation::HttpOk
        };
        dispatch::observe(session, server, what);
    }
    if stream.is_replayable
        && let Some(after) = dispatch::again(session, stream, spec, Failure::Status(status), false)
    {
        exchange::recycle(session, stream, spec, parsed);
        stream.has_response = false;
        stream.in_response = false;
        if !after.is_zero() {
            session.pause(session.now() + after, true).await?;
        }
        return Err(Halt::Again);
    }
    track::status(session, stream, status);
    stick::on_response(session, stream, spec, None);
    if matches!(status, 401 | 407)
        && is_bound_to_connection(&stream.response)
        && let Some(conn) = &mut stream.conn
    {
        conn.private = true;
    }
    stream.facts.status = status;
    capture_headers(session, stream);
    run_rules(session, stream, spec).await?;
    if spec.backend.checkcache && cacheable::leaks(&stream.request, &stream.response) {
        return Err(rules::refuse_leak(session, stream, spec));
    }
    cookies(session, stream, spec)?;
    answer::after_response(session, stream)?;
    stream.facts.status = stream.response.status();
    fit_to_status(session, stream, parsed);
    let unchunks = parsed.framing == Framing::Chunked && !stream.parsed.version_11;
    let has_body = !parsed.tunnel
        && stream.request.method() != b"HEAD"
        && !matches!(stream.facts.server_status, 204 | 304)
        && !stream.drops_response_body;
    if has_body {
        let framing = match unchunks {
            true => Framing::UntilClose,
            false => parsed.framing,
        };
        let full = |_| Halt::Error(StreamError::Internal);
        frame_response(&mut stream.response, framing).map_err(full)?;
    }
    // Chunks in an answer of the older version are not to be trusted with what follows.
    let is_odd = parsed.framing == Framing::Chunked && !parsed.version_11;
    let ends_with_close = (parsed.framing == Framing::UntilClose || unchunks || is_odd)
        && !stream.drops_response_body;
    stream.keeps_client =
        answer::client_stays(session, stream) && !ends_with_close && !parsed.tunnel;
    if !parsed.tunnel && !session.io.is_h2() {
        let is_11 = stream.parsed.version_11;
        answer::say_connection(&mut stream.response, stream.keeps_client, is_11);
    }
    if session.spec().log.asap {
        stream.facts.logged_early = true;
        let found = stream.facts.bytes.response_in;
        stream.facts.bytes.response_in += waiting(stream);
        log::stream(session, stream);
        stream.facts.bytes.response_in = found;
    }
    Ok(())
}

/// What rules made of the status decides whether the client expects content (RFC 9110 6.4.1): what
/// the server sends for another status is read and left out, what it does not send is said to be
/// empty. Otherwise client and lbd would disagree on where the next response begins.
fn fit_to_status(session: &Session, stream: &mut Stream, parsed: &Parsed) {
    let (was, is) = (stream.facts.server_status, stream.response.status());
    if was == is || parsed.tunnel || stream.request.method() == b"HEAD" {
        return;
    }
    let has_none = |status: u16| matches!(status, 100..=199 | 204 | 304);
    match (has_none(was), has_none(is)) {
        (false, true) => {
            stream.drops_response_body = true;
            stream.response.remove(b"transfer-encoding");
            if is != 304 {
                stream.response.remove(b"content-length");
            }
        }
        (true, false) => {
            stream.response.remove(b"transfer-encoding");
            // A head that is full to the last byte cannot say it: then the close will.
            if stream.response.set(b"content-length", b"0").is_err() {
                stream.parsed.keep_alive = false;
            }
        }
        _ => {}
    }
    if (100..=199).contains(&is) && !session.io.is_h2() {
        // The client goes on waiting for a final response, which will not come.
        stream.parsed.keep_alive = false;
    }
}

/// Whether a challenge is of a scheme that authenticates the connection and not the request, so
/// that no other client may use it (haproxy 3.4 configuration 4.2, `http-reuse`).
fn is_bound_to_connection(response: &lbd_http::Head) -> bool {
    response.iter().any(|(name, value)| {
        matches!(name, b"www-authenticate" | b"proxy-authenticate")
            && CONNECTION_SCHEMES.iter().any(|scheme| {
                value
                    .get(..scheme.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
            })
    })
}

fn capture_headers(session: &Session, stream: &mut Stream) {
    let frontend = &session.spec().frontend;
    for (slot, capture) in stream
        .facts
        .response_captures
        .iter_mut()
        .zip(&frontend.response_captures)
    {
        if let Some(name) = &capture.header {
            let value = request::last_value(&stream.response, name);
            *slot = value.map(|value| value[..value.len().min(capture.len)].into());
        }
    }
    if let Some(capture) = &frontend.capture_cookie {
        stream.facts.response_cookie =
            request::capture_place(&stream.response, capture, cookie::response_cookies);
    }
}

/// `tcp-response content`: judges what came before it counts as a response.
async fn run_content_rules(
    session: &mut Session,
    stream: &mut Stream,
    spec: &ProxySpec,
    parsed: &Parsed,
) -> Result<(), Halt> {
    stream.has_response = true;
    stream.in_response = true;
    let is_h2 = stream.conn.as_ref().is_some_and(|conn| conn.io.is_h2());
    stream.response_body.begin(parsed.framing, is_h2);
    if spec.rules.tcp_response.is_empty() {
        return Ok(());
    }
    stream.place = Some(spec.id);
    let done = rules::run(session, stream, &spec.rules.tcp_response).await;
    if done.is_err() {
        stream.has_response = false;
    }
    done
}

async fn run_rules(
    session: &mut Session,
    stream: &mut Stream,
    spec: &ProxySpec,
) -> Result<(), Halt> {
    let bound = Rc::clone(&session.bound);
    stream.place = Some(spec.id);
    count_received(session, stream);
    if !spec.rules.http_response.is_empty() {
        rules::run(session, stream, &spec.rules.http_response).await?;
    }
    if spec.id != session.frontend {
        let frontend = &bound.generation.config.proxies[session.frontend.index()];
        stream.place = Some(session.frontend);
        if !frontend.rules.http_response.is_empty() {
            rules::run(session, stream, &frontend.rules.http_response).await?;
        }
        stream.place = Some(spec.id);
    }
    Ok(())
}

/// What becomes of the server's cookies, and the one to add.
fn cookies(session: &Session, stream: &mut Stream, spec: &ProxySpec) -> Result<(), Halt> {
    let Some(persistence) = session.bound.generation.persistence(spec.id) else {
        return Ok(());
    };
    let ignored = stream.ignores_persistence;
    let name = persistence.spec().name.as_bytes();
    // The server of the response; a reply without one carries no cookie of it.
    let Some(server) = stream.server else {
        return Ok(());
    };
    let full = |_| Halt::Error(StreamError::Internal);
    let mut kept = 0;
    while let Some(place) = cookie::nth(cookie::response_cookies(&stream.response), name, kept) {
        match persistence.on_response(&mut stream.cookie, Some(server), ignored) {
            ResponseEdit::Keep => kept += 1,
            ResponseEdit::Remove => stream.response.remove_at(place.field),
            ResponseEdit::Replace(value) => {
                cookie::replace_value(&mut stream.response, &place, value).map_err(full)?;
                kept += 1;
            }
            ResponseEdit::Prefix(value) => {
                let mut new = value.to_vec();
                new.push(b'~');
                new.extend_from_slice(place.value_in(&stream.response));
                cookie::replace_value(&mut stream.response, &place, &new).map_err(full)?;
                kept += 1;
            }
        }
    }
    let is_post = stream.request.method() == b"POST";
    let wall = session.worker.clock.wall();
    let insertion = persistence.insertion(&mut stream.cookie, server, is_post, ignored, wall);
    if let Some(insertion) = insertion {
        let is_private =
            insertion.private && cacheable::may_be_kept(&stream.request, &stream.response);
        stream
            .response
            .add(b"set-cookie", &insertion.value)
            .map_err(full)?;
        if is_private {
            stream
                .response
                .add(b"cache-control", b"private")
                .map_err(full)?;
        }
    }
    Ok(())
}

/// What of the body has come and was not decoded yet.
pub(super) fn waiting(stream: &Stream) -> u64 {
    let input = stream
        .conn
        .as_ref()
        .map_or(&[][..], |conn| conn.input.data());
    count::ahead(&stream.response_body.decoder, input)
}

/// Buffers the response body for a rule that waits for it.
pub(super) async fn read_body(
    session: &mut Session,
    stream: &mut Stream,
    at_least: u64,
    until: Option<Time>,
) -> Result<(), Halt> {
    let tune = &session.bound.generation.config.global.tune;
    let limit = tune.bufsize.saturating_sub(tune.maxrewrite).max(512);
    let worker = Rc::clone(&session.worker);
    let Some(mut conn) = stream.conn.take() else {
        return Ok(());
    };
    loop {
        let body = &mut stream.response_body;
        let before = body.decoder.counted();
        while !conn.input.is_empty() && !body.decoder.is_end() && !body.full {
            let room = (limit - body.data.len().min(limit)).max(1);
            let input = conn.input.data();
            let Ok(step) = body.decoder.decode(&input[..input.len().min(room)]) else {
                stream.phase = Phase::Headers;
                return Err(StreamError::ServerFault.into());
            };
            body.data.extend_from_slice(&input[step.data.clone()]);
            conn.input.eat(step.consumed);
            body.full = body.data.len() >= limit;
        }
        body.complete = body.decoder.is_end();
        stream.facts.bytes.response_in += body.decoder.counted() - before;
        let enough = at_least > 0 && body.data.len() as u64 >= at_least;
        if body.complete || body.full || enough {
            break;
        }
        let read = std::future::poll_fn(|cx| {
            if let Poll::Ready(read) = poll_fill(cx, &mut conn, &worker.pool) {
                return Poll::Ready(Ok(Some(read)));
            }
            if let Some(ending) = session.live.ending() {
                return Poll::Ready(Err(StreamError::Ended(ending)));
            }
            session
                .live
                .poll_deadline(cx, &worker.clock, until)
                .map(|()| Ok(None))
        })
        .await?;
        match read {
            Some(Ok(0)) => {
                body.complete = body.decoder.on_close();
                if !body.complete {
                    return Err(StreamError::ServerAbort.into());
                }
                break;
            }
            Some(Ok(_)) => {}
            Some(Err(_)) => return Err(StreamError::ServerAbort.into()),
            None => break,
        }
    }
    stream.conn = Some(conn);
    Ok(())
}

/// The pump that brings the response to the client: its head, what was buffered, the rest.
pub(super) fn pump(
    session: &Session,
    stream: &mut Stream,
    spec: &ProxySpec,
    parsed: &Parsed,
) -> Pump {
    let frontend = &session.spec().frontend;
    let unchunks = parsed.framing == Framing::Chunked && !stream.parsed.version_11;
    let sink = match parsed.framing {
        _ if stream.drops_response_body => Sink::Nowhere,
        _ if session.io.is_h2() => Sink::Stream,
        Framing::Chunked if !unchunks => Sink::Chunked,
        _ => Sink::Plain,
    };
    let mut out = session.worker.take_bytes();
    let body = &stream.response_body;
    let is_end = body.decoder.is_end() && body.data.is_empty() || sink == Sink::Nowhere;
    let head = answer::put_head(session, stream, is_end, &mut out);
    let body = &mut stream.response_body;
    let mut decoder = std::mem::replace(&mut body.decoder, BodyDecoder::new(Framing::None));
    stream.facts.bytes.response_out += count::head_len(&stream.response) + decoder.counted();
    if sink == Sink::Chunked {
        encode_chunk(&body.data, &mut out);
        if decoder.is_end() {
            let trailers = decoder.take_trailers();
            let trailers = trailers.filter(|_| !frontend.drop_response_trailers);
            last_chunk(trailers.as_ref(), &mut out, &EncodeOptions::default());
        }
    } else if sink != Sink::Nowhere {
        out.extend_from_slice(&body.data);
    }
    let mut pump = Pump::new(out, decoder, sink, session.now());
    if sink == Sink::Stream {
        pump.written += head;
    }
    pump.without_trailers(frontend.drop_response_trailers);
    pump.without_delay(exchange::no_delay(session, spec));
    pump.with_splice(exchange::may_splice(session, spec.options.splice_response));
    pump.closes(!stream.keeps_client);
    pump
}

/// Beginnings of the names of authentication schemes that hold for a connection.
const CONNECTION_SCHEMES: [&[u8]; 2] = [b"ntlm", b"nego"];

/// Bytes read with a response head: a body of 64 KiB comes along with it, and of a larger one not
/// much is copied that could be spliced.
const FIRST_READ: usize = 72 * 1024;

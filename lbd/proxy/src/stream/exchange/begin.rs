//! The start of an exchange: the request's head and what goes up with it.
//!
//! It waits for no answer but that about WebSockets.

use std::future::poll_fn;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::task::Poll;

use lbd_backend::retry::Failure;
use lbd_config::config::ProxySpec;
use lbd_http::h1::encode::{EncodeOptions, encode_chunk, encode_head, last_chunk};
use lbd_http::{Framing, count, websocket};

use crate::mux::H2Stream;
use crate::server_conn::ServerConn;
use crate::session::Session;
use crate::stream::pump::{Pump, Sink};
use crate::stream::{Halt, Stream, dispatch};
use crate::term::{Phase, StreamError};

/// Waits until the server has said whether it takes WebSockets, and gives up when it does not.
pub(super) async fn await_websocket(
    session: &Session,
    stream: &mut Stream,
    spec: &ProxySpec,
    conn: &ServerConn,
) -> Result<(), Halt> {
    stream.enter(Phase::Headers, session);
    let limit = stream.facts.asked.server_timeout.or(spec.timeouts.server);
    let deadline = limit.map(|limit| session.now() + limit);
    let takes = poll_fn(|cx| {
        if let Some(h2) = conn.io.h2()
            && let Poll::Ready(takes) = h2.poll_takes_websocket(cx)
        {
            return Poll::Ready(Ok(takes));
        }
        if session.io.is_read_closed(cx) {
            return Poll::Ready(Err(StreamError::ClientAbort));
        }
        if let Some(ending) = session.live.ending() {
            return Poll::Ready(Err(StreamError::Ended(ending)));
        }
        session
            .live
            .poll_deadline(cx, &session.worker.clock, deadline)
            .map(|()| Err(StreamError::ServerTimeout))
    })
    .await?;
    // A CONNECT has no content of its own to go before the tunnel's.
    match takes && stream.parsed.framing == Framing::None {
        true => Ok(()),
        false => {
            if let Some(h2) = conn.io.h2() {
                h2.withdraw();
            }
            Err(StreamError::ServerFault.into())
        }
    }
}

/// The pump of the request: its head has been given to the server's stream, or is what the pump
/// writes first.
pub(super) fn begin_upload(
    session: &Session,
    stream: &mut Stream,
    spec: &ProxySpec,
    conn: &mut ServerConn,
) -> Result<Pump, Halt> {
    let mut out = session.worker.take_bytes();
    out.append(&mut conn.preface);
    let generation = &session.bound.generation;
    if let Some(name) = &spec.backend.send_name_header
        && let Some(id) = stream.server
        && let Some(server) = generation.server(spec.id, id)
    {
        let value = server.name.as_bytes();
        // A head that is full to the last byte can only lose this hint.
        let _ = stream.request.set(name, value);
    }
    let body = &mut stream.body;
    stream.facts.bytes.request_out += count::head_len(&stream.request) + body.decoder.counted();
    let own = || session.io.h2().and_then(H2Stream::take_trailers);
    let trailers = match body.decoder.is_end() {
        true => body.decoder.take_trailers().or_else(own),
        false => None,
    };
    let trailers = trailers.filter(|_| !spec.backend.drop_request_trailers);
    let is_end = body.decoder.is_end() && body.data.is_empty() && trailers.is_none();
    let sink = if let Some(h2) = conn.io.h2() {
        let is_tunnel = stream.parsed.connect || stream.parsed.upgrade;
        let protocol = stream.request.first(b"upgrade");
        let protocol = protocol.filter(|_| stream.parsed.upgrade);
        if !h2.send_request(&stream.request, protocol, is_end && !is_tunnel) {
            return Err(refused(session, stream, spec));
        }
        // What follows an upgrade ends by itself.
        match is_tunnel {
            true => Sink::Plain,
            false => Sink::Stream,
        }
    } else {
        encode_request(session, stream, spec, &mut out);
        match stream.parsed.framing {
            Framing::Chunked => Sink::Chunked,
            _ => Sink::Plain,
        }
    };
    let body = &mut stream.body;
    if sink == Sink::Chunked {
        encode_chunk(&body.data, &mut out);
        if body.decoder.is_end() {
            last_chunk(trailers.as_ref(), &mut out, &EncodeOptions::default());
        }
    } else {
        out.extend_from_slice(&body.data);
    }
    stream.is_replayable = may_replay(stream, spec);
    let decoder = stream.body.decoder.clone();
    let mut upload = Pump::new(out, decoder, sink, session.now());
    if sink == Sink::Stream {
        upload.ends_with(trailers, is_end);
    }
    Ok(upload)
}

/// Whether all of a request is held and may be sent again.
pub(in crate::stream) fn may_replay(stream: &Stream, spec: &ProxySpec) -> bool {
    spec.backend.retry_on.needs_request()
        && stream.body.decoder.is_end()
        && !stream.facts.asked.no_l7_retry
}

/// The connection had room for one more request and has none now: another one is taken, as often
/// as connections may fail.
fn refused(session: &Session, stream: &mut Stream, spec: &ProxySpec) -> Halt {
    match dispatch::again(session, stream, spec, Failure::Connection, false) {
        Some(_) => Halt::Again,
        None => StreamError::ServerAbort.into(),
    }
}

fn encode_request(session: &Session, stream: &mut Stream, spec: &ProxySpec, out: &mut Vec<u8>) {
    let case_map = spec
        .backend
        .h1_case_adjust
        .then_some(&session.bound.generation.case_map);
    if stream.parsed.websocket && stream.request.first(b"sec-websocket-key").is_none() {
        // The client speaks HTTP/2, which has none.
        let key = websocket::key(random());
        let _ = stream.request.add(b"sec-websocket-key", key.as_bytes());
        stream.made_key = Some(key.into());
    }
    let options = EncodeOptions {
        case_map,
        origin_form: session.io.is_h2(),
    };
    encode_head(&stream.request, out, &options);
}

/// Makes the answer to an upgrade whole for a client of HTTP/1, or checks it for one of HTTP/2,
/// which has no key of its own to do so.
pub(super) fn switch(stream: &mut Stream, conn: &ServerConn) -> Result<(), Halt> {
    let full = |_| Halt::Error(StreamError::Internal);
    if conn.io.is_h2() {
        if let Some(protocol) = stream.request.first(b"upgrade") {
            stream.response.set(b"upgrade", protocol).map_err(full)?;
        }
        if let Some(key) = stream.request.first(b"sec-websocket-key") {
            let accept = websocket::accept(key);
            let accept = accept.as_bytes();
            stream
                .response
                .set(b"sec-websocket-accept", accept)
                .map_err(full)?;
        }
    } else if let Some(key) = &stream.made_key {
        let accept = websocket::accept(key.as_bytes());
        if stream.response.first(b"sec-websocket-accept") != Some(accept.as_bytes()) {
            return Err(StreamError::ServerFault.into());
        }
    }
    Ok(())
}

/// Bytes that nobody can guess.
fn random() -> [u8; 16] {
    let half = || RandomState::new().build_hasher().finish();
    let [a, b] = [half(), half()];
    (u128::from(a) << 64 | u128::from(b)).to_be_bytes()
}

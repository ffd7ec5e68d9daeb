//! The exchange with a server: the request goes up while the response comes down.
//!
//! Both directions are polled by one future. What the response head means is `response`'s.

use std::future::poll_fn;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use lbd_backend::health::Observation;
use lbd_backend::retry::Failure;
use lbd_config::config::ProxySpec;
use lbd_core::Time;
use lbd_http::h1::encode::{EncodeOptions, encode_chunk, encode_head, last_chunk};
use lbd_http::{Framing, Parsed, RequestInfo, Status, count, parse_response, websocket};

use crate::mux::H2Stream;
use crate::server_conn::ServerConn;
use crate::session::Session;
use crate::stream::end::Progress;
use crate::stream::pump::{Blocked, Pump, PumpError, Sink};
use crate::stream::{Halt, Stream, dispatch, headers, request, response, tunnel};
use crate::term::{Phase, StreamError};

/// How long each side may be idle.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) client: Option<Duration>,
    pub(super) server: Option<Duration>,
    pub(super) apart: Apart,
}

/// `option independent-streams`: whether what is written to a side leaves the timeout of reading
/// from it alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Apart {
    client: bool,
    server: bool,
}

impl Apart {
    /// What both sides say.
    pub(super) fn of(session: &Session, backend: &ProxySpec) -> Self {
        Self {
            client: session.spec().options.independent_streams,
            server: backend.options.independent_streams,
        }
    }

    /// Since when the client and the server are silent.
    pub(super) fn silent(self, upload: &Pump, download: &Pump) -> (Time, Time) {
        let active = upload.since.max(download.since);
        (
            if self.client { upload.since } else { active },
            if self.server { download.since } else { active },
        )
    }
}

/// Sends the request and brings the response to the client.
pub(super) async fn run(session: &mut Session, stream: &mut Stream) -> Result<(), Halt> {
    let bound = Rc::clone(&session.bound);
    let Some(id) = stream.backend else {
        return Err(StreamError::Internal.into());
    };
    let spec = &bound.generation.config.proxies[id.index()];
    let Some(mut conn) = stream.conn.take() else {
        return Err(StreamError::Internal.into());
    };
    if conn.io.is_h2() && stream.parsed.upgrade {
        await_websocket(session, stream, spec, &conn).await?;
    }
    let mut upload = begin_upload(session, stream, spec, &mut conn)?;
    upload.holds_body(!stream.body.data.is_empty());
    upload.without_trailers(spec.backend.drop_request_trailers);
    upload.without_delay(no_delay(session, spec));
    upload.with_splice(may_splice(session, spec.options.splice_request));
    if !stream.is_replayable {
        stream.body.data.clear();
    }
    stream.enter(Phase::Headers, session);
    let limits = Limits {
        client: session.client_timeout(),
        server: stream.facts.asked.server_timeout.or(spec.timeouts.server),
        apart: Apart::of(session, spec),
    };
    let parsed = loop {
        let waiting = Waiting {
            upload: &mut upload,
            limits,
            spec,
        };
        let parsed = match waiting.for_head(session, stream, &mut conn).await {
            Ok(parsed) => parsed,
            Err(lost) => return Err(on_lost(session, stream, spec, upload, &conn, lost).await),
        };
        if !parsed.informational {
            break parsed;
        }
        response::forward_informational(session, stream).await?;
    };
    if parsed.upgrade {
        if !upload.ended {
            // Nobody could tell the rest of the content from what the new protocol says.
            return Err(StreamError::ServerFault.into());
        }
        switch(stream, &conn)?;
    }
    note_glitches(session, stream, &conn);
    stream.conn = Some(conn);
    if let Err(halt) = response::process(session, stream, spec, &parsed).await {
        count_moved(stream, &upload, None);
        stream.body.decoder = upload.into_parts().1;
        return Err(halt);
    }
    if parsed.tunnel {
        return tunnel::after_switch(session, stream, spec, upload).await;
    }
    let result = body(session, stream, spec, &parsed, upload, limits).await;
    result.map_err(Halt::Error)
}

/// `option http-no-delay` of either side.
pub(super) fn no_delay(session: &Session, spec: &ProxySpec) -> bool {
    spec.options.no_delay || session.spec().options.no_delay
}

/// Whether bodies may be spliced: unless the configuration forbids it.
pub(super) fn may_splice(session: &Session, option: Option<bool>) -> bool {
    option != Some(false) && !session.bound.generation.config.global.no_splice
}

/// Adds what pumps found of the bodies.
pub(super) fn count_moved(stream: &mut Stream, upload: &Pump, download: Option<&Pump>) {
    let bytes = &mut stream.facts.bytes;
    bytes.request_in += upload.content();
    bytes.request_out += upload.content();
    let found = download.map_or(0, Pump::content);
    bytes.response_in += found;
    bytes.response_out += found;
}

/// Counts what went through pipes, for both sides.
pub(super) fn count_spliced(session: &Session, stream: &Stream, upload: &Pump, download: &Pump) {
    if upload.spliced == 0 && download.spliced == 0 {
        return;
    }
    let worker = session.worker.index;
    let process = session.worker.shared.process().counters.of(worker);
    process.spliced_in.add(upload.spliced);
    process.spliced_out.add(download.spliced);
    let front = session.counters();
    front.spliced_in.add(upload.spliced);
    front.spliced_out.add(download.spliced);
    if let Some(id) = stream.backend {
        let state = session.bound.generation.proxy(id);
        let back = state.backend.of(worker);
        back.spliced_in.add(download.spliced);
        back.spliced_out.add(upload.spliced);
    }
}

/// Notes what both ends did so far, for rules and the log line.
fn note_glitches(session: &mut Session, stream: &mut Stream, conn: &ServerConn) {
    if let Some(h2) = session.io.h2() {
        session.facts.glitches = h2.glitches();
    }
    stream.facts.server_glitches = conn.io.h2().map_or(0, H2Stream::glitches);
}

/// Waits until the server has said whether it takes WebSockets, and gives up when it does not.
async fn await_websocket(
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
fn begin_upload(
    session: &Session,
    stream: &mut Stream,
    spec: &ProxySpec,
    conn: &mut ServerConn,
) -> Result<Pump, Halt> {
    let mut out = session.worker.take_bytes();
    out.append(&mut conn.preface);
    if let (Some(name), Some(server)) = (&spec.backend.send_name_header, stream.server) {
        let value = spec.backend.servers[server.index()].roster.name.as_bytes();
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
    stream.is_replayable = spec.backend.retry_on.needs_request()
        && body.decoder.is_end()
        && !stream.facts.asked.no_l7_retry;
    let mut upload = Pump::new(out, body.decoder.clone(), sink, session.now());
    if sink == Sink::Stream {
        upload.ends_with(trailers, is_end);
    }
    Ok(upload)
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
fn switch(stream: &mut Stream, conn: &ServerConn) -> Result<(), Halt> {
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

/// Why no usable response head came.
enum Lost {
    /// The stream is over.
    Over(StreamError),
    /// The server failed in a way that another attempt may mend.
    Server(Failure),
}

/// The wait for a response head.
struct Waiting<'a> {
    upload: &'a mut Pump,
    limits: Limits,
    spec: &'a ProxySpec,
}

impl Waiting<'_> {
    async fn for_head(
        self,
        session: &mut Session,
        stream: &mut Stream,
        conn: &mut ServerConn,
    ) -> Result<Parsed, Lost> {
        let Self {
            upload,
            limits,
            spec,
        } = self;
        let info = RequestInfo::of(&stream.request, stream.parsed.upgrade);
        let options = request::parse_options(session, spec.backend.accept_unsafe_response);
        let aborts = spec.options.abortonclose.unwrap_or(true);
        let worker = Rc::clone(&session.worker);
        let live = Rc::clone(&session.live);
        let mut upload_broke = false;
        poll_fn(|cx| {
            let now = worker.clock.now();
            if !upload.ended && !upload_broke {
                match poll_upload(cx, session, upload, conn) {
                    Poll::Ready(Err(PumpError::Write)) => upload_broke = true,
                    Poll::Ready(Err(error)) => {
                        return Poll::Ready(Err(Lost::Over(upload_error(&error))));
                    }
                    Poll::Ready(Ok(())) | Poll::Pending => {}
                }
            }
            if let Some(h2) = conn.io.h2() {
                match h2.poll_head(cx, &mut stream.response) {
                    Poll::Ready(Ok(incoming)) => return Poll::Ready(Ok(incoming.parsed)),
                    Poll::Ready(Err(code)) => {
                        let failure = match code {
                            _ if h2.is_faulty() => Failure::JunkResponse,
                            _ => Failure::EmptyResponse,
                        };
                        return Poll::Ready(Err(Lost::Server(failure)));
                    }
                    Poll::Pending => {}
                }
            }
            while !conn.io.is_h2() {
                if !conn.input.is_empty() {
                    match parse_response(conn.input.data(), &mut stream.response, &info, &options) {
                        Ok(Status::Complete(parsed)) => {
                            if let Some(violation) = parsed.violation {
                                response::capture(session, stream, conn, violation);
                            }
                            conn.input.eat(parsed.consumed);
                            if let Err(error) = request::look_ahead(&parsed, conn.input.data()) {
                                response::capture(session, stream, conn, error);
                                return Poll::Ready(Err(Lost::Server(Failure::JunkResponse)));
                            }
                            return Poll::Ready(Ok(parsed));
                        }
                        Ok(Status::Partial) if conn.input.is_full() => {
                            return Poll::Ready(Err(Lost::Server(Failure::JunkResponse)));
                        }
                        Ok(Status::Partial) => {}
                        Err(error) => {
                            response::capture(session, stream, conn, error);
                            return Poll::Ready(Err(Lost::Server(Failure::JunkResponse)));
                        }
                    }
                }
                match response::poll_fill(cx, conn, &worker.pool) {
                    Poll::Ready(Ok(0)) | Poll::Ready(Err(_)) => {
                        let failure = if conn.input.is_empty() {
                            Failure::EmptyResponse
                        } else {
                            Failure::JunkResponse
                        };
                        return Poll::Ready(Err(Lost::Server(failure)));
                    }
                    Poll::Ready(Ok(_)) => live.last_activity.set(now),
                    Poll::Pending => break,
                }
            }
            if let Some(ending) = live.ending() {
                return Poll::Ready(Err(Lost::Over(StreamError::Ended(ending))));
            }
            if upload.ended && aborts && session.io.is_read_closed(cx) {
                return Poll::Ready(Err(Lost::Over(StreamError::ClientAbort)));
            }
            let waits_for_client = !upload.ended && upload.blocked == Blocked::Reading;
            let limit = if waits_for_client {
                limits.client
            } else {
                limits.server
            };
            let deadline = limit.map(|limit| upload.since + limit);
            live.poll_deadline(cx, &worker.clock, deadline).map(|()| {
                Err(if waits_for_client {
                    Lost::Over(StreamError::ClientTimeout)
                } else {
                    Lost::Server(Failure::ResponseTimeout)
                })
            })
        })
        .await
    }
}

fn poll_upload(
    cx: &mut Context<'_>,
    session: &mut Session,
    upload: &mut Pump,
    conn: &ServerConn,
) -> Poll<Result<(), PumpError>> {
    let now = session.worker.clock.now();
    upload.poll(
        cx,
        &session.io,
        &conn.io,
        &mut session.input,
        &session.worker.pool,
        now,
    )
}

fn upload_error(error: &PumpError) -> StreamError {
    match error {
        PumpError::Invalid(error) => StreamError::ClientFault(error.status()),
        PumpError::Write => StreamError::ServerAbort,
        PumpError::Read | PumpError::Truncated => StreamError::ClientAbort,
    }
}

/// No response came: tries again when that is allowed, or says whose fault it was.
async fn on_lost(
    session: &mut Session,
    stream: &mut Stream,
    spec: &ProxySpec,
    upload: Pump,
    conn: &ServerConn,
    lost: Lost,
) -> Halt {
    count_moved(stream, &upload, None);
    // What was taken off the client's bytes for this attempt is gone: another one would send a
    // body with a hole, and fill it with the next request.
    let is_whole = stream.is_replayable || !upload.has_body();
    let unsent = match conn.io.h2() {
        Some(h2) => h2.was_refused() && is_whole,
        None => !upload.has_begun() && is_whole,
    };
    let decoder = upload.into_parts().1;
    let failure = match lost {
        Lost::Over(error) => {
            stream.body.decoder = decoder;
            return error.into();
        }
        Lost::Server(failure) => failure,
    };
    if let Some(server) = &conn.server {
        let what = match failure {
            Failure::ResponseTimeout => Observation::HttpReadTimeout,
            Failure::JunkResponse => Observation::HttpInvalidResponse,
            _ => Observation::HttpBrokenPipe,
        };
        dispatch::observe(session, server, what);
    }
    // Nothing has left on a connection that the server had closed: as if it had not been there.
    let failure = if unsent && (conn.requests > 1 || conn.io.is_h2()) {
        Failure::Connection
    } else {
        failure
    };
    if let Some(after) = dispatch::again(session, stream, spec, failure, false) {
        if !after.is_zero()
            && let Err(error) = session.pause(session.now() + after, true).await
        {
            return error.into();
        }
        return Halt::Again;
    }
    stream.body.decoder = decoder;
    match failure {
        Failure::EmptyResponse if conn.requests > 1 => StreamError::ServerGone.into(),
        Failure::ResponseTimeout => StreamError::ServerTimeout.into(),
        Failure::JunkResponse => StreamError::ServerFault.into(),
        _ => StreamError::ServerAbort.into(),
    }
}

/// Moves the bodies until the response is complete.
async fn body(
    session: &mut Session,
    stream: &mut Stream,
    spec: &ProxySpec,
    parsed: &Parsed,
    upload: Pump,
    limits: Limits,
) -> Result<(), StreamError> {
    let Some(mut conn) = stream.conn.take() else {
        return Err(StreamError::Internal);
    };
    let download = response::pump(session, stream, spec, parsed);
    stream.is_answered = true;
    stream.enter(Phase::Data, session);
    let mut pumps = (upload, download);
    // The rest of the request is read all the same, unless the client is to see a close or waits
    // to be told that it may send.
    let waits = stream.parsed.expect_continue && pumps.0.content() == 0;
    let is_h1 = !session.io.is_h2() && !conn.io.is_h2();
    let finishes = parsed.framing != Framing::UntilClose && is_h1 && !waits;
    let result = both(session, stream, &mut pumps, &mut conn, limits, finishes).await;
    let (upload, download) = pumps;
    count_moved(stream, &upload, Some(&download));
    session
        .live
        .bytes_out
        .set(session.live.bytes_out.get() + download.written);
    count_spliced(session, stream, &upload, &download);
    note_glitches(session, stream, &conn);
    stream.facts.server_fd = None;
    let request_done = upload.ended;
    let is_cut = upload.is_discarding();
    let read_all = download.read_all;
    stream.body.decoder = finish_pump(session, upload);
    finish_pump(session, download);
    if let Err(error) = result {
        if read_all {
            stream.phase = Phase::Last;
        }
        return Err(error);
    }
    stream.phase = Phase::Done;
    stream.keeps_client = stream.keeps_client && request_done;
    stream.lingers = !request_done;
    let keeps =
        parsed.keep_alive && request_done && !is_cut && !headers::server_closes(session, stream);
    if keeps && conn.may_be_kept() {
        keep(session, spec, conn);
    }
    Ok(())
}

fn finish_pump(session: &Session, pump: Pump) -> lbd_http::BodyDecoder {
    let (out, decoder) = pump.into_parts();
    session.worker.give_bytes(out);
    decoder
}

/// Lets go of the connection whose response is not wanted: it is kept when all of that has come.
pub(super) fn recycle(
    session: &mut Session,
    stream: &mut Stream,
    spec: &ProxySpec,
    parsed: &Parsed,
) {
    let Some(mut conn) = stream.conn.take() else {
        return;
    };
    let decoder = &stream.response_body.decoder;
    let (known, is_counted) = match decoder.framing() {
        _ if decoder.is_end() => (0, true),
        Framing::ContentLength(_) => (decoder.remaining_known(), true),
        _ => (0, false),
    };
    let has_come = conn.input.len() as u64 == known;
    if is_counted && has_come && parsed.keep_alive && !headers::server_closes(session, stream) {
        let rest = conn.input.len();
        conn.input.eat(rest);
        if conn.may_be_kept() {
            keep(session, spec, conn);
        }
    }
}

/// Keeps a server connection for the next request.
fn keep(session: &mut Session, spec: &ProxySpec, mut conn: Box<ServerConn>) {
    session.worker.pool.give(std::mem::take(&mut conn.input));
    session.live.server_fd.set(-1);
    let limit = session.spec().frontend.max_session_conns;
    if conn.private || dispatch::keeps_private(spec) {
        session.own_conns.give(conn, limit);
    } else if !session.worker.is_stopping()
        && let Some(conn) = session.worker.idle.give(conn)
        && conn.is_of_client
    {
        // No pool wants it, but none of the others' would serve this client as well.
        session.own_conns.give(conn, limit);
    }
}

async fn both(
    session: &mut Session,
    stream: &mut Stream,
    (upload, download): &mut (Pump, Pump),
    conn: &mut ServerConn,
    limits: Limits,
    finishes: bool,
) -> Result<(), StreamError> {
    let mut progress = Progress::new(session);
    let worker = Rc::clone(&session.worker);
    let live = Rc::clone(&session.live);
    let mut upload_broke = false;
    poll_fn(|cx| {
        let now = worker.clock.now();
        if !download.ended {
            let polled = download.poll(
                cx,
                &conn.io,
                &session.io,
                &mut conn.input,
                &worker.pool,
                now,
            );
            match polled {
                Poll::Ready(Ok(())) if !finishes => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) if upload_broke => {
                    upload.discard(&mut session.input, &worker.pool)
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(download_error(&error))),
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
        }
        if download.ended && upload.ended {
            return Poll::Ready(Ok(()));
        }
        if upload.ended && session.io.is_read_closed(cx) && session.io.is_broken(cx) {
            return Poll::Ready(Err(StreamError::ClientAbort));
        }
        live.last_activity.set(download.since.max(upload.since));
        progress.note(session, stream, upload.content(), download.content());
        while !upload.ended && (!upload_broke || upload.is_discarding()) {
            match poll_upload(cx, session, upload, conn) {
                // The server has stopped reading; its answer may be complete all the same.
                Poll::Ready(Err(PumpError::Write)) => {
                    upload_broke = true;
                    if download.ended {
                        upload.discard(&mut session.input, &worker.pool);
                    }
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(upload_error(&error))),
                Poll::Ready(Ok(())) if download.ended => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) | Poll::Pending => break,
            }
        }
        if let Some(ending) = live.ending() {
            return Poll::Ready(Err(StreamError::Ended(ending)));
        }
        let (deadline, error) = next_deadline(upload, download, upload_broke, limits);
        live.poll_deadline(cx, &worker.clock, deadline)
            .map(|()| Err(error))
    })
    .await
}

/// Which side must move next, and until when.
fn next_deadline(
    upload: &Pump,
    download: &Pump,
    upload_broke: bool,
    limits: Limits,
) -> (Option<Time>, StreamError) {
    let (of_client, of_server) = limits.apart.silent(upload, download);
    let client = |since: Time| {
        (
            limits.client.map(|limit| since + limit),
            StreamError::ClientTimeout,
        )
    };
    let server = |since: Time| {
        (
            limits.server.map(|limit| since + limit),
            StreamError::ServerTimeout,
        )
    };
    let of_download = match download.blocked {
        Blocked::Writing => client(download.since),
        _ => server(of_server),
    };
    if upload.ended || (upload_broke && !upload.is_discarding()) {
        return of_download;
    }
    let of_upload = match upload.blocked {
        Blocked::Writing => server(upload.since),
        _ => client(of_client),
    };
    if download.ended {
        return of_upload;
    }
    match (of_download.0, of_upload.0) {
        (Some(first), Some(second)) if second < first => of_upload,
        (None, Some(_)) => of_upload,
        _ => of_download,
    }
}

fn download_error(error: &PumpError) -> StreamError {
    match error {
        PumpError::Write => StreamError::ClientAbort,
        PumpError::Invalid(_) => StreamError::ServerFault,
        PumpError::Read | PumpError::Truncated => StreamError::ServerAbort,
    }
}

//! Streams without messages: TCP mode, and what follows an upgrade or CONNECT.
//!
//! Each direction ends by itself; bytes that nobody looks at go by pipes.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use lbd_config::config::{LogLine, Mode, ProxySpec};
use lbd_core::{ProxyId, Time};
use lbd_http::{Head, ParseOptions, Status, count, parse_request};
use lbd_rules::program::{Cursor, Program, Verdict};
use lbd_rules::view::Buffered;

use crate::log;
use crate::server_conn::ServerConn;
use crate::session::Session;
use crate::stream::end::Progress;
use crate::stream::exchange::Apart;
use crate::stream::pump::{self, Blocked, Pump, PumpError};
use crate::stream::rules::{self, Raw};
use crate::stream::{
    Halt, Stream, answer, backend, dispatch, end, exchange, request, route, stick,
};
use crate::term::{Phase, StreamError};

/// Serves a connection in TCP mode; true when it is to go on as HTTP.
pub(crate) async fn run_tcp(session: &mut Session) -> bool {
    session.counters().other_sessions.inc();
    let stream = session.worker.take_stream();
    let mut guard = end::Guard::new(session, stream);
    let (session, stream) = guard.parts();
    request::begin(session, stream);
    stream.facts.timers.request_received = Some(session.now());
    if matches!(session.spec().log.format, LogLine::Default) {
        log::stream(session, stream);
    }
    let result = Box::pin(drive(session, stream)).await;
    let switches = matches!(result, Err(Halt::Switch));
    match result {
        Ok(()) => {}
        Err(Halt::Error(error) | Halt::Close(error)) => {
            // What was looked at and goes nowhere.
            stream.facts.bytes.request_in += session.input.len() as u64;
            error.mark(stream.phase, &mut stream.facts.term);
            answer::count_failure(session, stream, error, stream.phase);
            session.swallow();
        }
        // The streams to come are logged, not the connection that carries them.
        Err(Halt::Switch) => stream.is_logged = true,
        Err(Halt::Reply(_) | Halt::Service(_) | Halt::Again) => {
            StreamError::Internal.mark(stream.phase, &mut stream.facts.term);
        }
    }
    // A connection without data (haproxy 3.4 configuration 4.2, `option dontlognull`).
    if session.spec().frontend.dontlognull && stream.facts.bytes.request_in == 0 {
        stream.is_logged = true;
    }
    guard.finish();
    switches
}

async fn drive(session: &mut Session, stream: &mut Stream) -> Result<(), Halt> {
    stream.place = Some(session.frontend);
    inspect(session, stream, session.frontend).await?;
    route::choose(session, stream)?;
    let Some(id) = stream.backend else {
        return Err(StreamError::Internal.into());
    };
    if id != session.frontend {
        inspect(session, stream, id).await?;
    }
    let bound = Rc::clone(&session.bound);
    let spec = &bound.generation.config.proxies[id.index()];
    if spec.mode == Mode::Http {
        return Err(Halt::Switch);
    }
    stream.wanted = backend::use_server(session, stream, spec);
    let input = std::mem::take(&mut session.input);
    stick::on_request(session, stream, spec, Some(input.data()));
    session.input = input;
    dispatch::connect(session, stream).await?;
    let Some(mut conn) = stream.conn.take() else {
        return Err(StreamError::Internal.into());
    };
    stream.enter(Phase::Data, session);
    if session.spec().log.asap {
        stream.facts.logged_early = true;
        log::stream(session, stream);
    }
    let now = session.now();
    let mut upload = Pump::raw(
        std::mem::take(&mut conn.preface),
        exchange::may_splice(session, spec.options.splice_request),
        now,
    );
    let download = Pump::raw(
        Vec::new(),
        exchange::may_splice(session, spec.options.splice_response),
        now,
    );
    if !spec.rules.tcp_response.is_empty() {
        inspect_response(session, stream, spec, &mut conn, &mut upload).await?;
    }
    stick::on_response(session, stream, spec, Some(conn.input.data()));
    relay(session, stream, spec, conn, upload, download)
        .await
        .map_err(Halt::Error)
}

/// Runs `tcp-request content` rules of a proxy on what the client sends.
async fn inspect(session: &mut Session, stream: &mut Stream, proxy: ProxyId) -> Result<(), Halt> {
    let bound = Rc::clone(&session.bound);
    let rules = &bound.generation.config.proxies[proxy.index()].rules;
    if rules.tcp_content.is_empty() {
        return Ok(());
    }
    stream.place = Some(proxy);
    let until = session.now() + rules.inspect_delay.unwrap_or_default();
    let mut cursor = Cursor::default();
    let mut is_closed = false;
    loop {
        // A buffer without room yet is not a full one.
        let is_full = session.input.capacity() > 0 && session.input.is_full();
        let late = is_closed || session.now() >= until || is_full;
        let verdict = content(
            session,
            stream,
            &rules.tcp_content,
            &mut cursor,
            late,
            is_closed,
        );
        match verdict {
            Verdict::Continue | Verdict::Stop => return Ok(()),
            Verdict::Wait(_) if late => return Ok(()),
            Verdict::Wait(_) => {}
            Verdict::SwitchMode { .. } => return Err(Halt::Switch),
            verdict => return Err(rules::decide(session, stream, verdict).await),
        }
        match session.fill(Some(until)).await {
            Ok(0) => is_closed = true,
            Ok(_) | Err(StreamError::ClientTimeout) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn content(
    session: &mut Session,
    stream: &mut Stream,
    program: &Program,
    cursor: &mut Cursor,
    is_final: bool,
    is_closed: bool,
) -> Verdict {
    let input = std::mem::take(&mut session.input);
    let options = request::parse_options(session, false);
    let head = head(input.data(), &mut stream.request, &options);
    stream.has_request = head == Some(true);
    let request = Buffered {
        data: input.data(),
        complete: is_closed,
        full: input.capacity() > 0 && input.is_full(),
        announced: None,
        awaits_head: head.is_none() && !is_closed,
    };
    let raw = Raw {
        request,
        response: Buffered::default(),
    };
    let verdict = rules::evaluate(session, stream, program, cursor, Some(raw), is_final);
    session.input = input;
    // It was only looked at.
    stream.has_request = false;
    verdict
}

/// Reads the head of an HTTP request out of a connection in TCP mode, as rules may ask for it
/// (haproxy 3.4 configuration 7.3.6): whether there is one, `None` while it may still come.
fn head(data: &[u8], into: &mut Head, options: &ParseOptions) -> Option<bool> {
    match parse_request(data, into, options) {
        Ok(Status::Complete(_)) => Some(true),
        Ok(Status::Partial) => None,
        Err(_) => Some(false),
    }
}

/// Runs `tcp-response content` rules on what the server sends first.
async fn inspect_response(
    session: &mut Session,
    stream: &mut Stream,
    spec: &ProxySpec,
    conn: &mut ServerConn,
    upload: &mut Pump,
) -> Result<(), Halt> {
    let until = session.now() + spec.rules.response_inspect_delay.unwrap_or_default();
    let mut cursor = Cursor::default();
    let mut is_closed = false;
    let worker = Rc::clone(&session.worker);
    stream.place = Some(spec.id);
    stream.in_response = true;
    loop {
        let late = is_closed || session.now() >= until;
        let input = std::mem::take(&mut conn.input);
        let response = Buffered {
            data: input.data(),
            complete: is_closed,
            full: false,
            announced: None,
            awaits_head: false,
        };
        let raw = Raw {
            request: Buffered::default(),
            response,
        };
        let program = &spec.rules.tcp_response;
        let verdict = rules::evaluate(session, stream, program, &mut cursor, Some(raw), late);
        conn.input = input;
        match verdict {
            Verdict::Continue | Verdict::Stop => return Ok(()),
            Verdict::Wait(_) if late => return Ok(()),
            Verdict::Wait(_) => {}
            verdict => return Err(rules::decide(session, stream, verdict).await),
        }
        let read = poll_fn(|cx| {
            // The server may answer only to what the client still sends.
            if !upload.ended {
                let now = worker.clock.now();
                let (input, pool) = (&mut session.input, &worker.pool);
                match upload.poll(cx, &session.io, &conn.io, input, pool, now) {
                    Poll::Ready(Ok(())) => conn.io.shutdown_write(),
                    Poll::Ready(Err(PumpError::Write)) => {
                        return Poll::Ready(Err(StreamError::ServerAbort));
                    }
                    Poll::Ready(Err(_)) => return Poll::Ready(Err(StreamError::ClientAbort)),
                    Poll::Pending => {}
                }
            }
            if let Poll::Ready(read) = super::response::poll_fill(cx, conn, &worker.pool) {
                return Poll::Ready(read.map(Some).map_err(|_| StreamError::ServerAbort));
            }
            if let Some(ending) = session.live.ending() {
                return Poll::Ready(Err(StreamError::Ended(ending)));
            }
            session
                .live
                .poll_deadline(cx, &worker.clock, Some(until))
                .map(|()| Ok(None))
        })
        .await?;
        is_closed = is_closed || read == Some(0);
    }
}

/// Goes on as a tunnel after a 101 or a successful CONNECT.
pub(super) async fn after_switch(
    session: &mut Session,
    stream: &mut Stream,
    spec: &ProxySpec,
    upload: Pump,
) -> Result<(), Halt> {
    let Some(conn) = stream.conn.take() else {
        return Err(StreamError::Internal.into());
    };
    exchange::count_moved(stream, &upload, None);
    stream.facts.bytes.response_out += count::head_len(&stream.response);
    session.worker.give_bytes(upload.into_parts().0);
    let mut out = session.worker.take_bytes();
    let head = answer::put_head(session, stream, false, &mut out);
    stream.is_answered = true;
    stream.keeps_client = false;
    stream.enter(Phase::Data, session);
    let now = session.now();
    let up = Pump::raw(Vec::new(), exchange::may_splice(session, None), now);
    let mut down = Pump::raw(out, exchange::may_splice(session, None), now);
    if session.io.is_h2() {
        down.written += head;
    }
    relay(session, stream, spec, conn, up, down)
        .await
        .map_err(Halt::Error)
}

/// Timeouts of a tunnel.
#[derive(Debug, Clone, Copy)]
struct TunnelLimits {
    client: Option<Duration>,
    server: Option<Duration>,
    tunnel: Option<Duration>,
    client_fin: Option<Duration>,
    server_fin: Option<Duration>,
    apart: Apart,
}

/// Moves bytes both ways until both sides have ended.
async fn relay(
    session: &mut Session,
    stream: &mut Stream,
    spec: &ProxySpec,
    mut conn: Box<ServerConn>,
    mut upload: Pump,
    mut download: Pump,
) -> Result<(), StreamError> {
    let timeouts = &session.spec().timeouts;
    let limits = TunnelLimits {
        client: session.client_timeout(),
        server: stream.facts.asked.server_timeout.or(spec.timeouts.server),
        tunnel: stream.facts.asked.tunnel_timeout.or(spec.timeouts.tunnel),
        client_fin: timeouts.client_fin,
        server_fin: spec.timeouts.server_fin,
        apart: Apart::of(session, spec),
    };
    let mut progress = Progress::new(session);
    let worker = Rc::clone(&session.worker);
    let live = Rc::clone(&session.live);
    let (mut up_shut, mut down_shut) = (false, false);
    let result = poll_fn(|cx| {
        let now = worker.clock.now();
        if !up_shut {
            let polled = upload.poll(
                cx,
                &session.io,
                &conn.io,
                &mut session.input,
                &worker.pool,
                now,
            );
            match polled {
                Poll::Ready(Ok(())) => {
                    conn.io.shutdown_write();
                    up_shut = true;
                }
                Poll::Ready(Err(PumpError::Write)) => {
                    return Poll::Ready(Err(StreamError::ServerAbort));
                }
                Poll::Ready(Err(_)) => return Poll::Ready(Err(StreamError::ClientAbort)),
                Poll::Pending => {}
            }
        }
        if !down_shut {
            worker.tell_changes();
            let polled = download.poll(
                cx,
                &conn.io,
                &session.io,
                &mut conn.input,
                &worker.pool,
                now,
            );
            match polled {
                Poll::Ready(Ok(())) => {
                    session.io.shutdown_write();
                    down_shut = true;
                }
                Poll::Ready(Err(PumpError::Write)) => {
                    return Poll::Ready(Err(StreamError::ClientAbort));
                }
                Poll::Ready(Err(_)) => return Poll::Ready(Err(StreamError::ServerAbort)),
                Poll::Pending => {}
            }
        }
        if up_shut && down_shut {
            return Poll::Ready(Ok(()));
        }
        live.last_activity.set(upload.since.max(download.since));
        progress.note(session, stream, upload.content(), download.content());
        if let Some(ending) = live.ending() {
            return Poll::Ready(Err(StreamError::Ended(ending)));
        }
        let (deadline, error) = deadline(&upload, &download, up_shut, down_shut, limits);
        let nudge = pump::first(&upload, &download);
        live.poll_deadline_with(cx, &worker.clock, deadline, nudge)
            .map(|()| Err(error))
    })
    .await;
    exchange::count_moved(stream, &upload, Some(&download));
    live.bytes_out.set(live.bytes_out.get() + download.written);
    exchange::count_spliced(session, stream, &upload, &download);
    stream.body.complete = true;
    if result.is_ok() {
        stream.phase = Phase::Done;
    }
    result
}

/// When a quiet tunnel ends, and by whose fault.
fn deadline(
    upload: &Pump,
    download: &Pump,
    up_shut: bool,
    down_shut: bool,
    limits: TunnelLimits,
) -> (Option<Time>, StreamError) {
    let active = upload.since.max(download.since);
    let after = |limit: Option<Duration>| limit.map(|limit| active + limit);
    if up_shut {
        // The client has closed its side: the server is waited for.
        let limit = limits.server_fin.or(limits.tunnel).or(limits.server);
        return (after(limit), StreamError::ServerTimeout);
    }
    if down_shut {
        let limit = limits.client_fin.or(limits.tunnel).or(limits.client);
        return (after(limit), StreamError::ClientTimeout);
    }
    if let Some(limit) = limits.tunnel {
        return (Some(active + limit), StreamError::ServerTimeout);
    }
    let client_blocks = download.blocked == Blocked::Writing;
    let server_blocks = upload.blocked == Blocked::Writing;
    let (of_client, of_server) = limits.apart.silent(upload, download);
    let client = (
        limits.client.map(|limit| of_client + limit),
        StreamError::ClientTimeout,
    );
    let server = (
        limits.server.map(|limit| of_server + limit),
        StreamError::ServerTimeout,
    );
    match (client_blocks, server_blocks) {
        (true, _) => client,
        (_, true) => server,
        _ => match (client.0, server.0) {
            (Some(of_client), Some(of_server)) if of_server < of_client => server,
            (None, Some(_)) => server,
            _ => client,
        },
    }
}

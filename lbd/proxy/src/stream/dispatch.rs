//! From a backend to a connection: choose a server, wait for a slot, reuse or connect, retry.
//!
//! The decisions are `lbd-backend`'s; only waiting and connecting happen here.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use lbd_backend::health::Observation;
use lbd_backend::retry::{Attempt, Failure, Retry, RetrySpec};
use lbd_backend::reuse::ReuseMode;
use lbd_backend::{Algorithm, State};
use lbd_config::config::{Mode, ProxySpec, ServerSpec};
use lbd_core::{ProxyId, ServerId, Time};
use lbd_rules::facts::Target as LogTarget;
use lbd_rules::program::Reply;

use crate::log;
use crate::server_conn::ServerConn;
use crate::session::Session;
use crate::state::ServerState;
use crate::stream::{Halt, Stream, answer, assign, end, open};
use crate::term::{Phase, StreamError};

/// Gets the stream a connection; everything else is an error to be answered.
pub(super) async fn connect(session: &mut Session, stream: &mut Stream) -> Result<(), Halt> {
    let bound = Rc::clone(&session.bound);
    let Some(id) = stream.backend else {
        return Err(StreamError::Internal.into());
    };
    let spec = &bound.generation.config.proxies[id.index()];
    answer::settle(session).await?;
    loop {
        let server = match &spec.backend.dispatch {
            Some(_) => None,
            None => Some(assign::assign(session, stream, spec).await?),
        };
        if stream.facts.timers.dequeued.is_none() {
            stream.facts.timers.dequeued = Some(session.now());
        }
        stream.enter(Phase::Connect, session);
        let state = server.and_then(|server| bound.generation.server(id, server));
        if let Some(server) = server {
            occupy(session, stream, id, server);
            if let Some(reply) = state.and_then(|state| redirect(stream, &state.spec)) {
                count_session(session, stream);
                return Err(Halt::Reply(reply));
            }
        }
        let params = open::Params::of(session, stream, spec, state);
        if let Some(conn) = open::reuse(session, stream, spec, state, &params) {
            count_session(session, stream);
            established(session, stream, conn, true);
            return Ok(());
        }
        match open::open(session, stream, spec, state, params).await {
            Ok(conn) => {
                established(session, stream, conn, false);
                return Ok(());
            }
            Err(failure) => failed(session, stream, spec, state, failure).await?,
        }
    }
}

/// `option abortonclose`, which HTTP backends have by default.
pub(super) fn watches_client(session: &Session, spec: &ProxySpec) -> bool {
    let is_http = session.spec().mode == Mode::Http;
    spec.options.abortonclose.unwrap_or(is_http)
}

/// Counts the stream among a server's.
fn occupy(session: &Session, stream: &mut Stream, backend: ProxyId, server: ServerId) {
    if stream.held.server == Some(server) {
        return;
    }
    end::leave_server(session, stream, backend);
    let Some(state) = session.bound.generation.server(backend, server) else {
        return;
    };
    state.streams.enter();
    stream.held.server = Some(server);
    stream.held.is_counted = false;
    session.live.server.set(Some(server));
    aim(stream, server);
}

/// The stream belongs to a server from now on, be it in its queue or at it.
pub(super) fn aim(stream: &mut Stream, server: ServerId) {
    let previous = stream.server.replace(server);
    stream.facts.target = LogTarget::Server(server);
    if previous.is_some_and(|previous| previous != server) {
        stream.facts.redispatched = true;
    }
}

/// Counts the stream among its server's sessions, once for each attempt that leaves this machine.
pub(super) fn count_session(session: &Session, stream: &mut Stream) {
    let generation = &session.bound.generation;
    let server = stream.held.server.zip(stream.backend);
    if let Some((server, backend)) = server.filter(|_| !stream.held.is_counted)
        && let Some(state) = generation.server(backend, server)
    {
        stream.held.is_counted = true;
        let counters = state.counters.of(session.worker.index);
        counters.session(session.now());
    }
}

/// A server with `redir` is not connected to: GET and HEAD are sent there by the client itself.
fn redirect(stream: &Stream, server: &ServerSpec) -> Option<Box<Reply>> {
    let prefix = server.redir.as_ref()?;
    if !matches!(stream.request_view()?.method(), b"GET" | b"HEAD") {
        return None;
    }
    let mut location = prefix.clone();
    location.extend_from_slice(lbd_http::uri::pathq(stream.request.target())?);
    let mut reply = Box::new(Reply {
        keep_alive: true,
        ..Reply::default()
    });
    reply.head.start_response(b"HTTP/1.1", 302, b"Found").ok()?;
    reply.head.add(b"cache-control", b"no-cache").ok()?;
    reply.head.add(b"content-length", b"0").ok()?;
    reply.head.add(b"location", &location).ok()?;
    Some(reply)
}

fn established(
    session: &mut Session,
    stream: &mut Stream,
    mut conn: Box<ServerConn>,
    reused: bool,
) {
    let worker = session.worker.index;
    conn.requests = conn.requests.saturating_add(1);
    stream.facts.timers.connected = Some(session.now());
    stream.facts.server_reused = reused;
    stream.facts.server_http_major = match stream.has_request {
        true if conn.io.is_h2() => 2,
        has_request => u8::from(has_request),
    };
    stream.facts.server_tls = conn.tls.clone();
    stream.facts.server_src = conn.local;
    stream.facts.server_dst = conn.remote;
    let backend = stream.backend.map(|id| session.bound.generation.proxy(id));
    if let Some(state) = backend.filter(|_| stream.facts.server_http_major == 1) {
        state.backend.of(worker).h1_streams.inc();
    }
    let server = conn.server.as_ref();
    let counters = [
        backend.map(|state| state.backend.of(worker)),
        server.map(|state| state.counters.of(worker)),
    ];
    for counters in counters.into_iter().flatten() {
        if reused {
            counters.reuses.inc();
        } else {
            counters.connects.inc();
        }
    }
    if !reused && let Some(server) = server {
        observe(session, server, Observation::L4Ok);
    }
    session.live.server_fd.set(conn.io.raw_fd());
    stream.facts.server_fd = Some(conn.io.raw_fd());
    session.last_server = stream.backend.zip(stream.server);
    stream.conn = Some(conn);
}

/// Tells the observer, when the server wants traffic to be watched.
pub(super) fn observe(session: &Session, server: &ServerState, what: Observation) {
    if server.spec.health.observe.is_some() {
        session
            .worker
            .shared
            .setup()
            .observer
            .observed(server, what);
    }
}

/// What a backend says about retries, as rules may have changed it.
pub(super) fn retry_spec(stream: &Stream, spec: &ProxySpec) -> RetrySpec {
    RetrySpec {
        retries: stream.facts.asked.retries.unwrap_or(spec.backend.retries),
        redispatch: spec.backend.redispatch,
        on: spec.backend.retry_on,
        connect_timeout: stream.facts.asked.connect_timeout.or(spec.timeouts.connect),
    }
}

/// Decides about another attempt after a failure, and prepares it; the pause before it.
pub(super) fn again(
    session: &Session,
    stream: &mut Stream,
    spec: &ProxySpec,
    failure: Failure,
    delayed: bool,
) -> Option<Duration> {
    let state = session.bound.generation.proxy(spec.id);
    let server = stream.server;
    let placement = server
        .and_then(|server| state.roster.server(server, session.now()))
        .map_or(State::Running, |view| view.placement.state);
    let attempt = Attempt {
        retries: stream.facts.retries,
        replayable: stream.is_replayable,
        forced: stream.forces_persistence,
        direct: stream.wanted.is_some(),
        server: placement,
        active: state.roster.view().active,
        hashed: matches!(spec.backend.roster.algorithm, Algorithm::Hash(_)),
        reused: stream.facts.server_reused && failure != Failure::Connection,
        delayed,
    };
    let decision = retry_spec(stream, spec).decide(failure, &attempt);
    let after = match decision {
        Retry::GiveUp => return None,
        Retry::SameServer { after } => {
            stream.wanted = server;
            after
        }
        Retry::Redispatch { after } => {
            stream.wanted = None;
            stream.avoid = server;
            stream.cookie.redispatched();
            after
        }
    };
    stream.facts.retries += 1;
    let worker = session.worker.index;
    let server = server.and_then(|server| state.servers.get(server.index()));
    let server = server.map(|server| server.counters.of(worker));
    // Either the one or the other, for the server that has failed.
    let leaves = failure == Failure::Connection && matches!(decision, Retry::Redispatch { .. });
    for counters in [Some(state.backend.of(worker)), server]
        .into_iter()
        .flatten()
    {
        match leaves {
            true => counters.redispatches.inc(),
            false => counters.retries.inc(),
        }
    }
    Some(after)
}

async fn failed(
    session: &mut Session,
    stream: &mut Stream,
    spec: &ProxySpec,
    server: Option<&Arc<ServerState>>,
    failure: open::OpenFailure,
) -> Result<(), Halt> {
    stream.facts.server_error = failure.code;
    if matches!(
        failure.error,
        StreamError::ClientAbort | StreamError::Ended(_)
    ) {
        return Err(failure.error.into());
    }
    let worker = session.worker.index;
    if let Some(error) = failure.errno {
        log::unconnected(session, spec, error);
    }
    // Our own want of descriptors or ports says nothing about the server.
    if let Some(server) = server.filter(|_| failure.error != StreamError::Resource) {
        observe(session, server, Observation::L4Error);
    }
    let Some(after) = again(session, stream, spec, Failure::Connection, failure.delayed) else {
        session
            .bound
            .generation
            .proxy(spec.id)
            .backend
            .of(worker)
            .failed_connections
            .inc();
        if let Some(server) = server {
            server.counters.of(worker).failed_connections.inc();
        }
        return Err(failure.error.into());
    };
    // The next attempt counts as a session of its server's again.
    end::leave_server(session, stream, spec.id);
    if !after.is_zero() {
        let until: Time = session.now() + after;
        session.pause(until, watches_client(session, spec)).await?;
    }
    Ok(())
}

/// Whether connections of a backend stay with their session.
pub(super) fn keeps_private(spec: &ProxySpec) -> bool {
    spec.backend.reuse == ReuseMode::Never
}

//! From a backend to a connection: choose a server, wait for a slot, reuse or connect, retry.
//!
//! The decisions are `lbd-backend`'s; only waiting and connecting happen here.

use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, SocketAddrV4};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use lbd_backend::health::Observation;
use lbd_backend::retry::{Attempt, Failure, Retry, RetrySpec};
use lbd_backend::reuse::{IdleKind, ReuseMode, takes};
use lbd_backend::{Algorithm, Ask, Assigned, Outcome, State, Target, Ticket, Wake};
use lbd_config::config::{DispatchSpec, Mode, ProxySpec, ServerAddress, ServerSpec, UseSrc};
use lbd_core::{ProxyId, ServerId, Time};
use lbd_http::header;
use lbd_rules::facts::{ConnError, Target as LogTarget};
use lbd_rules::program::Reply;

use crate::connect::{self, Dial};
use crate::server_conn::{ServerConn, Wanted};
use crate::session::Session;
use crate::state::ServerState;
use crate::stream::{Halt, Stream, backend, end};
use crate::term::{Phase, StreamError};
use crate::transport::Transport;

/// Gets the stream a connection; everything else is an error to be answered.
pub(super) async fn connect(session: &mut Session, stream: &mut Stream) -> Result<(), Halt> {
    let bound = Rc::clone(&session.bound);
    let Some(id) = stream.backend else {
        return Err(StreamError::Internal.into());
    };
    let spec = &bound.generation.config.proxies[id.index()];
    loop {
        let server = match &spec.backend.dispatch {
            Some(_) => None,
            None => Some(assign(session, stream, spec).await?),
        };
        if stream.facts.timers.dequeued.is_none() {
            stream.facts.timers.dequeued = Some(session.now());
        }
        stream.enter(Phase::Connect, session);
        let state = server.and_then(|server| bound.generation.server(id, server));
        if let Some(server) = server {
            occupy(session, stream, id, server);
            if let Some(reply) = redirect(stream, &spec.backend.servers[server.index()]) {
                return Err(Halt::Reply(reply));
            }
        }
        if let Some(conn) = reuse(session, stream, spec, state) {
            established(session, stream, conn, true);
            return Ok(());
        }
        match open(session, stream, spec, state).await {
            Ok(conn) => {
                established(session, stream, conn, false);
                return Ok(());
            }
            Err(failure) => failed(session, stream, spec, state, failure).await?,
        }
    }
}

/// A wait in a queue: leaving it by whatever way gives the place, or a slot granted too late, back.
struct Waiting<'a> {
    session: &'a Session,
    backend: ProxyId,
    ticket: Option<Ticket>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket.take() else {
            return;
        };
        let generation = &self.session.bound.generation;
        if generation
            .proxy(self.backend)
            .roster
            .cancel(&ticket)
            .is_some()
        {
            return;
        }
        // The grant is here or under way.
        match self.session.live.unclaimed() {
            Some(server) => generation.proxy(self.backend).release(
                server,
                &self.session.worker.shared,
                self.session.now(),
            ),
            None => self.session.worker.disown(
                self.session.live.id,
                Arc::clone(generation.proxy(self.backend)),
            ),
        }
    }
}

/// Takes a slot of a server, waiting for it when it must.
async fn assign(
    session: &mut Session,
    stream: &mut Stream,
    spec: &ProxySpec,
) -> Result<ServerId, Halt> {
    loop {
        let mut wakes = Vec::new();
        let answer = ask(session, stream, spec, &mut wakes);
        session.worker.shared.deliver(&wakes);
        match answer {
            Assigned::Served(server) => {
                stream.held.slot = Some(server);
                return Ok(server);
            }
            Assigned::Queued(ticket) => {
                stream.enter(Phase::Queue, session);
                let wake = queue(session, stream, spec, ticket).await?;
                if wake.from_server {
                    stream.facts.server_queue = wake.position;
                } else {
                    stream.facts.backend_queue = wake.position;
                }
                if let Outcome::Granted(server) = wake.outcome {
                    stream.held.slot = Some(server);
                    return Ok(server);
                }
                stream.wanted = None;
                stream.cookie.redispatched();
            }
            Assigned::ServerQueueFull(_) | Assigned::QueueLimit => {
                if stream.wanted.is_none() || spec.backend.redispatch.is_none() {
                    stream.enter(Phase::Queue, session);
                    return Err(StreamError::ServerAbort.into());
                }
                stream.wanted = None;
                stream.cookie.redispatched();
            }
            Assigned::NoServer => {
                if stream.wanted.is_none() {
                    stream.enter(Phase::Connect, session);
                    return Err(StreamError::NoServer.into());
                }
                stream.wanted = None;
                stream.cookie.redispatched();
            }
        }
    }
}

fn ask(
    session: &Session,
    stream: &mut Stream,
    spec: &ProxySpec,
    wakes: &mut Vec<Wake>,
) -> Assigned {
    let roster = &session.bound.generation.proxy(spec.id).roster;
    let now = session.now();
    let last = session.last_server.filter(|(backend, server)| {
        spec.backend.prefer_last_server
            && *backend == spec.id
            && stream.avoid != Some(*server)
            && roster.may_prefer(*server, now)
    });
    let wanted = stream.wanted.or_else(|| last.map(|(_, server)| server));
    let arena = session.worker.take_arena();
    let held = stream.held.slot.take();
    let key = match wanted {
        Some(_) => lbd_backend::PickKey::None,
        None => backend::pick_key(session, stream, spec, session.input.data(), &arena),
    };
    let answer = roster.assign(
        &Ask {
            target: wanted.map_or(Target::Balance, Target::Server),
            key,
            avoid: stream.avoid,
            held,
            token: session.live.id,
            class: stream.facts.asked.priority_class,
            offset_ms: stream.facts.asked.priority_offset,
            forced: stream.forces_persistence,
            now,
        },
        wakes,
    );
    session.worker.give_arena(arena);
    answer
}

async fn queue(
    session: &mut Session,
    stream: &mut Stream,
    spec: &ProxySpec,
    ticket: Ticket,
) -> Result<Wake, StreamError> {
    let limit = stream
        .facts
        .asked
        .queue_timeout
        .or(spec.timeouts.queue)
        .or(spec.timeouts.connect);
    let deadline = limit.map(|limit| session.now() + limit);
    let watch = watches_client(session, spec);
    let mut waiting = Waiting {
        session,
        backend: spec.id,
        ticket: Some(ticket),
    };
    let result = poll_fn(|cx| {
        if let Some(wake) = session.live.take_grant() {
            return Poll::Ready(Ok(wake));
        }
        if let Some(ending) = session.live.ending() {
            return Poll::Ready(Err(StreamError::Ended(ending)));
        }
        if watch && session.io.is_read_closed(cx) {
            return Poll::Ready(Err(StreamError::ClientAbort));
        }
        session
            .live
            .poll_deadline(cx, &session.worker.clock, deadline)
            .map(|()| Err(StreamError::ServerTimeout))
    })
    .await;
    if result.is_ok() {
        waiting.ticket = None;
    }
    result
}

/// `option abortonclose`, which HTTP backends have by default.
fn watches_client(session: &Session, spec: &ProxySpec) -> bool {
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
    state
        .counters
        .of(session.worker.index)
        .session(session.now());
    stream.held.server = Some(server);
    let previous = stream.server.replace(server);
    stream.facts.target = LogTarget::Server(server);
    session.live.server.set(Some(server));
    if previous.is_some_and(|previous| previous != server) {
        stream.facts.redispatched = true;
        let worker = session.worker.index;
        let generation = &session.bound.generation;
        generation
            .proxy(backend)
            .backend
            .of(worker)
            .redispatches
            .inc();
        state.counters.of(worker).redispatches.inc();
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
    reply.head.add(b"location", &location).ok()?;
    reply.head.add(b"cache-control", b"no-cache").ok()?;
    Some(reply)
}

/// An idle connection, when the policy lets this request have one.
fn reuse(
    session: &mut Session,
    stream: &Stream,
    spec: &ProxySpec,
    server: Option<&Arc<ServerState>>,
) -> Option<Box<ServerConn>> {
    let own = session.own_server.take();
    let is_http = stream.has_request;
    let server = server.filter(|_| is_http)?;
    if let Some(own) = own
        && own
            .server
            .as_ref()
            .is_some_and(|kept| Arc::ptr_eq(kept, server))
        && own.is_reusable()
    {
        return Some(own);
    }
    let line = &spec.backend.servers[server.id.index()];
    if binds_client(spec, line) || stream.parsed.connect {
        return None;
    }
    let first = session.facts.streams <= 1;
    let safe = spec.backend.retry_on.makes_reuse_safe();
    let wanted = match takes(spec.backend.reuse, first, safe) {
        [] => return None,
        [IdleKind::Safe] => Wanted::Proven,
        _ => Wanted::Any,
    };
    loop {
        let conn = session.worker.idle.take(spec.id, server, wanted)?;
        let limit = u32::try_from(line.max_reuse).ok();
        if lbd_backend::reuse::may_serve_again(limit, conn.requests) {
            return Some(conn);
        }
    }
}

/// Whether connections to a server carry something of their client.
fn binds_client(spec: &ProxySpec, server: &ServerSpec) -> bool {
    let source = server.source.as_ref().or(spec.backend.source.as_ref());
    let foreign = source.and_then(|source| source.usesrc.as_ref());
    server.send_proxy.is_some()
        || foreign.is_some_and(|usesrc| !matches!(usesrc, UseSrc::Address(_)))
        || matches!(
            server.address,
            ServerAddress::MappedPort(..) | ServerAddress::Transparent { .. }
        )
}

/// How opening a connection failed.
struct OpenFailure {
    error: StreamError,
    /// It came while waiting, not at once.
    delayed: bool,
    code: Option<ConnError>,
}

async fn open(
    session: &mut Session,
    stream: &mut Stream,
    spec: &ProxySpec,
    server: Option<&Arc<ServerState>>,
) -> Result<Box<ServerConn>, OpenFailure> {
    let address = match (&spec.backend.dispatch, server) {
        (Some(DispatchSpec::Address(address)), _) => Arc::new(ServerAddress::Inet(*address)),
        (_, Some(server)) => server.address(),
        (_, None) => Arc::new(ServerAddress::Transparent { port: 0 }),
    };
    let line = server.map(|server| &spec.backend.servers[server.id.index()]);
    let at_once = |error: io::Error| OpenFailure {
        error: match error.raw_os_error() {
            Some(
                libc::EMFILE
                | libc::ENFILE
                | libc::ENOBUFS
                | libc::ENOMEM
                | libc::EADDRINUSE
                | libc::EADDRNOTAVAIL,
            ) => StreamError::Resource,
            _ => StreamError::ServerAbort,
        },
        delayed: false,
        code: Some(conn_error(&error)),
    };
    let (io, remote) =
        connect::start(&dial(session, stream, spec, line, &address)).map_err(at_once)?;
    let limit = stream.facts.asked.connect_timeout.or(spec.timeouts.connect);
    let deadline = limit.map(|limit| session.now() + limit);
    let watch = watches_client(session, spec);
    let late = |error, code| OpenFailure {
        error,
        delayed: true,
        code,
    };
    poll_fn(|cx| {
        if let Poll::Ready(result) = io.poll_writable(cx) {
            let failed = result.err().or_else(|| io.take_error());
            return Poll::Ready(match failed {
                None => Ok(()),
                Some(error) => Err(late(StreamError::ServerAbort, Some(conn_error(&error)))),
            });
        }
        if let Some(ending) = session.live.ending() {
            return Poll::Ready(Err(late(StreamError::Ended(ending), None)));
        }
        if watch && session.io.is_read_closed(cx) {
            return Poll::Ready(Err(late(StreamError::ClientAbort, None)));
        }
        session
            .live
            .poll_deadline(cx, &session.worker.clock, deadline)
            .map(|()| Err(late(StreamError::ServerTimeout, None)))
    })
    .await?;
    if line.is_some_and(|line| line.socks4.is_some())
        && let Some(SocketAddr::V4(to)) =
            connect::destination(&address, stream.facts.dst.unwrap_or(session.facts.conn_dst))
    {
        let refused = |()| late(StreamError::ServerAbort, None);
        socks4(session, &io, to, deadline).await.map_err(refused)?;
    }
    let local = io.local();
    let mut conn = ServerConn::new(
        io,
        server.map(Arc::clone),
        local,
        remote,
        session.worker.index,
    );
    if let Some(line) = line {
        conn.private = binds_client(spec, line);
        super::tunnel::preface(session, stream, line, &address, &mut conn.preface);
    }
    Ok(conn)
}

fn dial<'a>(
    session: &'a Session,
    stream: &'a Stream,
    spec: &'a ProxySpec,
    server: Option<&'a ServerSpec>,
    address: &'a ServerAddress,
) -> Dial<'a> {
    let tune = &session.bound.generation.config.global.tune;
    let source = server.and_then(|server| server.source.as_ref());
    let usesrc = source
        .or(spec.backend.source.as_ref())
        .and_then(|s| s.usesrc.as_ref());
    let header_ip = match usesrc {
        Some(UseSrc::Header(name, occurrence)) => stream.request_view().and_then(|head| {
            let value = header::occurrence(header::hdr(head, name), i64::from(*occurrence))?;
            std::str::from_utf8(value).ok()?.parse().ok()
        }),
        _ => None,
    };
    Dial {
        address,
        backend: spec,
        server,
        client: stream.facts.src.unwrap_or(session.facts.conn_src),
        destination: stream.facts.dst.unwrap_or(session.facts.conn_dst),
        header_ip,
        mark: stream.facts.asked.server_mark,
        tos: stream.facts.asked.server_tos,
        sndbuf: tune.sndbuf_server,
        rcvbuf: tune.rcvbuf_server,
    }
}

/// The reference's number, name and sentence for a failed connect.
fn conn_error(error: &io::Error) -> ConnError {
    let (code, name, text) = match error.raw_os_error() {
        Some(libc::EMFILE) => (1, "CONN_ERR_CONF_FDLIM", "Reached configured maxconn value"),
        Some(libc::EADDRINUSE | libc::EADDRNOTAVAIL) => {
            (5, "CO_ERR_FREE_PORTS", "No more free source ports")
        }
        Some(libc::ECONNREFUSED) => (29, "CO_ERR_REFUSED", "Connection refused by the server"),
        _ => (6, "CO_ERR_SOCK_ERR", "Socket error"),
    };
    ConnError { code, name, text }
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
    stream.facts.server_http_major = u8::from(stream.has_request);
    stream.facts.server_src = conn.local;
    stream.facts.server_dst = conn.remote;
    let backend = stream.backend.map(|id| session.bound.generation.proxy(id));
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
    session.last_server = stream.backend.zip(stream.server);
    stream.conn = Some(conn);
}

/// Asks a SOCKS4 proxy to connect on (`socks4`).
async fn socks4(
    session: &Session,
    io: &Transport,
    to: SocketAddrV4,
    deadline: Option<Time>,
) -> Result<(), ()> {
    let mut request = [4, 1, 0, 0, 0, 0, 0, 0, b'L', b'B', b'D', 0];
    request[2..4].copy_from_slice(&to.port().to_be_bytes());
    request[4..8].copy_from_slice(&to.ip().octets());
    let mut answer = [0; 8];
    let (mut sent, mut got) = (0, 0);
    poll_fn(|cx| {
        while got < answer.len() {
            let moved = if sent < request.len() {
                io.poll_write(cx, &[io::IoSlice::new(&request[sent..])], false)
            } else {
                io.poll_read(cx, &mut answer[got..])
            };
            match moved {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Err(())),
                Poll::Ready(Ok(n)) if sent < request.len() => sent += n,
                Poll::Ready(Ok(n)) => got += n,
                Poll::Pending if session.live.ending().is_some() => return Poll::Ready(Err(())),
                Poll::Pending => {
                    let late = session
                        .live
                        .poll_deadline(cx, &session.worker.clock, deadline);
                    return late.map(|()| Err(()));
                }
            }
        }
        Poll::Ready(Ok(()))
    })
    .await?;
    // A null version and 90: granted.
    if answer[0] == 0 && answer[1] == 90 {
        Ok(())
    } else {
        Err(())
    }
}

/// Tells the observer, when the server wants traffic to be watched.
pub(super) fn observe(session: &Session, server: &ServerState, what: Observation) {
    let spec = &session.bound.generation.config.proxies[server.backend.index()];
    let line = &spec.backend.servers[server.id.index()];
    if line.health.observe.is_some() {
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
    let after = match retry_spec(stream, spec).decide(failure, &attempt) {
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
    state.backend.of(worker).retries.inc();
    if let Some(server) = server.and_then(|server| state.servers.get(server.index())) {
        server.counters.of(worker).retries.inc();
    }
    Some(after)
}

async fn failed(
    session: &mut Session,
    stream: &mut Stream,
    spec: &ProxySpec,
    server: Option<&Arc<ServerState>>,
    failure: OpenFailure,
) -> Result<(), Halt> {
    stream.facts.server_error = failure.code;
    if matches!(
        failure.error,
        StreamError::ClientAbort | StreamError::Ended(_)
    ) {
        return Err(failure.error.into());
    }
    let worker = session.worker.index;
    if let Some(server) = server {
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

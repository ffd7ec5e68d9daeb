//! A connection to a chosen server: an idle one, or a new one.
//!
//! It does not retry: how it failed is told to `dispatch`.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV4};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use lbd_backend::retry::Failure;
use lbd_backend::reuse::{IdleKind, takes};
use lbd_config::config::{
    DispatchSpec, ProxySpec, ServerAddress, ServerSpec, SourceSpec, WebsocketVersion,
};
use lbd_core::Time;
use lbd_http::header;
use lbd_rules::expr::Expr;
use lbd_rules::facts::ConnError;

use crate::connect::{self, Dial};
use crate::handshake;
use crate::mux::back::{Back, Fresh};
use crate::server_conn::{ServerConn, Wanted};
use crate::session::Session;
use crate::state::server::ConnPlace;
use crate::state::{Message, ServerState};
use crate::stream::{Stream, dispatch, exchange};
use crate::term::StreamError;
use crate::tls::TlsStream;
use crate::transport::Transport;

/// What tells connections to the same server apart: those of another key are never taken for a
/// request (haproxy 3.4 configuration 4.2, `http-reuse`).
#[derive(Debug, Default)]
pub(super) struct Params {
    /// Destination, foreign source, mark, type of service, name, then the PROXY header; empty when
    /// the server's line says all.
    key: Vec<u8>,
    /// Where the PROXY header begins in it.
    preface_at: usize,
    /// Name to ask the server for.
    sni: Option<Vec<u8>>,
    /// The key tells of the client, so that hardly another one will ask for it.
    is_of_client: bool,
}

impl Params {
    /// Those of a request's connection to a server.
    pub(super) fn of(
        session: &Session,
        stream: &Stream,
        spec: &ProxySpec,
        server: Option<&Arc<ServerState>>,
    ) -> Self {
        let mut key = Vec::new();
        let Some(server) = server else {
            return Self::default();
        };
        let line = &server.spec;
        if matches!(
            line.address,
            ServerAddress::MappedPort(..) | ServerAddress::Transparent { .. }
        ) {
            let client_dst = stream.facts.dst.unwrap_or_else(|| session.facts.dst());
            let to = connect::destination(&server.address(), client_dst);
            to.iter().for_each(|to| put_address(&mut key, b'd', *to));
        }
        let source = line.source.as_ref().or(spec.backend.source.as_ref());
        let is_foreign = source.is_some_and(|source| source.usesrc.is_some());
        if is_foreign {
            let from = foreign(session, stream, source);
            from.iter()
                .for_each(|from| put_address(&mut key, b's', *from));
        }
        if let Some(mark) = stream.facts.asked.server_mark {
            key.push(b'm');
            key.extend_from_slice(&mark.to_be_bytes());
        }
        if let Some(tos) = stream.facts.asked.server_tos {
            key.extend_from_slice(&[b't', tos]);
        }
        if let Some(name) = &line.pool_conn_name {
            put_name(&mut key, session, stream, name);
        }
        let sni = sni(session, stream, line);
        // The name asked for by TLS is that of the connection, unless the line says another
        // (manual 5.2, pool-conn-name).
        if let Some(name) = sni.as_ref().filter(|_| line.pool_conn_name.is_none()) {
            key.push(b'h');
            key.extend_from_slice(&name.len().to_be_bytes());
            key.extend_from_slice(name);
        }
        if line.send_proxy.is_some() {
            key.push(b'p');
        }
        let preface_at = key.len();
        super::preface::append(session, stream, line, &mut key);
        let is_of_client = key.len() > preface_at || is_foreign;
        Self {
            key,
            preface_at,
            sni,
            is_of_client,
        }
    }
}

fn put_address(key: &mut Vec<u8>, tag: u8, address: SocketAddr) {
    key.push(tag);
    match address.ip() {
        IpAddr::V4(ip) => key.extend_from_slice(&ip.to_ipv6_mapped().octets()),
        IpAddr::V6(ip) => key.extend_from_slice(&ip.octets()),
    }
    key.extend_from_slice(&address.port().to_be_bytes());
}

/// The name to ask a server for; connections with different names are not the same.
fn sni(session: &Session, stream: &Stream, line: &ServerSpec) -> Option<Vec<u8>> {
    let ssl = line.ssl.as_ref().filter(|ssl| ssl.for_traffic)?;
    let expr = ssl.sni.as_ref()?;
    let arena = session.worker.take_arena();
    let view = session.view(Some(stream), &arena);
    let name = expr.bytes(&view).map(<[u8]>::to_vec);
    session.worker.give_arena(arena);
    name.filter(|name| !name.is_empty())
}

/// The value of `pool-conn-name`, with its length before it.
fn put_name(key: &mut Vec<u8>, session: &Session, stream: &Stream, name: &Expr) {
    let arena = session.worker.take_arena();
    if let Some(name) = name.bytes(&session.view(Some(stream), &arena)) {
        key.push(b'n');
        key.extend_from_slice(&name.len().to_be_bytes());
        key.extend_from_slice(name);
    }
    session.worker.give_arena(arena);
}

/// The address of somebody else to connect from.
fn foreign(session: &Session, stream: &Stream, source: Option<&SourceSpec>) -> Option<SocketAddr> {
    let client = stream.facts.src.unwrap_or_else(|| session.facts.src());
    connect::foreign(source?, client, |name, occurrence| {
        let head = stream.request_view()?;
        let value = header::occurrence(header::hdr(head, name), i64::from(occurrence))?;
        std::str::from_utf8(value).ok()?.parse().ok()
    })
}

/// An idle connection, when the policy lets this request have one.
pub(super) fn reuse(
    session: &mut Session,
    stream: &Stream,
    spec: &ProxySpec,
    server: Option<&Arc<ServerState>>,
    params: &Params,
) -> Option<Box<ServerConn>> {
    let is_http = stream.has_request;
    let server = server.filter(|_| is_http)?;
    if let Some(own) = session.own_conns.take(server, &params.key) {
        return Some(own);
    }
    if stream.parsed.connect {
        return None;
    }
    let line = &server.spec;
    let first = session.facts.streams <= 1;
    let safe = spec.backend.retry_on.makes_reuse_safe();
    let wanted = match takes(spec.backend.reuse, first, safe) {
        [] => return None,
        [IdleKind::Safe] => Wanted::Proven,
        _ => Wanted::Any,
    };
    let may_agree = may_agree_on_h2(stream, line);
    if wants_h2(stream, line) || may_agree {
        let backs = &session.worker.backs;
        let conn = backs.take(server, wanted, &params.key);
        if conn.is_some() || !may_agree {
            return conn;
        }
    }
    loop {
        let idle = &session.worker.idle;
        let conn = idle.take(server, wanted, &params.key)?;
        let limit = u32::try_from(line.max_reuse).ok();
        if lbd_backend::reuse::may_serve_again(limit, conn.requests) {
            return Some(conn);
        }
    }
}

/// Whether a request goes to a server by HTTP/2 (`proto`, `ws`).
fn wants_h2(stream: &Stream, line: &ServerSpec) -> bool {
    let is_h2 = line.proto.as_deref() == Some("h2");
    match line.websocket {
        _ if !stream.has_request => false,
        Some(version) if stream.parsed.websocket => version == WebsocketVersion::H2,
        _ => is_h2,
    }
}

/// Whether a request may go by HTTP/2 when the server agrees on it by ALPN. A WebSocket does not,
/// unless `ws h2` says that the server knows how.
fn may_agree_on_h2(stream: &Stream, line: &ServerSpec) -> bool {
    let ssl = line.ssl.as_ref().filter(|ssl| ssl.for_traffic);
    ssl.is_some_and(|ssl| ssl.tls.offers_h2())
        && stream.has_request
        && !(stream.parsed.websocket && line.websocket != Some(WebsocketVersion::H2))
}

/// How opening a connection failed.
pub(super) struct OpenFailure {
    pub(super) error: StreamError,
    /// It came while waiting, not at once.
    pub(super) delayed: bool,
    pub(super) code: Option<ConnError>,
    /// What this machine lacked.
    pub(super) errno: Option<i32>,
}

pub(super) async fn open(
    session: &mut Session,
    stream: &mut Stream,
    spec: &ProxySpec,
    server: Option<&Arc<ServerState>>,
    params: Params,
) -> Result<Box<ServerConn>, OpenFailure> {
    let address = match (&spec.backend.dispatch, server) {
        (Some(DispatchSpec::Address(address)), _) => Arc::new(ServerAddress::Inet(*address)),
        (_, Some(server)) => server.address(),
        (_, None) => Arc::new(ServerAddress::Transparent { port: 0 }),
    };
    let line = server.map(|server| &*server.spec);
    let place = reserve(session, stream, spec, server).await?;
    let started = connect::start(&dial(session, stream, spec, line, &address));
    let started = started.map_err(at_once);
    if started
        .as_ref()
        .err()
        .is_none_or(|failed| failed.errno.is_none())
    {
        dispatch::count_session(session, stream);
    }
    let (io, remote) = started?;
    let limit = stream.facts.asked.connect_timeout.or(spec.timeouts.connect);
    let deadline = limit.map(|limit| session.now() + limit);
    let watch = dispatch::watches_client(session, spec);
    let late = |error, code| OpenFailure {
        error,
        delayed: true,
        code,
        errno: None,
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
        && let Some(SocketAddr::V4(to)) = connect::destination(
            &address,
            stream.facts.dst.unwrap_or_else(|| session.facts.dst()),
        )
    {
        let refused = |()| late(StreamError::ServerAbort, None);
        socks4(session, &io, to, deadline).await.map_err(refused)?;
    }
    let local = io.local();
    let ssl = line.and_then(|line| line.ssl.as_ref());
    let mut preface = params.key[params.preface_at..].to_vec();
    let mut secured = None;
    if let Some(ssl) = ssl.filter(|ssl| ssl.for_traffic) {
        let sni = params.sni.as_deref();
        let forbids_h2 =
            stream.has_request && line.is_some_and(|line| !may_agree_on_h2(stream, line));
        let alpn = (ssl.tls.offers_h2() && forbids_h2).then_some(HTTP_1);
        let early = sends_early(session, stream, spec) && (forbids_h2 || !ssl.tls.offers_h2());
        let name = handshake::Name { sni, alpn, early };
        let done = handshake::connect(session, &io, ssl, name, &preface, deadline).await;
        let failed = |code: ConnError| match code.code {
            handshake::SSL_TIMEOUT => late(StreamError::ServerTimeout, Some(code)),
            _ => late(StreamError::ServerAbort, Some(code)),
        };
        let counted = done.as_ref().map(|tls| tls.is_resumed);
        if !io.tls().is_some_and(TlsStream::sends_early) {
            count_handshake(session, stream, server, counted.ok());
        }
        secured = Some(done.map_err(failed)?);
        preface.clear();
    }
    let backend = stream.backend.map(|id| session.bound.generation.proxy(id));
    let agreed = secured.as_ref().and_then(|tls| tls.alpn.as_deref());
    if line.is_some_and(|line| wants_h2(stream, line)) || agreed == Some(b"h2") {
        let fresh = Fresh {
            io,
            server: server.map(Arc::clone),
            backend: backend.map(Arc::clone),
            line,
            local,
            remote,
            preface: &preface,
            tls: secured,
            key: params.key.clone().into_boxed_slice(),
            options: super::request::parse_options(session, false),
            is_shared: !dispatch::keeps_private(spec) && !stream.parsed.connect,
            place,
        };
        return Ok(Back::start(&session.worker, fresh));
    }
    if let Some(backend) = backend.filter(|_| stream.has_request) {
        backend
            .backend
            .of(session.worker.index)
            .h1_connections
            .inc();
    }
    let mut conn = ServerConn::new(
        io,
        server.map(Arc::clone),
        local,
        remote,
        session.worker.index,
    );
    conn.place = place;
    conn.is_of_client = params.is_of_client;
    conn.preface = preface;
    conn.is_early = conn.io.tls().is_some_and(TlsStream::sends_early);
    conn.tls = secured;
    conn.key = params.key.into_boxed_slice();
    Ok(conn)
}

/// Counts a handshake with a server: whether it resumed a session; none when it failed.
pub(super) fn count_handshake(
    session: &Session,
    stream: &Stream,
    server: Option<&Arc<ServerState>>,
    is_resumed: Option<bool>,
) {
    let worker = session.worker.index;
    let backend = stream.backend.map(|id| session.bound.generation.proxy(id));
    let backend = backend.map(|backend| backend.backend.of(worker));
    let server = server.map(|server| server.counters.of(worker));
    for counters in [backend, server].into_iter().flatten() {
        match is_resumed {
            Some(is_resumed) => counters.tls_session(is_resumed),
            None => counters.tls_failures.inc(),
        }
    }
}

/// Whether a request may go as early data: it came so, or it may be sent again. What was refused
/// once is not sent early once more. A request by HTTP/2 is never: which protocol the server
/// takes is known after its answer only.
fn sends_early(session: &Session, stream: &Stream, spec: &ProxySpec) -> bool {
    if !stream.has_request || stream.facts.retries > 0 {
        return false;
    }
    let client = session.facts.tls.as_ref();
    let on = spec.backend.retry_on;
    client.is_some_and(|tls| tls.has_early())
        || (exchange::may_replay(stream, spec) && on.covers(Failure::ZeroRttRejected))
}

/// A connection that could not even be begun.
fn at_once(error: io::Error) -> OpenFailure {
    let errno = error.raw_os_error().filter(|errno| {
        matches!(
            *errno,
            libc::EMFILE
                | libc::ENFILE
                | libc::ENOBUFS
                | libc::ENOMEM
                | libc::EADDRINUSE
                | libc::EADDRNOTAVAIL
        )
    });
    OpenFailure {
        error: match errno {
            Some(_) => StreamError::Resource,
            None => StreamError::ServerAbort,
        },
        delayed: false,
        code: Some(conn_error(&error)),
        errno,
    }
}

/// A place within `strict-maxconn`, making room by closing idle connections where it must; `None`
/// for servers without that limit.
async fn reserve(
    session: &mut Session,
    stream: &Stream,
    spec: &ProxySpec,
    server: Option<&Arc<ServerState>>,
) -> Result<Option<ConnPlace>, OpenFailure> {
    let Some(server) = server.filter(|server| server.is_strict()) else {
        return Ok(None);
    };
    let fail = |error, delayed| OpenFailure {
        error,
        delayed,
        code: None,
        errno: None,
    };
    let worker = Rc::clone(&session.worker);
    let live = Rc::clone(&session.live);
    let timeout = stream.facts.asked.connect_timeout.or(spec.timeouts.connect);
    let deadline = timeout.map(|limit| session.now() + limit);
    loop {
        let roster = &session.bound.generation.proxy(spec.id).roster;
        let view = roster.server(server.id, session.now());
        if let Some(place) = server.reserve(view.map_or(0, |view| view.maxconn)) {
            return Ok(Some(place));
        }
        if session.own_conns.close_one(server)
            || worker.idle.close_one(server)
            || worker.backs.close_one(server)
        {
            continue;
        }
        let others = worker.shared.mailboxes().iter().enumerate();
        let mut others = others.filter(|(index, _)| {
            *index != worker.index && server.counters.of(*index).idle.get() > 0
        });
        let Some((_, mailbox)) = others.next() else {
            return Err(fail(StreamError::Resource, false));
        };
        mailbox.post(Message::CloseOneIdle(Arc::clone(server)));
        let mut closed = pin!(server.connection_closed());
        poll_fn(|cx| {
            if closed.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Ok(()));
            }
            if let Some(ending) = live.ending() {
                return Poll::Ready(Err(fail(StreamError::Ended(ending), true)));
            }
            live.poll_deadline(cx, &worker.clock, deadline)
                .map(|()| Err(fail(StreamError::Resource, true)))
        })
        .await?;
    }
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
    let source = source.or(spec.backend.source.as_ref());
    Dial {
        address,
        namespaces: &session.worker.shared.setup().namespaces,
        backend: spec,
        server,
        destination: stream.facts.dst.unwrap_or_else(|| session.facts.dst()),
        foreign: foreign(session, stream, source),
        mark: stream.facts.asked.server_mark,
        tos: stream.facts.asked.server_tos,
        sndbuf: tune.sndbuf_server,
        rcvbuf: tune.rcvbuf_server,
        notsent: tune.notsent_lowat_server,
        tls: server.is_some_and(|server| {
            let ssl = server.ssl.as_ref();
            ssl.is_some_and(|ssl| ssl.for_traffic)
        }),
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
    ConnError {
        code,
        name,
        text,
        library: None,
    }
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

/// The protocol offered where HTTP/2 must not be.
const HTTP_1: &[&[u8]] = &[b"http/1.1"];

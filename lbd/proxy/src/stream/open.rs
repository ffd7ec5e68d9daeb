//! A connection to a chosen server: an idle one, or a new one.
//!
//! It does not retry: how it failed is told to `dispatch`.

use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::task::Poll;

use lbd_backend::reuse::{IdleKind, takes};
use lbd_config::config::{DispatchSpec, ProxySpec, ServerAddress, ServerSpec, UseSrc};
use lbd_core::Time;
use lbd_http::header;
use lbd_rules::facts::ConnError;

use crate::connect::{self, Dial};
use crate::server_conn::{ServerConn, Wanted};
use crate::session::Session;
use crate::state::ServerState;
use crate::stream::{Stream, dispatch};
use crate::term::StreamError;
use crate::transport::Transport;

/// An idle connection, when the policy lets this request have one.
pub(super) fn reuse(
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
pub(super) struct OpenFailure {
    pub(super) error: StreamError,
    /// It came while waiting, not at once.
    pub(super) delayed: bool,
    pub(super) code: Option<ConnError>,
}

pub(super) async fn open(
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
    let watch = dispatch::watches_client(session, spec);
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
        && let Some(SocketAddr::V4(to)) = connect::destination(
            &address,
            stream.facts.dst.unwrap_or_else(|| session.facts.dst()),
        )
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
        client: stream.facts.src.unwrap_or_else(|| session.facts.src()),
        destination: stream.facts.dst.unwrap_or_else(|| session.facts.dst()),
        header_ip,
        mark: stream.facts.asked.server_mark,
        tos: stream.facts.asked.server_tos,
        sndbuf: tune.sndbuf_server,
        rcvbuf: tune.rcvbuf_server,
        notsent: tune.notsent_lowat_server,
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

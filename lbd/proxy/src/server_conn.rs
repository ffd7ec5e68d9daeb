//! Connections to servers: in use by a stream, or idle and kept by their worker.
//!
//! It does not connect and speaks no protocol. Idle connections stay on their core.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use lbd_backend::reuse::PoolEstimate;
use lbd_core::{ProxyId, ServerId, Time};
use lbd_rules::facts::Endpoint;

use crate::pool::Buf;
use crate::state::ServerState;
use crate::transport::Transport;

/// A connection to a server.
#[derive(Debug)]
pub(crate) struct ServerConn {
    pub(crate) io: Transport,
    /// Received and not used yet; empty while idle.
    pub(crate) input: Buf,
    /// The server; `None` for `dispatch` and `option transparent`.
    pub(crate) server: Option<Arc<ServerState>>,
    pub(crate) local: Endpoint,
    pub(crate) remote: Endpoint,
    /// Requests sent so far, the present one included.
    pub(crate) requests: u32,
    /// Bound to its client session: it carries a PROXY header, a foreign source or credentials.
    pub(crate) private: bool,
    /// Our side was closed: no other request can follow.
    is_shut: bool,
    /// Number of the server's address it goes to.
    epoch: u32,
    worker: usize,
    /// Bytes to send before the first request: PROXY header, SOCKS.
    pub(crate) preface: Vec<u8>,
}

impl ServerConn {
    /// A connection just opened, counted as used.
    pub(crate) fn new(
        io: Transport,
        server: Option<Arc<ServerState>>,
        local: Endpoint,
        remote: Endpoint,
        worker: usize,
    ) -> Box<Self> {
        let epoch = server.as_ref().map_or(0, |server| server.epoch());
        if let Some(server) = &server {
            server.counters.of(worker).used.inc();
        }
        Box::new(Self {
            io,
            input: Buf::default(),
            server,
            local,
            remote,
            requests: 0,
            private: false,
            is_shut: false,
            epoch,
            worker,
            preface: Vec::new(),
        })
    }

    /// Tells the server that nothing more comes; the connection serves no other request.
    pub(crate) fn shutdown_write(&mut self) {
        self.io.shutdown_write();
        self.is_shut = true;
    }

    /// Whether another request may follow: nothing is left of the last response and our side is
    /// open.
    pub(crate) fn may_be_kept(&self) -> bool {
        self.input.is_empty() && !self.is_shut
    }

    /// Whether nothing was heard since it became idle and the server is still where it was.
    pub(crate) fn is_reusable(&self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        self.server
            .as_ref()
            .is_none_or(|server| server.epoch() == self.epoch)
            && self.io.is_quiet(&mut cx)
    }
}

impl Drop for ServerConn {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.counters.of(self.worker).used.dec();
        }
    }
}

/// The idle connections of one worker.
#[derive(Debug, Default)]
pub(crate) struct IdlePool {
    /// By backend and server.
    backends: RefCell<Vec<Vec<Kept>>>,
    total: Cell<usize>,
}

/// The idle connections to one server.
#[derive(Debug, Default)]
struct Kept {
    /// In the order of becoming idle. Boxed: they move between here and streams.
    #[allow(clippy::vec_box)]
    conns: Vec<Box<ServerConn>>,
    /// How many this worker has needed lately.
    estimate: PoolEstimate,
    /// When it was last looked through for what is not needed any more.
    purged: Time,
}

/// What a look into the pool may return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Any connection.
    Any,
    /// Only one that has been reused before (`http-reuse aggressive` for a first request).
    Proven,
}

impl IdlePool {
    /// Takes the connection that became idle last, closing dead ones on the way.
    pub(crate) fn take(
        &self,
        backend: ProxyId,
        server: &ServerState,
        wanted: Wanted,
    ) -> Option<Box<ServerConn>> {
        let mut backends = self.backends.borrow_mut();
        let pool = &mut backends
            .get_mut(backend.index())?
            .get_mut(server.id.index())?
            .conns;
        let mut at = pool.len();
        while at > 0 {
            at -= 1;
            if wanted == Wanted::Proven && pool[at].requests < 2 {
                continue;
            }
            let conn = pool.remove(at);
            self.left(&conn);
            if conn.is_reusable() {
                return Some(conn);
            }
        }
        None
    }

    /// Keeps a connection, unless limits forbid it or more were kept than are needed.
    pub(crate) fn give(&self, conn: Box<ServerConn>) {
        let Some(server) = conn.server.as_ref().map(Arc::clone) else {
            return;
        };
        let limit = server.max_idle;
        let full = limit >= 0 && server.counters.idle() >= limit as u64;
        if full || self.total.get() >= MAX_IDLE {
            return;
        }
        let mut backends = self.backends.borrow_mut();
        let (backend, at) = (server.backend.index(), server.id.index());
        if backends.len() <= backend {
            backends.resize_with(backend + 1, Vec::new);
        }
        let servers = &mut backends[backend];
        if servers.len() <= at {
            servers.resize_with(at + 1, Kept::default);
        }
        let kept = &mut servers[at];
        let counters = server.counters.of(conn.worker);
        // `used` counts every open connection of this worker, idle ones included.
        let idle = kept.conns.len() as u64;
        let used = u32::try_from(counters.used.get().saturating_sub(idle)).unwrap_or(u32::MAX);
        kept.estimate.observe(used);
        let wanted = u64::from(kept.estimate.needed.max(used));
        if idle > 0 && u64::from(used) + idle > wanted {
            return;
        }
        counters.idle.inc();
        self.total.set(self.total.get() + 1);
        kept.conns.push(conn);
    }

    fn left(&self, conn: &ServerConn) {
        self.total.set(self.total.get() - 1);
        if let Some(server) = &conn.server {
            server.counters.of(conn.worker).idle.dec();
        }
    }

    /// Closes what the servers closed and what goes to old addresses; every `purge_delay` also
    /// half of what was not needed since the last time.
    pub(crate) fn sweep(&self, now: Time, purge_delay: impl Fn(ProxyId, ServerId) -> Duration) {
        let mut closed = Vec::new();
        for kept in self.backends.borrow_mut().iter_mut().flatten() {
            let Some(state) = kept.conns.first().and_then(|conn| conn.server.clone()) else {
                continue;
            };
            closed.extend(kept.conns.extract_if(.., |conn| !conn.is_reusable()));
            if now.since(kept.purged) < purge_delay(state.backend, state.id) {
                continue;
            }
            kept.purged = now;
            let idle = u32::try_from(kept.conns.len()).unwrap_or(u32::MAX);
            let open = state
                .counters
                .of(kept.conns.first().map_or(0, |conn| conn.worker));
            let used = u32::try_from(open.used.get())
                .unwrap_or(u32::MAX)
                .saturating_sub(idle);
            let excess = kept.estimate.purge(used, idle) as usize;
            closed.extend(kept.conns.drain(..excess.min(kept.conns.len())));
        }
        closed.iter().for_each(|conn| self.left(conn));
    }

    /// Closes all to one server.
    pub(crate) fn close(&self, backend: ProxyId, server: ServerId) {
        let pool = {
            let mut backends = self.backends.borrow_mut();
            let servers = backends.get_mut(backend.index());
            servers
                .and_then(|servers| servers.get_mut(server.index()))
                .map(|kept| std::mem::take(&mut kept.conns))
        };
        pool.iter().flatten().for_each(|conn| self.left(conn));
    }

    /// Closes all.
    pub(crate) fn clear(&self) {
        let all = std::mem::take(&mut *self.backends.borrow_mut());
        let conns = all.iter().flatten().flat_map(|kept| &kept.conns);
        conns.for_each(|conn| self.left(conn));
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.total.get()
    }
}

/// Idle connections of one worker to all servers, whatever servers allow.
const MAX_IDLE: usize = 65_536;

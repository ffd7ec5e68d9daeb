//! Connections to servers: in use by a stream, or idle and kept by their worker.
//!
//! It does not connect and speaks no protocol. Idle connections stay on their core.

use std::cell::{Cell, RefCell};
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};

use lbd_backend::reuse::PoolEstimate;
use lbd_core::Time;
use lbd_rules::facts::{Endpoint, TlsFacts};

use crate::pool::Buf;
use crate::state::server::ConnPlace;
use crate::state::{Generation, ServerState};
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
    /// What tells it apart from other connections to its server, see `open::Params`; mostly empty.
    pub(crate) key: Box<[u8]>,
    /// Its key tells of its client.
    pub(crate) is_of_client: bool,
    /// Bound to its client session: it carries credentials.
    pub(crate) private: bool,
    /// The next one of a session's own, see [`OwnConns`].
    next: Option<Box<Self>>,
    /// Place within `strict-maxconn`.
    pub(crate) place: Option<ConnPlace>,
    /// It is a stream of a connection that serves others too.
    pub(crate) is_stream: bool,
    /// Number of the server's address it goes to.
    epoch: u32,
    worker: usize,
    /// The TLS session.
    pub(crate) tls: Option<Rc<TlsFacts>>,
    /// Its TLS handshake goes on while the request is sent already.
    pub(crate) is_early: bool,
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
            key: Box::default(),
            is_of_client: false,
            private: false,
            next: None,
            place: None,
            is_stream: false,
            epoch,
            worker,
            tls: None,
            is_early: false,
            preface: Vec::new(),
        })
    }

    /// Whether another request may follow: nothing is left of the last response.
    pub(crate) fn may_be_kept(&self) -> bool {
        self.input.is_empty() && !self.is_stream
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
        if let Some(server) = self.server.as_ref().filter(|_| !self.is_stream) {
            server.counters.of(self.worker).used.dec();
        }
    }
}

/// The idle connections that only one session may use again, newest first. A list through the
/// connections themselves: an idle session pays one pointer for it.
#[derive(Debug, Default)]
pub(crate) struct OwnConns {
    first: Option<Box<ServerConn>>,
}

impl OwnConns {
    /// Keeps one, unless `limit` of them are kept already (`max-session-srv-conns`).
    pub(crate) fn give(&mut self, mut conn: Box<ServerConn>, limit: usize) {
        let mut kept = 0;
        let mut at = self.first.as_ref();
        while let Some(conn) = at {
            kept += 1;
            at = conn.next.as_ref();
        }
        if kept < limit {
            conn.next = self.first.take();
            self.first = Some(conn);
        }
    }

    /// Takes one to this server with this key, closing dead ones that match on the way.
    pub(crate) fn take(&mut self, server: &ServerState, key: &[u8]) -> Option<Box<ServerConn>> {
        let mut at = &mut self.first;
        loop {
            let conn = at.as_ref()?;
            let matches = *conn.key == *key
                && conn
                    .server
                    .as_ref()
                    .is_some_and(|kept| kept.is_same(server));
            if !matches {
                // The last one was looked at above, so there is one here.
                at = &mut at.as_mut()?.next;
                continue;
            }
            let mut conn = at.take()?;
            *at = conn.next.take();
            if conn.is_reusable() {
                return Some(conn);
            }
        }
    }

    /// Closes one to this server; whether there was one.
    pub(crate) fn close_one(&mut self, server: &ServerState) -> bool {
        let is_its = |conn: &ServerConn| {
            let kept = conn.server.as_ref();
            kept.is_some_and(|kept| kept.is_same(server))
        };
        let mut at = &mut self.first;
        while at.as_ref().is_some_and(|conn| !is_its(conn)) {
            let Some(conn) = at else { return false };
            at = &mut conn.next;
        }
        let Some(mut conn) = at.take() else {
            return false;
        };
        *at = conn.next.take();
        true
    }

    /// Closes all.
    pub(crate) fn clear(&mut self) {
        // One after the other: dropping the list at once would nest as deep as it is long.
        let mut at = self.first.take();
        while let Some(mut conn) = at {
            at = conn.next.take();
        }
    }
}

impl Drop for OwnConns {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The idle connections of one worker.
#[derive(Debug, Default)]
pub(crate) struct IdlePool {
    /// By the server's slot.
    servers: RefCell<Vec<Kept>>,
    total: Cell<usize>,
    /// Keys hold what clients say, so their hashes must not be theirs to choose.
    hasher: RandomState,
}

/// The idle connections to one server.
#[derive(Debug, Default)]
struct Kept {
    /// In the order of becoming idle.
    conns: Vec<Entry>,
    /// How many this worker has needed lately.
    estimate: PoolEstimate,
    /// When it was last looked through for what is not needed any more.
    purged: Time,
}

/// A connection at rest, with a hash of its key: looking for a key goes over many.
#[derive(Debug)]
struct Entry {
    hash: u64,
    conn: Box<ServerConn>,
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
        server: &ServerState,
        wanted: Wanted,
        key: &[u8],
    ) -> Option<Box<ServerConn>> {
        let hash = self.hash(key);
        let mut servers = self.servers.borrow_mut();
        let pool = &mut servers.get_mut(server.slot.index())?.conns;
        let mut at = pool.len();
        while at > 0 {
            at -= 1;
            let entry = &pool[at];
            if entry.hash != hash
                || *entry.conn.key != *key
                || (wanted == Wanted::Proven && entry.conn.requests < 2)
            {
                continue;
            }
            let conn = pool.remove(at).conn;
            self.left(&conn);
            if conn.is_reusable() {
                return Some(conn);
            }
        }
        None
    }

    /// Hash of a key; 0 for the common empty one.
    fn hash(&self, key: &[u8]) -> u64 {
        if key.is_empty() {
            0
        } else {
            self.hasher.hash_one(key)
        }
    }

    /// Keeps a connection, unless limits forbid it or more were kept than are needed: then it is
    /// given back.
    pub(crate) fn give(&self, conn: Box<ServerConn>) -> Option<Box<ServerConn>> {
        let Some(server) = conn.server.as_ref().map(Arc::clone) else {
            return Some(conn);
        };
        let limit = server.max_idle;
        let full = u64::try_from(limit).is_ok_and(|limit| server.counters.idle() >= limit);
        if full || self.total.get() >= MAX_IDLE {
            return Some(conn);
        }
        let mut servers = self.servers.borrow_mut();
        let at = server.slot.index();
        if servers.len() <= at {
            servers.resize_with(at + 1, Kept::default);
        }
        let kept = &mut servers[at];
        let counters = server.counters.of(conn.worker);
        // `used` counts every open connection of this worker, idle ones included.
        let idle = kept.conns.len() as u64;
        let used = u32::try_from(counters.used.get().saturating_sub(idle)).unwrap_or(u32::MAX);
        kept.estimate.observe(used);
        let needed = u64::from(kept.estimate.needed.max(used));
        let wanted = needed + u64::from(server.low_idle);
        if idle > 0 && u64::from(used) + idle > wanted {
            return Some(conn);
        }
        counters.idle.inc();
        self.total.set(self.total.get() + 1);
        let hash = self.hash(&conn.key);
        kept.conns.push(Entry { hash, conn });
        None
    }

    fn left(&self, conn: &ServerConn) {
        self.total.set(self.total.get() - 1);
        if let Some(server) = &conn.server {
            server.counters.of(conn.worker).idle.dec();
        }
    }

    /// Closes what the servers closed and what goes to old addresses; every `pool_purge_delay` also
    /// half of what was not needed since the last time.
    pub(crate) fn sweep(&self, now: Time) {
        let mut closed = Vec::new();
        for kept in self.servers.borrow_mut().iter_mut() {
            let Some(state) = kept
                .conns
                .first()
                .and_then(|entry| entry.conn.server.clone())
            else {
                continue;
            };
            closed.extend(kept.conns.extract_if(.., |entry| !entry.conn.is_reusable()));
            if now.since(kept.purged) < state.spec.pool_purge_delay {
                continue;
            }
            kept.purged = now;
            let idle = u32::try_from(kept.conns.len()).unwrap_or(u32::MAX);
            let open = state
                .counters
                .of(kept.conns.first().map_or(0, |entry| entry.conn.worker));
            let used = u32::try_from(open.used.get())
                .unwrap_or(u32::MAX)
                .saturating_sub(idle);
            let excess = kept.estimate.purge(used, idle) as usize;
            closed.extend(kept.conns.drain(..excess.min(kept.conns.len())));
        }
        closed.iter().for_each(|entry| self.left(&entry.conn));
    }

    /// Closes the one to a server that has been idle for longest; whether there was one.
    pub(crate) fn close_one(&self, server: &ServerState) -> bool {
        let oldest = {
            let mut servers = self.servers.borrow_mut();
            let kept = servers.get_mut(server.slot.index());
            kept.filter(|kept| !kept.conns.is_empty())
                .map(|kept| kept.conns.remove(0))
        };
        oldest.iter().for_each(|entry| self.left(&entry.conn));
        oldest.is_some()
    }

    /// Closes all to one server.
    pub(crate) fn close(&self, server: &ServerState) {
        let pool = {
            let mut servers = self.servers.borrow_mut();
            let kept = servers.get_mut(server.slot.index());
            kept.map(|kept| std::mem::take(&mut kept.conns))
        };
        pool.iter()
            .flatten()
            .for_each(|entry| self.left(&entry.conn));
    }

    /// Goes on under another configuration: connections to servers that are gone close.
    pub(crate) fn adopt(&self, generation: &Generation) {
        let mut closed = Vec::new();
        for kept in self.servers.borrow_mut().iter_mut() {
            let first = kept
                .conns
                .first()
                .and_then(|entry| entry.conn.server.clone());
            let Some(old) = first else { continue };
            match generation.same_server(&old) {
                None => closed.append(&mut kept.conns),
                Some(server) => {
                    for entry in &mut kept.conns {
                        entry.conn.server = Some(Arc::clone(server));
                    }
                }
            }
        }
        closed.iter().for_each(|entry| self.left(&entry.conn));
    }

    /// Closes all.
    pub(crate) fn clear(&self) {
        let all = std::mem::take(&mut *self.servers.borrow_mut());
        let conns = all.iter().flat_map(|kept| &kept.conns);
        conns.for_each(|entry| self.left(&entry.conn));
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.total.get()
    }
}

/// Idle connections of one worker to all servers, whatever servers allow.
const MAX_IDLE: usize = 65_536;

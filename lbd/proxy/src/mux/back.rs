//! HTTP/2 with servers: connections of one worker, each carrying streams of several clients.
//!
//! It does not connect, and decides nothing about servers: whether a request may share a
//! connection is the caller's (`http-reuse`).

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use lbd_config::config::{ServerSpec, Tune};
use lbd_core::Time;
use lbd_http::ParseOptions;
use lbd_http::h2::{Config, Connection, ErrorCode, Role};
use lbd_rules::facts::{Endpoint, TlsFacts};

use super::probe::Probe;
use super::{Budget, H2Stream, Link};
use crate::pool::Buf;
use crate::server_conn::{ServerConn, Wanted};
use crate::state::counters::Counters;
use crate::state::server::ConnPlace;
use crate::state::{Generation, ProxyState, ServerState};
use crate::transport::Transport;
use crate::worker::Worker;

/// A connection to a server.
#[derive(Debug)]
pub(crate) struct Back {
    link: Rc<Link>,
    server: Option<Arc<ServerState>>,
    local: Endpoint,
    remote: Endpoint,
    /// What tells it apart from other connections to its server.
    key: Box<[u8]>,
    /// Number of the server's address it goes to.
    epoch: u32,
    worker: usize,
    /// Requests so far.
    requests: Cell<u32>,
    /// Requests that it may carry in all.
    max_requests: Option<u32>,
    /// Since when it has had no stream; `None` while it has.
    idle_since: Cell<Option<Time>>,
    /// Others than the first request's session may use it.
    is_shared: bool,
    /// It takes no more streams and ends with the last one.
    is_leaving: Cell<bool>,
    tls: Option<Rc<TlsFacts>>,
    /// The backend whose counters it moves.
    backend: Option<Arc<ProxyState>>,
    _place: Option<ConnPlace>,
}

/// A connection just made, with what it needs to become one of HTTP/2.
pub(crate) struct Fresh<'a> {
    pub(crate) io: Transport,
    pub(crate) server: Option<Arc<ServerState>>,
    /// The backend that it is opened for.
    pub(crate) backend: Option<Arc<ProxyState>>,
    pub(crate) line: Option<&'a ServerSpec>,
    pub(crate) local: Endpoint,
    pub(crate) remote: Endpoint,
    pub(crate) key: Box<[u8]>,
    /// What the server is to read before anything else.
    pub(crate) preface: &'a [u8],
    pub(crate) options: ParseOptions,
    /// The TLS session that carries it.
    pub(crate) tls: Option<Rc<TlsFacts>>,
    pub(crate) is_shared: bool,
    pub(crate) place: Option<ConnPlace>,
}

impl Back {
    /// Makes it and starts its task; the connection of its first stream.
    pub(crate) fn start(worker: &Rc<Worker>, fresh: Fresh<'_>) -> Box<ServerConn> {
        let tune = &worker.bound().generation.config.global.tune;
        let machine = Connection::after(config(tune, fresh.options), fresh.preface);
        let server = fresh.server;
        let limit = fresh.line.map(|line| line.max_reuse);
        let back = Rc::new(Self {
            link: Link::new(fresh.io, machine, Buf::default()),
            local: fresh.local,
            remote: fresh.remote,
            key: fresh.key,
            epoch: server.as_ref().map_or(0, |server| server.epoch()),
            worker: worker.index,
            requests: Cell::new(0),
            // The first request reuses nothing.
            max_requests: limit
                .and_then(|limit| u32::try_from(limit).ok())
                .map(|n| n + 1),
            idle_since: Cell::new(None),
            is_shared: fresh.is_shared,
            is_leaving: Cell::new(false),
            tls: fresh.tls,
            backend: fresh.backend,
            _place: fresh.place,
            server,
        });
        if let Some(counters) = back.counters() {
            counters.h2_connections.inc();
            counters.h2_open_connections.inc();
        }
        if let Some(server) = &back.server {
            server.counters.of(back.worker).used.inc();
            if back.is_shared {
                worker.backs.add(server, &back);
            }
        }
        let task = Rc::clone(&back);
        let its_worker = Rc::clone(worker);
        let probe = Probe::new(fresh.line.and_then(|line| line.idle_ping));
        tokio::task::spawn_local(async move { task.run(&its_worker, probe).await });
        back.conn()
    }

    /// The backend's counters of this worker.
    fn counters(&self) -> Option<&Counters> {
        let backend = self.backend.as_ref()?;
        Some(backend.backend.of(self.worker))
    }

    /// A connection, as a stream sees it, for one more request.
    fn conn(&self) -> Box<ServerConn> {
        self.requests.set(self.requests.get().saturating_add(1));
        self.set_busy();
        let io = Transport::H2(H2Stream::to_come(&self.link));
        let mut conn = ServerConn::new(io, None, self.local, self.remote, self.worker);
        conn.server.clone_from(&self.server);
        conn.tls.clone_from(&self.tls);
        conn.is_stream = true;
        // The present one is counted where it is handed over.
        conn.requests = self.requests.get() - 1;
        conn
    }

    fn set_busy(&self) {
        if self.idle_since.take().is_some()
            && let Some(server) = &self.server
        {
            server.counters.of(self.worker).idle.dec();
        }
    }

    /// Whether one more request may go this way.
    fn takes(&self, wanted: Wanted, key: &[u8]) -> bool {
        let is_there = self
            .server
            .as_ref()
            .is_none_or(|server| server.epoch() == self.epoch);
        is_there
            && !self.is_leaving.get()
            && *self.key == *key
            && (wanted == Wanted::Any || self.requests.get() >= 2)
            && self
                .max_requests
                .is_none_or(|max| self.requests.get() < max)
            && self.link.room() > 0
    }

    /// Lets it end: at once when it has no stream.
    fn leave(&self) {
        self.is_leaving.set(true);
        self.link.poke();
    }

    async fn run(self: &Rc<Self>, worker: &Rc<Worker>, mut probe: Probe) {
        let mut wait: Option<Pin<Box<tokio::time::Sleep>>> = None;
        let tune = worker.bound().generation.config.global.tune.h2.back.clone();
        let budget = Budget::new(tune.max_frames, 0);
        poll_fn(|cx| {
            worker.clock.refresh();
            self.link.adopt(cx);
            let has_ended = self.link.fill(cx, &worker.pool, budget);
            self.link.wake_owners();
            self.look(worker, tune.glitches_threshold);
            if let Some(counters) = self.counters() {
                self.link.tell(counters);
            }
            let now = worker.clock.now();
            let looked = probe.look(
                now,
                self.link.is_idle(),
                &mut self.link.machine.borrow_mut(),
            );
            let is_dead = looked.is_err();
            if is_dead {
                self.link.machine.borrow_mut().say_goodbye();
            }
            let is_flushed = self.link.flush(cx).is_ready();
            self.link.wake_owners();
            let machine = self.link.machine.borrow();
            let is_over = machine.is_failed() || (machine.is_leaving() && self.link.is_idle());
            if has_ended || is_dead || (is_over && is_flushed) {
                return Poll::Ready(());
            }
            if let Ok(Some(next)) = looked {
                let next = worker.clock.instant(next);
                let wait = wait.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(next)));
                if wait.deadline() != next {
                    wait.as_mut().reset(next);
                }
                if wait.as_mut().poll(cx).is_ready() {
                    cx.waker().wake_by_ref();
                }
            }
            Poll::Pending
        })
        .await;
        self.is_leaving.set(true);
        self.link.break_off();
        self.link.wake_owners();
        if let Some(server) = &self.server {
            worker.backs.remove(server, self);
        }
    }

    /// Notes whether it is idle, and whether it is to end.
    fn look(&self, worker: &Worker, threshold: u32) {
        let mut machine = self.link.machine.borrow_mut();
        let glitches = machine.counters().glitches;
        if threshold > 0 && glitches >= threshold && worker.may_kill_odd() {
            machine.kill(ErrorCode::ENHANCE_YOUR_CALM);
        } else if threshold > 0 && u64::from(glitches) * 4 >= u64::from(threshold) * 3 {
            // It goes on with what it has.
            self.is_leaving.set(true);
        }
        let is_idle = machine.is_idle() && self.link.reserved.get() == 0;
        if is_idle && self.idle_since.get().is_none() {
            self.idle_since.set(Some(worker.clock.now()));
            if let Some(server) = &self.server {
                server.counters.of(self.worker).idle.inc();
                let limit = server.max_idle;
                let is_full =
                    u64::try_from(limit).is_ok_and(|limit| server.counters.idle() > limit);
                self.is_leaving.set(self.is_leaving.get() || is_full);
            }
        }
        let is_used_up = self
            .max_requests
            .is_some_and(|max| self.requests.get() >= max);
        let is_unwanted = !self.is_shared || is_used_up || worker.is_stopping();
        if is_idle && (self.is_leaving.get() || is_unwanted) {
            machine.say_goodbye();
        }
        if machine.is_leaving() {
            self.is_leaving.set(true);
        }
    }
}

impl Drop for Back {
    fn drop(&mut self) {
        self.set_busy();
        if let Some(counters) = self.counters() {
            self.link.tell_end(counters);
        }
        if let Some(server) = &self.server {
            server.counters.of(self.worker).used.dec();
        }
    }
}

fn config(tune: &Tune, options: ParseOptions) -> Config {
    Config {
        options,
        max_concurrent: tune.h2.back.max_concurrent(tune),
        initial_window: tune.h2.back.initial_window(tune),
        receive_buffer: tune.h2.back.receive_buffer(tune),
        ..super::common(Role::Client, tune)
    }
}

/// The connections of one worker that requests may share, by the server's slot.
#[derive(Debug, Default)]
pub(crate) struct BackPool {
    servers: RefCell<Vec<Backs>>,
}

type Backs = Vec<Rc<Back>>;

impl BackPool {
    fn add(&self, server: &ServerState, back: &Rc<Back>) {
        let mut servers = self.servers.borrow_mut();
        let at = server.slot.index();
        if servers.len() <= at {
            servers.resize_with(at + 1, Vec::new);
        }
        servers[at].push(Rc::clone(back));
    }

    fn remove(&self, server: &ServerState, back: &Rc<Back>) {
        self.of(server, |backs| {
            backs.retain(|known| !Rc::ptr_eq(known, back));
        });
    }

    fn of<T>(&self, server: &ServerState, with: impl FnOnce(&mut Backs) -> T) -> Option<T> {
        let mut servers = self.servers.borrow_mut();
        Some(with(servers.get_mut(server.slot.index())?))
    }

    /// A connection with room for one more request.
    pub(crate) fn take(
        &self,
        server: &ServerState,
        wanted: Wanted,
        key: &[u8],
    ) -> Option<Box<ServerConn>> {
        self.of(server, |backs| {
            let back = backs.iter().find(|back| back.takes(wanted, key))?;
            Some(back.conn())
        })?
    }

    /// Lets all to one server end.
    pub(crate) fn close(&self, server: &ServerState) {
        self.of(server, |backs| backs.iter().for_each(|back| back.leave()));
    }

    /// Lets one that is idle end; whether there was one.
    pub(crate) fn close_one(&self, server: &ServerState) -> bool {
        self.of(server, |backs| {
            let idle = backs
                .iter()
                .find(|back| back.idle_since.get().is_some() && !back.is_leaving.get());
            idle.map(|back| back.leave()).is_some()
        })
        .unwrap_or(false)
    }

    /// Goes on under another configuration: connections to servers that are gone end.
    pub(crate) fn adopt(&self, generation: &Generation) {
        for backs in self.servers.borrow().iter() {
            let server = backs.first().and_then(|back| back.server.as_ref());
            if server.is_some_and(|server| generation.same_server(server).is_none()) {
                backs.iter().for_each(|back| back.leave());
            }
        }
    }

    /// Lets all end.
    pub(crate) fn clear(&self) {
        let servers = self.servers.borrow();
        servers.iter().flatten().for_each(|back| back.leave());
    }

    /// Ends those that have been idle for longer than `pool-purge-delay`.
    pub(crate) fn sweep(&self, now: Time) {
        for back in self.servers.borrow().iter().flatten() {
            let Some((since, server)) = back.idle_since.get().zip(back.server.as_ref()) else {
                continue;
            };
            if now.since(since) >= server.spec.pool_purge_delay {
                back.leave();
            }
        }
    }
}

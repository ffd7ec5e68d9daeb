//! A frontend or backend as it runs, and listening sockets.
//!
//! Written by workers; the control side changes limits and placements through the methods here.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};

use lbd_backend::{Placed, Placement, Roster, ServerSpec, Wake};
use lbd_config::config::{Config, DynamicCookieSpec, ListenerSpec, ProxySpec, ServerAddress};
use lbd_core::{ListenerId, ProxyId, ServerId, Time, WallTime};
use lbd_rules::facts::Endpoint;
use parking_lot::{Mutex, RwLock};

use super::Shared;
use super::availability::Availability;
use super::counters::{Gauge, Shards, SharedRate};
use super::mailbox::Message;
use super::server::ServerState;
use super::servers::Servers;
use crate::reconcile;

/// A message that could not be understood, for `show errors`.
#[derive(Debug, Clone)]
pub struct BadMessage {
    /// When.
    pub wall: WallTime,
    /// Which frontend.
    pub frontend: ProxyId,
    /// Which backend, if one was chosen.
    pub backend: Option<ProxyId>,
    /// Which server, if one was chosen.
    pub server: Option<ServerId>,
    /// The client.
    pub source: Endpoint,
    /// Session it came in.
    pub session: u64,
    /// Streams that the session had.
    pub streams: u32,
    /// Where the fault is.
    pub offset: usize,
    /// What the fault is.
    pub reason: &'static str,
    /// Number of the event.
    pub event: u64,
    /// The bytes, at most `MAX_CAPTURE`.
    pub bytes: Vec<u8>,
    /// Length of what was there.
    pub total: usize,
}

/// A running proxy under one configuration.
#[derive(Debug)]
pub struct ProxyState {
    /// Its index.
    pub id: ProxyId,
    /// Its name.
    pub name: Box<str>,
    /// As frontend: `maxconn` in force; 0 for none but the process's.
    pub maxconn: AtomicU32,
    /// As backend: who serves.
    pub roster: Roster,
    /// As backend: its servers, by `ServerId`.
    pub servers: Servers,
    /// Last faulty request, whose ids are of this configuration.
    pub bad_request: Mutex<Option<BadMessage>>,
    /// Last faulty response.
    pub bad_response: Mutex<Option<BadMessage>>,
    /// As backend: how cookies are made from addresses, which operators change.
    pub dynamic_cookie: RwLock<DynamicCookieSpec>,
    is_disabled: AtomicBool,
    is_paused: AtomicBool,
    /// Another generation's state has taken its place.
    is_retired: AtomicBool,
    kept: Arc<ProxyKept>,
}

/// What a proxy keeps when the configuration changes and one of its name stays.
#[derive(Debug)]
pub struct ProxyKept {
    /// As frontend: counters.
    pub frontend: Shards,
    /// As frontend: current sessions.
    pub sessions: Gauge,
    /// As frontend: sessions per second, kept when `rate-limit sessions` is set.
    pub session_rate: SharedRate,
    /// As frontend: lines logged in a format that numbers them (`%lc`).
    pub log_lines: AtomicU64,
    /// As backend: counters.
    pub backend: Shards,
    /// As backend: current streams.
    pub streams: Gauge,
    /// As backend: since when it has been up or down.
    pub availability: Availability,
    is_unpublished: AtomicBool,
}

impl ProxyKept {
    fn new(workers: usize, now: Time) -> Self {
        Self {
            frontend: Shards::new(workers),
            sessions: Gauge::default(),
            session_rate: SharedRate::default(),
            log_lines: AtomicU64::new(0),
            backend: Shards::new(workers),
            streams: Gauge::default(),
            availability: Availability::new(true, now),
            is_unpublished: AtomicBool::new(false),
        }
    }
}

impl Deref for ProxyState {
    type Target = ProxyKept;

    #[inline]
    fn deref(&self) -> &ProxyKept {
        &self.kept
    }
}

impl ProxyState {
    /// A proxy as its section says; servers are up unless disabled or without an address.
    pub fn new(spec: &ProxySpec, config: &Config, workers: usize, now: Time) -> Self {
        let members: Vec<(ServerSpec, Placement)> = spec
            .backend
            .servers
            .iter()
            .map(|server| (server.roster.clone(), Self::first_placement(server, now)))
            .collect();
        let servers = spec
            .backend
            .servers
            .iter()
            .map(|server| Arc::new(ServerState::new(server, spec.id, workers)))
            .collect();
        let maxconn = configured_maxconn(spec, config);
        Self {
            id: spec.id,
            name: spec.name.clone(),
            maxconn: AtomicU32::new(maxconn),
            roster: Roster::new(
                spec.backend.roster.clone(),
                members,
                u64::from(spec.id.0) + 1,
            ),
            servers: Servers::new(servers),
            bad_request: Mutex::default(),
            bad_response: Mutex::default(),
            dynamic_cookie: RwLock::new(spec.backend.dynamic_cookie.clone()),
            is_disabled: AtomicBool::new(spec.disabled),
            is_paused: AtomicBool::new(false),
            is_retired: AtomicBool::new(false),
            kept: Arc::new(ProxyKept::new(workers, now)),
        }
    }

    /// A proxy that goes on as `spec` says, without servers yet.
    pub(crate) fn after(old: &Self, before: &ProxySpec, spec: &ProxySpec, config: &Config) -> Self {
        let maxconn = match spec.frontend.maxconn == before.frontend.maxconn {
            // What an operator has set.
            true if spec.frontend.maxconn > 0 => old.maxconn.load(Relaxed),
            _ => configured_maxconn(spec, config),
        };
        let said = &spec.backend.dynamic_cookie;
        let dynamic_cookie = match *said == before.backend.dynamic_cookie {
            // What an operator has set.
            true => old.dynamic_cookie.read().clone(),
            false => said.clone(),
        };
        Self {
            id: spec.id,
            name: spec.name.clone(),
            maxconn: AtomicU32::new(maxconn),
            roster: Roster::new(spec.backend.roster.clone(), Vec::new(), 0),
            servers: Servers::new(Vec::new()),
            bad_request: Mutex::default(),
            bad_response: Mutex::default(),
            dynamic_cookie: RwLock::new(dynamic_cookie),
            is_disabled: AtomicBool::new(spec.disabled),
            is_paused: AtomicBool::new(old.is_paused()),
            is_retired: AtomicBool::new(false),
            kept: Arc::clone(&old.kept),
        }
    }

    /// How a server begins: up unless disabled or without an address.
    pub(crate) fn first_placement(server: &lbd_config::config::ServerSpec, now: Time) -> Placement {
        let lost = server.unresolved || server.address == ServerAddress::None;
        Placement {
            maint: server.disabled || lost,
            since: now,
            ..Placement::running(server.roster.weight)
        }
    }

    /// Whether it is the same proxy, maybe under another configuration.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.kept, &other.kept)
    }

    /// Another generation's state takes this one's place; slots of servers that are held here are
    /// held there from now on.
    pub(crate) fn retire(&self, next: Option<&Self>) {
        let Some(next) = next else { return };
        self.is_retired.store(true, Relaxed);
        let tenures = self.roster.retire();
        for (at, tenure) in tenures.into_iter().enumerate() {
            let server = self.servers.get(at);
            if let Some(id) = server.and_then(|server| reconcile::successor(next, server)) {
                next.roster.succeed(id, tenure);
            }
        }
    }

    /// Tells the state that has taken this one's place of slots that have changed hands here.
    pub(crate) fn pass_on(&self, shared: &Shared, now: Time) {
        if !self.is_retired.load(Relaxed) {
            return;
        }
        let mut moves = self.roster.moves();
        // A slot that went to a waiter here is not free there: what was taken goes first.
        moves.sort_by_key(|(_, taken)| !taken);
        let present = shared.current();
        let Some(next) = present.proxies.iter().find(|proxy| proxy.is_same(self)) else {
            return;
        };
        for (server, taken) in moves {
            let state = self.servers.get(server.index());
            let Some(id) = state.and_then(|state| reconcile::successor(next, state)) else {
                continue;
            };
            match taken {
                true => next.roster.occupy(id, now),
                false => next.release(id, shared, now),
            }
        }
    }

    /// Whether the proxy was stopped (`disabled`, `shutdown frontend`).
    pub fn is_disabled(&self) -> bool {
        self.is_disabled.load(Relaxed)
    }

    /// Whether rules pass it by (`unpublish backend`).
    pub fn is_unpublished(&self) -> bool {
        self.kept.is_unpublished.load(Relaxed)
    }

    /// Lets rules choose it, or pass it by.
    pub fn publish(&self, is_published: bool) {
        self.kept.is_unpublished.store(!is_published, Relaxed);
    }

    /// Whether accepting is interrupted (`disable frontend`).
    pub fn is_paused(&self) -> bool {
        self.is_paused.load(Relaxed)
    }

    /// Interrupts accepting, goes on, or (`None`) stops it for good.
    pub fn listen(&self, paused: Option<bool>, shared: &Shared) {
        match paused {
            Some(paused) => self.is_paused.store(paused, Relaxed),
            None => self.is_disabled.store(true, Relaxed),
        }
        self.look_again(shared);
    }

    /// Changes the limit of connections; 0 for none but the process's.
    pub fn set_maxconn(&self, limit: u32, shared: &Shared) {
        self.maxconn.store(limit, Relaxed);
        // Whoever waits for a place looks again.
        self.look_again(shared);
    }

    fn look_again(&self, shared: &Shared) {
        for mailbox in shared.mailboxes() {
            mailbox.post(Message::Listen);
        }
    }

    /// Applies a server's new placement and wakes those whom it concerns.
    pub fn place(&self, server: ServerId, placement: Placement, shared: &Shared) -> Placed {
        let mut wakes = Vec::new();
        let now = shared.now();
        let placed = self.roster.place(server, placement, now, &mut wakes);
        self.availability
            .note(placed.active + placed.backup > 0, now);
        shared.deliver(&wakes);
        placed
    }

    /// Changes a server's `maxconn` and wakes those who may go on.
    pub fn set_server_maxconn(&self, server: ServerId, maxconn: u32, shared: &Shared) {
        let mut wakes = Vec::new();
        self.roster
            .set_maxconn(server, maxconn, shared.now(), &mut wakes);
        shared.deliver(&wakes);
    }

    /// Changes where a server is; idle connections to the old address are closed.
    pub fn set_server_address(&self, server: ServerId, address: ServerAddress, shared: &Shared) {
        let Some(state) = self.servers.get(server.index()) else {
            return;
        };
        let (ip, port) = match &address {
            ServerAddress::Inet(address) => (Some(address.ip()), address.port()),
            ServerAddress::MappedPort(ip, _) => (Some(*ip), 0),
            _ => (None, 0),
        };
        self.roster.set_addr(server, ip, port);
        state.set_address(address);
        state.close_idle(shared);
    }

    /// Ends the streams of a server, with the letter that `ending` stands for.
    pub fn end_server_streams(
        &self,
        server: ServerId,
        ending: crate::live::Ending,
        shared: &Shared,
    ) {
        let Some(state) = self.servers.get(server.index()) else {
            return;
        };
        for mailbox in shared.mailboxes() {
            mailbox.post(Message::KillServer {
                server: Arc::clone(state),
                ending,
            });
        }
    }

    /// Gives a slot of a server back.
    pub(crate) fn release(&self, server: ServerId, shared: &Shared, now: Time) {
        let mut wakes: Vec<Wake> = Vec::new();
        self.roster.release(server, now, &mut wakes);
        shared.deliver(&wakes);
        self.pass_on(shared, now);
    }
}

/// A listening socket as it runs.
#[derive(Debug)]
pub struct ListenerState {
    /// Its index.
    pub id: ListenerId,
    /// Its frontend.
    pub proxy: ProxyId,
    kept: Arc<ListenerKept>,
}

/// What a listening socket keeps when the configuration changes and it stays.
#[derive(Debug)]
pub struct ListenerKept {
    /// Counters, kept with `option socket-stats`.
    pub counters: Shards,
    /// Current connections.
    pub connections: Gauge,
}

impl Deref for ListenerState {
    type Target = ListenerKept;

    #[inline]
    fn deref(&self) -> &ListenerKept {
        &self.kept
    }
}

impl ListenerState {
    /// A listening socket as its line says.
    pub fn new(spec: &ListenerSpec, workers: usize) -> Self {
        let kept = ListenerKept {
            counters: Shards::new(workers),
            connections: Gauge::default(),
        };
        Self {
            id: spec.id,
            proxy: spec.proxy,
            kept: Arc::new(kept),
        }
    }

    /// A listening socket that goes on as `spec` says.
    pub(crate) fn after(old: &Self, spec: &ListenerSpec) -> Self {
        Self {
            id: spec.id,
            proxy: spec.proxy,
            kept: Arc::clone(&old.kept),
        }
    }

    /// Whether it is the same listener, maybe under another configuration.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.kept, &other.kept)
    }
}

/// The `maxconn` of a frontend as its section, or `global`, says.
fn configured_maxconn(spec: &ProxySpec, config: &Config) -> u32 {
    match spec.frontend.maxconn {
        0 => config.global.maxconn.unwrap_or(0),
        own => own,
    }
}

/// Bytes of a faulty message that are kept.
pub const MAX_CAPTURE: usize = 16_384;

//! A server as it runs: where it is, how it is, what it counted.
//!
//! Written by workers (counters) and by the control side (placement, address, health). What
//! outlives a change of configuration is in [`ServerKept`].

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use lbd_backend::health::{HealthSnapshot, Observer};
use lbd_config::config::{ServerAddress, ServerSpec};
use lbd_core::{ProxyId, ServerId};
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

use super::counters::{Gauge, Shards};
use super::{Message, Shared};

/// A running server under one configuration.
#[derive(Debug)]
pub struct ServerState {
    /// Its backend.
    pub backend: ProxyId,
    /// Its index there.
    pub id: ServerId,
    /// Its name.
    pub name: Box<str>,
    /// Its line.
    pub spec: Arc<ServerSpec>,
    /// Idle connections kept at most (`pool-max-conn`), -1 for no limit.
    pub max_idle: i32,
    /// Idle connections that a worker keeps beyond its need (`pool-low-conn`).
    pub low_idle: u32,
    /// What traffic shows of it, where the line says `observe`.
    pub observed: Option<Observer>,
    is_removed: AtomicBool,
    kept: Arc<ServerKept>,
}

/// What a server keeps when the configuration changes and it stays.
#[derive(Debug)]
pub struct ServerKept {
    /// Its number among all servers that live, whatever configuration they are of.
    pub slot: ServerSlot,
    /// What workers counted.
    pub counters: Shards,
    /// Streams now, over all workers.
    pub streams: Gauge,
    address: RwLock<Arc<ServerAddress>>,
    /// Moves with every change of address: idle connections of an older one are not reused.
    epoch: AtomicU32,
    health: RwLock<Option<Arc<HealthSnapshot>>>,
    /// Connections now, counted where `strict-maxconn` limits them.
    connections: ConnCount,
}

/// A server's number, dense and without regard to configurations: pools index by it.
#[derive(Debug, PartialEq, Eq)]
pub struct ServerSlot(u32);

/// The numbers of servers that are gone, and the first one that was never used.
static SLOTS: Mutex<(Vec<u32>, u32)> = Mutex::new((Vec::new(), 0));

impl ServerSlot {
    fn take() -> Self {
        let (free, next) = &mut *SLOTS.lock();
        Self(free.pop().unwrap_or_else(|| {
            *next += 1;
            *next - 1
        }))
    }

    /// The number.
    pub fn index(&self) -> usize {
        self.0 as usize
    }
}

impl Drop for ServerSlot {
    fn drop(&mut self) {
        SLOTS.lock().0.push(self.0);
    }
}

/// Connections to a server now, idle ones included. A limit, hence shared: workers write it.
#[derive(Debug, Default)]
struct ConnCount {
    open: AtomicU32,
    /// Told when one closes.
    closed: Notify,
}

/// A connection's place within `strict-maxconn`; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct ConnPlace(Arc<ServerKept>);

impl Drop for ConnPlace {
    fn drop(&mut self) {
        let count = &self.0.connections;
        count.open.fetch_sub(1, Relaxed);
        count.closed.notify_one();
    }
}

impl Deref for ServerState {
    type Target = ServerKept;

    #[inline]
    fn deref(&self) -> &ServerKept {
        &self.kept
    }
}

impl ServerState {
    /// A server as its line says.
    pub fn new(spec: &Arc<ServerSpec>, backend: ProxyId, workers: usize) -> Self {
        let kept = ServerKept {
            slot: ServerSlot::take(),
            counters: Shards::new(workers),
            streams: Gauge::default(),
            address: RwLock::new(Arc::new(spec.address.clone())),
            epoch: AtomicU32::default(),
            health: RwLock::default(),
            connections: ConnCount::default(),
        };
        Self::with(spec, backend, Arc::new(kept))
    }

    /// A server that goes on as `spec` says.
    pub(crate) fn after(old: &Self, spec: &Arc<ServerSpec>, backend: ProxyId) -> Self {
        let line = &old.spec;
        let state = Self::with(spec, backend, Arc::clone(&old.kept));
        let is_set_by_operator = line.text == spec.text && *old.address() != line.address;
        if !is_set_by_operator && !spec.unresolved && *old.address() != spec.address {
            state.set_address(spec.address.clone());
        } else if way(line) != way(spec) || line.ssl.is_some() || spec.ssl.is_some() {
            // Connections that were opened otherwise are not used again.
            state.touch();
        }
        state
    }

    fn with(spec: &Arc<ServerSpec>, backend: ProxyId, kept: Arc<ServerKept>) -> Self {
        Self {
            spec: Arc::clone(spec),
            is_removed: AtomicBool::new(false),
            backend,
            id: spec.id,
            name: spec.roster.name.as_str().into(),
            max_idle: spec.pool_max_conn,
            low_idle: spec.pool_low_conn,
            observed: spec
                .health
                .observe
                .map(|layer| Observer::new(layer, spec.health.error_limit)),
            kept,
        }
    }

    /// Whether it is the same server, maybe under another configuration.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.kept, &other.kept)
    }

    /// Whether it was taken out (`del server`).
    pub fn is_removed(&self) -> bool {
        self.is_removed.load(Relaxed)
    }

    /// It is taken out; false when it was before.
    pub(super) fn set_removed(&self) -> bool {
        !self.is_removed.swap(true, Relaxed)
    }

    /// Whether `strict-maxconn` limits connections.
    pub(crate) fn is_strict(&self) -> bool {
        self.spec.strict_maxconn
    }

    /// A place for one more connection; `None` when `limit` (0 for none) is reached.
    pub(crate) fn reserve(&self, limit: u32) -> Option<ConnPlace> {
        let count = &self.connections;
        let more = |open: u32| (limit == 0 || open < limit).then_some(open + 1);
        let reserved = count.open.fetch_update(Relaxed, Relaxed, more);
        reserved.ok().map(|_| ConnPlace(Arc::clone(&self.kept)))
    }
}

/// What connections to a server are opened by, its address and TLS apart.
fn way(spec: &ServerSpec) -> String {
    format!(
        "{:?}",
        (
            (&spec.send_proxy, &spec.source, &spec.user_timeout),
            (&spec.congestion, &spec.fast_open, &spec.socks4),
            (&spec.namespace, &spec.md5_key, &spec.proto),
            (&spec.strict_maxconn, &spec.idle_ping),
        )
    )
}

impl ServerKept {
    /// Ends when a connection that `strict-maxconn` counts closes.
    pub(crate) async fn connection_closed(&self) {
        self.connections.closed.notified().await;
    }

    /// Where it is now.
    pub fn address(&self) -> Arc<ServerAddress> {
        Arc::clone(&self.address.read())
    }

    /// Number of the present address.
    pub fn epoch(&self) -> u32 {
        self.epoch.load(Relaxed)
    }

    pub(crate) fn set_address(&self, address: ServerAddress) {
        *self.address.write() = Arc::new(address);
        self.touch();
    }

    /// Health as the check runner last reported it; `None` when nothing watches the server.
    pub fn health(&self) -> Option<Arc<HealthSnapshot>> {
        self.health.read().clone()
    }

    /// Leaves a new report of its health for status pages.
    pub fn set_health(&self, snapshot: HealthSnapshot) {
        *self.health.write() = Some(Arc::new(snapshot));
    }

    fn touch(&self) {
        self.epoch.fetch_add(1, Relaxed);
    }
}

impl ServerState {
    /// Closes the idle connections to it, on all workers.
    pub fn close_idle(self: &Arc<Self>, shared: &Shared) {
        for mailbox in shared.mailboxes() {
            mailbox.post(Message::CloseIdle(Arc::clone(self)));
        }
    }
}

//! A server as it runs: where it is, how it is, what it counted.
//!
//! Written by workers (counters) and by the control side (placement, address, health).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use lbd_backend::health::HealthSnapshot;
use lbd_config::config::{ServerAddress, ServerSpec};
use lbd_core::{ProxyId, ServerId};
use parking_lot::RwLock;
use tokio::sync::Notify;

use super::counters::{Gauge, Shards};

/// A running server.
#[derive(Debug)]
pub struct ServerState {
    /// Its backend.
    pub backend: ProxyId,
    /// Its index there.
    pub id: ServerId,
    /// Its name.
    pub name: Box<str>,
    /// What workers counted.
    pub counters: Shards,
    /// Streams now, over all workers.
    pub streams: Gauge,
    /// Idle connections kept at most (`pool-max-conn`), -1 for no limit.
    pub max_idle: i32,
    /// Idle connections that a worker keeps beyond its need (`pool-low-conn`).
    pub low_idle: u32,
    address: RwLock<Arc<ServerAddress>>,
    /// Moves with every change of address: idle connections of an older one are not reused.
    epoch: AtomicU32,
    health: RwLock<Option<Arc<HealthSnapshot>>>,
    /// Connections now, where `strict-maxconn` limits them.
    connections: Option<ConnCount>,
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
pub(crate) struct ConnPlace(Arc<ServerState>);

impl Drop for ConnPlace {
    fn drop(&mut self) {
        if let Some(count) = &self.0.connections {
            count.open.fetch_sub(1, Relaxed);
            count.closed.notify_one();
        }
    }
}

impl ServerState {
    /// A server as its line says.
    pub fn new(spec: &ServerSpec, backend: ProxyId, workers: usize) -> Self {
        Self {
            backend,
            id: spec.id,
            name: spec.roster.name.as_str().into(),
            counters: Shards::new(workers),
            streams: Gauge::default(),
            max_idle: spec.pool_max_conn,
            low_idle: spec.pool_low_conn,
            address: RwLock::new(Arc::new(spec.address.clone())),
            epoch: AtomicU32::default(),
            health: RwLock::default(),
            connections: spec.strict_maxconn.then(ConnCount::default),
        }
    }

    /// Whether `strict-maxconn` limits connections.
    pub(crate) fn is_strict(&self) -> bool {
        self.connections.is_some()
    }

    /// A place for one more connection; `None` when `limit` (0 for none) is reached.
    pub(crate) fn reserve(self: &Arc<Self>, limit: u32) -> Option<ConnPlace> {
        let count = self.connections.as_ref()?;
        let more = |open: u32| (limit == 0 || open < limit).then_some(open + 1);
        let reserved = count.open.fetch_update(Relaxed, Relaxed, more);
        reserved.ok().map(|_| ConnPlace(Arc::clone(self)))
    }

    /// Ends when a connection that `strict-maxconn` counts closes.
    pub(crate) async fn connection_closed(&self) {
        match &self.connections {
            Some(count) => count.closed.notified().await,
            None => std::future::pending().await,
        }
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
        self.epoch.fetch_add(1, Relaxed);
    }

    /// Health as the check runner last reported it; `None` when nothing watches the server.
    pub fn health(&self) -> Option<Arc<HealthSnapshot>> {
        self.health.read().clone()
    }

    /// Leaves a new report of its health for status pages.
    pub fn set_health(&self, snapshot: HealthSnapshot) {
        *self.health.write() = Some(Arc::new(snapshot));
    }
}

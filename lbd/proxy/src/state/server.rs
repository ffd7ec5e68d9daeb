//! A server as it runs: where it is, how it is, what it counted.
//!
//! Written by workers (counters) and by the control side (placement, address, health).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use lbd_backend::health::HealthSnapshot;
use lbd_config::config::{ServerAddress, ServerSpec};
use lbd_core::{ProxyId, ServerId};
use parking_lot::RwLock;

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
    address: RwLock<Arc<ServerAddress>>,
    /// Moves with every change of address: idle connections of an older one are not reused.
    epoch: AtomicU32,
    health: RwLock<Option<Arc<HealthSnapshot>>>,
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
            address: RwLock::new(Arc::new(spec.address.clone())),
            epoch: AtomicU32::default(),
            health: RwLock::default(),
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

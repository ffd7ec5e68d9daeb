//! Servers that come and go while the balancer runs.
//!
//! The control side calls these, one at a time; what such a server must satisfy is checked before.

use std::sync::Arc;

use lbd_backend::Placement;
use lbd_backend::roster::MAX_SERVERS;
use lbd_config::config::ServerSpec;
use lbd_core::{ServerId, bits};

use super::{Generation, ProxyState, ServerState, Shared};

impl ProxyState {
    /// The index of the next server that comes; `None` when the backend has had as many as it can
    /// have until the configuration is read again.
    pub fn next_server(&self) -> Option<ServerId> {
        let next = self.roster.len();
        (next < MAX_SERVERS).then(|| ServerId(bits::count32(next)))
    }

    /// Adds a server in maintenance. Its index must be that of [`next_server`](Self::next_server).
    pub fn add_server(&self, spec: &Arc<ServerSpec>, shared: &Shared) -> Option<Arc<ServerState>> {
        let workers = shared.setup().workers;
        let id = self
            .servers
            .push(|_| ServerState::new(spec, self.id, workers))?;
        let now = shared.now();
        let placement = Placement {
            maint: true,
            since: now,
            ..Placement::running(spec.roster.weight)
        };
        // The roster hands out what the list holds already.
        self.roster.add(spec.roster.clone(), placement, now)?;
        self.servers.get(id.index()).map(Arc::clone)
    }

    /// Takes a server out; false when a stream holds it or waits for it.
    pub fn remove_server(&self, server: &Arc<ServerState>, shared: &Shared) -> bool {
        if server.streams.get() > 0 || !self.roster.remove(server.id, shared.now()) {
            return false;
        }
        self.servers.remove(server);
        server.close_idle(shared);
        true
    }
}

impl Generation {
    /// Whether a server is busy: with streams, waiters, or connections that are in use.
    pub fn is_server_busy(&self, server: &ServerState, shared: &Shared) -> bool {
        let now = shared.now();
        let view = self.proxy(server.backend).roster.server(server.id, now);
        let holds = view.is_some_and(|view| view.served > 0 || view.queued > 0);
        holds || server.streams.get() > 0 || server.counters.totals(now).used > 0
    }
}

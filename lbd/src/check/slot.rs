//! A server as the runner knows it, and a check of it that is to be run.
//!
//! What happens to them is [`super::core`]'s matter.

use std::sync::Arc;

use lbd_backend::health::{Health, Which};
use lbd_config::config::ServerAddress;
use lbd_core::{ProxyId, ServerId, Time};
use lbd_proxy::state::{Generation, ServerState};

use super::target::Moved;

/// Names a machine for as long as it lives, whatever index its server has.
pub(super) type Key = u64;

/// One server.
pub(super) struct Slot {
    pub(super) key: Key,
    pub(super) health: Health,
    pub(super) state: Arc<ServerState>,
    pub(super) backend: ProxyId,
    pub(super) server: ServerId,
    /// When the queue of timers will bring this slot up.
    pub(super) armed: Option<Time>,
    /// Servers that follow this one.
    pub(super) followers: Vec<usize>,
    pub(super) check_moved: Moved,
    pub(super) agent_moved: Moved,
    /// What was told of it last: whether its checks find it up.
    pub(super) found: Option<bool>,
    /// `set server … agent-send`.
    pub(super) agent_send: Option<Box<[u8]>>,
}

impl Slot {
    pub(super) fn new(state: &Arc<ServerState>, now: Time, key: Key) -> Self {
        // Any seed will do that differs between servers and runs.
        let seed = super::core::seed(key);
        Self {
            key,
            health: Health::new(state.spec.health.clone(), now, seed),
            backend: state.backend,
            server: state.id,
            state: Arc::clone(state),
            armed: None,
            followers: Vec::new(),
            check_moved: Moved::default(),
            agent_moved: Moved::default(),
            found: None,
            agent_send: None,
        }
    }

    pub(super) fn moved_mut(&mut self, which: Which) -> &mut Moved {
        match which {
            Which::Agent => &mut self.agent_moved,
            Which::Health => &mut self.check_moved,
        }
    }
}

/// A check to be run now.
pub(super) struct Job {
    /// Which slot.
    pub(super) key: Key,
    /// Which check.
    pub(super) which: Which,
    pub(super) generation: Arc<Generation>,
    pub(super) backend: ProxyId,
    pub(super) server: ServerId,
    pub(super) state: Arc<ServerState>,
    /// Where the server is now.
    pub(super) address: Arc<ServerAddress>,
    pub(super) moved: Moved,
    /// What the agent is sent, when changed at run time.
    pub(super) agent_send: Option<Box<[u8]>>,
    pub(super) accepts_404: bool,
}

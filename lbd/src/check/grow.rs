//! Servers that come and go while checks run.
//!
//! It checks no option: the runtime API does before.

use std::sync::Arc;

use lbd_backend::State;
use lbd_backend::health::{AdminFlag, Follow, FollowEvent, Input, Which};
use lbd_core::{ProxyId, ServerId};
use lbd_proxy::state::ServerState;
use parking_lot::MutexGuard;

use super::core::Core;
use super::order::CheckHandle;
use super::slot::Slot;

/// Why a server cannot be taken out, in the reference's words.
pub(crate) const IS_NAMED: &str =
    "This server cannot be removed at runtime due to other configuration elements pointing to it.";

impl CheckHandle {
    /// Held by who adds servers or takes them out, so that one does at a time.
    pub(crate) fn changing(&self) -> MutexGuard<'_, ()> {
        self.runner.changes.lock()
    }

    /// A server has come, in maintenance and with its checks turned off.
    pub(crate) fn add(&self, server: &Arc<ServerState>) {
        self.runner.core.lock().add(server);
        self.runner.wake.notify_one();
    }

    /// A server goes.
    pub(crate) fn remove(&self, backend: ProxyId, server: ServerId) {
        self.runner.core.lock().remove(backend, server);
        self.runner.wake.notify_one();
    }

    /// Whether a server may go as far as its state and those that follow it are concerned.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn may_go(&self, backend: ProxyId, server: ServerId) -> Result<(), &'static str> {
        let core = self.runner.core.lock();
        let at = core.find(backend, server).ok_or("No such server.")?;
        let slot = core.slot(at);
        if !slot.followers.is_empty() {
            return Err(IS_NAMED);
        }
        match slot.health.placement().maint {
            true => Ok(()),
            false => Err("Only servers in maintenance mode can be deleted."),
        }
    }
}

impl Core {
    fn add(&mut self, server: &Arc<ServerState>) {
        let now = self.now();
        let slot = Slot::new(server, now, self.next_key());
        let at = self.push(slot);
        let spec = Arc::clone(&server.spec);
        let leader = spec
            .track
            .and_then(|(backend, server)| self.find(backend, server));
        if let Some(leader) = leader {
            let state: State = self.slot(leader).health.placement().state;
            self.slot_mut(leader).followers.push(at);
            let event = FollowEvent::State;
            self.start_with(at, now, Input::Followed(Follow { state, event }));
        }
        // Turned off before maintenance holds them back: it would hold them for ever.
        for which in [Which::Health, Which::Agent] {
            self.start_with(at, now, Input::Enable { which, on: false });
            self.start_with(at, now, Input::Scheduled { which, at: now });
        }
        let flag = AdminFlag::ForcedMaint;
        let (on, reason) = (true, None);
        self.start_with(at, now, Input::Admin { flag, on, reason });
        self.publish(at);
        self.arm(at);
    }

    fn remove(&mut self, backend: ProxyId, server: ServerId) {
        let Some(at) = self.find(backend, server) else {
            return;
        };
        self.give(at, Input::Stop);
        let track = self.spec(at).track;
        if let Some(leader) = track.and_then(|(backend, server)| self.find(backend, server)) {
            self.slot_mut(leader)
                .followers
                .retain(|follower| *follower != at);
        }
        self.forget(backend, server);
    }
}

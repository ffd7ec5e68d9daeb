//! The machines of a new configuration, made of those of the old one.
//!
//! A server whose line says the same about its health keeps its machine, with checks that run and
//! times that are set; one whose line says something else begins where the old machine ended, as from
//! a server state file; one that has another address keeps what operators have said of it.

use std::collections::HashMap;
use std::sync::Arc;

use lbd_backend::health::{AdminFlag, CheckStatus, HealthSnapshot, Input, ProbeSnapshot, Saved};
use lbd_config::config::ServerSpec;
use lbd_core::Time;
use lbd_proxy::state::{Generation, ServerState};

use super::Findings;
use super::core::Core;
use super::slot::Slot;

impl Core {
    /// Goes on with the servers of another generation. Called before it is the present one, whose
    /// servers then are where the machines have them.
    pub(super) fn adopt(&mut self, generation: Arc<Generation>, findings: Option<Findings>) {
        let now = self.now();
        let former = Former::of(self);
        self.generation = generation;
        self.findings = findings;
        let (is_fresh, restored) = self.fill(former, now);
        self.link_followers();
        for (at, saved) in restored {
            self.start_with(at, now, Input::Restored(Box::new(saved)));
        }
        let fresh = is_fresh.iter().enumerate();
        for at in fresh.filter(|(_, fresh)| **fresh).map(|(at, _)| at) {
            if self.spec(at).unresolved {
                let flag = AdminFlag::ResolutionMaint;
                let (on, reason) = (true, None);
                self.start_with(at, now, Input::Admin { flag, on, reason });
            }
        }
        for at in 0..self.slots.len() {
            if self.spec(at).track.is_none() {
                self.inherit(at, now);
            }
        }
        self.place_all(now);
        self.schedule(now, |at| is_fresh[at]);
        for at in 0..self.slots.len() {
            self.publish(at);
            self.arm(at);
        }
    }

    /// A slot for each server; which of them have a machine of their own making, and what of these
    /// is restored.
    fn fill(&mut self, mut former: Former, now: Time) -> (Vec<bool>, Vec<(usize, Saved)>) {
        let generation = Arc::clone(&self.generation);
        let (mut is_fresh, mut restored) = (Vec::new(), Vec::new());
        for server in generation.proxies.iter().flat_map(|proxy| &proxy.servers) {
            let spec = &generation.config.proxies[server.backend.index()];
            let old = former.take(&spec.name, &server.name);
            let goes_on = old.as_ref().is_some_and(|old| {
                let line = &old.state.spec;
                line.health == server.spec.health && line.text == server.spec.text
            });
            is_fresh.push(!goes_on);
            let slot = match old {
                Some(old) if goes_on => old.under(server),
                None => Slot::new(server, now, self.next_key()),
                Some(mut old) => {
                    let mut slot = Slot::new(server, now, self.next_key());
                    slot.agent_send = old.agent_send.take();
                    slot.check_moved = old.check_moved;
                    slot.agent_moved = old.agent_moved;
                    let snapshot = old.health.snapshot();
                    let saved = saved(&snapshot, &old.state.spec, &server.spec, now);
                    restored.push((self.slots.len(), saved));
                    slot
                }
            };
            self.push(slot);
        }
        (is_fresh, restored)
    }
}

impl Slot {
    /// The same machine for a server under another configuration.
    fn under(self, state: &Arc<ServerState>) -> Self {
        Self {
            backend: state.backend,
            server: state.id,
            state: Arc::clone(state),
            followers: Vec::new(),
            armed: None,
            ..self
        }
    }
}

/// The old machines by the names of backends and servers.
struct Former(HashMap<(Box<str>, Box<str>), Slot>);

impl Former {
    /// Takes them out; timers and indices go.
    fn of(core: &mut Core) -> Self {
        let generation = Arc::clone(&core.generation);
        let slots = std::mem::take(&mut core.slots);
        core.places.clear();
        core.keys.clear();
        core.numbers.clear();
        core.timers.clear();
        let there = slots.into_iter().filter(|slot| !slot.state.is_removed());
        let named = there.filter_map(|slot| {
            let proxy = generation.config.proxies.get(slot.backend.index())?;
            Some(((proxy.name.clone(), slot.state.name.clone()), slot))
        });
        Self(named.collect())
    }

    fn take(&mut self, backend: &str, server: &str) -> Option<Slot> {
        self.0.remove(&(backend.into(), server.into()))
    }
}

/// What a machine that ends leaves to the one of another line. At another address nothing is known
/// of the server but what operators have said.
fn saved(snapshot: &HealthSnapshot, line: &ServerSpec, next: &ServerSpec, now: Time) -> Saved {
    let is_there = line.text == next.text;
    let check = snapshot.check.as_ref().filter(|_| is_there);
    let off = |probe: &Option<ProbeSnapshot>| probe.as_ref().is_some_and(|probe| !probe.enabled);
    let unknown = lbd_backend::State::Running;
    Saved {
        state: if is_there { snapshot.state } else { unknown },
        forced_maint: snapshot.admin.has(AdminFlag::ForcedMaint),
        was_disabled: line.disabled,
        forced_drain: snapshot.admin.has(AdminFlag::ForcedDrain),
        weight: snapshot.weight,
        configured_weight: snapshot.configured_weight,
        age: match is_there {
            true => snapshot.since_change(now),
            false => std::time::Duration::ZERO,
        },
        status: check.map_or(CheckStatus::Initializing, |probe| probe.status),
        health: check.map_or(0, |probe| probe.health),
        check_off: off(&snapshot.check),
        agent_off: off(&snapshot.agent),
    }
}

//! States of objects as monitoring knows them: one word of a few.
//!
//! What the `status` column says besides is [`super`]'s matter.

use lbd_backend::health::{CheckStatus, Which};
use lbd_backend::{Placement, State};
use lbd_config::config::Mode;
use lbd_core::ServerId;

use super::{Object, Row};

/// States of a server, in the reference's order.
pub const SERVER_STATES: [&str; 5] = ["DOWN", "UP", "MAINT", "DRAIN", "NOLB"];

/// States of a frontend or backend.
pub const PROXY_STATES: [&str; 2] = ["DOWN", "UP"];

/// States of a listener.
pub const LISTENER_STATES: [&str; 3] = ["WAITING", "OPEN", "FULL"];

/// Statuses of checks that tell something of a server.
pub fn check_states() -> &'static [CheckStatus] {
    let first = CheckStatus::ALL
        .iter()
        .position(|status| *status == CheckStatus::HealthAnalyze);
    &CheckStatus::ALL[first.unwrap_or(0)..]
}

impl Row<'_> {
    /// The states that it may be in.
    pub fn states(&self) -> &'static [&'static str] {
        match &self.object {
            Object::Backend(_) | Object::Frontend => &PROXY_STATES,
            Object::Listener(..) => &LISTENER_STATES,
            Object::Server(..) => &SERVER_STATES,
        }
    }

    /// The one that it is in.
    pub fn state(&self) -> &'static str {
        match &self.object {
            Object::Backend(view) => {
                let is_up = view.usable > 0 || self.proxy.servers.is_empty();
                PROXY_STATES[usize::from(is_up)]
            }
            Object::Frontend => PROXY_STATES[usize::from(self.listening_status() != "STOP")],
            Object::Listener(..) => match self.listening_status() {
                "FULL" => "FULL",
                "OPEN" => "OPEN",
                _ => "WAITING",
            },
            Object::Server(_, _, view) => server_state(&view.placement),
        }
    }

    /// How many servers of a backend are in each of [`SERVER_STATES`].
    pub fn servers_by_state(&self) -> [u32; SERVER_STATES.len()] {
        let mut counts = [0; SERVER_STATES.len()];
        for server in &self.proxy.servers {
            let Some(view) = self.proxy.roster.server(server.id, self.now) else {
                continue;
            };
            let state = server_state(&view.placement);
            let at = SERVER_STATES.iter().position(|word| *word == state);
            if let Some(count) = at.and_then(|at| counts.get_mut(at)) {
                *count += 1;
            }
        }
        counts
    }

    /// How many servers of a backend have this status of their last check.
    pub fn servers_with(&self, status: CheckStatus) -> u32 {
        let servers = self.proxy.servers.iter();
        let has = servers.filter(|server| {
            let health = server.health();
            let check = health.as_ref().and_then(|health| health.check.as_ref());
            check.is_some_and(|check| check.status == status)
        });
        lbd_core::bits::count32(has.count())
    }

    /// Whether the proxy handles messages.
    pub fn is_http(&self) -> bool {
        self.spec.mode == Mode::Http
    }

    /// Whether a backend has servers.
    pub fn has_servers(&self) -> bool {
        !self.proxy.servers.is_empty()
    }

    /// Status of the last check while such checks run.
    pub fn check_status(&self, which: Which) -> Option<CheckStatus> {
        self.running_probe(which).map(|probe| probe.status)
    }

    /// Index in its backend of the server of this row.
    pub fn server_id(&self) -> Option<ServerId> {
        match &self.object {
            Object::Server(spec, ..) => Some(spec.id),
            _ => None,
        }
    }
}

/// A state that nothing says otherwise of is the first.
fn server_state(placement: &Placement) -> &'static str {
    match placement.state {
        _ if placement.maint => "MAINT",
        State::Running | State::Starting if placement.drain => "DRAIN",
        State::Running | State::Starting => "UP",
        State::Stopping => "NOLB",
        State::Stopped => "DOWN",
    }
}

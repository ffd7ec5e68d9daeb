//! What status pages, `show stat` and `show servers state` read of a server's health.
//!
//! Plain values of one moment.

use std::time::Duration;

use lbd_core::Time;

use super::admin::{Admin, AdminFlag};
use super::status::CheckStatus;
use crate::spec::State;

/// One check as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeSnapshot {
    /// Turned on.
    pub enabled: bool,
    /// Held back by maintenance.
    pub paused: bool,
    /// One is in progress (the status is then shown with `* ` before it).
    pub running: bool,
    /// Status of the last one.
    pub status: CheckStatus,
    /// Its code, 0 for none.
    pub code: u32,
    /// Its text.
    pub text: Vec<u8>,
    /// Its duration, when it has one.
    pub duration: Option<Duration>,
    /// Count from 0 to `rise + fall - 1`.
    pub health: u32,
    /// `rise`.
    pub rise: u32,
    /// `fall`.
    pub fall: u32,
}

/// A server's health as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthSnapshot {
    /// Operational state.
    pub state: State,
    /// Reasons for maintenance and drain.
    pub admin: Admin,
    /// Weight as last set.
    pub weight: u32,
    /// Configured weight.
    pub configured_weight: u32,
    /// The health check.
    pub check: Option<ProbeSnapshot>,
    /// The agent check.
    pub agent: Option<ProbeSnapshot>,
    /// Failed checks while it was up (`chkfail`).
    pub failed_checks: u64,
    /// Transitions to down (`chkdown`).
    pub downs: u64,
    /// Times that traffic reached the error limit (`hanafail`).
    pub failed_observations: u64,
    /// When the state last changed.
    pub last_change: Time,
    /// Time in that state before this process started, from a server state file.
    pub age: Duration,
    /// Time spent down before the present state.
    pub past_downtime: Duration,
    /// The followed server.
    pub track: Option<String>,
}

impl HealthSnapshot {
    /// How long the state lasts.
    pub fn since_change(&self, now: Time) -> Duration {
        now.since(self.last_change) + self.age
    }

    /// Time spent down, the present one included.
    pub fn downtime(&self, now: Time) -> Duration {
        match self.state {
            State::Stopped => self.past_downtime + self.since_change(now),
            _ => self.past_downtime,
        }
    }
}

/// What `http-check send-state` tells besides the health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateFacts<'a> {
    /// `backend/server`.
    pub name: &'a str,
    /// The server's address.
    pub address: &'a str,
    /// Its port; `None` for a unix socket.
    pub port: Option<u16>,
    /// Name of this node.
    pub node: &'a str,
    /// Effective weight of the server and of all servers in use.
    pub weights: (u32, u32),
    /// Open sessions of the server and of the backend.
    pub sessions: (u32, u32),
    /// Streams waiting for the server.
    pub queued: u32,
    /// Slow start in percent, while it lasts.
    pub throttle: Option<u32>,
}

impl HealthSnapshot {
    /// Value of `X-Haproxy-Server-State` (haproxy 3.4 configuration 4.2, `http-check send-state`).
    pub fn state_header(&self, facts: &StateFacts<'_>) -> String {
        let down = self.state == State::Stopped;
        let word = match self.check.as_ref().filter(|p| p.enabled) {
            None => "no check".to_owned(),
            Some(p) if down && p.health == 0 => "DOWN".to_owned(),
            Some(p) if down => format!("DOWN {}/{}", p.health, p.rise),
            Some(p) => {
                let word = if self.state == State::Stopping {
                    "NOLB"
                } else {
                    "UP"
                };
                if p.health == p.rise + p.fall - 1 {
                    word.to_owned()
                } else {
                    format!(
                        "{word} {}/{}",
                        (p.health + 1).saturating_sub(p.rise),
                        p.fall
                    )
                }
            }
        };
        let port = facts.port.map(|p| p.to_string()).unwrap_or_default();
        let ((weight, weights), (own, all)) = (facts.weights, facts.sessions);
        let StateFacts {
            name,
            address,
            node,
            queued,
            ..
        } = facts;
        let throttle = facts.throttle.map(|t| format!("; throttle={}%", t.max(1)));
        format!(
            "{word}; address={address}; port={port}; name={name}; node={node}; \
             weight={weight}/{weights}; scur={own}/{all}; qcur={queued}{}",
            throttle.unwrap_or_default()
        )
    }

    /// The `status` column of the statistics. For a server that follows another one, `checked` is
    /// the snapshot of the one at the end of the chain.
    pub fn status_word(&self, checked: Option<&Self>) -> String {
        if self.admin.has(AdminFlag::ResolutionMaint) {
            return "MAINT (resolution)".to_owned();
        }
        if self.admin.has(AdminFlag::InheritedMaint) {
            let via = self.track.as_deref().unwrap_or_default();
            return format!("MAINT (via {via})");
        }
        if self.admin.is_maint() {
            return "MAINT".to_owned();
        }
        let base = checked.unwrap_or(self);
        let check = base.check.as_ref().filter(|p| p.enabled);
        let agent = base.agent.as_ref().filter(|p| p.enabled);
        let falling = check.is_some_and(|p| p.health < p.rise + p.fall - 1);
        let count = |word: &str| match &base.check {
            Some(p) if base.state == State::Stopped => format!("{word} {}/{}", p.health, p.rise),
            Some(p) => format!(
                "{word} {}/{}",
                (p.health + 1).saturating_sub(p.rise),
                p.fall
            ),
            None => word.to_owned(),
        };
        match self.state {
            State::Running | State::Starting => match (self.admin.is_drain(), agent, falling) {
                (true, Some(_), _) => "DRAIN (agent)".to_owned(),
                (true, None, true) => count("DRAIN"),
                (true, None, false) => "DRAIN".to_owned(),
                (false, _, true) => count("UP"),
                (false, _, false) if check.is_none() => "no check".to_owned(),
                (false, _, false) => "UP".to_owned(),
            },
            State::Stopping if falling => count("NOLB"),
            State::Stopping => "NOLB".to_owned(),
            State::Stopped => {
                let health = |p: Option<&ProbeSnapshot>| p.map_or(0, |p| p.health);
                if agent.is_some_and(|p| p.health == 0) {
                    "DOWN (agent)".to_owned()
                } else if check.is_some_and(|p| p.health == 0) {
                    "DOWN".to_owned()
                } else if health(agent) > 0 || health(check) > 0 {
                    count("DOWN")
                } else {
                    "DOWN".to_owned()
                }
            }
        }
    }
}

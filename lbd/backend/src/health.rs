//! Health of one server: what its checks, its agent, its traffic and its operator make of it.
//!
//! It sends no check and counts no stream: it says when a check is due, takes its report, and
//! emits what must be done (haproxy 3.4 configuration 5.2; management 9.3).

mod admin;
mod agent;
mod announce;
mod machine;
mod observe;
mod probe;
mod saved;
mod schedule;
mod snapshot;
mod status;

pub use admin::{Admin, AdminFlag};
pub use agent::{
    AgentAdmin, AgentReply, AgentWord, decode_agent, parse_maxconn_change, parse_weight_change,
};
pub use announce::{Announcement, Change, backend_down_line};
pub use machine::Health;
pub use observe::{Observation, Observe, Observer, OnError};
pub use probe::{CheckReport, Probe, ProbeSpec, Which};
pub use saved::Saved;
pub use schedule::{MIN_SPREAD_INTERVAL, Schedule, spread_interval};
pub use snapshot::{HealthSnapshot, ProbeSnapshot, StateFacts};
pub use status::{CheckResult, CheckStatus};

use std::time::Duration;

use crate::spec::State;

/// State of a server before its first check (`init-state`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InitState {
    /// Down until one check passes.
    Down,
    /// Down until `rise` checks pass.
    FullyDown,
    /// Up until `fall` checks fail.
    FullyUp,
    /// Not configured: up, and one failed check brings it down.
    #[default]
    None,
    /// Up until one check fails; also after leaving maintenance.
    Up,
}

/// What a configuration says about a server's health.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthSpec {
    /// Name of the backend, for messages.
    pub backend: String,
    /// Name of the server, for messages.
    pub server: String,
    /// `backup`.
    pub backup: bool,
    /// Configured weight, 0 to 256.
    pub weight: u32,
    /// Whether the algorithm takes other weights at run time (`Roster::is_dynamic`).
    pub dynamic: bool,
    /// `check`.
    pub check: Option<ProbeSpec>,
    /// `agent-check`.
    pub agent: Option<ProbeSpec>,
    /// `track`: `backend/server` of the server that is followed.
    pub track: Option<String>,
    /// `observe`.
    pub observe: Option<Observe>,
    /// `on-error`.
    pub on_error: OnError,
    /// `error-limit`: errors in a row that `observe` needs, at least 1.
    pub error_limit: u32,
    /// `on-marked-down shutdown-sessions`.
    pub shutdown_sessions: bool,
    /// `on-marked-up shutdown-backup-sessions`.
    pub shutdown_backups: bool,
    /// `slowstart`; zero for none.
    pub slowstart: Duration,
    /// `init-state`.
    pub init_state: InitState,
    /// `disabled`: starts in maintenance.
    pub disabled: bool,
    /// `option log-health-checks`.
    pub log_checks: bool,
    /// `spread-checks` in percent, 0 to 50.
    pub spread: u32,
}

impl HealthSpec {
    /// A server of weight 1 without any check.
    pub fn new(backend: impl Into<String>, server: impl Into<String>) -> Self {
        Self {
            backend: backend.into(),
            server: server.into(),
            backup: false,
            weight: 1,
            dynamic: true,
            check: None,
            agent: None,
            track: None,
            observe: None,
            on_error: OnError::default(),
            error_limit: 10,
            shutdown_sessions: false,
            shutdown_backups: false,
            slowstart: Duration::ZERO,
            init_state: InitState::None,
            disabled: false,
            log_checks: false,
            spread: 0,
        }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Switches an administrative flag; the reason is shown in brackets.
    Admin {
        /// Which flag.
        flag: AdminFlag,
        /// Set or cleared.
        on: bool,
        /// Why, for messages.
        reason: Option<&'static str>,
    },
    /// The agent gave a line.
    AgentReplied {
        /// The line as decoded.
        reply: AgentReply,
        /// How long the exchange took.
        duration: Duration,
    },
    /// A check that was asked for by `Output::Check` has ended.
    Checked {
        /// Which check.
        which: Which,
        /// How it ended.
        report: CheckReport,
    },
    /// Checks are turned on or off (`enable health`, `disable agent`).
    Enable {
        /// Which check.
        which: Which,
        /// On or off.
        on: bool,
    },
    /// The followed server has changed.
    Followed(Follow),
    /// Traffic gave as many errors in a row as `error-limit` says.
    Observed {
        /// How many.
        errors: u32,
        /// The last one.
        last: Observation,
    },
    /// Another node's checks have found the server up or down. Where one of its own has ended, or
    /// the configuration says in which state it begins, nothing follows.
    Presumed {
        /// Whether it is up there.
        up: bool,
    },
    /// The server starts in a saved state.
    Restored(Box<Saved>),
    /// The first check of that kind is due then.
    Scheduled {
        /// Which check.
        which: Which,
        /// When.
        at: lbd_core::Time,
    },
    /// An operator declares the health (`set server … health|agent`).
    SetHealth {
        /// What the operator speaks for.
        which: Which,
        /// `Running` for up, `Stopping`, or `Stopped` for down.
        state: State,
    },
    /// An operator sets the weight, 0 to 256, already validated.
    SetWeight(u32),
    /// The backend stops: no more checks.
    Stop,
    /// The time of `poll_timeout` has come.
    Tick,
}

/// What must be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Give the placement to the roster, then announce it.
    Changed(Change),
    /// Start a check; `Input::Checked` or `Input::AgentReplied` answers.
    Check(Which),
    /// Hand this to the servers that follow.
    Follow(Follow),
    /// A notice for the log and a warning for the console.
    Log(String),
    /// Set the server's `maxconn`, as the agent asks.
    Maxconn(u32),
    /// Close the server's idle connections.
    PurgeIdle,
}

/// What a followed server tells those that follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Follow {
    /// Its operational state now.
    pub state: State,
    /// What changed.
    pub event: FollowEvent,
}

/// The change that is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FollowEvent {
    /// It drains, or no longer.
    Drain(bool),
    /// It is in maintenance, or no longer.
    Maint(bool),
    /// Its state changed by its health.
    State,
}

#[cfg(test)]
mod tests;

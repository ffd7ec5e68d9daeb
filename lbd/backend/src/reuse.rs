//! Reuse of idle server connections: which may be taken, kept and closed (haproxy 3.4
//! configuration 4.2 `http-reuse`, 5.2 `pool-*`, `max-reuse`).
//!
//! It holds no connection: the workers' pools ask it.

use lbd_core::bits;
use std::time::Duration;

/// `http-reuse`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReuseMode {
    /// First requests take connections that have served more than one request.
    Aggressive,
    /// All requests take any connection.
    Always,
    /// Connections stay with their session.
    Never,
    /// First requests of a session never share.
    #[default]
    Safe,
}

/// Kind of an idle connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdleKind {
    /// It has served one request only: the server may close it unseen.
    Idle,
    /// It was reused before, so the server supports that.
    Safe,
}

/// The kinds of idle connections that a request may take, best first. `first` says that the
/// request is the first one of its session; `replayable` that losing it is not fatal because
/// `retry-on` covers connection failures, empty responses and timeouts.
pub fn takes(mode: ReuseMode, first: bool, replayable: bool) -> &'static [IdleKind] {
    match (mode, first && !replayable) {
        (ReuseMode::Never, _) | (ReuseMode::Safe, true) => &[],
        (_, false) => &[IdleKind::Idle, IdleKind::Safe],
        (ReuseMode::Aggressive, true) => &[IdleKind::Safe],
        (ReuseMode::Always, true) => &[IdleKind::Safe, IdleKind::Idle],
    }
}

/// Whether a connection may serve one more request than the `used` ones; `max_reuse` counts
/// reuses, `None` for no limit.
pub fn may_serve_again(max_reuse: Option<u32>, used: u32) -> bool {
    max_reuse.is_none_or(|most| used <= most)
}

/// A server's limits on idle connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolSpec {
    /// `http-reuse` of the backend.
    pub mode: ReuseMode,
    /// `pool-max-conn`; `None` for no limit, 0 for no pool.
    pub max: Option<u32>,
    /// `pool-low-conn`.
    pub low: u32,
    /// `pool-purge-delay`; zero for no pool.
    pub purge_delay: Duration,
}

impl Default for PoolSpec {
    /// `http-reuse safe`, no limit, 5 seconds.
    fn default() -> Self {
        Self {
            mode: ReuseMode::Safe,
            max: None,
            low: 0,
            purge_delay: Duration::from_secs(5),
        }
    }
}

/// What decides whether a connection that has become free is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolLoad {
    /// It belongs to its session: authenticated, or with an address of the client's.
    pub private: bool,
    /// The server is in maintenance.
    pub maint: bool,
    /// It has served more than one request.
    pub safe: bool,
    /// This worker has no idle connection that would serve as well.
    pub lacking: bool,
    /// Idle connections of the server, all workers.
    pub idle: u32,
    /// Connections of the server in use, all workers.
    pub used: u32,
    /// Descriptors in use in the process.
    pub descriptors: u32,
    /// Number of descriptors at which nothing is kept (`tune.pool-high-fd-ratio`).
    pub high_descriptors: u32,
    /// Number at which only lacking workers keep (`tune.pool-low-fd-ratio`).
    pub low_descriptors: u32,
}

/// How many connections a server has needed lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolEstimate {
    /// Estimate of those needed.
    pub needed: u32,
    /// Most in use at once since the last purge.
    pub max_used: u32,
}

impl PoolEstimate {
    /// Notes that many in use.
    pub fn observe(&mut self, used: u32) {
        self.max_used = self.max_used.max(used);
        self.needed = self.needed.max(used);
    }

    /// Whether a connection that has become free is kept.
    pub fn keeps(&self, spec: &PoolSpec, load: &PoolLoad) -> bool {
        let allowed = !load.private
            && !load.maint
            && spec.mode != ReuseMode::Never
            && !spec.purge_delay.is_zero()
            && load.descriptors < load.high_descriptors
            && spec.max.is_none_or(|max| load.idle < max);
        let total = load.used.saturating_add(load.idle);
        let wanted = load.used.max(self.needed).saturating_add(spec.low);
        allowed && (load.lacking || (load.descriptors < load.low_descriptors && total <= wanted))
    }

    /// Every `pool-purge-delay`: how many idle connections to close, half of those that were not
    /// needed since the last time. The estimate follows.
    pub fn purge(&mut self, used: u32, idle: u32) -> u32 {
        let needed = self.max_used.max(self.needed);
        let excess = used.saturating_add(idle).saturating_sub(needed);
        self.needed = self.needed.midpoint(self.max_used);
        self.needed = self.needed.max(self.max_used);
        self.max_used = used;
        if idle == 0 {
            0
        } else {
            excess.div_ceil(2).min(idle)
        }
    }
}

/// A worker's share of a purge of `kill` connections when it holds `own` of `idle`.
pub fn purge_share(kill: u32, own: u32, idle: u32) -> u32 {
    if idle == 0 || kill == 0 {
        return 0;
    }
    let share = u64::from(kill) * u64::from(own) / u64::from(idle) + 1;
    bits::held32(share).min(own)
}

#[cfg(test)]
mod tests;

//! Numbers and limits of the whole process.
//!
//! Written by workers (gauges) and by the control side (limits, stopping).

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};

use super::activity::{Activity, ProfilingSwitch};
use super::counters::{Count, Gauge, Shards, SharedRate};

/// A limit that may be set while running, 0 for none.
#[derive(Debug)]
pub struct RunningLimit(AtomicU64);

impl Default for RunningLimit {
    fn default() -> Self {
        Self(AtomicU64::new(u64::MAX))
    }
}

impl RunningLimit {
    /// Sets it.
    pub fn set(&self, limit: u32) {
        self.0.store(u64::from(limit), Relaxed);
    }

    /// What is in force, `configured` unless it was set.
    pub fn get(&self, configured: u32) -> u32 {
        // No limit that was set is as large as what stands for none.
        u32::try_from(self.0.load(Relaxed)).unwrap_or(configured)
    }
}

/// Limits per second of the whole process, as set while running.
#[derive(Debug, Default)]
pub struct RateLimits {
    /// `maxconnrate`.
    pub connections: RunningLimit,
    /// `maxsessrate`.
    pub sessions: RunningLimit,
    /// `maxsslrate`.
    pub tls: RunningLimit,
}

/// Process-wide state.
#[derive(Debug)]
pub struct ProcessState {
    /// Client connections now, against `maxconn`.
    pub connections: Gauge,
    /// Connections per second, against `maxconnrate`.
    pub connection_rate: SharedRate,
    /// Sessions per second, against `maxsessrate`.
    pub session_rate: SharedRate,
    /// Connections, requests and rates of all workers.
    pub counters: Shards,
    /// Times that `maxconn` was reached.
    pub maxconn_reached: AtomicU64,
    /// Times that descriptors or memory ran out at an accept.
    pub accept_failures: AtomicU64,
    /// Sessions ended by a panic.
    pub panics: AtomicU64,
    /// Runtime value of `maxconn` (`set maxconn global`); 0 for the configured one.
    pub maxconn: AtomicU32,
    /// Runtime values of the limits per second (`set rate-limit`).
    pub rate_limits: RateLimits,
    /// TLS.
    pub tls: super::tls::TlsState,
    /// Messages that could not be understood (`show errors`).
    pub bad_messages: AtomicU64,
    stopping: AtomicBool,
    /// Live sessions, written by each worker.
    pub sessions: Box<[Count]>,
    /// What each worker has done.
    pub activity: Box<[Activity]>,
    /// Whether turns of tasks are measured.
    pub profiling: ProfilingSwitch,
}

impl ProcessState {
    /// State for `workers` workers.
    pub fn new(workers: usize) -> Self {
        Self {
            connections: Gauge::default(),
            connection_rate: SharedRate::default(),
            session_rate: SharedRate::default(),
            counters: Shards::new(workers),
            maxconn_reached: AtomicU64::default(),
            accept_failures: AtomicU64::default(),
            panics: AtomicU64::default(),
            maxconn: AtomicU32::default(),
            rate_limits: RateLimits::default(),
            tls: super::tls::TlsState::default(),
            bad_messages: AtomicU64::default(),
            stopping: AtomicBool::default(),
            sessions: (0..workers).map(|_| Count::default()).collect(),
            activity: (0..workers).map(|_| Activity::default()).collect(),
            profiling: ProfilingSwitch::default(),
        }
    }

    /// Whether the process is stopping.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }

    pub(crate) fn set_stopping(&self) {
        self.stopping.store(true, Relaxed);
    }

    /// Live sessions of all workers.
    pub fn live_sessions(&self) -> u64 {
        self.sessions.iter().map(Count::get).sum()
    }
}

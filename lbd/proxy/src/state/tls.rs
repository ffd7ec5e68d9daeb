//! Numbers of TLS of the whole process.
//!
//! Handshakes are rare beside requests: all workers write the same cells.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use lbd_core::Time;

use super::counters::{Gauge, SharedRate};

/// Counters and limits of TLS.
#[derive(Debug, Default)]
pub struct TlsState {
    /// Connections of clients that speak TLS, against `maxsslconn`.
    pub connections: Gauge,
    /// Handshakes with clients begun in the last second, against `maxsslrate`.
    pub rate: SharedRate,
    /// Highest of them.
    pub max_rate: AtomicU32,
    /// TLS connections in all, of clients and to servers (`CumSslConns`).
    pub total: AtomicU64,
    /// Full handshakes with clients per second.
    pub client_keys: SharedRate,
    /// Highest of them.
    pub max_client_keys: AtomicU32,
    /// Handshakes with clients that were completed.
    pub client_sessions: AtomicU64,
    /// Those that resumed a session.
    pub client_reused: AtomicU64,
    /// Handshakes with clients that failed.
    pub client_failures: AtomicU64,
    /// Full handshakes with servers per second.
    pub server_keys: SharedRate,
    /// Highest of them.
    pub max_server_keys: AtomicU32,
}

impl TlsState {
    /// A handshake with a client was completed.
    pub(crate) fn client_done(&self, is_resumed: bool, now: Time) {
        self.total.fetch_add(1, Relaxed);
        self.client_sessions.fetch_add(1, Relaxed);
        if is_resumed {
            self.client_reused.fetch_add(1, Relaxed);
        } else {
            count(&self.client_keys, &self.max_client_keys, now);
        }
    }

    /// A handshake with a client has begun and was counted.
    pub(crate) fn note_rate(&self, now: Time) {
        self.max_rate.fetch_max(self.rate.read(now), Relaxed);
    }

    /// A handshake with a client failed.
    pub(crate) fn client_failed(&self) {
        self.client_failures.fetch_add(1, Relaxed);
    }

    /// A handshake with a server was completed.
    pub fn server_done(&self, is_resumed: bool, now: Time) {
        self.total.fetch_add(1, Relaxed);
        if !is_resumed {
            count(&self.server_keys, &self.max_server_keys, now);
        }
    }

    /// Percent of handshakes with clients that resumed a session.
    pub fn reuse_percent(&self) -> u32 {
        let all = self.client_sessions.load(Relaxed);
        let reused = self.client_reused.load(Relaxed);
        u32::try_from((reused * 100).checked_div(all).unwrap_or(0)).unwrap_or(100)
    }
}

fn count(rate: &SharedRate, max: &AtomicU32, now: Time) {
    rate.hit(now);
    max.fetch_max(rate.read(now), Relaxed);
}

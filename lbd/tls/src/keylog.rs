//! Secrets of sessions, for who is to decrypt their traffic later (haproxy 3.4 configuration 3.2,
//! `tune.ssl.keylog`).
//!
//! rustls tells them while it reads what a peer sent; they wait on the thread until the caller
//! takes them, right after. Nothing is written anywhere.

use std::cell::RefCell;
use std::sync::Arc;

use rustls::KeyLog;

use crate::hello::RANDOM_LEN;

#[cfg(test)]
mod tests;

/// Secrets that wait on a thread; beyond them the oldest are forgotten.
const WAITING: usize = 16;

/// The secrets of a session.
#[derive(Default, Clone, PartialEq, Eq)]
pub struct Secrets([Option<Box<[u8]>>; LABELS.len()]);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

/// Kinds of secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secret {
    /// The master secret of TLS 1.2.
    Master,
    /// `CLIENT_EARLY_TRAFFIC_SECRET`.
    ClientEarly,
    /// `CLIENT_HANDSHAKE_TRAFFIC_SECRET`.
    ClientHandshake,
    /// `SERVER_HANDSHAKE_TRAFFIC_SECRET`.
    ServerHandshake,
    /// `CLIENT_TRAFFIC_SECRET_0`.
    ClientTraffic,
    /// `SERVER_TRAFFIC_SECRET_0`.
    ServerTraffic,
    /// `EXPORTER_SECRET`.
    Exporter,
}

/// Labels in the order of [`Secret`].
const LABELS: [&str; 7] = [
    "CLIENT_RANDOM",
    "CLIENT_EARLY_TRAFFIC_SECRET",
    "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
    "SERVER_HANDSHAKE_TRAFFIC_SECRET",
    "CLIENT_TRAFFIC_SECRET_0",
    "SERVER_TRAFFIC_SECRET_0",
    "EXPORTER_SECRET",
];

impl Secrets {
    /// One of them, when the session had it.
    pub fn get(&self, secret: Secret) -> Option<&[u8]> {
        self.0[secret as usize].as_deref()
    }
}

struct Told {
    at: usize,
    random: [u8; RANDOM_LEN],
    secret: Box<[u8]>,
}

thread_local! {
    static TOLD: RefCell<Vec<Told>> = const { RefCell::new(Vec::new()) };
}

/// Takes the secrets that were told on this thread of the session with this client random; those
/// of other sessions are dropped.
pub fn take(random: &[u8; RANDOM_LEN], into: &mut Option<Box<Secrets>>) {
    TOLD.with_borrow_mut(|told| {
        for one in told.drain(..).filter(|one| one.random == *random) {
            into.get_or_insert_default().0[one.at] = Some(one.secret);
        }
    });
}

/// What rustls tells secrets to: with `all` everything, else the master secret of TLS 1.2 only.
pub fn log(all: bool) -> Arc<dyn KeyLog> {
    Arc::new(Log { all })
}

#[derive(Debug)]
struct Log {
    all: bool,
}

impl KeyLog for Log {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let Ok(random) = client_random.try_into() else {
            return;
        };
        let Some(at) = LABELS.iter().position(|known| *known == label) else {
            return;
        };
        TOLD.with_borrow_mut(|told| {
            if told.len() >= WAITING {
                told.remove(0);
            }
            told.push(Told {
                at,
                random,
                secret: secret.into(),
            });
        });
    }

    fn will_log(&self, label: &str) -> bool {
        self.all || label == LABELS[0]
    }
}

//! Secrets of session tickets that nodes of lbd share, so that a client of one node resumes on the
//! other without a file of keys: made by one node, told where both ends have verified each other's
//! certificate, and replaced as time passes.
//!
//! Whose secrets count is decided as of all words: those that were said last by the logical clock.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lbd_core::Time;
use lbd_tls::Store;
use lbd_tls::tickets::{KEYS, secret};
use parking_lot::Mutex;
use peers::Peers;
use peers::proto::words::{Said, Subject, Thing, Word};

use crate::check::wall;
use crate::report;
use crate::run::Daemon;

/// The secrets that this node goes by, the oldest first; none before any were agreed on.
#[derive(Default)]
pub(crate) struct TicketSecrets(Mutex<Vec<Vec<u8>>>);

impl TicketSecrets {
    /// Gives them to the lines of a configuration that begins.
    pub(crate) fn give(&self, store: &Store) {
        let secrets = self.0.lock();
        if !secrets.is_empty() {
            // They were good for other lines.
            let _ = store.share_tickets(&secrets);
        }
    }

    fn set(&self, secrets: Vec<Vec<u8>>, store: &Store) -> bool {
        let is_good = store.share_tickets(&secrets);
        if is_good {
            *self.0.lock() = secrets;
        }
        is_good
    }

    /// Those that follow: a new one more, and the oldest one less.
    fn next(&self) -> Option<Vec<Vec<u8>>> {
        let mut secrets = self.0.lock().clone();
        if secrets.len() >= KEYS {
            secrets.remove(0);
        }
        while secrets.len() < KEYS {
            secrets.push(secret()?);
        }
        Some(secrets)
    }
}

/// Goes on by the secrets of a word; says whether they are good ones.
pub(super) fn obey(daemon: &Daemon, word: &Word) -> bool {
    let value = word.value.as_deref().unwrap_or_default();
    let secrets: Result<Vec<_>, _> = value.split(',').map(|text| STANDARD.decode(text)).collect();
    let store = &daemon.shared.current().config.tls.store;
    secrets.is_ok_and(|secrets| daemon.peers.tickets.set(secrets, store))
}

/// When secrets are to be made.
#[derive(Debug)]
struct Keeper {
    /// Clock and node of the present ones, and since when they are known.
    known: Option<(u64, String)>,
    since: Time,
    /// This node's place among the peers: who comes first acts first.
    place: u32,
}

impl Keeper {
    fn new(place: usize, now: Time) -> Self {
        Self {
            known: None,
            since: now,
            place: u32::try_from(place).unwrap_or(u32::MAX),
        }
    }

    /// Whether this node, of that name, is to make new ones: because there are none, its own are old,
    /// or whose they are has let them grow too old.
    fn is_due(&mut self, now: Time, known: Option<&Word>, name: &str) -> bool {
        let mark = known.map(|word| (word.clock, word.node.clone()));
        if mark != self.known {
            self.known = mark;
            self.since = now;
        }
        let turn = TURN * self.place;
        let wait = match known {
            None => turn + TURN,
            Some(word) if word.node == name => ROTATION,
            Some(_) => 2 * ROTATION + turn,
        };
        now.since(self.since) >= wait
    }
}

/// Makes secrets when it is this node's turn, for as long as the runtime lives.
pub(super) async fn keep(daemon: Arc<Daemon>, peers: Peers, (place, name): (usize, Box<str>)) {
    let mut keeper = Keeper::new(place, daemon.shared.now());
    let thing = Thing {
        subject: Subject::TicketKeys,
        scope: String::new(),
        key: String::new(),
    };
    loop {
        tokio::time::sleep(LOOK).await;
        let known = peers.word(&thing);
        let now = daemon.shared.now();
        let generation = daemon.shared.current();
        let store = &generation.config.tls.store;
        if !store.has_own_tickets() || !keeper.is_due(now, known.as_ref(), &name) {
            continue;
        }
        let Some(secrets) = daemon.peers.tickets.next() else {
            report::warning("The system gives no random bytes: keys of session tickets stay.");
            keeper.since = now;
            continue;
        };
        let texts: Vec<_> = secrets
            .iter()
            .map(|secret| STANDARD.encode(secret))
            .collect();
        let is_said = peers.say(Said {
            thing: thing.clone(),
            value: Some(texts.join(",")),
            who: "a rotation".to_owned(),
            wall_ms: wall().0 / 1000,
        });
        if is_said {
            daemon.peers.tickets.set(secrets, store);
        }
    }
}

/// How long secrets make tickets. Each is told one such time before.
const ROTATION: Duration = Duration::from_secs(12 * 3600);

/// How long a node lets the one before it act.
const TURN: Duration = Duration::from_secs(2);

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests;

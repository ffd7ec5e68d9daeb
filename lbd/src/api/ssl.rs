//! Certificates, authorities and ticket keys while running: the `ssl` commands
//! (haproxy 3.4 management 9.3).
//!
//! The store of `lbd-tls` does what is asked; here are words, levels and layouts.

mod cert;
mod list;
mod ocsp;
mod text;
mod tls_keys;
mod trust;

use lbd_tls::store::Refused;

use super::command::{ApiCommand, Call, command};

/// The families.
pub(super) const FAMILIES: &[&[ApiCommand]] = &[
    cert::COMMANDS,
    list::COMMANDS,
    ocsp::COMMANDS,
    tls_keys::COMMANDS,
    trust::COMMANDS,
];

/// A name with what its first letters say: `*` for a transaction, `\` before what is meant
/// literally.
fn shown(name: &str) -> (&str, bool) {
    match name.strip_prefix('*') {
        Some(name) => (name, true),
        None => (name.strip_prefix('\\').unwrap_or(name), false),
    }
}

/// What a commit did: a dot for each line and server that took it.
fn committed(call: &mut Call<'_>, name: &str, done: Result<usize, Refused>) {
    match done {
        Ok(uses) => {
            let dots = ".".repeat(uses.min(MAX_DOTS));
            call.out
                .push_str(&format!("Committing {name}{dots}\nSuccess!\n"));
        }
        Err(Refused::Before(text)) => call.fail(&format!("{text}\nCan't commit {name}!")),
        Err(Refused::Failed(text)) => {
            call.out
                .push_str(&format!("Committing {name}\n{text}\nFailed!\n"));
        }
    }
}

/// Seconds since 1970.
fn now(call: &Call<'_>) -> i64 {
    i64::try_from(call.daemon.wall().secs()).unwrap_or(i64::MAX)
}

/// Most dots that are drawn.
const MAX_DOTS: usize = 10_000;

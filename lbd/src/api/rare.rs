//! `debug counters`: how often rare things have happened, in the reference's layout (haproxy 3.4
//! management 9.3).
//!
//! Its types `BUG`, `CHK` and `GLT` have no counterpart: what must not happen ends a session, and is
//! counted here.

use std::fmt::Write;
use std::sync::atomic::Ordering::Relaxed;

use lbd_config::config::AccessLevel;
use parking_lot::Mutex;

use super::command::{ApiCommand, Call, command};
use crate::run::Daemon;

pub(super) const COMMANDS: &[ApiCommand] = &[command(
    &["debug", "counters"],
    "debug counters [?|all|bug|cnt|chk|glt]*",
    "how often rare things have happened",
    AccessLevel::Operator,
    show,
)];

/// Something rare.
struct Rare {
    /// Where it is counted, and by what.
    place: &'static str,
    /// What it is.
    comment: &'static str,
    read: fn(&Daemon) -> u64,
}

const RARE: &[Rare] = &[
    Rare {
        place: "accept.rs accept_failed()",
        comment: "descriptors or memory ran out at an accept",
        read: |d| d.shared.process().accept_failures.load(Relaxed),
    },
    Rare {
        place: "session.rs serve()",
        comment: "a session was ended by an internal error",
        read: |d| d.shared.process().panics.load(Relaxed),
    },
    Rare {
        place: "sink.rs flush()",
        comment: "a log line was lost",
        read: |d| d.dropped.count(),
    },
    Rare {
        place: "server.rs serve()",
        comment: "a connection to the runtime API waited for 'stats maxconn'",
        read: |d| d.api_waits.load(Relaxed),
    },
];

/// What was counted when it was last reset.
#[derive(Debug, Default)]
pub(crate) struct Forgotten(Mutex<[u64; RARE.len()]>);

const USAGE: &str = "Expects an optional action ('reset','show','on','off'), optional types \
                     ('bug','chk','cnt','glt') and optionally 'all' to even dump null counters.";

fn show(call: &mut Call<'_>) {
    let (mut with_zeros, mut resets, mut types) = (false, false, Vec::new());
    for word in call.args {
        match word.as_str() {
            "all" => with_zeros = true,
            "bug" | "chk" | "cnt" | "glt" => types.push(word.as_str()),
            // They always count.
            "on" | "show" => {}
            "off" => {
                return call.fail("'off' is not supported: counting costs nothing that matters.");
            }
            "reset" => resets = true,
            _ => return call.fail(USAGE),
        }
    }
    if !types.is_empty() && !types.contains(&"cnt") {
        return;
    }
    let mut forgotten = call.daemon.rare.0.lock();
    let counted = RARE.iter().map(|rare| (rare.read)(call.daemon));
    if resets {
        for (known, counted) in forgotten.iter_mut().zip(counted) {
            *known = counted;
        }
        return;
    }
    let rows = RARE.iter().zip(counted).zip(&*forgotten);
    let rows = rows.map(|((rare, counted), before)| (rare, counted.saturating_sub(*before)));
    let mut is_first = true;
    for (rare, count) in rows.filter(|(_, count)| *count > 0 || with_zeros) {
        if std::mem::take(&mut is_first) {
            call.out
                .push_str("Count     Type Location function(): \"condition\" [comment]\n");
        }
        // Writing to a string cannot fail.
        let _ = writeln!(
            call.out,
            "{count:<10} CNT {}: [{}]",
            rare.place, rare.comment
        );
    }
}

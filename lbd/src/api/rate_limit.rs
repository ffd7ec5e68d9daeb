//! `set rate-limit`: limits per second of the whole process.
//!
//! Workers keep to them.

use lbd_config::config::AccessLevel;

use super::command::{ApiCommand, Call};

pub(super) const COMMANDS: &[ApiCommand] = &[ApiCommand {
    words: &["set", "rate-limit"],
    usage: "set rate-limit <setting> <value>",
    describe: "change a rate limiting value",
    level: AccessLevel::Admin,
    run: set,
}];

fn set(call: &mut Call<'_>) {
    let limits = &call.daemon.shared.process().rate_limits;
    let limit = match (call.arg(0), call.arg(1)) {
        ("connections", "global") => &limits.connections,
        ("sessions", "global") => &limits.sessions,
        ("ssl-sessions", "global") => &limits.tls,
        ("http-compression", "global") => {
            return call.fail("'http-compression' is not supported: nothing is compressed.");
        }
        _ => return call.fail(KNOWN),
    };
    match call.arg(2) {
        "" => call.fail("Expects an integer value."),
        text => match text.parse() {
            Ok(value) => limit.set(value),
            Err(_) => call.fail("Value out of range."),
        },
    }
}

const KNOWN: &str = "'set rate-limit' only supports :
   - 'connections global' to set the per-process maximum connection rate
   - 'sessions global' to set the per-process maximum session rate
   - 'ssl-sessions global' to set the per-process maximum SSL session rate";

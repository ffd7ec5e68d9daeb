//! Facts of the process besides its numbers: its control sockets, its environment, what is loaded into
//! it, what it said at the start (haproxy 3.4 management 9.3).
//!
//! It changes nothing.

use std::fmt::Write;

use lbd_config::config::{AccessLevel, ListenAddress};

use super::command::{ApiCommand, Call, command, level_word};
use crate::{objects, report};

pub(super) const COMMANDS: &[ApiCommand] = &[
    command(
        &["show", "cli", "sockets"],
        "show cli sockets",
        "sockets of the runtime API and their levels",
        AccessLevel::User,
        sockets,
    ),
    command(
        &["show", "env"],
        "show env [var]",
        "variables of the environment, as the configuration has left them",
        AccessLevel::Operator,
        environment,
    ),
    command(
        &["show", "events"],
        "show events [<sink>] [-w] [-n] [-0]",
        "where events go",
        AccessLevel::User,
        events,
    ),
    command(
        &["show", "libs"],
        "show libs",
        "loaded object files with their addresses",
        AccessLevel::Operator,
        libraries,
    ),
    command(
        &["show", "startup-logs"],
        "show startup-logs",
        "what was said at the start, or of the last reload",
        AccessLevel::Operator,
        |call| call.out.push_str(&report::kept()),
    ),
];

fn environment(call: &mut Call<'_>) {
    let name = call.arg(0);
    let config = call.daemon.config();
    let known = &config.global.env;
    // Values are where secrets are put.
    let line = |(name, value): (&String, &String)| format!("{name}={}\n", call.caller.name(value));
    if name.is_empty() {
        let all: String = known.iter().map(line).collect();
        return call.out.push_str(&all);
    }
    match known.get_key_value(name).map(line) {
        Some(line) => call.out.push_str(&line),
        None => call.fail("Variable not found"),
    }
}

/// The standard streams alone: there are no rings that keep events.
fn events(call: &mut Call<'_>) {
    match call.arg(0) {
        "" => call.out.push_str(SINKS),
        "stderr" | "stdout" => call.fail("Nothing to report for this sink"),
        _ => call.fail("No such event sink"),
    }
}

/// Lines that they do not take wait or are counted with those of all targets, as `DroppedLogs`.
const SINKS: &str = "\
Supported events sinks are listed below. Add -0(zero), -w(wait), -n(new). Any key to stop.
    stdout     : type=fd, 0 dropped, standard output (fd#1)
    stderr     : type=fd, 0 dropped, standard error (fd#2)
";

fn sockets(call: &mut Call<'_>) {
    call.out.push_str("# socket lvl processes\n");
    for socket in &call.daemon.config().global.stats_sockets {
        let place = match &socket.address {
            ListenAddress::Tcp(address) if address.is_ipv6() => format!("ipv6@{address}"),
            ListenAddress::Tcp(address) => format!("ipv4@{address}"),
            ListenAddress::Unix(path) => format!("unix@{}", path.display()),
            ListenAddress::Abstract { name, .. } => {
                format!("abns@{}", String::from_utf8_lossy(name))
            }
            ListenAddress::Fd(fd) => format!("fd@{fd}"),
            ListenAddress::SockPair(fd) => format!("sockpair@{fd}"),
        };
        let level = level_word(socket.level);
        // Writing to a string cannot fail.
        let _ = writeln!(call.out, "{place} {level} all");
    }
}

fn libraries(call: &mut Call<'_>) {
    match objects::loaded() {
        Ok(loaded) => call.out.push_str(&objects::list(&loaded, true)),
        Err(error) => call.fail(&format!("The list cannot be read: {error}")),
    }
}

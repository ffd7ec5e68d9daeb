//! Facts of the process besides its numbers: its control sockets, what is loaded into it, its
//! variables (haproxy 3.4 management 9.3).
//!
//! It changes nothing.

use std::fmt::Write;

use lbd_config::config::{AccessLevel, ListenAddress};
use lbd_rules::var::OwnedValue;

use super::command::{ApiCommand, Call, command};
use crate::objects;

pub(super) const COMMANDS: &[ApiCommand] = &[
    command(
        &["get", "var"],
        "get var <name>",
        "value of a process-wide variable",
        AccessLevel::Operator,
        variable,
    ),
    command(
        &["show", "cli", "sockets"],
        "show cli sockets",
        "sockets of the runtime API and their levels",
        AccessLevel::User,
        sockets,
    ),
    command(
        &["show", "libs"],
        "show libs",
        "loaded object files with their addresses",
        AccessLevel::Operator,
        libraries,
    ),
];

fn variable(call: &mut Call<'_>) {
    let name = call.arg(0).to_owned();
    if name.is_empty() {
        return call.fail("Missing process-wide variable identifier.");
    }
    let config = call.daemon.config();
    let id = name
        .strip_prefix("proc.")
        .and_then(|name| config.vars.find(name));
    let values = call.daemon.shared.proc_vars().read();
    let found = id.and_then(|id| values.iter().find(|(known, _)| *known == id));
    let Some((_, value)) = found else {
        drop(values);
        return call.fail("Variable not found.");
    };
    let (kind, text) = shown(value);
    // Writing to a string cannot fail.
    let _ = writeln!(call.out, "{name}: type={kind} value=<{text}>");
}

/// Name of a value's type, and the value.
fn shown(value: &OwnedValue) -> (&'static str, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match value {
        OwnedValue::Bool(is_true) => ("bool", u8::from(*is_true).to_string()),
        OwnedValue::Int(number) => ("sint", number.to_string()),
        OwnedValue::Ipv4(address) => ("ipv4", address.to_string()),
        OwnedValue::Ipv6(address) => ("ipv6", address.to_string()),
        OwnedValue::Str(bytes) => ("str", text(bytes)),
        OwnedValue::Bin(bytes) => {
            let hex = bytes.iter().map(|byte| format!("{byte:02x}"));
            ("bin", hex.collect())
        }
        OwnedValue::Method(name) => ("meth", text(name)),
    }
}

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
        let level = match socket.level {
            AccessLevel::User => "user",
            AccessLevel::Operator => "operator",
            AccessLevel::Admin => "admin",
        };
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

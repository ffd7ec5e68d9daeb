//! Process-wide variables: `get var`, `set var` (haproxy 3.4 management 9.3).
//!
//! Expressions are compiled by `lbd-config`.

use std::fmt::Write;

use lbd_config::config::AccessLevel;
use lbd_rules::var::OwnedValue;

use super::command::{ApiCommand, Call, command};

pub(super) const COMMANDS: &[ApiCommand] = &[command(
    &["get", "var"],
    "get var <name>",
    "value of a process-wide variable",
    AccessLevel::Operator,
    show,
)];

/// Those of the experimental mode.
pub(super) const EXPERIMENTAL: &[ApiCommand] = &[command(
    &["set", "var"],
    "set var <name> [fmt|expr] {<fmt>|<expr>}",
    "set a process-wide variable",
    AccessLevel::Operator,
    set,
)];

fn show(call: &mut Call<'_>) {
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

fn set(call: &mut Call<'_>) {
    // Names are given one at a time.
    let _changing = call.daemon.checks.changing();
    match call.daemon.config().later_var(call.args) {
        Ok((id, value)) => {
            if !call.daemon.shared.set_proc_var(id, &value) {
                call.fail("'set var': no room for the value (tune.vars.proc-max-size).");
            }
        }
        Err(text) => call.fail(&text),
    }
}

//! Another configuration in the running process: what goes on, what ends, what is refused.

use std::time::Duration;

use nix::sys::signal::Signal;
use support::{Client, Origin, Proxy, Reply};

/// What every configuration here begins with.
const HEAD: &str = "global
    stats socket <runtime> level admin
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
";

/// A frontend that names its generation, and a backend of one server.
fn simple(generation: &str) -> String {
    format!(
        "{HEAD}frontend web
    bind <front>
    http-response set-header x-generation {generation}
    default_backend app
backend app
    server s1 <s1>
"
    )
}

fn start(text: &str, origin: &Origin) -> Proxy {
    Proxy::lbd(text)
        .listener("front")
        .with("s1", origin.address())
        .start()
}

/// Reloads by the runtime API; what it told.
#[track_caller]
fn reload(proxy: &Proxy, text: &str) -> String {
    proxy.rewrite(text);
    let told = proxy.runtime("reload");
    assert!(told.starts_with("Success=1\n--\n"), "{told}");
    told
}

/// Waits until something holds.
#[track_caller]
fn eventually(what: &str, holds: impl FnMut() -> bool) {
    support::eventually(what, Duration::from_secs(20), holds);
}

/// A column of `show stat` in the row of a proxy and server.
#[track_caller]
fn stat(proxy: &Proxy, row: (&str, &str), column: &str) -> String {
    let text = proxy.runtime("show stat");
    let mut lines = text.lines();
    let head = lines.next().expect("a head").trim_start_matches("# ");
    let at = head.split(',').position(|name| name == column);
    let at = at.unwrap_or_else(|| panic!("no column {column}"));
    let begin = format!("{},{},", row.0, row.1);
    let line = lines.find(|line| line.starts_with(&begin));
    let line = line.unwrap_or_else(|| panic!("no row {row:?}\n{text}"));
    line.split(',').nth(at).unwrap_or_default().to_owned()
}

/// Waits until a column has a value: what a stream has counted is there a moment after its answer.
#[track_caller]
fn counts(proxy: &Proxy, row: (&str, &str), column: &str, value: &str) {
    eventually(&format!("{row:?} {column} {value}"), || {
        stat(proxy, row, column) == value
    });
}

mod endings;
mod load;
mod refused;
mod sockets;
mod survives;

//! The program as a process: exit codes, messages, signals, stopping, sockets, the runtime API's
//! conversation. HAProxy runs first where it judges the same thing.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::proxy::{Exit, Program};
use support::{Client, Origin, Proxy, Reply, eventually};

/// Runs a case on both programs.
fn on_both(case: impl Fn(&Program)) {
    case(&Program::Haproxy);
    case(&Program::Lbd);
}

/// Both programs, the reference only where it is of the version that lbd follows.
fn on_each(case: impl Fn(&Program)) {
    case(&Program::Lbd);
    if !support::program::haproxy_is_old() {
        case(&Program::Haproxy);
    }
}

/// What a program answers to each order, its lines parted by `|`, empty ones left out.
fn judge(program: &Program, proxy: &Proxy, orders: &[(&str, &str)]) {
    for (order, answer) in orders {
        let found = proxy.runtime(order);
        let lines: Vec<&str> = found.lines().filter(|line| !line.is_empty()).collect();
        assert_eq!(lines.join("|"), *answer, "{program:?} {order}");
    }
}

const TIMEOUTS: &str = "defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
";

/// A frontend and a backend with one server.
fn simple() -> String {
    format!(
        "global
    stats socket <runtime> level admin
{TIMEOUTS}
frontend web
    bind <front>
    default_backend app
backend app
    server s1 <s1>
"
    )
}

fn start(program: &Program, text: &str, origin: &Origin) -> Proxy {
    Proxy::of(program.clone(), text)
        .listener("front")
        .unix_listener("runtime")
        .with("s1", origin.address())
        .start()
}

mod activity;
mod backends;
mod command_line;
mod diagnostics;
mod dumps;
mod flags;
mod fuzz;
mod growing;
mod handover;
mod hostile;
mod language;
mod master;
mod modes;
mod runtime;
mod signals;
mod sockets;
mod states;
mod stopping;
mod upgrade;
mod watchdog;

//! What signals ask of a balancer that goes on: states to the logs, listeners paused, memory
//! given back (haproxy 3.4 management 4 and 6).
//!
//! It receives no signals.

use lbd_backend::State;
use lbd_config::config::{Capabilities, ProxySpec};
use lbd_proxy::state::{Generation, Message, ProxyState};

use super::Daemon;
use crate::check::{self, NOTICE};
use crate::report;

/// Syslog level of a pause.
const WARNING: u8 = 4;

/// `SIGHUP`: the state of every server and proxy, to the terminal and to the proxies' logs.
pub(super) fn log_states(daemon: &Daemon) {
    let generation = daemon.shared.current();
    report::warning("SIGHUP received, dumping servers states.");
    for (proxy, spec) in generation.proxies.iter().zip(&generation.config.proxies) {
        let log = |text: &str| check::log(&daemon.shared, &generation, spec, NOTICE, text);
        log(&format!(
            "SIGHUP received, dumping servers states for proxy {}.",
            spec.name
        ));
        for text in states(daemon, proxy, spec) {
            let text = format!("SIGHUP: {text}");
            report::warning(&text);
            log(&text);
        }
    }
}

/// A sentence for each server, then one for the proxy.
fn states(daemon: &Daemon, proxy: &ProxyState, spec: &ProxySpec) -> Vec<String> {
    let now = daemon.shared.now();
    let mut texts = Vec::new();
    for server in &proxy.servers {
        let Some(view) = proxy.roster.server(server.id, now) else {
            continue;
        };
        let is_up = !view.placement.maint && view.placement.state != State::Stopped;
        texts.push(format!(
            "Server {}/{} is {}. Conn: {} act, {} pend, {} tot.",
            spec.name,
            server.name,
            if is_up { "UP" } else { "DOWN" },
            server.streams.get(),
            view.queued,
            server.counters.totals(now).sessions,
        ));
    }
    let view = proxy.roster.view();
    let what = match (view.active, view.backup) {
        _ if proxy.servers.is_empty() => "has no servers.".to_owned(),
        (0, 0) => "has no server available !".to_owned(),
        (0, _) => "is running on backup servers !".to_owned(),
        (active, backup) => {
            format!("has {active} active servers and {backup} backup servers available.")
        }
    };
    texts.push(format!(
        "Proxy {} {what} Conn: act(FE+BE): {}+{}, {} pend ({} unass), tot(FE+BE): {}+{}.",
        spec.name,
        proxy.sessions.get(),
        proxy.streams.get(),
        view.pending,
        view.queued,
        proxy.frontend.totals(now).sessions,
        proxy.backend.totals(now).sessions,
    ));
    texts
}

/// `SIGTTOU` and `SIGTTIN`: the addresses of all frontends are released, and taken again.
///
/// The runtime socket goes on, in contrast to the reference: who pauses may want to look.
pub(super) fn pause(daemon: &Daemon, paused: bool) {
    let generation = daemon.shared.current();
    for id in daemon.shared.pause_listeners(paused) {
        let spec = &generation.config.proxies[id.index()];
        let text = format!(
            "{} {} {}.",
            if paused { "Paused" } else { "Resumed" },
            kind(spec),
            spec.name
        );
        report::warning(&text);
        log_pause(daemon, &generation, spec, &text);
    }
}

fn log_pause(daemon: &Daemon, generation: &Generation, spec: &ProxySpec, text: &str) {
    check::log(&daemon.shared, generation, spec, WARNING, text);
}

fn kind(spec: &ProxySpec) -> &'static str {
    match spec.caps {
        Capabilities { backend: true, .. } => "proxy",
        Capabilities { backend: false, .. } => "frontend",
    }
}

/// `SIGQUIT`: tells what memory is for, and gives back what only waits to be used again.
pub(super) fn release_memory(daemon: &Daemon) {
    let process = daemon.shared.process();
    let workers = daemon.shared.mailboxes();
    report::notice(&format!(
        "Dumping memory usage: {} resident, {} connections, {} sessions of {} workers.",
        resident().map_or_else(|| "unknown".to_owned(), |kib| format!("{kib} kB")),
        process.connections.get(),
        process.live_sessions(),
        workers.len(),
    ));
    for mailbox in workers {
        mailbox.post(Message::Release);
    }
}

/// Memory of the process that is in the machine's, in units of 1024 bytes.
fn resident() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

//! `show sess`, `shutdown session`, `shutdown sessions server`.
//!
//! Workers own sessions; these commands ask them.

use std::fmt::Write;
use std::time::Duration;

use lbd_config::config::AccessLevel;
use lbd_proxy::live::{Ending, SessionView};
use lbd_rules::facts::Endpoint;

use super::command::{ApiCommand, Call};
use super::servers;
use super::session::Caller;

pub(super) const COMMANDS: &[ApiCommand] = &[
    ApiCommand {
        words: &["show", "sess"],
        usage: "show sess [<id>|all]",
        describe: "current sessions, or one in full",
        level: AccessLevel::Operator,
        run: show_sess,
    },
    ApiCommand {
        words: &["shutdown", "session"],
        usage: "shutdown session [id]",
        describe: "end a session",
        level: AccessLevel::Admin,
        run: shutdown_session,
    },
    ApiCommand {
        words: &["shutdown", "sessions", "server"],
        usage: "shutdown sessions server <bk>/<srv>",
        describe: "end the sessions of a server",
        level: AccessLevel::Admin,
        run: shutdown_server,
    },
];

/// Longest wait for a busy worker's list.
const PATIENCE: Duration = Duration::from_millis(500);

fn show_sess(call: &mut Call<'_>) {
    let sessions = call.daemon.shared.sessions(PATIENCE);
    match call.arg(0) {
        "" => sessions.iter().for_each(|view| brief(view, call)),
        "all" => sessions.iter().for_each(|view| full(view, call)),
        id => match parse_id(id).and_then(|id| sessions.iter().find(|view| view.id == id)) {
            Some(view) => full(view, call),
            None => call.fail("Session not found."),
        },
    }
}

/// A session id as `show sess` prints it.
fn parse_id(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

struct Names {
    frontend: String,
    backend: String,
    server: String,
    source: String,
    protocol: &'static str,
}

fn names(view: &SessionView, caller: &Caller) -> Names {
    let generation = &view.generation;
    let server = view
        .backend
        .zip(view.server)
        .and_then(|(b, s)| generation.server(b, s));
    let (source, protocol) = match view.source {
        Endpoint::Inet(address) => {
            let protocol = if address.is_ipv6() { "tcpv6" } else { "tcpv4" };
            let source = match caller.anonkey {
                0 => address.to_string(),
                _ => format!(
                    "{}:{}",
                    caller.name(&address.ip().to_string()),
                    address.port()
                ),
            };
            (source, protocol)
        }
        Endpoint::Unix | Endpoint::Unknown => ("unix:1".to_owned(), "unix_stream"),
    };
    Names {
        frontend: caller.name(&generation.proxy(view.frontend).name),
        backend: view.backend.map_or_else(
            || "<NONE>".into(),
            |id| caller.name(&generation.proxy(id).name),
        ),
        server: server.map_or_else(|| "<none>".into(), |server| caller.name(&server.name)),
        source,
        protocol,
    }
}

fn seconds(time: Duration) -> String {
    format!("{}s", time.as_secs())
}

fn expiry(view: &SessionView, call: &Call<'_>) -> String {
    view.deadline.map_or(String::new(), |at| {
        seconds(at.since(call.daemon.shared.now()))
    })
}

fn brief(view: &SessionView, call: &mut Call<'_>) {
    let names = names(view, call.caller);
    let now = call.daemon.shared.now();
    let exp = expiry(view, call);
    // Writing to a string cannot fail.
    let _ = writeln!(
        call.out,
        "{:#x}: proto={} src={} fe={} be={} srv={} ts={:02x} epoch={} age={} calls={} rate=0 \
         cpu=0 lat=0 rq[i={}] rp[i={}] scf=[fd={}] scb=[fd={}] exp={exp}",
        view.id,
        names.protocol,
        names.source,
        names.frontend,
        names.backend,
        names.server,
        view.activity as u8,
        view.generation.serial,
        seconds(now.since(view.accepted)),
        view.requests,
        view.bytes_in,
        view.bytes_out,
        view.fd,
        view.server_fd,
    );
}

fn full(view: &SessionView, call: &mut Call<'_>) {
    let generation = &view.generation;
    let names = names(view, call.caller);
    let now = call.daemon.shared.now();
    let exp = expiry(view, call);
    let mut accepted = Vec::new();
    lbd_http::date::push_log_date(&mut accepted, view.accepted_wall, call.daemon.utc_offset);
    let spec = |id: lbd_core::ProxyId| &generation.config.proxies[id.index()];
    let mode = |id| match spec(id).mode {
        lbd_config::config::Mode::Http => "http",
        lbd_config::config::Mode::Tcp => "tcp",
    };
    let _ = writeln!(
        call.out,
        "{:#x}: [{}] id={} proto={} source={}\n  state={:?}, requests={}, worker={}, age={}, \
         idle={}, expires={}\n  frontend={} (id={} mode={}), listener={}\n  backend={} (id={} \
         mode={})\n  server={} (id={})\n  client fd={} in={}; server fd={} out={}",
        view.id,
        String::from_utf8_lossy(&accepted),
        view.id & 0xff_ffff,
        names.protocol,
        names.source,
        view.activity,
        view.requests,
        view.worker,
        seconds(now.since(view.accepted)),
        seconds(now.since(view.last_activity)),
        if exp.is_empty() { "<NEVER>" } else { &exp },
        names.frontend,
        spec(view.frontend).uid,
        mode(view.frontend),
        view.listener.0 + 1,
        names.backend,
        view.backend.map_or(-1, |id| i64::from(spec(id).uid)),
        view.backend.map_or("-", mode),
        names.server,
        view.server.map_or(-1, |id| i64::from(id.0) + 1),
        view.fd,
        view.bytes_in,
        view.server_fd,
        view.bytes_out,
    );
}

fn shutdown_session(call: &mut Call<'_>) {
    let id = parse_id(call.arg(0));
    let is_known = id.is_some_and(|id| {
        call.daemon
            .shared
            .sessions(PATIENCE)
            .iter()
            .any(|view| view.id == id)
    });
    match id.filter(|_| is_known) {
        Some(id) => {
            call.daemon.shared.kill_session(id);
        }
        None => call.fail("No such session (use 'show sess')."),
    }
}

fn shutdown_server(call: &mut Call<'_>) {
    let Some(found) = servers::find(call, 0) else {
        return;
    };
    found
        .proxy
        .end_server_streams(found.id, Ending::Killed, &call.daemon.shared);
}

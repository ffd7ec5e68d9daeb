//! Commands that look at and change servers and frontends at run time.
//!
//! Health, administration and weight have one owner, the check runner: these commands send it
//! orders and print what it answers.

use std::fmt::Write;
use std::sync::Arc;

use lbd_backend::State;
use lbd_backend::health::Which;
use lbd_config::config::{AccessLevel, ServerAddress};
use lbd_core::ServerId;
use lbd_proxy::state::{Generation, ProxyState, ServerState};

use super::command::{ApiCommand, Call, Severity};
use super::server_state;
use crate::check::{AdminOrder, Order};
use ::peers::proto::words::{Subject, Thing};

const fn admin(
    words: &'static [&'static str],
    usage: &'static str,
    describe: &'static str,
    run: fn(&mut Call<'_>),
) -> ApiCommand {
    ApiCommand {
        words,
        usage,
        describe,
        level: AccessLevel::Admin,
        run,
    }
}

pub(super) const COMMANDS: &[ApiCommand] = &[
    admin(
        &["disable", "agent"],
        "disable agent",
        "pause the agent check of <bk>/<srv>",
        |call| {
            toggle(
                call,
                0,
                Order::Enable {
                    which: Which::Agent,
                    on: false,
                },
            )
        },
    ),
    admin(
        &["disable", "frontend"],
        "disable frontend <frontend>",
        "stop accepting on a frontend; reversible",
        |call| listen(call, Some(true)),
    ),
    admin(
        &["disable", "health"],
        "disable health",
        "pause the health check of <bk>/<srv>",
        |call| {
            toggle(
                call,
                0,
                Order::Enable {
                    which: Which::Health,
                    on: false,
                },
            )
        },
    ),
    admin(
        &["disable", "server"],
        "disable server (DEPRECATED)",
        "put <bk>/<srv> in maintenance (use 'set server' instead)",
        |call| toggle(call, 0, Order::Admin(AdminOrder::Maint)),
    ),
    admin(
        &["enable", "agent"],
        "enable agent",
        "resume the agent check of <bk>/<srv>",
        |call| {
            toggle(
                call,
                0,
                Order::Enable {
                    which: Which::Agent,
                    on: true,
                },
            )
        },
    ),
    admin(
        &["enable", "frontend"],
        "enable frontend <frontend>",
        "accept on a frontend again",
        |call| listen(call, Some(false)),
    ),
    admin(
        &["enable", "health"],
        "enable health",
        "resume the health check of <bk>/<srv>",
        |call| {
            toggle(
                call,
                0,
                Order::Enable {
                    which: Which::Health,
                    on: true,
                },
            )
        },
    ),
    admin(
        &["enable", "server"],
        "enable server  (DEPRECATED)",
        "take <bk>/<srv> out of maintenance (use 'set server' instead)",
        |call| toggle(call, 0, Order::Admin(AdminOrder::Ready)),
    ),
    ApiCommand {
        words: &["get", "weight"],
        usage: "get weight <bk>/<srv>",
        describe: "current and initial weight of a server",
        level: AccessLevel::User,
        run: get_weight,
    },
    admin(
        &["set", "maxconn", "frontend"],
        "set maxconn frontend <frontend> <value>",
        "change a frontend's connection limit",
        set_maxconn_frontend,
    ),
    admin(
        &["set", "maxconn", "global"],
        "set maxconn global <value>",
        "change the process's connection limit",
        set_maxconn_global,
    ),
    admin(
        &["set", "maxconn", "server"],
        "set maxconn server <bk>/<srv>",
        "change a server's connection limit",
        set_maxconn_server,
    ),
    admin(
        &["set", "server"],
        "set server <bk>/<srv> [opts]",
        "change a server's state, weight, address or checks",
        set_server,
    ),
    admin(
        &["set", "weight"],
        "set weight <bk>/<srv>  (DEPRECATED)",
        "change a server's weight (use 'set server' instead)",
        |call| {
            let Some(server) = find(call, 0) else { return };
            set_weight(call, &server, 1);
        },
    ),
    ApiCommand {
        words: &["show", "servers", "conn"],
        usage: "show servers conn [<backend>]",
        describe: "connections and idle pools by server",
        level: AccessLevel::User,
        run: server_state::show_conn,
    },
    ApiCommand {
        words: &["show", "servers", "state"],
        usage: "show servers state [<backend>]",
        describe: "state of every server in the server-state-file format",
        level: AccessLevel::User,
        run: server_state::show_state,
    },
    admin(
        &["shutdown", "frontend"],
        "shutdown frontend <frontend>",
        "stop a frontend for good",
        |call| listen(call, None),
    ),
];

/// A server that a command named.
pub(super) struct Found {
    /// Its backend.
    pub(super) proxy: Arc<ProxyState>,
    /// Its index there.
    pub(super) id: ServerId,
    /// Its state.
    pub(super) server: Arc<ServerState>,
}

/// The server that argument `at` names as `backend/server`; says why when there is none.
pub(super) fn find(call: &mut Call<'_>, at: usize) -> Option<Found> {
    let generation: Arc<Generation> = call.daemon.shared.current();
    let Some((backend, name)) = call.arg(at).split_once('/') else {
        call.fail("Require 'backend/server'.");
        return None;
    };
    let config = &generation.config;
    let spec = config
        .proxies
        .iter()
        .find(|p| p.caps.backend && *p.name == *backend);
    let Some(spec) = spec else {
        call.fail("No such backend.");
        return None;
    };
    let proxy = generation.proxy(spec.id);
    let Some(server) = proxy.servers.iter().find(|server| *server.name == *name) else {
        call.fail("No such server.");
        return None;
    };
    Some(Found {
        proxy: Arc::clone(proxy),
        id: server.id,
        server: Arc::clone(server),
    })
}

/// Sends an order and prints why it is refused.
fn order(call: &mut Call<'_>, server: &Found, order: Order<'_>) {
    if let Err(text) = call.daemon.checks.order(server.proxy.id, server.id, &order) {
        return call.fail(text);
    }
    match order {
        Order::Admin(order) => {
            call.announce(thing(call, Subject::ServerState), Some(order.word()));
        }
        Order::Weight(text) => call.announce(thing(call, Subject::ServerWeight), Some(text)),
        _ => {}
    }
}

/// The server that the first argument names, for other nodes.
fn thing(call: &Call<'_>, subject: Subject) -> Thing {
    Thing {
        subject,
        scope: call.arg(0).to_owned(),
        key: String::new(),
    }
}

/// A new place of a check.
fn moved(which: Which, address: Option<std::net::IpAddr>, port: Option<u16>) -> Order<'static> {
    Order::CheckAddress {
        which,
        address,
        port,
    }
}

fn toggle(call: &mut Call<'_>, at: usize, what: Order<'static>) {
    let Some(server) = find(call, at) else { return };
    order(call, &server, what);
}

fn get_weight(call: &mut Call<'_>) {
    let Some(found) = find(call, 0) else { return };
    let view = found
        .proxy
        .roster
        .server(found.id, call.daemon.shared.now());
    let weight = view.map_or(0, |view| view.placement.weight);
    let initial = found.server.spec.roster.weight;
    // Writing to a string cannot fail.
    let _ = writeln!(call.out, "{weight} (initial {initial})");
}

fn set_weight(call: &mut Call<'_>, server: &Found, at: usize) {
    let text = call.arg(at).to_owned();
    if text.is_empty() {
        return call.fail("Require <weight> or <weight%>.");
    }
    order(call, server, Order::Weight(&text));
}

fn listen(call: &mut Call<'_>, paused: Option<bool>) {
    let name = call.arg(0).to_owned();
    if name.is_empty() {
        return call.fail("A frontend name is expected.");
    }
    let generation = call.daemon.shared.current();
    let spec = generation
        .config
        .proxies
        .iter()
        .find(|p| p.caps.frontend && *p.name == *name);
    let Some(spec) = spec else {
        return call.fail("No such frontend.");
    };
    let proxy = generation.proxy(spec.id);
    if proxy.is_disabled() {
        return call.fail(match paused {
            None => "Frontend was already shut down.",
            Some(true) => "Frontend was previously shut down, cannot disable.",
            Some(false) => "Frontend was previously shut down, cannot enable.",
        });
    }
    if paused == Some(proxy.is_paused()) {
        let word = if proxy.is_paused() {
            "disabled"
        } else {
            "enabled"
        };
        return call.fail(&format!("All sockets are already {word}."));
    }
    proxy.listen(paused, &call.daemon.shared);
}

fn set_maxconn_frontend(call: &mut Call<'_>) {
    let name = call.arg(0).to_owned();
    if name.is_empty() {
        return call.fail("A frontend name is expected.");
    }
    let generation = call.daemon.shared.current();
    let spec = generation
        .config
        .proxies
        .iter()
        .find(|p| p.caps.frontend && *p.name == *name);
    let Some(spec) = spec else {
        return call.fail("No such frontend.");
    };
    match call.arg(1) {
        "" => call.fail("Integer value expected."),
        text => match text.parse::<u32>() {
            Ok(limit) => generation
                .proxy(spec.id)
                .set_maxconn(limit, &call.daemon.shared),
            Err(_) => call.fail("Value out of range."),
        },
    }
}

fn set_maxconn_global(call: &mut Call<'_>) {
    match call.arg(0) {
        "" => call.fail("Expects an integer value."),
        text => match text.parse::<u32>() {
            Ok(limit) if limit <= call.daemon.limits.maxconn => {
                // 0 goes back to the value of the start.
                call.daemon.shared.set_maxconn(limit);
            }
            _ => call.fail("Value out of range."),
        },
    }
}

fn set_maxconn_server(call: &mut Call<'_>) {
    let Some(found) = find(call, 0) else { return };
    match call.arg(1).to_owned() {
        text if text.is_empty() => call.fail("Require <maxconn>."),
        text => order(call, &found, Order::Maxconn(&text)),
    }
}

fn set_server(call: &mut Call<'_>) {
    let Some(found) = find(call, 0) else { return };
    let value = call.arg(2).to_owned();
    let what = call.arg(1).to_owned();
    match what.as_str() {
        "weight" => set_weight(call, &found, 2),
        "state" => match value.as_str() {
            "ready" => order(call, &found, Order::Admin(AdminOrder::Ready)),
            "drain" => order(call, &found, Order::Admin(AdminOrder::Drain)),
            "maint" => order(call, &found, Order::Admin(AdminOrder::Maint)),
            _ => call.fail("'set server <srv> state' expects 'ready', 'drain' and 'maint'."),
        },
        "health" => match value.as_str() {
            "up" => order(
                call,
                &found,
                Order::Health {
                    which: Which::Health,
                    state: State::Running,
                },
            ),
            "stopping" => order(
                call,
                &found,
                Order::Health {
                    which: Which::Health,
                    state: State::Stopping,
                },
            ),
            "down" => order(
                call,
                &found,
                Order::Health {
                    which: Which::Health,
                    state: State::Stopped,
                },
            ),
            _ => call.fail("'set server <srv> health' expects 'up', 'stopping', or 'down'."),
        },
        "agent" => match value.as_str() {
            "up" => order(
                call,
                &found,
                Order::Health {
                    which: Which::Agent,
                    state: State::Running,
                },
            ),
            "down" => order(
                call,
                &found,
                Order::Health {
                    which: Which::Agent,
                    state: State::Stopped,
                },
            ),
            _ => call.fail("'set server <srv> agent' expects 'up' or 'down'."),
        },
        "agent-addr" => set_place(call, &found, Which::Agent, true, &value),
        "agent-port" => set_place(call, &found, Which::Agent, false, &value),
        "agent-send" => order(call, &found, Order::AgentSend(value.as_bytes())),
        "check-addr" => set_place(call, &found, Which::Health, true, &value),
        "check-port" => set_place(call, &found, Which::Health, false, &value),
        "addr" => set_addr(call, &found),
        "fqdn" if value.is_empty() => call.fail("set server <b>/<s> fqdn requires a FQDN."),
        "fqdn" => call.fail("set server <b>/<s> fqdn failed because no resolution is configured."),
        "ssl" => call.fail(
            "'set server <srv> ssl' cannot be set.  default-server should define ssl settings",
        ),
        _ => call.fail(
            "usage: set server <backend>/<server> addr | agent | agent-addr | agent-port | \
             agent-send | check-addr | check-port | fqdn | health | ssl | state | weight",
        ),
    }
}

/// `check-addr|check-port` and `agent-addr|agent-port`; the address may be followed by a port.
fn set_place(call: &mut Call<'_>, found: &Found, which: Which, is_address: bool, value: &str) {
    let (ip, port) = if is_address {
        let port = (call.arg(3) == "port").then(|| call.arg(4).to_owned());
        (Some(value), port)
    } else {
        (None, Some(value.to_owned()))
    };
    // Whether there is a check to move is told before what is wrong with the words.
    let nowhere = moved(which, None, None);
    let checks = &call.daemon.checks;
    if checks
        .order(found.proxy.id, found.server.id, &nowhere)
        .is_err()
    {
        return order(call, found, nowhere);
    }
    let Ok(ip) = ip.map(str::parse).transpose() else {
        return call.fail(&format!("invalid addr '{value}'"));
    };
    let Ok(port) = port.map(|port| port.parse::<i64>()).transpose() else {
        return call.fail("provided port is not an integer");
    };
    let Ok(port) = port.map(u16::try_from).transpose() else {
        return call.fail("provided port is invalid");
    };
    order(call, found, moved(which, ip, port));
}

fn set_addr(call: &mut Call<'_>, found: &Found) {
    let text = call.arg(2).to_owned();
    if text.is_empty() {
        return call.fail("set server <b>/<s> addr requires an address and optionally a port.");
    }
    let Ok(ip) = text.parse::<std::net::IpAddr>() else {
        return call.fail(&format!("Invalid addr '{text}'"));
    };
    let old = found.server.address();
    let (old_ip, old_port) = match &*old {
        ServerAddress::Inet(address) => (Some(address.ip()), address.port().to_string()),
        ServerAddress::MappedPort(ip, offset) => (Some(*ip), format!("{offset:+}")),
        _ => (None, "0".to_owned()),
    };
    let port = if call.arg(3) == "port" {
        call.arg(4).to_owned()
    } else {
        old_port.clone()
    };
    let Some(address) = address_of(ip, &port) else {
        return call.fail(&format!("problem converting port '{port}' to an int"));
    };
    let mut changes = Vec::new();
    if old_ip != Some(ip) {
        let old = old_ip.map_or_else(|| "(none)".to_owned(), |ip| ip.to_string());
        changes.push(format!("IP changed from '{old}' to '{ip}'"));
    }
    if old_port != port {
        changes.push(format!("port changed from '{old_port}' to '{port}'"));
    }
    if changes.is_empty() {
        return call.say(
            Severity::Info,
            "no need to change the addr, port, proto or cluster",
        );
    }
    found
        .proxy
        .set_server_address(found.id, address, &call.daemon.shared);
    let place = format!("{ip} {port}");
    call.announce(thing(call, Subject::ServerAddress), Some(&place));
    let text = format!("{} by 'stats socket command'", changes.join(", "));
    call.say(Severity::Info, &text);
}

/// An address with a port, or with an offset to the client's (`+n`, `-n`).
pub(crate) fn address_of(ip: std::net::IpAddr, port: &str) -> Option<ServerAddress> {
    if port.starts_with(['+', '-']) {
        return Some(ServerAddress::MappedPort(ip, port.parse().ok()?));
    }
    Some(ServerAddress::Inet(std::net::SocketAddr::new(
        ip,
        port.parse().ok()?,
    )))
}

//! `add server` and `del server`, and `wait` for a server that can go (haproxy 3.4 management 9.3).
//!
//! A line is read and compiled by `lbd-config`; state and checks follow by their own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lbd_config::config::{AccessLevel, Config, LaterServer, Others, ServerSpec};
use lbd_config::directive::server_runtime::runtime_options;
use lbd_config::units::{self, TimeUnit};
use lbd_core::{ProxyId, ServerId};
use lbd_proxy::state::{Generation, ProxyState, ServerState};

use super::command::{ApiCommand, Call, Severity, command};
use crate::check::IS_NAMED;
use crate::run::Daemon;

pub(super) const COMMANDS: &[ApiCommand] = &[
    command(
        &["add", "server"],
        "add server <bk>/<srv>",
        "create a server, in maintenance ('add server help' lists its options)",
        AccessLevel::Admin,
        add,
    ),
    command(
        &["del", "server"],
        "del server <bk>/<srv>",
        "take a server out that is in maintenance and has no connections",
        AccessLevel::Admin,
        delete,
    ),
    command(
        &["wait"],
        "wait {-h|<delay_ms>} cond [args...]",
        "wait for a time or until a server can be taken out (-h: help)",
        AccessLevel::Admin,
        wait,
    ),
];

fn add(call: &mut Call<'_>) {
    if call.arg(0) == "help" {
        call.out
            .push_str("List of keywords supported for dynamic server:\n");
        let words: Vec<&str> = runtime_options().collect();
        call.out.push_str(&words.join("\n"));
        return call.out.push('\n');
    }
    match added(call.daemon, call.args) {
        Ok(()) => call.say(Severity::Info, "New server registered."),
        Err(text) => call.fail(&text),
    }
}

fn added(daemon: &Daemon, args: &[String]) -> Result<(), String> {
    let (generation, backend, name) = place(daemon, args.first())?;
    let (proxy, config) = (generation.proxy(backend), &generation.config);
    if !proxy.roster.is_dynamic() {
        return Err(format!(
            "Backend does not support dynamic servers : backend '{}' uses a non dynamic load \
             balancing method.",
            proxy.name
        ));
    }
    let _changing = daemon.checks.changing();
    if proxy.servers.named(name.as_bytes()).is_some() {
        return Err("Already exists a server with the same name in backend.".to_owned());
    }
    let id = proxy.next_server().ok_or(
        "The backend has had as many servers as it can have until the configuration is read again.",
    )?;
    let mut words = vec![name];
    words.extend(args.iter().skip(1).cloned());
    let spec = config.later_server(&LaterServer {
        backend,
        id,
        words: &words,
        others: &Present {
            generation: &generation,
            backend,
        },
    })?;
    let server = proxy
        .add_server(&Arc::new(spec), &daemon.shared)
        .ok_or("The server cannot be added.")?;
    daemon.checks.add(&server);
    generation.renew_cookies(backend);
    Ok(())
}

/// The backend and the name that `backend/server` says.
fn place(
    daemon: &Daemon,
    word: Option<&String>,
) -> Result<(Arc<Generation>, ProxyId, String), String> {
    let generation = daemon.shared.current();
    let (backend, name) = word
        .and_then(|word| word.split_once('/'))
        .ok_or("Require 'backend/server'.")?;
    let backends = generation.config.proxies.iter();
    let found = backends
        .filter(|spec| spec.caps.backend)
        .find(|spec| *spec.name == *backend);
    let backend = found.ok_or("No such backend.")?.id;
    Ok((generation, backend, name.to_owned()))
}

/// The servers that are there, for one that comes to a backend.
struct Present<'a> {
    generation: &'a Generation,
    backend: ProxyId,
}

impl Others for Present<'_> {
    fn uid(&self, wanted: Option<u32>) -> Result<u32, String> {
        let (proxy, config) = (self.generation.proxy(self.backend), &self.generation.config);
        let holder = |uid: u32| {
            proxy
                .servers
                .iter()
                .find(|server| server.spec.roster.puid == uid)
        };
        match wanted {
            None => Ok((1..).find(|uid| holder(*uid).is_none()).unwrap_or(u32::MAX)),
            Some(uid) => match holder(uid) {
                None => Ok(uid),
                Some(other) => Err(format!(
                    "'id' : custom id {uid} already used at {} ('server {}').",
                    said_at(config, proxy, other),
                    other.name
                )),
            },
        }
    }

    /// One of the configuration, with checks or following one.
    fn tracked(&self, named: &str) -> Result<(ProxyId, ServerId), String> {
        let (generation, own) = (self.generation, self.backend);
        let (backend, name) = match named.split_once('/') {
            None => (Some(own), named),
            Some((backend, name)) => (generation.backend_named(backend.as_bytes()), name),
        };
        let backend = backend.ok_or_else(|| {
            let name = named.split('/').next().unwrap_or_default();
            format!("unable to find required proxy '{name}' for tracking.")
        })?;
        let proxy = generation.proxy(backend);
        let found = proxy.servers.named(name.as_bytes());
        let server = found
            .ok_or_else(|| format!("unable to find required server '{name}' for tracking."))?;
        let text = &generation.config.proxies[backend.index()].backend.servers;
        if server.id.index() >= text.len() {
            return Err(format!(
                "unable to use {}/{name} for tracking as it is a dynamic server.",
                proxy.name
            ));
        }
        let ServerSpec {
            check,
            agent,
            track,
            ..
        } = &*server.spec;
        match check.is_some() || agent.is_some() || track.is_some() {
            true => Ok((backend, server.id)),
            false => Err(format!(
                "unable to use {}/{name} for tracking as it does not have any check nor agent enabled.",
                proxy.name
            )),
        }
    }

    fn holder_of(&self, guid: &str) -> Option<String> {
        let generation = self.generation;
        let mut all = generation.proxies.iter().flat_map(|proxy| {
            let servers = proxy.servers.iter();
            servers.map(move |server| (proxy, server))
        });
        let found = all.find(|(_, server)| server.spec.roster.guid.as_deref() == Some(guid));
        found.map(|(proxy, server)| format!("server {}/{}", proxy.name, server.name))
    }
}

/// Where a server's line stands.
fn said_at(config: &Config, proxy: &ProxyState, server: &ServerState) -> String {
    let is_in_text = config.proxies[proxy.id.index()].backend.servers.len() > server.id.index();
    let span = server.spec.span;
    match config.files.get(span.file.0 as usize) {
        Some(file) if is_in_text => format!("{file}:{}", span.line),
        _ => "CLI:0".to_owned(),
    }
}

fn delete(call: &mut Call<'_>) {
    match deleted(call.daemon, call.args.first()) {
        Ok(()) => call.say(Severity::Info, "Server deleted."),
        Err(text) => call.fail(&text),
    }
}

fn deleted(daemon: &Daemon, word: Option<&String>) -> Result<(), String> {
    let _changing = daemon.checks.changing();
    let (generation, server) = removable(daemon, word).map_err(Stays::into_text)?;
    if !generation
        .proxy(server.backend)
        .remove_server(&server, &daemon.shared)
    {
        return Err(IS_BUSY.to_owned());
    }
    daemon.checks.remove(server.backend, server.id);
    generation.renew_cookies(server.backend);
    Ok(())
}

/// Why a server stays.
enum Stays {
    /// Nothing will change that.
    ForGood(String),
    /// For as long as it has connections.
    Busy,
}

impl Stays {
    fn into_text(self) -> String {
        match self {
            Self::ForGood(text) => text,
            Self::Busy => IS_BUSY.to_owned(),
        }
    }
}

/// A server that can be taken out.
fn removable(
    daemon: &Daemon,
    word: Option<&String>,
) -> Result<(Arc<Generation>, Arc<ServerState>), Stays> {
    let (generation, backend, name) = place(daemon, word).map_err(Stays::ForGood)?;
    let for_good = |text: &str| Stays::ForGood(text.to_owned());
    let found = generation.proxy(backend).servers.named(name.as_bytes());
    let server = Arc::clone(found.ok_or_else(|| for_good("No such server."))?);
    if generation.config.later.is_referenced(backend, server.id) {
        return Err(for_good(IS_NAMED));
    }
    let may_go = daemon.checks.may_go(backend, server.id);
    may_go.map_err(for_good)?;
    match generation.is_server_busy(&server, &daemon.shared) {
        true => Err(Stays::Busy),
        false => Ok((generation, server)),
    }
}

fn wait(call: &mut Call<'_>) {
    let word = call.arg(0).to_owned();
    if word.is_empty() {
        return call.fail("Expects a duration in milliseconds.");
    }
    if word == "-h" || call.arg(1) == "-h" {
        return call.out.push_str(WAIT_USAGE);
    }
    let delay = match units::parse_time(&word, TimeUnit::Millisecond) {
        Ok(time) if time.value <= LONGEST_WAIT => time.value,
        _ => return call.fail("Invalid duration."),
    };
    let condition = match call.arg(1) {
        "" => None,
        "srv-removable" if call.arg(2).is_empty() => {
            return call.fail("Missing server name (<backend>/<server>).");
        }
        "srv-removable" if !call.arg(2).contains('/') => {
            return call.fail("Require 'backend/server'.");
        }
        "srv-removable" => call.args.get(2),
        _ => return call.out.push_str(WAIT_USAGE),
    };
    let until = Instant::now() + delay;
    loop {
        if condition.is_some() {
            match removable(call.daemon, condition) {
                Ok(_) => return call.say(Severity::Info, "Done."),
                Err(Stays::ForGood(text)) => return call.fail(&format!("Failed. {text}")),
                Err(Stays::Busy) => {}
            }
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return match condition {
                None => call.say(Severity::Info, "Done."),
                Some(_) => call.fail("Timed out."),
            };
        }
        if call.daemon.shared.process().is_stopping() {
            return call.fail("Interrupted.");
        }
        std::thread::sleep(left.min(LOOK_INTERVAL));
    }
}

const IS_BUSY: &str = "Server still has connections attached to it, cannot remove it.";

const WAIT_USAGE: &str = "\
Usage: wait {-h|<duration>} [condition [args...]]
  -h          shows this
  <duration>  how long to wait at most, in milliseconds unless a unit follows:
              us, ms, s, m, h or d
  <condition> what to wait for, at most that long; without one, the time is waited:
    srv-removable <backend>/<server>  the server can be taken out
";

/// As the reference's timers end.
const LONGEST_WAIT: Duration = Duration::from_millis(i32::MAX as u64);

/// Time between two looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

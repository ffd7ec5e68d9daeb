//! `show stat`, `show backend` and `clear counters`.
//!
//! Rendering is in `stat.rs`.

use lbd_config::config::AccessLevel;
use lbd_proxy::metric::rows;

use super::command::{ApiCommand, Call};
use super::stat::{self, Form};

pub(super) const COMMANDS: &[ApiCommand] = &[
    ApiCommand {
        words: &["clear", "counters"],
        usage: "clear counters [all]",
        describe: "reset maxima; with 'all' every counter",
        level: AccessLevel::Operator,
        run: clear_counters,
    },
    ApiCommand {
        words: &["show", "backend"],
        usage: "show backend",
        describe: "names of the backends",
        level: AccessLevel::User,
        run: show_backend,
    },
    ApiCommand {
        words: &["show", "stat"],
        usage: "show stat [<proxy>|<iid> <type> <sid>] [desc|json|no-maint|typed|up]*",
        describe: "counters for each proxy and server",
        level: AccessLevel::User,
        run: show_stat,
    },
];

fn show_stat(call: &mut Call<'_>) {
    let mut request = stat::Request::default();
    if let [proxy, kinds, object, ..] = call.args
        && let (Ok(kinds), Ok(object)) = (kinds.parse(), object.parse())
    {
        let named = || {
            let proxies = &call.daemon.config().proxies;
            let found = proxies.iter().find(|spec| *spec.name == **proxy);
            found.map(|spec| i64::from(spec.uid))
        };
        match proxy.parse().ok().or_else(named) {
            Some(proxy) => request.filter = Some((proxy, kinds, object)),
            None => return call.fail("No such proxy."),
        }
    }
    for word in call.args {
        match word.as_str() {
            "desc" => request.with_description = true,
            "json" => request.form = Form::Json,
            "no-maint" => request.no_maint = true,
            "typed" => request.form = Form::Typed,
            "up" => request.only_up = true,
            _ => {}
        }
    }
    call.daemon.checks.refresh();
    let generation = call.daemon.shared.current();
    let rows = rows(&call.daemon.shared, &generation);
    stat::render(&request, &rows, call.out);
}

fn show_backend(call: &mut Call<'_>) {
    call.out.push_str("# name\n");
    for proxy in call
        .daemon
        .config()
        .proxies
        .iter()
        .filter(|proxy| proxy.caps.backend)
    {
        call.out.push_str(&proxy.name);
        call.out.push('\n');
    }
}

fn clear_counters(call: &mut Call<'_>) {
    use lbd_config::config::AccessLevel::Admin;
    let is_all = call.arg(0) == "all";
    if is_all && call.caller.level < Admin {
        call.out.push_str("Permission denied\n");
        return;
    }
    let generation = call.daemon.shared.current();
    let listeners = generation
        .listeners
        .iter()
        .map(|listener| &listener.counters);
    let proxies = generation
        .proxies
        .iter()
        .flat_map(|proxy| [&proxy.frontend, &proxy.backend]);
    let servers = generation.proxies.iter().flat_map(|proxy| &proxy.servers);
    let servers = servers.map(|server| &server.counters);
    let process = [&call.daemon.shared.process().counters].into_iter();
    for shards in listeners.chain(proxies).chain(servers).chain(process) {
        if is_all {
            shards.clear();
        } else {
            shards.clear_maxima();
        }
    }
    for proxy in &generation.proxies {
        proxy.sessions.clear_max();
        proxy.streams.clear_max();
        proxy.roster.clear_maxima();
    }
}

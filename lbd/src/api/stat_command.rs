//! `show stat`, `show backend`, `dump stats-file` and `clear counters`.
//!
//! Rendering is in `stats`.

use lbd_config::config::AccessLevel;
use lbd_proxy::metric::{Row, rows};

use super::command::{ApiCommand, Call};
use crate::stats::{Form, SCHEMA, Table};
use crate::stats_file::Part;

pub(super) const COMMANDS: &[ApiCommand] = &[
    ApiCommand {
        words: &["clear", "counters"],
        usage: "clear counters [all]",
        describe: "reset maxima; with 'all' every counter",
        level: AccessLevel::Operator,
        run: clear_counters,
    },
    ApiCommand {
        words: &["dump", "stats-file"],
        usage: "dump stats-file",
        describe: "counters of what has a 'guid', for 'stats-file' of the next start",
        level: AccessLevel::User,
        run: dump_stats_file,
    },
    ApiCommand {
        words: &["show", "backend"],
        usage: "show backend",
        describe: "names of the backends",
        level: AccessLevel::User,
        run: show_backend,
    },
    ApiCommand {
        words: &["show", "schema", "json"],
        usage: "show schema json",
        describe: "JSON schema of the statistics",
        level: AccessLevel::User,
        run: show_schema,
    },
    ApiCommand {
        words: &["show", "stat"],
        usage: "show stat [domain proxy] [<proxy>|<iid> <type> <sid>] [desc|json|no-maint|typed|up]*",
        describe: "counters for each proxy and server",
        level: AccessLevel::User,
        run: show_stat,
    },
];

/// What `show stat` leaves out.
#[derive(Debug, Clone, Copy, Default)]
struct Filter {
    /// `up`: no servers that are down.
    only_up: bool,
    /// `no-maint`: no servers in maintenance.
    no_maint: bool,
    /// `iid type sid`: -1 for all; `type` is a sum of 1 frontend, 2 backend, 4 server.
    object: Option<(i64, i64, i64)>,
}

impl Filter {
    fn wants(&self, row: &Row<'_>) -> bool {
        if row.is_left_out(self.only_up, self.no_maint) {
            return false;
        }
        let Some((proxy, kinds, object)) = self.object else {
            return true;
        };
        let bit = 1 << row.object.number();
        (proxy < 0 || proxy == i64::from(row.spec.uid))
            && (kinds < 0 || kinds & bit != 0)
            && (object < 0 || object == i64::from(row.object_uid()))
    }
}

fn show_stat(call: &mut Call<'_>) {
    let mut args = call.args;
    if let [word, domain, rest @ ..] = args
        && word == "domain"
    {
        match domain.as_str() {
            "proxy" => args = rest,
            _ => return call.fail("Invalid statistics domain."),
        }
    }
    let (mut filter, mut table) = (Filter::default(), Table::default());
    if let [proxy, kinds, object, ..] = args
        && let (Ok(kinds), Ok(object)) = (kinds.parse(), object.parse())
    {
        let named = || {
            let proxies = &call.daemon.config().proxies;
            let found = proxies.iter().find(|spec| *spec.name == **proxy);
            found.map(|spec| i64::from(spec.uid))
        };
        match proxy.parse().ok().or_else(named) {
            Some(proxy) => filter.object = Some((proxy, kinds, object)),
            None => return call.fail("No such proxy."),
        }
    }
    for word in args {
        match word.as_str() {
            "desc" => table.with_description = true,
            "json" => table.form = Form::Json,
            "no-maint" => filter.no_maint = true,
            "typed" => table.form = Form::Typed,
            "up" => filter.only_up = true,
            _ => {}
        }
    }
    let generation = call.daemon.shared.current();
    let counts_servers = filter.only_up || filter.no_maint;
    table.begin(call.out);
    for mut row in rows(&call.daemon.shared, &generation) {
        row.shows.counts_servers = counts_servers;
        if filter.wants(&row) {
            table.row(&row, call.out);
        }
        if !call.hand_on() {
            return;
        }
    }
    table.end(call.out);
}

fn dump_stats_file(call: &mut Call<'_>) {
    let generation = call.daemon.shared.current();
    for part in Part::ALL {
        if part == Part::Backends {
            call.out.push('\n');
        }
        let columns = part.readers();
        part.begin(call.out);
        for row in rows(&call.daemon.shared, &generation) {
            part.row(&row, &columns, call.out);
            if !call.hand_on() {
                return;
            }
        }
    }
}

fn show_schema(call: &mut Call<'_>) {
    call.out.push_str(SCHEMA);
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

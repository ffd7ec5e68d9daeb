//! One proxy with its servers, its log and the clients of a case.
//!
//! It compares nothing.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::player::{Flags, Player};
use super::{Case, Group, Step, normal, serve, stats};
use crate::origin::Origin;
use crate::proxy::{Program, Proxy};
use crate::stream::Address;
use crate::syslog::SyslogSink;
use crate::wait::poll_until;

/// How long the log lines and counters that are expected may take to come.
const SETTLE: Duration = Duration::from_secs(2);
/// How long a recording waits for log lines and counters that nobody expects yet.
const RECORD: Duration = Duration::from_millis(400);
/// How long the proxy may take to close its connections to servers once all clients have gone.
const LINGER: Duration = Duration::from_millis(700);

/// A proxy with its servers and its log.
pub(super) struct Stage {
    proxy: Proxy,
    origins: BTreeMap<String, (Origin, Arc<Desk>)>,
    syslog: SyslogSink,
    names: normal::Names,
    columns: Vec<String>,
    /// Kept for what it occupies.
    _lost: Option<normal::Lost>,
    _open: Option<TcpListener>,
}

/// What a server's connections are to do, and what they did.
#[derive(Default)]
struct Desk {
    scripts: Mutex<Vec<Vec<Step>>>,
    flags: Mutex<Arc<Flags>>,
    taken: AtomicUsize,
    open: AtomicUsize,
    records: Mutex<Vec<(usize, String)>>,
}

impl Desk {
    fn serve(&self, stream: crate::stream::Stream) {
        let number = self.taken.fetch_add(1, Ordering::AcqRel);
        self.open.fetch_add(1, Ordering::AcqRel);
        let script = {
            let scripts = self.scripts.lock().unwrap_or_else(PoisonError::into_inner);
            scripts
                .get(number)
                .or_else(|| scripts.last())
                .cloned()
                .unwrap_or_else(|| vec![serve("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")])
        };
        let flags = Arc::clone(&self.flags.lock().unwrap_or_else(PoisonError::into_inner));
        let record = Player::new(stream, flags).play(&script);
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.push((number, record));
        self.open.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Stage {
    pub(super) fn start(
        group: &Group,
        program: &Program,
        extra: &[(String, String)],
    ) -> Result<Self, String> {
        let mut config = group.config.clone();
        for (name, text) in extra {
            config = config.replace(&format!("<{name}>"), text);
        }
        let syslog = SyslogSink::udp();
        let mut names = normal::Names::default();
        let mut origins = BTreeMap::new();
        let (mut lost, mut open) = (None, None);
        let mut builder = Proxy::of(program.clone(), config.clone());
        let args: Vec<_> = group.args.iter().map(String::as_str).collect();
        builder = builder.args(&args).with("log", syslog.address());
        for (name, content) in &group.files {
            builder = builder.file(name, content);
        }
        for name in normal::placeholders(&config) {
            if name.starts_with("fe") {
                builder = builder.listener(&name);
            } else if name.starts_with("ux") {
                builder = builder.unix_listener(&name);
            } else if name == "dead" {
                let port = crate::free_port();
                builder = builder.with(&name, format!("127.0.0.1:{port}"));
            } else if name == "lost" {
                let held = lost.insert(normal::Lost::new());
                builder = builder.with(&name, &held.address);
            } else if name == "open" || name == "openport" {
                let listener = open.get_or_insert_with(normal::open);
                let address = listener.local_addr().expect("a bound socket");
                builder = match name.as_str() {
                    "open" => builder.with(&name, address),
                    _ => builder.with(&name, address.port()),
                };
            } else if name == "freeport" {
                builder = builder.with(&name, crate::free_port());
            } else if name.starts_with('s') || name.starts_with("us") {
                let desk = Arc::new(Desk::default());
                let served = Arc::clone(&desk);
                let mut origin = Origin::builder(&name);
                if name.starts_with("us") {
                    origin = origin.unix(normal::socket_path());
                }
                let origin = origin.raw(move |stream, _| served.serve(stream));
                builder = builder.with(&name, origin.address());
                names.add(&origin.address().to_string(), &format!("<{name}>"));
                origins.insert(name, (origin, desk));
            }
        }
        let proxy = builder.try_start().map_err(|exit| exit.to_string())?;
        for name in normal::placeholders(&config) {
            if name.starts_with("fe") || name.starts_with("ux") {
                names.add(&proxy.address(&name).to_string(), &format!("<{name}>"));
            }
        }
        names.add(&proxy.directory().display().to_string(), "<dir>");
        Ok(Self {
            proxy,
            origins,
            syslog,
            names,
            columns: group.columns.clone(),
            _lost: lost,
            _open: open,
        })
    }

    /// Plays one case and tells what all saw. With an expectation, waits for its log lines and
    /// counters; else for some time.
    pub(super) fn play(&mut self, case: &Case, expected: Option<&str>) -> String {
        let runtime = match self.proxy.address("runtime") {
            Address::Unix(path) => path,
            Address::Tcp(_) => String::new(),
        };
        let flags = Arc::new(Flags::new(runtime));
        for (name, (_, desk)) in &self.origins {
            let scripts = case.servers.get(name).cloned().unwrap_or_default();
            *desk.scripts.lock().unwrap_or_else(PoisonError::into_inner) = scripts;
            *desk.flags.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&flags);
            desk.taken.store(0, Ordering::Release);
        }
        let before = self.counters();
        if before.has_sessions() {
            // Those of the case before.
            poll_until(SETTLE, || (!self.counters().has_sessions()).then_some(()));
        }
        let before = self.counters();
        self.syslog.clear();
        let clients = self.play_clients(case, &flags);
        let mut seen = String::new();
        for (number, text) in clients.iter().enumerate() {
            let number = number + 1;
            indent(
                &mut seen,
                &format!("client {number}"),
                &self.names.normal(text),
            );
        }
        let is_idle = |desk: &Desk| (desk.open.load(Ordering::Acquire) == 0).then_some(());
        for (_, desk) in self.origins.values() {
            poll_until(LINGER, || is_idle(desk));
        }
        flags.end();
        for (name, (origin, desk)) in &self.origins {
            origin.drop_connections();
            poll_until(SETTLE, || is_idle(desk));
            let mut records = desk.records.lock().unwrap_or_else(PoisonError::into_inner);
            let mut records = std::mem::take(&mut *records);
            records.sort();
            for (number, text) in records {
                let number = number + 1;
                let text = self.names.normal(&text);
                indent(&mut seen, &format!("{name} connection {number}"), &text);
            }
        }
        let look = || {
            let mut all = seen.clone();
            for line in self.syslog.lines() {
                let text = self.names.log(line.message());
                let _ = writeln!(all, "log {}: {text}", line.priority().unwrap_or_default());
            }
            let after = self.counters();
            all.push_str(&stats::difference(&before, &after, &self.columns));
            all
        };
        match expected {
            Some(expected) => {
                poll_until(SETTLE, || (look() == expected).then_some(()));
            }
            None => thread::sleep(RECORD),
        }
        look()
    }

    fn play_clients(&self, case: &Case, flags: &Arc<Flags>) -> Vec<String> {
        let clients: Vec<_> = case
            .clients
            .iter()
            .map(|(listener, script)| {
                let address = self.proxy.address(listener).to_string();
                let (script, flags) = (script.clone(), Arc::clone(flags));
                thread::spawn(move || Player::connect(&address, flags, &script))
            })
            .collect();
        let ended = clients.into_iter().map(|c| c.join());
        ended
            .map(|record| record.unwrap_or_else(|_| "the client's script failed\n".to_owned()))
            .collect()
    }

    fn counters(&self) -> stats::Counters {
        if self.columns.is_empty() {
            return stats::Counters::default();
        }
        stats::Counters::of(&self.proxy.runtime("show stat"))
    }
}

fn indent(out: &mut String, who: &str, text: &str) {
    let _ = writeln!(out, "{who}:");
    for line in text.lines() {
        let _ = writeln!(out, "    {line}");
    }
}

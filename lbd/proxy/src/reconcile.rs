//! What survives a change of configuration in the running process: the state of a new generation
//! made from that of the old one.
//!
//! It decides about proxies, servers, listeners and tables; it opens and closes nothing. Health
//! machines are the check runner's, lists and maps the loader's.
//!
//! | of | survives | when |
//! |---|---|---|
//! | frontend, backend | counters, gauges, availability, pauses | its name stays |
//! | frontend | `set maxconn frontend` | its `maxconn` is unchanged in the text |
//! | server | counters, gauges, slots held, times chosen | backend and name stay |
//! | server | administration, health, weight set at run time | its address stays; see the checks |
//! | server | address set at run time | its address in the text is unchanged |
//! | server | `set maxconn server` | its `maxconn` is unchanged in the text |
//! | server | idle connections | nothing that they were opened by has changed, and they are clear |
//! | listener | counters, sessions, which go on under the new rules | proxy, mode and address stay |
//! | table | entries | name and schema stay |

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use lbd_config::config::{Config, ListenerSpec, ProxySpec, ServerSpec};
use lbd_core::{ListenerId, ServerId, Time};
use lbd_table::Table;

use crate::state::servers::Servers;
use crate::state::{Generation, ListenerState, ProxyState, ServerState};

/// What a change of configuration takes away, as it is told to the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A proxy is gone: its sessions end one after the other.
    ProxyGone(Box<str>),
    /// A server is gone: its streams end one after the other.
    ServerGone {
        /// Backend.
        backend: Box<str>,
        /// Server.
        server: Box<str>,
    },
    /// A server has another address: its health starts over.
    ServerMoved {
        /// Backend.
        backend: Box<str>,
        /// Server.
        server: Box<str>,
    },
    /// A table stores something else now, or is gone: its entries are dropped.
    TableDropped {
        /// Table.
        name: Box<str>,
        /// Entries lost.
        entries: u32,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ProxyGone(name) => write!(f, "proxy {name} is gone"),
            Self::ServerGone { backend, server } => {
                write!(f, "server {backend}/{server} is gone")
            }
            Self::ServerMoved { backend, server } => {
                write!(
                    f,
                    "server {backend}/{server} has another address: its health starts over"
                )
            }
            Self::TableDropped { name, entries } => write!(
                f,
                "table {name} is gone or stores something else: {entries} entries are dropped"
            ),
        }
    }
}

/// State for `config` that goes on where `old` is, and what is lost by it.
pub fn reconcile(
    old: &Generation,
    config: Arc<Config>,
    workers: usize,
    now: Time,
) -> (Generation, Vec<Change>) {
    let mut changes = Vec::new();
    let former = Former::of(old);
    let proxies = config
        .proxies
        .iter()
        .map(|spec| match former.proxy(spec) {
            None => Arc::new(ProxyState::new(spec, &config, workers, now)),
            Some((state, before)) => {
                tell_servers(spec, state, &mut changes);
                let mut next = ProxyState::after(state, before, spec, &config);
                next.servers = Servers::new(servers(spec, state, workers));
                next.roster = roster(&next, spec, state, now);
                Arc::new(next)
            }
        })
        .collect();
    let listeners = config
        .listeners
        .iter()
        .map(|spec| {
            let heir = former.listener(&config, spec);
            Arc::new(heir.map_or_else(
                || ListenerState::new(spec, workers),
                |state| ListenerState::after(state, spec),
            ))
        })
        .collect();
    let tables = tables(old, &config, &mut changes);
    for spec in &old.config.proxies {
        if !config.proxies.iter().any(|new| is_same(new, spec)) {
            changes.push(Change::ProxyGone(spec.name.clone()));
        }
    }
    (
        Generation::assemble(config, proxies, listeners, tables),
        changes,
    )
}

/// Whether two sections are the same proxy: a frontend and a backend may share a name.
fn is_same(one: &ProxySpec, other: &ProxySpec) -> bool {
    one.name == other.name
        && (one.caps.frontend && other.caps.frontend || one.caps.backend && other.caps.backend)
}

/// The old generation by names.
struct Former<'g> {
    generation: &'g Generation,
    proxies: HashMap<&'g str, Vec<usize>>,
}

impl<'g> Former<'g> {
    fn of(generation: &'g Generation) -> Self {
        let mut proxies: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, spec) in generation.config.proxies.iter().enumerate() {
            proxies.entry(&spec.name).or_default().push(at);
        }
        Self {
            generation,
            proxies,
        }
    }

    fn proxy(&self, spec: &ProxySpec) -> Option<(&'g Arc<ProxyState>, &'g ProxySpec)> {
        let generation = self.generation;
        let named = self.proxies.get(&*spec.name)?.iter();
        let mut pairs = named.map(|&at| (&generation.proxies[at], &generation.config.proxies[at]));
        pairs.find(|(_, before)| is_same(spec, before))
    }

    /// The listener that goes on as this one: of the same proxy, at the same address, and for
    /// sessions of the same kind.
    fn listener(&self, config: &Config, spec: &ListenerSpec) -> Option<&'g ListenerState> {
        let proxy = config.proxies.get(spec.proxy.index())?;
        let (state, before) = self.proxy(proxy)?;
        let listeners = &self.generation.config.listeners;
        let found = listeners.iter().find(|known| {
            known.proxy == state.id && known.address == spec.address && before.mode == proxy.mode
        })?;
        self.generation.listener(found.id).map(|state| &**state)
    }
}

fn tell_servers(spec: &ProxySpec, state: &ProxyState, changes: &mut Vec<Change>) {
    for old in &state.servers {
        let name = || (spec.name.clone(), old.name.clone());
        match server_named(spec, &old.name) {
            None => {
                let (backend, server) = name();
                changes.push(Change::ServerGone { backend, server });
            }
            Some(new) if new.text != old.spec.text => {
                let (backend, server) = name();
                changes.push(Change::ServerMoved { backend, server });
            }
            Some(_) => {}
        }
    }
}

fn server_named<'s>(spec: &'s ProxySpec, name: &str) -> Option<&'s Arc<ServerSpec>> {
    let servers = &spec.backend.servers;
    servers.iter().find(|server| server.roster.name == *name)
}

fn servers(spec: &ProxySpec, state: &ProxyState, workers: usize) -> Vec<Arc<ServerState>> {
    let former: HashMap<&str, &Arc<ServerState>> = state
        .servers
        .iter()
        .map(|server| (&*server.name, server))
        .collect();
    let servers = spec.backend.servers.iter();
    servers
        .map(|server| {
            let old = former.get(server.roster.name.as_str());
            Arc::new(match old {
                None => ServerState::new(server, spec.id, workers),
                Some(old) => ServerState::after(old, server, spec.id),
            })
        })
        .collect()
}

/// The servers of a backend as the old roster places them, until their health machines speak.
fn roster(
    next: &ProxyState,
    spec: &ProxySpec,
    state: &ProxyState,
    now: Time,
) -> lbd_backend::Roster {
    let members = next.servers.iter().zip(&spec.backend.servers);
    let members = members.map(|(server, line)| {
        let mut placement = ProxyState::first_placement(line, now);
        let mut roster = line.roster.clone();
        let old = state.servers.iter().find(|old| old.is_same(server));
        let old = old.and_then(|old| {
            let view = state.roster.server(old.id, now)?;
            Some((view, &old.spec))
        });
        if let Some((view, former)) = old {
            if former.roster.maxconn == line.roster.maxconn {
                // What an operator has set.
                roster.maxconn = view.maxconn;
            }
            if former.text == line.text {
                placement.state = view.placement.state;
                placement.since = view.placement.since;
                placement.drain = view.placement.drain;
                placement.maint = match former.disabled == line.disabled {
                    true => view.placement.maint,
                    false => placement.maint,
                };
                if former.roster.weight == line.roster.weight {
                    placement.weight = view.placement.weight;
                }
            }
        }
        (roster, placement)
    });
    let seed = u64::from(spec.id.0) + 1;
    lbd_backend::Roster::new(spec.backend.roster.clone(), members.collect(), seed)
}

fn tables(old: &Generation, config: &Config, changes: &mut Vec<Change>) -> Vec<Arc<Table>> {
    let fresh = crate::state::table::tables(config);
    let kept = fresh.into_iter().map(|table| {
        let before = old.table_named(table.name());
        match before.filter(|before| before.schema() == table.schema()) {
            Some(before) => Arc::clone(before),
            None => table,
        }
    });
    let tables: Vec<Arc<Table>> = kept.collect();
    for before in &old.tables {
        let is_kept = tables.iter().any(|table| Arc::ptr_eq(table, before));
        if !is_kept {
            changes.push(Change::TableDropped {
                name: before.name().into(),
                entries: before.used(),
            });
        }
    }
    tables
}

/// The present index of each old server of a proxy, for slots that move.
pub(crate) fn successor(next: &ProxyState, old: &ServerState) -> Option<ServerId> {
    let found = next.servers.iter().find(|server| server.is_same(old));
    found.map(|server| server.id)
}

/// The listener of a generation that goes on as one of an older generation.
pub(crate) fn heir<'g>(
    next: &'g Generation,
    old: &ListenerState,
) -> Option<&'g Arc<ListenerState>> {
    next.listeners.iter().find(|state| state.is_same(old))
}

/// By the old listeners' ids, the new ones that accept on the same sockets.
pub type Heirs = Box<[Option<ListenerId>]>;

#[cfg(test)]
mod tests;

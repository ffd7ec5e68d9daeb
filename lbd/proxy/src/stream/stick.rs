//! Persistence by stick tables: `stick match`, `stick on`, `stick store-request`, `stick
//! store-response` (haproxy 3.4 configuration 4.2).
//!
//! Tables are `lbd-table`'s; here is which server an entry means, and when one is stored.

use lbd_backend::State;
use lbd_config::config::{ProxySpec, ServerAddress, StickRule};
use lbd_core::{ServerId, TableId};
use lbd_rules::acl::Truth;
use lbd_rules::expr::Sampled;
use lbd_rules::track::key;
use lbd_rules::view::{Buffered, View};
use lbd_table::{EntryMut, Key, ServerKeyKind};

use crate::session::Session;
use crate::stream::Stream;

/// A key that is to be stored with the server.
#[derive(Debug)]
pub(crate) struct Store {
    table: TableId,
    key: Box<[u8]>,
}

/// Most keys that one request and its answer may store.
const MAX_STORES: usize = 8;

/// Looks for a server in the tables, and keeps the keys that are to be stored.
pub(super) fn on_request(
    session: &Session,
    stream: &mut Stream,
    spec: &ProxySpec,
    raw: Option<&[u8]>,
) {
    let rules = &spec.backend.stick;
    if rules.iter().all(|rule| rule.on_response) {
        return;
    }
    let mut stores = std::mem::take(&mut stream.stores);
    let arena = session.worker.take_arena();
    let mut found = None;
    {
        let mut view = session.view(Some(stream), &arena);
        view.proxy = Some(spec.id);
        if let Some(data) = raw {
            view.request_body = Buffered {
                data,
                ..Buffered::default()
            };
        }
        for rule in rules.iter().filter(|rule| !rule.on_response) {
            // Only the first key of each table is stored, and later rules of it are not looked at.
            if rule.is_store && stores.iter().any(|store| store.table == rule.table) {
                continue;
            }
            let Some(key) = key_of(rule, &view) else {
                continue;
            };
            if rule.is_match {
                let server = look_up(session, spec, rule.table, &key);
                let is_free = stream.wanted.is_none() && !stream.ignores_persistence;
                if found.is_none() && is_free {
                    found = server.filter(|server| is_usable(session, stream, spec, *server));
                }
            }
            if rule.is_store && stores.len() < MAX_STORES {
                stores.push(Store {
                    table: rule.table,
                    key: key.bytes().into(),
                });
            }
        }
    }
    session.worker.give_arena(arena);
    stream.stores = stores;
    if found.is_some() {
        stream.wanted = found;
        stream.cookie.direct = true;
    }
}

/// Stores the keys of the request and of the answer with the server that gave it.
pub(super) fn on_response(
    session: &Session,
    stream: &mut Stream,
    spec: &ProxySpec,
    raw: Option<&[u8]>,
) {
    let rules = &spec.backend.stick;
    if rules.is_empty() {
        return;
    }
    let mut stores = std::mem::take(&mut stream.stores);
    let of_request = stores.len();
    let arena = session.worker.take_arena();
    {
        let mut view = session.view(Some(stream), &arena);
        view.proxy = Some(spec.id);
        if let Some(data) = raw {
            view.response_body = Buffered {
                data,
                ..Buffered::default()
            };
        }
        for rule in rules.iter().filter(|rule| rule.on_response) {
            let is_done = stores[of_request..]
                .iter()
                .any(|store| store.table == rule.table);
            if is_done || stores.len() >= MAX_STORES {
                continue;
            }
            if let Some(key) = key_of(rule, &view) {
                stores.push(Store {
                    table: rule.table,
                    key: key.bytes().into(),
                });
            }
        }
    }
    session.worker.give_arena(arena);
    let generation = &session.bound.generation;
    let server = stream.server.and_then(|id| generation.server(spec.id, id));
    let server = server.map(|server| &server.spec);
    if let Some((server, id)) = server.filter(|server| !server.non_stick).zip(stream.server) {
        for store in &stores {
            put(session, spec, store, server.roster.puid, id);
        }
    }
    stores.clear();
    // The memory is kept.
    stream.stores = stores;
}

fn key_of<'a>(rule: &StickRule, view: &View<'a>) -> Option<Key<'a>> {
    let holds = rule
        .cond
        .as_ref()
        .is_none_or(|cond| cond.eval(view) == Truth::True);
    if !holds {
        return None;
    }
    let Sampled::Value(value) = rule.expr.value(view) else {
        return None;
    };
    let table = view.world.table(rule.table)?;
    key(view, value, table.schema().key)
}

/// The server of an entry, whose time starts anew: by its name or address, else by its id.
fn look_up(session: &Session, spec: &ProxySpec, table: TableId, key: &Key<'_>) -> Option<ServerId> {
    let generation = &session.bound.generation;
    let table = generation.tables.get(table.index())?;
    let (name, id) = table.edit(key, session.now(), |entry| {
        entry.touch();
        let view = entry.view();
        (view.server_key(), view.server_id())
    })?;
    let servers = &generation.proxy(spec.id).servers;
    let by_name = name.and_then(|name| {
        let server = servers
            .iter()
            .find(|server| match table.schema().server_key {
                ServerKeyKind::Name => *server.name == *name,
                ServerKeyKind::Addr => address_key(&server.address()).as_deref() == Some(&*name),
            });
        server.map(|server| server.id)
    });
    let by_id = || {
        let id = u32::try_from(id?).ok()?;
        servers
            .iter()
            .find(|server| server.spec.roster.puid == id)
            .map(|server| server.id)
    };
    by_name.or_else(by_id)
}

/// A server that is down is chosen only with `option persist` or `force-persist`.
fn is_usable(session: &Session, stream: &Stream, spec: &ProxySpec, server: ServerId) -> bool {
    if spec.backend.roster.persist || stream.forces_persistence {
        return true;
    }
    let state = session.bound.generation.proxy(spec.id);
    let view = state.roster.server(server, session.now());
    view.is_some_and(|view| !view.placement.maint && view.placement.state != State::Stopped)
}

fn put(session: &Session, spec: &ProxySpec, store: &Store, puid: u32, id: ServerId) {
    let generation = &session.bound.generation;
    let Some(table) = generation.tables.get(store.table.index()) else {
        return;
    };
    let schema = table.schema();
    let name = generation
        .server(spec.id, id)
        .and_then(|server| match schema.server_key {
            ServerKeyKind::Name => Some(server.name.to_string()),
            ServerKeyKind::Addr => address_key(&server.address()),
        });
    let change = |entry: &mut EntryMut<'_>| {
        // Ids are small numbers of the configuration.
        entry.set_server_id(puid as i32);
        if let Some(name) = &name {
            entry.set_server_key(name);
        }
        entry.touch();
    };
    // A full table has counted it as refused.
    let _ = table.upsert(
        &Key::bytes_of(&store.key, schema.key),
        session.now(),
        change,
    );
}

/// A server's address as the reference writes it into tables.
fn address_key(address: &ServerAddress) -> Option<String> {
    match address {
        ServerAddress::Inet(address) => Some(address.to_string()),
        ServerAddress::Unix(path) => Some(path.display().to_string()),
        _ => None,
    }
}

//! Words of other nodes carried out here: server states, weights and addresses, entries of maps and
//! ACLs.
//!
//! What operators say here is told by the commands themselves.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lbd_proxy::state::Generation;
use lbd_rules::pattern::{PatternSet, Which};
use peers::proto::words::{RULES, Subject, Thing, Word};

use super::tickets;
use crate::api;
use crate::check::{AdminOrder, Order};
use crate::report;
use crate::run::Daemon;

/// Does what a word says; one that means nothing here is passed over, as the nodes' configurations
/// may differ.
pub(crate) fn obey(daemon: &Daemon, word: &Word) {
    let generation = daemon.shared.current();
    if word.thing.subject == Subject::ServerHealth {
        return presume(daemon, &generation, word);
    }
    let is_done = match word.thing.subject {
        Subject::Acl | Subject::Map => pattern(&generation, word),
        Subject::TicketKeys if word.thing.scope.is_empty() => tickets::obey(daemon, word),
        Subject::TicketKeys => ticket_keys(&generation, word),
        Subject::WholeAcl | Subject::WholeMap => clear(&generation, word),
        Subject::ServerAddress
        | Subject::ServerHealth
        | Subject::ServerState
        | Subject::ServerWeight => server(daemon, &generation, word).is_some(),
    };
    // Rules may change entries with each request: lines about them would drown all others.
    if word.who == RULES {
        return;
    }
    let thing = &word.thing;
    let value = match thing.subject.is_secret() {
        true => "(secret)",
        false => word.value.as_deref().unwrap_or("(deleted)"),
    };
    let key = match thing.key.as_str() {
        "" => String::new(),
        key => format!(" '{key}'"),
    };
    let (node, who) = (&word.node, &word.who);
    let scope = match thing.scope.as_str() {
        "" => String::new(),
        scope => format!(" {scope}"),
    };
    let text = format!(
        "Node '{node}': {who} has set {}{scope}{key} to '{value}'",
        thing.subject
    );
    match is_done {
        true => report::notice(&format!("{text}; so it is here.")),
        false => report::warning(&format!("{text}; this node cannot follow.")),
    }
}

/// A server of which no check has ended here begins with what another node has found.
fn presume(daemon: &Daemon, generation: &Generation, word: &Word) {
    if server(daemon, generation, word).is_some() {
        let value = word.value.as_deref().unwrap_or_default();
        report::notice(&format!(
            "Node '{}' finds server {} {value}: so it is here until the first check has ended.",
            word.node, word.thing.scope
        ));
    }
}

/// Makes an entry what rules of this node have made it, in case a word that lost came between.
pub(super) fn keep(daemon: &Daemon, thing: &Thing, value: Option<&str>) {
    let generation = daemon.shared.current();
    if let Some(set) = find(&generation, thing) {
        put(set, thing, value);
    }
}

fn server(daemon: &Daemon, generation: &Generation, word: &Word) -> Option<()> {
    let (backend, name) = word.thing.scope.split_once('/')?;
    let mut proxies = generation.config.proxies.iter();
    let spec = proxies.find(|proxy| proxy.caps.backend && *proxy.name == *backend)?;
    let proxy = generation.proxy(spec.id);
    let server = proxy.servers.iter().find(|server| *server.name == *name)?;
    let value = word.value.as_deref()?;
    let order = match word.thing.subject {
        Subject::ServerState => Order::Admin(match value {
            "ready" => AdminOrder::Ready,
            "drain" => AdminOrder::Drain,
            "maint" => AdminOrder::Maint,
            _ => return None,
        }),
        Subject::ServerWeight => Order::Weight(value),
        Subject::ServerAddress => {
            let (ip, port) = value.rsplit_once(' ')?;
            let address = api::address_of(ip.parse().ok()?, port)?;
            proxy.set_server_address(server.id, address, &daemon.shared);
            return Some(());
        }
        Subject::ServerHealth => Order::Presume(value == "up"),
        Subject::Acl
        | Subject::Map
        | Subject::TicketKeys
        | Subject::WholeAcl
        | Subject::WholeMap => return None,
    };
    daemon.checks.order(spec.id, server.id, &order).ok()
}

fn ticket_keys(generation: &Generation, word: &Word) -> bool {
    let files = generation.config.tls.store.ticket_files();
    let file = files.iter().find(|file| *file.name == *word.thing.scope);
    let value = word.value.as_deref().unwrap_or_default();
    let secrets: Result<Vec<_>, _> = value.split(',').map(|key| STANDARD.decode(key)).collect();
    file.zip(secrets.ok())
        .is_some_and(|(file, secrets)| file.tickets.replace(&secrets))
}

fn find<'a>(generation: &'a Generation, thing: &Thing) -> Option<&'a PatternSet> {
    let is_map = matches!(thing.subject, Subject::Map | Subject::WholeMap);
    let set = generation.config.patterns.find(&thing.scope)?;
    Some(set)
        .filter(|set| set.is_map() == is_map)
        .map(|set| &**set)
}

/// Words about entries that were said later follow.
fn clear(generation: &Generation, word: &Word) -> bool {
    let set = find(generation, &word.thing);
    set.inspect(|set| set.clear(None)).is_some()
}

fn pattern(generation: &Generation, word: &Word) -> bool {
    find(generation, &word.thing).is_some_and(|set| put(set, &word.thing, word.value.as_deref()))
}

/// Makes an entry what it is said to be; says whether that can be.
fn put(set: &PatternSet, thing: &Thing, value: Option<&str>) -> bool {
    let is_map = set.is_map();
    let key = thing.key.as_bytes();
    match value {
        None => {
            set.delete(Which::Key(key));
            true
        }
        Some(value) if is_map => set.put(key, value.as_bytes()).is_ok(),
        // Said twice it is there once.
        Some(_) => set.contains_key(key) || set.add(None, key, None).is_ok(),
    }
}

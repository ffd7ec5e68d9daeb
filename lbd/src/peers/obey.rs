//! Words of other nodes carried out here: server states, weights and addresses, entries of maps and
//! ACLs.
//!
//! What operators say here is told by the commands themselves.

use lbd_proxy::state::Generation;
use lbd_rules::pattern::{PatternSet, Which};
use peers::proto::words::{Subject, Word};

use crate::api;
use crate::check::{AdminOrder, Order};
use crate::report;
use crate::run::Daemon;

/// Does what a word says; one that means nothing here is passed over, as the nodes' configurations
/// may differ.
pub(crate) fn obey(daemon: &Daemon, word: &Word) {
    let generation = daemon.shared.current();
    let is_done = match word.thing.subject {
        Subject::Acl | Subject::Map => pattern(&generation, word),
        Subject::WholeAcl | Subject::WholeMap => clear(&generation, word),
        Subject::ServerAddress | Subject::ServerState | Subject::ServerWeight => {
            server(daemon, &generation, word).is_some()
        }
    };
    let value = word.value.as_deref().unwrap_or("(deleted)");
    let thing = &word.thing;
    let key = match thing.key.as_str() {
        "" => String::new(),
        key => format!(" '{key}'"),
    };
    let (node, who) = (&word.node, &word.who);
    let text = format!(
        "Node '{node}': {who} has set {} {}{key} to '{value}'",
        thing.subject, thing.scope
    );
    match is_done {
        true => report::notice(&format!("{text}; so it is here.")),
        false => report::warning(&format!("{text}; this node cannot follow.")),
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
        Subject::Acl | Subject::Map | Subject::WholeAcl | Subject::WholeMap => return None,
    };
    daemon.checks.order(spec.id, server.id, &order).ok()
}

fn find<'a>(generation: &'a Generation, word: &Word) -> Option<&'a PatternSet> {
    let is_map = matches!(word.thing.subject, Subject::Map | Subject::WholeMap);
    let set = generation.config.patterns.find(&word.thing.scope)?;
    Some(set)
        .filter(|set| set.is_map() == is_map)
        .map(|set| &**set)
}

/// Words about entries that were said later follow.
fn clear(generation: &Generation, word: &Word) -> bool {
    let set = find(generation, word);
    set.inspect(|set| set.clear(None)).is_some()
}

fn pattern(generation: &Generation, word: &Word) -> bool {
    let Some(set) = find(generation, word) else {
        return false;
    };
    let is_map = set.is_map();
    let key = word.thing.key.as_bytes();
    match &word.value {
        None => {
            set.delete(Which::Key(key));
            true
        }
        Some(value) if is_map => put(set, key, value.as_bytes()),
        Some(_) => {
            // Said twice it is there once.
            set.delete(Which::Key(key));
            set.add(None, key, None).is_ok()
        }
    }
}

fn put(set: &PatternSet, key: &[u8], value: &[u8]) -> bool {
    match set.set_value(Which::Key(key), value) {
        Ok(0) => set.add(None, key, Some(value)).is_ok(),
        Ok(_) => true,
        Err(_) => false,
    }
}

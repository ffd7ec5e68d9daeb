//! Names to numbers, host names to addresses, and what sections must be to each other.
//!
//! It compiles nothing: see [`crate::compile`].

mod addresses;
mod ids;
mod suspicions;
#[cfg(test)]
mod tests;
mod warnings;

use std::collections::HashMap;

use lbd_core::{ProxyId, ServerId, TableId};

use crate::draft::Draft;

pub use addresses::Addresses;
pub use ids::Ids;
pub(crate) use suspicions::suspect;
pub(crate) use warnings::check;

/// Where names lead.
#[derive(Debug, Default)]
pub struct Index {
    /// Proxies that accept.
    pub frontends: HashMap<String, ProxyId>,
    /// Proxies that serve.
    pub backends: HashMap<String, ProxyId>,
    /// Servers of each proxy.
    pub servers: Vec<HashMap<String, ServerId>>,
    /// Stick tables.
    pub tables: HashMap<String, TableId>,
    /// `userlist` sections.
    pub user_lists: HashMap<String, usize>,
    /// `http-errors` sections.
    pub http_errors: HashMap<String, usize>,
}

impl Index {
    /// The names of a draft; of two that are the same the first counts.
    pub fn new(draft: &Draft) -> Self {
        let mut index = Self::default();
        for (at, proxy) in draft.proxies.iter().enumerate() {
            let id = ProxyId(number(at));
            if proxy.is_front() {
                index.frontends.entry(proxy.name.clone()).or_insert(id);
            }
            if proxy.is_back() {
                index.backends.entry(proxy.name.clone()).or_insert(id);
            }
            let mut servers = HashMap::new();
            for (at, server) in proxy.servers.iter().enumerate() {
                servers
                    .entry(server.name.clone())
                    .or_insert_with(|| ServerId(number(at)));
            }
            index.servers.push(servers);
        }
        for (at, table) in draft.tables().enumerate() {
            let id = TableId(number(at));
            index.tables.entry(table.name.clone()).or_insert(id);
        }
        for (at, list) in draft.user_lists.iter().enumerate() {
            index.user_lists.entry(list.name.clone()).or_insert(at);
        }
        for (at, section) in draft.http_errors.iter().enumerate() {
            index.http_errors.entry(section.name.clone()).or_insert(at);
        }
        index
    }

    /// A server by name.
    pub fn server(&self, backend: ProxyId, name: &str) -> Option<ServerId> {
        self.servers.get(backend.index())?.get(name).copied()
    }
}

/// An index as an id; a text cannot hold more than these.
pub(crate) fn number(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

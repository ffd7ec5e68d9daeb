//! Numeric ids that the text does not give, counted as the reference counts them.
//!
//! Ids that are given twice are told here, too.

use std::collections::BTreeSet;

use lbd_core::{Diag, Diags};

use crate::draft::{Draft, ProxyDraft};

/// Ids of all proxies and their servers.
#[derive(Debug, Default)]
pub struct Ids {
    /// Of each proxy.
    pub proxies: Vec<u32>,
    /// Of the servers of each proxy.
    pub servers: Vec<Vec<u32>>,
}

impl Ids {
    /// Counts; the first proxy without an id of its own gets 2, because 1 is the process's own
    /// runtime API.
    pub fn new(draft: &Draft, diags: &mut Diags) -> Self {
        let forced: BTreeSet<u32> = draft
            .proxies
            .iter()
            .filter_map(|proxy| proxy.id.map(|(id, _)| id))
            .collect();
        let mut next = 2;
        let mut ids = Self::default();
        for proxy in &draft.proxies {
            ids.proxies
                .push(take(&mut next, proxy.id.map(|(id, _)| id), &forced));
            ids.servers.push(servers(proxy, diags));
        }
        ids
    }
}

/// The given id, or the next that is free; the count goes on either way.
fn take(next: &mut u32, given: Option<u32>, forced: &BTreeSet<u32>) -> u32 {
    let id = given.unwrap_or_else(|| {
        while forced.contains(next) {
            *next += 1;
        }
        *next
    });
    *next += 1;
    id
}

fn servers(proxy: &ProxyDraft, diags: &mut Diags) -> Vec<u32> {
    let mut forced = BTreeSet::new();
    for server in &proxy.servers {
        if let Some((id, span)) = server.id
            && !forced.insert(id)
        {
            diags.push(Diag::alert(
                span,
                format!(
                    "'server {}/{}' : 'id' : custom id {id} already used in this backend",
                    proxy.name, server.name
                ),
            ));
        }
    }
    let mut next = 1;
    proxy
        .servers
        .iter()
        .map(|server| take(&mut next, server.id.map(|(id, _)| id), &forced))
        .collect()
}

//! Statements that are valid and probably not meant, told with `-dD` only.
//!
//! Those that one line shows by itself are told where that line is read.

use std::collections::HashSet;

use lbd_core::{Diag, Diags, Level};

use crate::draft::{Draft, ProxyDraft};

/// Looks at every backend.
pub(crate) fn suspect(draft: &Draft, diags: &mut Diags) {
    for proxy in draft.proxies.iter().filter(|proxy| proxy.is_back()) {
        same_cookies(proxy, diags);
    }
}

/// A cookie's value leads to one server: a second one of that value loses its clients.
fn same_cookies(proxy: &ProxyDraft, diags: &mut Diags) {
    let mut seen = HashSet::new();
    for server in proxy.servers.iter().filter(|server| !server.backup) {
        let Some(cookie) = &server.cookie else {
            continue;
        };
        if !seen.insert(cookie) {
            let message = format!(
                "server '{}' has the cookie value of another server that is no backup: clients \
                 that return may meet either",
                server.name
            );
            diags.push(Diag::new(Level::Diag, server.span, message));
        }
    }
}

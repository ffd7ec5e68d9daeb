//! Sessions with one server that may be resumed.
//!
//! rustls's own memory keeps eight tickets of a name, and each is good once: of more connections
//! that are opened at a time the rest would make full handshakes.

use std::collections::VecDeque;

use lru::LruCache;
use parking_lot::Mutex;
use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;

#[cfg(test)]
mod tests;

#[derive(Default)]
struct OfName {
    group: Option<NamedGroup>,
    tls12: Option<Tls12ClientSessionValue>,
    /// The oldest first.
    tickets: VecDeque<Tls13ClientSessionValue>,
}

/// A memory of sessions.
pub struct Sessions {
    names: Mutex<LruCache<ServerName<'static>, OfName>>,
    most_names: usize,
    most_tickets: usize,
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions").finish_non_exhaustive()
    }
}

impl Sessions {
    /// For at most so many names, and tickets of each; what was not used for longest goes first.
    pub fn new(names: usize, tickets: usize) -> Self {
        Self {
            // It takes no room before it is used.
            names: Mutex::new(LruCache::unbounded()),
            most_names: names,
            most_tickets: tickets,
        }
    }

    fn edit(&self, name: ServerName<'static>, edit: impl FnOnce(&mut OfName)) {
        let mut names = self.names.lock();
        edit(names.get_or_insert_mut(name, OfName::default));
        if names.len() > self.most_names {
            names.pop_lru();
        }
    }
}

impl ClientSessionStore for Sessions {
    fn set_kx_hint(&self, name: ServerName<'static>, group: NamedGroup) {
        self.edit(name, |own| own.group = Some(group));
    }

    fn kx_hint(&self, name: &ServerName<'_>) -> Option<NamedGroup> {
        self.names.lock().get(&name.to_owned())?.group
    }

    fn set_tls12_session(&self, name: ServerName<'static>, session: Tls12ClientSessionValue) {
        self.edit(name, |own| own.tls12 = Some(session));
    }

    fn tls12_session(&self, name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.names.lock().get(&name.to_owned())?.tls12.clone()
    }

    fn remove_tls12_session(&self, name: &ServerName<'static>) {
        if let Some(own) = self.names.lock().get_mut(name) {
            own.tls12 = None;
        }
    }

    fn insert_tls13_ticket(&self, name: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        self.edit(name, |own| {
            if own.tickets.len() >= self.most_tickets {
                own.tickets.pop_front();
            }
            own.tickets.push_back(ticket);
        });
    }

    fn take_tls13_ticket(&self, name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.names.lock().get_mut(name)?.tickets.pop_back()
    }
}

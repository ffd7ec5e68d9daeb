//! Values of columns of modules that are no counters.
//!
//! Which column shows which is [`super::super::module`]'s matter.

use lbd_config::config::Mode;

use super::{Object, Row};
use crate::metric::Field::{self, Empty, U64};

impl Row<'_> {
    fn is_front(&self) -> bool {
        matches!(self.object, Object::Frontend)
    }

    /// A number of a proxy, which is not worked out for anything else: it may go over all servers.
    fn of_proxy(&self, value: impl FnOnce() -> u64) -> Field {
        match self.object {
            Object::Backend(_) | Object::Frontend => U64(value()),
            Object::Listener(..) | Object::Server(..) => Empty,
        }
    }

    /// Connections to all servers of the backend, idle ones included.
    fn server_connections(&self) -> u64 {
        let servers = self.proxy.servers.iter();
        let totals = servers.map(|server| server.counters.totals(self.now));
        totals.map(|totals| totals.idle + totals.used).sum()
    }

    /// What is a connection and not one of HTTP/2 is one of HTTP/1.
    pub(in crate::metric) fn h1_open_connections(&self) -> Field {
        self.of_proxy(|| {
            let all = match self.is_front() {
                _ if self.spec.mode != Mode::Http => 0,
                true => u64::from(self.sessions_now()),
                false => self.server_connections(),
            };
            all.saturating_sub(self.totals.h2_open_connections)
        })
    }

    pub(in crate::metric) fn h1_open_streams(&self) -> Field {
        self.of_proxy(|| match self.is_front() {
            true => self.totals.h1_open_streams,
            false if self.spec.mode != Mode::Http => 0,
            false => {
                let servers = self.proxy.servers.iter();
                let views =
                    servers.filter_map(|server| self.proxy.roster.server(server.id, self.now));
                let served: u64 = views.map(|view| u64::from(view.served)).sum();
                served.saturating_sub(self.totals.h2_open_streams)
            }
        })
    }

    pub(in crate::metric) fn h1_connections(&self) -> Field {
        self.of_proxy(|| match self.is_front() {
            true => self.totals.h1_sessions,
            false => self.totals.h1_connections,
        })
    }
}

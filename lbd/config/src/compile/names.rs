//! What rules may ask about the rest of the configuration.
//!
//! It answers from drafts; nothing is compiled here.

use std::cell::RefCell;
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use lbd_core::{ProxyId, ServerId, TableId};
use lbd_rules::registry::{Limits, Names, UserLists};
use lbd_rules::reply::ReplySpec;
use lbd_table::KeyType;

use super::users::Users;
use crate::config::{CaptureSpec, Mode};
use crate::directive::capture::MAX_CAPTURES;
use crate::draft::Draft;
use crate::host::{Environment, Family};
use crate::resolve::Index;

/// Names and the few things that compiling adds to them.
pub(super) struct NameTable<'c> {
    draft: &'c Draft,
    environment: &'c Environment<'c>,
    pub(super) index: Index,
    /// Servers that rules and expressions name.
    pub(super) referenced: RefCell<HashSet<(ProxyId, ServerId)>>,
    pub(super) users: Arc<Users>,
    /// Capture slots of each proxy, request and response; rules add theirs.
    pub(super) captures: Vec<(Vec<CaptureSpec>, Vec<CaptureSpec>)>,
    /// Compiled `http-errors` sections: status and answer.
    pub(super) http_errors: Vec<Vec<(u16, Arc<ReplySpec>)>>,
}

impl<'c> NameTable<'c> {
    pub(super) fn new(draft: &'c Draft, environment: &'c Environment<'c>, index: Index) -> Self {
        let captures = draft
            .proxies
            .iter()
            .map(|proxy| {
                (
                    proxy.request_captures.clone(),
                    proxy.response_captures.clone(),
                )
            })
            .collect();
        Self {
            draft,
            environment,
            index,
            referenced: RefCell::default(),
            users: Arc::new(Users::new(draft)),
            captures,
            http_errors: Vec::new(),
        }
    }
}

impl Names for NameTable<'_> {
    fn frontend(&self, name: &str) -> Option<ProxyId> {
        self.index.frontends.get(name).copied()
    }

    fn backend(&self, name: &str) -> Option<ProxyId> {
        self.index.backends.get(name).copied()
    }

    fn server(&self, backend: ProxyId, name: &str) -> Option<ServerId> {
        let server = self.index.server(backend, name)?;
        self.referenced.borrow_mut().insert((backend, server));
        Some(server)
    }

    fn table(&self, name: &str) -> Option<TableId> {
        self.index.tables.get(name).copied()
    }

    fn table_key(&self, table: TableId) -> Option<KeyType> {
        let table = self.draft.tables().nth(table.index())?;
        Some(table.schema.key)
    }

    fn proxy_table(&self, proxy: ProxyId) -> (String, Option<TableId>) {
        let Some(proxy) = self.draft.proxies.get(proxy.index()) else {
            return (String::new(), None);
        };
        let own = proxy.table.as_ref();
        (
            proxy.name.clone(),
            own.and_then(|own| self.table(&own.name)),
        )
    }

    fn stick_counters(&self) -> u32 {
        self.draft.global.value.tune.stick_counters
    }

    fn has_inspect_delay(&self, proxy: ProxyId) -> bool {
        let proxy = self.draft.proxies.get(proxy.index());
        proxy.is_some_and(|proxy| proxy.settings.inspect_delay.is_some())
    }

    fn user_list(&self, name: &str) -> Option<usize> {
        self.index.user_lists.get(name).copied()
    }

    fn user_lists(&self) -> Arc<dyn UserLists> {
        Arc::clone(&self.users) as Arc<dyn UserLists>
    }

    fn http_errors(&self, name: &str) -> Option<usize> {
        self.index.http_errors.get(name).copied()
    }

    fn is_http(&self, proxy: ProxyId) -> bool {
        self.draft
            .proxies
            .get(proxy.index())
            .is_some_and(|proxy| proxy.mode() == Mode::Http)
    }

    fn capabilities(&self, proxy: ProxyId) -> (bool, bool) {
        self.draft
            .proxies
            .get(proxy.index())
            .map_or((false, false), |proxy| (proxy.is_front(), proxy.is_back()))
    }

    fn capture_slots(&self, proxy: ProxyId) -> (usize, usize) {
        self.captures
            .get(proxy.index())
            .map_or((0, 0), |(request, response)| {
                (request.len(), response.len())
            })
    }

    fn add_capture(&mut self, proxy: ProxyId, is_request: bool, len: usize) -> Option<usize> {
        let (request, response) = self.captures.get_mut(proxy.index())?;
        let list = if is_request { request } else { response };
        if list.len() >= MAX_CAPTURES {
            return None;
        }
        list.push(CaptureSpec { header: None, len });
        Some(list.len() - 1)
    }

    fn read_file(&self, path: &str) -> Result<Vec<u8>, String> {
        self.environment.host().read(path)
    }

    fn host_address(&self, name: &str) -> Option<Ipv4Addr> {
        let found = self.environment.host().lookup(name, Family::V4).ok()?;
        found.into_iter().find_map(|ip| match ip {
            IpAddr::V4(v4) => Some(v4),
            IpAddr::V6(_) => None,
        })
    }

    fn env(&self, name: &str) -> Option<String> {
        self.environment.value(name)
    }

    fn title(&self, proxy: ProxyId) -> Option<String> {
        self.draft
            .proxies
            .get(proxy.index())
            .map(|proxy| proxy.title())
    }

    fn limits(&self) -> Limits {
        let tune = &self.draft.global.value.tune;
        Limits {
            bufsize: tune.bufsize,
            maxrewrite: tune.maxrewrite,
        }
    }

    fn is_experimental_allowed(&self) -> bool {
        self.draft.global.experimental
    }

    fn http_errors_reply(&self, section: usize, status: u16) -> Option<Arc<ReplySpec>> {
        self.http_errors
            .get(section)?
            .iter()
            .find(|(known, _)| *known == status)
            .map(|(_, reply)| Arc::clone(reply))
    }
}

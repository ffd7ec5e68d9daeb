//! A configuration bound to the state of what it names: the hot path indexes, never looks up.
//!
//! It decides nothing about what survives a change of configuration; `reconcile` does.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use lbd_backend::persist::{Persistence, dynamic_cookie};
use lbd_config::config::{Config, ProxySpec, ServerSpec};
use lbd_core::{ListenerId, ProxyId, ServerId, Time};
use lbd_http::h1::CaseMap;
use lbd_table::Table;
use parking_lot::RwLock;

use super::proxy::{ListenerState, ProxyState};
use super::server::ServerState;
use super::table::StatusCodes;

/// A running instance of a configuration.
#[derive(Debug)]
pub struct Generation {
    /// The configuration.
    pub config: Arc<Config>,
    /// State of each proxy, by `ProxyId`.
    pub proxies: Vec<Arc<ProxyState>>,
    /// State of each listening socket, by `ListenerId`.
    pub listeners: Vec<Arc<ListenerState>>,
    /// Stick tables, by `TableId`.
    pub tables: Vec<Arc<Table>>,
    /// What tracked entries count of answers.
    pub status_codes: StatusCodes,
    /// Counts generations.
    pub serial: u64,
    /// Spellings of `h1-case-adjust`.
    pub case_map: CaseMap,
    /// Read by workers, replaced when servers come and go.
    persistence: Vec<Option<RwLock<Arc<Persistence>>>>,
    names: HashMap<Box<str>, ProxyId>,
    /// Where servers are, by their slots; made when somebody asks.
    slots: OnceLock<HashMap<usize, (ProxyId, ServerId)>>,
}

static SERIAL: AtomicU64 = AtomicU64::new(0);

impl Generation {
    /// Moves the maxima of all rates.
    pub fn observe_rates(&self, now: Time) {
        for proxy in &self.proxies {
            proxy.frontend.observe_rates(now);
            proxy.backend.observe_rates(now);
            for server in &proxy.servers {
                server.counters.observe_rates(now);
            }
        }
        for listener in &self.listeners {
            listener.counters.observe_rates(now);
        }
    }

    /// Fresh state for a configuration.
    pub fn new(config: Arc<Config>, workers: usize, now: Time) -> Self {
        let proxies: Vec<_> = config
            .proxies
            .iter()
            .map(|spec| Arc::new(ProxyState::new(spec, &config, workers, now)))
            .collect();
        let listeners = config
            .listeners
            .iter()
            .map(|spec| Arc::new(ListenerState::new(spec, workers)))
            .collect();
        let tables = super::table::tables(&config);
        Self::assemble(config, proxies, listeners, tables)
    }

    /// A generation of states that are there, each list in the order of the configuration's.
    pub(crate) fn assemble(
        config: Arc<Config>,
        proxies: Vec<Arc<ProxyState>>,
        listeners: Vec<Arc<ListenerState>>,
        tables: Vec<Arc<Table>>,
    ) -> Self {
        let mut names = HashMap::new();
        for spec in config.proxies.iter().filter(|spec| spec.caps.backend) {
            names.insert(spec.name.clone(), spec.id);
        }
        let all = config.proxies.iter().zip(&proxies);
        let persistence = all
            .map(|(spec, proxy)| cookies(spec, proxy).map(|made| RwLock::new(Arc::new(made))))
            .collect();
        let mut case_map = CaseMap::new();
        for (name, spelling) in &config.global.h1_case_adjust {
            case_map.add(name, spelling);
        }
        Self {
            tables,
            status_codes: StatusCodes::new(&config),
            config,
            proxies,
            listeners,
            serial: SERIAL.fetch_add(1, Relaxed),
            case_map,
            persistence,
            names,
            slots: OnceLock::new(),
        }
    }

    /// The state here of a server that is known from any generation.
    pub fn same_server(&self, server: &ServerState) -> Option<&Arc<ServerState>> {
        let slots = self.slots.get_or_init(|| {
            let servers = self.proxies.iter().flat_map(|proxy| &proxy.servers);
            let places = servers.map(|server| (server.slot.index(), (server.backend, server.id)));
            places.collect()
        });
        let (backend, id) = *slots.get(&server.slot.index())?;
        self.server(backend, id).filter(|here| here.is_same(server))
    }

    /// State of a proxy.
    pub fn proxy(&self, id: ProxyId) -> &Arc<ProxyState> {
        // Ids come from this generation's configuration, which made one state for each proxy.
        &self.proxies[id.index()]
    }

    /// State of a listening socket.
    pub fn listener(&self, id: ListenerId) -> Option<&Arc<ListenerState>> {
        self.listeners.get(id.index())
    }

    /// State of a server.
    pub fn server(&self, backend: ProxyId, server: ServerId) -> Option<&Arc<ServerState>> {
        self.proxies
            .get(backend.index())?
            .servers
            .get(server.index())
    }

    /// Cookie persistence of a backend that has it.
    pub fn persistence(&self, backend: ProxyId) -> Option<Arc<Persistence>> {
        let persistence = self.persistence.get(backend.index())?.as_ref()?;
        Some(Arc::clone(&persistence.read()))
    }

    /// The servers of a backend, or how their cookies are made, are others than before: cookies name
    /// those of now.
    pub fn renew_cookies(&self, backend: ProxyId) {
        let Some(Some(persistence)) = self.persistence.get(backend.index()) else {
            return;
        };
        let spec = &self.config.proxies[backend.index()];
        if let Some(made) = cookies(spec, self.proxy(backend)) {
            *persistence.write() = Arc::new(made);
        }
    }

    /// The stick table of this name.
    pub fn table_named(&self, name: &str) -> Option<&Arc<Table>> {
        self.tables.iter().find(|table| table.name() == name)
    }

    /// The backend of this name, for names computed at run time.
    pub fn backend_named(&self, name: &[u8]) -> Option<ProxyId> {
        let name = std::str::from_utf8(name).ok()?;
        self.names.get(name).copied()
    }
}

fn cookies(spec: &ProxySpec, proxy: &ProxyState) -> Option<Persistence> {
    let cookie = spec.backend.cookie.clone()?;
    let dynamic = proxy.dynamic_cookie.read();
    let secret = dynamic.key.as_deref().filter(|_| dynamic.is_on);
    let secret = secret.map(String::from_utf8_lossy);
    let made = |server: &ServerSpec| {
        let address = server.roster.addr?;
        Some(dynamic_cookie(secret.as_deref()?, address, server.roster.port).into_bytes())
    };
    let values = proxy
        .servers
        .iter()
        .map(|server| &server.spec)
        .filter_map(|server| {
            let value = server.cookie.clone().or_else(|| made(server))?;
            Some((value, server.id))
        });
    Some(Persistence::new(cookie, values.collect()))
}

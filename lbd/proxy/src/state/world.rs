//! The process as rules and log lines see it: the proxy's side of `lbd_rules::view::World`.
//!
//! It computes nothing that a stream knows itself.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bumpalo::Bump;
use lbd_core::{BindId, ListenerId, ProxyId, ServerId, TableId, Value, WallTime};
use lbd_rules::pattern::PatternSet;
use lbd_rules::reply::ReplySpec;
use lbd_rules::track::TableHandle;
use lbd_rules::var::{OwnedValue, VarId};
use lbd_rules::view::{ProcessFact, ProxyFact, ServerFact, SocketMark, View, World};

use super::{Generation, Shared};

/// What one worker sees of the process under one generation.
#[derive(Debug)]
pub struct Bound {
    /// The state.
    pub shared: Arc<Shared>,
    /// The generation.
    pub generation: Arc<Generation>,
    /// The worker.
    pub worker: usize,
    /// This worker's holds on the stick tables.
    tables: Box<[TableHandle]>,
    hostname: Box<str>,
    /// State of the random numbers that `rand()` and the like get.
    random: std::cell::Cell<u64>,
    /// Offset of local time, for a quarter of an hour since the epoch.
    offset: std::cell::Cell<(u64, i32)>,
}

impl Bound {
    /// A view for one worker.
    pub fn new(shared: Arc<Shared>, generation: Arc<Generation>, worker: usize) -> Self {
        let hostname = generation.config.global.node.as_str().into();
        // Two addresses of the same value differ from run to run; that is all that is asked of it.
        let seed = std::hash::BuildHasher::hash_one(
            &std::collections::hash_map::RandomState::new(),
            worker,
        );
        let random = std::cell::Cell::new(seed | 1);
        let offset = std::cell::Cell::new((u64::MAX, 0));
        let tables = generation.tables.iter().map(Arc::clone);
        Self {
            tables: tables.map(TableHandle::new).collect(),
            shared,
            generation,
            worker,
            hostname,
            random,
            offset,
        }
    }

    /// The next random number (xorshift64*).
    pub fn random(&self) -> u64 {
        let mut x = self.random.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.random.set(x);
        x.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

fn millis(timeout: Option<Duration>) -> i64 {
    timeout.map_or(0, |timeout| {
        i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX)
    })
}

impl World for Bound {
    fn file_name(&self, file: u32) -> Option<&str> {
        let files = &self.generation.config.files;
        files.get(file as usize).map(String::as_str)
    }

    fn process(&self, fact: ProcessFact) -> i64 {
        let process = self.shared.process();
        let now = self.shared.now();
        match fact {
            ProcessFact::Connections => i64::from(process.connections.get()),
            ProcessFact::ConnectionRate => i64::from(process.counters.totals(now).connection_rate),
            ProcessFact::Threads => self.shared.setup().workers as i64,
            ProcessFact::Thread => self.worker as i64,
            ProcessFact::Pid => i64::from(std::process::id()),
            ProcessFact::Stopping => i64::from(process.is_stopping()),
            ProcessFact::Uptime => (now.as_millis() / 1000) as i64,
            ProcessFact::Random => self.random() as i64,
            ProcessFact::Requests => process.counters.totals(now).requests as i64,
        }
    }

    fn proxy(&self, proxy: ProxyId, fact: ProxyFact) -> i64 {
        let Some(state) = self.generation.proxies.get(proxy.index()) else {
            return 0;
        };
        let spec = &self.generation.config.proxies[proxy.index()];
        let now = self.shared.now();
        match fact {
            ProxyFact::Uid => i64::from(spec.uid),
            ProxyFact::FrontendConnections => i64::from(state.sessions.get()),
            ProxyFact::FrontendSessionRate => i64::from(state.frontend.totals(now).session_rate),
            ProxyFact::FrontendRequestRate => i64::from(state.frontend.totals(now).request_rate),
            ProxyFact::BackendConnections => i64::from(state.streams.get()),
            ProxyFact::BackendFree => self.free_slots(proxy, false),
            ProxyFact::BackendSessionRate => i64::from(state.backend.totals(now).session_rate),
            ProxyFact::UsableServers => {
                let view = state.roster.view();
                i64::from(if view.active > 0 {
                    view.active
                } else {
                    view.backup
                })
            }
            ProxyFact::Queue => i64::from(state.roster.view().queued),
            ProxyFact::AverageQueue => {
                let view = state.roster.view();
                let servers = if view.active > 0 {
                    view.active
                } else {
                    view.backup
                };
                match servers {
                    0 => i64::from(view.queued) * 9999,
                    n => i64::from(view.queued.div_ceil(n)),
                }
            }
            ProxyFact::ConnectionSlots => self.free_slots(proxy, true),
            ProxyFact::ClientTimeout => millis(spec.timeouts.client),
            ProxyFact::ServerTimeout => millis(spec.timeouts.server),
            ProxyFact::TunnelTimeout => millis(spec.timeouts.tunnel),
            ProxyFact::ConnectTimeout => millis(spec.timeouts.connect),
            ProxyFact::QueueTimeout => millis(spec.timeouts.queue),
            ProxyFact::TarpitTimeout => millis(spec.timeouts.tarpit),
            ProxyFact::Listeners => spec
                .frontend
                .binds
                .iter()
                .map(|b| b.listeners.len() as i64)
                .sum(),
        }
    }

    fn server(&self, backend: ProxyId, server: ServerId, fact: ServerFact) -> i64 {
        let Some(proxy) = self.generation.proxies.get(backend.index()) else {
            return 0;
        };
        let Some(state) = proxy.servers.get(server.index()) else {
            return 0;
        };
        let now = self.shared.now();
        let Some(view) = proxy.roster.server(server, now) else {
            return 0;
        };
        let spec = &state.spec;
        match fact {
            ServerFact::Uid => i64::from(spec.roster.puid),
            ServerFact::Connections => i64::from(state.streams.get()),
            ServerFact::Free => match view.maxconn {
                0 => -1,
                limit => i64::from(limit.saturating_sub(view.served)),
            },
            ServerFact::IsUp => i64::from(
                !view.placement.maint && view.placement.state != lbd_backend::State::Stopped,
            ),
            ServerFact::Queue => i64::from(view.queued),
            ServerFact::SessionRate => i64::from(state.counters.totals(now).session_rate),
            ServerFact::Weight => i64::from(view.weight),
            ServerFact::InitialWeight => i64::from(spec.roster.weight),
            ServerFact::UserWeight => i64::from(view.placement.weight),
        }
    }

    fn proxy_name(&self, proxy: ProxyId) -> &str {
        self.generation
            .proxies
            .get(proxy.index())
            .map_or("", |state| &state.name)
    }

    fn default_backend(&self, proxy: ProxyId) -> Option<ProxyId> {
        let spec = self.generation.config.proxies.get(proxy.index())?;
        let backend = spec.frontend.default_backend?;
        // A listen section that names none is its own.
        (backend != proxy).then_some(backend)
    }

    fn frontend_named(&self, name: &[u8]) -> Option<ProxyId> {
        let mut all = self.generation.config.proxies.iter();
        all.find(|spec| spec.caps.frontend && spec.name.as_bytes() == name)
            .map(|spec| spec.id)
    }

    fn backend_named(&self, name: &[u8]) -> Option<ProxyId> {
        self.generation.backend_named(name)
    }

    fn server_named(&self, backend: ProxyId, name: &[u8]) -> Option<ServerId> {
        let servers = &self.generation.proxies.get(backend.index())?.servers;
        servers.named(name).map(|server| server.id)
    }

    fn server_name(&self, backend: ProxyId, server: ServerId) -> &str {
        self.generation
            .server(backend, server)
            .map_or("", |state| &state.name)
    }

    fn bind_is_tls(&self, proxy: ProxyId, bind: BindId) -> bool {
        let proxy = self.generation.config.proxies.get(proxy.index());
        let bind = proxy.and_then(|proxy| proxy.frontend.binds.get(bind.index()));
        bind.is_some_and(|bind| bind.tls.is_some())
    }

    fn bind_name(&self, proxy: ProxyId, bind: BindId) -> Option<&str> {
        let spec = self.generation.config.proxies.get(proxy.index())?;
        spec.frontend.binds.get(bind.index())?.name.as_deref()
    }

    fn listener_uid(&self, listener: ListenerId) -> i64 {
        let spec = self.generation.config.listeners.get(listener.index());
        spec.map_or(0, |spec| i64::from(spec.uid))
    }

    fn listener_connections(&self, listener: ListenerId) -> i64 {
        self.generation
            .listener(listener)
            .map_or(0, |state| i64::from(state.connections.get()))
    }

    fn hostname(&self) -> &str {
        &self.hostname
    }

    fn is_local(&self, address: IpAddr) -> bool {
        // An address is ours when a socket can be bound to it.
        std::net::UdpSocket::bind((address, 0)).is_ok()
    }

    fn proc_var<'a>(&self, id: VarId, arena: &'a Bump) -> Option<Value<'a>> {
        let vars = self.shared.proc_vars().read();
        vars.iter()
            .find(|(known, _)| *known == id)
            .map(|(_, value)| value.copy_to(arena))
    }

    fn set_proc_var(&self, id: VarId, value: Option<OwnedValue>) -> bool {
        let limit = self.generation.config.global.tune.vars_proc_max_size;
        let mut vars = self.shared.proc_vars().write();
        let at = vars.iter().position(|(known, _)| *known == id);
        let Some(value) = value else {
            if let Some(at) = at {
                vars.swap_remove(at);
            }
            return true;
        };
        let others: usize = vars
            .iter()
            .filter(|(known, _)| *known != id)
            .map(|(_, value)| value.size())
            .sum();
        if limit != 0 && others + value.size() > limit {
            return false;
        }
        match at {
            Some(at) => vars[at].1 = value,
            None => vars.push((id, value)),
        }
        true
    }

    fn var_limits(&self) -> [usize; 3] {
        let tune = &self.generation.config.global.tune;
        [
            tune.vars_sess_max_size,
            tune.vars_txn_max_size,
            tune.vars_reqres_max_size,
        ]
    }

    fn tcp_info(&self, fd: i32, field: &str) -> Option<i64> {
        crate::sys::tcp_info(fd, field)
    }

    fn utc_offset(&self, at: WallTime) -> i32 {
        // Offsets change at quarters of an hour at the earliest.
        let quarter = at.secs() / 900;
        let (known, offset) = self.offset.get();
        if known == quarter {
            return offset;
        }
        let offset = crate::sys::utc_offset(at.secs());
        self.offset.set((quarter, offset));
        offset
    }

    fn error_reply(&self, proxy: ProxyId, status: u16) -> Option<Arc<ReplySpec>> {
        let spec = self.generation.config.proxies.get(proxy.index())?;
        spec.errors.get(&status).map(Arc::clone)
    }

    fn capture_len(&self, frontend: ProxyId, is_request: bool, slot: usize) -> usize {
        let Some(spec) = self.generation.config.proxies.get(frontend.index()) else {
            return 0;
        };
        let slots = match is_request {
            true => &spec.frontend.request_captures,
            false => &spec.frontend.response_captures,
        };
        slots.get(slot).map_or(0, |capture| capture.len)
    }

    #[inline]
    fn table(&self, table: TableId) -> Option<&TableHandle> {
        self.tables.get(table.index())
    }

    fn status_counts(&self, status: u16) -> (bool, bool) {
        self.generation.status_codes.of(status)
    }

    fn pattern_set(&self, reference: &str) -> Option<Arc<PatternSet>> {
        self.generation
            .config
            .patterns
            .find(reference)
            .map(Arc::clone)
    }

    fn pattern_changed(&self, set: &PatternSet, key: &[u8], value: Option<&[u8]>) {
        // Nobody is there to be told.
        if !self.generation.config.peers.is_empty() {
            self.shared.setup().changes.changed(set, key, value);
        }
    }

    fn emit_log(&self, view: &View<'_>, _origin: &'static str) {
        crate::log::emit(self, view);
    }

    fn mark_socket(&self, fd: i32, mark: SocketMark) {
        crate::sys::mark_socket(fd, mark);
    }
}

impl Bound {
    /// Free slots of all usable servers, with their queues when `queues` says so; -1 for no limit.
    fn free_slots(&self, proxy: ProxyId, queues: bool) -> i64 {
        let state = &self.generation.proxies[proxy.index()];
        let now = self.shared.now();
        let mut free = 0i64;
        for server in state.servers.iter().map(|server| &server.spec) {
            let Some(view) = state.roster.server(server.id, now) else {
                continue;
            };
            if !view.usable {
                continue;
            }
            if view.maxconn == 0 || (queues && server.roster.maxqueue == 0) {
                return -1;
            }
            free += i64::from(view.maxconn) - i64::from(view.served);
            if queues {
                free += i64::from(server.roster.maxqueue) - i64::from(view.queued);
            }
        }
        free.max(0)
    }
}

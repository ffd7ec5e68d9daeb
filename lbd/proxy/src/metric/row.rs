//! One object of the statistics as it stands: a frontend, listener, server or backend.
//!
//! Taken once, read by all columns.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use lbd_backend::health::{HealthSnapshot, ProbeSnapshot, Which};
use lbd_backend::roster::BackendView;
use lbd_backend::{Algorithm, KeySpec, ServerView, State};
use lbd_config::config::{
    BindSpec, ListenAddress, ListenerSpec, Mode, ProxySpec, ServerAddress, ServerSpec,
};
use lbd_core::{ServerId, Time};

use super::Field::{self, Empty, S32, Str, U32, U64};
use crate::state::counters::Totals;
use crate::state::{Generation, ListenerState, ProxyState, ServerState, Shared};

/// Kinds of objects, as sets of bits.
pub(super) const F: u8 = 1;
pub(super) const B: u8 = 2;
pub(super) const S: u8 = 4;
pub(super) const L: u8 = 8;
pub(super) const FB: u8 = F | B;
pub(super) const BS: u8 = B | S;
pub(super) const LF: u8 = L | F;
pub(super) const LFB: u8 = L | F | B;
pub(super) const FBS: u8 = F | B | S;

/// What a row is about.
#[derive(Debug)]
pub enum Object<'a> {
    /// A backend.
    Backend(BackendView),
    /// A frontend.
    Frontend,
    /// A listening socket.
    Listener(&'a BindSpec, &'a ListenerSpec, &'a ListenerState),
    /// A server.
    Server(&'a ServerSpec, &'a ServerState, ServerView),
}

impl Object<'_> {
    /// The `type` column.
    pub fn number(&self) -> u32 {
        match self {
            Self::Frontend => 0,
            Self::Backend(_) => 1,
            Self::Server(..) => 2,
            Self::Listener(..) => 3,
        }
    }

    /// Letter in typed output.
    pub fn letter(&self) -> char {
        match self {
            Self::Frontend => 'F',
            Self::Backend(_) => 'B',
            Self::Server(..) => 'S',
            Self::Listener(..) => 'L',
        }
    }

    /// Name in JSON output.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Frontend => "Frontend",
            Self::Backend(_) => "Backend",
            Self::Server(..) => "Server",
            Self::Listener(..) => "Listener",
        }
    }

    fn bit(&self) -> u8 {
        match self {
            Self::Frontend => F,
            Self::Backend(_) => B,
            Self::Server(..) => S,
            Self::Listener(..) => L,
        }
    }
}

/// An object with its numbers.
#[derive(Debug)]
pub struct Row<'a> {
    /// Its kind.
    pub object: Object<'a>,
    /// Its proxy.
    pub proxy: &'a ProxyState,
    /// Its proxy as configured.
    pub spec: &'a ProxySpec,
    /// Its counters.
    pub totals: Totals,
    /// Highest rates: sessions, connections, requests.
    pub max_rates: [u32; 3],
    health: Option<Arc<HealthSnapshot>>,
    /// Health of the server that this one follows.
    checked: Option<Arc<HealthSnapshot>>,
    shared: &'a Shared,
    now: Time,
}

/// All rows in the reference's order: by proxy, in it frontend, listeners, servers, backend.
pub fn rows<'a>(shared: &'a Shared, generation: &'a Generation) -> Vec<Row<'a>> {
    let mut rows = Vec::new();
    for (proxy, spec) in generation.proxies.iter().zip(&generation.config.proxies) {
        let make = RowMaker {
            shared,
            generation,
            proxy,
            spec,
            now: shared.now(),
        };
        if spec.caps.frontend {
            rows.push(make.row(Object::Frontend));
            if spec.frontend.socket_stats {
                make.listeners(&mut rows);
            }
        }
        if spec.caps.backend {
            for (server, server_spec) in proxy.servers.iter().zip(&spec.backend.servers) {
                let Some(view) = proxy.roster.server(server.id, make.now) else {
                    continue;
                };
                if !view.removed {
                    rows.push(make.row(Object::Server(server_spec, server, view)));
                }
            }
            rows.push(make.row(Object::Backend(proxy.roster.view())));
        }
    }
    rows
}

struct RowMaker<'a> {
    shared: &'a Shared,
    generation: &'a Generation,
    proxy: &'a ProxyState,
    spec: &'a ProxySpec,
    now: Time,
}

impl<'a> RowMaker<'a> {
    fn listeners(&self, rows: &mut Vec<Row<'a>>) {
        for bind in &self.spec.frontend.binds {
            for id in &bind.listeners {
                let spec = self.generation.config.listeners.get(id.index());
                if let (Some(spec), Some(state)) = (spec, self.generation.listener(*id)) {
                    rows.push(self.row(Object::Listener(bind, spec, state)));
                }
            }
        }
    }

    fn row(&self, object: Object<'a>) -> Row<'a> {
        let shards = match &object {
            Object::Backend(_) => &self.proxy.backend,
            Object::Frontend => &self.proxy.frontend,
            Object::Listener(_, _, state) => &state.counters,
            Object::Server(_, state, _) => &state.counters,
        };
        let totals = shards.totals(self.now);
        let max_rates = shards.max_rates();
        let (health, checked) = match &object {
            Object::Server(spec, state, _) => (state.health(), self.followed(spec)),
            _ => (None, None),
        };
        Row {
            object,
            proxy: self.proxy,
            spec: self.spec,
            totals,
            max_rates,
            health,
            checked,
            shared: self.shared,
            now: self.now,
        }
    }

    /// Health at the end of a chain of `track`; chains are checked for cycles when configured,
    /// and bounded here all the same.
    fn followed(&self, spec: &ServerSpec) -> Option<Arc<HealthSnapshot>> {
        let mut next = spec.track;
        let mut found = None;
        for _ in 0..MAX_TRACK_CHAIN {
            let Some((backend, server)) = next else { break };
            let proxy = self.generation.config.proxies.get(backend.index())?;
            next = proxy.backend.servers.get(server.index())?.track;
            found = self.generation.server(backend, server);
        }
        found?.health()
    }
}

impl Row<'_> {
    /// `value` on the kinds of objects in `kinds`, nothing on others.
    pub(super) fn on(&self, kinds: u8, value: Field) -> Field {
        if self.object.bit() & kinds != 0 {
            value
        } else {
            Empty
        }
    }

    /// The `svname` column.
    pub fn object_name(&self) -> String {
        match &self.object {
            Object::Backend(_) => "BACKEND".to_owned(),
            Object::Frontend => "FRONTEND".to_owned(),
            Object::Listener(bind, listener, _) => bind
                .name
                .as_ref()
                .map_or_else(|| format!("sock-{}", listener.uid), |n| n.to_string()),
            Object::Server(_, state, _) => state.name.to_string(),
        }
    }

    /// The `sid` column.
    pub fn object_uid(&self) -> u32 {
        match &self.object {
            Object::Backend(_) | Object::Frontend => 0,
            Object::Listener(_, listener, _) => listener.uid,
            Object::Server(spec, ..) => spec.roster.puid,
        }
    }

    /// Health of the server as the check runner reported it.
    pub fn health(&self) -> Option<&HealthSnapshot> {
        self.health.as_deref()
    }

    /// Whether the object is up, for `show stat up`.
    pub fn is_up(&self) -> bool {
        let status = self.status();
        let is_coming = |down: &str| down.starts_with(|c: char| c.is_ascii_digit());
        !self.is_maint()
            && (!status.starts_with("DOWN") || status.strip_prefix("DOWN ").is_some_and(is_coming))
    }

    /// Whether the object is in maintenance, for `show stat no-maint`.
    pub fn is_maint(&self) -> bool {
        self.status().starts_with("MAINT")
    }

    /// The `status` column.
    pub fn status(&self) -> String {
        match &self.object {
            Object::Frontend | Object::Listener(..) => self.listening_status().to_owned(),
            Object::Backend(view) => {
                let is_up = view.usable > 0 || self.spec.backend.servers.is_empty();
                if is_up { "UP" } else { "DOWN" }.to_owned()
            }
            Object::Server(_, _, view) => match &self.health {
                Some(health) => health.status_word(self.checked.as_deref()),
                None if view.placement.maint => "MAINT".to_owned(),
                None if view.placement.drain => "DRAIN".to_owned(),
                None => "no check".to_owned(),
            },
        }
    }

    fn listening_status(&self) -> &'static str {
        if self.proxy.is_disabled() || self.shared.process().is_stopping() {
            return "STOP";
        }
        if self.proxy.is_paused() {
            return "PAUSED";
        }
        let (now, limit) = match &self.object {
            Object::Listener(bind, _, state) => (state.connections.get(), bind.options.maxconn),
            _ => (self.proxy.sessions.get(), self.proxy.maxconn.load(Relaxed)),
        };
        if limit != 0 && now >= limit {
            "FULL"
        } else {
            "OPEN"
        }
    }

    pub(super) fn queue_now(&self) -> Field {
        match &self.object {
            Object::Backend(view) => U32(view.queued),
            Object::Server(_, _, view) => U32(view.queued),
            _ => Empty,
        }
    }

    pub(super) fn queue_max(&self) -> Field {
        match &self.object {
            Object::Backend(view) => U32(view.queued_max),
            Object::Server(_, _, view) => U32(view.queued_max),
            _ => Empty,
        }
    }

    pub(super) fn sessions_now(&self) -> u32 {
        match &self.object {
            Object::Backend(_) => self.proxy.streams.get(),
            Object::Frontend => self.proxy.sessions.get(),
            Object::Listener(_, _, state) => state.connections.get(),
            Object::Server(_, _, view) => view.served,
        }
    }

    pub(super) fn sessions_max(&self) -> u32 {
        match &self.object {
            Object::Backend(_) => self.proxy.streams.max(),
            Object::Frontend => self.proxy.sessions.max(),
            Object::Listener(_, _, state) => state.connections.max(),
            Object::Server(_, _, view) => view.served_max,
        }
    }

    pub(super) fn session_limit(&self) -> Field {
        match &self.object {
            Object::Backend(_) => U32(self.spec.backend.roster.fullconn),
            Object::Frontend => U32(self.proxy.maxconn.load(Relaxed)),
            Object::Listener(bind, ..) => U32(bind.options.maxconn),
            Object::Server(_, _, view) if view.maxconn > 0 => U32(view.maxconn),
            Object::Server(..) => Empty,
        }
    }

    pub(super) fn weight(&self) -> Field {
        match &self.object {
            Object::Backend(view) => U32(view.weight),
            Object::Server(_, _, view) => U32(view.weight),
            _ => Empty,
        }
    }

    pub(super) fn user_weight(&self) -> Field {
        match &self.object {
            Object::Backend(view) => U32(view.weight),
            Object::Server(_, _, view) => U32(view.placement.weight),
            _ => Empty,
        }
    }

    pub(super) fn active(&self) -> Field {
        match &self.object {
            Object::Backend(view) => U32(view.active),
            Object::Server(spec, ..) => U32(u32::from(!spec.roster.backup)),
            _ => Empty,
        }
    }

    pub(super) fn backup(&self) -> Field {
        match &self.object {
            Object::Backend(view) => U32(view.backup),
            Object::Server(spec, ..) => U32(u32::from(spec.roster.backup)),
            _ => Empty,
        }
    }

    /// Whether the health check is turned on; an agent alone does not count.
    fn has_check(&self) -> bool {
        let check = self
            .health
            .as_ref()
            .and_then(|health| health.check.as_ref());
        check.is_some_and(|check| check.enabled)
    }

    /// A number of a server that is checked.
    pub(super) fn checked(&self, read: impl Fn(&HealthSnapshot) -> Field) -> Field {
        let health = self.health.as_deref().filter(|_| self.has_check());
        health.map_or(Empty, read)
    }

    pub(super) fn downs(&self) -> Field {
        match &self.object {
            Object::Backend(_) => U64(self.proxy.availability.downs()),
            _ => self.checked(|health| U64(health.downs)),
        }
    }

    pub(super) fn last_change(&self) -> Field {
        match &self.object {
            Object::Backend(_) => U32(narrow(
                self.proxy.availability.seconds_since_change(self.now),
            )),
            Object::Server(_, _, view) => {
                let since = self.health.as_ref().map_or_else(
                    || self.now.since(view.placement.since),
                    |health| health.since_change(self.now),
                );
                U32(narrow(since.as_secs()))
            }
            _ => Empty,
        }
    }

    pub(super) fn downtime(&self) -> Field {
        match &self.object {
            Object::Backend(_) => U32(narrow(self.proxy.availability.downtime(self.now))),
            _ => self.checked(|health| U32(narrow(health.downtime.as_secs()))),
        }
    }

    pub(super) fn queue_limit(&self) -> Field {
        match &self.object {
            Object::Server(spec, ..) if spec.roster.maxqueue > 0 => U32(spec.roster.maxqueue),
            _ => Empty,
        }
    }

    pub(super) fn throttle(&self) -> Field {
        match &self.object {
            Object::Server(_, _, view) if view.placement.state == State::Starting => {
                view.throttle.map_or(Empty, U32)
            }
            _ => Empty,
        }
    }

    pub(super) fn chosen(&self) -> u64 {
        match &self.object {
            Object::Server(_, _, view) => view.chosen,
            Object::Backend(_) => {
                let servers = self.proxy.servers.iter();
                servers
                    .filter_map(|s| self.proxy.roster.server(s.id, self.now))
                    .map(|v| v.chosen)
                    .sum()
            }
            _ => 0,
        }
    }

    pub(super) fn tracked(&self) -> Field {
        self.health
            .as_ref()
            .and_then(|health| health.track.clone())
            .map_or(Empty, Str)
    }

    pub(super) fn probe(&self, which: Which, read: impl Fn(&ProbeSnapshot) -> Field) -> Field {
        let Some(health) = &self.health else {
            return Empty;
        };
        let probe = match which {
            Which::Agent => &health.agent,
            Which::Health => &health.check,
        };
        probe
            .as_ref()
            .filter(|probe| probe.enabled && !probe.paused)
            .map_or(Empty, read)
    }

    pub(super) fn observed(&self) -> Field {
        let Object::Server(spec, ..) = &self.object else {
            return Empty;
        };
        if spec.health.observe.is_none() {
            return Empty;
        }
        self.health
            .as_ref()
            .map_or(Empty, |health| U64(health.failed_observations))
    }

    pub(super) fn http(&self, class: usize) -> Field {
        let is_http = self.spec.mode == Mode::Http;
        self.on(
            FBS,
            if is_http {
                U64(self.totals.responses[class])
            } else {
                Empty
            },
        )
    }

    pub(super) fn requests(&self) -> Field {
        let is_http = self.spec.mode == Mode::Http;
        self.on(
            FBS,
            if is_http {
                U64(self.totals.requests)
            } else {
                Empty
            },
        )
    }

    pub(super) fn last_session(&self) -> Field {
        match self.totals.last_session {
            0 => S32(-1),
            at => {
                let ago = (self.now.as_millis() / 1000 + 1).saturating_sub(at);
                S32(i32::try_from(ago).unwrap_or(i32::MAX))
            }
        }
    }

    pub(super) fn address(&self) -> Field {
        match &self.object {
            Object::Listener(_, spec, _) => Str(listen_text(&spec.address)),
            Object::Server(_, state, _) => Str(server_text(&state.address())),
            _ => Empty,
        }
    }

    pub(super) fn protocol(&self) -> Field {
        let Object::Listener(_, spec, _) = &self.object else {
            return Empty;
        };
        let word = match &spec.address {
            ListenAddress::Tcp(address) if address.is_ipv6() => "tcpv6",
            ListenAddress::Tcp(_) | ListenAddress::Fd(_) => "tcpv4",
            ListenAddress::Unix(_) | ListenAddress::Abstract { .. } => "unix_stream",
            ListenAddress::SockPair(_) => "sockpair",
        };
        Str(word.to_owned())
    }

    pub(super) fn cookie(&self) -> Field {
        match &self.object {
            Object::Backend(_) => match &self.spec.backend.cookie {
                Some(cookie) => Str(cookie.name.clone()),
                None => Empty,
            },
            Object::Server(spec, ..) => match &spec.cookie {
                Some(value) => Str(String::from_utf8_lossy(value).into_owned()),
                None => Empty,
            },
            _ => Empty,
        }
    }

    pub(super) fn mode(&self) -> &'static str {
        match self.spec.mode {
            Mode::Http => "http",
            Mode::Tcp => "tcp",
        }
    }

    pub(super) fn algorithm(&self) -> &'static str {
        match &self.spec.backend.roster.algorithm {
            Algorithm::First => "first",
            Algorithm::Hash(key) => match key {
                KeySpec::Expr => "hash",
                KeySpec::Header { .. } => "hdr",
                KeySpec::RdpCookie(_) => "rdp-cookie",
                KeySpec::Source => "source",
                KeySpec::Uri { .. } => "uri",
                KeySpec::UrlParam { .. } => "url_param",
            },
            Algorithm::LeastConn => "leastconn",
            Algorithm::Random(_) => "random",
            Algorithm::RoundRobin => "roundrobin",
            Algorithm::StaticRr => "static-rr",
            Algorithm::Sticky => "sticky",
        }
    }

    pub(super) fn idle_limit(&self) -> Field {
        match &self.object {
            Object::Server(_, state, _) => u32::try_from(state.max_idle).map_or(Empty, U32),
            _ => Empty,
        }
    }

    pub(super) fn revision(&self) -> u32 {
        match &self.object {
            Object::Server(_, state, _) => state.epoch(),
            _ => 0,
        }
    }

    /// The server of this row.
    pub fn server_id(&self) -> Option<ServerId> {
        match &self.object {
            Object::Server(spec, ..) => Some(spec.id),
            _ => None,
        }
    }
}

/// The `check_status` word, with `* ` before it while a check runs.
pub(super) fn status_name(probe: &ProbeSnapshot) -> String {
    let star = if probe.running { "* " } else { "" };
    format!("{star}{}", probe.status.name())
}

pub(super) fn probe_code(probe: &ProbeSnapshot) -> Field {
    if probe.status.has_code() {
        U32(probe.code)
    } else {
        Empty
    }
}

pub(super) fn probe_duration(probe: &ProbeSnapshot) -> Field {
    probe.duration.map_or(Empty, |time| {
        U64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    })
}

pub(super) fn probe_text(probe: &ProbeSnapshot) -> Field {
    if probe.text.is_empty() {
        return Empty;
    }
    Str(String::from_utf8_lossy(&probe.text).into_owned())
}

/// A number that fits its column, at most the largest.
pub(super) fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// A listening address as the statistics show it.
fn listen_text(address: &ListenAddress) -> String {
    match address {
        ListenAddress::Tcp(address) => address.to_string(),
        ListenAddress::Unix(_) | ListenAddress::Abstract { .. } => "unix".to_owned(),
        ListenAddress::Fd(fd) => format!("fd@{fd}"),
        ListenAddress::SockPair(fd) => format!("sockpair@{fd}"),
    }
}

/// A server's address as the statistics show it.
fn server_text(address: &ServerAddress) -> String {
    match address {
        ServerAddress::Inet(address) => address.to_string(),
        ServerAddress::MappedPort(ip, offset) if ip.is_ipv6() => format!("[{ip}]:+{offset}"),
        ServerAddress::MappedPort(ip, offset) => format!("{ip}:+{offset}"),
        ServerAddress::Unix(_) | ServerAddress::Abstract { .. } => "unix".to_owned(),
        ServerAddress::SockPair(_) => "sockpair".to_owned(),
        ServerAddress::Transparent { port } => format!("0.0.0.0:{port}"),
        ServerAddress::None => String::new(),
    }
}

/// Longest chain of `track` that is followed.
const MAX_TRACK_CHAIN: usize = 64;

//! One object of the statistics as it stands: a frontend, listener, server or backend.
//!
//! Taken once, read by all columns.

mod columns;
mod modules;
pub mod states;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use lbd_backend::ServerView;
use lbd_backend::health::HealthSnapshot;
use lbd_backend::roster::BackendView;
use lbd_config::config::{BindSpec, ListenerSpec, ProxySpec, ServerSpec};
use lbd_core::Time;

use super::Field::{self, Empty};
use crate::state::counters::{Shards, Totals};
use crate::state::{Generation, ListenerState, ProxyState, ServerState, Shared};

pub(super) use columns::{narrow, probe_code, probe_duration, probe_text, status_name};

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
    pub totals: Sums<'a>,
    /// What is shown of it.
    pub shows: Shows,
    health: Option<Arc<HealthSnapshot>>,
    /// Health of the server that this one follows.
    checked: Option<Arc<HealthSnapshot>>,
    shared: &'a Shared,
    now: Time,
}

/// Counters of an object, added up when the first of them is read.
#[derive(Debug)]
pub struct Sums<'a> {
    shards: &'a Shards,
    now: Time,
    totals: OnceCell<Totals>,
}

impl Sums<'_> {
    /// Highest rates: sessions, connections, requests.
    pub fn max_rates(&self) -> [u32; 3] {
        self.shards.max_rates()
    }
}

impl Deref for Sums<'_> {
    type Target = Totals;

    fn deref(&self) -> &Totals {
        self.totals.get_or_init(|| self.shards.totals(self.now))
    }
}

/// What is shown of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shows {
    /// Addresses, cookies and algorithms.
    pub details: bool,
    /// In the status of backends how many of the servers are usable: where some are left out.
    pub counts_servers: bool,
}

impl Default for Shows {
    fn default() -> Self {
        Self {
            details: true,
            counts_servers: false,
        }
    }
}

/// All rows in the reference's order: by proxy, in it frontend, listeners, servers, backend.
pub fn rows<'a>(
    shared: &'a Shared,
    generation: &'a Generation,
) -> impl Iterator<Item = Row<'a>> + 'a {
    let mut walk = Walk::over(Kinds::ALL);
    std::iter::from_fn(move || walk.next(shared, generation, |_| true))
}

/// Where a walk over all rows stands. It holds nothing of them, so that a long answer can be made
/// piece by piece while traffic goes on.
#[derive(Debug, Clone, Copy)]
pub struct Walk {
    kinds: Kinds,
    proxy: usize,
    step: Step,
}

/// Kinds of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kinds(pub(super) u8);

impl Kinds {
    /// All kinds.
    pub const ALL: Self = Self(F | B | S | L);
    /// Frontends.
    pub const FRONTENDS: Self = Self(F);
    /// Listeners.
    pub const LISTENERS: Self = Self(L);
    /// Backends.
    pub const BACKENDS: Self = Self(B);
    /// Servers.
    pub const SERVERS: Self = Self(S);

    fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }

    /// Whether they have one in common.
    pub fn meets(self, other: Self) -> bool {
        self.has(other.0)
    }
}

/// The next object of a proxy.
#[derive(Debug, Clone, Copy, Default)]
enum Step {
    #[default]
    Frontend,
    /// A line, and an address of it.
    Listener(usize, usize),
    Server(usize),
    Backend,
}

impl Walk {
    /// A walk that begins, over objects of these kinds.
    pub fn over(kinds: Kinds) -> Self {
        Self {
            kinds,
            proxy: 0,
            step: Step::Frontend,
        }
    }

    /// The next row of a proxy that `wants` holds for; those that are disabled by the configuration
    /// have none.
    pub fn next<'a>(
        &mut self,
        shared: &'a Shared,
        generation: &'a Generation,
        wants: impl Fn(&ProxySpec) -> bool,
    ) -> Option<Row<'a>> {
        loop {
            let proxy = generation.proxies.get(self.proxy)?;
            let spec = generation.config.proxies.get(self.proxy)?;
            let is_new = matches!(self.step, Step::Frontend);
            if spec.disabled || (is_new && !wants(spec)) {
                self.skip_proxy();
                continue;
            }
            let make = RowMaker {
                shared,
                generation,
                proxy,
                spec,
                now: shared.now(),
            };
            if let Some(row) = self.step(&make) {
                return Some(row);
            }
        }
    }

    fn skip_proxy(&mut self) {
        self.proxy += 1;
        self.step = Step::Frontend;
    }

    /// Goes one step on; `None` where it has no row.
    fn step<'a>(&mut self, make: &RowMaker<'a>) -> Option<Row<'a>> {
        let caps = make.spec.caps;
        match self.step {
            Step::Frontend => {
                let has_listeners =
                    self.kinds.has(L) && caps.frontend && make.spec.frontend.socket_stats;
                self.step = match has_listeners {
                    true => Step::Listener(0, 0),
                    false => Step::Server(0),
                };
                (self.kinds.has(F) && caps.frontend).then(|| make.row(Object::Frontend))
            }
            Step::Listener(bind, at) => {
                let Some(line) = make.spec.frontend.binds.get(bind) else {
                    self.step = Step::Server(0);
                    return None;
                };
                let Some(id) = line.listeners.get(at) else {
                    self.step = Step::Listener(bind + 1, 0);
                    return None;
                };
                self.step = Step::Listener(bind, at + 1);
                let spec = make.generation.config.listeners.get(id.index())?;
                let state = make.generation.listener(*id)?;
                Some(make.row(Object::Listener(line, spec, state)))
            }
            Step::Server(_) if !self.kinds.has(S) => {
                self.step = Step::Backend;
                None
            }
            Step::Server(at) => {
                let Some(server) = make.proxy.servers.get(at) else {
                    self.step = Step::Backend;
                    return None;
                };
                self.step = Step::Server(at + 1);
                let view = make.proxy.roster.server(server.id, make.now)?;
                (!view.removed).then(|| make.row(Object::Server(&server.spec, server, view)))
            }
            Step::Backend => {
                self.skip_proxy();
                (self.kinds.has(B) && caps.backend)
                    .then(|| make.row(Object::Backend(make.proxy.roster.view())))
            }
        }
    }
}

struct RowMaker<'a> {
    shared: &'a Shared,
    generation: &'a Generation,
    proxy: &'a ProxyState,
    spec: &'a ProxySpec,
    now: Time,
}

impl<'a> RowMaker<'a> {
    fn row(&self, object: Object<'a>) -> Row<'a> {
        let shards = match &object {
            Object::Backend(_) => &self.proxy.backend,
            Object::Frontend => &self.proxy.frontend,
            Object::Listener(_, _, state) => &state.counters,
            Object::Server(_, state, _) => &state.counters,
        };
        let totals = Sums {
            shards,
            now: self.now,
            totals: OnceCell::new(),
        };
        let (health, checked) = match &object {
            Object::Server(spec, state, _) => (state.health(), self.followed(spec)),
            _ => (None, None),
        };
        Row {
            object,
            proxy: self.proxy,
            spec: self.spec,
            totals,
            shows: Shows::default(),
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
            found = self.generation.server(backend, server);
            next = found?.spec.track;
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

    /// The same in mode http.
    pub(super) fn in_http(&self, kinds: u8, value: Field) -> Field {
        match self.is_http() {
            true => self.on(kinds, value),
            false => Empty,
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

    /// What it is called in statistics files: its `guid`, or what `guid-prefix` makes.
    pub fn guid(&self) -> Option<Cow<'_, str>> {
        match &self.object {
            Object::Backend(_) | Object::Frontend => self.spec.guid.as_deref().map(Cow::from),
            Object::Listener(bind, listener, _) => {
                let prefix = bind.options.guid_prefix.as_deref()?;
                let at = bind.listeners.iter().position(|id| *id == listener.id)?;
                Some(Cow::from(format!("{prefix}-{at}")))
            }
            Object::Server(spec, ..) => spec.roster.guid.as_deref().map(Cow::from),
        }
    }

    /// The counters that its columns are added up from.
    pub fn shards(&self) -> &Shards {
        self.totals.shards
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

    /// Whether it is a server that `up` (`only_up`) or `no-maint` leaves out.
    pub fn is_left_out(&self, only_up: bool, no_maint: bool) -> bool {
        let is_server = matches!(self.object, Object::Server(..));
        is_server && ((only_up && !self.is_up()) || (no_maint && self.is_maint()))
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
                let is_up = view.usable > 0 || self.proxy.servers.is_empty();
                let word = if is_up { "UP" } else { "DOWN" };
                let word = match self.shows.counts_servers {
                    false => word.to_owned(),
                    true => format!("{word} ({}/{})", view.usable, self.proxy.servers.len()),
                };
                match self.proxy.is_unpublished() {
                    true => word + " (UNPUB)",
                    false => word,
                }
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
}

/// Longest chain of `track` that is followed.
const MAX_TRACK_CHAIN: usize = 64;

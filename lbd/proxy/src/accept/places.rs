//! Places in the limits of the process, its frontends and its listeners, and how long a connection
//! holds them.
//!
//! It accepts nothing.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use lbd_core::{ListenerId, Time};

use crate::live::Live;
use crate::state::counters::SharedRate;
use crate::state::world::Bound;
use crate::state::{Generation, ListenerState, ProxyState, Shared};
use crate::worker::Worker;

/// A connection's places in the limits of the process, its frontend and its listener. They are
/// taken before the accept, go with the connection to its worker, and come back when dropped.
#[derive(Debug)]
pub struct Places {
    shared: Arc<Shared>,
    proxy: Arc<ProxyState>,
    listener: Arc<ListenerState>,
    rates: [Cell<bool>; RATES.len()],
}

/// The limits per second of which a connection holds a place until it counts.
#[derive(Debug, Clone, Copy)]
enum RateLimit {
    /// `maxconnrate`.
    Connections,
    /// `rate-limit sessions`.
    ProxySessions,
    /// `maxsessrate`.
    Sessions,
    /// `maxsslrate`.
    Tls,
}

const RATES: [RateLimit; 4] = [
    RateLimit::Connections,
    RateLimit::ProxySessions,
    RateLimit::Sessions,
    RateLimit::Tls,
];

/// `maxsslrate` in force where it concerns the clients of a listener; 0 for none.
pub(super) fn tls_rate_limit(
    generation: &Generation,
    listener: ListenerId,
    shared: &Shared,
) -> u32 {
    let config = &generation.config;
    let spec = config.listeners.get(listener.index());
    let has_tls = spec.is_some_and(|spec| {
        let binds = &config.proxies[spec.proxy.index()].frontend.binds;
        let bind = binds.get(spec.bind.index());
        bind.is_some_and(|bind| bind.tls.is_some())
    });
    match has_tls {
        true => shared
            .process()
            .rate_limits
            .tls
            .get(config.global.ssl.maxsslrate),
        false => 0,
    }
}

impl Places {
    fn rate(&self, which: RateLimit) -> &SharedRate {
        match which {
            RateLimit::Connections => &self.shared.process().connection_rate,
            RateLimit::ProxySessions => &self.proxy.session_rate,
            RateLimit::Sessions => &self.shared.process().session_rate,
            RateLimit::Tls => &self.shared.process().tls.rate,
        }
    }

    /// A place in each rate that has a limit; false when one is reached.
    fn take_rates(&self, generation: &Generation, id: ListenerId, now: Time) -> bool {
        let config = &generation.config;
        let frontend = &config.proxies[self.listener.proxy.index()].frontend;
        let set = &self.shared.process().rate_limits;
        let limits = [
            set.connections.get(config.global.maxconnrate),
            frontend.rate_limit_sessions,
            set.sessions.get(config.global.maxsessrate),
            tls_rate_limit(generation, id, &self.shared),
        ];
        RATES
            .iter()
            .zip(limits)
            .zip(&self.rates)
            .all(|((which, limit), held)| {
                let is_free = limit == 0 || self.rate(*which).promise(now, limit);
                held.set(is_free && limit > 0);
                is_free
            })
    }

    fn keep(&self, which: RateLimit, now: Time) {
        if self.rates[which as usize].take() {
            self.rate(which).keep(now);
        }
    }

    /// One place of each; `None` when a limit is reached.
    pub(super) fn take(
        shared: &Arc<Shared>,
        generation: &Generation,
        listener: ListenerId,
        bind_limit: u32,
        now: Time,
    ) -> Option<Self> {
        let id = listener;
        let listener = generation.listener(id)?;
        let proxy = generation.proxy(listener.proxy);
        let process = &shared.process().connections;
        if !process.reserve(shared.maxconn()) {
            return None;
        }
        if !proxy.sessions.reserve(proxy.maxconn.load(Relaxed)) {
            process.leave();
            return None;
        }
        if !listener.connections.reserve(bind_limit) {
            proxy.sessions.leave();
            process.leave();
            return None;
        }
        let places = Self {
            shared: Arc::clone(shared),
            proxy: Arc::clone(proxy),
            listener: Arc::clone(listener),
            rates: Default::default(),
        };
        places.take_rates(generation, id, now).then_some(places)
    }

    /// A connection came.
    pub(super) fn confirm(&self) {
        self.shared.process().connections.confirm();
        self.proxy.sessions.confirm();
        self.listener.connections.confirm();
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        for which in RATES {
            if self.rates[which as usize].take() {
                self.rate(which).forget();
            }
        }
        self.listener.connections.leave();
        self.proxy.sessions.leave();
        self.shared.process().connections.leave();
    }
}

/// What a session takes of limits and lists, given back when it ends, however it ends.
pub(crate) struct Entered {
    pub(crate) worker: Rc<Worker>,
    pub(crate) live: Rc<Live>,
    /// Its place among TLS connections.
    pub(crate) tls_place: Option<crate::handshake::Place>,
    places: Places,
}

impl Entered {
    pub(super) fn new(worker: Rc<Worker>, bound: &Bound, live: Rc<Live>, places: Places) -> Self {
        let process = worker.shared.process();
        let now = worker.clock.now();
        let generation = &bound.generation;
        let proxy = generation.proxy(live.frontend.get());
        let counters = proxy.frontend.of(worker.index);
        counters.connections.inc();
        counters.connection_rate.hit(now);
        let totals = process.counters.of(worker.index);
        totals.connections.inc();
        totals.connection_rate.hit(now);
        places.keep(RateLimit::Connections, now);
        if let Some(listener) = generation.listener(live.listener.get()) {
            listener.counters.of(worker.index).connections.inc();
        }
        Self {
            worker,
            live,
            tls_place: None,
            places,
        }
    }

    /// The connection is about to speak TLS, which counts whatever becomes of it.
    pub(crate) fn count_tls(&self, now: Time) {
        let tls = &self.worker.shared.process().tls;
        match self.places.rates[RateLimit::Tls as usize].take() {
            true => tls.rate.keep(now),
            false => tls.rate.hit(now),
        }
        tls.note_rate(now);
    }

    /// The connection has become a session, which counts in the limits of sessions per second.
    pub(crate) fn count_session(&self, now: Time) {
        self.places.keep(RateLimit::ProxySessions, now);
        self.places.keep(RateLimit::Sessions, now);
        let process = &self.worker.shared.process().counters;
        process.of(self.worker.index).session_rate.hit(now);
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let process = self.worker.shared.process();
        if std::thread::panicking() {
            process.panics.fetch_add(1, Relaxed);
        }
        self.worker.unregister(&self.live);
    }
}

//! The state of the running balancer, shared by all workers and the control side.
//!
//! It holds what traffic, checks and operators change; what the text says is in `lbd-config`.
//! Numbers with one writer are kept per worker and summed by readers; only limits are shared.

pub mod activity;
pub mod availability;
pub mod counters;
pub mod generation;
mod growing;
pub mod mailbox;
pub mod process;
pub mod proxy;
pub mod server;
pub mod servers;
pub mod table;
pub mod tls;
pub mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Instant;

use bumpalo::Bump;
use lbd_backend::Wake;
use lbd_backend::health::Observation;
use lbd_config::config::{Config, ProcVar, TaskProfiling};
use lbd_core::{ProxyId, Time, WallTime};
use lbd_rules::expr::Sampled;
use lbd_rules::pattern::PatternSet;
use lbd_rules::var::{OwnedValue, VarId, VarNames, Vars};
use lbd_rules::view::{Buffered, View, World};
use parking_lot::RwLock;

pub use counters::{Count, Counters, Rate, Shards, Totals};
pub use generation::Generation;
pub use mailbox::{Adoption, Exposed, Mailbox, Message, Stop};
pub use process::{ProcessState, RateLimits, RunningLimit};
pub use proxy::{BadMessage, ListenerState, ProxyState};
pub use server::ServerState;
pub use servers::Servers;

use crate::accept::ListenerSocket;
use crate::log::{LogSink, NoLog};
use crate::namespace::Namespaces;
use crate::reconcile;
use crate::service::{NoServices, Services};

/// What the daemon decides before workers start.
pub struct Setup {
    /// Number of workers, at least 1.
    pub workers: usize,
    /// Process-wide limit of client connections; 0 for none.
    pub maxconn: u32,
    /// Pipes of all workers together.
    pub max_pipes: usize,
    /// Takes finished log lines.
    pub log: Arc<dyn LogSink>,
    /// Hears what traffic tells of servers (`observe`).
    pub observer: Arc<dyn Observer>,
    /// Hears what rules change in lists and maps.
    pub changes: Arc<dyn PatternObserver>,
    /// Tells other nodes what has changed in tables.
    pub replication: Arc<dyn Replication>,
    /// Makes the answers of `stats` and `use-service`.
    pub services: Arc<dyn Services>,
    /// Network namespaces of servers.
    pub namespaces: Arc<Namespaces>,
    /// Origin of all times.
    pub origin: Instant,
}

impl Setup {
    /// Workers without logs and observers, as tests want them.
    pub fn new(workers: usize) -> Self {
        Self {
            workers: workers.max(1),
            maxconn: 0,
            max_pipes: 256,
            log: Arc::new(NoLog),
            observer: Arc::new(NoObserver),
            changes: Arc::new(NoObserver),
            replication: Arc::new(NoObserver),
            services: Arc::new(NoServices),
            namespaces: Arc::default(),
            origin: Instant::now(),
        }
    }
}

impl std::fmt::Debug for Setup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Setup")
            .field("workers", &self.workers)
            .finish_non_exhaustive()
    }
}

/// What a process-wide variable is set to, evaluated without a stream.
fn initial_value(
    bound: &world::Bound,
    clock: &crate::clock::Clock,
    arena: &Bump,
    var: &ProcVar,
) -> Option<OwnedValue> {
    let view = View {
        arena,
        now: clock.now(),
        wall: clock.wall(),
        session: None,
        stream: None,
        request: None,
        response: None,
        request_body: Buffered::default(),
        response_body: Buffered::default(),
        vars: Vars::default(),
        world: bound,
        proxy: None,
        is_final: true,
    };
    match var {
        ProcVar::Expr(expr) => match expr.value(&view) {
            Sampled::Value(value) => Some(OwnedValue::of(value)),
            Sampled::Absent | Sampled::NotYet => None,
        },
        ProcVar::Format(format) => {
            let mut text = Vec::new();
            format.render(&view, &mut text);
            Some(OwnedValue::Str(text.into()))
        }
    }
}

/// Hears what traffic tells of servers; called on a worker, must not block.
pub trait Observer: Send + Sync {
    /// A stream's experience with a server that says `observe`.
    fn observed(&self, server: &ServerState, what: Observation);
}

/// Hears what rules change in lists and maps; called on a worker, must not block.
pub trait PatternObserver: Send + Sync {
    /// A key has another value, an empty one in a list, or was removed.
    fn changed(&self, set: &PatternSet, key: &[u8], value: Option<&[u8]>);
}

/// Tells other nodes what has changed in tables; called on a worker.
pub trait Replication: Send + Sync {
    /// An answer is about to leave: what this thread has changed is to be written to the peers
    /// before. May block for a millisecond at most.
    fn push(&self, now: Time);

    /// This thread is about to sleep: what it has changed is to be told soon. Must not block.
    fn hint(&self);
}

/// An observer that listens to nothing.
#[derive(Debug)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn observed(&self, _server: &ServerState, _what: Observation) {}
}

impl PatternObserver for NoObserver {
    fn changed(&self, _set: &PatternSet, _key: &[u8], _value: Option<&[u8]>) {}
}

impl Replication for NoObserver {
    fn push(&self, _now: Time) {}

    fn hint(&self) {}
}

/// All state of the process. Workers and the control side hold it by `Arc`.
pub struct Shared {
    setup: Setup,
    current: RwLock<Arc<Generation>>,
    process: ProcessState,
    mailboxes: Box<[Mailbox]>,
    proc_vars: RwLock<Vec<(VarId, OwnedValue)>>,
    started_wall: WallTime,
    /// `maxconn`, 0 for none.
    configured_maxconn: AtomicU32,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("setup", &self.setup)
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// State for a configuration that starts to run.
    pub fn new(config: Arc<Config>, setup: Setup) -> Arc<Self> {
        let clock = crate::clock::Clock::new(setup.origin);
        let generation = Arc::new(Generation::new(config, setup.workers, clock.now()));
        let shared = Arc::new(Self {
            mailboxes: (0..setup.workers).map(|_| Mailbox::default()).collect(),
            process: ProcessState::new(setup.workers),
            current: RwLock::new(generation),
            proc_vars: RwLock::default(),
            started_wall: clock.wall(),
            configured_maxconn: AtomicU32::new(setup.maxconn),
            setup,
        });
        shared.set_profiling(shared.current().config.global.profiling);
        shared.set_initial_vars(&clock);
        shared
    }

    /// Evaluates `set-var` and `set-var-fmt` of `global`, in their order.
    fn set_initial_vars(self: &Arc<Self>, clock: &crate::clock::Clock) {
        let bound = world::Bound::new(Arc::clone(self), self.current(), 0);
        let mut arena = Bump::new();
        for (id, var) in &bound.generation.config.proc_vars {
            let value = initial_value(&bound, clock, &arena, var);
            if value.is_some() {
                bound.set_proc_var(*id, value);
            }
            arena.reset();
        }
    }

    /// Evaluates what an operator sets a process-wide variable to; one without a value is unset.
    /// False when there is no room for it (`tune.vars.proc-max-size`).
    pub fn set_proc_var(self: &Arc<Self>, id: VarId, var: &ProcVar) -> bool {
        let bound = world::Bound::new(Arc::clone(self), self.current(), 0);
        let clock = crate::clock::Clock::new(self.setup.origin);
        let value = initial_value(&bound, &clock, &Bump::new(), var);
        bound.set_proc_var(id, value)
    }

    /// Gives the variables that have a value the numbers that `next` knows them by.
    pub fn renumber_proc_vars(&self, former: &VarNames, next: &VarNames) {
        for (id, _) in self.proc_vars.write().iter_mut() {
            *id = next.intern(&former.name(*id));
        }
    }

    /// Measures turns of tasks, or not.
    pub fn set_profiling(&self, mode: TaskProfiling) {
        self.process.profiling.set(mode, &self.process.activity);
    }

    /// What the daemon decided.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// The generation that new connections get.
    pub fn current(&self) -> Arc<Generation> {
        Arc::clone(&self.current.read())
    }

    /// Puts a generation that [`reconcile`](crate::reconcile::reconcile) has made in the place of
    /// the present one. `heirs` says which listeners go on accepting on the sockets that are
    /// there, `sockets` holds new ones by worker. Sessions follow between two requests. What comes
    /// back ends when all workers have gone on.
    pub fn adopt(
        self: &Arc<Self>,
        next: Arc<Generation>,
        heirs: reconcile::Heirs,
        sockets: Vec<Vec<ListenerSocket>>,
    ) -> tokio::sync::mpsc::Receiver<()> {
        let (pending, all) = tokio::sync::mpsc::channel(1);
        let old = std::mem::replace(&mut *self.current.write(), Arc::clone(&next));
        for proxy in &old.proxies {
            let heir = next.proxies.iter().find(|state| state.is_same(proxy));
            proxy.retire(heir.map(|state| &**state));
        }
        let heirs = Arc::new(heirs);
        let sockets = sockets.into_iter().chain(std::iter::repeat_with(Vec::new));
        for (mailbox, sockets) in self.mailboxes.iter().zip(sockets) {
            mailbox.post(Message::Adopt(Box::new(Adoption {
                generation: Arc::clone(&next),
                heirs: Arc::clone(&heirs),
                sockets,
                pending: pending.clone(),
            })));
        }
        self.set_initial_vars(&crate::clock::Clock::new(self.setup.origin));
        all
    }

    /// Changes the limit of client connections that the configuration gives.
    pub fn set_configured_maxconn(&self, limit: u32) {
        self.configured_maxconn.store(limit, Relaxed);
    }

    /// Numbers and limits of the process.
    pub fn process(&self) -> &ProcessState {
        &self.process
    }

    /// When the process started.
    pub fn started_wall(&self) -> WallTime {
        self.started_wall
    }

    /// The time now, for callers outside the workers.
    pub fn now(&self) -> Time {
        Time::ZERO + self.setup.origin.elapsed()
    }

    /// The mailbox of a worker.
    pub fn mailbox(&self, worker: usize) -> Option<&Mailbox> {
        self.mailboxes.get(worker)
    }

    /// All mailboxes, by worker.
    pub fn mailboxes(&self) -> &[Mailbox] {
        &self.mailboxes
    }

    /// Delivers what a roster decided to the workers whose streams wait.
    pub fn deliver(&self, wakes: &[Wake]) {
        for wake in wakes {
            let worker = crate::live::worker_of(wake.token);
            if let Some(mailbox) = self.mailbox(worker) {
                mailbox.post(Message::Granted(*wake));
            }
        }
    }

    /// Process-wide variables: readers copy, `set-var(proc.…)` and the runtime API write.
    pub fn proc_vars(&self) -> &RwLock<Vec<(VarId, OwnedValue)>> {
        &self.proc_vars
    }

    /// Limit of client connections in force; 0 for none.
    pub fn maxconn(&self) -> u32 {
        match self.process.maxconn.load(Relaxed) {
            0 => self.configured_maxconn.load(Relaxed),
            changed => changed,
        }
    }

    /// Changes the limit of client connections; 0 for that of the start.
    pub fn set_maxconn(&self, limit: u32) {
        self.process.maxconn.store(limit, Relaxed);
    }

    /// Interrupts accepting on all frontends, or goes on (`SIGTTOU`, `SIGTTIN`); gives those for
    /// which that is a change.
    pub fn pause_listeners(&self, paused: bool) -> Vec<ProxyId> {
        let generation = self.current();
        let mut changed = Vec::new();
        for proxy in &generation.proxies {
            let spec = &generation.config.proxies[proxy.id.index()];
            let has_listener = !spec.frontend.binds.is_empty();
            if has_listener && !proxy.is_disabled() && proxy.is_paused() != paused {
                proxy.listen(Some(paused), self);
                changed.push(proxy.id);
            }
        }
        changed
    }

    /// Says that the process will stop soon (`grace`): the `stopping` fetch and status pages show
    /// it, everything goes on meanwhile.
    pub fn announce_stop(&self) {
        self.process.set_stopping();
    }

    /// Makes workers close their listeners, after draining what waits there, and end when their
    /// last session has ended.
    pub fn soft_stop(&self) {
        self.process.set_stopping();
        for mailbox in &self.mailboxes {
            mailbox.post(Message::Stop(Stop::Soft));
        }
    }

    /// Makes workers end at once, whatever still runs.
    pub fn hard_stop(&self) {
        self.process.set_stopping();
        for mailbox in &self.mailboxes {
            mailbox.post(Message::Stop(Stop::Hard));
        }
    }

    /// Ends one session (`shutdown session`); false when its id cannot exist.
    pub fn kill_session(&self, id: u64) -> bool {
        let Some(mailbox) = self.mailbox(crate::live::worker_of(id)) else {
            return false;
        };
        mailbox.post(Message::Kill { session: id });
        true
    }

    /// Copies of all listening sockets; `timeout` bounds the wait for a busy worker.
    pub fn expose(&self, timeout: std::time::Duration) -> Vec<Exposed> {
        self.gather(Message::Expose, timeout)
    }

    /// What all workers answer to a question.
    fn gather<T>(
        &self,
        question: impl Fn(std::sync::mpsc::Sender<Vec<T>>) -> Message,
        timeout: std::time::Duration,
    ) -> Vec<T> {
        let (sender, receiver) = std::sync::mpsc::channel();
        for mailbox in &self.mailboxes {
            mailbox.post(question(sender.clone()));
        }
        drop(sender);
        let until = Instant::now() + timeout;
        let mut views = Vec::new();
        while let Ok(part) = receiver.recv_timeout(until.saturating_duration_since(Instant::now()))
        {
            views.extend(part);
        }
        views
    }

    /// Workers that answer within `timeout`.
    pub fn turning(&self, timeout: std::time::Duration) -> Vec<usize> {
        let (sender, receiver) = std::sync::mpsc::channel();
        for mailbox in &self.mailboxes {
            mailbox.post(Message::Ping(sender.clone()));
        }
        drop(sender);
        let until = Instant::now() + timeout;
        let left = || until.saturating_duration_since(Instant::now());
        std::iter::from_fn(|| receiver.recv_timeout(left()).ok()).collect()
    }

    /// Sessions of all workers, gathered; `timeout` bounds the wait for a busy worker.
    pub fn sessions(&self, timeout: std::time::Duration) -> Vec<crate::live::SessionView> {
        self.gather(Message::List, timeout)
    }
}

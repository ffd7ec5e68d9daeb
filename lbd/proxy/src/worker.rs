//! One worker: a thread with its own runtime, sessions, buffers and idle server connections.
//!
//! It decides nothing about traffic. Other threads reach it by its mailbox only.

mod adopt;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bumpalo::Bump;
use lbd_core::{ListenerId, Time};
use lbd_table::updates;
use slab::Slab;
use tokio::sync::Notify;
use tokio::task::LocalSet;

use crate::accept::{self, ListenerSocket, Post};
use crate::clock::Clock;
use crate::live::{self, Ending, Live};
use crate::mux::back::BackPool;
use crate::pool::Pool;
use crate::run_queue::RunQueue;
use crate::server_conn::IdlePool;
use crate::session::Held;
use crate::state::activity::{Activity, Span};
use crate::state::world::Bound;
use crate::state::{Mailbox, Message, ProxyState, Shared, Stop};
use crate::stream::Stream;
use crate::sys;
use crate::timers;

/// What all sessions of a worker share.
pub struct Worker {
    /// The state of the process.
    pub shared: Arc<Shared>,
    /// Its number, from 0.
    pub index: usize,
    /// Its clock.
    pub clock: Clock,
    /// Its buffers and pipes.
    pub pool: Pool,
    pub(crate) idle: IdlePool,
    /// Its connections of HTTP/2 to servers.
    pub(crate) backs: BackPool,
    bound: RefCell<Rc<Bound>>,
    live: RefCell<Slab<Rc<Live>>>,
    arenas: RefCell<Vec<Bump>>,
    bytes: RefCell<Vec<Vec<u8>>>,
    /// Room for answers that are held: one, as a session lets go of it before it waits.
    held: RefCell<Option<Box<Held>>>,
    /// Boxed: more than a kilobyte each, moved in and out for every request.
    #[allow(clippy::vec_box)]
    streams: RefCell<Vec<Box<Stream>>>,
    /// Sessions that left a queue while a grant for them was under way, with their backend.
    orphans: RefCell<Vec<(u64, Arc<ProxyState>)>>,
    sessions: Cell<u64>,
    requests: Cell<u64>,
    /// A listener waits for a session to end.
    pub(crate) is_full: Cell<bool>,
    /// Its runnable tasks, counted when somebody asks for it.
    pub(crate) run_queue: Arc<RunQueue>,
    /// When the worker was told to stop.
    stopped: Cell<Option<Time>>,
    /// Its listeners' places, as long as they accept.
    posts: RefCell<Vec<Rc<Post>>>,
    /// Told when a session ends, when listening changes and when the worker stops.
    pub(crate) changed: Notify,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker")
            .field("index", &self.index)
            .finish_non_exhaustive()
    }
}

impl Worker {
    fn new(shared: Arc<Shared>, index: usize, run_queue: Arc<RunQueue>) -> Self {
        let generation = shared.current();
        let global = &generation.config.global;
        let setup = shared.setup();
        let pipes = if global.no_splice {
            0
        } else {
            setup.max_pipes / setup.workers
        };
        let pool = Pool::new(global.tune.bufsize.max(1024), pipes, global.tune.pipesize);
        let bound = Rc::new(Bound::new(
            Arc::clone(&shared),
            Arc::clone(&generation),
            index,
        ));
        Self {
            clock: Clock::new(setup.origin),
            pool,
            idle: IdlePool::default(),
            backs: BackPool::default(),
            bound: RefCell::new(bound),
            live: RefCell::default(),
            arenas: RefCell::default(),
            bytes: RefCell::default(),
            held: RefCell::default(),
            streams: RefCell::default(),
            orphans: RefCell::default(),
            sessions: Cell::default(),
            requests: Cell::default(),
            is_full: Cell::default(),
            run_queue,
            stopped: Cell::default(),
            posts: RefCell::default(),
            changed: Notify::new(),
            index,
            shared,
        }
    }

    /// The generation that new sessions get.
    pub(crate) fn bound(&self) -> Rc<Bound> {
        Rc::clone(&self.bound.borrow())
    }

    /// Whether this is the view that new sessions get.
    #[inline]
    pub(crate) fn is_present(&self, bound: &Rc<Bound>) -> bool {
        Rc::ptr_eq(&self.bound.borrow(), bound)
    }

    /// Enters a session into the list of live ones.
    pub(crate) fn register(&self, make: impl FnOnce(u64) -> Live) -> Rc<Live> {
        let mut live = self.live.borrow_mut();
        let entry = live.vacant_entry();
        self.sessions.set(self.sessions.get() + 1);
        let id = live::make_id(self.index, self.sessions.get(), entry.key());
        let session = Rc::new(make(id));
        entry.insert(Rc::clone(&session));
        self.shared.process().sessions[self.index].inc();
        session
    }

    /// Takes a session off the list; a slot that was granted and not claimed is given back.
    pub(crate) fn unregister(&self, session: &Live) {
        let mut live = self.live.borrow_mut();
        let slot = live::slot_of(session.id);
        if live.get(slot).is_some_and(|known| known.id == session.id) {
            live.remove(slot);
            self.clock.timers.disarm(slot);
            self.shared.process().sessions[self.index].dec();
        }
        drop(live);
        // Nobody is woken for the end of a session but who waits for it.
        if self.is_stopping() || self.is_full.replace(false) {
            self.changed.notify_waiters();
        }
    }

    /// Wakes the session at a place of the list, if there is one.
    pub(crate) fn wake_at(&self, slot: usize) {
        if let Some(session) = self.live.borrow().get(slot) {
            session.nudge();
        }
    }

    /// How many sessions live.
    pub(crate) fn session_count(&self) -> usize {
        self.live.borrow().len()
    }

    /// Numbers the requests; distinct over all workers.
    pub(crate) fn next_request(&self) -> u64 {
        let count = self.requests.get();
        self.requests.set(count + 1);
        count * self.shared.setup().workers as u64 + self.index as u64
    }

    /// Whether connections may be ended for what their peers did (`tune.glitches.kill.cpu-usage`).
    pub(crate) fn may_kill_odd(&self) -> bool {
        let limit = self
            .bound
            .borrow()
            .generation
            .config
            .global
            .tune
            .h2
            .kill_cpu_usage;
        self.activity().cpu_percent.get() >= u64::from(limit)
    }

    /// Streams that a new connection of HTTP/2 is offered, by what there is to do (`rq-load`); 0
    /// for no limit.
    pub(crate) fn offered_streams(&self) -> u32 {
        let bound = self.bound.borrow();
        let tune = &bound.generation.config.global.tune;
        let load = self.run_queue.load();
        let workers = self.shared.setup().workers;
        tune.h2.offered_streams(tune, load, workers)
    }

    /// What it has done so far.
    #[inline]
    pub(crate) fn activity(&self) -> &Activity {
        // One for each worker.
        &self.shared.process().activity[self.index]
    }

    /// Whether no new sessions or requests should begin.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopped.get().is_some()
    }

    /// From when on a stopping worker closes a session's connection between requests: at once, or
    /// spread over `close-spread-time`; `None` while it serves, and for `infinite`.
    pub(crate) fn closes_from(&self, session: u64) -> Option<Time> {
        let stopped = self.stopped.get()?;
        match self
            .bound
            .borrow()
            .generation
            .config
            .global
            .close_spread_time
        {
            None => Some(stopped),
            Some(None) => None,
            Some(Some(window)) => {
                // Any spread will do that does not follow the numbers of sessions.
                let draw = session.wrapping_mul(SPREAD) >> 32;
                Some(stopped + window.mul_f64(draw as f64 / f64::from(u32::MAX)))
            }
        }
    }

    /// An arena for one evaluation, to be given back.
    pub(crate) fn take_arena(&self) -> Bump {
        self.arenas.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes an arena back; its values are gone.
    pub(crate) fn give_arena(&self, mut arena: Bump) {
        if arena.allocated_bytes() <= MAX_ARENA {
            arena.reset();
            self.arenas.borrow_mut().push(arena);
        }
    }

    /// An empty byte string with some room.
    pub(crate) fn take_bytes(&self) -> Vec<u8> {
        self.bytes
            .borrow_mut()
            .pop()
            .unwrap_or_else(|| Vec::with_capacity(1024))
    }

    /// Takes a byte string's memory back.
    pub(crate) fn give_bytes(&self, mut bytes: Vec<u8>) {
        let mut kept = self.bytes.borrow_mut();
        if bytes.capacity() > 0 && bytes.capacity() <= MAX_BYTES && kept.len() < MAX_KEPT {
            bytes.clear();
            kept.push(bytes);
        }
    }

    /// Room for answers that are held, empty.
    pub(crate) fn take_held(&self) -> Box<Held> {
        self.held.take().unwrap_or_default()
    }

    /// Takes it back.
    pub(crate) fn give_held(&self, mut held: Box<Held>) {
        held.0.clear();
        self.held.replace(Some(held));
    }

    /// Writes what this thread has changed in tables to the peers, before an answer tells of it: an
    /// answered change outlives this node.
    #[inline]
    pub(crate) fn tell_changes(&self) {
        if updates::take_due() {
            self.shared.setup().replication.push(self.clock.now());
        }
    }

    /// A stream's state, clean.
    pub(crate) fn take_stream(&self) -> Box<Stream> {
        self.streams.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes a stream's state back.
    pub(crate) fn give_stream(&self, mut stream: Box<Stream>) {
        let mut kept = self.streams.borrow_mut();
        if kept.len() < MAX_KEPT {
            stream.reset();
            kept.push(stream);
        }
    }

    fn on_message(self: &Rc<Self>, message: Message) {
        match message {
            Message::Adopt(adoption) => self.adopt(*adoption),
            Message::CloseIdle(server) => {
                self.idle.close(&server);
                self.backs.close(&server);
            }
            Message::CloseOneIdle(server) => {
                if !self.idle.close_one(&server) {
                    self.backs.close_one(&server);
                }
            }
            Message::Connection {
                fd,
                peer,
                listener,
                generation,
                places,
            } => {
                let bound = self.bound_of(&generation);
                accept::start(self, bound, fd, peer, listener, places);
            }
            Message::EndOlder(serial) => {
                for (_, session) in self.live.borrow().iter() {
                    if session.serial() < serial {
                        session.end(Ending::Stopped);
                    }
                }
            }
            Message::Expose(sender) => {
                // Who asked may have given up.
                let _ = sender.send(self.exposed());
            }
            Message::Granted(wake) => self.on_granted(wake),
            Message::Kill { session } => {
                if let Some(session) = self.find(session) {
                    session.end(Ending::Killed);
                }
            }
            Message::KillServer { server, ending } => {
                self.idle.close(&server);
                self.backs.close(&server);
                for (_, session) in self.live.borrow().iter() {
                    if session.uses(&server) {
                        session.end(ending);
                    }
                }
            }
            Message::List(sender) => {
                let views = self
                    .live
                    .borrow()
                    .iter()
                    .map(|(_, session)| session.view())
                    .collect();
                let _ = sender.send(views);
            }
            Message::Listen => self.changed.notify_waiters(),
            Message::Ping(sender) => {
                let _ = sender.send(self.index);
            }
            Message::Release => self.pool.release(),
            Message::Stop(stop) => self.on_stop(stop),
        }
    }

    fn close_mailbox(&self) -> bool {
        self.shared.mailbox(self.index).is_none_or(Mailbox::close)
    }

    fn find(&self, id: u64) -> Option<Rc<Live>> {
        let live = self.live.borrow();
        live.get(live::slot_of(id))
            .filter(|session| session.id == id)
            .map(Rc::clone)
    }

    fn on_granted(&self, wake: lbd_backend::Wake) {
        let is_orphan = self
            .orphans
            .borrow()
            .iter()
            .any(|(id, _)| *id == wake.token);
        match self.find(wake.token).filter(|_| !is_orphan) {
            Some(session) => session.grant(wake),
            // The session has ended while the grant was under way.
            None => self.return_orphan(wake),
        }
    }

    /// Notes that a session ended while a grant for it was under way.
    pub(crate) fn disown(&self, session: u64, backend: Arc<ProxyState>) {
        self.orphans.borrow_mut().push((session, backend));
    }

    fn return_orphan(&self, wake: lbd_backend::Wake) {
        let mut orphans = self.orphans.borrow_mut();
        let Some(at) = orphans.iter().position(|(id, _)| *id == wake.token) else {
            return;
        };
        let (_, backend) = orphans.swap_remove(at);
        drop(orphans);
        if let lbd_backend::Outcome::Granted(server) = wake.outcome {
            backend.release(server, &self.shared, self.clock.now());
        }
    }

    fn on_stop(&self, stop: Stop) {
        self.stopped
            .set(self.stopped.get().or_else(|| Some(self.clock.now())));
        self.changed.notify_waiters();
        for (_, session) in self.live.borrow().iter() {
            match stop {
                Stop::Hard => session.end(Ending::Stopped),
                Stop::Soft => session.nudge(),
            }
        }
        self.idle.clear();
        self.backs.clear();
    }

    async fn read_mail(self: Rc<Self>) {
        let shared = Arc::clone(&self.shared);
        let Some(mailbox) = shared.mailbox(self.index) else {
            return;
        };
        loop {
            for message in mailbox.take().await {
                self.clock.refresh();
                self.on_message(message);
            }
        }
    }

    async fn sweep(self: Rc<Self>) {
        let mut span = Span::new(self.clock.now(), sys::thread_cpu_time());
        loop {
            tokio::time::sleep(SWEEP_INTERVAL).await;
            self.clock.refresh();
            let now = self.clock.now();
            let switch = &self.shared.process().profiling;
            let cpu = sys::thread_cpu_time();
            self.activity().note(&mut span, now, cpu, switch);
            if self.idle.len() > 0 {
                self.idle.sweep(now);
            }
            self.backs.sweep(now);
        }
    }
}

/// Runs a worker on this thread until it is stopped and its last session has ended.
///
/// # Errors
/// When the runtime or a listener cannot be set up.
pub fn run(
    shared: Arc<Shared>,
    index: usize,
    listeners: Vec<ListenerSocket>,
) -> std::io::Result<()> {
    let sink = Arc::clone(&shared.setup().log);
    let replication = Arc::clone(&shared.setup().replication);
    updates::tell_changes_here();
    let global = &shared.current().config.global;
    let run_queue = Arc::new(RunQueue::new(global.tune.h2.load.is_some()));
    let resting = Arc::clone(&run_queue);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_park(move || {
            sink.flush(index);
            if updates::take_due() {
                replication.hint();
            }
            if resting.is_counted() {
                resting.rest();
            }
        })
        .build()?;
    let activity = &shared.process().activity[index];
    activity.begin(runtime.metrics(), Arc::clone(&run_queue));
    let local = LocalSet::new();
    let log = Arc::clone(&shared.setup().log);
    let result = local.block_on(&runtime, async move {
        let worker = Rc::new(Worker::new(shared, index, run_queue));
        for listener in listeners {
            accept::open(&worker, listener)?;
        }
        let mail = tokio::task::spawn_local(Rc::clone(&worker).read_mail());
        let sweep = tokio::task::spawn_local(Rc::clone(&worker).sweep());
        let timers = tokio::task::spawn_local(timers::drive(Rc::clone(&worker)));
        loop {
            let changed = worker.changed.notified();
            let is_accepting = !worker.posts.borrow().is_empty();
            if worker.is_stopping() && !is_accepting && worker.session_count() == 0 {
                if worker.close_mailbox() {
                    break;
                }
                // A connection may be among what waits.
                tokio::task::yield_now().await;
                continue;
            }
            changed.await;
        }
        mail.abort();
        sweep.abort();
        timers.abort();
        worker.idle.clear();
        Ok(())
    });
    log.flush(index);
    result
}

impl Worker {
    /// The worker to take a new connection: this one, unless another has clearly fewer sessions.
    pub(crate) fn lighter(&self, spread: bool, takers: Option<&[usize]>) -> usize {
        let sessions = &self.shared.process().sessions;
        if sessions.len() < 2 {
            return self.index;
        }
        let own = self.session_count() as u64;
        let (least, count) = sessions
            .iter()
            .enumerate()
            .filter(|(at, _)| takers.is_none_or(|takers| takers.contains(at)))
            .map(|(at, count)| (at, count.get()))
            .min_by_key(|(_, count)| *count)
            .unwrap_or((self.index, own));
        let margin = if spread { 0 } else { MARGIN.max(count / 4) };
        if own > count + margin {
            least
        } else {
            self.index
        }
    }

    /// Counts a failed accept.
    pub(crate) fn accept_failed(&self) {
        self.shared.process().accept_failures.fetch_add(1, Relaxed);
    }

    /// Whether a listener may accept now; `None` when it never will again.
    pub(crate) fn may_listen(&self, bound: &Bound, listener: ListenerId) -> Option<bool> {
        let state = bound.generation.listener(listener)?;
        let proxy = bound.generation.proxy(state.proxy);
        if self.is_stopping() || proxy.is_disabled() {
            return None;
        }
        Some(!proxy.is_paused())
    }
}

/// Largest arena kept between evaluations.
const MAX_ARENA: usize = 256 * 1024;

/// Largest byte string kept.
const MAX_BYTES: usize = 64 * 1024;

/// Stream states and byte strings kept by a worker.
const MAX_KEPT: usize = 256;

/// How often idle connections are looked through.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// Sessions that another worker must have less before a connection moves there.
const MARGIN: u64 = 8;

/// Odd multiplier that spreads consecutive numbers over 64 bits.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

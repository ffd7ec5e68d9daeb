//! What can reach into a running session from outside: wake-ups, kills, its deadline, its picture.
//!
//! It holds no message and no socket. A session's task looks here whenever it is polled.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use lbd_backend::Wake;
use lbd_core::{ListenerId, ProxyId, ServerId, Time, WallTime};
use lbd_rules::facts::Endpoint;

use crate::clock::Clock;
use crate::run_queue::Counted;
use crate::state::activity::TaskKind;
use crate::state::world::Bound;
use crate::state::{Generation, ListenerState, ServerState};
use crate::sys;
use crate::worker::Worker;

/// Why a session is ended from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// A backup server's streams end because the primary is back: `U`.
    BackupReplaced,
    /// By an operator: `K`.
    Killed,
    /// The server went down: `D`.
    ServerDown,
    /// The process stops at once: `K`.
    Stopped,
}

/// What a session is doing, as `show sess` tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Activity {
    /// Waits for a request.
    #[default]
    Idle,
    /// Reads or judges a request.
    Request,
    /// Waits in a queue.
    Queue,
    /// Connects to a server.
    Connect,
    /// Waits for a response.
    Response,
    /// Moves data.
    Data,
    /// Held back by `tarpit`.
    Tarpit,
}

/// One session as a list shows it.
#[derive(Debug, Clone)]
pub struct SessionView {
    /// Its id.
    pub id: u64,
    /// Its worker.
    pub worker: usize,
    /// The configuration it is under, which all ids here are of.
    pub generation: Arc<Generation>,
    /// Its frontend.
    pub frontend: ProxyId,
    /// Its listener.
    pub listener: ListenerId,
    /// When it was accepted.
    pub accepted: Time,
    /// The same on the wall clock.
    pub accepted_wall: WallTime,
    /// The client.
    pub source: Endpoint,
    /// What it is doing.
    pub activity: Activity,
    /// The backend chosen.
    pub backend: Option<ProxyId>,
    /// The server chosen.
    pub server: Option<ServerId>,
    /// Requests so far.
    pub requests: u32,
    /// Bytes received from the client.
    pub bytes_in: u64,
    /// Bytes sent to the client.
    pub bytes_out: u64,
    /// When it will time out, if nothing happens.
    pub deadline: Option<Time>,
    /// When anything last happened.
    pub last_activity: Time,
    /// Descriptor of the client's socket.
    pub fd: i32,
    /// Descriptor of the server's socket, -1 for none.
    pub server_fd: i32,
}

/// The outside's hold on a session, kept by the worker and by the session's task.
pub struct Live {
    /// Its id: worker, slot and a count.
    pub id: u64,
    /// The configuration it is under, which all ids here are of.
    bound: RefCell<Rc<Bound>>,
    /// Its frontend.
    pub frontend: Cell<ProxyId>,
    /// Its listener.
    pub listener: Cell<ListenerId>,
    /// When it was accepted.
    pub accepted: Time,
    /// The same on the wall clock.
    pub accepted_wall: WallTime,
    /// The client.
    pub source: Cell<Endpoint>,
    /// What it is doing.
    pub activity: Cell<Activity>,
    /// The backend chosen.
    pub backend: Cell<Option<ProxyId>>,
    /// The server whose slot is held.
    pub server: Cell<Option<ServerId>>,
    /// Requests so far.
    pub requests: Cell<u32>,
    /// Bytes received from the client.
    pub bytes_in: Cell<u64>,
    /// Bytes sent to the client.
    pub bytes_out: Cell<u64>,
    /// When anything last happened.
    pub last_activity: Cell<Time>,
    /// Descriptor of the client's socket.
    pub fd: Cell<i32>,
    /// Descriptor of the server's socket.
    pub server_fd: Cell<i32>,
    ending: Cell<Option<Ending>>,
    granted: Cell<Option<Box<Wake>>>,
    waker: Cell<Option<Waker>>,
    /// [`NEVER`] for none: an `Option` would cost every session eight bytes more.
    deadline: Cell<Time>,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Live").field(&self.view()).finish()
    }
}

impl Live {
    /// A session that begins.
    pub fn new(
        id: u64,
        bound: &Rc<Bound>,
        listener: ListenerId,
        source: Endpoint,
        clock: &Clock,
    ) -> Self {
        let state = bound.generation.listener(listener);
        Self {
            id,
            bound: RefCell::new(Rc::clone(bound)),
            frontend: Cell::new(state.map_or(ProxyId(0), |state| state.proxy)),
            listener: Cell::new(listener),
            accepted: clock.now(),
            accepted_wall: clock.wall(),
            source: Cell::new(source),
            activity: Cell::default(),
            backend: Cell::default(),
            server: Cell::default(),
            requests: Cell::default(),
            bytes_in: Cell::default(),
            bytes_out: Cell::default(),
            last_activity: Cell::new(clock.now()),
            fd: Cell::new(-1),
            server_fd: Cell::new(-1),
            ending: Cell::default(),
            granted: Cell::default(),
            waker: Cell::default(),
            deadline: Cell::new(NEVER),
        }
    }

    /// Goes on under another configuration.
    pub(crate) fn rebind(&self, bound: &Rc<Bound>, listener: &ListenerState) {
        *self.bound.borrow_mut() = Rc::clone(bound);
        self.frontend.set(listener.proxy);
        self.listener.set(listener.id);
    }

    /// Number of the configuration that it is under.
    pub(crate) fn serial(&self) -> u64 {
        self.bound.borrow().generation.serial
    }

    /// Whether it holds a slot of this server.
    pub(crate) fn uses(&self, server: &ServerState) -> bool {
        let place = self.backend.get().zip(self.server.get());
        let bound = self.bound.borrow();
        place
            .and_then(|(backend, id)| bound.generation.server(backend, id))
            .is_some_and(|used| used.is_same(server))
    }

    /// Remembers the task, whose waker stays the same for its life.
    pub(crate) fn adopt(&self, waker: &Waker) {
        let kept = self.waker.take();
        self.waker.set(Some(match kept {
            Some(kept) if kept.will_wake(waker) => kept,
            _ => waker.clone(),
        }));
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake_by_ref();
            self.waker.set(Some(waker));
        }
    }

    /// Asks the session to end.
    pub fn end(&self, ending: Ending) {
        if self.ending.get().is_none() {
            self.ending.set(Some(ending));
            self.wake();
        }
    }

    /// Polls the session once, so that it sees that the worker stops.
    pub(crate) fn nudge(&self) {
        self.wake();
    }

    /// Whether and why the session has been asked to end.
    #[inline]
    pub fn ending(&self) -> Option<Ending> {
        self.ending.get()
    }

    /// Hands over what the queue decided.
    pub(crate) fn grant(&self, wake: Wake) {
        self.granted.set(Some(Box::new(wake)));
        self.wake();
    }

    /// Takes what the queue decided.
    pub(crate) fn take_grant(&self) -> Option<Wake> {
        self.granted.take().map(|wake| *wake)
    }

    /// Ready when `deadline` has passed; otherwise the task is polled again at the latest then.
    ///
    /// The timer is moved only when it would fire too late: a deadline that moves on with every
    /// read costs nothing.
    pub(crate) fn poll_deadline(
        &self,
        cx: &mut Context<'_>,
        clock: &Clock,
        deadline: Option<Time>,
    ) -> Poll<()> {
        self.poll_deadline_with(cx, clock, deadline, None)
    }

    /// The same, and the task is polled again at `nudge` in any case.
    pub(crate) fn poll_deadline_with(
        &self,
        cx: &mut Context<'_>,
        clock: &Clock,
        deadline: Option<Time>,
        nudge: Option<Time>,
    ) -> Poll<()> {
        let deadline = deadline.unwrap_or(NEVER);
        self.deadline.set(deadline);
        let now = clock.now();
        if now >= deadline {
            return Poll::Ready(());
        }
        let deadline = nudge.map_or(deadline, |nudge| nudge.min(deadline));
        if deadline == NEVER {
            return Poll::Pending;
        }
        self.adopt(cx.waker());
        let (timers, slot) = (&clock.timers, slot_of(self.id));
        if !timers.is_armed(slot, deadline) {
            timers.arm(slot, deadline);
        }
        Poll::Pending
    }

    /// The session as lists show it.
    pub fn view(&self) -> SessionView {
        SessionView {
            id: self.id,
            worker: worker_of(self.id),
            generation: Arc::clone(&self.bound.borrow().generation),
            frontend: self.frontend.get(),
            listener: self.listener.get(),
            accepted: self.accepted,
            accepted_wall: self.accepted_wall,
            source: self.source.get(),
            activity: self.activity.get(),
            backend: self.backend.get(),
            server: self.server.get(),
            requests: self.requests.get(),
            bytes_in: self.bytes_in.get(),
            bytes_out: self.bytes_out.get(),
            deadline: Some(self.deadline.get()).filter(|&deadline| deadline != NEVER),
            last_activity: self.last_activity.get(),
            fd: self.fd.get(),
            server_fd: self.server_fd.get(),
        }
    }
}

pin_project_lite::pin_project! {
    /// The task of a session: at each of its turns the clock is read, and the session's outside
    /// knows whom to wake. A structure, since an `async` block would hold the future twice.
    pub(crate) struct Turns<F, K> {
        worker: Rc<Worker>,
        live: Rc<Live>,
        kind: PhantomData<K>,
        #[pin]
        session: F,
    }
}

/// What kind of task it is; a type, so that no task holds it.
pub(crate) trait Kind {
    /// The kind.
    const KIND: TaskKind;
}

/// The task of a client connection.
pub(crate) struct SessionTask;

impl Kind for SessionTask {
    const KIND: TaskKind = TaskKind::Session;
}

/// The task of a stream of HTTP/2.
pub(crate) struct StreamTask;

impl Kind for StreamTask {
    const KIND: TaskKind = TaskKind::Stream;
}

impl<F, K: Kind> Turns<F, K> {
    /// The task that runs `session`.
    pub(crate) fn new(worker: Rc<Worker>, live: Rc<Live>, session: F) -> Self {
        Self {
            worker,
            live,
            kind: PhantomData,
            session,
        }
    }
}

impl<F: Future<Output = ()>, K: Kind> Future for Turns<F, K> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        this.worker.clock.refresh();
        this.live.adopt(cx.waker());
        let activity = this.worker.activity();
        activity.turns.inc();
        if !activity.is_profiled() {
            return this.session.poll(cx);
        }
        let before = sys::thread_cpu_time();
        let done = this.session.poll(cx);
        let used = sys::thread_cpu_time().saturating_sub(before);
        this.worker.activity().add_turn(K::KIND, used);
        done
    }
}

/// Runs a session or a stream as a task of its own, counted where the worker counts, with its waits
/// measured where turns are.
pub(crate) fn spawn<K: Kind + 'static>(
    worker: Rc<Worker>,
    live: Rc<Live>,
    session: impl Future<Output = ()> + 'static,
) {
    let is_profiled = worker.activity().is_profiled();
    if !worker.run_queue.is_counted() && !is_profiled {
        tokio::task::spawn_local(Turns::<_, K>::new(worker, live, session));
        return;
    }
    let queue = Arc::clone(&worker.run_queue);
    let (origin, observer) = (worker.shared.setup().origin, Rc::clone(&worker));
    let turns = Turns::<_, K>::new(worker, live, session);
    let note = move |waited| observer.activity().add_wait(K::KIND, waited);
    let clock = is_profiled.then_some(origin);
    tokio::task::spawn_local(Counted::new(&queue, clock, note, turns));
}

/// The worker that a session id, or a token of the queue, belongs to.
pub fn worker_of(id: u64) -> usize {
    (id >> WORKER_SHIFT) as usize
}

/// The slot of a session within its worker.
pub(crate) fn slot_of(id: u64) -> usize {
    (id & SLOT_MASK) as usize
}

/// An id from its parts: 12 bits of worker, 28 of count, 24 of slot.
pub(crate) fn make_id(worker: usize, count: u64, slot: usize) -> u64 {
    let count = count & ((1 << (WORKER_SHIFT - SLOT_BITS)) - 1);
    (worker as u64) << WORKER_SHIFT | count << SLOT_BITS | (slot as u64 & SLOT_MASK)
}

/// A deadline that does not come.
const NEVER: Time = Time(u64::MAX);

const WORKER_SHIFT: u32 = 52;
const SLOT_BITS: u32 = 24;
const SLOT_MASK: u64 = (1 << SLOT_BITS) - 1;

#[cfg(test)]
mod tests;

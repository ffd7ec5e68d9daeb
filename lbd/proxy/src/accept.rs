//! Accepting connections: limits, pauses, spreading over workers, and the start of a session.
//!
//! It binds no socket: the daemon did, and hands over descriptors.

use std::cell::Cell;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use lbd_config::config::ListenAddress;
use lbd_core::{ListenerId, Time};
use lbd_rules::facts::Endpoint;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::live::{self, Live, SessionTask};
use crate::log;
use crate::session::{self, Session};
use crate::state::world::Bound;
use crate::state::{Generation, Message};
use crate::sys;
use crate::transport::Transport;
use crate::worker::Worker;

mod places;
mod post;

pub(crate) use places::Entered;
pub use places::Places;
pub(crate) use post::Post;

/// A bound, listening, non-blocking socket.
#[derive(Debug)]
pub struct ListenerSocket {
    /// Which listener of the configuration it belongs to.
    pub id: ListenerId,
    /// The socket.
    pub socket: OwnedFd,
    /// Whether this worker accepts for all: connections go to the least loaded one. Otherwise
    /// each worker has a socket of its own and connections move only when loads differ clearly.
    pub is_shared: bool,
    /// Length of its accept queue.
    pub backlog: u32,
}

/// Accepts on a socket until the worker stops, the frontend does, or a configuration comes in which
/// it has no place.
///
/// # Errors
/// When the poller refuses the descriptor.
pub(crate) fn open(worker: &Rc<Worker>, listener: ListenerSocket) -> io::Result<()> {
    let ListenerSocket {
        id,
        socket,
        is_shared,
        backlog,
    } = listener;
    let socket = sys::watch(socket, Interest::READABLE)?;
    let releases = releases(worker, id);
    let raw = socket.get_ref().as_raw_fd();
    let post = Rc::new(Post::new(worker, id, is_shared, raw));
    worker.take_post(Rc::clone(&post));
    let acceptor = Acceptor {
        worker: Rc::clone(worker),
        post,
        socket,
        backlog: releases.then(|| i32::try_from(backlog).unwrap_or(i32::MAX)),
        told: Cell::default(),
    };
    tokio::task::spawn_local(acceptor.run());
    Ok(())
}

struct Acceptor {
    worker: Rc<Worker>,
    post: Rc<Post>,
    socket: AsyncFd<OwnedFd>,
    /// Length of the queue, when the port is released while the frontend is paused.
    backlog: Option<i32>,
    /// When a shortage was last logged.
    told: Cell<Option<Time>>,
}

/// Whether a pause releases the address: a socket that others may hold as well goes on listening,
/// and a unix socket cannot begin again; their clients wait.
fn releases(worker: &Worker, id: ListenerId) -> bool {
    let bound = worker.bound();
    let listener = bound.generation.config.listeners.get(id.index());
    listener.is_some_and(|listener| matches!(listener.address, ListenAddress::Tcp(_)))
}

/// What an accept made of it.
enum Accepted {
    /// One was taken; there may be more.
    One,
    /// None waits.
    Empty,
    /// A limit is reached.
    Full,
    /// A shortage: pause.
    Pause,
}

impl Acceptor {
    async fn run(mut self) {
        let mut is_closed = false;
        loop {
            let worker = Rc::clone(&self.worker);
            let changed = worker.changed.notified();
            let may_listen = match self.has_left() {
                true => None,
                false => worker.may_listen(&worker.bound(), self.post.id()),
            };
            match may_listen {
                None => break,
                Some(false) => {
                    is_closed = is_closed || self.close();
                    changed.await;
                }
                Some(true) => {
                    drop(changed);
                    if std::mem::take(&mut is_closed) {
                        let post = Rc::clone(&self.post);
                        match self.reopened() {
                            Some(opened) => self = opened,
                            None => return worker.leave_post(&post),
                        }
                    }
                    self.round().await;
                }
            }
        }
        if !is_closed {
            self.drain();
        }
        let (worker, post) = (Rc::clone(&self.worker), Rc::clone(&self.post));
        // The socket first: who waits for the end of listening may want the address.
        drop(self);
        worker.leave_post(&post);
    }

    fn has_left(&self) -> bool {
        self.post.has_left()
    }

    /// The configuration that its connections are accepted under.
    fn bound(&self) -> Rc<Bound> {
        self.post.left().unwrap_or_else(|| self.worker.bound())
    }

    /// Whoever the kernel has let in already is served: closing would reset them.
    fn drain(&self) {
        for _ in 0..MAX_DRAINED {
            if !matches!(self.accept(), Accepted::One) {
                break;
            }
        }
    }

    /// Releases the address for the time of a pause (`SIGTTOU`, `disable frontend`), so that
    /// another process can have it; false where that is not possible.
    fn close(&self) -> bool {
        if self.backlog.is_none() {
            return false;
        }
        self.drain();
        SockRef::from(self.socket.get_ref())
            .shutdown(Shutdown::Read)
            .is_ok()
    }

    /// Listens again after a pause; `None` when the address has another owner now.
    fn reopened(self) -> Option<Self> {
        let backlog = self.backlog.unwrap_or(0);
        // A new registration: the old one keeps that the socket was closed.
        let socket = self.socket.into_inner();
        let opened = SockRef::from(&socket)
            .listen(backlog)
            .and_then(|()| sys::watch(socket, Interest::READABLE));
        match opened {
            Ok(socket) => Some(Self { socket, ..self }),
            Err(_) => {
                self.worker.accept_failed();
                None
            }
        }
    }

    async fn round(&self) {
        if self.is_full() {
            self.worker
                .shared
                .process()
                .maxconn_reached
                .fetch_add(1, Relaxed);
            self.worker.is_full.set(true);
            let changed = self.worker.changed.notified();
            let _ = tokio::time::timeout(FULL_PAUSE, changed).await;
            return;
        }
        let changed = self.worker.changed.notified();
        let mut guard = tokio::select! {
            biased;
            ready = self.socket.readable() => match ready {
                Ok(guard) => guard,
                Err(_) => return,
            },
            () = changed => return,
        };
        self.worker.clock.refresh();
        for _ in 0..self.max_accept() {
            if self.is_full() {
                return;
            }
            match self.accept() {
                Accepted::One => {}
                Accepted::Full => return,
                Accepted::Empty => {
                    guard.clear_ready();
                    return;
                }
                Accepted::Pause => {
                    tokio::time::sleep(SHORTAGE_PAUSE).await;
                    return;
                }
            }
        }
        // Let sessions have their turn; the socket is still ready.
        tokio::task::yield_now().await;
    }

    fn max_accept(&self) -> usize {
        let bound = self.bound();
        match bound.generation.config.global.tune.maxaccept {
            None => DEFAULT_MAX_ACCEPT,
            Some(limit) => usize::try_from(limit).unwrap_or(usize::MAX).max(1),
        }
    }

    fn is_full(&self) -> bool {
        let bound = self.bound();
        let generation = &bound.generation;
        let process = self.worker.shared.process();
        let limit = self.worker.shared.maxconn();
        if limit > 0 && process.connections.get() >= limit {
            return true;
        }
        let Some(listener) = generation.listener(self.post.id()) else {
            return true;
        };
        let proxy = generation.proxy(listener.proxy);
        let frontend_limit = proxy.maxconn.load(Relaxed);
        if frontend_limit > 0 && proxy.sessions.get() >= frontend_limit {
            return true;
        }
        let spec = &generation.config.proxies[listener.proxy.index()].frontend;
        let bind_limit = self.bind_limit(generation);
        if bind_limit > 0 && listener.connections.get() >= bind_limit {
            return true;
        }
        let now = self.worker.clock.now();
        let global = &generation.config.global;
        let over = |limit: u32, rate: &dyn Fn() -> u32| limit > 0 && rate() >= limit;
        let set = &process.rate_limits;
        let connections = set.connections.get(global.maxconnrate);
        let sessions = set.sessions.get(global.maxsessrate);
        let tls = places::tls_rate_limit(generation, self.post.id(), &self.worker.shared);
        over(connections, &|| process.connection_rate.read(now))
            || over(sessions, &|| process.session_rate.read(now))
            || over(tls, &|| process.tls.rate.read(now))
            || over(spec.rate_limit_sessions, &|| proxy.session_rate.read(now))
    }

    /// `maxconn` of the `bind` line, 0 for none.
    fn bind_limit(&self, generation: &Generation) -> u32 {
        let config = &generation.config;
        let Some(listener) = config.listeners.get(self.post.id().index()) else {
            return 0;
        };
        let binds = &config.proxies[listener.proxy.index()].frontend.binds;
        binds
            .get(listener.bind.index())
            .map_or(0, |bind| bind.options.maxconn)
    }

    fn accept(&self) -> Accepted {
        let bound = self.bound();
        let bind_limit = self.bind_limit(&bound.generation);
        // The place first: workers that accept at the same moment must not pass a limit together.
        let shared = &self.worker.shared;
        let now = self.worker.clock.now();
        let taken = Places::take(shared, &bound.generation, self.post.id(), bind_limit, now);
        let Some(places) = taken else {
            return Accepted::Full;
        };
        match sys::accept(self.socket.get_ref().as_fd()) {
            Ok((fd, peer)) => {
                places.confirm();
                self.hand_over(&bound, fd, peer, places);
                Accepted::One
            }
            Err(error) => match error.raw_os_error() {
                Some(libc::EAGAIN) => Accepted::Empty,
                // The client is gone already.
                Some(
                    libc::ECONNABORTED
                    | libc::EINTR
                    | libc::EPROTO
                    | libc::EPERM
                    | libc::ENETDOWN
                    | libc::ENETUNREACH
                    | libc::EHOSTDOWN
                    | libc::EHOSTUNREACH,
                ) => Accepted::One,
                // Whoever waits in the kernel's queue is served when descriptors are free again.
                Some(libc::EMFILE | libc::ENFILE) => {
                    self.worker.accept_failed();
                    self.tell_shortage(&bound);
                    Accepted::Pause
                }
                // Memory, or a socket that somebody broke: asking at once again would spin.
                _ => {
                    self.worker.accept_failed();
                    Accepted::Pause
                }
            },
        }
    }

    /// Starts the session on the worker that is to have it.
    fn hand_over(&self, bound: &Rc<Bound>, fd: OwnedFd, peer: Endpoint, places: Places) {
        let to = match self.worker.is_stopping() {
            true => self.worker.index,
            false => self
                .worker
                .lighter(self.post.is_shared(), self.post.takers().as_deref()),
        };
        let connection = Message::Connection {
            fd,
            peer,
            listener: self.post.id(),
            generation: Arc::clone(&bound.generation),
            places,
        };
        let kept = match self.worker.shared.mailbox(to) {
            Some(mailbox) if to != self.worker.index => {
                self.worker.activity().handed_over.inc();
                mailbox.offer(connection)
            }
            _ => Some(connection),
        };
        if let Some(Message::Connection {
            fd, peer, places, ..
        }) = kept
        {
            start(
                &self.worker,
                Rc::clone(bound),
                fd,
                peer,
                self.post.id(),
                places,
            );
        }
    }

    /// Logs a shortage of descriptors, once a second at most.
    fn tell_shortage(&self, bound: &Bound) {
        let Some(listener) = bound.generation.listener(self.post.id()) else {
            return;
        };
        let spec = &bound.generation.config.proxies[listener.proxy.index()];
        let now = self.worker.clock.now();
        if self
            .told
            .get()
            .is_none_or(|told| now >= told + TELL_INTERVAL)
        {
            self.told.set(Some(now));
            log::shortage(&self.worker, bound, spec);
        }
    }
}

/// Starts a session on this worker.
pub(crate) fn start(
    worker: &Rc<Worker>,
    bound: Rc<Bound>,
    fd: OwnedFd,
    peer: Endpoint,
    listener: ListenerId,
    places: Places,
) {
    let Some(state) = bound.generation.listener(listener) else {
        return;
    };
    let frontend = state.proxy;
    let spec = &bound.generation.config.proxies[frontend.index()];
    let is_unix = peer == Endpoint::Unix;
    let has_tls = spec
        .frontend
        .binds
        .get(
            bound.generation.config.listeners[listener.index()]
                .bind
                .index(),
        )
        .is_some_and(|bind| bind.tls.is_some());
    let io = match has_tls {
        true => Transport::new_tls(fd, is_unix),
        false => Transport::new(fd, is_unix),
    };
    let Ok(io) = io else {
        worker.accept_failed();
        return;
    };
    let global = &bound.generation.config.global;
    if let Some(keepalive) = spec.frontend.keepalive {
        session::keep_alive(&io, keepalive);
    }
    if let Some(size) = global.tune.sndbuf_client {
        let _ = io.options().set_send_buffer_size(size);
    }
    if let Some(size) = global.tune.rcvbuf_client {
        let _ = io.options().set_recv_buffer_size(size);
    }
    if let Some(bytes) = global.tune.notsent_lowat_client.filter(|_| io.is_tcp()) {
        let _ = sys::set_notsent_lowat(io.options().as_fd(), bytes);
    }
    let live = worker.register(|id| Live::new(id, &bound, listener, peer, &worker.clock));
    live.fd.set(io.raw_fd());
    let entered = Entered::new(Rc::clone(worker), &bound, Rc::clone(&live), places);
    let worker = Rc::clone(worker);
    // Apart from the task, whose future must stay small while it waits.
    let session = Box::new(Session::new(entered, bound, io, peer));
    live::spawn::<SessionTask>(worker, live, session::serve(session));
}

/// Connections accepted for one wake-up unless `tune.maxaccept` says otherwise: enough to keep up,
/// few enough to let sessions have their turn.
const DEFAULT_MAX_ACCEPT: usize = 16;

/// Connections taken from the kernel's queue when listening ends: the largest backlog that systems
/// give by default, so that a flood does not hold the end up.
const MAX_DRAINED: usize = 4096;

/// How long a full listener waits before it looks again, if nobody tells it.
const FULL_PAUSE: Duration = Duration::from_millis(10);

/// How often a shortage is logged.
const TELL_INTERVAL: Duration = Duration::from_secs(1);

/// How long a listener waits after running out of descriptors or memory.
const SHORTAGE_PAUSE: Duration = Duration::from_millis(100);

//! HTTP/2 with a client: one task for the connection, one for each stream at once.
//!
//! A stream's task outlives its stream and serves the next one, as a connection of HTTP/1 serves
//! one request after the other: its session, timer and buffers are made once.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use lbd_config::config::Timeouts;
use lbd_core::Time;
use lbd_http::h2::{Config, Connection, ErrorCode, Key, Role};
use lbd_rules::facts::SessionFacts;
use lbd_rules::var::VarStore;

use super::probe::Probe;
use super::{Budget, H2Stream, Link};
use crate::live::{self, Ending, Live, StreamTask};
use crate::pool::Buf;
use crate::reconcile;
use crate::server_conn::OwnConns;
use crate::session::{Entry, Moment, Registered, Session, SessionVars};
use crate::state::counters::Counters;
use crate::state::world::Bound;
use crate::stream::{self, ParseLimits, track};
use crate::transport::Transport;
use crate::worker::Worker;

/// What the streams of a connection share.
struct Front {
    link: Rc<Link>,
    worker: Rc<Worker>,
    bound: RefCell<Rc<Bound>>,
    live: Rc<Live>,
    /// As they were when the connection was accepted; places follow `live`.
    facts: SessionFacts,
    vars: Rc<VarStore>,
    /// Streams so far.
    streams: Cell<u32>,
    /// When the last one began, which is where the idle time of the next one is counted from.
    last_begin: Cell<Option<Moment>>,
    /// Glitches that tracked entries know of.
    counted_glitches: Cell<u32>,
    /// Tasks without a stream.
    idle: RefCell<Vec<Rc<Seat>>>,
    is_closed: Cell<bool>,
    is_fault_told: Cell<bool>,
    /// `idle-ping` of the line.
    idle_ping: Option<Duration>,
    _entry: Entry,
}

/// Where a task waits for its next stream.
#[derive(Default)]
struct Seat {
    next: Cell<Option<Key>>,
    waker: RefCell<Option<Waker>>,
}

impl Seat {
    fn wake(&self) {
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }
}

/// Serves a client's connection to its end.
pub(crate) async fn serve(mut session: Box<Session>) {
    session.facts.http_major = 2;
    let counters = session.counters();
    counters.h2_sessions.inc();
    counters.h2_connections.inc();
    counters.h2_open_connections.inc();
    let machine = Connection::new(config(&session));
    let idle_ping = idle_ping(&session);
    let nolinger = session.spec().options.nolinger;
    let session = *session;
    let front = Rc::new(Front {
        link: Link::new(session.io, machine, session.input),
        worker: session.worker,
        bound: RefCell::new(session.bound),
        live: session.live,
        streams: Cell::new(session.facts.streams),
        facts: session.facts,
        vars: session.vars.into_shared(),
        last_begin: Cell::new(session.previous_end),
        counted_glitches: Cell::new(0),
        idle: RefCell::default(),
        is_closed: Cell::new(false),
        is_fault_told: Cell::new(false),
        idle_ping,
        _entry: session.entry,
    });
    let closing = Closing(Rc::clone(&front));
    front.run().await;
    drop(closing);
    if nolinger {
        front.link.io.abort();
    }
}

/// Time between pings of an idle client.
fn idle_ping(session: &Session) -> Option<Duration> {
    let config = &session.bound.generation.config;
    let proxy = &config.proxies[session.frontend.index()];
    let listener = &config.listeners[session.live.listener.get().index()];
    let bind = proxy.frontend.binds.get(listener.bind.index())?;
    bind.options.idle_ping
}

fn config(session: &Session) -> Config {
    let limits = ParseLimits::of(session);
    let tune = &session.bound.generation.config.global.tune;
    Config {
        options: limits.request,
        max_concurrent: session.worker.offered_streams(),
        max_total: tune.h2.max_total_streams,
        initial_window: tune.h2.front.initial_window(tune),
        receive_buffer: tune.h2.front.receive_buffer(tune),
        extended_connect: !session.bound.generation.config.global.h2_no_websocket,
        ..super::common(Role::Server, tune)
    }
}

/// Ends the tasks of streams with their connection, however it ends.
struct Closing(Rc<Front>);

impl Drop for Closing {
    fn drop(&mut self) {
        let front = &self.0;
        front.is_closed.set(true);
        front.link.break_off();
        front.with_counters(|counters| front.link.tell_end(counters));
        front.link.wake_owners();
        for seat in front.idle.take() {
            seat.wake();
        }
    }
}

impl Front {
    async fn run(self: &Rc<Self>) {
        let mut blocked_since: Option<Time> = None;
        let mut idle_since = self.worker.clock.now();
        let mut is_first = true;
        let mut probe = Probe::new(self.idle_ping);
        poll_fn(|cx| {
            self.link.adopt(cx);
            self.follow();
            let has_ended = self.link.fill(cx, &self.worker.pool, self.budget());
            self.seat_streams();
            self.tell_fault();
            self.link.wake_owners();
            let now = self.worker.clock.now();
            let is_idle = self.link.machine.borrow().is_idle();
            if !is_idle {
                idle_since = now;
                is_first = false;
            }
            self.consider_leaving(now, is_idle);
            let looked = probe.look(now, is_idle, &mut self.link.machine.borrow_mut());
            let Ok(next_ping) = looked else {
                self.link.machine.borrow_mut().say_goodbye();
                let _ = self.link.flush(cx);
                return Poll::Ready(());
            };
            self.worker.tell_changes();
            self.with_counters(|counters| self.link.tell(counters));
            let is_flushed = self.link.flush(cx).is_ready();
            // Room was made, or the socket has failed: who waits for it hears of it.
            self.link.wake_owners();
            let machine = self.link.machine.borrow();
            let is_over = machine.is_failed() || (machine.is_leaving() && is_idle);
            drop(machine);
            if has_ended || (is_over && is_flushed) {
                return Poll::Ready(());
            }
            blocked_since = match is_flushed {
                true => None,
                false => blocked_since.or(Some(now)),
            };
            let deadline = match blocked_since {
                Some(since) => self.client_limit().map(|limit| since + limit),
                None if is_idle => self.idle_deadline(is_first, idle_since, probe.answered),
                None => None,
            };
            self.live
                .poll_deadline_with(cx, &self.worker.clock, deadline, next_ping)
                .map(|()| {
                    self.link.machine.borrow_mut().say_goodbye();
                    let _ = self.link.flush(cx);
                })
        })
        .await;
    }

    /// The frontend's counters of this worker.
    fn with_counters(&self, with: impl FnOnce(&Counters)) {
        let bound = self.bound.borrow();
        let frontend = bound.generation.proxy(self.live.frontend.get());
        with(frontend.frontend.of(self.worker.index));
    }

    fn bound(&self) -> Rc<Bound> {
        Rc::clone(&self.bound.borrow())
    }

    /// Goes on under the present configuration, or says goodbye where that has no place for it.
    fn follow(&self) {
        let (present, own) = (self.worker.bound(), self.bound());
        if Rc::ptr_eq(&present, &own) {
            return;
        }
        let listener = own.generation.listener(self.live.listener.get());
        match listener.and_then(|own| reconcile::heir(&present.generation, own)) {
            Some(listener) => {
                self.live.rebind(&present, listener);
                *self.bound.borrow_mut() = present;
            }
            None => self.link.machine.borrow_mut().say_goodbye(),
        }
    }

    fn timeouts(&self) -> Timeouts {
        let bound = self.bound.borrow();
        let frontend = &bound.generation.config.proxies[self.live.frontend.get().index()];
        frontend.timeouts
    }

    fn budget(&self) -> Budget {
        let bound = self.bound.borrow();
        let tune = &bound.generation.config.global.tune.h2;
        Budget::new(tune.front.max_frames, tune.max_resets_at_once)
    }

    fn client_limit(&self) -> Option<Duration> {
        let timeouts = self.timeouts();
        self.facts.client_timeout.or(timeouts.client)
    }

    /// When a connection without streams ends, which has had none since a moment; a ping that was
    /// `answered` is a sign of life, but no request.
    fn idle_deadline(&self, is_first: bool, since: Time, answered: Option<Time>) -> Option<Time> {
        let timeouts = self.timeouts();
        let limit = match is_first {
            true => timeouts.http_request,
            false => timeouts.http_keep_alive.or(timeouts.http_request),
        };
        let idle = match limit {
            Some(limit) => Some(since + limit),
            None => {
                let since = answered.map_or(since, |answered| answered.max(since));
                self.client_limit().map(|limit| since + limit)
            }
        };
        let closes = self.worker.closes_from(self.live.id);
        match (idle, closes) {
            (Some(idle), Some(closes)) => Some(idle.min(closes)),
            (one, other) => one.or(other),
        }
    }

    /// Says goodbye when the worker stops or the peer is too odd; ends all when it is told to.
    fn consider_leaving(&self, now: Time, is_idle: bool) {
        let bound = self.bound.borrow();
        let tune = &bound.generation.config.global.tune.h2;
        let mut machine = self.link.machine.borrow_mut();
        let limit = tune.front.glitches_threshold;
        let glitches = machine.counters().glitches;
        let new = glitches.saturating_sub(self.counted_glitches.replace(glitches));
        track::glitches(&self.facts, new, now);
        if limit > 0 && glitches >= limit && self.worker.may_kill_odd() {
            machine.kill(ErrorCode::ENHANCE_YOUR_CALM);
        } else if limit > 0 && u64::from(glitches) * 4 >= u64::from(limit) * 3 {
            machine.say_goodbye();
        }
        match self.live.ending() {
            Some(Ending::Killed | Ending::Stopped) => machine.kill(ErrorCode::NO_ERROR),
            Some(_) if is_idle => machine.say_goodbye(),
            _ => {}
        }
        if self
            .worker
            .closes_from(self.live.id)
            .is_some_and(|at| now >= at)
        {
            machine.say_goodbye();
        }
    }

    /// A connection that failed by its client's fault has a line in the log, as a bad request has.
    fn tell_fault(self: &Rc<Self>) {
        if self.link.machine.borrow().fault().is_some() && !self.is_fault_told.replace(true) {
            self.hire(Key::NONE);
        }
    }

    /// Gives each new stream a task.
    fn seat_streams(self: &Rc<Self>) {
        loop {
            let next = self.link.machine.borrow_mut().accept();
            let Some(key) = next else { return };
            let seat = self.idle.borrow_mut().pop();
            match seat {
                Some(seat) => {
                    seat.next.set(Some(key));
                    seat.wake();
                }
                None => self.hire(key),
            }
        }
    }

    fn hire(self: &Rc<Self>, key: Key) {
        let front = Rc::clone(self);
        let live = self.worker.register(|id| {
            let source = self.live.source.get();
            let clock = &self.worker.clock;
            let bound = self.bound.borrow();
            Live::new(id, &bound, self.live.listener.get(), source, clock)
        });
        live.fd.set(self.link.io.raw_fd());
        let registered = Registered::new(Rc::clone(&self.worker), Rc::clone(&live));
        let seat = Rc::new(Seat::default());
        seat.next.set(Some(key));
        let worker = Rc::clone(&self.worker);
        let turns = Rc::clone(&live);
        live::spawn::<StreamTask>(worker, turns, async move {
            front.serve_streams(&seat, &live, registered).await;
        });
    }

    /// A task's life: one stream after the other.
    async fn serve_streams(self: &Rc<Self>, seat: &Rc<Seat>, live: &Rc<Live>, entry: Registered) {
        let mut session = Box::new(self.session(live, entry));
        while let Some(key) = self.next_stream(seat).await {
            self.prepare(&mut session, key);
            stream::run_one(&mut session).await;
            // The stream is let go of: what is unfinished is cut off.
            session.io = Transport::H2(H2Stream::none(&self.link));
            let left = session.input.len();
            session.input.eat(left);
            session.tidy_input();
            let mut idle = self.idle.borrow_mut();
            if self.is_closed.get() || idle.len() >= MAX_IDLE_SEATS || live.ending().is_some() {
                return;
            }
            idle.push(Rc::clone(seat));
        }
    }

    async fn next_stream(&self, seat: &Seat) -> Option<Key> {
        poll_fn(|cx| {
            if let Some(key) = seat.next.take() {
                return Poll::Ready(Some(key));
            }
            if self.is_closed.get() {
                return Poll::Ready(None);
            }
            let mut waker = seat.waker.borrow_mut();
            if !waker
                .as_ref()
                .is_some_and(|kept| kept.will_wake(cx.waker()))
            {
                *waker = Some(cx.waker().clone());
            }
            Poll::Pending
        })
        .await
    }

    fn session(&self, live: &Rc<Live>, entry: Registered) -> Session {
        let mut facts = self.facts.clone();
        facts.id = live.id;
        let bound = self.bound();
        let (frontend, listener) = (self.live.frontend.get(), self.live.listener.get());
        facts.frontend = frontend;
        facts.listener = listener;
        facts.bind = bound.generation.config.listeners[listener.index()].bind;
        Session {
            worker: Rc::clone(&self.worker),
            bound,
            live: Rc::clone(live),
            frontend,
            facts,
            vars: SessionVars::Shared(Rc::clone(&self.vars)),
            io: Transport::H2(H2Stream::none(&self.link)),
            held: None,
            input: Buf::default(),
            own_conns: OwnConns::default(),
            last_server: None,
            previous_end: None,
            entry: Entry::Stream(entry),
        }
    }

    /// Makes a task's session that of a new stream.
    fn prepare(&self, session: &mut Session, key: Key) {
        let clock = &self.worker.clock;
        let bound = self.bound();
        if !Rc::ptr_eq(&bound, &session.bound)
            && let Some(listener) = bound.generation.listener(self.live.listener.get())
        {
            session.rebind(&bound, listener);
        }
        session.io = Transport::H2(H2Stream::new(&self.link, key));
        session.facts.streams = self.streams.get();
        session.facts.client_timeout = self.facts.client_timeout;
        session.facts.glitches = self.link.machine.borrow().counters().glitches;
        session.previous_end = self.last_begin.replace(Some(Moment::now(clock)));
        self.streams.set(self.streams.get().saturating_add(1));
        self.live.requests.set(self.streams.get());
        self.live.last_activity.set(clock.now());
    }
}

/// Tasks of one connection that wait for a stream; those of a burst beyond that end.
const MAX_IDLE_SEATS: usize = 16;

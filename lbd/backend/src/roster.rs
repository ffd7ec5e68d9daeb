//! The servers of one backend: choice, slots and queues, shared by all workers.
//!
//! One lock holds all of it for a few hundred nanoseconds at most; it is never held while anybody
//! waits. It connects nowhere and wakes nobody: woken tokens are handed to the caller.

use std::sync::atomic::{AtomicU32, Ordering};

use lbd_core::freq::FreqCounter;
use lbd_core::{ServerId, Time};
use parking_lot::Mutex;

use crate::balance::{self, Balance, Group, Load, Member, Pool, Scale, Totals};
use crate::hash::{avalanche, key_hash};
use crate::key::{KeySpec, PickKey};
use crate::queue::{Outcome, Rank, Ticket, WaitQueue, Wake};
use crate::spec::{Algorithm, BackendSpec, Placement, ServerSpec, State};

/// Most servers that a roster ever holds, removed ones included.
pub const MAX_SERVERS: usize = 1 << 16;

/// Which server a stream asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Any that the algorithm gives.
    Balance,
    /// This one, by persistence or `use-server`; it may be down when forced.
    Server(ServerId),
}

/// A stream's question for a server.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// What it wants.
    pub target: Target,
    /// Key for hash algorithms.
    pub key: PickKey<'a>,
    /// Server to avoid when another one can do: the one that just failed.
    pub avoid: Option<ServerId>,
    /// Slot that the stream still holds; it is kept or given back.
    pub held: Option<ServerId>,
    /// What comes back in `Wake` when the stream has to wait.
    pub token: u64,
    /// Priority class (`set-priority-class`), -2047 to 2047.
    pub class: i32,
    /// Priority offset in milliseconds (`set-priority-offset`).
    pub offset_ms: i32,
    /// Bound to its server by `force-persist`.
    pub forced: bool,
    /// Now.
    pub now: Time,
}

impl<'a> Ask<'a> {
    /// A plain question to the algorithm.
    pub fn balance(key: PickKey<'a>, token: u64, now: Time) -> Self {
        Self {
            target: Target::Balance,
            key,
            avoid: None,
            held: None,
            token,
            class: 0,
            offset_ms: 0,
            forced: false,
            now,
        }
    }

    /// A question for one server.
    pub fn server(server: ServerId, token: u64, now: Time) -> Self {
        Self {
            target: Target::Server(server),
            ..Self::balance(PickKey::None, token, now)
        }
    }
}

/// Answer to an `Ask`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assigned {
    /// The stream holds a slot of this server; to be given back with `Roster::release`.
    Served(ServerId),
    /// It waits; a `Wake` with its token will come unless it cancels.
    Queued(Ticket),
    /// The wanted server is full and so is its queue (`maxqueue`): redispatch or 503.
    ServerQueueFull(ServerId),
    /// The queue has reached the program's limit: 503.
    QueueLimit,
    /// No server is usable: 503.
    NoServer,
}

/// What a change of placement did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Placed {
    /// Usable servers that are not backups.
    pub active: u32,
    /// Usable backups.
    pub backup: u32,
    /// Waiters that lost their place and were woken to ask again.
    pub requeued: u32,
    /// Waiters that got a slot of the server.
    pub granted: u32,
    /// Streams still waiting in the server's queue.
    pub remaining: u32,
    /// Whether the server may take streams by balance now.
    pub usable: bool,
    /// Its effective weight in configured units, rounded up.
    pub weight: u32,
}

/// What status pages and sample fetches read of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerView {
    /// Taken out at run time.
    pub removed: bool,
    /// State, administration and weight.
    pub placement: Placement,
    /// Whether balance gives it streams.
    pub usable: bool,
    /// Effective weight, scaled.
    pub effective: u32,
    /// Effective weight in configured units, rounded up.
    pub weight: u32,
    /// Slow start in percent, 0 to 99, while it lasts.
    pub throttle: Option<u32>,
    /// Streams that hold a slot.
    pub served: u32,
    /// Most that held one at once.
    pub served_max: u32,
    /// Streams that wait for this server.
    pub queued: u32,
    /// Most that waited at once.
    pub queued_max: u32,
    /// Streams that balance gave it (`lbtot`).
    pub chosen: u64,
    /// `maxconn` in force; 0 for no limit.
    pub slots: u32,
    /// Configured `maxconn`, or as changed at run time.
    pub maxconn: u32,
}

/// What status pages and sample fetches read of the backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BackendView {
    /// Usable servers that are not backups.
    pub active: u32,
    /// Usable backups.
    pub backup: u32,
    /// Servers that get traffic: the active ones, else the first or all backups.
    pub usable: u32,
    /// Weight of those in configured units.
    pub weight: u32,
    /// Streams in the backend, waiting ones included.
    pub streams: u32,
    /// Streams that hold a slot.
    pub served: u32,
    /// Streams waiting in the backend's own queue.
    pub queued: u32,
    /// Most that waited there at once.
    pub queued_max: u32,
    /// Streams waiting anywhere in the backend.
    pub pending: u32,
    /// Streams refused because a queue had reached the program's limit.
    pub queue_limit_hits: u64,
    /// Changes of the list of servers.
    pub version: u64,
}

/// The servers of a backend with everything that decides between them.
#[derive(Debug)]
pub struct Roster {
    spec: BackendSpec,
    /// Streams in the backend (`enter` and `leave`).
    streams: AtomicU32,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    members: Vec<Member>,
    totals: Totals,
    scale: Scale,
    balance: Balance,
    queue: WaitQueue,
    /// Slots held in the whole backend.
    served: u32,
    sequence: u64,
    version: u64,
    /// State of the generator that `random` draws from.
    random: u32,
}

impl Roster {
    /// A roster of these servers with their placement; `seed` feeds `random`.
    pub fn new(spec: BackendSpec, servers: Vec<(ServerSpec, Placement)>, seed: u64) -> Self {
        let (specs, placements): (Vec<_>, Vec<_>) = servers.into_iter().unzip();
        let scale = Scale::of(&spec.algorithm, &spec.hash, &specs);
        let mut members: Vec<Member> = specs
            .into_iter()
            .zip(placements)
            .map(|(server, placement)| Member::new(server, placement))
            .collect();
        for member in &mut members {
            let placement = member.placement;
            member.set(placement, scale, placement.since);
        }
        sum_weights(&mut members);
        let totals = Totals::count(&members, spec.all_backups);
        let mut balance = Balance::new(&spec.algorithm, &spec.hash);
        balance.fill(&members, &totals);
        let inner = Inner {
            members,
            totals,
            scale,
            balance,
            queue: WaitQueue::default(),
            served: 0,
            sequence: 0,
            version: 0,
            random: (seed as u32) ^ ((seed >> 32) as u32) | 1,
        };
        Self {
            spec,
            streams: AtomicU32::new(0),
            inner: Mutex::new(inner),
        }
    }

    /// What the backend was made from.
    pub fn spec(&self) -> &BackendSpec {
        &self.spec
    }

    /// A stream was given to the backend; the number of streams there now.
    pub fn enter(&self) -> u32 {
        self.streams.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
    }

    /// A stream of the backend has ended.
    pub fn leave(&self) {
        self.streams.fetch_sub(1, Ordering::Relaxed);
    }

    /// Chooses a server without taking a slot; `None` when all are full or none is usable.
    pub fn pick(&self, key: PickKey<'_>, avoid: Option<ServerId>, now: Time) -> Option<ServerId> {
        let load = self.load(now);
        let mut inner = self.inner.lock();
        inner
            .pick(&self.spec, key, avoid.map(ServerId::index), load)
            .map(id)
    }

    /// Gives the stream a server and a slot, or a place in a queue. A slot that it held and does
    /// not keep goes to waiters, which are added to `wakes`.
    pub fn assign(&self, ask: &Ask<'_>, wakes: &mut Vec<Wake>) -> Assigned {
        let load = self.load(ask.now);
        let mut inner = self.inner.lock();
        let held = ask
            .held
            .map(ServerId::index)
            .filter(|&at| at < inner.members.len());
        if let Some(at) = held {
            inner.drop_slot(at);
        }
        let answer = match ask.target {
            Target::Server(server) => inner.assign_to(server.index(), ask, load, held),
            Target::Balance => inner.assign_any(&self.spec, ask, load, held),
        };
        if let Some(at) = held.filter(|&at| answer != Assigned::Served(id(at))) {
            inner.serve_waiters(&self.spec, at, load, wakes);
        }
        answer
    }

    /// Gives a slot back; waiters that get it are added to `wakes`.
    pub fn release(&self, server: ServerId, now: Time, wakes: &mut Vec<Wake>) {
        let load = self.load(now);
        let mut inner = self.inner.lock();
        let at = server.index();
        if at < inner.members.len() {
            inner.drop_slot(at);
            inner.serve_waiters(&self.spec, at, load, wakes);
        }
    }

    /// Leaves a queue; the position reached, or `None` when a wake is on its way already. When
    /// that wake grants a slot, the slot must be given back.
    pub fn cancel(&self, ticket: &Ticket) -> Option<u32> {
        let mut inner = self.inner.lock();
        let Some(at) = ticket.server.map(ServerId::index) else {
            return inner.queue.remove(&ticket.rank);
        };
        let position = inner.members.get_mut(at)?.queue.remove(&ticket.rank)?;
        inner.reposition(at);
        Some(position)
    }

    /// Applies a new placement of a server. Waiters whose server went away and waiters that find
    /// a slot on it are added to `wakes`.
    pub fn place(
        &self,
        server: ServerId,
        placement: Placement,
        now: Time,
        wakes: &mut Vec<Wake>,
    ) -> Placed {
        let load = self.load(now);
        let mut inner = self.inner.lock();
        let at = server.index();
        let Some(member) = inner.members.get(at).filter(|m| !m.removed) else {
            return Placed::default();
        };
        let old = member.placement;
        inner.update(&self.spec, at, placement, now);
        let went_down = placement.state == State::Stopped && old.state != State::Stopped;
        let left = (placement.maint && !old.maint) || (placement.drain && !old.drain);
        let from = wakes.len();
        if went_down || left {
            inner.redistribute(&self.spec, at, wakes);
        }
        let requeued = (wakes.len() - from) as u32;
        let mut granted = 0;
        if inner.members[at].usable {
            let before = wakes.len();
            inner.serve_waiters(&self.spec, at, load, wakes);
            granted = (wakes.len() - before) as u32;
        }
        let member = &inner.members[at];
        Placed {
            active: inner.totals.active,
            backup: inner.totals.backup,
            requeued,
            granted,
            remaining: member.queue.len(),
            usable: member.usable,
            weight: inner.scale.configured(member.weight),
        }
    }

    /// Changes `maxconn` at run time; a `minconn` that was equal follows it.
    pub fn set_maxconn(&self, server: ServerId, maxconn: u32, now: Time, wakes: &mut Vec<Wake>) {
        let load = self.load(now);
        let mut inner = self.inner.lock();
        let at = server.index();
        let Some(member) = inner.members.get_mut(at) else {
            return;
        };
        if member.spec.minconn == member.spec.maxconn {
            member.spec.minconn = maxconn;
        }
        member.spec.maxconn = maxconn;
        inner.serve_waiters(&self.spec, at, load, wakes);
    }

    /// Changes the address and port that `hash-key addr` and `addr-port` use.
    pub fn set_addr(&self, server: ServerId, addr: Option<std::net::IpAddr>, port: u16) {
        let mut inner = self.inner.lock();
        let at = server.index();
        let Some(member) = inner.members.get_mut(at) else {
            return;
        };
        member.spec.addr = addr;
        member.spec.port = port;
        inner.follow(at);
    }

    /// Adds a server at the end of the list; `None` when the roster is at its limit.
    pub fn add(&self, server: ServerSpec, placement: Placement, now: Time) -> Option<ServerId> {
        let mut inner = self.inner.lock();
        let at = inner.members.len();
        if at >= MAX_SERVERS {
            return None;
        }
        let closed = Placement {
            maint: true,
            ..placement
        };
        inner.members.push(Member::new(server, closed));
        inner.version += 1;
        inner.update(&self.spec, at, placement, now);
        Some(id(at))
    }

    /// Takes a server out; false when it still serves or somebody waits for it.
    pub fn remove(&self, server: ServerId, now: Time) -> bool {
        let mut inner = self.inner.lock();
        let at = server.index();
        let free = |m: &&Member| m.served == 0 && m.queue.is_empty() && !m.removed;
        let Some(member) = inner.members.get(at).filter(free) else {
            return false;
        };
        let closed = Placement {
            maint: true,
            ..member.placement
        };
        inner.update(&self.spec, at, closed, now);
        inner.members[at].removed = true;
        inner.version += 1;
        true
    }

    /// Whether weights may change at run time; otherwise only 0 and the configured one fit.
    pub fn is_dynamic(&self) -> bool {
        balance::is_dynamic(&self.spec.algorithm, &self.spec.hash)
    }

    /// Whether `option prefer-last-server` lets a stream go on with this server.
    pub fn may_prefer(&self, server: ServerId, now: Time) -> bool {
        let load = self.load(now);
        let inner = self.inner.lock();
        let limit = self.spec.max_keep_alive_queue;
        inner.members.get(server.index()).is_some_and(|m| {
            let room = m.spec.maxconn == 0 || m.served < m.slots(load);
            m.usable && (limit == 0 || room || m.queue.len().saturating_add(1) < limit)
        })
    }

    /// Whether the server may take new streams by balance.
    pub fn is_usable(&self, server: ServerId) -> bool {
        self.inner
            .lock()
            .members
            .get(server.index())
            .is_some_and(|m| m.usable)
    }

    /// Number of server indices, removed ones included.
    pub fn len(&self) -> usize {
        self.inner.lock().members.len()
    }

    /// Whether there is no server at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A server as it stands.
    pub fn server(&self, server: ServerId, now: Time) -> Option<ServerView> {
        let load = self.load(now);
        let inner = self.inner.lock();
        let scale = inner.scale;
        inner.members.get(server.index()).map(|m| ServerView {
            removed: m.removed,
            placement: m.placement,
            usable: m.usable,
            effective: m.weight,
            weight: scale.configured(m.weight),
            throttle: m.throttle(load.now),
            served: m.served,
            served_max: m.served_max,
            queued: m.queue.len(),
            queued_max: m.queue.max,
            chosen: m.chosen,
            slots: m.slots(load),
            maxconn: m.spec.maxconn,
        })
    }

    /// The backend as it stands.
    pub fn view(&self) -> BackendView {
        let inner = self.inner.lock();
        let waiting: u32 = inner.members.iter().map(|m| m.queue.len()).sum();
        let refused: u64 = inner.members.iter().map(|m| m.queue.refused).sum();
        BackendView {
            active: inner.totals.active,
            backup: inner.totals.backup,
            usable: inner.totals.used,
            weight: inner.scale.configured(inner.totals.weight),
            streams: self.streams.load(Ordering::Relaxed),
            served: inner.served,
            queued: inner.queue.len(),
            queued_max: inner.queue.max,
            pending: waiting + inner.queue.len(),
            queue_limit_hits: refused + inner.queue.refused,
            version: inner.version,
        }
    }

    fn load(&self, now: Time) -> Load {
        let streams = self.streams.load(Ordering::Relaxed);
        Load {
            streams,
            fullconn: self.spec.fullconn,
            now,
        }
    }
}

impl Inner {
    fn pick(
        &mut self,
        spec: &BackendSpec,
        key: PickKey<'_>,
        avoid: Option<usize>,
        load: Load,
    ) -> Option<usize> {
        if self.totals.weight == 0 {
            return None;
        }
        let pool = Pool {
            members: &self.members,
            totals: &self.totals,
            load,
            served: self.served,
        };
        match (&mut self.balance, &spec.algorithm) {
            (Balance::First(first), _) => first.pick(&pool, avoid),
            (Balance::LeastConn(least), _) => least.pick(&pool, avoid),
            (Balance::RoundRobin(turn), _) => turn.pick(&pool, avoid),
            (Balance::Sticky(elected), _) => *elected,
            (Balance::Map(map), algorithm) => hash_of(spec, algorithm, key, &self.totals)
                .and_then(|hash| map.pick_hash(hash))
                .or_else(|| map.pick_next(&pool, avoid)),
            (Balance::Ring(ring), Algorithm::Random(draws)) => {
                let random = &mut self.random;
                let draw = || ring.pick_hash(&pool, xorshift(random), avoid);
                draw_best(&pool, *draws, draw)
            }
            (Balance::Ring(ring), algorithm) => hash_of(spec, algorithm, key, &self.totals)
                .and_then(|hash| ring.pick_hash(&pool, hash, avoid))
                .or_else(|| ring.pick_next(&pool, avoid)),
        }
    }

    fn assign_any(
        &mut self,
        spec: &BackendSpec,
        ask: &Ask<'_>,
        load: Load,
        held: Option<usize>,
    ) -> Assigned {
        if self.totals.weight == 0 {
            return Assigned::NoServer;
        }
        let avoid = ask.avoid.map(ServerId::index);
        let in_turn = matches!(
            spec.algorithm,
            Algorithm::First | Algorithm::RoundRobin | Algorithm::StaticRr
        );
        let waiting = self.queue.len();
        let all_full = in_turn && waiting > 0 && self.served > 0 && waiting != load.streams;
        let choice = if all_full {
            None
        } else {
            self.pick(spec, ask.key, avoid, load)
        };
        match choice {
            Some(at) => {
                if avoid != Some(at) {
                    self.members[at].chosen += 1;
                }
                self.assign_to(at, ask, load, held)
            }
            None => self.wait(None, ask),
        }
    }

    /// Takes a slot of that server or waits for it. A slot just given up there is taken back
    /// ahead of those who wait.
    fn assign_to(&mut self, at: usize, ask: &Ask<'_>, load: Load, held: Option<usize>) -> Assigned {
        let Some(member) = self.members.get(at).filter(|m| !m.removed) else {
            return Assigned::NoServer;
        };
        if held == Some(at) || member.has_room(load) {
            self.take_slot(at, ask.now);
            return Assigned::Served(id(at));
        }
        if member.spec.maxqueue > 0 && member.queue.len() >= member.spec.maxqueue {
            return Assigned::ServerQueueFull(id(at));
        }
        self.wait(Some(at), ask)
    }

    fn wait(&mut self, at: Option<usize>, ask: &Ask<'_>) -> Assigned {
        self.sequence += 1;
        let rank = Rank::new(ask.class, ask.offset_ms, ask.now, self.sequence);
        let queue = match at {
            Some(at) => &mut self.members[at].queue,
            None => &mut self.queue,
        };
        if !queue.push(rank, ask.token, ask.forced) {
            return Assigned::QueueLimit;
        }
        if let Some(at) = at {
            self.reposition(at);
        }
        Assigned::Queued(Ticket {
            server: at.map(id),
            rank,
        })
    }

    fn take_slot(&mut self, at: usize, now: Time) {
        let member = &mut self.members[at];
        member.served += 1;
        member.served_max = member.served_max.max(member.served);
        member.rate.add(now.ticks(), RATE_PERIOD_MS, 1);
        self.served += 1;
        self.reposition(at);
    }

    fn drop_slot(&mut self, at: usize) {
        let member = &mut self.members[at];
        if member.served > 0 {
            member.served -= 1;
            self.served = self.served.saturating_sub(1);
            self.reposition(at);
        }
    }

    /// Gives free slots of a server to those who wait: for it, or for any when it takes part in
    /// the balance.
    fn serve_waiters(&mut self, spec: &BackendSpec, at: usize, load: Load, wakes: &mut Vec<Wake>) {
        loop {
            let member = &self.members[at];
            let own = member.queue.first();
            let any = if self.takes_any(spec, at) {
                self.queue.first()
            } else {
                None
            };
            let slots = member.slots(load);
            if member.spec.maxconn != 0 && member.served >= slots {
                return;
            }
            let from_server = match (own, any) {
                (None, None) => return,
                (Some(own), Some(any)) => own.precedes(&any),
                (own, None) => own.is_some(),
                (None, _) => false,
            };
            let queue = if from_server {
                &mut self.members[at].queue
            } else {
                &mut self.queue
            };
            let Some((waiter, position)) = queue.serve_first() else {
                return;
            };
            let outcome = Outcome::Granted(id(at));
            wakes.push(Wake {
                token: waiter.token,
                outcome,
                from_server,
                position,
            });
            self.take_slot(at, load.now);
        }
    }

    /// Whether waiters of the backend's queue may go to this server.
    fn takes_any(&self, spec: &BackendSpec, at: usize) -> bool {
        let member = &self.members[at];
        if self.queue.is_empty() || !member.usable {
            return false;
        }
        match self.totals.group() {
            Group::Only(first) => first == at,
            _ => !member.spec.backup || (self.totals.active == 0 && spec.all_backups),
        }
    }

    /// Sends away those who wait for a server that left, and everybody when none is left.
    fn redistribute(&mut self, spec: &BackendSpec, at: usize, wakes: &mut Vec<Wake>) {
        let mut send = |waiters: Vec<(crate::queue::Waiter, u32)>, from_server| {
            wakes.extend(waiters.into_iter().map(|(waiter, position)| Wake {
                token: waiter.token,
                outcome: Outcome::Redistributed,
                from_server,
                position,
            }));
        };
        let member = &mut self.members[at];
        if member.placement.maint || (spec.redispatch && !spec.persist) {
            send(member.queue.drain_free(true), true);
        }
        if self.totals.active_weight == 0 && self.totals.backup_weight == 0 {
            send(self.queue.drain_free(false), false);
        }
        self.reposition(at);
    }

    fn update(&mut self, spec: &BackendSpec, at: usize, placement: Placement, now: Time) {
        let member = &mut self.members[at];
        let old = (member.usable, member.weight);
        member.set(placement, self.scale, now);
        if old != (member.usable, member.weight) {
            self.totals = Totals::count(&self.members, spec.all_backups);
            self.follow(at);
        }
    }

    fn follow(&mut self, at: usize) {
        self.balance.update(&self.members, &self.totals, at);
    }

    fn reposition(&mut self, at: usize) {
        self.balance.reposition(&self.members, at);
    }
}

impl Member {
    fn new(spec: ServerSpec, placement: Placement) -> Self {
        Self {
            spec,
            removed: false,
            placement,
            usable: false,
            weight: 0,
            weight_before: 0,
            served: 0,
            served_max: 0,
            chosen: 0,
            rate: FreqCounter::default(),
            queue: WaitQueue::default(),
        }
    }

    fn set(&mut self, placement: Placement, scale: Scale, now: Time) {
        self.placement = placement;
        self.weight = self.effective(&placement, scale, now);
        self.usable = self.weight > 0 && placement.is_open() && !self.removed;
    }
}

/// The number that places the request, or `None` when it has no key.
fn hash_of(
    spec: &BackendSpec,
    algorithm: &Algorithm,
    key: PickKey<'_>,
    totals: &Totals,
) -> Option<u32> {
    let Algorithm::Hash(wanted) = algorithm else {
        return None;
    };
    if totals.used == 1 && !matches!(wanted, KeySpec::UrlParam { .. }) {
        return Some(0);
    }
    match key {
        PickKey::None => None,
        PickKey::Bytes(bytes) => Some(key_hash(&spec.hash, bytes)),
        PickKey::Source(addr) => {
            let folded = match addr {
                std::net::IpAddr::V4(v4) => v4.to_bits(),
                std::net::IpAddr::V6(v6) => {
                    let bits = v6.to_bits();
                    (0..4).fold(0, |all, word| all ^ (bits >> (32 * word)) as u32)
                }
            };
            Some(if spec.hash.avalanche {
                avalanche(folded)
            } else {
                folded
            })
        }
    }
}

/// `random`: of several drawn servers the one with the least streams for its weight, then the
/// least new ones; none when even that one is full, so that the stream waits in the backend.
fn draw_best(
    pool: &Pool<'_>,
    draws: u32,
    mut draw: impl FnMut() -> Option<usize>,
) -> Option<usize> {
    let mut best = draw()?;
    for _ in 1..draws.max(1) {
        let other = draw()?;
        if other == best {
            continue;
        }
        let (a, b) = (&pool.members[other], &pool.members[best]);
        let weigh = |x: u32, y: u32| {
            (
                u64::from(x) * u64::from(b.weight),
                u64::from(y) * u64::from(a.weight),
            )
        };
        let (mine, theirs) = weigh(a.served, b.served);
        let rate = |m: &Member| m.rate.read(pool.load.now.ticks(), RATE_PERIOD_MS);
        let better = if mine == theirs {
            let (mine, theirs) = weigh(rate(a), rate(b));
            mine <= theirs
        } else {
            mine < theirs
        };
        if better {
            best = other;
        }
    }
    let member = &pool.members[best];
    let full = !member.queue.is_empty()
        || (member.spec.maxconn != 0 && member.served >= member.slots(pool.load));
    (!full).then_some(best)
}

/// Marsaglia's 32-bit xorshift; never 0.
fn xorshift(state: &mut u32) -> u32 {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    *state
}

fn sum_weights(members: &mut [Member]) {
    let (mut active, mut backup) = (0, 0);
    for member in members.iter_mut().filter(|m| m.usable) {
        let sum = if member.spec.backup {
            &mut backup
        } else {
            &mut active
        };
        member.weight_before = *sum;
        *sum += member.weight;
    }
}

fn id(at: usize) -> ServerId {
    ServerId(at as u32)
}

const RATE_PERIOD_MS: u32 = 1000;

#[cfg(test)]
mod tests;

//! The servers of one backend: choice, slots and queues, shared by all workers.
//!
//! One lock holds all of it for a few hundred nanoseconds at most; it is never held while anybody
//! waits. It connects nowhere and wakes nobody: woken tokens are handed to the caller.

mod inner;
mod view;

use std::sync::atomic::{AtomicU32, Ordering};

use lbd_core::{ServerId, Time, bits};
use parking_lot::Mutex;

use self::inner::{Inner, id, sum_weights};
pub use self::view::{BackendView, Placed, ServerView};
use crate::balance::{self, Balance, Load, Member, Scale, Totals};
use crate::key::PickKey;
use crate::queue::{Ticket, WaitQueue, Wake};
use crate::spec::{BackendSpec, Placement, ServerSpec, State};

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

/// What a server has served under a roster whose place another one takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tenure {
    /// Slots held now.
    pub served: u32,
    /// Most slots held at once.
    pub served_max: u32,
    /// Times that the algorithm chose it.
    pub chosen: u64,
}

/// The servers of a backend with everything that decides between them.
#[derive(Debug)]
pub struct Roster {
    spec: BackendSpec,
    /// Streams in the backend (`enter` and `leave`).
    streams: AtomicU32,
    inner: Mutex<Inner>,
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
            random: bits::low32(seed) ^ bits::low32(seed >> 32) | 1,
            ledger: None,
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
        let before = inner.totals.active + inner.totals.backup;
        inner.update(&self.spec, at, placement, now);
        let is_closing = |s| matches!(s, State::Stopped | State::Stopping);
        let went_down = is_closing(placement.state) && placement.state != old.state;
        let left = (placement.maint && !old.maint) || (placement.drain && !old.drain);
        let from = wakes.len();
        if went_down || left {
            inner.redistribute(&self.spec, at, wakes);
        }
        let requeued = bits::count32(wakes.len() - from);
        let mut granted = 0;
        if inner.members[at].usable {
            let from = wakes.len();
            inner.serve_waiters(&self.spec, at, load, wakes);
            granted = bits::count32(wakes.len() - from);
        }
        let member = &inner.members[at];
        let usable = inner.totals.active + inner.totals.backup;
        Placed {
            active: inner.totals.active,
            backup: inner.totals.backup,
            requeued,
            granted,
            remaining: member.queue.len(),
            usable: member.usable,
            weight: inner.scale.configured(member.weight),
            emptied: before > 0 && usable == 0,
            revived: before == 0 && usable > 0,
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

    /// Another roster takes this one's place: what each server has served so far, removed ones
    /// included. What is taken and given up here from now on is for [`Roster::moves`].
    pub fn retire(&self) -> Vec<Tenure> {
        let mut inner = self.inner.lock();
        inner.ledger = Some(Vec::new());
        let members = inner.members.iter();
        members
            .map(|m| Tenure {
                served: m.served,
                served_max: m.served_max,
                chosen: m.chosen,
            })
            .collect()
    }

    /// Slots taken (`true`) and given up since the last call, of a roster that has retired.
    pub fn moves(&self) -> Vec<(ServerId, bool)> {
        let mut inner = self.inner.lock();
        let moves = inner.ledger.as_mut().map(std::mem::take);
        moves
            .unwrap_or_default()
            .into_iter()
            .map(|(at, taken)| (id(at), taken))
            .collect()
    }

    /// Goes on where a retired roster ended with a server: slots held there are held here.
    pub fn succeed(&self, server: ServerId, tenure: Tenure) {
        let mut inner = self.inner.lock();
        let at = server.index();
        let Some(member) = inner.members.get_mut(at) else {
            return;
        };
        member.served += tenure.served;
        member.served_max = member.served_max.max(tenure.served_max).max(member.served);
        member.chosen += tenure.chosen;
        inner.served += tenure.served;
        inner.reposition(at);
    }

    /// A slot was taken without being asked for: by a stream of a retired roster.
    pub fn occupy(&self, server: ServerId, now: Time) {
        let mut inner = self.inner.lock();
        if server.index() < inner.members.len() {
            inner.take_slot(server.index(), now);
        }
    }

    /// Starts the highest numbers of streams and waiters anew (`clear counters`).
    pub fn clear_maxima(&self) {
        let mut inner = self.inner.lock();
        inner.queue.max = inner.queue.len();
        for member in &mut inner.members {
            member.served_max = member.served;
            member.queue.max = member.queue.len();
        }
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

#[cfg(test)]
mod tests;

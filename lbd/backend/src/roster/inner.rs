//! The state behind the roster's lock: choice, slots and waiters.
//!
//! It takes no lock itself and reads no clock.

use lbd_core::freq::FreqCounter;
use lbd_core::{ServerId, Time};

use super::{Ask, Assigned};
use crate::balance::{Balance, Group, Load, Member, Pool, Scale, Totals};
use crate::hash::{avalanche, key_hash};
use crate::key::{KeySpec, PickKey};
use crate::queue::{Outcome, Rank, Ticket, WaitQueue, Waiter, Wake};
use crate::spec::{Algorithm, BackendSpec, Placement, ServerSpec};

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) members: Vec<Member>,
    pub(super) totals: Totals,
    pub(super) scale: Scale,
    pub(super) balance: Balance,
    pub(super) queue: WaitQueue,
    /// Slots held in the whole backend.
    pub(super) served: u32,
    pub(super) sequence: u64,
    pub(super) version: u64,
    /// State of the generator that `random` draws from.
    pub(super) random: u32,
    /// Slots taken (`true`) and given up since another roster took this one's place, until told.
    pub(super) ledger: Option<Vec<(usize, bool)>>,
}

impl Inner {
    pub(super) fn pick(
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

    pub(super) fn assign_any(
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
    pub(super) fn assign_to(
        &mut self,
        at: usize,
        ask: &Ask<'_>,
        load: Load,
        held: Option<usize>,
    ) -> Assigned {
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

    pub(super) fn take_slot(&mut self, at: usize, now: Time) {
        if let Some(ledger) = &mut self.ledger {
            ledger.push((at, true));
        }
        let member = &mut self.members[at];
        member.served += 1;
        member.served_max = member.served_max.max(member.served);
        member.rate.add(now.ticks(), RATE_PERIOD_MS, 1);
        self.served += 1;
        self.reposition(at);
    }

    pub(super) fn drop_slot(&mut self, at: usize) {
        let member = &mut self.members[at];
        if member.served > 0 {
            member.served -= 1;
            self.served = self.served.saturating_sub(1);
            self.reposition(at);
            if let Some(ledger) = &mut self.ledger {
                ledger.push((at, false));
            }
        }
    }

    /// Gives free slots of a server to those who wait: for it, or for any when it takes part in
    /// the balance.
    pub(super) fn serve_waiters(
        &mut self,
        spec: &BackendSpec,
        at: usize,
        load: Load,
        wakes: &mut Vec<Wake>,
    ) {
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
    pub(super) fn redistribute(&mut self, spec: &BackendSpec, at: usize, wakes: &mut Vec<Wake>) {
        let mut send = |waiters: Vec<(Waiter, u32)>, from_server| {
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

    pub(super) fn update(
        &mut self,
        spec: &BackendSpec,
        at: usize,
        placement: Placement,
        now: Time,
    ) {
        let member = &mut self.members[at];
        let old = (member.usable, member.weight);
        member.set(placement, self.scale, now);
        if old != (member.usable, member.weight) {
            self.totals = Totals::count(&self.members, spec.all_backups);
            self.follow(at);
        }
    }

    pub(super) fn follow(&mut self, at: usize) {
        self.balance.update(&self.members, &self.totals, at);
    }

    pub(super) fn reposition(&mut self, at: usize) {
        self.balance.reposition(&self.members, at);
    }
}

impl Member {
    pub(super) fn new(spec: ServerSpec, placement: Placement) -> Self {
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

    pub(super) fn set(&mut self, placement: Placement, scale: Scale, now: Time) {
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
                    let word = |at: u32| {
                        let word = bits >> (32 * at) & 0xffff_ffff;
                        lbd_core::bits::low32(lbd_core::bits::held64(word))
                    };
                    (0..4).fold(0, |all, at| all ^ word(at))
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

pub(super) fn sum_weights(members: &mut [Member]) {
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

pub(super) fn id(at: usize) -> ServerId {
    ServerId(lbd_core::bits::count32(at))
}

const RATE_PERIOD_MS: u32 = 1000;

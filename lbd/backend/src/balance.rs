//! The orders in which servers are taken: one state for each algorithm.
//!
//! It counts no streams and holds no lock: `Roster` does, and shows the servers as a `Pool`.

mod first;
mod leastconn;
mod map;
mod ring;
mod roundrobin;

use lbd_core::{Time, bits};

pub(crate) use first::First;
pub(crate) use leastconn::LeastConn;
pub(crate) use map::Map;
pub(crate) use ring::Ring;
pub(crate) use roundrobin::RoundRobin;

use crate::queue::WaitQueue;
use crate::spec::{Algorithm, HashSpec, Placement, ServerSpec, State};

/// What a unit of configured weight counts in dynamic algorithms: room for the slow start.
pub(crate) const WEIGHT_SCALE: u32 = 16;

/// Largest effective weight.
pub(crate) const MAX_EFFECTIVE: u32 = crate::spec::MAX_WEIGHT * WEIGHT_SCALE;

/// A server with what changes while it runs.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) spec: ServerSpec,
    /// Taken out at run time; its index is not used again.
    pub(crate) removed: bool,
    pub(crate) placement: Placement,
    /// May take new streams: open and of a weight above 0.
    pub(crate) usable: bool,
    /// Effective weight.
    pub(crate) weight: u32,
    /// Sum of the weights of the usable servers before it, when the ring was made.
    pub(crate) weight_before: u32,
    /// Streams that hold a slot.
    pub(crate) served: u32,
    pub(crate) served_max: u32,
    /// Streams that the balance gave it.
    pub(crate) chosen: u64,
    /// New streams over the last second.
    pub(crate) rate: lbd_core::freq::FreqCounter,
    pub(crate) queue: WaitQueue,
}

impl Member {
    /// Streams served and waiting.
    pub(crate) fn in_flight(&self) -> u32 {
        self.served.saturating_add(self.queue.len())
    }

    /// `maxconn` in force: between `minconn` and `maxconn` by the load of the backend, less while
    /// it starts slowly; 0 for no limit.
    pub(crate) fn slots(&self, load: Load) -> u32 {
        let max = self.spec.maxconn;
        let min = match self.spec.minconn {
            0 => max,
            n => n.min(max),
        };
        let slots = if min == max || load.streams >= load.fullconn {
            max
        } else {
            let share = u64::from(load.streams) * u64::from(max) / u64::from(load.fullconn);
            // Below `max` while there are fewer streams than `fullconn`.
            min.max(bits::held32(share))
        };
        match self.throttle(load.now) {
            Some(percent) if slots > 0 => {
                bits::held32((u64::from(slots) * u64::from(percent) / 100).max(1))
            }
            _ => slots,
        }
    }

    /// Whether a new stream finds a slot without waiting.
    pub(crate) fn has_room(&self, load: Load) -> bool {
        self.spec.maxconn == 0 || (self.queue.is_empty() && self.served < self.slots(load))
    }

    /// Progress of the slow start in percent, 0 to 99; `None` when it does not start slowly.
    pub(crate) fn throttle(&self, now: Time) -> Option<u32> {
        let span = self.spec.slowstart_secs();
        let since = self.placement.since.0 / NANOS;
        let elapsed = (now.0 / NANOS).checked_sub(since)?;
        (self.placement.state == State::Starting && elapsed < span)
            .then(|| bits::held32(100 * elapsed / span))
    }

    /// Effective weight of that placement at `now`.
    pub(crate) fn effective(&self, placement: &Placement, scale: Scale, now: Time) -> u32 {
        let span = self.spec.slowstart_secs();
        let elapsed = (now.0 / NANOS).saturating_sub(placement.since.0 / NANOS);
        let full = u64::from(scale.full);
        let starting = placement.state == State::Starting && scale.dynamic && elapsed < span;
        let factor = if starting {
            (full * elapsed + span) / span
        } else {
            full
        };
        let weight = u64::from(placement.weight.min(crate::spec::MAX_WEIGHT));
        bits::held32((weight * factor).div_ceil(u64::from(scale.divisor)))
    }
}

/// From configured to effective weights.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    /// Factor of a server in full swing.
    full: u32,
    /// Common divisor of the configured weights.
    divisor: u32,
    /// Whether weights may change while running.
    dynamic: bool,
}

impl Scale {
    pub(crate) fn of(algorithm: &Algorithm, hash: &HashSpec, servers: &[ServerSpec]) -> Self {
        if is_dynamic(algorithm, hash) {
            return Self {
                full: WEIGHT_SCALE,
                divisor: 1,
                dynamic: true,
            };
        }
        let divisor = servers
            .iter()
            .map(|s| s.weight)
            .fold(0, common_divisor)
            .max(1);
        Self {
            full: 1,
            divisor,
            dynamic: false,
        }
    }

    /// The configured weight that makes this effective one, rounded up.
    pub(crate) fn configured(&self, effective: u32) -> u32 {
        let scaled = u64::from(effective) * u64::from(self.divisor);
        bits::held32(scaled.div_ceil(u64::from(self.full)))
    }
}

fn common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

/// Whether weights may change at run time.
pub(crate) fn is_dynamic(algorithm: &Algorithm, hash: &HashSpec) -> bool {
    match algorithm {
        Algorithm::StaticRr => false,
        Algorithm::Hash(_) => hash.kind == crate::spec::HashType::Consistent,
        _ => true,
    }
}

/// Load of the backend at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Streams in the backend, waiting ones included.
    pub(crate) streams: u32,
    pub(crate) fullconn: u32,
    pub(crate) now: Time,
}

/// Usable servers and their weights.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) active: u32,
    pub(crate) backup: u32,
    pub(crate) active_weight: u32,
    pub(crate) backup_weight: u32,
    /// The only backup server in use, without `allbackups`.
    pub(crate) first_backup: Option<usize>,
    /// Servers that get traffic now.
    pub(crate) used: u32,
    /// Weight of those.
    pub(crate) weight: u32,
}

impl Totals {
    pub(crate) fn count(members: &[Member], all_backups: bool) -> Self {
        let mut totals = Self::default();
        for (at, member) in members.iter().enumerate().filter(|(_, m)| m.usable) {
            if member.spec.backup {
                if totals.backup == 0 && !all_backups {
                    totals.first_backup = Some(at);
                }
                totals.backup += 1;
                totals.backup_weight += member.weight;
            } else {
                totals.active += 1;
                totals.active_weight += member.weight;
            }
        }
        (totals.used, totals.weight) = match (totals.active, totals.first_backup) {
            (0, Some(at)) => (1, members[at].weight),
            (0, None) => (totals.backup, totals.backup_weight),
            (active, _) => (active, totals.active_weight),
        };
        totals
    }

    /// Which group of servers is asked.
    pub(crate) fn group(&self) -> Group {
        match (self.active, self.first_backup) {
            (0, Some(at)) => Group::Only(at),
            (0, None) if self.backup == 0 => Group::Nobody,
            (0, None) => Group::Backup,
            _ => Group::Active,
        }
    }
}

/// The servers of a backend that get traffic at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    /// The servers that are not backups.
    Active,
    /// All backups.
    Backup,
    /// No server at all.
    Nobody,
    /// The first backup.
    Only(usize),
}

/// What an algorithm may look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pool<'a> {
    pub(crate) members: &'a [Member],
    pub(crate) totals: &'a Totals,
    pub(crate) load: Load,
    /// Streams that hold a slot in the whole backend.
    pub(crate) served: u32,
}

/// State of the configured algorithm.
#[derive(Debug)]
pub(crate) enum Balance {
    First(First),
    LeastConn(LeastConn),
    Map(Map),
    Ring(Ring),
    RoundRobin(RoundRobin),
    Sticky(Option<usize>),
}

impl Balance {
    pub(crate) fn new(algorithm: &Algorithm, hash: &HashSpec) -> Self {
        match algorithm {
            Algorithm::First => Self::First(First::default()),
            Algorithm::LeastConn => Self::LeastConn(LeastConn::default()),
            Algorithm::RoundRobin => Self::RoundRobin(RoundRobin::default()),
            Algorithm::Sticky => Self::Sticky(None),
            Algorithm::Random(_) => Self::Ring(Ring::new(hash)),
            Algorithm::Hash(_) if is_dynamic(algorithm, hash) => Self::Ring(Ring::new(hash)),
            Algorithm::Hash(_) | Algorithm::StaticRr => Self::Map(Map::default()),
        }
    }

    /// Puts all usable servers in place, once at the start.
    pub(crate) fn fill(&mut self, members: &[Member], totals: &Totals) {
        match self {
            Self::First(first) => first.fill(members),
            Self::LeastConn(least) => least.fill(members),
            Self::Map(map) => map.rebuild(members, totals),
            Self::Ring(ring) => ring.fill(members),
            Self::RoundRobin(turn) => turn.fill(members, totals),
            Self::Sticky(elected) => *elected = elect(members, totals),
        }
    }

    /// Follows a change of member `at`, whose new values are in `members` and counted in `totals`.
    pub(crate) fn update(&mut self, members: &[Member], totals: &Totals, at: usize) {
        match self {
            Self::First(first) => first.update(members, at),
            Self::LeastConn(least) => least.update(members, at),
            Self::Map(map) => map.rebuild(members, totals),
            Self::Ring(ring) => ring.update(members, at),
            Self::RoundRobin(turn) => turn.update(members, totals, at),
            Self::Sticky(elected) => follow(elected, members, totals, at),
        }
    }

    /// Follows a change of the number of streams of member `at`.
    pub(crate) fn reposition(&mut self, members: &[Member], at: usize) {
        if let Self::LeastConn(least) = self {
            least.reposition(members, at);
        }
    }
}

/// `sticky`: a new server is wanted only when there is none, or when an active one can replace a
/// backup.
fn follow(elected: &mut Option<usize>, members: &[Member], totals: &Totals, at: usize) {
    let keep = elected
        .is_some_and(|e| members[e].usable && (!members[e].spec.backup || totals.active == 0));
    if !keep {
        let fits = members[at].usable && (totals.active == 0 || !members[at].spec.backup);
        *elected = if fits {
            Some(at)
        } else {
            elect(members, totals)
        };
    }
}

fn elect(members: &[Member], totals: &Totals) -> Option<usize> {
    let backup = totals.active == 0;
    members
        .iter()
        .position(|m| m.usable && m.spec.backup == backup)
}

const NANOS: u64 = 1_000_000_000;

#[cfg(test)]
mod tests;

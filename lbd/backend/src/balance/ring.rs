//! Ring of hashed server points: `random`, and hashes of type `consistent`.
//!
//! It does not hash keys: the caller gives the number.

use lbd_core::bits;
use std::net::IpAddr;

use super::{Group, Member, Pool};
use crate::hash::avalanche;
use crate::spec::{Affinity, HashKey, HashSpec, ServerSpec};

/// A point of a server: position, order of arrival among equal positions, server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Point {
    at: u32,
    sequence: u32,
    member: u32,
    /// Number among its server's points.
    number: u32,
}

/// Points of the active servers and of the backups.
#[derive(Debug)]
pub(crate) struct Ring {
    active: Vec<Point>,
    backup: Vec<Point>,
    /// Where the fallback round robin stood last.
    last: Option<Point>,
    sequence: u32,
    /// Effective weight and base key with which each server's points were laid.
    laid: Vec<(u32, u32)>,
    balance_factor: u32,
    affinity: Affinity,
}

impl Ring {
    pub(crate) fn new(hash: &HashSpec) -> Self {
        Self {
            active: Vec::new(),
            backup: Vec::new(),
            last: None,
            sequence: 0,
            laid: Vec::new(),
            balance_factor: hash.balance_factor,
            affinity: hash.affinity,
        }
    }

    pub(crate) fn fill(&mut self, members: &[Member]) {
        self.laid = vec![(0, 0); members.len()];
        for (at, member) in members.iter().enumerate().filter(|(_, m)| m.usable) {
            self.append(member, at, 0);
        }
        self.active.sort_unstable();
        self.backup.sort_unstable();
    }

    /// Lays as many points as the weight says: the lowest numbers of points stay.
    pub(crate) fn update(&mut self, members: &[Member], at: usize) {
        if self.laid.len() <= at {
            self.laid.resize(at + 1, (0, 0));
        }
        let member = &members[at];
        let (laid, base) = self.laid[at];
        let wanted = if member.usable { member.weight } else { 0 };
        let same_base = base == base_key(&member.spec);
        if same_base && wanted > laid {
            self.append(member, at, laid);
            self.points(member.spec.backup).sort_unstable();
        } else if !same_base || wanted < laid {
            let keep = if same_base { wanted } else { 0 };
            self.drop_points(member.spec.backup, bits::count32(at), keep);
            self.laid[at].0 = keep;
            if wanted > keep {
                self.append(member, at, keep);
                self.points(member.spec.backup).sort_unstable();
            }
        }
    }

    pub(crate) fn pick_hash(
        &self,
        pool: &Pool<'_>,
        hash: u32,
        avoid: Option<usize>,
    ) -> Option<usize> {
        let points = match self.group(pool) {
            Ok(points) => points,
            Err(only) => return only,
        };
        let last = points.len().checked_sub(1)?;
        let after = match points.partition_point(|p| p.at < hash) {
            n if n > last => 0,
            n => n,
        };
        let before = after.checked_sub(1).unwrap_or(last);
        let behind = hash.wrapping_sub(points[before].at);
        let ahead = points[after].at.wrapping_sub(hash);
        let mut slot = if behind <= ahead { before } else { after };
        let mut member = points[slot].member as usize;
        let mut wrapped = false;
        while Some(member) == avoid || self.is_refused(pool, member) {
            slot += 1;
            if slot > last {
                slot = 0;
                if std::mem::replace(&mut wrapped, true) {
                    break;
                }
            }
            member = points[slot].member as usize;
        }
        Some(member)
    }

    pub(crate) fn pick_next(&mut self, pool: &Pool<'_>, avoid: Option<usize>) -> Option<usize> {
        let points = match self.group(pool) {
            Ok([]) => return None,
            Ok(points) => points,
            Err(only) => return only,
        };
        let size = points.len();
        let start = self
            .last
            .map_or(0, |last| points.partition_point(|p| *p <= last));
        let mut avoided = None;
        let mut found = None;
        for step in 0..size {
            let point = points[(start + step) % size];
            let at = point.member as usize;
            if pool.members[at].has_room(pool.load) {
                if Some(at) != avoid {
                    found = Some((at, Some(point)));
                    break;
                }
                avoided = Some((at, Some(point)));
            }
        }
        let (at, last) = match found.or(avoided) {
            Some((at, last)) => (Some(at), last),
            None => (None, None),
        };
        self.last = last;
        at
    }

    fn group(&self, pool: &Pool<'_>) -> Result<&[Point], Option<usize>> {
        match pool.totals.group() {
            Group::Active => Ok(&self.active),
            Group::Backup => Ok(&self.backup),
            Group::Only(at) => Err(Some(at)),
            Group::Nobody => Err(None),
        }
    }

    /// Whether load forbids this server to a key that falls on it.
    fn is_refused(&self, pool: &Pool<'_>, at: usize) -> bool {
        let member = &pool.members[at];
        if self.balance_factor != 0 && member.served >= bounded_load(self.balance_factor, pool, at)
        {
            return true;
        }
        let slots = || member.slots(pool.load);
        match self.affinity {
            Affinity::Always => false,
            _ if member.spec.maxconn == 0 => false,
            Affinity::Maxconn => member.served >= slots(),
            Affinity::Maxqueue => {
                let queue = member.spec.maxqueue;
                queue != 0 && member.in_flight() >= slots().saturating_add(queue)
            }
        }
    }

    fn append(&mut self, member: &Member, at: usize, from: u32) {
        let base = base_key(&member.spec);
        let mut sequence = self.sequence;
        let points = self.points(member.spec.backup);
        for number in from..member.weight {
            let point = Point {
                at: avalanche(base.wrapping_add(number)),
                sequence,
                member: bits::count32(at),
                number,
            };
            sequence = sequence.wrapping_add(1);
            points.push(point);
        }
        self.sequence = sequence;
        self.laid[at] = (member.weight, base);
    }

    /// Takes a server's points out but for the first `keep`. The round robin's place moves to
    /// the next point that stays.
    fn drop_points(&mut self, backup: bool, member: u32, keep: u32) {
        let goes = |p: &Point| p.member == member && p.number >= keep;
        let last = self.last;
        let points = self.points(backup);
        let next = last.filter(goes).map(|last| {
            let from = points.partition_point(|p| *p <= last);
            points[from..]
                .iter()
                .chain(&points[..from])
                .find(|p| !goes(p))
                .copied()
        });
        points.retain(|p| !goes(p));
        if let Some(next) = next {
            self.last = next;
        }
    }

    fn points(&mut self, backup: bool) -> &mut Vec<Point> {
        if backup {
            &mut self.backup
        } else {
            &mut self.active
        }
    }
}

/// Most streams for a server under `hash-balance-factor`: its share of the factor times the
/// average load, the remainder dealt out along the order of servers, at least 1.
fn bounded_load(factor: u32, pool: &Pool<'_>, at: usize) -> u32 {
    let whole = u64::from(pool.totals.weight.max(1));
    let slots = ((u64::from(pool.served) + 1) * u64::from(factor)).div_ceil(100);
    let (each, rest) = (slots / whole, slots % whole);
    let member = &pool.members[at];
    let (own, before) = (u64::from(member.weight), u64::from(member.weight_before));
    let dealt = ((before + own) * rest / whole).saturating_sub(before * rest / whole);
    u32::try_from((own * each + dealt).max(1)).unwrap_or(u32::MAX)
}

/// What the points of a server are derived from.
fn base_key(spec: &ServerSpec) -> u32 {
    match (spec.hash_key, spec.addr, &spec.guid) {
        (HashKey::Addr, Some(addr), _) => addr_key(addr, 0),
        (HashKey::AddrPort, Some(addr), _) => addr_key(addr, avalanche(u32::from(spec.port))),
        (HashKey::Guid, _, Some(guid)) => xxhash_rust::xxh32::xxh32(guid.as_bytes(), 0),
        (HashKey::Id32, ..) => avalanche(spec.puid.swap_bytes()),
        _ => spec.puid.wrapping_mul(super::MAX_EFFECTIVE),
    }
}

fn addr_key(addr: IpAddr, seed: u32) -> u32 {
    match addr {
        IpAddr::V4(v4) => avalanche(seed.wrapping_add(u32::from_le_bytes(v4.octets()))),
        IpAddr::V6(v6) => xxhash_rust::xxh32::xxh32(&v6.octets(), seed),
    }
}

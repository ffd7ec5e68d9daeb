//! `balance leastconn`: the least streams per weight, in turn among equals.
//!
//! It does not count streams: `Roster` says when the number of a server has changed.
//!
//! Deviation: the turns are what the manual promises (haproxy 3.4 configuration, `balance`:
//! "Round-robin is performed within groups of servers of the same load"); 3.4 itself draws lots,
//! with one thread too, so that a server may be left out several times in a row.

use std::collections::BTreeSet;

use super::{Group, MAX_EFFECTIVE, Member, Pool};

/// Order of a server: load per weight, then who has had it longest.
type Seat = (u64, u64, usize);

/// Usable servers by load, active ones and backups.
#[derive(Debug, Default)]
pub(crate) struct LeastConn {
    active: BTreeSet<Seat>,
    backup: BTreeSet<Seat>,
    /// Where each server stands, by index.
    seats: Vec<Option<Seat>>,
    sequence: u64,
}

impl LeastConn {
    pub(crate) fn fill(&mut self, members: &[Member]) {
        for at in 0..members.len() {
            self.update(members, at);
        }
    }

    pub(crate) fn update(&mut self, members: &[Member], at: usize) {
        self.take_out(members, at);
        if members[at].usable {
            self.put(members, at);
        }
    }

    pub(crate) fn reposition(&mut self, members: &[Member], at: usize) {
        match self.seats.get(at) {
            Some(Some(seat)) if seat.0 != load(&members[at]) => self.update(members, at),
            _ => {}
        }
    }

    pub(crate) fn pick(&self, pool: &Pool<'_>, avoid: Option<usize>) -> Option<usize> {
        let set = match pool.totals.group() {
            Group::Active => &self.active,
            Group::Backup => &self.backup,
            Group::Only(at) => return Some(at),
            Group::Nobody => return None,
        };
        let mut avoided = None;
        for &(_, _, at) in set {
            let member = &pool.members[at];
            let limit = member.slots(pool.load).saturating_add(member.spec.maxqueue);
            if member.spec.maxconn == 0 || member.in_flight() < limit {
                if Some(at) != avoid {
                    return Some(at);
                }
                avoided = Some(at);
            }
        }
        avoided
    }

    fn take_out(&mut self, members: &[Member], at: usize) {
        if let Some(seat) = self.seats.get_mut(at).and_then(Option::take) {
            self.set(members, at).remove(&seat);
        }
    }

    fn put(&mut self, members: &[Member], at: usize) {
        if self.seats.len() <= at {
            self.seats.resize(at + 1, None);
        }
        self.sequence += 1;
        let seat = (load(&members[at]), self.sequence, at);
        self.seats[at] = Some(seat);
        self.set(members, at).insert(seat);
    }

    fn set(&mut self, members: &[Member], at: usize) -> &mut BTreeSet<Seat> {
        if members[at].spec.backup {
            &mut self.backup
        } else {
            &mut self.active
        }
    }
}

/// Load as if one more stream came, so that heavier servers fill first; an idle server comes
/// before all others whatever its weight.
fn load(member: &Member) -> u64 {
    match u64::from(member.in_flight()) {
        0 => 0,
        n => (n + 1) * u64::from(MAX_EFFECTIVE) / u64::from(member.weight.max(1)),
    }
}

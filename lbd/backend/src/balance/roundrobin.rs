//! `balance roundrobin`: smooth weighted turns; weights may change at any time.
//!
//! Each server has a next position on an axis of turns; the group moves along it. It does not
//! look at the clock: the slow start comes as changes of weight.

use std::collections::BTreeSet;

use super::{Group, MAX_EFFECTIVE, Member, Pool, Totals, WEIGHT_SCALE};
use crate::spec::MAX_WEIGHT;

/// Sorting key, order of arrival among equals, server.
type Entry = (u64, u64, usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    /// In no tree: not usable.
    #[default]
    Out,
    /// Has a position within the current round.
    Current,
    /// In that one of the two trees by weight.
    Waiting(usize),
}

/// A server's part of the state.
#[derive(Debug, Clone, Copy, Default)]
struct Seat {
    place: Place,
    key: (u64, u64),
    /// Next position.
    next: u32,
    /// Rest of the division of the round's weight by its own, carried on.
    rest: u32,
}

/// Active servers or backups.
#[derive(Debug, Default)]
struct Turns {
    /// Servers with a position in this round.
    current: BTreeSet<Entry>,
    /// Servers by weight, heaviest first: one tree to be placed in this round, one for the next.
    waiting: [BTreeSet<Entry>; 2],
    /// Which of the two is for this round.
    fresh: usize,
    position: u32,
    weight: u32,
}

/// Positions of all servers.
#[derive(Debug, Default)]
pub(crate) struct RoundRobin {
    active: Turns,
    backup: Turns,
    seats: Vec<Seat>,
    sequence: u64,
    /// Servers taken out while looking for one with room.
    skipped: Vec<usize>,
}

impl RoundRobin {
    pub(crate) fn fill(&mut self, members: &[Member], totals: &Totals) {
        self.seats = vec![Seat::default(); members.len()];
        for (turns, weight) in [
            (&mut self.active, totals.active_weight),
            (&mut self.backup, totals.backup_weight),
        ] {
            turns.position = weight;
            turns.weight = weight;
        }
        for (at, member) in members.iter().enumerate().filter(|(_, m)| m.usable) {
            let fresh = self.turns(member.spec.backup).fresh;
            self.wait(members, at, fresh);
        }
    }

    /// Also after a change of weight a server is placed as one that comes back: so does the
    /// reference since its trees are kept per thread group.
    pub(crate) fn update(&mut self, members: &[Member], totals: &Totals, at: usize) {
        if self.seats.len() <= at {
            self.seats.resize(at + 1, Seat::default());
        }
        let member = &members[at];
        self.dequeue(member.spec.backup, at);
        if !member.usable {
            self.seats[at].place = Place::Out;
            return;
        }
        self.settle(member.spec.backup, at);
        let round = weight_of(totals, member.spec.backup);
        let turns = self.turns(member.spec.backup);
        let ahead = round
            .wrapping_add(turns.weight)
            .wrapping_sub(turns.position);
        let next = turns.position.wrapping_add(ahead / member.weight.max(1));
        self.seats[at].next = next;
        self.queue(members, totals, at);
    }

    pub(crate) fn pick(&mut self, pool: &Pool<'_>, avoid: Option<usize>) -> Option<usize> {
        let backup = match pool.totals.group() {
            Group::Active => false,
            Group::Backup => true,
            Group::Only(at) => return Some(at),
            Group::Nobody => return None,
        };
        let round = weight_of(pool.totals, backup);
        let mut switched = false;
        let mut avoided = None;
        let chosen = loop {
            let Some(at) = self.next_place(backup, round, &mut switched) else {
                break avoided;
            };
            self.advance(backup, round, at, pool.members[at].weight);
            self.dequeue(backup, at);
            let turns = self.turns(backup);
            turns.position = turns.position.wrapping_add(1);
            if pool.members[at].has_room(pool.load) {
                if Some(at) != avoid || avoided.is_some() {
                    break Some(at);
                }
                avoided = Some(at);
            }
            self.skipped.push(at);
        };
        if let Some(at) = chosen {
            self.queue(pool.members, pool.totals, at);
        }
        self.put_back(pool, backup, switched, chosen);
        chosen
    }

    /// The server whose turn it is, starting a new round at most once.
    fn next_place(&mut self, backup: bool, round: u32, switched: &mut bool) -> Option<usize> {
        let turns = self.turns(backup);
        if turns.weight == 0 {
            turns.position = round;
            turns.weight = round;
        }
        loop {
            if let Some(at) = self.due(backup) {
                return Some(at);
            }
            if std::mem::replace(switched, true) {
                return None;
            }
            let turns = self.turns(backup);
            turns.fresh = 1 - turns.fresh;
            turns.weight = round;
            turns.position = round;
        }
    }

    /// First server of the round when its position has come; else the heaviest one not placed
    /// yet; else the first of the round before its time.
    fn due(&mut self, backup: bool) -> Option<usize> {
        let turns = if backup { &self.backup } else { &self.active };
        let early = turns.current.first().map(|e| e.2);
        if let Some(at) = early.filter(|&at| self.seats[at].next <= turns.position) {
            return Some(at);
        }
        if let Some(&(_, _, at)) = turns.waiting[turns.fresh].first() {
            self.seats[at].next = 0;
            self.seats[at].rest = 0;
            return Some(at);
        }
        early
    }

    /// Moves a server's next position by one step of its weight.
    fn advance(&mut self, backup: bool, round: u32, at: usize, weight: u32) {
        if weight == 0 {
            return;
        }
        let position = self.turns(backup).position;
        let seat = &mut self.seats[at];
        if seat.next == 0 {
            seat.next = position;
        }
        seat.next = seat.next.wrapping_add(round / weight);
        seat.rest += round % weight;
        if seat.rest >= weight {
            seat.rest -= weight;
            seat.next = seat.next.wrapping_add(1);
        }
    }

    /// Skipped servers take their place again: by weight after a new round began, else as if
    /// they had been used.
    fn put_back(&mut self, pool: &Pool<'_>, backup: bool, switched: bool, chosen: Option<usize>) {
        while let Some(at) = self.skipped.pop() {
            if Some(at) == chosen {
                continue;
            }
            if switched {
                let fresh = self.turns(backup).fresh;
                self.wait(pool.members, at, fresh);
            } else {
                self.queue(pool.members, pool.totals, at);
            }
        }
    }

    /// Brings a server's position to the current round, from wherever it is.
    fn settle(&mut self, backup: bool, at: usize) {
        let turns = if backup { &self.backup } else { &self.active };
        let seat = &mut self.seats[at];
        match seat.place {
            Place::Out => seat.next = turns.position,
            Place::Current => {}
            Place::Waiting(tree) if tree == turns.fresh => {
                seat.next = 0;
                seat.rest = 0;
            }
            Place::Waiting(_) => seat.next = seat.next.wrapping_add(turns.weight),
        }
    }

    /// Gives a server its place by its next position: in this round, or to the next.
    fn queue(&mut self, members: &[Member], totals: &Totals, at: usize) {
        let member = &members[at];
        let round = weight_of(totals, member.spec.backup);
        let turns = if member.spec.backup {
            &mut self.backup
        } else {
            &mut self.active
        };
        let seat = &mut self.seats[at];
        if !member.usable {
            seat.place = Place::Out;
        } else if seat.next >= turns.weight.saturating_mul(2)
            || seat.next >= turns.weight.saturating_add(round)
        {
            seat.next = seat.next.wrapping_sub(turns.weight);
            let later = 1 - turns.fresh;
            self.wait(members, at, later);
        } else {
            let light = (MAX_EFFECTIVE + seat.rest).saturating_sub(member.weight) / WEIGHT_SCALE;
            self.sequence += 1;
            let position = u64::from(seat.next) * u64::from(MAX_WEIGHT);
            seat.key = (position + u64::from(light), self.sequence);
            seat.place = Place::Current;
            turns.current.insert((seat.key.0, seat.key.1, at));
        }
    }

    fn wait(&mut self, members: &[Member], at: usize, tree: usize) {
        let member = &members[at];
        self.sequence += 1;
        let key = (
            u64::from(MAX_EFFECTIVE.saturating_sub(member.weight)),
            self.sequence,
        );
        let seat = &mut self.seats[at];
        seat.key = key;
        seat.place = Place::Waiting(tree);
        self.turns(member.spec.backup).waiting[tree].insert((key.0, key.1, at));
    }

    /// Takes a server out of its tree; its place stays remembered.
    fn dequeue(&mut self, backup: bool, at: usize) {
        let seat = self.seats[at];
        let entry = (seat.key.0, seat.key.1, at);
        let turns = self.turns(backup);
        match seat.place {
            Place::Out => {}
            Place::Current => {
                turns.current.remove(&entry);
            }
            Place::Waiting(tree) => {
                turns.waiting[tree].remove(&entry);
            }
        }
    }

    fn turns(&mut self, backup: bool) -> &mut Turns {
        if backup {
            &mut self.backup
        } else {
            &mut self.active
        }
    }
}

fn weight_of(totals: &Totals, backup: bool) -> u32 {
    if backup {
        totals.backup_weight
    } else {
        totals.active_weight
    }
}

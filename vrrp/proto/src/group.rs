//! A sync group: its members are master together, or not at all.
//!
//! It knows nothing of packets and timers; members report, it orders. It has no deadline.

use std::collections::VecDeque;

use crate::instance::{Order, Report, State};

/// The machine of one `vrrp_sync_group`.
#[derive(Clone, Debug)]
pub struct Group {
    state: State,
    members: Vec<Member>,
    outputs: VecDeque<GroupOutput>,
}

#[derive(Clone, Copy, Debug)]
struct Member {
    condition: Condition,
    wants: bool,
    leads: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    Stopped,
    Faulty,
    Well,
}

/// What a group wants done, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupOutput {
    /// The state of the group changed: run its notify scripts.
    Changed {
        /// What it was.
        from: State,
        /// What it is.
        to: State,
    },
    /// This member's addresses may be disputed: `Input::Doubt`.
    Doubt {
        /// Its place in the group.
        member: usize,
    },
    /// Tell a member.
    Order {
        /// Its place in the group.
        member: usize,
        /// What.
        order: Order,
    },
}

impl Group {
    /// A group of so many members, none of which runs.
    pub fn new(members: usize) -> Self {
        let member = Member {
            condition: Condition::Stopped,
            wants: false,
            leads: false,
        };
        Self {
            state: State::Init,
            members: vec![member; members],
            outputs: VecDeque::new(),
        }
    }

    /// A group whose members are in these states already: after a change of configuration. It leads
    /// if all that run are master.
    pub fn resume(states: &[State]) -> Self {
        let mut group = Self::new(states.len());
        let running = || states.iter().filter(|state| **state != State::Init);
        let leads = running().count() > 0 && running().all(|state| *state == State::Master);
        for (member, state) in group.members.iter_mut().zip(states) {
            member.condition = match state {
                State::Init => Condition::Stopped,
                State::Backup | State::Master | State::Fault => Condition::Well,
            };
            let leads = leads && *state == State::Master;
            (member.wants, member.leads) = (leads, leads);
        }
        for (member, state) in states.iter().enumerate() {
            if *state != State::Init {
                group.tell(member, Order::Run);
            }
            if *state == State::Master && !leads {
                group.tell(member, Order::Follow);
            }
        }
        if running().count() > 0 {
            group.state = if leads { State::Master } else { State::Backup };
        }
        group
    }

    /// Takes what a member reports; an unknown member is nobody.
    pub fn handle(&mut self, member: usize, report: Report) {
        let Some(reporter) = self.members.get_mut(member) else {
            return;
        };
        match report {
            Report::Stopped => reporter.condition = Condition::Stopped,
            Report::Faulty => reporter.condition = Condition::Faulty,
            Report::Well => {
                let is_new = reporter.condition == Condition::Stopped;
                reporter.condition = Condition::Well;
                if is_new {
                    self.welcome(member);
                }
            }
            Report::WantsToLead => {
                reporter.wants = true;
                // keepalived: rather backup than to and fro, so all must want.
                if self.state == State::Backup && self.members.iter().all(|m| m.wants) {
                    self.lead();
                }
            }
            Report::Leads => {
                (reporter.wants, reporter.leads) = (true, true);
                if self.state == State::Backup {
                    self.lead();
                }
            }
            Report::Follows => {
                (reporter.wants, reporter.leads) = (false, false);
                if self.state == State::Master {
                    self.follow(member);
                }
            }
            Report::LowerHeard => {
                for other in (0..self.members.len()).filter(|other| *other != member) {
                    if self.members[other].leads {
                        self.outputs.push_back(GroupOutput::Doubt { member: other });
                    }
                }
            }
        }
        self.review();
    }

    /// What is to be done next, in order.
    pub fn poll_output(&mut self) -> Option<GroupOutput> {
        self.outputs.pop_front()
    }

    /// The state all members are in.
    pub fn state(&self) -> State {
        self.state
    }

    fn review(&mut self) {
        let has = |condition| self.members.iter().any(|m| m.condition == condition);
        match self.state {
            State::Fault if has(Condition::Faulty) => {}
            _ if has(Condition::Faulty) => {
                self.forget();
                self.tell_all(Order::Fault);
                self.enter(State::Fault);
            }
            State::Init | State::Fault if !has(Condition::Stopped) => {
                self.forget();
                self.tell_all(Order::Run);
                self.enter(State::Backup);
            }
            State::Backup | State::Master
                if self
                    .members
                    .iter()
                    .all(|m| m.condition == Condition::Stopped) =>
            {
                self.forget();
                self.enter(State::Init);
            }
            State::Init | State::Fault | State::Backup | State::Master => {}
        }
    }

    /// A member that joins a running group does as the others do.
    fn welcome(&mut self, member: usize) {
        match self.state {
            State::Init | State::Fault => {}
            State::Backup => self.tell(member, Order::Run),
            State::Master => {
                self.tell(member, Order::Run);
                self.tell(member, Order::Lead);
            }
        }
    }

    fn lead(&mut self) {
        for member in 0..self.members.len() {
            self.members[member].wants = true;
            if !self.members[member].leads {
                self.tell(member, Order::Lead);
            }
        }
        self.enter(State::Master);
    }

    fn follow(&mut self, first: usize) {
        self.forget();
        for member in (0..self.members.len()).filter(|member| *member != first) {
            self.tell(member, Order::Follow);
        }
        self.enter(State::Backup);
    }

    fn forget(&mut self) {
        for member in &mut self.members {
            (member.wants, member.leads) = (false, false);
        }
    }

    fn tell(&mut self, member: usize, order: Order) {
        self.outputs.push_back(GroupOutput::Order { member, order });
    }

    fn tell_all(&mut self, order: Order) {
        let orders = (0..self.members.len()).map(|member| GroupOutput::Order { member, order });
        self.outputs.extend(orders);
    }

    fn enter(&mut self, to: State) {
        let from = self.state;
        self.state = to;
        self.outputs.push_back(GroupOutput::Changed { from, to });
    }
}

#[cfg(test)]
mod tests;

//! Whether an instance may run, and with which priority: start, faults, trackers, its sync group.
//!
//! What follows from it is decided in `state`.

use std::time::Duration;

use lbd_core::Time;

use super::input::Order;
use super::output::{Event, Output, Report};
use super::state::{Reason, State, Trigger};
use super::{Instance, timing};
use crate::packet::Priority;
use crate::spec::{InstanceSpec, Reach};
use crate::track::{self, Delays, Effect, Standing, Status, TrackSpec, Tracker};

#[derive(Clone, Debug)]
pub(super) struct Health {
    link: Tracker,
    trackers: Vec<Tracker>,
    group: Group,
    start: Start,
    reported: Report,
    is_yielding: bool,
    /// We told the group that we would lead.
    pub(super) wants_to_lead: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    None,
    /// Not all members are ready.
    Waits,
    Fault,
    Runs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    No,
    At(Time),
    Done,
}

impl Health {
    pub(super) fn new(spec: &InstanceSpec, is_grouped: bool) -> Self {
        Self {
            link: Tracker::new(interface(spec.interface_delays)),
            trackers: spec.trackers.iter().cloned().map(Tracker::new).collect(),
            group: if is_grouped {
                Group::Waits
            } else {
                Group::None
            },
            start: Start::No,
            reported: Report::Stopped,
            is_yielding: false,
            wants_to_lead: false,
        }
    }

    pub(super) fn is_grouped(&self) -> bool {
        self.group != Group::None
    }

    /// Joins or leaves a sync group. In one it waits for its orders before it starts, but goes on
    /// with what it does.
    pub(super) fn regroup(&mut self, is_grouped: bool) {
        self.group = if is_grouped {
            Group::Waits
        } else {
            Group::None
        };
        self.reported = Report::Stopped;
        self.wants_to_lead = false;
    }

    pub(super) fn link(&mut self, now: Time, is_up: bool) {
        let status = if is_up { Status::Up } else { Status::Down };
        self.link.report(now, status);
    }

    pub(super) fn track(&mut self, now: Time, tracker: usize, status: Status) {
        if let Some(tracker) = self.trackers.get_mut(tracker) {
            tracker.report(now, status);
        }
    }

    pub(super) fn start(&mut self, now: Time, delay: Duration) {
        if self.start == Start::No {
            self.start = Start::At(now + delay);
        }
    }

    /// It has begun in another process, which knew these results.
    pub(super) fn resume(&mut self, results: &[(String, Status)]) {
        self.start = Start::Done;
        for tracker in &mut self.trackers {
            let mut results = results.iter();
            if let Some((_, status)) = results.find(|(name, _)| *name == tracker.spec.name) {
                tracker.status = *status;
            }
        }
    }

    /// The results of what is tracked, by name.
    pub(super) fn results(&self) -> Vec<(String, Status)> {
        let result = |tracker: &Tracker| (tracker.spec.name.clone(), tracker.status);
        self.trackers.iter().map(result).collect()
    }

    pub(super) fn stop(&mut self) {
        self.start = Start::No;
    }

    pub(super) fn order(&mut self, order: Order) {
        if self.is_grouped() {
            match order {
                Order::Fault => self.group = Group::Fault,
                Order::Run => self.group = Group::Runs,
                Order::Follow | Order::Lead => {}
            }
        }
    }

    pub(super) fn tick(&mut self, now: Time) {
        self.link.tick(now);
        for tracker in &mut self.trackers {
            tracker.tick(now);
        }
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        let start = match self.start {
            Start::At(due) => Some(due),
            Start::No | Start::Done => None,
        };
        let trackers = self.trackers.iter().chain([&self.link]);
        trackers.filter_map(Tracker::deadline).chain(start).min()
    }

    /// What is tracked under the same name keeps its result.
    pub(super) fn reconfigure(&mut self, spec: &InstanceSpec) {
        self.link.spec = interface(spec.interface_delays);
        let old = std::mem::take(&mut self.trackers);
        let kept = |spec: &TrackSpec| {
            let mut tracker = Tracker::new(spec.clone());
            if let Some(same) = old.iter().find(|old| old.spec.name == spec.name) {
                tracker.status = same.status;
            }
            tracker
        };
        self.trackers = spec.trackers.iter().map(kept).collect();
    }
}

impl Instance {
    /// Compares what is with the state, and triggers what follows; called after every input.
    pub(super) fn review(&mut self, now: Time) {
        let standing = track::standing(self.spec.priority, &self.health.trackers);
        self.revise_priority(now, &standing);
        if let Start::At(due) = self.health.start
            && due <= now
        {
            self.health.start = Start::Done;
        }
        let fault = self.own_fault(&standing);
        let is_started = self.health.start == Start::Done;
        self.report(is_started, fault.is_some(), standing.is_known);
        if !is_started {
            return;
        }
        let group_fault = (self.health.group == Group::Fault).then_some(Reason::GroupFault);
        match (fault.or(group_fault), self.state) {
            (Some(_), State::Fault) => {}
            (Some(reason), _) => self.trigger(now, Trigger::FaultRaised, reason, None),
            (None, _) if self.health.group == Group::Waits => {}
            (None, State::Fault) => {
                let reason = self.upward(Reason::FaultCleared);
                self.trigger(now, Trigger::FaultCleared, reason, None);
            }
            (None, State::Init) if standing.is_known => {
                let reason = self.upward(Reason::Started);
                self.trigger(now, Trigger::Start, reason, None);
            }
            (None, State::Init | State::Backup | State::Master) => {}
        }
        self.revise_yield(now, standing.is_yielding);
    }

    fn upward(&self, reason: Reason) -> Reason {
        if self.spec.priority.is_owner() && !self.health.is_grouped() {
            Reason::Owner
        } else {
            reason
        }
    }

    fn own_fault(&self, standing: &Standing) -> Option<Reason> {
        if matches!(&self.spec.reach, Reach::Unicast { peers, .. } if peers.is_empty()) {
            return Some(Reason::NoPeer);
        }
        if self.spec.track_primary && self.health.link.status == Status::Down {
            return Some(Reason::InterfaceDown);
        }
        if self.voice.source.is_none() {
            return Some(Reason::NoSource);
        }
        if !standing.is_fault {
            return None;
        }
        let is_fault = |tracker: &Tracker| {
            track::standing(Priority::DEFAULT, std::slice::from_ref(tracker)).is_fault
        };
        let tracker = self.health.trackers.iter().position(is_fault);
        Some(Reason::Tracked(tracker.unwrap_or_default()))
    }

    fn report(&mut self, is_started: bool, is_faulty: bool, is_known: bool) {
        if !self.health.is_grouped() {
            return;
        }
        let report = match (is_started, is_faulty) {
            (false, _) => Report::Stopped,
            (true, true) => Report::Faulty,
            // Once it ran, a tracker without a result does not stop it.
            (true, false) if is_known || self.health.reported == Report::Well => Report::Well,
            (true, false) => Report::Stopped,
        };
        if report != self.health.reported {
            self.health.reported = report;
            self.book.put(Output::Report(report));
        }
    }

    /// The down timer moves with the skew (keepalived), so that a change does not restart it.
    fn revise_priority(&mut self, now: Time, standing: &Standing) {
        let (from, to) = (self.effective, standing.priority);
        // An owner that gave way to another one stays below it until that is gone.
        let is_below_owner = self
            .ears
            .owner_conflict
            .is_some_and(|n| n >= super::OWNER_PATIENCE)
            || self.state == State::Backup
                && self.reason == Reason::OwnerConflict
                && self.ears.master.is_some_and(|(_, p)| p.is_owner());
        if from == to || to.is_owner() && from == Priority::HIGHEST && is_below_owner {
            return;
        }
        self.effective = to;
        if let (State::Backup, Some(down)) = (self.state, self.timers.down) {
            let interval = self.ears.master_interval;
            let old = timing::skew(self.spec.version, from, interval);
            let new = timing::skew(self.spec.version, to, interval);
            let later = down + new;
            self.timers.down =
                Some(Time(later.0.saturating_sub(
                    u64::try_from(old.as_nanos()).unwrap_or_default(),
                )));
        }
        self.book.tell(now, Event::PriorityChanged { from, to });
    }

    /// Offers the addresses to anyone, but holds them: who takes them outranks us, as our priority is
    /// the lowest by now, and if nobody does they are not without an owner.
    fn revise_yield(&mut self, now: Time, is_yielding: bool) {
        if self.health.is_yielding == is_yielding {
            return;
        }
        self.health.is_yielding = is_yielding;
        if is_yielding && self.state == State::Master {
            self.advertise(now, Priority::RELEASE);
        }
    }
}

fn interface(delays: Delays) -> TrackSpec {
    TrackSpec {
        name: String::new(),
        effect: Effect::Fault,
        is_reversed: false,
        delays,
        initial: Status::Up,
    }
}

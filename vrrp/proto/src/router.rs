//! All virtual routers of a node: finds the instance for a packet, connects sync groups with their
//! members and switchovers with their units.
//!
//! It adds no rule of its own about who is master.

use std::collections::VecDeque;

use lbd_core::{Time, WallTime};

use crate::group::{Group, GroupOutput};
use crate::handover::{Handover, HandoverInput, HandoverOutput, Message, Outcome, Standing, Step};
use crate::instance::{Input, Instance, Output, Packet, Parcel, Report, State, Stop};
use crate::packet::{Family, Priority, peek_vrid};
use crate::spec::{InstanceSpec, Reach};
use crate::track::TrackSpec;

/// Everything a node is configured to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouterSpec {
    /// The instances; they are named by their index.
    pub instances: Vec<PlacedSpec>,
    /// The sync groups; they are named by their index.
    pub groups: Vec<GroupSpec>,
}

/// An instance and where it listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedSpec {
    /// The instance.
    pub spec: InstanceSpec,
    /// The shell's number for the interface, or for the socket of an instance without one.
    pub interface: u32,
}

/// One `vrrp_sync_group`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSpec {
    /// Its name in the configuration.
    pub name: String,
    /// Indices of instances, none of them in another group.
    pub members: Vec<usize>,
    /// What every member tracks beside its own: appended to each member's trackers.
    pub trackers: Vec<TrackSpec>,
}

/// What a switchover is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A sync group, by its index.
    Group(usize),
    /// An instance that is in no group, by its index.
    Instance(usize),
}

/// What a router wants done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouterOutput {
    /// A group's state changed: run its notify scripts.
    Group {
        /// Its index.
        group: usize,
        /// What it was.
        from: State,
        /// What it is.
        to: State,
    },
    /// A switchover is over.
    HandoverEnded(Unit, Outcome),
    /// A step of a switchover.
    HandoverStep(Unit, Step),
    /// An instance wants something; never `Output::Report`.
    Instance(usize, Output),
    /// From here on indices are those of the new configuration.
    Reconfigured,
    /// A message to the partner.
    Tell(Unit, Message),
}

/// The machine of a node.
#[derive(Clone, Debug)]
pub struct Router {
    instances: Vec<Placed>,
    groups: Vec<(GroupSpec, Group)>,
    handovers: Vec<UnitHandover>,
    outputs: VecDeque<RouterOutput>,
    unknown: u64,
}

#[derive(Clone, Debug)]
struct UnitHandover {
    unit: Unit,
    name: String,
    handover: Handover,
}

#[derive(Clone, Debug)]
struct Placed {
    instance: Instance,
    interface: u32,
    /// Group and place in it.
    group: Option<(usize, usize)>,
}

impl Router {
    /// A node on which nothing runs. Members that do not exist or are in another group already are
    /// left out of a group.
    pub fn new(spec: RouterSpec, now: Time, wall: WallTime) -> Self {
        let mut router = Self {
            instances: Vec::new(),
            groups: Vec::new(),
            handovers: Vec::new(),
            outputs: VecDeque::new(),
            unknown: 0,
        };
        router.reconfigure(spec, now, wall);
        router
    }

    /// Takes a new configuration. Instances are matched by name, groups too: what stays keeps its
    /// state, whatever its place; what is gone releases its addresses under its old index, before
    /// `RouterOutput::Reconfigured`; what is new must be started.
    pub fn reconfigure(&mut self, spec: RouterSpec, now: Time, wall: WallTime) {
        self.drop_missing(&spec, now);
        let mut specs = spec.instances;
        let (groups, places) = place(spec.groups, specs.len());
        for (placed, group) in specs.iter_mut().zip(&places) {
            if let Some((index, _)) = group {
                let trackers = &groups[*index].trackers;
                placed.spec.trackers.extend(trackers.iter().cloned());
            }
        }
        let mut old = std::mem::take(&mut self.instances);
        for (placed, group) in specs.into_iter().zip(places) {
            let is_same = |old: &Placed| old.instance.spec().name == placed.spec.name;
            let instance = match old.iter().position(is_same) {
                Some(at) => {
                    let mut instance = old.swap_remove(at).instance;
                    instance.regroup(group.is_some());
                    instance.handle(now, Input::Reconfigure(Box::new(placed.spec)));
                    instance
                }
                None if group.is_some() => Instance::in_group(placed.spec, now, wall),
                None => Instance::new(placed.spec, now, wall),
            };
            self.instances.push(Placed {
                instance,
                interface: placed.interface,
                group,
            });
        }
        self.rebuild_units(groups);
        self.outputs.push_back(RouterOutput::Reconfigured);
        self.settle(now);
    }

    /// Ends what the new configuration does not name.
    fn drop_missing(&mut self, spec: &RouterSpec, now: Time) {
        for UnitHandover {
            unit,
            name,
            handover,
        } in &mut self.handovers
        {
            let stays = match unit {
                Unit::Group(_) => spec.groups.iter().any(|g| g.name == *name),
                Unit::Instance(_) => spec.instances.iter().any(|i| i.spec.name == *name),
            };
            if !stays {
                handover.handle(now, HandoverInput::Cancel);
            }
        }
        for placed in &mut self.instances {
            let name = &placed.instance.spec().name;
            if !spec.instances.iter().any(|i| i.spec.name == *name) {
                placed.instance.handle(now, Input::Stop(Stop::Release));
            }
        }
        self.settle(now);
    }

    /// Groups take over from their members' states; switchovers follow their unit's name.
    fn rebuild_units(&mut self, groups: Vec<GroupSpec>) {
        let state = |member: &usize| self.instances[*member].instance.state();
        let resume = |spec: GroupSpec| {
            let states: Vec<_> = spec.members.iter().map(state).collect();
            (spec, Group::resume(&states))
        };
        self.groups = groups.into_iter().map(resume).collect();
        let mut units = Vec::new();
        for (index, placed) in self.instances.iter().enumerate() {
            if placed.group.is_none() {
                units.push((Unit::Instance(index), placed.instance.spec().name.clone()));
            }
        }
        for (index, (group, _)) in self.groups.iter().enumerate() {
            units.push((Unit::Group(index), group.name.clone()));
        }
        let mut old = std::mem::take(&mut self.handovers);
        for (unit, name) in units {
            let is_group = |unit: Unit| matches!(unit, Unit::Group(_));
            let is_same =
                |old: &UnitHandover| old.name == name && is_group(old.unit) == is_group(unit);
            let handover = match old.iter().position(is_same) {
                Some(at) => old.swap_remove(at).handover,
                None => Handover::new(),
            };
            self.handovers.push(UnitHandover {
                unit,
                name,
                handover,
            });
        }
    }

    /// Goes on with what another process left, by the instances' names. Sources and links go before
    /// it; what is not named must be started.
    pub fn resume(&mut self, now: Time, parcels: &[(String, Parcel)]) {
        for placed in &mut self.instances {
            let name = &placed.instance.spec().name;
            if let Some((_, parcel)) = parcels.iter().find(|(known, _)| known == name) {
                let input = Input::Resume(Box::new(parcel.clone()));
                placed.instance.handle(now, input);
            }
        }
        let groups = std::mem::take(&mut self.groups);
        self.rebuild_units(groups.into_iter().map(|(spec, _)| spec).collect());
        self.settle(now);
    }

    /// What another process needs to go on, by the instances' names.
    pub fn pack(&self, now: Time) -> Vec<(String, Parcel)> {
        let instances = self.instances.iter().map(|placed| &placed.instance);
        instances
            .map(|instance| (instance.spec().name.clone(), instance.pack(now)))
            .collect()
    }

    /// Gives an input to an instance; an index that does not exist is nobody.
    pub fn handle(&mut self, now: Time, instance: usize, input: Input) {
        if let Some(placed) = self.instances.get_mut(instance) {
            placed.instance.handle(now, input);
        }
        self.settle(now);
    }

    /// Gives an input to every instance: the clock, start, stop.
    pub fn handle_all(&mut self, now: Time, input: &Input) {
        for placed in &mut self.instances {
            placed.instance.handle(now, input.clone());
        }
        self.settle(now);
    }

    /// Gives a packet to the instance it is for. Two unicast instances may share an identifier; then
    /// the sender decides. What is for nobody is counted.
    pub fn receive(&mut self, now: Time, interface: u32, packet: Packet) {
        let vrid = peek_vrid(&packet.payload);
        let family = Family::of(packet.destination);
        let is_for = |placed: &&mut Placed| {
            let spec = placed.instance.spec();
            placed.interface == interface && Some(spec.vrid) == vrid && spec.family() == family
        };
        let is_peer = |placed: &Placed| match &placed.instance.spec().reach {
            Reach::Multicast { .. } => false,
            Reach::Unicast { peers, .. } => peers.iter().any(|p| p.address == packet.source),
        };
        let mut found: Vec<_> = self.instances.iter_mut().filter(is_for).collect();
        let at = found.iter().position(|placed| is_peer(placed)).unwrap_or(0);
        match found.get_mut(at) {
            Some(placed) => placed.instance.handle(now, Input::Packet(packet)),
            None => self.unknown = self.unknown.saturating_add(1),
        }
        self.settle(now);
    }

    /// Lets every timer fire that is due.
    pub fn tick(&mut self, now: Time) {
        for placed in &mut self.instances {
            if placed.instance.poll_timeout().is_some_and(|due| due <= now) {
                placed.instance.handle(now, Input::Tick);
            }
        }
        for placed in &mut self.handovers {
            placed.handover.handle(now, HandoverInput::Tick);
        }
        self.settle(now);
    }

    /// Gives an input to the switchover of a unit.
    pub fn handover(&mut self, now: Time, unit: Unit, input: HandoverInput) {
        if let Some(found) = self.handovers.iter_mut().find(|found| found.unit == unit) {
            found.handover.handle(now, input);
        }
        self.settle(now);
    }

    /// What is to be done next, in order.
    pub fn poll_output(&mut self) -> Option<RouterOutput> {
        self.outputs.pop_front()
    }

    /// When `tick` is wanted.
    pub fn poll_timeout(&self) -> Option<Time> {
        let instances = self
            .instances
            .iter()
            .filter_map(|p| p.instance.poll_timeout());
        let handovers = self
            .handovers
            .iter()
            .filter_map(|h| h.handover.poll_timeout());
        instances.chain(handovers).min()
    }

    /// The instances, in the order of the configuration.
    pub fn instances(&self) -> impl Iterator<Item = &Instance> {
        self.instances.iter().map(|placed| &placed.instance)
    }

    /// The groups with their states, in the order of the configuration.
    pub fn groups(&self) -> impl Iterator<Item = (&GroupSpec, State)> {
        self.groups
            .iter()
            .map(|(spec, group)| (spec, group.state()))
    }

    /// The switchovers.
    pub fn handovers(&self) -> impl Iterator<Item = (Unit, &Handover)> {
        self.handovers
            .iter()
            .map(|found| (found.unit, &found.handover))
    }

    /// Packets that were for no instance.
    pub fn unknown_packets(&self) -> u64 {
        self.unknown
    }

    /// Passes reports to groups, orders to members, and what moves on to switchovers, until nobody
    /// has anything to say.
    fn settle(&mut self, now: Time) {
        for _ in 0..MAX_ROUNDS {
            let before = self.outputs.len();
            let reports = self.collect();
            let has_ordered = self.order(now, &reports);
            let has_moved = self.move_handovers(now);
            if self.outputs.len() == before && !has_ordered && !has_moved {
                return;
            }
        }
    }

    fn collect(&mut self) -> Vec<(usize, usize, Report)> {
        let mut reports = Vec::new();
        for (index, placed) in self.instances.iter_mut().enumerate() {
            while let Some(output) = placed.instance.poll_output() {
                match (output, placed.group) {
                    (Output::Report(report), Some((group, place))) => {
                        reports.push((group, place, report));
                    }
                    (Output::Report(_), None) => {}
                    (output, _) => self
                        .outputs
                        .push_back(RouterOutput::Instance(index, output)),
                }
            }
        }
        reports
    }

    fn order(&mut self, now: Time, reports: &[(usize, usize, Report)]) -> bool {
        for (group, place, report) in reports {
            self.groups[*group].1.handle(*place, *report);
        }
        let mut has_ordered = false;
        for (index, (spec, group)) in self.groups.iter_mut().enumerate() {
            while let Some(output) = group.poll_output() {
                has_ordered = true;
                let (member, input) = match output {
                    GroupOutput::Changed { from, to } => {
                        let group = index;
                        self.outputs
                            .push_back(RouterOutput::Group { group, from, to });
                        continue;
                    }
                    GroupOutput::Doubt { member } => (member, Input::Doubt),
                    GroupOutput::Order { member, order } => (member, Input::Order(order)),
                };
                let member = spec.members.get(member);
                if let Some(placed) = member.and_then(|m| self.instances.get_mut(*m)) {
                    placed.instance.handle(now, input);
                }
            }
        }
        has_ordered
    }

    fn move_handovers(&mut self, now: Time) -> bool {
        let mut has_moved = false;
        for index in 0..self.handovers.len() {
            let unit = self.handovers[index].unit;
            let standing = self.standing(unit);
            let handover = &mut self.handovers[index].handover;
            handover.handle(now, HandoverInput::Standing(standing));
            while let Some(output) = self.handovers[index].handover.poll_output() {
                has_moved = true;
                match output {
                    HandoverOutput::Announce => self.tell_unit(now, unit, &Input::Doubt),
                    HandoverOutput::Ended(outcome) => {
                        self.outputs
                            .push_back(RouterOutput::HandoverEnded(unit, outcome));
                    }
                    HandoverOutput::Expect { until } => {
                        self.tell_unit(now, unit, &Input::Expect { from: None, until });
                    }
                    HandoverOutput::Step(step) => {
                        self.outputs
                            .push_back(RouterOutput::HandoverStep(unit, step));
                    }
                    HandoverOutput::Take => self.tell_unit(now, unit, &Input::TakeOver),
                    HandoverOutput::Tell(message) => {
                        self.outputs.push_back(RouterOutput::Tell(unit, message));
                    }
                }
            }
        }
        has_moved
    }

    fn members(&self, unit: Unit) -> Vec<usize> {
        match unit {
            Unit::Group(group) => self.groups[group].0.members.clone(),
            Unit::Instance(instance) => vec![instance],
        }
    }

    fn tell_unit(&mut self, now: Time, unit: Unit, input: &Input) {
        for member in self.members(unit) {
            self.instances[member].instance.handle(now, input.clone());
        }
    }

    /// A unit can take the addresses when none of its members has been brought down to the lowest
    /// priority by what it tracks.
    fn standing(&self, unit: Unit) -> Standing {
        let members = self.members(unit);
        let snapshots = members
            .iter()
            .map(|m| self.instances[*m].instance.snapshot());
        let is_lowest = |s: crate::instance::Snapshot| s.priority == Priority::LOWEST;
        let can_take = !snapshots.into_iter().any(is_lowest);
        let state = match unit {
            Unit::Group(group) => self.groups[group].1.state(),
            Unit::Instance(instance) => self.instances[instance].instance.state(),
        };
        Standing { state, can_take }
    }
}

/// Groups with the members they can have, and for each instance its group and place in it.
fn place(
    mut groups: Vec<GroupSpec>,
    instances: usize,
) -> (Vec<GroupSpec>, Vec<Option<(usize, usize)>>) {
    let mut places = vec![None; instances];
    for (index, group) in groups.iter_mut().enumerate() {
        let mut members = Vec::new();
        for member in std::mem::take(&mut group.members) {
            if let Some(free @ None) = places.get_mut(member) {
                *free = Some((index, members.len()));
                members.push(member);
            }
        }
        group.members = members;
    }
    (groups, places)
}

/// Rounds of reports and orders after one input; a group settles in three.
const MAX_ROUNDS: usize = 16;

#[cfg(test)]
mod tests;

//! Three nodes through random schedules of faults: one master after convergence, and a bounded time
//! without one.
//!
//! `VRRP_SCHEDULES` says how many, `VRRP_SEED` the first seed; failures name their seed. 100,000 took
//! half a minute on one core in the release profile:
//! `VRRP_SCHEDULES=100000 cargo test --release -p vrrp-proto --test machine one_master`.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers of tests are small"
)]

use std::time::Duration;

use crate::lan::{DELAY, Lan, Noted};
use crate::specs::{instance, node, tracker};
use vrrp_proto::instance::timing;
use vrrp_proto::packet::Centisecs;
use vrrp_proto::router::{GroupSpec, PlacedSpec};
use vrrp_proto::spec::Preempt;
use vrrp_proto::track::{Effect, Status};
use vrrp_proto::{Input, InstanceSpec, Priority, RouterSpec, State, Version, Vrid};

fn number(name: &str, default: u64) -> u64 {
    let value = std::env::var_os(name).and_then(|value| value.into_string().ok());
    value.and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// What all nodes of a run share.
struct Plan {
    version: Version,
    interval: Centisecs,
    preempt: Preempt,
    /// Two networks in one sync group, instead of one network.
    is_grouped: bool,
}

impl Plan {
    fn random(lan: &mut Lan) -> Self {
        let version = [Version::V2, Version::V3][lan.random(2) as usize];
        let interval = match version {
            Version::V2 => Centisecs(100),
            Version::V3 => Centisecs([1, 10, 50, 100][lan.random(4) as usize]),
        };
        let preempt = match lan.random(4) {
            0 => Preempt::Never,
            1 => Preempt::Delayed(Duration::from_millis(lan.random(3000))),
            _ => Preempt::Always,
        };
        Self {
            version,
            interval,
            preempt,
            is_grouped: lan.random(3) == 0,
        }
    }

    fn node(&self, priority: u8) -> RouterSpec {
        let mut whole = node(self.spec(priority));
        if self.is_grouped {
            let mut spec = self.spec(priority);
            spec.name = "W".to_owned();
            spec.vrid = Vrid::new(52).expect("not 0");
            whole.instances.push(PlacedSpec { spec, interface: 1 });
            whole.groups.push(GroupSpec {
                name: "G".to_owned(),
                members: vec![0, 1],
                trackers: Vec::new(),
            });
        }
        whole
    }

    fn instances(&self) -> usize {
        1 + usize::from(self.is_grouped)
    }

    fn spec(&self, priority: u8) -> InstanceSpec {
        let mut spec = instance(self.version, priority, self.interval.0);
        spec.preempt = self.preempt;
        spec.trackers = vec![tracker(Effect::Fault), tracker(Effect::Weight(-20))];
        spec
    }

    /// The longest a backup waits.
    fn patience(&self) -> Duration {
        timing::active_down_interval(self.version, 3, Priority::LOWEST, self.interval)
    }
}

fn disturb(lan: &mut Lan, plan: &Plan) {
    let node = lan.random(3) as usize;
    let instance = lan.random(plan.instances() as u64) as usize;
    match lan.random(12) {
        0 => lan.crash(node),
        1 | 2 if !lan.nodes[node].is_up => lan.restart(node),
        1 | 2 => lan.freeze(node),
        3 => lan.thaw(node),
        4 => {
            lan.cut_off.insert(node);
        }
        5 => lan.cut_off.clear(),
        6 => lan.loss = [0, 0, 100, 300][lan.random(4) as usize],
        7 => lan.duplicates = [0, 200][lan.random(2) as usize],
        8 => {
            // Up to a quarter of the interval.
            let most = plan.interval.duration() / 4;
            lan.delay.1 = lan.delay.0 + most * lan.random(5) as u32 / 4;
        }
        9 => lan.upgrade(node),
        10 => {
            let is_up = lan.random(2) == 0;
            lan.tell(node, instance, Input::Link(is_up));
        }
        _ => {
            let status = [Status::Up, Status::Down][lan.random(2) as usize];
            let tracker = lan.random(2) as usize;
            lan.tell(node, instance, Input::Track { tracker, status });
        }
    }
}

fn heal(lan: &mut Lan) {
    lan.loss = 0;
    lan.delay = DELAY;
    lan.duplicates = 0;
    lan.cut_off.clear();
    for node in 0..lan.nodes.len() {
        if lan.nodes[node].is_up {
            lan.thaw(node);
        } else {
            lan.restart(node);
        }
        for instance in 0..2 {
            lan.tell(node, instance, Input::Link(true));
            for tracker in 0..2 {
                let status = Status::Up;
                lan.tell(node, instance, Input::Track { tracker, status });
            }
        }
    }
}

fn schedule(seed: u64) {
    let mut lan = Lan::new(seed);
    let plan = Plan::random(&mut lan);
    let mut priorities = Vec::new();
    for _ in 0..3 {
        let priority = [100, 100, 150, 200, 254][lan.random(5) as usize];
        priorities.push(priority);
        let index = lan.add(plan.node(priority));
        lan.nodes[index].drift = lan.random(401) as i64 - 200;
    }
    for _ in 0..lan.random(30) {
        let pause = lan.random(plan.patience().as_micros() as u64);
        lan.run_for(Duration::from_micros(pause));
        disturb(&mut lan, &plan);
        for node in &lan.nodes {
            let states = node.router.instances().map(|i| i.state()).enumerate();
            let masters = states.filter(|(_, state)| *state == State::Master && node.is_up);
            let holds: Vec<_> = node.holds.iter().copied().collect();
            assert_eq!(
                masters.map(|(i, _)| i).collect::<Vec<_>>(),
                holds,
                "seed {seed}"
            );
            // All or nothing: members differ at no moment between two inputs.
            assert!(
                holds.is_empty() || holds.len() == plan.instances(),
                "seed {seed}"
            );
        }
    }
    every_transition_has_a_reason(&lan, seed);
    heal(&mut lan);
    lan.run_for(plan.patience() * 8 + Duration::from_secs(4));
    let masters = lan.masters(0);
    assert_eq!(masters.len(), 1, "seed {seed}: {priorities:?}");
    for instance in 0..plan.instances() {
        assert_eq!(
            lan.masters(instance),
            masters,
            "seed {seed}: {priorities:?}"
        );
        assert_eq!(lan.holders(instance), masters, "seed {seed}");
    }
    let highest = priorities.iter().max().copied().unwrap_or_default();
    if plan.preempt != Preempt::Never {
        assert_eq!(
            priorities[masters[0]], highest,
            "seed {seed}: {priorities:?}"
        );
    }
    // It stays so.
    let end = lan.now + plan.patience() * 3;
    assert!(
        lan.run_while(end, |lan| lan.masters(0) == masters),
        "seed {seed}"
    );
    bounded_failover(&mut lan, &plan, &priorities, masters[0], seed);
}

/// Each state is entered for a reason that can lead to it.
fn every_transition_has_a_reason(lan: &Lan, seed: u64) {
    use vrrp_proto::instance::Reason as R;
    for (at, node, noted) in &lan.log {
        let Noted::Changed(_, change) = noted else {
            continue;
        };
        let is_reasoned = match (change.to, change.reason) {
            (State::Master, reason) => matches!(
                reason,
                R::GroupLeads
                    | R::MasterLost
                    | R::MasterReleased
                    | R::Preempted
                    | R::Resumed
                    | R::Started
            ),
            (State::Backup, reason) => matches!(
                reason,
                R::FaultCleared
                    | R::GroupFollows
                    | R::HandedOver
                    | R::Outranked
                    | R::Resumed
                    | R::Started
            ),
            (State::Fault, reason) => {
                matches!(reason, R::GroupFault | R::InterfaceDown | R::Tracked(_))
            }
            (State::Init, reason) => matches!(reason, R::Stopped),
        };
        assert!(
            is_reasoned && change.from != change.to,
            "seed {seed}: node {node} at {at:?}: {change:?}"
        );
    }
}

/// The master's power goes: the best of the others has the addresses within its down interval, and a
/// preempt delay does not count.
fn bounded_failover(lan: &mut Lan, plan: &Plan, priorities: &[u8], master: usize, seed: u64) {
    let others = priorities
        .iter()
        .enumerate()
        .filter(|(node, _)| *node != master);
    let best = others
        .map(|(_, priority)| *priority)
        .max()
        .unwrap_or_default();
    let bound = timing::active_down_interval(plan.version, 3, Priority(best), plan.interval);
    lan.crash(master);
    // Clocks differ by up to 200 millionths, packets take 200 us.
    let end = lan.now + bound + bound / 1000 + Duration::from_millis(1);
    lan.run_until(end);
    for instance in 0..plan.instances() {
        let masters = lan.masters(instance);
        assert!(
            !masters.is_empty(),
            "seed {seed}: no master after {bound:?}"
        );
        assert!(
            masters.iter().any(|m| priorities[*m] == best),
            "seed {seed}"
        );
    }
}

#[test]
fn one_master_after_convergence_and_a_bounded_time_without_one() {
    let first = number("VRRP_SEED", 0);
    for seed in first..first + number("VRRP_SCHEDULES", 500) {
        schedule(seed);
    }
}

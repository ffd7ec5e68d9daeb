//! What status pages look at.

use std::net::IpAddr;
use std::time::Duration;

use vrrp_proto::handover::Phase;
use vrrp_proto::instance::{Reason, Snapshot};
use vrrp_proto::track::Status;
use vrrp_proto::{Priority, State};

use super::{Engine, EngineCounters};

/// Everything at one moment.
#[derive(Clone, Debug)]
pub struct RouterStatus {
    /// The instances, in the order of the configuration.
    pub instances: Vec<InstanceStatus>,
    /// Switchovers under way.
    pub switchovers: usize,
    /// The groups.
    pub groups: Vec<(String, State)>,
    /// Packets for no instance.
    pub unknown_packets: u64,
    /// Announcements sent.
    pub announcements: u64,
    /// What the thread counts.
    pub counters: EngineCounters,
}

/// One instance.
#[derive(Clone, Debug)]
pub struct InstanceStatus {
    /// Its name.
    pub name: String,
    /// Its identifier.
    pub vrid: u8,
    /// 2 or 3.
    pub version: u8,
    /// The interface it listens on.
    pub interface: String,
    /// Where its packets come from.
    pub source: Option<IpAddr>,
    /// What the configuration says.
    pub base_priority: Priority,
    /// Its advertisement interval.
    pub interval: Duration,
    /// The virtual addresses of the configuration.
    pub addresses: Vec<IpAddr>,
    /// Those that are in place.
    pub placed: Vec<IpAddr>,
    /// How long it has been in its state.
    pub age: Duration,
    /// What is tracked, with its last result.
    pub trackers: Vec<(String, Status)>,
    /// The machine.
    pub snapshot: Snapshot,
}

impl InstanceStatus {
    /// Why it is in its state; the machine knows what is tracked by its place only.
    pub fn reason(&self) -> String {
        match self.snapshot.reason {
            Reason::Tracked(at) => match self.trackers.get(at) {
                Some((name, _)) => format!("tracked {name} is down"),
                None => self.snapshot.reason.to_string(),
            },
            reason => reason.to_string(),
        }
    }
}

impl Engine {
    pub(super) fn status(&self) -> RouterStatus {
        let now = self.clock.now();
        let instances = self.router.instances().enumerate().map(|(at, instance)| {
            let snapshot = instance.snapshot();
            let place = &self.places[at];
            let configured = &self.config.instances[at];
            InstanceStatus {
                name: place.name.clone(),
                vrid: instance.spec().vrid.number(),
                version: instance.spec().version.number(),
                interface: self.slots[place.slot].name.clone(),
                source: instance.sender().source,
                base_priority: instance.spec().priority,
                interval: instance.spec().interval.duration(),
                addresses: configured.all_addresses().map(|a| a.ip).collect(),
                placed: place.addresses.iter().map(|(_, a)| a.ip).collect(),
                age: now.since(snapshot.since),
                trackers: instance.results(),
                snapshot,
            }
        });
        RouterStatus {
            instances: instances.collect(),
            groups: self
                .router
                .groups()
                .map(|(spec, state)| (spec.name.clone(), state))
                .collect(),
            switchovers: self
                .router
                .handovers()
                .filter(|(_, handover)| handover.phase() != Phase::Idle)
                .count(),
            unknown_packets: self.router.unknown_packets(),
            announcements: self.announcer.sent(),
            counters: self.counters,
        }
    }
}

//! What happens to an instance.
//!
//! Inputs are complete: an instance asks nobody for anything.

use std::net::IpAddr;

use lbd_core::{Time, WallTime};

use super::parcel::Parcel;
use crate::packet::Datagram;
use crate::spec::InstanceSpec;
use crate::track::Status;

/// What happens to an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Its virtual addresses were taken off the interface by somebody else.
    AddressesLost,
    /// The wall clock at this moment; between two of them it is taken to go with `Time`.
    Clock(WallTime),
    /// Somebody else may have announced the addresses (an ARP reply was heard, the link returned).
    Doubt,
    /// A switchover: an advertisement of lower priority ends our mastership, until then.
    Expect {
        /// The one that takes over; `None` for whoever does.
        from: Option<IpAddr>,
        /// How long we wait.
        until: Time,
    },
    /// The interface is up or down.
    Link(bool),
    /// Release the addresses on the wire but hold them until somebody takes them, so that nothing is
    /// lost in between; at that time give them up anyway.
    Offer {
        /// How long we hold them.
        until: Time,
    },
    /// What the sync group decided.
    Order(Order),
    /// A packet came in. All packets that have come in go before a `Tick`.
    Packet(Packet),
    /// A switchover is undone: lower priorities are preempted as configured.
    Reclaim,
    /// A new configuration.
    Reconfigure(Box<InstanceSpec>),
    /// Give the addresses up, and leave them to whoever takes them until that one is lost.
    Release,
    /// Begin where another process left off. Source and link go before it.
    Resume(Box<Parcel>),
    /// The interface's address, when the configuration names none.
    Source(Option<IpAddr>),
    /// Begin.
    Start,
    /// End.
    Stop(Stop),
    /// A switchover: take the addresses now.
    TakeOver,
    /// The time that `poll_timeout` named, or any other.
    Tick,
    /// A tracked thing, by its place in the configuration, has a result.
    Track {
        /// Its index among the trackers.
        tracker: usize,
        /// What was found.
        status: Status,
    },
}

/// A received packet, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The sender.
    pub source: IpAddr,
    /// The group, or one of our addresses.
    pub destination: IpAddr,
    /// TTL or hop limit, when known.
    pub hops: Option<u8>,
    /// What follows the IP header.
    pub payload: Vec<u8>,
}

impl Packet {
    /// The same, borrowed.
    pub fn datagram(&self) -> Datagram<'_> {
        Datagram {
            source: self.source,
            destination: self.destination,
            hops: self.hops,
            payload: &self.payload,
        }
    }
}

impl From<Datagram<'_>> for Packet {
    fn from(datagram: Datagram<'_>) -> Self {
        Self {
            source: datagram.source,
            destination: datagram.destination,
            hops: datagram.hops,
            payload: datagram.payload.to_vec(),
        }
    }
}

/// What a sync group tells its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// A member has a fault: all go to FAULT.
    Fault,
    /// A member left the mastership: all go to BACKUP.
    Follow,
    /// All members want the addresses: take them.
    Lead,
    /// No member has a fault: all may run.
    Run,
}

/// How to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Keep the addresses and say nothing (keepalived's `--dont-release-vrrp`).
    Keep,
    /// Priority 0, addresses removed.
    Release,
}

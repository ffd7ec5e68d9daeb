//! What an instance wants done, in order.
//!
//! The list of outputs is the specification of the shell.

use std::net::IpAddr;
use std::time::Duration;

use super::{Reason, State};
use crate::packet::checksum::Checksum;
use crate::packet::{Centisecs, Priority, Rejection, Transmit};

/// What an instance wants done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Put the virtual addresses, routes and rules into place.
    AddAddresses,
    /// Announce the virtual addresses.
    Announce(Announce),
    /// Announce our own address: unicast peers may have forgotten it while we were away.
    AnnounceSource,
    /// The state changed: run notify scripts.
    Changed(Change),
    /// Something to tell, log or count.
    Event(Event),
    /// Take the virtual addresses, routes and rules away.
    RemoveAddresses,
    /// The configuration changed while master: put what is new into place, take what is gone away.
    ReplaceAddresses,
    /// For the sync group.
    Report(Report),
    /// Send a packet.
    Send(Transmit),
}

/// An announcement: `repeat` rounds over the addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announce {
    /// Rounds, at least 1.
    pub repeat: u16,
    /// On which interfaces.
    pub scope: Scope,
}

/// On which interfaces addresses are announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Each address on its own.
    All,
    /// Only addresses that are not on the instance's interface (`garp_extra_if`).
    ExtraInterfaces,
}

/// A change of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it was.
    pub from: State,
    /// What it is.
    pub to: State,
    /// Why.
    pub reason: Reason,
    /// Our priority now.
    pub priority: Priority,
}

/// What a member tells its sync group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// It has a fault of its own.
    Faulty,
    /// It hears a master, or stopped being one.
    Follows,
    /// It became master by itself (a switchover).
    Leads,
    /// A master of lower priority was heard; the other members' addresses may be disputed too.
    LowerHeard,
    /// It is not running.
    Stopped,
    /// It lost its master and would take over.
    WantsToLead,
    /// It is ready to run.
    Well,
}

/// Something to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The master's list of addresses is not ours.
    AddressListDiffers {
        /// The master.
        source: IpAddr,
    },
    /// A peer makes its checksum so; we answer in kind.
    ChecksumLearned {
        /// The peer.
        peer: IpAddr,
        /// How.
        kind: Checksum,
    },
    /// A sender's clock is off by more than half the window of `auth_hmac`.
    ClockSkew {
        /// The sender.
        source: IpAddr,
        /// By how many seconds our clock is ahead.
        ahead: i32,
    },
    /// The master's interval changed.
    IntervalLearned {
        /// What it is now.
        interval: Centisecs,
    },
    /// A timer was looked at later than it should have been.
    Late {
        /// By how much.
        by: Duration,
    },
    /// While master we heard one of lower priority (`notify_master_rx_lower_pri`).
    LowerPriorityHeard {
        /// Who.
        source: IpAddr,
        /// Its priority.
        priority: Priority,
    },
    /// The master is another one.
    MasterChanged {
        /// Who.
        source: IpAddr,
        /// Its priority.
        priority: Priority,
    },
    /// Another router claims to own the addresses, as we do.
    OwnerConflict {
        /// Who.
        source: IpAddr,
    },
    /// Preemption waits.
    PreemptDelayed {
        /// So long.
        delay: Duration,
    },
    /// Our priority changed.
    PriorityChanged {
        /// What it was.
        from: Priority,
        /// What it is.
        to: Priority,
    },
    /// A packet was refused; told once per reason and state.
    Rejected {
        /// From whom.
        source: IpAddr,
        /// Why.
        reason: Rejection,
    },
}

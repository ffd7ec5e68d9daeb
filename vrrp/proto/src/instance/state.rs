//! The state diagram: which state and trigger lead to what.
//!
//! It only decides; `Instance` does it. RFC 9568 says Active where keepalived, logs and scripts say
//! MASTER.
//!
//! ```text
//!                 +--------+   start, not ready: stays
//!                 |  Init  |<-------------------------------+ stop (from anywhere)
//!                 +--------+                                |
//!          owner  |   |   | fault                           |
//!        +--------+   |   +---------+                       |
//!        v            v             v                       |
//!   +--------+    +--------+    +-------+                   |
//!   | Master |--->| Backup |--->| Fault |-------------------+
//!   +--------+<---+--------+<---+-------+
//!     better advert   ^  down timer, fault cleared
//! ```

use std::fmt;

/// The state of an instance (RFC 9568 §6.3), and keepalived's FAULT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Not started, or not ready.
    Init,
    /// Listens to the master.
    Backup,
    /// Holds the addresses.
    Master,
    /// Something it depends on is down.
    Fault,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Init => "INIT",
            Self::Backup => "BACKUP",
            Self::Master => "MASTER",
            Self::Fault => "FAULT",
        })
    }
}

/// How a heard priority compares with ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rank {
    /// Priority 0.
    Release,
    Lower,
    /// The same, from a lower address.
    EqualBelow,
    /// The same, from a higher address.
    EqualAbove,
    Higher,
}

/// What may change the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trigger {
    AdvertTimer,
    DownTimer,
    FaultCleared,
    FaultRaised,
    Follow,
    Heard(Rank),
    Lead,
    Release,
    Start,
    Stop,
}

/// What the decision depends on beside state and trigger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// We own the addresses (priority 255).
    pub(super) is_owner: bool,
    /// A sync group decides about mastership.
    pub(super) is_grouped: bool,
    /// A master of lower priority is put up with: `nopreempt`, a delay, a switchover.
    pub(super) accepts_lower: bool,
    /// The advertisement is from whom a switchover gives the addresses to.
    pub(super) is_expected: bool,
    /// The release is proved and nobody else waits.
    pub(super) may_skip_skew: bool,
    /// `higher_prio_send_advert`.
    pub(super) says_goodbye: bool,
}

/// What is sent before leaving a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goodbye {
    Nothing,
    OwnPriority,
    Release,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Send the regular advertisement.
    Advertise,
    /// Send one at once: somebody released what is ours.
    Answer,
    /// Tell the group that we would lead, and go on waiting.
    AskGroup,
    /// Another master of lower rank: send one at once, and announce.
    Assert,
    /// Leave the timer as it is.
    Discard,
    /// Accept the master: restart the timer.
    Follow,
    /// Wait for the skew only.
    Hurry,
    Stay,
    ToBackup(Goodbye),
    ToFault(Goodbye),
    ToInit(Goodbye),
    ToMaster,
}

/// The state diagram. Total: every trigger in every state.
pub(super) fn decide(state: State, trigger: Trigger, facts: Facts) -> Decision {
    use Decision as D;
    use State as S;
    use Trigger as T;
    match (state, trigger) {
        // RFC 9568 §6.4.1 (110): the owner goes to Active at once; in a group it asks first.
        (S::Init, T::Start) | (S::Fault, T::FaultCleared)
            if facts.is_owner && !facts.is_grouped =>
        {
            D::ToMaster
        }
        // §6.4.1 (145): the others listen first.
        (S::Init, T::Start) | (S::Fault, T::FaultCleared) => D::ToBackup(Goodbye::Nothing),
        // keepalived: a fault keeps it out of the election.
        (S::Init | S::Backup, T::FaultRaised) => D::ToFault(Goodbye::Nothing),
        // §6.4.2 (330), §6.4.3 (655): shutdown.
        (S::Backup | S::Fault, T::Stop) => D::ToInit(Goodbye::Nothing),
        (S::Master, T::Stop) => D::ToInit(Goodbye::Release),
        // §6.4.2 (345): the down timer fires.
        (S::Backup, T::DownTimer) => lead(facts),
        // §6.4.2 (400): priority 0 leaves the skew; the only backup of a proved one need not wait.
        (S::Backup, T::Heard(Rank::Release)) if facts.may_skip_skew => lead(facts),
        (S::Backup, T::Heard(Rank::Release)) => D::Hurry,
        // §6.4.2 (430): with Preempt_Mode false, or not lower than ours, it is our master.
        (S::Backup, T::Heard(Rank::Lower)) if !facts.accepts_lower => D::Discard,
        (S::Backup, T::Heard(_)) => D::Follow,
        (S::Backup, T::Lead) => D::ToMaster,
        // §6.4.3 (665): the advertisement timer fires.
        (S::Master, T::AdvertTimer) => D::Advertise,
        // §6.4.3 (700): priority 0 is answered.
        (S::Master, T::Heard(Rank::Release)) => D::Answer,
        // §6.4.3 (715): higher, or equal from a higher address, wins.
        (S::Master, T::Heard(Rank::Higher | Rank::EqualAbove)) => {
            D::ToBackup(if facts.says_goodbye {
                Goodbye::OwnPriority
            } else {
                Goodbye::Nothing
            })
        }
        // A switchover: who takes over has a lower priority and wins nevertheless.
        (S::Master, T::Heard(Rank::Lower | Rank::EqualBelow)) if facts.is_expected => {
            D::ToBackup(Goodbye::Nothing)
        }
        // §6.4.3 (725): lower is answered, so that learning bridges and the other one see us.
        (S::Master, T::Heard(Rank::Lower | Rank::EqualBelow)) => D::Assert,
        (S::Master, T::FaultRaised) => D::ToFault(Goodbye::Release),
        (S::Master, T::Follow | T::Release) => D::ToBackup(Goodbye::Release),
        // Nothing is heard and no timer runs in Init and Fault; the rest is already so.
        (S::Init, T::Stop | T::FaultCleared | T::Lead | T::Follow | T::Release)
        | (S::Init | S::Fault, T::Heard(_) | T::AdvertTimer | T::DownTimer)
        | (S::Fault, T::Start | T::FaultRaised | T::Lead | T::Follow | T::Release)
        | (S::Backup, T::Start | T::FaultCleared | T::AdvertTimer | T::Follow | T::Release)
        | (S::Master, T::Start | T::FaultCleared | T::DownTimer | T::Lead) => D::Stay,
    }
}

fn lead(facts: Facts) -> Decision {
    if facts.is_grouped {
        Decision::AskGroup
    } else {
        Decision::ToMaster
    }
}

/// Why an instance is in its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// What was wrong is right again.
    FaultCleared,
    /// A member of the sync group has a fault.
    GroupFault,
    /// A member of the sync group left the mastership.
    GroupFollows,
    /// All members of the sync group want the addresses.
    GroupLeads,
    /// The addresses were handed over in a switchover.
    HandedOver,
    /// The interface is down.
    InterfaceDown,
    /// Our own advertisement was so late that another may have taken over.
    LateAdvert,
    /// Nothing was heard from the master for the down interval.
    MasterLost,
    /// The master said that it releases the addresses.
    MasterReleased,
    /// No unicast peer is configured.
    NoPeer,
    /// The interface has no address.
    NoSource,
    /// We own the addresses.
    Owner,
    /// Another router that claims to own the addresses does not give way.
    OwnerConflict,
    /// A router of higher priority, or equal from a higher address, is master.
    Outranked,
    /// The master's priority is lower than ours.
    Preempted,
    /// The identity of the instance changed.
    Reconfigured,
    /// Asked to give the addresses up.
    Released,
    /// Another process left it to this one.
    Resumed,
    /// It was started.
    Started,
    /// It was stopped, or never started.
    Stopped,
    /// Asked to take the addresses, in a switchover.
    TakenOver,
    /// A tracked thing, by its place in the configuration, is down.
    Tracked(usize),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FaultCleared => "what was wrong is right again",
            Self::GroupFault => "a member of the sync group has a fault",
            Self::GroupFollows => "a member of the sync group is no longer master",
            Self::GroupLeads => "all members of the sync group want the addresses",
            Self::HandedOver => "the addresses were handed over",
            Self::InterfaceDown => "the interface is down",
            Self::LateAdvert => "our own advertisement was too late",
            Self::MasterLost => "the master was not heard any more",
            Self::MasterReleased => "the master released the addresses",
            Self::NoPeer => "no unicast peer is configured",
            Self::NoSource => "the interface has no address",
            Self::Owner => "we own the addresses",
            Self::OwnerConflict => "another router claims to own the addresses",
            Self::Outranked => "a router of higher rank is master",
            Self::Preempted => "the master has a lower priority",
            Self::Reconfigured => "the configuration changed",
            Self::Released => "asked to release the addresses",
            Self::Resumed => "as in the process before this one",
            Self::Started => "started",
            Self::Stopped => "stopped",
            Self::TakenOver => "asked to take the addresses",
            Self::Tracked(index) => return write!(f, "tracker {index} is down"),
        })
    }
}

#[cfg(test)]
mod tests;

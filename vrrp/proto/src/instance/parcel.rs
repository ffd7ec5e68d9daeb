//! What a process leaves of an instance to the one that goes on with it.
//!
//! Counters begin anew, as with every start.

use std::net::IpAddr;
use std::time::Duration;

use lbd_core::Time;

use super::Instance;
use super::output::Output;
use super::state::{Reason, State};
use crate::packet::hmac::Sequence;
use crate::packet::{Centisecs, Priority, Version};
use crate::track::Status;

/// An instance to go on with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// Master and backup are gone on with; others begin anew.
    pub state: State,
    /// The master it heard.
    pub master: Option<(IpAddr, Priority)>,
    /// The interval that timers are made from.
    pub master_interval: Centisecs,
    /// It leaves the addresses to a master of lower priority.
    pub is_holding: bool,
    /// Until the next advertisement of a master, or the take-over of a backup.
    pub due: Duration,
    /// The last sequence sent in a trailer.
    pub sequence: u64,
    /// The last sequence of each sender that proved itself.
    pub senders: Vec<(IpAddr, u64)>,
    /// The results of what is tracked, by name.
    pub trackers: Vec<(String, Status)>,
}

impl Instance {
    /// What another process needs to go on with it.
    pub fn pack(&self, now: Time) -> Parcel {
        let timer = match self.state {
            State::Master => self.timers.advert,
            State::Backup => self.timers.down,
            State::Init | State::Fault => None,
        };
        Parcel {
            state: self.state,
            master: self.ears.master,
            master_interval: self.ears.master_interval,
            is_holding: self.ears.is_holding,
            due: timer.map_or(Duration::ZERO, |due| due.since(now)),
            sequence: self.voice.sequence.0,
            senders: self.ears.verifier.marks().collect(),
            trackers: self.results(),
        }
    }

    /// What is tracked, with its last result.
    pub fn results(&self) -> Vec<(String, Status)> {
        self.health.results()
    }

    /// Goes on with what another process left, unless this one has begun already. What is wrong by
    /// now is found by the review after every input.
    pub(super) fn on_resume(&mut self, now: Time, parcel: &Parcel) {
        if self.state != State::Init {
            return;
        }
        self.voice.sequence = Sequence(parcel.sequence);
        self.ears.verifier.resume(&parcel.senders);
        self.ears.is_holding = parcel.is_holding;
        self.health.resume(&parcel.trackers);
        let interval = match self.spec.version {
            Version::V2 => self.spec.interval,
            Version::V3 => parcel.master_interval,
        };
        match parcel.state {
            State::Master => {
                self.ears.is_holding = false;
                self.ears.master_interval = self.spec.interval;
                self.timers.last_advert = now;
                // A configuration with a shorter interval waits no longer than that.
                let due = parcel.due.min(self.spec.interval.duration());
                self.timers.advert = Some(now + due);
                let announce = self.timers.announcer.begin(&self.spec.garp, now);
                self.book.put(Output::AddAddresses);
                self.book.put(Output::Announce(announce));
                self.enter(now, State::Master, Reason::Resumed);
            }
            State::Backup => {
                self.ears.master = parcel.master;
                self.ears.master_interval = interval;
                self.timers.down = Some(now + parcel.due);
                self.enter(now, State::Backup, Reason::Resumed);
            }
            State::Init | State::Fault => {}
        }
    }
}

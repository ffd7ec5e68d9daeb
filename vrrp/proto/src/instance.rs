//! One virtual router on one node: the machine that decides who holds the addresses.
//!
//! It sends nothing, sets no address and reads no clock. VRRP needs no randomness, so it takes no
//! seed.

mod act;
mod announce;
mod book;
mod health;
pub mod input;
pub mod output;
pub mod parcel;
mod receive;
pub mod snapshot;
mod state;
pub mod timing;

use std::net::IpAddr;

use lbd_core::{Time, WallTime};

pub use input::{Input, Order, Packet, Stop};
pub use output::{Announce, Change, Event, Output, Report, Scope};
pub use parcel::Parcel;
pub use snapshot::{Counters, Snapshot};
pub use state::{Reason, State};

use crate::packet::hmac::Verifier;
use crate::packet::{Centisecs, Priority, Sender, Version};
use crate::spec::InstanceSpec;
use announce::Announcer;
use book::Book;
use health::Health;
use receive::Heard;
use state::{Goodbye, Rank, Trigger};

/// The machine of one `vrrp_instance`.
///
/// After each `handle`, take outputs until there is none, in order. Call `handle` with
/// `Input::Tick` at the time `poll_timeout` gives, after all packets that have come in.
#[derive(Clone, Debug)]
pub struct Instance {
    spec: InstanceSpec,
    state: State,
    reason: Reason,
    since: Time,
    effective: Priority,
    health: Health,
    voice: Sender,
    ears: Ears,
    timers: Timers,
    book: Book,
    clock: (Time, WallTime),
}

/// What was heard.
#[derive(Clone, Debug)]
struct Ears {
    verifier: Verifier,
    master: Option<(IpAddr, Priority)>,
    master_interval: Centisecs,
    /// Why we shall be master when the down timer fires.
    next_reason: Reason,
    /// Lower priorities are put up with until their master is lost.
    is_holding: bool,
    /// Whom a switchover gives the addresses to, and until when.
    expected: Option<Expected>,
    /// Own advertisements sent since another owner was heard.
    owner_conflict: Option<u8>,
    told_addresses: bool,
}

/// Somebody whose advertisement ends our mastership although its priority is lower.
#[derive(Clone, Copy, Debug)]
struct Expected {
    /// `None` for whoever it is.
    from: Option<IpAddr>,
    until: Time,
    /// Then we give up anyway.
    then_release: bool,
}

#[derive(Clone, Debug, Default)]
struct Timers {
    advert: Option<Time>,
    down: Option<Time>,
    /// Until when a master of lower priority is put up with.
    preempt: Option<Time>,
    announcer: Announcer,
    last_advert: Time,
    last_answer: Option<Time>,
    /// Take-overs put off in a row because the timer was looked at late.
    graces: u8,
}

impl Instance {
    /// An instance in state Init. What `InstanceSpec::settle` finds fatal makes it useless, not
    /// wrong.
    pub fn new(spec: InstanceSpec, now: Time, wall: WallTime) -> Self {
        Self::with_group(spec, false, now, wall)
    }

    /// An instance that belongs to a sync group, which must be told its reports.
    pub fn in_group(spec: InstanceSpec, now: Time, wall: WallTime) -> Self {
        Self::with_group(spec, true, now, wall)
    }

    fn with_group(mut spec: InstanceSpec, is_grouped: bool, now: Time, wall: WallTime) -> Self {
        spec.interval = spec.interval.max(MIN_INTERVAL);
        Self {
            state: State::Init,
            reason: Reason::Stopped,
            since: now,
            effective: spec.priority,
            health: Health::new(&spec, is_grouped),
            voice: spec.sender(),
            ears: Ears {
                verifier: Verifier::new(spec.sender().targets.len()),
                master: None,
                master_interval: spec.interval,
                next_reason: Reason::MasterLost,
                is_holding: false,
                expected: None,
                owner_conflict: None,
                told_addresses: false,
            },
            timers: Timers::default(),
            book: Book::default(),
            clock: (now, wall),
            spec,
        }
    }

    /// Takes what happened at `now`.
    pub fn handle(&mut self, now: Time, input: Input) {
        match input {
            Input::AddressesLost => self.on_addresses_lost(now),
            Input::Clock(wall) => self.clock = (now, wall),
            Input::Doubt => self.doubt(now),
            Input::Expect { from, until } => {
                self.ears.expected = Some(Expected {
                    from,
                    until,
                    then_release: false,
                });
            }
            Input::Link(is_up) => self.health.link(now, is_up),
            Input::Offer { until } => self.on_offer(now, until),
            Input::Order(order) => self.on_order(now, order),
            Input::Packet(packet) => self.on_packet(now, &packet),
            Input::Reclaim => self.ears.is_holding = false,
            Input::Reconfigure(spec) => self.on_reconfigure(now, *spec),
            Input::Release => {
                self.ears.is_holding = true;
                self.trigger(now, Trigger::Release, Reason::Released, None);
            }
            Input::Resume(parcel) => self.on_resume(now, &parcel),
            Input::Source(address) => self.on_source(now, address),
            Input::Start => self.health.start(now, self.spec.start_delay),
            Input::Stop(how) => self.on_stop(now, how),
            Input::TakeOver => self.trigger(now, Trigger::Lead, Reason::TakenOver, None),
            Input::Tick => self.on_tick(now),
            Input::Track { tracker, status } => self.health.track(now, tracker, status),
        }
        self.review(now);
    }

    /// What is to be done next, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.book.outputs.pop_front()
    }

    /// When `Input::Tick` is wanted.
    pub fn poll_timeout(&self) -> Option<Time> {
        let timers = &self.timers;
        let expected = self.ears.expected.map(|expected| expected.until);
        let health = self.health.deadline();
        let announcer = timers.announcer.deadline();
        [timers.advert, timers.down, expected, health, announcer]
            .into_iter()
            .flatten()
            .min()
    }

    /// What status pages and tests look at.
    pub fn snapshot(&self) -> Snapshot {
        let mut counters = self.book.counters.clone();
        counters.announcements_limited = self.timers.announcer.limited;
        Snapshot {
            state: self.state,
            reason: self.reason,
            since: self.since,
            priority: self.effective,
            master: self.ears.master,
            master_interval: self.ears.master_interval,
            is_holding: self.ears.is_holding,
            down_at: self.timers.down,
            counters,
            rejections: self.book.rejections.clone(),
        }
    }

    /// Its state.
    pub fn state(&self) -> State {
        self.state
    }

    /// What it advertises, or would.
    pub fn priority(&self) -> Priority {
        self.effective
    }

    /// What it is configured to be.
    pub fn spec(&self) -> &InstanceSpec {
        &self.spec
    }

    /// What builds its packets now: whoever outlives it can release the addresses with it.
    pub fn sender(&self) -> &Sender {
        &self.voice
    }

    /// Joins or leaves a sync group.
    pub(crate) fn regroup(&mut self, is_grouped: bool) {
        self.health.regroup(is_grouped);
    }

    fn on_tick(&mut self, now: Time) {
        self.health.tick(now);
        if let Some(expected) = self.ears.expected.filter(|expected| expected.until <= now) {
            self.ears.expected = None;
            if expected.then_release {
                self.ears.is_holding = true;
                self.trigger(now, Trigger::Release, Reason::Released, None);
            }
        }
        while let Some(announce) = self.timers.announcer.due(&self.spec.garp, now) {
            self.book.put(Output::Announce(announce));
        }
        if let Some(due) = self.timers.advert.filter(|due| *due <= now) {
            self.measure(now, due);
            if self.is_overtaken(now) {
                return;
            }
            self.trigger(now, Trigger::AdvertTimer, self.reason, None);
        }
        if let Some(due) = self.timers.down.filter(|due| *due <= now) {
            self.measure(now, due);
            if self.takes_grace(now, due) {
                return;
            }
            let reason = self.ears.next_reason;
            self.trigger(now, Trigger::DownTimer, reason, None);
        }
    }

    /// Counts how late a timer was looked at.
    fn measure(&mut self, now: Time, due: Time) {
        let by = now.since(due);
        let counters = &mut self.book.counters;
        counters.latest = counters.latest.max(by);
        if by > self.spec.interval.duration() / 2 {
            counters.late += 1;
            self.book.tell(now, Event::Late { by });
        }
    }

    /// Our advertisement is so late that a backup's down timer may have fired.
    fn is_overtaken(&mut self, now: Time) -> bool {
        let others = self.spec.timer_expired_backup;
        let limit = timing::active_down_interval(
            self.spec.version,
            self.spec.down_timer_adverts,
            others.unwrap_or(Priority::HIGHEST),
            self.spec.interval,
        );
        if now.since(self.timers.last_advert) <= limit {
            return false;
        }
        if others.is_some() {
            self.leave_master(now, Goodbye::Nothing);
            self.enter_backup(now, Reason::LateAdvert);
            return true;
        }
        self.doubt(now);
        false
    }

    /// A machine that slept may have missed advertisements: it listens once more before it takes
    /// over. Bounded, so that a machine that always is late still takes over.
    fn takes_grace(&mut self, now: Time, due: Time) -> bool {
        let interval = self.ears.master_interval;
        if now.since(due) <= interval.duration() || self.timers.graces >= MAX_GRACES {
            return false;
        }
        self.timers.graces += 1;
        self.book.counters.graces += 1;
        self.timers.down = Some(now + interval.duration() + self.skew());
        true
    }

    fn on_addresses_lost(&mut self, now: Time) {
        if self.state == State::Master {
            self.book.put(Output::AddAddresses);
            self.doubt(now);
        }
    }

    fn on_source(&mut self, now: Time, address: Option<IpAddr>) {
        if self.spec.source.is_none() && self.voice.source != address {
            self.voice.source = address;
            if self.state == State::Master && address.is_some() {
                self.advertise(now, self.effective);
            }
        }
    }

    /// No advertisement follows the release: it would call a partner back that puts up with lower
    /// priorities.
    fn on_offer(&mut self, now: Time, until: Time) {
        if self.state != State::Master {
            self.ears.is_holding = true;
            return;
        }
        self.advertise(now, Priority::RELEASE);
        self.timers.advert = None;
        self.ears.expected = Some(Expected {
            from: None,
            until,
            then_release: true,
        });
    }

    fn on_order(&mut self, now: Time, order: Order) {
        self.health.order(order);
        match order {
            Order::Fault | Order::Run => {}
            Order::Follow => self.trigger(now, Trigger::Follow, Reason::GroupFollows, None),
            Order::Lead => self.trigger(now, Trigger::Lead, Reason::GroupLeads, None),
        }
    }

    fn on_stop(&mut self, now: Time, how: Stop) {
        self.health.stop();
        self.ears.is_holding = false;
        self.ears.expected = None;
        match (how, self.state) {
            (Stop::Keep, State::Master) => {
                self.quiet();
                self.enter(now, State::Init, Reason::Stopped);
            }
            _ => self.trigger(now, Trigger::Stop, Reason::Stopped, None),
        }
    }

    fn on_reconfigure(&mut self, now: Time, mut spec: InstanceSpec) {
        spec.interval = spec.interval.max(MIN_INTERVAL);
        let identity = |spec: &InstanceSpec| (spec.version, spec.vrid, spec.family());
        if identity(&self.spec) != identity(&spec) {
            self.trigger(now, Trigger::Stop, Reason::Reconfigured, None);
            self.ears.master = None;
        }
        if spec.version == Version::V2 {
            self.ears.master_interval = spec.interval;
        }
        let mut voice = spec.sender();
        voice.source = spec
            .source
            .or_else(|| self.voice.source.filter(|_| self.spec.source.is_none()));
        voice.sequence = self.voice.sequence;
        self.voice = voice;
        self.health.reconfigure(&spec);
        self.spec = spec;
        match self.state {
            State::Master => {
                self.ears.master_interval = self.spec.interval;
                self.book.put(Output::ReplaceAddresses);
                self.advertise(now, self.effective);
                let announce = self.timers.announcer.begin(&self.spec.garp, now);
                self.book.put(Output::Announce(announce));
            }
            State::Backup => self.arm_down(now),
            State::Init | State::Fault => self.ears.master_interval = self.spec.interval,
        }
    }

    fn on_packet(&mut self, now: Time, packet: &Packet) {
        let heard = match self.hear(now, packet) {
            Ok(heard) => heard,
            Err(reason) => return self.book.reject(now, packet.source, reason),
        };
        let counters = &mut self.book.counters;
        counters.adverts_received += 1;
        if heard.priority == Priority::RELEASE {
            counters.releases_received += 1;
        }
        self.settle_owner_conflict(now, &heard);
        let rank = heard.rank(self.effective, self.voice.source);
        let reason = match (self.state, rank) {
            (State::Master, Rank::Higher)
                if self.effective < self.spec.priority
                    && heard.priority.is_owner()
                    && self.spec.priority.is_owner() =>
            {
                Reason::OwnerConflict
            }
            (State::Master, Rank::EqualAbove | Rank::Higher) => Reason::Outranked,
            (State::Master, Rank::EqualBelow | Rank::Lower) => Reason::HandedOver,
            _ => Reason::MasterReleased,
        };
        self.trigger(now, Trigger::Heard(rank), reason, Some(heard));
    }

    /// Two routers say that they own the addresses. The one with the lower address gives way by
    /// rank; if it does not, we do, so that there are not two masters for good.
    fn settle_owner_conflict(&mut self, now: Time, heard: &Heard) {
        let source = heard.source;
        if !self.spec.priority.is_owner() {
            return;
        }
        if !heard.priority.is_owner() {
            self.ears.owner_conflict = None;
            return;
        }
        if self.state != State::Master {
            return;
        }
        match self.ears.owner_conflict {
            None => {
                self.ears.owner_conflict = Some(0);
                self.book.tell(now, Event::OwnerConflict { source });
            }
            Some(sent) if sent >= OWNER_PATIENCE => self.effective = Priority::HIGHEST,
            Some(_) => {}
        }
    }
}

/// An interval of 0, which `settle` refuses, would never let go of the processor.
const MIN_INTERVAL: Centisecs = Centisecs(1);
/// Take-overs put off in a row because of our own lateness.
const MAX_GRACES: u8 = 3;
/// Own advertisements that another owner may hear before we give way to it.
const OWNER_PATIENCE: u8 = 3;

#[cfg(test)]
mod tests;

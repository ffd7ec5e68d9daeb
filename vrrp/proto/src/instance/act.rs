//! What a decision of the state diagram does: packets, addresses, timers.
//!
//! Which decision it is, is `state`'s.

use std::time::Duration;

use lbd_core::{Time, WallTime};

use super::output::{Change, Event, Output, Report};
use super::receive::Heard;
use super::state::{Decision, Facts, Goodbye, Reason, State, Trigger, decide};
use super::{Instance, timing};
use crate::packet::{Priority, Version};
use crate::spec::Preempt;

impl Instance {
    /// One step in the state diagram.
    pub(super) fn trigger(
        &mut self,
        now: Time,
        trigger: Trigger,
        reason: Reason,
        heard: Option<Heard>,
    ) {
        let facts = self.facts(now, heard.as_ref());
        let decision = decide(self.state, trigger, facts);
        match decision {
            Decision::Stay => {}
            Decision::Advertise => self.advertise(now, self.effective),
            Decision::Answer => self.answer(now),
            Decision::Assert => {
                if let Some(heard) = heard {
                    self.assert(now, &heard);
                }
            }
            Decision::AskGroup => {
                self.health.wants_to_lead = true;
                self.book.put(Output::Report(Report::WantsToLead));
                self.arm_down(now);
            }
            Decision::Discard => self.ears.next_reason = Reason::Preempted,
            Decision::Follow => {
                if let Some(heard) = heard {
                    self.follow(now, &heard);
                }
            }
            Decision::Hurry => {
                self.ears.next_reason = Reason::MasterReleased;
                self.timers.down = Some(now + self.skew());
            }
            Decision::ToMaster => self.become_master(now, reason),
            Decision::ToBackup(goodbye) => {
                if facts.is_expected {
                    self.ears.is_holding = true;
                    self.ears.expected = None;
                }
                self.leave_master(now, goodbye);
                if let Some(heard) = heard {
                    self.learn(now, &heard);
                }
                self.enter_backup(now, reason);
            }
            Decision::ToFault(goodbye) => {
                self.leave_master(now, goodbye);
                self.quiet();
                self.enter(now, State::Fault, reason);
            }
            Decision::ToInit(goodbye) => {
                self.leave_master(now, goodbye);
                self.quiet();
                self.enter(now, State::Init, reason);
            }
        }
    }

    fn facts(&self, now: Time, heard: Option<&Heard>) -> Facts {
        let expected = self.ears.expected.filter(|expected| now < expected.until);
        let waits = match self.spec.preempt {
            Preempt::Always => false,
            Preempt::Delayed(_) => self.timers.preempt.is_none_or(|until| now < until),
            Preempt::Never => true,
        };
        Facts {
            is_owner: self.spec.priority.is_owner(),
            is_grouped: self.health.is_grouped(),
            accepts_lower: waits || self.ears.is_holding,
            is_expected: heard.is_some_and(|heard| {
                expected.is_some_and(|e| e.from.is_none_or(|from| from == heard.source))
            }),
            may_skip_skew: self.spec.is_only_backup && heard.is_some_and(|h| h.is_proved),
            says_goodbye: self.spec.higher_prio_send_advert,
        }
    }

    /// RFC 9568 §6.4.2 (455): the advertisement is our master's.
    fn follow(&mut self, now: Time, heard: &Heard) {
        let is_lower = heard.priority < self.effective;
        if let Preempt::Delayed(delay) = self.spec.preempt {
            if !is_lower {
                self.timers.preempt = None;
            } else if self.timers.preempt.is_none() {
                self.timers.preempt = Some(now + delay);
                self.book.tell(now, Event::PreemptDelayed { delay });
            }
        }
        self.learn(now, heard);
        self.ears.next_reason = Reason::MasterLost;
        self.timers.graces = 0;
        if std::mem::take(&mut self.health.wants_to_lead) {
            self.book.put(Output::Report(Report::Follows));
        }
        self.arm_down(now);
    }

    fn learn(&mut self, now: Time, heard: &Heard) {
        let (source, priority) = (heard.source, heard.priority);
        if self.ears.master.map(|(master, _)| master) != Some(source) {
            self.ears.told_addresses = false;
            self.book
                .tell(now, Event::MasterChanged { source, priority });
        }
        self.ears.master = Some((source, priority));
        if self.spec.version == Version::V3 && self.ears.master_interval != heard.interval {
            let interval = heard.interval;
            self.ears.master_interval = interval;
            self.book.tell(now, Event::IntervalLearned { interval });
        }
    }

    /// RFC 9568 §6.4.3 (700): at most one answer in a quarter of the interval, so that a flood
    /// makes no flood.
    pub(super) fn answer(&mut self, now: Time) {
        let gap = (self.spec.interval.duration() / 4).max(MIN_ANSWER_GAP);
        if self.timers.last_answer.is_some_and(|last| now < last + gap) {
            self.book.counters.answers_limited += 1;
            return;
        }
        self.timers.last_answer = Some(now);
        self.advertise(now, self.effective);
    }

    /// RFC 9568 §6.4.3 (725): another master of lower rank; it may have announced the addresses.
    fn assert(&mut self, now: Time, heard: &Heard) {
        self.book.counters.lower_heard += 1;
        let (source, priority) = (heard.source, heard.priority);
        self.book
            .tell(now, Event::LowerPriorityHeard { source, priority });
        if self.spec.lower_prio_advert {
            self.answer(now);
        }
        self.doubt(now);
        if self.health.is_grouped() {
            self.book.put(Output::Report(Report::LowerHeard));
        }
    }

    /// Announces the addresses once more, not too often.
    pub(super) fn doubt(&mut self, now: Time) {
        if self.state == State::Master
            && let Some(announce) = self.timers.announcer.doubt(&self.spec.garp, now)
        {
            self.book.put(Output::Announce(announce));
        }
    }

    /// The advertisement first, so that an old master removes the addresses before they are
    /// announced.
    fn become_master(&mut self, now: Time, reason: Reason) {
        self.timers.down = None;
        self.timers.preempt = None;
        self.timers.graces = 0;
        self.timers.last_answer = None;
        self.ears.master = None;
        self.ears.is_holding = false;
        self.ears.expected = None;
        self.ears.owner_conflict = None;
        self.ears.master_interval = self.spec.interval;
        if self.spec.priority.is_owner() {
            self.effective = self.spec.priority;
        }
        self.health.wants_to_lead = false;
        self.book.counters.became_master += 1;
        self.advertise(now, self.effective);
        self.book.put(Output::AddAddresses);
        let announce = self.timers.announcer.begin(&self.spec.garp, now);
        self.book.put(Output::Announce(announce));
        if self.health.is_grouped() {
            self.book.put(Output::Report(Report::Leads));
        }
        self.enter(now, State::Master, reason);
    }

    /// Nothing when not master.
    pub(super) fn leave_master(&mut self, now: Time, goodbye: Goodbye) {
        if self.state != State::Master {
            return;
        }
        match goodbye {
            Goodbye::Nothing => {}
            Goodbye::OwnPriority => self.advertise(now, self.effective),
            Goodbye::Release => self.advertise(now, Priority::RELEASE),
        }
        self.book.counters.released_master += 1;
        self.book.put(Output::RemoveAddresses);
        self.quiet();
    }

    pub(super) fn enter_backup(&mut self, now: Time, reason: Reason) {
        self.ears.next_reason = Reason::MasterLost;
        if self.health.is_grouped() && self.state == State::Master {
            self.book.put(Output::Report(Report::Follows));
        }
        match self.state {
            State::Master | State::Backup => self.arm_down(now),
            State::Fault | State::Init if self.spec.priority.is_owner() => {
                self.timers.down = Some(now);
            }
            // keepalived: an initial state of MASTER waits for one advertisement only.
            State::Init if self.spec.starts_as_master => {
                let skew = timing::skew(self.spec.version, Priority::OWNER, self.spec.interval);
                self.timers.down = Some(now + self.spec.interval.duration() + skew);
            }
            State::Fault | State::Init => {
                self.ears.master_interval = self.spec.interval;
                self.arm_down(now);
            }
        }
        if self.state == State::Fault && self.spec.reach.is_unicast() {
            self.book.put(Output::AnnounceSource);
        }
        self.enter(now, State::Backup, reason);
    }

    pub(super) fn enter(&mut self, now: Time, to: State, reason: Reason) {
        let change = Change {
            from: self.state,
            to,
            reason,
            priority: self.effective,
        };
        self.state = to;
        self.reason = reason;
        self.since = now;
        self.book.turn_page();
        self.book.put(Output::Changed(change));
    }

    /// Stops every timer of Backup and Master.
    pub(super) fn quiet(&mut self) {
        self.timers.announcer.end();
        self.timers.advert = None;
        self.timers.down = None;
        self.timers.preempt = None;
        self.timers.graces = 0;
        self.ears.owner_conflict = None;
        self.health.wants_to_lead = false;
    }

    pub(super) fn arm_down(&mut self, now: Time) {
        let wait = timing::active_down_interval(
            self.spec.version,
            self.spec.down_timer_adverts,
            self.effective,
            self.ears.master_interval,
        );
        self.timers.down = Some(now + wait);
    }

    pub(super) fn skew(&self) -> Duration {
        timing::skew(self.spec.version, self.effective, self.ears.master_interval)
    }

    pub(super) fn advertise(&mut self, now: Time, priority: Priority) {
        let wall = self.wall(now);
        for packet in self.voice.advertise(priority, wall) {
            self.book.put(Output::Send(packet));
        }
        self.book.counters.adverts_sent += 1;
        if priority == Priority::RELEASE {
            self.book.counters.releases_sent += 1;
        }
        if let Some(sent) = &mut self.ears.owner_conflict {
            *sent = sent.saturating_add(1);
        }
        self.timers.last_advert = now;
        self.timers.advert = Some(now + self.spec.interval.duration());
    }

    pub(super) fn wall(&self, now: Time) -> WallTime {
        let (then, wall) = self.clock;
        let passed = u64::try_from(now.since(then).as_micros()).unwrap_or(u64::MAX);
        WallTime(wall.0.saturating_add(passed))
    }
}

/// RFC 9568 sets no bound on answers; this one is below the shortest interval.
const MIN_ANSWER_GAP: Duration = Duration::from_millis(2);

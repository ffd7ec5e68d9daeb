//! A planned switchover between two nodes: the standby takes over before the old owner lets go.
//!
//! It moves no address and no packet: the shell does the steps, and carries the messages over a
//! channel of its own that proves who speaks.
//!
//! ```text
//!   giver (MASTER)                             taker (BACKUP)
//!     Ask ------------------------------------->  relay packets of old connections to the giver
//!     <----------------------------------- Ready
//!     keep serving what is connected
//!     Go -------------------------------------->  take the addresses
//!     BACKUP  <------------ advertisement, Taken
//!     stop answering for the addresses
//!     Released -------------------------------->  announce once more
//!     connections end, or the drain limit passes
//!     Drained <-------------------------------->  both remove what they added
//! ```
//!
//! `Probe` asks what `Ask` would be answered, and changes nothing.
//!
//! Every wait has an end, every end undoes its steps, and every step may be undone twice.

use std::collections::VecDeque;
use std::time::Duration;

use lbd_core::Time;

use crate::instance::State;

/// One side of a switchover of a unit: an instance, or a sync group.
#[derive(Clone, Debug)]
pub struct Handover {
    phase: Phase,
    unit: Standing,
    outputs: VecDeque<HandoverOutput>,
}

/// Where a switchover is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// None is under way.
    Idle,
    /// Giver: waits for the partner to be ready.
    Asking(Deal),
    /// Giver: the shell prepares to keep serving.
    Preparing(Deal),
    /// Giver: waits for the partner to be master.
    Giving(Deal),
    /// Giver: old connections end.
    Draining(Deal),
    /// Taker: the shell prepares to relay.
    Readying(Deal),
    /// Taker: waits for the word.
    Ready(Deal),
    /// Taker: becomes master.
    Taking(Deal),
    /// Taker: relays what belongs to the giver.
    Relaying(Deal),
}

/// What both sides agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deal {
    /// Tells switchovers apart.
    pub id: u64,
    /// How long old connections may take.
    pub drain: Duration,
    /// When this phase ends by itself.
    pub until: Time,
}

/// How the unit is that a switchover is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its state.
    pub state: State,
    /// Its health is no worse than it should be: a partner may give it the addresses.
    pub can_take: bool,
}

/// What happens to a switchover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandoverInput {
    /// Give the addresses to the partner.
    Ask {
        /// Tells switchovers apart; never used before on this node.
        id: u64,
        /// How long old connections may take.
        drain: Duration,
    },
    /// Undo it: the unit it is about is no longer configured.
    Cancel,
    /// The shell did what was asked.
    Done(Step),
    /// The last old connection ended.
    Drained,
    /// The shell could not do what was asked.
    Failed(Step),
    /// The partner said something.
    Message(Message),
    /// The channel to the partner is gone.
    PartnerLost,
    /// The state or health of the unit changed.
    Standing(Standing),
    /// The time that `poll_timeout` named, or any other.
    Tick,
}

/// What two nodes say to each other. An `id` that is not that of the switchover under way is
/// ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// Taker: it would take the addresses (answer to `Probe`).
    Able {
        /// Which question.
        id: u64,
    },
    /// Either: undo it.
    Abort {
        /// Which.
        id: u64,
    },
    /// Giver: will you take the addresses?
    Ask {
        /// Which.
        id: u64,
        /// How long old connections may take.
        drain: Duration,
    },
    /// Either: what was added is removed.
    Drained {
        /// Which.
        id: u64,
    },
    /// Giver: take them.
    Go {
        /// Which.
        id: u64,
    },
    /// Giver: would you take the addresses?
    Probe {
        /// Which question.
        id: u64,
    },
    /// Taker: I can.
    Ready {
        /// Which.
        id: u64,
    },
    /// Taker: I cannot.
    Refuse {
        /// Which.
        id: u64,
        /// Why.
        why: Refusal,
    },
    /// Giver: the addresses are off my interface.
    Released {
        /// Which.
        id: u64,
    },
    /// Taker: I am master.
    Taken {
        /// Which.
        id: u64,
    },
}

/// Why a partner does not take the addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Another switchover is under way.
    Busy,
    /// It is not in BACKUP.
    NotBackup,
    /// It could not prepare.
    StepFailed,
    /// Its health is not good enough.
    Unhealthy,
}

/// What the shell does for a switchover; each may be asked for twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Giver: hold the addresses so that connected clients are served, without answering for them.
    KeepServing,
    /// Taker: pass packets of connections that began elsewhere to the giver.
    RelayToPartner,
    /// Giver: once the addresses have moved, answer no question about them.
    StopAnswering,
    /// Giver: undo `KeepServing` and `StopAnswering`.
    StopServing,
    /// Taker: undo `RelayToPartner`.
    StopRelay,
}

/// What a switchover wants done, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandoverOutput {
    /// Announce the addresses once more (`Input::Doubt`).
    Announce,
    /// It is over.
    Ended(Outcome),
    /// Let the partner's advertisement end our mastership (`Input::Expect`).
    Expect {
        /// Until then.
        until: Time,
    },
    /// Do a step, and say `Done` or `Failed`.
    Step(Step),
    /// Take the addresses (`Input::TakeOver`).
    Take,
    /// Say something to the partner.
    Tell(Message),
}

/// How a switchover ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The partner or a change of configuration undid it.
    Aborted,
    /// The partner has the addresses and nothing is left over.
    Given,
    /// This unit is not in the state for it.
    NotMaster,
    /// The channel to the partner broke before the addresses moved.
    PartnerLost,
    /// The partner would not.
    Refused(Refusal),
    /// A step could not be done.
    StepFailed(Step),
    /// We have the addresses and nothing is left over.
    Taken,
    /// The partner was lost after it took the addresses; we have them again.
    TakenBack,
    /// The partner did not go on in time.
    TimedOut,
}

impl Handover {
    /// None under way.
    pub fn new() -> Self {
        Self {
            phase: Phase::Idle,
            unit: Standing {
                state: State::Init,
                can_take: false,
            },
            outputs: VecDeque::new(),
        }
    }

    /// Takes what happened at `now`.
    pub fn handle(&mut self, now: Time, input: HandoverInput) {
        match input {
            HandoverInput::Ask { id, drain } => self.on_ask(now, id, drain),
            HandoverInput::Cancel => {
                if self.phase != Phase::Idle {
                    self.give_up(Outcome::Aborted);
                }
            }
            HandoverInput::Done(step) => self.on_done(now, step),
            HandoverInput::Drained => self.on_drained(),
            HandoverInput::Failed(step) => self.on_failed(step),
            HandoverInput::Message(message) => self.on_message(now, message),
            HandoverInput::PartnerLost => self.on_partner_lost(),
            HandoverInput::Standing(unit) => self.on_standing(now, unit),
            HandoverInput::Tick => self.on_tick(now),
        }
    }

    /// What is to be done next, in order.
    pub fn poll_output(&mut self) -> Option<HandoverOutput> {
        self.outputs.pop_front()
    }

    /// When `HandoverInput::Tick` is wanted.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.deal().map(|deal| deal.until)
    }

    /// Where it is.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    fn deal(&self) -> Option<Deal> {
        match self.phase {
            Phase::Idle => None,
            Phase::Asking(deal)
            | Phase::Preparing(deal)
            | Phase::Giving(deal)
            | Phase::Draining(deal)
            | Phase::Readying(deal)
            | Phase::Ready(deal)
            | Phase::Taking(deal)
            | Phase::Relaying(deal) => Some(deal),
        }
    }

    fn on_ask(&mut self, now: Time, id: u64, drain: Duration) {
        if self.phase != Phase::Idle {
            return self.put(HandoverOutput::Ended(Outcome::Refused(Refusal::Busy)));
        }
        if self.unit.state != State::Master {
            return self.put(HandoverOutput::Ended(Outcome::NotMaster));
        }
        let drain = drain.min(MAX_DRAIN);
        self.tell(Message::Ask { id, drain });
        self.phase = Phase::Asking(Deal {
            id,
            drain,
            until: now + ANSWER_WAIT,
        });
    }

    fn on_done(&mut self, now: Time, step: Step) {
        match (self.phase, step) {
            (Phase::Preparing(deal), Step::KeepServing) => {
                let until = now + TAKE_WAIT;
                self.put(HandoverOutput::Expect { until });
                self.tell(Message::Go { id: deal.id });
                self.phase = Phase::Giving(Deal { until, ..deal });
            }
            (Phase::Readying(deal), Step::RelayToPartner) => {
                self.tell(Message::Ready { id: deal.id });
                let until = now + ANSWER_WAIT;
                self.phase = Phase::Ready(Deal { until, ..deal });
            }
            (Phase::Draining(deal), Step::StopAnswering) => {
                self.tell(Message::Released { id: deal.id });
            }
            _ => {}
        }
    }

    fn on_failed(&mut self, step: Step) {
        match (self.phase, step) {
            (Phase::Preparing(_), Step::KeepServing) => self.give_up(Outcome::StepFailed(step)),
            (Phase::Readying(deal), Step::RelayToPartner) => {
                let why = Refusal::StepFailed;
                self.tell(Message::Refuse { id: deal.id, why });
                self.end(Outcome::StepFailed(step));
            }
            // Both answer until the drain ends; the partner announces once more all the same.
            (Phase::Draining(deal), Step::StopAnswering) => {
                self.tell(Message::Released { id: deal.id });
            }
            _ => {}
        }
    }

    fn on_drained(&mut self) {
        match self.phase {
            Phase::Draining(deal) => {
                self.tell(Message::Drained { id: deal.id });
                self.end(Outcome::Given);
            }
            Phase::Relaying(deal) => {
                self.tell(Message::Drained { id: deal.id });
                self.end(Outcome::Taken);
            }
            _ => {}
        }
    }

    fn on_message(&mut self, now: Time, message: Message) {
        if let Message::Ask { id, drain } = message {
            return self.on_asked(now, id, drain);
        }
        if let Message::Probe { id } = message {
            return self.tell(match self.refusal() {
                None => Message::Able { id },
                Some(why) => Message::Refuse { id, why },
            });
        }
        let Some(deal) = self.deal().filter(|deal| deal.id == message.id()) else {
            return;
        };
        match (self.phase, message) {
            (Phase::Asking(_), Message::Ready { .. }) => {
                self.put(HandoverOutput::Step(Step::KeepServing));
                let until = now + STEP_WAIT;
                self.phase = Phase::Preparing(Deal { until, ..deal });
            }
            (Phase::Asking(_), Message::Refuse { why, .. }) => self.end(Outcome::Refused(why)),
            (Phase::Ready(_), Message::Go { .. }) => {
                let until = now + TAKE_WAIT;
                self.phase = Phase::Taking(Deal { until, ..deal });
                self.put(HandoverOutput::Take);
            }
            (Phase::Relaying(_), Message::Released { .. }) => self.put(HandoverOutput::Announce),
            (Phase::Draining(_), Message::Drained { .. }) => self.end(Outcome::Given),
            (Phase::Relaying(_), Message::Drained { .. }) => self.end(Outcome::Taken),
            // Once the addresses moved there is no way back but another switchover.
            (Phase::Draining(_) | Phase::Relaying(_) | Phase::Taking(_), Message::Abort { .. }) => {
            }
            (_, Message::Abort { .. }) => self.end(Outcome::Aborted),
            _ => {}
        }
    }

    fn on_asked(&mut self, now: Time, id: u64, drain: Duration) {
        if let Some(why) = self.refusal() {
            return self.tell(Message::Refuse { id, why });
        }
        self.put(HandoverOutput::Step(Step::RelayToPartner));
        self.phase = Phase::Readying(Deal {
            id,
            drain: drain.min(MAX_DRAIN),
            until: now + STEP_WAIT,
        });
    }

    /// Why the addresses cannot be taken now.
    fn refusal(&self) -> Option<Refusal> {
        if self.phase != Phase::Idle {
            Some(Refusal::Busy)
        } else if self.unit.state != State::Backup {
            Some(Refusal::NotBackup)
        } else if !self.unit.can_take {
            Some(Refusal::Unhealthy)
        } else {
            None
        }
    }

    /// Before the addresses moved it is undone; afterwards the drain limit ends it.
    fn on_partner_lost(&mut self) {
        match self.phase {
            Phase::Idle | Phase::Draining(_) | Phase::Relaying(_) | Phase::Taking(_) => {}
            Phase::Asking(_)
            | Phase::Preparing(_)
            | Phase::Giving(_)
            | Phase::Readying(_)
            | Phase::Ready(_) => self.end(Outcome::PartnerLost),
        }
    }

    fn on_standing(&mut self, now: Time, unit: Standing) {
        self.unit = unit;
        match self.phase {
            Phase::Giving(deal) if unit.state == State::Backup => {
                self.put(HandoverOutput::Step(Step::StopAnswering));
                let until = now + deal.drain;
                self.phase = Phase::Draining(Deal { until, ..deal });
            }
            Phase::Asking(_) | Phase::Preparing(_) | Phase::Giving(_)
                if unit.state != State::Master =>
            {
                self.give_up(Outcome::NotMaster);
            }
            Phase::Draining(_) if unit.state == State::Master => self.end(Outcome::TakenBack),
            Phase::Taking(deal) if unit.state == State::Master => {
                self.tell(Message::Taken { id: deal.id });
                let until = now + deal.drain + DRAIN_SLACK;
                self.phase = Phase::Relaying(Deal { until, ..deal });
            }
            Phase::Readying(deal) | Phase::Ready(deal)
                if unit.state != State::Backup || !unit.can_take =>
            {
                let why = Refusal::Unhealthy;
                self.tell(Message::Refuse { id: deal.id, why });
                self.give_up(Outcome::Refused(why));
            }
            Phase::Relaying(_) if unit.state != State::Master => self.end(Outcome::Aborted),
            _ => {}
        }
    }

    fn on_tick(&mut self, now: Time) {
        if self.deal().is_none_or(|deal| now < deal.until) {
            return;
        }
        match self.phase {
            Phase::Draining(_) | Phase::Relaying(_) => self.on_drained(),
            _ => self.give_up(Outcome::TimedOut),
        }
    }

    fn give_up(&mut self, outcome: Outcome) {
        if let Some(deal) = self.deal() {
            self.tell(Message::Abort { id: deal.id });
        }
        self.end(outcome);
    }

    /// Undoes what this side may have begun.
    fn end(&mut self, outcome: Outcome) {
        let undo = match self.phase {
            Phase::Idle | Phase::Asking(_) => None,
            Phase::Preparing(_) | Phase::Giving(_) | Phase::Draining(_) => Some(Step::StopServing),
            Phase::Readying(_) | Phase::Ready(_) | Phase::Taking(_) | Phase::Relaying(_) => {
                Some(Step::StopRelay)
            }
        };
        if let Some(step) = undo {
            self.put(HandoverOutput::Step(step));
        }
        self.phase = Phase::Idle;
        self.put(HandoverOutput::Ended(outcome));
    }

    fn tell(&mut self, message: Message) {
        self.put(HandoverOutput::Tell(message));
    }

    fn put(&mut self, output: HandoverOutput) {
        self.outputs.push_back(output);
    }
}

impl Default for Handover {
    fn default() -> Self {
        Self::new()
    }
}

impl Message {
    /// The switchover it is about.
    pub fn id(self) -> u64 {
        match self {
            Self::Able { id }
            | Self::Abort { id }
            | Self::Ask { id, .. }
            | Self::Drained { id }
            | Self::Go { id }
            | Self::Probe { id }
            | Self::Ready { id }
            | Self::Refuse { id, .. }
            | Self::Released { id }
            | Self::Taken { id } => id,
        }
    }
}

/// How long the other node may take for an answer.
pub const ANSWER_WAIT: Duration = Duration::from_secs(3);
/// How long the shell may take for a step.
pub const STEP_WAIT: Duration = Duration::from_secs(2);
/// How long the taker may take to be master.
pub const TAKE_WAIT: Duration = Duration::from_millis(500);
/// The longest drain.
pub const MAX_DRAIN: Duration = Duration::from_secs(24 * 3600);
/// The taker relays a little longer than the giver serves.
const DRAIN_SLACK: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;

//! What an instance looks at beside the network: interfaces, scripts, files, processes, the balancer.
//!
//! It runs no script and reads no file; results come in as a `Status`.

use std::time::Duration;

use lbd_core::Time;

use crate::packet::Priority;

/// One thing an instance tracks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackSpec {
    /// The name by which results keep over a reload.
    pub name: String,
    /// What its being down does.
    pub effect: Effect,
    /// `reverse`: down counts as up and the other way round.
    pub is_reversed: bool,
    /// How long a change must last before it counts.
    pub delays: Delays,
    /// What it is before the first result.
    pub initial: Status,
}

/// What a tracked thing does to the instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// `weight 0`: down means state FAULT, the addresses are given up at once.
    Fault,
    /// `weight` -253 to 253: a positive one is added while up, a negative one while down. A file's
    /// value is multiplied by it.
    Weight(i16),
    /// Down means the addresses are offered to anyone: a release is sent, they are held with the
    /// lowest priority until somebody takes them. Unlike `Fault` it never leaves them without an owner.
    Yield,
}

/// The result of looking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// No result yet; an instance does not start while a `Fault` or `Yield` tracker is unknown.
    Unknown,
    /// As it should be.
    Up,
    /// Not as it should be.
    Down,
    /// The number in a tracked file.
    Value(i32),
}

/// How long a change must last before it counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delays {
    /// Before a return counts.
    pub up: Duration,
    /// Before a loss counts.
    pub down: Duration,
}

/// A thing that is tracked, with its last result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tracker {
    pub(crate) spec: TrackSpec,
    pub(crate) status: Status,
    pending: Option<(Status, Time)>,
}

impl Tracker {
    pub(crate) fn new(spec: TrackSpec) -> Self {
        Self {
            status: spec.initial,
            spec,
            pending: None,
        }
    }

    /// Takes a result; it may count only later, see `tick`.
    pub(crate) fn report(&mut self, now: Time, status: Status) {
        self.pending = None;
        let delay = match (self.status, status) {
            (Status::Up, Status::Down) => self.spec.delays.down,
            (Status::Down, Status::Up) => self.spec.delays.up,
            _ => Duration::ZERO,
        };
        if delay.is_zero() {
            self.status = status;
        } else {
            self.pending = Some((status, now + delay));
        }
    }

    pub(crate) fn tick(&mut self, now: Time) {
        if let Some((status, due)) = self.pending
            && due <= now
        {
            (self.status, self.pending) = (status, None);
        }
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        self.pending.map(|(_, due)| due)
    }

    fn verdict(&self) -> Verdict {
        let is_up = match self.status {
            Status::Unknown => {
                return match self.spec.effect {
                    Effect::Weight(_) => Verdict::Add(0),
                    Effect::Fault | Effect::Yield => Verdict::Unknown,
                };
            }
            Status::Up => true,
            Status::Down => false,
            Status::Value(value) => match self.spec.effect {
                Effect::Weight(weight) => return self.file(value, weight),
                Effect::Fault | Effect::Yield => value == 0,
            },
        };
        match self.spec.effect {
            Effect::Fault if is_up == self.spec.is_reversed => Verdict::Fault,
            Effect::Yield if is_up == self.spec.is_reversed => Verdict::Yield,
            Effect::Fault | Effect::Yield => Verdict::Add(0),
            Effect::Weight(weight) if (weight > 0) == is_up => {
                Verdict::Add(if self.spec.is_reversed {
                    -i32::from(weight)
                } else {
                    i32::from(weight)
                })
            }
            Effect::Weight(_) => Verdict::Add(0),
        }
    }

    /// A value of -254 or less after weighting is a fault, above 253 it counts as 253.
    fn file(&self, value: i32, weight: i16) -> Verdict {
        let sign = if self.spec.is_reversed { -1 } else { 1 };
        let product = i64::from(value) * i64::from(weight) * sign;
        if product <= -FAULT_VALUE {
            return Verdict::Fault;
        }
        Verdict::Add(i32::try_from(product.min(FAULT_VALUE - 1)).unwrap_or_default())
    }
}

enum Verdict {
    Add(i32),
    Fault,
    Unknown,
    Yield,
}

/// What all trackers together say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) is_known: bool,
    pub(crate) is_fault: bool,
    pub(crate) is_yielding: bool,
    pub(crate) priority: Priority,
}

/// Adds up; an address owner's priority never changes, everybody else stays within 1 and 254.
pub(crate) fn standing(base: Priority, trackers: &[Tracker]) -> Standing {
    let mut sum = i32::from(base.0);
    let mut result = Standing {
        is_known: true,
        is_fault: false,
        is_yielding: false,
        priority: base,
    };
    for tracker in trackers {
        match tracker.verdict() {
            Verdict::Add(weight) => sum = sum.saturating_add(weight),
            Verdict::Fault => result.is_fault = true,
            Verdict::Unknown => result.is_known = false,
            Verdict::Yield => result.is_yielding = true,
        }
    }
    if !base.is_owner() {
        let clamped = sum.clamp(
            i32::from(Priority::LOWEST.0),
            i32::from(Priority::HIGHEST.0),
        );
        result.priority = Priority(u8::try_from(clamped).unwrap_or(Priority::LOWEST.0));
    }
    if result.is_yielding {
        result.priority = Priority::LOWEST;
    }
    result
}

/// Counts the results of a script: `rise` good ones in a row bring it up, `fall` bad ones down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Runs {
    rise: u32,
    fall: u32,
    status: Status,
    against: u32,
}

impl Runs {
    /// `rise` and `fall` of 0 count as 1. With `init_fail` it starts as down, otherwise its first
    /// result decides.
    pub fn new(rise: u32, fall: u32, init_fail: bool) -> Self {
        Self {
            rise: rise.max(1),
            fall: fall.max(1),
            status: if init_fail {
                Status::Down
            } else {
                Status::Unknown
            },
            against: 0,
        }
    }

    /// Takes the result of a run; gives the new status when it changed.
    pub fn result(&mut self, is_ok: bool) -> Option<Status> {
        let (wanted, needed) = match is_ok {
            true => (Status::Up, self.rise),
            false => (Status::Down, self.fall),
        };
        if self.status == wanted {
            self.against = 0;
            return None;
        }
        self.against += 1;
        if self.status != Status::Unknown && self.against < needed {
            return None;
        }
        (self.status, self.against) = (wanted, 0);
        Some(wanted)
    }

    /// What it is now.
    pub fn status(&self) -> Status {
        self.status
    }
}

/// A weighted file value this far below zero is a fault (keepalived's `track_file`).
const FAULT_VALUE: i64 = 254;

#[cfg(test)]
mod tests;

//! When the addresses are announced: on becoming master, later once more, regularly, and at doubt.
//!
//! It sends nothing and knows no address.

use std::time::Duration;

use lbd_core::Time;

use super::output::{Announce, Scope};
use crate::spec::GarpSpec;

/// The schedule of one instance. Empty unless it is master.
#[derive(Clone, Debug, Default)]
pub(super) struct Announcer {
    again: Option<(Time, u16)>,
    refresh: Option<Time>,
    extra: Option<Time>,
    /// A doubt that came too soon after the last one.
    doubt: Option<Time>,
    last_doubt: Option<Time>,
    /// Doubts that were put off.
    pub(super) limited: u64,
}

impl Announcer {
    /// The addresses are ours from now on.
    pub(super) fn begin(&mut self, spec: &GarpSpec, now: Time) -> Announce {
        let limited = self.limited;
        *self = Self {
            again: after(now, spec.delay).map(|due| (due, spec.repeat)),
            refresh: after(now, spec.refresh),
            extra: after(now, spec.extra_interval),
            limited,
            ..Self::default()
        };
        Announce {
            repeat: spec.repeat.max(1),
            scope: Scope::All,
        }
    }

    /// The addresses are no longer ours.
    pub(super) fn end(&mut self) {
        *self = Self {
            limited: self.limited,
            ..Self::default()
        };
    }

    /// Somebody else may have announced the addresses. At most one answer each `MIN_GAP`, and the
    /// last doubt is always answered.
    pub(super) fn doubt(&mut self, spec: &GarpSpec, now: Time) -> Option<Announce> {
        if spec.lower_prio_repeat == 0 {
            return None;
        }
        if let Some(last) = self.last_doubt
            && now < last + MIN_GAP
        {
            self.doubt = Some(last + MIN_GAP);
            self.limited += 1;
            return None;
        }
        self.last_doubt = Some(now);
        self.doubt = None;
        if let Some(due) = after(now, spec.lower_prio_delay) {
            self.again = Some((due, spec.lower_prio_repeat));
        }
        Some(Announce {
            repeat: spec.lower_prio_repeat,
            scope: Scope::All,
        })
    }

    /// What is due; to be called until it gives nothing.
    pub(super) fn due(&mut self, spec: &GarpSpec, now: Time) -> Option<Announce> {
        if let Some((at, repeat)) = self.again
            && at <= now
        {
            self.again = None;
            return Some(Announce {
                repeat: repeat.max(1),
                scope: Scope::All,
            });
        }
        if self.doubt.is_some_and(|at| at <= now) {
            self.last_doubt = None;
            return self.doubt(spec, now);
        }
        if self.refresh.is_some_and(|at| at <= now) {
            self.refresh = after(now, spec.refresh);
            return Some(Announce {
                repeat: spec.refresh_repeat.max(1),
                scope: Scope::All,
            });
        }
        if self.extra.is_some_and(|at| at <= now) {
            self.extra = after(now, spec.extra_interval);
            return Some(Announce {
                repeat: 1,
                scope: Scope::ExtraInterfaces,
            });
        }
        None
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        let again = self.again.map(|(at, _)| at);
        [again, self.refresh, self.extra, self.doubt]
            .into_iter()
            .flatten()
            .min()
    }
}

fn after(now: Time, delay: Duration) -> Option<Time> {
    (!delay.is_zero()).then(|| now + delay)
}

/// Announcements at doubt are this far apart, whatever is heard.
pub(super) const MIN_GAP: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;

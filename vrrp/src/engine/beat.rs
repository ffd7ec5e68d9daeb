//! What the guardian hears of this thread, and what it did in its place.

use std::time::Duration;

use vrrp_proto::State;
use vrrp_proto::instance::Input;

use super::{Engine, MIN_BEAT, Severity, Time};

impl Engine {
    /// Somebody released the addresses on the wire and took them away while this thread slept.
    pub(super) fn on_released(&mut self, now: Time) {
        self.log(
            Severity::Error,
            "the guardian gave up the addresses because this process did not run",
        );
        let masters: Vec<_> = self
            .router
            .instances()
            .enumerate()
            .filter(|(_, instance)| instance.state() == State::Master)
            .map(|(at, _)| at)
            .collect();
        for at in masters {
            self.router.handle(now, at, Input::Release);
            self.router.handle(now, at, Input::Reclaim);
        }
        self.do_outputs();
    }

    /// Says to the guardian that this thread turns, and now and then what it must know.
    pub(super) fn beat(&mut self) {
        let now = self.clock.now();
        // A little early or late with an advertisement rather than by a wake-up of its own.
        if self.guard.is_none() || now + BEAT_SLACK < self.guard_due {
            return;
        }
        self.guard_due = now + self.beat_interval();
        let is_full = now >= self.state_due;
        let state = is_full.then(|| self.guarded());
        if is_full {
            self.state_due = now + STATE_PERIOD;
        }
        if let Some(guard) = &mut self.guard {
            guard.beat(state.as_deref());
        }
    }

    fn beat_interval(&self) -> Duration {
        let masters = self.router.instances();
        let masters = masters.filter(|i| i.state() == State::Master);
        let shortest = masters.map(|i| i.spec().interval.duration()).min();
        (shortest.unwrap_or(MAX_BEAT) / 2).clamp(MIN_BEAT, MAX_BEAT)
    }

    /// What the guardian must know changed: it hears at the next beat, which is now.
    pub(super) fn guard_now(&mut self) {
        self.state_due = Time::ZERO;
        self.guard_due = Time::ZERO;
    }
}

/// How often the guardian hears everything; what it holds must not get too old for `auth_hmac`.
const STATE_PERIOD: Duration = Duration::from_millis(500);
pub(super) const BEAT_SLACK: Duration = Duration::from_millis(4);
const MAX_BEAT: Duration = Duration::from_millis(250);

//! Starting where another process ended, by what a server state file says.
//!
//! What the configuration changed since then wins over what was saved.

use lbd_core::Time;

use super::super::saved::Saved;
use super::{AdminFlag, Cause, Health, State};

impl Health {
    /// Takes a saved state over; slow starts begin again.
    pub(super) fn on_restored(&mut self, now: Time, saved: &Saved) {
        // An operator had enabled what the configuration disables.
        let same_line = saved.was_disabled == self.spec.disabled;
        if same_line && self.spec.disabled && !saved.forced_maint {
            self.on_admin(now, AdminFlag::ForcedMaint, false, None);
        }
        self.restore_state(now, saved);
        if same_line && saved.forced_maint {
            self.on_admin(now, AdminFlag::ForcedMaint, true, None);
        }
        // A drain that came from the weight ends with it.
        let still_drains = saved.configured_weight > 0 || self.spec.weight == 0;
        if saved.forced_drain && still_drains && !self.admin.has(AdminFlag::ForcedMaint) {
            self.on_admin(now, AdminFlag::ForcedDrain, true, None);
        }
        self.age = saved.age;
        if let Some(probe) = &mut self.check {
            probe.status = saved.status;
            probe.enabled &= !saved.check_off;
        }
        if let Some(probe) = &mut self.agent {
            probe.enabled &= !saved.agent_off;
        }
        if saved.configured_weight == self.spec.weight {
            self.weight = saved.weight;
        }
        self.emit(None, false, false);
    }

    /// State and count of checks, made to agree.
    fn restore_state(&mut self, now: Time, saved: &Saved) {
        let (rise, fall) = self
            .check
            .as_ref()
            .map_or((RISE, FALL), |probe| (probe.spec.rise, probe.spec.fall));
        let top = rise + fall - 1;
        let (state, health) = match saved.state {
            State::Stopping if fall > 1 => {
                let fits = (rise..top).contains(&saved.health);
                (State::Stopping, if fits { saved.health } else { rise })
            }
            State::Stopped | State::Stopping => (State::Stopped, 0),
            State::Starting if rise > 1 => {
                let fits = (1..rise).contains(&saved.health);
                let health = if fits { saved.health } else { rise - 1 };
                (State::Starting, health)
            }
            State::Starting | State::Running => (State::Running, top),
        };
        if let Some(probe) = self.check.as_mut().filter(|probe| !probe.paused) {
            probe.health = health;
        }
        match state {
            State::Stopped => self.set_stopped(now, Cause::StateFile),
            State::Stopping => self.set_stopping(now, Cause::StateFile),
            State::Starting if !self.admin.is_maint() => {
                let state = self.first_up_state();
                self.change_state(now, state);
            }
            State::Starting | State::Running => self.set_running(now, Cause::None),
        }
    }
}

/// `rise` and `fall` of a server without checks.
const RISE: u32 = 2;
const FALL: u32 = 3;

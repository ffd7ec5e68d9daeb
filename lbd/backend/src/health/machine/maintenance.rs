//! Maintenance and drain: what switching an administrative flag does to a server.
//!
//! It decides no health: leaving maintenance asks the machine whether the server may be up.

use lbd_core::Time;

use super::super::FollowEvent;
use super::{Admin, AdminFlag, Health, InitState, Output, Probe, State, Tail, Which};

impl Health {
    pub(super) fn on_admin(
        &mut self,
        now: Time,
        flag: AdminFlag,
        on: bool,
        reason: Option<&'static str>,
    ) {
        if self.admin.has(flag) == on {
            return;
        }
        let old = self.admin;
        self.admin = old.with(flag, on);
        let reason = reason.map(|r| format!(" ({r})")).unwrap_or_default();
        match (old.is_maint(), self.admin.is_maint()) {
            (false, true) => self.enter_maint(now, old, &reason),
            (true, false) => self.leave_maint(now, flag),
            (true, true) if !on => self.remain_in_maint(flag),
            _ => {}
        }
        if !self.admin.is_maint() {
            match (old.is_drain(), self.admin.is_drain()) {
                (false, true) => self.enter_drain(&reason),
                (true, false) => self.leave_drain(old),
                (true, true) => self.remain_in_drain(),
                (false, false) => {}
            }
        } else if old.is_drain() != self.admin.is_drain() {
            // Nothing to tell while in maintenance, but the placement is to be right.
            self.emit(None, false, false);
        }
        let same = if flag.is_maint() {
            (old.is_maint(), self.admin.is_maint())
        } else {
            (old.is_drain(), self.admin.is_drain())
        };
        if same.0 != same.1 {
            self.tell(if flag.is_maint() {
                FollowEvent::Maint(on)
            } else {
                FollowEvent::Drain(on)
            });
        }
    }

    fn enter_maint(&mut self, now: Time, old: Admin, reason: &str) {
        self.pause(true);
        let forced = self.admin.has(AdminFlag::ForcedMaint);
        let via = if forced { String::new() } else { self.via() };
        let title = self.title();
        if self.state == State::Stopped {
            let head = format!("{title} was DOWN and now enters maintenance{reason}{via}");
            self.emit(Some((head, Tail::None, false)), false, false);
        } else {
            let was_stopping = self.state == State::Stopping || old.is_drain();
            self.change_state(now, State::Stopped);
            let head = format!("{title} is going DOWN for maintenance{reason}{via}");
            let line = Some((head, Tail::Left, !was_stopping));
            self.emit(line, self.spec.shutdown_sessions, false);
        }
        self.outputs.push_back(Output::PurgeIdle);
    }

    fn leave_maint(&mut self, now: Time, flag: AdminFlag) {
        self.pause(false);
        let configured = self.spec.init_state != InitState::None;
        let mut state = self.state;
        if configured {
            let before = self.state;
            self.init_state();
            state = std::mem::replace(&mut self.state, before);
        } else if self.may_rise(Which::Health) {
            state = match self.followed {
                Some(State::Stopping) => State::Stopping,
                _ => self.first_up_state(),
            };
        }
        self.change_state(now, state);
        let word = if self.state == State::Stopped {
            "DOWN"
        } else {
            "UP"
        };
        let ready = if self.admin.is_drain() {
            "DRAIN"
        } else {
            "READY"
        };
        let title = self.title();
        let head = match flag {
            AdminFlag::ResolutionMaint => format!("{title} is {word}/{ready} (resolves again)"),
            AdminFlag::InheritedMaint => format!("{title} is {word}/{ready} (leaving maintenance)"),
            _ => format!("{title} is {word}/{ready} (leaving forced maintenance)"),
        };
        let shutdown =
            self.spec.shutdown_backups && !self.spec.backup && self.state != State::Stopped;
        self.emit(Some((head, Tail::None, false)), false, shutdown);
    }

    fn remain_in_maint(&mut self, flag: AdminFlag) {
        let (title, via) = (self.title(), self.via());
        let line = match flag {
            AdminFlag::ForcedMaint => {
                format!("{title} is leaving forced maintenance but remains in maintenance{via}.")
            }
            AdminFlag::ResolutionMaint => {
                format!("{title} resolves again but remains in maintenance{via}.")
            }
            AdminFlag::InheritedMaint => format!("{title} remains in forced maintenance."),
            AdminFlag::ForcedDrain | AdminFlag::InheritedDrain => return,
        };
        self.outputs.push_back(Output::Log(line));
    }

    fn enter_drain(&mut self, reason: &str) {
        let forced = self.admin.has(AdminFlag::ForcedDrain);
        let via = if forced { String::new() } else { self.via() };
        let head = format!("{} enters drain state{reason}{via}", self.title());
        let tail = if self.state == State::Stopped {
            Tail::Left
        } else {
            Tail::Online
        };
        self.emit(Some((head, tail, false)), false, false);
    }

    fn leave_drain(&mut self, old: Admin) {
        let word = if self.state == State::Stopped {
            "DOWN"
        } else {
            "UP"
        };
        let title = self.title();
        let head = if old.has(AdminFlag::ForcedDrain) {
            format!("{title} is {word} (leaving forced drain)")
        } else {
            format!("{title} is {word} (leaving drain){}", self.via())
        };
        self.emit(Some((head, Tail::None, false)), false, false);
    }

    fn remain_in_drain(&mut self) {
        let title = self.title();
        let line = if self.admin.has(AdminFlag::ForcedDrain) {
            format!("{title} remains in forced drain mode.")
        } else {
            format!("{title} remains in drain mode{}.", self.via())
        };
        self.outputs.push_back(Output::Log(line));
    }

    /// Holds the health check back in maintenance, or lets it go on: one failure is then enough.
    pub(super) fn pause(&mut self, on: bool) {
        if let Some(probe) = self.check.as_mut().filter(|p| p.enabled) {
            probe.paused = on;
            probe.health = if on { 0 } else { probe.spec.rise };
        }
    }

    /// State and count as `init-state` says.
    pub(super) fn init_state(&mut self) {
        let (state, health): (_, fn(&Probe) -> u32) = match self.spec.init_state {
            InitState::None => return,
            InitState::FullyUp => (State::Running, Probe::top),
            InitState::Up => (State::Running, |p| p.spec.rise),
            InitState::Down => (State::Stopped, |p| p.spec.rise - 1),
            InitState::FullyDown => (State::Stopped, |_| 0),
        };
        self.state = state;
        if let Some(probe) = &mut self.check {
            probe.health = health(probe);
        }
    }
}

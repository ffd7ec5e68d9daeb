//! The machine: inputs to changes of state, weight and administration.
//!
//! It neither checks nor balances; see the parent module for what goes in and comes out.
//!
//! ```text
//!            check passed (or agent up)            slow start over
//!  Stopped ----------------------------> Starting -----------------> Running
//!     ^                                     |  (no slow start: straight) |
//!     |  failed checks, maintenance         |                            | 404 with
//!     +-------------------------------------+----------------------------+ disable-on-404
//!     +------------------------------ Stopping <-------------------------+
//! ```

mod maintenance;
mod reply;
mod restore;

use std::collections::VecDeque;
use std::time::Duration;

use lbd_core::Time;

use super::admin::{Admin, AdminFlag};
use super::announce::{Announcement, Change, Tail};
use super::observe::{Observation, OnError};
use super::probe::{CheckReport, Probe, Which};
use super::schedule::spread_interval;
use super::snapshot::{HealthSnapshot, ProbeSnapshot};
use super::status::{CheckResult, CheckStatus};
use super::{Follow, FollowEvent, HealthSpec, InitState, Input, Output};
use crate::spec::{Placement, State};

/// Why the operational state changes, for the line in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    Check(Which),
    None,
    Operator,
    StateFile,
}

/// Health of one server.
#[derive(Debug)]
pub struct Health {
    spec: HealthSpec,
    state: State,
    admin: Admin,
    weight: u32,
    check: Option<Probe>,
    agent: Option<Probe>,
    /// State of the followed server as last heard.
    followed: Option<State>,
    /// Next step of the slow start.
    warm_due: Option<Time>,
    stopped: bool,
    last_change: Time,
    /// Time in the present state before the process started.
    age: Duration,
    downtime: Duration,
    failed_checks: u64,
    downs: u64,
    failed_observations: u64,
    random: u64,
    outputs: VecDeque<Output>,
}

impl Health {
    /// A machine in the state that the configuration says; `seed` spreads the checks.
    pub fn new(spec: HealthSpec, now: Time, seed: u64) -> Self {
        let check = spec.check.as_ref().map(Probe::new);
        let agent = spec.agent.as_ref().map(Probe::new);
        let mut health = Self {
            state: State::Running,
            admin: Admin::default(),
            weight: spec.weight,
            check,
            agent,
            followed: None,
            warm_due: None,
            stopped: false,
            last_change: now,
            age: Duration::ZERO,
            downtime: Duration::ZERO,
            failed_checks: 0,
            downs: 0,
            failed_observations: 0,
            random: seed | 1,
            outputs: VecDeque::new(),
            spec,
        };
        if health.spec.disabled {
            health.admin = health.admin.with(AdminFlag::ForcedMaint, true);
            health.state = State::Stopped;
            health.pause(true);
        } else {
            health.init_state();
        }
        health
    }

    /// Takes an input; any input in any state.
    pub fn handle(&mut self, now: Time, input: Input) {
        match input {
            Input::Admin { flag, on, reason } => self.on_admin(now, flag, on, reason),
            Input::AgentReplied { reply, duration } => self.on_agent(now, &reply, duration),
            Input::Checked { which, report } => self.on_checked(now, which, &report),
            Input::Enable { which, on } => self.on_enable(now, which, on),
            Input::Followed(follow) => self.on_followed(now, follow),
            Input::Observed { errors, last } => self.on_observed(now, errors, last),
            Input::Presumed { up } => self.on_presumed(now, up),
            Input::Restored(saved) => self.on_restored(now, &saved),
            Input::Scheduled { which, at } => {
                if let Some(probe) = self.probe(which) {
                    probe.due = Some(at);
                }
            }
            Input::SetHealth { which, state } => self.on_set_health(now, which, state),
            Input::SetWeight(weight) => self.set_weight(weight),
            Input::Stop => self.stopped = true,
            Input::Tick => self.on_tick(now),
        }
    }

    /// The next thing to do; drain until `None` after each `handle`.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When `Input::Tick` is wanted.
    pub fn poll_timeout(&self) -> Option<Time> {
        if self.stopped {
            return self.warm_due;
        }
        let due = |probe: &Option<Probe>| probe.as_ref().and_then(|p| p.due);
        [due(&self.check), due(&self.agent), self.warm_due]
            .into_iter()
            .flatten()
            .min()
    }

    /// What status pages read.
    pub fn snapshot(&self) -> HealthSnapshot {
        let probe = |probe: &Option<Probe>| {
            probe.as_ref().map(|p| ProbeSnapshot {
                enabled: p.enabled,
                paused: p.paused,
                running: p.running,
                status: p.status,
                code: p.code,
                text: p.text.clone(),
                duration: p.duration,
                health: p.health,
                rise: p.spec.rise,
                fall: p.spec.fall,
            })
        };
        HealthSnapshot {
            state: self.state,
            admin: self.admin,
            weight: self.weight,
            configured_weight: self.spec.weight,
            check: probe(&self.check),
            agent: probe(&self.agent),
            failed_checks: self.failed_checks,
            downs: self.downs,
            failed_observations: self.failed_observations,
            last_change: self.last_change,
            age: self.age,
            past_downtime: self.downtime,
            track: self.spec.track.clone(),
        }
    }

    /// The placement in force, for `Roster::new`.
    pub fn placement(&self) -> Placement {
        Placement {
            state: self.state,
            maint: self.admin.is_maint(),
            drain: self.admin.is_drain(),
            weight: self.weight,
            since: self.last_change,
        }
    }

    /// Whether a 404 counts as a conditional success now (`http-check disable-on-404`): only
    /// while the server is not down.
    pub fn accepts_404(&self) -> bool {
        self.state != State::Stopped
    }

    fn on_tick(&mut self, now: Time) {
        if self.warm_due.is_some_and(|due| due <= now) {
            self.warm_due = None;
            self.warm_up(now);
        }
        for which in [Which::Health, Which::Agent] {
            let stopped = self.stopped;
            let Some(probe) = self.probe(which) else {
                continue;
            };
            let Some(due) = probe.due.filter(|&due| due <= now) else {
                continue;
            };
            if probe.enabled && !probe.paused && !stopped {
                probe.due = None;
                probe.running = true;
                self.outputs.push_back(Output::Check(which));
            } else {
                let step = probe.spec.inter.max(MIN_INTERVAL);
                let late = now.since(due).as_nanos() / step.as_nanos() + 1;
                let ahead = step.saturating_mul(u32::try_from(late).unwrap_or(u32::MAX));
                probe.due = Some(due + ahead);
            }
        }
    }

    fn on_checked(&mut self, now: Time, which: Which, report: &CheckReport) {
        if !self.end_run(which) {
            return;
        }
        self.record(
            which,
            report.status,
            report.code,
            &report.text,
            Some(report.duration),
        );
        self.conclude(now, which);
        self.reschedule(now, which);
    }

    fn on_enable(&mut self, now: Time, which: Which, on: bool) {
        let Some(probe) = self.probe(which) else {
            return;
        };
        if on && !probe.enabled {
            probe.health = probe.spec.rise;
            if probe.due.is_none() && !probe.running {
                probe.due = Some(now);
            }
        }
        probe.enabled = on;
    }

    fn on_followed(&mut self, now: Time, follow: Follow) {
        self.followed = Some(follow.state);
        match follow.event {
            FollowEvent::Drain(on) => self.on_admin(now, AdminFlag::InheritedDrain, on, None),
            FollowEvent::Maint(on) => self.on_admin(now, AdminFlag::InheritedMaint, on, None),
            FollowEvent::State => match follow.state {
                State::Stopped => self.set_stopped(now, Cause::None),
                State::Stopping => self.set_stopping(now, Cause::None),
                State::Running | State::Starting => self.set_running(now, Cause::None),
            },
        }
    }

    fn on_observed(&mut self, now: Time, errors: u32, last: Observation) {
        let text = format!(
            "Detected {errors} consecutive errors, last one was: {}",
            last.describe()
        );
        self.failed_observations += 1;
        let on_error = self.spec.on_error;
        let Some(probe) = &mut self.check else { return };
        probe.hurry = true;
        match on_error {
            OnError::FastInter => {}
            OnError::FailCheck => {}
            OnError::SuddenDeath if probe.is_up() && probe.health > probe.spec.rise => {
                probe.health = probe.spec.rise + 1;
            }
            OnError::SuddenDeath => {}
            OnError::MarkDown => probe.health = probe.spec.rise,
        }
        if on_error != OnError::FastInter {
            let status = CheckStatus::HealthAnalyze;
            self.record(Which::Health, status, 0, text.as_bytes(), None);
            self.notify_failure(now, Which::Health);
        }
        self.advance(now);
    }

    /// Brings the next check forward when the fast interval ends before it.
    fn advance(&mut self, now: Time) {
        let down = self.state == State::Stopped;
        let Some(probe) = &mut self.check else { return };
        if probe.spec.fastinter.is_none() {
            return;
        }
        let sooner = now + probe.interval(down);
        if probe.due.is_some_and(|due| sooner < due) {
            self.reschedule(now, Which::Health);
        }
    }

    fn on_set_health(&mut self, now: Time, which: Which, state: State) {
        let Some(probe) = self.probe(which) else {
            if which == Which::Agent {
                return;
            }
            return self.set_state(now, state);
        };
        probe.health = if state == State::Stopped {
            0
        } else {
            probe.top()
        };
        self.set_state(now, state);
    }

    /// One check decides afterwards, as of a server that has just started.
    fn on_presumed(&mut self, now: Time, up: bool) {
        if self.spec.init_state != InitState::None {
            return;
        }
        let begins = |probe: &&mut Probe| {
            probe.enabled && !probe.paused && probe.status == CheckStatus::Initializing
        };
        let Some(probe) = self.check.as_mut().filter(begins) else {
            return;
        };
        probe.health = probe.spec.rise - u32::from(!up);
        match up {
            true => self.set_running(now, Cause::None),
            false => self.set_stopped(now, Cause::None),
        }
    }

    fn set_state(&mut self, now: Time, state: State) {
        match state {
            State::Stopped => self.set_stopped(now, Cause::Operator),
            State::Stopping => self.set_stopping(now, Cause::Operator),
            State::Running | State::Starting => self.set_running(now, Cause::Operator),
        }
    }

    fn set_weight(&mut self, weight: u32) {
        if self.weight != weight {
            self.weight = weight;
            self.emit(None, false, false);
        }
    }

    /// Marks a run as ended; false for a report that nobody asked for.
    fn end_run(&mut self, which: Which) -> bool {
        self.probe(which)
            .is_some_and(|p| std::mem::replace(&mut p.running, false))
    }

    fn reschedule(&mut self, now: Time, which: Which) {
        let down = self.state == State::Stopped;
        let random = self.draw();
        let spread = self.spec.spread;
        let Some(probe) = self.probe(which) else {
            return;
        };
        let inter = probe.interval(down).max(MIN_INTERVAL);
        probe.due = Some(now + spread_interval(inter, inter, spread, random));
        probe.hurry = false;
    }

    /// Keeps a report and counts it; a line is logged when the count or the status changed.
    fn record(
        &mut self,
        which: Which,
        status: CheckStatus,
        code: u32,
        text: &[u8],
        duration: Option<Duration>,
    ) {
        let Some(probe) = self.probe(which) else {
            return;
        };
        let mut tell = probe.status != status;
        probe.code = code;
        probe.keep(status, text, duration);
        match status.result() {
            CheckResult::Neutral => return,
            CheckResult::Unknown => {}
            CheckResult::Failed => {
                // An agent that cannot be reached says nothing about the server.
                let counts = which == Which::Health || status.has_code();
                if counts && probe.fail() {
                    tell = true;
                    self.failed_checks += 1;
                }
            }
            CheckResult::Passed | CheckResult::CondPassed => tell |= probe.pass(),
        }
        if tell && self.spec.log_checks {
            let (weight, backup) = (self.weight, self.spec.backup);
            let server = self.name();
            if let Some(probe) = self.probe(which) {
                let line = probe.line(which, &server, backup, weight);
                self.outputs.push_back(Output::Log(line));
            }
        }
    }

    /// Draws the server's state from what was just recorded.
    fn conclude(&mut self, now: Time, which: Which) {
        let Some(status) = self.probe(which).map(|p| p.status) else {
            return;
        };
        match status.result() {
            CheckResult::Failed => self.notify_failure(now, which),
            CheckResult::Passed if self.may_rise(which) => {
                self.set_running(now, self.cause(which));
            }
            CheckResult::CondPassed if which == Which::Health && self.may_rise(which) => {
                self.set_stopping(now, self.cause(which));
            }
            _ => {}
        }
    }

    fn notify_failure(&mut self, now: Time, which: Which) {
        let Some(probe) = self.probe(which) else {
            return;
        };
        let (status, health) = (probe.status, probe.health);
        if health > 0 || (which == Which::Agent && status != CheckStatus::L7Status) {
            return;
        }
        self.set_stopped(now, self.cause(which));
    }

    /// Whether nothing but this check kept the server from being up.
    fn may_rise(&self, which: Which) -> bool {
        let forbids = |probe: &Option<Probe>| probe.as_ref().is_some_and(Probe::forbids_up);
        let held = self.admin.is_maint()
            || self.followed == Some(State::Stopped)
            || forbids(&self.check)
            || forbids(&self.agent);
        !held && (which == Which::Health || self.state != State::Stopping)
    }

    /// The cause is told once: not when the check itself was logged.
    fn cause(&self, which: Which) -> Cause {
        if self.spec.track.is_none() && !self.spec.log_checks {
            Cause::Check(which)
        } else {
            Cause::None
        }
    }

    fn set_stopped(&mut self, now: Time, cause: Cause) {
        if self.admin.is_maint() || self.state == State::Stopped {
            return;
        }
        let was_stopping = self.state == State::Stopping || self.admin.is_drain();
        let head = format!("{} is DOWN{}{}", self.title(), self.why(cause), self.via());
        self.change_state(now, State::Stopped);
        self.emit(
            Some((head, Tail::Left, !was_stopping)),
            self.spec.shutdown_sessions,
            false,
        );
        self.tell(FollowEvent::State);
    }

    fn set_stopping(&mut self, now: Time, cause: Cause) {
        if self.admin.is_maint() || self.state == State::Stopping {
            return;
        }
        let head = format!(
            "{} is stopping{}{}",
            self.title(),
            self.why(cause),
            self.via()
        );
        self.change_state(now, State::Stopping);
        self.emit(Some((head, Tail::Online, false)), false, false);
        self.tell(FollowEvent::State);
    }

    fn set_running(&mut self, now: Time, cause: Cause) {
        if self.admin.is_maint() || matches!(self.state, State::Starting | State::Running) {
            return;
        }
        let head = format!("{} is UP{}{}", self.title(), self.why(cause), self.via());
        self.change_state(now, self.first_up_state());
        let shutdown = self.spec.shutdown_backups && !self.spec.backup;
        self.emit(Some((head, Tail::Online, false)), false, shutdown);
        self.tell(FollowEvent::State);
    }

    fn first_up_state(&self) -> State {
        if self.spec.slowstart.is_zero() {
            State::Running
        } else {
            State::Starting
        }
    }

    fn change_state(&mut self, now: Time, state: State) {
        if self.state == state {
            return;
        }
        if self.state == State::Stopped {
            self.downtime += now.since(self.last_change) + self.age;
        } else if state == State::Stopped {
            self.downs += 1;
        }
        self.state = state;
        self.last_change = now;
        self.age = Duration::ZERO;
        self.warm_due = (state == State::Starting).then(|| now + self.warm_step());
    }

    fn warm_step(&self) -> Duration {
        (self.spec.slowstart / 20).max(Duration::from_secs(1))
    }

    /// A step of the slow start; at its end the server is told to be up once more.
    fn warm_up(&mut self, now: Time) {
        if self.admin.is_maint() || self.state != State::Starting {
            return;
        }
        let whole = u64::try_from(self.spec.slowstart.as_millis().div_ceil(1000));
        let elapsed = now.0 / NANOS - (self.last_change.0 / NANOS).min(now.0 / NANOS);
        if elapsed < whole.unwrap_or(u64::MAX) {
            self.warm_due = Some(now + self.warm_step());
            return self.emit(None, false, false);
        }
        let head = format!("{} is UP{}", self.title(), self.via());
        self.change_state(now, State::Running);
        let shutdown = self.spec.shutdown_backups && !self.spec.backup;
        self.emit(Some((head, Tail::Online, false)), false, shutdown);
    }

    fn emit(&mut self, line: Option<(String, Tail, bool)>, sessions: bool, backups: bool) {
        let announcement = line.map(|(head, tail, alert)| Announcement { head, tail, alert });
        let placement = self.placement();
        self.outputs.push_back(Output::Changed(Change {
            placement,
            announcement,
            shutdown_sessions: sessions,
            shutdown_backups: backups,
        }));
    }

    fn tell(&mut self, event: FollowEvent) {
        self.outputs.push_back(Output::Follow(Follow {
            state: self.state,
            event,
        }));
    }

    fn why(&self, cause: Cause) -> String {
        let probe = match cause {
            Cause::None => return String::new(),
            Cause::Operator => return ", changed from CLI".to_owned(),
            Cause::StateFile => return ", changed from server-state after a reload".to_owned(),
            Cause::Check(Which::Agent) => &self.agent,
            Cause::Check(Which::Health) => &self.check,
        };
        probe.as_ref().map(Probe::reason).unwrap_or_default()
    }

    fn via(&self) -> String {
        self.spec
            .track
            .as_ref()
            .map(|t| format!(" via {t}"))
            .unwrap_or_default()
    }

    fn name(&self) -> String {
        format!("{}/{}", self.spec.backend, self.spec.server)
    }

    fn title(&self) -> String {
        let backup = if self.spec.backup { "Backup " } else { "" };
        format!("{backup}Server {}", self.name())
    }

    fn probe(&mut self, which: Which) -> Option<&mut Probe> {
        match which {
            Which::Agent => self.agent.as_mut(),
            Which::Health => self.check.as_mut(),
        }
    }

    /// Marsaglia's 64-bit xorshift, upper half.
    fn draw(&mut self) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 32) as u32
    }
}

/// No check comes sooner after another one.
const MIN_INTERVAL: Duration = Duration::from_millis(1);

const NANOS: u64 = 1_000_000_000;

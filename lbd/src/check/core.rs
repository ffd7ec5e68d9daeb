//! All machines, their timers, and what their outputs do to servers.
//!
//! It waits for nothing and connects nowhere: it gives out jobs and takes their reports.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use lbd_backend::check::Finished;
use lbd_backend::health::{
    AdminFlag, Change, CheckResult, Follow, FollowEvent, Input, Output, Schedule, Which,
};
use lbd_config::config::{ProxySpec, ServerSpec};
use lbd_core::{ProxyId, ServerId, Time};
use lbd_proxy::live::Ending;
use lbd_proxy::state::{Generation, ProxyState, Shared};

use super::announce::{ALERT, NOTICE, Notes};
use super::slot::{Job, Key, Slot};
use super::watch::{Counters, Event};
use super::{Findings, Options};

/// Everything behind the runner's lock.
pub(super) struct Core {
    shared: Arc<Shared>,
    pub(super) generation: Arc<Generation>,
    counters: Arc<Counters>,
    notes: Notes,
    pub(super) findings: Option<Findings>,
    pub(super) slots: Vec<Slot>,
    /// Slots of all servers that were not taken out.
    pub(super) places: HashMap<(ProxyId, ServerId), usize>,
    /// The same by their machines.
    pub(super) keys: HashMap<Key, usize>,
    /// The same by the servers' numbers, which no configuration changes.
    pub(super) numbers: HashMap<usize, usize>,
    last_key: Key,
    pub(super) timers: BinaryHeap<Reverse<(Time, usize)>>,
    running: usize,
    max_running: usize,
    /// Checks that are due while `max_running` others run.
    waiting: VecDeque<(Key, Which)>,
    /// Checks that had to wait since this was told last.
    deferred: u64,
    /// When that may be told again.
    quiet_until: Time,
    jobs: Vec<Job>,
}

impl Core {
    /// Machines for all servers of the current configuration, nothing applied yet.
    pub(super) fn new(shared: Arc<Shared>, counters: Arc<Counters>, options: Options) -> Self {
        let generation = shared.current();
        let now = shared.now();
        let mut core = Self {
            shared,
            generation,
            counters,
            notes: Notes::new(options.console),
            findings: options.findings,
            slots: Vec::new(),
            places: HashMap::new(),
            keys: HashMap::new(),
            numbers: HashMap::new(),
            last_key: 0,
            timers: BinaryHeap::new(),
            running: 0,
            max_running: options.max_running.max(1),
            waiting: VecDeque::new(),
            deferred: 0,
            quiet_until: Time::ZERO,
            jobs: Vec::new(),
        };
        let generation = Arc::clone(&core.generation);
        for server in generation.proxies.iter().flat_map(|proxy| &proxy.servers) {
            let slot = Slot::new(server, now, core.next_key());
            core.push(slot);
        }
        core.link_followers();
        core
    }

    /// A name for a machine that comes.
    pub(super) fn next_key(&mut self) -> Key {
        self.last_key += 1;
        self.last_key
    }

    pub(super) fn link_followers(&mut self) {
        for at in 0..self.slots.len() {
            let Some((backend, server)) = self.spec(at).track else {
                continue;
            };
            if let Some(leader) = self.find(backend, server) {
                self.slots[leader].followers.push(at);
            }
        }
    }

    /// Applies the states that servers start in, without telling of them, and schedules checks.
    pub(super) fn open(&mut self) {
        let now = self.now();
        for at in 0..self.slots.len() {
            if self.spec(at).unresolved {
                let flag = AdminFlag::ResolutionMaint;
                self.start_with(
                    at,
                    now,
                    Input::Admin {
                        flag,
                        on: true,
                        reason: None,
                    },
                );
            }
        }
        for at in 0..self.slots.len() {
            self.restore(at);
        }
        for at in 0..self.slots.len() {
            if self.spec(at).track.is_none() {
                self.inherit(at, now);
            }
        }
        self.place_all(now);
        self.schedule(now, |_| true);
        for at in 0..self.slots.len() {
            self.publish(at);
            self.arm(at);
        }
    }

    /// Places servers as their machines have them, without a word.
    pub(super) fn place_all(&self, now: Time) {
        for at in 0..self.slots.len() {
            let placement = self.slots[at].health.placement();
            let (proxy, server) = (self.proxy(at), self.slots[at].server);
            let before = proxy.roster.server(server, now).map(|view| view.placement);
            if before != Some(placement) {
                proxy.place(server, placement, &self.shared);
            }
        }
    }

    /// Takes over what a server state file says.
    fn restore(&mut self, at: usize) {
        let Some(saved) = self.spec(at).saved.clone() else {
            return;
        };
        let slot = &mut self.slots[at];
        slot.check_moved.address = saved.check_address;
        slot.check_moved.port = saved.check_port;
        slot.agent_moved.address = saved.agent_address;
        slot.agent_moved.port = saved.agent_port;
        self.give(at, Input::Restored(Box::new(saved.health.clone())));
    }

    /// Hands maintenance and drain of a server down to those that follow it.
    pub(super) fn inherit(&mut self, at: usize, now: Time) {
        let mut pending = vec![at];
        while let Some(at) = pending.pop() {
            let placement = self.slots[at].health.placement();
            for follower in self.slots[at].followers.clone() {
                let state = placement.state;
                if placement.maint {
                    let event = FollowEvent::Maint(true);
                    self.start_with(follower, now, Input::Followed(Follow { state, event }));
                }
                if placement.drain {
                    let event = FollowEvent::Drain(true);
                    self.start_with(follower, now, Input::Followed(Follow { state, event }));
                }
                pending.push(follower);
            }
        }
    }

    /// An input whose effects are the server's first state: nobody is told.
    pub(super) fn start_with(&mut self, at: usize, now: Time, input: Input) {
        let health = &mut self.slots[at].health;
        health.handle(now, input);
        while health.poll_output().is_some() {}
    }

    /// Gives the first checks of some servers their times.
    pub(super) fn schedule(&mut self, now: Time, is_wanted: impl Fn(usize) -> bool) {
        let global = &self.generation.config.global;
        let due: Vec<(usize, Which, Duration)> = (0..self.slots.len())
            .filter(|&at| is_wanted(at) && !self.proxy_spec(at).disabled)
            .flat_map(|at| {
                let health = &self.spec(at).health;
                let of = |which, probe: &Option<lbd_backend::health::ProbeSpec>| {
                    probe.as_ref().map(|probe| (at, which, probe.inter))
                };
                [
                    of(Which::Health, &health.check),
                    of(Which::Agent, &health.agent),
                ]
            })
            .flatten()
            .collect();
        let spread = u32::from(global.spread_checks);
        let intervals = due.iter().map(|&(_, _, inter)| inter);
        let schedule = Schedule::new(intervals, spread, global.max_spread_checks);
        for (position, (at, which, inter)) in due.into_iter().enumerate() {
            let position = u32::try_from(position).unwrap_or(u32::MAX);
            let delay = schedule.delay(
                position,
                inter,
                lbd_core::bits::low32(seed(self.slots[at].key)),
            );
            let input = Input::Scheduled {
                which,
                at: now + delay,
            };
            self.slots[at].health.handle(now, input);
        }
    }

    /// Starts what is due; gives the checks to run and when to come back.
    pub(super) fn turn(&mut self) -> (Vec<Job>, Option<Time>) {
        let now = self.now();
        while let Some(&Reverse((due, at))) = self.timers.peek() {
            if self.slots[at].armed != Some(due) {
                self.timers.pop();
                continue;
            }
            if due > now {
                break;
            }
            self.timers.pop();
            self.slots[at].armed = None;
            self.give(at, Input::Tick);
        }
        self.tell_limits(now);
        let next = self.timers.peek().map(|&Reverse((due, _))| due);
        (std::mem::take(&mut self.jobs), next)
    }

    /// Tells of limits that were reached, now and then.
    fn tell_limits(&mut self, now: Time) {
        if self.deferred > 0 && now >= self.quiet_until {
            let (deferred, most) = (std::mem::take(&mut self.deferred), self.max_running);
            self.quiet_until = now + LIMIT_NOTICE_INTERVAL;
            self.notes.print(
                "WARNING",
                &format!("{deferred} health checks are late: {most} run at once at most."),
            );
        }
        let lost = self.counters.take_lost();
        if lost > 0 {
            let text = format!("{lost} errors observed on traffic were not counted.");
            self.notes.print("WARNING", &text);
        }
    }

    /// Takes how a job ended.
    pub(super) fn finish(&mut self, key: Key, which: Which, finished: Finished) {
        self.running = self.running.saturating_sub(1);
        while let Some((key, which)) = self.waiting.pop_front() {
            if let Some(&at) = self.keys.get(&key) {
                self.run(at, which);
                break;
            }
        }
        // Nobody waits for the end of a check of a server that is gone.
        let Some(&at) = self.keys.get(&key) else {
            return;
        };
        let (passed, input) = match finished {
            Finished::Agent(reply, duration) => {
                let up = reply.health.as_ref().is_some_and(|word| word.up);
                (up, Input::AgentReplied { reply, duration })
            }
            Finished::Report(report) => {
                let result = report.status.result();
                let passed = matches!(result, CheckResult::Passed | CheckResult::CondPassed);
                (passed, Input::Checked { which, report })
            }
        };
        if passed && let Some(counter) = &self.slots[at].state.observed {
            // Errors that traffic saw before do not count any more.
            counter.reset();
        }
        self.give(at, input);
        if which == Which::Health {
            self.tell_finding(at);
        }
    }

    /// Tells what checks find of a server, when that is news.
    fn tell_finding(&mut self, at: usize) {
        let placement = self.slots[at].health.placement();
        let is_up = placement.state != lbd_backend::State::Stopped;
        if placement.maint || self.slots[at].found == Some(is_up) {
            return;
        }
        self.slots[at].found = Some(is_up);
        if let Some(tell) = &self.findings {
            tell(&self.proxy_spec(at).name, &self.spec(at).roster.name, is_up);
        }
    }

    /// Traffic saw too many errors.
    pub(super) fn observed(&mut self, event: Event) {
        if let Some(&at) = self.numbers.get(&event.server) {
            self.give(
                at,
                Input::Observed {
                    errors: event.errors,
                    last: event.last,
                },
            );
        }
    }

    /// Gives an input to a machine and does what comes out, of its followers too.
    pub(super) fn give(&mut self, at: usize, input: Input) {
        let now = self.now();
        let mut inputs = VecDeque::from([(at, input)]);
        // Ends: servers follow one another in trees, and a machine tells of changes only.
        while let Some((at, input)) = inputs.pop_front() {
            self.slots[at].health.handle(now, input);
            while let Some(output) = self.slots[at].health.poll_output() {
                match output {
                    Output::Changed(change) => self.change(at, &change),
                    Output::Check(which) => self.begin(at, which),
                    Output::Follow(follow) => {
                        let followers = self.slots[at].followers.iter();
                        inputs.extend(followers.map(|&to| (to, Input::Followed(follow))));
                    }
                    Output::Log(line) => self.note(at, NOTICE, &line),
                    Output::Maxconn(maxconn) => self.set_maxconn(at, maxconn),
                    Output::PurgeIdle => self.purge_idle(at),
                }
            }
            self.publish(at);
            self.arm(at);
        }
    }

    fn change(&mut self, at: usize, change: &Change) {
        let (proxy, server) = (Arc::clone(self.proxy(at)), self.slots[at].server);
        let placed = proxy.place(server, change.placement, &self.shared);
        if let Some(announcement) = &change.announcement {
            let sessions = self.slots[at].state.streams.get();
            let level = if announcement.alert { ALERT } else { NOTICE };
            self.note(at, level, &announcement.line(&placed, sessions));
        }
        if change.shutdown_sessions {
            proxy.end_server_streams(server, Ending::ServerDown, &self.shared);
        }
        if change.shutdown_backups && placed.weight > 0 {
            let servers = proxy.servers.iter();
            for backup in servers.filter(|server| server.spec.roster.backup) {
                proxy.end_server_streams(backup.id, Ending::BackupReplaced, &self.shared);
            }
        }
        if placed.emptied {
            self.notes
                .backend_down(&self.shared, &self.generation, self.proxy_spec(at));
        }
    }

    fn note(&self, at: usize, level: u8, text: &str) {
        self.notes.server(
            &self.shared,
            &self.generation,
            self.proxy_spec(at),
            level,
            text,
        );
    }

    pub(super) fn set_maxconn(&self, at: usize, maxconn: u32) {
        self.proxy(at)
            .set_server_maxconn(self.slots[at].server, maxconn, &self.shared);
    }

    fn purge_idle(&self, at: usize) {
        let Slot {
            backend, server, ..
        } = self.slots[at];
        if let Some(state) = self.generation.server(backend, server) {
            state.close_idle(&self.shared);
        }
    }

    fn begin(&mut self, at: usize, which: Which) {
        if self.running < self.max_running {
            self.run(at, which);
        } else {
            self.deferred += 1;
            self.waiting.push_back((self.slots[at].key, which));
        }
    }

    fn run(&mut self, at: usize, which: Which) {
        self.running += 1;
        let Slot {
            backend, server, ..
        } = self.slots[at];
        let state = Arc::clone(&self.slots[at].state);
        let generation = Arc::clone(&self.generation);
        let slot = &mut self.slots[at];
        self.jobs.push(Job {
            key: slot.key,
            which,
            generation,
            backend,
            server,
            address: state.address(),
            state,
            moved: *slot.moved_mut(which),
            agent_send: slot.agent_send.clone().filter(|_| which == Which::Agent),
            accepts_404: slot.health.accepts_404(),
        });
    }

    pub(super) fn publish(&self, at: usize) {
        let slot = &self.slots[at];
        slot.state.set_health(slot.health.snapshot());
    }

    pub(super) fn arm(&mut self, at: usize) {
        let slot = &mut self.slots[at];
        let due = slot.health.poll_timeout();
        if slot.armed == due {
            return;
        }
        slot.armed = due;
        if let Some(due) = due {
            self.timers.push(Reverse((due, at)));
        }
    }

    /// No more checks are started.
    pub(super) fn stop(&mut self) {
        self.waiting.clear();
        self.jobs.clear();
        for at in 0..self.slots.len() {
            self.give(at, Input::Stop);
        }
    }

    pub(super) fn find(&self, backend: ProxyId, server: ServerId) -> Option<usize> {
        self.places.get(&(backend, server)).copied()
    }

    /// Adds a slot.
    pub(super) fn push(&mut self, slot: Slot) -> usize {
        let at = self.slots.len();
        self.places.insert((slot.backend, slot.server), at);
        self.keys.insert(slot.key, at);
        self.numbers.insert(slot.state.slot.index(), at);
        self.slots.push(slot);
        at
    }

    /// No order finds the server any more.
    pub(super) fn forget(&mut self, backend: ProxyId, server: ServerId) {
        if let Some(at) = self.places.remove(&(backend, server)) {
            self.numbers.remove(&self.slots[at].state.slot.index());
        }
    }

    pub(super) fn slot(&self, at: usize) -> &Slot {
        &self.slots[at]
    }

    pub(super) fn slot_mut(&mut self, at: usize) -> &mut Slot {
        &mut self.slots[at]
    }

    pub(super) fn now(&self) -> Time {
        self.shared.now()
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(super) fn proxy(&self, at: usize) -> &Arc<ProxyState> {
        self.generation.proxy(self.slots[at].backend)
    }

    fn proxy_spec(&self, at: usize) -> &ProxySpec {
        // One slot for each server of this generation's configuration.
        &self.generation.config.proxies[self.slots[at].backend.index()]
    }

    pub(super) fn spec(&self, at: usize) -> &ServerSpec {
        &self.slots[at].state.spec
    }
}

/// Least time between two notices that checks are late.
const LIMIT_NOTICE_INTERVAL: Duration = Duration::from_secs(60);

/// A number that differs between slots and runs.
pub(super) fn seed(key: Key) -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(key)
}

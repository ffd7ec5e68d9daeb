//! What the event loop of each worker has done, and what its tasks cost while somebody asks
//! (haproxy 3.4 management 9.3, `show activity`, `show profiling`).
//!
//! Written by the worker alone, but for the switch of the profile; nothing is decided here.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use lbd_config::config::TaskProfiling;
use lbd_core::Time;
use tokio::runtime::RuntimeMetrics;

use super::counters::Count;
use crate::run_queue::RunQueue;
use crate::sys;

/// Kinds of tasks that are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskKind {
    /// A client connection.
    Session,
    /// A stream of a connection of HTTP/2.
    Stream,
}

impl TaskKind {
    /// All of them, by their number.
    pub const ALL: [Self; 2] = [Self::Session, Self::Stream];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Stream => "stream",
        }
    }
}

/// What turns of tasks of a kind cost.
#[derive(Debug, Default)]
pub struct Cost {
    turns: Count,
    /// Nanoseconds.
    cpu: Count,
    /// Turns of which it is known when they were asked for.
    timed: Count,
    /// Nanoseconds that those waited.
    waited: Count,
}

/// What turns have cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Costs {
    /// Turns.
    pub turns: u64,
    /// CPU time of them.
    pub cpu: Duration,
    /// Turns of which it is known when they were asked for.
    pub timed: u64,
    /// How long those waited.
    pub waited: Duration,
}

impl Costs {
    /// What came since `before`.
    pub fn since(self, before: Self) -> Self {
        Self {
            turns: self.turns.saturating_sub(before.turns),
            cpu: self.cpu.saturating_sub(before.cpu),
            timed: self.timed.saturating_sub(before.timed),
            waited: self.waited.saturating_sub(before.waited),
        }
    }

    /// Both together.
    pub fn and(self, other: Self) -> Self {
        Self {
            turns: self.turns + other.turns,
            cpu: self.cpu + other.cpu,
            timed: self.timed + other.timed,
            waited: self.waited + other.waited,
        }
    }
}

/// A mean round from which `auto` measures a worker's turns.
pub const AUTO_ON: Duration = Duration::from_micros(1000);
/// A mean round below which it does so no more.
pub const AUTO_OFF: Duration = Duration::from_micros(990);

/// [`TaskProfiling`] as the process has it.
#[derive(Debug)]
pub struct ProfilingSwitch(AtomicU8);

impl Default for ProfilingSwitch {
    fn default() -> Self {
        Self(AtomicU8::new(TaskProfiling::default() as u8))
    }
}

impl ProfilingSwitch {
    /// How it stands.
    pub fn get(&self) -> TaskProfiling {
        let number = self.0.load(Relaxed);
        let all = [TaskProfiling::Auto, TaskProfiling::Off, TaskProfiling::On];
        let found = all.into_iter().find(|mode| *mode as u8 == number);
        found.unwrap_or(TaskProfiling::Off)
    }

    /// Changes it, for these workers.
    pub fn set(&self, mode: TaskProfiling, workers: &[Activity]) {
        self.0.store(mode as u8, Relaxed);
        for worker in workers {
            worker.is_profiled.store(mode == TaskProfiling::On, Relaxed);
        }
    }
}

/// What one worker has done.
///
/// Apart from its neighbour's: what one worker counts at each turn would slow the reads of the other.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Activity {
    /// Turns of its sessions and streams.
    pub turns: Count,
    /// Connections accepted here that another worker took.
    pub handed_over: Count,
    /// CPU used in the last second, percent of one.
    pub cpu_percent: Count,
    /// Mean length of a round of the event loop in the last second, microseconds.
    pub round_us: Count,
    costs: [Cost; TaskKind::ALL.len()],
    is_profiled: AtomicBool,
    /// Number of its thread, 0 before it runs.
    thread: AtomicU32,
    runtime: OnceLock<RuntimeMetrics>,
    queue: OnceLock<Arc<RunQueue>>,
}

impl Activity {
    /// The worker's thread runs, by this runtime and with this queue.
    pub(crate) fn begin(&self, runtime: RuntimeMetrics, queue: Arc<RunQueue>) {
        self.thread.store(sys::thread_id(), Relaxed);
        // A worker runs once.
        let _ = (self.runtime.set(runtime), self.queue.set(queue));
    }

    /// Tasks that want a turn, of those that are counted; `None` when those that begin are not.
    pub fn runnable(&self) -> Option<u32> {
        let queue = self.queue.get()?;
        let counts = queue.is_counted() || self.is_profiled();
        counts.then(|| queue.runnable())
    }

    /// Number of the thread, 0 before it runs.
    pub fn thread(&self) -> u32 {
        self.thread.load(Relaxed)
    }

    /// Rounds of the event loop, each of which ended in sleep.
    pub fn rounds(&self) -> u64 {
        self.runtime
            .get()
            .map_or(0, |runtime| runtime.worker_park_count(0))
    }

    /// Time that was not slept.
    pub fn busy(&self) -> Duration {
        let runtime = self.runtime.get();
        runtime.map_or(Duration::ZERO, |runtime| {
            runtime.worker_total_busy_duration(0)
        })
    }

    /// Whether it sleeps.
    pub fn is_asleep(&self) -> bool {
        let runtime = self.runtime.get();
        runtime.is_some_and(|runtime| runtime.worker_park_unpark_count(0) % 2 == 1)
    }

    /// Whether its turns are measured.
    #[inline]
    pub fn is_profiled(&self) -> bool {
        self.is_profiled.load(Relaxed)
    }

    /// What turns of tasks of this kind have cost while they were measured.
    pub fn costs(&self, kind: TaskKind) -> Costs {
        let cost = &self.costs[kind as usize];
        Costs {
            turns: cost.turns.get(),
            cpu: Duration::from_nanos(cost.cpu.get()),
            timed: cost.timed.get(),
            waited: Duration::from_nanos(cost.waited.get()),
        }
    }

    pub(crate) fn add_turn(&self, kind: TaskKind, cpu: Duration) {
        let cost = &self.costs[kind as usize];
        cost.turns.inc();
        cost.cpu.add(nanos(cpu));
    }

    pub(crate) fn add_wait(&self, kind: TaskKind, wait: Duration) {
        let cost = &self.costs[kind as usize];
        cost.timed.inc();
        cost.waited.add(nanos(wait));
    }

    /// Notes the last second: `since` is when the look before it was, `cpu` what was used in it.
    pub(crate) fn note(&self, span: &mut Span, now: Time, cpu: Duration, switch: &ProfilingSwitch) {
        let (rounds, busy) = (self.rounds(), self.busy());
        let time = now.since(span.at).as_millis().max(1);
        let percent = cpu.saturating_sub(span.cpu).as_millis() * 100 / time;
        let mean = busy.saturating_sub(span.busy).as_micros()
            / u128::from(rounds.saturating_sub(span.rounds).max(1));
        *span = Span {
            at: now,
            cpu,
            rounds,
            busy,
        };
        self.cpu_percent
            .set(u64::try_from(percent).unwrap_or(u64::MAX));
        self.round_us.set(u64::try_from(mean).unwrap_or(u64::MAX));
        if switch.get() == TaskProfiling::Auto {
            let is_on = match self.is_profiled() {
                true => mean >= AUTO_OFF.as_micros(),
                false => mean >= AUTO_ON.as_micros(),
            };
            self.is_profiled.store(is_on, Relaxed);
        }
    }
}

/// Where the last look found a worker.
#[derive(Debug)]
pub(crate) struct Span {
    pub(crate) at: Time,
    pub(crate) cpu: Duration,
    rounds: u64,
    busy: Duration,
}

impl Span {
    pub(crate) fn new(at: Time, cpu: Duration) -> Self {
        Self {
            at,
            cpu,
            rounds: 0,
            busy: Duration::ZERO,
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;

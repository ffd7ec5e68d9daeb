//! What workers do: `show activity`, `show threads`, `show tasks`, and the profile of their tasks
//! (haproxy 3.4 management 9.3).
//!
//! The layout is the reference's, so that what reads it goes on working; lines of it that count what
//! lbd has no counterpart for are left out, and none is made up.

use std::fmt::Write;
use std::time::Duration;

use lbd_config::config::{AccessLevel, TaskProfiling};
use lbd_proxy::state::activity::{Activity, Costs, TaskKind};

use super::command::{ApiCommand, Call, command};
use crate::run::Daemon;
use crate::threads;

pub(super) const COMMANDS: &[ApiCommand] = &[
    command(
        &["set", "profiling"],
        "set profiling <what> {auto|on|off}",
        "measure what turns of tasks cost, or not",
        AccessLevel::Admin,
        set_profiling,
    ),
    command(
        &["show", "activity"],
        "show activity [-1|0|thread_num]",
        "what the event loop of each worker has done",
        AccessLevel::Operator,
        show_activity,
    ),
    command(
        &["show", "profiling"],
        "show profiling [<what>|<#lines>|<opts>]*",
        "what turns of tasks have cost while they were measured",
        AccessLevel::Admin,
        show_profiling,
    ),
    command(
        &["show", "tasks"],
        "show tasks",
        "tasks that want a turn, where they are counted",
        AccessLevel::User,
        show_tasks,
    ),
    command(
        &["show", "threads"],
        "show threads",
        "state of each thread",
        AccessLevel::User,
        show_threads,
    ),
];

/// A line of `show activity`.
struct Line {
    name: &'static str,
    /// Of a worker, by its index.
    read: fn(&Daemon, usize) -> u64,
    /// The first column is the mean of the others instead of their sum.
    is_mean: bool,
}

const fn sum(name: &'static str, read: fn(&Daemon, usize) -> u64) -> Line {
    Line {
        name,
        read,
        is_mean: false,
    }
}

const fn mean(name: &'static str, read: fn(&Daemon, usize) -> u64) -> Line {
    Line {
        name,
        read,
        is_mean: true,
    }
}

fn activity(daemon: &Daemon, worker: usize) -> &Activity {
    // One for each worker.
    &daemon.shared.process().activity[worker]
}

const LINES: &[Line] = &[
    sum("ctxsw", |d, w| activity(d, w).turns.get()),
    sum("tasksw", |d, w| activity(d, w).turns.get()),
    sum("empty_rq", |d, w| activity(d, w).rounds()),
    sum("curr_rq", |d, w| {
        u64::from(activity(d, w).runnable().unwrap_or(0))
    }),
    sum("loops", |d, w| activity(d, w).rounds()),
    sum("stream_calls", |d, w| activity(d, w).turns.get()),
    sum("cpust_ms_tot", |d, w| {
        // Neither asleep nor on a CPU.
        let used = threads::cpu_time(activity(d, w).thread()).unwrap_or_default();
        millis(activity(d, w).busy().saturating_sub(used))
    }),
    mean("avg_cpu_pct", |d, w| activity(d, w).cpu_percent.get()),
    mean("avg_loop_us", |d, w| activity(d, w).round_us.get()),
    sum("accepted", |d, w| {
        d.shared.process().counters.of(w).connections.get()
    }),
    sum("accq_pushed", |d, w| activity(d, w).handed_over.get()),
];

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn show_activity(call: &mut Call<'_>) {
    let workers = call.daemon.shared.setup().workers;
    let wanted = match call.args.first() {
        None => -1,
        // As the reference reads what is no number.
        Some(text) => text.parse().unwrap_or(0),
    };
    let column = usize::try_from(wanted).ok();
    if wanted < -1 || column.is_some_and(|column| column > workers) {
        return call.fail("Thread ID number must be between -1 and nbthread");
    }
    let daemon = call.daemon;
    let wall = daemon.wall().0;
    let up = daemon.shared.now().0 / 1000;
    // The control side, which answers, is no worker.
    let _ = write!(
        call.out,
        "thread_id: 0 (1..{workers})\ndate_now: {}.{:06}\nuptime_now: {}.{:06}\n",
        wall / 1_000_000,
        wall % 1_000_000,
        up / 1_000_000,
        up % 1_000_000
    );
    for line in LINES {
        let values: Vec<u64> = (0..workers)
            .map(|worker| (line.read)(daemon, worker))
            .collect();
        let total: u64 = values.iter().sum();
        let first = match line.is_mean {
            true => total / values.len().max(1) as u64,
            false => total,
        };
        // Writing to a string cannot fail.
        let _ = match column {
            Some(column) if column > 0 => {
                writeln!(call.out, "{}: {}", line.name, values[column - 1])
            }
            None if workers > 1 => {
                let all: Vec<String> = values.iter().map(u64::to_string).collect();
                writeln!(call.out, "{}: {first} [ {} ]", line.name, all.join(" "))
            }
            _ => writeln!(call.out, "{}: {first}", line.name),
        };
    }
}

/// How long a thread may take to answer before it is called stuck.
const PATIENCE: Duration = Duration::from_secs(2);

fn show_threads(call: &mut Call<'_>) {
    let shared = &call.daemon.shared;
    let answering = shared.turning(PATIENCE);
    let process = shared.process();
    for (worker, activity) in process.activity.iter().enumerate() {
        let is_stuck = !answering.contains(&worker);
        let mark = if is_stuck { '>' } else { ' ' };
        let (runnable, used) = (
            activity.runnable().unwrap_or(0),
            threads::cpu_time(activity.thread()),
        );
        let number = worker + 1;
        // Writing to a string cannot fail.
        let _ = writeln!(
            call.out,
            "{mark} Thread {number:<2}: id={:#x} act={} glob=0 wq={} rq={runnable} tl=0 tlsz=0 \
             rqsz={runnable}\n     {:>2}/{number:<4} loops={} ctxsw={} stuck={} prof={} harmless={} \
             isolated=0 locks=0\n             cpu_ns: now={}",
            activity.thread(),
            u8::from(!activity.is_asleep()),
            process
                .sessions
                .get(worker)
                .map_or(0, |sessions| sessions.get()),
            1,
            activity.rounds(),
            activity.turns.get(),
            u8::from(is_stuck),
            u8::from(activity.is_profiled()),
            u8::from(activity.is_asleep()),
            used.unwrap_or_default().as_nanos(),
        );
    }
    let number = process.activity.len() + 1;
    let own = threads::named("control").unwrap_or(0);
    let used = threads::cpu_time(own).unwrap_or_default();
    let _ = writeln!(
        call.out,
        "* Thread {number:<2}: id={own:#x} control side, which answers\n             cpu_ns: now={}",
        used.as_nanos()
    );
}

fn show_tasks(call: &mut Call<'_>) {
    let workers = &call.daemon.shared.process().activity;
    let counts: Vec<u32> = workers.iter().filter_map(Activity::runnable).collect();
    if counts.is_empty() {
        return call.fail(
            "Tasks are counted while they are profiled ('set profiling tasks on'), or with 'rq-load' in \
             'tune.h2.fe.max-concurrent-streams'.",
        );
    }
    let running: u32 = counts.iter().sum();
    let _ = writeln!(
        call.out,
        "Running tasks: {running} ({} threads)\n  function                     places     %    lat_tot   \
         lat_avg  calls_tot  calls_avg calls%",
        workers.len()
    );
}

fn set_profiling(call: &mut Call<'_>) {
    const WANTED: &str = "Expects a combination of either 'on', 'auto', 'off', 'lock', 'no-lock', \
                          'memory' or 'no-memory'.";
    match call.arg(0) {
        "tasks" => {}
        "memory" => return call.fail("Memory profiling not compiled in."),
        _ => return call.fail("Expects either 'tasks' or 'memory'."),
    }
    if call.args.len() < 2 {
        return call.fail(WANTED);
    }
    let mut wanted = None;
    for word in &call.args[1..] {
        match word.as_str() {
            "on" => wanted = Some(TaskProfiling::On),
            "auto" => wanted = Some(TaskProfiling::Auto),
            "off" => wanted = Some(TaskProfiling::Off),
            // They are never measured.
            "no-lock" | "no-memory" => {}
            "lock" | "memory" => {
                return call.fail(&format!(
                    "'{word}' is not supported: waits for locks and for memory are not measured."
                ));
            }
            _ => return call.fail(WANTED),
        }
    }
    let Some(mode) = wanted else { return };
    if mode == TaskProfiling::On {
        call.daemon.profile.begin(call.daemon);
    }
    call.daemon.shared.set_profiling(mode);
}

/// Since when costs are told, and what they were then.
#[derive(Debug, Default)]
pub(crate) struct Profile(parking_lot::Mutex<Option<Before>>);

#[derive(Debug)]
struct Before {
    at: lbd_core::Time,
    costs: [Costs; TaskKind::ALL.len()],
}

impl Profile {
    fn begin(&self, daemon: &Daemon) {
        *self.0.lock() = Some(Before {
            at: daemon.shared.now(),
            costs: costs(daemon),
        });
    }
}

/// What turns have cost in all, by kind.
fn costs(daemon: &Daemon) -> [Costs; TaskKind::ALL.len()] {
    let workers = &daemon.shared.process().activity;
    TaskKind::ALL.map(|kind| {
        let each = workers.iter().map(|worker| worker.costs(kind));
        each.fold(Costs::default(), Costs::and)
    })
}

/// What of the profile is shown.
#[derive(Debug, Clone, Copy)]
struct Shown {
    status: bool,
    tasks: bool,
    is_by_time: bool,
    lines: usize,
}

impl Shown {
    fn parse(words: &[String]) -> Option<Self> {
        let mut shown = Self {
            status: true,
            tasks: true,
            is_by_time: false,
            lines: usize::MAX,
        };
        for word in words {
            match word.as_str() {
                "all" => (shown.status, shown.tasks) = (true, true),
                "status" => (shown.status, shown.tasks) = (true, false),
                "tasks" => (shown.status, shown.tasks) = (false, true),
                "memory" => (shown.status, shown.tasks) = (false, false),
                "bytime" => shown.is_by_time = true,
                // There is one place and one caller of each kind.
                "aggr" | "byaddr" | "byctx" => {}
                word => shown.lines = word.parse().ok()?,
            }
        }
        Some(shown)
    }
}

fn show_profiling(call: &mut Call<'_>) {
    let Some(shown) = Shown::parse(call.args) else {
        return call.fail(
            "Expects either 'all', 'status', 'tasks', 'memory', 'byaddr', 'bytime', 'byctx', 'aggr' or a \
             max number of output lines.",
        );
    };
    let process = call.daemon.shared.process();
    if shown.status {
        let state = match process.profiling.get() {
            TaskProfiling::On => "on",
            TaskProfiling::Off => "off",
            TaskProfiling::Auto if process.activity.iter().any(Activity::is_profiled) => "auto-on",
            TaskProfiling::Auto => "auto-off",
        };
        let _ = writeln!(
            call.out,
            "Per-task CPU profiling              : {state:<14}# set profiling tasks {{on|auto|off}}\n\
             Memory usage profiling              : off           # set profiling memory {{on|off}}"
        );
    }
    if shown.tasks {
        costs_of_tasks(call, shown);
    }
}

fn costs_of_tasks(call: &mut Call<'_>, shown: Shown) {
    let profile = call.daemon.profile.0.lock();
    let (before, now) = (profile.as_ref(), call.daemon.shared.now());
    let all = costs(call.daemon);
    let since = match before {
        Some(before) => now.since(before.at),
        // Measured by itself, at some time since the start.
        None if all.iter().any(|costs| costs.turns > 0) => now.since(lbd_core::Time::ZERO),
        None => Duration::ZERO,
    };
    let _ = writeln!(
        call.out,
        "Tasks activity over {:.3} sec till 0.000 sec ago:\n  function                      calls   \
         cpu_tot   cpu_avg   lkw_avg   lkd_avg   mem_avg   lat_avg",
        since.as_secs_f64()
    );
    let mut rows: Vec<(TaskKind, Costs)> = TaskKind::ALL
        .into_iter()
        .zip(all)
        .map(|(kind, now)| {
            let old = before.map_or_else(Costs::default, |before| before.costs[kind as usize]);
            (kind, now.since(old))
        })
        .filter(|(_, costs)| costs.turns > 0)
        .collect();
    match shown.is_by_time {
        true => rows.sort_by_key(|(_, costs)| std::cmp::Reverse(costs.cpu)),
        false => rows.sort_by_key(|(_, costs)| std::cmp::Reverse(costs.turns)),
    }
    for (kind, costs) in rows.into_iter().take(shown.lines) {
        let per = |time: Duration, count: u64| {
            let nanos = time.as_nanos() / u128::from(count.max(1));
            cell(Duration::from_nanos(
                u64::try_from(nanos).unwrap_or(u64::MAX),
            ))
        };
        let _ = writeln!(
            call.out,
            "  {:<25}{:>10}{}{}      -         -         -   {}",
            kind.name(),
            costs.turns,
            cell(costs.cpu),
            per(costs.cpu, costs.turns),
            per(costs.waited, costs.timed),
        );
    }
}

/// A time in four digits and a unit, ten columns wide.
fn cell(time: Duration) -> String {
    let nanos = time.as_nanos();
    if nanos == 0 {
        return "      -   ".to_owned();
    }
    let units = [("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9)];
    let value = nanos as f64;
    let (unit, size) = units
        .into_iter()
        .rev()
        .find(|(_, size)| value >= *size)
        .unwrap_or(("ns", 1.0));
    let number = value / size;
    let digits = match number {
        number if number >= 1000.0 => 0,
        number if number >= 100.0 => 1,
        number if number >= 10.0 => 2,
        _ => 3,
    };
    format!("{:>10}", format!("{number:.digits$}{unit}"))
}

#[cfg(test)]
mod tests;

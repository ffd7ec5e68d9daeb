//! The figures, each measured the same way for both programs.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::proxy::Program;
use support::{Client, Proxy};

use super::load::{self, address, fire, fire_at};
use super::node::{self, Ports, Shape, THREE, Talk, backlog, pair, pair_at, start, until, used};
use crate::figures::{Bound, Figure, Row, latencies, row};
use crate::histogram::Histogram;
use crate::process::{cpu_nanos, resident_bytes};

pub(super) const ALL: &[Figure] = &[
    Figure {
        name: "lag",
        measure: lag,
    },
    Figure {
        name: "sustained",
        measure: sustained,
    },
    Figure {
        name: "learned",
        measure: |program| resync(program, true),
    },
    Figure {
        name: "local",
        measure: |program| resync(program, false),
    },
    Figure {
        name: "alone",
        measure: alone,
    },
    Figure {
        name: "memory",
        measure: memory,
    },
    Figure {
        name: "show",
        measure: show,
    },
    Figure {
        name: "tracked",
        measure: tracked,
    },
    Figure {
        name: "active",
        measure: active,
    },
    Figure {
        name: "kill",
        measure: kill,
    },
];

const PATIENCE: Duration = Duration::from_secs(30);

/// The end of a request to A until B shows its entry, nothing else going on.
fn lag(program: &Program) -> Vec<Row> {
    let (a, b) = pair(program, Shape::PAIR);
    let mut talk = Talk::new(&b);
    let mut client = Client::connect(a.address("front"));
    let mut seen = Histogram::new();
    for n in 0..400 {
        let key = address(n);
        client.request(&format!("GET / HTTP/1.1\r\nhost: x\r\nx-k: {key}\r\n\r\n"));
        let since = Instant::now();
        let command = format!("show table t1 key {key}");
        while !talk.ask(&command).contains("key=") {
            if since.elapsed() > PATIENCE {
                break;
            }
        }
        seen.record(since.elapsed());
        std::thread::sleep(Duration::from_millis(3));
    }
    vec![
        row("lag p50", "us", seen.quantile_us(0.5), Bound::AtMost(1.0)),
        row("lag p99", "us", seen.quantile_us(0.99), Bound::AtMost(1.0)),
    ]
}

/// Three entries for each request, as fast as they are answered.
fn sustained(program: &Program) -> Vec<Row> {
    let shape = Shape {
        rules: THREE,
        ..Shape::PAIR
    };
    let (a, b) = pair(program, shape);
    let (cpu_a, cpu_b) = (cpu_nanos(a.pid()), cpu_nanos(b.pid()));
    let requests = 150_000;
    let fired = std::thread::scope(|scope| {
        let halves = [0, 1].map(|half| {
            let a = &a;
            scope.spawn(move || fire(a, (0..requests).filter(move |n| n % 2 == half), 0))
        });
        halves.map(|half| half.join().map_or(0.0, |fired| fired.time.as_secs_f64()))
    });
    let time = fired[0].max(fired[1]);
    until(PATIENCE, || backlog(&a) == 0);
    let updates = f64::from(requests) * 3.0;
    let per = |nanos: u64| nanos as f64 / 1e9 / updates * 1e5;
    vec![
        row(
            "updates through requests",
            "1/s",
            updates / time,
            Bound::AtLeast(1.5),
        ),
        row(
            "CPU of the sender for 100 k updates, requests included",
            "s",
            per(cpu_nanos(a.pid()) - cpu_a),
            Bound::AtMost(0.5),
        ),
        row(
            "CPU of the receiver for 100 k updates",
            "s",
            per(cpu_nanos(b.pid()) - cpu_b),
            Bound::AtMost(0.5),
        ),
    ]
}

const MILLION: u32 = 1_000_000;

/// A node with a million entries, which it has learned or counted, teaches a fresh one.
fn resync(program: &Program, is_learned: bool) -> Vec<Row> {
    let ports = Ports::new();
    let shape = Shape {
        has_third: is_learned,
        ..Shape::PAIR
    };
    let a = start(program, "A", ports, shape);
    let held = fill(&a, ports, is_learned);
    std::thread::sleep(Duration::from_secs(6));
    // From its start on: who learns may answer nothing before it has learned all.
    let since = Instant::now();
    let b = start(program, "B", ports, shape);
    until(PATIENCE, || used(&b) >= u64::from(MILLION));
    let time = since.elapsed();
    std::thread::sleep(Duration::from_secs(1));
    let bytes = sent(a.pid(), ports);
    drop(held);
    let (time_name, bytes_name) = match is_learned {
        true => (
            "lesson of 1 M learned entries",
            "bytes of 1 M learned entries",
        ),
        false => ("lesson of 1 M own entries", "bytes of 1 M own entries"),
    };
    let bytes_bound = match is_learned {
        true => Bound::AtMost(1.0),
        false => Bound::Below(22.0),
    };
    vec![
        row(time_name, "s", time.as_secs_f64(), Bound::AtMost(1.0)),
        row(bytes_name, "MB", bytes / 1e6, bytes_bound),
    ]
}

fn fill(a: &Proxy, ports: Ports, is_learned: bool) -> Option<std::net::TcpStream> {
    if is_learned {
        let held = load::teach(ports.a, ("A", "X"), MILLION, 2);
        until(PATIENCE, || used(a) >= u64::from(MILLION));
        return held;
    }
    fire(a, 0..MILLION, 0);
    None
}

/// Bytes that a process has sent on connections of peers, as the kernel counts them.
fn sent(pid: u32, ports: Ports) -> f64 {
    let output = std::process::Command::new("ss").args(["-tinpH"]).output();
    let text = output.map_or_else(
        |_| String::new(),
        |output| String::from_utf8_lossy(&output.stdout).into_owned(),
    );
    let lines: Vec<_> = text.lines().collect();
    let mut most = 0.0_f64;
    for pair in lines.windows(2) {
        let is_ours = pair[0].contains(&format!("pid={pid},"))
            && [ports.a, ports.b]
                .iter()
                .any(|port| pair[0].contains(&format!("127.0.0.1:{port} ")));
        let bytes = pair[1].split("bytes_sent:").nth(1);
        let bytes = bytes.and_then(|rest| rest.split(' ').next()?.parse::<f64>().ok());
        if let Some(bytes) = bytes.filter(|_| is_ours) {
            most = most.max(bytes);
        }
    }
    most
}

/// Six types of values.
const SIX: &str = "gpc0,conn_rate(10s),sess_rate(10s),http_req_rate(10s),http_err_rate(10s),\
                   bytes_in_rate(10s)";

/// Resident memory for an entry of an address with one, three and six types, in a table that is not
/// shared.
fn alone(program: &Program) -> Vec<Row> {
    let shapes = [
        ("memory of an entry, 1 type", "gpc0"),
        ("memory of an entry, 3 types", node::STORE),
        ("memory of an entry, 6 types", SIX),
    ];
    let count = 200_000;
    let mut rows = Vec::new();
    for (name, store) in shapes {
        let shape = Shape {
            store,
            rules: "",
            has_peers: false,
            has_third: false,
        };
        let a = start(program, "A", Ports::new(), shape);
        let set = |numbers: std::ops::Range<u32>| {
            let line = |n| format!("set table t1 key {} data.gpc0 1", address(n));
            let lines: Vec<_> = numbers.map(line).collect();
            a.runtime(&lines.join(";"));
        };
        // Buffers of the runtime API are not the table's.
        (0..50).for_each(|n| set(n * 200..(n + 1) * 200));
        let before = (resident_bytes(a.pid()), used(&a));
        (50..count / 200).for_each(|n| set(n * 200..(n + 1) * 200));
        let grown = resident_bytes(a.pid()).saturating_sub(before.0);
        let entries = used(&a).saturating_sub(before.1);
        let value = grown as f64 / entries.max(1) as f64;
        rows.push(row(name, "B", value, Bound::AtMost(0.5)));
    }
    rows
}

/// The same of a table that a pair shares, so that each counter has parts of two nodes.
fn memory(program: &Program) -> Vec<Row> {
    let shapes = [
        ("memory of an entry of a pair, 1 type", "gpc0", 0),
        ("memory of an entry of a pair, 3 types", node::STORE, 2),
        ("memory of an entry of a pair, 6 types", SIX, 5),
    ];
    let count = 400_000;
    let mut rows = Vec::new();
    for (name, store, rates) in shapes {
        let ports = Ports::new();
        let shape = Shape {
            store,
            rules: "",
            has_peers: true,
            has_third: false,
        };
        let a = start(program, "A", ports, shape);
        std::thread::sleep(Duration::from_millis(300));
        let before = resident_bytes(a.pid());
        let held = load::teach(ports.a, ("A", "B"), count, rates);
        until(PATIENCE, || used(&a) >= u64::from(count));
        let grown = resident_bytes(a.pid()).saturating_sub(before);
        drop(held);
        rows.push(row(
            name,
            "B",
            grown as f64 / f64::from(count),
            Bound::AtMost(0.8),
        ));
    }
    rows
}

/// `show table` of a million entries, and what requests that track nothing notice of it.
fn show(program: &Program) -> Vec<Row> {
    let ports = Ports::new();
    let shape = Shape {
        has_third: true,
        ..Shape::PAIR
    };
    let a = start(program, "A", ports, shape);
    let held = fill(&a, ports, true);
    let (quiet, ()) = latencies(&a, Duration::from_secs(1), || ());
    let (busy, time) = latencies(&a, Duration::ZERO, || {
        let since = Instant::now();
        let mut stream = a.runtime_stream();
        // A reply that does not come shows as no time.
        if stream.write_all(b"show table t1\n").is_err() {
            return Duration::ZERO;
        }
        let mut bytes = vec![0; 1 << 20];
        while matches!(stream.read(&mut bytes), Ok(1..)) {}
        since.elapsed()
    });
    drop(held);
    vec![
        row(
            "show table of 1 M entries",
            "s",
            time.as_secs_f64(),
            Bound::AtMost(1.0),
        ),
        row(
            "p99 of requests meanwhile",
            "us",
            busy.quantile_us(0.99),
            Bound::AtMost(1.0),
        ),
        row(
            "p99 of requests before",
            "us",
            quiet.quantile_us(0.99),
            Bound::AtMost(1.5),
        ),
    ]
}

/// What three tracked counters add to a small request.
///
/// One process answers short rows with and without them in turn, so that what a busy machine adds is
/// added to both; the middle one of the differences counts.
fn tracked(program: &Program) -> Vec<Row> {
    let shape = Shape {
        rules: THREE,
        has_peers: false,
        ..Shape::PAIR
    };
    let a = start(program, "A", Ports::new(), shape);
    let cost = |listener: &str| {
        let before = cpu_nanos(a.pid());
        let fired = fire_at(&a, listener, (0..TURN).map(|n| n % 1000), 0);
        (cpu_nanos(a.pid()) - before) as f64 / fired.answered.max(1) as f64 / 1000.0
    };
    cost("front");
    let turns: Vec<_> = (0..TURNS).map(|_| (cost("plain"), cost("front"))).collect();
    vec![
        row(
            "a small request",
            "us of CPU",
            middle(turns.iter().map(|turn| turn.0)),
            Bound::AtMost(1.0),
        ),
        row(
            "three counters more",
            "us of CPU",
            middle(turns.iter().map(|turn| turn.1 - turn.0)),
            Bound::AtMost(1.0),
        ),
    ]
}

/// Requests of a turn of [`tracked`], and its turns.
const TURN: u32 = 10_000;
const TURNS: usize = 31;

fn middle(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Increments lost when both nodes count one key, 200 times a second each.
fn active(program: &Program) -> Vec<Row> {
    let (a, b) = pair(program, Shape::PAIR);
    let count = 1000;
    let answered: u64 = std::thread::scope(|scope| {
        let both =
            [&a, &b].map(|proxy| scope.spawn(move || fire(proxy, (0..count).map(|_| 7), 200)));
        both.map(|one| one.join().map_or(0, |fired| fired.answered))
            .iter()
            .sum()
    });
    until(Duration::from_secs(2), || {
        node::sum(&a) == answered && node::sum(&b) == answered
    });
    let lost = |proxy: &Proxy| answered.saturating_sub(node::sum(proxy)) as f64 / answered as f64;
    vec![row(
        "increments of one key lost by two active nodes",
        "%",
        100.0 * lost(&a).max(lost(&b)),
        Bound::Exactly(0.0),
    )]
}

/// Answered updates that are not on B after A is killed at 20 k a second, over several runs. B lives on
/// and teaches the next A.
fn kill(program: &Program) -> Vec<Row> {
    let ports = Ports::new();
    let (mut a, b) = pair_at(program, Shape::PAIR, ports);
    let mut missing = 0;
    for run in 0..KILLS {
        if run > 0 {
            a = start(program, "A", ports, Shape::PAIR);
            until(PATIENCE, || used(&a) >= used(&b));
        }
        let first = run * KEYS_OF_RUN;
        let taught = used(&b);
        // A has learned all and pushes.
        fire(&a, first..first + 1, 0);
        until(PATIENCE, || used(&b) > taught);
        let before = used(&b);
        let answered = std::thread::scope(|scope| {
            let load = scope.spawn(|| fire(&a, first + 1..first + KEYS_OF_RUN, 20_000));
            // At another moment of a row in each run.
            std::thread::sleep(Duration::from_micros(300_000 + u64::from(run) * 337));
            a.signal(Signal::SIGKILL);
            load.join().map_or(0, |fired| fired.answered)
        });
        until(Duration::from_secs(2), || used(&b) >= before + answered);
        missing += (before + answered).saturating_sub(used(&b));
    }
    vec![row(
        "answered updates missing after kill -9",
        "in 30 runs",
        missing as f64,
        Bound::Exactly(0.0),
    )]
}

/// Runs of [`kill`].
const KILLS: u32 = 30;
/// Keys of a run, more than it comes to.
const KEYS_OF_RUN: u32 = 30_000;

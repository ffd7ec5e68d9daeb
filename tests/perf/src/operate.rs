//! The figures of operation: statistics of ten thousand servers, and another configuration of a
//! thousand backends, each with what traffic notices of it.
//!
//! `cargo run --release -p lbd-perf -- operate [figure,…] [--lbd PATH] [--record]`; without names all
//! figures. HAProxy's reload is the start of another process.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use support::proxy::Program;
use support::{Client, Proxy};

use crate::figures::{Bound, Figure, Row, Set, latencies, row};

pub(crate) const SET: Set = Set {
    word: "operate",
    title: "Operation of lbd beside HAProxy",
    record: concat!(env!("CARGO_MANIFEST_DIR"), "/operate.md"),
    figures: &[
        Figure {
            name: "show",
            measure: show,
        },
        Figure {
            name: "scrape",
            measure: scrape,
        },
        Figure {
            name: "reload",
            measure: reload,
        },
    ],
};

/// Lines that all configurations begin with, and what traffic asks.
const BEGIN: &str = "global
    stats socket <runtime> level admin
    stats timeout 1h
    nbthread 1
defaults
    mode http
    timeout client 60s
    timeout server 60s
    timeout connect 5s
    timeout http-keep-alive 60s
frontend plain
    bind <plain>
    http-request return status 200
frontend metrics
    bind <metrics>
    http-request use-service prometheus-exporter
";

/// Ten thousand servers that are not checked.
fn many_servers(program: &Program) -> Proxy {
    let text = format!("{BEGIN}backend app\n    server-template t 1-10000 127.0.0.1:1\n");
    start(program, text)
}

fn start(program: &Program, text: String) -> Proxy {
    Proxy::of(program.clone(), text)
        .listener("plain")
        .listener("metrics")
        .start()
}

/// The middle one of the times that something takes; some repetitions, since one is short.
fn middle(mut once: impl FnMut()) -> Duration {
    let mut times: Vec<_> = (0..TURNS)
        .map(|_| {
            let since = Instant::now();
            once();
            since.elapsed()
        })
        .collect();
    times.sort();
    times[TURNS / 2]
}

/// Reads to the end; how much came.
fn drain(mut stream: impl Read) -> usize {
    let mut bytes = vec![0; 1 << 20];
    let mut sum = 0;
    while let Ok(read @ 1..) = stream.read(&mut bytes) {
        sum += read;
    }
    sum
}

/// `show stat` of ten thousand servers.
fn show(program: &Program) -> Vec<Row> {
    let proxy = many_servers(program);
    let (quiet, ()) = latencies(&proxy, QUIET, || {});
    let (busy, time) = latencies(&proxy, QUIET, || {
        middle(|| {
            let mut stream = proxy.runtime_stream();
            // What does not come shows as no time, which the length tells.
            let asked = stream.write_all(b"show stat\n");
            assert!(asked.is_ok() && drain(stream) > 1_000_000);
        })
    });
    vec![
        row(
            "show stat of 10,000 servers",
            "ms",
            millis(time),
            Bound::AtMost(1.0),
        ),
        row(
            "p99 of requests during show stat",
            "us",
            busy.quantile_us(0.99),
            Bound::AtMost(1.0),
        ),
        row(
            "p99 of requests before show stat",
            "us",
            quiet.quantile_us(0.99),
            Bound::AtMost(1.5),
        ),
    ]
}

/// What Prometheus asks of them.
fn scrape(program: &Program) -> Vec<Row> {
    let proxy = many_servers(program);
    let (quiet, ()) = latencies(&proxy, QUIET, || {});
    let (busy, time) = latencies(&proxy, QUIET, || {
        middle(|| {
            let answer = Client::fetch(proxy.address("metrics"), "/metrics");
            assert!(answer.status == 200 && answer.body.len() > 1_000_000);
        })
    });
    vec![
        row(
            "scrape of 10,000 servers",
            "ms",
            millis(time),
            Bound::AtMost(1.0),
        ),
        row(
            "p99 of requests during a scrape",
            "us",
            busy.quantile_us(0.99),
            Bound::AtMost(1.0),
        ),
        row(
            "p99 of requests before a scrape",
            "us",
            quiet.quantile_us(0.99),
            Bound::AtMost(1.5),
        ),
    ]
}

/// A thousand backends with ten servers each, and a rule for each of them; `turn` is in it.
fn backends(turn: usize) -> String {
    let mut text =
        format!("{BEGIN}frontend web\n    bind <web>\n    http-request set-header x {turn}\n");
    for backend in 0..1000 {
        text.push_str(&format!(
            "    use_backend b{backend} if {{ path_beg /{backend}/ }}\n"
        ));
    }
    for backend in 0..1000 {
        text.push_str(&format!("backend b{backend}\n    balance roundrobin\n"));
        for server in 0..10 {
            text.push_str(&format!("    server s{server} 127.0.0.1:{}\n", 1 + server));
        }
    }
    text
}

/// Another configuration while requests go on: lbd's in its process, HAProxy's in another one.
fn reload(program: &Program) -> Vec<Row> {
    let begun = |turn: usize| {
        Proxy::of(program.clone(), backends(turn))
            .listener("plain")
            .listener("metrics")
            .listener("web")
            .start()
    };
    let proxy = begun(0);
    let (quiet, ()) = latencies(&proxy, QUIET, || {});
    let mut turn = 0;
    let (busy, time) = latencies(&proxy, QUIET, || {
        middle(|| {
            turn += 1;
            if *program == Program::Haproxy {
                drop(begun(turn));
                return;
            }
            proxy.rewrite(&backends(turn));
            let answer = proxy.runtime("reload");
            assert!(answer.contains("Success=1"), "{answer}");
        })
    });
    vec![
        row(
            "reload of 1,000 backends with 10 servers",
            "ms",
            millis(time),
            Bound::AtMost(1.0),
        ),
        row(
            "longest request meanwhile",
            "ms",
            busy.quantile_us(1.0) / 1000.0,
            Bound::Below(5.0),
        ),
        row(
            "longest request before",
            "ms",
            quiet.quantile_us(1.0) / 1000.0,
            Bound::Below(5.0),
        ),
    ]
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Repetitions of what is timed.
const TURNS: usize = 11;
/// How long requests are timed at least.
const QUIET: Duration = Duration::from_secs(3);

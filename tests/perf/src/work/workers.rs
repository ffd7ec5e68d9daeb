//! What a second worker brings.

use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use super::{Bench, cpu_per_request, rate};
use crate::config::{self, Options};
use crate::engine::{Engine, Load, Outcome, Pace};
use crate::histogram::Histogram;
use crate::process;
use crate::report::{Row, Side, median, summarize};

impl Bench {
    /// Requests per second with one worker over those with two; nothing is pinned.
    pub(super) fn two_workers(&self) -> io::Result<Row> {
        let connections = (100 / self.pace.divisor).max(2);
        let mut engines = [Engine::new()?, Engine::new()?];
        let addresses = [
            ("s1", engines[0].address().to_string()),
            ("s2", engines[1].address().to_string()),
        ];
        let all = process::cores();
        let mut sides = Vec::new();
        for (label, program) in [("haproxy", &self.haproxy), ("lbd", &self.lbd)] {
            for threads in [1, 2] {
                let options = Options {
                    threads,
                    has_second_server: true,
                    ..Options::default()
                };
                let text = config::text(options);
                sides.push(self.start(label, program, &all, &text, &addresses)?);
            }
        }
        let mut rates = vec![Vec::new(); sides.len()];
        let mut seen = vec![Vec::new(); sides.len()];
        for round in 0..=self.pace.rounds {
            for (index, side) in sides.iter().enumerate() {
                let outcome = twice(&mut engines, side.target(), connections, self.pace.round)?;
                // The first round warms up.
                if round > 0 {
                    rates[index].push(rate(&outcome));
                    seen[index].push(cpu_per_request(&outcome, side.resident()));
                }
            }
        }
        let side = |one: usize| {
            let growth = |(one, two): (&f64, &f64)| one / two;
            let figures: Vec<f64> = rates[one].iter().zip(&rates[one + 1]).map(growth).collect();
            let two = summarize(&seen[one + 1]);
            let low = figures.iter().copied().fold(f64::INFINITY, f64::min);
            let high = figures.iter().copied().fold(0.0, f64::max);
            Side {
                figure: median(figures),
                range: (low, high),
                ..two
            }
        };
        let (haproxy, lbd) = (side(0), side(2));
        let note = format!(
            "{} cores shared with the load; rates of one worker {:.0} / {:.0}",
            all.len(),
            median(rates[0].iter().copied()),
            median(rates[2].iter().copied())
        );
        let unit = "rps of 1 worker / of 2";
        Ok(Row {
            work: "twoworkers".into(),
            unit,
            haproxy,
            lbd,
            bound: 1.0,
            note,
        })
    }
}

/// Both engines at once, each with half of the connections.
fn twice(
    engines: &mut [Engine; 2],
    target: SocketAddr,
    connections: usize,
    duration: Duration,
) -> io::Result<Outcome> {
    let load = Load {
        target,
        path: "/",
        connections,
        duration,
        pace: Pace::Closed,
        tls: None,
    };
    let load = Load {
        connections: connections.div_ceil(2),
        ..load
    };
    let outcomes = thread::scope(|scope| {
        let running: Vec<_> = engines
            .iter_mut()
            .map(|engine| {
                let load = load.clone();
                scope.spawn(move || engine.run(&load, || 0, || {}))
            })
            .collect();
        let joined = running.into_iter().map(|thread| thread.join());
        joined
            .map(|result| result.unwrap_or_else(|_| Err(io::Error::other("a load thread failed"))))
            .collect::<io::Result<Vec<_>>>()
    })?;
    let none = Outcome {
        requests: 0,
        resumed: 0,
        answered: 0,
        errors: 0,
        elapsed: Duration::ZERO,
        latency: Histogram::new(),
        probed: 0,
    };
    Ok(outcomes.into_iter().fold(none, |mut sum, outcome| {
        sum.requests += outcome.requests;
        sum.answered += outcome.answered;
        sum.errors += outcome.errors;
        sum.elapsed = sum.elapsed.max(outcome.elapsed);
        sum.latency.add(&outcome.latency);
        sum
    }))
}

//! Figures that are measured the same way for both programs in one run, judged by their ratio, and
//! kept row by row in a document.
//!
//! It measures nothing.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use support::program;
use support::proxy::Program;
use support::{Client, Proxy};

use crate::histogram::Histogram;
use crate::machine::Machine;

/// What must hold.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    /// At most so much of HAProxy's.
    AtMost(f64),
    /// At least so many times HAProxy's.
    AtLeast(f64),
    /// Exactly this value, whatever HAProxy's.
    Exactly(f64),
    /// At most this value, whatever HAProxy's.
    Below(f64),
}

impl Bound {
    fn judge(self, value: f64, ratio: f64) -> (String, bool) {
        match self {
            // As exact as it is printed.
            Self::AtMost(most) => (format!("≤ {most:.2}"), ratio < most + 0.005 || value == 0.0),
            Self::AtLeast(least) => (format!("≥ {least:.2}"), ratio >= least),
            Self::Exactly(wanted) => (format!("= {wanted}"), (value - wanted).abs() < 1e-9),
            Self::Below(most) => (format!("≤ {most} absolute"), value < most + 0.05),
        }
    }
}

/// One figure of one program.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) value: f64,
    pub(crate) bound: Bound,
}

/// A row.
pub(crate) fn row(name: &'static str, unit: &'static str, value: f64, bound: Bound) -> Row {
    Row {
        name,
        unit,
        value,
        bound,
    }
}

/// A measurement that gives some rows.
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) measure: fn(&Program) -> Vec<Row>,
}

/// Figures that are kept in one document.
pub(crate) struct Set {
    /// The word of the command line.
    pub(crate) word: &'static str,
    /// Heading of the document.
    pub(crate) title: &'static str,
    /// Where results are kept.
    pub(crate) record: &'static str,
    pub(crate) figures: &'static [Figure],
}

impl Set {
    fn usage(&self) -> String {
        let word = self.word;
        format!("usage: lbd-perf {word} [FIGURE,…] [--lbd PATH] [--debug] [--record]\n")
    }

    /// Measures the figures that `words` name; without names all.
    pub(crate) fn run(&self, words: impl Iterator<Item = String>) -> ExitCode {
        let mut figures: Vec<&Figure> = Vec::new();
        let mut lbd: Option<PathBuf> = None;
        let (mut is_release, mut is_recorded) = (true, false);
        let mut words = words;
        while let Some(word) = words.next() {
            match word.as_str() {
                // Programs are started from another directory.
                "--lbd" => {
                    lbd = words
                        .next()
                        .and_then(|path| std::fs::canonicalize(path).ok())
                }
                "--debug" => is_release = false,
                "--record" => is_recorded = true,
                names => {
                    for name in names.split(',') {
                        let Some(figure) = self.figures.iter().find(|figure| figure.name == name)
                        else {
                            let known: Vec<_> =
                                self.figures.iter().map(|figure| figure.name).collect();
                            eprint!(
                                "unknown figure '{name}'; known: {}\n{}",
                                known.join(","),
                                self.usage()
                            );
                            return ExitCode::from(2);
                        };
                        figures.push(figure);
                    }
                }
            }
        }
        if figures.is_empty() {
            figures = self.figures.iter().collect();
        }
        let lbd = lbd.unwrap_or_else(|| program::build("lbd", "lbd", is_release));
        let machine = Machine::read(program::haproxy(), &lbd);
        println!("{HEAD}");
        let mut is_within = true;
        let mut lines = Vec::new();
        for figure in figures {
            let theirs = (figure.measure)(&Program::Haproxy);
            let ours = (figure.measure)(&Program::At(lbd.clone()));
            for (theirs, ours) in theirs.iter().zip(&ours) {
                let (line, is_met) = judged(theirs, ours, machine.date());
                println!("{line}");
                lines.push(line);
                is_within &= is_met;
            }
        }
        if is_recorded {
            let known = std::fs::read_to_string(self.record).unwrap_or_default();
            if let Err(why) = std::fs::write(self.record, self.recorded(&known, &machine, lines)) {
                eprintln!("{}: {why}", self.record);
                return ExitCode::FAILURE;
            }
        }
        match is_within {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        }
    }

    /// The document with new lines in the place of those of the same figures.
    fn recorded(&self, known: &str, machine: &Machine, new: Vec<String>) -> String {
        let figure = |line: &str| line.split('|').nth(1).unwrap_or("").trim().to_owned();
        let rows = known.lines().filter(|line| line.starts_with("| "));
        let mut lines: Vec<String> = rows.skip(1).map(str::to_owned).collect();
        for line in new {
            match lines.iter().position(|old| figure(old) == figure(&line)) {
                Some(at) => lines[at] = line,
                None => lines.push(line),
            }
        }
        format!(
            "# {}\n\nWritten by `cargo run --release -p lbd-perf -- {} --record`, figure by figure. Both \
                 programs did the\nsame in turn in one run. Compare ratios only: levels move between hours and \
                 machines.\n\n{machine}\n{HEAD}\n{}\n",
            self.title,
            self.word,
            lines.join("\n")
        )
    }
}

const HEAD: &str =
    "| figure | HAProxy | lbd | ratio | bound | | measured |\n|---|---|---|---|---|---|---|";

/// The line of a row; whether it is within its bound.
fn judged(theirs: &Row, ours: &Row, date: &str) -> (String, bool) {
    let ratio = ours.value / theirs.value;
    let (bound, is_within) = ours.bound.judge(ours.value, ratio);
    let shown = match ratio.is_finite() {
        true => format!("{ratio:.2}"),
        false => "-".to_owned(),
    };
    let line = format!(
        "| {}, {} | {} | {} | {shown} | {bound} | {} | {date} |",
        ours.name,
        ours.unit,
        number(theirs.value),
        number(ours.value),
        if is_within { "" } else { "**missed**" }
    );
    (line, is_within)
}

/// Times of requests for at least so long, and until `meanwhile` is done.
pub(crate) fn latencies<T>(
    proxy: &Proxy,
    at_least: Duration,
    meanwhile: impl FnOnce() -> T,
) -> (Histogram, T) {
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let is_done = &is_done;
        let client = scope.spawn(move || {
            let mut seen = Histogram::new();
            let mut client = Client::connect(proxy.address("plain"));
            let since = Instant::now();
            while !is_done.load(Relaxed) || since.elapsed() < at_least {
                let since = Instant::now();
                client.request("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
                seen.record(since.elapsed());
                std::thread::sleep(Duration::from_micros(500));
            }
            seen
        });
        let done = meanwhile();
        is_done.store(true, Relaxed);
        // A client that failed has seen nothing that counts.
        (client.join().unwrap_or_else(|_| Histogram::new()), done)
    })
}

fn number(value: f64) -> String {
    match value {
        v if v >= 1000.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.3}"),
    }
}

#[cfg(test)]
mod tests;

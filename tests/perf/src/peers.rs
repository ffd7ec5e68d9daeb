//! The figures of tables and peers: lag, throughput, lessons, memory, dumps, losses; HAProxy and lbd
//! in one run, each pair of two nodes of one program.
//!
//! `cargo run --release -p lbd-perf -- peers [figure,…] [--lbd PATH] [--record]`; without names all
//! figures. As the other rows they are ratios of one run on one machine. `--record` writes the rows
//! measured to `tests/perf/peers.md`, in the place of the same rows of earlier runs.

mod figures;
mod load;
mod node;

use std::path::PathBuf;
use std::process::ExitCode;

use support::program;
use support::proxy::Program;

use crate::machine::Machine;
use figures::{ALL, Figure, Row};

const USAGE: &str = "usage: lbd-perf peers [FIGURE,…] [--lbd PATH] [--debug] [--record]\n";

/// Where results are kept.
const RECORD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers.md");

/// Measures the figures that `words` name.
pub(crate) fn run(words: impl Iterator<Item = String>) -> ExitCode {
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
                    let Some(figure) = ALL.iter().find(|figure| figure.name == name) else {
                        let known: Vec<_> = ALL.iter().map(|figure| figure.name).collect();
                        eprint!(
                            "unknown figure '{name}'; known: {}\n{USAGE}",
                            known.join(",")
                        );
                        return ExitCode::from(2);
                    };
                    figures.push(figure);
                }
            }
        }
    }
    if figures.is_empty() {
        figures = ALL.iter().collect();
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
        let known = std::fs::read_to_string(RECORD).unwrap_or_default();
        if let Err(why) = std::fs::write(RECORD, recorded(&known, &machine, lines)) {
            eprintln!("{RECORD}: {why}");
            return ExitCode::FAILURE;
        }
    }
    match is_within {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
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

/// The document with new lines in the place of those of the same figures.
fn recorded(known: &str, machine: &Machine, new: Vec<String>) -> String {
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
        "# Tables and peers of lbd beside HAProxy\n\nWritten by `cargo run --release -p lbd-perf -- peers \
         --record`, figure by figure. Both programs did the\nsame in turn in one run. Compare ratios \
         only: levels move between hours and machines.\n\n{machine}\n{HEAD}\n{}\n",
        lines.join("\n")
    )
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

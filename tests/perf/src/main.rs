//! Measures lbd beside HAProxy: the same configuration, the same work, in turn, in one run.
//!
//! It is a program and no test: figures of a loaded machine decide nothing. Levels move between
//! hours, so only ratios of one run are compared, and a difference below 10 % is a tie.

mod args;
mod bulk;
mod config;
mod engine;
mod figures;
mod h2load;
mod histogram;
mod machine;
mod network;
mod operate;
mod peers;
mod process;
mod report;
mod secure;
mod work;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use args::Args;
use support::program;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1).peekable();
    for set in [peers::SET, operate::SET] {
        if words.next_if(|word| word == set.word).is_some() {
            return set.run(words);
        }
    }
    let args = match Args::parse(std::env::args().skip(1)) {
        Ok(Some(args)) => args,
        Ok(None) => {
            print!("{}", args::USAGE);
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("{message}\n{}", args::USAGE);
            return ExitCode::from(2);
        }
    };
    match measure(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::from(2)
        }
    }
}

/// True when every row is within its bound, or when nothing is to be judged.
fn measure(args: &Args) -> Result<bool, Box<dyn std::error::Error>> {
    let lbd = match &args.program {
        Some(path) => path.clone(),
        None => program::build("lbd", "lbd", !args.smoke),
    };
    let haproxy = args
        .haproxy
        .clone()
        .unwrap_or_else(|| program::haproxy().to_owned());
    let machine = machine::Machine::read(&haproxy, &lbd);
    println!("{machine}");
    let network = network::Network::isolate();
    if let Some(problem) = &network.problem {
        println!("note: {problem}");
    }
    process::raise_descriptor_limit()?;
    let bench = work::Bench {
        haproxy,
        lbd,
        certificates: secure::Certificates::new()?,
        pace: args.pace(),
        network,
    };
    let mut rows = Vec::new();
    for &work in &args.works {
        for row in bench.run(work)? {
            println!("{}", row.line(!args.smoke));
            rows.push(row);
        }
    }
    if args.smoke {
        println!("{} rows; figures of a smoke run mean nothing", rows.len());
    } else {
        println!("\n{}", report::table(&rows));
    }
    if args.record {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("results.md");
        fs::write(&path, report::document(&machine, &rows))?;
        println!("written: tests/perf/results.md");
    }
    let errors: u64 = rows.iter().map(report::Row::errors).sum();
    if errors > 0 {
        println!("{errors} requests failed");
    }
    if errors > 0 || !rows.iter().all(report::Row::is_measured) {
        return Ok(false);
    }
    Ok(args.smoke || rows.iter().all(report::Row::is_within_bound))
}

//! `lbd`: the balancer's daemon.
//!
//! It opens what the configuration names, starts the workers, and ends when it is told to. What
//! happens to traffic is `lbd-proxy`'s.

mod api;
mod args;
mod bind;
mod check;
mod demo;
mod failover;
mod host;
mod keywords;
mod log;
mod peers;
mod process;
mod report;
mod run;
mod start;
mod table;
mod version;

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    start::main(&words)
}

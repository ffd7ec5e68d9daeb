//! `lbd`: the balancer's daemon.
//!
//! It opens what the configuration names, starts the workers, and ends when it is told to. What
//! happens to traffic is `lbd-proxy`'s.

mod api;
mod args;
mod bind;
mod boot;
mod check;
mod cpus;
mod demo;
mod descriptors;
mod failover;
mod handover;
mod host;
mod keywords;
mod log;
mod master;
mod objects;
mod ocsp;
mod peers;
mod process;
mod prometheus;
mod pulse;
mod rates;
mod report;
mod run;
mod snapshot;
mod start;
mod stats;
mod stats_file;
mod table;
mod threads;
mod version;

use std::process::ExitCode;

/// A task of the runtime and its readiness are aligned to 128 bytes, for which the C library's
/// allocator wastes as much again; an idle connection holds two such blocks.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    start::main(&words)
}

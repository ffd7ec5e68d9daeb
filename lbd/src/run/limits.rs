//! Limits of the process: workers, connections, descriptors, pipes, memory; and where workers run.
//!
//! Computed once, before anything is bound.

use std::collections::{BTreeMap, BTreeSet};

use lbd_config::config::Config;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

use crate::args::Args;
use crate::process;
use crate::report;

/// Limits in force.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Connections of clients.
    pub(crate) maxconn: u32,
    /// Descriptors.
    pub(crate) descriptors: u64,
    /// Pipes for splicing, of all workers together.
    pub(crate) pipes: u32,
    /// Memory in MB; 0 for none.
    pub(crate) memory_mb: u64,
}

/// Descriptors for what is neither a client nor a server: logs, runtime API, epoll, timers.
const RESERVED: u64 = 64;
/// Accept queue when nothing says more.
const DEFAULT_BACKLOG: u32 = 1024;
/// Health checks that may always run at once.
const MIN_CHECKS: usize = 64;
/// Most workers.
const MAX_WORKERS: usize = 1024;

impl Limits {
    /// Computes the limits and raises the system's where it can.
    ///
    /// # Errors
    ///
    /// A sentence, with `strict-limits` when the configured limits cannot be had.
    pub(crate) fn apply(config: &Config, args: &Args, workers: usize) -> Result<Self, String> {
        let global = &config.global;
        let fixed = fixed_descriptors(config, workers);
        let (soft, hard) = process::descriptor_limits();
        let ceiling = global.fd_hard_limit.map_or(hard, |limit| limit.min(hard));
        let asked = args.maxconn.or(global.maxconn);
        let maxconn = match asked {
            Some(asked) => asked,
            None => {
                // As in the reference a lower `ulimit-n` takes nothing away.
                let free = global
                    .ulimit_n
                    .map_or(ceiling, |limit| limit.max(ceiling))
                    .min(MAX_DERIVED)
                    .saturating_sub(fixed);
                let memory = args.memory_mb.map_or(u64::MAX, |megabytes| {
                    let bytes = megabytes.saturating_mul(1024 * 1024);
                    bytes / (2 * global.tune.bufsize as u64 + CONNECTION_BYTES)
                });
                let derived = u32::try_from((free / 2).min(memory));
                let derived = derived.unwrap_or(u32::MAX).max(1);
                report::notice(&format!(
                    "Automatically setting global.maxconn to {derived}."
                ));
                derived
            }
        };
        let wanted = global
            .ulimit_n
            .unwrap_or_else(|| fixed + 2 * u64::from(maxconn));
        let reached = process::raise_descriptors(wanted.max(soft.min(ceiling)));
        if reached < wanted {
            let text =
                format!("[lbd.main()] Cannot raise FD limit to {wanted}, limit is {reached}.");
            if global.strict_limits {
                return Err(text);
            }
            report::warning(&text);
        }
        if let Some(memory) = args.memory_mb {
            process::limit_memory(memory).map_err(|error| {
                format!("[lbd.main()] Cannot limit memory to {memory} MB: {error}.")
            })?;
        }
        Ok(Self {
            maxconn,
            descriptors: reached,
            pipes: global
                .maxpipes
                .unwrap_or_else(|| (maxconn / 4).max(lbd_core::bits::count32(workers))),
            memory_mb: args.memory_mb.unwrap_or(0),
        })
    }

    /// Health checks that may run at once: half of what is kept free of clients.
    pub(crate) fn checks(&self) -> usize {
        let free = self.descriptors.saturating_sub(2 * u64::from(self.maxconn));
        usize::try_from(free / 2)
            .unwrap_or(usize::MAX)
            .max(MIN_CHECKS)
    }

    /// Length of an accept queue.
    pub(crate) fn backlog(&self, wanted: Option<u32>) -> u32 {
        wanted.unwrap_or_else(|| self.maxconn.max(DEFAULT_BACKLOG))
    }
}

/// Largest number of descriptors from which connections are derived, so that a system without a
/// limit does not give a meaningless number.
const MAX_DERIVED: u64 = 1 << 20;

/// Bytes of a connection besides its two buffers, generously, for the number of connections that
/// `-m` leaves room for.
const CONNECTION_BYTES: u64 = 4096;

fn fixed_descriptors(config: &Config, workers: usize) -> u64 {
    let listeners = config.listeners.len() as u64 * workers as u64;
    let servers: usize = config
        .proxies
        .iter()
        .map(|proxy| proxy.backend.servers.len())
        .sum();
    let checked = config
        .proxies
        .iter()
        .flat_map(|proxy| &proxy.backend.servers);
    let checks = checked
        .filter(|server| server.check.is_some())
        .count()
        .min(servers);
    let stats = u64::from(config.global.stats_maxconn) + config.global.stats_sockets.len() as u64;
    RESERVED + listeners + checks as u64 + stats + 4 * workers as u64
}

/// Number of workers: `nbthread`, else one for each usable CPU.
pub(crate) fn workers(config: &Config) -> usize {
    let configured = config.global.threads.map(usize::from);
    configured
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
        .clamp(1, MAX_WORKERS)
}

/// Binds the calling thread to CPUs (`cpu-map`).
pub(crate) fn pin(cpus: &[u16]) {
    let mut set = CpuSet::new();
    let is_usable = cpus.iter().all(|cpu| set.set(usize::from(*cpu)).is_ok());
    if !is_usable || sched_setaffinity(Pid::from_raw(0), &set).is_err() {
        report::warning("a worker cannot run on the CPUs that its 'cpu-map' names");
    }
}

/// Seconds east of UTC at this moment.
pub(crate) fn utc_offset() -> i32 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    lbd_proxy::clock::utc_offset(since.unwrap_or_default().as_secs())
}

/// What to tell of an `nbthread` that gives several workers one CPU: those of `cpu-map` for the
/// workers that it binds, else those that this process may use.
pub(crate) fn crowding(config: &Config) -> Option<String> {
    let usable = std::thread::available_parallelism().map_or(1, usize::from);
    crowded(config.global.threads?, &config.global.cpu_map, usable)
}

fn crowded(threads: u16, map: &BTreeMap<u16, Vec<u16>>, usable: usize) -> Option<String> {
    let own = map.range(1..=threads).map(|(_, cpus)| cpus);
    let own: Vec<_> = own.filter(|cpus| !cpus.is_empty()).collect();
    let (bound, cpus) = if own.is_empty() {
        (usize::from(threads), usable)
    } else {
        let cpus: BTreeSet<_> = own.iter().copied().flatten().collect();
        (own.len(), cpus.len())
    };
    (bound > cpus).then(|| {
        format!(
            "This configuration binds {bound} threads to a total of {cpus} CPUs via cpu-map \
             directives. This means that some threads will compete for the same CPU, which will \
             cause severe performance degradation. Please fix either the 'cpu-map' directives or \
             set the global 'nbthread' value accordingly."
        )
    })
}

#[cfg(test)]
mod tests;

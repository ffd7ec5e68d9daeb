//! The keys of `show info`, in the reference's order; JSON and typed output read the same table.
//!
//! It formats nothing.

use std::sync::atomic::Ordering::Relaxed;

use lbd_proxy::metric::Field::{self, Empty, Str, U32, U64};

use crate::run::Daemon;

/// A key.
pub(super) struct Key {
    /// Name.
    pub(super) name: &'static str,
    /// Origin, nature, scope, persistence.
    pub(super) tags: &'static str,
    /// What it means, for `desc`.
    pub(super) describe: &'static str,
    /// Its value.
    pub(super) read: fn(&Daemon) -> Field,
}

const fn key(
    name: &'static str,
    tags: &'static str,
    describe: &'static str,
    read: fn(&Daemon) -> Field,
) -> Key {
    Key {
        name,
        tags,
        describe,
        read,
    }
}

fn narrow(number: u64) -> Field {
    U32(u32::try_from(number).unwrap_or(u32::MAX))
}

fn uptime(daemon: &Daemon) -> u64 {
    daemon.shared.now().as_millis() / 1000
}

fn uptime_text(daemon: &Daemon) -> Field {
    let seconds = uptime(daemon);
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    Str(format!(
        "{days}d {hours}h{:02}m{:02}s",
        seconds / 60 % 60,
        seconds % 60
    ))
}

fn tls(d: &Daemon) -> &lbd_proxy::state::tls::TlsState {
    &d.shared.process().tls
}

fn limits(daemon: &Daemon) -> &lbd_proxy::state::RateLimits {
    &daemon.shared.process().rate_limits
}

fn totals(daemon: &Daemon) -> lbd_proxy::state::Totals {
    daemon.shared.process().counters.totals(daemon.shared.now())
}

fn max_rates(daemon: &Daemon) -> [u32; 3] {
    daemon.shared.process().counters.max_rates()
}

/// What lbd does not have (yet): always zero.
fn zero(_: &Daemon) -> Field {
    U32(0)
}

/// All keys; the position is the index.
pub(super) const KEYS: &[Key] = &[
    key("Name", "POSV", "Product whose interface this is", |_| {
        Str("HAProxy".to_owned())
    }),
    key("Version", "POSV", "Version whose interface this is", |_| {
        Str(lbd_config::HAPROXY_VERSION.to_owned())
    }),
    key("Release_date", "POSV", "Date of that version", |_| {
        Str("2026/06/03".to_owned())
    }),
    key("Nbthread", "CGSV", "Worker threads", |d| {
        narrow(d.shared.setup().workers as u64)
    }),
    key("Nbproc", "CGSV", "Processes", |_| U32(1)),
    key("Process_num", "KGPV", "Number of this process", |_| U32(1)),
    key("Pid", "SGPV", "Process id", |_| U32(std::process::id())),
    key("Uptime", "MDPV", "Time since the start", uptime_text),
    key("Uptime_sec", "MDPV", "Seconds since the start", |d| {
        narrow(uptime(d))
    }),
    key(
        "Memmax_MB",
        "CLPV",
        "Limit of memory in MB, 0 for none",
        |d| narrow(d.limits.memory_mb),
    ),
    key("PoolAlloc_MB", "MGPV", "Memory held in MB", |_| {
        narrow(memory() >> 20)
    }),
    key("PoolUsed_MB", "MGPV", "Memory used in MB", |_| {
        narrow(memory() >> 20)
    }),
    key("PoolFailed", "MCPV", "Failed allocations", zero),
    key("Ulimit-n", "CLPV", "Limit of descriptors", |d| {
        narrow(d.limits.descriptors)
    }),
    key("Maxsock", "CLPV", "Most sockets", |d| {
        narrow(d.limits.descriptors)
    }),
    key("Maxconn", "CLPV", "Limit of connections", |d| {
        U32(d.shared.maxconn())
    }),
    key(
        "Hard_maxconn",
        "CLPV",
        "Limit of connections at the start",
        |d| U32(d.limits.maxconn),
    ),
    key("CurrConns", "MGPV", "Connections now", |d| {
        U32(d.shared.process().connections.get())
    }),
    key("CumConns", "MCPV", "Connections in all", |d| {
        narrow(totals(d).connections)
    }),
    key("CumReq", "MCPV", "Requests in all", |d| {
        narrow(totals(d).requests)
    }),
    key("MaxSslConns", "MMPV", "Limit of TLS connections", |d| {
        U32(d.config().global.ssl.maxsslconn)
    }),
    key("CurrSslConns", "MGPV", "TLS connections now", |d| {
        U32(tls(d).connections.get())
    }),
    key("CumSslConns", "MCPV", "TLS connections in all", |d| {
        narrow(tls(d).total.load(Relaxed))
    }),
    key("Maxpipes", "CLPV", "Limit of pipes", |d| {
        narrow(d.shared.setup().max_pipes as u64)
    }),
    key("PipesUsed", "MGPV", "Pipes in use", zero),
    key("PipesFree", "MGPV", "Pipes kept", zero),
    key("ConnRate", "MRPV", "Connections in the last second", |d| {
        U32(totals(d).connection_rate)
    }),
    key(
        "ConnRateLimit",
        "CLPV",
        "Limit of connections per second",
        |d| U32(limits(d).connections.get(d.config().global.maxconnrate)),
    ),
    key("MaxConnRate", "MMPV", "Most connections in a second", |d| {
        U32(max_rates(d)[1])
    }),
    key("SessRate", "MRPV", "Sessions in the last second", |d| {
        U32(totals(d).session_rate)
    }),
    key(
        "SessRateLimit",
        "CLPV",
        "Limit of sessions per second",
        |d| U32(limits(d).sessions.get(d.config().global.maxsessrate)),
    ),
    key("MaxSessRate", "MRPV", "Most sessions in a second", |d| {
        U32(max_rates(d)[0])
    }),
    key(
        "SslRate",
        "MRPV",
        "TLS connections in the last second",
        |d| U32(tls(d).rate.read(d.shared.now())),
    ),
    key(
        "SslRateLimit",
        "CLPV",
        "Limit of TLS connections per second",
        |d| U32(limits(d).tls.get(d.config().global.ssl.maxsslrate)),
    ),
    key(
        "MaxSslRate",
        "MMPV",
        "Most TLS connections in a second",
        |d| U32(tls(d).max_rate.load(Relaxed)),
    ),
    key(
        "SslFrontendKeyRate",
        "MGPV",
        "Keys made for clients in the last second",
        |d| U32(tls(d).client_keys.read(d.shared.now())),
    ),
    key(
        "SslFrontendMaxKeyRate",
        "MMPV",
        "Most of them in a second",
        |d| U32(tls(d).max_client_keys.load(Relaxed)),
    ),
    key(
        "SslFrontendSessionReuse_pct",
        "MGPV",
        "Percent of resumed TLS sessions",
        |d| U32(tls(d).reuse_percent()),
    ),
    key(
        "SslBackendKeyRate",
        "MRPV",
        "Keys made for servers in the last second",
        |d| U32(tls(d).server_keys.read(d.shared.now())),
    ),
    key(
        "SslBackendMaxKeyRate",
        "MMPV",
        "Most of them in a second",
        |d| U32(tls(d).max_server_keys.load(Relaxed)),
    ),
    key("SslCacheLookups", "MCPV", "Look-ups of TLS sessions", zero),
    key("SslCacheMisses", "MCPV", "Misses of TLS sessions", zero),
    key(
        "CompressBpsIn",
        "MRPV",
        "Bytes given to compression per second",
        zero,
    ),
    key(
        "CompressBpsOut",
        "MRPV",
        "Bytes that compression gave per second",
        zero,
    ),
    key("CompressBpsRateLim", "CLPV", "Limit of them", zero),
    key("ZlibMemUsage", "MGPV", "Memory of compression", zero),
    key("MaxZlibMemUsage", "CLPV", "Limit of it", zero),
    key("Tasks", "MGPV", "Connections and jobs", |d| {
        U32(d.shared.process().connections.get())
    }),
    key("Run_queue", "MGPV", "Tasks that wait to run", zero),
    key(
        "Idle_pct",
        "MaPV",
        "Percent of idle time of the busiest worker",
        |_| U32(100),
    ),
    key("node", "COSV", "Name of this node", |d| {
        Str(d.config().global.node.clone())
    }),
    key("description", "COSV", "Description of this node", |d| {
        d.config().global.description.clone().map_or(Empty, Str)
    }),
    key("Stopping", "MGPV", "1 while the process stops", |d| {
        U32(u32::from(d.shared.process().is_stopping()))
    }),
    key("Jobs", "MGPV", "What keeps the process running", |d| {
        narrow(u64::from(d.shared.process().connections.get()) + listeners(d))
    }),
    key(
        "Unstoppable Jobs",
        "MGPV",
        "What a soft stop does not wait for",
        zero,
    ),
    key("Listeners", "MGPV", "Listening sockets", |d| {
        narrow(listeners(d))
    }),
    key("ActivePeers", "MGPV", "Peers in use", zero),
    key("ConnectedPeers", "MGPV", "Peers connected", zero),
    key("DroppedLogs", "MGPV", "Log lines lost", |d| {
        narrow(d.dropped.count())
    }),
    key("BusyPolling", "MGPV", "1 when workers never sleep", zero),
    key(
        "FailedResolutions",
        "MGPV",
        "Failed look-ups of names",
        zero,
    ),
    key("TotalBytesOut", "MGPV", "Bytes sent in all", |d| {
        U64(totals(d).bytes_out)
    }),
    key(
        "TotalSplicedBytesOut",
        "MGPV",
        "Bytes spliced in all",
        |d| U64(totals(d).spliced_in + totals(d).spliced_out),
    ),
    key(
        "BytesOutRate",
        "MRPV",
        "Bytes sent in the last second",
        |_| U64(0),
    ),
    key("DebugCommandsIssued", "MGPV", "Debug commands used", zero),
    key("CumRecvLogs", "MCPV", "Log lines received", zero),
    key("Build info", "POSV", "What this program is", |_| {
        Str(format!("lbd {}", env!("CARGO_PKG_VERSION")))
    }),
    key("Memmax_bytes", "CLPV", "Limit of memory, 0 for none", |d| {
        narrow(d.limits.memory_mb << 20)
    }),
    key("PoolAlloc_bytes", "MGPV", "Memory held", |_| U64(memory())),
    key("PoolUsed_bytes", "MGPV", "Memory used", |_| U64(memory())),
    key("Start_time_sec", "MDPV", "Unix time of the start", |d| {
        narrow(d.shared.started_wall().secs())
    }),
    key(
        "Tainted",
        "SGPV",
        "Whether anything dangerous was used",
        |_| Str("0".to_owned()),
    ),
    key(
        "TotalWarnings",
        "MCPV",
        "Warnings of the configuration",
        |d| U32(d.warnings),
    ),
    key(
        "MaxconnReached",
        "MCPV",
        "Times that the limit of connections was reached",
        |d| {
            let process = d.shared.process();
            // A shortage of descriptors limits connections as well.
            narrow(process.maxconn_reached.load(Relaxed) + process.accept_failures.load(Relaxed))
        },
    ),
    key("BootTime_ms", "MDPV", "Milliseconds to start", |d| {
        narrow(d.boot_ms)
    }),
    key(
        "Niced_tasks",
        "MGPV",
        "Tasks with a priority of their own",
        zero,
    ),
    key("CurrStreams", "MGPV", "Streams now", |d| {
        U64(u64::from(d.shared.process().connections.get()))
    }),
    key("CumStreams", "MGPV", "Streams in all", |d| {
        U64(totals(d).sessions)
    }),
    key(
        "BlockedTrafficWarnings",
        "MGPV",
        "Times that a worker was stuck",
        zero,
    ),
    key("PatternsAdded", "MGPV", "Patterns added", |_| U64(0)),
    key("PatternsFreed", "MGPV", "Patterns removed", |_| U64(0)),
    key("NbThreadGroups", "CGSV", "Groups of threads", |_| U32(1)),
];

/// The value of a key of `show info`; `Empty` of one that is not there.
pub(crate) fn info_field(daemon: &Daemon, name: &str) -> Field {
    let key = KEYS.iter().find(|key| key.name == name);
    key.map_or(Empty, |key| (key.read)(daemon))
}

/// What a key of `show info` means.
pub(crate) fn info_text(name: &str) -> &'static str {
    let key = KEYS.iter().find(|key| key.name == name);
    key.map_or("", |key| key.describe)
}

fn listeners(daemon: &Daemon) -> u64 {
    daemon.config().listeners.len() as u64
}

/// Resident memory of this process in bytes; 0 where the system does not say.
fn memory() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm
        .split_whitespace()
        .nth(1)
        .and_then(|word| word.parse::<u64>().ok());
    pages.unwrap_or(0) * 4096
}

//! The metrics of the process: which value of `show info` each one is, in the reference's order.
//!
//! It reads no value: those are of [`crate::api::info`].

use lbd_proxy::metric::exposed::Kind;

/// A metric of the process.
#[derive(Debug)]
pub(super) struct ProcessMetric {
    /// Name without `haproxy_process_`.
    pub(super) name: &'static str,
    /// The key of `show info`.
    pub(super) key: &'static str,
    /// Gauge or counter: the reference calls some otherwise than their names do.
    pub(super) kind: Kind,
    /// The label that holds the value, which is a text then.
    pub(super) label: Option<&'static str>,
}

const fn gauge(name: &'static str, key: &'static str) -> ProcessMetric {
    ProcessMetric {
        name,
        key,
        kind: Kind::Gauge,
        label: None,
    }
}

const fn counter(name: &'static str, key: &'static str) -> ProcessMetric {
    ProcessMetric {
        kind: Kind::Counter,
        ..gauge(name, key)
    }
}

const fn text(name: &'static str, key: &'static str, label: &'static str) -> ProcessMetric {
    ProcessMetric {
        label: Some(label),
        ..gauge(name, key)
    }
}

/// All of them.
pub(super) const PROCESS: &[ProcessMetric] = &[
    gauge("nbthread", "Nbthread"),
    gauge("nbproc", "Nbproc"),
    gauge("relative_process_id", "Process_num"),
    gauge("uptime_seconds", "Uptime_sec"),
    counter("pool_failures_total", "PoolFailed"),
    gauge("max_fds", "Ulimit-n"),
    gauge("max_sockets", "Maxsock"),
    gauge("max_connections", "Maxconn"),
    gauge("hard_max_connections", "Hard_maxconn"),
    gauge("current_connections", "CurrConns"),
    counter("connections_total", "CumConns"),
    counter("requests_total", "CumReq"),
    gauge("max_ssl_connections", "MaxSslConns"),
    gauge("current_ssl_connections", "CurrSslConns"),
    counter("ssl_connections_total", "CumSslConns"),
    gauge("max_pipes", "Maxpipes"),
    counter("pipes_used_total", "PipesUsed"),
    counter("pipes_free_total", "PipesFree"),
    gauge("current_connection_rate", "ConnRate"),
    gauge("limit_connection_rate", "ConnRateLimit"),
    gauge("max_connection_rate", "MaxConnRate"),
    gauge("current_session_rate", "SessRate"),
    gauge("limit_session_rate", "SessRateLimit"),
    gauge("max_session_rate", "MaxSessRate"),
    gauge("current_ssl_rate", "SslRate"),
    gauge("limit_ssl_rate", "SslRateLimit"),
    gauge("max_ssl_rate", "MaxSslRate"),
    gauge("current_frontend_ssl_key_rate", "SslFrontendKeyRate"),
    gauge("max_frontend_ssl_key_rate", "SslFrontendMaxKeyRate"),
    gauge("frontend_ssl_reuse", "SslFrontendSessionReuse_pct"),
    gauge("current_backend_ssl_key_rate", "SslBackendKeyRate"),
    gauge("max_backend_ssl_key_rate", "SslBackendMaxKeyRate"),
    counter("ssl_cache_lookups_total", "SslCacheLookups"),
    counter("ssl_cache_misses_total", "SslCacheMisses"),
    counter("http_comp_bytes_in_total", "CompressBpsIn"),
    counter("http_comp_bytes_out_total", "CompressBpsOut"),
    gauge("limit_http_comp", "CompressBpsRateLim"),
    gauge("current_zlib_memory", "ZlibMemUsage"),
    gauge("max_zlib_memory", "MaxZlibMemUsage"),
    gauge("current_tasks", "Tasks"),
    gauge("current_run_queue", "Run_queue"),
    gauge("idle_time_percent", "Idle_pct"),
    text("node", "node", "node"),
    text("description", "description", "desc"),
    gauge("stopping", "Stopping"),
    gauge("jobs", "Jobs"),
    gauge("unstoppable_jobs", "Unstoppable Jobs"),
    gauge("listeners", "Listeners"),
    gauge("active_peers", "ActivePeers"),
    gauge("connected_peers", "ConnectedPeers"),
    counter("dropped_logs_total", "DroppedLogs"),
    gauge("busy_polling_enabled", "BusyPolling"),
    counter("failed_resolutions", "FailedResolutions"),
    counter("bytes_out_total", "TotalBytesOut"),
    counter("spliced_bytes_out_total", "TotalSplicedBytesOut"),
    gauge("bytes_out_rate", "BytesOutRate"),
    counter("recv_logs_total", "CumRecvLogs"),
    text("build_info", "Version", "version"),
    gauge("max_memory_bytes", "Memmax_bytes"),
    gauge("pool_allocated_bytes", "PoolAlloc_bytes"),
    gauge("pool_used_bytes", "PoolUsed_bytes"),
    gauge("start_time_seconds", "Start_time_sec"),
    counter("total_warnings", "TotalWarnings"),
    gauge("patterns_added_total", "PatternsAdded"),
    gauge("patterns_freed_total", "PatternsFreed"),
    gauge("nb_thread_groups", "NbThreadGroups"),
];

//! The lists of keywords that are refused.
//!
//! What they say is in [`super`].

use super::{Missing, Unsupported};

const fn entry(name: &'static str, args: u8, missing: Missing) -> Unsupported {
    Unsupported {
        name,
        args,
        missing,
    }
}

/// Keywords of `global`, sorted.
pub const GLOBAL: &[Unsupported] = &[
    entry("acme.scheduler", 0, Missing::Acme),
    entry("cpu-set", 0, Missing::CpuSets),
    entry("dns-accept-family", 0, Missing::Resolvers),
    entry("force-cfg-parser-pause", 0, Missing::Debugging),
    entry("h1-accept-payload-with-any-method", 0, Missing::LaxHttp),
    entry(
        "h1-do-not-close-on-insecure-transfer-encoding",
        0,
        Missing::LaxHttp,
    ),
    entry("harden.reject-privileged-ports.quic", 0, Missing::Quic),
    entry(
        "harden.reject-privileged-ports.tcp",
        0,
        Missing::PortHardening,
    ),
    entry("httpclient.resolvers.disabled", 0, Missing::HttpClient),
    entry("httpclient.resolvers.id", 0, Missing::HttpClient),
    entry("httpclient.resolvers.prefer", 0, Missing::HttpClient),
    entry("httpclient.retries", 0, Missing::HttpClient),
    entry("httpclient.ssl.ca-file", 0, Missing::HttpClient),
    entry("httpclient.ssl.verify", 0, Missing::HttpClient),
    entry("httpclient.timeout.connect", 0, Missing::HttpClient),
    entry("jwt.decrypt_alg_list", 0, Missing::Tls),
    entry("jwt.decrypt_enc_list", 0, Missing::Tls),
    entry("limited-quic", 0, Missing::Quic),
    entry("lua-load", 0, Missing::Lua),
    entry("lua-load-per-thread", 0, Missing::Lua),
    entry("lua-prepend-path", 0, Missing::Lua),
    entry("maxcompcpuusage", 0, Missing::Compression),
    entry("maxcomprate", 0, Missing::Compression),
    entry("maxzlibmem", 0, Missing::Compression),
    entry("mworker-max-reloads", 0, Missing::Reload),
    entry("setcap", 0, Missing::Capabilities),
    entry("shm-stats-file", 0, Missing::SharedStatistics),
    entry("shm-stats-file-max-objects", 0, Missing::SharedStatistics),
    entry("ssl-mode-async", 0, Missing::Tls),
    entry("ssl-propquery", 0, Missing::Tls),
    entry("ssl-provider", 0, Missing::Tls),
    entry("ssl-provider-path", 0, Missing::Tls),
    entry("tune.cli.max-payload-size", 0, Missing::RuntimePayload),
    entry("tune.comp.maxlevel", 0, Missing::Compression),
    entry("tune.fail-alloc", 0, Missing::Debugging),
    entry("tune.h1.be.glitches-threshold", 0, Missing::Glitches),
    entry("tune.h1.fe.glitches-threshold", 0, Missing::Glitches),
    entry("tune.lua.bool-sample-conversion", 0, Missing::Lua),
    entry("tune.lua.burst-timeout", 0, Missing::Lua),
    entry("tune.lua.forced-yield", 0, Missing::Lua),
    entry("tune.lua.log.loggers", 0, Missing::Lua),
    entry("tune.lua.log.stderr", 0, Missing::Lua),
    entry("tune.lua.maxmem", 0, Missing::Lua),
    entry("tune.lua.openlibs", 0, Missing::Lua),
    entry("tune.lua.service-timeout", 0, Missing::Lua),
    entry("tune.lua.session-timeout", 0, Missing::Lua),
    entry("tune.lua.task-timeout", 0, Missing::Lua),
    entry("tune.renice.runtime", 0, Missing::Priority),
    entry("tune.renice.startup", 0, Missing::Priority),
    entry("tune.vars.global-max-size", 0, Missing::VariableBudget),
];

/// Keywords of proxies, sorted.
pub const PROXY: &[Unsupported] = &[
    entry("compression", 0, Missing::Compression),
    entry("email-alert", 0, Missing::Mailers),
    entry("filter", 0, Missing::Filters),
    entry("filter-sequence", 0, Missing::Filters),
    entry("log-steps", 0, Missing::LogProfiles),
    entry("persist", 0, Missing::RdpCookie),
    entry("quic-initial", 0, Missing::Quic),
    entry("use-fcgi-app", 0, Missing::FastCgi),
];

/// Options of `bind`, sorted.
pub const BIND_OPTIONS: &[Unsupported] = &[
    entry("ktls", 1, Missing::KernelTls),
    entry("nbconn", 1, Missing::ReverseHttp),
    entry("npn", 1, Missing::Npn),
    entry("quic-cc-algo", 1, Missing::Quic),
    entry("quic-force-retry", 0, Missing::Quic),
    entry("quic-socket", 1, Missing::Quic),
    entry("tcp-ss", 1, Missing::TcpOptions),
];

/// Options of `server`, sorted.
pub const SERVER_OPTIONS: &[Unsupported] = &[
    entry("check-pool-conn-name", 1, Missing::NamedPools),
    entry("check-reuse-pool", 0, Missing::NamedPools),
    entry("ktls", 1, Missing::KernelTls),
    entry("log-bufsize", 1, Missing::LogBackends),
    entry("log-proto", 1, Missing::LogBackends),
    entry("no-check-reuse-pool", 0, Missing::NamedPools),
    entry("npn", 1, Missing::Npn),
    entry("renegotiate", 0, Missing::Renegotiation),
    entry("resolve-net", 1, Missing::Resolvers),
    entry("resolve-opts", 1, Missing::Resolvers),
    entry("resolve-prefer", 1, Missing::Resolvers),
    entry("resolvers", 1, Missing::Resolvers),
    entry("shard", 1, Missing::Peers),
];

/// Words behind `option`, sorted.
pub const OPTIONS: &[Unsupported] = &[];

/// Sections, sorted.
pub const SECTIONS: &[Unsupported] = &[
    entry("acme", 0, Missing::Acme),
    entry("cache", 0, Missing::Cache),
    entry("crt-list", 0, Missing::Tls),
    entry("fcgi-app", 0, Missing::FastCgi),
    entry("log-forward", 0, Missing::LogForward),
    entry("log-profile", 0, Missing::LogProfiles),
    entry("mailers", 0, Missing::Mailers),
    entry("namespace_list", 0, Missing::Namespaces),
    entry("program", 0, Missing::Programs),
    entry("resolvers", 0, Missing::Resolvers),
    entry("ring", 0, Missing::Rings),
    entry("traces", 0, Missing::Traces),
];

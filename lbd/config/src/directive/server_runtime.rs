//! Which options a server may have that comes while the balancer runs (`add server`).
//!
//! What they mean is in [`super::server_option`], [`super::server_check`], [`super::ssl_server`]
//! and [`super::server_socket`].

use crate::registry;

/// Options that such a server may have in the reference (its `add server help`).
const ALLOWED: &[&str] = &[
    "addr",
    "agent-addr",
    "agent-check",
    "agent-inter",
    "agent-port",
    "agent-send",
    "allow-0rtt",
    "alpn",
    "backup",
    "ca-file",
    "check",
    "check-alpn",
    "check-pool-conn-name",
    "check-proto",
    "check-reuse-pool",
    "check-send-proxy",
    "check-sni",
    "check-ssl",
    "check-via-socks4",
    "ciphers",
    "ciphersuites",
    "client-sigalgs",
    "cookie",
    "crl-file",
    "crt",
    "curves",
    "disabled",
    "downinter",
    "error-limit",
    "fall",
    "fastinter",
    "force-sslv3",
    "force-tlsv10",
    "force-tlsv11",
    "force-tlsv12",
    "force-tlsv13",
    "guid",
    "hash-key",
    "healthcheck",
    "id",
    "idle-ping",
    "init-state",
    "inter",
    "ktls",
    "maxconn",
    "maxqueue",
    "minconn",
    "no-backup",
    "no-check-sni-auto",
    "no-renegotiate",
    "no-send-proxy",
    "no-send-proxy-v2",
    "no-sni-auto",
    "no-ssl-reuse",
    "no-sslv3",
    "no-tfo",
    "no-tls-tickets",
    "no-tlsv10",
    "no-tlsv11",
    "no-tlsv12",
    "no-tlsv13",
    "npn",
    "observe",
    "on-error",
    "on-marked-down",
    "on-marked-up",
    "pool-conn-name",
    "pool-low-conn",
    "pool-max-conn",
    "pool-purge-delay",
    "port",
    "proto",
    "proxy-v2-options",
    "renegotiate",
    "rise",
    "send-proxy",
    "send-proxy-v2",
    "send-proxy-v2-ssl",
    "send-proxy-v2-ssl-cn",
    "set-proxy-v2-tlv-fmt",
    "shard",
    "sigalgs",
    "slowstart",
    "sni",
    "source",
    "ssl",
    "ssl-max-ver",
    "ssl-min-ver",
    "strict-maxconn",
    "tfo",
    "tls-tickets",
    "track",
    "usesrc",
    "verify",
    "verifyhost",
    "weight",
    "ws",
];

/// Whether such a server may have the option.
pub(super) fn is_for_runtime(option: &str) -> bool {
    ALLOWED.binary_search(&option).is_ok()
}

/// The options that it may have, by their families.
pub fn runtime_options() -> impl Iterator<Item = &'static str> {
    let all = registry::SERVER_OPTIONS
        .iter()
        .flat_map(|family| family.iter());
    all.map(|option| option.name)
        .filter(|name| is_for_runtime(name))
}

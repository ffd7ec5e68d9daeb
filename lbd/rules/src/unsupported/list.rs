//! The lists of refused keywords.
//!
//! Reasons complete the hint "It needs …".

use super::Unsupported;

/// Refused fetches.
pub const FETCHES: &[Unsupported] = &[
    Unsupported {
        names: &["fcgi.docroot", "fcgi.index"],
        reason: "FastCGI",
    },
    Unsupported {
        names: &["spoe.engine-id"],
        reason: "SPOE",
    },
    Unsupported {
        names: &[
            "ssl_bc_early_exporter_secret",
            "ssl_fc_early_exporter_secret",
        ],
        reason: "the exporter of early data, which rustls does not give out",
    },
    Unsupported {
        names: &["ssl_bc_npn", "ssl_fc_npn"],
        reason: "NPN, which ALPN replaced",
    },
    Unsupported {
        names: &["dump_all_vars"],
        reason: "a list of all variables at run time",
    },
    Unsupported {
        names: &[
            "cpu_calls",
            "cpu_ns_avg",
            "cpu_ns_tot",
            "cpu_usage_grp",
            "cpu_usage_proc",
            "cpu_usage_thr",
            "lat_ns_avg",
            "lat_ns_tot",
        ],
        reason: "accounting of time per task",
    },
    Unsupported {
        names: &["res.comp", "res.comp_algo"],
        reason: "compression",
    },
    Unsupported {
        names: &["last_entity", "waiting_entity"],
        reason: "filters and the record of what a stream waits for",
    },
    Unsupported {
        names: &[
            "internal.htx.data",
            "internal.htx.free",
            "internal.htx.free_data",
            "internal.htx.has_eom",
            "internal.htx.nbblks",
            "internal.htx.size",
            "internal.htx.used",
            "internal.htx_blk.data",
            "internal.htx_blk.hdrname",
            "internal.htx_blk.hdrval",
            "internal.htx_blk.size",
            "internal.htx_blk.start_line",
            "internal.htx_blk.type",
            "internal.strm.is_htx",
        ],
        reason: "messages kept as HTX blocks, which lbd does not have",
    },
    Unsupported {
        names: &[
            "bc_nb_streams",
            "bc_settings_streams_limit",
            "bs.aborted",
            "bs.debug_str",
            "bs.id",
            "bs.rst_code",
            "fc_nb_streams",
            "fc_settings_streams_limit",
            "fs.aborted",
            "fs.debug_str",
            "fs.id",
            "fs.rst_code",
            "term_events",
        ],
        reason: "multiplexed streams and their debugging data",
    },
    Unsupported {
        names: &["fc_saved_syn"],
        reason: "saved SYN packets",
    },
    Unsupported {
        names: &["res.cache_hit", "res.cache_name"],
        reason: "the cache",
    },
    Unsupported {
        names: &["distcc_body", "distcc_param"],
        reason: "the distcc protocol",
    },
];

/// Refused converters.
pub const CONVERTERS: &[Unsupported] = &[
    Unsupported {
        names: &[
            "jwt_decrypt_cert",
            "jwt_decrypt_jwk",
            "jwt_decrypt_secret",
            "jwt_verify",
            "jwt_verify_cert",
        ],
        reason: "keys and signatures of JSON web tokens",
    },
    Unsupported {
        names: &["x509_v_err_str"],
        reason: "TLS on bind and server lines",
    },
    Unsupported {
        names: &["capture-req", "capture-res"],
        reason: "captures written from converters",
    },
    Unsupported {
        names: &["debug"],
        reason: "debug sinks and rings",
    },
    Unsupported {
        names: &[
            "eth.data",
            "eth.dst",
            "eth.hdr",
            "eth.proto",
            "eth.src",
            "eth.vlan",
            "ip.data",
            "ip.df",
            "ip.dst",
            "ip.fp",
            "ip.hdr",
            "ip.proto",
            "ip.src",
            "ip.tos",
            "ip.ttl",
            "ip.ver",
            "tcp.dst",
            "tcp.flags",
            "tcp.options.mss",
            "tcp.options.sack",
            "tcp.options.tsopt",
            "tcp.options.tsval",
            "tcp.options.wscale",
            "tcp.options.wsopt",
            "tcp.options_list",
            "tcp.seq",
            "tcp.src",
            "tcp.win",
        ],
        reason: "saved SYN packets",
    },
];

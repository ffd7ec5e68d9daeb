//! Fetches of connections to servers and their ends (manual 7.3.3).
//!
//! Nothing of TLS and nothing of HTTP; those of clients are in [`super::l4`].

use lbd_core::Type;

use super::l4::{rtt, server_fd};
use super::{ANSWERED, CLIENT, NO_ARGS, OPT_STR, address, boolean, int, string};
use crate::registry::{Example, Fetch};

/// The family.
pub const FETCHES: &[Fetch] = &[
    Fetch {
        name: "bc_be_queue",
        args: NO_ARGS,
        out: Type::Int,
        valid: ANSWERED,
        doc: "Requests before this one in the queue of the backend, as %bq (manual 8.2.3).",
        examples: &[Example::Ok("bc_be_queue")],
        build: |_, _| int(|v| Some(i64::from(v.stream?.backend_queue))),
    },
    Fetch {
        name: "bc_dst",
        args: NO_ARGS,
        out: Type::Addr,
        valid: ANSWERED,
        doc: "Address of the server that was connected (manual 7.3.3).",
        examples: &[Example::Ok("bc_dst")],
        build: |_, _| address(|v| v.stream?.server_dst.ip()),
    },
    Fetch {
        name: "bc_dst_port",
        args: NO_ARGS,
        out: Type::Int,
        valid: ANSWERED,
        doc: "Port of the server that was connected (manual 7.3.3).",
        examples: &[Example::Ok("bc_dst_port")],
        build: |_, _| int(|v| v.stream?.server_dst.port().map(i64::from)),
    },
    Fetch {
        name: "bc_err",
        args: NO_ARGS,
        out: Type::Int,
        valid: ANSWERED,
        doc: "Number of the fault of the server connection, 0 without one (manual 7.3.3).",
        examples: &[Example::Ok("bc_err")],
        build: |_, _| {
            int(|v| {
                Some(
                    v.stream?
                        .server_error
                        .map_or(0, |error| i64::from(error.code)),
                )
            })
        },
    },
    Fetch {
        name: "bc_err_name",
        args: NO_ARGS,
        out: Type::Str,
        valid: ANSWERED,
        doc: "Name of the fault of the server connection, empty without one (manual 7.3.3).",
        examples: &[Example::Ok("bc_err_name")],
        build: |_, _| {
            string(|v| {
                Some(
                    v.stream?
                        .server_error
                        .map_or("", |error| error.name)
                        .as_bytes(),
                )
            })
        },
    },
    Fetch {
        name: "bc_err_str",
        args: NO_ARGS,
        out: Type::Str,
        valid: ANSWERED,
        doc: "Text of the fault of the server connection (manual 7.3.3).",
        examples: &[Example::Ok("bc_err_str")],
        build: |_, _| {
            string(|v| {
                Some(
                    v.stream?
                        .server_error
                        .map_or("Success", |error| error.text)
                        .as_bytes(),
                )
            })
        },
    },
    Fetch {
        name: "bc_glitches",
        args: NO_ARGS,
        out: Type::Int,
        valid: ANSWERED,
        doc: "Oddities seen on the server connection (manual 7.3.3).",
        examples: &[Example::Ok("bc_glitches")],
        build: |_, _| int(|v| Some(i64::from(v.stream?.server_glitches))),
    },
    Fetch {
        name: "bc_http_major",
        args: NO_ARGS,
        out: Type::Int,
        valid: ANSWERED,
        doc: "Major version of HTTP on the server side (manual 7.3.3).",
        examples: &[Example::Ok("bc_http_major")],
        build: |_, _| int(|v| Some(i64::from(v.stream?.server_http_major))),
    },
    Fetch {
        name: "bc_reused",
        args: NO_ARGS,
        out: Type::Bool,
        valid: ANSWERED,
        doc: "Whether the connection to the server was reused (manual 7.3.3).",
        examples: &[Example::Ok("bc_reused")],
        build: |_, _| boolean(|v| Some(v.stream?.server_reused)),
    },
    Fetch {
        name: "bc_rtt",
        args: OPT_STR,
        out: Type::Int,
        valid: CLIENT,
        doc: "Round-trip time of the server connection, ms or us (manual 7.3.3).",
        examples: &[Example::Ok("bc_rtt"), Example::Ok("bc_rtt(us)")],
        build: |_, args| rtt(&args, "rtt", server_fd),
    },
    Fetch {
        name: "bc_rttvar",
        args: OPT_STR,
        out: Type::Int,
        valid: CLIENT,
        doc: "Variance of that round-trip time, ms or us (manual 7.3.3).",
        examples: &[Example::Ok("bc_rttvar(us)")],
        build: |_, args| rtt(&args, "rttvar", server_fd),
    },
    Fetch {
        name: "bc_src",
        args: NO_ARGS,
        out: Type::Addr,
        valid: ANSWERED,
        doc: "Own address of the connection to the server (manual 7.3.3).",
        examples: &[Example::Ok("bc_src")],
        build: |_, _| address(|v| v.stream?.server_src.ip()),
    },
    Fetch {
        name: "bc_src_port",
        args: NO_ARGS,
        out: Type::Int,
        valid: ANSWERED,
        doc: "Own port of the connection to the server (manual 7.3.3).",
        examples: &[Example::Ok("bc_src_port")],
        build: |_, _| int(|v| v.stream?.server_src.port().map(i64::from)),
    },
    Fetch {
        name: "bc_srv_queue",
        args: NO_ARGS,
        out: Type::Int,
        valid: ANSWERED,
        doc: "Requests before this one in the queue of the server, as %sq (manual 8.2.3).",
        examples: &[Example::Ok("bc_srv_queue")],
        build: |_, _| int(|v| Some(i64::from(v.stream?.server_queue))),
    },
];

//! Fetches of connections of clients and their ends (manual 7.3.3).
//!
//! Nothing of TLS and nothing of HTTP; those to servers are in [`super::l4_server`].

use std::time::Duration;

use super::{Built, CLIENT, FRONTEND, NO_ARGS, OPT_STR, STR, address, boolean, int, string, text};
use crate::arg::{Arg, ArgError};
use crate::registry::{Example, Fetch};
use crate::view::View;
use lbd_core::WallTime;
use lbd_core::{Checkpoints, Type};

/// The family.
pub const FETCHES: &[Fetch] = &[
    Fetch {
        name: "accept_date",
        args: OPT_STR,
        out: Type::Int,
        valid: CLIENT,
        doc: "When the connection was accepted, in s, ms or us (manual 7.3.3).",
        examples: &[
            Example::Ok("accept_date"),
            Example::Ok("accept_date(ms)"),
            Example::Fail("accept_date(x)", "expects 's', 'ms' or 'us'"),
        ],
        build: |_, args| {
            let unit = DateUnit::parse(&text(&args, 0))?;
            int(move |v| Some(unit.of(v.session?.accepted_wall)))
        },
    },
    Fetch {
        name: "dst",
        args: NO_ARGS,
        out: Type::Addr,
        valid: CLIENT,
        doc: "Destination address as rules see it (manual 7.3.3).",
        examples: &[Example::Ok("dst")],
        build: |_, _| address(|v| v.dst().ip()),
    },
    Fetch {
        name: "dst_conn",
        args: NO_ARGS,
        out: Type::Int,
        valid: FRONTEND,
        doc: "Current connections of the listening socket (manual 7.3.3).",
        examples: &[Example::Ok("dst_conn")],
        build: |_, _| int(|v| Some(v.world.listener_connections(v.session?.listener))),
    },
    Fetch {
        name: "dst_is_local",
        args: NO_ARGS,
        out: Type::Bool,
        valid: CLIENT,
        doc: "Whether the destination address is one of this machine (manual 7.3.3).",
        examples: &[Example::Ok("dst_is_local")],
        build: |_, _| boolean(|v| Some(v.world.is_local(v.dst().ip()?))),
    },
    Fetch {
        name: "dst_port",
        args: NO_ARGS,
        out: Type::Int,
        valid: CLIENT,
        doc: "Destination port as rules see it (manual 7.3.3).",
        examples: &[Example::Ok("dst_port")],
        build: |_, _| int(|v| v.dst().port().map(i64::from)),
    },
    Fetch {
        name: "fc.timer.handshake",
        args: NO_ARGS,
        out: Type::Int,
        valid: CLIENT,
        doc: "Time of handshakes in ms, as %Th (manual 8.4).",
        examples: &[Example::Ok("fc.timer.handshake")],
        build: |_, _| int(|v| Some(millis(v.session?.handshake))),
    },
    Fetch {
        name: "fc.timer.total",
        args: NO_ARGS,
        out: Type::Int,
        valid: FRONTEND,
        doc: "Age of the client connection in ms (manual 7.3.3).",
        examples: &[Example::Ok("fc.timer.total")],
        build: |_, _| int(|v| Some(millis(v.now.since(v.session?.accepted)))),
    },
    Fetch {
        name: "fc_dst",
        args: NO_ARGS,
        out: Type::Addr,
        valid: CLIENT,
        doc: "Destination address of the client connection (manual 7.3.3).",
        examples: &[Example::Ok("fc_dst")],
        build: |_, _| address(|v| v.session?.conn_dst.ip()),
    },
    Fetch {
        name: "fc_dst_is_local",
        args: NO_ARGS,
        out: Type::Bool,
        valid: CLIENT,
        doc: "Whether the destination of the client connection is one of this machine (manual 7.3.3).",
        examples: &[Example::Ok("fc_dst_is_local")],
        build: |_, _| boolean(|v| Some(v.world.is_local(v.session?.conn_dst.ip()?))),
    },
    Fetch {
        name: "fc_dst_port",
        args: NO_ARGS,
        out: Type::Int,
        valid: CLIENT,
        doc: "Destination port of the client connection (manual 7.3.3).",
        examples: &[Example::Ok("fc_dst_port")],
        build: |_, _| int(|v| v.session?.conn_dst.port().map(i64::from)),
    },
    Fetch {
        name: "fc_err",
        args: NO_ARGS,
        out: Type::Int,
        valid: CLIENT,
        doc: "Number of the fault of the client connection, 0 without one (manual 7.3.3).",
        examples: &[Example::Ok("fc_err")],
        build: |_, _| {
            int(|v| {
                Some(
                    v.session?
                        .error
                        .as_ref()
                        .map_or(0, |error| i64::from(error.code)),
                )
            })
        },
    },
    Fetch {
        name: "fc_err_name",
        args: NO_ARGS,
        out: Type::Str,
        valid: CLIENT,
        doc: "Name of the fault of the client connection, empty without one (manual 7.3.3).",
        examples: &[Example::Ok("fc_err_name")],
        build: |_, _| {
            string(|v| {
                Some(
                    v.session?
                        .error
                        .as_ref()
                        .map_or("", |error| error.name)
                        .as_bytes(),
                )
            })
        },
    },
    Fetch {
        name: "fc_err_str",
        args: NO_ARGS,
        out: Type::Str,
        valid: CLIENT,
        doc: "Text of the fault of the client connection (manual 7.3.3).",
        examples: &[Example::Ok("fc_err_str")],
        build: |_, _| {
            string(|v| {
                Some(
                    v.session?
                        .error
                        .as_ref()
                        .map_or("Success", |error| error.text)
                        .as_bytes(),
                )
            })
        },
    },
    Fetch {
        name: "fc_fackets",
        args: OPT_STR,
        out: Type::Int,
        valid: CLIENT,
        doc: "Segments acknowledged forward (manual 7.3.3).",
        examples: &[Example::Ok("fc_fackets")],
        build: |_, _| kernel("fackets"),
    },
    Fetch {
        name: "fc_glitches",
        args: NO_ARGS,
        out: Type::Int,
        valid: CLIENT,
        doc: "Oddities seen on the client connection (manual 7.3.3).",
        examples: &[Example::Ok("fc_glitches")],
        build: |_, _| int(|v| Some(i64::from(v.session?.glitches))),
    },
    Fetch {
        name: "fc_http_major",
        args: NO_ARGS,
        out: Type::Int,
        valid: CLIENT,
        doc: "Major version of HTTP on the client side (manual 7.3.3).",
        examples: &[Example::Ok("fc_http_major")],
        build: |_, _| int(|v| Some(i64::from(v.session?.http_major))),
    },
    Fetch {
        name: "fc_lost",
        args: OPT_STR,
        out: Type::Int,
        valid: CLIENT,
        doc: "Segments counted lost by the kernel (manual 7.3.3).",
        examples: &[Example::Ok("fc_lost")],
        build: |_, _| kernel("lost"),
    },
    Fetch {
        name: "fc_pp_authority",
        args: NO_ARGS,
        out: Type::Str,
        valid: CLIENT,
        doc: "Authority record of a received PROXY header (manual 7.3.3).",
        examples: &[Example::Ok("fc_pp_authority")],
        build: |_, _| string(|v| v.session?.proxy_header.as_ref()?.tlv(0x02)),
    },
    Fetch {
        name: "fc_pp_tlv",
        args: STR,
        out: Type::Str,
        valid: Checkpoints::parse(".YYYYYYYYYYYYYYYYYY..."),
        doc: "The record of this type of a received PROXY header (manual 7.3.3).",
        examples: &[
            Example::Ok("fc_pp_tlv(0xE1)"),
            Example::Ok("fc_pp_tlv(AUTHORITY)"),
            Example::Fail("fc_pp_tlv(x)", "invalid args in fetch method 'fc_pp_tlv'"),
        ],
        build: |_, args| {
            let kind = tlv_kind(&text(&args, 0))?;
            string(move |v| v.session?.proxy_header.as_ref()?.tlv(kind))
        },
    },
    Fetch {
        name: "fc_pp_unique_id",
        args: NO_ARGS,
        out: Type::Str,
        valid: CLIENT,
        doc: "Unique-id record of a received PROXY header (manual 7.3.3).",
        examples: &[Example::Ok("fc_pp_unique_id")],
        build: |_, _| string(|v| v.session?.proxy_header.as_ref()?.tlv(0x05)),
    },
    Fetch {
        name: "fc_rcvd_proxy",
        args: NO_ARGS,
        out: Type::Bool,
        valid: CLIENT,
        doc: "Whether the connection began with a PROXY header (manual 7.3.3).",
        examples: &[Example::Ok("fc_rcvd_proxy")],
        build: |_, _| boolean(|v| Some(v.session?.proxy_header.is_some())),
    },
    Fetch {
        name: "fc_reordering",
        args: OPT_STR,
        out: Type::Int,
        valid: CLIENT,
        doc: "Reordering measured by the kernel (manual 7.3.3).",
        examples: &[Example::Ok("fc_reordering")],
        build: |_, _| kernel("reordering"),
    },
    Fetch {
        name: "fc_retrans",
        args: OPT_STR,
        out: Type::Int,
        valid: CLIENT,
        doc: "Segments sent again (manual 7.3.3).",
        examples: &[Example::Ok("fc_retrans")],
        build: |_, _| kernel("retrans"),
    },
    Fetch {
        name: "fc_rtt",
        args: OPT_STR,
        out: Type::Int,
        valid: CLIENT,
        doc: "Round-trip time of the client connection, ms or us (manual 7.3.3).",
        examples: &[Example::Ok("fc_rtt"), Example::Ok("fc_rtt(us)")],
        build: |_, args| rtt(&args, "rtt", client_fd),
    },
    Fetch {
        name: "fc_rttvar",
        args: OPT_STR,
        out: Type::Int,
        valid: CLIENT,
        doc: "Variance of the round-trip time, ms or us (manual 7.3.3).",
        examples: &[Example::Ok("fc_rttvar(us)")],
        build: |_, args| rtt(&args, "rttvar", client_fd),
    },
    Fetch {
        name: "fc_sacked",
        args: OPT_STR,
        out: Type::Int,
        valid: CLIENT,
        doc: "Segments acknowledged selectively (manual 7.3.3).",
        examples: &[Example::Ok("fc_sacked")],
        build: |_, _| kernel("sacked"),
    },
    Fetch {
        name: "fc_src",
        args: NO_ARGS,
        out: Type::Addr,
        valid: CLIENT,
        doc: "Source address of the client connection (manual 7.3.3).",
        examples: &[Example::Ok("fc_src")],
        build: |_, _| address(|v| v.session?.conn_src.ip()),
    },
    Fetch {
        name: "fc_src_is_local",
        args: NO_ARGS,
        out: Type::Bool,
        valid: CLIENT,
        doc: "Whether the source of the client connection is one of this machine (manual 7.3.3).",
        examples: &[Example::Ok("fc_src_is_local")],
        build: |_, _| boolean(|v| Some(v.world.is_local(v.session?.conn_src.ip()?))),
    },
    Fetch {
        name: "fc_src_port",
        args: NO_ARGS,
        out: Type::Int,
        valid: CLIENT,
        doc: "Source port of the client connection (manual 7.3.3).",
        examples: &[Example::Ok("fc_src_port")],
        build: |_, _| int(|v| v.session?.conn_src.port().map(i64::from)),
    },
    Fetch {
        name: "fc_unacked",
        args: OPT_STR,
        out: Type::Int,
        valid: CLIENT,
        doc: "Segments sent to the client and not acknowledged (manual 7.3.3).",
        examples: &[Example::Ok("fc_unacked")],
        build: |_, _| kernel("unacked"),
    },
    Fetch {
        name: "so_id",
        args: NO_ARGS,
        out: Type::Int,
        valid: FRONTEND,
        doc: "Numeric id of the listening socket (manual 7.3.3).",
        examples: &[Example::Ok("so_id")],
        build: |_, _| int(|v| Some(v.world.listener_uid(v.session?.listener))),
    },
    Fetch {
        name: "so_name",
        args: NO_ARGS,
        out: Type::Str,
        valid: FRONTEND,
        doc: "Name of the bind line (manual 7.3.3).",
        examples: &[Example::Ok("so_name")],
        build: |_, _| {
            string(|v| {
                let session = v.session?;
                Some(
                    v.world
                        .bind_name(session.frontend, session.bind)?
                        .as_bytes(),
                )
            })
        },
    },
    Fetch {
        name: "src",
        args: NO_ARGS,
        out: Type::Addr,
        valid: CLIENT,
        doc: "Source address of the client as rules see it (manual 7.3.3).",
        examples: &[Example::Ok("src")],
        build: |_, _| address(|v| v.src().ip()),
    },
    Fetch {
        name: "src_is_local",
        args: NO_ARGS,
        out: Type::Bool,
        valid: CLIENT,
        doc: "Whether the source address is one of this machine (manual 7.3.3).",
        examples: &[Example::Ok("src_is_local")],
        build: |_, _| boolean(|v| Some(v.world.is_local(v.src().ip()?))),
    },
    Fetch {
        name: "src_port",
        args: NO_ARGS,
        out: Type::Int,
        valid: CLIENT,
        doc: "Source port of the client as rules see it (manual 7.3.3).",
        examples: &[Example::Ok("src_port")],
        build: |_, _| int(|v| v.src().port().map(i64::from)),
    },
];

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn kernel(field: &'static str) -> Built {
    int(move |v| v.world.tcp_info(v.session?.fd, field))
}

fn client_fd(view: &View<'_>) -> Option<i32> {
    Some(view.session?.fd)
}

pub(super) fn server_fd(view: &View<'_>) -> Option<i32> {
    view.stream?.server_fd
}

/// The kernel gives microseconds; milliseconds unless asked otherwise.
pub(super) fn rtt(args: &[Arg], field: &'static str, of: fn(&View<'_>) -> Option<i32>) -> Built {
    let divisor = match &*text(args, 0) {
        b"" | b"ms" => 1000,
        b"us" => 1,
        _ => return Err(ArgError::new("\"ms\" or \"us\" is expected")),
    };
    int(move |v| Some(v.world.tcp_info(of(v)?, field)? / divisor))
}

/// A record type of the PROXY header by number or by the name that its specification gives.
fn tlv_kind(text: &[u8]) -> Result<u8, ArgError> {
    const NAMES: &[(&str, u8)] = &[
        ("ALPN", 0x01),
        ("AUTHORITY", 0x02),
        ("CRC32", 0x03),
        ("CRC32C", 0x03),
        ("NETNS", 0x30),
        ("NOOP", 0x04),
        ("SSL", 0x20),
        ("SSL_CIPHER", 0x23),
        ("SSL_CN", 0x22),
        ("SSL_KEY_ALG", 0x25),
        ("SSL_SIG_ALG", 0x24),
        ("SSL_VERSION", 0x21),
        ("UNIQUE_ID", 0x05),
    ];
    let text = String::from_utf8_lossy(text);
    if let Some((_, kind)) = NAMES.iter().find(|(name, _)| *name == text) {
        return Ok(*kind);
    }
    let number = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u8::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    };
    number.ok_or_else(|| ArgError::new(format!("'{text}' is no record type from 0 to 255")))
}

/// Unit of a date.
#[derive(Debug, Clone, Copy)]
pub(crate) enum DateUnit {
    Secs,
    Millis,
    Micros,
}

impl DateUnit {
    pub(crate) fn parse(text: &[u8]) -> Result<Self, ArgError> {
        match text {
            b"" | b"s" => Ok(Self::Secs),
            b"ms" => Ok(Self::Millis),
            b"us" => Ok(Self::Micros),
            other => Err(ArgError::new(format!(
                "expects 's', 'ms' or 'us', got '{}'",
                String::from_utf8_lossy(other)
            ))),
        }
    }

    pub(crate) fn of(self, at: WallTime) -> i64 {
        let micros = i64::try_from(at.0).unwrap_or(i64::MAX);
        match self {
            Self::Secs => micros / 1_000_000,
            Self::Millis => micros / 1000,
            Self::Micros => micros,
        }
    }
}

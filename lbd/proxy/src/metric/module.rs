//! The columns of modules (TLS, HTTP/2, HTTP/1), which stand behind those of every version and a mark;
//! the reference's without QUIC.
//!
//! Those of TLS are of every object, the others of frontends and backends.

use super::Field::U64;
use super::column::{Column, column};
use super::row::FB;

/// All of them, in the reference's order.
pub const MODULE_COLUMNS: &[Column] = &[
    column("ssl_sess", "MCPV", "TLS handshakes completed", |r| {
        U64(r.totals.tls_sessions)
    }),
    column(
        "ssl_reused_sess",
        "MCPV",
        "TLS handshakes that resumed a session",
        |r| U64(r.totals.tls_resumptions),
    ),
    column(
        "ssl_failed_handshake",
        "MCPV",
        "TLS handshakes that failed",
        |r| U64(r.totals.tls_failures),
    ),
    column(
        "ssl_ocsp_staple",
        "MCPV",
        "OCSP answers sent along with certificates",
        |r| U64(r.totals.ocsp_answers),
    ),
    column(
        "ssl_failed_ocsp_staple",
        "MCPV",
        "OCSP answers that were out of date and not sent",
        |r| U64(r.totals.stale_ocsp_answers),
    ),
    column("h2_headers_rcvd", "MCPV", "HEADERS frames received", |r| {
        r.on(FB, U64(r.totals.h2_headers))
    }),
    column("h2_data_rcvd", "MCPV", "DATA frames received", |r| {
        r.on(FB, U64(r.totals.h2_data))
    }),
    column(
        "h2_settings_rcvd",
        "MCPV",
        "SETTINGS frames received",
        |r| r.on(FB, U64(r.totals.h2_settings)),
    ),
    column(
        "h2_rst_stream_rcvd",
        "MCPV",
        "RST_STREAM frames received",
        |r| r.on(FB, U64(r.totals.h2_resets)),
    ),
    column("h2_goaway_rcvd", "MCPV", "GOAWAY frames received", |r| {
        r.on(FB, U64(r.totals.h2_goaways))
    }),
    column(
        "h2_detected_conn_protocol_errors",
        "MCPV",
        "Faults of peers that ended a connection",
        |r| r.on(FB, U64(r.totals.h2_connection_errors)),
    ),
    column(
        "h2_detected_strm_protocol_errors",
        "MCPV",
        "Faults of peers that ended a stream",
        |r| r.on(FB, U64(r.totals.h2_stream_errors)),
    ),
    column(
        "h2_rst_stream_resp",
        "MCPV",
        "RST_STREAM frames sent because of a fault",
        |r| r.on(FB, U64(r.totals.h2_resets_sent)),
    ),
    column(
        "h2_goaway_resp",
        "MCPV",
        "GOAWAY frames sent because of a fault",
        |r| r.on(FB, U64(r.totals.h2_goaways_sent)),
    ),
    column(
        "h2_open_connections",
        "MGPV",
        "HTTP/2 connections now",
        |r| r.on(FB, U64(r.totals.h2_open_connections)),
    ),
    column(
        "h2_backend_open_streams",
        "MGPV",
        "HTTP/2 streams now",
        |r| r.on(FB, U64(r.totals.h2_open_streams)),
    ),
    column(
        "h2_total_connections",
        "MCPV",
        "HTTP/2 connections in all",
        |r| r.on(FB, U64(r.totals.h2_connections)),
    ),
    column(
        "h2_backend_total_streams",
        "MCPV",
        "HTTP/2 streams in all",
        |r| r.on(FB, U64(r.totals.h2_streams)),
    ),
    column(
        "h1_open_connections",
        "MGPV",
        "HTTP/1 connections now",
        |r| r.h1_open_connections(),
    ),
    column("h1_open_streams", "MGPV", "HTTP/1 requests now", |r| {
        r.h1_open_streams()
    }),
    column(
        "h1_total_connections",
        "MCPV",
        "HTTP/1 connections in all",
        |r| r.h1_connections(),
    ),
    column("h1_total_streams", "MCPV", "HTTP/1 requests in all", |r| {
        r.on(FB, U64(r.totals.h1_streams))
    }),
    column(
        "h1_bytes_in",
        "MCPV",
        "Bytes of messages received by HTTP/1",
        |r| r.on(FB, U64(r.totals.h1_bytes_in)),
    ),
    column(
        "h1_bytes_out",
        "MCPV",
        "Bytes of messages sent by HTTP/1",
        |r| r.on(FB, U64(r.totals.h1_bytes_out)),
    ),
    column(
        "h1_spliced_bytes_in",
        "MCPV",
        "Bytes received by splicing",
        |r| r.on(FB, U64(r.totals.spliced_in)),
    ),
    column(
        "h1_spliced_bytes_out",
        "MCPV",
        "Bytes sent by splicing",
        |r| r.on(FB, U64(r.totals.spliced_out)),
    ),
];

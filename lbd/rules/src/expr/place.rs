//! What fetches read, in the reference's words, and where that is available.
//!
//! It decides nothing: the sets of checkpoints are each fetch's own.

use lbd_core::{Checkpoint, Checkpoints};

use crate::registry::Fetch;

/// What a fetch reads.
pub(super) fn source(fetch: &Fetch) -> &'static str {
    let name = fetch.name;
    let is = |set: &str| fetch.valid == Checkpoints::parse(set);
    if name.starts_with("ssl_fc") || name.starts_with("fc_") || name.starts_with("ssl_c_") {
        return "client-side connection";
    }
    if name.starts_with("bc_") || name.starts_with("bc.") || name.starts_with("ssl_bc") {
        return "server-side connection";
    }
    if is("..YYYYYYYYY...........") {
        let is_buffer = name.contains("payload") || name.contains("ssl_") || name.contains("len");
        return match name {
            _ if is_buffer || name.contains("rdp") => "request buffer",
            _ if name.contains("body") => "HTTP request body",
            _ => "HTTP request headers",
        };
    }
    if is("...........YYYYYYY.Y..") {
        return match name {
            _ if name.contains("payload") || name.contains("ssl_") => "response buffer",
            _ if name.contains("body") => "HTTP response body",
            _ => "HTTP response headers",
        };
    }
    if is("...........YYYYYYYYY..") {
        return "HTTP response";
    }
    match name {
        _ if name.starts_with("be_") || name.contains("timeout") => "backend",
        _ if name.starts_with("srv_") => "server",
        _ if name.starts_with("fe_") => "frontend",
        _ if name.starts_with("so_") || name == "dst_conn" => "listener",
        "src" | "src_port" | "dst" | "dst_port" => "client address",
        _ if name.starts_with("src_") || name.starts_with("sc") => "track counters",
        "method" | "status" => "HTTP request",
        _ => "internal state",
    }
}

/// Whether a fetch reads the head of a request.
pub(super) fn reads_head(fetch: &Fetch) -> bool {
    source(fetch) == "HTTP request headers" || fetch.name == "method"
}

/// Whether a fetch has something to read in HTTP mode only.
pub(super) fn needs_http(fetch: &Fetch) -> bool {
    const OTHERS: [&str; 7] = [
        "http_first_req",
        "method",
        "req.proto_http",
        "req.ver",
        "req_proto_http",
        "req_ver",
        "request_date",
    ];
    fetch.name.starts_with("capture.")
        || OTHERS.contains(&fetch.name)
        || source(fetch).starts_with("HTTP ")
        || matches!(fetch.name, "res.ver" | "resp_ver")
}

/// Names the places where a fetch may be used.
pub(super) fn hint(valid: Checkpoints) -> String {
    let places: Vec<&str> = Checkpoint::ALL
        .into_iter()
        .filter(|point| valid.contains(*point))
        .map(Checkpoint::describe)
        .collect();
    format!("It may be used in: {}.", places.join(", "))
}

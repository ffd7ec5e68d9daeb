//! Which columns outlive a process in statistics files, and which counters take them up
//! (haproxy 3.4 management 9.5).
//!
//! It reads and writes no file.

use crate::state::counters::{Count, Counters, Shards};

/// Columns of frontends and listeners, in the reference's order.
pub const FRONTEND: &[&str] = &[
    "stot",
    "bin",
    "bout",
    "dreq",
    "dresp",
    "ereq",
    "rate",
    "hrsp_1xx",
    "hrsp_2xx",
    "hrsp_3xx",
    "hrsp_4xx",
    "hrsp_5xx",
    "hrsp_other",
    "req_rate",
    "req_tot",
    "comp_in",
    "comp_out",
    "comp_byp",
    "comp_rsp",
    "conn_rate",
    "conn_tot",
    "intercepted",
    "dcon",
    "dses",
    "wrew",
    "cache_lookups",
    "cache_hits",
    "eint",
    "h1sess",
    "h2sess",
    "h3sess",
    "req_other",
    "h1req",
    "h2req",
    "h3req",
    "reqbin",
    "reqbout",
    "resbin",
    "resbout",
];

/// Columns of servers and backends, likewise.
pub const BACKEND: &[&str] = &[
    "stot",
    "bin",
    "bout",
    "dreq",
    "dresp",
    "econ",
    "eresp",
    "wretr",
    "wredis",
    "chkfail",
    "chkdown",
    "lastchg",
    "lbtot",
    "rate",
    "hrsp_1xx",
    "hrsp_2xx",
    "hrsp_3xx",
    "hrsp_4xx",
    "hrsp_5xx",
    "hrsp_other",
    "hanafail",
    "req_tot",
    "cli_abrt",
    "srv_abrt",
    "comp_in",
    "comp_out",
    "comp_byp",
    "comp_rsp",
    "lastsess",
    "wrew",
    "connect",
    "reuse",
    "cache_lookups",
    "cache_hits",
    "eint",
    "reqbin",
    "reqbout",
    "resbin",
    "resbout",
];

/// Takes a value up that a column had before this process started. What is not a sum is left out:
/// rates are of another second, and a server's last change is what `server-state-file` tells. So are
/// columns of what lbd does not do.
///
/// To be called before the workers count.
pub fn take_up(shards: &Shards, column: &str, value: u64) {
    if column == "lastsess" {
        // Nought is what an object has that has seen none, too.
        if value > 0 {
            shards.had_session(value);
        }
        return;
    }
    for count in counts(shards.of(0), column).into_iter().flatten() {
        count.set(value);
    }
}

/// The counters of a column: bytes are counted for two columns, of which older versions have one.
fn counts<'c>(counters: &'c Counters, column: &str) -> [Option<&'c Count>; 2] {
    let c = counters;
    let one = match column {
        "bin" => return [Some(&c.bytes_in), Some(&c.request_in)],
        "bout" => return [Some(&c.bytes_out), Some(&c.response_in)],
        "chkdown" => &c.earlier_downs,
        "chkfail" => &c.earlier_check_failures,
        "cli_abrt" => &c.client_aborts,
        "conn_tot" => &c.connections,
        "connect" => &c.connects,
        "dcon" => &c.denied_connections,
        "dreq" => &c.denied_requests,
        "dresp" => &c.denied_responses,
        "dses" => &c.denied_sessions,
        "econ" => &c.failed_connections,
        "eint" => &c.internal_errors,
        "ereq" => &c.failed_requests,
        "eresp" => &c.failed_responses,
        "h1sess" => &c.h1_sessions,
        "h2req" => &c.h2_requests,
        "h2sess" => &c.h2_sessions,
        "hanafail" => &c.earlier_observations,
        "hrsp_1xx" => &c.responses[0],
        "hrsp_2xx" => &c.responses[1],
        "hrsp_3xx" => &c.responses[2],
        "hrsp_4xx" => &c.responses[3],
        "hrsp_5xx" => &c.responses[4],
        "hrsp_other" => &c.responses[5],
        "intercepted" => &c.intercepted,
        "lbtot" => &c.earlier_choices,
        "req_tot" => &c.requests,
        "reqbin" => &c.request_in,
        "reqbout" => &c.request_out,
        "resbin" => &c.response_in,
        "resbout" => &c.response_out,
        "reuse" => &c.reuses,
        "srv_abrt" => &c.server_aborts,
        "stot" => &c.sessions,
        "wredis" => &c.redispatches,
        "wretr" => &c.retries,
        "wrew" => &c.failed_rewrites,
        _ => return [None, None],
    };
    [Some(one), None]
}

#[cfg(test)]
mod tests;

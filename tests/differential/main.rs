//! The same configuration and the same bytes to HAProxy and lbd: what the server received, what the
//! client received, the log line and the counters must be the same.
//!
//! It asserts no meaning: what the reference does is right here, see `support::scenario`.

use support::scenario::{Case, Group, get, lines, response, send, serve};

mod balance;
mod cookies;
mod endings;
mod fetches;
mod json;
mod letters;
mod logs;
mod metrics;
mod requests;
mod responses;
mod rules;
mod servers;
mod sizes;
mod statistics;

const DIRECTORY: &str = "differential/expected";

/// A frontend `fe` and a backend `be` with one server.
fn plain(frontend: &str, backend: &str) -> String {
    format!(
        "global
    stats socket <runtime> level admin
    log <log> local0
defaults
    mode http
    log global
    option httplog
    timeout connect 2s
    timeout client 2s
    timeout server 2s
    timeout http-request 2s
frontend fe
    bind <fe>
    default_backend be
{frontend}
backend be
    http-reuse never
    balance roundrobin
    server s1 <s1>
{backend}
"
    )
}

//! Input that is wrong, slow, cut or hostile, at every place where bytes come in.
//!
//! Each answer, close, log line and counter is HAProxy's; afterwards the process still serves.

use support::scenario::{Case, Group, get, response, send, serve, sleep, slowly};

mod limits;
mod requests;
mod responses;
mod shortages;
mod timing;

const DIRECTORY: &str = "e2e/bad_input/expected";

/// A frontend `fe` and a backend `be` with one server, short timeouts.
fn plain(frontend: &str, backend: &str) -> String {
    format!(
        "global
    stats socket <runtime> level admin
    log <log> local0
defaults
    mode http
    log global
    option httplog
    retries 1
    timeout connect 500ms
    timeout client 1s
    timeout server 500ms
    timeout http-request 500ms
    timeout http-keep-alive 500ms
    timeout queue 400ms
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

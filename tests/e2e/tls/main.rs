//! TLS on both sides: certificates by name, verification, resumption, faults. HAProxy runs first
//! with the same configuration and judges; clients are rustls, curl and OpenSSL's `s_client`.

use std::time::Duration;

use support::proxy::Program;
use support::{Client, Origin, Proxy, ProxyBuilder, SyslogSink};

use certs::Authority;
use client::Tls;

mod certs;
mod client;
mod clients;

mod early;
mod failing;
mod generated;
mod hello;
mod lists;
mod locked;
mod ocsp;
mod proxy_header;
mod runtime;
mod serving;
mod stores;
mod to_servers;
mod verifying;
mod warnings;

/// Runs a case on both programs.
fn on_both(case: impl Fn(&Program)) {
    case(&Program::Haproxy);
    case(&Program::Lbd);
}

const DEFAULTS: &str = "defaults
    mode http
    log global
    option httplog
    timeout connect 5s
    timeout client 5s
    timeout server 5s
";

/// A program with `text` behind the defaults, listening at `<front>`, with a runtime socket.
fn program(program: &Program, text: &str) -> ProxyBuilder {
    let text =
        format!("global\n    stats socket <runtime> level admin\n    <global>\n{DEFAULTS}\n{text}");
    Proxy::of(program.clone(), text)
        .with("global", "maxconn 500")
        .listener("front")
        .unix_listener("runtime")
}

//! The user's own configurations under real traffic: each does what its page says.
//!
//! Every case runs on the real HAProxy first, which judges the expectation, then on lbd. Only
//! addresses, ports and waiting times of the seeds' texts are replaced.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use support::proxy::Program;
use support::{Client, Origin, Proxy, ProxyBuilder, Reply, SyslogSink, eventually};

/// Runs a case on both programs.
fn on_both(case: impl Fn(&Program)) {
    case(&Program::Haproxy);
    case(&Program::Lbd);
}

/// A seed's text with its addresses replaced; panics when a piece to replace is not there, so
/// that no test silently runs something else.
fn seed(name: &str, replacements: &[(&str, &str)]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("data/seeds")
        .join(name);
    let mut text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    for (from, to) in replacements {
        assert!(text.contains(from), "{name} has no '{from}'");
        text = text.replace(from, to);
    }
    text
}

/// The seed in a program, with its `bind` address as the listener `front`, and with a runtime
/// socket to look at states.
fn start(program: &Program, text: String, servers: &[(&str, &Origin)]) -> ProxyBuilder {
    let text = format!("global\n    stats socket <runtime> level admin\n\n{text}");
    let mut builder = Proxy::of(program.clone(), text)
        .listener("front")
        .unix_listener("runtime");
    for (name, origin) in servers {
        builder = builder.with(name, origin.address());
    }
    builder
}

/// How many of `count` requests on separate connections each server answered.
fn share(proxy: &Proxy, head: &dyn Fn(usize) -> String, count: usize) -> BTreeMap<String, usize> {
    let mut by_server = BTreeMap::new();
    for n in 0..count {
        let response = Client::exchange(proxy.address("front"), &head(n));
        assert_eq!(response.status, 200);
        *by_server.entry(response.server().to_owned()).or_default() += 1;
    }
    by_server
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: www.example.com\r\n\r\n")
}

mod acl_farms;
mod algorithms;
mod asg_template;
mod checks;
mod cookies;
mod elb;

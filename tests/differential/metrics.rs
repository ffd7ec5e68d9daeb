//! Metrics for Prometheus: names, labels, kinds and order are the reference's. What a metric means
//! is said in each program's own words, and values are those of other tests' columns.

use std::fmt::Write;
use std::path::Path;

use support::proxy::Program;
use support::{Client, Proxy, program};

use super::*;

const CONFIG: &str = "global
    stats socket <runtime> level admin
    description all of it
defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 2s
frontend fe
    bind <fe>
    option socket-stats
    description the way in
    http-request use-service prometheus-exporter
    default_backend be
frontend raw
    mode tcp
    bind <raw>
    default_backend rawbe
backend be
    balance roundrobin
    stick-table type ip size 100 expire 10s store gpc0
    server checked 127.0.0.1:1 check agent-check agent-port 2
    server off 127.0.0.1:1 disabled
    server plain 127.0.0.1:1
backend rawbe
    mode tcp
    server one 127.0.0.1:1 maxconn 5
backend empty
";

/// Queries, in the order of the expectation.
const QUERIES: &[&str] = &[
    "scope=global&scope=frontend&scope=listener&scope=backend&scope=server&scope=sticktable",
    "desc-labels&no-maint&metrics=haproxy_process_nbproc,haproxy_frontend_status,haproxy_server_weight",
    "metrics=-haproxy_server_status,haproxy_backend_agg_check_status",
    "scope=backend&scope=&scope=listener",
    "extra-counters&scope=frontend&scope=listener&scope=backend&scope=server&metrics=\
     -haproxy_server_check_status,-haproxy_server_agent_status,-haproxy_backend_agg_check_status",
];

/// A program with a server whose two checks have failed.
pub(super) fn started(program: Program) -> Proxy {
    let proxy = Proxy::of(program, CONFIG)
        .listener("fe")
        .listener("raw")
        .unix_listener("runtime")
        .start();
    support::eventually(
        "both checks have ended",
        std::time::Duration::from_secs(60),
        || {
            proxy.runtime("show stat").lines().any(|line| {
                line.starts_with("be,checked,")
                    && line.contains("DOWN")
                    && line.matches("L4CON").count() >= 2
            })
        },
    );
    proxy
}

/// What a program answers, without values and meanings.
fn shape(program: Program) -> String {
    let proxy = started(program);
    let mut shape = String::new();
    for query in QUERIES {
        let answer = Client::fetch(proxy.address("fe"), &format!("/?{query}"));
        let _ = writeln!(shape, "query {query}: {}", answer.status);
        for line in answer
            .text()
            .lines()
            .filter(|line| !line.starts_with("# HELP"))
        {
            let kept = match line.starts_with('#') {
                true => line,
                false => line.rsplit_once(' ').map_or(line, |(series, _)| series),
            };
            let _ = writeln!(shape, "{kept}");
        }
    }
    shape
}

#[test]
fn names_labels_and_kinds_are_the_reference_s() {
    compare("metrics.txt", shape);
}

/// Compares what both programs show with what the reference's 3.4 has shown.
pub(super) fn compare(name: &str, shape: impl Fn(Program) -> String) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(DIRECTORY);
    let file = directory.join(name);
    if !program::haproxy_is_old() {
        let reference = shape(Program::Haproxy);
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(&file, &reference).expect("the expectation can be written");
        }
        let expected = std::fs::read_to_string(&file).expect("an expectation");
        assert!(reference == expected, "the reference does otherwise");
    }
    let expected = std::fs::read_to_string(&file).expect("an expectation");
    let ours = shape(Program::Lbd);
    for (at, (ours, expected)) in ours.lines().zip(expected.lines()).enumerate() {
        assert_eq!(ours, expected, "line {}", at + 1);
    }
    assert_eq!(ours.lines().count(), expected.lines().count());
}

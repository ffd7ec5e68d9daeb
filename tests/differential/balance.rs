//! For the same configuration and keys the same servers as HAProxy's, with four workers.

use std::collections::BTreeMap;

use support::proxy::Program;
use support::{Client, Origin, Proxy};

const SERVERS: [&str; 4] = ["a", "b", "c", "d"];

/// The server of each request: `n` makes the request of number n, on a connection of its own.
fn sequence(
    program: &Program,
    lines: &str,
    origins: &BTreeMap<&str, Origin>,
    request: &dyn Fn(usize) -> String,
) -> Vec<String> {
    let config = format!(
        "global
    nbthread 4
    stats socket <runtime> level admin
defaults
    mode http
    timeout connect 2s
    timeout client 5s
    timeout server 5s
frontend fe
    bind <fe>
    default_backend be
backend be
{lines}
"
    );
    let mut builder = Proxy::of(program.clone(), config).listener("fe");
    for (name, origin) in origins {
        builder = builder.with(name, origin.address());
    }
    let proxy = builder.start();
    (0..40)
        .map(|n| {
            let response = Client::exchange(proxy.address("fe"), &request(n));
            match response.status {
                200 => response.server().to_owned(),
                status => status.to_string(),
            }
        })
        .collect()
}

fn same(lines: &str, request: &dyn Fn(usize) -> String) -> Vec<String> {
    let origins: BTreeMap<_, _> = SERVERS.iter().map(|&s| (s, Origin::http(s))).collect();
    let reference = sequence(&Program::Haproxy, lines, &origins, request);
    let ours = sequence(&Program::Lbd, lines, &origins, request);
    assert_eq!(ours, reference, "{lines}");
    ours
}

fn plain(n: usize) -> String {
    format!("GET /{n} HTTP/1.1\r\nHost: h\r\nConnection: close")
}

/// Servers with weights, ids as they come.
fn servers(weights: [u16; 4]) -> String {
    let lines = SERVERS.iter().zip(weights);
    lines
        .map(|(name, weight)| format!("    server {name} <{name}> weight {weight}\n"))
        .collect()
}

#[test]
fn turns_are_taken_in_the_reference_s_order() {
    for algorithm in ["roundrobin", "static-rr", "first"] {
        for weights in [[1, 1, 1, 1], [1, 2, 3, 4], [10, 1, 100, 7], [3, 0, 5, 1]] {
            let text = format!("    balance {algorithm}\n{}", servers(weights));
            let seen = same(&text, &plain);
            let all = seen.iter().collect::<std::collections::BTreeSet<_>>();
            assert!(algorithm == "first" || all.len() >= 3, "{seen:?}");
        }
    }
}

#[test]
fn keys_go_to_the_reference_s_servers() {
    let request = |n: usize| {
        let k = n * 7919 % 1013;
        format!(
            "GET /a/b{k}/c{n}/d?user=u{k}&x={n} HTTP/1.1\r\nHost: h{k}.example.com\r\nX-Key: \
             key-{k}\r\nConnection: close"
        )
    };
    let keys = [
        "uri",
        "uri whole",
        "uri len 6",
        "uri depth 2",
        "url_param user",
        "hdr(x-key)",
        "hdr(host) use_domain_only",
        "source",
        "hash req.hdr(x-key)",
        "hash path,crc32",
        "hash src",
    ];
    let types = [
        "map-based",
        "consistent",
        "map-based djb2",
        "consistent wt6 avalanche",
        "map-based crc32 avalanche",
    ];
    for (at, key) in keys.iter().enumerate() {
        // `hash` came with 2.6.
        for (number, hash_type) in types.iter().enumerate() {
            // Each key with two types, all types over all keys.
            if number != at % types.len() && number != (at + 2) % types.len() {
                continue;
            }
            let text = format!(
                "    balance {key}\n    hash-type {hash_type}\n{}",
                servers([1, 2, 3, 4])
            );
            same(&text, &request);
        }
    }
}

#[test]
fn keys_that_are_missing_go_where_the_reference_sends_them() {
    for key in ["url_param user", "hdr(x-key)", "hash req.hdr(x-key)"] {
        let text = format!("    balance {key}\n{}", servers([1, 1, 1, 1]));
        same(&text, &plain);
    }
}

#[test]
fn consistent_hashing_survives_a_lost_server_as_in_the_reference() {
    let request = |n: usize| format!("GET /page{n} HTTP/1.1\r\nHost: h\r\nConnection: close");
    for disabled in ["b", "d"] {
        let mut text = "    balance uri\n    hash-type consistent\n".to_owned();
        for name in SERVERS {
            let state = if name == disabled { " disabled" } else { "" };
            text.push_str(&format!("    server {name} <{name}>{state}\n"));
        }
        same(&text, &request);
        same(&text.replace("consistent", "map-based"), &request);
    }
}

#[test]
fn backups_serve_as_in_the_reference() {
    let backups = "    server c <c> backup\n    server d <d> backup\n";
    let down = "    server a <a> disabled\n    server b <b> disabled\n";
    let down = format!("    balance roundrobin\n{down}");
    same(&format!("{down}{backups}"), &plain);
    same(&format!("    option allbackups\n{down}{backups}"), &plain);
    same(
        &format!("    balance roundrobin\n    server a <a>\n    server b <b>\n{backups}"),
        &plain,
    );
}

//! Every line of a `peers` section beside the reference: the same are taken, the same are refused.

use super::*;

/// Lines of a section in which node A is called at `<a>`, unless they say so themselves, good and bad
/// ones.
const LINES: &[&str] = &[
    "peer A 127.0.0.1:<pa>",
    "peer A 127.0.0.1:<pa>\n    peer B 127.0.0.1:<pb>",
    "peer A 127.0.0.1:<pa> shard 1\n    peer B 127.0.0.1:<pb> shard 2\n    shards 2",
    "peer A 127.0.0.1:<pa>\n    peer B 127.0.0.1:<pb> shard 3\n    shards 2",
    "shards",
    "shards 0",
    "shards x",
    "peer A 127.0.0.1",
    "peer A 127.0.0.1:<pa>\n    peer B 127.0.0.1",
    "peer A 127.0.0.1:<pa>\n    peer A 127.0.0.1:<pb>",
    "peer B 127.0.0.1:<pb>",
    "peer A 127.0.0.1:<pa> what",
    "peer A 127.0.0.1:<pa>\n    peer B 127.0.0.1:<pb> what",
    "peer A 127.0.0.1:<pa>\n    peer B nowhere.invalid:<pb>",
    "peer A 127.0.0.1:<pa>\n    peer B unix@/tmp/no-such-peer.sock",
    "bind 127.0.0.1:<pa>\n    server A\n    server B 127.0.0.1:<pb>",
    "bind 127.0.0.1:<pa>\n    peer A\n    peer B 127.0.0.1:<pb>",
    "bind 127.0.0.1:<pa>\n    server A 127.0.0.1:<pa>\n    server B 127.0.0.1:<pb>",
    "bind 127.0.0.1:<pa>\n    bind 127.0.0.1:<pb>\n    server A",
    "bind 127.0.0.1",
    "bind 127.0.0.1:<pa> what\n    server A",
    "bind 127.0.0.1:<pa>",
    "server A\n    server B 127.0.0.1:<pb>",
    "default-bind v4v6\n    bind 127.0.0.1:<pa>\n    server A",
    "default-bind what\n    bind 127.0.0.1:<pa>\n    server A",
    "default-bind",
    "default-server what\n    bind 127.0.0.1:<pa>\n    server A",
    "default-server",
    "peer A 127.0.0.1:<pa>\n    log 127.0.0.1:514 local0",
    "peer A 127.0.0.1:<pa>\n    log 127.0.0.1:514 local0 notice",
    "peer A 127.0.0.1:<pa>\n    log global",
    "peer A 127.0.0.1:<pa>\n    log",
    "peer A 127.0.0.1:<pa>\n    log 127.0.0.1:514 nowhere",
    "peer A 127.0.0.1:<pa>\n    table t type ip size 10",
    "peer A 127.0.0.1:<pa>\n    table t type string len 20 size 1k expire 10s store gpc0,conn_rate(1s)",
    "peer A 127.0.0.1:<pa>\n    table t type ip size 10\n    table t type ip size 10",
    "peer A 127.0.0.1:<pa>\n    table t type ip size 10\n    table u type ip size 10 write-to P/t",
    "peer A 127.0.0.1:<pa>\n    table t type ip size 10 peers P",
    "peer A 127.0.0.1:<pa>\n    table t type ip",
    "peer A 127.0.0.1:<pa>\n    table t",
    "peer A 127.0.0.1:<pa>\n    table",
    "table t type ip size 10",
    "disabled\n    peer A 127.0.0.1:<pa>",
    "enabled\n    peer A 127.0.0.1:<pa>",
    "disabled",
    "peer A 127.0.0.1:<pa>\n    stick-table type ip size 10",
    "peer A 127.0.0.1:<pa>\n    mode http",
    "peer A 127.0.0.1:<pa>\n    what",
];

/// What the reference takes with a warning, or passes over: here it is said what is wrong.
const TAKEN_BY_HAPROXY_ONLY: &[&str] = &[
    "peer A 127.0.0.1:<pa>\n    peer B 127.0.0.1:<pb> shard x\n    shards 2",
    "peer",
    "peer A",
    "peer A 127.0.0.1:<pa>\n    peer B",
    "bind",
    "server",
    "default-server inter 1s\n    bind 127.0.0.1:<pa>\n    server A\n    server B 127.0.0.1:<pb>",
    "disabled what\n    peer A 127.0.0.1:<pa>",
];

/// What is plain here: a `server` line with an address is a `peer` line, and a table of a section that
/// was removed is not shared.
const TAKEN_BY_LBD_ONLY: &[&str] = &["server A 127.0.0.1:<pa>\n    server B 127.0.0.1:<pb>", ""];

/// The section's name and how a table names it.
const HEADS: &[(&str, &str)] = &[
    ("peers P", "peers P"),
    ("peers", "peers P"),
    ("peers P Q", "peers P"),
    ("peers P", "peers Q"),
    ("peers P\npeers P", "peers P"),
];

fn verdict(program: &Program, (head, reference): (&str, &str), lines: &str) -> (bool, String) {
    let lines = lines.replace("<pa>", "10901").replace("<pb>", "10902");
    let text = format!(
        "global\n    localpeer A\n    stats socket <runtime> level admin\ndefaults\n    mode http\n    timeout client 5s\n    \
         timeout connect 1s\n    timeout server 1s\n{head}\n    {lines}\nbackend own\n    stick-table type ip \
         size 10 {reference}\nlisten web\n    bind <front>\n    http-request return status 200\n"
    );
    let exit = Proxy::of(program.clone(), text).listener("front").check();
    (exit.code == Some(0), exit.stderr)
}

#[test]
fn the_same_lines_of_a_section_are_refused() {
    if program::haproxy_is_old() {
        return;
    }
    let mut differing = Vec::new();
    let heads = HEADS.iter().map(|head| (*head, LINES[0]));
    let lines = LINES
        .iter()
        .chain(TAKEN_BY_HAPROXY_ONLY)
        .chain(TAKEN_BY_LBD_ONLY);
    let lines = lines.map(|lines| (HEADS[0], *lines));
    for (head, lines) in heads.chain(lines) {
        let (theirs, said) = verdict(&Program::Haproxy, head, lines);
        let (ours, ours_said) = verdict(&Program::Lbd, head, lines);
        let differs = [TAKEN_BY_HAPROXY_ONLY, TAKEN_BY_LBD_ONLY]
            .iter()
            .any(|known| known.contains(&lines));
        if (theirs != ours) != differs {
            differing.push(format!(
                "taken by HAProxy: {theirs}, by lbd: {ours}: {head:?} {lines}\n{said}{ours_said}"
            ));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn a_section_that_takes_part_is_enough_to_start() {
    if program::haproxy_is_old() {
        return;
    }
    for (lines, code) in [
        ("peer A 127.0.0.1:10901\n    peer B 127.0.0.1:10902", 0),
        ("disabled\n    peer A 127.0.0.1:10901", 2),
        ("peer B 127.0.0.1:10902", 2),
    ] {
        for program in [Program::Haproxy, Program::Lbd] {
            let text = format!("global\n    localpeer A\npeers P\n    {lines}\n");
            let exit = Proxy::of(program.clone(), text).check();
            assert_eq!(exit.code, Some(code), "{program:?} {lines} {}", exit.stderr);
        }
    }
}

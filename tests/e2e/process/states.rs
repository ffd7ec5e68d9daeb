//! Server state files: what one process saved another one starts with, whichever program it was.

use super::*;

fn text(file: &str) -> String {
    format!(
        "global
    stats socket <runtime> level admin
{file}
{TIMEOUTS}
    load-server-state-from-file {}
frontend web
    bind <front>
    default_backend app
backend app
    server s1 <s1> weight 10
    server s2 <s1> weight 10
    server s3 <s1> disabled
    server s4 <s1> check inter 1h
    server s5 <s1> check inter 1h rise 3 fall 4
",
        if file.is_empty() { "none" } else { "global" }
    )
}

fn start_from(program: &Program, states: Option<&str>, origin: &Origin) -> Proxy {
    let file = states.map_or("", |_| "    server-state-file <dir>/states");
    Proxy::of(program.clone(), text(file))
        .listener("front")
        .unix_listener("runtime")
        .file("states", states.unwrap_or_default())
        .with("s1", origin.address())
        .start()
}

/// Name, operational state, administrative state, weights, address and port of each server.
fn states(proxy: &Proxy) -> Vec<String> {
    let dump = proxy.runtime("show servers state");
    let lines = dump.lines().filter(|line| line.contains(" app "));
    lines
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            [3, 5, 6, 7, 8, 4, 18].map(|at| words[at]).join(" ")
        })
        .collect()
}

#[test]
fn a_saved_state_is_taken_over_from_either_program_by_either() {
    let origin = Origin::http("s1");
    for saver in [Program::Haproxy, Program::Lbd] {
        let first = start_from(&saver, None, &origin);
        for command in [
            "set server app/s1 weight 3",
            "set server app/s1 state maint",
            "set server app/s2 state drain",
            "set server app/s3 state ready",
            "set server app/s4 health down",
            "disable health app/s5",
            "set server app/s5 health stopping",
        ] {
            first.runtime(command);
        }
        let saved = states(&first);
        let dump = first.runtime("show servers state");
        drop(first);
        for reader in [Program::Haproxy, Program::Lbd] {
            let second = start_from(&reader, Some(&dump), &origin);
            assert_eq!(states(&second), saved, "{reader:?} after {saver:?}\n{dump}");
            // One of five serves: the others are down, drained or in maintenance.
            let status = Client::fetch(second.address("front"), "/").status;
            assert_eq!(status, 200, "{reader:?} after {saver:?}");
            second.runtime("set server app/s3 state maint");
            second.runtime("set server app/s5 state maint");
            let status = Client::fetch(second.address("front"), "/").status;
            assert_eq!(status, 503, "{reader:?} after {saver:?}");
        }
    }
}

#[test]
fn the_first_start_without_a_file_is_no_fault() {
    let origin = Origin::http("s1");
    on_both(|program| {
        let proxy = Proxy::of(
            program.clone(),
            text("    server-state-file /nowhere/states"),
        )
        .listener("front")
        .unix_listener("runtime")
        .with("s1", origin.address())
        .start();
        proxy.wait_stderr("Can't open global server state file '/nowhere/states'");
        assert_eq!(Client::fetch(proxy.address("front"), "/").status, 200);
    });
}

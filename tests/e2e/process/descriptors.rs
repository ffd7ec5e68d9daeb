//! Running out of descriptors: clients wait or are closed, nothing ends, and it is told.

use std::fs;
use std::process::Command;

use support::SyslogSink;

use super::*;

fn open_descriptors(proxy: &Proxy) -> usize {
    let directory = format!("/proc/{}/fd", proxy.pid());
    let numbers = fs::read_dir(directory).expect("descriptors").flatten();
    let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.max().map_or(0, |highest: usize| highest + 1)
}

/// Sets how many descriptors the running process may have.
fn limit(proxy: &Proxy, descriptors: usize) {
    let done = Command::new("prlimit")
        .arg(format!("--nofile={descriptors}:{descriptors}"))
        .args(["--pid", &proxy.pid().to_string()])
        .status();
    assert!(done.expect("prlimit of util-linux").success());
}

#[test]
fn a_want_of_descriptors_is_told_and_passes() {
    let origin = Origin::http("s1");
    on_both(|program| {
        let sink = SyslogSink::udp();
        let text = simple()
            .replace("global\n", "global\n    log <sink> local0\n")
            .replace("    mode http\n", "    mode http\n    log global\n");
        let mut proxy = Proxy::of(program.clone(), text)
            .listener("front")
            .unix_listener("runtime")
            .with("s1", origin.address())
            .with("sink", sink.address())
            .start();
        // Once everything that a request needs has been set up.
        assert_eq!(Client::fetch(proxy.address("front"), "/").status, 200);
        limit(&proxy, open_descriptors(&proxy) + 4);
        let clients: Vec<_> = (0..80)
            .map(|_| Client::connect(proxy.address("front")))
            .collect();
        // The words are those of 3.4; 2.6 leaves the clients waiting and says nothing.
        if *program == Program::Lbd {
            let line = sink.wait_line("reached process FD limit");
            assert!(line.message().starts_with("Proxy web "), "{line}");
            assert_eq!(line.priority().map(|number| number % 8), Some(0));
        }
        drop(clients);
        eventually("clients are served again", Duration::from_secs(10), || {
            let mut client = Client::connect(proxy.address("front"));
            let asked = client.try_send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            asked.is_ok()
                && client
                    .try_response("GET")
                    .is_ok_and(|answer| answer.status == 200)
        });
        assert!(proxy.is_running(), "{program:?}");
        if *program == Program::Lbd {
            limit(&proxy, open_descriptors(&proxy) + 100);
            let info = proxy.runtime("show info");
            let reached = info
                .lines()
                .find_map(|line| line.strip_prefix("MaxconnReached: "));
            assert!(reached.is_some_and(|count| count != "0"), "{info}");
        }
    });
}

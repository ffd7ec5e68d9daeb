//! What runs out: descriptors, and connections, sessions and handshakes within a second.

use std::time::{Duration, Instant};

use support::proxy::Program;
use support::{Client, Origin, Proxy, Reply, SyslogSink, eventually};

/// Descriptors of the process: more than both programs need for themselves.
const DESCRIPTORS: u32 = 60;
/// More than the descriptors that are left.
const CLIENTS: usize = 64;
const PATIENCE: Duration = Duration::from_secs(10);

fn ask(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n")
}

#[test]
fn without_descriptors_accepting_pauses_and_goes_on() {
    for program in [Program::Haproxy, Program::Lbd] {
        let (origin, log) = (Origin::http("s1"), SyslogSink::udp());
        let config = "global
    nbthread 1
    no strict-limits
    maxconn 200
    stats socket <runtime> level admin
    log <log> local0
defaults
    mode http
    log global
    timeout connect 2s
    timeout client 30s
    timeout server 30s
frontend fe
    bind <fe>
    default_backend be
backend be
    http-reuse never
    server s1 <s1>
";
        let mut proxy = Proxy::of(program.clone(), config)
            .listener("fe")
            .with("s1", origin.address())
            .with("log", log.address())
            .descriptors(DESCRIPTORS)
            .start();
        let address = proxy.address("fe");
        let mut first = Client::connect(&address);
        first.send(ask("/first"));
        assert_eq!(first.response().status, 200, "{program:?}");
        let mut crowd: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let mut client = Client::connect(&address).with_timeout(PATIENCE);
                client.send(ask("/crowd"));
                client
            })
            .collect();
        let tells = "Proxy fe reached process FD limit";
        eventually("the shortage is logged", PATIENCE, || {
            log.lines().iter().any(|line| {
                // Emergency, of facility local0.
                line.priority() == Some(128) && line.message().contains(tells)
            })
        });
        first.send(ask("/goes-on"));
        assert_eq!(
            first.response().status,
            200,
            "{program:?}: who is there stays"
        );
        let mut last = crowd.pop().expect("a crowd");
        drop(crowd);
        assert_eq!(
            last.response().status,
            200,
            "{program:?}: who waited is served"
        );
        assert_eq!(Client::fetch(&address, "/after").status, 200, "{program:?}");
        assert!(proxy.is_running(), "{program:?}");
        if program == Program::Lbd {
            let info = proxy.runtime("show info");
            let reached = info
                .lines()
                .find(|line| line.starts_with("MaxconnReached:"));
            assert_ne!(reached, Some("MaxconnReached: 0"), "it is counted");
        }
    }
}

/// The value of a line of `show info`.
fn info(proxy: &Proxy, name: &str) -> u32 {
    let text = proxy.runtime("show info");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.and_then(|value| value.parse().ok())
        .unwrap_or_else(|| panic!("no {name} in {text}"))
}

#[test]
fn more_than_so_many_a_second_wait_and_are_served_all() {
    let limits = [
        ("maxconnrate 5", "", "MaxConnRate"),
        ("maxsessrate 5", "", "MaxSessRate"),
        ("", "rate-limit sessions 5", "MaxSessRate"),
    ];
    for (global, frontend, peak) in limits {
        for program in [Program::Haproxy, Program::Lbd] {
            let origin = Origin::http("s1");
            let config = format!(
                "global
    nbthread 4
    stats socket <runtime> level admin
    {global}
defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s
frontend fe
    bind <fe>
    {frontend}
    default_backend be
backend be
    server s1 <s1>
"
            );
            let proxy = Proxy::of(program.clone(), config)
                .listener("fe")
                .with("s1", origin.address())
                .start();
            let address = proxy.address("fe");
            let begun = Instant::now();
            let mut clients: Vec<_> = (0..14)
                .map(|n| {
                    let mut client = Client::connect(&address).with_timeout(PATIENCE);
                    client.send(ask(&format!("/{n}")));
                    client
                })
                .collect();
            for client in &mut clients {
                assert_eq!(
                    client.response().status,
                    200,
                    "{program:?} {global}{frontend}"
                );
            }
            let seen = info(&proxy, peak);
            assert_ne!(seen, 0, "{program:?} {global}{frontend}");
            // The reference looks at the rate once and then may take all. With five a second the
            // last of fourteen comes in the third.
            if program == Program::Lbd {
                let took = begun.elapsed();
                assert!(
                    took >= Duration::from_secs(1),
                    "{global}{frontend}: {took:?}"
                );
            }
        }
    }
}

/// `RC`, which the reference calls `SC` against its manual: nothing is left to connect from.
#[test]
fn without_source_ports_a_stream_ends_for_want_of_a_local_resource() {
    let origin = Origin::answering("s1", |_, _| Reply::silence());
    let log = SyslogSink::udp();
    let config = "global
    nbthread 1
    log <log> local0
defaults
    mode http
    log global
    log-format \"%ts %r\"
    retries 0
    timeout connect 30s
    timeout client 30s
    timeout server 30s
frontend fe
    bind <fe>
    default_backend be
backend be
    server s1 <s1> source 127.0.0.1:<port>-<port>
";
    let proxy = Proxy::lbd(config)
        .listener("fe")
        .with("s1", origin.address())
        .with("log", log.address())
        .with("port", support::free_port())
        .start();
    let address = proxy.address("fe");
    let mut first = Client::connect(&address);
    first.send(ask("/1"));
    origin.wait_requests(1);
    let second = Client::connect(&address).with_timeout(PATIENCE).get("/2");
    assert_eq!(second.status, 503);
    log.wait_line("RC GET /2");
}

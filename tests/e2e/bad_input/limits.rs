//! What is bounded: descriptors and memory.

use std::fs;
use std::time::Duration;

use support::proxy::Program;
use support::{Client, Origin, Proxy, eventually};

fn resident_kib(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = text.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.and_then(|n| n.parse().ok()).expect("a size in KiB")
}

fn config(global: &str) -> String {
    format!(
        "global
    stats socket <runtime> level admin
{global}
defaults
    mode http
    timeout connect 2s
    timeout client 10s
    timeout server 5s
frontend fe
    bind <fe>
    default_backend be
backend be
    server s1 <s1>
"
    )
}

fn start(program: &Program, global: &str) -> (Proxy, Origin) {
    let origin = Origin::http("s1");
    let proxy = Proxy::of(program.clone(), config(global))
        .listener("fe")
        .with("s1", origin.address())
        .start();
    (proxy, origin)
}

#[test]
fn connections_above_maxconn_wait_and_are_served_later() {
    for program in [Program::Haproxy, Program::Lbd] {
        let (proxy, _origin) = start(&program, "    maxconn 10");
        let address = proxy.address("fe");
        let mut held: Vec<_> = (0..10).map(|_| Client::connect(&address)).collect();
        for client in &mut held {
            assert_eq!(client.get("/").status, 200, "{program:?}");
        }
        let mut waiting = Client::connect(&address).with_timeout(Duration::from_millis(300));
        waiting.send("GET /waiting HTTP/1.1\r\nHost: h\r\n\r\n");
        assert!(
            waiting.try_response("GET").is_err(),
            "{program:?}: no room yet"
        );
        held.truncate(5);
        let mut waiting = waiting.with_timeout(Duration::from_secs(5));
        assert_eq!(waiting.response().status, 200, "{program:?}");
        drop(held);
        assert_eq!(Client::fetch(&address, "/after").status, 200, "{program:?}");
    }
}

#[test]
fn hostile_clients_do_not_make_it_grow() {
    let (mut proxy, _origin) = start(&Program::Lbd, "    nbthread 1");
    let address = proxy.address("fe");
    let flood = |rounds: usize| {
        for n in 0..rounds {
            let mut client = Client::connect(&address);
            let bytes = match n % 4 {
                0 => vec![b'x'; 64 << 10],
                1 => format!("GET / HTTP/1.1\r\nHost: h\r\nX: {}", "y".repeat(60_000)).into_bytes(),
                2 => b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5, 6\r\n\r\n".to_vec(),
                _ => b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
                    .to_vec(),
            };
            // The proxy may have closed already.
            let _ = client.try_send(bytes);
            let _ = client.try_response("GET");
        }
    };
    flood(200);
    let before = resident_kib(proxy.pid());
    flood(800);
    let after = resident_kib(proxy.pid());
    assert!(after < before + 4096, "from {before} to {after} KiB");
    assert!(proxy.is_running());
    assert_eq!(Client::fetch(&address, "/after").status, 200);
}

#[test]
fn many_slow_heads_cost_little_each() {
    let (proxy, _origin) = start(&Program::Lbd, "    nbthread 1");
    let address = proxy.address("fe");
    let before = resident_kib(proxy.pid());
    let mut clients: Vec<_> = (0..200).map(|_| Client::connect(&address)).collect();
    for client in &mut clients {
        client.send("GET / HTTP/1.1\r\nHost: h\r\nX-Slow: ");
    }
    eventually("all are there", Duration::from_secs(5), || {
        proxy.runtime("show info").contains("CurrConns: 20")
    });
    let after = resident_kib(proxy.pid());
    // A buffer of 16 KiB each and as much again for everything else.
    assert!(after < before + 200 * 32, "from {before} to {after} KiB");
    for client in &mut clients {
        client.send("1\r\n\r\n");
        assert_eq!(client.response().status, 200);
    }
}

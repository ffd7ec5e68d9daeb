//! Which connection to a server a request may have: those of another client's address, PROXY
//! header or name are never taken, and limits on their number and on rewriting hold.

#[path = "support/all.rs"]
mod support;

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use support::Proxy;
use support::config::load;
use support::net::{Client, read_request, serve};

/// A server that answers each request with its number on the connection.
fn counting() -> SocketAddr {
    serve(|mut stream| {
        let mut count = 0;
        while read_request(&mut stream).is_some() {
            count += 1;
            let body = count.to_string();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            let _ = stream.write_all((head + &body).as_bytes());
        }
    })
}

fn start(front: &str, back: &str, servers: &[(SocketAddr, &str)], workers: usize) -> Proxy {
    let servers: String = servers
        .iter()
        .zip(1..)
        .map(|((addr, options), n)| format!("    server s{n} {addr} {options}\n"))
        .collect();
    let text = format!(
        "defaults\n    mode http\n    timeout client 5s\n    timeout connect 2s\n    \
         timeout server 5s\nfrontend fe\n    bind 127.0.0.1:1\n{front}    default_backend be\n\
         backend be\n    balance roundrobin\n{back}{servers}"
    );
    Proxy::start(load(&text), workers)
}

#[test]
fn a_connection_with_a_proxy_header_serves_its_client_only() {
    let proxy = start(
        "",
        "    http-reuse always\n",
        &[(counting(), "send-proxy")],
        1,
    );
    let mut one = Client::connect(proxy.addr);
    let mut other = Client::connect(proxy.addr);
    assert_eq!(
        (one.get("/").text(), other.get("/").text()),
        ("1".into(), "1".into())
    );
    assert_eq!(
        (one.get("/").text(), other.get("/").text()),
        ("2".into(), "2".into())
    );
    assert_eq!(Client::connect(proxy.addr).get("/").text(), "1");
}

#[test]
fn a_request_with_another_proxy_header_gets_another_connection() {
    let proxy = start(
        "    http-request set-src hdr(x-src)\n",
        "    http-reuse always\n",
        &[(counting(), "send-proxy")],
        1,
    );
    let mut client = Client::connect(proxy.addr);
    let mut get = |src: &str| {
        client.send(format!("GET / HTTP/1.1\r\nhost: t\r\nx-src: {src}\r\n\r\n"));
        client.response().text()
    };
    let (a, b) = ("192.0.2.1", "192.0.2.2");
    assert_eq!([get(a), get(b), get(a), get(b)], ["1", "1", "2", "2"]);
}

#[test]
fn a_connection_to_a_mapped_port_serves_that_port_only() {
    let (first, second) = (counting(), counting());
    let server = SocketAddr::new(first.ip(), 0);
    let rules = "    http-request set-dst-port hdr(x-port)\n";
    let mapped = format!("    http-reuse always\n    server s {}\n", server.ip());
    let proxy = start(rules, &mapped, &[], 1);
    let get = |port: u16| {
        let mut client = Client::connect(proxy.addr);
        client.send(format!(
            "GET / HTTP/1.1\r\nhost: t\r\nx-port: {port}\r\n\r\n"
        ));
        client.response().text()
    };
    assert_eq!(get(first.port()), "1");
    assert_eq!(get(second.port()), "1");
    assert_eq!(get(first.port()), "2");
}

#[test]
fn a_connection_with_a_name_serves_requests_of_that_name() {
    let proxy = start(
        "",
        "    http-reuse always\n",
        &[(counting(), "pool-conn-name hdr(host)")],
        1,
    );
    let get = |host: &str| {
        let mut client = Client::connect(proxy.addr);
        client.send(format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n"));
        client.response().text()
    };
    assert_eq!([get("a"), get("a")], ["1", "2"]);
    assert_eq!(get("b"), "1");
    assert_eq!(get("a"), "3");
}

#[test]
fn a_session_keeps_as_many_own_connections_as_it_may() {
    for (limit, wanted) in [("5", ["1", "1", "2", "2"]), ("1", ["1", "1", "2", "1"])] {
        let proxy = start(
            &format!("    max-session-srv-conns {limit}\n"),
            "    http-reuse never\n",
            &[(counting(), ""), (counting(), "")],
            1,
        );
        let mut client = Client::connect(proxy.addr);
        let got: Vec<String> = (0..4).map(|_| client.get("/").text()).collect();
        assert_eq!(got, wanted, "limit {limit}");
    }
}

/// A server that counts its open connections and the most at once.
fn watched(auth: bool) -> (SocketAddr, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let (open, most) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let counts = (Arc::clone(&open), Arc::clone(&most));
    let addr = serve(move |mut stream| {
        let now = counts.0.fetch_add(1, SeqCst) + 1;
        counts.1.fetch_max(now, SeqCst);
        let head: &[u8] = match auth {
            true => b"HTTP/1.1 401 Who\r\nwww-authenticate: NTLM\r\ncontent-length: 0\r\n\r\n",
            false => b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        };
        while read_request(&mut stream).is_some() {
            let _ = stream.write_all(head);
        }
        counts.0.fetch_sub(1, SeqCst);
    });
    (addr, open, most)
}

#[test]
fn idle_connections_make_room_for_others_under_a_strict_limit() {
    for workers in [1, 2] {
        let (addr, _, most) = watched(false);
        // `safe`: each first request wants a connection of its own.
        let proxy = start("", "", &[(addr, "maxconn 2 strict-maxconn")], workers);
        let mut clients: Vec<Client> = (0..20).map(|_| Client::connect(proxy.addr)).collect();
        for client in &mut clients {
            assert_eq!(client.get("/").status, 200);
        }
        // The server may hear of a close after the next connection.
        assert!(most.load(SeqCst) <= 4, "{workers} workers: {most:?}");
        let generation = proxy.shared.current();
        let server = generation.proxies[1].servers.get(0).expect("a server");
        let totals = server.counters.totals(proxy.shared.now());
        assert_eq!(totals.connects, 20, "{workers} workers");
        assert!(totals.used <= 2, "{workers} workers: {}", totals.used);
    }
}

#[test]
fn a_strict_limit_that_other_sessions_hold_refuses() {
    let (addr, _, most) = watched(true);
    let proxy = start(
        "",
        "    retries 0\n",
        &[(addr, "maxconn 1 strict-maxconn")],
        1,
    );
    let mut first = Client::connect(proxy.addr);
    assert_eq!(first.get("/").status, 401);
    assert_eq!(Client::connect(proxy.addr).get("/").status, 503);
    assert_eq!(first.get("/").status, 401);
    assert_eq!(most.load(SeqCst), 1);
    drop(first);
    proxy.eventually("the session has ended", |shared| {
        shared.process().connections.get() == 0
    });
    assert_eq!(Client::connect(proxy.addr).get("/").status, 401);
}

#[test]
fn a_buffered_body_leaves_rules_the_room_of_maxrewrite() {
    let field = "x".repeat(60);
    let text = format!(
        "global\n    tune.bufsize 2048\n    tune.maxrewrite 128\ndefaults\n    mode http\n    \
         timeout client 5s\n    timeout connect 2s\n    timeout server 5s\n    \
         option http-buffer-request\nfrontend fe\n    bind 127.0.0.1:1\n    \
         http-request set-header x-1 {field}\n    \
         http-request set-header x-2 {field} if {{ path /two }}\n    \
         http-request strict-mode off if {{ path /lax }}\n    \
         http-request set-header x-2 {field} if {{ path /lax }}\n    default_backend be\n\
         backend be\n    server s {}\n",
        counting()
    );
    let proxy = Proxy::start(load(&text), 1);
    let post = |path: &str, len: usize| {
        let mut client = Client::connect(proxy.addr);
        let body = "b".repeat(len);
        client.send(format!(
            "POST {path} HTTP/1.1\r\nhost: t\r\ncontent-length: {len}\r\n\r\n{body}"
        ));
        client.response().status
    };
    assert_eq!((post("/one", 1950), post("/two", 1950)), (200, 500));
    assert_eq!(post("/lax", 1950), 200);
    assert_eq!(post("/two", 100), 200);
}

/// One client needs one connection at a time, whatever name it asks for: those to other names are
/// kept only when the line allows more than the need.
#[test]
fn connections_beyond_the_need_are_kept_up_to_pool_low_conn() {
    for (extra, expected) in [
        ("", ["1", "1", "1", "2"]),
        (" pool-low-conn 2", ["1", "1", "2", "2"]),
    ] {
        let options = format!("pool-conn-name hdr(x-name){extra}");
        let proxy = start("", "    http-reuse always\n", &[(counting(), &options)], 1);
        let mut client = Client::connect(proxy.addr);
        let mut get = |name: &str| {
            client.send(format!(
                "GET / HTTP/1.1\r\nhost: t\r\nx-name: {name}\r\n\r\n"
            ));
            client.response().text()
        };
        let numbers = [get("a"), get("b"), get("b"), get("a")];
        assert_eq!(numbers, expected, "{options}");
    }
}

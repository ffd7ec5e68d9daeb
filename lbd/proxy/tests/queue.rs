//! Slots, queues, retries and redispatch.

#[path = "support/all.rs"]
mod support;

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lbd_backend::retry::RetryOn;
use lbd_config::config::Mode;
use support::Proxy;
use support::config::config;
use support::net::{Client, hello, nobody, once, read_request, serve};

fn slow(pause: u64) -> SocketAddr {
    serve(move |mut stream| {
        while read_request(&mut stream).is_some() {
            std::thread::sleep(Duration::from_millis(pause));
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
        }
    })
}

#[test]
fn requests_above_maxconn_wait_for_their_turn() {
    let mut config = config(Mode::Http, &[slow(60)]);
    Arc::make_mut(&mut config.proxies[1].backend.servers[0])
        .roster
        .maxconn = 1;
    Arc::make_mut(&mut config.proxies[1].backend.servers[0])
        .roster
        .minconn = 1;
    let proxy = Proxy::start(config, 2);
    let begun = Instant::now();
    let mut clients: Vec<Client> = (0..4).map(|_| Client::connect(proxy.addr)).collect();
    for client in &mut clients {
        client.send("GET / HTTP/1.1\r\nhost: t\r\n\r\n");
    }
    for client in &mut clients {
        assert_eq!(client.response().text(), "ok");
    }
    assert!(
        begun.elapsed() >= Duration::from_millis(240),
        "{:?}",
        begun.elapsed()
    );
    let last = proxy.line(3);
    assert!(!last.ends_with(" 0/0 \"GET / HTTP/1.1\""), "{last}");
}

#[test]
fn a_queue_that_does_not_move_makes_503() {
    let mut config = config(Mode::Http, &[slow(1000)]);
    Arc::make_mut(&mut config.proxies[1].backend.servers[0])
        .roster
        .maxconn = 1;
    Arc::make_mut(&mut config.proxies[1].backend.servers[0])
        .roster
        .minconn = 1;
    config.proxies[1].timeouts.queue = Some(Duration::from_millis(100));
    let proxy = Proxy::start(config, 1);
    let mut first = Client::connect(proxy.addr);
    first.send("GET / HTTP/1.1\r\nhost: t\r\n\r\n");
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(Client::connect(proxy.addr).get("/").status, 503);
    let line = proxy.line(0);
    assert!(line.contains(" 503 0 - - sQ-- "), "{line}");
    assert_eq!(first.response().text(), "ok");
}

#[test]
fn a_client_that_leaves_the_queue_gives_its_place_back() {
    let mut config = config(Mode::Http, &[slow(300)]);
    Arc::make_mut(&mut config.proxies[1].backend.servers[0])
        .roster
        .maxconn = 1;
    Arc::make_mut(&mut config.proxies[1].backend.servers[0])
        .roster
        .minconn = 1;
    let proxy = Proxy::start(config, 1);
    let mut first = Client::connect(proxy.addr);
    first.send("GET / HTTP/1.1\r\nhost: t\r\n\r\n");
    std::thread::sleep(Duration::from_millis(50));
    let mut second = Client::connect(proxy.addr);
    second.send("GET / HTTP/1.1\r\nhost: t\r\n\r\n");
    std::thread::sleep(Duration::from_millis(50));
    drop(second);
    let line = proxy.line(0);
    assert!(line.contains(" CQ-- "), "{line}");
    assert_eq!(first.response().text(), "ok");
    proxy.eventually("the queue is empty", |shared| {
        let view = shared.current().proxies[1].roster.view();
        view.queued == 0 && view.served == 0
    });
}

#[test]
fn a_refused_connection_is_tried_on_another_server() {
    let mut config = config(Mode::Http, &[nobody(), hello("b")]);
    config.proxies[1].backend.redispatch = Some(-1);
    config.proxies[1].backend.roster.redispatch = true;
    let proxy = Proxy::start(config, 1);
    let mut client = Client::connect(proxy.addr);
    assert_eq!(client.get("/").text(), "b");
    let line = proxy.line(0);
    assert!(
        line.contains("fe be/s2 ") && line.contains("/+1 0/0 "),
        "{line}"
    );
    let generation = proxy.shared.current();
    let totals = generation.proxies[1].backend.totals(proxy.shared.now());
    // The one instead of the other, as in the reference.
    assert_eq!((totals.retries, totals.redispatches), (0, 1));
}

#[test]
fn an_empty_answer_is_retried_when_told_to() {
    let mut config = config(Mode::Http, &[once(""), hello("b")]);
    let backend = &mut config.proxies[1].backend;
    backend.retry_on = RetryOn::parse("empty-response").unwrap();
    backend.redispatch = Some(1);
    backend.roster.redispatch = true;
    let proxy = Proxy::start(config, 1);
    let mut client = Client::connect(proxy.addr);
    client.send("POST /echo HTTP/1.1\r\nhost: t\r\ncontent-length: 4\r\n\r\nbody");
    let response = client.response();
    assert!(response.text().ends_with("\r\n\r\nbody"), "{response:?}");
    assert!(proxy.line(0).contains(" 200 "), "{}", proxy.line(0));
}

#[test]
fn a_status_is_retried_when_told_to() {
    let bad = once("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n");
    let mut config = config(Mode::Http, &[bad, hello("b")]);
    let backend = &mut config.proxies[1].backend;
    backend.retry_on = RetryOn::parse("503").unwrap();
    backend.redispatch = Some(1);
    backend.roster.redispatch = true;
    let proxy = Proxy::start(config, 1);
    assert_eq!(Client::connect(proxy.addr).get("/").text(), "b");
}

#[test]
fn a_server_that_closes_idle_connections_costs_no_request() {
    let server = serve(|mut stream| {
        read_request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    });
    let proxy = Proxy::start(config(Mode::Http, &[server]), 1);
    let mut client = Client::connect(proxy.addr);
    for _ in 0..5 {
        assert_eq!(client.get("/").text(), "ok");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn connections_to_servers_are_reused() {
    let server = serve(|mut stream| {
        let mut count = 0;
        while read_request(&mut stream).is_some() {
            count += 1;
            let body = count.to_string();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            let _ = stream.write_all((head + &body).as_bytes());
        }
    });
    let proxy = Proxy::start(config(Mode::Http, &[server]), 1);
    let mut client = Client::connect(proxy.addr);
    let got: Vec<String> = (0..3).map(|_| client.get("/").text()).collect();
    assert_eq!(got, ["1", "2", "3"]);
    // `safe`: the first request of a session takes no connection of another one.
    assert_eq!(Client::connect(proxy.addr).get("/").text(), "1");
    let generation = proxy.shared.current();
    let totals = generation.proxies[1]
        .servers
        .get(0)
        .expect("a server")
        .counters
        .totals(proxy.shared.now());
    assert_eq!((totals.connects, totals.reuses), (2, 2));
}

#[test]
fn a_server_in_maintenance_gets_nothing_and_its_waiters_leave() {
    let config = config(Mode::Http, &[hello("a"), hello("b")]);
    let proxy = Proxy::start(config, 1);
    let generation = proxy.shared.current();
    let server = lbd_core::ServerId(0);
    let maint = lbd_backend::Placement {
        maint: true,
        ..lbd_backend::Placement::running(1)
    };
    generation.proxies[1].place(server, maint, &proxy.shared);
    let mut client = Client::connect(proxy.addr);
    for _ in 0..3 {
        assert_eq!(client.get("/").text(), "b");
    }
}

#[test]
fn no_more_idle_connections_are_kept_than_were_needed_at_once() {
    let proxy = Proxy::start(config(Mode::Http, &[hello("a")]), 1);
    // Each first request of a session opens a connection of its own.
    let mut clients: Vec<Client> = (0..10).map(|_| Client::connect(proxy.addr)).collect();
    for client in &mut clients {
        assert_eq!(client.get("/").text(), "a");
    }
    let generation = proxy.shared.current();
    let server = generation.proxies[1].servers.get(0).expect("a server");
    proxy.eventually("streams have ended", |_| server.streams.get() == 0);
    let totals = server.counters.totals(proxy.shared.now());
    assert_eq!((totals.connects, totals.idle), (10, 1));
}

//! Switches of proxies that change how a stream or a stop goes.

#[path = "support/all.rs"]
mod support;

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use lbd_config::config::{Config, Mode};
use support::Proxy;
use support::config::config;
use support::net::{Client, canned, hello, read_request, serve};

fn start(mode: Mode, server: SocketAddr, change: impl FnOnce(&mut Config)) -> (Proxy, Client) {
    let mut config = config(mode, &[server]);
    change(&mut config);
    let proxy = Proxy::start(config, 1);
    let client = Client::connect(proxy.addr);
    (proxy, client)
}

#[test]
fn a_cacheable_cookie_is_refused_with_checkcache() {
    let answer = "HTTP/1.1 200 OK\r\netag: x\r\nset-cookie: id=1\r\ncontent-length: 2\r\n\r\nok";
    let (proxy, mut client) = start(Mode::Http, canned(answer), |c| {
        c.proxies[1].backend.checkcache = true;
    });
    assert_eq!(client.get("/").status, 502);
    let alert = "Blocking cacheable cookie in response from instance be, server s1.";
    assert_eq!(proxy.line(0), alert);
    let line = proxy.line(1);
    assert!(line.contains(" 502 ") && line.contains(" PH-- "), "{line}");
    let generation = proxy.shared.current();
    let totals = generation.proxies[1].backend.totals(proxy.shared.now());
    assert_eq!(totals.denied_responses, 1);
}

#[test]
fn idle_connections_end_with_a_soft_stop() {
    let (proxy, mut client) = start(Mode::Http, hello("a"), |_| {});
    assert_eq!(client.get("/").status, 200);
    proxy.shared.soft_stop();
    assert!(client.is_closed());
}

#[test]
fn a_last_answer_says_close_with_idle_close_on_response() {
    let (proxy, mut client) = start(Mode::Http, hello("a"), |c| {
        c.proxies[0].frontend.idle_close_on_response = true;
    });
    assert_eq!(client.get("/").header("connection"), None);
    proxy.shared.soft_stop();
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(client.get("/").header("connection"), Some("close"));
    assert!(client.is_closed());
}

#[test]
fn an_infinite_spread_keeps_clients_through_a_soft_stop() {
    let (proxy, mut client) = start(Mode::Http, hello("a"), |c| {
        c.global.close_spread_time = Some(None);
    });
    assert_eq!(client.get("/").status, 200);
    proxy.shared.soft_stop();
    std::thread::sleep(Duration::from_millis(100));
    for _ in 0..2 {
        assert_eq!(client.get("/").header("connection"), None);
    }
}

#[test]
fn idle_connections_end_within_the_spread_time() {
    let (proxy, mut client) = start(Mode::Http, hello("a"), |c| {
        c.global.close_spread_time = Some(Some(Duration::from_millis(300)));
    });
    assert_eq!(client.get("/").status, 200);
    let stopped = Instant::now();
    proxy.shared.soft_stop();
    assert!(client.is_closed());
    assert!(stopped.elapsed() < Duration::from_secs(2));
}

/// A server that answers nothing and a client that writes all the time.
fn silent_while_written(apart: bool) -> bool {
    let server = serve(|mut stream| while stream.read(&mut [0; 64]).is_ok_and(|n| n > 0) {});
    let (proxy, mut client) = start(Mode::Tcp, server, |c| {
        c.proxies[1].timeouts.server = Some(Duration::from_millis(300));
        c.proxies[1].options.independent_streams = apart;
    });
    for _ in 0..12 {
        client.send("x");
        std::thread::sleep(Duration::from_millis(50));
        if proxy.line_count() > 0 {
            return true;
        }
    }
    false
}

#[test]
fn a_silent_server_times_out_though_written_to_with_independent_streams() {
    assert!(silent_while_written(true));
    assert!(!silent_while_written(false));
}

#[test]
fn a_long_transfer_is_counted_while_it_goes_on_with_contstats() {
    let server = serve(|mut stream| {
        read_request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n");
        for _ in 0..70 {
            let _ = stream.write_all(b"0123456789");
            std::thread::sleep(Duration::from_millis(100));
        }
        let _ = stream.write_all(&[b'x'; 300]);
        read_request(&mut stream);
    });
    let (proxy, mut client) = start(Mode::Http, server, |c| {
        c.proxies[0].options.contstats = true;
    });
    client.send("GET / HTTP/1.1\r\nhost: t\r\n\r\n");
    let out = |proxy: &Proxy| {
        let now = proxy.shared.now();
        proxy.shared.current().proxies[1]
            .backend
            .totals(now)
            .bytes_out
    };
    std::thread::sleep(Duration::from_secs(6));
    let early = out(&proxy);
    assert!(early > 400, "{early} bytes");
    assert_eq!(proxy.line_count(), 0);
    assert_eq!(client.response().body.len(), 1000);
    proxy.line(0);
    let all = out(&proxy);
    assert!((1000..1200).contains(&all), "{all} bytes");
}

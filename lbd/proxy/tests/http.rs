//! HTTP/1 through a frontend and a backend: sharing, keep-alive, bodies, and log lines.

#[path = "support/all.rs"]
mod support;

use lbd_config::config::Mode;
use support::Proxy;
use support::config::config;
use support::net::{Client, canned, hello};

#[test]
fn requests_of_one_connection_are_shared_in_turn() {
    let proxy = Proxy::start(config(Mode::Http, &[hello("a"), hello("b")]), 1);
    let mut client = Client::connect(proxy.addr);
    let got: Vec<String> = (0..4).map(|_| client.get("/").text()).collect();
    assert_eq!(got, ["a", "b", "a", "b"]);
    assert!(
        proxy.line(3).starts_with("fe be/s2 0/0/0/"),
        "{}",
        proxy.line(3)
    );
    assert!(
        proxy.line(0).ends_with("0/0 \"GET / HTTP/1.1\""),
        "{}",
        proxy.line(0)
    );
}

#[test]
fn connections_of_several_workers_share_one_order() {
    let servers = [hello("1"), hello("2"), hello("3"), hello("4")];
    let proxy = Proxy::start(config(Mode::Http, &servers), 4);
    let got: String = (0..8)
        .map(|_| Client::connect(proxy.addr).get("/").text())
        .collect();
    assert_eq!(got, "12341234");
}

#[test]
fn a_large_body_arrives_whole() {
    let body: Vec<u8> = (0..3_000_000u32).map(|i| (i % 251) as u8).collect();
    let mut answer =
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
    answer.extend_from_slice(&body);
    let proxy = Proxy::start(config(Mode::Http, &[canned(answer)]), 1);
    let mut client = Client::connect(proxy.addr);
    for _ in 0..3 {
        assert!(client.get("/big").body == body);
    }
}

#[test]
fn nobody_listening_makes_503_and_the_client_stays() {
    let mut config = config(Mode::Http, &[support::net::nobody()]);
    config.proxies[1].backend.retries = 0;
    let proxy = Proxy::start(config, 1);
    let mut client = Client::connect(proxy.addr);
    assert_eq!(client.get("/").status, 503);
    assert_eq!(client.get("/").status, 503);
    let line = proxy.line(0);
    assert!(line.contains(" 503 0 - - SC-- "), "{line}");
}

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use super::{Origin, Reply};
use crate::{Client, TempDir};

#[test]
fn a_script_decides_each_answer_by_its_number() {
    let origin = Origin::answering("s1", |request, number| match number {
        0 => Reply::chunked(["ab", "cd"]).trailer("t", "1"),
        1 => Reply::status(503, "No").header("retry-after", "3"),
        2 => Reply::echo(request),
        _ => Reply::nothing(),
    });
    let mut client = Client::connect(origin.address());
    let first = client.get("/");
    assert_eq!((first.text().as_str(), first.server()), ("abcd", "s1"));
    assert_eq!(first.trailers.len(), 1);
    let second = client.get("/");
    assert_eq!(
        (second.status, second.header("Retry-After")),
        (503, Some("3"))
    );
    assert!(
        client
            .get("/echo")
            .text()
            .starts_with("GET /echo HTTP/1.1\r\n")
    );
    client.send("GET / HTTP/1.1\r\n\r\n");
    assert!(client.is_closed_within(Duration::from_secs(5)));
    assert_eq!((origin.requests().len(), origin.accepted()), (4, 1));
}

#[test]
fn a_body_cut_short_ends_with_a_close() {
    let origin = Origin::answering("s1", |_, _| Reply::ok("0123456789").truncate(60));
    let response = Client::exchange(origin.address(), "GET / HTTP/1.1");
    assert_eq!((response.status, response.complete), (200, false));
}

#[test]
fn a_slow_answer_takes_its_time() {
    let origin = Origin::answering("s1", |_, _| {
        Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .delay(Duration::from_millis(50))
            .slowly(10, Duration::from_millis(10))
    });
    let start = Instant::now();
    assert_eq!(Client::fetch(origin.address(), "/").status, 200);
    assert!(start.elapsed() >= Duration::from_millis(80));
}

#[test]
fn a_request_body_is_read_after_a_100() {
    let origin = Origin::http("s1");
    let mut client = Client::connect(origin.address());
    client.send("POST / HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n");
    assert_eq!(client.read_bytes(25), b"HTTP/1.1 100 Continue\r\n\r\n");
    client.send("abc");
    assert_eq!(client.response().status, 200);
    assert_eq!(origin.last_request().text(), "abc");
}

#[test]
fn a_stopped_server_refuses_and_comes_back_at_the_same_port() {
    let origin = Origin::http("s1");
    origin.stop();
    assert!(Client::try_connect(origin.address()).is_err());
    origin.restart();
    assert_eq!(Client::fetch(origin.address(), "/").server(), "s1");
}

#[test]
fn a_raw_server_has_the_stream_to_itself() {
    let origin = Origin::raw("tcp", |mut stream, number| {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a byte");
        stream
            .write_all(format!("{number}{}", byte[0] as char).as_bytes())
            .expect("written");
    });
    for expected in ["0x", "1x"] {
        let mut client = Client::connect(origin.address());
        client.send("x");
        assert_eq!(client.read_to_end(), expected.as_bytes());
    }
}

#[test]
fn a_unix_server_reads_a_proxy_line() {
    let directory = TempDir::new();
    let path = directory.path().join("s").display().to_string();
    let origin = Origin::builder("s1")
        .unix(&path)
        .reads_proxy_line()
        .answering(|_, _| Reply::ok(""));
    let mut client = Client::connect(&path);
    let from = "192.0.2.1:1000".parse().expect("an address");
    client.send_proxy_v1(from, "192.0.2.2:80".parse().expect("an address"));
    assert_eq!(client.get("/").status, 200);
    let seen = origin.last_request().proxy;
    assert_eq!(
        seen.as_deref(),
        Some("PROXY TCP4 192.0.2.1 192.0.2.2 1000 80")
    );
}

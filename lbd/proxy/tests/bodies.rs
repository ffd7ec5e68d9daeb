//! Forms of bodies and heads on both ways.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers of tests are small"
)]

#[path = "support/all.rs"]
mod support;

use std::io::Write;
use std::time::Duration;

use lbd_config::config::Mode;
use support::Proxy;
use support::config::config;
use support::net::{Client, canned, hello, once, read_request, serve};

fn start(server: std::net::SocketAddr) -> (Proxy, Client) {
    let proxy = Proxy::start(config(Mode::Http, &[server]), 1);
    let client = Client::connect(proxy.addr);
    (proxy, client)
}

#[test]
fn a_posted_body_reaches_the_server() {
    let (_proxy, mut client) = start(hello("a"));
    client.send("POST /echo HTTP/1.1\r\nhost: t\r\ncontent-length: 5\r\n\r\nhello");
    let response = client.response();
    assert!(response.text().ends_with("\r\n\r\nhello"), "{response:?}");
    client.send("POST /echo HTTP/1.1\r\nhost: t\r\ncontent-length: 3\r\n\r\n");
    std::thread::sleep(Duration::from_millis(30));
    client.send("abc");
    assert!(client.response().text().ends_with("\r\n\r\nabc"));
}

#[test]
fn a_chunked_request_reaches_the_server_in_chunks() {
    let server = serve(|mut stream| {
        let head = read_request(&mut stream).unwrap();
        assert!(head.contains("transfer-encoding: chunked"));
        let mut body = Vec::new();
        let mut one = [0];
        while !body.ends_with(b"0\r\n\r\n") {
            if std::io::Read::read(&mut stream, &mut one).unwrap() == 0 {
                break;
            }
            body.push(one[0]);
        }
        let body = String::from_utf8(body).unwrap().replace("\r\n", ".");
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).unwrap();
    });
    let (_proxy, mut client) = start(server);
    client.send("POST / HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n");
    client.send("3;ext=1\r\nabc\r\n");
    std::thread::sleep(Duration::from_millis(30));
    client.send("2\r\nde\r\n0\r\n\r\n");
    assert_eq!(client.response().text(), "3.abc.2.de.0..");
}

#[test]
fn large_chunks_that_are_spliced_keep_their_framing() {
    let mut answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    let mut whole = Vec::new();
    for size in [10, 200_000, 700_000, 3, 500_000] {
        let chunk: Vec<u8> = (0..size).map(|i| b'a' + (i % 23) as u8).collect();
        answer.extend_from_slice(format!("{size:x}\r\n").as_bytes());
        answer.extend_from_slice(&chunk);
        answer.extend_from_slice(b"\r\n");
        whole.extend_from_slice(&chunk);
    }
    answer.extend_from_slice(b"0\r\n\r\n");
    let (proxy, mut client) = start(canned(answer));
    for _ in 0..2 {
        assert!(client.get("/").body == whole);
    }
    proxy.eventually("something was spliced", |shared| {
        let front = &shared.current().proxies[0].frontend;
        front.totals(shared.now()).spliced_out > 0
    });
}

#[test]
fn a_body_that_no_pipe_pays_for_is_spliced_when_asked_for() {
    let body = vec![b'x'; 100_000];
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    let answer = [head.as_bytes(), &body].concat();
    for (asked, is_spliced) in [(None, false), (Some(false), false), (Some(true), true)] {
        let mut config = config(Mode::Http, &[canned(answer.clone())]);
        for proxy in &mut config.proxies {
            proxy.options.splice_response = asked;
        }
        let proxy = Proxy::start(config, 1);
        let mut client = Client::connect(proxy.addr);
        assert!(client.get("/").body == body);
        let spliced = |shared: &lbd_proxy::Shared| {
            let front = &shared.current().proxies[0].frontend;
            front.totals(shared.now()).spliced_out > 0
        };
        match is_spliced {
            true => proxy.eventually("it was spliced", spliced),
            // The second answer comes after the first was counted.
            false => {
                client.get("/");
                proxy.eventually("nothing was spliced", |shared| !spliced(shared));
            }
        }
    }
}

#[test]
fn chunks_and_trailers_of_a_response_arrive() {
    let answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
                  5\r\nhello\r\n6\r\n world\r\n0\r\nx-sum: 1\r\n\r\n";
    let (_proxy, mut client) = start(canned(answer));
    for _ in 0..3 {
        assert_eq!(client.get("/").text(), "hello world|trailer x-sum: 1\r\n");
    }
}

#[test]
fn chunks_are_undone_for_an_old_client() {
    let answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
                  5\r\nhello\r\n0\r\n\r\n";
    let (_proxy, mut client) = start(canned(answer));
    client.send("GET / HTTP/1.0\r\n\r\n");
    let response = client.response();
    assert_eq!(response.text(), "hello");
    assert_eq!(response.header("transfer-encoding"), None);
    assert_eq!(response.header("connection"), Some("close"));
}

#[test]
fn a_response_until_close_closes_the_client() {
    let (proxy, mut client) = start(once("HTTP/1.1 200 OK\r\n\r\nall of it"));
    let response = client.get("/");
    assert_eq!(response.text(), "all of it");
    assert_eq!(response.header("connection"), Some("close"));
    assert!(proxy.line(0).contains(" ---- "), "{}", proxy.line(0));
}

#[test]
fn head_204_and_304_have_no_body_and_keep_the_connection() {
    let server = serve(|mut stream| {
        while let Some(request) = read_request(&mut stream) {
            let answer: &[u8] = match request.split(' ').nth(1) {
                Some("/204") => b"HTTP/1.1 204 No Content\r\n\r\n",
                Some("/304") => b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n",
                _ => b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n",
            };
            stream.write_all(answer).unwrap();
        }
    });
    let (_proxy, mut client) = start(server);
    client.send("HEAD / HTTP/1.1\r\nhost: t\r\n\r\n");
    assert_eq!(
        client.response_to(true).header("content-length"),
        Some("1000")
    );
    assert_eq!(client.get("/204").status, 204);
    assert_eq!(client.get("/304").status, 304);
    client.send("HEAD / HTTP/1.1\r\nhost: t\r\n\r\n");
    assert_eq!(client.response_to(true).status, 200);
}

#[test]
fn interim_answers_are_sent_on() {
    let answer = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n\
                  HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let (_proxy, mut client) = start(canned(answer));
    let hint = client.get("/");
    assert_eq!((hint.status, hint.header("link")), (103, Some("</a>")));
    assert_eq!(client.response().text(), "ok");
    client.send("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(client.response().status, 200);
}

#[test]
fn a_client_that_expects_100_gets_it_from_the_server() {
    let server = serve(|mut stream| {
        let mut head = Vec::new();
        let mut one = [0];
        while !head.ends_with(b"\r\n\r\n") {
            std::io::Read::read_exact(&mut stream, &mut one).unwrap();
            head.push(one[0]);
        }
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap();
        let mut body = [0; 4];
        std::io::Read::read_exact(&mut stream, &mut body).unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n")
            .unwrap();
        stream.write_all(&body).unwrap();
    });
    let (_proxy, mut client) = start(server);
    client.send("PUT / HTTP/1.1\r\nhost: t\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n");
    assert_eq!(client.response().status, 100);
    assert_eq!(client.send("data").response().text(), "data");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let (_proxy, mut client) = start(hello("a"));
    client.send("GET /1 HTTP/1.1\r\nhost: t\r\n\r\nPOST /echo HTTP/1.1\r\nhost: t\r\n");
    client.send("content-length: 2\r\n\r\nhiGET /3 HTTP/1.1\r\nhost: t\r\n\r\n");
    assert_eq!(client.response().text(), "a");
    assert!(client.response().text().ends_with("hi"));
    assert_eq!(client.response().text(), "a");
}

#[test]
fn an_answer_before_the_end_of_the_request_arrives() {
    let answer = "HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\nconnection: close\r\n\r\nbig";
    let server = serve(move |mut stream| {
        let mut buf = [0; 1024];
        let _ = std::io::Read::read(&mut stream, &mut buf);
        stream.write_all(answer.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(200));
    });
    let (_proxy, mut client) = start(server);
    client.send("POST / HTTP/1.1\r\nhost: t\r\ncontent-length: 1000000\r\n\r\nsome");
    let response = client.response();
    assert_eq!((response.status, response.text().as_str()), (413, "big"));
}

#[test]
fn an_upload_larger_than_every_buffer_arrives() {
    let server = serve(|mut stream| {
        let mut total = 0usize;
        let mut buf = vec![0; 65536];
        while total < 5_000_000 {
            match std::io::Read::read(&mut stream, &mut buf) {
                Ok(0) | Err(_) => return,
                Ok(n) => total += n,
            }
        }
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            .unwrap();
    });
    let (_proxy, mut client) = start(server);
    client.send("POST / HTTP/1.1\r\nhost: t\r\ncontent-length: 5000000\r\n\r\n");
    client.send(vec![b'x'; 5_000_000]);
    assert_eq!(client.response().text(), "ok");
}

#[test]
fn close_is_said_and_done_when_the_client_asks_for_it() {
    let (_proxy, mut client) = start(hello("a"));
    client.send("GET / HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n");
    assert_eq!(client.response().header("connection"), Some("close"));
    assert!(client.is_closed());
}

#[test]
fn an_old_client_that_asks_for_keep_alive_gets_it() {
    let (_proxy, mut client) = start(hello("a"));
    for _ in 0..2 {
        client.send("GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n");
        assert_eq!(client.response().header("connection"), Some("keep-alive"));
    }
}

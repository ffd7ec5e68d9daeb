//! Requests that come together: answers of lbd's own leave together, in order, and none waits for
//! anything but the answer to a request that is here already.

#[path = "support/all.rs"]
mod support;

use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;

use lbd_config::config::{Config, Mode};
use support::Proxy;
use support::config::{config, http_request};
use support::net::{Client, hello, read_request, serve};

fn start(server: SocketAddr, rules: &[&str]) -> (Proxy, Client) {
    let mut config: Config = config(Mode::Http, &[server]);
    config.proxies[0].rules.http_request.steps =
        rules.iter().map(|text| http_request(text)).collect();
    let proxy = Proxy::start(config, 1);
    let client = Client::connect(proxy.addr);
    (proxy, client)
}

const OWN: &str = "return status 200 content-type text/plain string own if { path /own }";

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: t\r\n\r\n")
}

#[test]
fn many_answers_of_its_own_come_in_order_between_those_of_a_server() {
    let (_proxy, mut client) = start(hello("server"), &[OWN]);
    let path = |n: usize| if n % 5 == 4 { "/server" } else { "/own" };
    let all: String = (0..300).map(|n| get(path(n))).collect();
    client.send(&all);
    for n in 0..300 {
        let text = client.response().text();
        let wanted = if n % 5 == 4 { "server" } else { "own" };
        assert_eq!(text, wanted, "{n}");
    }
}

#[test]
fn more_answers_than_are_held_all_come() {
    let (_proxy, mut client) = start(hello("server"), &[OWN]);
    let all: String = (0..2000).map(|_| get("/own")).collect();
    client.send(&all);
    for n in 0..2000 {
        assert_eq!(client.response().text(), "own", "{n}");
    }
}

#[test]
fn an_answer_does_not_wait_while_the_next_request_is_with_a_server() {
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let may_go_on = std::sync::Arc::new(std::sync::Mutex::new(may_go_on));
    let server = serve(move |mut stream| {
        if read_request(&mut stream).is_none() {
            return;
        }
        // Until the client has its first answer.
        let _ = may_go_on.lock().map(|wait| wait.recv());
        let _ = std::io::Write::write_all(
            &mut stream,
            b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate",
        );
    });
    let (_proxy, mut client) = start(server, &[OWN]);
    client.send(get("/own") + &get("/server"));
    assert_eq!(client.response().text(), "own");
    go_on.send(()).expect("it waits");
    assert_eq!(client.response().text(), "late");
}

#[test]
fn an_answer_does_not_wait_for_a_tarpit() {
    let mut config: Config = config(Mode::Http, &[hello("server")]);
    config.proxies[0].timeouts.tarpit = Some(Duration::from_secs(3600));
    let rules = [OWN, "tarpit if { path /slow }"];
    config.proxies[0].rules.http_request.steps =
        rules.iter().map(|text| http_request(text)).collect();
    let proxy = Proxy::start(config, 1);
    let mut client = Client::connect(proxy.addr);
    client.send(get("/own") + &get("/slow"));
    assert_eq!(client.response().text(), "own");
    drop(proxy);
}

#[test]
fn an_answer_does_not_wait_for_the_body_of_the_next_request() {
    let (_proxy, mut client) = start(
        hello("server"),
        &[OWN, "wait-for-body time 1h if { path /body }"],
    );
    client.send(get("/own") + "POST /body HTTP/1.1\r\nhost: t\r\ncontent-length: 2\r\n\r\nh");
    assert_eq!(client.response().text(), "own");
    client.send("i");
    assert_eq!(client.response().status, 200);
}

#[test]
fn an_answer_does_not_wait_for_the_rest_of_a_head() {
    let (_proxy, mut client) = start(hello("server"), &[OWN]);
    client.send(get("/own") + "GET /own HTTP/1.1\r\nho");
    assert_eq!(client.response().text(), "own");
    client.send("st: t\r\n\r\n");
    assert_eq!(client.response().text(), "own");
}

#[test]
fn an_answer_comes_before_the_end_of_the_connection() {
    for end in [
        "GET /close HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n",
        "GET /drop HTTP/1.1\r\nhost: t\r\n\r\n",
        "GET /reject HTTP/1.1\r\nhost: t\r\n\r\n",
        "no request at all\r\n\r\n",
    ] {
        let (_proxy, mut client) = start(
            hello("server"),
            &[
                OWN,
                "silent-drop if { path /drop }",
                "reject if { path /reject }",
                "return status 200 content-type text/plain string last",
            ],
        );
        client.send(get("/own") + &get("/own") + end);
        assert_eq!(client.response().text(), "own", "{end}");
        assert_eq!(client.response().text(), "own", "{end}");
        drop(client);
    }
}

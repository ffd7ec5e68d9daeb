//! Rules on the way: denials, answers, delays, captures, cookies, monitor, ids.

#[path = "support/all.rs"]
mod support;

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lbd_backend::persist::{CookieMode, CookieSpec};
use lbd_config::config::{CaptureSpec, Config, ConnectionMode, Mode};
use lbd_core::Checkpoint;
use lbd_rules::action::Ruleset;
use support::Proxy;
use support::config::{config, format, http_request, rule};
use support::net::{Client, hello, read_request, serve};

fn start(servers: &[SocketAddr], change: impl FnOnce(&mut Config)) -> (Proxy, Client) {
    let mut config = config(Mode::Http, servers);
    change(&mut config);
    let proxy = Proxy::start(config, 1);
    let client = Client::connect(proxy.addr);
    (proxy, client)
}

fn with_rules(config: &mut Config, rules: &[&str]) {
    config.proxies[0].rules.http_request.steps =
        rules.iter().map(|text| http_request(text)).collect();
}

#[test]
fn denied_requests_get_403_and_keep_their_connection() {
    let (proxy, mut client) = start(&[hello("a")], |c| with_rules(c, &["deny if { path /no }"]));
    assert_eq!(client.get("/no").status, 403);
    assert_eq!(client.get("/yes").status, 200);
    let line = proxy.line(0);
    assert!(
        line.contains("fe fe/<NOSRV> 0/-1/-1/-1/0 403 0 - - PR-- "),
        "{line}"
    );
    // The second line is written after its counters.
    proxy.line(1);
    let generation = proxy.shared.current();
    let totals = generation.proxies[0].frontend.totals(proxy.shared.now());
    assert_eq!(
        (
            totals.denied_requests,
            totals.responses[3],
            totals.responses[1]
        ),
        (1, 1, 1)
    );
}

#[test]
fn a_denied_request_with_a_body_is_read_to_its_end() {
    let (_proxy, mut client) = start(&[hello("a")], |c| with_rules(c, &["deny if { path /no }"]));
    client.send("POST /no HTTP/1.1\r\nhost: t\r\ncontent-length: 5\r\n\r\nhe");
    assert_eq!(client.response().status, 403);
    client.send("llo");
    assert_eq!(client.get("/yes").status, 200);
}

#[test]
fn redirects_and_own_answers_are_local() {
    let (proxy, mut client) = start(&[hello("a")], |c| {
        with_rules(
            c,
            &[
                "redirect location /there if { path /here }",
                "return status 200 content-type text/plain string own if { path /own }",
            ],
        );
    });
    let response = client.get("/here");
    assert_eq!(
        (response.status, response.header("location")),
        (302, Some("/there"))
    );
    assert_eq!(client.get("/own").text(), "own");
    assert!(
        proxy.line(0).contains(" 302 0 - - LR-- "),
        "{}",
        proxy.line(0)
    );
    assert!(
        proxy.line(1).contains(" 200 0 - - LR-- "),
        "{}",
        proxy.line(1)
    );
}

#[test]
fn a_tarpit_holds_the_client_back() {
    let (proxy, mut client) = start(&[hello("a")], |c| {
        with_rules(c, &["tarpit if { path /bad }"]);
        c.proxies[0].timeouts.tarpit = Some(Duration::from_millis(150));
    });
    let begun = Instant::now();
    assert_eq!(client.get("/bad").status, 500);
    assert!(begun.elapsed() >= Duration::from_millis(150));
    assert!(
        proxy.line(0).contains(" 500 0 - - PT-- "),
        "{}",
        proxy.line(0)
    );
}

#[test]
fn a_rejected_request_is_closed_without_a_word() {
    let (proxy, mut client) = start(&[hello("a")], |c| {
        with_rules(c, &["reject if { path /bad }"])
    });
    client.send("GET /bad HTTP/1.1\r\nhost: t\r\n\r\n");
    assert!(client.is_closed());
    assert!(
        proxy.line(0).contains(" -1 0 - - PR-- "),
        "{}",
        proxy.line(0)
    );
}

#[test]
fn refused_connections_are_counted_and_not_served() {
    let (proxy, mut client) = start(&[hello("a")], |c| {
        c.proxies[0].rules.tcp_connection.steps = [rule(
            Ruleset::TcpConnection,
            Checkpoint::FeConAcc,
            "reject if { src 127.0.0.1 }",
        )]
        .into();
    });
    assert!(client.is_closed());
    let generation = proxy.shared.current();
    let totals = generation.proxies[0].frontend.totals(proxy.shared.now());
    assert_eq!((totals.denied_connections, totals.sessions), (1, 0));
}

#[test]
fn headers_are_edited_on_both_ways() {
    let (_proxy, mut client) = start(&[hello("a")], |c| {
        with_rules(c, &["set-header x-new value", "del-header x-old"]);
        c.proxies[1].rules.http_response.steps = [rule(
            Ruleset::HttpResponse,
            Checkpoint::BeHrsHdr,
            "set-header x-res yes",
        )]
        .into();
    });
    client.send("GET /echo HTTP/1.1\r\nhost: t\r\nx-old: 1\r\n\r\n");
    let response = client.response();
    assert!(response.text().contains("x-new: value\r\n"));
    assert!(!response.text().contains("x-old"));
    assert_eq!(response.header("x-res"), Some("yes"));
}

#[test]
fn a_denied_response_is_a_502() {
    let (proxy, mut client) = start(&[hello("a")], |c| {
        c.proxies[1].rules.http_response.steps =
            [rule(Ruleset::HttpResponse, Checkpoint::BeHrsHdr, "deny")].into();
    });
    assert_eq!(client.get("/").status, 502);
    assert!(
        proxy.line(0).contains(" 502 59 - - PH-- "),
        "{}",
        proxy.line(0)
    );
}

#[test]
fn the_monitor_uri_is_answered_and_not_logged() {
    let (proxy, mut client) = start(&[hello("a")], |c| {
        c.proxies[0].frontend.monitor_uri = Some(b"/alive".to_vec())
    });
    assert_eq!(client.get("/alive").status, 200);
    assert_eq!(client.get("/").text(), "a");
    assert!(
        proxy.line(0).contains("GET / HTTP/1.1"),
        "{}",
        proxy.line(0)
    );
}

#[test]
fn captured_headers_are_logged() {
    let (proxy, mut client) = start(&[hello("a")], |c| {
        let frontend = &mut c.proxies[0].frontend;
        let capture = |name: &str| CaptureSpec {
            header: Some(name.into()),
            len: 6,
        };
        frontend.request_captures = vec![capture("host"), capture("missing")];
        frontend.response_captures = vec![capture("x-server")];
    });
    client.send("GET / HTTP/1.1\r\nhost: example.org\r\n\r\n");
    client.response();
    assert!(
        proxy.line(0).contains(" {exampl|} {a} "),
        "{}",
        proxy.line(0)
    );
}

#[test]
fn a_cookie_keeps_a_client_at_its_server() {
    let (proxy, mut client) = start(&[hello("a"), hello("b")], |c| {
        let backend = &mut c.proxies[1].backend;
        let mut cookie = CookieSpec::new("SRV", CookieMode::Insert);
        cookie.indirect = true;
        cookie.nocache = true;
        backend.cookie = Some(cookie);
        Arc::make_mut(&mut backend.servers[0]).cookie = Some(b"one".to_vec());
        Arc::make_mut(&mut backend.servers[1]).cookie = Some(b"two".to_vec());
    });
    let response = client.get("/");
    assert_eq!(response.text(), "a");
    assert_eq!(response.header("set-cookie"), Some("SRV=one; path=/"));
    // Without an end or a mark no cache would keep it: nothing is to be forbidden.
    assert_eq!(response.header("cache-control"), None);
    for _ in 0..3 {
        client.send("GET /echo HTTP/1.1\r\nhost: t\r\ncookie: x=1; SRV=two\r\n\r\n");
        let response = client.response();
        assert_eq!(response.header("x-server"), Some("b"));
        assert_eq!(response.header("set-cookie"), None);
        assert!(response.text().contains("cookie: x=1\r\n"), "{response:?}");
    }
    assert!(proxy.line(0).contains(" --NI "), "{}", proxy.line(0));
    assert!(proxy.line(1).contains(" --VN "), "{}", proxy.line(1));
}

#[test]
fn httpclose_of_a_frontend_says_close_to_its_clients() {
    let (_proxy, mut client) = start(&[hello("a")], |c| {
        c.proxies[0].options.connection = ConnectionMode::Close
    });
    let response = client.get("/echo");
    assert_eq!(response.header("connection"), Some("close"));
    assert!(!response.text().contains("connection: close\r\n"));
    assert!(client.is_closed());
}

#[test]
fn server_close_keeps_the_client() {
    let (_proxy, mut client) = start(&[hello("a")], |c| {
        c.proxies[1].options.connection = ConnectionMode::ServerClose
    });
    for _ in 0..2 {
        let response = client.get("/echo");
        assert_eq!(response.header("connection"), None);
        assert!(response.text().contains("connection: close\r\n"));
    }
}

#[test]
fn a_unique_id_reaches_the_server() {
    let (_proxy, mut client) = start(&[hello("a")], |c| {
        c.proxies[0].frontend.unique_id_format = Some(format("id-%rt"));
        c.proxies[0].frontend.unique_id_header = Some(b"x-id".to_vec());
    });
    assert!(client.get("/echo").text().contains("x-id: id-0\r\n"));
    assert!(client.get("/echo").text().contains("x-id: id-1\r\n"));
}

#[test]
fn a_buffered_request_waits_for_its_body() {
    let (proxy, mut client) = start(&[hello("a")], |c| {
        c.proxies[0].options.buffer_request = true;
        c.proxies[0].timeouts.http_request = Some(Duration::from_millis(200));
    });
    client.send("POST /echo HTTP/1.1\r\nhost: t\r\ncontent-length: 4\r\n\r\nab");
    std::thread::sleep(Duration::from_millis(50));
    client.send("cd");
    assert!(client.response().text().ends_with("\r\n\r\nabcd"));
    client.send("POST /echo HTTP/1.1\r\nhost: t\r\ncontent-length: 4\r\n\r\nab");
    assert_eq!(client.response().status, 408);
    assert!(
        proxy.line(1).contains(" 408 0 - - cR-- "),
        "{}",
        proxy.line(1)
    );
}

#[test]
fn a_body_waited_for_too_long_gets_408() {
    let (_proxy, mut client) = start(&[hello("a")], |c| {
        with_rules(c, &["wait-for-body time 80ms at-least 3"]);
    });
    client.send("POST /echo HTTP/1.1\r\nhost: t\r\ncontent-length: 4\r\n\r\nab");
    std::thread::sleep(Duration::from_millis(20));
    client.send("cd");
    assert!(client.response().text().ends_with("\r\n\r\nabcd"));
    client.send("POST /echo HTTP/1.1\r\nhost: t\r\ncontent-length: 4\r\n\r\nab");
    assert_eq!(client.response().status, 408);
}

#[test]
fn paused_requests_go_on_later() {
    let (_proxy, mut client) = start(&[hello("a")], |c| with_rules(c, &["pause 120"]));
    let begun = Instant::now();
    assert_eq!(client.get("/").text(), "a");
    assert!(begun.elapsed() >= Duration::from_millis(120));
}

#[test]
fn a_status_without_content_takes_the_content_away() {
    for (status, length) in [(204, None), (304, Some("5"))] {
        let (_proxy, mut client) = start(&[hello("a")], |c| {
            let text = format!("set-status {status} if {{ path /bare }}");
            c.proxies[1].rules.http_request.steps = [http_request("set-var(txn.p) path")].into();
            let text = text.replace("path /bare", "var(txn.p) -m str /bare");
            c.proxies[1].rules.http_response.steps =
                [rule(Ruleset::HttpResponse, Checkpoint::BeHrsHdr, &text)].into();
        });
        let bare = client.get("/bare");
        assert_eq!(bare.status, status);
        assert_eq!(bare.header("transfer-encoding"), None);
        if length.is_none() {
            assert_eq!(bare.header("content-length"), None);
        }
        // The next response begins where the client expects it.
        let next = client.get("/full");
        assert_eq!((next.status, next.text().is_empty()), (200, false));
    }
}

#[test]
fn a_status_with_content_says_that_there_is_none() {
    let server = serve(|mut stream| {
        while read_request(&mut stream).is_some() {
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n");
        }
    });
    let (_proxy, mut client) = start(&[server], |c| {
        c.proxies[1].rules.http_response.steps = [rule(
            Ruleset::HttpResponse,
            Checkpoint::BeHrsHdr,
            "set-status 200",
        )]
        .into();
    });
    for _ in 0..2 {
        let response = client.get("/");
        assert_eq!(
            (response.status, response.header("content-length")),
            (200, Some("0"))
        );
    }
}

#[test]
fn early_hints_of_rules_that_follow_each_other_are_one_response() {
    let (_proxy, mut client) = start(&[hello("a")], |c| {
        with_rules(
            c,
            &[
                "early-hint link </a>",
                "early-hint link </b>",
                "set-header x-y z",
                "early-hint link </c>",
                "early-hint link </d> if { path /no }",
                "early-hint link </e>",
            ],
        );
    });
    client.send("GET / HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n");
    let text = String::from_utf8(client.rest()).expect("text");
    let hints: Vec<_> = text.split("HTTP/1.1 103 Early Hints\r\n").skip(1).collect();
    assert_eq!(hints.len(), 3, "{text}");
    assert_eq!(hints[0], "link: </a>\r\nlink: </b>\r\n\r\n");
    assert_eq!(hints[1], "link: </c>\r\n\r\n");
    assert!(
        hints[2].starts_with("link: </e>\r\n\r\nHTTP/1.1 200 OK\r\n"),
        "{text}"
    );
}

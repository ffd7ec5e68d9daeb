//! Early data of TLS 1.3 (`allow-0rtt`): from clients, to servers, and what rules know of it.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::*;
use crate::client::Offer;

const FRONT: &str = "frontend web
    bind <front> ssl crt site.pem <bind>
    http-request wait-for-handshake if { path /safe }
    http-request set-var(txn.early) ssl_fc_has_early
    http-response set-header x-early %[var(txn.early)]
    http-response set-header x-received %[ssl_fc_early_rcvd]
    default_backend app
backend app
    server s1 <s1>
";

/// Tells whether a request came with `Early-Data`; `/early` is refused when it did.
fn origin() -> Origin {
    Origin::answering("s1", |request, _| {
        let told = request.header("early-data").unwrap_or("none").to_owned();
        match (request.target.as_str(), &*told) {
            ("/early", "1") => support::Reply::status(425, "Too Early"),
            _ => support::Reply::ok(told.into_bytes()),
        }
    })
}

fn site(program: &Program, authority: &Authority, origin: &Origin, bind: &str) -> ProxyBuilder {
    super::program(program, FRONT)
        .with("bind", bind)
        .with("s1", origin.address())
        .file("site.pem", authority.leaf(&["a.test"]).bundle())
}

/// Both programs; HAProxy 2.6 lacks `ssl_fc_early_rcvd`.
fn programs() -> Vec<Program> {
    let mut programs = vec![Program::Lbd];
    programs.extend(runtime::knows_the_words().then_some(Program::Haproxy));
    programs
}

fn client(authority: &Authority) -> Tls {
    let offer = Offer {
        alpn: &["http/1.1"],
        ..Offer::default()
    };
    Tls::offering(authority, &offer)
}

fn request(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n").into_bytes()
}

/// A session is remembered that allows early data.
fn remember(tls: &Tls, proxy: &Proxy) {
    let mut first = tls.connect(proxy.address("front"), "a.test").expect("TLS");
    assert_eq!(first.get("/").expect("an answer").0, 200);
}

#[test]
fn a_request_that_comes_early_is_answered_before_the_handshake_is_confirmed() {
    let authority = Authority::new("CA");
    let origin = origin();
    // HAProxy on OpenSSL 3.0 closes here: its answer waits for the client's last word.
    for bind in [
        "allow-0rtt",
        "allow-0rtt no-tls-tickets",
        "allow-0rtt verify optional ca-file ca.pem",
    ] {
        let proxy = site(&Program::Lbd, &authority, &origin, bind)
            .file("ca.pem", authority.pem())
            .start();
        let tls = client(&authority);
        remember(&tls, &proxy);
        let mut begun = tls.begin(proxy.address("front"), "a.test", &request("/"));
        assert!(begun.early > 0, "{bind}: it may be sent early");
        let head = begun.head().expect("an answer");
        assert!(head.starts_with("http/1.1 200"), "{bind}: {head}");
        assert!(head.contains("x-early: 1"), "{bind}: {head}");
        assert!(head.contains("x-received: 1"), "{bind}: {head}");
    }
}

#[test]
fn the_server_is_told_of_early_data_unless_a_rule_waits_for_the_handshake() {
    let authority = Authority::new("CA");
    let origin = origin();
    // HAProxy's answers to a client by rustls depend on what comes first.
    {
        let program = &Program::Lbd;
        let proxy = site(program, &authority, &origin, "allow-0rtt").start();
        let tls = client(&authority);
        remember(&tls, &proxy);
        for (path, told) in [("/", "1"), ("/safe", "none")] {
            let mut begun = tls.begin(proxy.address("front"), "a.test", &request(path));
            assert!(begun.early > 0, "{program:?} {path}");
            if path == "/safe" {
                let silent = begun.is_silent_for(Duration::from_millis(100));
                assert!(silent, "{program:?}: it waits");
            } else {
                origin.wait_requests(2);
            }
            let (mut done, taken) = begun.finish().expect("a handshake");
            assert!(taken, "{program:?} {path}: it is taken");
            let (status, body) = done
                .answer()
                .unwrap_or_else(|error| panic!("{program:?} {path}: {error}"));
            assert_eq!(status, 200);
            assert_eq!(String::from_utf8_lossy(&body), told, "{program:?} {path}");
            // What comes later on the connection is not early.
            let (_, body) = done.get("/").expect("an answer");
            assert_eq!(String::from_utf8_lossy(&body), "none", "{program:?} {path}");
        }
        // The server says that it is too early, and the client hears of it.
        origin.clear();
        let begun = tls.begin(proxy.address("front"), "a.test", &request("/early"));
        origin.wait_requests(1);
        let (mut done, _) = begun.finish().expect("a handshake");
        assert_eq!(done.answer().expect("an answer").0, 425, "{program:?}");
        assert_eq!(done.get("/early").expect("an answer").0, 200, "{program:?}");
    }
}

#[test]
fn early_data_is_not_taken_without_the_word_without_alpn_or_twice() {
    let authority = Authority::new("CA");
    let origin = origin();
    for program in &programs() {
        let proxy = site(program, &authority, &origin, "").start();
        let tls = client(&authority);
        remember(&tls, &proxy);
        let begun = tls.begin(proxy.address("front"), "a.test", &request("/"));
        assert_eq!(begun.early, 0, "{program:?}: nothing allows it");
        // Without a protocol it waits for the handshake, and is no early data then.
        let proxy = site(program, &authority, &origin, "allow-0rtt").start();
        let tls = Tls::trusting(&authority);
        remember(&tls, &proxy);
        let begun = tls.begin(proxy.address("front"), "a.test", &request("/"));
        assert!(begun.early > 0, "{program:?}");
        let (mut done, _) = begun.finish().expect("a handshake");
        let (status, body) = done.answer().expect("an answer");
        assert_eq!(status, 200);
        assert_eq!(String::from_utf8_lossy(&body), "none", "{program:?}");
    }
    // A first message with its early data, sent twice: the second is no session that is known.
    let proxy = site(&Program::Lbd, &authority, &origin, "allow-0rtt").start();
    let tls = client(&authority);
    remember(&tls, &proxy);
    let flight = tls.flight("a.test", &request("/"));
    let before = origin.requests().len();
    let mut socket = send(&proxy, &flight);
    origin.wait_requests(before + 1);
    // Now the same bytes once more, and nothing else.
    let mut again = send(&proxy, &flight);
    again
        .shutdown(std::net::Shutdown::Write)
        .expect("an end of what is sent");
    let mut rest = Vec::new();
    let _ = again.read_to_end(&mut rest);
    let served = origin.requests().len() - before;
    assert_eq!(served, 1, "the first is served, the second is not");
    drop(socket.write_all(b""));
}

fn send(proxy: &Proxy, bytes: &[u8]) -> TcpStream {
    let address = proxy.address("front").to_string();
    let mut socket = TcpStream::connect(address).expect("a connection");
    socket.write_all(bytes).expect("sent");
    socket
}

/// A clear frontend whose server is a frontend of the same process that speaks TLS.
const CHAIN: &str = "frontend web
    bind <front>
    default_backend app
backend app
    retry-on <retry>
    server s1 <tls> ssl verify none sni str(a.test) alpn http/1.1 <server>
    http-reuse never
frontend far
    bind <tls> ssl crt site.pem alpn http/1.1 <far>
    http-response set-header x-received %[ssl_fc_early_rcvd]
    http-response set-header x-resumed %[ssl_fc_is_resumed]
    default_backend origin
backend origin
    server o <s1>
";

/// What a request meets at the second frontend: status, early data, whether resumed.
fn seen(proxy: &Proxy) -> (u16, String, String) {
    let head = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
    let response = Client::exchange(proxy.address("front"), head);
    let of = |name| response.header(name).unwrap_or("").to_owned();
    (response.status, of("x-received"), of("x-resumed"))
}

#[test]
fn requests_that_may_be_repeated_go_to_a_server_as_early_data() {
    let authority = Authority::new("CA");
    let origin = origin();
    for judge in programs() {
        for (server, retry, far, early) in [
            ("allow-0rtt", "0rtt-rejected", "allow-0rtt", true),
            ("allow-0rtt", "conn-failure", "allow-0rtt", false),
            ("", "0rtt-rejected", "allow-0rtt", false),
            ("allow-0rtt", "0rtt-rejected", "", false),
        ] {
            let proxy = program(&judge, CHAIN)
                .listener("tls")
                .with("global", "nbthread 1")
                .with("server", server)
                .with("retry", retry)
                .with("far", far)
                .with("s1", origin.address())
                .file("site.pem", authority.leaf(&["a.test"]).bundle())
                .start();
            let mut any = false;
            for _ in 0..6 {
                let (status, received, resumed) = seen(&proxy);
                assert_eq!(status, 200, "{judge:?} {server} {retry} {far}");
                any |= received == "1";
                assert!(received == "0" || resumed == "1", "{judge:?}");
            }
            assert_eq!(any, early, "{judge:?} {server} {retry} {far}");
        }
    }
}

#[test]
fn early_data_that_a_server_refuses_is_sent_again_or_answered_with_425() {
    let authority = Authority::new("CA");
    let origin = origin();
    let config = "frontend web
    bind <front> ssl crt site.pem alpn http/1.1 allow-0rtt
    default_backend app
backend app
    retry-on <retry>
    server s1 <tls> ssl verify none sni str(a.test) alpn http/1.1 allow-0rtt
    http-reuse never
frontend far
    bind <tls> ssl crt site.pem alpn http/1.1 allow-0rtt
    bind <other> ssl crt site.pem alpn http/1.1
    default_backend origin
backend origin
    server o <s1>
";
    for (retry, status) in [("0rtt-rejected", 200), ("conn-failure", 425)] {
        let proxy = program(&Program::Lbd, config)
            .listener("tls")
            .listener("other")
            .with("global", "nbthread 1")
            .with("retry", retry)
            .with("s1", origin.address())
            .file("site.pem", authority.leaf(&["a.test"]).bundle())
            .start();
        let tls = client(&authority);
        remember(&tls, &proxy);
        // The server knows the sessions of its other address no more than early data.
        let other = proxy.address("other").to_string();
        let port = other.rsplit(':').next().expect("a port");
        let said = proxy.runtime(&format!("set server app/s1 addr 127.0.0.1 port {port}"));
        assert!(!said.contains("rror"), "{said}");
        let begun = tls.begin(proxy.address("front"), "a.test", &request("/"));
        assert!(begun.early > 0);
        let (mut done, _) = begun.finish().expect("a handshake");
        assert_eq!(done.answer().expect("an answer").0, status, "{retry}");
    }
}

/// A connection of HTTP/2 with one request.
fn h2_request(path: &str) -> Vec<u8> {
    let mut fields = vec![0x82, 0x87, 0x41, 6];
    fields.extend_from_slice(b"a.test");
    fields.push(0x44);
    fields.push(u8::try_from(path.len()).expect("a short path"));
    fields.extend_from_slice(path.as_bytes());
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    let length = u8::try_from(fields.len()).expect("a short head");
    bytes.extend_from_slice(&[0, 0, length, 1, 5, 0, 0, 0, 1]);
    bytes.extend_from_slice(&fields);
    bytes
}

#[test]
fn streams_of_http_2_come_early_and_wait_for_the_handshake_too() {
    let authority = Authority::new("CA");
    let origin = origin();
    let proxy = site(&Program::Lbd, &authority, &origin, "allow-0rtt").start();
    let offer = Offer {
        alpn: &["h2"],
        ..Offer::default()
    };
    let tls = Tls::offering(&authority, &offer);
    let first = tls.connect(proxy.address("front"), "a.test");
    let mut first = first.expect("TLS");
    first.write(h2_request("/")).expect("sent");
    // Tickets come before the first frame.
    first.read_some().expect("a frame");
    origin.wait_requests(1);
    for (path, told) in [("/", Some("1")), ("/safe", None)] {
        origin.clear();
        let mut begun = tls.begin(proxy.address("front"), "a.test", &h2_request(path));
        assert!(begun.early > 0, "{path}");
        match told {
            Some(_) => {
                origin.wait_requests(1);
            }
            None => assert!(begun.is_silent_for(Duration::from_millis(100))),
        }
        let _done = begun.finish().expect("a handshake");
        let requests = origin.wait_requests(1);
        assert_eq!(requests[0].header("early-data"), told, "{path}");
    }
}

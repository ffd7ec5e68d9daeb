//! Every phase in which a stream can fail: status, letters, and what becomes of the connection.

#[path = "support/all.rs"]
mod support;

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use lbd_config::config::{Config, Mode};
use support::Proxy;
use support::config::config;
use support::net::{Client, canned, hello, once, read_request, serve};

fn ms(ms: u64) -> Option<Duration> {
    Some(Duration::from_millis(ms))
}

fn start(server: SocketAddr, change: impl FnOnce(&mut Config)) -> (Proxy, Client) {
    let mut config = config(Mode::Http, &[server]);
    change(&mut config);
    let proxy = Proxy::start(config, 1);
    let client = Client::connect(proxy.addr);
    (proxy, client)
}

fn silent() -> SocketAddr {
    serve(|mut stream| while read_request(&mut stream).is_some() {})
}

#[track_caller]
fn assert_line(proxy: &Proxy, part: &str) {
    let line = proxy.line(0);
    assert!(line.contains(part), "{line}");
}

#[test]
fn garbage_makes_400_and_a_close() {
    let (proxy, mut client) = start(hello("a"), |_| {});
    client.send("GET / HTTP/1.1\r\nhost t\r\n\r\n");
    assert_eq!(client.response().status, 400);
    assert!(client.is_closed());
    assert_line(&proxy, "fe fe/<NOSRV> -1/-1/-1/-1/0 400 0 - - PR-- ");
    assert!(proxy.line(0).ends_with("\"<BADREQ>\""));
    let generation = proxy.shared.current();
    let bad = generation.proxies[0].bad_request.lock().clone().unwrap();
    assert_eq!(&bad.bytes[..bad.total], b"GET / HTTP/1.1\r\nhost t\r\n\r\n");
}

#[test]
fn a_request_that_does_not_come_makes_408() {
    let (proxy, mut client) = start(hello("a"), |c| c.proxies[0].timeouts.http_request = ms(100));
    client.send("GET / HT");
    let response = client.response();
    assert_eq!(
        (response.status, response.header("connection")),
        (408, Some("close"))
    );
    assert!(client.is_closed());
    assert_line(&proxy, " 408 0 - - cR-- ");
}

#[test]
fn a_slow_head_does_not_extend_its_time() {
    let (proxy, mut client) = start(hello("a"), |c| c.proxies[0].timeouts.http_request = ms(150));
    for byte in b"GET / HTTP/1.1\r\nhost: slow" {
        if client.stream.write_all(&[*byte]).is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_line(&proxy, " 408 0 - - cR-- ");
}

#[test]
fn a_client_that_leaves_before_its_request_is_logged_unless_told_not_to() {
    let (proxy, mut client) = start(hello("a"), |_| {});
    client.send("GET").finish();
    assert_eq!(client.response().status, 400);
    assert_line(&proxy, " 400 0 - - CR-- ");
    let (proxy, mut client) = start(hello("a"), |c| c.proxies[0].frontend.dontlognull = true);
    client.finish();
    assert_eq!(client.response().status, 400);
    let mut client = Client::connect(proxy.addr);
    assert_eq!(client.get("/").status, 200);
    assert_line(&proxy, " 200 ");
}

#[test]
fn a_probe_is_neither_answered_nor_logged_when_told_so() {
    let (proxy, mut client) = start(hello("a"), |c| {
        c.proxies[0].frontend.ignore_probes = true;
        c.proxies[0].timeouts.http_request = ms(100);
    });
    assert!(client.is_closed());
    let mut client = Client::connect(proxy.addr);
    client.finish();
    assert!(client.is_closed());
    assert_eq!(proxy.line_count(), 0);
}

#[test]
fn an_idle_connection_ends_without_a_word() {
    let (proxy, mut client) = start(hello("a"), |c| {
        c.proxies[0].timeouts.http_keep_alive = ms(100)
    });
    assert_eq!(client.get("/").status, 200);
    assert!(client.is_closed());
    assert_eq!(proxy.line_count(), 1);
}

#[test]
fn a_server_that_does_not_answer_makes_504() {
    let (proxy, mut client) = start(silent(), |c| c.proxies[1].timeouts.server = ms(100));
    assert_eq!(client.get("/").status, 504);
    assert_line(&proxy, "/-1/1");
    assert_line(&proxy, " 504 0 - - sH-- ");
}

#[test]
fn a_server_that_closes_without_an_answer_makes_502() {
    let (proxy, mut client) = start(once(""), |_| {});
    assert_eq!(client.get("/").status, 502);
    assert_line(&proxy, " 502 0 - - SH-- ");
    let generation = proxy.shared.current();
    let totals = generation.proxies[1].backend.totals(proxy.shared.now());
    assert_eq!((totals.failed_responses, totals.responses[4]), (1, 1));
}

#[test]
fn an_answer_that_makes_no_sense_makes_502() {
    let (proxy, mut client) = start(once("HTTP/1.1 abc\r\n\r\n"), |_| {});
    assert_eq!(client.get("/").status, 502);
    assert_line(&proxy, " 502 0 - - PH-- ");
    assert!(
        proxy.shared.current().proxies[1]
            .bad_response
            .lock()
            .is_some()
    );
}

#[test]
fn a_body_cut_short_is_the_servers_fault() {
    let (proxy, mut client) = start(
        once("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort"),
        |_| {},
    );
    let response = client.get("/");
    assert_eq!(response.text(), "short");
    assert!(client.is_closed());
    assert_line(&proxy, " 200 ");
    assert_line(&proxy, " SD-- ");
}

#[test]
fn a_server_that_stops_in_its_body_is_late() {
    let server = serve(|mut stream| {
        read_request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort");
        std::thread::sleep(Duration::from_secs(2));
    });
    let (proxy, mut client) = start(server, |c| c.proxies[1].timeouts.server = ms(100));
    assert_eq!(client.get("/").text(), "short");
    assert_line(&proxy, " sD-- ");
}

#[test]
fn a_client_that_stops_in_its_body_makes_400() {
    let (proxy, mut client) = start(silent(), |c| c.proxies[0].timeouts.client = ms(100));
    client.send("POST / HTTP/1.1\r\nhost: t\r\ncontent-length: 10\r\n\r\nabc");
    assert_eq!(client.response().status, 400);
    assert_line(&proxy, " 400 0 - - cH-- ");
}

#[test]
fn a_client_that_resets_while_its_answer_is_made_is_an_abort() {
    let (proxy, mut client) = start(silent(), |_| {});
    client.send("GET / HTTP/1.1\r\nhost: t\r\n\r\n");
    std::thread::sleep(Duration::from_millis(50));
    socket2::SockRef::from(&client.stream)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(client);
    assert_line(&proxy, " - - CH-- ");
    let generation = proxy.shared.current();
    assert_eq!(
        generation.proxies[1]
            .backend
            .totals(proxy.shared.now())
            .client_aborts,
        1
    );
}

#[test]
fn a_client_that_leaves_in_its_download_is_an_abort() {
    let mut answer = b"HTTP/1.1 200 OK\r\ncontent-length: 50000000\r\n\r\n".to_vec();
    answer.resize(50_000_000, b'x');
    let (proxy, mut client) = start(canned(answer), |_| {});
    client.send("GET / HTTP/1.1\r\nhost: t\r\n\r\n");
    // It has begun.
    let mut first = [0; 16];
    std::io::Read::read_exact(&mut client.stream, &mut first).unwrap();
    drop(client);
    assert_line(&proxy, " CD-- ");
}

#[test]
fn a_connect_that_is_never_answered_times_out() {
    // A listener whose queue is full does not answer.
    let full = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    full.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into())
        .unwrap();
    full.listen(0).unwrap();
    let addr = full.local_addr().unwrap().as_socket().unwrap();
    let _fill: Vec<_> = (0..4)
        .map(|_| {
            let socket =
                socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            let _ = socket.connect(&addr.into());
            socket
        })
        .collect();
    let (proxy, mut client) = start(addr, |c| {
        c.proxies[1].timeouts.connect = ms(100);
        c.proxies[1].backend.retries = 1;
    });
    assert_eq!(client.get("/").status, 503);
    assert_line(&proxy, " 503 0 - - sC-- ");
    assert!(proxy.line(0).contains("/1 0/0 "), "{}", proxy.line(0));
}

#[test]
fn a_backend_without_servers_makes_503() {
    let proxy = Proxy::start(config(Mode::Http, &[]), 1);
    assert_eq!(Client::connect(proxy.addr).get("/").status, 503);
    assert_line(&proxy, "fe be/<NOSRV> 0/-1/-1/-1/");
    assert_line(&proxy, " 503 0 - - SC-- ");
}

#[test]
fn a_killed_session_says_so() {
    let (proxy, mut client) = start(silent(), |_| {});
    client.send("GET / HTTP/1.1\r\nhost: t\r\n\r\n");
    std::thread::sleep(Duration::from_millis(50));
    let sessions = proxy.shared.sessions(Duration::from_secs(1));
    assert_eq!(sessions.len(), 1);
    assert_eq!(sessions[0].activity, lbd_proxy::Activity::Response);
    assert!(proxy.shared.kill_session(sessions[0].id));
    assert_line(&proxy, " 500 0 - - KC-- ");
}

#[test]
fn a_soft_stop_lets_a_request_finish() {
    let server = serve(|mut stream| {
        read_request(&mut stream);
        std::thread::sleep(Duration::from_millis(200));
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    });
    let (proxy, mut client) = start(server, |_| {});
    client.send("GET / HTTP/1.1\r\nhost: t\r\n\r\n");
    std::thread::sleep(Duration::from_millis(50));
    proxy.shared.soft_stop();
    let response = client.response();
    assert_eq!(response.text(), "ok");
    assert_eq!(response.header("connection"), Some("close"));
    assert!(client.is_closed());
}

#[test]
fn counts_return_to_zero() {
    let (proxy, mut client) = start(hello("a"), |_| {});
    client.get("/");
    drop(client);
    proxy.eventually("no connection is counted", |shared| {
        let generation = shared.current();
        shared.process().connections.get() == 0
            && shared.process().live_sessions() == 0
            && generation.proxies[0].sessions.get() == 0
            && generation.proxies[1].streams.get() == 0
            && generation.proxies[1].roster.view().streams == 0
            && generation.proxies[1].roster.view().served == 0
            && generation.proxies[1]
                .servers
                .get(0)
                .expect("a server")
                .streams
                .get()
                == 0
    });
}

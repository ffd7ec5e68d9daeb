//! Clients and servers that mean harm, or leave at the worst moment: what one does must not reach
//! another, and every place taken comes back.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers of tests are small"
)]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "support/all.rs"]
mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use lbd_config::config::Mode;
use lbd_core::Checkpoint;
use lbd_proxy::Shared;
use lbd_rules::action::Ruleset;
use support::Proxy;
use support::config::{config, rule};
use support::net::{Client, canned, read_request, serve};

/// Everything that counts what is there now is at rest.
fn is_at_rest(shared: &Shared) -> Result<(), String> {
    let generation = shared.current();
    let mut counts = vec![
        ("connections", shared.process().connections.get()),
        (
            "live sessions",
            u32::try_from(shared.process().live_sessions()).unwrap(),
        ),
    ];
    for listener in &generation.listeners {
        counts.push(("listener", listener.connections.get()));
    }
    for proxy in &generation.proxies {
        counts.push(("frontend sessions", proxy.sessions.get()));
        counts.push(("backend streams", proxy.streams.get()));
        let view = proxy.roster.view();
        counts.push(("served", view.served));
        counts.push(("queued", view.queued));
        for server in &proxy.servers {
            counts.push(("server streams", server.streams.get()));
            let view = proxy.roster.server(server.id, shared.now()).unwrap();
            counts.push(("server served", view.served));
            counts.push(("server queued", view.queued));
        }
    }
    match counts.iter().find(|(_, count)| *count != 0) {
        Some((what, count)) => Err(format!("{what} {count}")),
        None => Ok(()),
    }
}

fn comes_to_rest(proxy: &Proxy) {
    let until = Instant::now() + Duration::from_secs(10);
    while let Err(left) = is_at_rest(&proxy.shared) {
        assert!(Instant::now() < until, "left behind: {left}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A small generator of choices.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) % sides
    }
}

/// A server with moods: slow, silent, cut short, reset, chunked, interim answers.
fn moody() -> SocketAddr {
    let turn = Arc::new(AtomicUsize::new(0));
    serve(move |mut stream| {
        while read_request(&mut stream).is_some() {
            let mood = turn.fetch_add(1, SeqCst) % 8;
            let answer: &[u8] = match mood {
                0 => b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
                1 => b"HTTP/1.1 200 OK\r\ncontent-length: 200000\r\n\r\nshort",
                2 => b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
                3 => b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
                4 => b"",
                5 => b"junk\r\n\r\n",
                6 => b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n",
                _ => b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nhi",
            };
            std::thread::sleep(Duration::from_millis(3 * (mood as u64 % 3)));
            if stream.write_all(answer).is_err() || matches!(mood, 1 | 4) {
                return;
            }
        }
    })
}

fn reset(stream: &TcpStream) {
    let linger = Some(Duration::ZERO);
    socket2::SockRef::from(stream).set_linger(linger).unwrap();
}

/// One client that does something and goes away in the middle of it.
fn misbehave(addr: SocketAddr, dice: &mut Dice) {
    let Ok(mut stream) = TcpStream::connect(addr) else {
        return;
    };
    stream
        .set_read_timeout(Some(Duration::from_millis(1 + dice.roll(40))))
        .unwrap();
    let messages: [&[u8]; 8] = [
        b"",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\n\r\nGET /2 HTTP/1.1\r\nhost: a\r\n\r\nGET",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nhalf",
        b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\nzz",
        b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n",
    ];
    let message = messages[dice.roll(8) as usize];
    let _ = stream.write_all(message);
    match dice.roll(5) {
        0 => reset(&stream),
        1 => {
            let _ = stream.shutdown(Shutdown::Write);
            let _ = stream.read(&mut [0; 512]);
        }
        2 => {
            let _ = stream.read(&mut [0; 16]);
            reset(&stream);
        }
        3 => {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(message);
            let _ = stream.read(&mut [0; 4096]);
        }
        _ => {}
    }
}

#[test]
fn however_clients_leave_every_place_comes_back() {
    let mut config = config(Mode::Http, &[moody(), moody()]);
    for server in &mut config.proxies[1].backend.servers {
        let server = Arc::make_mut(server);
        server.roster.maxconn = 2;
        server.roster.minconn = 2;
    }
    for proxy in &mut config.proxies {
        proxy.timeouts.queue = Some(Duration::from_millis(15));
        proxy.timeouts.server = Some(Duration::from_millis(40));
        proxy.timeouts.client = Some(Duration::from_millis(60));
        proxy.timeouts.http_request = Some(Duration::from_millis(50));
    }
    let proxy = Proxy::start(config, 3);
    let addr = proxy.addr;
    let clients: Vec<_> = (1..=12u64)
        .map(|seed| {
            std::thread::spawn(move || {
                let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                for _ in 0..60 {
                    misbehave(addr, &mut dice);
                }
            })
        })
        .collect();
    for turn in 0..20 {
        std::thread::sleep(Duration::from_millis(20));
        for session in proxy.shared.sessions(Duration::from_millis(200)) {
            if session.id % 3 == turn % 3 {
                proxy.shared.kill_session(session.id);
            }
        }
    }
    for client in clients {
        client.join().unwrap();
    }
    comes_to_rest(&proxy);
    assert_eq!(proxy.shared.process().panics.load(SeqCst), 0);
    // And it still serves.
    let mut client = Client::connect(addr);
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_ne!(client.response().status, 0);
}

#[test]
fn the_limit_of_a_server_holds_over_workers() {
    let (now, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (inside, peak) = (Arc::clone(&now), Arc::clone(&most));
    let server = serve(move |mut stream| {
        while read_request(&mut stream).is_some() {
            peak.fetch_max(inside.fetch_add(1, SeqCst) + 1, SeqCst);
            std::thread::sleep(Duration::from_millis(2));
            inside.fetch_sub(1, SeqCst);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
        }
    });
    let mut config = config(Mode::Http, &[server]);
    let server = Arc::make_mut(&mut config.proxies[1].backend.servers[0]);
    server.roster.maxconn = 3;
    server.roster.minconn = 3;
    let proxy = Proxy::start(config, 4);
    let addr = proxy.addr;
    let clients: Vec<_> = (0..16)
        .map(|_| {
            std::thread::spawn(move || {
                for _ in 0..4 {
                    let mut client = Client::connect(addr);
                    for _ in 0..5 {
                        assert_eq!(client.get("/").text(), "ok");
                    }
                }
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    assert_eq!(most.load(SeqCst), 3);
    comes_to_rest(&proxy);
}

#[test]
fn the_limit_of_a_frontend_holds_over_workers() {
    let mut config = config(Mode::Http, &[canned("HTTP/1.1 204 No\r\n\r\n")]);
    config.proxies[0].frontend.maxconn = 4;
    let proxy = Proxy::start(config, 4);
    let addr = proxy.addr;
    proxy.shared.current().proxies[0].set_maxconn(4, &proxy.shared);
    let clients: Vec<_> = (0..24)
        .map(|_| {
            std::thread::spawn(move || {
                for _ in 0..6 {
                    assert_eq!(Client::connect(addr).get("/").status, 204);
                }
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    comes_to_rest(&proxy);
    let generation = proxy.shared.current();
    let most = generation.proxies[0].sessions.max();
    assert!(most <= 4, "{most}");
}

/// Answers with how often each connection was used and keeps it open even when the other side has
/// ended.
fn counting() -> SocketAddr {
    serve(|mut stream| {
        let mut count = 0;
        loop {
            let Some(request) = read_request(&mut stream) else {
                std::thread::sleep(Duration::from_millis(400));
                return;
            };
            count += 1;
            let body = format!("{count} {}", request.rsplit("\r\n\r\n").next().unwrap());
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            std::thread::sleep(Duration::from_millis(30));
            let _ = stream.write_all((head + &body).as_bytes());
        }
    })
}

#[test]
fn a_connection_whose_client_had_ended_its_side_serves_nobody_else() {
    let mut config = config(Mode::Http, &[counting()]);
    config.proxies[1].backend.reuse = lbd_backend::reuse::ReuseMode::Always;
    let proxy = Proxy::start(config, 1);
    let mut first = Client::connect(proxy.addr);
    first.send("GET / HTTP/1.1\r\nhost: t\r\n\r\n");
    std::thread::sleep(Duration::from_millis(10));
    // It is taken for one that has gone (`option abortonclose`, the default).
    first.finish();
    assert_eq!(first.response().status, 400);
    drop(first);
    let mut second = Client::connect(proxy.addr);
    second.send("POST / HTTP/1.1\r\nhost: t\r\ncontent-length: 4\r\n\r\nbody");
    assert_eq!(second.response().text(), "1 body");
}

#[test]
fn a_body_is_whole_or_the_request_is_not_repeated() {
    // Answers once, then resets: what is sent next on the connection may not leave at all.
    let server = serve(|mut stream| {
        let mut count = 0;
        while let Some(request) = read_request(&mut stream) {
            count += 1;
            let body = request.rsplit("\r\n\r\n").next().unwrap().to_owned();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            let _ = stream.write_all((head + &body).as_bytes());
            if count == 2 {
                reset(&stream);
                return;
            }
        }
    });
    let proxy = Proxy::start(config(Mode::Http, &[server]), 1);
    for _ in 0..40 {
        let mut client = Client::connect(proxy.addr);
        let mut all = String::new();
        for number in 0..6 {
            all += &format!(
                "POST /{number} HTTP/1.1\r\nhost: t\r\ncontent-length: 6\r\n\r\nbody-{number}"
            );
        }
        client.send(all);
        for number in 0..6 {
            let response = client.response();
            if response.status != 200 {
                break;
            }
            assert_eq!(response.text(), format!("body-{number}"));
        }
    }
}

#[test]
fn a_malformed_body_ends_the_connection() {
    let mut config = config(
        Mode::Http,
        &[canned("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")],
    );
    config.proxies[0].options.buffer_request = true;
    let proxy = Proxy::start(config, 1);
    let mut client = Client::connect(proxy.addr);
    client.send(
        "POST / HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n\
         2\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: t\r\n\r\n",
    );
    let response = client.response();
    assert_eq!(response.status, 400);
    assert_eq!(response.header("connection"), Some("close"));
    assert!(client.rest().is_empty());
}

#[test]
fn a_refusal_before_a_100_ends_the_connection() {
    let mut config = config(Mode::Http, &[canned("HTTP/1.1 204 No\r\n\r\n")]);
    let deny = rule(Ruleset::HttpRequest, Checkpoint::FeHrqHdr, "deny");
    config.proxies[0].rules.http_request.steps = [deny].into();
    let proxy = Proxy::start(config, 1);
    let mut client = Client::connect(proxy.addr);
    client.send("POST / HTTP/1.1\r\nhost: t\r\nexpect: 100-continue\r\ncontent-length: 50\r\n\r\n");
    let response = client.response();
    assert_eq!(response.status, 403);
    assert_eq!(response.header("connection"), Some("close"));
}

#[test]
fn a_connection_that_authenticates_its_client_is_not_shared() {
    for (scheme, expected) in [("NTLM", "1"), ("Negotiate", "1"), ("Basic realm=x", "2")] {
        let server = serve(move |mut stream| {
            let mut count = 0;
            while read_request(&mut stream).is_some() {
                count += 1;
                let answer = format!(
                    "HTTP/1.1 401 No\r\nwww-authenticate: {scheme}\r\ncontent-length: 1\r\n\r\n{count}"
                );
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        let mut config = config(Mode::Http, &[server]);
        config.proxies[1].backend.reuse = lbd_backend::reuse::ReuseMode::Always;
        let proxy = Proxy::start(config, 1);
        let mut first = Client::connect(proxy.addr);
        assert_eq!(first.get("/").text(), "1");
        let mut second = Client::connect(proxy.addr);
        assert_eq!(second.get("/").text(), expected, "{scheme}");
        if expected == "1" {
            // The first client goes on where it was.
            assert_eq!(first.get("/").text(), "2", "{scheme}");
        }
    }
}

#[test]
fn a_session_killed_while_a_rule_waits_for_the_response_ends() {
    let server = serve(|mut stream| {
        read_request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf");
        let _ = stream.read(&mut [0; 16]);
    });
    let mut config = config(Mode::Http, &[server]);
    config.proxies[1].rules.http_response.steps = [rule(
        Ruleset::HttpResponse,
        Checkpoint::BeHrsHdr,
        "wait-for-body time 30s",
    )]
    .into();
    let proxy = Proxy::start(config, 1);
    let mut client = Client::connect(proxy.addr);
    client.send("GET / HTTP/1.1\r\nhost: t\r\n\r\n");
    std::thread::sleep(Duration::from_millis(100));
    for session in proxy.shared.sessions(Duration::from_secs(1)) {
        proxy.shared.kill_session(session.id);
    }
    assert!(client.is_closed());
    comes_to_rest(&proxy);
    // The worker turns.
    assert_eq!(proxy.shared.sessions(Duration::from_secs(1)).len(), 0);
}

#[test]
fn a_pipe_lost_with_its_transfer_is_not_counted_for_ever() {
    let pool = lbd_proxy::pool::Pool::new(1024, 1, 0);
    for _ in 0..3 {
        let pipe = pool.pipe().expect("a pipe is free");
        assert_eq!(pool.pipe_counts(), (1, 0));
        assert!(pool.pipe().is_none());
        drop(pipe);
        assert_eq!(pool.pipe_counts(), (0, 0));
    }
    pool.give_pipe(pool.pipe().expect("a pipe is free"));
    assert_eq!(pool.pipe_counts(), (0, 1));
}

#[test]
fn a_soft_stop_closes_kept_connections_and_lets_requests_end() {
    let server = serve(|mut stream| {
        while let Some(request) = read_request(&mut stream) {
            if request.contains("/slow") {
                std::thread::sleep(Duration::from_millis(200));
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
        }
    });
    let proxy = Proxy::start(config(Mode::Http, &[server]), 2);
    let mut idle = Client::connect(proxy.addr);
    assert_eq!(idle.get("/").header("connection"), None);
    let mut busy = Client::connect(proxy.addr);
    busy.send("GET /slow HTTP/1.1\r\nhost: t\r\n\r\n");
    std::thread::sleep(Duration::from_millis(50));
    proxy.shared.soft_stop();
    assert!(idle.is_closed());
    let response = busy.response();
    assert_eq!(response.text(), "ok");
    assert_eq!(response.header("connection"), Some("close"));
    assert!(busy.is_closed());
    comes_to_rest(&proxy);
}

#[test]
fn a_rule_that_waits_for_a_body_waits() {
    let wait = |text: &str| {
        let (ruleset, at) = (Ruleset::HttpRequest, Checkpoint::FeHrqHdr);
        [rule(ruleset, at, text)].into()
    };
    let mut config = config(Mode::Http, &[counting()]);
    config.proxies[0].rules.http_request.steps = wait("wait-for-body time 150ms");
    let proxy = Proxy::start(config, 1);
    let mut client = Client::connect(proxy.addr);
    let begun = Instant::now();
    client.send("POST / HTTP/1.1\r\nhost: t\r\ncontent-length: 4\r\n\r\nbo");
    assert_eq!(client.response().status, 408);
    let waited = begun.elapsed();
    assert!(waited >= Duration::from_millis(150) && waited < Duration::from_secs(2));
    let mut client = Client::connect(proxy.addr);
    client.send("POST / HTTP/1.1\r\nhost: t\r\ncontent-length: 4\r\n\r\nbo");
    std::thread::sleep(Duration::from_millis(30));
    client.send("dy");
    assert_eq!(client.response().text(), "1 body");
}

#[test]
fn a_response_cut_short_while_a_rule_waits_for_it_is_not_waited_for() {
    let server = support::net::once("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf");
    let mut config = config(Mode::Http, &[server]);
    config.proxies[1].rules.http_response.steps = [rule(
        Ruleset::HttpResponse,
        Checkpoint::BeHrsHdr,
        "wait-for-body time 4s",
    )]
    .into();
    let proxy = Proxy::start(config, 1);
    let begun = Instant::now();
    let mut client = Client::connect(proxy.addr);
    client.send("GET / HTTP/1.1\r\nhost: t\r\n\r\n");
    assert_eq!(client.response().status, 502);
    assert!(begun.elapsed() < Duration::from_secs(2));
    drop(client);
    comes_to_rest(&proxy);
}

#[test]
fn rules_that_edit_framing_fields_do_not_change_where_messages_end() {
    let edits = [
        "del-header content-length",
        "set-header content-length 0",
        "add-header content-length 3",
        "set-header transfer-encoding chunked",
    ];
    for edit in edits {
        let mut config = config(Mode::Http, &[counting()]);
        config.proxies[0].rules.http_request.steps =
            [rule(Ruleset::HttpRequest, Checkpoint::FeHrqHdr, edit)].into();
        config.proxies[1].rules.http_response.steps =
            [rule(Ruleset::HttpResponse, Checkpoint::BeHrsHdr, edit)].into();
        let proxy = Proxy::start(config, 1);
        let mut client = Client::connect(proxy.addr);
        for number in 1..=2 {
            client.send("POST / HTTP/1.1\r\nhost: t\r\ncontent-length: 4\r\n\r\nbody");
            let response = client.response();
            assert_eq!(response.text(), format!("{number} body"), "{edit}");
            assert_eq!(response.header("transfer-encoding"), None, "{edit}");
        }
    }
}

#[test]
fn a_value_with_line_ends_adds_no_field() {
    let edits = [
        "set-header x-path %[path,url_dec]",
        "set-path %[path,url_dec]",
        "set-uri %[path,url_dec]",
        "set-query %[path,url_dec]",
        "set-method %[path,url_dec]",
        "redirect location %[path,url_dec]",
        "redirect prefix %[path,url_dec]",
        "return status 200 hdr x-path %[path,url_dec]",
    ];
    for edit in edits {
        let mut config = config(Mode::Http, &[support::net::hello("a")]);
        config.proxies[0].rules.http_request.steps =
            [rule(Ruleset::HttpRequest, Checkpoint::FeHrqHdr, edit)].into();
        let proxy = Proxy::start(config, 1);
        let mut client = Client::connect(proxy.addr);
        client.send(
            "GET /echo%0d%0ax-injected:%20yes HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n",
        );
        let seen = String::from_utf8_lossy(&client.rest()).into_owned();
        assert!(!seen.is_empty(), "{edit}");
        assert!(!seen.contains("\nx-injected"), "{edit}: {seen:?}");
    }
}

#[test]
fn headers_from_binary_data_add_no_field_by_line_ends() {
    let mut config = config(Mode::Http, &[support::net::hello("a")]);
    let add = "add-headers-bin req.hdr(x-bin),b64dec";
    config.proxies[0].rules.http_request.steps =
        [rule(Ruleset::HttpRequest, Checkpoint::FeHrqHdr, add)].into();
    let proxy = Proxy::start(config, 1);
    let mut client = Client::connect(proxy.addr);
    // The field `a` with a value of `b`, a line end and `x-injected: y`.
    client.send("GET /echo HTTP/1.1\r\nhost: t\r\nx-bin: AWEQYg0KeC1pbmplY3RlZDogeQAA\r\n\r\n");
    let response = client.response();
    assert!(!response.text().contains("\nx-injected"), "{response:?}");
}

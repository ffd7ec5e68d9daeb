//! What is said in frames: answers of our own, resets in each phase, ends of connections.

use super::frames::*;
use super::*;

const CONFIG: &str = "
frontend fe
    bind <fe> proto h2
    tcp-request content reject if { path /tcp-reject }
    http-request deny if { path /deny }
    http-request reject if { path /reject }
    http-request return status 200 content-type text/plain string hello if { path /return }
    http-request tarpit if { path /tarpit }
    timeout tarpit 300ms
    default_backend be
frontend plain
    bind <plain>
    http-request return status 200
backend be
    server s1 <origin>
";

/// What the last PING's answer ends and the log say of what `run` does, in both programs.
fn compare(name: &str, run: impl Fn(&Proxy) -> Vec<String>) {
    let [expected, got] = BOTH.map(|program| {
        let log = SyslogSink::udp();
        let origin = origin();
        let proxy = builder(&program, CONFIG, &log)
            .with("origin", origin.address())
            .listener("fe")
            .listener("plain")
            .start();
        let mut said = run(&proxy);
        said.push(log.wait_lines(1)[0].message().to_owned());
        said
    });
    assert_eq!(got, expected, "{name}");
}

fn fe(proxy: &Proxy) -> Peer {
    Peer::connect(proxy.address("fe"))
}

#[test]
fn requests_are_answered_or_refused_as_the_reference_does() {
    if !is_reference_current() {
        return;
    }
    for path in [
        "/x", "/empty", "/missing", "/deny", "/return", "/tarpit", "/short", "/reset",
    ] {
        compare(path, |proxy| {
            let mut peer = fe(proxy);
            peer.get(1, path);
            peer.stream(1)
        });
    }
    for path in ["/reject", "/tcp-reject"] {
        compare(path, |proxy| {
            let mut peer = fe(proxy);
            peer.get(1, path);
            peer.rest()
        });
    }
}

#[test]
fn requests_answered_before_their_end_are_cut_off_without_harm() {
    if !is_reference_current() {
        return;
    }
    for path in ["/deny", "/return"] {
        compare(path, |proxy| {
            let mut peer = fe(proxy);
            peer.request(1, false, &post(path));
            let mut said = peer.stream(1);
            said.extend(peer.answers());
            said
        });
    }
}

#[test]
fn malformed_requests_are_refused_with_the_same_code_and_line() {
    if !is_reference_current() {
        return;
    }
    let with = |more: (&'static str, &'static str)| {
        let mut fields = get("/x").to_vec();
        fields.push(more);
        fields
    };
    let changed = |name: &str, value: &'static str| {
        let mut fields = get("/x").to_vec();
        fields
            .iter_mut()
            .filter(|f| f.0 == name)
            .for_each(|f| f.1 = value);
        fields
    };
    for fields in [
        with(("X-Up", "1")),
        with(("connection", "close")),
        with(("te", "gzip")),
        with((":path", "/2")),
        with((":unknown", "1")),
        with(("x", "a\0b")),
        with(("content-length", "1")),
        changed(":path", ""),
        changed(":path", "x"),
        changed(":authority", "u@a"),
        changed(":authority", "a b"),
        changed(":method", "GE T"),
        changed(":scheme", "ht tp"),
        changed(":method", "CONNECT"),
        get("/x")[..3].to_vec(),
        get("/x")[1..].to_vec(),
    ] {
        compare(&format!("{fields:?}"), |proxy| {
            let mut peer = fe(proxy);
            peer.request(1, true, &fields);
            peer.stream(1)
        });
    }
}

#[test]
fn frames_that_break_the_protocol_end_the_connection_with_the_same_code() {
    let get = block(&get("/x"));
    let cases: [(&str, u8, u8, u32, &[u8]); 13] = [
        ("DATA on 0", DATA, 0, 0, b"x"),
        ("DATA on idle", DATA, 0, 1, b"x"),
        ("HEADERS on 0", HEADERS, 5, 0, &get),
        ("even stream", HEADERS, 5, 2, &get),
        ("too long", DATA, 0, 1, &[0; 16_385]),
        ("RST_STREAM on idle", RST_STREAM, 0, 1, &[0; 4]),
        ("RST_STREAM of 3", RST_STREAM, 0, 1, &[0; 3]),
        ("SETTINGS on 1", SETTINGS, 0, 1, &[]),
        ("SETTINGS of 5", SETTINGS, 0, 0, &[0; 5]),
        ("window beyond", SETTINGS, 0, 0, &[0, 4, 0x80, 0, 0, 0]),
        ("PING on 1", PING, 0, 1, &[0; 8]),
        ("PING of 7", PING, 0, 0, &[0; 7]),
        ("CONTINUATION alone", CONTINUATION, 4, 1, &get),
    ];
    for (name, kind, flags, stream, payload) in cases {
        compare(name, |proxy| {
            let mut peer = fe(proxy);
            peer.send(kind, flags, stream, payload);
            peer.rest()
        });
    }
}

/// Begins a request, resets its stream once it has been looked at, and leaves.
fn leave(proxy: &Proxy, path: &str) -> Vec<String> {
    let mut peer = fe(proxy);
    peer.get(1, path);
    let said = peer.answers();
    peer.send(RST_STREAM, 0, 1, &8_u32.to_be_bytes());
    said
}

#[test]
fn a_client_that_leaves_early_is_told_by_the_references_letters() {
    if !is_reference_current() {
        return;
    }
    compare("tarpit", |proxy| leave(proxy, "/tarpit"));
}

#[test]
fn a_client_that_leaves_while_the_server_is_waited_for_is_missed() {
    // The reference writes CH, CD or CL, as its tasks happen to run.
    let log = SyslogSink::udp();
    let origin = origin();
    let proxy = builder(&Program::Lbd, CONFIG, &log)
        .with("origin", origin.address())
        .listener("fe")
        .listener("plain")
        .start();
    assert_eq!(leave(&proxy, "/silent"), Vec::<String>::new());
    log.wait_line("be s1 400 CD CD--");
}

#[test]
fn plain_lines_take_the_preface() {
    for config in ["", "    option disable-h2-upgrade\n"] {
        let log = SyslogSink::udp();
        let text =
            format!("frontend fe\n    bind <fe>\n{config}    http-request return status 200\n");
        let [expected, got] = BOTH.map(|program| {
            let proxy = builder(&program, &text, &log).listener("fe").start();
            let mut peer = fe(&proxy);
            peer.get(1, "/");
            match config {
                "" => peer.stream(1),
                _ => {
                    // An answer of HTTP/1 is no frame.
                    let is_h1 = peer.frame().is_none_or(|frame| frame.kind > CONTINUATION);
                    vec![format!("HTTP/1: {is_h1}")]
                }
            }
        });
        assert_eq!(got, expected);
    }
}

#[test]
fn a_soft_stop_lets_streams_end_and_says_goodbye() {
    let log = SyslogSink::udp();
    let origin = Origin::answering("s1", |_, _| {
        Reply::ok("late").delay(std::time::Duration::from_millis(700))
    });
    let mut proxy = builder(&Program::Lbd, CONFIG, &log)
        .with("origin", origin.address())
        .listener("fe")
        .listener("plain")
        .start();
    let mut peer = fe(&proxy);
    peer.get(1, "/late");
    origin.wait_requests(1);
    proxy.signal(nix::sys::signal::Signal::SIGUSR1);
    let said = peer.rest();
    assert_eq!(
        said,
        ["GOAWAY 0", "HEADERS 1 200", "DATA 1 of 4 end", "end"]
    );
    assert_eq!(proxy.wait_exit().code, Some(0));
}

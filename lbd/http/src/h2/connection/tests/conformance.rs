//! Requirements of RFC 9113, each with the frames that break it and what must be said.

use super::*;

const PROTOCOL: Option<u32> = Some(1);
const FLOW: Option<u32> = Some(3);
const CLOSED: Option<u32> = Some(5);
const SIZE: Option<u32> = Some(6);
const COMPRESSION: Option<u32> = Some(9);

/// Where it is written, kind, flags, stream, payload, code.
type Case<'a> = (&'a str, u8, u8, u32, &'a [u8], Option<u32>);

#[test]
fn frames_that_break_the_connection() {
    let get = block(&GET);
    let long = vec![0; 16_385];
    let cases: [Case<'_>; 30] = [
        ("4.2 too long", kind::DATA, 0, 1, &long, SIZE),
        ("5.1 DATA on idle", kind::DATA, 0, 1, b"x", PROTOCOL),
        (
            "5.1 RST_STREAM on idle",
            kind::RST_STREAM,
            0,
            1,
            &[0; 4],
            PROTOCOL,
        ),
        (
            "5.1 WINDOW_UPDATE on idle",
            kind::WINDOW_UPDATE,
            0,
            1,
            &[0, 0, 0, 1],
            PROTOCOL,
        ),
        ("5.1.1 even stream", kind::HEADERS, 5, 2, &get, PROTOCOL),
        ("6.1 DATA on 0", kind::DATA, 0, 0, b"x", PROTOCOL),
        ("6.2 HEADERS on 0", kind::HEADERS, 5, 0, &get, PROTOCOL),
        (
            "6.2 padding beyond",
            kind::HEADERS,
            0x0d,
            1,
            &[9, 0x82],
            PROTOCOL,
        ),
        ("6.2 padding missing", kind::HEADERS, 0x0d, 1, &[], SIZE),
        (
            "6.2 priority missing",
            kind::HEADERS,
            0x25,
            1,
            &[0; 4],
            SIZE,
        ),
        (
            "5.3 depends on itself",
            kind::HEADERS,
            0x25,
            1,
            &[0, 0, 0, 1, 0],
            PROTOCOL,
        ),
        ("6.3 PRIORITY on 0", kind::PRIORITY, 0, 0, &[0; 5], PROTOCOL),
        ("6.3 PRIORITY of 4", kind::PRIORITY, 0, 1, &[0; 4], SIZE),
        (
            "6.4 RST_STREAM on 0",
            kind::RST_STREAM,
            0,
            0,
            &[0; 4],
            PROTOCOL,
        ),
        ("6.4 RST_STREAM of 3", kind::RST_STREAM, 0, 1, &[0; 3], SIZE),
        ("6.5 SETTINGS on 1", kind::SETTINGS, 0, 1, &[], PROTOCOL),
        ("6.5 SETTINGS of 5", kind::SETTINGS, 0, 0, &[0; 5], SIZE),
        ("6.5 ACK with payload", kind::SETTINGS, 1, 0, &[0; 6], SIZE),
        (
            "6.5.2 push of 2",
            kind::SETTINGS,
            0,
            0,
            &[0, 2, 0, 0, 0, 2],
            PROTOCOL,
        ),
        (
            "6.5.2 window",
            kind::SETTINGS,
            0,
            0,
            &[0, 4, 0x80, 0, 0, 0],
            FLOW,
        ),
        (
            "6.5.2 frame size",
            kind::SETTINGS,
            0,
            0,
            &[0, 5, 0, 0, 0, 1],
            PROTOCOL,
        ),
        (
            "6.6 PUSH_PROMISE",
            kind::PUSH_PROMISE,
            4,
            1,
            &[0; 4],
            PROTOCOL,
        ),
        ("6.7 PING on 1", kind::PING, 0, 1, &[0; 8], PROTOCOL),
        ("6.7 PING of 7", kind::PING, 0, 0, &[0; 7], SIZE),
        ("6.8 GOAWAY on 1", kind::GOAWAY, 0, 1, &[0; 8], PROTOCOL),
        ("6.8 GOAWAY of 7", kind::GOAWAY, 0, 0, &[0; 7], SIZE),
        (
            "6.9 credit of 0",
            kind::WINDOW_UPDATE,
            0,
            0,
            &[0; 4],
            PROTOCOL,
        ),
        (
            "6.9 credit of 3 bytes",
            kind::WINDOW_UPDATE,
            0,
            0,
            &[0; 3],
            SIZE,
        ),
        (
            "6.9.1 credit beyond",
            kind::WINDOW_UPDATE,
            0,
            0,
            &[0x7f, 0xff, 0xff, 0xff],
            FLOW,
        ),
        (
            "6.10 CONTINUATION alone",
            kind::CONTINUATION,
            4,
            1,
            &get,
            PROTOCOL,
        ),
    ];
    for (name, kind, flags, stream, payload, code) in cases {
        let mut server = Server::new();
        server.send(kind, flags, stream, payload);
        assert_eq!(server.goaway(), code, "{name}");
        assert!(server.machine.is_failed(), "{name}");
    }
}

#[test]
fn the_preface_and_settings_come_first() {
    for (name, input) in [
        ("another preface", &b"PRI * HTTP/2.0\r\n\r\nXX"[..]),
        ("HTTP/1", b"GET / HTTP/1.1\r\n\r\n"),
        (
            "PING first",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x08\x06\0\0\0\0\0\0\0\0\0\0\0\0\0",
        ),
    ] {
        let mut machine = Connection::new(Config::new(Role::Server));
        machine.receive(input, usize::MAX);
        assert_eq!(machine.fault(), Some(ErrorCode::PROTOCOL_ERROR), "{name}");
    }
}

#[test]
fn a_header_block_is_not_interrupted() {
    let get = block(&GET);
    for (kind, stream) in [
        (kind::PING, 0),
        (kind::CONTINUATION, 3),
        (kind::HEADERS, 1),
        (99, 1),
    ] {
        let mut server = Server::new();
        server.send(kind::HEADERS, 0, 1, &get[..3]);
        server.send(kind, 0, stream, &[0; 8]);
        assert_eq!(server.goaway(), PROTOCOL, "{kind}");
    }
}

#[test]
fn blocks_that_cannot_be_decoded_break_the_connection() {
    for block in [
        &b"\xff\xff\xff\xff\xff\x7f"[..],
        b"\x40",
        b"\xbe",
        b"\x82\x20",
    ] {
        let mut server = Server::new();
        server.send(kind::HEADERS, 5, 1, block);
        assert_eq!(server.goaway(), COMPRESSION, "{block:?}");
    }
}

#[test]
fn malformed_requests_cost_their_stream_only() {
    let with = |more: &[(&'static str, &'static str)]| {
        let mut list = GET.to_vec();
        list.extend_from_slice(more);
        list
    };
    let without = |name: &str| {
        let mut list = GET.to_vec();
        list.retain(|(known, _)| *known != name);
        list
    };
    let changed = |name: &str, value: &'static str| {
        let mut list = GET.to_vec();
        list.iter_mut()
            .filter(|f| f.0 == name)
            .for_each(|f| f.1 = value);
        list
    };
    let mut late = GET.to_vec();
    late.insert(2, ("x", "1"));
    let cases = [
        ("8.2.1 upper case", with(&[("X-Up", "1")])),
        ("8.2.1 bad name", with(&[("x y", "1")])),
        ("8.2.1 empty name", with(&[("", "1")])),
        ("8.2.1 NUL", with(&[("x", "a\0b")])),
        ("8.2.1 line feed", with(&[("x", "a\nb")])),
        ("8.2.1 carriage return", with(&[("x", "a\rb")])),
        ("8.2.2 connection", with(&[("connection", "close")])),
        ("8.2.2 keep-alive", with(&[("keep-alive", "1")])),
        (
            "8.2.2 proxy-connection",
            with(&[("proxy-connection", "close")]),
        ),
        (
            "8.2.2 transfer-encoding",
            with(&[("transfer-encoding", "chunked")]),
        ),
        ("8.2.2 upgrade", with(&[("upgrade", "websocket")])),
        ("8.2.2 te", with(&[("te", "gzip")])),
        ("8.3 unknown", with(&[(":foo", "1")])),
        ("8.3 of a response", with(&[(":status", "200")])),
        ("8.3 twice", with(&[(":path", "/2")])),
        ("8.3 late", late),
        ("8.3.1 no method", without(":method")),
        ("8.3.1 no scheme", without(":scheme")),
        ("8.3.1 no path", without(":path")),
        ("8.3.1 empty path", changed(":path", "")),
        ("8.3.1 path without slash", changed(":path", "x")),
        ("8.3.1 asterisk", changed(":path", "*")),
        ("8.3.1 fragment", changed(":path", "/#x")),
        ("8.3.1 blank in path", changed(":path", "/a b")),
        ("8.3.1 user information", changed(":authority", "u@a")),
        ("8.3.1 bad authority", changed(":authority", "a/b")),
        (
            "8.1.1 lengths differ",
            with(&[("content-length", "1"), ("content-length", "2")]),
        ),
        ("8.1.1 bad length", with(&[("content-length", "x")])),
        (
            "8.1.1 length without content",
            with(&[("content-length", "1")]),
        ),
        ("8.5 CONNECT with path", changed(":method", "CONNECT")),
        ("8441 4 not CONNECT", with(&[(":protocol", "websocket")])),
        (
            "8441 5 not HTTP/2 itself",
            vec![
                (":method", "CONNECT"),
                (":protocol", "h2c"),
                (":scheme", "http"),
                (":authority", "a"),
                (":path", "/"),
            ],
        ),
    ];
    for (name, fields) in cases {
        let mut server = Server::new();
        // In front of all others, and after them.
        let fields: Vec<_> = match fields.iter().position(|f| f.0 == ":protocol") {
            Some(at) => {
                let mut fields = fields;
                fields.swap(0, at);
                fields
            }
            None => fields,
        };
        server.request(1, true, &fields);
        assert_eq!(server.reset(1), PROTOCOL, "{name}");
        let key = server.machine.accept().unwrap();
        assert!(server.machine.is_faulty(key), "{name}");
        server.request(3, true, &GET);
        assert_eq!(server.machine.stream_count(), 2, "{name}");
        assert_eq!(server.machine.counters().glitches, 1, "{name}");
    }
}

#[test]
fn methods_and_schemes_that_are_none_are_for_an_answer() {
    for (method, scheme) in [("GE T", "http"), ("GET", "http://a/?"), ("", "http")] {
        let mut server = Server::new();
        let fields = [
            (":method", method),
            (":scheme", scheme),
            (":authority", "a"),
            (":path", "/"),
        ];
        server.request(1, true, &fields);
        let key = server.machine.accept().unwrap();
        let incoming = server.machine.take_head(key, &mut Head::new()).unwrap();
        assert!(incoming.parsed.violation.is_some());
        assert_eq!(server.machine.counters().glitches, 0);
    }
}

#[test]
fn content_must_be_as_long_as_announced() {
    for (content, is_end) in [(&b"hello!"[..], false), (b"hell", true)] {
        let mut server = Server::new();
        let mut fields = POST.to_vec();
        fields.push(("content-length", "5"));
        server.request(1, false, &fields);
        server.send(kind::DATA, u8::from(is_end), 1, content);
        assert_eq!(server.reset(1), PROTOCOL, "{content:?}");
    }
}

#[test]
fn frames_on_ended_streams_are_refused() {
    // Half closed: the stream's fault.
    let mut server = Server::new();
    server.request(1, true, &POST);
    server.send(kind::DATA, 0, 1, b"x");
    assert_eq!(server.reset(1), CLOSED);
    let mut server = Server::new();
    server.request(1, true, &POST);
    server.request(1, true, &POST);
    assert_eq!(server.reset(1), CLOSED);
    // Closed by both: the connection's fault for fields, which would open it again.
    let mut server = Server::new();
    server.request(1, true, &GET);
    let key = server.machine.accept().unwrap();
    let response = head(&[], |head| {
        head.start_response(b"HTTP/1.1", 200, b"").unwrap()
    });
    server.machine.send_response(key, &response, true);
    server.machine.release(key);
    server.said();
    server.request(1, true, &GET);
    assert_eq!(server.goaway(), CLOSED);
}

#[test]
fn frames_on_streams_that_the_client_has_reset_are_refused() {
    let begin = || {
        let mut server = Server::new();
        server.request(1, false, &POST);
        server.send(kind::RST_STREAM, 0, 1, &8_u32.to_be_bytes());
        server.said();
        server
    };
    // Held or not: what its owner does meanwhile is not the client's to know.
    for is_held in [true, false] {
        let mut server = begin();
        let key = server.machine.accept().unwrap();
        if !is_held {
            server.machine.release(key);
        }
        server.send(kind::WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]);
        server.send(kind::RST_STREAM, 0, 1, &[0; 4]);
        assert_eq!(server.said(), []);
        server.send(kind::DATA, 0, 1, b"x");
        assert_eq!(server.reset(1), CLOSED);
        server.send(kind::DATA, 0, 1, b"x");
        assert_eq!(server.reset(1), None, "once is enough");
        let mut server = begin();
        let key = server.machine.accept().unwrap();
        if !is_held {
            server.machine.release(key);
        }
        server.request(1, true, &GET);
        assert_eq!(server.goaway(), CLOSED);
    }
}

#[test]
fn what_was_under_way_to_a_stream_that_we_reset_is_ignored() {
    let mut server = Server::new();
    server.request(1, false, &POST);
    let key = server.machine.accept().unwrap();
    server.machine.release(key);
    assert_eq!(server.reset(1), Some(8));
    server.send(kind::DATA, 0, 1, b"x");
    server.send(kind::WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]);
    server.request(1, true, &[("x-trailer", "1")]);
    server.send(kind::RST_STREAM, 0, 1, &[0; 4]);
    // But for the connection's credit.
    assert!(server.said().iter().all(|frame| frame.2 == 0));
    assert_eq!(server.machine.fault(), None);
}

#[test]
fn a_stream_that_sends_beyond_its_window_is_reset() {
    let mut config = Config::new(Role::Server);
    config.receive_buffer = 0;
    let mut server = Server::with(config);
    server.request(1, false, &POST);
    server.send(kind::DATA, 0, 1, &[0; 16_384]);
    assert_eq!(server.reset(1), None);
    server.send(kind::DATA, 0, 1, b"x");
    assert_eq!(server.reset(1), FLOW);
}

#[test]
fn credits_that_are_void_or_too_large_cost_the_stream() {
    for (credit, code) in [([0; 4], PROTOCOL), ([0x7f, 0xff, 0xff, 0xff], FLOW)] {
        let mut server = Server::new();
        server.request(1, true, &GET);
        server.send(kind::WINDOW_UPDATE, 0, 1, &credit);
        assert_eq!(server.reset(1), code);
    }
}

#[test]
fn unknown_frames_settings_and_flags_are_ignored() {
    let mut server = Server::new();
    server.send(99, 0xff, 7, b"anything");
    server.send(kind::SETTINGS, 0, 0, &[0, 0x77, 1, 2, 3, 4]);
    server.send(kind::PING, 0xfe, 0, b"12345678");
    let said = server.said();
    assert_eq!(said.len(), 2);
    assert_eq!(said[1], (kind::PING, flag::ACK, 0, b"12345678".to_vec()));
    assert_eq!(server.machine.fault(), None);
}

#[test]
fn trailers_end_the_stream_and_hold_no_pseudo_fields() {
    let mut server = Server::new();
    server.request(1, false, &POST);
    server.request(1, true, &[("x-sum", "1"), ("content-length", "3")]);
    let key = server.machine.accept().unwrap();
    let trailers = server.machine.take_trailers(key).unwrap();
    assert_eq!(text(&trailers), "x-sum: 1\r\n\r\n");
    for (fields, is_end) in [(&[(":path", "/")], true), (&[("x", "1")], false)] {
        let mut server = Server::new();
        server.request(1, false, &POST);
        server.request(1, is_end, fields);
        assert_eq!(server.reset(1), PROTOCOL);
    }
}

#[test]
fn targets_and_hosts_are_as_the_reference_makes_them() {
    for (fields, line) in [
        (
            GET.to_vec(),
            "GET http://a.example/x?y HTTP/1.1\r\nhost: a.example\r\n\r\n",
        ),
        (
            vec![
                (":method", "GET"),
                (":scheme", "https"),
                (":path", "/"),
                ("host", "b"),
            ],
            "GET / HTTP/1.1\r\nhost: b\r\n\r\n",
        ),
        (
            vec![
                (":method", "GET"),
                (":scheme", "http"),
                (":authority", "b:80"),
                (":path", "/"),
            ],
            "GET http://b/ HTTP/1.1\r\nhost: b\r\n\r\n",
        ),
        (
            vec![
                (":method", "GET"),
                (":scheme", "http"),
                (":authority", "a"),
                (":path", "/"),
                ("host", "other"),
                ("cookie", "a=1"),
                ("x", " 1 "),
                ("cookie", "b=2"),
            ],
            "GET http://a/ HTTP/1.1\r\nhost: a\r\nx: 1\r\ncookie: a=1; b=2\r\n\r\n",
        ),
        (
            vec![
                (":method", "OPTIONS"),
                (":scheme", "http"),
                (":authority", "a"),
                (":path", "*"),
            ],
            "OPTIONS http://a HTTP/1.1\r\nhost: a\r\n\r\n",
        ),
        (
            vec![(":method", "CONNECT"), (":authority", "a:443")],
            "CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n",
        ),
    ] {
        let mut server = Server::new();
        server.request(1, true, &fields);
        let key = server.machine.accept().unwrap();
        let mut got = Head::new();
        server.machine.take_head(key, &mut got).unwrap();
        assert_eq!(text(&got), line);
    }
}

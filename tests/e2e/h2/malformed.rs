//! Malformed frames of every type: the code that ends the connection, and that it ends no other.

use super::frames::*;
use super::*;

const CONFIG: &str = "
frontend fe
    bind <fe> proto h2
    default_backend be
backend be
    server s1 <origin>
";

/// A frame on a new connection, and what is said last.
struct Case {
    what: &'static str,
    frame: (u8, u8, u32, &'static [u8]),
    said: &'static str,
}

const fn case(what: &'static str, frame: (u8, u8, u32, &'static [u8]), said: &'static str) -> Case {
    Case { what, frame, said }
}

const ACK: u8 = 1;

const CASES: &[Case] = &[
    case("DATA of no stream", (DATA, 0, 0, b"x"), "GOAWAY 1"),
    case("DATA of an idle stream", (DATA, 0, 5, b"x"), "GOAWAY 1"),
    case(
        "HEADERS of no stream",
        (HEADERS, END_HEADERS, 0, b"\x82"),
        "GOAWAY 1",
    ),
    case(
        "HEADERS of a server's stream",
        (HEADERS, END_HEADERS, 2, b"\x82"),
        "GOAWAY 1",
    ),
    case(
        "HEADERS of padding only",
        (HEADERS, END_HEADERS | PADDED, 1, b"\x09\x82"),
        "GOAWAY 1",
    ),
    case(
        "a block that ends in a number",
        (HEADERS, END_HEADERS, 1, b"\xff\xff"),
        "GOAWAY 9",
    ),
    case(
        "a block with an unknown index",
        (HEADERS, END_HEADERS, 1, b"\xfe"),
        "GOAWAY 9",
    ),
    case(
        "PRIORITY of no stream",
        (PRIORITY, 0, 0, &[0; 5]),
        "GOAWAY 1",
    ),
    case(
        "RST_STREAM of no stream",
        (RST_STREAM, 0, 0, &[0; 4]),
        "GOAWAY 1",
    ),
    case(
        "RST_STREAM of an idle stream",
        (RST_STREAM, 0, 5, &[0; 4]),
        "GOAWAY 1",
    ),
    case("a short RST_STREAM", (RST_STREAM, 0, 5, &[0; 3]), "GOAWAY"),
    case("SETTINGS of a stream", (SETTINGS, 0, 1, b""), "GOAWAY 1"),
    case("half a setting", (SETTINGS, 0, 0, &[0; 5]), "GOAWAY 6"),
    case(
        "an answer with settings",
        (SETTINGS, ACK, 0, &[0; 6]),
        "GOAWAY 6",
    ),
    case(
        "a push of two",
        (SETTINGS, 0, 0, b"\0\x02\0\0\0\x02"),
        "GOAWAY 1",
    ),
    case(
        "a window beyond all",
        (SETTINGS, 0, 0, b"\0\x04\x80\0\0\0"),
        "GOAWAY 3",
    ),
    case(
        "frames of a byte",
        (SETTINGS, 0, 0, b"\0\x05\0\0\0\x01"),
        "GOAWAY 1",
    ),
    case(
        "PUSH_PROMISE",
        (PUSH_PROMISE, END_HEADERS, 1, &[0; 4]),
        "GOAWAY 1",
    ),
    case("a short PING", (PING, 0, 0, &[0; 7]), "GOAWAY 6"),
    case("PING of a stream", (PING, 0, 1, &[0; 8]), "GOAWAY 1"),
    case("a short GOAWAY", (GOAWAY, 0, 0, &[0; 4]), "GOAWAY 6"),
    case("GOAWAY of a stream", (GOAWAY, 0, 1, &[0; 8]), "GOAWAY 1"),
    case(
        "a short WINDOW_UPDATE",
        (WINDOW_UPDATE, 0, 0, &[0; 3]),
        "GOAWAY 6",
    ),
    case("no credit", (WINDOW_UPDATE, 0, 0, &[0; 4]), "GOAWAY 1"),
    case(
        "credit beyond all",
        (WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff"),
        "GOAWAY 3",
    ),
    case(
        "credit of an idle stream",
        (WINDOW_UPDATE, 0, 5, b"\0\0\0\x01"),
        "GOAWAY 1",
    ),
    case(
        "CONTINUATION of nothing",
        (CONTINUATION, END_HEADERS, 1, b"\x82"),
        "GOAWAY 1",
    ),
    case(
        "a frame that is too long",
        (PING, 0, 0, &[0; 16_385]),
        "GOAWAY 6",
    ),
];

#[test]
fn malformed_frames_of_every_type_end_their_own_connection_only() {
    for program in BOTH {
        let (log, origin) = (SyslogSink::udp(), origin());
        // The upload of the other client waits for all of them.
        let top = TOP.replace("2s", "60s");
        let proxy = Proxy::of(program.clone(), format!("{top}{CONFIG}"))
            .with("log", log.address())
            .with("origin", origin.address())
            .listener("fe")
            .start();
        let mut other = Peer::connect(proxy.address("fe"));
        other.request(1, false, &post("/missing"));
        for case in CASES {
            let mut peer = Peer::connect(proxy.address("fe"));
            let (kind, flags, stream, payload) = case.frame;
            peer.send(kind, flags, stream, payload);
            let said = peer.rest();
            let goaway = said.iter().rev().find(|text| text.starts_with("GOAWAY"));
            let goaway = goaway.map_or("", String::as_str);
            let is_it = match case.said.len() {
                6 => goaway.starts_with(case.said),
                _ => goaway == case.said,
            };
            assert!(is_it, "{program:?}: {}: {said:?}", case.what);
        }
        // What nobody knows is passed over.
        let mut peer = Peer::connect(proxy.address("fe"));
        peer.send(0xfa, 0xff, 0, b"what is this");
        peer.get(1, "/missing");
        assert_eq!(peer.stream(1)[0], "HEADERS 1 404", "{program:?}");
        other.send(DATA, END_STREAM, 1, b"the rest");
        assert_eq!(other.stream(1)[0], "HEADERS 1 404", "{program:?}");
    }
}

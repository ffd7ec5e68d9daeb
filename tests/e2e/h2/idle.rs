//! `idle-ping`: peers without streams are asked whether they are there.

use std::net::TcpListener;
use std::time::Instant;

use super::frames::*;
use super::*;

const PAYLOAD: [u8; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

/// Waits for a ping and answers it.
fn answer(peer: &mut Peer) {
    let asked = peer.wait_frame(PING, 0, &PAYLOAD);
    asked.expect("a ping");
    peer.send(PING, 1, 0, &PAYLOAD);
}

/// The programs that know the word.
fn programs() -> Vec<Program> {
    match is_reference_current() {
        true => BOTH.to_vec(),
        false => vec![Program::Lbd],
    }
}

#[test]
fn a_client_that_answers_stays_beyond_its_timeout_and_one_that_does_not_goes() {
    let config = "
frontend fe
    bind <fe> proto h2 idle-ping 1s
    timeout client 3s
    http-request return status 200
";
    for program in programs() {
        let log = SyslogSink::udp();
        let proxy = builder(&program, config, &log).listener("fe").start();
        let mut peer = Peer::connect(proxy.address("fe"));
        let begin = Instant::now();
        while begin.elapsed().as_secs() < 4 {
            answer(&mut peer);
        }
        peer.get(1, "/");
        assert_eq!(peer.stream(1), ["HEADERS 1 200 end"], "{program:?}");
        // No answer: the next ping's time is the end.
        assert_eq!(peer.wait_frame(PING, 0, &PAYLOAD), Ok(()));
        assert_eq!(peer.rest(), ["GOAWAY 0", "end"], "{program:?}");
    }
}

#[test]
fn the_time_for_a_next_request_is_not_prolonged() {
    let config = "
frontend fe
    bind <fe> proto h2 idle-ping 100ms
    timeout client 1h
    timeout http-keep-alive 700ms
    http-request return status 200
";
    let log = SyslogSink::udp();
    let proxy = builder(&Program::Lbd, config, &log).listener("fe").start();
    let mut peer = Peer::connect(proxy.address("fe"));
    peer.get(1, "/");
    assert_eq!(peer.stream(1), ["HEADERS 1 200 end"]);
    while peer.wait_frame(PING, 0, &PAYLOAD).is_ok() {
        peer.send(PING, 1, 0, &PAYLOAD);
    }
}

#[test]
fn a_server_that_does_not_answer_is_left() {
    let config = "
frontend fe
    bind <fe>
    default_backend be
backend be
    server s1 <origin> proto h2 idle-ping 1s
";
    for program in programs() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let log = SyslogSink::udp();
        let proxy = builder(&program, config, &log)
            .with("origin", address)
            .listener("fe")
            .start();
        let mut client = support::Client::connect(proxy.address("fe"));
        client.send("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
        let (socket, _) = listener.accept().expect("a connection");
        let mut peer = Peer::accepted(socket);
        peer.send(SETTINGS, 0, 0, &[]);
        peer.wait_request();
        // Status 200, without content.
        peer.send(HEADERS, END_HEADERS | END_STREAM, 1, b"\x88");
        assert_eq!(client.response().status, 200);
        for _ in 0..2 {
            answer(&mut peer);
        }
        assert_eq!(peer.wait_frame(PING, 0, &PAYLOAD), Ok(()));
        assert_eq!(peer.rest(), ["GOAWAY 0", "end"], "{program:?}");
    }
}

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use super::{Engine, Load, Pace};

/// A load straight at the engine's own origin.
fn load(engine: &Engine, path: &'static str, pace: Pace) -> Load {
    let duration = Duration::from_millis(100);
    Load {
        target: engine.address(),
        path,
        connections: 10,
        duration,
        pace,
        tls: None,
    }
}

#[test]
fn every_pace_gets_its_answers_without_an_error() {
    for pace in [Pace::Closed, Pace::Rate(500.0), Pace::Fill] {
        for path in ["/", "/64k", "/1m"] {
            let mut engine = Engine::new().expect("an engine");
            let load = load(&engine, path, pace);
            let mut calls = 0;
            let mut probe = || {
                calls += 7;
                calls
            };
            let outcome = engine.run(&load, &mut probe, || {}).expect("it runs");
            assert!(
                outcome.requests >= 10,
                "{pace:?} {path}: {}",
                outcome.requests
            );
            assert_eq!((outcome.errors, outcome.probed), (0, 7), "{pace:?} {path}");
        }
    }
}

#[test]
fn a_connection_that_is_lost_is_counted_and_replaced() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let target = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            let mut stream = stream;
            let _ = stream.read(&mut [0; 512]);
            let answer = if number == 0 {
                ""
            } else {
                "HTTP/1.1 500 No\r\n\r\n"
            };
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let mut engine = Engine::new().expect("an engine");
    let load = Load {
        target,
        connections: 1,
        ..load(&engine, "/", Pace::Closed)
    };
    let outcome = engine.run(&load, || 0, || {}).expect("it runs");
    assert!(outcome.errors >= 2 && outcome.requests == 0, "{outcome:?}");
}

#[test]
fn the_sink_counts_lines() {
    let mut engine = Engine::new().expect("an engine");
    let sender = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let sink = engine.sink_address().expect("an address");
    sender.send_to(b"<1>one\n<2>two\n", sink).expect("sent");
    let load = load(&engine, "/", Pace::Closed);
    engine.run(&load, || 0, || {}).expect("it runs");
    assert_eq!(engine.log_lines(), 2);
}

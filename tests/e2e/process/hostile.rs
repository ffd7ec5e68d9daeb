//! Clients of the runtime API that send nonsense, stop in the middle, do not read, or are many: others
//! are served meanwhile, and nothing is kept for them.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

const LONG: Duration = Duration::from_secs(60);

/// A site whose socket has these `stats` lines besides.
fn site(origin: &Origin, lines: &str) -> Proxy {
    let text = simple().replace("level admin\n", &format!("level admin\n{lines}"));
    start(&Program::Lbd, &text, origin)
}

/// Reads to the end, which has to come.
fn rest(mut stream: UnixStream) -> String {
    stream.set_read_timeout(Some(LONG)).expect("a timeout");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the end");
    String::from_utf8_lossy(&answer).into_owned()
}

fn serves(proxy: &Proxy) {
    assert!(proxy.runtime("show info").contains("\nMaxconn: "));
    assert_eq!(Client::fetch(proxy.address("front"), "/").status, 200);
}

#[test]
fn half_a_command_is_answered_when_its_end_comes_and_left_when_it_does_not() {
    let origin = Origin::http("s1");
    let proxy = site(&origin, "    stats timeout 3s\n");
    // The end comes later.
    let mut stream = proxy.runtime_stream();
    stream.write_all(b"show cli").expect("sent");
    stream.write_all(b" level\n").expect("sent");
    assert_eq!(rest(stream), "admin\n\n");
    // The client closes instead.
    let mut stream = proxy.runtime_stream();
    stream.write_all(b"show cli level").expect("sent");
    stream.shutdown(Shutdown::Write).expect("closed");
    assert_eq!(rest(stream), "admin\n\n");
    // Nothing comes: neither of a line nor of a payload.
    for half in [&b"show info"[..], b"add map #0 <<\nkey value\n", b""] {
        let mut stream = proxy.runtime_stream();
        stream.write_all(half).expect("sent");
        assert_eq!(rest(stream), "");
    }
    serves(&proxy);
}

#[test]
fn bytes_that_are_no_text_are_an_unknown_command() {
    let origin = Origin::http("s1");
    let proxy = site(&origin, "");
    let all: Vec<u8> = (0..=255).filter(|byte| *byte != b'\n').collect();
    for bytes in [
        all,
        b"\0\0\0\0".to_vec(),
        b"show \xff\xfe info".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
    ] {
        let mut stream = proxy.runtime_stream();
        stream.write_all(&bytes).expect("sent");
        stream.write_all(b"\n").expect("sent");
        let answer = rest(stream);
        assert!(answer.contains("Unknown command: '"), "{bytes:?}: {answer}");
    }
    serves(&proxy);
}

#[test]
fn more_clients_than_allowed_wait_and_are_counted() {
    let origin = Origin::http("s1");
    let proxy = site(&origin, "    stats maxconn 3\n    stats timeout 30s\n");
    let held = "a connection to the runtime API waited";
    assert!(!proxy.runtime("debug counters").contains(held));
    // They say nothing, and hold their places.
    let silent: Vec<UnixStream> = (0..3).map(|_| proxy.runtime_stream()).collect();
    let mut waiting: Vec<UnixStream> = (0..200)
        .map(|_| {
            let mut stream = proxy.runtime_stream();
            stream.write_all(b"show cli level\n").expect("sent");
            stream
        })
        .collect();
    let first = waiting.first_mut().expect("one of them");
    let short = Some(Duration::from_millis(300));
    first.set_read_timeout(short).expect("a timeout");
    // As long as they stay nobody else is served.
    assert!(first.read(&mut [0; 1]).is_err());
    drop(silent);
    for stream in waiting {
        assert_eq!(rest(stream), "admin\n\n");
    }
    assert!(proxy.runtime("debug counters").contains(held));
    serves(&proxy);
}

#[test]
fn a_client_that_does_not_read_is_left_and_hinders_nobody() {
    let origin = Origin::http("s1");
    let servers: String = (0..2000)
        .map(|n| format!("    server x{n} 127.0.0.1:1 disabled\n"))
        .collect();
    let text = simple().replace("level admin\n", "level admin\n    stats timeout 3s\n") + &servers;
    let proxy = start(&Program::Lbd, &text, &origin);
    let open = || {
        let list = proxy.runtime("show fd");
        list.lines()
            .filter(|line| line.contains("fam=unix"))
            .count()
    };
    let before = open();
    let mut stream = proxy.runtime_stream();
    let commands = ["show stat"; 20].join(";") + "\n";
    stream.write_all(commands.as_bytes()).expect("sent");
    // Others are answered while it does not take its answer.
    for _ in 0..3 {
        serves(&proxy);
    }
    // Megabytes were asked for; what is there when it looks at last is what fitted in between.
    eventually("it is left", LONG, || open() <= before);
    let answer = rest(stream);
    assert!(answer.len() < 20 * 2000 * 100, "{}", answer.len());
    serves(&proxy);
}

#[test]
fn commands_in_the_middle_of_reloads_are_answered() {
    let origin = Origin::http("s1");
    let proxy = site(&origin, "    stats maxconn 20\n");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asking: Vec<_> = (0..3)
            .map(|number| {
                let (proxy, done) = (&proxy, &done);
                scope.spawn(move || {
                    let mut count = 0;
                    while !done.load(Ordering::Relaxed) || count == 0 {
                        let weight = 1 + (count + number) % 200;
                        let answer = proxy.runtime(&format!(
                            "set server app/s1 weight {weight};show servers state;get weight app/s1"
                        ));
                        assert!(answer.contains(" app 1 s1 "), "{answer}");
                        assert!(answer.contains("(initial 1)"), "{answer}");
                        count += 1;
                    }
                })
            })
            .collect();
        for _ in 0..5 {
            let told = proxy.runtime("reload");
            assert!(told.contains("Success=1"), "{told}");
        }
        done.store(true, Ordering::Relaxed);
        for each in asking {
            each.join().expect("no answer was wrong");
        }
    });
    serves(&proxy);
}

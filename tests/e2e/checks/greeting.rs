//! Where checks go and what they say before the check proper.

use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex};

use super::*;

/// A server that keeps the first bytes of each connection and answers 200.
fn recorder() -> (Origin, Arc<Mutex<Vec<Vec<u8>>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&heard);
    let origin = Origin::raw("recorder", move |mut stream, _| {
        let mut bytes = Vec::new();
        let mut buffer = [0; 512];
        // The end of a request, behind the header of version 2 if there is one.
        let is_whole = |bytes: &[u8]| {
            let start = if bytes.starts_with(b"\r\n") { 16 } else { 0 };
            let rest = bytes.get(start..).unwrap_or_default();
            rest.windows(4).any(|end| end == b"\r\n\r\n")
        };
        while !is_whole(&bytes) {
            match stream.read(&mut buffer) {
                Ok(count @ 1..) => bytes.extend_from_slice(&buffer[..count]),
                _ => break,
            }
        }
        keep.lock().expect("what was heard").push(bytes);
        let _ = stream.write_all(b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n");
    });
    (origin, heard)
}

/// First bytes of the first connection.
fn first(heard: &Mutex<Vec<Vec<u8>>>) -> Vec<u8> {
    let seen = || heard.lock().expect("what was heard").first().cloned();
    poll_until(Duration::from_secs(5), seen).expect("a check")
}

#[test]
fn a_check_says_who_it_is_when_asked_for() {
    on_both(|program| {
        let sink = SyslogSink::udp();
        let (one, heard_one) = recorder();
        let (two, heard_two) = recorder();
        let proxy = start(
            program,
            &sink,
            "backend b\n    mode http\n    option httpchk GET /\n    \
             server s <one> check check-send-proxy inter 100ms\n    \
             server t <two> check check-send-proxy send-proxy-v2 inter 100ms\n",
        )
        .with("one", one.address())
        .with("two", two.address())
        .start();
        let text = String::from_utf8(first(&heard_one)).expect("text");
        let (line, rest) = text.split_once("\r\n").expect("a line");
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(
            words[..4],
            ["PROXY", "TCP4", "127.0.0.1", "127.0.0.1"],
            "{program:?}"
        );
        assert_eq!(words[5], one.port().to_string(), "{program:?}");
        assert!(
            rest.starts_with("GET / HTTP/1.0\r\n"),
            "{program:?}: {rest}"
        );
        let bytes = first(&heard_two);
        let local = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00GET / ";
        assert!(bytes.starts_with(local), "{program:?}: {bytes:?}");
        wait_status(&proxy, "b", "t", "UP");
    });
}

#[test]
fn checks_go_to_the_address_port_or_socket_that_is_named_for_them() {
    on_both(|program| {
        let sink = SyslogSink::udp();
        let health = Origin::http("health");
        let nobody = support::free_port();
        let directory = support::TempDir::new();
        let path = directory.path().join("check.sock");
        let unix = Origin::builder("unix")
            .unix(path.to_string_lossy())
            .answering(|_, _| Reply::ok(""));
        let port = health.port();
        let proxy = start(
            program,
            &sink,
            &format!(
                "backend b\n    mode http\n    option httpchk\n    \
                 server port 127.0.0.1:{nobody} check port {port} inter 100ms\n    \
                 server addr 127.0.0.9:{nobody} check addr 127.0.0.1 port {port} inter 100ms\n    \
                 server none 127.0.0.1:{nobody} check inter 100ms\n    \
                 server unix unix@{} check inter 100ms\n\n\
                 backend c\n    mode http\n    option httpchk\n    \
                 http-check connect port {port}\n    http-check send meth GET uri /x\n    \
                 server step 127.0.0.1:{nobody} check inter 100ms\n\n\
                 backend d\n    mode http\n    option httpchk\n    source 127.0.0.3\n    \
                 server from 127.0.0.1:{port} check inter 100ms\n",
                path.display()
            ),
        )
        .start();
        for (backend, server) in [
            ("b", "port"),
            ("b", "addr"),
            ("b", "unix"),
            ("c", "step"),
            ("d", "from"),
        ] {
            wait_status(&proxy, backend, server, "UP");
        }
        wait_status(&proxy, "b", "none", "DOWN");
        drop(unix);
    });
}

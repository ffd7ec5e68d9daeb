//! What a client was answered, the other node knows, whatever becomes of this one.

use std::io::{Read, Write};

use nix::sys::signal::Signal;

use super::hostile::Fake;
use super::*;

/// Requests on one connection, some of them at once.
const REQUESTS: u32 = 200;

#[test]
fn an_answered_change_outlives_a_node_that_is_killed() {
    for at_once in [1, 20] {
        let port = free_port();
        let text = format!(
            "global\n    stats socket <runtime> level admin\ndefaults\n    mode http\n    timeout \
             client 5s\n    timeout server 5s\n    timeout connect 5s\npeers P\n    peer A \
             127.0.0.1:{port}\n    peer X 127.0.0.1:{}\nfrontend fe\n    bind <front>\n    \
             http-request track-sc0 req.hdr(x-k) table t1\n    http-request sc-inc-gpc0(0)\n    \
             http-request return status 200\nbackend t1\n    stick-table type ip size 1k expire 10m \
             store gpc0 peers P\n",
            free_port()
        );
        let proxy = Proxy::of(Program::Lbd, text)
            .args(&["-db", "-L", "A"])
            .listener("front")
            .start();
        let mut fake = Fake::open(port);
        // The lesson that it asks for is over once it says so; a sign of life may come before.
        fake.send(&[0, 1]);
        let mut control = [0; 2];
        while control != [0, 3] {
            fake.0.read_exact(&mut control).expect("a confirmation");
        }

        let mut client =
            std::net::TcpStream::connect(proxy.address("front").to_string()).expect("it listens");
        for first in (0..REQUESTS).step_by(at_once) {
            let keys = first..first + u32::try_from(at_once).expect("few");
            let text: String = keys
                .map(|n| format!("GET / HTTP/1.1\r\nhost: x\r\nx-k: 10.9.8.{n}\r\n\r\n"))
                .collect();
            client.write_all(text.as_bytes()).expect("it reads");
            let mut seen = String::new();
            while seen.matches("HTTP/1.1 200").count() < at_once {
                let mut bytes = [0; 4096];
                let read = client.read(&mut bytes).expect("answers");
                assert!(read > 0, "{seen}");
                seen.push_str(&String::from_utf8_lossy(&bytes[..read]));
            }
        }
        proxy.signal(Signal::SIGKILL);
        let (bytes, is_closed) = fake.rest();
        assert!(is_closed);
        let missing: Vec<_> = (0..=255_u8)
            .take(REQUESTS as usize)
            .filter(|n| !bytes.windows(4).any(|window| window == [10, 9, 8, *n]))
            .collect();
        assert!(missing.is_empty(), "{at_once} at once, missing {missing:?}");
    }
}

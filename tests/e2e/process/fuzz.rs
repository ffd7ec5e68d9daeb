//! Random lines on the runtime socket, made of the commands' words, numbers and plain garbage,
//! from a fixed seed: the process lives and answers afterwards.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers of tests are small"
)]

use std::io::{Read, Write};
use std::net::Shutdown;

use super::*;

/// A small generator of pseudo-random numbers (xorshift): the same line every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

const WORDS: &[&str] = &[
    "show",
    "set",
    "get",
    "enable",
    "disable",
    "clear",
    "shutdown",
    "help",
    "prompt",
    "echo",
    "add",
    "del",
    "wait",
    "user",
    "operator",
    "info",
    "stat",
    "servers",
    "state",
    "conn",
    "sess",
    "errors",
    "server",
    "frontend",
    "weight",
    "maxconn",
    "global",
    "session",
    "sessions",
    "counters",
    "all",
    "app/s1",
    "app/",
    "/s1",
    "app/s9",
    "web",
    "app",
    "ready",
    "drain",
    "maint",
    "health",
    "up",
    "down",
    "agent",
    "agent-addr",
    "agent-port",
    "check-port",
    "addr",
    "port",
    "127.0.0.1",
    "::1",
    "0",
    "1",
    "-1",
    "256",
    "50%",
    "99999999999999999999",
    "0x1",
    "typed",
    "json",
    "desc",
    "timeout",
    "cli",
    "severity-output",
    "number",
    "map",
    "acl",
    "#0",
    "@1",
    "table",
    "env",
    "var",
    "proc.a",
    "<<",
    "<<END",
    ";",
    "\\",
    "\\;",
    "timed",
    "n",
    "i",
    "p",
];

fn line(random: &mut Random) -> Vec<u8> {
    let mut line = Vec::new();
    for _ in 0..random.below(9) {
        match random.below(12) {
            0 => line.push((random.next() & 0xff) as u8),
            1 => line.extend(std::iter::repeat_n(b'x', random.below(3000))),
            _ => line.extend_from_slice(WORDS[random.below(WORDS.len())].as_bytes()),
        }
        line.push(if random.below(10) == 0 { b';' } else { b' ' });
    }
    line.push(b'\n');
    line
}

#[test]
fn random_lines_on_the_runtime_socket_never_hurt() {
    let origin = Origin::http("s1");
    let mut proxy = start(&Program::Lbd, &simple(), &origin);
    let mut random = Random(0x5eed_1234_abcd_0001);
    for _ in 0..400 {
        let mut bytes = Vec::new();
        for _ in 0..=random.below(4) {
            bytes.extend(line(&mut random));
        }
        // Level changes and `quit` end with their own connection.
        let mut stream = proxy.runtime_stream();
        let sent = stream
            .write_all(&bytes)
            .and_then(|()| stream.shutdown(Shutdown::Write));
        if sent.is_ok() {
            // It may have closed in the middle of what was sent.
            let _ = stream.read_to_end(&mut Vec::new());
        }
    }
    assert!(proxy.is_running());
    for command in ["enable frontend web", "set server app/s1 state ready"] {
        proxy.runtime(command);
    }
    proxy.runtime(&format!(
        "set server app/s1 addr 127.0.0.1 port {}",
        origin.port()
    ));
    proxy.runtime("set maxconn global 0;set maxconn frontend web 100;set maxconn server app/s1 0");
    proxy.runtime("set server app/s1 weight 1;set server app/s1 health up");
    assert!(proxy.runtime("show info").contains("Uptime_sec: "));
}

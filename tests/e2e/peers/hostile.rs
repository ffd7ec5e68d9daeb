//! Peers that break the protocol, stall, flood, lie, replay: they are answered as HAProxy answers, and
//! the node goes on serving the others.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use support::proxy::ProxyBuilder;

use super::*;

const READ: Duration = Duration::from_secs(20);

fn victim(program: &Program, port: u16) -> ProxyBuilder {
    let text = format!(
        "global\n    stats socket <runtime> level admin\npeers P\n    peer A 127.0.0.1:{port}\n    \
         peer X 127.0.0.1:{}\nbackend t1\n    stick-table type ip size 1k expire 10m store \
         gpc0,conn_rate(30s),server_key peers P\n",
        free_port()
    );
    Proxy::of(program.clone(), text)
        .args(&["-db", "-L", "A"])
        .unix_listener("runtime")
}

/// A fake peer.
pub(super) struct Fake(pub(super) TcpStream);

impl Fake {
    fn call(port: u16) -> Self {
        let stream = support::poll_until(PATIENCE, || TcpStream::connect(("127.0.0.1", port)).ok());
        let stream = stream.expect("it listens");
        stream.set_read_timeout(Some(READ)).expect("a timeout");
        Self(stream)
    }

    /// One whose hello was accepted.
    pub(super) fn open(port: u16) -> Self {
        let mut fake = Self::call(port);
        fake.send(b"HAProxyS 2.1\nA\nX 1 1\n");
        let mut status = [0; 4];
        fake.0.read_exact(&mut status).expect("an answer");
        assert_eq!(&status, b"200\n");
        fake
    }

    pub(super) fn send(&mut self, bytes: &[u8]) {
        // Whoever was cut off is not to fail here.
        let _ = self.0.write_all(bytes);
    }

    /// All that comes until the end; whether it came.
    pub(super) fn rest(&mut self) -> (Vec<u8>, bool) {
        let mut all = Vec::new();
        let mut bytes = [0; 4096];
        loop {
            match self.0.read(&mut bytes) {
                Ok(0) => return (all, true),
                Ok(read) => all.extend_from_slice(&bytes[..read]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return (all, true),
                Err(_) => return (all, false),
            }
        }
    }
}

fn number(out: &mut Vec<u8>, value: usize) {
    if value < 240 {
        out.push(value.to_le_bytes()[0]);
        return;
    }
    out.push(value.to_le_bytes()[0] | 240);
    let mut rest = (value - 240) >> 4;
    while rest >= 128 {
        out.push(rest.to_le_bytes()[0] | 128);
        rest = (rest - 128) >> 7;
    }
    out.push(rest.to_le_bytes()[0]);
}

pub(super) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![10, kind];
    number(&mut out, body.len());
    out.extend_from_slice(body);
    out
}

/// The definition of t1 with a key type, a length and data.
fn definition(key: usize, len: usize, bitmap: usize) -> Vec<u8> {
    let mut body = vec![1, 2];
    body.extend_from_slice(b"t1");
    for field in [key, len, bitmap, 600_000, 5, 30_000] {
        number(&mut body, field);
    }
    message(0x82, &body)
}

const DATA: usize = 1 << 2 | 1 << 5 | 1 << 19;

/// An update of an address with a counter.
fn update(id: u32, address: u32, counter: usize) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    body.extend_from_slice(&address.to_be_bytes());
    number(&mut body, counter);
    body.extend_from_slice(&[0, 0, 0, 0]);
    message(0x80, &body)
}

/// Whether the node still takes what a good peer says.
fn serves(proxy: &Proxy, port: u16, address: u32) {
    let mut fake = Fake::open(port);
    fake.send(&definition(4, 4, DATA));
    fake.send(&update(1, address, 7));
    let [a, b, c, d] = address.to_be_bytes();
    eventually("it serves", PATIENCE, || {
        proxy
            .runtime(&format!("show table t1 key {a}.{b}.{c}.{d}"))
            .contains("gpc0=7")
    });
}

#[test]
fn malformed_hellos_and_wrong_names_get_their_codes() {
    for program in [Program::Haproxy, Program::Lbd] {
        let port = free_port();
        let proxy = victim(&program, port).start();
        for (hello, code) in [
            ("HAProxyZ 2.1\nA\nX 1 1\n", "501\n"),
            ("HAProxyS 2.1\nA\nX\n", "501\n"),
            ("HAProxyS 2.2\nA\nX 1 1\n", "502\n"),
            ("HAProxyS 3.0\nA\nX 1 1\n", "502\n"),
            ("HAProxyS 2.1\nZ\nX 1 1\n", "503\n"),
            ("HAProxyS 2.1\nA\nQ 1 1\n", "504\n"),
        ] {
            let mut fake = Fake::call(port);
            fake.send(hello.as_bytes());
            let (answer, is_closed) = fake.rest();
            assert_eq!(
                String::from_utf8_lossy(&answer),
                code,
                "{program:?} {hello}"
            );
            assert!(is_closed, "{program:?} {hello}");
        }
        serves(&proxy, port, 0xC000_0201);
    }
}

#[test]
fn what_breaks_the_protocol_ends_the_session_with_its_error() {
    let mut long = definition(4, 4, DATA);
    long.extend_from_slice(&[10, 0x80]);
    number(&mut long, 40_000);
    long.resize(long.len() + 40_000, b'x');
    let mut cut = definition(4, 4, DATA);
    cut.extend(message(0x80, &[0, 0, 0, 1, 192, 0, 2]));
    let mut endless = vec![10, 0x80];
    endless.extend_from_slice(&[0xFF; 20]);
    for (what, bytes, error) in [
        ("a reserved class", vec![255, 0], [1, 0]),
        ("a body beyond the buffer", long, [1, 1]),
        ("an update cut short", cut, [1, 0]),
    ] {
        for program in [Program::Haproxy, Program::Lbd] {
            let port = free_port();
            let proxy = victim(&program, port).start();
            let mut fake = Fake::open(port);
            fake.send(&bytes);
            let (answer, is_closed) = fake.rest();
            assert!(is_closed, "{program:?} {what}");
            assert!(answer.ends_with(&error), "{program:?} {what}: {answer:?}");
            drop(proxy);
        }
    }
    // HAProxy's answer to a number without an end is not of interest: ours is an error, too.
    let port = free_port();
    let proxy = victim(&Program::Lbd, port).start();
    let mut fake = Fake::open(port);
    fake.send(&endless);
    let (answer, is_closed) = fake.rest();
    assert!(is_closed && answer.ends_with(&[1, 0]), "{answer:?}");
    serves(&proxy, port, 0xC000_0202);
}

#[test]
fn a_table_of_another_kind_is_passed_over() {
    for program in [Program::Haproxy, Program::Lbd] {
        let port = free_port();
        let proxy = victim(&program, port).start();
        let mut fake = Fake::open(port);
        fake.send(&definition(5, 16, 1 << 2));
        let mut body = 1_u32.to_be_bytes().to_vec();
        body.extend_from_slice(&[1; 16]);
        body.push(9);
        fake.send(&message(0x80, &body));
        fake.send(&definition(4, 4, DATA));
        fake.send(&update(2, 0xC000_0203, 7));
        eventually("the good one is taken", PATIENCE, || {
            used(&proxy, "t1") == 1
        });
    }
}

#[test]
fn a_flood_of_keys_stays_within_the_table() {
    let port = free_port();
    let proxy = victim(&Program::Lbd, port).start();
    let mut fake = Fake::open(port);
    let mut reader = fake.0.try_clone().expect("a copy");
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while matches!(reader.read(&mut bytes), Ok(1..)) {}
    });
    fake.send(&definition(4, 4, DATA));
    let mut bytes = Vec::new();
    for n in 0..300_000_u32 {
        bytes.extend(update(n + 1, 0x0A00_0000 | n, 1));
        if bytes.len() > 1 << 16 {
            fake.send(&bytes);
            bytes.clear();
        }
    }
    fake.send(&bytes);
    assert!(used(&proxy, "t1") <= 1024);
    // The same again is nothing new.
    fake.send(&update(1, 0x0A00_0001, 1));
    drop(fake);
    serves(&proxy, port, 0xC000_0204);
    assert!(used(&proxy, "t1") <= 1024);
}

#[test]
fn a_peer_that_reads_nothing_is_cut_off_and_costs_no_memory() {
    let port = free_port();
    let proxy = victim(&Program::Lbd, port).start();
    let mut fake = Fake::open(port);
    // A lesson after the other is asked for, and none is read.
    for _ in 0..2000 {
        fake.send(&[0, 0]);
    }
    for n in 0..1000 {
        proxy.runtime(&format!(
            "set table t1 key 10.0.{}.{} data.gpc0 {n}",
            n / 250,
            n % 250
        ));
    }
    let before = resident(&proxy);
    eventually("it is given up", PATIENCE, || {
        !proxy.runtime("show peers").contains("last_status=ESTA")
    });
    assert!(
        resident(&proxy) < before + (16 << 20),
        "it keeps what nobody reads"
    );
    drop(fake);
    serves(&proxy, port, 0xC000_0205);
}

/// Resident memory in bytes.
fn resident(proxy: &Proxy) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", proxy.pid()));
    let status = status.expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let size = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    size.expect("a size") * 1024
}

#[test]
fn many_who_say_nothing_keep_nobody_out_for_long() {
    let port = free_port();
    let proxy = victim(&Program::Lbd, port).start();
    let silent: Vec<_> = (0..400).map(|_| Fake::call(port)).collect();
    let mut last = silent;
    // Those beyond the limit are gone at once, the others after five seconds.
    let (answer, is_closed) = last[399].rest();
    assert!(answer.is_empty() && is_closed);
    let (answer, is_closed) = last[0].rest();
    assert!(answer.is_empty() && is_closed);
    serves(&proxy, port, 0xC000_0206);
}

#[test]
fn of_two_with_one_name_the_later_one_has_the_session() {
    for program in [Program::Haproxy, Program::Lbd] {
        let port = free_port();
        let _proxy = victim(&program, port).start();
        let mut first = Fake::open(port);
        let _second = Fake::open(port);
        let (_, is_closed) = first.rest();
        assert!(is_closed, "{program:?}");
    }
}

//! Peers: lbd and HAProxy, in every role, hold the same tables.

mod answered;
#[path = "../tls/certs.rs"]
#[allow(dead_code, reason = "the TLS tests use more of it")]
mod certs;
mod handover;
mod hostile;
mod operators;
mod section;
mod secure;
mod seen;
mod tickets;
mod together;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use support::proxy::Program;
use support::{Client, Proxy, eventually, free_port, program};

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A node named `name` of a section with these peers.
fn node(program: &Program, name: &str, peers: &[(&str, u16)], more: &str) -> Proxy {
    let lines: String = peers
        .iter()
        .map(|(name, port)| format!("    peer {name} 127.0.0.1:{port}\n"))
        .collect();
    let text = format!(
        "global\n    stats socket <runtime> level admin\ndefaults\n    mode http\n    timeout \
         connect 2s\n    timeout client 5s\n    timeout server 5s\npeers P\n{lines}    table t2 \
         type string len 20 size 1000 expire 1h store gpc0,gpc1\nfrontend fe\n    bind <front>\n    \
         http-request track-sc0 req.hdr(x-k) table t1\n    http-request sc-inc-gpc0(0)\n    \
         http-request track-sc1 path table P/t2\n    http-request sc-inc-gpc1(1)\n    http-request \
         return status 200\nbackend t1\n    stick-table type ip size 100k expire 1h store \
         gpc0,conn_cur,http_req_rate(1h),bytes_in_cnt peers P\nbackend t3\n    stick-table type \
         integer size 1000 expire 1h store gpc0,server_id peers P\n{more}"
    );
    Proxy::of(program.clone(), text)
        .args(&["-db", "-L", name])
        .listener("front")
        .start()
}

/// Entries by key with the values that peers share.
fn entries(proxy: &Proxy, table: &str) -> BTreeMap<String, Vec<String>> {
    let dump = proxy.runtime(&format!("show table {table}"));
    let lines = dump.lines().filter(|line| line.starts_with("0x"));
    lines
        .map(|line| {
            let (_, rest) = line.split_once(": ").expect("place: fields");
            let mut fields = rest.split(' ');
            let key = fields.next().expect("a key").to_owned();
            let is_shared = |field: &&str| {
                let name = field.split(['=', '(']).next().unwrap_or("");
                !matches!(name, "use" | "exp" | "shard" | "conn_cur" | "bytes_in_cnt")
            };
            (key, fields.filter(is_shared).map(str::to_owned).collect())
        })
        .collect()
}

fn used(proxy: &Proxy, table: &str) -> usize {
    let tables = proxy.runtime("show table");
    let line = tables
        .lines()
        .find(|line| line.starts_with(&format!("# table: {table},")));
    let (_, used) = line.expect("the table").rsplit_once("used:").expect("used");
    used.parse().expect("a number")
}

fn request(proxy: &Proxy, key: &str, path: &str) {
    let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nX-K: {key}\r\n\r\n");
    assert_eq!(Client::exchange(proxy.address("front"), &head).status, 200);
}

fn same(a: &Proxy, b: &Proxy) {
    for table in ["t1", "P/t2", "t3"] {
        let equal = || (entries(a, table) == entries(b, table)).then_some(());
        if support::poll_until(PATIENCE, equal).is_none() {
            let (ours, theirs) = (entries(a, table), entries(b, table));
            let differs = |(key, value): &(&String, &Vec<String>)| theirs.get(*key) != Some(*value);
            let first: Vec<_> = ours.iter().filter(differs).take(3).collect();
            let others: Vec<_> = first.iter().map(|(key, _)| theirs.get(*key)).collect();
            panic!(
                "{table} differs: {} and {} entries, {first:?} {others:?}",
                ours.len(),
                theirs.len()
            );
        }
    }
}

fn connected(proxy: &Proxy, sessions: usize) {
    eventually("sessions are open", PATIENCE, || {
        proxy
            .runtime("show peers")
            .matches("last_status=ESTA")
            .count()
            >= sessions
    });
}

/// Debian's HAProxy 2.6.
fn debian() -> &'static Path {
    Path::new("/usr/sbin/haproxy")
}

/// Both kinds of HAProxy, as far as they are there.
fn programs() -> Vec<Program> {
    let mut programs = vec![Program::Haproxy];
    if *program::haproxy() != *debian() && debian().is_file() {
        programs.push(Program::At(debian().to_owned()));
    }
    programs
}

/// Each pair in which lbd takes part.
fn pairs() -> Vec<(Program, Program)> {
    let mut pairs = vec![(Program::Lbd, Program::Lbd)];
    for other in programs() {
        pairs.push((Program::Lbd, other.clone()));
        pairs.push((other, Program::Lbd));
    }
    pairs
}

#[test]
fn what_one_node_counts_the_other_knows() {
    for (first, second) in pairs() {
        let ports = [("A", free_port()), ("B", free_port())];
        let a = node(&first, "A", &ports, "");
        let b = node(&second, "B", &ports, "");
        connected(&a, 1);
        connected(&b, 1);
        for n in 0..50 {
            request(&a, &format!("192.0.2.{n}"), &format!("/a{n}"));
            request(&b, &format!("198.51.100.{n}"), &format!("/b{n}"));
        }
        a.runtime("set table t3 key 7 data.gpc0 5 data.server_id -2");
        b.runtime("set table t3 key 4000000000 data.gpc0 6");
        same(&a, &b);
        assert_eq!(used(&a, "t1"), 100, "{first:?} {second:?}");
        assert_eq!(used(&b, "P/t2"), 100, "{first:?} {second:?}");
        assert_eq!(used(&b, "t3"), 2, "{first:?} {second:?}");
    }
}

#[test]
fn a_node_that_starts_again_learns_what_it_has_forgotten() {
    for (first, second) in pairs() {
        let ports = [("A", free_port()), ("B", free_port())];
        let a = node(&first, "A", &ports, "");
        let b = node(&second, "B", &ports, "");
        connected(&a, 1);
        for n in 0..200 {
            a.runtime(&format!(
                "set table t1 key 10.0.{}.{} data.gpc0 {n}",
                n / 100,
                n % 100
            ));
        }
        for n in 0..20 {
            request(&b, &format!("192.0.2.{n}"), "/x");
        }
        same(&a, &b);
        drop(b);
        a.runtime("set table t1 key 10.9.9.9 data.gpc0 77");
        let b = node(&second, "B", &ports, "");
        eventually("all is learned", PATIENCE, || used(&b, "t1") == 221);
        same(&a, &b);
    }
}

#[test]
fn a_third_node_joins_a_running_pair_of_haproxy() {
    let ports = [("A", free_port()), ("B", free_port()), ("C", free_port())];
    let a = node(&Program::Haproxy, "A", &ports, "");
    let b = node(&Program::Haproxy, "B", &ports, "");
    connected(&a, 1);
    for n in 0..100 {
        request(&a, &format!("192.0.2.{n}"), "/a");
    }
    eventually("the pair is one", PATIENCE, || used(&b, "t1") == 100);
    let c = node(&Program::Lbd, "C", &ports, "");
    eventually("lbd has learned", PATIENCE, || used(&c, "t1") == 100);
    connected(&c, 2);
    request(&c, "198.51.100.1", "/c");
    same(&a, &c);
    same(&b, &c);
}

/// Node by node, under traffic, and no entry is lost.
#[test]
fn a_running_pair_of_haproxy_becomes_one_of_lbd() {
    let ports = [("A", free_port()), ("B", free_port())];
    let a = node(&Program::Haproxy, "A", &ports, "");
    let b = node(&Program::Haproxy, "B", &ports, "");
    connected(&a, 1);
    let mut count = 0;
    let mut traffic = |proxy: &Proxy| {
        for _ in 0..100 {
            request(
                proxy,
                &format!("10.1.{}.{}", count / 200, count % 200),
                "/t",
            );
            count += 1;
        }
    };
    traffic(&a);
    eventually("B knows all of A", PATIENCE, || used(&b, "t1") == 100);
    drop(b);
    traffic(&a);
    let b = node(&Program::Lbd, "B", &ports, "");
    eventually("the new B has learned all", PATIENCE, || {
        used(&b, "t1") == 200
    });
    traffic(&a);
    eventually("B has the rest", PATIENCE, || used(&b, "t1") == 300);
    drop(a);
    traffic(&b);
    let a = node(&Program::Lbd, "A", &ports, "");
    eventually("the new A has learned all", PATIENCE, || {
        used(&a, "t1") == 400
    });
    traffic(&a);
    same(&a, &b);
    assert_eq!(used(&b, "t1"), 500);
}

#[test]
fn peers_with_shards_get_their_share() {
    let ports = [("A", free_port()), ("B", free_port()), ("C", free_port())];
    let lines = |own: &str| {
        let line = |(name, port): &(&str, u16), shard: usize| {
            let shard = match *name == own {
                true => String::new(),
                false => format!(" shard {shard}"),
            };
            format!("    peer {name} 127.0.0.1:{port}{shard}\n")
        };
        format!(
            "{}{}{}",
            line(&ports[0], 1),
            line(&ports[1], 1),
            line(&ports[2], 2)
        )
    };
    for program in [Program::Lbd, Program::Haproxy] {
        if program == Program::Haproxy && *program::haproxy() == *debian() {
            continue;
        }
        let start = |program: &Program, name: &str| {
            let text = format!(
                "global\n    stats socket <runtime> level admin\npeers P\n    shards 2\n{}\
                 listen l\n    mode http\n    timeout client 1s\n    bind <front>\n    \
                 http-request return status 200\nbackend t1\n    stick-table type integer size \
                 100k expire 1h store gpc0 peers P\n",
                lines(name)
            );
            Proxy::of(program.clone(), text)
                .args(&["-db", "-L", name])
                .listener("front")
                .start()
        };
        let a = start(&program, "A");
        let b = start(&Program::Lbd, "B");
        let c = start(&Program::Lbd, "C");
        connected(&a, 2);
        for n in 0..300 {
            a.runtime(&format!("set table t1 key {n} data.gpc0 {n}"));
        }
        eventually("every entry is with one of both", PATIENCE, || {
            used(&b, "t1") + used(&c, "t1") == 300
        });
        assert!(used(&b, "t1") > 90 && used(&c, "t1") > 90, "{program:?}");
    }
}

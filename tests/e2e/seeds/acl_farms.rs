//! Seed 001: two sites and a default behind one address, X-Forwarded-For, the syslog line, and
//! TLS passed through in TCP mode.

use std::io::{Read, Write};

use super::*;

fn farms(program: &Program) -> (Proxy, SyslogSink, Vec<Origin>) {
    let origins: Vec<_> = (1..=6)
        .map(|n| Origin::http(format!("server{n}")))
        .collect();
    let syslog = SyslogSink::udp();
    let text = seed(
        "001-2-acl-farms-modern.cfg",
        &[
            ("*:80", "<front>"),
            ("127.0.0.1 local0", "<log> local0"),
            ("log global\ntimeout", "log global\noption httplog\ntimeout"),
            ("10.1.1.1:80", "<s1>"),
            ("10.1.1.2:80", "<s2>"),
            ("10.1.1.3:80", "<s3>"),
            ("10.1.1.4:80", "<s4>"),
            ("10.1.1.5:80", "<s5>"),
            ("10.1.1.6:80", "<s6>"),
        ],
    );
    let names = ["s1", "s2", "s3", "s4", "s5", "s6"];
    let servers: Vec<_> = names.into_iter().zip(&origins).collect();
    let proxy = start(program, text, &servers)
        .with("log", syslog.address())
        .start();
    (proxy, syslog, origins)
}

#[test]
fn urls_choose_the_farm_and_each_farm_shares() {
    on_both(|program| {
        let (proxy, syslog, origins) = farms(program);
        for (target, servers) in [
            ("/example1/page", ["server1", "server2"]),
            ("/x?site=example2", ["server3", "server4"]),
            ("/other", ["server5", "server6"]),
        ] {
            let by_server = share(&proxy, &|_| get(target), 10);
            for server in servers {
                assert_eq!(
                    by_server.get(server),
                    Some(&5),
                    "{program:?} {target}: {by_server:?}"
                );
            }
        }
        let line = syslog.wait_line("/example1/page");
        assert!(
            line.message().contains(" myfrontend example1_farm/server"),
            "{line:?}"
        );
        let request = origins[0].last_request();
        assert_eq!(
            request.header_values("x-forwarded-for"),
            ["127.0.0.1"],
            "{program:?}"
        );
    });
}

#[test]
fn a_dead_server_is_found_by_its_check_and_gets_nothing() {
    on_both(|program| {
        let (proxy, _syslog, origins) = farms(program);
        origins[0].stop();
        eventually("server1 is down", Duration::from_secs(15), || {
            let stat = proxy.runtime("show stat");
            stat.lines()
                .any(|l| l.starts_with("example1_farm,server1,") && l.contains(",DOWN,"))
        });
        let by_server = share(&proxy, &|_| get("/example1"), 6);
        assert_eq!(
            by_server.get("server2"),
            Some(&6),
            "{program:?}: {by_server:?}"
        );
    });
}

#[test]
fn bytes_pass_unchanged_in_tcp_mode_and_a_source_keeps_its_server() {
    on_both(|program| {
        let echo = |name: &'static str| {
            Origin::raw(name, |mut stream, _| {
                let mut buffer = [0; 4096];
                while let Ok(n) = stream.read(&mut buffer) {
                    if n == 0 || stream.write_all(&buffer[..n]).is_err() {
                        break;
                    }
                }
            })
        };
        let (one, two) = (echo("one"), echo("two"));
        let text = seed(
            "001-6-ssl-passthrough.cfg",
            &[
                ("*:443", "<front>"),
                ("10.1.1.1:443", "<one>"),
                ("10.1.1.2:443", "<two>"),
            ],
        );
        let proxy = start(program, text, &[("one", &one), ("two", &two)]).start();
        // A ClientHello's first bytes and everything that no text protocol has.
        let mut bytes = vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc];
        bytes.extend((0..=255).cycle().take(100_000).map(|n: u8| n));
        let before = (one.accepted(), two.accepted());
        for _ in 0..4 {
            let mut client = Client::connect(proxy.address("front"));
            for piece in bytes.chunks(1000) {
                client.send(piece);
                assert_eq!(client.read_bytes(piece.len()), piece, "{program:?}");
            }
        }
        let served = |origin: &Origin, before: usize| origin.accepted() - before;
        // Checks connect too, so the idle server has some connections, never four more.
        let (first, second) = (served(&one, before.0), served(&two, before.1));
        assert!(
            first.abs_diff(second) >= 3,
            "{program:?}: {first} and {second}"
        );
    });
}

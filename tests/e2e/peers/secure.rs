//! Sessions by TLS: who has no good certificate learns and teaches nothing.

use support::SyslogSink;
use support::proxy::ProxyBuilder;

use super::*;
use certs::Authority;

/// A node of a section where `bind` and `default-server` have these options.
fn secure(
    program: &Program,
    name: &str,
    ports: &[(&str, u16)],
    options: &str,
    more: &str,
) -> ProxyBuilder {
    Proxy::of(program.clone(), text(name, ports, options, more))
        .args(&["-db", "-L", name])
        .unix_listener("runtime")
}

pub(super) fn text(name: &str, ports: &[(&str, u16)], options: &str, more: &str) -> String {
    let lines: String = ports
        .iter()
        .map(|(peer, port)| match *peer == name {
            true => format!("    bind 127.0.0.1:{port} {options}\n    server {peer}\n"),
            false => format!("    server {peer} 127.0.0.1:{port}\n"),
        })
        .collect();
    format!(
        "global\n    stats socket <runtime> level admin\npeers P\n    default-server {options}\n\
         {more}{lines}    table t type string len 10 size 1000 expire 1h store gpc0\n"
    )
}

pub(super) struct Pki {
    authority: Authority,
    other: Authority,
}

impl Pki {
    pub(super) fn new() -> Self {
        Self {
            authority: Authority::new("CA"),
            other: Authority::new("other"),
        }
    }

    pub(super) fn files(&self, builder: ProxyBuilder) -> ProxyBuilder {
        builder
            .file("peer.pem", self.authority.leaf(&["peer"]).bundle())
            .file("stranger.pem", self.other.leaf(&["peer"]).bundle())
            .file("ca.pem", self.authority.pem())
    }
}

pub(super) const MUTUAL: &str = "ssl crt peer.pem ca-file ca.pem verify required";

#[test]
fn both_sides_show_certificates_and_hold_the_same() {
    let pki = Pki::new();
    for (first, second) in pairs() {
        let ports = [("A", free_port()), ("B", free_port())];
        let start = |program: &Program, name: &str| {
            pki.files(secure(program, name, &ports, MUTUAL, "")).start()
        };
        let a = start(&first, "A");
        let b = start(&second, "B");
        connected(&a, 1);
        connected(&b, 1);
        for n in 0..50 {
            a.runtime(&format!("set table P/t key a{n} data.gpc0 {n}"));
            b.runtime(&format!("set table P/t key b{n} data.gpc0 {n}"));
        }
        eventually("both know all", PATIENCE, || {
            used(&a, "P/t") == 100 && used(&b, "P/t") == 100
        });
        eventually("the same values", PATIENCE, || {
            entries(&a, "P/t") == entries(&b, "P/t")
        });
        drop(b);
        a.runtime("set table P/t key later data.gpc0 7");
        let b = start(&second, "B");
        eventually("B has learned again", PATIENCE, || used(&b, "P/t") == 101);
    }
}

#[test]
fn a_certificate_of_another_authority_opens_nothing() {
    let pki = Pki::new();
    let stranger = "ssl crt stranger.pem ca-file ca.pem verify required";
    for options in [stranger, "ssl verify none crt peer.pem", ""] {
        for other in [Program::Lbd, Program::Haproxy] {
            let ports = [("A", free_port()), ("B", free_port())];
            let a = pki
                .files(secure(&Program::Lbd, "A", &ports, MUTUAL, ""))
                .start();
            // Whoever asks for no certificate still has to show one.
            let options = match options.contains("verify none") {
                true => "ssl verify none crt stranger.pem",
                false => options,
            };
            let b = pki.files(secure(&other, "B", &ports, options, "")).start();
            a.runtime("set table P/t key secret data.gpc0 1");
            b.runtime("set table P/t key poison data.gpc0 1");
            // Both call at once and again within three seconds.
            std::thread::sleep(Duration::from_secs(4));
            assert_eq!(used(&a, "P/t"), 1, "{options} {other:?}");
            assert_eq!(used(&b, "P/t"), 1, "{options} {other:?}");
        }
    }
}

#[test]
fn sessions_are_told_to_the_log_of_the_section() {
    let sink = SyslogSink::udp();
    let pki = Pki::new();
    let ports = [("A", free_port()), ("B", free_port())];
    let log = format!("    log {} local3\n", sink.address());
    let a = pki
        .files(secure(&Program::Lbd, "A", &ports, MUTUAL, &log))
        .start();
    let b = pki
        .files(secure(&Program::Lbd, "B", &ports, MUTUAL, ""))
        .start();
    connected(&a, 1);
    // Facility 19, level 5.
    let line = sink.wait_line("session with 'B'.");
    assert_eq!(line.priority(), Some(19 * 8 + 5));
    drop(b);
    let line = sink.wait_line("session with 'B' has ended");
    assert_eq!(line.priority(), Some(19 * 8 + 4));
}

#[test]
fn ticket_keys_are_told_over_mutually_verified_tls_only() {
    let pki = Pki::new();
    // 48 bytes each.
    let key = |letter: &str| letter.repeat(64);
    let file = format!("{}\n{}\n{}\n", key("A"), key("B"), key("C"));
    let front = "frontend f\n    mode http\n    timeout client 5s\n    bind <tls> ssl crt peer.pem \
                 tls-ticket-keys keys\nbackend web\n    timeout connect 1s\n    timeout server \
                 1s\n    server s1 127.0.0.1:1\n";
    for (options, is_told) in [
        (MUTUAL, true),
        ("ssl crt peer.pem verify none", false),
        ("", false),
    ] {
        let ports = [("A", free_port()), ("B", free_port())];
        let start = |name: &str| {
            let text = text(name, &ports, options, "") + front;
            let builder = Proxy::of(Program::Lbd, text)
                .args(&["-db", "-L", name])
                .listener("tls")
                .file("keys", &file);
            pki.files(builder).start()
        };
        let (a, b) = (start("A"), start("B"));
        connected(&a, 1);
        connected(&b, 1);
        let set = format!("set ssl tls-key keys {}", key("D"));
        assert!(a.runtime(&set).contains("updated"));
        a.runtime("set server web/s1 state maint");
        eventually("the later word has come", PATIENCE, || {
            b.runtime("show cluster")
                .contains("server-state web/s1: maint")
        });
        let keys = |proxy: &Proxy| proxy.runtime("show tls-keys *");
        if is_told {
            eventually("B has the keys", PATIENCE, || keys(&a) == keys(&b));
            let shown = b.runtime("show cluster");
            assert!(shown.contains("tls-keys keys: (secret) (by "), "{shown}");
            assert!(!shown.contains("DDDD"), "{shown}");
        } else {
            assert!(!keys(&b).contains("DDDD"), "{options}");
        }
    }
}

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
    let lines: String = ports
        .iter()
        .map(|(peer, port)| match *peer == name {
            true => format!("    bind 127.0.0.1:{port} {options}\n    server {peer}\n"),
            false => format!("    server {peer} 127.0.0.1:{port}\n"),
        })
        .collect();
    let text = format!(
        "global\n    stats socket <runtime> level admin\npeers P\n    default-server {options}\n\
         {more}{lines}    table t type string len 10 size 1000 expire 1h store gpc0\n"
    );
    Proxy::of(program.clone(), text)
        .args(&["-db", "-L", name])
        .unix_listener("runtime")
}

struct Pki {
    authority: Authority,
    other: Authority,
}

impl Pki {
    fn new() -> Self {
        Self {
            authority: Authority::new("CA"),
            other: Authority::new("other"),
        }
    }

    fn files(&self, builder: ProxyBuilder) -> ProxyBuilder {
        builder
            .file("peer.pem", self.authority.leaf(&["peer"]).bundle())
            .file("stranger.pem", self.other.leaf(&["peer"]).bundle())
            .file("ca.pem", self.authority.pem())
    }
}

const MUTUAL: &str = "ssl crt peer.pem ca-file ca.pem verify required";

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

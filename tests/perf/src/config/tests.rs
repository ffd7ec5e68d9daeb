use support::Proxy;

use super::{Options, large, text};
use crate::secure::{Certificates, Key};

#[test]
fn haproxy_accepts_every_text() {
    let plain = Options::default();
    let texts = [
        text(plain),
        text(Options {
            has_log: true,
            ..plain
        }),
        text(Options {
            has_splice: true,
            ..plain
        }),
        text(Options {
            is_tcp: true,
            has_splice: true,
            ..plain
        }),
        text(Options {
            threads: 2,
            has_second_server: true,
            ..plain
        }),
        text(Options {
            tls: Some(Key::P256),
            ..plain
        }),
        text(Options {
            is_h2: true,
            tls: Some(Key::Rsa2048),
            ..plain
        }),
        large(300),
    ];
    let certificates = Certificates::new().expect("certificates");
    for text in texts {
        let mut builder = Proxy::haproxy(&text)
            .listener("web")
            .with("log", "127.0.0.1:514");
        for (name, content) in certificates.files() {
            builder = builder.file(name, content);
        }
        let exit = builder
            .with("s1", "127.0.0.1:1")
            .with("s2", "127.0.0.1:2")
            .check();
        assert_eq!((exit.code, exit.stderr.as_str()), (Some(0), ""), "{text}");
    }
}

#[test]
fn a_large_configuration_has_ten_servers_for_each_backend() {
    let text = large(7);
    assert_eq!(text.matches("backend b").count(), 14);
    assert_eq!(text.matches("    server s").count(), 70);
}

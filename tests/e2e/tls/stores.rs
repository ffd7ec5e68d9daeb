//! `crt-store`, `ssl-f-use`, `issuers-chain-path`: certificates by name.

use super::runtime::{Talk, same_words};
use super::*;

#[test]
fn stores_name_certificates_for_lines_lists_and_frontends() {
    let authority = Authority::new("CA");
    let first = authority.leaf(&["first.test"]);
    let second = authority.leaf(&["second.test"]);
    let third = authority.leaf(&["third.test"]);
    let text = "crt-store
    load crt first.crt key keys/first.key alias one
    load crt second.pem
crt-store web
    crt-base .
    key-base keys
    load crt first.crt key first.key
    load crt third.crt key third.key alias three
frontend web
    bind <front> ssl crt @/one crt second.pem crt-list list
    http-request return status 200
frontend other
    bind <other> ssl
    ssl-f-use crt second.pem
    ssl-f-use crt @web/three alpn http/1.1
    http-request return status 200
";
    same_words(|program, texts| {
        let proxy = super::program(program, text)
            .listener("other")
            .file("first.crt", first.cert_pem())
            .file("keys/first.key", first.key_pem())
            .file("second.pem", second.bundle())
            .file("third.crt", third.cert_pem())
            .file("keys/third.key", third.key_pem())
            .file("list", "@web/three\n@web/first.crt *.x.test !a.x.test\n")
            .start();
        let tls = Tls::trusting_names_or_not(&authority);
        let leaves = [&first, &second, &third];
        let shown = |listener: &str, name: &str| {
            let client = tls.connect(proxy.address(listener), name).ok()?;
            let shown = client.certificate();
            leaves.iter().position(|leaf| leaf.der == shown)
        };
        assert_eq!(shown("front", "first.test"), Some(0), "{program:?}");
        assert_eq!(shown("front", "second.test"), Some(1), "{program:?}");
        assert_eq!(shown("front", "third.test"), Some(2), "{program:?}");
        assert_eq!(shown("other", "third.test"), Some(2), "{program:?}");
        assert_eq!(shown("other", "unknown.test"), Some(2), "{program:?}");
        let mut talk = Talk::new(&proxy);
        for command in [
            "show ssl cert",
            "show ssl cert @/one",
            "show ssl cert @web/three",
            "show ssl crt-list",
            "show ssl sni -f other",
            "show ssl sni -f web",
        ] {
            talk.say(command);
        }
        talk.set("cert @web/three", &second.bundle());
        talk.say("commit ssl cert @web/three");
        assert_eq!(shown("other", "unknown.test"), Some(1), "{program:?}");
        texts.push(talk.text);
    });
}

#[test]
fn faults_of_stores_are_told() {
    let authority = Authority::new("CA");
    let (one, two) = (authority.leaf(&["one.test"]), authority.leaf(&["two.test"]));
    for (line, part) in [
        ("load", "mandatory 'crt' parameter not found"),
        ("load crt one.pem bogus x", "unknown keyword 'bogus'"),
        ("load crt nope.pem", "cannot be read or parsed"),
        ("load crt one.pem key nope.key", "cannot be read or parsed"),
        ("load crt one.pem ocsp nope.der", "cannot be read or parsed"),
        (
            "load crt one.pem ocsp-update maybe",
            "'on' or 'off' is expected",
        ),
        (
            "load crt one.pem alias a\n    load crt two.pem alias a",
            "already defined",
        ),
    ] {
        same_words(|program, _| {
            let text = format!(
                "crt-store\n    {line}\nfrontend web\n    bind <front> ssl crt one.pem\n    \
                 http-request return status 200\n"
            );
            let exit = super::program(program, &text)
                .file("one.pem", one.bundle())
                .file("two.pem", two.bundle())
                .check();
            assert!(
                exit.stderr.contains(part),
                "{program:?} {line}: {}",
                exit.stderr
            );
        });
    }
    // HAProxy 3.4 finds this out at the first handshake only.
    let text = "crt-store\n    load crt one.pem key two.pem alias a\nfrontend web\n    bind <front> \
                ssl crt @/a\n    http-request return status 200\n";
    let exit = program(&Program::Lbd, text)
        .file("one.pem", one.bundle())
        .file("two.pem", two.bundle())
        .check();
    let part = "inconsistencies between private key and certificate";
    assert!(exit.stderr.contains(part), "{}", exit.stderr);
}

#[test]
fn a_chain_is_completed_from_the_folder_of_issuers() {
    let authority = Authority::new("CA");
    let site = authority.leaf(&["a.test"]);
    let text = "frontend web\n    bind <front> ssl crt a.pem\n    http-request return status 200\n";
    same_words(|program, texts| {
        let proxy = super::program(program, text)
            .with("global", "maxconn 500\n    issuers-chain-path issuers")
            .file("a.pem", site.bundle())
            .file("issuers/ca.crt", authority.pem())
            .start();
        let tls = Tls::trusting_names_or_not(&authority);
        let client = tls.connect(proxy.address("front"), "a.test").expect("TLS");
        assert_eq!(client.chain_length(), 2, "{program:?}");
        let mut talk = Talk::new(&proxy);
        talk.say("show ssl cert a.pem");
        texts.push(talk.text);
    });
}

//! Which certificate for which name: directories, crt-lists, filters, defaults, strict-sni.

use super::*;

const FRONT: &str = "frontend web
    bind <front> ssl <bind>
    http-request return status 200
";

/// The leaf that a name gets, by its position among `leaves`; `None` when refused.
fn shown(proxy: &Proxy, tls: &Tls, name: &str, leaves: &[&certs::Leaf]) -> Option<usize> {
    let client = tls.connect(proxy.address("front"), name).ok()?;
    let shown = client.certificate();
    leaves.iter().position(|leaf| leaf.der == shown)
}

#[test]
fn exact_names_come_before_wildcards_and_then_the_default() {
    let authority = Authority::new("CA");
    let first = authority.leaf(&["b.test", "c.example.com", "x.y.example.com"]);
    let wild = authority.leaf(&["*.example.com"]);
    let exact = authority.leaf(&["a.example.com", "zzz.test"]);
    on_both(|program| {
        let proxy = super::program(program, FRONT)
            .with("bind", "crt-list list")
            .file("first.pem", first.bundle())
            .file("wild.pem", wild.bundle())
            .file("exact.pem", exact.bundle())
            .file(
                "list",
                "# comment\n\nfirst.pem b.test\nwild.pem *.example.com !c.example.com\nexact.pem\n",
            )
            .start();
        let leaves = [&first, &wild, &exact];
        let tls = Tls::trusting_names_or_not(&authority);
        for (name, wanted) in [
            ("b.test", Some(0)),
            ("q.example.com", Some(1)),
            ("a.example.com", Some(2)),
            ("A.EXAMPLE.com", Some(2)),
            ("zzz.test", Some(2)),
            ("c.example.com", Some(0)),
            ("x.y.example.com", Some(0)),
            ("unknown.test", Some(0)),
        ] {
            assert_eq!(
                shown(&proxy, &tls, name, &leaves),
                wanted,
                "{program:?} {name}"
            );
        }
    });
}

#[test]
fn strict_sni_refuses_what_no_certificate_is_for() {
    let authority = Authority::new("CA");
    let one = authority.leaf(&["a.example.com"]);
    let two = authority.leaf(&["*.example.org"]);
    on_both(|program| {
        let proxy = super::program(program, FRONT)
            .with("bind", "crt certs strict-sni")
            .file("certs/1.pem", one.bundle())
            .file("certs/2.pem", two.bundle())
            .start();
        let tls = Tls::trusting_names_or_not(&authority);
        for (name, wanted) in [
            ("a.example.com", Some(0)),
            ("x.example.org", Some(1)),
            ("x.y.example.org", None),
            ("b.example.com", None),
        ] {
            assert_eq!(
                shown(&proxy, &tls, name, &[&one, &two]),
                wanted,
                "{program:?} {name}"
            );
        }
    });
}

#[test]
fn a_line_of_a_list_has_options_of_its_own() {
    let authority = Authority::new("CA");
    let clients = Authority::new("clients");
    let open = authority.leaf(&["open.test"]);
    let closed = authority.leaf(&["closed.test"]);
    let client = clients.leaf(&["somebody"]);
    on_both(|program| {
        let proxy = super::program(program, FRONT)
            .with("bind", "crt-list list")
            .file("open.pem", open.bundle())
            .file("closed.pem", closed.bundle())
            .file("clients.pem", clients.pem())
            .file(
                "list",
                "open.pem [alpn http/1.1] open.test\n\
                 closed.pem [verify required ca-file clients.pem] closed.test\n",
            )
            .start();
        let address = proxy.address("front");
        let without = Tls::trusting(&authority);
        let mut connection = without.connect(&address, "open.test").expect("TLS");
        assert_eq!(
            connection.get("/").map(|answer| answer.0),
            Ok(200),
            "{program:?}"
        );
        let refused = without
            .connect(&address, "closed.test")
            .and_then(|mut client| client.get("/"));
        assert!(refused.is_err(), "{program:?}");
        let offer = client::Offer {
            certificate: Some(&client),
            ..client::Offer::default()
        };
        let mut connection = Tls::offering(&authority, &offer)
            .connect(&address, "closed.test")
            .expect("TLS");
        assert_eq!(
            connection.get("/").map(|answer| answer.0),
            Ok(200),
            "{program:?}"
        );
    });
}

#[test]
fn what_cannot_be_loaded_is_refused_with_its_reason() {
    let authority = Authority::new("CA");
    let one = authority.leaf(&["a.test"]);
    let other = authority.leaf(&["b.test"]);
    let whole = one.bundle();
    let mixed = format!("{}{}", one.cert_pem(), other.key_pem());
    let encrypted = format!(
        "{}-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
        one.cert_pem()
    );
    on_both(|program| {
        for (file, content, words) in [
            (
                "none.pem",
                None,
                "unable to stat SSL certificate from file 'none.pem'",
            ),
            (
                "mixed.pem",
                Some(mixed.as_str()),
                "inconsistencies between private key and certificate loaded",
            ),
            (
                "lone.pem",
                Some(&one.cert_pem()),
                "No Private Key found in 'lone.pem.key'",
            ),
            (
                "empty.pem",
                Some(""),
                "unable to load certificate from file 'empty.pem'",
            ),
            ("cut.pem", Some(&whole[..300]), "unable to load certificate"),
            (
                "locked.pem",
                Some(&encrypted),
                "No Private Key found in 'locked.pem.key'",
            ),
        ] {
            let mut builder = super::program(program, FRONT).with("bind", format!("crt {file}"));
            if let Some(content) = content {
                builder = builder.file(file, content);
            }
            let exit = builder.check();
            assert_eq!(exit.code, Some(1), "{program:?} {file}");
            assert!(
                exit.stderr.contains(words),
                "{program:?} {file}: {}",
                exit.stderr
            );
        }
    });
}

#[test]
fn lines_that_cannot_be_read_or_do_nothing_are_told() {
    let authority = Authority::new("CA");
    let leaf = authority.leaf(&["a.test"]);
    on_both(|program| {
        if *program == Program::Haproxy && !runtime::knows_the_words() {
            return;
        }
        for (line, code, words) in [
            ("a.pem [alpn]", 1, "ssl args out of '[]' for alpn"),
            (
                "a.pem [ssl-min-ver] a.test",
                1,
                "ssl args out of '[]' for ssl-min-ver",
            ),
            ("a.pem alpn h2]", 1, "missing '['"),
            ("a.pem [] []", 1, "too many '['"),
            ("[alpn h2] a.pem", 1, "file must start with a cert"),
            ("a.pem [bogus]", 1, "unknown ssl keyword bogus"),
            ("a.pem [alpn h2,]", 0, ""),
            (
                "a.pem [ca-file nix.pem]",
                1,
                "'ca-file' : unable to load nix.pem",
            ),
            (
                "a.pem [crl-file nix.pem]",
                1,
                "'crl-file' : unable to load nix.pem",
            ),
            (
                "a.pem [client-sigalgs x]",
                1,
                "unable to set SSL Signature Algorithm list to 'x'",
            ),
            (
                "a.pem * !a.test",
                0,
                "negative filters on crt-list line \"a.pem\" without a positive wildcard filter",
            ),
            (
                "a.pem !*.a.test",
                0,
                "Unsupported exclusion (!) on a wildcard filter \"!*.a.test\"",
            ),
            ("a.pem *.a.test !x.a.test", 0, ""),
        ] {
            let exit = super::program(program, FRONT)
                .with("bind", "crt-list list")
                .file("a.pem", leaf.bundle())
                .file("list", format!("{line}\n"))
                .check();
            assert_eq!(exit.code, Some(code), "{program:?} {line}: {}", exit.stderr);
            assert!(
                exit.stderr.contains(words),
                "{program:?} {line}: {}",
                exit.stderr
            );
        }
    });
}

#[test]
fn authorities_that_a_line_names_must_be_there_whoever_is_verified() {
    let leaf = Authority::new("CA").leaf(&["a.test"]);
    on_both(|program| {
        for word in ["ca-file", "crl-file"] {
            let words = format!("'{word}' : unable to load nix.pem");
            let bind = super::program(program, FRONT)
                .with("bind", format!("crt a.pem {word} nix.pem"))
                .file("a.pem", leaf.bundle())
                .check();
            let config = format!(
                "backend be\n    server s 127.0.0.1:1 ssl verify none {word} nix.pem\n{FRONT}"
            );
            let server = super::program(program, &config)
                .with("bind", "crt a.pem")
                .file("a.pem", leaf.bundle())
                .check();
            for exit in [bind, server] {
                assert_eq!(exit.code, Some(1), "{program:?} {word}");
                assert!(exit.stderr.contains(&words), "{program:?}: {}", exit.stderr);
            }
        }
    });
}

#[test]
fn failures_to_overlook_are_those_that_there_are() {
    let leaf = Authority::new("CA").leaf(&["a.test"]);
    on_both(|program| {
        if *program == Program::Haproxy && !runtime::knows_the_words() {
            return;
        }
        for (said, code) in [("1", 0), ("94", 0), ("0", 1), ("95", 1), ("99999", 1)] {
            for word in ["crt-ignore-err", "ca-ignore-err"] {
                let exit = super::program(program, FRONT)
                    .with("bind", format!("crt a.pem {word} {said}"))
                    .file("a.pem", leaf.bundle())
                    .check();
                assert_eq!(exit.code, Some(code), "{program:?} {word} {said}");
                let words = format!("ID '{said}' out of range (1..94) in error IDs list '{said}'");
                assert_eq!(
                    exit.stderr.contains(&words),
                    code == 1,
                    "{program:?} {word}"
                );
            }
        }
    });
}

#[test]
fn a_chain_out_of_order_is_sent_as_it_stands() {
    let root = Authority::new("root");
    let first = root.below("first");
    let second = first.below("second");
    let leaf = second.leaf(&["a.test"]);
    let file = format!("{}{}{}", leaf.bundle(), first.pem(), second.pem());
    on_both(|program| {
        let proxy = super::program(program, FRONT)
            .with("bind", "crt a.pem")
            .file("a.pem", &file)
            .start();
        let client = Tls::trusting(&root).connect(proxy.address("front"), "a.test");
        let shown = client.expect("a client finds its way").chain();
        let expected = [leaf.der.clone(), first.der(), second.der()];
        assert_eq!(shown, expected, "{program:?}");
    });
}

#[test]
fn a_key_may_stand_in_a_file_of_its_own() {
    let authority = Authority::new("CA");
    let one = authority.leaf(&["a.test"]);
    on_both(|program| {
        for (global, key) in [
            ("maxconn 99", "a.crt.key"),
            ("ssl-load-extra-del-ext", "a.key"),
        ] {
            let proxy = super::program(program, FRONT)
                .with("bind", "crt a.crt")
                .with("global", global)
                .file("a.crt", one.cert_pem())
                .file(key, one.key_pem())
                .start();
            let tls = Tls::trusting(&authority);
            assert!(
                tls.connect(proxy.address("front"), "a.test").is_ok(),
                "{program:?} {key}"
            );
        }
    });
}

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

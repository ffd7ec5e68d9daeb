//! `generate-certificates`: certificates made up for names that none is for.

use super::program as program_of;
use super::*;

const FRONT: &str = "frontend web
    bind <front> ssl crt site.pem ca-sign-file signer.pem generate-certificates <bind>
    http-request return status 200
";

fn site(program: &Program, signer: &Authority, bind: &str) -> ProxyBuilder {
    program_of(program, FRONT)
        .with("bind", bind)
        .file("site.pem", signer.leaf(&["a.test"]).bundle())
        .file(
            "signer.pem",
            format!("{}{}", signer.pem(), signer.key_pem()),
        )
}

#[test]
fn a_name_without_a_certificate_is_given_one_by_the_authority() {
    let signer = Authority::new("Signer");
    on_both(|program| {
        for bind in ["", "strict-sni"] {
            let proxy = site(program, &signer, bind).start();
            let shown = |name: &str| {
                let tls = Tls::trusting(&signer);
                let client = tls.connect(proxy.address("front"), name);
                let client = client.unwrap_or_else(|error| panic!("{program:?} {name}: {error}"));
                (client.certificate(), client.chain_length())
            };
            let (own, _) = shown("a.test");
            let (first, length) = shown("new.test");
            assert_ne!(first, own, "{program:?} {bind}");
            assert_eq!(length, 2, "{program:?} {bind}: the authority's is sent too");
            assert_eq!(shown("new.test").0, first, "{program:?} {bind}: remembered");
            assert_ne!(shown("other.test").0, first, "{program:?} {bind}");
            assert_eq!(shown("a.test").0, own, "{program:?} {bind}");
        }
    });
}

#[test]
fn as_many_are_remembered_as_the_configuration_says() {
    let signer = Authority::new("Signer");
    on_both(|program| {
        let proxy = site(program, &signer, "")
            .with("global", "tune.ssl.ssl-ctx-cache-size 2")
            .start();
        let shown = |name: &str| {
            let tls = Tls::trusting(&signer);
            let client = tls.connect(proxy.address("front"), name);
            client.expect("TLS").certificate()
        };
        let (one, two) = (shown("one.test"), shown("two.test"));
        assert_eq!(shown("one.test"), one, "{program:?}");
        shown("three.test");
        assert_eq!(shown("one.test"), one, "{program:?}: it was used last");
        assert_ne!(shown("two.test"), two, "{program:?}: it has gone");
    });
}

#[test]
fn an_authority_that_cannot_sign_is_a_fault_of_the_file() {
    let signer = Authority::new("Signer");
    on_both(|program| {
        for (file, text) in [
            (
                "",
                "cannot enable certificate generation, no CA certificate File",
            ),
            (
                "ca-sign-file nowhere.pem",
                "Failed to read CA certificate file",
            ),
            ("ca-sign-file ca.pem", "Failed to read CA certificate file"),
        ] {
            let config = FRONT.replace("ca-sign-file signer.pem", file);
            let failure = program_of(program, &config)
                .with("bind", "")
                .file("site.pem", signer.leaf(&["a.test"]).bundle())
                .file("ca.pem", signer.pem())
                .check();
            assert!(
                failure.stderr.contains(text),
                "{program:?} {file}: {}",
                failure.stderr
            );
        }
    });
}

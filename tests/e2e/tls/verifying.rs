//! Clients' certificates: required, optional, revoked, expired, unknown; what is overlooked.

use super::*;
use crate::client::Offer;

const FRONT: &str = "frontend web
    bind <front> ssl crt site.pem name tls <bind>
    http-request return status 200
";

/// Whether a request of a client with this certificate is answered.
fn is_let_in(proxy: &Proxy, authority: &Authority, certificate: Option<&certs::Leaf>) -> bool {
    let offer = Offer {
        certificate,
        ..Offer::default()
    };
    let client = Tls::offering(authority, &offer).connect(proxy.address("front"), "a.test");
    client
        .and_then(|mut client| client.get("/"))
        .is_ok_and(|answer| answer.0 == 200)
}

#[test]
fn clients_are_verified_as_the_line_says() {
    let authority = Authority::new("CA");
    let clients = Authority::new("clients");
    let site = authority.leaf(&["a.test"]);
    let good = clients.leaf(&["good"]);
    let revoked = clients.leaf(&["revoked"]);
    let expired = clients.expired_leaf(&["expired one"]);
    let unknown = Authority::new("nobody").leaf(&["unknown"]);
    let crl = clients.crl(&[&revoked]);
    // For each: none, good, revoked, expired, unknown.
    let cases = [
        ("verify none", [true; 5]),
        (
            "verify required ca-file ca.pem",
            [false, true, true, false, false],
        ),
        (
            "verify optional ca-file ca.pem",
            [true, true, true, false, false],
        ),
        (
            "verify required ca-file ca.pem crl-file crl.pem",
            [false, true, false, false, false],
        ),
        (
            "verify required ca-file ca.pem crt-ignore-err all ca-ignore-err all",
            [false, true, true, true, true],
        ),
        (
            "verify required ca-file ca.pem crt-ignore-err 10",
            [false, true, true, true, false],
        ),
        (
            "verify required ca-verify-file ca.pem",
            [false, true, true, false, false],
        ),
    ];
    on_both(|program| {
        for (bind, wanted) in cases {
            let proxy = super::program(program, FRONT)
                .with("bind", bind)
                .file("site.pem", site.bundle())
                .file("ca.pem", clients.pem())
                .file("crl.pem", &crl)
                .start();
            let shown = [
                None,
                Some(&good),
                Some(&revoked),
                Some(&expired),
                Some(&unknown),
            ];
            let let_in = shown.map(|certificate| is_let_in(&proxy, &authority, certificate));
            assert_eq!(let_in, wanted, "{program:?} {bind}");
        }
    });
}

/// rustls follows six authorities below one that is known, OpenSSL a hundred.
#[test]
fn clients_too_deep_below_their_authority_are_refused() {
    let site = Authority::new("CA");
    let root = Authority::new("root");
    let mut chain = vec![root.below("1")];
    for depth in 2..=7 {
        let next = chain[chain.len() - 1].below(&depth.to_string());
        chain.push(next);
    }
    on_both(|program| {
        let log = SyslogSink::udp();
        let proxy = super::program(program, FRONT)
            .with("bind", "verify required ca-file ca.pem")
            .with("global", format!("log {} local0", log.address()))
            .file("site.pem", site.leaf(&["a.test"]).bundle())
            .file("ca.pem", root.pem())
            .start();
        for (depth, is_known) in [(1, true), (6, true), (7, *program == Program::Haproxy)] {
            let leaf = chain[depth - 1].leaf(&["client"]);
            let above: Vec<_> = chain[..depth].iter().rev().map(Authority::der).collect();
            let offer = Offer {
                certificate: Some(&leaf),
                chain: &above,
                ..Offer::default()
            };
            let client = Tls::offering(&site, &offer).connect(proxy.address("front"), "a.test");
            let answer = client.and_then(|mut client| client.get("/"));
            let is_let_in = answer.is_ok_and(|answer| answer.0 == 200);
            assert_eq!(is_let_in, is_known, "{program:?} {depth}");
        }
        if *program == Program::Lbd {
            log.wait_line("web/tls: SSL client certificate not trusted");
        }
    });
}

#[test]
fn an_authority_that_others_certified_is_no_end_of_a_chain() {
    let site = Authority::new("CA");
    let root = Authority::new("root");
    let between = root.below("between");
    let leaf = between.leaf(&["localhost"]);
    let chain = [between.der()];
    let both = format!("{}{}", between.pem(), root.pem());
    let origin = Origin::http("s1");
    on_both(|program| {
        for (known, is_known) in [(&between.pem(), false), (&both, true)] {
            let log = SyslogSink::udp();
            let front = super::program(program, FRONT)
                .with("bind", "verify required ca-file ca.pem")
                .with("global", format!("log {} local0", log.address()))
                .file("site.pem", site.leaf(&["a.test"]).bundle())
                .file("ca.pem", known)
                .start();
            let offer = Offer {
                certificate: Some(&leaf),
                chain: &chain,
                ..Offer::default()
            };
            let client = Tls::offering(&site, &offer).connect(front.address("front"), "a.test");
            let answer = client.and_then(|mut client| client.get("/"));
            let is_let_in = answer.is_ok_and(|answer| answer.0 == 200);
            assert_eq!(is_let_in, is_known, "{program:?}");
            if !is_known {
                log.wait_line("web/tls: SSL client CA chain cannot be verified");
            }
            let config = "frontend inner
    bind <inner> ssl crt leaf.pem
    default_backend app
backend app
    server s1 <s1>
frontend outer
    bind <front>
    default_backend inside
backend inside
    retries 0
    server s1 <inner> ssl verify required ca-file ca.pem
";
            let servers = super::program(program, config)
                .with("s1", origin.address())
                .listener("inner")
                .file("leaf.pem", format!("{}{}", leaf.bundle(), between.pem()))
                .file("ca.pem", known)
                .start();
            let mut client = Client::connect(servers.address("front"));
            client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
            let expected = if is_known { 200 } else { 503 };
            assert_eq!(client.response().status, expected, "{program:?}");
        }
    });
}

#[test]
fn a_refused_client_has_its_log_line() {
    let authority = Authority::new("CA");
    let clients = Authority::new("clients");
    let expired = clients.expired_leaf(&["expired one"]);
    on_both(|program| {
        let log = SyslogSink::udp();
        let proxy = super::program(program, FRONT)
            .with("bind", "verify required ca-file ca.pem")
            .with("global", format!("log {} local0", log.address()))
            .file("site.pem", authority.leaf(&["a.test"]).bundle())
            .file("ca.pem", clients.pem())
            .start();
        let text = proxy.directory().join("haproxy.cfg");
        assert!(text.exists());
        assert!(!is_let_in(&proxy, &authority, None));
        log.wait_line("web/tls: SSL handshake failure");
        assert!(!is_let_in(&proxy, &authority, Some(&expired)));
        log.wait_line("web/tls: SSL client certificate not trusted");
    });
}

#[test]
fn certificates_of_version_1_are_verified_on_both_sides() {
    let authority = Authority::new("CA");
    let stranger = Authority::new("stranger");
    let (Some(known), Some(unknown)) = (authority.version_1("old"), stranger.version_1("old"))
    else {
        eprintln!("no openssl: not tested");
        return;
    };
    let origin = Origin::http("s1");
    on_both(|program| {
        for (client, server, status) in [
            (&known, &known, Some(200)),
            (&unknown, &known, None),
            (&known, &unknown, Some(503)),
        ] {
            let proxy = super::program(
                program,
                "frontend web
    bind <front> ssl crt site.pem ca-file ca.pem verify required
    bind <inner> ssl crt server.pem
    use_backend plain if { so_id 2 }
    default_backend app
backend app
    retries 0
    server s1 <inner> ssl crt client.pem ca-file ca.pem verify required sni str(old)
backend plain
    server s1 <s1>
",
            )
            .listener("inner")
            .with("s1", origin.address())
            .file("site.pem", authority.leaf(&["www.example.com"]).bundle())
            .file("ca.pem", authority.pem())
            .file("client.pem", client)
            .file("server.pem", server)
            .start();
            let directory = proxy.directory().display();
            let answer = std::process::Command::new("curl")
                .args([
                    "-sk",
                    "--max-time",
                    "10",
                    "-w",
                    "%{http_code}",
                    "-o",
                    "/dev/null",
                ])
                .args(["--cert", &format!("{directory}/client.pem")])
                .arg(format!("https://{}/", proxy.address("front")))
                .output();
            let Ok(answer) = answer else { return };
            let told: u16 = String::from_utf8_lossy(&answer.stdout).parse().unwrap_or(0);
            assert_eq!(told, status.unwrap_or(0), "{program:?}");
        }
    });
}

//! `bind … ssl`: requests, names, versions, protocols, resumption, faults of clients.

use super::*;
use crate::client::Offer;

const OLD: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS12];

const FRONT: &str = "frontend web
    bind <front> ssl crt site.pem <bind>
    default_backend app
backend app
    server s1 <s1>
";

fn site(program: &Program, authority: &Authority, origin: &Origin) -> ProxyBuilder {
    super::program(program, FRONT)
        .with("bind", "")
        .with("s1", origin.address())
        .file("site.pem", authority.leaf(&["www.example.com"]).bundle())
}

#[test]
fn requests_and_bodies_pass_through_tls_in_both_directions() {
    let authority = Authority::new("CA");
    let big: Vec<u8> = (0..1_500_000u32).map(|n| (n % 251) as u8).collect();
    let answer = big.clone();
    let origin = Origin::answering("s1", move |request, _| match request.target.as_str() {
        "/echo" => support::Reply::ok(request.body.clone()),
        _ => support::Reply::ok(answer.clone()),
    });
    on_both(|program| {
        let proxy = site(program, &authority, &origin).start();
        let tls = Tls::trusting(&authority);
        let mut client = tls
            .connect(proxy.address("front"), "www.example.com")
            .expect("TLS");
        for _ in 0..3 {
            let (status, body) = client.get("/").expect("an answer");
            assert_eq!((status, body.len()), (200, big.len()), "{program:?}");
            assert!(body == big, "{program:?}: the bytes are the same");
        }
        let head = format!(
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
            big.len()
        );
        client.write(head).expect("sent");
        client.write(&big).expect("sent");
        let (status, body) = client.answer().expect("an answer");
        assert_eq!(status, 200);
        assert!(body == big, "{program:?}: what was sent came back");
    });
}

#[test]
fn a_session_is_resumed_by_ticket_and_by_cache() {
    let authority = Authority::new("CA");
    let origin = Origin::http("s1");
    on_both(|program| {
        for bind in [
            "",
            "no-tls-tickets",
            "ssl-max-ver TLSv1.2",
            "ssl-max-ver TLSv1.2 no-tls-tickets",
        ] {
            let proxy = site(program, &authority, &origin)
                .with("bind", bind)
                .start();
            let tls = Tls::trusting(&authority);
            for round in 0..3 {
                let mut client = tls
                    .connect(proxy.address("front"), "www.example.com")
                    .expect("TLS");
                assert_eq!(client.get("/").expect("an answer").0, 200);
                assert_eq!(
                    client.is_resumed(),
                    round > 0,
                    "{program:?} {bind} round {round}"
                );
            }
        }
    });
}

#[test]
fn lines_of_requests_tell_version_and_suite() {
    let authority = Authority::new("CA");
    on_both(|program| {
        let log = SyslogSink::udp();
        let config = "frontend web
    option httpslog
    log global
    bind <front> ssl crt site.pem
    http-request return status 200
";
        let proxy = super::program(program, config)
            .with("global", format!("log {} local0", log.address()))
            .file("site.pem", authority.leaf(&["a.test"]).bundle())
            .start();
        let client = Tls::trusting(&authority).connect(proxy.address("front"), "a.test");
        let answer = client.and_then(|mut client| client.get("/"));
        assert_eq!(answer.expect("an answer").0, 200);
        log.wait_line(" a.test/TLSv1.3/TLS_AES_256_GCM_SHA384");
    });
}

#[test]
fn versions_and_protocols_are_those_of_the_line() {
    let authority = Authority::new("CA");
    let origin = Origin::http("s1");
    on_both(|program| {
        let proxy = site(program, &authority, &origin)
            .with("bind", "ssl-min-ver TLSv1.3 alpn http/1.1,spdy/3")
            .start();
        let address = proxy.address("front");
        let tls = Tls::offering(
            &authority,
            &Offer {
                versions: Some(OLD),
                ..Offer::default()
            },
        );
        assert!(
            tls.connect(&address, "www.example.com").is_err(),
            "{program:?}"
        );
        for (alpn, agreed) in [
            (&["http/1.1"][..], Some("http/1.1")),
            (&["spdy/3", "http/1.1"][..], Some("http/1.1")),
            (&["unknown"][..], None),
            (&[][..], None),
        ] {
            let tls = Tls::offering(
                &authority,
                &Offer {
                    alpn,
                    ..Offer::default()
                },
            );
            let client = tls.connect(&address, "www.example.com").expect("TLS");
            assert_eq!(client.alpn().as_deref(), agreed, "{program:?} {alpn:?}");
            assert_eq!(client.version(), "TLSv1_3");
        }
    });
}

#[test]
fn faults_of_clients_have_the_reference_s_log_lines() {
    let authority = Authority::new("CA");
    let origin = Origin::http("s1");
    on_both(|program| {
        let log = SyslogSink::udp();
        let proxy = site(program, &authority, &origin)
            .with("bind", "name tls strict-sni")
            .with("global", format!("log {} local0", log.address()))
            .start();
        let address = proxy.address("front");
        // Debian's version does not tell the detail yet.
        let tells = |line: &str, detail: &str| match program {
            Program::Lbd => log.wait_line(&format!("web/tls: {line}{detail}")),
            _ => log.wait_line(&format!("web/tls: {line}")),
        };
        drop(Client::connect(&address));
        tells("Connection closed during SSL handshake", "");
        let mut client = Client::connect(&address);
        client.send("hello, is this TLS?\r\n");
        tells(
            "SSL handshake failure",
            " (error:0A00010B:SSL routines::wrong version number)",
        );
        log.clear();
        let mut client = Client::connect(&address);
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        tells(
            "SSL handshake failure",
            " (error:0A00009C:SSL routines::http request)",
        );
        log.clear();
        let tls = Tls::trusting(&authority);
        assert!(tls.connect(&address, "other.test").is_err(), "{program:?}");
        tells(
            "SSL handshake failure",
            " (error:0A0000EA:SSL routines::callback failed)",
        );
        // Nothing else is disturbed.
        let mut client = tls.connect(&address, "www.example.com").expect("TLS");
        assert_eq!(client.get("/").expect("an answer").0, 200, "{program:?}");
    });
}

#[test]
fn a_stalled_handshake_ends_with_its_timeout() {
    let authority = Authority::new("CA");
    let origin = Origin::http("s1");
    on_both(|program| {
        let log = SyslogSink::udp();
        let text = FRONT.replace(
            "    default_backend",
            "    timeout client 300ms\n    default_backend",
        );
        let proxy = super::program(program, &text)
            .with("bind", "name tls")
            .with("s1", origin.address())
            .with("global", format!("log {} local0", log.address()))
            .file("site.pem", authority.leaf(&["www.example.com"]).bundle())
            .start();
        let mut client = Client::connect(proxy.address("front"));
        client.send([22, 3, 1, 2, 0, 1, 0]);
        assert!(
            client.is_closed_within(Duration::from_secs(5)),
            "{program:?}"
        );
        log.wait_line("web/tls: Timeout during SSL handshake");
    });
}

#[test]
fn the_key_is_of_the_kind_that_the_client_verifies() {
    let authority = Authority::new("CA");
    let origin = Origin::http("s1");
    let ecdsa = authority.leaf(&["www.example.com"]);
    let rsa = authority.rsa_leaf(&["www.example.com"]);
    on_both(|program| {
        let proxy = super::program(program, FRONT)
            .with("bind", "")
            .with("s1", origin.address())
            .file("site.pem.ecdsa", ecdsa.bundle())
            .file("site.pem.rsa", rsa.bundle())
            .start();
        for (suites, leaf) in [("ECDHE_RSA", &rsa), ("ECDHE_ECDSA", &ecdsa), ("", &ecdsa)] {
            let offer = Offer {
                versions: Some(OLD),
                suites,
                ..Offer::default()
            };
            let tls = Tls::offering(&authority, &offer);
            let client = tls
                .connect(proxy.address("front"), "www.example.com")
                .expect("TLS");
            assert!(client.certificate() == leaf.der, "{program:?} {suites}");
        }
    });
}

#[test]
fn http_2_is_spoken_with_clients_that_agree_on_it() {
    let authority = Authority::new("CA");
    let origin = Origin::http("s1");
    let proxy = site(&Program::Lbd, &authority, &origin).start();
    let address = proxy.address("front").to_string();
    let ask = |version: &str| {
        let url = format!("https://{address}/");
        let output = std::process::Command::new("curl")
            .args([
                "-sk",
                version,
                "-o",
                "/dev/null",
                "-w",
                "%{http_version} %{http_code}",
                &url,
            ])
            .output()
            .expect("curl can be started");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert_eq!(ask("--http2"), "2 200");
    assert_eq!(ask("--http1.1"), "1.1 200");
}

#[test]
fn sessions_over_the_rate_of_tls_wait_and_are_served() {
    let authority = Authority::new("CA");
    let origin = Origin::http("s1");
    on_both(|program| {
        for (global, command) in [
            ("maxsslrate 2", ""),
            ("maxconn 100", "set rate-limit ssl-sessions global 2"),
        ] {
            let proxy = site(program, &authority, &origin)
                .with("global", global)
                .start();
            if !command.is_empty() {
                proxy.runtime(command);
            }
            let tls = Tls::trusting(&authority);
            let begun = std::time::Instant::now();
            for _ in 0..6 {
                let mut client = tls
                    .connect(proxy.address("front"), "www.example.com")
                    .expect("TLS");
                let (status, _) = client.get("/").expect("an answer");
                assert_eq!(status, 200, "{program:?} {global}");
            }
            let took = begun.elapsed();
            assert!(took >= Duration::from_millis(500), "{program:?}: {took:?}");
            let info = proxy.runtime("show info");
            assert!(info.contains("\nSslRateLimit: 2\n"), "{program:?}: {info}");
            let most = info
                .lines()
                .find_map(|line| line.strip_prefix("MaxSslRate: "));
            let most: u32 = most.and_then(|n| n.parse().ok()).expect("a number");
            assert!((1..=2).contains(&most), "{program:?}: {most}");
        }
    });
}

//! `server … ssl`: verification, names, resumption, pools by name, checks.

use super::*;

/// A clear frontend to a server by TLS, whose end is a frontend of the same process.
const CHAIN: &str = "frontend web
    bind <front>
    default_backend app
backend app
    <backend>
    server s1 <tls> <server>
frontend far
    bind <tls> ssl <far>
    http-response set-header x-sni %[ssl_fc_sni]
    http-response set-header x-resumed %[ssl_fc_is_resumed]
    default_backend origin
backend origin
    server o <s1>
";

struct Pki {
    authority: Authority,
    other: Authority,
    site: certs::Leaf,
}

impl Pki {
    fn new() -> Self {
        let authority = Authority::new("CA");
        let site = authority.leaf(&["a.test", "*.w.test"]);
        Self {
            authority,
            other: Authority::new("other"),
            site,
        }
    }

    fn chain(&self, program: &Program, origin: &Origin, server: &str) -> ProxyBuilder {
        super::program(program, CHAIN)
            .listener("tls")
            .with("server", server)
            .with("far", "crt site.pem")
            .with("backend", "retries 0")
            .with("s1", origin.address())
            .file("site.pem", self.site.bundle())
            .file("ca.pem", self.authority.pem())
            .file("other.pem", self.other.pem())
    }
}

#[test]
fn servers_are_verified_as_their_lines_say() {
    let pki = Pki::new();
    let origin = Origin::http("s1");
    on_both(|program| {
        for (server, status) in [
            ("ssl verify none", 200),
            ("ssl verify required ca-file ca.pem", 200),
            ("ssl verify required ca-file other.pem", 503),
            ("ssl verify required ca-file ca.pem verifyhost a.test", 200),
            (
                "ssl verify required ca-file ca.pem verifyhost x.w.test",
                200,
            ),
            ("ssl verify required ca-file ca.pem sni str(a.test)", 200),
            ("ssl verify required ca-file ca.pem sni str(b.test)", 503),
            ("ssl verify none ssl-min-ver TLSv1.3", 200),
            ("ssl verify none force-tlsv12 ciphers ECDHE+AESGCM", 200),
            ("ssl verify none alpn http/1.1", 200),
            ("ssl verify none send-proxy-v2 no-send-proxy-v2", 200),
        ] {
            let proxy = pki.chain(program, &origin, server).start();
            let response = Client::exchange(
                proxy.address("front"),
                "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
            );
            assert_eq!(response.status, status, "{program:?} {server}");
        }
    });
}

#[test]
fn connections_of_one_name_are_not_used_for_another() {
    let pki = Pki::new();
    let origin = Origin::http("s1");
    on_both(|program| {
        let proxy = pki
            .chain(program, &origin, "ssl verify none sni req.hdr(x-name)")
            .with("backend", "http-reuse always")
            .start();
        for name in ["a.test", "b.test", "a.test", "x.w.test", "b.test"] {
            let head = format!("GET / HTTP/1.1\r\nHost: h\r\nX-Name: {name}\r\n\r\n");
            let response = Client::exchange(proxy.address("front"), &head);
            assert_eq!(response.header("x-sni"), Some(name), "{program:?}");
        }
    });
}

#[test]
fn sessions_with_servers_are_resumed_unless_forbidden() {
    let pki = Pki::new();
    let origin = Origin::http("s1");
    on_both(|program| {
        for (server, resumed) in [("", "1"), ("no-ssl-reuse", "0")] {
            let line = format!("ssl verify none sni str(a.test) {server}");
            let proxy = pki
                .chain(program, &origin, &line)
                .with("backend", "http-reuse never")
                .start();
            let mut last = None;
            for _ in 0..3 {
                let head = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
                let response = Client::exchange(proxy.address("front"), head);
                last = response.header("x-resumed").map(str::to_owned);
            }
            assert_eq!(last.as_deref(), Some(resumed), "{program:?} {server}");
        }
    });
}

#[test]
fn a_server_sees_our_certificate_when_it_asks() {
    let pki = Pki::new();
    let origin = Origin::http("s1");
    on_both(|program| {
        for (server, status) in [
            ("ssl verify none crt site.pem", 200),
            ("ssl verify none", 502),
        ] {
            let proxy = pki
                .chain(program, &origin, server)
                .with(
                    "far",
                    "crt site.pem verify required ca-file ca.pem force-tlsv13",
                )
                .start();
            let response = Client::exchange(
                proxy.address("front"),
                "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
            );
            let is_right = match status {
                200 => response.status == 200,
                _ => response.status >= 502,
            };
            assert!(is_right, "{program:?} {server}: {}", response.status);
        }
    });
}

#[test]
fn the_proxy_header_goes_before_tls() {
    let pki = Pki::new();
    let origin = Origin::http("s1");
    on_both(|program| {
        let proxy = pki
            .chain(program, &origin, "ssl verify none send-proxy-v2")
            .with("far", "crt site.pem accept-proxy")
            .start();
        let response = Client::exchange(
            proxy.address("front"),
            "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
        );
        assert_eq!(response.status, 200, "{program:?}");
    });
}

#[test]
fn the_name_to_verify_is_the_one_asked_for_else_that_of_verifyhost() {
    let pki = Pki::new();
    let origin = Origin::http("s1");
    for (server, status) in [
        ("no-sni-auto", 200),
        ("no-sni-auto verifyhost a.test", 200),
        ("no-sni-auto verifyhost x.w.test", 200),
        ("no-sni-auto verifyhost b.test", 503),
        ("sni str(a.test) verifyhost b.test", 200),
        ("sni-auto", 200),
    ] {
        let line = format!("ssl verify required ca-file ca.pem {server}");
        let proxy = pki.chain(&Program::Lbd, &origin, &line).start();
        let head = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
        let response = Client::exchange(proxy.address("front"), head);
        assert_eq!(response.status, status, "{server}");
    }
}

#[test]
fn http_2_is_spoken_with_servers_that_agree_on_it() {
    let pki = Pki::new();
    let origin = Origin::http("s1");
    on_both(|program| {
        for (alpn, version) in [("alpn h2,http/1.1", "h2"), ("alpn http/1.1", "http/1.1")] {
            let proxy = pki
                .chain(program, &origin, &format!("ssl verify none {alpn}"))
                .with("far", "crt site.pem alpn h2,http/1.1")
                .with("backend", "http-response set-header x-alpn %[ssl_bc_alpn]")
                .start();
            for _ in 0..2 {
                let head = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
                let response = Client::exchange(proxy.address("front"), head);
                let agreed = response.header("x-alpn");
                assert_eq!(
                    (response.status, agreed),
                    (200, Some(version)),
                    "{program:?}"
                );
            }
        }
    });
}

#[test]
fn checks_speak_tls_when_the_server_does() {
    let pki = Pki::new();
    let origin = Origin::http("s1");
    on_both(|program| {
        for (server, backend, state) in [
            (
                "ssl verify none check inter 100ms",
                "option httpchk",
                "L7OK",
            ),
            ("ssl verify none check inter 100ms", "", "L6OK"),
            ("check check-ssl verify none inter 100ms", "", "L6OK"),
            ("ssl verify none check no-check-ssl inter 100ms", "", "L4OK"),
            (
                "ssl verify required ca-file other.pem check inter 100ms",
                "",
                "L6RSP",
            ),
            (
                "ssl verify required ca-file ca.pem check-sni a.test check inter 100ms",
                "",
                "L6OK",
            ),
            (
                "ssl verify required ca-file ca.pem check-sni b.test check inter 100ms",
                "",
                "L6RSP",
            ),
        ] {
            let proxy = pki
                .chain(program, &origin, server)
                .with("backend", backend)
                .start();
            let ends = support::poll_until(Duration::from_secs(10), || {
                let stat = proxy.runtime("show stat app 4 -1");
                stat.contains(state).then_some(())
            });
            assert!(
                ends.is_some(),
                "{program:?} {server}: {}",
                proxy.runtime("show stat app 4 -1")
            );
        }
    });
}

#[test]
fn no_more_tls_connections_than_allowed_are_served() {
    let pki = Pki::new();
    let origin = Origin::http("s1");
    let proxy = pki
        .chain(&Program::Lbd, &origin, "ssl verify none")
        .with("global", "maxsslconn 1")
        .start();
    let tls = Tls::trusting(&pki.authority);
    let first = tls.connect(proxy.address("tls"), "a.test").expect("TLS");
    assert!(tls.connect(proxy.address("tls"), "a.test").is_err());
    assert!(proxy.runtime("show info").contains("CurrSslConns: 1"));
    drop(first);
    support::eventually("the place is free", Duration::from_secs(5), || {
        tls.connect(proxy.address("tls"), "a.test").is_ok()
    });
}

#[test]
fn defaults_count_from_where_they_stand_and_for_later_lines_only() {
    let pki = Pki::new();
    let config = "frontend web
    bind <front>
    use_backend two if { path /two }
    default_backend one
global
    ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256
backend one
    server s <one> ssl verify none
frontend far-one
    bind <one> ssl crt site.pem
    http-request return status 200 hdr x-seen %[ssl_fc_cipher]
global
    ssl-default-bind-ciphersuites TLS_AES_256_GCM_SHA384
backend two
    server s <two> ssl verify none
frontend far-two
    bind <two> ssl crt site.pem
    http-request return status 200 hdr x-seen %[ssl_fc_cipher]
";
    on_both(|program| {
        let proxy = super::program(program, config)
            .listener("one")
            .listener("two")
            .file("site.pem", pki.site.bundle())
            .start();
        for (path, seen) in [
            ("/one", "TLS_AES_128_GCM_SHA256"),
            ("/two", "TLS_AES_256_GCM_SHA384"),
        ] {
            let head = format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n");
            let response = Client::exchange(proxy.address("front"), &head);
            assert_eq!(response.header("x-seen"), Some(seen), "{program:?} {path}");
        }
    });
}

#[test]
fn a_group_that_only_one_side_names_is_agreed_on() {
    let pki = Pki::new();
    let origin = Origin::http("s1");
    let judge = runtime::knows_the_words().then_some(Program::Haproxy);
    for program in judge.iter().chain([&Program::Lbd]) {
        // OpenSSL takes no certificate of another curve in TLS 1.2.
        let line = "ssl verify none curves P-521 force-tlsv13";
        let proxy = pki.chain(program, &origin, line).start();
        let head = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
        let response = Client::exchange(proxy.address("front"), head);
        assert_eq!(response.status, 200, "{program:?}");
    }
}

#[test]
fn many_connections_opened_at_once_resume_sessions() {
    const MANY: usize = 20;
    let pki = Pki::new();
    let origin = Origin::http("s1");
    let line = "ssl verify none sni str(a.test)";
    let proxy = pki
        .chain(&Program::Lbd, &origin, line)
        .with("backend", "http-reuse never")
        .start();
    let round = || {
        let ask = || {
            let head = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
            let response = Client::exchange(proxy.address("front"), head);
            response.header("x-resumed") == Some("1")
        };
        std::thread::scope(|scope| {
            let asking: Vec<_> = (0..MANY).map(|_| scope.spawn(ask)).collect();
            let answers = asking.into_iter().map(|one| one.join().expect("no panic"));
            answers.filter(|resumed| *resumed).count()
        })
    };
    round();
    assert_eq!(
        round(),
        MANY,
        "each session of the first round is good for one"
    );
}

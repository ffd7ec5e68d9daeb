//! How checks travel: TLS and its names, protocols agreed on or forced, HTTP/2.
//!
//! What is checked are frontends of the same process, which log what reached them.

use super::*;

struct Case {
    name: &'static str,
    /// Which frontend is checked.
    to: &'static str,
    lines: &'static str,
    server: &'static str,
    /// `check_status`.
    status: &'static str,
    /// What the frontend saw: version, host, name and protocol of TLS.
    heard: &'static str,
}

const fn case(
    name: &'static str,
    to: &'static str,
    lines: &'static str,
    server: &'static str,
    heard: &'static str,
) -> Case {
    let status = "L7OK";
    Case {
        name,
        to,
        lines,
        server,
        status,
        heard,
    }
}

const HTTP: &str = "mode http\n    option httpchk GET / HTTP/1.1 www.x";
const PORT: &str = "mode http\n    option httpchk GET / HTTP/1.1 www.x:8080";
const OLD: &str = "mode http\n    option httpchk GET /";
const SEND: &str = "mode http\n    option httpchk\n    \
                    http-check send meth GET uri / ver HTTP/1.1 hdr host %[be_name].x";
const STEP: &str = "mode http\n    option httpchk\n    http-check connect <words>\n    \
                    http-check send meth GET uri / ver HTTP/1.1 hdr host a.x";

const CASES: &[Case] = &[
    case("auto", "tls", HTTP, "check-ssl", "1.1 www.x www.x -"),
    case("port", "tls", PORT, "check-ssl", "1.1 www.x:8080 www.x -"),
    case("hostless", "tls", OLD, "check-ssl", "1.0 - - -"),
    case("send", "tls", SEND, "check-ssl", "1.1 send.x send.x -"),
    case(
        "manual",
        "tls",
        HTTP,
        "check-ssl no-check-sni-auto",
        "1.1 www.x - -",
    ),
    case(
        "back",
        "tls",
        HTTP,
        "check-ssl no-check-sni-auto check-sni-auto",
        "1.1 www.x www.x -",
    ),
    case(
        "named",
        "tls",
        HTTP,
        "check-ssl check-sni foo.x",
        "1.1 www.x foo.x -",
    ),
    case(
        "alpn",
        "tls",
        HTTP,
        "check-ssl check-alpn h2",
        "2.0 www.x www.x h2",
    ),
    case("lines", "tls", HTTP, "ssl alpn h2", "2.0 www.x www.x h2"),
    case(
        "other",
        "tls",
        HTTP,
        "ssl alpn h2 check-alpn http/1.1",
        "1.1 www.x www.x http/1.1",
    ),
    case("clear", "clear", HTTP, "ssl no-check-ssl", "1.1 www.x - -"),
    case("forced", "h2", HTTP, "check-proto h2", "2.0 www.x - -"),
    case("traffic", "h2", HTTP, "proto h2", "2.0 www.x - -"),
    case(
        "lowered",
        "clear",
        HTTP,
        "proto h2 check-proto h1",
        "1.1 www.x - -",
    ),
    case("step", "tls", STEP, "words:ssl", "1.1 a.x - -"),
    case(
        "step-named",
        "tls",
        STEP,
        "words:ssl sni b.x alpn h2",
        "2.0 a.x b.x h2",
    ),
    case("step-h2", "h2", STEP, "words:proto h2", "2.0 a.x - -"),
    case(
        "step-default",
        "tls",
        STEP,
        "words:default check-ssl check-sni c.x check-alpn h2",
        "2.0 a.x c.x h2",
    ),
    case(
        "step-clear",
        "clear",
        STEP,
        "words:linger check-ssl check-sni c.x",
        "1.1 a.x - -",
    ),
    Case {
        status: "SOCKERR",
        ..case("unlike", "h2", HTTP, "", "")
    },
    Case {
        status: "L6OK",
        ..case(
            "bytes",
            "tls",
            "mode tcp\n    option tcp-check\n    tcp-check connect ssl sni z.x",
            "",
            "",
        )
    },
    Case {
        status: "L6RSP",
        ..case("no-tls", "clear", HTTP, "check-ssl", "")
    },
    Case {
        status: "L7STS",
        ..case(
            "refused",
            "h2",
            "mode http\n    option httpchk\n    http-check expect status 300",
            "check-proto h2",
            "2.0 - - -",
        )
    },
];

/// The words of a case's `connect` step and of its server.
fn words(case: &Case) -> (&'static str, &'static str) {
    let Some(all) = case.server.strip_prefix("words:") else {
        return ("", case.server);
    };
    match all.find(" check-ssl") {
        Some(at) => (&all[..at], &all[at..]),
        None => (all, ""),
    }
}

fn frontends() -> String {
    let mut text = String::new();
    for (name, words) in [
        ("tls", "ssl crt site.pem alpn h2,http/1.1"),
        ("h2", "proto h2"),
        ("clear", ""),
    ] {
        text.push_str(&format!(
            "frontend to-{name}\n    mode http\n    bind <{name}> {words}\n    \
             http-request set-var(txn.h) req.hdr(host)\n    \
             log-format \"heard %HV %[var(txn.h)] %[ssl_fc_sni] \
             %[ssl_fc_alpn] %HP\"\n    \
             http-request return status 200 content-type text/plain string fine\n\n"
        ));
    }
    text
}

/// Certificate and key of the frontend that speaks TLS.
fn bundle() -> String {
    let key = rcgen::KeyPair::generate().expect("a key");
    let params = rcgen::CertificateParams::new(vec!["x".to_owned()]).expect("a name");
    let certificate = params.self_signed(&key).expect("a certificate");
    [
        lbd_tls::pem::encode("CERTIFICATE", certificate.der()),
        lbd_tls::pem::encode("PRIVATE KEY", key.serialized_der()),
    ]
    .concat()
}

fn run(program: &Program) -> BTreeMap<&'static str, (String, String)> {
    let sink = SyslogSink::udp();
    let mut text = frontends();
    for case in CASES {
        let (step, server) = words(case);
        let lines = case.lines.replace("<words>", step);
        // Which check it was is said by its path.
        let lines = lines.replace("GET /", &format!("GET /{}", case.name));
        let lines = lines.replace("uri /", &format!("uri /{}", case.name));
        let lines = lines.replace(
            "option httpchk\n    http-check expect",
            &format!("option httpchk GET /{}\n    http-check expect", case.name),
        );
        text.push_str(&format!(
            "backend {0}\n    timeout check 2s\n    {lines}\n    \
             server s <{1}> check inter 500ms rise 1 fall 1 verify none {server}\n\n",
            case.name, case.to
        ));
    }
    let proxy = start(program, &sink, &text)
        .listener("tls")
        .listener("h2")
        .listener("clear")
        .file("site.pem", bundle())
        .start();
    eventually("all checks have ended", Duration::from_secs(20), || {
        let rows = csv::rows(&proxy.runtime("show stat"));
        rows.iter().filter(|row| row["svname"] == "s").all(|row| {
            let status = row["check_status"].as_str();
            !status.starts_with("INI") && !status.starts_with('*')
        })
    });
    let heard = |name: &str| {
        let mark = format!(" /{name}");
        let lines = sink.lines();
        let line = lines.iter().rev().find_map(|line| {
            let text = line.message().trim_end().strip_suffix(&mark)?;
            text.split_once(" HTTP/").map(|(_, rest)| rest.to_owned())
        });
        line.unwrap_or_default()
    };
    let seen = |case: &Case| {
        let row = row(&proxy, case.name, "s");
        let status = row["check_status"].trim_start_matches("* ").to_owned();
        (case.name, (status, heard(case.name)))
    };
    CASES.iter().map(seen).collect()
}

#[test]
fn checks_speak_the_transport_that_is_asked_for() {
    on_both(|program| {
        let wanted = |case: &Case| (case.name, (case.status.to_owned(), case.heard.to_owned()));
        let wanted: BTreeMap<_, _> = CASES.iter().map(wanted).collect();
        assert_eq!(run(program), wanted, "{program:?}");
    });
}

/// What steps of a check see of its own connection, in TLS, in clear, and by HTTP/2.
const SEEN: &[(&str, [&str; 3])] = &[
    ("ssl_bc", ["1", "0", "1"]),
    ("ssl_bc_protocol", ["TLSv1.3", "", "TLSv1.3"]),
    ("ssl_bc_alpn", ["http/1.1", "", "h2"]),
    ("ssl_bc_sni", ["a.x", "", "a.x"]),
    ("ssl_bc_alg_keysize", ["256", "", "256"]),
    ("ssl_bc_use_keysize", ["256", "", "256"]),
    (
        "ssl_bc_cipher",
        ["TLS_AES_256_GCM_SHA384", "", "TLS_AES_256_GCM_SHA384"],
    ),
    ("ssl_bc_curve", ["X25519", "", "X25519"]),
    ("ssl_bc_client_random,hex,length", ["64", "", "64"]),
    ("ssl_bc_server_random,hex,length", ["64", "", "64"]),
    ("bc_http_major", ["1", "1", "2"]),
    ("bc_dst", ["127.0.0.1", "127.0.0.1", "127.0.0.1"]),
    ("bc_src", ["127.0.0.1", "127.0.0.1", "127.0.0.1"]),
];

#[test]
fn steps_see_the_connection_of_their_check() {
    on_both(|program| {
        let sink = SyslogSink::udp();
        let mut text = frontends();
        let connections = [
            ("tls", "ssl sni a.x alpn http/1.1"),
            ("clear", "default"),
            ("tls", "ssl sni a.x alpn h2"),
        ];
        for (at, (to, connect)) in connections.iter().enumerate() {
            for (number, (fetch, _)) in SEEN.iter().enumerate() {
                text.push_str(&format!(
                    "backend b{at}-{number}\n    mode http\n    option httpchk\n    \
                     timeout check 10s\n    http-check connect {connect}\n    \
                     http-check send meth GET uri / ver HTTP/1.1 hdr host a.x\n    \
                     http-check set-var(check.x) {fetch}\n    \
                     http-check expect status 300 on-error \"<%[var(check.x)]>\"\n    \
                     server s <{to}> check inter 4s rise 1 fall 1 verify none\n\n"
                ));
            }
        }
        let proxy = start(program, &sink, &text)
            .listener("tls")
            .listener("h2")
            .listener("clear")
            .file("site.pem", bundle())
            .start();
        let seen = || {
            let rows = csv::rows(&proxy.runtime("show stat"));
            let rows = rows.into_iter().filter(|row| row["svname"] == "s");
            rows.map(|row| (row["pxname"].clone(), row["last_chk"].clone()))
                .collect::<BTreeMap<_, _>>()
        };
        eventually("all checks have ended", Duration::from_secs(60), || {
            seen().values().all(|text| !text.is_empty())
        });
        let seen = seen();
        for at in 0..connections.len() {
            for (number, (fetch, wanted)) in SEEN.iter().enumerate() {
                assert_eq!(
                    seen[&format!("b{at}-{number}")],
                    format!("<{}>", wanted[at]),
                    "{program:?}: {fetch} of {:?}",
                    connections[at]
                );
            }
        }
    });
}

//! What the client's first message said, beside the reference.

use std::process::{Command, Stdio};

use super::*;

/// A frontend that answers what it saw.
const FRONT: &str = "frontend web
    bind <front> ssl crt site.pem <bind>
    http-request return status 200 content-type text/plain lf-string <line>
";

fn saying(program: &Program, authority: &Authority, line: &str) -> ProxyBuilder {
    super::program(program, FRONT)
        .with("bind", "")
        .with("line", line)
        .file("site.pem", authority.leaf(&["www.example.com"]).bundle())
}

/// What OpenSSL's client is answered; `None` without OpenSSL.
fn by_openssl(proxy: &Proxy, options: &[&str]) -> Option<String> {
    let mut client = Command::new("openssl")
        .args(["s_client", "-quiet", "-servername", "www.example.com"])
        .args(["-connect", &proxy.address("front").to_string()])
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut input = client.stdin.take()?;
    std::io::Write::write_all(
        &mut input,
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    )
    .ok()?;
    let output = client.wait_with_output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
}

#[test]
fn lists_of_the_client_hello_are_the_reference_s_at_every_size() {
    let authority = Authority::new("CA");
    let line = "\"%[ssl_fc_protocol_hello_id] %[ssl_fc_cipherlist_xxh] %[ssl_fc_cipherlist_hex] \
        %[ssl_fc_cipherlist_hex(1)] %[ssl_fc_cipherlist_bin,hex] %[ssl_fc_cipherlist_str] \
        %[ssl_fc_extlist_bin,hex] %[ssl_fc_extlist_bin(1),hex] %[ssl_fc_eclist_bin,hex] \
        %[ssl_fc_ecformats_bin,hex]\"";
    for options in [&["-tls1_3"][..], &["-tls1_2"]] {
        for size in ["0", "7", "40", "70", "100", "110", "200"] {
            let told = |program: &Program| {
                let proxy = saying(program, &authority, line)
                    .with("global", format!("tune.ssl.capture-buffer-size {size}"))
                    .start();
                by_openssl(&proxy, options)
            };
            let theirs = told(&Program::Haproxy);
            assert_eq!(told(&Program::Lbd), theirs, "{options:?} {size}");
        }
    }
}

#[test]
fn versions_and_algorithms_are_told_in_the_client_s_order() {
    let authority = Authority::new("CA");
    let proxy = saying(
        &Program::Lbd,
        &authority,
        "\"%[ssl_fc_supported_versions_bin,hex] %[ssl_fc_sigalgs_bin,hex]\"",
    )
    .with("global", "tune.ssl.capture-buffer-size 300")
    .start();
    let options = ["-tls1_3", "-sigalgs", "RSA-PSS+SHA256:ECDSA+SHA256"];
    if let Some(told) = by_openssl(&proxy, &options) {
        assert_eq!(told, "0304 08040403");
    }
}

#[test]
fn secrets_and_randoms_are_those_that_the_client_has() {
    let authority = Authority::new("CA");
    let line = "\"CLIENT_RANDOM %[ssl_fc_client_random,hex,lower] %[ssl_fc_session_key,hex,lower]\\n\
        CLIENT_HANDSHAKE_TRAFFIC_SECRET %[ssl_fc_client_random,hex,lower] %[ssl_fc_client_handshake_traffic_secret]\\n\
        SERVER_HANDSHAKE_TRAFFIC_SECRET %[ssl_fc_client_random,hex,lower] %[ssl_fc_server_handshake_traffic_secret]\\n\
        CLIENT_TRAFFIC_SECRET_0 %[ssl_fc_client_random,hex,lower] %[ssl_fc_client_traffic_secret_0]\\n\
        SERVER_TRAFFIC_SECRET_0 %[ssl_fc_client_random,hex,lower] %[ssl_fc_server_traffic_secret_0]\\n\
        EXPORTER_SECRET %[ssl_fc_client_random,hex,lower] %[ssl_fc_exporter_secret]\\n\
        random %[ssl_fc_server_random,hex,length]\"";
    on_both(|program| {
        for (option, labels) in [("-tls1_3", 5), ("-tls1_2", 1)] {
            let proxy = saying(program, &authority, line)
                .with("global", "tune.ssl.keylog on")
                .start();
            let file = proxy.directory().join("keys.log").display().to_string();
            let Some(told) = by_openssl(&proxy, &[option, "-keylogfile", &file]) else {
                continue;
            };
            let keys = std::fs::read_to_string(&file).expect("a file of keys");
            let keys: Vec<&str> = keys.lines().filter(|line| !line.starts_with('#')).collect();
            assert_eq!(keys.len(), labels, "{keys:?}");
            for key in keys {
                assert!(
                    told.lines().any(|line| line == key),
                    "{program:?} {option}: {key} is not in {told}"
                );
            }
            assert!(told.ends_with("random 64"), "{told}");
        }
    });
}

#[test]
fn the_offers_of_a_client_that_fails_are_in_the_line_of_its_error() {
    let authority = Authority::new("CA");
    on_both(|program| {
        let log = SyslogSink::udp();
        let global = format!(
            "tune.ssl.capture-buffer-size 200\n    log {} local0",
            log.address()
        );
        let proxy = saying(
            program,
            &authority,
            "\"no\"\n    error-log-format \"seen \
             %[ssl_fc_cipherlist_str] %[ssl_fc_cipherlist_str(1)] %[ssl_fc_extlist_bin(1),hex] \
             %[ssl_fc_protocol_hello_id]\"",
        )
        .with("global", global)
        .start();
        let mut client = Client::connect(proxy.address("front"));
        client.send(strange_hello());
        log.wait_line(
            "seen UNKNOWN(0a0a),TLS_EMPTY_RENEGOTIATION_INFO_SCSV,UNKNOWN(0005),ECDHE-ECDSA-AES256-CCM8,UNKNOWN(f0f0) \
             TLS_EMPTY_RENEGOTIATION_INFO_SCSV,UNKNOWN(0005),ECDHE-ECDSA-AES256-CCM8,UNKNOWN(f0f0) \
             000A000B 771",
        );
    });
}

/// A hello with values that nobody knows and no suite that is spoken.
fn strange_hello() -> Vec<u8> {
    let suites = [0x0a, 0x0a, 0x00, 0xff, 0x00, 0x05, 0xc0, 0xaf, 0xf0, 0xf0];
    let extensions = [
        0x1a, 0x1a, 0, 0, 0, 10, 0, 8, 0, 6, 0xea, 0xea, 0, 29, 0, 23, 0, 11, 0, 2, 1, 0,
    ];
    let mut content = vec![3, 3];
    content.extend(0..32);
    content.extend([0, 0, 10]);
    content.extend(suites);
    content.extend([1, 0, 0, 22]);
    content.extend(extensions);
    let len = u8::try_from(content.len()).expect("a short message");
    let mut message = vec![22, 3, 1, 0, len + 4, 1, 0, 0, len];
    message.extend(content);
    message
}

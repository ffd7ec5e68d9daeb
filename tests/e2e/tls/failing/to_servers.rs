//! Handshakes with servers.

use super::*;

/// Fetches of a line: the connection's number and text, and the library's.
const FORMAT: &str = "%[bc_err]|%[bc_err_str]|%[ssl_bc_err,hex]|%[ssl_bc_err_str]";

const WAYS: &[Way] = &[
    same(
        "authority unknown",
        "34|SSL handshake failure|000000000A000086|error:0A000086:SSL routines::certificate verify failed",
    ),
    same(
        "expired",
        "34|SSL handshake failure|000000000A000086|error:0A000086:SSL routines::certificate verify failed",
    ),
    same(
        "revoked",
        "34|SSL handshake failure|000000000A000086|error:0A000086:SSL routines::certificate verify failed",
    ),
    same(
        "another name",
        "33|Server presented an SSL certificate different from the expected one|000000000A000086|error:0A000086:SSL routines::certificate verify failed",
    ),
    same(
        "another name, asked for",
        "33|Server presented an SSL certificate different from the expected one|000000000A000086|error:0A000086:SSL routines::certificate verify failed",
    ),
    same(
        "another name, no name asked for",
        "32|Server presented an SSL certificate different from the configured one|000000000A000086|error:0A000086:SSL routines::certificate verify failed",
    ),
    same(
        "no suite of both",
        "34|SSL handshake failure|000000000A000410|error:0A000410:SSL routines::sslv3 alert handshake failure",
    ),
    same(
        "1.2 where 1.3 is the least",
        "34|SSL handshake failure|000000000A00042E|error:0A00042E:SSL routines::tlsv1 alert protocol version",
    ),
    same(
        "we show no certificate, 1.2",
        "34|SSL handshake failure|000000000A000410|error:0A000410:SSL routines::sslv3 alert handshake failure",
    ),
    same(
        "no TLS",
        "34|SSL handshake failure|000000000A00010B|error:0A00010B:SSL routines::wrong version number",
    ),
    same("cut", "34|SSL handshake failure|0000000000000000|-"),
    // The reference has no connection any more when it writes the line.
    differs(
        "time is over",
        "26|Timeout during SSL handshake|0000000000000000|-",
        "-|-|-|-",
    ),
];

/// The line of the server, and of the TLS end it goes to.
fn lines(way: &str) -> (&'static str, &'static str) {
    let (server, far) = match way {
        "authority unknown" => ("verify required ca-file other.pem", ""),
        "expired" => ("verify required ca-file ca.pem", "expired"),
        "revoked" => ("verify required ca-file ca.pem crl-file crl.pem", ""),
        "another name" => ("verify required ca-file ca.pem verifyhost b.test", ""),
        "another name, asked for" => ("verify required ca-file ca.pem sni str(b.test)", ""),
        "another name, no name asked for" => (
            "verify required ca-file ca.pem no-sni-auto verifyhost b.test",
            "",
        ),
        "no suite of both" => (
            "verify none ciphersuites TLS_AES_128_GCM_SHA256 ssl-min-ver TLSv1.3",
            "narrow",
        ),
        "1.2 where 1.3 is the least" => ("verify none ssl-max-ver TLSv1.2", "new"),
        "we show no certificate, 1.2" => ("verify none ssl-max-ver TLSv1.2", "verify"),
        "no TLS" | "cut" | "time is over" => ("verify none", way_address(way)),
        other => panic!("no way {other:?}"),
    };
    (server, if far.is_empty() { "good" } else { far })
}

fn way_address(way: &str) -> &'static str {
    match way {
        "no TLS" => "plain",
        "cut" => "cut",
        _ => "silent",
    }
}

#[test]
fn failures_of_servers_are_told_as_the_table_says() {
    let authority = Authority::new("CA");
    let site = authority.leaf(&["a.test"]);
    let files = [
        ("site.pem", site.bundle()),
        ("expired.pem", authority.expired_leaf(&["a.test"]).bundle()),
        ("ca.pem", authority.pem()),
        ("other.pem", Authority::new("other").pem()),
        ("crl.pem", authority.crl(&[&site])),
    ];
    // The other end is the same for both, whatever its own words are.
    let far = "frontend far
    bind <good> ssl crt site.pem
    bind <expired> ssl crt expired.pem
    bind <narrow> ssl crt site.pem ciphersuites TLS_AES_256_GCM_SHA384
    bind <new> ssl crt site.pem ssl-min-ver TLSv1.3
    bind <verify> ssl crt site.pem verify required ca-file ca.pem
    bind <front>
    http-request return status 200
";
    let mut builder = program(&Program::Haproxy, far);
    for name in ["good", "expired", "narrow", "new", "verify"] {
        builder = builder.listener(name);
    }
    for (name, text) in &files {
        builder = builder.file(name, text);
    }
    let far = builder.start();
    let plain = Origin::raw("plain", |mut stream, _| {
        use std::io::{Read, Write};
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let cut = Origin::raw("cut", |mut stream, _| {
        use std::io::Read;
        let _ = stream.read(&mut [0; 4096]);
    });
    let silent = Origin::raw("silent", |mut stream, _| {
        use std::io::Read;
        let _ = stream.read_to_end(&mut Vec::new());
    });
    compare(WAYS, |which, way| {
        let log = SyslogSink::udp();
        let (server, end) = lines(way);
        let address = match end {
            "plain" => plain.address(),
            "cut" => cut.address(),
            "silent" => silent.address(),
            name => far.address(name),
        };
        let config = format!(
            "    retries 0
    timeout connect 2s
    log-format \"{FORMAT}\"
frontend web
    bind <front>
    default_backend app
backend app
    server s1 {address} ssl {server}
"
        );
        let mut builder =
            program(which, &config).with("global", format!("log {} local0", log.address()));
        for (name, text) in &files {
            builder = builder.file(name, text);
        }
        let proxy = builder.start();
        let mut client = Client::connect(proxy.address("front"));
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let _ = client.read_some();
        log.wait_lines(1)[0].message().to_owned()
    });
}

//! Handshakes with clients.

use std::cell::OnceCell;
use std::time::Duration;

use super::*;

/// Fetches of a line: the connection's number and text, the library's, the certificate's, and what
/// was agreed on.
const FORMAT: &str = "%[fc_err]|%[fc_err_str]|%[ssl_fc_err,hex]|%[ssl_fc_err_str]|%[ssl_c_err]/%[ssl_c_ca_err]|%sslv/%sslc/%[ssl_fc_use_keysize]";

const WAYS: &[Way] = &[
    same(
        "no suite of both",
        "34|SSL handshake failure|000000000A0000C1|error:0A0000C1:SSL routines::no shared cipher|0/0|TLSv1.2/(NONE)/-",
    ),
    same(
        "no suite of both, 1.3",
        "34|SSL handshake failure|000000000A0000C1|error:0A0000C1:SSL routines::no shared cipher|0/0|TLSv1.3/(NONE)/-",
    ),
    same(
        "no group of both",
        "34|SSL handshake failure|000000000A000065|error:0A000065:SSL routines::no suitable key share|0/0|TLSv1.3/(NONE)/-",
    ),
    same(
        "1.2 where 1.3 is the least",
        "34|SSL handshake failure|000000000A000102|error:0A000102:SSL routines::unsupported protocol|0/0|TLSv1.2/(NONE)/-",
    ),
    same(
        "1.1",
        "34|SSL handshake failure|000000000A000102|error:0A000102:SSL routines::unsupported protocol|0/0|TLSv1.1/(NONE)/-",
    ),
    same(
        "needless fallback",
        "34|SSL handshake failure|000000000A000175|error:0A000175:SSL routines::inappropriate fallback|0/0|TLSv1.2/(NONE)/-",
    ),
    same(
        "no name, strictly",
        "34|SSL handshake failure|000000000A0000EA|error:0A0000EA:SSL routines::callback failed|0/0|TLSv1.3/(NONE)/-",
    ),
    same(
        "no certificate, 1.2",
        "34|SSL handshake failure|000000000A0000C7|error:0A0000C7:SSL routines::peer did not return a certificate|0/0|TLSv1.2/(NONE)/-",
    ),
    same(
        "no certificate, 1.3",
        "34|SSL handshake failure|000000000A0000C7|error:0A0000C7:SSL routines::peer did not return a certificate|0/0|TLSv1.3/TLS_AES_256_GCM_SHA384/256",
    ),
    same(
        "certificate of nobody, 1.2",
        "31|SSL client certificate not trusted|000000000A000086|error:0A000086:SSL routines::certificate verify failed|20/0|TLSv1.2/(NONE)/-",
    ),
    same(
        "certificate of nobody, 1.3",
        "31|SSL client certificate not trusted|000000000A000086|error:0A000086:SSL routines::certificate verify failed|20/0|TLSv1.3/TLS_AES_256_GCM_SHA384/256",
    ),
    same(
        "expired certificate",
        "31|SSL client certificate not trusted|000000000A000086|error:0A000086:SSL routines::certificate verify failed|10/0|TLSv1.3/TLS_AES_256_GCM_SHA384/256",
    ),
    same(
        "revoked certificate",
        "31|SSL client certificate not trusted|000000000A000086|error:0A000086:SSL routines::certificate verify failed|23/0|TLSv1.3/TLS_AES_256_GCM_SHA384/256",
    ),
    same(
        "certificate of itself",
        "31|SSL client certificate not trusted|000000000A000086|error:0A000086:SSL routines::certificate verify failed|18/0|TLSv1.3/TLS_AES_256_GCM_SHA384/256",
    ),
    same(
        "HTTP",
        "34|SSL handshake failure|000000000A00009C|error:0A00009C:SSL routines::http request|0/0|TLSv1.3/(NONE)/-",
    ),
    same(
        "HTTP to a proxy",
        "34|SSL handshake failure|000000000A00009B|error:0A00009B:SSL routines::https proxy request|0/0|TLSv1.3/(NONE)/-",
    ),
    same(
        "no TLS",
        "34|SSL handshake failure|000000000A00010B|error:0A00010B:SSL routines::wrong version number|0/0|TLSv1.3/(NONE)/-",
    ),
    same(
        "record too long",
        "34|SSL handshake failure|000000000A0000C6|error:0A0000C6:SSL routines::packet length too long|0/0|TLSv1.3/(NONE)/-",
    ),
    same(
        "no group of both, 1.2",
        "34|SSL handshake failure|000000000A0000C1|error:0A0000C1:SSL routines::no shared cipher|0/0|TLSv1.2/(NONE)/-",
    ),
    same(
        "cut before a byte",
        "24|Connection closed during SSL handshake|0000000000000000|-|0/0|TLSv1.3/(NONE)/-",
    ),
    same(
        "cut within a record",
        "24|Connection closed during SSL handshake|0000000000000000|-|0/0|TLSv1.3/(NONE)/-",
    ),
    same(
        "cut after the first answer",
        "34|SSL handshake failure|0000000000000000|-|0/0|TLSv1.3/TLS_AES_256_GCM_SHA384/256",
    ),
    same(
        "fatal alert",
        "34|SSL handshake failure|000000000A000438|error:0A000438:SSL routines::tlsv1 alert internal error|0/0|TLSv1.3/TLS_AES_256_GCM_SHA384/256",
    ),
    same(
        "time is over",
        "26|Timeout during SSL handshake|0000000000000000|-|0/0|TLSv1.3/(NONE)/-",
    ),
];

/// A client's first message, as far as is needed: TLS 1.2 and 1.3 with X25519.
fn hello() -> Vec<u8> {
    let authority = Authority::new("any");
    Tls::trusting(&authority).hello("a.test")
}

fn act(proxy: &Proxy, files: &str, way: &str) {
    let address = |name: &str| proxy.address(name);
    let client = |name: &str, words: &[&str]| s_client(&address(name), words);
    let with = |version: &str, name: &str| {
        let (file, authority) = (
            format!("{files}/{name}.pem"),
            format!("{files}/site-ca.pem"),
        );
        let words = [
            version, "-cert", &file, "-key", &file, "-CAfile", &authority,
        ];
        client("verify", &words);
    };
    let raw = |bytes: &[u8]| {
        let mut client = Client::connect(address("front"));
        client.send(bytes);
        client
    };
    match way {
        "no suite of both" => client("front", &["-tls1_2", "-cipher", "AES128-SHA"]),
        "no suite of both, 1.3" => {
            client(
                "narrow",
                &["-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"],
            );
        }
        "no group of both" => client("narrow", &["-tls1_3", "-groups", "P-384"]),
        "1.2 where 1.3 is the least" => client("new", &["-tls1_2"]),
        "1.1" => client("front", &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]),
        "needless fallback" => client("front", &["-tls1_2", "-fallback_scsv"]),
        "no name, strictly" => client("strict", &["-servername", "unknown.test"]),
        "no certificate, 1.2" => client("verify", &["-tls1_2"]),
        "no certificate, 1.3" => client("verify", &["-tls1_3"]),
        "certificate of nobody, 1.2" => with("-tls1_2", "nobody"),
        "certificate of nobody, 1.3" => with("-tls1_3", "nobody"),
        "expired certificate" => with("-tls1_3", "expired"),
        "revoked certificate" => with("-tls1_3", "revoked"),
        "certificate of itself" => with("-tls1_3", "itself"),
        "HTTP" => drop(raw(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").read_some()),
        "HTTP to a proxy" => drop(raw(b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n").read_some()),
        "no TLS" => drop(raw(b"hello, is this TLS?\r\n").read_some()),
        "record too long" => drop(raw(&[22, 3, 1, 0x48, 0x01, 1, 0, 0, 0]).read_some()),
        "no group of both, 1.2" => client("narrow", &["-tls1_2", "-groups", "P-384"]),
        "cut before a byte" => drop(raw(b"")),
        "cut within a record" => drop(raw(&hello()[..20])),
        "cut after the first answer" => {
            let mut client = raw(&hello());
            let _ = client.read_some();
            client.finish_sending();
            let _ = client.is_closed_within(Duration::from_secs(20));
        }
        "fatal alert" => {
            let mut client = raw(&hello());
            let _ = client.read_some();
            // RFC 8446 6.2: user_canceled is a warning, internal_error is not.
            client.send([21, 3, 3, 0, 2, 2, 80]);
            let _ = client.is_closed_within(Duration::from_secs(20));
        }
        "time is over" => {
            let mut client = Client::connect(address("hasty"));
            client.send([22, 3, 1, 2, 0, 1, 0]);
            assert!(client.is_closed_within(Duration::from_secs(20)));
        }
        other => panic!("no way {other:?}"),
    }
}

#[test]
fn failures_of_clients_are_told_as_the_table_says() {
    let authority = Authority::new("CA");
    let clients = Authority::new("clients");
    let revoked = clients.leaf(&["revoked"]);
    let crl = clients.crl(&[&revoked]);
    let files = support::TempDir::new();
    let itself = Authority::new("itself");
    let pems = [
        (
            "nobody",
            Authority::new("nobody").leaf(&["nobody"]).bundle(),
        ),
        ("expired", clients.expired_leaf(&["expired one"]).bundle()),
        ("revoked", revoked.bundle()),
        ("itself", format!("{}{}", itself.pem(), itself.key_pem())),
        ("site-ca", authority.pem()),
    ];
    for (name, pem) in &pems {
        files.write(format!("{name}.pem"), pem);
    }
    let config = format!(
        "    error-log-format \"{FORMAT}\"
frontend web
    bind <front> ssl crt site.pem
    bind <narrow> ssl crt site.pem ciphersuites TLS_AES_256_GCM_SHA384 curves P-256
    bind <new> ssl crt site.pem ssl-min-ver TLSv1.3
    bind <strict> ssl crt site.pem strict-sni
    bind <verify> ssl crt site.pem verify required ca-file ca.pem crl-file crl.pem
    http-request return status 200
frontend soon
    timeout client 300ms
    bind <hasty> ssl crt site.pem
    http-request return status 200
"
    );
    let start = |which: &Program| {
        let log = SyslogSink::udp();
        let mut builder = program(which, &config)
            .with("global", format!("log {} local0", log.address()))
            .file("site.pem", authority.leaf(&["a.test"]).bundle())
            .file("ca.pem", clients.pem())
            .file("crl.pem", &crl);
        for name in ["narrow", "new", "strict", "verify", "hasty"] {
            builder = builder.listener(name);
        }
        (builder.start(), log)
    };
    let (ours, theirs) = (start(&Program::Lbd), OnceCell::new());
    let place = files.path().display().to_string();
    compare(WAYS, |which, way| {
        let (proxy, log) = match which {
            Program::Lbd => &ours,
            _ => theirs.get_or_init(|| start(which)),
        };
        log.clear();
        act(proxy, &place, way);
        log.wait_lines(1)[0].message().to_owned()
    });
}

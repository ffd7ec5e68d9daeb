//! What PROXY headers tell a server of the client's TLS, and what a listener reads of them.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;

use super::*;
use crate::client::Offer;

/// An origin that tells the header of each connection: fields without addresses, checksum zeroed.
fn headers() -> (String, mpsc::Receiver<Vec<String>>) {
    let listener = support::port::bind_free(TcpListener::bind)
        .expect("a port")
        .0;
    let address = listener.local_addr().expect("an address").to_string();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = [0; 16];
            if stream.read_exact(&mut head).is_err() {
                continue;
            }
            let mut body = vec![0; usize::from(u16::from_be_bytes([head[14], head[15]]))];
            let _ = stream.read_exact(&mut body);
            let skip = match head[13] >> 4 {
                1 => 12,
                2 => 36,
                _ => 0,
            };
            if sender.send(fields(&body[skip..], "")).is_err() {
                return;
            }
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    (address, receiver)
}

/// Fields in the order of their types, those of TLS behind it.
fn fields(mut bytes: &[u8], before: &str) -> Vec<String> {
    let mut found = Vec::new();
    while let [kind, high, low, rest @ ..] = bytes {
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        let (value, rest) = rest.split_at(len);
        match kind {
            0x20 => {
                found.push(format!("20={:?}", &value[..5]));
                found.extend(fields(&value[5..], "20/"));
            }
            0x03 => found.push("03".to_owned()),
            _ => found.push(format!(
                "{before}{kind:02x}={}",
                String::from_utf8_lossy(value)
            )),
        }
        bytes = rest;
    }
    found.sort();
    found
}

const FRONT: &str = "frontend web
    bind <front> ssl crt site.pem ca-file ca.pem verify optional ca-ignore-err all crt-ignore-err all alpn http/1.1
    bind <clear>
    unique-id-format id-%[src]
    default_backend app
backend app
    server s1 <s1> <options>
";

fn told(
    program: &Program,
    options: &str,
    authority: &Authority,
    leaf: Option<&certs::Leaf>,
) -> Vec<String> {
    let (address, headers) = headers();
    let proxy = super::program(program, FRONT)
        .listener("clear")
        .with("s1", address)
        .with("options", options)
        .file("ca.pem", authority.pem())
        .file(
            "site.pem",
            authority.rsa_leaf(&["www.example.com"]).bundle(),
        )
        .start();
    let offer = Offer {
        certificate: leaf,
        alpn: &["http/1.1"],
        suites: "AES_256",
        ..Offer::default()
    };
    let tls = Tls::offering(authority, &offer);
    let mut client = tls
        .connect(proxy.address("front"), "www.example.com")
        .expect("TLS");
    assert_eq!(client.get("/").expect("an answer").0, 200, "{options}");
    let mut all = headers
        .recv_timeout(Duration::from_secs(5))
        .expect("a header");
    let mut clear = Client::connect(proxy.address("clear"));
    clear.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let clear = headers
        .recv_timeout(Duration::from_secs(5))
        .expect("a header");
    all.push("in clear".to_owned());
    all.extend(clear);
    all
}

#[test]
fn servers_are_told_of_the_client_s_tls_as_by_the_reference() {
    let authority = Authority::new("CA");
    let known = authority.leaf(&["client one"]);
    let other = Authority::new("other");
    let stranger = other.leaf(&["stranger"]);
    for options in [
        "send-proxy-v2",
        "send-proxy-v2-ssl",
        "send-proxy-v2-ssl-cn",
        "send-proxy-v2-ssl-cn send-proxy",
        "send-proxy-v2-ssl no-send-proxy-v2-ssl send-proxy-v2",
        "send-proxy-v2 proxy-v2-options ssl,crc32c",
        "send-proxy-v2 proxy-v2-options ssl-cipher,cert-sig,cert-key,cert-cn,authority,unique-id,crc32c",
    ] {
        for leaf in [None, Some(&known), Some(&stranger)] {
            let theirs = told(&Program::Haproxy, options, &authority, leaf);
            let ours = told(&Program::Lbd, options, &authority, leaf);
            assert_eq!(ours, theirs, "{options}");
        }
    }
}

#[test]
fn what_one_proxy_tells_of_tls_another_reads() {
    let authority = Authority::new("CA");
    let origin = Origin::http("s1");
    for (first, second) in [
        (Program::Lbd, Program::Haproxy),
        (Program::Haproxy, Program::Lbd),
    ] {
        let log = SyslogSink::udp();
        let reader = program(
            &second,
            "listen web
    bind <front> accept-proxy
    log-format \"told %[fc_pp_authority] %[fc_pp_unique_id]\"
    server s1 <s1>
",
        )
        .with("s1", origin.address())
        .with("global", format!("log {} local0", log.address()))
        .start();
        let writer = program(&first, FRONT)
            .listener("clear")
            .with("s1", reader.address("front"))
            .with(
                "options",
                "send-proxy-v2-ssl-cn proxy-v2-options authority,unique-id,crc32c",
            )
            .file("ca.pem", authority.pem())
            .file("site.pem", authority.leaf(&["www.example.com"]).bundle())
            .start();
        let leaf = authority.leaf(&["client one"]);
        let offer = Offer {
            certificate: Some(&leaf),
            alpn: &["http/1.1"],
            ..Offer::default()
        };
        let mut client = Tls::offering(&authority, &offer)
            .connect(writer.address("front"), "www.example.com")
            .expect("TLS");
        assert_eq!(client.get("/").expect("an answer").0, 200);
        log.wait_line("told www.example.com id-127.0.0.1");
    }
}

//! A TLS client's first message as rules see it before anybody speaks TLS (`req.ssl_sni` and its
//! like), and what is kept of it.
//!
//! What must hold: what is read lies in the input, and a capture keeps to its limit.

use lbd_tls::hello::{self, Capture, Hello};

pub(super) const WORDS: &[&[u8]] = &[
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"\x16\x03\x03",
    b"\x00\x00\x00\x0a\x00\x08\x00\x00\x05a.com",
    b"\x00\x10\x00\x0e\x00\x0c\x02h2\x08http/1.1",
    b"\x00\x2b\x00\x05\x04\x03\x04\x03\x03",
    b"\x00\x0a\x00\x04\x00\x02\x00\x1d",
    b"\x00\x0d\x00\x04\x00\x02\x04\x03",
    b"\x13\x01\x13\x02\xc0\x2f",
    b"\xff\xff",
];

pub(super) fn message(input: &[u8]) {
    let content = hello::handshake_bytes(input);
    assert!(content.len() <= input.len(), "nothing is made up");
    let _ = hello::client_random(input);
    let _ = hello::server_hello(input);
    let Some(body) = hello::message(&content, hello::CLIENT_HELLO) else {
        return;
    };
    let Some(hello) = Hello::parse(body) else {
        return;
    };
    let total: usize = hello.extensions().map(|(_, content)| content.len()).sum();
    assert!(total <= body.len());
    let name = hello.server_name();
    assert!(name.is_none_or(|name| name.len() <= body.len()));
    let _ = hello.first_protocol();
    for kind in [10, 13, 43] {
        let _ = hello.list16(kind);
    }
    for limit in [0, 1, 64, 65_535] {
        let capture = Capture::new(&hello, limit);
        let kept = [
            capture.suites(),
            capture.extensions(),
            capture.groups(),
            capture.formats(),
            capture.versions(),
            capture.sigalgs(),
        ];
        assert!(kept.iter().map(|part| part.len()).sum::<usize>() <= limit);
    }
}

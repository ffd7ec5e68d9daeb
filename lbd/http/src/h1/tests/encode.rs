use super::*;
use crate::h1::encode::{CHUNK_END, chunk_header};

#[test]
fn names_are_spelled_as_the_peer_wants_them() {
    let mut map = CaseMap::new();
    assert!(map.add(b"content-length", b"Content-Length"));
    assert!(map.add(b"x-id", b"X-ID"));
    assert!(!map.add(b"x-id", b"x-Id"), "twice");
    assert!(!map.add(b"x-id", b"other"), "not a spelling");
    let mut head = Head::new();
    head.start_response(b"HTTP/1.1", 404, b"").unwrap();
    for (name, value) in [("content-length", "0"), ("x-id", "7"), ("x-other", "y")] {
        head.add(name.as_bytes(), value.as_bytes()).unwrap();
    }
    let mut out = Vec::new();
    encode_head(
        &head,
        &mut out,
        &EncodeOptions {
            case_map: Some(&map),
            origin_form: false,
        },
    );
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nX-ID: 7\r\nx-other: y\r\n\r\n"
    );
}

#[test]
fn chunk_headers_are_upper_case_without_leading_zeros() {
    for (len, text) in [
        (1, "1"),
        (0xab, "AB"),
        (0xffff_ffff, "FFFFFFFF"),
        (u64::MAX, "FFFFFFFFFFFFFFFF"),
    ] {
        assert_eq!(
            chunk_header(len).as_bytes(),
            format!("{text}\r\n").as_bytes()
        );
    }
    assert_eq!(CHUNK_END, b"\r\n");
}

#[test]
fn connection_tokens_are_added_and_removed_one_by_one() {
    let mut head = Head::new();
    head.start_request(b"GET", b"/", b"HTTP/1.1").unwrap();
    head.add(b"connection", b"upgrade, Close").unwrap();
    head.add(b"connection", b"close").unwrap();
    assert!(connection_has(&head, b"close") && connection_has(&head, b"UPGRADE"));
    connection_remove(&mut head, b"close");
    assert_eq!(text_of(&head), "GET / HTTP/1.1|connection: upgrade||");
    connection_add(&mut head, b"keep-alive").unwrap();
    connection_add(&mut head, b"keep-alive").unwrap();
    assert_eq!(
        text_of(&head),
        "GET / HTTP/1.1|connection: upgrade|connection: keep-alive||"
    );
}

use super::{ahead, head_len};
use crate::{BodyDecoder, Framing, Head, ParseOptions, RequestInfo, parse_request, parse_response};

fn request(text: &str) -> u64 {
    let mut head = Head::new();
    parse_request(text.as_bytes(), &mut head, &ParseOptions::default()).expect("a request");
    head_len(&head)
}

fn response(text: &str) -> u64 {
    let (mut head, info) = (Head::new(), RequestInfo::default());
    parse_response(text.as_bytes(), &mut head, &info, &ParseOptions::default()).expect("one");
    head_len(&head)
}

/// The sums are those that HAProxy 3.4 logged for these messages.
#[test]
fn heads_are_counted_as_the_reference_counts_them() {
    assert_eq!(request("GET / HTTP/1.1\r\nhost: a\r\n\r\n"), 38);
    assert_eq!(
        request("GET / HTTP/1.1\r\nHost:  a\r\nConnection: close\r\n\r\n"),
        38
    );
    assert_eq!(request("GET / HTTP/1.0\r\n\r\n"), 33);
    assert_eq!(
        request("GET / HTTP/1.1\r\nhost: a\r\nconnection: keep-alive, x\r\n\r\n"),
        49
    );
    assert_eq!(response("HTTP/1.1 204 No Content\r\n\r\n"), 42);
    assert_eq!(
        response(
            "HTTP/1.1 200 OK\r\nServer: x\r\nX-Long:   spaced value  \r\ncontent-length: 0\r\n\r\n"
        ),
        74
    );
}

#[test]
fn content_counts_without_its_framing_and_a_chunked_end_as_one() {
    let chunked = |bytes: &[u8]| ahead(&BodyDecoder::new(Framing::Chunked), bytes);
    assert_eq!(chunked(b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"), 12);
    assert_eq!(
        chunked(b"5\r\nhello\r\n6\r\n world\r\n0\r\nx-t: v\r\n\r\n"),
        16
    );
    assert_eq!(chunked(b"5\r\nhel"), 3);
    let of_length = BodyDecoder::new(Framing::ContentLength(3));
    assert_eq!(ahead(&of_length, b"hello"), 3);
    assert_eq!(ahead(&BodyDecoder::new(Framing::UntilClose), b"hello"), 5);
}

use super::*;
use crate::head::Head;

/// Parses a whole request and shows what would be sent on, or the fault.
fn request(input: &[u8]) -> Result<(String, Parsed), Reason> {
    request_with(input, &ParseOptions::default())
}

fn relaxed(input: &[u8]) -> Result<(String, Parsed), Reason> {
    request_with(
        input,
        &ParseOptions {
            accept_unsafe_violations: true,
            ..Default::default()
        },
    )
}

fn request_with(input: &[u8], options: &ParseOptions) -> Result<(String, Parsed), Reason> {
    let mut head = Head::new();
    match parse_request(input, &mut head, options) {
        Ok(Status::Complete(parsed)) => {
            let mut out = Vec::new();
            encode_head(&head, &mut out, &EncodeOptions::default());
            assert_eq!(out.len(), head.encoded_len() + 2);
            Ok((String::from_utf8_lossy(&out).replace("\r\n", "|"), parsed))
        }
        Ok(Status::Partial) => panic!("partial: {:?}", String::from_utf8_lossy(input)),
        Err(error) => Err(error.reason),
    }
}

#[test]
fn a_request_is_sent_on_with_lower_case_names_in_order() {
    let (text, parsed) =
        request(b"GET /a?b HTTP/1.1\r\nHost: A\r\nX-Two:  2 \t\r\nx-One:1\r\n\r\nrest").unwrap();
    assert_eq!(text, "GET /a?b HTTP/1.1|host: A|x-two: 2|x-one: 1||");
    assert!(parsed.keep_alive && parsed.has_host && parsed.version_11);
    assert_eq!((parsed.consumed, parsed.framing), (52, Framing::None));
}

#[test]
fn lines_may_end_with_a_line_feed_alone_and_begin_after_empty_ones() {
    let (text, _) = request(b"\r\n\nGET / HTTP/1.1\nHost: a\r\nX: b\n\r\n").unwrap();
    assert_eq!(text, "GET / HTTP/1.1|host: a|x: b||");
}

#[test]
fn hop_by_hop_tokens_of_connection_are_taken_out() {
    let (text, parsed) =
        request(b"GET / HTTP/1.1\r\nConnection: foo, close\r\nUpgrade: x\r\n\r\n").unwrap();
    assert_eq!(text, "GET / HTTP/1.1|connection: foo||");
    assert!(!parsed.keep_alive && !parsed.upgrade);
    assert!(
        relaxed(b"GET /\r\n")
            .unwrap()
            .0
            .starts_with("GET / HTTP/1.0|")
    );
}

#[test]
fn transfer_encoding_wins_over_content_length_and_ends_the_connection() {
    let (text, parsed) =
        request(b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: Chunked\r\n\r\n")
            .unwrap();
    assert_eq!(text, "POST / HTTP/1.1|transfer-encoding: chunked||");
    assert_eq!(
        (parsed.framing, parsed.keep_alive),
        (Framing::Chunked, false)
    );
}

mod body;
mod encode;
mod readers;
mod request;
mod response;

use super::*;
use crate::head::Head;

fn text_of(head: &Head) -> String {
    let mut out = Vec::new();
    encode_head(head, &mut out, &EncodeOptions::default());
    // A missing reason is filled in by the encoder and not counted.
    if head.kind() != crate::head::Kind::Response || !head.reason().is_empty() {
        assert_eq!(
            out.len(),
            head.encoded_len() + 2,
            "the length kept is the length written"
        );
    }
    // Bytes as Latin-1, so that nothing is lost.
    out.iter()
        .map(|&b| char::from(b))
        .collect::<String>()
        .replace("\r\n", "|")
}

/// Parses a whole request and shows the head, or the fault.
fn request_with(input: &[u8], options: &ParseOptions) -> Result<(String, Parsed), Reason> {
    let mut head = Head::new();
    match parse_request(input, &mut head, options) {
        Ok(Status::Complete(parsed)) => Ok((text_of(&head), parsed)),
        Ok(Status::Partial) => panic!("partial: {:?}", String::from_utf8_lossy(input)),
        Err(error) => {
            assert!(error.offset <= input.len());
            assert_eq!(head.len(), 0, "a refused head is empty");
            Err(error.reason)
        }
    }
}

fn request(input: &[u8]) -> Result<(String, Parsed), Reason> {
    request_with(input, &ParseOptions::default())
}

fn relaxed() -> ParseOptions {
    ParseOptions {
        accept_unsafe_violations: true,
        ..Default::default()
    }
}

#[test]
fn a_form_feed_beside_a_stripped_token_is_part_of_its_neighbour() {
    let mut head = Head::new();
    let input = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close,\x0cx\r\n\r\n";
    let parsed = parse_request(input, &mut head, &ParseOptions::default());
    // The reference takes any byte of obs-text and controls alike in a value it does not know.
    if let Ok(Status::Complete(_)) = parsed {
        assert_eq!(head.first(b"connection"), Some(&b"\x0cx"[..]));
    }
}

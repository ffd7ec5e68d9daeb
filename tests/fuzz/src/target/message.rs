//! HTTP/1 heads and bodies.
//!
//! What must hold: an answer does not depend on how the bytes arrive, and a head that was accepted
//! by the strict rules is accepted again, with the same framing, as the encoder writes it.

use lbd_http::h1::{EncodeOptions, ParseError, encode_head, parse_response};
use lbd_http::{BodyDecoder, Framing, Head, ParseOptions, Parsed, RequestInfo, Status};

pub(super) const WORDS: &[&[u8]] = &[
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\r",
    b": ",
    b"Host: a.example\r\n",
    b"host:",
    b"Content-Length: 5\r\n",
    b"content-length: ",
    b"Content-Length: 5, 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"transfer-encoding: gzip, chunked\r\n",
    b"Transfer-Encoding : chunked\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive, upgrade\r\n",
    b"Connection: content-length, transfer-encoding, host\r\n",
    b"Upgrade: websocket\r\nConnection: upgrade\r\n",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    b"Expect: 100-continue\r\n",
    b"HTTP/1.0",
    b"HTTP/1.1",
    b"HTTP/0.9",
    b"HTTP/2.0",
    b"CONNECT a:443 ",
    b"OPTIONS * ",
    b"HEAD ",
    b"POST http://u@b.example:80/x?y#z ",
    b"0\r\n\r\n",
    b"5;x=y\r\nhello\r\n",
    b"fffffffffffff\r\n",
    b" folded\r\n",
    b"Trailer: x\r\n",
    b"Cookie: a=b; SRV=s1~x; $Path=/; c=\"d;e\"\r\n",
    b"Set-Cookie: SRV=s1; path=/; HttpOnly\r\n",
    b"/a/../b//./%2e%41%zz?x=1&y=;z#f",
    b"Date: Sat, 21 Nov 2026 09:00:00 GMT\r\n",
    b"; ",
    b"=",
    b"101 ",
    b"204 ",
    b"304 ",
];

type Parser<'a> = &'a dyn Fn(&[u8], &mut Head, &ParseOptions) -> Result<Status<Parsed>, ParseError>;

pub(super) fn request(input: &[u8]) {
    for options in options() {
        check(input, &options, &lbd_http::parse_request);
    }
}

pub(super) fn response(input: &[u8]) {
    let bits = input.last().copied().unwrap_or(0);
    let request = RequestInfo {
        head: bits & 1 != 0,
        connect: bits & 2 != 0,
        upgrade: bits & 4 != 0,
    };
    for options in options() {
        check(input, &options, &|bytes, head, options| {
            parse_response(bytes, head, &request, options)
        });
    }
}

/// Strict as by default, and with everything relaxed.
fn options() -> [ParseOptions; 2] {
    let strict = ParseOptions::default();
    let relaxed = ParseOptions {
        accept_unsafe_violations: true,
        accept_payload_with_any_method: true,
        ..strict
    };
    [strict, relaxed]
}

fn check(input: &[u8], options: &ParseOptions, parse: Parser<'_>) {
    let mut head = Head::new();
    let whole = parse(input, &mut head, options);
    for cut in cuts_of(input) {
        let part = parse(&input[..cut], &mut Head::new(), options);
        match part {
            Ok(Status::Partial) => {}
            Ok(Status::Complete(parsed)) => {
                assert_eq!(Ok(Status::Complete(parsed)), whole, "cut at {cut}");
            }
            Err(error) => assert!(whole.is_err(), "{error} for {cut} bytes, none for all"),
        }
    }
    match whole {
        Err(error) => {
            assert!(error.offset <= input.len(), "{error} behind the input");
            assert!((400..600).contains(&error.status()), "{error}");
        }
        Ok(Status::Partial) => {
            assert!(input.len() <= options.max_head_len, "a head without end");
        }
        Ok(Status::Complete(parsed)) => {
            assert!(parsed.consumed <= input.len());
            super::parts::look(&head);
            written_again(&head, &parsed, options, parse);
            body(&input[parsed.consumed..], parsed.framing, *options);
        }
    }
}

fn cuts_of(input: &[u8]) -> impl Iterator<Item = usize> {
    // Only the head matters, and it is short.
    super::cuts(input.len().min(4096))
}

/// What the encoder writes is read as the same message.
fn written_again(head: &Head, parsed: &Parsed, options: &ParseOptions, parse: Parser<'_>) {
    let mut written = Vec::new();
    encode_head(head, &mut written, &EncodeOptions::default());
    let mut again = Head::new();
    // Blanks that the encoder puts in must not make it too long.
    let options = ParseOptions {
        max_head_len: written.len() + 1,
        ..*options
    };
    match parse(&written, &mut again, &options) {
        Ok(Status::Complete(second)) => {
            assert_eq!(
                second.consumed,
                written.len(),
                "another end: {}",
                show(&written)
            );
            assert_eq!(
                second.framing,
                parsed.framing,
                "another framing: {}",
                show(&written)
            );
        }
        // What was let pass on request need not be accepted by others.
        Err(_) if options.accept_unsafe_violations => {}
        other => panic!("{other:?} for what we wrote: {}", show(&written)),
    }
    if options.accept_unsafe_violations {
        return;
    }
    let mut twice = Vec::new();
    encode_head(&again, &mut twice, &EncodeOptions::default());
    assert_eq!(show(&twice), show(&written), "writing is not stable");
}

fn show(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// What a body gave: its content, how many bytes it took, whether it ended.
type Decoded = Result<(Vec<u8>, usize, bool), ParseError>;

fn body(input: &[u8], framing: Framing, options: ParseOptions) {
    let whole = decode(input, input.len().max(1), framing, options);
    for piece in [1, 2, 7] {
        let pieces = decode(input, piece, framing, options);
        match (&whole, &pieces) {
            (Ok(a), Ok(b)) => assert_eq!(a, b, "in pieces of {piece}"),
            (Err(_), Err(_)) => {}
            // A fault in a line of trailers may show only once the line is complete.
            (Ok((.., false)), Err(_)) | (Err(_), Ok((.., false))) => {}
            _ => panic!("{whole:?} at once, {pieces:?} in pieces of {piece}"),
        }
    }
}

fn decode(input: &[u8], piece: usize, framing: Framing, options: ParseOptions) -> Decoded {
    let mut decoder = BodyDecoder::with_options(framing, options);
    let (mut content, mut at) = (Vec::new(), 0);
    while at < input.len() && !decoder.is_end() {
        let end = (at + piece).min(input.len());
        let step = decoder.decode(&input[at..end])?;
        assert!(step.consumed > 0, "nothing consumed at {at}");
        assert!(
            step.data.end <= step.consumed && at + step.consumed <= end,
            "{step:?}"
        );
        content.extend_from_slice(&input[at..end][step.data.clone()]);
        at += step.consumed;
        assert_eq!(step.end, decoder.is_end());
    }
    Ok((content, at, decoder.is_end()))
}

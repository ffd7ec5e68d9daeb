//! The two readers agree, and no input or cut of it makes them differ or panic.

use proptest::prelude::*;

use super::*;
use crate::h1::request::{exact, quick};

/// Input that is nearly a request: the interesting faults are one byte away from good ones.
fn nearly_a_head() -> impl Strategy<Value = Vec<u8>> {
    let line = prop::sample::select(vec![
        &b"GET / HTTP/1.1\r\n"[..],
        b"POST /a?b=c HTTP/1.0\n",
        b"CONNECT a:80 HTTP/1.1\r\n",
        b"GET http://a:80/x HTTP/1.1\r\n",
        b"OPTIONS * HTTP/1.1\r\n",
        b"GET /a#b HTTP/1.1\r\n",
        b"GET / HTTP/2.0\r\n",
        b"\r\nGET  /  HTTP/1.1\r\n",
    ]);
    let field = prop::sample::select(vec![
        &b"Host: a\r\n"[..],
        b"host:a:80\n",
        b"Connection: close, x\r\n",
        b"Connection: upgrade\r\n",
        b"Upgrade: websocket, h2c\r\n",
        b"Content-Length: 3\r\n",
        b"Content-Length: 3, 03\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"X-Y: \t v w \t\r\n",
        b"X: a\r\n b\r\n",
        b"Empty:\r\n",
        b"TE: gzip, trailers\r\n",
        b"x y: z\r\n",
        b"\x80: z\r\n",
        b"Q: \x01\r\n",
    ]);
    let edit = (0_usize..400, prop::option::of(any::<u8>()));
    (
        line,
        prop::collection::vec(field, 0..8),
        prop::option::of(edit),
    )
        .prop_map(|(line, fields, edit)| {
            let mut input = [line, &fields.concat(), b"\r\nrest"].concat();
            if let Some((at, byte)) = edit {
                let at = at % input.len();
                match byte {
                    Some(byte) => input[at] = byte,
                    None => drop(input.remove(at)),
                }
            }
            input
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_the_quick_reader_accepts_the_exact_one_reads_alike(input in nearly_a_head()) {
        for options in [ParseOptions::default(), relaxed()] {
            let (mut quick_fields, mut exact_fields) = (Vec::new(), Vec::new());
            let Some(Some((line, end, folded, None))) = quick(&input, &options, &mut quick_fields) else {
                continue;
            };
            let (exact_line, exact_end, exact_folded, violation) =
                exact(&input, &options, &mut exact_fields).unwrap().unwrap();
            prop_assert_eq!(violation, None);
            prop_assert_eq!(end, exact_end);
            prop_assert_eq!(folded, exact_folded);
            prop_assert_eq!(line.parts, exact_line.parts);
            prop_assert_eq!(line.version_11, exact_line.version_11);
            prop_assert_eq!(quick_fields.len(), exact_fields.len());
            for (a, b) in quick_fields.iter().zip(&exact_fields) {
                prop_assert_eq!(a.name, b.name);
                prop_assert_eq!(&input[a.value.range()], &input[b.value.range()]);
            }
        }
    }

    #[test]
    fn a_head_is_partial_until_complete_and_then_always_the_same(input in nearly_a_head()) {
        for options in [ParseOptions::default(), relaxed()] {
            let mut head = Head::new();
            let whole = parse_request(&input, &mut head, &options);
            let seen = text_of_any(&head);
            for end in 0..input.len() {
                match parse_request(&input[..end], &mut head, &options) {
                    Ok(Status::Partial) => {}
                    Ok(Status::Complete(parsed)) => {
                        prop_assert_eq!(Ok(Status::Complete(parsed)), whole);
                        prop_assert_eq!(text_of_any(&head), seen.clone());
                        break;
                    }
                    Err(error) => {
                        prop_assert_eq!(Err(error), whole);
                        break;
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_accepted_is_read_again_unchanged(input in nearly_a_head()) {
        let mut head = Head::new();
        if let Ok(Status::Complete(first)) = parse_request(&input, &mut head, &ParseOptions::default()) {
            let mut wire = Vec::new();
            encode_head(&head, &mut wire, &EncodeOptions::default());
            let seen = text_of(&head);
            let again = parse_request(&wire, &mut head, &ParseOptions::default());
            let Ok(Status::Complete(second)) = again else { panic!("{again:?}") };
            prop_assert_eq!(text_of(&head), seen);
            prop_assert_eq!(second.consumed, wire.len());
            prop_assert_eq!(second.framing, first.framing);
        }
    }

    #[test]
    fn responses_of_any_bytes_are_read_without_panic(
        input in prop::collection::vec(prop::sample::select(&b"HTTP/1. 20OK\r\n:ax\0\t"[..]), 0..80),
        status in "HTTP/1.[01] [0-9]{3}( [a-z]{0,3})?\r\n",
    ) {
        let wire = [status.as_bytes(), &input].concat();
        let mut head = Head::new();
        for options in [ParseOptions::default(), relaxed()] {
            for info in [RequestInfo::default(), RequestInfo { head: true, connect: true, upgrade: true }] {
                let _ = parse_response(&wire, &mut head, &info, &options);
                let _ = parse_response(&input, &mut head, &info, &options);
            }
        }
    }
}

fn text_of_any(head: &Head) -> String {
    if head.method().is_empty() {
        String::new()
    } else {
        text_of(head)
    }
}

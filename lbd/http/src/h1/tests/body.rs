use proptest::prelude::*;

use super::*;
use crate::h1::encode::{encode_chunk, last_chunk};

/// Decodes pieces one after another: the content, the trailers, and the bytes left over.
fn decode(pieces: &[&[u8]], framing: Framing) -> Result<(Vec<u8>, String, Vec<u8>, bool), Reason> {
    let mut decoder = BodyDecoder::new(framing);
    let (mut content, mut left) = (Vec::new(), Vec::new());
    for piece in pieces {
        let mut rest = *piece;
        while !rest.is_empty() && !decoder.is_end() {
            let step = decoder.decode(rest).map_err(|error| error.reason)?;
            assert!(step.consumed > 0 && step.data.end <= step.consumed);
            content.extend_from_slice(&rest[step.data.clone()]);
            rest = &rest[step.consumed..];
            assert_eq!(step.end, decoder.is_end());
        }
        left.extend_from_slice(rest);
    }
    let trailers = decoder
        .take_trailers()
        .map_or(String::new(), |head| text_of(&head));
    Ok((content, trailers, left, decoder.is_end()))
}

fn chunked(input: &[u8]) -> Result<(Vec<u8>, String, Vec<u8>, bool), Reason> {
    decode(&[input], Framing::Chunked)
}

#[test]
fn chunks_take_what_the_reference_takes() {
    for input in [
        &b"3\r\nabc\r\n0\r\n\r\n"[..],
        b"3 \r\nabc\r\n0\r\n\r\n",
        b"3\t\r\nabc\r\n0\r\n\r\n",
        b"3;a=b\r\nabc\r\n0\r\n\r\n",
        b"3 ; a=b\r\nabc\r\n0\r\n\r\n",
        b"3;\r\nabc\r\n0\r\n\r\n",
        b"3;\x80\r\nabc\r\n0\r\n\r\n",
        b"0003\r\nabc\r\n0\r\n\r\n",
        b"3\r\nabc\r\n0;x\r\n\r\n",
        b"00000000000000000000003\r\nabc\r\n00\r\n\r\n",
        b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
        b"3\r\nabc\r\n0\r\n\n",
    ] {
        assert_eq!(
            chunked(input),
            Ok((b"abc".to_vec(), String::new(), vec![], true))
        );
    }
    let (content, ..) = chunked(b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n").unwrap();
    assert_eq!(content, b"01234567890123456789");
}

#[test]
fn chunks_refuse_what_the_reference_refuses() {
    use Reason::{BareCr, ChunkEnd, ChunkSize, ChunkTooLarge};
    for (input, reason) in [
        (&b"3\nabc\r\n0\r\n\r\n"[..], ChunkSize),
        (b"3\r\nabc\n0\r\n\r\n", ChunkEnd),
        (b" 3\r\nabc\r\n", ChunkSize),
        (b"3;a\nabc\r\n", ChunkSize),
        (b"3;a=\"\r\n\"\r\nabc\r\n", ChunkEnd),
        (b"3;a\rb\r\nabc\r\n", ChunkSize),
        (b"3;a\0b\r\nabc\r\n", ChunkSize),
        (b"3;a\x01\r\nabc\r\n", ChunkSize),
        (b"+3\r\nabc\r\n", ChunkSize),
        (b"0x3\r\nabc\r\n", ChunkSize),
        (b"3x\r\nabc\r\n", ChunkSize),
        (b"g\r\nabc\r\n", ChunkSize),
        (b"\r\n3\r\nabc\r\n", ChunkSize),
        (b"3\r\nabcd\r\n0\r\n\r\n", ChunkEnd),
        (b"3\r\nabc\r0\r\n\r\n", ChunkEnd),
        (b"3\rabc\r\n", ChunkSize),
        (b"0\r\n\rX", BareCr),
        (b"0\n\r\n", ChunkSize),
        (b"10000000000000\r\n", ChunkTooLarge),
        (b"ffffffffffffffff\r\n", ChunkTooLarge),
        (b"10000000000000000\r\n", ChunkTooLarge),
        (b"0\r\nX y: z\r\n\r\n", Reason::InvalidName),
        (b"0\r\nX\r\n\r\n", Reason::MissingColon),
        (b"0\r\n: z\r\n\r\n", Reason::InvalidName),
        (b"0\r\nX: a\0\r\n\r\n", Reason::NulInValue),
    ] {
        assert_eq!(
            chunked(input),
            Err(reason),
            "{:?}",
            String::from_utf8_lossy(input)
        );
    }
    let mut decoder = BodyDecoder::new(Framing::Chunked);
    decoder.decode(b"fffffffffffff\r\nabc").unwrap();
    assert_eq!(decoder.remaining_known(), (1 << 52) - 1 - 3);
}

#[test]
fn extensions_and_leading_zeros_are_limited() {
    let extension = |len: usize| [b"3;", &vec![b'x'; len][..], b"\r\nabc\r\n"].concat();
    assert!(chunked(&extension(4_096)).is_ok());
    assert_eq!(
        chunked(&extension(4_097)),
        Err(Reason::ChunkExtensionTooLong)
    );
    assert!(chunked(&extension(4_000).repeat(4)).is_ok());
    assert_eq!(
        chunked(&extension(4_000).repeat(5)),
        Err(Reason::ChunkExtensionTooLong)
    );
    assert_eq!(chunked(&[b'0'; 5_000]), Err(Reason::ChunkExtensionTooLong));
}

#[test]
fn trailers_are_collected_without_those_that_mislead() {
    let (_, trailers, left, end) = chunked(
        b"0\r\nX: y\nZ: t\r\n u\r\nContent-Length: 3\r\nHost: b\r\nAuthorization: x\r\n\r\nGET",
    )
    .unwrap();
    assert_eq!(trailers, "x: y|z: t   u||");
    assert_eq!((left.as_slice(), end), (&b"GET"[..], true));
    let many: String = (0..101).map(|n| format!("x{n}: 1\r\n")).collect();
    assert_eq!(
        chunked(format!("0\r\n{many}\r\n").as_bytes()),
        Err(Reason::TooManyHeaders)
    );
    let long = [b"0\r\nx: ", &vec![b'y'; 16_000][..]].concat();
    assert_eq!(chunked(&long), Err(Reason::HeadTooLong));
}

#[test]
fn a_known_length_may_be_spliced_in_part() {
    let mut decoder = BodyDecoder::new(Framing::ContentLength(10));
    let step = decoder.decode(b"abc").unwrap();
    assert_eq!((step.data, step.consumed, step.end), (0..3, 3, false));
    assert_eq!(decoder.remaining_known(), 7);
    decoder.consume_spliced(5);
    assert!(!decoder.on_close(), "cut short");
    let step = decoder.decode(b"xyGET").unwrap();
    assert_eq!((step.data, step.consumed, step.end), (0..2, 2, true));
    assert_eq!(
        (
            decoder.remaining_known(),
            decoder.decode(b"GET").unwrap().consumed
        ),
        (0, 0)
    );

    let mut decoder = BodyDecoder::new(Framing::Chunked);
    decoder.decode(b"5\r\n").unwrap();
    assert_eq!(decoder.remaining_known(), 5);
    decoder.consume_spliced(5);
    assert_eq!(decoder.remaining_known(), 0);
    let step = decoder.decode(b"\r\n0\r\n\r\n").unwrap();
    assert!(step.end && step.data.is_empty());
}

#[test]
fn content_until_close_ends_with_the_connection() {
    let mut decoder = BodyDecoder::new(Framing::UntilClose);
    assert_eq!(decoder.decode(b"abc").unwrap().data, 0..3);
    assert_eq!(decoder.remaining_known(), u64::MAX);
    decoder.consume_spliced(u64::MAX);
    assert!(!decoder.is_end());
    assert!(decoder.on_close());
    assert!(BodyDecoder::new(Framing::None).is_end());
    assert!(!BodyDecoder::new(Framing::Chunked).on_close());
}

/// Cuts `input` at the given fractions.
fn cut<'a>(input: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut points: Vec<usize> = cuts.iter().map(|cut| cut % (input.len() + 1)).collect();
    points.extend([0, input.len()]);
    points.sort_unstable();
    points
        .windows(2)
        .map(|pair| &input[pair[0]..pair[1]])
        .collect()
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded_however_it_is_cut(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..6),
        trailer in prop::option::of("[a-z]{1,8}"),
        cuts in prop::collection::vec(0_usize..1_000, 0..12),
    ) {
        let mut wire = Vec::new();
        for chunk in &chunks {
            encode_chunk(chunk, &mut wire);
        }
        let trailers = trailer.map(|value| {
            let mut head = Head::new();
            head.start_trailers();
            head.add(b"X-Sum", value.as_bytes()).unwrap();
            head
        });
        last_chunk(trailers.as_ref(), &mut wire, &EncodeOptions::default());
        wire.extend_from_slice(b"next");
        let (content, seen, left, end) = decode(&cut(&wire, &cuts), Framing::Chunked).unwrap();
        prop_assert_eq!(content, chunks.concat());
        prop_assert_eq!(seen, trailers.as_ref().map_or(String::new(), text_of));
        prop_assert_eq!(left, b"next".to_vec());
        prop_assert!(end);
    }

    #[test]
    fn any_bytes_give_the_same_result_however_they_are_cut(
        input in prop::collection::vec(prop::sample::select(&b"0123aF;x \t\r\n\r\n:y\0"[..]), 0..60),
        cuts in prop::collection::vec(0_usize..1_000, 0..8),
    ) {
        let whole = decode(&[&input], Framing::Chunked);
        let parts = decode(&cut(&input, &cuts), Framing::Chunked);
        prop_assert_eq!(whole, parts);
    }
}

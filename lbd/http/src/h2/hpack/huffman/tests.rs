#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers of tests are small"
)]
use super::*;

#[test]
fn lengths_make_a_complete_code() {
    let sum: u64 = LENGTHS.iter().map(|len| 1_u64 << (32 - len)).sum();
    assert_eq!(sum, 1 << 32);
}

#[test]
fn examples_of_the_rfc_are_decoded() {
    // RFC 7541 C.4.1, C.4.3, C.6.1.
    for (bytes, text) in [
        (
            &b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"[..],
            "www.example.com",
        ),
        (b"\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf", "custom-value"),
        (
            b"\xd0\x7a\xbe\x94\x10\x54\xd4\x44\xa8\x20\x05\x95\x04\x0b\x81\x66\xe0\x82\xa6\x2d\x1b\xff",
            "Mon, 21 Oct 2013 20:13:21 GMT",
        ),
    ] {
        let mut out = Vec::new();
        assert_eq!(decode(bytes, &mut out), Ok(()), "{text}");
        assert_eq!(out, text.as_bytes());
    }
}

#[test]
fn every_symbol_is_decoded_from_its_code() {
    for symbol in 0..=255_u8 {
        let length = u32::from(LENGTHS[usize::from(symbol)]);
        let place = CODE
            .symbols
            .iter()
            .position(|s| *s == u16::from(symbol))
            .unwrap() as u32;
        let (first, from) = CODE.firsts[length as usize];
        let code = u64::from(first + place - u32::from(from));
        // The code, then ones up to the next byte.
        let pad = (8 - length % 8) % 8;
        let bits = code << pad | ((1 << pad) - 1);
        let bytes = (length + pad) / 8;
        let bytes = &bits.to_be_bytes()[8 - bytes as usize..];
        let mut out = Vec::new();
        assert_eq!(decode(bytes, &mut out), Ok(()), "{symbol}");
        assert_eq!(out, [symbol]);
    }
}

#[test]
fn end_of_string_and_odd_paddings_are_refused() {
    for bytes in [
        &b"\xff\xff\xff\xff"[..],
        b"\xff",
        // '0' and three zeros.
        b"\x00",
    ] {
        assert_eq!(decode(bytes, &mut Vec::new()), Err(BadCode), "{bytes:?}");
    }
}

//! The PROXY protocol header, versions 1 and 2.
//!
//! What must hold: an answer does not depend on how the bytes arrive, and fields lie in the header.

use lbd_http::Status;
use lbd_http::proxy_protocol::{MAX_V2_LEN, decode};

pub(super) const WORDS: &[&[u8]] = &[
    b"\r\n\r\n\0\r\nQUIT\n",
    b"PROXY ",
    b"TCP4 ",
    b"TCP6 ",
    b"UNKNOWN",
    b"192.0.2.1 ",
    b"2001:db8::1 ",
    b"65535",
    b"\r\n",
    b"\x21\x11\x00\x0c",
    b"\x21\x21\x00\x24",
    b"\x21\x31\x00\xd8",
    b"\x20\x00\x00\x00",
    b"\x02\x00\x03a.b",
    b"\x03\x00\x04\0\0\0\0",
    b"\x20\x00\x05\x01\0\0\0\0",
    b"\x05\x00\x02id",
];

pub(super) fn header(input: &[u8]) {
    let whole = decode(input);
    for cut in super::cuts(input.len()) {
        match decode(&input[..cut]) {
            Ok(Status::Partial) => {}
            Ok(complete) => assert_eq!(Ok(complete), whole, "cut at {cut}"),
            Err(error) => assert!(whole.is_err(), "{error} for {cut} bytes, none for all"),
        }
    }
    match whole {
        Ok(Status::Complete(header)) => {
            assert!(header.consumed <= input.len());
            let fields: usize = header.tlvs.clone().map(|tlv| tlv.value.len() + 3).sum();
            assert_eq!(
                fields,
                header.tlvs.as_bytes().len(),
                "fields fill their room"
            );
            let _ = header.tlvs.ssl();
        }
        Ok(Status::Partial) => assert!(input.len() < MAX_V2_LEN, "a header without end"),
        Err(error) => assert!(!error.text().is_empty()),
    }
}

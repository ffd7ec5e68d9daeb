use proptest::prelude::*;

use super::encode::{V2Encoder, encode_v1};
use super::tlv::crc32c;
use super::*;

fn inet(source: &str, destination: &str) -> Addresses<'static> {
    Addresses::Inet {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
    }
}

fn done(input: &[u8]) -> Result<Header<'_>, ProxyError> {
    match decode(input)? {
        Status::Complete(header) => Ok(header),
        Status::Partial => panic!("partial: {input:?}"),
    }
}

#[test]
fn version_1_lines_are_read() {
    for (line, addresses) in [
        (
            "PROXY TCP4 1.2.3.4 5.6.7.8 1000 80",
            inet("1.2.3.4:1000", "5.6.7.8:80"),
        ),
        ("PROXY TCP6 ::1 ::2 1000 80", inet("[::1]:1000", "[::2]:80")),
        (
            "PROXY TCP6 ::ffff:1.2.3.4 ::1 1000 80",
            inet("[::ffff:1.2.3.4]:1000", "[::1]:80"),
        ),
        (
            "PROXY TCP4 1.2.3.4 5.6.7.8 01000 0",
            inet("1.2.3.4:1000", "5.6.7.8:0"),
        ),
        ("PROXY UNKNOWN", Addresses::Unspecified),
        ("PROXY UNKNOWN junk here", Addresses::Unspecified),
    ] {
        let input = format!("{line}\r\nrest");
        let header = done(input.as_bytes()).unwrap();
        assert_eq!(header.addresses, addresses, "{line}");
        assert_eq!((header.version, header.consumed), (1, line.len() + 2));
    }
}

#[test]
fn malformed_version_1_lines_are_refused() {
    for line in [
        "PROXY TCP4 1.2.3.4 5.6.7.8 1000",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1000 80 x",
        "PROXY TCP4 1.2.3.4  5.6.7.8 1000 80",
        "PROXY TCP4 1.2.3.4 5.6.7.8 70000 80",
        "PROXY TCP4 ::1 5.6.7.8 1000 80",
        "PROXY TCP6 1.2.3.4 ::1 1000 80",
        "proxy TCP4 1.2.3.4 5.6.7.8 1000 80",
        "PROXY TCP5 1.2.3.4 5.6.7.8 1000 80",
        "PROXY  TCP4 1.2.3.4 5.6.7.8 1 2",
        "PROXY TCP4 1.2.3.4 5.6.7.8 +1000 80",
        "PROXY UNKNOWNX",
        "PROXY",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1000 80 ",
        "GET / HTTP/1.1",
    ] {
        assert!(decode(format!("{line}\r\n").as_bytes()).is_err(), "{line}");
    }
    assert_eq!(
        decode(b"PROXY TCP4 1.2.3.4 5.6.7.8 1000 80\n"),
        Err(ProxyError::Line)
    );
    let endless = [b"PROXY UNKNOWN ", &[b'x'; 100][..]].concat();
    assert_eq!(decode(&endless), Err(ProxyError::TooLong));
    assert_eq!(decode(&endless[..106]), Ok(Status::Partial));
}

fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&V2_SIGNATURE[..], &[command, family], &len, body].concat()
}

const V4: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8, 3, 232, 0, 80];

fn with_tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    v2(
        0x21,
        0x11,
        &[
            V4,
            &[kind],
            &u16::try_from(value.len()).unwrap().to_be_bytes(),
            value,
        ]
        .concat(),
    )
}

#[test]
fn version_2_families_are_read() {
    let v6 = [&[0; 15][..], &[1], &[0; 15], &[2], &V4[8..]].concat();
    let unix = [&b"/a"[..], &[0; 106], b"\0b", &[0; 106]].concat();
    for (command, family, body, protocol, addresses) in [
        (
            0x21,
            0x11,
            V4,
            Protocol::Stream,
            inet("1.2.3.4:1000", "5.6.7.8:80"),
        ),
        (
            0x21,
            0x21,
            &v6,
            Protocol::Stream,
            inet("[::1]:1000", "[::2]:80"),
        ),
        (
            0x21,
            0x12,
            V4,
            Protocol::Datagram,
            inet("1.2.3.4:1000", "5.6.7.8:80"),
        ),
        (
            0x21,
            0x31,
            &unix,
            Protocol::Stream,
            Addresses::Unix {
                source: b"/a",
                destination: b"\0b",
            },
        ),
        (
            0x21,
            0x00,
            b"",
            Protocol::Unspecified,
            Addresses::Unspecified,
        ),
        (
            0x20,
            0x00,
            b"",
            Protocol::Unspecified,
            Addresses::Unspecified,
        ),
        (
            0x20,
            0x11,
            V4,
            Protocol::Unspecified,
            Addresses::Unspecified,
        ),
    ] {
        let input = [&v2(command, family, body)[..], b"rest"].concat();
        let header = done(&input).unwrap();
        assert_eq!(
            (header.protocol, &header.addresses),
            (protocol, &addresses),
            "{command} {family}"
        );
        assert_eq!(header.command == Command::Proxy, command == 0x21);
        assert_eq!(header.consumed, input.len() - 4);
    }
}

#[test]
fn malformed_version_2_headers_are_refused() {
    for (input, error) in [
        (v2(0x11, 0x11, V4), ProxyError::Version),
        (v2(0x31, 0x11, V4), ProxyError::Version),
        (v2(0x22, 0x11, V4), ProxyError::Command),
        (v2(0x21, 0x41, V4), ProxyError::Family),
        (v2(0x21, 0x13, V4), ProxyError::Family),
        (v2(0x21, 0x11, &V4[1..]), ProxyError::Tlv),
        (v2(0x21, 0x21, V4), ProxyError::Tlv),
        (v2(0x21, 0x31, V4), ProxyError::Tlv),
        (
            v2(0x21, 0x11, &[V4, &[2, 0, 9, b'a']].concat()),
            ProxyError::Tlv,
        ),
        (v2(0x21, 0x11, &[V4, &[2, 0]].concat()), ProxyError::Tlv),
        (with_tlv(5, &[0; 129]), ProxyError::Tlv),
        (with_tlv(2, &[b'x'; 256]), ProxyError::Tlv),
        (with_tlv(3, b"ab"), ProxyError::Tlv),
        (with_tlv(3, b"abcd"), ProxyError::Checksum),
        (with_tlv(0x20, b"abcd"), ProxyError::Tlv),
        (with_tlv(4, &[0; 16_400]), ProxyError::TooLong),
    ] {
        assert_eq!(decode(&input), Err(error), "{input:?}");
    }
}

#[test]
fn the_checksum_is_crc_32c() {
    assert_eq!(crc32c(0, b"123456789"), 0xe306_9283);
    assert_eq!(crc32c(crc32c(0, b"1234"), b"56789"), 0xe306_9283);
}

#[test]
fn fields_are_written_and_read_back() {
    let mut out = b"before".to_vec();
    let mut encoder = V2Encoder::new(
        &mut out,
        Command::Proxy,
        Protocol::Stream,
        &inet("1.2.3.4:1", "5.6.7.8:2"),
    );
    encoder.tlv(TlvType::AUTHORITY, b"example.org").unwrap();
    encoder.tlv(TlvType(0xe0), b"").unwrap();
    encoder
        .ssl(
            5,
            1,
            &[(TlvType::SSL_VERSION, b"TLSv1.3"), (TlvType::SSL_CN, b"me")],
        )
        .unwrap();
    assert!(encoder.tlv(TlvType::NOOP, &[0; 65_500]).is_err());
    encoder.finish(true).unwrap();
    let header = done(&out[6..]).unwrap();
    assert_eq!(header.addresses, inet("1.2.3.4:1", "5.6.7.8:2"));
    assert_eq!(
        header.tlvs.first(TlvType::AUTHORITY),
        Some(&b"example.org"[..])
    );
    assert_eq!(header.tlvs.first(TlvType(0xe0)), Some(&b""[..]));
    let ssl = header.tlvs.ssl().unwrap();
    assert_eq!((ssl.client, ssl.verify), (5, 1));
    assert_eq!(ssl.fields.first(TlvType::SSL_CN), Some(&b"me"[..]));
    let last = out.len() - 1;
    out[last] ^= 1;
    assert_eq!(decode(&out[6..]), Err(ProxyError::Checksum));
}

#[test]
fn version_1_is_written_as_the_addresses_allow() {
    for (addresses, line) in [
        (
            inet("1.2.3.4:1", "5.6.7.8:2"),
            "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
        ),
        (inet("[::1]:1", "[::2]:2"), "PROXY TCP6 ::1 ::2 1 2\r\n"),
        (
            inet("1.2.3.4:1", "[::2]:2"),
            "PROXY TCP6 ::ffff:1.2.3.4 ::2 1 2\r\n",
        ),
        (Addresses::Unspecified, "PROXY UNKNOWN\r\n"),
        (
            Addresses::Unix {
                source: b"",
                destination: b"/x",
            },
            "PROXY UNKNOWN\r\n",
        ),
    ] {
        let mut out = Vec::new();
        encode_v1(&addresses, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), line);
    }
}

proptest! {
    #[test]
    fn a_header_is_partial_until_complete(
        ports in any::<(u16, u16)>(),
        v6 in any::<bool>(),
        fields in prop::collection::vec((0xe0_u8..=0xff, prop::collection::vec(any::<u8>(), 0..30)), 0..4),
        checksum in any::<bool>(),
    ) {
        let ip = if v6 { "[2001:db8::1]" } else { "10.0.0.1" };
        let addresses = inet(&format!("{ip}:{}", ports.0), &format!("{ip}:{}", ports.1));
        let mut wires = [Vec::new(), Vec::new()];
        encode_v1(&addresses, &mut wires[0]);
        let mut encoder = V2Encoder::new(&mut wires[1], Command::Proxy, Protocol::Stream, &addresses);
        for (kind, value) in &fields {
            encoder.tlv(TlvType(*kind), value).unwrap();
        }
        encoder.finish(checksum).unwrap();
        for wire in &wires {
            for end in 0..wire.len() {
                prop_assert_eq!(decode(&wire[..end]), Ok(Status::Partial));
            }
            let header = done(wire).unwrap();
            prop_assert_eq!(header.addresses, addresses);
            prop_assert_eq!(header.consumed, wire.len());
        }
    }

    #[test]
    fn any_bytes_after_a_signature_are_read_without_panic(
        version_1 in any::<bool>(),
        rest in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let start = if version_1 { &b"PROXY "[..] } else { V2_SIGNATURE };
        let input = [start, &rest].concat();
        if let Ok(Status::Complete(header)) = decode(&input) {
            prop_assert!(header.consumed <= input.len());
            header.tlvs.for_each(drop);
        }
    }
}

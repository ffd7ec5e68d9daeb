use super::*;

fn legacy() -> Vec<u8> {
    let mut header = vec![0xca, 0xfe, 0xf0, 0x0d, 0, 0, 0, 40];
    header.extend_from_slice(&[0x45; 1]);
    header.extend_from_slice(&[0; 11]);
    header.extend_from_slice(&[192, 0, 2, 1, 198, 51, 100, 7]);
    header.extend_from_slice(&[0x30, 0x39, 0, 80]);
    header.extend_from_slice(&[0; 16]);
    header
}

#[test]
fn the_legacy_layout_gives_addresses_and_ports() {
    let mut input = legacy();
    input.extend_from_slice(b"GET /");
    let (source, destination, consumed) = decode(&input, 0xcafe_f00d)
        .ok()
        .flatten()
        .expect("complete");
    assert_eq!(source, "192.0.2.1:12345".parse().expect("address"));
    assert_eq!(destination, "198.51.100.7:80".parse().expect("address"));
    assert_eq!(&input[consumed..], b"GET /");
}

#[test]
fn every_truncation_waits_for_more() {
    let input = legacy();
    for len in 0..input.len() {
        assert!(
            matches!(decode(&input[..len], 0xcafe_f00d), Ok(None)),
            "{len}"
        );
    }
}

#[test]
fn another_magic_and_absurd_lengths_are_refused() {
    assert!(decode(&legacy(), 0x1234_5678).is_err());
    assert!(decode(&[0xca, 0xfe, 0xf0, 0x0d, 0xff, 0, 0, 0], 0xcafe_f00d).is_err());
}

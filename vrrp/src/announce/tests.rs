use super::{gratuitous_arp, neighbour_advertisement};

#[test]
fn a_gratuitous_arp_is_a_broadcast_request_of_the_address_for_itself() {
    let frame = gratuitous_arp([2, 0x77, 0, 0, 0, 11], [10, 77, 0, 50].into()).unwrap();
    assert_eq!(frame[..6], [0xff; 6]);
    assert_eq!(frame[6..14], [2, 0x77, 0, 0, 0, 11, 8, 6]);
    assert_eq!(frame[14..22], [0, 1, 8, 0, 6, 4, 0, 1]);
    assert_eq!(frame[22..32], [2, 0x77, 0, 0, 0, 11, 10, 77, 0, 50]);
    assert_eq!(
        frame[32..],
        [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 10, 77, 0, 50]
    );
}

#[test]
fn a_neighbour_advertisement_overrides_and_sums_up() {
    let ip = "fd77::50".parse().unwrap();
    let frame = neighbour_advertisement([2, 0x77, 0, 0, 0, 11], ip, false).unwrap();
    assert_eq!(frame[..6], [0x33, 0x33, 0, 0, 0, 1]);
    assert_eq!(frame[14 + 7], 255, "hop limit");
    assert_eq!(frame[54], 136);
    assert_eq!(frame[58], 0x20, "override, not solicited");
    assert_eq!(frame[78..], [2, 1, 2, 0x77, 0, 0, 0, 11]);
    // The sum over pseudo-header and message is all ones.
    let mut words: u32 = 32 + 58;
    for pair in frame[22..54].chunks(2).chain(frame[54..].chunks(2)) {
        words += u32::from(u16::from_be_bytes([pair[0], pair[1]]));
    }
    while words > 0xffff {
        words = (words & 0xffff) + (words >> 16);
    }
    assert_eq!(words, 0xffff);
}

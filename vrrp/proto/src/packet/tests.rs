#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers of tests are small"
)]
use std::net::IpAddr;

use lbd_core::WallTime;

use super::auth::{self, Authentication};
use super::checksum::{self, Checksum};
use super::hmac::{Binding, Key, Mode, Replay, Sequence, Spec, Verifier};
use super::*;

/// Packets of keepalived 2.2.7 from the IP header on: what they are, their hex digits, how their
/// checksum is made.
const CAPTURED: &[(&str, &str, Checksum)] = &[
    (
        "version 2, no authentication, priority 150",
        "45c0002c00010000ff70d0360a4d000be000001221339602000133ca0a4d00320a4d00330000000000000000",
        Checksum::Pseudo,
    ),
    (
        "version 2, released",
        "45c0002c00050000ff70d0320a4d000be0000012213300020001c9ca0a4d00320a4d00330000000000000000",
        Checksum::Pseudo,
    ),
    (
        "version 2, password, priority 150",
        "45c0002c00010000ff70d0360a4d000be0000012213396020101c54b0a4d00320a4d00337365637265743132",
        Checksum::Pseudo,
    ),
    (
        "version 2, password, released",
        "45c0002c00050000ff70d0320a4d000be00000122133000201015b4c0a4d00320a4d00337365637265743132",
        Checksum::Pseudo,
    ),
    (
        "version 3, 100 ms, priority 150",
        "45c0002400010000ff70d03e0a4d000be000001231339602000a38d60a4d00320a4d0033",
        Checksum::Pseudo,
    ),
    (
        "version 3, released",
        "45c00024001b0000ff70d0240a4d000be000001231330002000aced60a4d00320a4d0033",
        Checksum::Pseudo,
    ),
    (
        "version 3, priority 100",
        "45c0002400010000ff70d03d0a4d000ce000001231336402000a6ad50a4d00320a4d0033",
        Checksum::Pseudo,
    ),
    (
        "version 3 to a peer",
        "45c0002400010000ff70a5f80a4d000b0a4d000c31339602000a0e900a4d00320a4d0033",
        Checksum::Pseudo,
    ),
    (
        "version 3 to a peer, old checksum",
        "45c0002400010000ff70a5f80a4d000b0a4d000c31339602000a38d60a4d00320a4d0033",
        Checksum::PseudoGroup,
    ),
    (
        "version 3 to a peer, old checksum, released",
        "45c00024001c0000ff70a5dd0a4d000b0a4d000c31330002000aced60a4d00320a4d0033",
        Checksum::PseudoGroup,
    ),
];

/// IPv6 packets of keepalived 2.2.7: source (the last byte of fe80::77:ff:fe00:b), payload.
const CAPTURED_IPV6: &[(&str, &str)] = &[
    (
        "fe80::77:ff:fe00:b",
        "31339602000a3e77fe800000000000000000000000000050fd770000000000000000000000000050",
    ),
    (
        "fe80::77:ff:fe00:b",
        "31330002000ad477fe800000000000000000000000000050fd770000000000000000000000000050",
    ),
    (
        "fe80::77:ff:fe00:c",
        "31336402000a7076fe800000000000000000000000000050fd770000000000000000000000000050",
    ),
];

/// An IPsec packet of keepalived 2.2.7 with `auth_type AH`.
const CAPTURED_AH: &str = "45c0004400010000ff33d05b0a4d000be0000012700400000a4d000b00000001f7bc529\
     86afe8c8e2a0bd98321339602020131ca0a4d00320a4d00330000000000000000";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex
        .bytes()
        .filter(u8::is_ascii_hexdigit)
        .map(|c| (c as char).to_digit(16).unwrap() as u8)
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn sender_like(datagram: &Datagram<'_>, heard: &Advertisement<'_>, kind: Checksum) -> Sender {
    Sender {
        version: heard.version,
        vrid: heard.vrid,
        interval: heard.interval,
        addresses: heard.addresses.iter().collect(),
        source: Some(datagram.source),
        targets: vec![Target {
            address: datagram.destination,
            hops: 255,
            checksum: kind,
        }],
        group: datagram.family().group(),
        authentication: match heard.auth {
            auth::Field::None => Authentication::None,
            auth::Field::Pass(password) => Authentication::Pass(*password),
        },
        hmac: None,
        sequence: Sequence::default(),
    }
}

#[test]
fn captured_ipv4_packets_are_read_and_built_byte_for_byte() {
    for (what, hex, kind) in CAPTURED {
        let packet = bytes(hex);
        let datagram = Datagram::from_ipv4(&packet).expect(what);
        assert_eq!(datagram.hops, Some(255), "{what}");
        let heard = Advertisement::decode(Family::Ipv4, datagram.payload).expect(what);
        assert_eq!(heard.vrid.number(), 51, "{what}");
        let addresses: Vec<_> = heard.addresses.iter().collect();
        assert_eq!(addresses, [ip("10.77.0.50"), ip("10.77.0.51")], "{what}");
        let found = checksum::verify(&datagram, &heard, IpAddr::V4(GROUP_IPV4));
        assert_eq!(found, Some(*kind), "{what}");
        let mut sender = sender_like(&datagram, &heard, *kind);
        let built = sender.advertise(heard.priority, WallTime(0));
        assert_eq!(built[0].payload, datagram.payload, "{what}");
    }
}

#[test]
fn captured_ipv6_packets_are_read_and_built_byte_for_byte() {
    for (source, hex) in CAPTURED_IPV6 {
        let payload = bytes(hex);
        let datagram = Datagram {
            source: ip(source),
            destination: IpAddr::V6(GROUP_IPV6),
            hops: Some(255),
            payload: &payload,
        };
        let heard = Advertisement::decode(Family::Ipv6, &payload).unwrap();
        assert!(heard.addresses.are(&[ip("fd77::50"), ip("fe80::50")]));
        assert_eq!(heard.interval.duration().as_millis(), 100);
        let found = checksum::verify(&datagram, &heard, IpAddr::V6(GROUP_IPV6));
        assert_eq!(found, Some(Checksum::Pseudo));
        let mut sender = sender_like(&datagram, &heard, Checksum::Pseudo);
        let built = sender.advertise(heard.priority, WallTime(0));
        assert_eq!(built[0].payload, payload);
    }
}

#[test]
fn the_authentication_header_is_refused_with_its_reason() {
    let packet = bytes(CAPTURED_AH);
    assert_eq!(
        Datagram::from_ipv4(&packet),
        Err(Rejection::AuthenticationHeader)
    );
    let inner = &packet[44..];
    assert_eq!(
        Advertisement::decode(Family::Ipv4, inner),
        Err(Rejection::AuthenticationHeader)
    );
}

#[test]
fn version_3_over_ipv4_is_accepted_with_and_without_pseudo_header() {
    // The captured packet's checksum replaced by the one RFC 9568 has, computed apart.
    let payload = bytes("31339602000a23c10a4d00320a4d0033");
    let datagram = Datagram {
        source: ip("10.77.0.11"),
        destination: IpAddr::V4(GROUP_IPV4),
        hops: Some(255),
        payload: &payload,
    };
    let heard = Advertisement::decode(Family::Ipv4, &payload).unwrap();
    assert_eq!(
        checksum::verify(&datagram, &heard, IpAddr::V4(GROUP_IPV4)),
        Some(Checksum::Plain)
    );
    let mut sender = sender_like(&datagram, &heard, Checksum::Plain);
    assert_eq!(
        sender.advertise(heard.priority, WallTime(0))[0].payload,
        payload
    );
}

#[test]
fn a_flipped_bit_breaks_the_checksum() {
    for (what, hex, _) in CAPTURED {
        let packet = bytes(hex);
        for bit in 0..(packet.len() - 20) * 8 {
            let mut broken = packet.clone();
            broken[20 + bit / 8] ^= 1 << (bit % 8);
            let datagram = Datagram::from_ipv4(&broken).unwrap();
            let Ok(heard) = Advertisement::decode(Family::Ipv4, datagram.payload) else {
                continue;
            };
            let found = checksum::verify(&datagram, &heard, IpAddr::V4(GROUP_IPV4));
            assert_eq!(found, None, "{what}, bit {bit}");
        }
    }
}

#[test]
fn ethernet_padding_is_cut_off_by_the_total_length() {
    let mut packet = bytes(CAPTURED[4].1);
    packet.resize(46, 0);
    let datagram = Datagram::from_ipv4(&packet).unwrap();
    assert!(Advertisement::decode(Family::Ipv4, datagram.payload).is_ok());
}

#[test]
fn malformed_ip_headers_are_told_apart() {
    let good = bytes(CAPTURED[4].1);
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut packet = good.clone();
        change(&mut packet);
        Datagram::from_ipv4(&packet).map(|d| d.payload.len())
    };
    assert_eq!(changed(&|_| {}), Ok(16));
    assert_eq!(changed(&|p| p.truncate(19)), Err(Rejection::IpHeader));
    assert_eq!(changed(&|p| p[0] = 0x65), Err(Rejection::IpHeader));
    assert_eq!(changed(&|p| p[0] = 0x44), Err(Rejection::IpHeader));
    assert_eq!(changed(&|p| p[3] = 19), Err(Rejection::IpHeader));
    assert_eq!(changed(&|p| p[3] = 0x25), Err(Rejection::IpLength));
    assert_eq!(changed(&|p| p[6] = 0x20), Err(Rejection::Fragment));
    assert_eq!(changed(&|p| p[7] = 1), Err(Rejection::Fragment));
    assert_eq!(changed(&|p| p[9] = 6), Err(Rejection::Protocol));
    // Options move the payload.
    assert_eq!(changed(&|p| p[0] = 0x46), Ok(12));
    assert_eq!(changed(&|p| p[6] = 0x40), Ok(16));
}

#[test]
fn malformed_advertisements_are_told_apart() {
    let decode = |hex: &str| Advertisement::decode(Family::Ipv4, &bytes(hex)).map(|_| ());
    assert_eq!(decode("31339600000a0000"), Ok(()));
    assert_eq!(decode("31339600000a00"), Err(Rejection::TooShort));
    assert_eq!(decode(""), Err(Rejection::TooShort));
    assert_eq!(decode("11339600000a0000"), Err(Rejection::Version));
    assert_eq!(decode("41339600000a0000"), Err(Rejection::Version));
    assert_eq!(decode("30339600000a0000"), Err(Rejection::Type));
    assert_eq!(decode("32339600000a0000"), Err(Rejection::Type));
    assert_eq!(decode("31009600000a0000"), Err(Rejection::Vrid));
    assert_eq!(decode("3133960000000000"), Err(Rejection::Interval));
    assert_eq!(decode("31339600f0000000"), Err(Rejection::Interval));
    assert_eq!(decode("31339601000a0000"), Err(Rejection::CountLength));
    assert_eq!(decode("31339600000a000000"), Err(Rejection::CountLength));
    assert_eq!(
        decode("313396ff000a00000a4d0032"),
        Err(Rejection::CountLength)
    );
    assert_eq!(decode("2133960000010000"), Err(Rejection::CountLength));
    assert_eq!(decode("21339600000100000000000000000000"), Ok(()));
    assert_eq!(
        decode("21339600030100000000000000000000"),
        Err(Rejection::AuthType)
    );
    let version_2_over_ipv6 =
        Advertisement::decode(Family::Ipv6, &bytes("21339600000100000000000000000000")).map(|_| ());
    assert_eq!(version_2_over_ipv6, Err(Rejection::Version));
}

#[test]
fn reserved_bits_before_the_interval_are_ignored() {
    let payload = bytes("31339600ffff0000");
    let heard = Advertisement::decode(Family::Ipv4, &payload).unwrap();
    assert_eq!(heard.interval, Centisecs::MAX_V3);
}

#[test]
fn passwords_are_the_first_eight_characters() {
    let ours = Authentication::password("secret12345");
    assert_eq!(ours.check(auth::Field::Pass(b"secret12")), Ok(()));
    assert_eq!(
        ours.check(auth::Field::Pass(b"secret13")),
        Err(Rejection::Password)
    );
    assert_eq!(ours.check(auth::Field::None), Err(Rejection::AuthMismatch));
    assert_eq!(
        Authentication::None.check(auth::Field::Pass(b"secret12")),
        Err(Rejection::AuthMismatch)
    );
    let short = Authentication::password("abc");
    assert_eq!(short.check(auth::Field::Pass(b"abc\0\0\0\0\0")), Ok(()));
    assert!(!format!("{ours:?}").contains("secret"));
}

fn key(id: u8, first: u8) -> Key {
    Key::new(id, (first..first + 32).collect()).unwrap()
}

fn hmac_spec(mode: Mode, replay: Replay) -> Spec {
    Spec::new(vec![key(7, 0), key(8, 100)], 7, mode, replay).unwrap()
}

const WINDOW: Replay = Replay::Time { window: 5 };
/// 1,700,000,000.5 seconds since 1970.
const THEN: WallTime = WallTime(1_700_000_000_500_000);

fn after(seconds: i64) -> WallTime {
    WallTime((THEN.0 as i64 + seconds * 1_000_000) as u64)
}

fn signing_sender(version: Version, source: &str) -> Sender {
    let source = ip(source);
    let (addresses, group) = match Family::of(source) {
        Family::Ipv4 => (
            vec![ip("10.77.0.50"), ip("10.77.0.51")],
            IpAddr::V4(GROUP_IPV4),
        ),
        Family::Ipv6 => (vec![ip("fe80::50"), ip("fd77::50")], IpAddr::V6(GROUP_IPV6)),
    };
    Sender {
        version,
        vrid: Vrid::new(51).unwrap(),
        interval: match version {
            Version::V2 => Centisecs(100),
            Version::V3 => Centisecs(10),
        },
        addresses,
        source: Some(source),
        targets: vec![Target {
            address: group,
            hops: 255,
            checksum: Checksum::Pseudo,
        }],
        group,
        authentication: Authentication::None,
        hmac: Some(hmac_spec(Mode::Enforce, WINDOW)),
        sequence: Sequence::default(),
    }
}

#[test]
fn trailers_equal_those_computed_by_another_implementation() {
    // Computed with Python's hmac module from the draft's description.
    let known = [
        (
            Version::V2,
            "10.77.0.11",
            "3975d36ac9ee2080a5cf6b9a3f5fcdba",
        ),
        (
            Version::V3,
            "10.77.0.11",
            "f78cd081d0a08150cf857b227a1aa499",
        ),
        (
            Version::V3,
            "fe80::77:ff:fe00:b",
            "78f77b1ea0556feed4b6a7b79913b6fa",
        ),
    ];
    for (version, source, code) in known {
        let mut sender = signing_sender(version, source);
        let sent = sender.advertise(Priority(150), THEN);
        let trailer = &sent[0].payload[sent[0].payload.len() - 28..];
        assert_eq!(
            trailer[..12],
            bytes("010700006553f10080000000"),
            "{version:?} {source}"
        );
        assert_eq!(trailer[12..], bytes(code), "{version:?} {source}");
    }
}

#[test]
fn the_trailer_is_under_the_checksum_over_ipv6_only() {
    let mut six = signing_sender(Version::V3, "fe80::77:ff:fe00:b");
    assert_eq!(
        six.advertise(Priority(150), THEN)[0].payload[6..8],
        [0x96, 0x28]
    );
    let mut four = signing_sender(Version::V3, "10.77.0.11");
    assert_eq!(
        four.advertise(Priority(150), THEN)[0].payload[6..8],
        [0x38, 0xd6]
    );
}

/// What the verifier says to a packet sent at `sent`, received at `received`.
fn verdict(
    verifier: &mut Verifier,
    spec: &Spec,
    received: WallTime,
    payload: &[u8],
    source: &str,
) -> Result<i32, Rejection> {
    let heard = Advertisement::decode(Family::of(ip(source)), payload)?;
    let binding = Binding {
        version: heard.version,
        vrid: heard.vrid.number(),
        source: ip(source),
    };
    let trailer = heard.trailer.ok_or(Rejection::HmacMissing)?;
    verifier.verify(spec, received, binding, heard.pdu, &trailer)
}

#[test]
fn signed_packets_are_accepted_once_within_the_window() {
    let spec = hmac_spec(Mode::Enforce, WINDOW);
    let mut sender = signing_sender(Version::V3, "10.77.0.11");
    let mut verifier = Verifier::new(0);
    let first = sender.advertise(Priority(150), THEN).remove(0).payload;
    let second = sender.advertise(Priority(150), THEN).remove(0).payload;
    assert_ne!(first, second);
    let mut at = |seconds, payload: &[u8]| {
        verdict(&mut verifier, &spec, after(seconds), payload, "10.77.0.11")
    };
    assert_eq!(at(6, &first), Err(Rejection::HmacStale));
    assert_eq!(at(-6, &first), Err(Rejection::HmacStale));
    assert_eq!(at(5, &first), Ok(5));
    assert_eq!(at(5, &first), Err(Rejection::HmacReplayed));
    assert_eq!(at(-5, &second), Ok(-5));
    assert_eq!(at(0, &first), Err(Rejection::HmacReplayed));
}

#[test]
fn forged_trailers_are_told_apart() {
    let spec = hmac_spec(Mode::Enforce, WINDOW);
    let mut sender = signing_sender(Version::V3, "10.77.0.11");
    let good = sender.advertise(Priority(150), THEN).remove(0).payload;
    let trailer = good.len() - 28;
    let changed = |at: usize, value: u8| {
        let mut packet = good.clone();
        packet[at] = value;
        verdict(&mut Verifier::new(0), &spec, THEN, &packet, "10.77.0.11")
    };
    assert_eq!(changed(2, 255), Err(Rejection::HmacInvalid));
    assert_eq!(changed(1, 52), Err(Rejection::HmacInvalid));
    assert_eq!(changed(trailer, 2), Err(Rejection::HmacMalformed));
    assert_eq!(changed(trailer + 2, 1), Err(Rejection::HmacMalformed));
    assert_eq!(changed(trailer + 1, 8), Err(Rejection::HmacInvalid));
    assert_eq!(changed(trailer + 1, 9), Err(Rejection::HmacUnknownKey));
    assert_eq!(changed(trailer + 11, 1), Err(Rejection::HmacInvalid));
    assert_eq!(
        changed(good.len() - 1, good[good.len() - 1] ^ 1),
        Err(Rejection::HmacInvalid)
    );
    let elsewhere = verdict(&mut Verifier::new(0), &spec, THEN, &good, "10.77.0.12");
    assert_eq!(elsewhere, Err(Rejection::HmacInvalid));
    // The checksum is not covered: the kernel fills it in over IPv6.
    assert_eq!(changed(6, 0), Ok(0));
}

#[test]
fn a_sender_whose_clock_was_set_back_is_heard_again_after_the_window() {
    let spec = hmac_spec(Mode::Enforce, WINDOW);
    let mut sender = signing_sender(Version::V3, "10.77.0.11");
    let mut verifier = Verifier::new(0);
    let ahead = sender
        .advertise(Priority(150), after(100))
        .remove(0)
        .payload;
    assert_eq!(
        verdict(&mut verifier, &spec, after(100), &ahead, "10.77.0.11"),
        Ok(0)
    );
    let back = sender.advertise(Priority(150), THEN).remove(0).payload;
    assert_eq!(
        verdict(&mut verifier, &spec, THEN, &back, "10.77.0.11"),
        Ok(0)
    );
}

#[test]
fn sequences_grow_while_the_clock_stands_still() {
    let spec = hmac_spec(Mode::Enforce, Replay::Monotonic);
    let mut sequence = Sequence::default();
    let first = sequence.next(&spec, THEN);
    assert_eq!(sequence.next(&spec, THEN), first + 1);
    assert_eq!(sequence.next(&spec, after(-1000)), first + 2);
    assert!(sequence.next(&spec, after(1)) > first + 2);
}

#[test]
fn remembered_senders_are_bounded() {
    let spec = hmac_spec(Mode::Enforce, WINDOW);
    let mut verifier = Verifier::new(0);
    for host in 1..=200 {
        let source = format!("10.77.0.{host}");
        let mut sender = signing_sender(Version::V3, &source);
        let payload = sender.advertise(Priority(150), THEN).remove(0).payload;
        assert_eq!(
            verdict(&mut verifier, &spec, THEN, &payload, &source),
            Ok(0)
        );
        assert_eq!(
            verdict(&mut verifier, &spec, THEN, &payload, &source),
            Err(Rejection::HmacReplayed)
        );
    }
    assert!(format!("{verifier:?}").matches("Seen").count() <= 4);
}

#[test]
fn hmac_specs_with_faults_are_refused() {
    assert!(Key::new(0, vec![0; 32]).is_err());
    assert!(Key::new(1, vec![0; 31]).is_err());
    assert!(Key::new(1, vec![0; 65]).is_err());
    assert!(!format!("{:?}", key(1, 66)).contains("66"));
    let spec = |keys, active, replay| Spec::new(keys, active, Mode::Enforce, replay).is_ok();
    assert!(spec(vec![key(1, 0)], 1, WINDOW));
    assert!(!spec(vec![key(1, 0)], 2, WINDOW));
    assert!(!spec(vec![key(1, 0), key(1, 1)], 1, WINDOW));
    assert!(!spec(vec![key(1, 0)], 1, Replay::Time { window: 301 }));
    assert!(!spec(vec![key(1, 0)], 1, Replay::Time { window: 0 }));
}

#[test]
fn every_rejection_is_counted_under_its_own_name() {
    let mut counts = Rejections::default();
    let mut names = Vec::new();
    for (at, reason) in Rejection::ALL.into_iter().enumerate() {
        assert_eq!(reason as usize, at, "{reason:?}");
        assert!(counts.count(reason));
        assert!(!counts.count(reason));
        assert_eq!(counts.of(reason), 2);
        names.push(reason.name());
    }
    assert_eq!(counts.total(), 66);
    let sorted = names.clone();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), sorted.len());
}

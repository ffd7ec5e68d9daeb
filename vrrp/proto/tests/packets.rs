//! Properties of the packet codec: round trips, truncation, arbitrary bytes.
//!
//! Known packets are in `packet/tests.rs`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use lbd_core::WallTime;
use proptest::prelude::*;
use vrrp_proto::packet::auth::Authentication;
use vrrp_proto::packet::checksum::{self, Checksum};
use vrrp_proto::packet::hmac::{Key, Mode, Replay, Sequence, Spec};
use vrrp_proto::packet::{Centisecs, Sender, Target};
use vrrp_proto::{Advertisement, Datagram, Family, Priority, Version, Vrid};

fn ipv4() -> impl Strategy<Value = IpAddr> {
    any::<u32>().prop_map(|n| IpAddr::V4(Ipv4Addr::from(n)))
}

fn ipv6() -> impl Strategy<Value = IpAddr> {
    any::<u128>().prop_map(|n| IpAddr::V6(Ipv6Addr::from(n)))
}

fn kind() -> impl Strategy<Value = Checksum> {
    prop_oneof![
        Just(Checksum::Plain),
        Just(Checksum::Pseudo),
        Just(Checksum::PseudoGroup)
    ]
}

fn authentication() -> impl Strategy<Value = Authentication> {
    prop_oneof![
        Just(Authentication::None),
        any::<[u8; 8]>().prop_map(Authentication::Pass)
    ]
}

fn keys(is_signed: bool) -> Option<Spec> {
    let key = Key::new(1, vec![9; 32]).expect("32 bytes");
    let spec = Spec::new(vec![key], 1, Mode::Enforce, Replay::Monotonic).expect("key 1 is there");
    is_signed.then_some(spec)
}

prop_compose! {
    fn sender_ipv4()(
        is_v2 in any::<bool>(),
        vrid in 1u8..,
        units in 1u16..=4095,
        addresses in prop::collection::vec(ipv4(), 0..40),
        source in ipv4(),
        destination in ipv4(),
        checksum in kind(),
        authentication in authentication(),
        is_signed in any::<bool>(),
    ) -> Sender {
        Sender {
            version: if is_v2 { Version::V2 } else { Version::V3 },
            vrid: Vrid::new(vrid).expect("not 0"),
            interval: Centisecs(if is_v2 { units.min(255) * 100 } else { units }),
            addresses,
            source: Some(source),
            targets: vec![Target { address: destination, hops: 255, checksum }],
            group: Family::Ipv4.group(),
            authentication,
            hmac: keys(is_signed),
            sequence: Sequence::default(),
        }
    }
}

prop_compose! {
    fn sender_ipv6()(
        vrid in 1u8..,
        units in 1u16..=4095,
        addresses in prop::collection::vec(ipv6(), 0..40),
        source in ipv6(),
        destination in ipv6(),
        is_signed in any::<bool>(),
    ) -> Sender {
        Sender {
            version: Version::V3,
            vrid: Vrid::new(vrid).expect("not 0"),
            interval: Centisecs(units),
            addresses,
            source: Some(source),
            targets: vec![Target { address: destination, hops: 255, checksum: Checksum::Pseudo }],
            group: Family::Ipv6.group(),
            authentication: Authentication::None,
            hmac: keys(is_signed),
            sequence: Sequence::default(),
        }
    }
}

proptest! {
    #[test]
    fn what_is_built_is_read_back(
        mut sender in prop_oneof![sender_ipv4(), sender_ipv6()],
        priority in any::<u8>(),
        wall in any::<u32>(),
    ) {
        let wall = WallTime(u64::from(wall) * 1_000_000);
        let sent = sender.advertise(Priority(priority), wall).remove(0);
        let family = Family::of(sent.destination);
        let heard = Advertisement::decode(family, &sent.payload).expect("our own packet");
        prop_assert_eq!(heard.version, sender.version);
        prop_assert_eq!(heard.vrid, sender.vrid);
        prop_assert_eq!(heard.priority, Priority(priority));
        prop_assert_eq!(heard.interval, sender.interval);
        prop_assert_eq!(heard.addresses.iter().collect::<Vec<_>>(), sender.addresses.clone());
        prop_assert_eq!(heard.trailer.is_some(), sender.hmac.is_some());
        if sender.version == Version::V2 {
            prop_assert_eq!(sender.authentication.check(heard.auth), Ok(()));
        }
        let datagram = Datagram {
            source: sent.source,
            destination: sent.destination,
            hops: Some(sent.hops),
            payload: &sent.payload,
        };
        prop_assert!(checksum::verify(&datagram, &heard, family.group()).is_some());
    }

    #[test]
    fn no_prefix_of_a_packet_is_a_packet_of_its_kind(
        mut sender in prop_oneof![sender_ipv4(), sender_ipv6()],
    ) {
        let is_signed = sender.hmac.is_some();
        let sent = sender.advertise(Priority(100), WallTime(0)).remove(0);
        for length in 0..sent.payload.len() {
            let cut = Advertisement::decode(Family::of(sent.destination), &sent.payload[..length]);
            // Without its trailer a signed packet is one that lacks it.
            let lacks_trailer = is_signed && length == sent.payload.len() - 28;
            prop_assert_eq!(cut.is_ok(), lacks_trailer, "{} bytes", length);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 0..300),
        head in prop_oneof![Just(None), Just(Some(0x45)), Just(Some(0x21)), Just(Some(0x31))],
    ) {
        if let (Some(head), Some(first)) = (head, bytes.first_mut()) {
            *first = head;
        }
        for family in [Family::Ipv4, Family::Ipv6] {
            let group = family.group();
            if let Ok(heard) = Advertisement::decode(family, &bytes) {
                let datagram =
                    Datagram { source: group, destination: group, hops: None, payload: &bytes };
                let _ = checksum::verify(&datagram, &heard, group);
                prop_assert!(heard.addresses.len() <= 255);
            }
        }
        if let Ok(datagram) = Datagram::from_ipv4(&bytes) {
            let _ = Advertisement::decode(Family::Ipv4, datagram.payload);
        }
    }
}

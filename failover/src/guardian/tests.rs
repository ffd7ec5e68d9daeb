use std::time::Duration;

use vrrp::engine::Guarded;
use vrrp_proto::packet::Transmit;

use super::{decode, encode};

#[test]
fn what_the_guardian_needs_survives_the_way_to_it() {
    let guarded = vec![Guarded {
        name: "V".to_owned(),
        interface: Some(("eth0".to_owned(), 7)),
        packets: vec![Transmit {
            source: "10.0.0.1".parse().unwrap(),
            destination: "224.0.0.18".parse().unwrap(),
            hops: 255,
            payload: vec![0x31, 51, 0, 1, 0, 10, 0xde, 0xad],
        }],
        addresses: Vec::new(),
        interval: Duration::from_millis(100),
    }];
    let back = decode(&encode(&guarded)).unwrap();
    assert_eq!(back[0].name, "V");
    assert_eq!(back[0].interface, guarded[0].interface);
    assert_eq!(back[0].packets, guarded[0].packets);
    assert_eq!(back[0].interval, guarded[0].interval);
}

use std::time::Duration;

use vrrp::engine::Guarded;
use vrrp_proto::packet::Transmit;

use nix::sys::memfd::{MFdFlags, memfd_create};
use std::os::fd::AsFd;

use super::{Moment, decode, encode};

#[test]
fn a_beat_is_read_where_it_was_written() {
    let file = memfd_create(c"beats", MFdFlags::MFD_CLOEXEC).unwrap();
    assert_eq!(Moment::read(file.as_fd()), None);
    let now = Moment::now();
    now.write(file.as_fd()).unwrap();
    assert_eq!(Moment::read(file.as_fd()), Some(now));
}

#[test]
fn what_is_no_memory_of_beats_tells_no_time() {
    let null = std::fs::File::open("/dev/null").unwrap();
    assert_eq!(Moment::read(null.as_fd()), None);
}

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

//! Short ways to say what instances are.
//!
//! Defaults are those of `InstanceSpec::new`.

use vrrp_proto::router::PlacedSpec;
use vrrp_proto::track::{Delays, Effect, Status, TrackSpec};
use vrrp_proto::{InstanceSpec, Priority, RouterSpec, Version, Vrid};

/// Virtual router 51 on 10.77.0.50, interval in hundredths of a second.
pub(crate) fn instance(version: Version, priority: u8, centiseconds: u16) -> InstanceSpec {
    let vrid = Vrid::new(51).expect("not 0");
    let address = "10.77.0.50".parse().expect("an address");
    let mut spec = InstanceSpec::new("V", version, vrid, vec![address]);
    spec.priority = Priority(priority);
    spec.interval = vrrp_proto::packet::Centisecs(centiseconds);
    spec
}

/// A node with one instance.
pub(crate) fn node(spec: InstanceSpec) -> RouterSpec {
    RouterSpec {
        instances: vec![PlacedSpec { spec, interface: 0 }],
        groups: Vec::new(),
    }
}

/// Something tracked that is up.
pub(crate) fn tracker(effect: Effect) -> TrackSpec {
    TrackSpec {
        name: "check".to_owned(),
        effect,
        is_reversed: false,
        delays: Delays::default(),
        initial: Status::Up,
    }
}

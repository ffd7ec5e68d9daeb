use std::net::IpAddr;

use super::*;
use crate::packet::{Version, Vrid};
use crate::spec::PeerSpec;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn placed(vrid: u8, interface: u32) -> PlacedSpec {
    let vrid = Vrid::new(vrid).unwrap();
    let mut spec = InstanceSpec::new("V", Version::V3, vrid, vec![ip("10.0.0.1")]);
    spec.source = Some(ip("10.0.0.11"));
    PlacedSpec { spec, interface }
}

fn unicast(vrid: u8, peer: &str) -> PlacedSpec {
    let mut placed = placed(vrid, 0);
    placed.spec.reach = Reach::Unicast {
        peers: vec![PeerSpec {
            address: ip(peer),
            min_ttl: 0,
            max_ttl: 255,
        }],
        hops: 255,
        check_source: true,
    };
    placed
}

fn packet(vrid: u8, source: &str, destination: &str) -> Packet {
    Packet {
        source: ip(source),
        destination: ip(destination),
        hops: Some(255),
        payload: vec![0x31, vrid, 100, 0, 0, 10, 0, 0],
    }
}

fn started(instances: Vec<PlacedSpec>, groups: Vec<GroupSpec>) -> Router {
    let spec = RouterSpec { instances, groups };
    let mut router = Router::new(spec, Time::ZERO, WallTime(0));
    router.handle_all(Time::ZERO, &Input::Start);
    router
}

fn received(router: &Router) -> Vec<u64> {
    let total = |instance: &Instance| instance.snapshot().rejections.total();
    router.instances().map(total).collect()
}

#[test]
fn packets_go_to_the_instance_of_their_interface_and_identifier() {
    let mut router = started(vec![placed(1, 0), placed(2, 0), placed(1, 1)], Vec::new());
    router.receive(Time::ZERO, 1, packet(1, "10.0.0.12", "224.0.0.18"));
    router.receive(Time::ZERO, 0, packet(2, "10.0.0.12", "224.0.0.18"));
    router.receive(Time::ZERO, 0, packet(3, "10.0.0.12", "224.0.0.18"));
    router.receive(Time::ZERO, 2, packet(1, "10.0.0.12", "224.0.0.18"));
    let mut short = packet(1, "10.0.0.12", "224.0.0.18");
    short.payload.truncate(1);
    router.receive(Time::ZERO, 0, short);
    assert_eq!(received(&router), [0, 1, 1]);
    assert_eq!(router.unknown_packets(), 3);
}

#[test]
fn unicast_instances_with_one_identifier_are_told_apart_by_peer() {
    let instances = vec![unicast(1, "10.0.0.12"), unicast(1, "10.0.0.13")];
    let mut router = started(instances, Vec::new());
    router.receive(Time::ZERO, 0, packet(1, "10.0.0.13", "10.0.0.11"));
    assert_eq!(received(&router), [0, 1]);
}

#[test]
fn members_that_do_not_exist_or_belong_elsewhere_are_left_out() {
    let group = |members: &[usize]| GroupSpec {
        name: "G".to_owned(),
        members: members.to_vec(),
        trackers: Vec::new(),
    };
    let groups = vec![group(&[0, 7, 1]), group(&[1])];
    let router = started(vec![placed(1, 0), placed(2, 0)], groups);
    let members: Vec<_> = router
        .groups()
        .map(|(spec, _)| spec.members.clone())
        .collect();
    assert_eq!(members, [vec![0, 1], vec![]]);
}

#[test]
fn inputs_for_nobody_are_nothing() {
    let mut router = started(vec![placed(1, 0)], Vec::new());
    router.handle(Time::ZERO, 9, Input::Tick);
    router.handover(Time::ZERO, Unit::Group(3), HandoverInput::Tick);
    assert_eq!(router.instances().count(), 1);
}

#[test]
fn a_groups_trackers_are_every_members() {
    use crate::track::{Delays, Effect, Status};
    let tracker = TrackSpec {
        name: "g".to_owned(),
        effect: Effect::Fault,
        is_reversed: false,
        delays: Delays::default(),
        initial: Status::Up,
    };
    let group = GroupSpec {
        name: "G".to_owned(),
        members: vec![0, 1],
        trackers: vec![tracker],
    };
    let mut router = started(vec![placed(1, 0), placed(2, 1)], vec![group]);
    assert_eq!(
        router.groups().map(|(_, state)| state).collect::<Vec<_>>(),
        [State::Backup]
    );
    let status = Status::Down;
    router.handle(Time::ZERO, 1, Input::Track { tracker: 0, status });
    assert!(
        router
            .instances()
            .all(|instance| instance.state() == State::Fault)
    );
}

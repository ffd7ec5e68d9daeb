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

fn named(name: &str, vrid: u8) -> PlacedSpec {
    let mut placed = placed(vrid, u32::from(vrid));
    placed.spec.name = name.to_owned();
    placed
}

fn states(router: &Router) -> Vec<State> {
    router.instances().map(Instance::state).collect()
}

fn group(members: &[usize]) -> GroupSpec {
    GroupSpec {
        name: "G".to_owned(),
        members: members.to_vec(),
        trackers: Vec::new(),
    }
}

fn run(router: &mut Router) -> Time {
    let mut now = Time::ZERO;
    for _ in 0..20 {
        now = router.poll_timeout().unwrap().max(now);
        router.tick(now);
    }
    now
}

fn outputs(router: &mut Router) -> Vec<RouterOutput> {
    std::iter::from_fn(|| router.poll_output()).collect()
}

fn removals(outputs: &[RouterOutput]) -> Vec<usize> {
    let removed = |output: &RouterOutput| match output {
        RouterOutput::Instance(index, Output::RemoveAddresses) => Some(*index),
        _ => None,
    };
    outputs.iter().filter_map(removed).collect()
}

#[test]
fn mastership_is_kept_when_instances_are_added_removed_and_reordered() {
    let mut router = started(
        vec![named("a", 1), named("b", 2), named("c", 3)],
        Vec::new(),
    );
    let now = run(&mut router);
    assert_eq!(states(&router), [State::Master; 3]);
    outputs(&mut router);
    let instances = vec![named("c", 3), named("d", 4), named("a", 1)];
    let spec = RouterSpec {
        instances,
        groups: Vec::new(),
    };
    router.reconfigure(spec, now, WallTime(0));
    assert_eq!(states(&router), [State::Master, State::Init, State::Master]);
    let done = outputs(&mut router);
    let at = done
        .iter()
        .position(|o| *o == RouterOutput::Reconfigured)
        .unwrap();
    assert_eq!(removals(&done[..at]), [1]);
    assert_eq!(removals(&done[at..]), []);
    router.handle_all(now, &Input::Start);
    assert_eq!(
        states(&router),
        [State::Master, State::Backup, State::Master]
    );
}

#[test]
fn masters_that_are_put_into_a_group_stay_master_and_newcomers_join_them() {
    let mut router = started(vec![named("a", 1), named("b", 2)], Vec::new());
    let now = run(&mut router);
    outputs(&mut router);
    let spec = RouterSpec {
        instances: vec![named("a", 1), named("b", 2), named("c", 3)],
        groups: vec![group(&[0, 1, 2])],
    };
    router.reconfigure(spec, now, WallTime(0));
    router.handle_all(now, &Input::Start);
    assert_eq!(states(&router), [State::Master; 3]);
    assert_eq!(removals(&outputs(&mut router)), []);
    // They are one now, and come apart again.
    router.handle(now, 2, Input::Link(false));
    assert_eq!(states(&router), [State::Fault; 3]);
    let spec = RouterSpec {
        instances: vec![named("a", 1), named("b", 2), named("c", 3)],
        groups: Vec::new(),
    };
    router.reconfigure(spec, now, WallTime(0));
    assert_eq!(
        states(&router),
        [State::Backup, State::Backup, State::Fault]
    );
}

#[test]
fn a_master_put_into_a_group_with_a_backup_follows_it() {
    let mut router = started(vec![named("a", 1), named("b", 2)], Vec::new());
    let now = run(&mut router);
    router.handle(now, 1, Input::Release);
    assert_eq!(states(&router), [State::Master, State::Backup]);
    let spec = RouterSpec {
        instances: vec![named("a", 1), named("b", 2)],
        groups: vec![group(&[0, 1])],
    };
    router.reconfigure(spec, now, WallTime(0));
    assert_eq!(states(&router), [State::Backup; 2]);
}

#[test]
fn a_switchover_of_a_unit_that_is_gone_is_undone() {
    let mut router = started(vec![named("a", 1), named("b", 2)], Vec::new());
    let now = run(&mut router);
    let drain = std::time::Duration::from_secs(1);
    router.handover(now, Unit::Instance(0), HandoverInput::Ask { id: 1, drain });
    router.handover(now, Unit::Instance(1), HandoverInput::Ask { id: 2, drain });
    outputs(&mut router);
    let spec = RouterSpec {
        instances: vec![named("b", 2)],
        groups: Vec::new(),
    };
    router.reconfigure(spec, now, WallTime(0));
    let ended = RouterOutput::HandoverEnded(Unit::Instance(0), Outcome::Aborted);
    assert!(outputs(&mut router).contains(&ended));
    let phases: Vec<_> = router.handovers().map(|(_, h)| h.phase()).collect();
    assert!(matches!(phases[..], [crate::handover::Phase::Asking(deal)] if deal.id == 2));
}

#[test]
fn a_group_that_was_master_in_the_process_before_goes_on_at_once() {
    let instances = vec![named("a", 1), named("b", 2)];
    let groups = vec![group(&[0, 1])];
    let mut router = Router::new(RouterSpec { instances, groups }, Time::ZERO, WallTime(0));
    let mut old = Router::new(
        RouterSpec {
            instances: vec![named("a", 1), named("b", 2)],
            groups: vec![group(&[0, 1])],
        },
        Time::ZERO,
        WallTime(0),
    );
    old.handle_all(Time::ZERO, &Input::Start);
    for at in 0..2 {
        old.handle(Time::ZERO, at, Input::TakeOver);
    }
    assert_eq!(states(&old), [State::Master; 2]);
    router.resume(Time::ZERO, &old.pack(Time::ZERO));
    assert_eq!(states(&router), [State::Master; 2]);
    assert_eq!(removals(&outputs(&mut router)), []);
}

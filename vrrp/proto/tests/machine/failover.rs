//! What a pair does when something happens, and how long it takes.
//!
//! Random schedules are in `schedules.rs`.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers of tests are small"
)]

use std::time::Duration;

use crate::lan::{Lan, Noted};
use crate::specs::{instance, node, tracker};
use lbd_core::{Time, WallTime};
use vrrp_proto::handover::{HandoverInput, Outcome};
use vrrp_proto::instance::{Event, Packet, Reason, Stop};
use vrrp_proto::packet::auth::Authentication;
use vrrp_proto::packet::hmac;
use vrrp_proto::router::{GroupSpec, PlacedSpec, Unit};
use vrrp_proto::spec::{PeerSpec, Preempt, Reach};
use vrrp_proto::track::{Effect, Status};
use vrrp_proto::{Input, InstanceSpec, Priority, Rejection, RouterSpec, State, Version, Vrid};

const A: usize = 0;
const B: usize = 1;
const SETTLED: Duration = Duration::from_secs(20);

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// Two nodes after a while: A with priority 150, B with 100.
fn pair(version: Version, centiseconds: u16, change: impl Fn(&mut InstanceSpec)) -> Lan {
    pair_of(version, centiseconds, [150, 100], change)
}

fn pair_of(
    version: Version,
    centiseconds: u16,
    priorities: [u8; 2],
    change: impl Fn(&mut InstanceSpec),
) -> Lan {
    let mut lan = Lan::new(1);
    for priority in priorities {
        let mut spec = instance(version, priority, centiseconds);
        change(&mut spec);
        assert_eq!(spec.settle().iter().filter(|f| f.is_fatal()).count(), 0);
        lan.add(node(spec));
    }
    lan.run_for(SETTLED);
    assert_eq!(lan.masters(0).len(), 1);
    lan.log.clear();
    lan
}

fn reason(lan: &Lan, node: usize) -> Reason {
    let instance = lan.nodes[node]
        .router
        .instances()
        .next()
        .expect("one instance");
    instance.snapshot().reason
}

fn rejected(lan: &Lan, node: usize, why: Rejection) -> u64 {
    let instance = lan.nodes[node]
        .router
        .instances()
        .next()
        .expect("one instance");
    instance.snapshot().rejections.of(why)
}

#[test]
fn a_backup_takes_over_after_three_missed_adverts_and_its_skew() {
    // Interval, skew of priority 100, in milliseconds.
    for (version, cs, skew) in [
        (Version::V2, 100, 609.375),
        (Version::V3, 100, 609.375),
        (Version::V3, 10, 60.9375),
        (Version::V3, 1, 6.09375),
    ] {
        let mut lan = pair(version, cs, |_| {});
        lan.crash(A);
        let crashed = lan.now;
        lan.run_for(SETTLED);
        let took = ms(lan.entered(B, State::Master).expect("takes over") - crashed);
        let interval = f64::from(cs) * 10.0;
        // The last advertisement was sent up to an interval before the crash.
        assert!(took > 2.0 * interval + skew - 1.0, "{took}");
        assert!(took < 3.0 * interval + skew + 1.0, "{took}");
        assert_eq!(reason(&lan, B), Reason::MasterLost);
    }
}

#[test]
fn a_release_is_followed_after_the_skew_only() {
    for (version, cs, skew) in [(Version::V2, 100, 609.375), (Version::V3, 10, 60.9375)] {
        let mut lan = pair(version, cs, |_| {});
        let stopped = lan.now;
        lan.tell_all(A, &Input::Stop(Stop::Release));
        assert_eq!(lan.holders(0), []);
        lan.run_for(SETTLED);
        let took = ms(lan.entered(B, State::Master).expect("takes over") - stopped);
        assert!((skew..skew + 0.5).contains(&took), "{took}");
        assert_eq!(reason(&lan, B), Reason::MasterReleased);
    }
}

#[test]
fn a_stop_that_keeps_the_addresses_says_nothing() {
    let mut lan = pair(Version::V3, 10, |_| {});
    lan.tell_all(A, &Input::Stop(Stop::Keep));
    assert_eq!(lan.holders(0), [A]);
    lan.run_for(Duration::from_millis(250));
    assert_eq!(lan.masters(0), []);
}

#[test]
fn an_only_backup_skips_the_skew_after_a_release_that_is_proved() {
    let authenticate = |spec: &mut InstanceSpec| {
        let key = hmac::Key::new(1, vec![7; 32]).expect("32 bytes");
        let replay = hmac::Replay::default_for(spec.interval.duration());
        let keys = hmac::Spec::new(vec![key], 1, hmac::Mode::Enforce, replay);
        spec.hmac = Some(keys.expect("key 1 is there"));
        spec.is_only_backup = true;
    };
    let mut lan = pair(Version::V3, 10, authenticate);
    let stopped = lan.now;
    lan.tell_all(A, &Input::Stop(Stop::Release));
    lan.run_for(SETTLED);
    let took = ms(lan.entered(B, State::Master).expect("takes over") - stopped);
    assert!(took < 0.5, "{took}");

    let mut unproved = pair(Version::V3, 10, |spec| spec.is_only_backup = true);
    let stopped = unproved.now;
    unproved.tell_all(A, &Input::Stop(Stop::Release));
    unproved.run_for(SETTLED);
    let took = ms(unproved.entered(B, State::Master).expect("takes over") - stopped);
    assert!(took > 60.0, "{took}");
}

#[test]
fn a_returning_master_preempts_unless_told_not_to() {
    let mut lan = pair(Version::V3, 10, |_| {});
    lan.crash(A);
    lan.run_for(SETTLED);
    lan.restart(A);
    lan.run_for(SETTLED);
    assert_eq!(lan.masters(0), [A]);
    assert_eq!(reason(&lan, A), Reason::Preempted);
    assert_eq!(reason(&lan, B), Reason::Outranked);

    let mut lan = pair(Version::V3, 10, |spec| spec.preempt = Preempt::Never);
    lan.crash(A);
    lan.run_for(SETTLED);
    lan.restart(A);
    lan.run_for(SETTLED);
    assert_eq!(lan.masters(0), [B]);
}

#[test]
fn preemption_waits_for_its_delay() {
    let delay = Duration::from_secs(5);
    let mut lan = pair(Version::V3, 10, |spec| {
        spec.preempt = Preempt::Delayed(delay)
    });
    lan.crash(A);
    lan.run_for(SETTLED);
    let restarted = lan.now;
    lan.restart(A);
    lan.run_for(SETTLED);
    let took = ms(lan.entered(A, State::Master).expect("preempts") - restarted);
    // The delay, and the down interval of priority 150 after the last accepted advertisement.
    assert!((5000.0..5600.0).contains(&took), "{took}");
}

#[test]
fn the_hand_back_leaves_no_moment_without_owner() {
    let mut lan = pair(Version::V3, 10, |_| {});
    lan.crash(A);
    lan.run_for(SETTLED);
    lan.restart(A);
    let end = lan.now + SETTLED;
    assert!(lan.run_while(end, |lan| !lan.holders(0).is_empty()));
}

#[test]
fn after_a_split_the_winner_announces_once_more() {
    let mut lan = pair(Version::V3, 10, |_| {});
    lan.cut_off.insert(B);
    lan.run_for(SETTLED);
    assert_eq!(lan.masters(0), [A, B]);
    lan.cut_off.clear();
    let healed = lan.now;
    lan.log.clear();
    lan.run_for(Duration::from_millis(150));
    assert_eq!(lan.masters(0), [A]);
    let left = lan.entered(B, State::Backup).expect("gives way");
    let is_announcement = |(at, node, noted): &&(Time, usize, Noted)| {
        *node == A && matches!(noted, Noted::Announced(..)) && *at >= left
    };
    let announced = lan
        .log
        .iter()
        .find(is_announcement)
        .expect("announces after B left");
    assert!(announced.0 - healed < Duration::from_millis(200));
    let lower = |node: usize, noted: &Noted| {
        node == A && matches!(noted, Noted::Event(_, Event::LowerPriorityHeard { .. }))
    };
    assert!(lan.count(lower) > 0);
}

#[test]
fn equal_priorities_are_decided_by_the_higher_address() {
    let mut lan = pair_of(Version::V3, 10, [100, 100], |_| {});
    lan.cut_off.insert(B);
    lan.run_for(SETTLED);
    lan.cut_off.clear();
    lan.run_for(SETTLED);
    assert_eq!(lan.masters(0), [B]);
}

#[test]
fn an_owner_is_master_at_once() {
    let mut lan = Lan::new(1);
    lan.add(node(instance(Version::V3, 255, 100)));
    assert_eq!(lan.masters(0), [A]);
    assert_eq!(reason(&lan, A), Reason::Owner);
}

#[test]
fn two_owners_become_one() {
    let mut lan = pair_of(Version::V3, 10, [255, 255], |_| {});
    assert_eq!(lan.masters(0), [B]);
    lan.crash(B);
    lan.run_for(SETTLED);
    assert_eq!(lan.masters(0), [A]);
}

#[test]
fn an_initial_master_waits_for_one_advertisement_only() {
    let mut lan = Lan::new(1);
    let mut spec = instance(Version::V3, 150, 100);
    spec.starts_as_master = true;
    let started = lan.now;
    lan.add(node(spec));
    lan.run_for(SETTLED);
    let took = ms(lan.entered(A, State::Master).expect("leads") - started);
    assert!((1003.0..1005.0).contains(&took), "{took}");
}

#[test]
fn ipv6_works_alike_from_link_local_addresses() {
    let mut lan = Lan::new(1);
    for (priority, address) in [(150, "fe80::11"), (100, "fe80::12"), (200, "fd00::13")] {
        let addresses = ["fe80::50", "fd00::50"].map(|a| a.parse().expect("an address"));
        let vrid = Vrid::new(51).expect("not 0");
        let mut spec = InstanceSpec::new("V", Version::V3, vrid, addresses.to_vec());
        spec.priority = Priority(priority);
        spec.interval = vrrp_proto::packet::Centisecs(10);
        lan.add_at(address.parse().expect("an address"), node(spec));
    }
    lan.run_for(SETTLED);
    // The third speaks from an address that is not link-local and is not heard.
    assert_eq!(lan.masters(0), [A, 2]);
    assert!(rejected(&lan, A, Rejection::Source) > 10);
    lan.crash(A);
    lan.run_for(SETTLED);
    assert_eq!(lan.masters(0), [B, 2]);
}

#[test]
fn the_interval_is_learned_from_the_master() {
    let mut lan = Lan::new(1);
    lan.add(node(instance(Version::V3, 150, 10)));
    lan.add(node(instance(Version::V3, 100, 100)));
    lan.run_for(SETTLED);
    let crashed = lan.now;
    lan.crash(A);
    lan.run_for(SETTLED);
    let took = ms(lan.entered(B, State::Master).expect("takes over") - crashed);
    assert!(took < 362.0, "{took}");
}

#[test]
fn different_intervals_of_version_2_are_refused() {
    let mut lan = Lan::new(1);
    lan.add(node(instance(Version::V2, 150, 100)));
    lan.add(node(instance(Version::V2, 100, 200)));
    lan.run_for(SETTLED);
    assert_eq!(lan.masters(0), [A, B]);
    assert!(rejected(&lan, B, Rejection::IntervalMismatch) > 10);
}

#[test]
fn different_passwords_are_refused() {
    let mut lan = Lan::new(1);
    for (priority, password) in [(150, "secret12"), (100, "secret13")] {
        let mut spec = instance(Version::V2, priority, 100);
        spec.authentication = Authentication::password(password);
        lan.add(node(spec));
    }
    lan.run_for(SETTLED);
    assert!(rejected(&lan, B, Rejection::Password) > 10);
    assert!(rejected(&lan, A, Rejection::Password) > 10);
}

#[test]
fn different_lists_of_addresses_are_told_and_do_not_make_two_masters() {
    let mut lan = Lan::new(1);
    for (priority, address) in [(150, "10.77.0.50"), (100, "10.77.0.60")] {
        let mut spec = instance(Version::V3, priority, 10);
        spec.addresses = vec![address.parse().expect("an address")];
        lan.add(node(spec));
    }
    lan.run_for(SETTLED);
    assert_eq!(lan.masters(0), [A]);
    let told = |_: usize, noted: &Noted| {
        matches!(noted, Noted::Event(_, Event::AddressListDiffers { .. }))
    };
    assert!((1..=2).contains(&lan.count(told)), "{}", lan.count(told));
}

#[test]
fn unicast_peers_hear_each_other_only() {
    let mut lan = Lan::new(1);
    for (priority, peer) in [(150, "10.77.0.12"), (100, "10.77.0.11")] {
        let mut spec = instance(Version::V3, priority, 10);
        spec.reach = Reach::Unicast {
            peers: vec![PeerSpec {
                address: peer.parse().expect("an address"),
                min_ttl: 0,
                max_ttl: 255,
            }],
            hops: 64,
            check_source: true,
        };
        lan.add(node(spec));
    }
    lan.add(node(instance(Version::V3, 200, 10)));
    lan.run_for(SETTLED);
    assert_eq!(lan.masters(0), [A, 2]);
    assert!(rejected(&lan, B, Rejection::Multicast) > 10);
    lan.crash(A);
    lan.run_for(SETTLED);
    assert_eq!(lan.masters(0), [B, 2]);
}

#[test]
fn an_interface_that_goes_down_releases_and_comes_back_as_backup() {
    let mut lan = pair(Version::V3, 10, |_| {});
    lan.tell(A, 0, Input::Link(false));
    assert_eq!(reason(&lan, A), Reason::InterfaceDown);
    assert_eq!(lan.holders(0), []);
    lan.run_for(SETTLED);
    assert_eq!(lan.masters(0), [B]);
    lan.tell(A, 0, Input::Link(true));
    assert_eq!(
        lan.nodes[A].router.instances().next().map(|i| i.state()),
        Some(State::Backup)
    );
    lan.run_for(SETTLED);
    assert_eq!(lan.masters(0), [A]);
}

#[test]
fn an_instance_without_an_address_to_speak_from_has_a_fault() {
    let mut lan = pair(Version::V3, 10, |_| {});
    lan.tell(A, 0, Input::Source(None));
    assert_eq!(reason(&lan, A), Reason::NoSource);
    lan.run_for(SETTLED);
    assert_eq!(lan.masters(0), [B]);
}

#[test]
fn a_failed_check_without_weight_gives_the_addresses_up_at_once() {
    let mut lan = pair(Version::V3, 10, |s| {
        s.trackers = vec![tracker(Effect::Fault)]
    });
    let failed = lan.now;
    let down = Input::Track {
        tracker: 0,
        status: Status::Down,
    };
    lan.tell(A, 0, down);
    lan.run_for(SETTLED);
    let took = ms(lan.entered(B, State::Master).expect("takes over") - failed);
    assert!(took < 62.0, "{took}");
    assert_eq!(reason(&lan, A), Reason::Tracked(0));
}

#[test]
fn a_weight_moves_the_addresses_when_it_turns_the_order() {
    let mut lan = pair(Version::V3, 10, |s| {
        s.trackers = vec![tracker(Effect::Weight(-60))]
    });
    let down = |tracker| Input::Track {
        tracker,
        status: Status::Down,
    };
    lan.tell(A, 0, down(0));
    lan.run_for(SETTLED);
    assert_eq!(lan.masters(0), [B]);
    lan.tell(B, 0, down(0));
    lan.run_for(SETTLED);
    assert_eq!(lan.masters(0), [A]);
}

#[test]
fn an_instance_does_not_start_before_its_checks_have_results() {
    let mut lan = Lan::new(1);
    let mut spec = instance(Version::V3, 150, 10);
    spec.trackers = vec![tracker(Effect::Fault)];
    spec.trackers[0].initial = Status::Unknown;
    lan.add(node(spec));
    lan.run_for(SETTLED);
    assert_eq!(
        lan.nodes[A].router.instances().next().map(|i| i.state()),
        Some(State::Init)
    );
    lan.tell(
        A,
        0,
        Input::Track {
            tracker: 0,
            status: Status::Up,
        },
    );
    lan.run_for(SETTLED);
    assert_eq!(lan.masters(0), [A]);
}

#[test]
fn a_yielding_master_keeps_the_addresses_until_they_are_taken() {
    let down = Input::Track {
        tracker: 0,
        status: Status::Down,
    };
    for preempt in [Preempt::Always, Preempt::Never] {
        let mut lan = pair(Version::V3, 10, |s| {
            s.trackers = vec![tracker(Effect::Yield)];
            s.preempt = preempt;
        });
        lan.tell(A, 0, down.clone());
        let end = lan.now + SETTLED;
        assert!(lan.run_while(end, |lan| !lan.holders(0).is_empty()));
        assert_eq!(lan.masters(0), [B], "{preempt:?}");
        // Now both are sick: whoever has them keeps them.
        lan.tell(B, 0, down.clone());
        let end = lan.now + SETTLED;
        assert!(lan.run_while(end, |lan| !lan.holders(0).is_empty()));
        assert_eq!(lan.masters(0).len(), 1);
        // Alone, too.
        let alone = 1 - lan.masters(0)[0];
        lan.crash(alone);
        let end = lan.now + SETTLED;
        assert!(lan.run_while(end, |lan| !lan.holders(0).is_empty()));
    }
}

#[test]
fn an_offer_is_taken_without_a_moment_without_owner() {
    let mut lan = pair(Version::V3, 10, |_| {});
    let until = lan.now + Duration::from_millis(500);
    lan.tell(A, 0, Input::Offer { until });
    let end = lan.now + SETTLED;
    assert!(lan.run_while(end, |lan| !lan.holders(0).is_empty()));
    assert_eq!(lan.masters(0), [B]);
    assert_eq!(reason(&lan, A), Reason::HandedOver);
    // It does not take them back by itself, but does when the other one is lost.
    lan.crash(B);
    lan.run_for(SETTLED);
    assert_eq!(lan.masters(0), [A]);
}

#[test]
fn an_offer_nobody_takes_ends_in_a_release() {
    let mut lan = pair(Version::V3, 10, |_| {});
    lan.crash(B);
    let until = lan.now + Duration::from_millis(500);
    lan.tell(A, 0, Input::Offer { until });
    lan.run_for(Duration::from_millis(499));
    assert_eq!(lan.holders(0), [A]);
    lan.run_for(Duration::from_millis(2));
    assert_eq!(lan.holders(0), []);
    assert_eq!(reason(&lan, A), Reason::Released);
}

#[test]
fn a_switchover_moves_the_addresses_without_a_moment_without_owner() {
    for preempt in [Preempt::Always, Preempt::Never] {
        let mut lan = pair(Version::V3, 10, |spec| spec.preempt = preempt);
        let unit = Unit::Instance(0);
        let drain = Duration::from_secs(2);
        lan.handover(A, unit, HandoverInput::Ask { id: 1, drain });
        let end = lan.now + SETTLED;
        let mut overlap = Duration::ZERO;
        let mut last = lan.now;
        assert!(lan.run_while(end, |lan| {
            if lan.holders(0).len() > 1 {
                overlap += lan.now - last;
            }
            last = lan.now;
            !lan.holders(0).is_empty()
        }));
        assert_eq!(lan.masters(0), [B]);
        assert!(overlap < Duration::from_millis(1), "{overlap:?}");
        assert_eq!(reason(&lan, B), Reason::TakenOver);
        assert_eq!(reason(&lan, A), Reason::HandedOver);
        let ended =
            |outcome| move |_: usize, noted: &Noted| *noted == Noted::HandoverEnded(outcome);
        assert_eq!(lan.count(ended(Outcome::Given)), 1);
        assert_eq!(lan.count(ended(Outcome::Taken)), 1);
        // And back.
        lan.handover(B, unit, HandoverInput::Ask { id: 2, drain });
        lan.run_for(SETTLED);
        assert_eq!(lan.masters(0), [A]);
    }
}

#[test]
fn a_taker_that_dies_in_a_switchover_leaves_the_giver_master() {
    for after in 0..40 {
        let mut lan = pair(Version::V3, 10, |_| {});
        let drain = Duration::from_secs(2);
        lan.handover(A, Unit::Instance(0), HandoverInput::Ask { id: 1, drain });
        lan.run_for(Duration::from_micros(50 * after));
        lan.crash(B);
        lan.run_for(SETTLED);
        assert_eq!(lan.masters(0), [A], "after {after} steps");
    }
}

#[test]
fn a_frozen_master_is_replaced_and_asserts_itself_when_it_thaws() {
    let mut lan = pair(Version::V3, 10, |_| {});
    lan.freeze(A);
    lan.run_for(Duration::from_secs(3));
    assert_eq!(lan.masters(0), [A, B]);
    lan.log.clear();
    lan.thaw(A);
    lan.run_for(Duration::from_millis(200));
    assert_eq!(lan.masters(0), [A]);
    let announced = |node: usize, noted: &Noted| node == A && matches!(noted, Noted::Announced(..));
    assert!(lan.count(announced) > 0);
}

#[test]
fn a_frozen_master_gives_way_with_timer_expired_backup() {
    let mut lan = pair(Version::V3, 10, |spec| {
        spec.preempt = Preempt::Never;
        spec.timer_expired_backup = Some(Priority::HIGHEST);
    });
    // Nobody takes over meanwhile, so that it has nothing but its own lateness to judge by.
    lan.crash(B);
    lan.freeze(A);
    lan.run_for(Duration::from_secs(3));
    lan.thaw(A);
    assert_eq!(reason(&lan, A), Reason::LateAdvert);
}

#[test]
fn a_frozen_backup_does_not_take_over_by_its_own_lateness() {
    let mut lan = pair(Version::V3, 10, |_| {});
    lan.freeze(B);
    // The machine slept: what was sent meanwhile never arrived.
    lan.cut_off.insert(B);
    lan.run_for(Duration::from_secs(3));
    lan.cut_off.clear();
    lan.log.clear();
    lan.thaw(B);
    lan.run_for(SETTLED);
    assert_eq!(lan.count(|_, noted| matches!(noted, Noted::Changed(..))), 0);
    let snapshot = lan.nodes[B]
        .router
        .instances()
        .next()
        .expect("one")
        .snapshot();
    assert_eq!(snapshot.counters.graces, 1);
    assert!(snapshot.counters.latest > Duration::from_secs(2));
}

/// Two networks in one group: instance 0 on interface 0, instance 1 on interface 1.
fn grouped(priority: u8) -> RouterSpec {
    let first = instance(Version::V3, priority, 10);
    let mut second = instance(Version::V3, priority, 10);
    second.vrid = Vrid::new(52).expect("not 0");
    let specs = [(first, 0), (second, 1)];
    let place = |(spec, interface)| PlacedSpec { spec, interface };
    RouterSpec {
        instances: specs.into_iter().map(place).collect(),
        groups: vec![GroupSpec {
            name: "G".to_owned(),
            members: vec![0, 1],
            trackers: Vec::new(),
        }],
    }
}

fn grouped_pair() -> Lan {
    let mut lan = Lan::new(1);
    lan.add(grouped(150));
    lan.add(grouped(100));
    lan.run_for(SETTLED);
    assert_eq!((lan.masters(0), lan.masters(1)), (vec![A], vec![A]));
    lan
}

#[test]
fn a_sync_group_moves_as_one() {
    let mut lan = grouped_pair();
    let failed = lan.now;
    lan.tell(A, 1, Input::Link(false));
    assert_eq!(lan.holders(0), []);
    lan.run_for(SETTLED);
    assert_eq!((lan.masters(0), lan.masters(1)), (vec![B], vec![B]));
    let took = ms(lan.entered(B, State::Master).expect("takes over") - failed);
    assert!(took < 62.0, "{took}");
    lan.tell(A, 1, Input::Link(true));
    lan.run_for(SETTLED);
    assert_eq!((lan.masters(0), lan.masters(1)), (vec![A], vec![A]));
}

#[test]
fn a_sync_group_is_handed_over_as_one() {
    let mut lan = grouped_pair();
    let drain = Duration::from_secs(2);
    lan.handover(A, Unit::Group(0), HandoverInput::Ask { id: 1, drain });
    let end = lan.now + SETTLED;
    let has_owners = |lan: &Lan| !lan.holders(0).is_empty() && !lan.holders(1).is_empty();
    assert!(lan.run_while(end, has_owners));
    assert_eq!((lan.masters(0), lan.masters(1)), (vec![B], vec![B]));
    lan.run_for(SETTLED);
    assert_eq!((lan.masters(0), lan.masters(1)), (vec![B], vec![B]));
    lan.crash(B);
    lan.run_for(SETTLED);
    assert_eq!((lan.masters(0), lan.masters(1)), (vec![A], vec![A]));
}

#[test]
fn a_sync_group_is_offered_as_one() {
    let mut lan = grouped_pair();
    let until = lan.now + Duration::from_millis(500);
    lan.tell_all(A, &Input::Offer { until });
    let end = lan.now + SETTLED;
    let has_owners = |lan: &Lan| !lan.holders(0).is_empty() && !lan.holders(1).is_empty();
    assert!(lan.run_while(end, has_owners));
    assert_eq!((lan.masters(0), lan.masters(1)), (vec![B], vec![B]));
}

#[test]
fn a_flood_of_forged_packets_changes_nothing_and_costs_no_packets() {
    let mut lan = pair(Version::V3, 10, |_| {});
    let sent = |lan: &Lan| {
        let instance = lan.nodes[A].router.instances().next().expect("one");
        instance.snapshot().counters.adverts_sent
    };
    let (before, started) = (sent(&lan), lan.now);
    lan.log.clear();
    // One second of 10,000 packets: wrong checksum, wrong TTL, and lower priority in turn.
    let good = "313332010 00a0000 0a4d0032".replace(' ', "");
    let mut payload: Vec<u8> = (0..good.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&good[at..at + 2], 16).unwrap_or(0))
        .collect();
    payload[2] = 50;
    for index in 0..10_000_u64 {
        lan.run_until(started + Duration::from_micros(100 * index));
        let (hops, checksum) = match index % 3 {
            0 => (255, [0, 0]),
            1 => (254, [0, 0]),
            _ => (255, plain_checksum(&payload)),
        };
        let mut payload = payload.clone();
        payload[6..8].copy_from_slice(&checksum);
        let packet = Packet {
            source: "10.77.0.99".parse().expect("an address"),
            destination: "224.0.0.18".parse().expect("an address"),
            hops: Some(hops),
            payload,
        };
        lan.receive(A, 0, packet);
    }
    assert_eq!(lan.masters(0), [A]);
    assert!(rejected(&lan, A, Rejection::Checksum) > 3000);
    assert!(rejected(&lan, A, Rejection::Hops) > 3000);
    // At most an answer each 25 ms beside the regular ones.
    assert!(sent(&lan) - before < 60, "{}", sent(&lan) - before);
    let announced = |_: usize, noted: &Noted| matches!(noted, Noted::Announced(..));
    assert!(lan.count(announced) <= 12, "{}", lan.count(announced));
    let told = |_: usize, noted: &Noted| matches!(noted, Noted::Event(..));
    assert!(lan.count(told) <= 41, "{}", lan.count(told));
}

fn plain_checksum(payload: &[u8]) -> [u8; 2] {
    let words = payload
        .chunks(2)
        .map(|w| u32::from(w[0]) << 8 | u32::from(w[1]));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    (!(folded as u16)).to_be_bytes()
}

#[test]
fn a_new_configuration_keeps_the_mastership() {
    let mut lan = pair(Version::V3, 10, |_| {});
    let mut spec = instance(Version::V3, 160, 20);
    spec.addresses
        .push("10.77.0.51".parse().expect("an address"));
    lan.tell(A, 0, Input::Reconfigure(Box::new(spec)));
    lan.run_for(SETTLED);
    assert_eq!(lan.masters(0), [A]);
    assert_eq!(lan.count(|_, noted| matches!(noted, Noted::Changed(..))), 0);
    let mut other = instance(Version::V3, 160, 20);
    other.vrid = Vrid::new(53).expect("not 0");
    lan.tell(A, 0, Input::Reconfigure(Box::new(other)));
    assert_eq!(
        lan.nodes[A].router.instances().next().map(|i| i.state()),
        Some(State::Backup)
    );
    lan.run_for(SETTLED);
    assert_eq!(lan.masters(0), [A, B]);
}

#[test]
fn addresses_that_somebody_removed_are_put_back() {
    let mut lan = pair(Version::V3, 10, |_| {});
    lan.nodes[A].holds.clear();
    lan.tell(A, 0, Input::AddressesLost);
    assert_eq!(lan.holders(0), [A]);
    lan.tell(B, 0, Input::AddressesLost);
    assert_eq!(lan.holders(0), [A]);
}

#[test]
fn two_masters_of_one_priority_and_address_are_told() {
    // Packets of the other one look like our own: nothing can be decided, so it is said.
    let mut lan = Lan::new(1);
    let address = "10.77.0.11".parse().unwrap();
    for _ in 0..2 {
        lan.add_at(address, node(instance(Version::V3, 100, 10)));
    }
    lan.run_for(Duration::from_secs(2));
    assert_eq!(lan.masters(0), [0, 1]);
    for index in 0..2 {
        assert!(rejected(&lan, index, Rejection::OwnSource) > 5);
        let is_told = |entry: &&(Time, usize, Noted)| {
            let event = Event::Rejected {
                source: address,
                reason: Rejection::OwnSource,
            };
            entry.1 == index && entry.2 == Noted::Event(0, event)
        };
        // Once for each state, not with every packet.
        assert!((1..=2).contains(&lan.log.iter().filter(is_told).count()));
    }
}

#[test]
fn clocks_that_jump_move_no_address() {
    let mut lan = pair(Version::V3, 10, |_| {});
    lan.run_for(Duration::from_secs(2));
    assert_eq!(lan.masters(0), [0]);
    let changes = lan.log.len();
    for wall in [0, u64::MAX / 2, 1, 1_700_000_000_000_000] {
        for node in 0..2 {
            lan.tell_all(node, &Input::Clock(WallTime(wall)));
        }
        lan.run_for(Duration::from_secs(1));
    }
    assert_eq!(lan.masters(0), [0]);
    assert_eq!(lan.log[changes..], []);
}

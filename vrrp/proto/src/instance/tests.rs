use std::time::Duration;

use super::*;
use crate::packet::{Datagram, Vrid};
use crate::spec::{OldUnicastChecksum, PeerSpec, Reach};
use crate::track::{Delays, Effect, Status, TrackSpec};

const WALL: WallTime = WallTime(1_700_000_000_000_000);

fn at(ms: u64) -> Time {
    Time::from_millis(ms)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn spec(priority: u8) -> InstanceSpec {
    let mut spec = InstanceSpec::new(
        "V",
        Version::V3,
        Vrid::new(51).unwrap(),
        vec![ip("10.77.0.50")],
    );
    spec.priority = Priority(priority);
    spec.interval = Centisecs(10);
    spec.source = Some(ip("10.77.0.11"));
    spec
}

fn outputs(instance: &mut Instance) -> Vec<Output> {
    std::iter::from_fn(|| instance.poll_output()).collect()
}

/// Started at 0, master at the down interval.
fn master(spec: InstanceSpec) -> Instance {
    let mut instance = Instance::new(spec, at(0), WALL);
    instance.handle(at(0), Input::Start);
    let due = instance.poll_timeout().unwrap();
    instance.handle(due, Input::Tick);
    assert_eq!(instance.state(), State::Master);
    instance
}

/// An advertisement of a sender like `from`, from that address.
fn advert(from: &InstanceSpec, source: &str, priority: u8) -> Input {
    let mut sender = from.sender();
    sender.source = Some(ip(source));
    for target in &mut sender.targets {
        if from.reach.is_unicast() {
            target.address = ip("10.77.0.11");
        }
    }
    let sent = sender.advertise(Priority(priority), WALL).remove(0);
    Input::Packet(Packet {
        source: sent.source,
        destination: sent.destination,
        hops: Some(sent.hops),
        payload: sent.payload,
    })
}

fn kinds(outputs: &[Output]) -> Vec<&'static str> {
    let kind = |output: &Output| match output {
        Output::AddAddresses => "add",
        Output::Announce(_) => "announce",
        Output::AnnounceSource => "announce source",
        Output::Changed(_) => "changed",
        Output::Event(_) => "event",
        Output::RemoveAddresses => "remove",
        Output::ReplaceAddresses => "replace",
        Output::Report(_) => "report",
        Output::Send(_) => "send",
    };
    outputs.iter().map(kind).collect()
}

#[test]
fn a_master_advertises_then_adds_then_announces_then_tells() {
    let mut instance = Instance::new(spec(150), at(0), WALL);
    instance.handle(at(0), Input::Start);
    assert_eq!(kinds(&outputs(&mut instance)), ["changed"]);
    let due = instance.poll_timeout().unwrap();
    instance.handle(due, Input::Tick);
    let done = outputs(&mut instance);
    assert_eq!(kinds(&done), ["send", "add", "announce", "changed"]);
    let expected = Change {
        from: State::Backup,
        to: State::Master,
        reason: Reason::MasterLost,
        priority: Priority(150),
    };
    assert_eq!(done[3], Output::Changed(expected));
}

#[test]
fn a_master_that_stops_releases_before_it_removes() {
    let mut instance = master(spec(150));
    outputs(&mut instance);
    instance.handle(at(1000), Input::Stop(Stop::Release));
    let done = outputs(&mut instance);
    assert_eq!(kinds(&done), ["send", "remove", "changed"]);
    let Output::Send(packet) = &done[0] else {
        panic!("no packet");
    };
    assert_eq!(packet.payload[2], 0);
    assert_eq!(instance.poll_timeout(), None);
}

#[test]
fn a_master_that_is_outranked_says_its_priority_once_more() {
    for (says, expected) in [(true, 150), (false, 0)] {
        let mut own = spec(150);
        own.higher_prio_send_advert = says;
        let mut instance = master(own);
        outputs(&mut instance);
        instance.handle(at(1000), advert(&spec(200), "10.77.0.12", 200));
        let done = outputs(&mut instance);
        let sent = done.iter().find_map(|output| match output {
            Output::Send(packet) => Some(packet.payload[2]),
            _ => None,
        });
        assert_eq!(sent.unwrap_or_default(), expected);
        assert!(kinds(&done).ends_with(&["changed"]));
        assert_eq!(instance.state(), State::Backup);
    }
}

#[test]
fn strict_owners_are_deaf_and_do_not_answer() {
    let mut own = spec(255);
    own.is_strict = true;
    own.starts_as_master = true;
    assert_eq!(own.settle(), []);
    let mut instance = Instance::new(own, at(0), WALL);
    instance.handle(at(0), Input::Start);
    outputs(&mut instance);
    instance.handle(at(10), advert(&spec(100), "10.77.0.12", 100));
    assert_eq!(kinds(&outputs(&mut instance)), ["event"]);
    let snapshot = instance.snapshot();
    assert_eq!(snapshot.rejections.of(crate::Rejection::OwnerDeaf), 1);
}

#[test]
fn an_owner_gives_way_to_one_that_does_not() {
    let mut instance = Instance::new(spec(255), at(0), WALL);
    instance.handle(at(0), Input::Start);
    for step in 1..20 {
        instance.handle(at(100 * step), Input::Tick);
        instance.handle(at(100 * step + 1), advert(&spec(255), "10.77.0.10", 255));
    }
    assert_eq!(instance.state(), State::Backup);
    assert_eq!(instance.priority(), Priority::HIGHEST);
    assert_eq!(instance.snapshot().reason, Reason::OwnerConflict);
    // The other one goes: we are the owner again.
    let due = instance.poll_timeout().unwrap();
    instance.handle(due, Input::Tick);
    assert_eq!(instance.state(), State::Master);
    assert_eq!(instance.priority(), Priority::OWNER);
}

#[test]
fn a_change_of_priority_moves_the_down_timer_by_the_skew() {
    let mut own = spec(100);
    own.trackers = vec![TrackSpec {
        name: "t".to_owned(),
        effect: Effect::Weight(50),
        is_reversed: false,
        delays: Delays::default(),
        initial: Status::Down,
    }];
    let mut instance = Instance::new(own, at(0), WALL);
    instance.handle(at(0), Input::Start);
    let before = instance.poll_timeout().unwrap();
    instance.handle(
        at(100),
        Input::Track {
            tracker: 0,
            status: Status::Up,
        },
    );
    let after = instance.poll_timeout().unwrap();
    // 50 / 256 of 100 ms.
    assert_eq!(before - after, Duration::from_nanos(19_531_250));
}

fn unicast(old: OldUnicastChecksum) -> InstanceSpec {
    let mut spec = spec(100);
    spec.old_unicast_checksum = old;
    spec.reach = Reach::Unicast {
        peers: vec![PeerSpec {
            address: ip("10.77.0.12"),
            min_ttl: 250,
            max_ttl: 255,
        }],
        hops: 255,
        check_source: false,
    };
    spec
}

#[test]
fn a_peer_with_the_old_checksum_is_answered_in_kind() {
    let from_old = advert(&unicast(OldUnicastChecksum::Always), "10.77.0.12", 150);
    let from_new = advert(&unicast(OldUnicastChecksum::Detect), "10.77.0.12", 150);
    let mut instance = Instance::new(unicast(OldUnicastChecksum::Detect), at(0), WALL);
    instance.handle(at(0), Input::Start);
    let kind = |instance: &Instance| instance.sender().targets[0].checksum;
    instance.handle(at(10), from_old.clone());
    assert_eq!(
        kind(&instance),
        crate::packet::checksum::Checksum::PseudoGroup
    );
    instance.handle(at(20), from_new);
    assert_eq!(kind(&instance), crate::packet::checksum::Checksum::Pseudo);
    assert_eq!(instance.snapshot().counters.adverts_received, 2);
    let mut strict = Instance::new(unicast(OldUnicastChecksum::Never), at(0), WALL);
    strict.handle(at(0), Input::Start);
    strict.handle(at(10), from_old);
    assert_eq!(
        strict.snapshot().rejections.of(crate::Rejection::Checksum),
        1
    );
}

#[test]
fn packets_are_refused_for_their_reason() {
    let from = spec(150);
    let refused = |own: InstanceSpec, change: &dyn Fn(&mut Packet)| {
        let mut instance = Instance::new(own.clone(), at(0), WALL);
        instance.handle(at(0), Input::Start);
        let from = if own.reach.is_unicast() { &own } else { &from };
        let Input::Packet(mut packet) = advert(from, "10.77.0.12", 150) else {
            panic!("no packet");
        };
        change(&mut packet);
        instance.handle(at(10), Input::Packet(packet));
        let found = instance.snapshot().rejections;
        crate::Rejection::ALL
            .into_iter()
            .find(|reason| found.of(*reason) == 1)
    };
    use crate::Rejection as R;
    assert_eq!(refused(spec(100), &|_| {}), None);
    assert_eq!(refused(spec(100), &|p| p.hops = None), None);
    assert_eq!(refused(spec(100), &|p| p.hops = Some(254)), Some(R::Hops));
    assert_eq!(
        refused(spec(100), &|p| p.source = ip("0.0.0.0")),
        Some(R::Source)
    );
    assert_eq!(
        refused(spec(100), &|p| p.source = ip("224.0.0.1")),
        Some(R::Source)
    );
    assert_eq!(
        refused(spec(100), &|p| p.source = ip("fe80::1")),
        Some(R::Family)
    );
    assert_eq!(
        refused(spec(100), &|p| p.source = ip("10.77.0.11")),
        Some(R::OwnSource)
    );
    assert_eq!(
        refused(spec(100), &|p| p.destination = ip("10.77.0.11")),
        Some(R::Unicast)
    );
    assert_eq!(refused(spec(100), &|p| p.payload[1] = 52), Some(R::Vrid));
    assert_eq!(
        refused(spec(100), &|p| p.payload[7] ^= 1),
        Some(R::Checksum)
    );
    assert_eq!(
        refused(spec(100), &|p| p.payload.truncate(3)),
        Some(R::TooShort)
    );
    assert_eq!(
        refused(spec(100), &|p| p.payload.extend([0; 28])),
        Some(R::HmacUnexpected)
    );
    let none = |p: &mut Packet| {
        p.payload.truncate(8);
        p.payload[3] = 0;
    };
    assert_eq!(refused(spec(100), &none), Some(R::AddressNone));
    let mut v2 = spec(100);
    (v2.version, v2.interval) = (Version::V2, Centisecs(100));
    assert_eq!(refused(v2, &|_| {}), Some(R::Version));
    let peers = || unicast(OldUnicastChecksum::Detect);
    assert_eq!(refused(peers(), &|_| {}), None);
    assert_eq!(refused(peers(), &|p| p.hops = Some(249)), Some(R::Hops));
    assert_eq!(
        refused(peers(), &|p| p.destination = ip("224.0.0.18")),
        Some(R::Multicast)
    );
    let mut checked = peers();
    if let Reach::Unicast { check_source, .. } = &mut checked.reach {
        *check_source = true;
    }
    assert_eq!(
        refused(checked, &|p| p.source = ip("10.77.0.13")),
        Some(R::NotPeer)
    );
}

#[test]
fn nothing_is_heard_before_the_start_and_in_a_fault() {
    let mut instance = Instance::new(spec(100), at(0), WALL);
    instance.handle(at(0), advert(&spec(150), "10.77.0.12", 150));
    instance.handle(at(0), Input::Link(false));
    instance.handle(at(0), Input::Start);
    assert_eq!(instance.state(), State::Fault);
    instance.handle(at(1), advert(&spec(150), "10.77.0.12", 150));
    assert_eq!(
        instance
            .snapshot()
            .rejections
            .of(crate::Rejection::NotRunning),
        2
    );
}

#[test]
fn a_start_delay_is_waited_for() {
    let mut own = spec(255);
    own.start_delay = Duration::from_secs(5);
    let mut instance = Instance::new(own, at(0), WALL);
    instance.handle(at(0), Input::Start);
    assert_eq!(instance.state(), State::Init);
    assert_eq!(instance.poll_timeout(), Some(at(5000)));
    instance.handle(at(5000), Input::Tick);
    assert_eq!(instance.state(), State::Master);
}

#[test]
fn unicast_announces_its_own_address_after_a_fault() {
    let mut instance = Instance::new(unicast(OldUnicastChecksum::Detect), at(0), WALL);
    instance.handle(at(0), Input::Link(false));
    instance.handle(at(0), Input::Start);
    outputs(&mut instance);
    instance.handle(at(10), Input::Link(true));
    assert_eq!(
        kinds(&outputs(&mut instance)),
        ["announce source", "changed"]
    );
}

#[test]
fn a_copy_of_the_sender_releases_for_an_instance_that_is_gone() {
    let instance = master(spec(150));
    let mut guardian = instance.sender().clone();
    let packets = guardian.advertise(Priority::RELEASE, WALL);
    let mut other = spec(100);
    other.source = Some(ip("10.77.0.12"));
    let mut backup = Instance::new(other, at(0), WALL);
    backup.handle(at(0), Input::Start);
    let datagram = Datagram {
        source: packets[0].source,
        destination: packets[0].destination,
        hops: Some(255),
        payload: &packets[0].payload,
    };
    backup.handle(at(10), Input::Packet(datagram.into()));
    assert_eq!(backup.snapshot().counters.releases_received, 1);
}

#[test]
fn an_offer_is_followed_by_no_advertisement() {
    let mut instance = master(spec(150));
    outputs(&mut instance);
    instance.handle(at(1000), Input::Offer { until: at(2000) });
    assert_eq!(kinds(&outputs(&mut instance)), ["send"]);
    assert_eq!(instance.poll_timeout(), Some(at(2000)));
}

fn parcel(state: State) -> Parcel {
    Parcel {
        state,
        master: None,
        master_interval: Centisecs(100),
        is_holding: false,
        due: Duration::from_millis(40),
        sequence: 7,
        senders: Vec::new(),
        trackers: vec![(String::new(), Status::Up)],
    }
}

#[test]
fn a_master_of_the_process_before_goes_on_and_advertises_when_that_one_would_have() {
    let mut instance = Instance::new(spec(100), at(0), WALL);
    instance.handle(at(0), Input::Resume(Box::new(parcel(State::Master))));
    assert_eq!(instance.state(), State::Master);
    assert_eq!(instance.snapshot().reason, Reason::Resumed);
    let first = kinds(&outputs(&mut instance));
    assert!(!first.contains(&"send"), "{first:?}");
    assert_eq!(instance.poll_timeout(), Some(at(40)));
    // Not with a fault.
    let mut faulty = Instance::new(spec(100), at(0), WALL);
    faulty.handle(at(0), Input::Link(false));
    faulty.handle(at(0), Input::Resume(Box::new(parcel(State::Master))));
    assert_eq!(faulty.state(), State::Fault);
    faulty.handle(at(1), Input::Link(true));
    assert_eq!(faulty.state(), State::Backup);
}

#[test]
fn a_backup_of_the_process_before_keeps_its_timer_its_patience_and_what_is_tracked() {
    let mut tracked = spec(150);
    tracked.trackers = vec![TrackSpec {
        name: String::new(),
        effect: Effect::Fault,
        is_reversed: false,
        delays: Delays::default(),
        initial: Status::Unknown,
    }];
    let mut instance = Instance::new(tracked, at(0), WALL);
    let mut left = parcel(State::Backup);
    left.is_holding = true;
    left.due = Duration::from_millis(300);
    instance.handle(at(0), Input::Resume(Box::new(left.clone())));
    assert_eq!(instance.state(), State::Backup);
    assert!(instance.snapshot().is_holding);
    assert_eq!(instance.snapshot().down_at, Some(at(300)));
    // What is packed again is the same.
    left.trackers = vec![(String::new(), Status::Up)];
    assert_eq!(instance.pack(at(0)), left);
}

#[test]
fn one_that_has_begun_is_not_gone_on_with() {
    let mut instance = master(spec(150));
    outputs(&mut instance);
    instance.handle(at(1000), Input::Resume(Box::new(parcel(State::Backup))));
    assert_eq!(instance.state(), State::Master);
}

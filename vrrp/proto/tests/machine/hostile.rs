//! Arbitrary inputs: nothing panics, nothing loops, and what is asked for makes sense.
//!
//! Who should be master is for `failover` and `schedules`.

use std::net::IpAddr;
use std::time::Duration;

use lbd_core::{Time, WallTime};
use proptest::prelude::*;
use vrrp_proto::instance::{Order, Packet, Parcel, Stop};
use vrrp_proto::packet::{Centisecs, Sender};
use vrrp_proto::spec::{Preempt, Reach};
use vrrp_proto::track::{Effect, Status};
use vrrp_proto::{Input, Instance, InstanceSpec, Output, Priority, State, Version, Vrid};

use crate::specs::{instance, tracker};

#[derive(Clone, Debug)]
enum Happening {
    After(u64),
    Advert {
        source: u8,
        priority: u8,
        interval: u16,
        keeps_checksum: bool,
    },
    Bytes(Vec<u8>),
    Input(Input),
}

fn status() -> impl Strategy<Value = Status> {
    prop_oneof![
        Just(Status::Unknown),
        Just(Status::Up),
        Just(Status::Down),
        any::<i32>().prop_map(Status::Value),
    ]
}

fn input() -> impl Strategy<Value = Input> {
    let source: IpAddr = "10.77.0.20".parse().expect("an address");
    prop_oneof![
        Just(Input::AddressesLost),
        any::<u32>().prop_map(|s| Input::Clock(WallTime(u64::from(s) * 1_000_000))),
        Just(Input::Doubt),
        any::<u32>().prop_map(move |ms| Input::Expect {
            from: (ms % 2 == 0).then_some(source),
            until: Time::from_millis(u64::from(ms) % 60_000),
        }),
        any::<bool>().prop_map(Input::Link),
        any::<u16>().prop_map(|ms| Input::Offer {
            until: Time::from_millis(ms.into())
        }),
        prop_oneof![
            Just(Order::Fault),
            Just(Order::Follow),
            Just(Order::Lead),
            Just(Order::Run)
        ]
        .prop_map(Input::Order),
        Just(Input::Reclaim),
        spec().prop_map(|spec| Input::Reconfigure(Box::new(spec))),
        Just(Input::Release),
        (any::<bool>(), 0u64..5000, any::<u64>()).prop_map(|(is_master, due, sequence)| {
            Input::Resume(Box::new(Parcel {
                state: if is_master {
                    State::Master
                } else {
                    State::Backup
                },
                master: None,
                master_interval: Centisecs(u16::try_from(due).unwrap_or(0)),
                is_holding: due % 2 == 0,
                due: Duration::from_millis(due),
                sequence,
                senders: Vec::new(),
                trackers: Vec::new(),
            }))
        }),
        any::<bool>().prop_map(move |is_there| Input::Source(is_there.then_some(source))),
        Just(Input::Start),
        Just(Input::Start),
        Just(Input::Stop(Stop::Release)),
        Just(Input::TakeOver),
        Just(Input::Tick),
        (0usize..4, status()).prop_map(|(tracker, status)| Input::Track { tracker, status }),
    ]
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        3 => (0u64..5_000_000_000).prop_map(Happening::After),
        3 => (1u8..5, any::<u8>(), 0u16..5000, any::<bool>()).prop_map(
            |(source, priority, interval, keeps_checksum)| Happening::Advert {
                source, priority, interval, keeps_checksum
            }
        ),
        1 => prop::collection::vec(any::<u8>(), 0..60).prop_map(Happening::Bytes),
        3 => input().prop_map(Happening::Input),
    ]
}

prop_compose! {
    /// Also specs that `settle` would refuse.
    fn spec()(
        is_v2 in any::<bool>(),
        priority in any::<u8>(),
        interval in prop_oneof![Just(0u16), Just(1), Just(10), Just(100), any::<u16>()],
        vrid in 51u8..53,
        preempt in 0u8..3,
        is_strict in any::<bool>(),
        is_unicast in any::<bool>(),
        adverts in any::<u8>(),
        delays in 0u64..2000,
        flags in any::<u8>(),
    ) -> InstanceSpec {
        let version = if is_v2 { Version::V2 } else { Version::V3 };
        let mut spec = instance(version, priority, interval);
        spec.vrid = Vrid::new(vrid).expect("not 0");
        spec.preempt = match preempt {
            0 => Preempt::Always,
            1 => Preempt::Never,
            _ => Preempt::Delayed(Duration::from_millis(delays)),
        };
        spec.is_strict = is_strict;
        if is_unicast {
            spec.reach = Reach::Unicast { peers: Vec::new(), hops: 1, check_source: true };
        }
        spec.down_timer_adverts = adverts;
        spec.garp.refresh = Duration::from_millis(delays);
        spec.start_delay = Duration::from_millis(delays * u64::from(flags & 1));
        spec.starts_as_master = flags & 2 != 0;
        spec.higher_prio_send_advert = flags & 4 != 0;
        spec.timer_expired_backup = (flags & 8 != 0).then_some(Priority(200));
        spec.trackers = vec![tracker(Effect::Fault), tracker(Effect::Weight(-50)), tracker(Effect::Yield)];
        spec
    }
}

fn packet(sender: &Sender, what: &Happening) -> Option<Input> {
    let (source, destination) = ("10.77.0.20", "224.0.0.18".parse().expect("an address"));
    let (source, payload) = match what {
        Happening::Advert {
            source,
            priority,
            interval,
            keeps_checksum,
        } => {
            let mut sender = sender.clone();
            let from: IpAddr = format!("10.77.0.2{source}").parse().expect("an address");
            sender.source = Some(from);
            sender.interval = Centisecs(*interval);
            let mut payload = sender
                .advertise(Priority(*priority), WallTime(0))
                .pop()?
                .payload;
            payload[7] ^= u8::from(!keeps_checksum);
            (from, payload)
        }
        Happening::Bytes(bytes) => (source.parse().expect("an address"), bytes.clone()),
        Happening::After(_) | Happening::Input(_) => return None,
    };
    Some(Input::Packet(Packet {
        source,
        destination,
        hops: Some(255),
        payload,
    }))
}

/// Takes all outputs; whether the addresses are in place now.
fn drain(instance: &mut Instance, mut holds: bool) -> Result<bool, TestCaseError> {
    let mut count = 0;
    while let Some(output) = instance.poll_output() {
        count += 1;
        match output {
            Output::AddAddresses => holds = true,
            Output::RemoveAddresses => {
                prop_assert!(holds, "removed what was not there");
                holds = false;
            }
            Output::Changed(change) => prop_assert_ne!(change.from, change.to),
            _ => {}
        }
    }
    prop_assert!(count < 40, "{} outputs after one input", count);
    Ok(holds)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_inputs_never_panic_loop_or_lose_addresses(
        spec in spec(),
        is_grouped in any::<bool>(),
        happenings in prop::collection::vec(happening(), 1..120),
    ) {
        let mut now = Time::from_millis(1);
        let wall = WallTime(1_700_000_000_000_000);
        let mut instance = if is_grouped {
            Instance::in_group(spec, now, wall)
        } else {
            Instance::new(spec, now, wall)
        };
        let mut holds = false;
        for happening in happenings {
            let sender = instance.sender().clone();
            match &happening {
                Happening::After(nanos) => {
                    let end = now + Duration::from_nanos(*nanos);
                    let mut rounds = 0;
                    while let Some(due) = instance.poll_timeout().filter(|due| *due <= end) {
                        now = now.max(due);
                        instance.handle(now, Input::Tick);
                        holds = drain(&mut instance, holds)?;
                        // What is due must be done by one tick; a timer of 0 would spin here.
                        rounds += 1;
                        prop_assert!(rounds < 20_000, "ticks without end");
                    }
                    now = end;
                }
                Happening::Input(input) => instance.handle(now, input.clone()),
                Happening::Advert { .. } | Happening::Bytes(_) => {
                    if let Some(input) = packet(&sender, &happening) {
                        instance.handle(now, input);
                    }
                }
            }
            holds = drain(&mut instance, holds)?;
            prop_assert_eq!(holds, instance.state() == State::Master);
        }
    }
}

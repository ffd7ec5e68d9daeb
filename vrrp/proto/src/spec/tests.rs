use super::*;

fn spec() -> InstanceSpec {
    let vrid = Vrid::new(51).unwrap();
    InstanceSpec::new("V", Version::V3, vrid, vec!["10.0.0.1".parse().unwrap()])
}

fn faults(change: impl Fn(&mut InstanceSpec)) -> (InstanceSpec, Vec<SpecFault>) {
    let mut spec = spec();
    change(&mut spec);
    let faults = spec.settle();
    (spec, faults)
}

#[test]
fn defaults_have_no_fault() {
    assert_eq!(faults(|_| {}).1, []);
}

#[test]
fn what_cannot_run_is_fatal() {
    type Change = &'static dyn Fn(&mut InstanceSpec);
    let fatal: [(Change, SpecFault); 8] = [
        (&|s| s.priority = Priority(0), SpecFault::Priority),
        (&|s| s.interval = Centisecs(0), SpecFault::Interval),
        (&|s| s.interval = Centisecs(4096), SpecFault::Interval),
        (
            &|s| (s.version, s.interval) = (Version::V2, Centisecs(150)),
            SpecFault::Interval,
        ),
        (
            &|s| s.addresses.push("fe80::1".parse().unwrap()),
            SpecFault::MixedFamilies,
        ),
        (
            &|s| s.addresses = vec!["10.0.0.1".parse().unwrap(); 256],
            SpecFault::TooManyAddresses,
        ),
        (
            &|s| {
                s.reach = Reach::Unicast {
                    peers: Vec::new(),
                    hops: 255,
                    check_source: false,
                }
            },
            SpecFault::NoPeer,
        ),
        (
            &|s| *s = InstanceSpec::new("V", Version::V2, s.vrid, vec!["fe80::1".parse().unwrap()]),
            SpecFault::Version2Ipv6,
        ),
    ];
    for (change, expected) in fatal {
        let (_, found) = faults(change);
        assert_eq!(found, [expected]);
        assert!(expected.is_fatal() && !expected.to_string().is_empty());
    }
}

#[test]
fn what_keepalived_mends_is_mended_and_said() {
    let (spec, found) = faults(|s| {
        s.starts_as_master = true;
        s.preempt = Preempt::Never;
        s.timer_expired_backup = Some(Priority(150));
        s.down_timer_adverts = 0;
        s.authentication = Authentication::password("secret");
    });
    assert_eq!(
        found,
        [
            SpecFault::PasswordUnused,
            SpecFault::DownTimerAdverts,
            SpecFault::PreemptOfMaster,
            SpecFault::TimerExpiredBackup
        ]
    );
    assert_eq!(spec.preempt, Preempt::Always);
    assert_eq!(spec.timer_expired_backup, None);
    assert_eq!(spec.down_timer_adverts, 3);
    assert_eq!(spec.authentication, Authentication::None);
    assert!(found.iter().all(|fault| !fault.is_fatal()));
    let mut again = spec;
    assert_eq!(again.settle(), []);
}

#[test]
fn delays_are_cut_to_what_the_protocol_bears() {
    let (spec, found) = faults(|s| {
        s.preempt = Preempt::Delayed(Duration::from_secs(1001));
        s.interface_delays.down = Duration::from_secs(3);
    });
    assert_eq!(found, [SpecFault::PreemptDelay, SpecFault::InterfaceDelay]);
    assert_eq!(spec.preempt, Preempt::Delayed(MAX_PREEMPT_DELAY));
    assert_eq!(spec.interface_delays.down, Duration::from_secs(2));
}

#[test]
fn strict_mode_allows_only_what_the_rfcs_have() {
    let (spec, found) = faults(|s| {
        s.is_strict = true;
        s.starts_as_master = true;
        s.preempt = Preempt::Delayed(Duration::from_secs(1));
        s.down_timer_adverts = 5;
    });
    // The preempt delay of one that starts as master went before.
    assert_eq!(
        found,
        [
            SpecFault::PreemptOfMaster,
            SpecFault::Strict("a state that does not match being the owner"),
            SpecFault::Strict("down_timer_adverts"),
        ]
    );
    assert!(!spec.starts_as_master && !spec.higher_prio_send_advert && !spec.lower_prio_advert);
    assert_eq!(spec.garp.lower_prio_repeat, 0);
    let (_, unicast) = faults(|s| {
        s.is_strict = true;
        s.addresses.clear();
    });
    assert_eq!(unicast, [SpecFault::Strict("no virtual address")]);
    assert!(unicast[0].is_fatal());
}

use super::*;

fn at(ms: u64) -> Time {
    Time::from_millis(ms)
}

fn rounds(announcer: &mut Announcer, spec: &GarpSpec, now: Time) -> Vec<u16> {
    std::iter::from_fn(|| announcer.due(spec, now))
        .map(|a| a.repeat)
        .collect()
}

#[test]
fn by_default_there_are_five_at_once_and_five_after_five_seconds() {
    let spec = GarpSpec::default();
    let mut announcer = Announcer::default();
    assert_eq!(announcer.begin(&spec, at(0)).repeat, 5);
    assert_eq!(announcer.deadline(), Some(at(5000)));
    assert_eq!(rounds(&mut announcer, &spec, at(4999)), []);
    assert_eq!(rounds(&mut announcer, &spec, at(5000)), [5]);
    assert_eq!(announcer.deadline(), None);
}

#[test]
fn the_minimum_is_one() {
    let mut announcer = Announcer::default();
    assert_eq!(announcer.begin(&GarpSpec::minimal(), at(0)).repeat, 1);
    assert_eq!(announcer.deadline(), None);
}

#[test]
fn refreshes_and_extra_interfaces_go_on_until_the_end() {
    let spec = GarpSpec {
        delay: Duration::ZERO,
        refresh: Duration::from_secs(60),
        refresh_repeat: 2,
        extra_interval: Duration::from_secs(100),
        ..GarpSpec::default()
    };
    let mut announcer = Announcer::default();
    announcer.begin(&spec, at(0));
    assert_eq!(rounds(&mut announcer, &spec, at(60_000)), [2]);
    assert_eq!(announcer.deadline(), Some(at(100_000)));
    let extra = announcer.due(&spec, at(100_000)).unwrap();
    assert_eq!((extra.repeat, extra.scope), (1, Scope::ExtraInterfaces));
    assert_eq!(announcer.deadline(), Some(at(120_000)));
    announcer.end();
    assert_eq!(announcer.deadline(), None);
}

#[test]
fn doubts_are_answered_at_a_bounded_rate_and_the_last_one_always() {
    let spec = GarpSpec {
        lower_prio_delay: Duration::ZERO,
        ..GarpSpec::default()
    };
    let mut announcer = Announcer::default();
    assert!(announcer.doubt(&spec, at(0)).is_some());
    for ms in 1..100 {
        assert!(announcer.doubt(&spec, at(ms)).is_none());
    }
    assert_eq!(announcer.limited, 99);
    assert_eq!(announcer.deadline(), Some(at(100)));
    assert_eq!(rounds(&mut announcer, &spec, at(100)), [5]);
    assert_eq!(announcer.deadline(), None);
}

#[test]
fn without_repeats_a_doubt_is_not_answered() {
    let spec = GarpSpec {
        lower_prio_repeat: 0,
        ..GarpSpec::default()
    };
    assert!(Announcer::default().doubt(&spec, at(0)).is_none());
}

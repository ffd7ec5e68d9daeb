use std::time::Duration;

use super::*;

fn member(maxconn: u32, minconn: u32, slowstart: u64) -> Member {
    let mut spec = ServerSpec::new("s", 1);
    spec.maxconn = maxconn;
    spec.minconn = minconn;
    spec.slowstart = Duration::from_secs(slowstart);
    Member {
        spec,
        removed: false,
        placement: Placement::running(1),
        usable: true,
        weight: 16,
        weight_before: 0,
        served: 0,
        served_max: 0,
        chosen: 0,
        rate: lbd_core::freq::FreqCounter::default(),
        queue: WaitQueue::default(),
    }
}

fn load(streams: u32, fullconn: u32, secs: u64) -> Load {
    Load {
        streams,
        fullconn,
        now: Time::from_millis(secs * 1000),
    }
}

#[test]
fn the_limit_grows_with_the_backend_from_minconn_to_maxconn() {
    let m = member(100, 10, 0);
    for (streams, wanted) in [
        (0, 10),
        (50, 10),
        (100, 10),
        (500, 50),
        (999, 99),
        (1000, 100),
    ] {
        assert_eq!(m.slots(load(streams, 1000, 0)), wanted, "{streams} streams");
    }
    assert_eq!(member(100, 0, 0).slots(load(0, 1000, 0)), 100, "no minconn");
    assert_eq!(member(0, 0, 0).slots(load(5, 1000, 0)), 0, "no limit");
}

#[test]
fn a_slow_start_raises_limit_and_weight_second_by_second() {
    let mut m = member(100, 0, 10);
    m.placement.state = State::Starting;
    m.placement.weight = 10;
    let scale = Scale {
        full: WEIGHT_SCALE,
        divisor: 1,
        dynamic: true,
    };
    let at = |secs: u64| {
        let weight = m.effective(&m.placement, scale, Time::from_millis(secs * 1000));
        (m.slots(load(1, 1, secs)), weight)
    };
    assert_eq!(at(0), (1, 10));
    assert_eq!(at(5), (50, 90));
    assert_eq!(at(9), (90, 150));
    assert_eq!(at(10), (100, 160));
}

#[test]
fn static_weights_are_divided_by_their_common_divisor() {
    let servers: Vec<ServerSpec> = [12, 4, 20]
        .map(|w| ServerSpec {
            weight: w,
            ..ServerSpec::new("s", 1)
        })
        .to_vec();
    let scale = Scale::of(&Algorithm::StaticRr, &HashSpec::default(), &servers);
    let weigh = |w| member(0, 0, 0).effective(&Placement::running(w), scale, Time::ZERO);
    assert_eq!([12, 4, 20].map(weigh), [3, 1, 5]);
    assert_eq!(scale.configured(3), 12);
}

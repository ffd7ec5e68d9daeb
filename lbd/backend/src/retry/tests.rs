use super::*;

fn attempt() -> Attempt {
    Attempt {
        retries: 0,
        replayable: true,
        forced: false,
        direct: true,
        server: State::Running,
        active: 2,
        hashed: false,
        reused: false,
        delayed: true,
    }
}

const NOW: Duration = Duration::ZERO;
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn every_word_of_the_manual_covers_its_failures() {
    let covers = |word: &str, failure| RetryOn::parse(word).unwrap().covers(failure);
    assert!(covers("conn-failure", Failure::Connection));
    assert!(covers("empty-response", Failure::EmptyResponse));
    assert!(covers("junk-response", Failure::JunkResponse));
    assert!(covers("response-timeout", Failure::ResponseTimeout));
    assert!(covers("0rtt-rejected", Failure::ZeroRttRejected));
    for status in RETRY_STATUSES {
        let on = RetryOn::parse(&status.to_string()).unwrap();
        assert!(on.covers(Failure::Status(status)));
        assert!(!on.covers(Failure::Connection));
        let all = RetryOn::parse("all-retryable-errors").unwrap();
        let wanted = matches!(status, 500 | 502 | 503 | 504);
        assert_eq!(all.covers(Failure::Status(status)), wanted, "{status}");
    }
    for word in ["", "200", "418", "everything"] {
        assert_eq!(RetryOn::parse(word), None);
    }
    assert!(!RetryOn::NONE.covers(Failure::Connection));
}

#[test]
fn only_covered_failures_are_retried_and_not_for_ever() {
    let spec = RetrySpec::default();
    let same = Retry::SameServer { after: SECOND };
    assert_eq!(spec.decide(Failure::Connection, &attempt()), same);
    assert_eq!(
        spec.decide(Failure::EmptyResponse, &attempt()),
        Retry::GiveUp
    );
    let last = Attempt {
        retries: 3,
        ..attempt()
    };
    assert_eq!(spec.decide(Failure::Connection, &last), Retry::GiveUp);
    let on = RetryOn::parse("503").unwrap();
    let spec = RetrySpec { on, ..spec };
    assert_eq!(
        spec.decide(Failure::Status(503), &attempt()),
        Retry::SameServer { after: NOW }
    );
    let sent = Attempt {
        replayable: false,
        ..attempt()
    };
    assert_eq!(spec.decide(Failure::Status(503), &sent), Retry::GiveUp);
}

#[test]
fn the_last_retry_goes_elsewhere_by_default() {
    let spec = RetrySpec {
        redispatch: Some(-1),
        ..RetrySpec::default()
    };
    let at = |retries| {
        spec.decide(
            Failure::Connection,
            &Attempt {
                retries,
                ..attempt()
            },
        )
    };
    assert_eq!(at(0), Retry::SameServer { after: SECOND });
    assert_eq!(at(1), Retry::SameServer { after: SECOND });
    assert_eq!(at(2), Retry::Redispatch { after: NOW });
}

#[test]
fn the_interval_counts_from_either_end() {
    let at = |interval, retries| {
        let spec = RetrySpec {
            redispatch: Some(interval),
            ..RetrySpec::default()
        };
        let retry = spec.decide(
            Failure::Connection,
            &Attempt {
                retries,
                ..attempt()
            },
        );
        matches!(retry, Retry::Redispatch { .. })
    };
    assert_eq!([0, 1, 2].map(|n| at(1, n)), [true, true, true]);
    assert_eq!([0, 1, 2].map(|n| at(2, n)), [false, true, false]);
    assert_eq!([0, 1, 2].map(|n| at(-2, n)), [false, true, false]);
    assert_eq!(
        [0, 1, 2].map(|n| at(-4, n)),
        [false, false, false],
        "no division by nothing"
    );
}

#[test]
fn streams_that_need_no_certain_server_go_elsewhere_at_once() {
    let spec = RetrySpec {
        redispatch: Some(-1),
        ..RetrySpec::default()
    };
    let free = Attempt {
        direct: false,
        ..attempt()
    };
    let elsewhere = Retry::Redispatch { after: NOW };
    assert_eq!(spec.decide(Failure::Connection, &free), elsewhere);
    let down = Attempt {
        server: State::Stopped,
        ..attempt()
    };
    assert_eq!(spec.decide(Failure::Connection, &down), elsewhere);
    for stays in [
        Attempt {
            hashed: true,
            ..free
        },
        Attempt { active: 1, ..free },
        Attempt {
            forced: true,
            ..down
        },
    ] {
        let retry = spec.decide(Failure::Connection, &stays);
        assert_eq!(retry, Retry::SameServer { after: SECOND }, "{stays:?}");
    }
}

#[test]
fn the_pause_is_short_when_connections_time_out_soon() {
    let connect_timeout = Some(Duration::from_millis(300));
    let spec = RetrySpec {
        connect_timeout,
        ..RetrySpec::default()
    };
    let same = |after| Retry::SameServer { after };
    let short = same(Duration::from_millis(300));
    assert_eq!(spec.decide(Failure::Connection, &attempt()), short);
    let at_once = Attempt {
        delayed: false,
        ..attempt()
    };
    assert_eq!(spec.decide(Failure::Connection, &at_once), same(NOW));
    let reused = Attempt {
        reused: true,
        ..attempt()
    };
    assert_eq!(spec.decide(Failure::Connection, &reused), same(NOW));
}

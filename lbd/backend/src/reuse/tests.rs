use super::*;

#[test]
fn what_a_request_may_take_follows_the_table_of_the_manual() {
    use IdleKind::{Idle, Safe};
    use ReuseMode::{Aggressive, Always, Never};
    for (mode, first, wanted) in [
        (Never, true, &[][..]),
        (Never, false, &[]),
        (ReuseMode::Safe, true, &[]),
        (ReuseMode::Safe, false, &[Idle, Safe]),
        (Aggressive, true, &[Safe]),
        (Aggressive, false, &[Idle, Safe]),
        (Always, true, &[Safe, Idle]),
        (Always, false, &[Idle, Safe]),
    ] {
        assert_eq!(takes(mode, first, false), wanted, "{mode:?} {first}");
    }
    assert_eq!(
        takes(ReuseMode::Safe, true, true),
        [Idle, Safe],
        "a lost one can be replayed"
    );
}

#[test]
fn max_reuse_counts_reuses_not_uses() {
    assert!(may_serve_again(None, 1_000_000));
    assert!(!may_serve_again(Some(0), 1));
    assert!(may_serve_again(Some(1), 1));
    assert!(!may_serve_again(Some(1), 2));
}

fn load() -> PoolLoad {
    PoolLoad {
        lacking: true,
        used: 3,
        high_descriptors: 100,
        low_descriptors: 80,
        ..PoolLoad::default()
    }
}

#[test]
fn a_free_connection_is_kept_within_all_limits() {
    let estimate = PoolEstimate {
        needed: 5,
        max_used: 5,
    };
    let spec = PoolSpec::default();
    assert!(estimate.keeps(&spec, &load()));
    for no in [
        PoolLoad {
            private: true,
            ..load()
        },
        PoolLoad {
            maint: true,
            ..load()
        },
        PoolLoad {
            descriptors: 100,
            ..load()
        },
        PoolLoad {
            lacking: false,
            idle: 9,
            ..load()
        },
        PoolLoad {
            lacking: false,
            descriptors: 80,
            ..load()
        },
    ] {
        assert!(!estimate.keeps(&spec, &no), "{no:?}");
    }
    assert!(estimate.keeps(
        &spec,
        &PoolLoad {
            lacking: false,
            idle: 2,
            ..load()
        }
    ));
    for no in [
        PoolSpec {
            mode: ReuseMode::Never,
            ..spec
        },
        PoolSpec {
            max: Some(0),
            ..spec
        },
        PoolSpec {
            purge_delay: Duration::ZERO,
            ..spec
        },
    ] {
        assert!(!estimate.keeps(&no, &load()), "{no:?}");
    }
}

#[test]
fn a_purge_closes_half_of_what_was_not_needed() {
    let mut estimate = PoolEstimate::default();
    estimate.observe(20);
    assert_eq!(estimate.purge(2, 18), 0, "all were needed");
    assert_eq!(estimate.purge(2, 18), 0, "the estimate decays slowly");
    let mut closed = 0;
    for _ in 0..20 {
        closed += estimate.purge(2, 18 - closed);
    }
    assert!(closed >= 17, "{closed}");
    assert_eq!(purge_share(8, 6, 12), 5);
    assert_eq!(purge_share(8, 0, 12), 0);
    assert_eq!(purge_share(0, 6, 12), 0);
}

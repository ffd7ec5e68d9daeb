use lbd_core::Time;

use super::*;
use crate::metric::COLUMNS;

#[test]
fn columns_are_known_and_in_the_order_of_all_columns() {
    for list in [FRONTEND, BACKEND] {
        let place = |name: &&str| COLUMNS.iter().position(|column| column.name == *name);
        let places: Vec<_> = list
            .iter()
            .map(|name| place(name).expect("a column"))
            .collect();
        assert!(places.is_sorted());
        for at in places {
            assert!(COLUMNS[at].tags.ends_with('P'), "{}", COLUMNS[at].name);
        }
    }
}

#[test]
fn what_was_counted_before_is_taken_up_and_counted_on() {
    let shards = Shards::new(4);
    for (column, value) in [
        ("stot", 5),
        ("bin", 6),
        ("bout", 7),
        ("hrsp_2xx", 8),
        ("rate", 9),
    ] {
        take_up(&shards, column, value);
    }
    take_up(&shards, "reqbin", 60);
    take_up(&shards, "none", 1);
    shards.of(3).session(Time::default());
    let totals = shards.totals(Time::default());
    assert_eq!(
        (totals.sessions, totals.bytes_in, totals.bytes_out),
        (6, 6, 7)
    );
    assert_eq!(
        (totals.request_in, totals.response_in, totals.responses[1]),
        (60, 7, 8)
    );
}

#[test]
fn the_last_session_may_be_before_the_start() {
    let now = Time::default();
    let ago = |shards: &Shards| Shards::since_last_session(shards.totals(now).last_session, now);
    let shards = Shards::new(2);
    assert_eq!(ago(&shards), None);
    take_up(&shards, "lastsess", 0);
    assert_eq!(ago(&shards), None);
    take_up(&shards, "lastsess", 100);
    assert_eq!(ago(&shards), Some(100));
    take_up(&shards, "lastsess", u64::MAX);
    assert!(ago(&shards).is_some());
    shards.of(1).session(now);
    assert_eq!(ago(&shards), Some(0));
}

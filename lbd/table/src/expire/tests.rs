use super::*;
use crate::data::DataType;
use crate::key::{Key, KeyType};
use crate::schema::{Schema, Stored};
use crate::table::Full;
use crate::tracked::Tracked;

fn schema(size: u32) -> Schema {
    Schema::new(KeyType::Integer, size)
        .and_then(|s| s.with(Stored::plain(DataType::Gpc0)))
        .and_then(|s| s.with(Stored::plain(DataType::ConnCur)))
        .and_then(|s| s.with(Stored::rate(DataType::HttpReqRate, 10_000)))
        .unwrap()
}

fn table(size: u32, expire_ms: Option<u32>) -> Table {
    let mut schema = schema(size);
    schema.expire_ms = expire_ms;
    Table::new("t", schema, 7)
}

fn at(ms: u64) -> Time {
    Time::from_millis(ms)
}

fn count(table: &Table, key: u32, ms: u64) -> Option<i64> {
    table.read(&Key::integer(key), at(ms), |entry| {
        entry.number(DataType::Gpc0, 0).unwrap()
    })
}

fn hit(table: &Table, key: u32, ms: u64) -> Result<u32, Full> {
    table.upsert(&Key::integer(key), at(ms), |entry| {
        entry.add_gpc(crate::Gpc::First, 1).unwrap()
    })
}

#[test]
fn expiry_says_when_it_wants_to_be_called_and_removes_no_other() {
    let table = table(10, Some(1000));
    assert_eq!(table.expire(at(0), 100), None);
    hit(&table, 1, 0).unwrap();
    hit(&table, 2, 300).unwrap();
    assert_eq!(table.expire(at(10), 100), Some(at(1000)));
    hit(&table, 1, 900).unwrap();
    assert_eq!(table.expire(at(1000), 100), Some(at(1300)));
    assert_eq!(table.used(), 2);
    assert_eq!(table.expire(at(1300), 100), Some(at(1900)));
    assert_eq!(table.used(), 1);
    assert_eq!(table.expire(at(1900), 100), None);
    assert_eq!(table.used(), 0);
    assert_eq!(table.stats().expired, 2);
}

#[test]
fn a_budget_bounds_what_one_call_of_expiry_does() {
    let table = table(1000, Some(10));
    for key in 0..500 {
        hit(&table, key, 0).unwrap();
    }
    assert_eq!(table.expire(at(10), 100), Some(at(10)));
    assert!(table.used() >= 400);
    while table.expire(at(10), 100).is_some() {}
    assert_eq!(table.used(), 0);
}

#[test]
fn a_full_table_loses_the_entry_that_was_used_longest_ago() {
    let table = table(4, None);
    for key in 0..4 {
        hit(&table, key, u64::from(key)).unwrap();
    }
    hit(&table, 0, 10).unwrap();
    hit(&table, 9, 11).unwrap();
    assert_eq!(count(&table, 1, 11), None);
    assert_eq!(count(&table, 0, 11), Some(2));
    hit(&table, 10, 12).unwrap();
    assert_eq!(count(&table, 2, 12), None);
    assert_eq!(table.used(), 4);
    assert_eq!(table.stats().purged, 2);
}

#[test]
fn a_full_table_with_nopurge_refuses_until_something_is_over() {
    let mut schema = schema(2);
    schema.nopurge = true;
    schema.expire_ms = Some(100);
    let table = Table::new("t", schema, 1);
    hit(&table, 1, 0).unwrap();
    hit(&table, 2, 50).unwrap();
    assert_eq!(hit(&table, 3, 60), Err(Full));
    assert_eq!(hit(&table, 3, 100), Ok(1));
    assert_eq!(count(&table, 2, 100), Some(1));
    assert_eq!(table.stats().refused, 1);
}

#[test]
fn when_all_entries_are_tracked_a_new_one_is_refused() {
    let table = table(2, None);
    let one = Tracked::start(&table, &Key::integer(1), at(0)).unwrap();
    let _two = Tracked::start(&table, &Key::integer(2), at(0)).unwrap();
    assert_eq!(hit(&table, 3, 1), Err(Full));
    one.end(at(2));
    assert_eq!(hit(&table, 3, 1500), Ok(1));
}

#[test]
fn threads_that_fill_a_table_keep_it_within_its_size() {
    let table = table(100, Some(50));
    std::thread::scope(|scope| {
        for thread in 0..4_u32 {
            let table = &table;
            scope.spawn(move || {
                for round in 0..5000_u32 {
                    let _ = hit(table, round * 4 + thread, u64::from(round / 100));
                    assert!(table.used() <= 100);
                    if round % 64 == 0 {
                        table.expire(at(u64::from(round / 100)), 16);
                    }
                }
            });
        }
    });
    let mut walk = crate::Walk::default();
    let mut met = 0;
    while table.walk(&mut walk, at(49), 1000, |_| {
        met += 1;
        std::ops::ControlFlow::Continue(())
    }) {}
    assert!(met <= table.used(), "{met}");
}

#[test]
fn rows_with_several_places_in_the_queue_are_freed_once() {
    let table = table(20_000, Some(100_000));
    for key in 0..20_000 {
        let learn = |lives| {
            table
                .learn(&Key::integer(key), Some(lives), &[], None, at(0))
                .unwrap();
        };
        learn(90_000);
        learn(50_000);
        learn(20_000);
        if key % 3 != 0 {
            let removal = table.remove(&Key::integer(key), at(0));
            assert_eq!(removal, crate::Removal::Removed);
        }
    }
    for key in 0..20_000 {
        hit(&table, key, 1).unwrap();
    }
    let mut places = std::collections::HashSet::new();
    let mut walk = crate::Walk::default();
    while table.walk(&mut walk, at(1), 1000, |entry| {
        assert!(places.insert(entry.id()));
        std::ops::ControlFlow::Continue(())
    }) {}
    assert_eq!(places.len(), 20_000);
    // The places that the removed ones left are looked at in their time.
    assert_eq!(table.expire(at(99_000), usize::MAX), Some(at(100_000)));
    assert_eq!(table.expire(at(100_000), usize::MAX), Some(at(100_001)));
    assert_eq!(table.used(), 20_000);
    assert_eq!(table.expire(at(100_001), usize::MAX), None);
    assert_eq!(table.used(), 0);
    let bytes = table.stats().bytes;
    for key in 0..20_000 {
        hit(&table, key, 200_000).unwrap();
    }
    assert_eq!(table.stats().bytes, bytes, "all rows are used again");
}

#[test]
fn a_tracked_entry_that_was_passed_over_is_the_oldest_again_once_released() {
    let table = table(3, None);
    let one = Tracked::start(&table, &Key::integer(1), at(0)).unwrap();
    hit(&table, 2, 1).unwrap();
    hit(&table, 3, 2).unwrap();
    hit(&table, 4, 3).unwrap();
    assert_eq!(count(&table, 2, 3), None);
    drop(one);
    hit(&table, 3, 4).unwrap();
    hit(&table, 4, 5).unwrap();
    hit(&table, 5, 6).unwrap();
    assert_eq!(count(&table, 1, 6), None);
    assert_eq!(count(&table, 3, 6), Some(2));
}

#[test]
fn expiry_does_not_put_off_what_is_in_use_before_its_time() {
    let table = table(10, Some(1000));
    let tracked = Tracked::start(&table, &Key::integer(1), at(0)).unwrap();
    assert_eq!(table.expire(at(10), 100), Some(at(1000)));
    tracked.end(at(20));
    assert_eq!(table.expire(at(1000), 100), Some(at(1020)));
    assert_eq!(table.expire(at(1020), 100), None);
}

use std::sync::Arc;

use super::*;
use crate::data::DataType;
use crate::key::KeyType;
use crate::schema::Stored;
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
fn an_entry_is_over_at_its_time_whether_or_not_it_was_removed() {
    let table = table(10, Some(1000));
    assert_eq!(hit(&table, 1, 0), Ok(1));
    assert_eq!(hit(&table, 1, 500), Ok(2));
    assert_eq!(count(&table, 1, 1499), Some(2));
    assert_eq!(count(&table, 1, 1500), None);
    assert_eq!(hit(&table, 1, 1500), Ok(1));
    assert_eq!(table.used(), 1);
}

#[test]
fn a_tracked_entry_is_neither_purged_expired_nor_cleared() {
    let table = table(2, Some(1000));
    let tracked = Tracked::start(&table, &Key::integer(1), at(0)).unwrap();
    hit(&table, 2, 10).unwrap();
    hit(&table, 3, 20).unwrap();
    assert_eq!(count(&table, 2, 20), None);
    assert_eq!(table.remove(&Key::integer(1), at(20)), Removal::InUse);
    table.expire(at(5000), 100);
    assert_eq!(count(&table, 1, 5000), Some(0));
    tracked.end(at(5000));
    assert_eq!(table.remove(&Key::integer(1), at(5001)), Removal::Removed);
    assert_eq!(table.used(), 0);
}

#[test]
fn trackers_count_current_connections() {
    let table = Arc::new(table(10, None));
    let current = |ms| {
        table.read(&Key::integer(1), at(ms), |entry| {
            (
                entry.number(DataType::ConnCur, 0).unwrap(),
                entry.trackers(),
            )
        })
    };
    let one = Tracked::start(Arc::clone(&table), &Key::integer(1), at(0)).unwrap();
    let two = Tracked::start(Arc::clone(&table), &Key::integer(1), at(0)).unwrap();
    assert_eq!(current(1), Some((2, 2)));
    one.end(at(1));
    assert_eq!(current(1), Some((1, 1)));
    drop(two);
    assert_eq!(current(1), Some((0, 0)));
}

#[test]
fn cleared_rows_are_used_again() {
    let table = table(1000, Some(86_400_000));
    for round in 0..1000 {
        hit(&table, round, u64::from(round)).unwrap();
        assert_eq!(
            table.remove(&Key::integer(round), at(u64::from(round))),
            Removal::Removed
        );
    }
    assert_eq!(table.used(), 0);
    let bytes = table.stats().bytes;
    assert!(bytes < 1_000_000, "{bytes}");
}

#[test]
fn an_entry_is_found_by_the_place_that_is_printed() {
    let table = table(10, None);
    hit(&table, 1, 0).unwrap();
    let line = table
        .read(&Key::integer(1), at(0), |entry| {
            let mut line = String::new();
            entry.write_line(&mut line);
            line
        })
        .unwrap();
    let (place, rest) = line.split_once(": ").unwrap();
    assert_eq!(
        rest,
        "key=1 use=0 exp=0 shard=0 gpc0=1 conn_cur=0 http_req_rate(10000)=0\n"
    );
    let id = EntryId::parse(place.strip_prefix("0x").unwrap()).unwrap();
    assert_eq!(table.remove_at(id, at(0)), Removal::Removed);
    assert_eq!(table.remove_at(id, at(0)), Removal::Absent);
    assert!(EntryId::parse("0").is_none());
    assert!(EntryId::parse("ffffffffffffffff").is_none());
}

#[test]
fn threads_lose_no_increment() {
    let table = table(1 << 16, Some(3_600_000));
    let threads = 4;
    let rounds = 20_000_u32;
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                for round in 0..rounds {
                    let key = Key::integer(round % 97);
                    let tracked = Tracked::start(&table, &key, at(u64::from(round))).unwrap();
                    tracked.edit(at(u64::from(round)), |entry| {
                        entry.add_gpc(crate::Gpc::First, 1);
                        entry.count_request();
                    });
                }
            });
        }
    });
    let sum: i64 = (0..97).map(|key| count(&table, key, 20_000).unwrap()).sum();
    assert_eq!(sum, i64::from(threads * rounds));
    let current: i64 = (0..97)
        .map(|key| {
            table
                .read(&Key::integer(key), at(20_000), |entry| {
                    entry.number(DataType::ConnCur, 0).unwrap()
                })
                .unwrap()
        })
        .sum();
    assert_eq!(current, 0);
    assert_eq!(table.used(), 97);
}

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers of tests are small"
)]
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use super::*;
use crate::data::{DataType, Value};
use crate::entry::Gpc;
use crate::key::{Key, KeyType};
use crate::schema::{Schema, Stored};
use crate::walk::Walk;

fn table(size: u32) -> Table {
    let mut schema = Schema::new(KeyType::Integer, size).unwrap();
    schema.expire_ms = Some(60_000);
    schema.store(Stored::plain(DataType::Gpc0)).unwrap();
    Table::new("t", schema, 1)
}

fn hit(table: &Table, key: u32) {
    let added = table.upsert(&Key::integer(key), Time::ZERO, |entry| {
        entry.add_gpc(Gpc::First, 1)
    });
    assert!(added.unwrap().is_some());
}

fn key_of(entry: &EntryView<'_>) -> u32 {
    u32::from_ne_bytes(entry.key().try_into().unwrap())
}

/// Ids, keys and counts that a reader gets.
fn pull(table: &Table, reader: ReaderId, at_most: usize) -> Vec<(u64, u32, i64)> {
    let mut got = Vec::new();
    table.pull(reader, Time::ZERO, at_most, |id, entry| {
        got.push((id, key_of(entry), entry.number(DataType::Gpc0, 0).unwrap()));
        ControlFlow::Continue(())
    });
    got
}

#[test]
fn a_table_without_readers_logs_nothing() {
    let table = table(10);
    hit(&table, 1);
    assert_eq!(table.last_update(), 0);
    assert_eq!(table.stats().log_places, 0);
}

#[test]
fn readers_get_changes_in_order_and_each_entry_once() {
    let table = table(1000);
    let reader = table.add_reader().unwrap();
    for key in 0..200 {
        hit(&table, key);
    }
    hit(&table, 7);
    let got = pull(&table, reader, 10_000);
    assert_eq!(got.len(), 200);
    assert!(got.windows(2).all(|pair| pair[0].0 < pair[1].0));
    assert_eq!(got[7].1, 7);
    assert_eq!(got[7].2, 2, "what it holds when it is read");
    assert!(!table.has_updates(reader));
    hit(&table, 7);
    assert_eq!(pull(&table, reader, 10), [(201, 7, 3)]);
}

#[test]
fn a_change_after_one_reader_saw_the_entry_is_news_for_all() {
    let table = table(10);
    let (one, two) = (table.add_reader().unwrap(), table.add_reader().unwrap());
    hit(&table, 1);
    assert_eq!(pull(&table, one, 10), [(1, 1, 1)]);
    hit(&table, 1);
    assert_eq!(pull(&table, two, 10), [(2, 1, 2)]);
    assert_eq!(pull(&table, one, 10), [(2, 1, 2)]);
    assert_eq!(pull(&table, two, 10), []);
}

#[test]
fn the_update_that_had_no_room_comes_again() {
    let table = table(10);
    let reader = table.add_reader().unwrap();
    hit(&table, 1);
    hit(&table, 2);
    let mut seen = Vec::new();
    let pulled = table.pull(reader, Time::ZERO, 10, |_, entry| {
        seen.push(key_of(entry));
        if seen.len() == 2 {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    assert_eq!((pulled.taken, pulled.has_more), (1, true));
    hit(&table, 2);
    assert_eq!(pull(&table, reader, 10), [(2, 2, 2)]);
}

#[test]
fn what_was_not_acknowledged_is_given_again_after_a_rewind() {
    let table = table(10);
    let reader = table.add_reader().unwrap();
    for key in 1..=4 {
        hit(&table, key);
    }
    assert_eq!(pull(&table, reader, 3).len(), 3);
    assert!(table.acknowledge(reader, 2));
    assert!(!table.acknowledge(reader, 2), "twice");
    assert!(!table.acknowledge(reader, 4), "not sent");
    assert!(
        !table.acknowledge(reader, 2_u32.swap_bytes()),
        "an id with its bytes swapped"
    );
    table.rewind(reader);
    let keys: Vec<u32> = pull(&table, reader, 10).iter().map(|got| got.1).collect();
    assert_eq!(keys, [3, 4]);
}

#[test]
fn acknowledged_places_leave_the_log() {
    let table = table(10);
    let reader = table.add_reader().unwrap();
    for _ in 0..10_000 {
        hit(&table, 1);
        let got = pull(&table, reader, 10);
        table.acknowledge(reader, got[0].0 as u32);
    }
    assert!(table.stats().log_places < 10, "{:?}", table.stats());
}

#[test]
fn the_log_is_bounded_by_the_entries_when_a_peer_stays_away() {
    let table = table(100);
    let (away, here) = (table.add_reader().unwrap(), table.add_reader().unwrap());
    for round in 0..50_000 {
        hit(&table, round % 100);
        pull(&table, here, 10);
    }
    let places = table.stats().log_places;
    assert!(places < 64 * 300, "{places}");
    assert_eq!(pull(&table, away, 100_000).len(), 100);
}

#[test]
fn entries_that_are_gone_are_not_given() {
    let table = table(10);
    let reader = table.add_reader().unwrap();
    hit(&table, 1);
    hit(&table, 2);
    table.remove(&Key::integer(1), Time::ZERO);
    let keys: Vec<u32> = pull(&table, reader, 10).iter().map(|got| got.1).collect();
    assert_eq!(keys, [2]);
    let late = Time::from_millis(60_000);
    hit(&table, 3);
    let pulled = table.pull(reader, late, 10, |_, _| ControlFlow::Continue(()));
    assert_eq!((pulled.taken, pulled.has_more), (0, false));
}

#[test]
fn what_a_peer_sent_is_not_sent_back() {
    let table = table(10);
    let reader = table.add_reader().unwrap();
    let items = [(DataType::Gpc0, 0, Value::Unsigned(5))];
    table
        .learn(&Key::integer(1), None, &items, None, Time::ZERO)
        .unwrap();
    assert_eq!(pull(&table, reader, 10), []);
    hit(&table, 1);
    assert_eq!(pull(&table, reader, 10), [(1, 1, 6)]);
}

#[test]
fn a_lesson_and_the_updates_after_it_miss_nothing_and_repeat_nothing() {
    let table = table(1000);
    let reader = table.add_reader().unwrap();
    for key in 0..100 {
        hit(&table, key);
    }
    let mark = table.last_update();
    let mut walk = Walk::default();
    let mut taught = Vec::new();
    let mut is_first = true;
    while table.teach(&mut walk, Time::ZERO, 8, |entry| {
        taught.push(key_of(entry));
        ControlFlow::Continue(())
    }) {
        if std::mem::take(&mut is_first) && !taught.is_empty() {
            hit(&table, taught[0]);
        }
    }
    taught.sort_unstable();
    assert_eq!(taught, (0..100).collect::<Vec<_>>());
    table.skip_to(reader, mark);
    // The change during the lesson is news if its entry had been taught before.
    let after = pull(&table, reader, 1000);
    assert!(after.len() <= 1);
    hit(&table, 5);
    assert_eq!(pull(&table, reader, 1000).len(), 1);
}

#[test]
fn a_sleeping_reader_is_woken_once() {
    let table = table(10);
    let woken = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&woken);
    assert!(table.set_waker(move || {
        count.fetch_add(1, Ordering::Relaxed);
    }));
    let reader = table.add_reader().unwrap();
    hit(&table, 1);
    assert_eq!(woken.load(Ordering::Relaxed), 0, "nobody sleeps");
    pull(&table, reader, 10);
    table.arm();
    assert!(!table.has_updates(reader));
    hit(&table, 2);
    hit(&table, 3);
    assert_eq!(woken.load(Ordering::Relaxed), 1);
}

#[test]
fn readers_beyond_the_limit_are_refused_and_places_are_used_again() {
    let table = table(10);
    let readers: Vec<_> = (0..MAX_READERS)
        .map(|_| table.add_reader().unwrap())
        .collect();
    assert_eq!(table.add_reader(), None);
    table.remove_reader(readers[3]);
    assert_eq!(table.reader(readers[3]), None);
    assert_eq!(table.add_reader(), Some(readers[3]));
}

#[test]
fn no_change_is_missed_while_workers_write() {
    let table = table(10_000);
    let reader = table.add_reader().unwrap();
    let rounds = 20_000_u32;
    let mut seen = std::collections::HashMap::new();
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..3)
            .map(|writer| {
                let table = &table;
                scope.spawn(move || {
                    for round in 0..rounds {
                        hit(table, (round * 7 + writer) % 500);
                    }
                })
            })
            .collect();
        loop {
            let is_over = writers.iter().all(|writer| writer.is_finished());
            let mut last = 0;
            table.pull(reader, Time::ZERO, 1000, |id, entry| {
                assert!(id > last);
                last = id;
                seen.insert(key_of(entry), entry.number(DataType::Gpc0, 0).unwrap());
                ControlFlow::Continue(())
            });
            table.acknowledge(reader, last as u32);
            if is_over && !table.has_updates(reader) {
                break;
            }
        }
    });
    let sum: i64 = seen.values().sum();
    assert_eq!(sum, i64::from(rounds * 3));
}

#[test]
fn a_reader_far_behind_an_entry_that_changes_often_catches_up() {
    let table = table(10);
    let (away, here) = (table.add_reader().unwrap(), table.add_reader().unwrap());
    hit(&table, 1);
    for _ in 0..100_000 {
        hit(&table, 2);
        pull(&table, here, 10);
    }
    hit(&table, 3);
    let keys: Vec<u32> = (0..3).map(|_| pull(&table, away, 1)[0].1).collect();
    assert_eq!(keys, [1, 2, 3]);
    assert!(!table.has_updates(away));
}

#[test]
fn a_reader_that_comes_after_the_last_one_left_gets_what_nobody_saw() {
    let table = table(10);
    let first = table.add_reader().unwrap();
    hit(&table, 1);
    table.remove_reader(first);
    hit(&table, 1);
    hit(&table, 2);
    let next = table.add_reader().unwrap();
    hit(&table, 1);
    assert_eq!(pull(&table, next, 10), [(1, 1, 3)]);
    hit(&table, 2);
    assert_eq!(pull(&table, next, 10), [(2, 2, 2)]);
}

#[test]
fn ids_beyond_32_bits_are_told_apart() {
    let table = table(10);
    table.context.ids.store((1 << 33) - 2, Ordering::SeqCst);
    let reader = table.add_reader().unwrap();
    table.skip_to(reader, table.last_update());
    for key in 1..=4 {
        hit(&table, key);
    }
    let got = pull(&table, reader, 10);
    assert_eq!(got.len(), 4);
    assert_eq!(got[3].0, (1 << 33) + 2);
    assert!(table.acknowledge(reader, u32::MAX), "the first of them");
    assert!(!table.acknowledge(reader, u32::MAX - 1));
    assert!(table.acknowledge(reader, 2));
    assert_eq!(table.reader(reader).unwrap().acknowledged, (1 << 33) + 2);
}

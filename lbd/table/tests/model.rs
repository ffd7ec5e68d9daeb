//! Tables against a map, in virtual time: whatever is done, both hold the same.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers of tests are small"
)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::ops::ControlFlow;

use lbd_core::Time;
use lbd_table::{
    DataType, Gpc, Key, KeyType, Removal, Schema, Stored, Table, Tracked, Value, Walk,
};
use proptest::prelude::*;

const KEYS: u32 = 24;
const EXPIRE_MS: u64 = 5000;

#[derive(Debug, Clone)]
enum Step {
    Advance(u64),
    Clear(u32),
    Expire,
    Hit(u32, u32),
    Learn(u32, Option<u32>, u32),
    Pull(usize),
    Rewind,
    Teach,
    Track(u32),
    Untrack(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let key = 0..KEYS;
    prop_oneof![
        4 => (0..2000_u64).prop_map(Step::Advance),
        1 => key.clone().prop_map(Step::Clear),
        1 => Just(Step::Expire),
        8 => (key.clone(), 0..5_u32).prop_map(|(key, n)| Step::Hit(key, n)),
        2 => (key.clone(), prop::option::of(0..9000_u32), 0..100_u32)
            .prop_map(|(key, lives, n)| Step::Learn(key, lives, n)),
        2 => (1..9_usize).prop_map(Step::Pull),
        1 => Just(Step::Rewind),
        1 => Just(Step::Teach),
        2 => key.prop_map(Step::Track),
        2 => (0..8_usize).prop_map(Step::Untrack),
    ]
}

fn table(size: u32, expires: bool) -> Table {
    let mut schema = Schema::new(KeyType::Integer, size).unwrap();
    schema.expire_ms = expires.then_some(EXPIRE_MS as u32);
    schema.store(Stored::plain(DataType::Gpc0)).unwrap();
    Table::new("t", schema, 42)
}

fn read(table: &Table, key: u32, now: Time) -> Option<u32> {
    table.read(&Key::integer(key), now, |entry| {
        entry.gpc(Gpc::First).unwrap()
    })
}

/// Count and moment of its end, or of its last use in a table without expiry.
type Model = HashMap<u32, (u32, u64)>;

fn forget_what_is_over(model: &mut Model, expires: bool, now_ms: u64) {
    model.retain(|_, &mut (_, until)| !expires || until > now_ms);
}

/// The one entry that may be missing is the oldest, and only a full table loses one.
fn check_purge(model: &mut Model, table: &Table, key: u32, was_full: bool, now: Time) {
    let gone: Vec<u32> = model
        .keys()
        .copied()
        .filter(|&k| k != key && read(table, k, now).is_none())
        .collect();
    assert!(gone.len() <= 1, "{gone:?}");
    for gone in gone {
        assert!(was_full);
        let (_, until) = model.remove(&gone).unwrap();
        let others = model.iter().filter(|&(&k, _)| k != key);
        let oldest = others.map(|(_, &(_, until))| until).min();
        assert!(oldest.is_none_or(|oldest| until <= oldest));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_table_holds_what_a_map_would(
        size in 4..40_u32,
        expires in any::<bool>(),
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let table = table(size, expires);
        let mut model = Model::new();
        let mut now_ms = 1;
        let life = if expires { EXPIRE_MS } else { 0 };
        for step in steps {
            let now = Time::from_millis(now_ms);
            forget_what_is_over(&mut model, expires, now_ms);
            let was_full = table.used() == size;
            match step {
                Step::Advance(ms) => now_ms += ms,
                Step::Clear(key) => {
                    let expected = match model.remove(&key) {
                        Some(_) => Removal::Removed,
                        None => Removal::Absent,
                    };
                    prop_assert_eq!(table.remove(&Key::integer(key), now), expected);
                }
                Step::Expire => {
                    let next = table.expire(now, usize::MAX);
                    prop_assert!(next.is_some() || !expires || table.used() == 0);
                    if expires {
                        prop_assert_eq!(table.used() as usize, model.len());
                    }
                }
                Step::Hit(key, added) => {
                    table.upsert(&Key::integer(key), now, |entry| entry.add_gpc(Gpc::First, added))
                        .unwrap();
                    let entry = model.entry(key).or_default();
                    *entry = (entry.0 + added, now_ms + life);
                    check_purge(&mut model, &table, key, was_full, now);
                }
                Step::Learn(key, lives, count) => {
                    let items = [(DataType::Gpc0, 0, Value::Unsigned(count))];
                    table.learn(&Key::integer(key), lives, &items, None, now).unwrap();
                    let lives = lives.map_or(life, |lives| life.min(u64::from(lives)));
                    model.insert(key, (count, now_ms + lives));
                    check_purge(&mut model, &table, key, was_full, now);
                }
                _ => {}
            }
            let now = Time::from_millis(now_ms);
            forget_what_is_over(&mut model, expires, now_ms);
            for key in 0..KEYS {
                let expected = model.get(&key).map(|&(count, _)| count);
                prop_assert_eq!(read(&table, key, now), expected, "key {}", key);
            }
            prop_assert!(table.used() <= size);
        }
    }

    #[test]
    fn tracked_entries_stay_and_a_table_stays_within_its_size(
        size in 2..12_u32,
        expires in any::<bool>(),
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let table = table(size, expires);
        let mut tracked: Vec<(u32, u32, Tracked<&Table>)> = Vec::new();
        let mut now_ms = 1;
        for step in steps {
            let now = Time::from_millis(now_ms);
            match step {
                Step::Advance(ms) => now_ms += ms,
                Step::Clear(key) => {
                    let is_tracked = tracked.iter().any(|one| one.0 == key);
                    let removal = table.remove(&Key::integer(key), now);
                    prop_assert_eq!(removal == Removal::InUse, is_tracked);
                }
                Step::Expire => {
                    table.expire(now, 7);
                }
                Step::Hit(key, added) => {
                    let done = table
                        .upsert(&Key::integer(key), now, |entry| entry.add_gpc(Gpc::First, added));
                    for one in tracked.iter_mut().filter(|one| one.0 == key) {
                        prop_assert!(done.is_ok());
                        one.1 += added;
                    }
                }
                Step::Track(key) => {
                    let count = read(&table, key, now).unwrap_or(0);
                    if let Ok(one) = Tracked::start(&table, &Key::integer(key), now) {
                        tracked.push((key, count, one));
                    } else {
                        let mut keys: Vec<u32> = tracked.iter().map(|one| one.0).collect();
                        keys.sort_unstable();
                        keys.dedup();
                        prop_assert_eq!(keys.len(), size as usize, "refused though there is room");
                    }
                }
                Step::Untrack(index) if index < tracked.len() => {
                    tracked.swap_remove(index).2.end(now);
                }
                _ => {}
            }
            prop_assert!(table.used() <= size);
            for (key, count, one) in &tracked {
                let now = Time::from_millis(now_ms);
                prop_assert_eq!(read(&table, *key, now), Some(*count));
                prop_assert_eq!(one.read(now, |entry| entry.gpc(Gpc::First)), Some(Some(*count)));
            }
        }
        let now = Time::from_millis(now_ms);
        drop(tracked);
        let mut walk = Walk::default();
        while table.clear_slice(&mut walk, now, 5, |_| true) {}
        table.expire(Time::from_millis(now_ms + 3 * EXPIRE_MS), usize::MAX);
        prop_assert_eq!(table.used(), 0);
    }

    #[test]
    fn a_replica_fed_from_the_log_holds_the_same(
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let (ours, theirs) = (table(100, false), table(100, false));
        let reader = ours.add_reader().unwrap();
        let now = Time::from_millis(1);
        let feed = |entry: &lbd_table::EntryView<'_>| {
            let key = Key::bytes_of(entry.key(), KeyType::Integer);
            let count = entry.gpc(Gpc::First).unwrap();
            let items = [(DataType::Gpc0, 0, Value::Unsigned(count))];
            theirs.learn(&key, None, &items, None, now).unwrap();
        };
        let pull = |at_most| {
            let mut last = None;
            let pulled = ours.pull(reader, now, at_most, |id, entry| {
                last = Some(id);
                feed(entry);
                ControlFlow::Continue(())
            });
            (pulled, last)
        };
        for step in steps {
            match step {
                Step::Hit(key, added) => {
                    ours.upsert(&Key::integer(key), now, |entry| {
                        entry.add_gpc(Gpc::First, added);
                    })
                    .unwrap();
                }
                Step::Pull(at_most) => {
                    if let (_, Some(last)) = pull(at_most)
                        && at_most % 2 == 0
                    {
                        prop_assert!(ours.acknowledge(reader, last as u32));
                    }
                }
                Step::Rewind => ours.rewind(reader),
                Step::Teach => {
                    let mark = ours.last_update();
                    let mut walk = Walk::default();
                    while ours.teach(&mut walk, now, 3, |entry| {
                        feed(entry);
                        ControlFlow::Continue(())
                    }) {}
                    ours.skip_to(reader, mark);
                }
                _ => {}
            }
        }
        while pull(4).0.has_more {}
        for key in 0..KEYS {
            prop_assert_eq!(read(&theirs, key, now), read(&ours, key, now));
        }
    }
}

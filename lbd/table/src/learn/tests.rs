use super::*;
use crate::data::Rate;
use crate::key::KeyType;
use crate::schema::{Schema, Stored};
use crate::tracked::Tracked;
use crate::walk::Walk;

fn schema() -> Schema {
    let mut schema = Schema::new(KeyType::Integer, 100).unwrap();
    schema.expire_ms = Some(10_000);
    for data in [
        DataType::ServerId,
        DataType::Gpc0,
        DataType::ConnCur,
        DataType::BytesOutCnt,
        DataType::ServerKey,
    ] {
        schema.store(Stored::plain(data)).unwrap();
    }
    schema
        .store(Stored::rate(DataType::HttpReqRate, 1000))
        .unwrap();
    schema.store(Stored::array(DataType::Gpt, 2)).unwrap();
    schema
}

const ITEMS: &[Item<'static>] = &[
    (DataType::ServerId, 0, Value::Signed(-3)),
    (DataType::Gpc0, 0, Value::Unsigned(7)),
    (DataType::ConnCur, 0, Value::Unsigned(5)),
    (DataType::BytesOutCnt, 0, Value::Long(1 << 40)),
    (DataType::ServerKey, 0, Value::Name(Some("s1"))),
    (
        DataType::HttpReqRate,
        0,
        Value::Rate(Rate {
            elapsed_ms: 500,
            current: 10,
            previous: 20,
        }),
    ),
    (DataType::Gpt, 1, Value::Unsigned(9)),
    // What the table does not store, or not so many of, is passed over.
    (DataType::Gpt, 2, Value::Unsigned(9)),
    (DataType::Gpc1, 0, Value::Unsigned(9)),
];

fn at(ms: u64) -> Time {
    Time::from_millis(ms)
}

fn number(table: &Table, ms: u64, data: DataType) -> Option<i64> {
    table.read(&Key::integer(1), at(ms), |entry| {
        entry.number(data, 0).unwrap()
    })
}

fn expires(table: &Table, ms: u64) -> Option<u32> {
    table.read(&Key::integer(1), at(ms), |entry| entry.expires_in_ms())
}

#[test]
fn values_of_a_peer_replace_ours_but_for_the_local_ones() {
    let table = Table::new("t", schema(), 1);
    let key = Key::integer(1);
    table
        .upsert(&key, at(50_000), |entry| {
            entry.set(DataType::Gpc0, 0, 100);
            entry.set(DataType::ConnCur, 0, 2);
        })
        .unwrap();
    table.learn(&key, None, ITEMS, None, at(50_000)).unwrap();
    assert_eq!(number(&table, 50_000, DataType::Gpc0), Some(7));
    assert_eq!(number(&table, 50_000, DataType::ServerId), Some(-3));
    assert_eq!(number(&table, 50_000, DataType::ConnCur), Some(2));
    assert_eq!(number(&table, 50_000, DataType::BytesOutCnt), Some(1 << 40));
    assert_eq!(number(&table, 50_000, DataType::HttpReqRate), Some(20));
    table.read(&key, at(50_000), |entry| {
        assert_eq!(entry.server_key().as_deref(), Some("s1"));
        assert_eq!(entry.gpt(1), Some(9));
        assert!(!entry.is_local());
    });
}

#[test]
fn a_table_that_only_receives_learns_local_values_too() {
    let mut schema = schema();
    schema.recv_only = true;
    let table = Table::new("t", schema, 1);
    table
        .learn(&Key::integer(1), None, ITEMS, None, at(0))
        .unwrap();
    assert_eq!(number(&table, 0, DataType::ConnCur), Some(5));
}

#[test]
fn a_learned_entry_lives_as_long_as_was_sent_and_never_longer_than_ours() {
    let table = Table::new("t", schema(), 1);
    let key = Key::integer(1);
    table.learn(&key, Some(99_000), ITEMS, None, at(0)).unwrap();
    assert_eq!(expires(&table, 0), Some(10_000));
    table.learn(&key, Some(2000), ITEMS, None, at(0)).unwrap();
    assert_eq!(expires(&table, 0), Some(2000));
    table.learn(&key, None, ITEMS, None, at(1000)).unwrap();
    assert_eq!(expires(&table, 1000), Some(10_000));
}

#[test]
fn an_entry_whose_time_a_peer_shortened_goes_in_time() {
    let table = Table::new("t", schema(), 1);
    let key = Key::integer(1);
    table.learn(&key, None, ITEMS, None, at(0)).unwrap();
    table.learn(&key, Some(1), &[], None, at(10)).unwrap();
    assert_eq!(expires(&table, 11), None);
    assert_eq!(table.used(), 1);
    assert_eq!(table.expire(at(11), 10), Some(at(10_000)));
    assert_eq!(table.used(), 0);
    assert!(table.dictionary().is_empty());
    table.learn(&key, None, ITEMS, None, at(12)).unwrap();
    assert_eq!(number(&table, 12, DataType::Gpc0), Some(7));
    assert_eq!(table.used(), 1);
    assert_eq!(table.expire(at(10_000), 10), Some(at(10_012)));
}

#[test]
fn a_tracked_entry_outlives_what_a_peer_says() {
    let table = Table::new("t", schema(), 1);
    let key = Key::integer(1);
    let tracked = Tracked::start(&table, &key, at(0)).unwrap();
    table.learn(&key, Some(1), ITEMS, None, at(10)).unwrap();
    table.expire(at(5000), 10);
    assert_eq!(number(&table, 5000, DataType::Gpc0), Some(7));
    tracked.end(at(5000));
    assert_eq!(expires(&table, 5000), Some(10_000));
}

#[test]
fn a_copy_gets_only_what_no_arithmetic_is_done_on() {
    let (table, copy) = (
        Table::new("t", schema(), 1),
        Table::new("copy", schema(), 2),
    );
    table
        .learn(&Key::integer(1), Some(3000), ITEMS, Some(&copy), at(0))
        .unwrap();
    assert_eq!(number(&copy, 0, DataType::ServerId), Some(-3));
    assert_eq!(number(&copy, 0, DataType::Gpc0), Some(0));
    assert_eq!(number(&copy, 0, DataType::HttpReqRate), Some(0));
    assert_eq!(expires(&copy, 0), Some(3000));
    copy.read(&Key::integer(1), at(0), |entry| {
        assert_eq!(entry.server_key().as_deref(), Some("s1"));
        assert_eq!(entry.gpt(1), Some(9));
    });
}

#[test]
fn a_peer_without_a_server_name_leaves_ours() {
    let table = Table::new("t", schema(), 1);
    let key = Key::integer(1);
    table.learn(&key, None, ITEMS, None, at(0)).unwrap();
    let none = [(DataType::ServerKey, 0, Value::Name(None))];
    table.learn(&key, None, &none, None, at(0)).unwrap();
    table.read(&key, at(0), |entry| {
        assert_eq!(entry.server_key().as_deref(), Some("s1"));
    });
}

#[test]
fn what_a_walk_exports_another_table_takes_over() {
    let (from, to) = (Table::new("t", schema(), 1), Table::new("t", schema(), 9));
    for key in 0..50 {
        from.learn(&Key::integer(key), Some(5000), ITEMS, None, at(0))
            .unwrap();
    }
    let mut walk = Walk::default();
    while from.walk(&mut walk, at(1000), 16, |entry| {
        let mut names = Vec::new();
        let mut plain = Vec::new();
        entry.values(|data, index, value| match value {
            Value::Name(name) => names.push((data, index, name.map(str::to_owned))),
            Value::Long(n) => plain.push((data, index, Value::Long(n))),
            Value::Rate(rate) => plain.push((data, index, Value::Rate(rate))),
            Value::Signed(n) => plain.push((data, index, Value::Signed(n))),
            Value::Unsigned(n) => plain.push((data, index, Value::Unsigned(n))),
        });
        let named = names
            .iter()
            .map(|(data, index, name)| (*data, *index, Value::Name(name.as_deref())));
        let items: Vec<_> = plain.into_iter().chain(named).collect();
        let key = Key::bytes_of(entry.key(), KeyType::Integer);
        to.learn(&key, Some(entry.expires_in_ms()), &items, None, at(77_000))
            .unwrap();
        std::ops::ControlFlow::Continue(())
    }) {}
    assert_eq!(to.used(), 50);
    let mut line = [String::new(), String::new()];
    from.read(&Key::integer(7), at(1000), |entry| {
        entry.write_line(&mut line[0]);
    });
    to.read(&Key::integer(7), at(77_000), |entry| {
        entry.write_line(&mut line[1]);
    });
    let rest = |line: &str| line.split_once(": ").map(|(_, rest)| rest.to_owned());
    assert_eq!(rest(&line[0]), rest(&line[1]));
}

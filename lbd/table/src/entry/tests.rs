use lbd_core::Time;

use super::*;
use crate::key::{Key, KeyType};
use crate::schema::{Schema, Stored};
use crate::table::Table;

const KEY: u32 = 5;

fn table(stored: &[Stored], change: impl FnOnce(&mut Schema)) -> Table {
    let mut schema = Schema::new(KeyType::Integer, 10).unwrap();
    for &one in stored {
        schema.store(one).unwrap();
    }
    change(&mut schema);
    Table::new("t", schema, 1)
}

fn edit<R>(table: &Table, ms: u64, edit: impl FnOnce(&mut EntryMut<'_>) -> R) -> R {
    table
        .upsert(&Key::integer(KEY), Time::from_millis(ms), edit)
        .unwrap()
}

fn number(table: &Table, ms: u64, data: DataType, index: u32) -> Option<i64> {
    table
        .read(&Key::integer(KEY), Time::from_millis(ms), |entry| {
            entry.number(data, index)
        })
        .unwrap()
}

#[test]
fn what_is_not_stored_is_not_counted_and_starts_no_time_anew() {
    let table = table(&[Stored::plain(DataType::Gpc0)], |schema| {
        schema.expire_ms = Some(1000);
    });
    edit(&table, 0, |entry| {
        assert!(entry.is_new());
        entry.count_request();
        entry.count_session();
        entry.count_bytes_in(5);
        assert_eq!(entry.add_gpc(Gpc::Second, 1), None);
        assert_eq!(entry.add_gpc(Gpc::At(0), 1), None);
        assert_eq!(entry.clear_gpc(Gpc::Second), None);
        assert!(!entry.set_gpt(0, 1));
        assert!(!entry.set(DataType::Gpc1, 0, 1));
    });
    edit(&table, 600, |entry| {
        assert!(!entry.is_new());
        entry.count_error();
        assert_eq!(entry.view().expires_in_ms(), 400);
        assert_eq!(entry.view().idle_ms(), 600);
    });
    assert_eq!(number(&table, 999, DataType::Gpc0, 0), Some(0));
    assert_eq!(number(&table, 999, DataType::HttpReqCnt, 0), None);
    assert_eq!(
        table.read(&Key::integer(KEY), Time::from_millis(1000), |_| ()),
        None
    );
}

#[test]
fn legacy_counters_live_in_the_arrays_where_those_are_stored() {
    let rates = Stored {
        data: DataType::GpcRate,
        elements: 2,
        period_ms: 1000,
    };
    let table = table(
        &[
            Stored::array(DataType::Gpc, 2),
            rates,
            Stored::array(DataType::Gpt, 1),
        ],
        |_| (),
    );
    edit(&table, 10_000, |entry| {
        assert_eq!(entry.add_gpc(Gpc::First, 3), Some(3));
        assert_eq!(entry.add_gpc(Gpc::At(1), 4), Some(4));
        assert_eq!(entry.add_gpc(Gpc::Second, 1), Some(5));
        assert_eq!(entry.add_gpc(Gpc::At(2), 1), None);
        assert!(entry.set_gpt(0, 9));
        assert!(!entry.set_gpt(1, 9));
    });
    assert_eq!(number(&table, 10_000, DataType::Gpc, 0), Some(3));
    assert_eq!(number(&table, 10_000, DataType::GpcRate, 1), Some(5));
    assert_eq!(number(&table, 10_000, DataType::Gpt, 0), Some(9));
    edit(&table, 10_000, |entry| {
        assert_eq!(entry.view().gpc_rate(Gpc::Second), Some(5));
        assert_eq!(entry.clear_gpc(Gpc::Second), Some(5));
        assert_eq!(entry.view().gpc(Gpc::Second), Some(0));
        assert_eq!(entry.view().gpc_rate(Gpc::Second), Some(5));
    });
}

#[test]
fn a_counter_without_count_tells_the_events_of_its_period() {
    let table = table(&[Stored::rate(DataType::Gpc0Rate, 1000)], |_| ());
    edit(&table, 10_000, |entry| {
        assert_eq!(entry.add_gpc(Gpc::First, 2), Some(2));
        assert_eq!(entry.add_gpc(Gpc::First, 1), Some(3));
    });
}

#[test]
fn bytes_count_in_full_and_their_rates_in_units() {
    let table = table(
        &[
            Stored::plain(DataType::BytesInCnt),
            Stored::rate(DataType::BytesInRate, 1000),
        ],
        |schema| schema.brates_factor = 100,
    );
    edit(&table, 5000, |entry| {
        entry.count_bytes_in(u64::from(u32::MAX));
        entry.count_bytes_in(1);
    });
    assert_eq!(
        number(&table, 5000, DataType::BytesInCnt, 0),
        Some(1_i64 << 32)
    );
    let units = i64::from(u32::MAX.div_ceil(100)) + 1;
    assert_eq!(
        number(&table, 5000, DataType::BytesInRate, 0),
        Some(units * 100)
    );
}

#[test]
fn servers_are_known_by_id_and_by_a_name_that_the_table_keeps_once() {
    let table = table(
        &[
            Stored::plain(DataType::ServerId),
            Stored::plain(DataType::ServerKey),
        ],
        |schema| schema.expire_ms = Some(100),
    );
    edit(&table, 0, |entry| {
        assert_eq!(entry.view().server_id(), None);
        assert_eq!(entry.view().server_key(), None);
        entry.set_server_id(7);
        entry.set_server_key("s7");
        entry.set_server_key("s7");
        assert!(!entry.set(DataType::ServerKey, 0, 1));
    });
    edit(&table, 50, |entry| {
        assert_eq!(entry.view().server_id(), Some(7));
        assert_eq!(entry.view().server_key().as_deref(), Some("s7"));
        entry.set_server_key("s8");
    });
    assert_eq!(table.dictionary().len(), 1);
    // The entry is over: a new one begins in its place, without the old one's server.
    edit(&table, 150, |entry| {
        assert!(entry.is_new());
        assert_eq!(entry.view().server_key(), None);
        entry.set_server_key("s9");
    });
    assert_eq!(table.dictionary().len(), 1);
    table.remove(&Key::integer(KEY), Time::from_millis(150));
    assert!(table.dictionary().is_empty());
}

#[test]
fn connections_at_this_moment_never_fall_below_none() {
    let table = table(&[Stored::plain(DataType::ConnCur)], |_| ());
    edit(&table, 0, |entry| entry.start_connection());
    edit(&table, 0, |entry| {
        entry.end_connection();
        entry.end_connection();
    });
    assert_eq!(number(&table, 0, DataType::ConnCur, 0), Some(0));
}

#[test]
fn long_keys_are_kept_with_their_own_length() {
    let mut schema = Schema::new(KeyType::String { len: 4000 }, 200).unwrap();
    schema.store(Stored::plain(DataType::Gpc0)).unwrap();
    let table = Table::new("t", schema, 1);
    let now = Time::ZERO;
    for n in 0..100 {
        let text = format!("{n}{}", "x".repeat(100));
        let key = Key::bytes_of(text.as_bytes(), table.schema().key);
        table
            .upsert(&key, now, |entry| entry.set(DataType::Gpc0, 0, n))
            .unwrap();
    }
    for n in 0..100 {
        let text = format!("{n}{}", "x".repeat(100));
        let key = Key::bytes_of(text.as_bytes(), table.schema().key);
        let found = table.read(&key, now, |entry| {
            assert_eq!(entry.key(), text.as_bytes());
            entry.number(DataType::Gpc0, 0)
        });
        assert_eq!(found.flatten(), Some(n));
    }
    assert!(table.stats().bytes < 200_000, "{:?}", table.stats());
}

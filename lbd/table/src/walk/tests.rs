use super::*;
use crate::key::{Key, KeyType};
use crate::schema::{Schema, Stored};
use crate::tracked::Tracked;

fn table(entries: u32) -> Table {
    let mut schema = Schema::new(KeyType::Integer, 10_000).unwrap();
    schema.expire_ms = Some(1000);
    schema.store(Stored::plain(DataType::Gpc0)).unwrap();
    schema.store(Stored::array(DataType::Gpt, 2)).unwrap();
    let table = Table::new("t", schema, 1);
    for key in 0..entries {
        table
            .upsert(&Key::integer(key), Time::ZERO, |entry| {
                entry.set(DataType::Gpc0, 0, i64::from(key));
            })
            .unwrap();
    }
    table
}

fn keys(table: &Table, ms: u64, slice: usize, filter: Option<Filter>) -> Vec<u32> {
    let mut walk = Walk::default();
    let mut met = Vec::new();
    while table.walk(&mut walk, Time::from_millis(ms), slice, |entry| {
        if filter.is_none_or(|filter| filter.matches(entry)) {
            met.push(u32::from_ne_bytes(entry.key().try_into().unwrap()));
        }
        ControlFlow::Continue(())
    }) {}
    met.sort_unstable();
    met
}

#[test]
fn every_entry_is_met_once_whatever_the_slices() {
    let table = table(1000);
    let all: Vec<u32> = (0..1000).collect();
    for slice in [1, 7, 64, 65, usize::MAX] {
        assert_eq!(keys(&table, 0, slice, None), all, "{slice}");
    }
    assert!(keys(&table, 1000, 64, None).is_empty(), "all are over");
    assert!(keys(&self::table(0), 0, 64, None).is_empty());
}

#[test]
fn an_entry_without_room_comes_first_in_the_next_slice() {
    let table = table(300);
    let mut walk = Walk::default();
    let mut met = Vec::new();
    let mut room = 0;
    while table.walk(&mut walk, Time::ZERO, 100, |entry| {
        if room == 0 {
            room = 3;
            return ControlFlow::Break(());
        }
        room -= 1;
        met.push(entry.id());
        ControlFlow::Continue(())
    }) {}
    met.sort_unstable();
    met.dedup();
    assert_eq!(met.len(), 300);
}

#[test]
fn filters_compare_as_their_operators_say() {
    let table = table(10);
    let filter = |operator, value| Filter {
        data: DataType::Gpc0,
        index: 0,
        operator,
        value,
    };
    for (word, expected) in [
        ("eq", vec![3]),
        ("ne", vec![0, 1, 2, 4, 5, 6, 7, 8, 9]),
        ("lt", vec![0, 1, 2]),
        ("le", vec![0, 1, 2, 3]),
        ("gt", vec![4, 5, 6, 7, 8, 9]),
        ("ge", vec![3, 4, 5, 6, 7, 8, 9]),
    ] {
        let operator = Operator::named(word).unwrap();
        assert_eq!(
            keys(&table, 0, 64, Some(filter(operator, 3))),
            expected,
            "{word}"
        );
    }
    assert_eq!(Operator::named("=="), None);
    let beyond = Filter {
        data: DataType::Gpt,
        index: 2,
        operator: Operator::Ge,
        value: 0,
    };
    assert!(keys(&table, 0, 64, Some(beyond)).is_empty());
}

#[test]
fn clearing_leaves_what_is_tracked_or_not_meant() {
    let table = table(100);
    let _tracked = Tracked::start(&table, &Key::integer(3), Time::ZERO).unwrap();
    let mut walk = Walk::default();
    while table.clear_slice(&mut walk, Time::ZERO, 16, |entry| {
        entry.number(DataType::Gpc0, 0) < Some(90)
    }) {}
    let left: Vec<u32> = std::iter::once(3).chain(90..100).collect();
    assert_eq!(keys(&table, 0, 64, None), left);
    assert_eq!(table.used(), 11);
    assert_eq!(table.stats().cleared, 89);
}

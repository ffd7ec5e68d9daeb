use super::*;
use crate::entry::Gpc;
use crate::key::KeyType;
use crate::schema::{Schema, Stored};
use crate::table::Removal;
use crate::tracked::Tracked;

fn table(nodes: u8) -> Table {
    let mut schema = Schema::new(KeyType::Integer, 100).unwrap();
    schema.expire_ms = Some(100_000);
    schema.nodes = nodes;
    for data in [DataType::Gpc0, DataType::ConnCur, DataType::Gpt0] {
        schema.store(Stored::plain(data)).unwrap();
    }
    schema
        .store(Stored::rate(DataType::HttpReqRate, 10_000))
        .unwrap();
    Table::new("t", schema, 1)
}

fn at(ms: u64) -> Time {
    Time::from_millis(ms)
}

const KEY: u32 = 7;

fn count(table: &Table, events: u32) {
    let change = |entry: &mut EntryMut<'_>| {
        entry.add_gpc(Gpc::First, events);
        (0..events).for_each(|_| entry.count_request());
    };
    table.upsert(&Key::integer(KEY), at(1000), change).unwrap();
}

fn seen(table: &Table) -> Option<(u32, i64)> {
    table.read(&Key::integer(KEY), at(1000), |entry| {
        let rate = entry.number(DataType::HttpReqRate, 0);
        (entry.gpc(Gpc::First).unwrap(), rate.unwrap())
    })
}

/// What one node tells another of the entry: our part, as node `node` of the other.
fn tell(from: &Table, to: &Table, node: u8) {
    send(from, to, Origin::Teller(node), None);
}

fn send(from: &Table, to: &Table, origin: Origin, part: Option<u8>) {
    send_as(from, to, (origin, true), part);
}

fn send_as(from: &Table, to: &Table, (origin, is_sure): (Origin, bool), part: Option<u8>) {
    let mut items = Vec::new();
    let epoch = from.read(&Key::integer(KEY), at(1000), |entry| {
        let take = |data: DataType, index: u32, value: Value<'_>| {
            if let Value::Unsigned(_) | Value::Rate(_) | Value::Long(_) = value {
                let value = match value {
                    Value::Unsigned(number) => Value::Unsigned(number),
                    Value::Long(number) => Value::Long(number),
                    Value::Rate(rate) => Value::Rate(rate),
                    _ => return,
                };
                items.push((data, index, value));
            }
        };
        match part {
            Some(node) => entry.values_of(node, take),
            None => entry.own_values(take),
        }
        entry.epoch()
    });
    let Some(epoch) = epoch else { return };
    let told = Told {
        origin,
        epoch,
        expires_ms: None,
        is_sure,
    };
    to.learn_of(&Key::integer(KEY), told, &items, None, at(1000))
        .unwrap();
}

#[test]
fn what_two_nodes_count_at_once_adds_up() {
    let (a, b) = (table(1), table(1));
    for _ in 0..5 {
        count(&a, 3);
        count(&b, 4);
        tell(&a, &b, 0);
        tell(&b, &a, 0);
        // Told twice is told once.
        tell(&b, &a, 0);
    }
    assert_eq!(seen(&a), Some((35, 35)));
    assert_eq!(seen(&b), Some((35, 35)));
    assert_eq!(
        a.edit(&Key::integer(KEY), at(1000), |entry| entry
            .add_gpc(Gpc::First, 1)),
        Some(Some(36))
    );
}

#[test]
fn a_value_that_was_set_wins_over_what_was_counted_before() {
    let (a, b) = (table(1), table(1));
    count(&a, 3);
    count(&b, 4);
    tell(&a, &b, 0);
    tell(&b, &a, 0);
    a.edit(&Key::integer(KEY), at(1000), |entry| {
        entry.set(DataType::Gpc0, 0, 100)
    });
    // B has counted without knowing.
    count(&b, 1);
    tell(&b, &a, 0);
    assert_eq!(seen(&a).unwrap().0, 100);
    tell(&a, &b, 0);
    count(&b, 2);
    tell(&b, &a, 0);
    assert_eq!((seen(&a).unwrap().0, seen(&b).unwrap().0), (102, 102));
}

#[test]
fn what_was_cleared_stays_cleared() {
    let (a, b) = (table(1), table(1));
    count(&a, 3);
    tell(&a, &b, 0);
    count(&b, 4);
    assert_eq!(a.remove(&Key::integer(KEY), at(1000)), Removal::Removed);
    // B has not heard of it.
    tell(&b, &a, 0);
    assert_eq!(seen(&a), None);
    let mut told = Vec::new();
    a.tombstones(0, true, at(1000), |number, key, epoch| {
        told.push((number, key.to_vec(), epoch));
        ControlFlow::Continue(())
    });
    assert_eq!(told.len(), 1);
    b.learn_removal(&Key::integer(KEY), told[0].2, at(1000));
    assert_eq!(seen(&b), None);
    // New traffic begins anew on either side.
    count(&b, 2);
    tell(&b, &a, 0);
    assert_eq!(seen(&a), Some((2, 2)));
}

#[test]
fn a_node_that_forgot_adds_what_others_knew_of_it_once() {
    let (a, b) = (table(1), table(1));
    count(&a, 10);
    tell(&a, &b, 0);
    count(&b, 5);
    // A starts again, counts, and learns.
    let a = table(1);
    a.set_learning(Learning::Lesson);
    count(&a, 2);
    for _ in 0..2 {
        tell(&b, &a, 0);
        send(&b, &a, Origin::Learner, Some(0));
    }
    assert_eq!(seen(&a), Some((17, 17)));
    tell(&a, &b, 0);
    assert_eq!(seen(&b), Some((17, 17)));
}

#[test]
fn what_a_node_tells_before_it_has_learned_does_not_replace_what_it_has_forgotten() {
    let (a, b) = (table(1), table(1));
    count(&a, 10);
    tell(&a, &b, 0);
    // A starts again and tells first.
    b.begin_life(0, &mut Walk::default(), 1000);
    let a = table(1);
    a.set_learning(Learning::Late);
    count(&a, 2);
    send_as(&a, &b, (Origin::Teller(0), false), None);
    assert_eq!(seen(&b), Some((10, 10)));
    send(&b, &a, Origin::Learner, Some(0));
    assert_eq!(seen(&a), Some((12, 12)));
    tell(&a, &b, 0);
    assert_eq!(seen(&b), Some((12, 12)));
    // What nothing was known of is taken as it is.
    let b = table(1);
    send_as(&a, &b, (Origin::Teller(0), false), None);
    assert_eq!(seen(&b), Some((12, 12)));
}

#[test]
fn a_part_handed_over_unsure_is_added_to_once() {
    let (old, other) = (table(1), table(1));
    count(&old, 3);
    tell(&old, &other, 0);
    let (old, new) = (table(1), table(1));
    old.set_learning(Learning::Late);
    count(&old, 2);
    new.set_learning(Learning::Lesson);
    send_as(&old, &new, (Origin::Learner, false), None);
    assert_eq!(seen(&new), Some((2, 2)));
    for _ in 0..2 {
        send(&other, &new, Origin::Learner, Some(0));
    }
    assert_eq!(seen(&new), Some((5, 5)));
}

#[test]
fn a_sum_and_what_is_known_of_our_part_are_not_counted_both() {
    let (a, b) = (table(1), table(1));
    count(&a, 4);
    tell(&a, &b, 0);
    count(&b, 3);
    let a = table(1);
    a.set_learning(Learning::Lesson);
    let sum = [(DataType::Gpc0, 0, Value::Unsigned(7))];
    a.learn(&Key::integer(KEY), None, &sum, None, at(1000))
        .unwrap();
    tell(&b, &a, 0);
    send(&b, &a, Origin::Learner, Some(0));
    assert_eq!(seen(&a).unwrap().0, 7);
}

#[test]
fn connections_are_summed_and_go_with_their_node() {
    let (a, b) = (table(1), table(1));
    let tracked = Tracked::start(&a, &Key::integer(KEY), at(1000)).unwrap();
    let _other = Tracked::start(&b, &Key::integer(KEY), at(1000)).unwrap();
    tell(&a, &b, 0);
    let now = |table: &Table| {
        table.read(&Key::integer(KEY), at(1000), |entry| {
            entry.number(DataType::ConnCur, 0)
        })
    };
    assert_eq!(now(&b), Some(Some(2)));
    b.forget_connections(0, &mut Walk::default(), 1000);
    assert_eq!(now(&b), Some(Some(1)));
    tracked.end(at(1000));
}

#[test]
fn a_peer_without_parts_gets_and_gives_sums() {
    let (a, b) = (table(1), table(1));
    count(&a, 3);
    count(&b, 4);
    tell(&b, &a, 0);
    let mut sums = Vec::new();
    a.read(&Key::integer(KEY), at(1000), |entry| {
        entry.values(|data, _, value| {
            if let (DataType::Gpc0, Value::Unsigned(number)) = (data, value) {
                sums.push(number);
            }
        });
    });
    assert_eq!(sums, [7]);
    let items = [(DataType::Gpc0, 0, Value::Unsigned(9))];
    a.learn(&Key::integer(KEY), None, &items, None, at(1000))
        .unwrap();
    assert_eq!(seen(&a).unwrap().0, 9);
    tell(&b, &a, 0);
    assert_eq!(seen(&a).unwrap().0, 9);
}

#[test]
fn tombstones_are_bounded() {
    let mut schema = Schema::new(KeyType::Integer, 200_000).unwrap();
    schema.nodes = 1;
    let table = Table::new("t", schema, 1);
    let count = u32::try_from(MAX_TOMBSTONES).unwrap() + 10;
    for n in 0..count {
        table.upsert(&Key::integer(n), at(1), |_| ()).unwrap();
        table.remove(&Key::integer(n), at(1));
    }
    let mut told = 0;
    table.tombstones(0, true, at(2), |_, _, _| {
        told += 1;
        ControlFlow::Continue(())
    });
    assert_eq!(told, MAX_TOMBSTONES);
}

/// Node by node, each taught by its own old process that knows sums only.
#[test]
fn sums_of_peers_without_parts_are_taken_apart_by_a_lesson() {
    let sum = [(DataType::Gpc0, 0, Value::Unsigned(50))];
    let (a, b) = (table(1), table(1));
    for table in [&a, &b] {
        table.set_learning(Learning::Lesson);
        table
            .learn(&Key::integer(KEY), None, &sum, None, at(1000))
            .unwrap();
    }
    a.set_learning(Learning::Over);
    // B's lesson, twice.
    tell(&a, &b, 0);
    tell(&a, &b, 0);
    b.set_learning(Learning::Over);
    assert_eq!(seen(&b).unwrap().0, 50);
    count(&b, 2);
    count(&a, 3);
    tell(&b, &a, 0);
    tell(&a, &b, 0);
    assert_eq!((seen(&a).unwrap().0, seen(&b).unwrap().0), (55, 55));
}

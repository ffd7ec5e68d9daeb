use super::*;
use crate::entry::Gpc;
use crate::key::KeyType;
use crate::nodes::{Origin, Told};
use crate::schema::{Schema, Stored};

const BUCKETS_HERE: usize = 16;

fn table() -> Table {
    let mut schema = Schema::new(KeyType::Integer, 1000).unwrap();
    schema.expire_ms = Some(100_000);
    schema.nodes = 2;
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

fn count(table: &Table, key: u32, events: u32, now: Time) {
    let change = |entry: &mut EntryMut<'_>| {
        entry.add_gpc(Gpc::First, events);
        entry.count_request();
    };
    table.upsert(&Key::integer(key), now, change).unwrap();
}

/// Digests of a table of the node `own`, whose others are these.
fn sums(table: &Table, own: &str, others: &[&str], now: Time) -> Vec<u64> {
    let seeds = Seeds::new(own, others.iter().copied());
    let mut sums = vec![0; BUCKETS_HERE];
    let mut walk = Walk::default();
    while table.digests(&mut walk, now, 7, &seeds, &mut sums) {}
    sums
}

fn part(from: &Table, key: u32, node: Option<u8>, now: Time) -> (Vec<Item<'static>>, u32, u32) {
    let mut items = Vec::new();
    let (epoch, left) = from
        .read(&Key::integer(key), now, |entry| {
            let take = |data: DataType, index: u32, value: Value<'_>| {
                let value = match value {
                    Value::Unsigned(number) => Value::Unsigned(number),
                    Value::Rate(rate) => Value::Rate(rate),
                    _ => return,
                };
                items.push((data, index, value));
            };
            match node {
                Some(node) => entry.values_of(node, take),
                None => entry.own_values(take),
            }
            (entry.epoch(), entry.expires_in_ms())
        })
        .unwrap();
    (items, epoch, left)
}

fn tell(from: &Table, to: &Table, key: u32, node: u8, (there, here): (Time, Time)) {
    let (items, epoch, left) = part(from, key, None, there);
    let told = Told {
        origin: Origin::Teller(node),
        epoch,
        expires_ms: Some(left),
        is_sure: true,
    };
    let key = Key::integer(key);
    to.learn_of(&key, told, &items, None, here).unwrap();
}

/// What is told of an entry whose bucket differs.
fn mend(from: &Table, to: &Table, key: u32, (of, node): (Option<u8>, u8), wins: bool) {
    let (items, epoch, expires_ms) = part(from, key, of, at(10_000));
    let told = Mended {
        node,
        is_teller: of.is_none(),
        is_present: true,
        epoch,
        expires_ms,
        wins,
    };
    let key = Key::integer(key);
    to.mend(&key, told, &items, None, at(10_000)).unwrap();
}

fn seen(table: &Table, key: u32) -> Option<(u32, u32)> {
    table.read(&Key::integer(key), at(10_000), |entry| {
        (entry.gpc(Gpc::First).unwrap(), entry.gpt(0).unwrap())
    })
}

#[test]
fn digests_of_the_same_entries_are_the_same_whatever_order_and_clocks() {
    let (a, b) = (table(), table());
    let clocks = (at(1000), at(9_000_000));
    for key in 0..200 {
        count(&a, key, 3, clocks.0);
    }
    for key in (0..200).rev() {
        count(&b, key, 5, clocks.1);
        tell(&a, &b, key, 0, clocks);
        tell(&b, &a, key, 1, (clocks.1, clocks.0));
    }
    // A third node, of which nothing is known, has another number there.
    let (ours, theirs) = (["m", "z"], ["a", "m"]);
    let before = sums(&a, "a", &ours, at(1200));
    assert_eq!(before, sums(&b, "z", &theirs, at(9_000_700)));
    count(&a, 7, 1, at(1200));
    let after = sums(&a, "a", &ours, at(1200));
    let differing = before.iter().zip(&after).filter(|(a, b)| a != b);
    assert_eq!(differing.count(), 1);
    tell(&a, &b, 7, 0, (at(1200), at(9_000_700)));
    assert_eq!(after, sums(&b, "z", &theirs, at(9_000_700)));
}

#[test]
fn each_thing_that_nodes_share_is_in_a_digest_and_nothing_else() {
    let now = at(1000);
    let base = || {
        let table = table();
        count(&table, 1, 3, now);
        table
    };
    let digest = |table: &Table| sums(table, "a", &["m", "z"], now);
    let before = digest(&base());
    let edit = |change: &dyn Fn(&mut EntryMut<'_>)| {
        let table = base();
        let key = Key::integer(1);
        table.edit(&key, now, |entry| change(entry)).unwrap();
        digest(&table)
    };
    assert_ne!(
        before,
        edit(&|entry| assert!(entry.add_gpc(Gpc::First, 1).is_some()))
    );
    assert_ne!(
        before,
        edit(&|entry| assert!(entry.set(DataType::Gpt0, 0, 9)))
    );
    assert_ne!(before, edit(&|entry| entry.count_request()));
    assert_eq!(before, edit(&|entry| entry.start_connection()));
    let other = base();
    count(&other, 2, 0, now);
    assert_ne!(before, digest(&other));
    // The same count of another node.
    let (a, b) = (table(), table());
    let none = table();
    count(&none, 1, 0, now);
    for (of, node) in [(&a, 0), (&b, 1)] {
        count(of, 1, 0, now);
        tell(&base(), of, 1, node, (now, now));
    }
    assert_ne!(digest(&a), digest(&b));
    // A rate that is over is none.
    let late = at(31_000);
    count(&none, 1, 3, at(0));
    let seeds = ["m", "z"];
    let old = sums(&none, "a", &seeds, late);
    let fresh = table();
    fresh
        .upsert(&Key::integer(1), late, |entry| {
            entry.add_gpc(Gpc::First, 3);
        })
        .unwrap();
    assert_eq!(old, sums(&fresh, "a", &seeds, late));
}

#[test]
fn of_a_third_node_the_larger_part_counts_and_of_the_teller_its_own() {
    let now = (at(1000), at(1000));
    let (third, a, b) = (table(), table(), table());
    count(&third, 1, 5, at(1000));
    tell(&third, &b, 1, 1, now);
    count(&third, 1, 2, at(1000));
    tell(&third, &a, 1, 1, now);
    count(&a, 1, 10, at(1000));
    // a is node 0 of b, the third one node 1 of both.
    mend(&a, &b, 1, (None, 0), false);
    mend(&a, &b, 1, (Some(1), 1), false);
    assert_eq!(seen(&b, 1).unwrap().0, 17);
    mend(&b, &a, 1, (Some(1), 1), true);
    assert_eq!(seen(&a, 1).unwrap().0, 17);
}

#[test]
fn of_values_for_all_the_later_used_counts_and_both_nodes_find_the_same() {
    let set = |table: &Table, value: i64, now: Time| {
        let set = |entry: &mut EntryMut<'_>| {
            entry.touch();
            entry.set(DataType::Gpt0, 0, value);
        };
        table.upsert(&Key::integer(1), now, set).unwrap();
    };
    for (first, second, wanted) in [(0, 9_000, 2), (9_000, 0, 1), (500, 900, 2), (900, 500, 2)] {
        let (a, b) = (table(), table());
        set(&a, 1, at(first));
        set(&b, 2, at(second));
        // Setting begins an epoch: both the same one here.
        let (copy_a, copy_b) = (table(), table());
        mend(&a, &copy_a, 1, (None, 0), true);
        mend(&b, &copy_b, 1, (None, 0), true);
        mend(&copy_a, &b, 1, (None, 0), false);
        mend(&copy_b, &a, 1, (None, 0), true);
        assert_eq!(seen(&a, 1).unwrap().1, wanted, "{first} {second}");
        assert_eq!(seen(&b, 1).unwrap().1, wanted, "{first} {second}");
    }
}

#[test]
fn what_was_cleared_does_not_come_back() {
    let now = (at(1000), at(1000));
    let (a, b) = (table(), table());
    count(&a, 1, 5, at(1000));
    tell(&a, &b, 1, 0, now);
    a.remove(&Key::integer(1), at(1000));
    mend(&b, &a, 1, (Some(0), 0), true);
    assert_eq!(seen(&a, 1), None);
    assert_eq!(a.used(), 0);
}

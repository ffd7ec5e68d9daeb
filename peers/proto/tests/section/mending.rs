//! Nodes of lbd in virtual time whose tables differ where no update tells of it: after a reconnect
//! they are the same, and little more was told than what differed.

use std::collections::BTreeMap;
use std::time::Duration;

use lbd_table::{DataType, Item, Key, Origin, Rate, Told, Value};
use peers_proto::section::PeerCounters;
use proptest::prelude::*;

use crate::net::{Net, QUIET, Step};
use crate::siblings::after_a_twin;

/// A node loses what it knows of another one's part, and has another server.
fn forget(net: &mut Net, at: usize, other: usize, key: u32) {
    let clock = net.clock(at);
    let node = net.nodes[at].as_ref().unwrap();
    let key = Key::integer(key);
    let Some(epoch) = node.table.read(&key, clock, |entry| entry.epoch()) else {
        return;
    };
    let told = Told {
        // Among the others.
        origin: Origin::Teller((other - usize::from(other > at)) as u8),
        epoch,
        expires_ms: None,
        is_sure: true,
    };
    let items: [Item<'_>; 3] = [
        (DataType::Gpc0, 0, Value::Unsigned(0)),
        (DataType::HttpReqRate, 0, Value::Rate(Rate::default())),
        (DataType::ServerKey, 0, Value::Name(Some("lost"))),
    ];
    node.table
        .learn_of(&key, told, &items, None, clock)
        .unwrap();
}

fn cut_all(net: &mut Net) {
    let ends: Vec<_> = net.links.keys().copied().collect();
    for end in ends {
        net.cut(end, true);
    }
}

/// Counters of all peers of a node, together.
fn counters(net: &Net, at: usize) -> PeerCounters {
    let node = net.nodes[at].as_ref().unwrap();
    let mut sum = PeerCounters::default();
    for peer in node.section.snapshot(net.clock(at)).peers {
        sum.mended += peer.counters.mended;
        sum.buckets_compared += peer.counters.buckets_compared;
        sum.buckets_differing += peer.counters.buckets_differing;
    }
    sum
}

fn servers(net: &Net, at: usize) -> BTreeMap<u32, Option<String>> {
    let node = net.nodes[at].as_ref().unwrap();
    let keys = net.values(at).into_keys();
    keys.map(|key| {
        let read = |entry: &lbd_table::EntryView<'_>| entry.server_key();
        let name = node.table.read(&Key::integer(key), net.clock(at), read);
        (key, name.flatten().map(|name| name.to_string()))
    })
    .collect()
}

#[test]
fn after_a_reconnect_what_differs_is_told_and_little_else() {
    for count in 2..=5 {
        let mut net = Net::new(count, 3);
        net.run(QUIET);
        for key in 0..3000 {
            net.hit(key as usize % count, key, 1 + key % 7);
        }
        net.run(QUIET);
        let before = net.values(0);
        for key in [5, 1000, 2999] {
            let owner = key as usize % count;
            forget(&mut net, (owner + 1) % count, owner, key);
        }
        assert_ne!(net.values(0), net.values(1));
        cut_all(&mut net);
        net.run(QUIET);
        net.assert_same();
        assert_eq!(net.values(0), before);
        for at in 1..count {
            assert_eq!(servers(&net, at), servers(&net, 0), "node {at} of {count}");
        }
        for at in 0..count {
            let seen = counters(&net, at);
            assert!(seen.buckets_compared >= 256, "{seen:?}");
            // Three buckets of some eight entries, for each of the others.
            assert!(seen.mended <= 3 * 40 * (count as u64 - 1), "{seen:?}");
        }
    }
}

#[test]
fn where_nothing_differs_nothing_is_told() {
    let hours = |hours: u64| Duration::from_secs(3600 * hours);
    let mut net = Net::with_clocks(&[hours(0), hours(7), hours(900)], 3);
    net.run(QUIET);
    for key in 0..3000 {
        net.hit(key as usize % 3, key, 2);
    }
    net.run(Duration::from_secs(5));
    cut_all(&mut net);
    net.run(QUIET);
    for at in 0..3 {
        let seen = counters(&net, at);
        assert!(seen.buckets_compared >= 2 * 256, "{seen:?}");
        assert_eq!((seen.buckets_differing, seen.mended), (0, 0), "{seen:?}");
    }
}

/// What had changed while they could not talk goes by updates.
#[test]
fn changes_of_the_time_apart_are_no_differences() {
    let mut net = Net::new(2, 3);
    net.run(QUIET);
    for key in 0..2000 {
        net.hit(key as usize % 2, key, 2);
    }
    net.run(QUIET);
    net.parted = Some((0, 1));
    cut_all(&mut net);
    for key in 0..1000 {
        net.hit(key as usize % 2, key, 1);
    }
    net.run(Duration::from_secs(5));
    net.parted = None;
    net.run(QUIET);
    net.assert_same();
    for at in 0..2 {
        let seen = counters(&net, at);
        assert_eq!((seen.buckets_differing, seen.mended), (0, 0), "{seen:?}");
    }
}

/// Only one node has heard the last words of a third one.
#[test]
fn what_a_dead_node_had_told_one_reaches_the_other() {
    let mut net = Net::new(3, 3);
    net.run(QUIET);
    net.hit(2, 1, 4);
    net.run(Duration::from_secs(2));
    net.parted = Some((1, 2));
    let ends: Vec<_> = net.links.iter().map(|(a, b)| (*a, *b)).collect();
    for (end, other) in ends {
        if (end.0, other.0) == (1, 2) {
            net.cut(end, false);
        }
    }
    net.hit(2, 1, 3);
    net.hit(2, 9, 8);
    net.run(Duration::from_secs(2));
    net.crash(2);
    assert_eq!((net.values(0)[&1], net.values(1)[&1]), (7, 4));
    cut_all(&mut net);
    net.run(QUIET);
    assert_eq!((net.values(0)[&1], net.values(1)[&1]), (7, 7));
    assert_eq!((net.values(0)[&9], net.values(1)[&9]), (8, 8));
}

/// What was told to another machine that had taken a node's name.
#[test]
fn what_a_twin_was_told_in_a_nodes_place_is_told_again() {
    let mut net = after_a_twin();
    net.run(QUIET);
    assert_eq!(net.values(0), net.values(1));
}

fn losses(count: usize) -> impl Strategy<Value = Vec<(usize, usize, u32)>> {
    prop::collection::vec((0..count, 1..count, 0..40_u32), 0..30).prop_map(move |all| {
        let other = |(at, by, key)| (at, (at + by) % count, key);
        all.into_iter().map(other).collect()
    })
}

fn steps(count: usize) -> impl Strategy<Value = Vec<Step>> {
    let node = 0..count;
    let step = prop_oneof![
        8 => (node.clone(), 0..40_u32, 1..9_u32).prop_map(|(at, key, n)| vec![Step::Hit(at, key, n)]),
        2 => (0..20_usize, any::<bool>())
            .prop_map(|(number, in_order)| vec![Step::Cut(number, in_order)]),
        1 => (node.clone(), node.clone()).prop_map(|(a, b)| vec![Step::Part(a, b)]),
        1 => Just(vec![Step::Heal]),
        4 => (0..3000_u64).prop_map(|ms| vec![Step::Wait(ms)]),
        1 => (node, 0..4000_u64)
            .prop_map(|(at, ms)| vec![Step::Crash(at), Step::Wait(ms), Step::Restart(at)]),
    ];
    prop::collection::vec(step, 1..40).prop_map(|steps| steps.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// While they go on counting, being cut and parted, crashing and starting.
    #[test]
    fn tables_with_losses_are_exact_after_a_reconnect(
        (count, steps, losses) in (2..=5_usize)
            .prop_flat_map(|count| (Just(count), steps(count), losses(count))),
        delay in 0..40_u64,
    ) {
        let mut net = Net::new(count, delay);
        net.run(QUIET);
        net.play(&steps);
        let mut expected: BTreeMap<u32, u32> = BTreeMap::new();
        for step in &steps {
            if let Step::Hit(_, key, events) = *step {
                *expected.entry(key).or_default() += events;
            }
        }
        for (at, other, key) in losses {
            forget(&mut net, at, other, key);
        }
        for round in 0..3 {
            net.hit(round % count, 1000, 1);
            net.run(Duration::from_millis(40));
            cut_all(&mut net);
        }
        expected.insert(1000, 3);
        net.run(QUIET);
        for at in 0..count {
            prop_assert_eq!(&net.values(at), &expected, "node {}", at);
            prop_assert_eq!(servers(&net, at), servers(&net, 0), "node {}", at);
        }
    }
}

//! Nodes of lbd in virtual time: what they count adds up, and what was cleared stays cleared, whatever
//! was delayed, cut, parted, or crashed and started again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use lbd_table::{DataType, EntryMut, Key};
use peers_proto::section::Input;
use peers_proto::words::{Said, Subject, Thing};
use proptest::prelude::*;

use crate::net::{Net, QUIET, Step};

#[test]
fn two_active_nodes_lose_no_count_of_one_key() {
    for count in 2..=5 {
        let mut net = Net::new(count, 3);
        net.run(QUIET);
        for _ in 0..200 {
            for at in 0..count {
                net.hit(at, 7, 1);
            }
            net.run(Duration::from_millis(5));
        }
        net.run(Duration::from_secs(5));
        for at in 0..count {
            assert_eq!(
                net.values(at)[&7],
                200 * count as u32,
                "node {at} of {count}"
            );
        }
    }
}

#[test]
fn a_node_that_starts_again_goes_on_where_it_was() {
    let mut net = Net::new(3, 2);
    net.run(QUIET);
    for at in 0..3 {
        net.hit(at, 1, 10);
    }
    net.run(Duration::from_secs(2));
    net.crash(1);
    net.hit(0, 1, 1);
    net.run(Duration::from_secs(2));
    net.restart(1, 3);
    // Before it has learned anything.
    net.hit(1, 1, 5);
    net.run(QUIET);
    net.hit(1, 1, 2);
    net.run(Duration::from_secs(2));
    for at in 0..3 {
        assert_eq!(net.values(at)[&1], 38, "node {at}");
    }
}

#[test]
fn nodes_that_start_together_and_count_at_once_count_nothing_twice() {
    for count in 2..=5 {
        for wait in [0, 1, 3, 10, 40, 200, 1000] {
            let mut net = Net::new(count, 2);
            net.run(Duration::from_millis(wait));
            for at in 0..count {
                net.hit(at, 1, 1);
                net.hit(at, 10 + at as u32, 1);
            }
            net.run(QUIET);
            for at in 0..count {
                let values = net.values(at);
                assert_eq!(values[&1], count as u32, "node {at} of {count}, {wait} ms");
                assert_eq!(values[&10], 1, "node {at} of {count}, {wait} ms");
            }
        }
    }
}

fn clear(net: &mut Net, at: usize, key: u32) {
    let now = net.now;
    let node = net.nodes[at].as_mut().unwrap();
    node.table.remove(&Key::integer(key), now);
    node.section.handle(now, Input::Tick);
}

#[test]
fn what_is_cleared_on_one_node_is_gone_on_all_and_stays_so() {
    let mut net = Net::new(3, 2);
    net.run(QUIET);
    for at in 0..3 {
        net.hit(at, 1, 10);
        net.hit(at, 2, 10);
    }
    net.run(Duration::from_secs(2));
    clear(&mut net, 0, 1);
    net.run(Duration::from_secs(2));
    for at in 0..3 {
        assert_eq!(net.values(at).get(&1), None, "node {at}");
    }
    // A node that was away has it still.
    net.parted = Some((0, 2));
    let ends: Vec<_> = net.links.keys().copied().filter(|end| end.0 == 2).collect();
    for end in ends {
        if net.links.get(&end).is_some_and(|other| other.0 == 0) {
            net.cut(end, false);
        }
    }
    clear(&mut net, 0, 2);
    net.run(Duration::from_secs(5));
    net.parted = None;
    net.hit(2, 2, 1);
    net.run(QUIET);
    net.assert_same();
    net.crash(1);
    net.restart(1, 3);
    net.run(QUIET);
    assert_eq!(net.values(1).get(&1), None);
    net.assert_same();
}

#[test]
fn a_value_that_is_set_holds_on_all() {
    let mut net = Net::new(2, 2);
    net.run(QUIET);
    net.hit(0, 1, 10);
    net.hit(1, 1, 10);
    net.run(Duration::from_secs(2));
    let now = net.now;
    let node = net.nodes[0].as_mut().unwrap();
    let set = |entry: &mut EntryMut<'_>| entry.set(DataType::Gpc0, 0, 3);
    node.table.edit(&Key::integer(1), now, set).unwrap();
    node.section.handle(now, Input::Tick);
    net.run(Duration::from_secs(2));
    net.hit(1, 1, 4);
    net.run(Duration::from_secs(2));
    assert_eq!((net.values(0)[&1], net.values(1)[&1]), (7, 7));
}

#[test]
fn clocks_that_differ_do_no_harm() {
    let hours = |hours: u64| Duration::from_secs(3600 * hours);
    let mut net = Net::with_clocks(&[hours(0), hours(1), hours(900)], 2);
    net.run(QUIET);
    for round in 0..50 {
        for at in 0..3 {
            net.hit(at, 1, 2);
            net.hit(at, 10 + round, 1);
        }
        net.run(Duration::from_millis(300));
    }
    net.crash(2);
    net.hit(0, 1, 1);
    net.restart(2, 3);
    net.hit(2, 1, 1);
    net.run(QUIET);
    net.assert_same();
    assert_eq!(net.values(0)[&1], 302);
    for at in 0..3 {
        let clock = net.clock(at);
        let node = net.nodes[at].as_ref().unwrap();
        let (rate, left) = node
            .table
            .read(&Key::integer(1), clock, |entry| {
                (
                    entry.number(DataType::HttpReqRate, 0),
                    entry.expires_in_ms(),
                )
            })
            .unwrap();
        assert_eq!(rate, Some(152), "node {at}");
        assert!((3_500_000..=3_600_000).contains(&left), "{left}");
    }
}

/// Each cut falls into the lesson, which begins again.
#[test]
fn links_that_flap_during_lessons_lose_and_repeat_nothing() {
    let mut net = Net::new(3, 20);
    net.run(QUIET);
    for key in 0..4000 {
        net.hit(key as usize % 3, key % 2000, 1);
    }
    net.run(QUIET);
    net.crash(1);
    net.run(Duration::from_secs(1));
    net.restart(1, 3);
    for round in 0..40 {
        net.hit(1, round, 1);
        net.run(Duration::from_millis(30 + u64::from(round) * 7));
        let ends: Vec<_> = net.links.keys().copied().filter(|end| end.0 == 1).collect();
        for (number, end) in ends.into_iter().enumerate() {
            net.cut(end, number % 2 == 0);
        }
    }
    net.run(QUIET);
    net.run(QUIET);
    for at in 0..3 {
        let values = net.values(at);
        for key in 0..2000 {
            assert_eq!(
                values[&key],
                2 + u32::from(key < 40),
                "node {at}, key {key}"
            );
        }
    }
}

/// Two nodes that have counted a key, while a third machine said for some time that it is the second.
pub(crate) fn after_a_twin() -> Net {
    let mut net = Net::new(2, 1);
    net.run(QUIET);
    net.hit(0, 1, 5);
    net.hit(1, 1, 7);
    net.run(Duration::from_secs(2));
    let twin = net.node(1, 2, None);
    net.nodes.push(Some(twin));
    net.skew.push(Duration::ZERO);
    for round in 0..20 {
        net.hit(2, 1, 1);
        net.hit(0, 1, 1);
        net.run(Duration::from_millis(700 + round * 13));
    }
    net.crash(2);
    net.run(QUIET);
    net.hit(1, 1, 1);
    net
}

/// As two machines with one configuration: they take each other's sessions, and nobody counts what
/// is not there, nor falls.
#[test]
fn two_nodes_with_one_name_do_no_harm_to_others() {
    let mut net = after_a_twin();
    // What the twin was told in node 1's place is told with the next change.
    net.hit(0, 1, 1);
    net.run(QUIET);
    let (first, second) = (net.values(0)[&1], net.values(1)[&1]);
    assert_eq!(first, second, "both agree once the twin is gone");
    assert!(first >= 25, "what node 0 has counted is there: {first}");
}

fn steps(count: usize) -> impl Strategy<Value = Vec<Step>> {
    let node = 0..count;
    let step = prop_oneof![
        8 => (node.clone(), 0..6_u32, 1..9_u32).prop_map(|(at, key, n)| vec![Step::Hit(at, key, n)]),
        2 => (0..20_usize, any::<bool>())
            .prop_map(|(number, in_order)| vec![Step::Cut(number, in_order)]),
        1 => (node.clone(), node.clone()).prop_map(|(a, b)| vec![Step::Part(a, b)]),
        1 => Just(vec![Step::Heal]),
        4 => (0..3000_u64).prop_map(|ms| vec![Step::Wait(ms)]),
        1 => (node, 0..4000_u64)
            .prop_map(|(at, ms)| vec![Step::Crash(at), Step::Wait(ms), Step::Restart(at)]),
    ];
    prop::collection::vec(step, 1..60).prop_map(|steps| steps.concat())
}

fn play(count: usize, delay: u64, quiet: u64, steps: &[Step]) {
    let mut net = Net::new(count, delay);
    net.run(Duration::from_millis(quiet));
    net.play(steps);
    let mut expected: BTreeMap<u32, u32> = BTreeMap::new();
    for step in steps {
        if let Step::Hit(_, key, events) = *step {
            *expected.entry(key).or_default() += events;
        }
    }
    for at in 0..count {
        assert_eq!(net.values(at), expected, "node {at}");
    }
}

/// The lesson that it wants comes when it has given up waiting for one.
#[test]
fn a_node_that_starts_alone_adds_what_is_known_of_it_when_it_meets_another() {
    use Step::{Crash, Hit, Part, Restart, Wait};
    let steps = [
        Hit(0, 0, 1),
        Crash(0),
        Restart(0),
        Part(0, 1),
        Hit(0, 0, 1),
        Wait(1564),
        Wait(2773),
    ];
    play(2, 0, 40_000, &steps);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn sums_are_exact_after_quiet(
        (count, steps) in (2..=5_usize).prop_flat_map(|count| (Just(count), steps(count))),
        delay in 0..40_u64,
        quiet in prop_oneof![Just(40_000_u64), 0..2000_u64],
    ) {
        play(count, delay, quiet, &steps);
    }
}

#[test]
fn secrets_are_told_only_where_both_ends_have_verified_each_other() {
    let said = |subject, value: &str| Said {
        thing: Thing {
            subject,
            scope: "x".to_owned(),
            key: String::new(),
        },
        value: Some(value.to_owned()),
        who: "uid 0".to_owned(),
        wall_ms: 1,
    };
    for verifies in [(false, false), (true, false), (false, true), (true, true)] {
        let mut net = Net::new(2, 3);
        net.verifies = verifies;
        let now = net.now;
        let section = |net: &mut Net, word| {
            let node = net.nodes[0].as_mut().unwrap();
            node.section.say_word(now, word);
        };
        // Some before there is a session, some in it.
        section(&mut net, said(Subject::TicketKeys, "old"));
        section(&mut net, said(Subject::ServerWeight, "7"));
        net.run(QUIET);
        let known = |net: &Net| {
            let words = net.nodes[1].as_ref().unwrap().section.words();
            let values = words.since(0).map(|(_, word)| word.value.clone());
            values.flatten().collect::<BTreeSet<String>>()
        };
        let both = |one: &str, other: &str| BTreeSet::from([one.to_owned(), other.to_owned()]);
        let open = BTreeSet::from(["7".to_owned()]);
        let is_mutual = verifies == (true, true);
        let wanted = if is_mutual {
            both("7", "old")
        } else {
            open.clone()
        };
        assert_eq!(known(&net), wanted, "{verifies:?}");
        section(&mut net, said(Subject::TicketKeys, "new"));
        net.run(Duration::from_secs(1));
        let wanted = if is_mutual { both("7", "new") } else { open };
        assert_eq!(known(&net), wanted, "{verifies:?}");
    }
}

//! Nodes of a section in virtual time: after quiet all tables hold the same, whatever was lost,
//! delayed or cut on the way.

use std::sync::Arc;
use std::time::Duration;

use peers_proto::section::Input;
use peers_proto::{ConnId, Output, PeerSpec, Section, Shared, Spec};
use proptest::prelude::*;

use crate::net::{Net, QUIET, Step};

#[test]
fn changes_of_each_node_reach_all_others() {
    for count in 2..=5 {
        let mut net = Net::new(count, 5);
        net.run(QUIET);
        for at in 0..count {
            for key in 0..500 {
                net.hit(at, at as u32 * 1000 + key, 1 + key);
            }
        }
        net.run(Duration::from_secs(5));
        assert_eq!(net.values(0).len(), count * 500);
        net.assert_same();
    }
}

#[test]
fn a_node_that_starts_learns_all() {
    let mut net = Net::new(3, 1);
    net.run(QUIET);
    for key in 0..5000 {
        net.hit((key % 2) as usize, key, key);
    }
    net.run(Duration::from_secs(2));
    net.crash(2);
    net.run(Duration::from_secs(2));
    net.restart(2, 3);
    net.run(QUIET);
    assert_eq!(net.values(2).len(), 5000);
    net.assert_same();
}

#[test]
fn a_lesson_is_asked_for_again_when_a_second_session_takes_the_place_of_the_first() {
    let mut net = Net::new(2, 0);
    let now = net.now;
    let node = net.nodes[0].as_mut().unwrap();
    node.section.handle(now, Input::Tick);
    assert_eq!(node.section.poll_output(), Some(Output::Call(1)));
    node.section.handle(now, Input::Called(1, ConnId(1)));
    node.section.receive(now, ConnId(1), b"200\n");
    let asked = |section: &mut Section, id| {
        let bytes = section.outgoing(ConnId(id)).unwrap();
        std::mem::take(bytes).ends_with(&[0, 0])
    };
    assert!(asked(&mut node.section, 1));
    node.section.handle(now, Input::Accepted(ConnId(2)));
    node.section
        .receive(now, ConnId(2), b"HAProxyS 2.1\nn0\nn1 1 1\n");
    assert!(asked(&mut node.section, 2));
    assert!(node.section.outgoing(ConnId(1)).is_none());
    // It is silent about the lesson, but alive: after a while this node goes on without.
    for second in 1..15 {
        let now = now + Duration::from_secs(second);
        node.section.receive(now, ConnId(2), &[0, 4]);
    }
    let now = now + Duration::from_secs(15);
    assert!(node.section.snapshot(now).resync_ms.is_none());
}

#[test]
fn changes_are_acknowledged_together() {
    let mut net = Net::new(2, 0);
    net.run(QUIET);
    let now = net.now;
    let node = net.nodes[1].as_mut().unwrap();
    node.section.handle(now, Input::Accepted(ConnId(900)));
    let hello = b"HAProxyS 2.1\nn1\nn0 1 1\n";
    node.section.receive(now, ConnId(900), hello);
    let mut said = |time: Duration, bytes: &[u8]| {
        node.section.receive(now + time, ConnId(900), bytes);
        node.section.handle(now + time, Input::Tick);
        std::mem::take(node.section.outgoing(ConnId(900)).unwrap())
    };
    let ms = Duration::from_millis;
    // The answer, and whatever a session begins with.
    said(ms(0), b"");
    let definition = [10, 0x82, 7, 1, 1, b't', 2, 4, 4, 0];
    said(ms(0), &definition);
    for id in 1..=3 {
        let update = [10, 0x80, 9, 0, 0, 0, id, 0, 0, 0, id, 1];
        assert!(said(ms(u64::from(id)), &update).is_empty(), "{id}");
    }
    assert_eq!(said(ms(20), b""), [10, 0x84, 5, 1, 0, 0, 0, 3]);
    assert!(said(ms(60), b"").is_empty());
    // Of very many the other side hears at once.
    let update = [10, 0x81, 5, 0, 0, 0, 7, 1].repeat(5000);
    assert!(!said(ms(61), &update).is_empty());
}

#[test]
fn nothing_is_sent_twice_after_a_cut() {
    let mut net = Net::new(2, 1);
    net.run(QUIET);
    for key in 0..1000 {
        net.hit(0, key, 1);
    }
    net.run(Duration::from_secs(5));
    let sent = |net: &Net| {
        net.nodes[0]
            .as_ref()
            .unwrap()
            .section
            .snapshot(net.now)
            .peers[1]
            .counters
            .updates_sent
    };
    assert_eq!(sent(&net), 1000);
    let end = *net.links.keys().next().unwrap();
    net.cut(end, false);
    net.run(QUIET);
    assert_eq!(sent(&net), 1000);
    net.hit(0, 5, 1);
    net.run(Duration::from_secs(5));
    assert_eq!(sent(&net), 1001);
    net.assert_same();
}

#[test]
fn a_part_of_the_network_that_was_cut_off_catches_up() {
    let mut net = Net::new(2, 1);
    net.run(QUIET);
    net.parted = Some((0, 1));
    let end = *net.links.keys().next().unwrap();
    net.cut(end, false);
    for key in 0..300 {
        net.hit(0, key, 3);
    }
    net.run(QUIET);
    assert!(net.values(1).is_empty());
    net.parted = None;
    net.run(QUIET);
    net.assert_same();
}

#[test]
fn a_new_process_is_taught_by_the_old_one() {
    let mut net = Net::new(1, 1);
    net.run(QUIET);
    for key in 0..3000 {
        net.hit(0, key, key);
    }
    // The new process has the same name: the old one calls its own address.
    let mut new = net.node(0, 1, None);
    let spec = Spec {
        local: "n0".to_owned(),
        peers: vec![PeerSpec {
            name: "n0".to_owned(),
            shard: 0,
        }],
        tables: vec![Shared {
            name: "t".to_owned(),
            table: Arc::clone(&new.table),
            write_to: None,
        }],
        pid: 2,
        max_updates: 200,
        has_old_process: true,
    };
    new.section = Section::new(spec, net.now, 3);
    let (old_id, new_id) = (ConnId(901), ConnId(902));
    let old = net.nodes[0].as_mut().unwrap();
    old.section.handle(net.now, Input::Stop);
    let mut stopped = false;
    for _ in 0..1000 {
        while let Some(output) = old.section.poll_output() {
            match output {
                Output::Call(0) => {
                    new.section.handle(net.now, Input::Accepted(new_id));
                    old.section.handle(net.now, Input::Called(0, old_id));
                }
                Output::Stopped => stopped = true,
                _ => {}
            }
        }
        let bytes = old
            .section
            .outgoing(old_id)
            .map(std::mem::take)
            .unwrap_or_default();
        new.section.receive(net.now, new_id, &bytes);
        let bytes = new
            .section
            .outgoing(new_id)
            .map(std::mem::take)
            .unwrap_or_default();
        old.section.receive(net.now, old_id, &bytes);
    }
    assert!(stopped);
    assert_eq!(new.table.used(), 3000);
    assert!(
        new.section.snapshot(net.now).resync_ms.is_none(),
        "it learned all"
    );
}

fn steps(count: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0..count, 0..40_u32, 1..9_u32)
            .prop_map(|(at, key, n)| Step::Hit(at, at as u32 * 100 + key, n)),
        4 => (1..3000_u64).prop_map(Step::Wait),
        1 => (0..20_usize).prop_map(|number| Step::Cut(number, false)),
        1 => (1..count).prop_map(|at| Step::Part(0, at)),
        1 => Just(Step::Heal),
        1 => (1..count).prop_map(Step::Crash),
        1 => (1..count).prop_map(Step::Restart),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Each key is changed by one node only: what it said last is what all know after quiet.
    #[test]
    fn after_quiet_all_nodes_hold_the_same(
        (count, steps) in (2..5_usize).prop_flat_map(|count| (Just(count), steps(count))),
        delay in 0..50_u64,
    ) {
        let mut net = Net::new(count, delay);
        net.run(QUIET);
        net.play(&steps);
        net.assert_same();
    }

    #[test]
    fn no_bytes_of_a_peer_are_a_danger(
        hello in any::<bool>(),
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..20),
    ) {
        let mut net = Net::new(2, 0);
        let node = net.nodes[0].as_mut().unwrap();
        node.section.handle(net.now, Input::Accepted(ConnId(1)));
        if hello {
            node.section.receive(net.now, ConnId(1), b"HAProxyS 2.1\nn0\nn1 1 1\n");
        }
        for piece in pieces {
            let mut bytes = vec![10, 0x80 | piece.len() as u8 & 7, piece.len() as u8];
            bytes.extend_from_slice(&piece);
            node.section.receive(net.now, ConnId(1), &bytes);
        }
        while node.section.poll_output().is_some() {}
    }
}

//! Nodes of a section in virtual time: after quiet all tables hold the same, whatever was lost,
//! delayed or cut on the way.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers of tests are small"
)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lbd_core::Time;
use lbd_table::{DataType, Gpc, Key, KeyType, Schema, Stored, Table, Walk};
use peers_proto::section::Input;
use peers_proto::{ConnId, Output, PeerSpec, Section, Shared, Spec};
use proptest::prelude::*;

/// A node: its table and its section.
struct Node {
    name: String,
    table: Arc<Table>,
    section: Section,
}

/// One end of a connection: node and number there.
type End = (usize, ConnId);

/// Bytes, or the end of the stream.
type Packet = (Time, Option<Vec<u8>>);

struct Net {
    now: Time,
    nodes: Vec<Option<Node>>,
    /// From either end to the other.
    links: BTreeMap<End, End>,
    /// What is on its way to an end.
    packets: BTreeMap<End, Vec<Packet>>,
    next: u64,
    delay: Duration,
    /// Calls between these get nowhere.
    parted: Option<(usize, usize)>,
}

fn schema() -> Schema {
    let mut schema = Schema::new(KeyType::Integer, 10_000).unwrap();
    schema.expire_ms = Some(3_600_000);
    schema.store(Stored::plain(DataType::Gpc0)).unwrap();
    schema.store(Stored::plain(DataType::ServerKey)).unwrap();
    schema
}

impl Net {
    fn new(count: usize, delay_ms: u64) -> Self {
        let mut net = Self {
            now: Time::from_millis(1000),
            nodes: Vec::new(),
            links: BTreeMap::new(),
            packets: BTreeMap::new(),
            next: 1,
            delay: Duration::from_millis(delay_ms),
            parted: None,
        };
        for at in 0..count {
            let node = net.node(at, count, None);
            net.nodes.push(Some(node));
        }
        net
    }

    fn node(&self, at: usize, count: usize, table: Option<Arc<Table>>) -> Node {
        let name = |at: usize| format!("n{at}");
        let table = table.unwrap_or_else(|| Arc::new(Table::new("t", schema(), at as u64)));
        let spec = Spec {
            local: name(at),
            peers: (0..count)
                .map(|at| PeerSpec {
                    name: name(at),
                    shard: 0,
                })
                .collect(),
            tables: vec![Shared {
                name: "t".to_owned(),
                table: Arc::clone(&table),
                write_to: None,
            }],
            pid: 1,
            max_updates: 200,
            has_old_process: false,
        };
        Node {
            name: name(at),
            table,
            section: Section::new(spec, self.now, at as u64 * 77 + 5),
        }
    }

    fn id(&mut self) -> ConnId {
        self.next += 1;
        ConnId(self.next)
    }

    /// Does what the sections say, and moves bytes.
    fn settle(&mut self) {
        loop {
            let mut is_quiet = true;
            for at in 0..self.nodes.len() {
                while let Some(output) = self.nodes[at]
                    .as_mut()
                    .and_then(|node| node.section.poll_output())
                {
                    is_quiet = false;
                    match output {
                        Output::Call(peer) => self.call(at, peer),
                        Output::Close(id) => self.cut((at, id), true),
                        Output::Event(_) | Output::Stopped => {}
                    }
                }
                self.collect(at);
            }
            if is_quiet {
                return;
            }
        }
    }

    fn call(&mut self, at: usize, peer: usize) {
        let parted = self
            .parted
            .is_some_and(|(a, b)| (a, b) == (at, peer) || (b, a) == (at, peer));
        let now = self.now;
        if parted || self.nodes.get(peer).is_none_or(Option::is_none) {
            let node = self.nodes[at].as_mut().unwrap();
            return node.section.handle(now, Input::CallFailed(peer));
        }
        let (mine, theirs) = (self.id(), self.id());
        self.links.insert((at, mine), (peer, theirs));
        self.links.insert((peer, theirs), (at, mine));
        let node = self.nodes[peer].as_mut().unwrap();
        node.section.handle(now, Input::Accepted(theirs));
        let node = self.nodes[at].as_mut().unwrap();
        node.section.handle(now, Input::Called(peer, mine));
    }

    /// Takes what a node has to send.
    fn collect(&mut self, at: usize) {
        let ends: Vec<_> = self
            .links
            .range((at, ConnId(0))..(at + 1, ConnId(0)))
            .map(|(a, b)| (*a, *b))
            .collect();
        for (own, other) in ends {
            let Some(node) = self.nodes[at].as_mut() else {
                continue;
            };
            if let Some(bytes) = node
                .section
                .outgoing(own.1)
                .filter(|bytes| !bytes.is_empty())
            {
                let bytes = std::mem::take(bytes);
                self.packets
                    .entry(other)
                    .or_default()
                    .push((self.now + self.delay, Some(bytes)));
                node.section.handle(self.now, Input::Tick);
            }
        }
    }

    /// Ends a connection; what is on its way still arrives if it is ended in order.
    fn cut(&mut self, end: End, in_order: bool) {
        self.collect(end.0);
        let Some(other) = self.links.remove(&end) else {
            return;
        };
        self.links.remove(&other);
        let now = self.now;
        if let Some(node) = self.nodes[end.0].as_mut() {
            node.section.handle(now, Input::Closed(end.1));
        }
        if in_order {
            self.packets
                .entry(other)
                .or_default()
                .push((now + self.delay, None));
        } else {
            self.packets.remove(&other);
            if let Some(node) = self.nodes[other.0].as_mut() {
                node.section.handle(now, Input::Closed(other.1));
            }
        }
        self.packets.remove(&end);
    }

    /// Lets time pass.
    fn run(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            self.settle();
            let timers = self
                .nodes
                .iter()
                .flatten()
                .filter_map(|node| node.section.poll_timeout());
            let packets = self
                .packets
                .values()
                .filter_map(|list| Some(list.first()?.0));
            let next = timers.chain(packets).min().filter(|next| *next < until);
            let Some(next) = next else { break };
            self.now = self.now.max(next);
            let due: Vec<_> = self
                .packets
                .iter_mut()
                .filter(|(_, list)| list.first().is_some_and(|first| first.0 <= next))
                .map(|(end, list)| (*end, list.remove(0).1))
                .collect();
            for (end, packet) in due {
                let Some(node) = self.nodes[end.0].as_mut() else {
                    continue;
                };
                match packet {
                    Some(bytes) => node.section.receive(self.now, end.1, &bytes),
                    None => node.section.handle(self.now, Input::Closed(end.1)),
                }
            }
            self.packets.retain(|_, list| !list.is_empty());
            for node in self.nodes.iter_mut().flatten() {
                node.section.handle(self.now, Input::Tick);
            }
        }
        self.now = until;
    }

    fn hit(&mut self, at: usize, key: u32, count: u32) {
        let Some(node) = self.nodes[at].as_mut() else {
            return;
        };
        let change = |entry: &mut lbd_table::EntryMut<'_>| {
            entry.add_gpc(Gpc::First, count);
            entry.set_server_key(&format!("s{}", key % 300));
        };
        node.table
            .upsert(&Key::integer(key), self.now, change)
            .unwrap();
        node.section.handle(self.now, Input::Tick);
    }

    fn crash(&mut self, at: usize) {
        let ends: Vec<_> = self
            .links
            .range((at, ConnId(0))..(at + 1, ConnId(0)))
            .map(|(a, _)| *a)
            .collect();
        for end in ends {
            self.cut(end, false);
        }
        self.nodes[at] = None;
    }

    fn restart(&mut self, at: usize, count: usize) {
        if self.nodes[at].is_none() {
            self.nodes[at] = Some(self.node(at, count, None));
        }
    }

    fn values(&self, at: usize) -> BTreeMap<u32, u32> {
        let mut values = BTreeMap::new();
        let node = self.nodes[at].as_ref().unwrap();
        let mut walk = Walk::default();
        while node.table.walk(&mut walk, self.now, 1000, |entry| {
            let key = u32::from_ne_bytes(entry.key().try_into().unwrap());
            values.insert(key, entry.gpc(Gpc::First).unwrap());
            std::ops::ControlFlow::Continue(())
        }) {}
        values
    }

    fn assert_same(&self) {
        let first = self.values(0);
        for at in 1..self.nodes.len() {
            assert_eq!(
                self.values(at),
                first,
                "{} is not as n0",
                self.nodes[at].as_ref().unwrap().name
            );
        }
    }
}

const QUIET: Duration = Duration::from_secs(40);

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

#[derive(Debug, Clone)]
enum Step {
    Hit(usize, u32, u32),
    Run(u64),
    Cut(usize),
    Part(usize),
    Join,
    Crash(usize),
    Restart(usize),
}

fn step(count: usize) -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..count, 0..40_u32, 1..9_u32).prop_map(|(at, key, n)| Step::Hit(at, key, n)),
        4 => (1..3000_u64).prop_map(Step::Run),
        1 => (0..20_usize).prop_map(Step::Cut),
        1 => (1..count).prop_map(Step::Part),
        1 => Just(Step::Join),
        1 => (1..count).prop_map(Step::Crash),
        1 => (1..count).prop_map(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Each key is changed by one node only: what it said last is what all know after quiet.
    #[test]
    fn after_quiet_all_nodes_hold_the_same(
        count in 2..5_usize,
        delay in 0..50_u64,
        steps in prop::collection::vec(step(4), 1..60),
    ) {
        let mut net = Net::new(count, delay);
        net.run(QUIET);
        for step in steps {
            match step {
                Step::Hit(at, key, n) => {
                    let at = at % count;
                    net.hit(at, at as u32 * 100 + key, n);
                }
                Step::Run(ms) => net.run(Duration::from_millis(ms)),
                Step::Cut(n) => {
                    let ends: Vec<_> = net.links.keys().copied().collect();
                    if !ends.is_empty() {
                        net.cut(ends[n % ends.len()], false);
                    }
                }
                Step::Part(at) => net.parted = Some((0, at % count)),
                Step::Join => net.parted = None,
                // A node that crashes before anybody heard of its changes takes them along.
                Step::Crash(at) if at % count != 0 => {
                    net.parted = None;
                    net.run(QUIET);
                    net.crash(at % count);
                }
                Step::Restart(at) => net.restart(at % count, count),
                Step::Crash(_) => {}
            }
        }
        net.parted = None;
        for at in 0..count {
            net.restart(at, count);
        }
        net.run(QUIET);
        net.run(QUIET);
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

//! Nodes of a section on a net in virtual time: delay, cuts, partitions, crashes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lbd_core::Time;
use lbd_table::{DataType, Gpc, Key, KeyType, Schema, Stored, Table, Walk};
use peers_proto::section::Input;
use peers_proto::{ConnId, Output, PeerSpec, Section, Shared, Spec};

/// Long enough for all to be told, whatever was lost.
pub(crate) const QUIET: Duration = Duration::from_secs(40);

/// What happens on the net.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// A node counts so many events of a key.
    Hit(usize, u32, u32),
    /// A connection is cut, by its number among all; in order, what is on its way arrives.
    Cut(usize, bool),
    /// Two nodes cannot call each other.
    Part(usize, usize),
    /// All can.
    Heal,
    /// So many milliseconds pass.
    Wait(u64),
    /// All is told, then a node is no more. One that crashes before anybody has heard of its changes
    /// takes them along.
    Crash(usize),
    /// A node that is no more starts again.
    Restart(usize),
}

/// A node: its table and its section.
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) table: Arc<Table>,
    pub(crate) section: Section,
}

/// One end of a connection: node and number there.
pub(crate) type End = (usize, ConnId);

/// Bytes, or the end of the stream.
pub(crate) type Packet = (Time, Option<Vec<u8>>);

pub(crate) struct Net {
    pub(crate) now: Time,
    /// How far a node's clock is before it.
    pub(crate) skew: Vec<Duration>,
    pub(crate) nodes: Vec<Option<Node>>,
    /// From either end to the other.
    pub(crate) links: BTreeMap<End, End>,
    /// What is on its way to an end.
    pub(crate) packets: BTreeMap<End, Vec<Packet>>,
    pub(crate) next: u64,
    pub(crate) delay: Duration,
    /// Whether who calls, and who is called, verifies the other's certificate.
    pub(crate) verifies: (bool, bool),
    /// Calls between these get nowhere.
    pub(crate) parted: Option<(usize, usize)>,
}

fn schema() -> Schema {
    let mut schema = Schema::new(KeyType::Integer, 10_000).unwrap();
    schema.expire_ms = Some(3_600_000);
    // More than the nodes of any test.
    schema.nodes = 4;
    schema.store(Stored::plain(DataType::Gpc0)).unwrap();
    schema.store(Stored::plain(DataType::ServerKey)).unwrap();
    let rate = Stored {
        period_ms: 600_000,
        ..Stored::plain(DataType::HttpReqRate)
    };
    schema.store(rate).unwrap();
    schema
}

impl Net {
    pub(crate) fn new(count: usize, delay_ms: u64) -> Self {
        Self::with_clocks(&vec![Duration::ZERO; count], delay_ms)
    }

    /// Nodes whose clocks are so far ahead.
    pub(crate) fn with_clocks(skew: &[Duration], delay_ms: u64) -> Self {
        let count = skew.len();
        let mut net = Self {
            now: Time::from_millis(1000),
            skew: skew.to_vec(),
            nodes: Vec::new(),
            links: BTreeMap::new(),
            packets: BTreeMap::new(),
            next: 1,
            delay: Duration::from_millis(delay_ms),
            verifies: (false, false),
            parted: None,
        };
        for at in 0..count {
            let node = net.node(at, count, None);
            net.nodes.push(Some(node));
        }
        net
    }

    /// A node's clock.
    pub(crate) fn clock(&self, at: usize) -> Time {
        self.now + self.skew[at]
    }

    pub(crate) fn node(&self, at: usize, count: usize, table: Option<Arc<Table>>) -> Node {
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
            // Another life after each start.
            section: Section::new(
                spec,
                self.clock(at),
                at as u64 * 77 + 5 + self.now.as_millis() * 1000,
            ),
        }
    }

    pub(crate) fn id(&mut self) -> ConnId {
        self.next += 1;
        ConnId(self.next)
    }

    /// Does what the sections say, and moves bytes.
    pub(crate) fn settle(&mut self) {
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
                        Output::Event(_) | Output::Stopped | Output::Word(_) => {}
                    }
                }
                self.collect(at);
            }
            if is_quiet {
                return;
            }
        }
    }

    pub(crate) fn call(&mut self, at: usize, peer: usize) {
        let parted = self
            .parted
            .is_some_and(|(a, b)| (a, b) == (at, peer) || (b, a) == (at, peer));
        let (now, there) = (
            self.clock(at),
            self.skew.get(peer).map(|skew| self.now + *skew),
        );
        let there = there.unwrap_or(now);
        if parted || self.nodes.get(peer).is_none_or(Option::is_none) {
            let node = self.nodes[at].as_mut().unwrap();
            return node.section.handle(now, Input::CallFailed(peer));
        }
        let (mine, theirs) = (self.id(), self.id());
        self.links.insert((at, mine), (peer, theirs));
        self.links.insert((peer, theirs), (at, mine));
        let node = self.nodes[peer].as_mut().unwrap();
        node.section.handle(there, Input::Accepted(theirs));
        if self.verifies.1 {
            node.section.trust(theirs);
        }
        let node = self.nodes[at].as_mut().unwrap();
        node.section.handle(now, Input::Called(peer, mine));
        if self.verifies.0 {
            node.section.trust(mine);
        }
    }

    /// Takes what a node has to send.
    pub(crate) fn collect(&mut self, at: usize) {
        let ends: Vec<_> = self
            .links
            .range((at, ConnId(0))..(at + 1, ConnId(0)))
            .map(|(a, b)| (*a, *b))
            .collect();
        let clock = self.clock(at);
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
                node.section.handle(clock, Input::Tick);
            }
        }
    }

    /// Ends a connection; what is on its way still arrives if it is ended in order.
    pub(crate) fn cut(&mut self, end: End, in_order: bool) {
        self.collect(end.0);
        let Some(other) = self.links.remove(&end) else {
            return;
        };
        self.links.remove(&other);
        let (now, here, there) = (self.now, self.clock(end.0), self.clock(other.0));
        if let Some(node) = self.nodes[end.0].as_mut() {
            node.section.handle(here, Input::Closed(end.1));
        }
        if in_order {
            self.packets
                .entry(other)
                .or_default()
                .push((now + self.delay, None));
        } else {
            self.packets.remove(&other);
            if let Some(node) = self.nodes[other.0].as_mut() {
                node.section.handle(there, Input::Closed(other.1));
            }
        }
        self.packets.remove(&end);
    }

    /// Lets time pass.
    pub(crate) fn run(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            self.settle();
            let timers = self.nodes.iter().enumerate().filter_map(|(at, node)| {
                let due = node.as_ref()?.section.poll_timeout()?;
                Some(self.now + due.since(self.clock(at)))
            });
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
                let clock = self.clock(end.0);
                let Some(node) = self.nodes[end.0].as_mut() else {
                    continue;
                };
                match packet {
                    Some(bytes) => node.section.receive(clock, end.1, &bytes),
                    None => node.section.handle(clock, Input::Closed(end.1)),
                }
            }
            self.packets.retain(|_, list| !list.is_empty());
            for (node, skew) in self.nodes.iter_mut().zip(&self.skew) {
                if let Some(node) = node {
                    node.section.handle(self.now + *skew, Input::Tick);
                }
            }
        }
        self.now = until;
    }

    pub(crate) fn hit(&mut self, at: usize, key: u32, count: u32) {
        let clock = self.clock(at);
        let Some(node) = self.nodes[at].as_mut() else {
            return;
        };
        let change = |entry: &mut lbd_table::EntryMut<'_>| {
            entry.add_gpc(Gpc::First, count);
            entry.count_request();
            entry.set_server_key(&format!("s{}", key % 300));
        };
        node.table
            .upsert(&Key::integer(key), clock, change)
            .unwrap();
        node.section.handle(clock, Input::Tick);
    }

    pub(crate) fn crash(&mut self, at: usize) {
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

    pub(crate) fn restart(&mut self, at: usize, count: usize) {
        if self.nodes[at].is_none() {
            self.nodes[at] = Some(self.node(at, count, None));
        }
    }

    /// Lets things happen, then heals the net, starts what is no more, and waits.
    pub(crate) fn play(&mut self, steps: &[Step]) {
        let count = self.nodes.len();
        for step in steps {
            match *step {
                Step::Hit(at, key, events) => self.hit(at, key, events),
                Step::Cut(number, in_order) => {
                    let ends: Vec<_> = self.links.keys().copied().collect();
                    if !ends.is_empty() {
                        self.cut(ends[number % ends.len()], in_order);
                    }
                }
                Step::Part(a, b) => self.parted = Some((a, b)),
                Step::Heal => self.parted = None,
                Step::Wait(ms) => self.run(Duration::from_millis(ms)),
                Step::Crash(at) => {
                    self.parted = None;
                    self.run(QUIET);
                    self.crash(at);
                }
                Step::Restart(at) => self.restart(at, count),
            }
        }
        self.parted = None;
        (0..count).for_each(|at| self.restart(at, count));
        self.run(QUIET);
        self.run(QUIET);
    }

    pub(crate) fn values(&self, at: usize) -> BTreeMap<u32, u32> {
        let mut values = BTreeMap::new();
        let node = self.nodes[at].as_ref().unwrap();
        let mut walk = Walk::default();
        while node.table.walk(&mut walk, self.clock(at), 1000, |entry| {
            let key = u32::from_ne_bytes(entry.key().try_into().unwrap());
            values.insert(key, entry.gpc(Gpc::First).unwrap());
            std::ops::ControlFlow::Continue(())
        }) {}
        values
    }

    pub(crate) fn assert_same(&self) {
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

//! Nodes on links in virtual time: loss, delay, duplication, partition, crash, restart, freeze, drift.
//!
//! It does what a shell does and decides nothing. One seed gives one run.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers of tests are small"
)]

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use lbd_core::{Time, WallTime};
use vrrp_proto::handover::{HandoverInput, Message, Outcome, Step};
use vrrp_proto::instance::{Announce, Change, Event, Packet};
use vrrp_proto::packet::Transmit;
use vrrp_proto::router::Unit;
use vrrp_proto::{Input, Output, Router, RouterOutput, RouterSpec, State};

/// The nodes and what lies between them.
pub(crate) struct Lan {
    pub(crate) now: Time,
    pub(crate) nodes: Vec<Node>,
    /// Of a thousand packets.
    pub(crate) loss: u64,
    /// Of a thousand packets.
    pub(crate) duplicates: u64,
    pub(crate) delay: (Duration, Duration),
    /// Nodes whose packets do not reach the others and the other way round.
    pub(crate) cut_off: BTreeSet<usize>,
    /// Everything that was noticed, in order.
    pub(crate) log: Vec<(Time, usize, Noted)>,
    flying: BinaryHeap<Reverse<Flight>>,
    sent: u64,
    random: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Noted {
    Announced(usize, Announce),
    Changed(usize, Change),
    Event(usize, Event),
    HandoverEnded(Outcome),
    HandoverStep(Step),
}

pub(crate) struct Node {
    pub(crate) router: Router,
    spec: RouterSpec,
    pub(crate) address: IpAddr,
    pub(crate) is_up: bool,
    is_frozen: bool,
    /// By how many millionths its clock is fast.
    pub(crate) drift: i64,
    /// Instances whose addresses are in place.
    pub(crate) holds: BTreeSet<usize>,
    /// Interfaces that were said to be up or down.
    links: std::collections::BTreeMap<usize, bool>,
    waiting: VecDeque<(u32, Packet)>,
}

/// How long packets take, at least and at most.
pub(crate) const DELAY: (Duration, Duration) =
    (Duration::from_micros(50), Duration::from_micros(200));

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Flight {
    at: Time,
    order: u64,
    to: usize,
    cargo: Cargo,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Cargo {
    Advert {
        interface: u32,
        source: IpAddr,
        destination: IpAddr,
        hops: u8,
        payload: Vec<u8>,
    },
    /// An index into `words`.
    Word(usize),
}

impl Lan {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            now: Time::from_millis(1000),
            nodes: Vec::new(),
            loss: 0,
            duplicates: 0,
            delay: DELAY,
            cut_off: BTreeSet::new(),
            log: Vec::new(),
            flying: BinaryHeap::new(),
            sent: 0,
            random: seed ^ 0x9e37_79b9_7f4a_7c15,
        }
    }

    /// Adds a node at 10.77.0.(11 + index), started, its interfaces up.
    pub(crate) fn add(&mut self, spec: RouterSpec) -> usize {
        let host = 11 + self.nodes.len() as u8;
        self.add_at(IpAddr::V4(Ipv4Addr::new(10, 77, 0, host)), spec)
    }

    /// Adds a node at an address.
    pub(crate) fn add_at(&mut self, address: IpAddr, spec: RouterSpec) -> usize {
        let index = self.nodes.len();
        self.nodes.push(Node {
            router: Router::new(RouterSpec::default(), self.now, WallTime(0)),
            spec,
            address,
            is_up: false,
            is_frozen: false,
            drift: 0,
            holds: BTreeSet::new(),
            links: std::collections::BTreeMap::new(),
            waiting: VecDeque::new(),
        });
        self.restart(index);
        index
    }

    /// Below `bound`.
    pub(crate) fn random(&mut self, bound: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    /// The power goes.
    pub(crate) fn crash(&mut self, node: usize) {
        let node = &mut self.nodes[node];
        node.is_up = false;
        node.is_frozen = false;
        node.holds.clear();
        node.waiting.clear();
    }

    pub(crate) fn restart(&mut self, index: usize) {
        let wall = self.wall();
        let local = self.local(index);
        let node = &mut self.nodes[index];
        node.router = Router::new(node.spec.clone(), local, wall);
        node.is_up = true;
        node.is_frozen = false;
        node.holds.clear();
        node.links.clear();
        node.waiting.clear();
        let address = node.address;
        node.router.handle_all(local, &Input::Source(Some(address)));
        node.router.handle_all(local, &Input::Start);
        self.settle(index);
    }

    /// Another process goes on in place of the one that runs.
    pub(crate) fn upgrade(&mut self, index: usize) {
        let (wall, local) = (self.wall(), self.local(index));
        let node = &mut self.nodes[index];
        if !node.is_up || node.is_frozen {
            return;
        }
        let states = |router: &Router| router.instances().map(|i| i.state()).collect::<Vec<_>>();
        let (before, held) = (states(&node.router), node.holds.clone());
        let parcels = node.router.pack(local);
        node.router = Router::new(node.spec.clone(), local, wall);
        let source = Input::Source(Some(node.address));
        node.router.handle_all(local, &source);
        for (instance, is_up) in &node.links {
            node.router.handle(local, *instance, Input::Link(*is_up));
        }
        node.router.resume(local, &parcels);
        node.router.handle_all(local, &Input::Start);
        assert_eq!(states(&node.router), before, "an upgrade changes no state");
        node.holds.clear();
        self.settle(index);
        assert_eq!(self.nodes[index].holds, held);
    }

    /// All processes stop for a while; the kernel keeps receiving.
    pub(crate) fn freeze(&mut self, node: usize) {
        self.nodes[node].is_frozen = true;
    }

    pub(crate) fn thaw(&mut self, index: usize) {
        if !std::mem::take(&mut self.nodes[index].is_frozen) {
            return;
        }
        let local = self.local(index);
        while let Some((interface, packet)) = self.nodes[index].waiting.pop_front() {
            self.nodes[index].router.receive(local, interface, packet);
        }
        self.nodes[index].router.tick(local);
        self.settle(index);
    }

    pub(crate) fn tell(&mut self, node: usize, instance: usize, input: Input) {
        if self.nodes[node].is_up {
            if let Input::Link(is_up) = input {
                self.nodes[node].links.insert(instance, is_up);
            }
            let local = self.local(node);
            self.nodes[node].router.handle(local, instance, input);
            self.settle(node);
        }
    }

    pub(crate) fn tell_all(&mut self, node: usize, input: &Input) {
        if self.nodes[node].is_up {
            let local = self.local(node);
            self.nodes[node].router.handle_all(local, input);
            self.settle(node);
        }
    }

    pub(crate) fn handover(&mut self, node: usize, unit: Unit, input: HandoverInput) {
        let local = self.local(node);
        self.nodes[node].router.handover(local, unit, input);
        self.settle(node);
    }

    pub(crate) fn run_for(&mut self, duration: Duration) {
        self.run_until(self.now + duration);
    }

    pub(crate) fn run_until(&mut self, end: Time) {
        self.run_while(end, |_| true);
    }

    /// Runs until `end`, or until `goes_on` says no; it is asked after every moment at which
    /// something happened.
    pub(crate) fn run_while(&mut self, end: Time, mut goes_on: impl FnMut(&Self) -> bool) -> bool {
        while let Some(next) = self.next().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            while self.flying.peek().is_some_and(|f| f.0.at <= self.now) {
                if let Some(Reverse(flight)) = self.flying.pop() {
                    self.arrive(flight);
                }
            }
            for index in 0..self.nodes.len() {
                let local = self.local(index);
                let node = &mut self.nodes[index];
                let is_due = node.router.poll_timeout().is_some_and(|due| due <= local);
                if node.is_up && !node.is_frozen && is_due {
                    node.router.tick(local);
                    self.settle(index);
                }
            }
            if !goes_on(self) {
                return false;
            }
        }
        self.now = end;
        true
    }

    /// The running nodes that are master of this instance.
    pub(crate) fn masters(&self, instance: usize) -> Vec<usize> {
        let is_master = |node: &Node| {
            let found = node.router.instances().nth(instance);
            node.is_up && found.is_some_and(|i| i.state() == State::Master)
        };
        let nodes = self.nodes.iter().enumerate();
        nodes
            .filter(|(_, n)| is_master(n))
            .map(|(i, _)| i)
            .collect()
    }

    /// The nodes that have this instance's addresses in place.
    pub(crate) fn holders(&self, instance: usize) -> Vec<usize> {
        let nodes = self.nodes.iter().enumerate();
        let holds = |(_, node): &(usize, &Node)| node.holds.contains(&instance);
        nodes.filter(holds).map(|(index, _)| index).collect()
    }

    /// When this node last entered this state.
    pub(crate) fn entered(&self, node: usize, state: State) -> Option<Time> {
        let is_it = |(_, at, noted): &&(Time, usize, Noted)| {
            *at == node && matches!(noted, Noted::Changed(_, change) if change.to == state)
        };
        self.log.iter().rev().find(is_it).map(|(time, ..)| *time)
    }

    pub(crate) fn count(&self, is_it: impl Fn(usize, &Noted) -> bool) -> usize {
        self.log
            .iter()
            .filter(|(_, n, noted)| is_it(*n, noted))
            .count()
    }

    fn wall(&self) -> WallTime {
        WallTime(1_700_000_000_000_000 + self.now.0 / 1000)
    }

    fn local(&self, node: usize) -> Time {
        let drift = self.nodes[node].drift;
        let off = i128::from(self.now.0) * i128::from(drift) / 1_000_000;
        Time((i128::from(self.now.0) + off) as u64)
    }

    /// The first moment at which the node's clock shows at least `local`.
    fn real(&self, node: usize, local: Time) -> Time {
        let drift = i128::from(self.nodes[node].drift);
        let real = i128::from(local.0) * 1_000_000 / (1_000_000 + drift);
        Time(real as u64 + u64::from(drift != 0) * 2)
    }

    fn next(&self) -> Option<Time> {
        let timers = (0..self.nodes.len()).filter_map(|index| {
            let node = &self.nodes[index];
            let due = node
                .router
                .poll_timeout()
                .filter(|_| node.is_up && !node.is_frozen)?;
            Some(self.real(index, due))
        });
        let flights = self.flying.peek().map(|flight| flight.0.at);
        timers.chain(flights).min()
    }

    fn arrive(&mut self, flight: Flight) {
        if !self.nodes[flight.to].is_up {
            return;
        }
        match flight.cargo {
            Cargo::Advert {
                interface,
                source,
                destination,
                hops,
                payload,
            } => {
                let packet = Packet {
                    source,
                    destination,
                    hops: Some(hops),
                    payload,
                };
                self.receive(flight.to, interface, packet);
            }
            Cargo::Word(word) => {
                let (unit, message) = decode_word(word);
                self.handover(flight.to, unit, HandoverInput::Message(message));
            }
        }
    }

    pub(crate) fn receive(&mut self, to: usize, interface: u32, packet: Packet) {
        let local = self.local(to);
        let node = &mut self.nodes[to];
        if node.is_frozen {
            node.waiting.push_back((interface, packet));
            return;
        }
        node.router.receive(local, interface, packet);
        self.settle(to);
    }

    fn settle(&mut self, index: usize) {
        while let Some(output) = self.nodes[index].router.poll_output() {
            match output {
                RouterOutput::Instance(instance, output) => self.apply(index, instance, output),
                RouterOutput::Group { .. } | RouterOutput::Reconfigured => {}
                RouterOutput::HandoverEnded(_, outcome) => {
                    self.note(index, Noted::HandoverEnded(outcome));
                }
                RouterOutput::HandoverStep(unit, step) => {
                    self.note(index, Noted::HandoverStep(step));
                    let local = self.local(index);
                    let done = HandoverInput::Done(step);
                    self.nodes[index].router.handover(local, unit, done);
                }
                RouterOutput::Tell(unit, message) => {
                    let word = encode_word(unit, message);
                    for to in (0..self.nodes.len()).filter(|to| *to != index) {
                        self.fly(to, Cargo::Word(word));
                    }
                }
            }
        }
    }

    fn apply(&mut self, index: usize, instance: usize, output: Output) {
        match output {
            Output::AddAddresses => {
                self.nodes[index].holds.insert(instance);
            }
            Output::Announce(announce) => self.note(index, Noted::Announced(instance, announce)),
            Output::AnnounceSource | Output::ReplaceAddresses | Output::Report(_) => {}
            Output::Changed(change) => self.note(index, Noted::Changed(instance, change)),
            Output::Event(event) => self.note(index, Noted::Event(instance, event)),
            Output::RemoveAddresses => {
                assert!(self.nodes[index].holds.remove(&instance), "removed twice");
            }
            Output::Send(packet) => self.send(index, instance, &packet),
        }
    }

    fn send(&mut self, index: usize, instance: usize, packet: &Transmit) {
        let interface = self.nodes[index].spec.instances[instance].interface;
        for to in (0..self.nodes.len()).filter(|to| *to != index) {
            let is_for =
                packet.destination.is_multicast() || packet.destination == self.nodes[to].address;
            let is_cut = self.cut_off.contains(&to) != self.cut_off.contains(&index);
            if !is_for || is_cut {
                continue;
            }
            let copies = 1 + u64::from(self.random(1000) < self.duplicates);
            for _ in 0..copies {
                if self.random(1000) >= self.loss {
                    self.fly(
                        to,
                        Cargo::Advert {
                            interface,
                            source: packet.source,
                            destination: packet.destination,
                            hops: packet.hops,
                            payload: packet.payload.clone(),
                        },
                    );
                }
            }
        }
    }

    fn fly(&mut self, to: usize, cargo: Cargo) {
        let spread = (self.delay.1 - self.delay.0).as_nanos() as u64 + 1;
        let delay = self.delay.0 + Duration::from_nanos(self.random(spread));
        self.sent += 1;
        self.flying.push(Reverse(Flight {
            at: self.now + delay,
            order: self.sent,
            to,
            cargo,
        }));
    }

    fn note(&mut self, node: usize, noted: Noted) {
        self.log.push((self.now, node, noted));
    }
}

thread_local! {
    static WORDS: std::cell::RefCell<Vec<(Unit, Message)>> = const { std::cell::RefCell::new(Vec::new()) };
}

fn encode_word(unit: Unit, message: Message) -> usize {
    WORDS.with_borrow_mut(|words| {
        words.push((unit, message));
        words.len() - 1
    })
}

fn decode_word(word: usize) -> (Unit, Message) {
    WORDS.with_borrow(|words| words[word])
}

//! The machine of one `peers` section: whom to call, what to learn, to teach and to push.
//!
//! It opens no connection and reads no clock. A shell calls [`Section::handle`] with what happened
//! and [`Section::receive`] with bytes, sends what [`Section::outgoing`] holds, and does what
//! [`Section::poll_output`] says; [`Section::poll_timeout`] tells when it wants to be called again.
//!
//! A node that starts learns first from its own old process, if there is one, then from one remote
//! peer, five seconds each at most. Who is asked for a lesson sends every entry once. Between lessons
//! each change made here goes to every peer, in the order of the update ids.

mod conn;
mod fill;
mod receive;
mod snapshot;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use lbd_core::Time;
use lbd_table::{ReaderId, Table, Walk};

use crate::codec::Control;
use crate::hello;

use conn::Conn;
pub use snapshot::{PeerView, SectionView, TableView};

/// A connection, numbered by the section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnId(pub u64);

/// A peer of the section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerSpec {
    /// Its name.
    pub name: String,
    /// The shard that it gets, from 1; 0 for all.
    pub shard: u32,
}

/// A table that the section shares.
#[derive(Debug, Clone)]
pub struct Shared {
    /// Its name on the wire.
    pub name: String,
    /// The table.
    pub table: Arc<Table>,
    /// The table that gets what peers say of it, too.
    pub write_to: Option<Arc<Table>>,
}

/// What a section is made of.
#[derive(Debug, Clone)]
pub struct Spec {
    /// This node's name; one of the peers.
    pub local: String,
    /// All peers, this node included.
    pub peers: Vec<PeerSpec>,
    /// Tables shared.
    pub tables: Vec<Shared>,
    /// Process id, for the hello.
    pub pid: u32,
    /// Updates pushed before another table has its turn.
    pub max_updates: usize,
    /// An old process will teach this one.
    pub has_old_process: bool,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// A connection was accepted.
    Accepted(ConnId),
    /// A call to a peer did not get through.
    CallFailed(usize),
    /// A call to a peer got through.
    Called(usize, ConnId),
    /// A connection has ended.
    Closed(ConnId),
    /// The process stops: the new one, if there is one, is taught.
    Stop,
    /// Time has passed, tables have changed, or there is room to send.
    Tick,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Call a peer, this node's own address included.
    Call(usize),
    /// End a connection once its bytes are sent.
    Close(ConnId),
    /// Tell operators.
    Event(Event),
    /// The old process has taught the new one, or there is none.
    Stopped,
}

/// What operators may want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A session with a peer has ended.
    Down(String),
    /// A table of a peer is not what it is here: its updates are passed over.
    Mismatch(String, String),
    /// A peer refused this node with that code.
    Refused(String, u32),
    /// A session with a peer has begun.
    Up(String),
}

/// How far this node has learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resync {
    /// All that others knew, or nobody was there.
    Finished,
    /// An old process of this node will call.
    FromLocal { until: Time },
    /// A remote peer is, or will be, asked.
    FromRemote { until: Time, teacher: Option<usize> },
}

/// A peer and how things stand with it.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) spec: PeerSpec,
    pub(crate) is_local: bool,
    pub(crate) conn: Option<ConnId>,
    /// The next call; none while one is under way or none is wanted.
    pub(crate) call_at: Option<Time>,
    pub(crate) is_calling: bool,
    /// Calls that failed in a row.
    pub(crate) failures: u32,
    /// The other side refused minor version 1.
    pub(crate) is_old: bool,
    /// Places in the tables' update logs, by table.
    pub(crate) readers: Vec<Option<ReaderId>>,
    /// It had its turn as teacher.
    pub(crate) was_asked: bool,
    pub(crate) counters: PeerCounters,
}

/// Counters of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PeerCounters {
    /// Sessions that began.
    pub sessions: u64,
    /// Heartbeats sent.
    pub tx_heartbeats: u64,
    /// Heartbeats received.
    pub rx_heartbeats: u64,
    /// Sessions ended because nothing came any more.
    pub silent: u64,
    /// Faults of the other side.
    pub protocol_errors: u64,
    /// Sessions ended because the other side called, too.
    pub collisions: u64,
    /// Updates taken.
    pub updates_received: u64,
    /// Updates given, those of lessons included.
    pub updates_sent: u64,
    /// Updates that no table of ours is for.
    pub updates_dropped: u64,
    /// Acknowledgements that could not be right.
    pub acks_ignored: u64,
    /// Entries that found no room here.
    pub refused: u64,
    /// The status of the last hello.
    pub last_status: u32,
    /// When the last session began.
    pub last_handshake: Option<Time>,
}

/// A lesson that is being given.
#[derive(Debug)]
pub(crate) struct Lesson {
    pub(crate) table: usize,
    pub(crate) walk: Walk,
    /// Last update ids before it began, by table.
    pub(crate) marks: Vec<u64>,
    pub(crate) next_id: u32,
    /// All is sent; the other side has yet to notice.
    pub(crate) is_told: bool,
}

/// One `peers` section.
#[derive(Debug)]
pub struct Section {
    pub(crate) spec: Spec,
    pub(crate) peers: Vec<Peer>,
    pub(crate) conns: BTreeMap<ConnId, Conn>,
    pub(crate) resync: Resync,
    outputs: VecDeque<Output>,
    random: u64,
    /// When stopping is given up.
    stopping: Option<Time>,
    is_stopped: bool,
}

impl Section {
    /// A section that begins. From here on the tables log their changes for its peers.
    pub fn new(spec: Spec, now: Time, seed: u64) -> Self {
        let peers = spec.peers.iter().map(|peer| {
            let is_local = peer.name == spec.local;
            let reader = |shared: &Shared| {
                let reader = (!is_local).then(|| shared.table.add_reader());
                reader.flatten()
            };
            Peer {
                spec: peer.clone(),
                is_local,
                conn: None,
                call_at: (!is_local).then_some(now),
                is_calling: false,
                failures: 0,
                is_old: false,
                readers: spec.tables.iter().map(reader).collect(),
                was_asked: false,
                counters: PeerCounters::default(),
            }
        });
        let peers: Vec<_> = peers.collect();
        let until = now + RESYNC_TIMEOUT;
        let resync = match spec.has_old_process {
            true => Resync::FromLocal { until },
            false => Resync::FromRemote {
                until,
                teacher: None,
            },
        };
        Self {
            spec,
            peers,
            conns: BTreeMap::new(),
            resync,
            outputs: VecDeque::new(),
            random: seed | 1,
            stopping: None,
            is_stopped: false,
        }
    }

    /// Takes notice of what happened.
    pub fn handle(&mut self, now: Time, input: Input) {
        match input {
            Input::Accepted(id) => {
                self.conns.insert(id, Conn::accepted(now));
            }
            Input::Called(peer, id) => self.called(now, peer, id),
            Input::CallFailed(peer) => self.call_failed(now, peer),
            Input::Closed(id) => self.lose(now, id),
            Input::Stop => self.stop(now),
            Input::Tick => {}
        }
        self.turn(now);
    }

    /// Takes bytes of a connection.
    pub fn receive(&mut self, now: Time, id: ConnId, bytes: &[u8]) {
        let Some(mut conn) = self.conns.remove(&id) else {
            return;
        };
        conn.last_rx = now;
        conn.input.extend_from_slice(bytes);
        // Taken out, so that peers and tables can be reached meanwhile.
        self.digest(now, id, &mut conn);
        self.conns.insert(id, conn);
        self.turn(now);
    }

    /// Bytes to send on a connection; what was sent is to be drained.
    pub fn outgoing(&mut self, id: ConnId) -> Option<&mut Vec<u8>> {
        self.conns.get_mut(&id).map(|conn| &mut conn.output)
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Tick`] is wanted, if nothing happens before.
    pub fn poll_timeout(&self) -> Option<Time> {
        if self.is_stopped {
            return None;
        }
        let calls = self.peers.iter().filter_map(|peer| peer.call_at);
        let conns = self.conns.values().map(Conn::next);
        let resync = match self.resync {
            Resync::Finished => None,
            Resync::FromLocal { until } | Resync::FromRemote { until, .. } => Some(until),
        };
        calls.chain(conns).chain(resync).chain(self.stopping).min()
    }

    /// Whether the old process of this node has nothing more to teach.
    pub fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    pub(crate) fn say(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    fn random(&mut self) -> u64 {
        let mut x = self.random;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.random = x;
        x
    }

    /// The pause of the reference after a session that it ended: 50 to 2049 ms.
    fn pause(&mut self) -> Duration {
        Duration::from_millis(50 + self.random() % 2000)
    }

    fn called(&mut self, now: Time, at: usize, id: ConnId) {
        let Some(peer) = self.peers.get_mut(at) else {
            return;
        };
        peer.is_calling = false;
        let mut conn = Conn::calling(now, at);
        let minor = u32::from(!peer.is_old);
        hello::put(
            &mut conn.output,
            minor,
            &peer.spec.name,
            &self.spec.local,
            self.spec.pid,
        );
        self.conns.insert(id, conn);
    }

    fn call_failed(&mut self, now: Time, at: usize) {
        let Some(peer) = self.peers.get_mut(at) else {
            return;
        };
        peer.is_calling = false;
        if peer.is_local {
            // Nobody listens there: no new process.
            return self.stopped();
        }
        self.call_later(now, at);
    }

    /// Calls again after a failure: half a second at first, five at last, and chance.
    pub(crate) fn call_later(&mut self, now: Time, at: usize) {
        let chance = self.random() % 512;
        let is_stopping = self.stopping.is_some();
        let peer = &mut self.peers[at];
        let wait = if peer.is_local {
            Duration::from_millis(500)
        } else {
            let base = 500_u64 << peer.failures.min(3);
            Duration::from_millis(base + chance * base / 512)
        };
        peer.failures = peer.failures.saturating_add(1);
        if peer.is_local == is_stopping {
            peer.call_at = Some(now + wait.min(LONGEST_WAIT));
        }
    }

    /// A connection is no more.
    pub(crate) fn lose(&mut self, now: Time, id: ConnId) {
        let Some(conn) = self.conns.remove(&id) else {
            return;
        };
        let Some(at) = conn.peer() else { return };
        if !conn.is_open() {
            self.call_later(now, at);
            return;
        }
        if self.peers[at].conn != Some(id) {
            return;
        }
        self.peers[at].conn = None;
        let name = self.peers[at].spec.name.clone();
        self.say(Output::Event(Event::Down(name)));
        self.lesson_lost(now, at);
        if self.stopping.is_none() && !self.peers[at].is_local {
            let pause = self.pause();
            self.peers[at].call_at = Some(now + pause);
        } else if self.stopping.is_some() && self.peers[at].is_local {
            self.call_later(now, at);
        }
    }

    /// The session in which a lesson was had is no more: it is asked for again, of the same peer too.
    fn lesson_lost(&mut self, now: Time, at: usize) {
        if let Resync::FromRemote { teacher, until } = &mut self.resync
            && *teacher == Some(at)
        {
            *teacher = None;
            *until = now + RESYNC_TIMEOUT;
            self.peers[at].was_asked = false;
        }
    }

    /// Ends a connection from this side.
    pub(crate) fn close(&mut self, now: Time, id: ConnId) {
        self.say(Output::Close(id));
        self.lose(now, id);
    }

    /// A connection has become a session with a peer.
    pub(crate) fn opened(&mut self, now: Time, at: usize, id: ConnId) {
        let old = self.peers[at].conn.take();
        let peer = &mut self.peers[at];
        peer.conn = Some(id);
        peer.call_at = None;
        peer.failures = 0;
        peer.counters.sessions += 1;
        peer.counters.last_status = hello::Status::Accepted as u32;
        peer.counters.last_handshake = Some(now);
        for (shared, reader) in self.spec.tables.iter().zip(&peer.readers) {
            if let Some(reader) = *reader {
                shared.table.rewind(reader);
            }
        }
        let name = peer.spec.name.clone();
        if let Some(old) = old.filter(|old| *old != id) {
            self.peers[at].counters.collisions += 1;
            self.lesson_lost(now, at);
            self.conns.remove(&old);
            self.say(Output::Close(old));
        }
        self.say(Output::Event(Event::Up(name)));
    }

    /// Calls, timeouts, lessons to ask for, and what there is to send.
    fn turn(&mut self, now: Time) {
        if self.is_stopped {
            return;
        }
        if self.stopping.is_some_and(|until| now >= until) {
            return self.stopped();
        }
        for at in 0..self.peers.len() {
            let peer = &mut self.peers[at];
            if peer.call_at.is_some_and(|at| now >= at) {
                peer.call_at = None;
                if peer.conn.is_none() && !peer.is_calling {
                    peer.is_calling = true;
                    self.say(Output::Call(at));
                }
            }
        }
        self.tend(now);
        self.learn(now);
        let ids: Vec<_> = self.conns.keys().copied().collect();
        for id in ids {
            self.fill(now, id);
        }
    }

    /// Sessions that are silent, and hellos that do not come.
    fn tend(&mut self, now: Time) {
        let ids: Vec<_> = self.conns.keys().copied().collect();
        for id in ids {
            let Some(conn) = self.conns.get_mut(&id) else {
                continue;
            };
            if now >= conn.last_rx + conn.patience() {
                if let Some(at) = conn.peer().filter(|_| conn.is_open()) {
                    self.peers[at].counters.silent += 1;
                }
                self.close(now, id);
                continue;
            }
            if conn.is_open() && now >= conn.heartbeat_at {
                conn.heartbeat_at = now + HEARTBEAT;
                if conn.output.is_empty() {
                    Control::Heartbeat.put(&mut conn.output);
                    if let Some(at) = conn.peer() {
                        self.peers[at].counters.tx_heartbeats += 1;
                    }
                }
            }
        }
    }

    /// Asks a peer for a lesson, or goes on without.
    fn learn(&mut self, now: Time) {
        match self.resync {
            Resync::Finished => return,
            Resync::FromLocal { until } => {
                if now >= until {
                    self.learn_from_remote(now);
                }
                return;
            }
            Resync::FromRemote { until, teacher } => {
                if now < until && teacher.is_some() {
                    return;
                }
                if now >= until && teacher.is_none() {
                    self.resync = Resync::Finished;
                    return;
                }
                if teacher.is_some() {
                    // It lives and does not teach: another has its turn.
                    self.learn_from_remote(now);
                }
            }
        }
        let open = self.peers.iter().position(|peer| {
            !peer.is_local && !peer.was_asked && peer.conn.is_some() && !self.is_covered(peer)
        });
        let Some(at) = open else { return };
        self.peers[at].was_asked = true;
        if let Some(conn) = self.peers[at].conn.and_then(|id| self.conns.get_mut(&id)) {
            Control::ResyncRequest.put(&mut conn.output);
            self.resync = Resync::FromRemote {
                until: now + RESYNC_TIMEOUT,
                teacher: Some(at),
            };
        }
    }

    /// Whether another peer of the same shard has taught already.
    fn is_covered(&self, peer: &Peer) -> bool {
        let shard = peer.spec.shard;
        shard != 0
            && self.peers.iter().any(|other| {
                other.was_asked && other.spec.shard == shard && other.spec.name != peer.spec.name
            })
    }

    /// A teacher goes on.
    pub(crate) fn lesson_goes_on(&mut self, now: Time, at: usize) {
        if let Resync::FromRemote { teacher, until } = &mut self.resync
            && *teacher == Some(at)
        {
            *until = now + RESYNC_TIMEOUT;
        }
    }

    pub(crate) fn learn_from_remote(&mut self, now: Time) {
        self.resync = Resync::FromRemote {
            until: now + RESYNC_TIMEOUT,
            teacher: None,
        };
    }

    /// A lesson that this node had is over.
    pub(crate) fn learned(&mut self, now: Time, at: usize, is_complete: bool) {
        let is_local = self.peers[at].is_local;
        match self.resync {
            Resync::FromLocal { .. } if is_local => match is_complete {
                true => self.resync = Resync::Finished,
                false => self.learn_from_remote(now),
            },
            Resync::FromRemote { teacher, .. } if teacher == Some(at) => {
                let shards_left = self.peers[at].spec.shard != 0
                    && self.peers.iter().any(|peer| {
                        !peer.is_local
                            && !peer.was_asked
                            && peer.spec.shard != self.peers[at].spec.shard
                    });
                if is_complete && !shards_left {
                    self.resync = Resync::Finished;
                } else {
                    self.learn_from_remote(now);
                }
            }
            _ => {}
        }
    }

    /// Whether this node is learning from that peer: it is pushed nothing meanwhile.
    pub(crate) fn is_learning_from(&self, at: usize) -> bool {
        match self.resync {
            Resync::Finished => false,
            Resync::FromLocal { .. } => self.peers[at].is_local,
            Resync::FromRemote { teacher, .. } => teacher == Some(at),
        }
    }

    /// Ends all sessions and calls the own address, where a new process may be.
    fn stop(&mut self, now: Time) {
        if self.stopping.is_some() {
            return;
        }
        self.stopping = Some(now + RESYNC_TIMEOUT);
        let ids: Vec<_> = self.conns.keys().copied().collect();
        for id in ids {
            self.close(now, id);
        }
        for peer in &mut self.peers {
            peer.call_at = None;
        }
        let local = self.peers.iter().position(|peer| peer.is_local);
        match local.filter(|_| self.resync == Resync::Finished) {
            Some(at) => {
                self.peers[at].is_calling = true;
                self.say(Output::Call(at));
            }
            None => self.stopped(),
        }
    }

    /// Nothing more is to be taught.
    pub(crate) fn stopped(&mut self) {
        if self.stopping.is_some() && !self.is_stopped {
            self.is_stopped = true;
            self.say(Output::Stopped);
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.is_some()
    }

    /// Gives up the places in the tables' update logs.
    pub fn forget(&mut self) {
        for peer in &mut self.peers {
            for (shared, reader) in self.spec.tables.iter().zip(&mut peer.readers) {
                if let Some(reader) = reader.take() {
                    shared.table.remove_reader(reader);
                }
            }
        }
    }
}

/// How long a lesson is waited for, and how long a stopping process tries to teach.
const RESYNC_TIMEOUT: Duration = Duration::from_secs(5);

/// Time between signs of life.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(3);

/// Longest pause between two calls.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

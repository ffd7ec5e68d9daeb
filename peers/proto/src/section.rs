//! The machine of one `peers` section: whom to call, what to learn, to teach and to push.
//!
//! It opens no connection and reads no clock. A shell calls [`Section::handle`] with what happened
//! and [`Section::receive`] with bytes, sends what [`Section::outgoing`] holds, and does what
//! [`Section::poll_output`] says; [`Section::poll_timeout`] tells when it wants to be called again.
//!
//! A node that starts learns first from its own old process, if there is one, then from one remote
//! peer, five seconds each at most. Who is asked for a lesson sends every entry once. Between lessons
//! each change made here goes to every peer, in the order of the update ids.

mod calls;
mod conn;
mod fill;
mod mend;
mod receive;
mod resync;
mod siblings;
mod snapshot;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use lbd_core::Time;
use lbd_table::{Learning, ReaderId, Table, Walk};

use crate::words::{Said, Word, Words};

use conn::Conn;
use resync::{RESYNC_TIMEOUT, Resync};
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
    /// Carry out what was said on another node.
    Word(Box<Word>),
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
    /// It has told what it knew of this node's part, or knows no parts.
    pub(crate) has_taught: bool,
    /// Last update ids when its session began, by table.
    pub(crate) marks: Vec<u64>,
    /// Its life when it was last heard of, if it is a node of lbd.
    pub(crate) life: Option<u64>,
    /// When its connections at that moment are forgotten, unless it comes back.
    pub(crate) gone_at: Option<Time>,
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
    /// Buckets of tables whose digests were compared after a reconnect.
    pub buckets_compared: u64,
    /// Those of them that differed.
    pub buckets_differing: u64,
    /// Entries given because their bucket differed.
    pub mended: u64,
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
    pub(crate) words: Words,
    outputs: VecDeque<Output>,
    random: u64,
    /// Another number after each start.
    pub(crate) life: u64,
    /// This node's own parts are all that anybody knows of them.
    pub(crate) is_whole: bool,
    /// Learning was over once.
    has_learned: bool,
    /// What tables were told of learning.
    learning: Learning,
    /// Connections refused because too many have not said who they are.
    strangers_refused: u64,
    /// When tables are to be looked at again for a peer's digests.
    mend_at: Option<Time>,
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
                has_taught: false,
                marks: Vec::new(),
                life: None,
                gone_at: None,
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
        for shared in &spec.tables {
            shared.table.set_learning(Learning::Lesson);
        }
        Self {
            spec,
            peers,
            life: seed,
            is_whole: false,
            has_learned: false,
            learning: Learning::Lesson,
            strangers_refused: 0,
            words: Words::default(),
            conns: BTreeMap::new(),
            resync,
            outputs: VecDeque::new(),
            random: seed | 1,
            mend_at: None,
            stopping: None,
            is_stopped: false,
        }
    }

    /// An operator of this node says something that other nodes are to know. Says whether they will.
    pub fn say_word(&mut self, now: Time, said: Said) -> bool {
        let is_taken = self.words.say(said, &self.spec.local, now).is_some();
        self.turn(now);
        is_taken
    }

    /// What operators have said, on all nodes.
    pub fn words(&self) -> &Words {
        &self.words
    }

    /// Takes notice of what happened.
    pub fn handle(&mut self, now: Time, input: Input) {
        match input {
            Input::Accepted(id) => {
                let strangers = self.conns.values().filter(|conn| !conn.is_open());
                if strangers.count() >= MAX_STRANGERS {
                    self.strangers_refused += 1;
                    self.say(Output::Close(id));
                } else {
                    self.conns.insert(id, Conn::accepted(now));
                }
            }
            Input::Called(peer, id) => self.called(now, peer, id),
            Input::CallFailed(peer) => self.call_failed(now, peer),
            Input::Closed(id) => self.lose(now, id),
            Input::Stop => self.stop(now),
            Input::Tick => self.mend(now),
        }
        self.turn(now);
    }

    /// Whoever is at the other end of a connection has shown a certificate, which was verified. To be
    /// said before its bytes are taken.
    pub fn trust(&mut self, id: ConnId) {
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.is_verified = true;
        }
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

    /// The tables shared.
    pub fn tables(&self) -> &[Shared] {
        &self.spec.tables
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
        let gone = self.peers.iter().filter_map(|peer| peer.gone_at);
        let conns = self.conns.values().map(Conn::next);
        let resync = match self.resync {
            Resync::Finished => None,
            Resync::FromLocal { until } | Resync::FromRemote { until, .. } => Some(until),
        };
        let waits = calls.chain(gone).chain(conns);
        let more = resync.into_iter().chain(self.mend_at);
        waits.chain(more).chain(self.stopping).min()
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
        self.mourn(now);
        self.settle();
        self.push_changes(now);
        self.say_ready(now);
    }

    /// Makes what there is to send, and nothing else of what [`Input::Tick`] does.
    pub fn push_changes(&mut self, now: Time) {
        if self.is_stopped {
            return;
        }
        let ids: Vec<_> = self.conns.keys().copied().collect();
        for id in ids {
            self.fill(now, id);
        }
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

/// Time between signs of life.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(3);

/// Connections at once that have not said who they are.
const MAX_STRANGERS: usize = 256;

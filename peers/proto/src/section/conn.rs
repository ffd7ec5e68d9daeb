//! One connection of a section: what was received and not understood yet, what is to be sent, and
//! what both sides have told each other in it.
//!
//! It decides nothing.

use std::time::Duration;

use lbd_core::Time;

use super::mend::Mending;
use super::{HEARTBEAT, Lesson};
use crate::codec::definition::Column;
use crate::codec::entry::{Names, Taken};

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Accepted: the hello is waited for.
    Accepted,
    /// Called a peer: its answer is waited for.
    Calling(usize),
    /// A session with a peer.
    Open(usize),
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Conn {
    state: State,
    pub(crate) input: Vec<u8>,
    pub(crate) output: Vec<u8>,
    pub(crate) last_rx: Time,
    pub(crate) heartbeat_at: Time,
    pub(crate) rx: Received,
    pub(crate) tx: Sent,
    pub(crate) lesson: Option<Lesson>,
    pub(crate) mending: Mending,
    /// This side called.
    pub(crate) was_called: bool,
    /// The other side is a node of lbd.
    pub(crate) is_sibling: bool,
    /// The other side's certificate was verified.
    pub(crate) is_verified: bool,
    /// Nothing more is understood: it ends when its bytes are sent.
    pub(crate) is_over: bool,
}

/// A table as the other side has defined it.
#[derive(Debug, Clone)]
pub(crate) struct RemoteTable {
    /// The other side's number.
    pub(crate) id: u64,
    /// Ours; none when there is no such table here.
    pub(crate) table: Option<usize>,
    pub(crate) columns: Vec<Column>,
    pub(crate) bitmap: u64,
    /// The last update id taken.
    pub(crate) last_id: u32,
    pub(crate) is_ack_due: bool,
}

/// What the other side has told.
#[derive(Debug, Default)]
pub(crate) struct Received {
    /// The other side has verified this node's certificate.
    pub(crate) is_vouched: bool,
    /// Its own parts may want what it has forgotten.
    pub(crate) is_unsure: bool,
    pub(crate) tables: Vec<RemoteTable>,
    /// The table that updates are of: its place in `tables`.
    pub(crate) current: Option<usize>,
    pub(crate) names: Names,
    pub(crate) taken: Vec<Taken>,
    /// Updates taken since the last acknowledgement, and when it is due.
    pub(crate) unacknowledged: u32,
    pub(crate) ack_at: Option<Time>,
}

/// What this side has told.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// That the other side's certificate was verified.
    pub(crate) is_vouched: bool,
    /// That our own parts may want what this node has forgotten.
    pub(crate) is_unsure: bool,
    /// Tables that were defined.
    pub(crate) defined: Vec<bool>,
    /// The table that updates are of.
    pub(crate) current: Option<usize>,
    /// The id of the last update, while the next may be one above without saying so.
    pub(crate) last_id: Option<u32>,
    pub(crate) names: Names,
    pub(crate) body: Vec<u8>,
    /// A table to begin with at the next push.
    pub(crate) next_table: usize,
    /// The last word told.
    pub(crate) words: u64,
    /// The last tombstone told, by table.
    pub(crate) tombs: Vec<u64>,
}

impl Conn {
    pub(crate) fn accepted(now: Time) -> Self {
        Self::new(now, State::Accepted)
    }

    pub(crate) fn calling(now: Time, peer: usize) -> Self {
        Self::new(now, State::Calling(peer))
    }

    fn new(now: Time, state: State) -> Self {
        Self {
            state,
            input: Vec::new(),
            output: Vec::new(),
            last_rx: now,
            heartbeat_at: now + HEARTBEAT,
            rx: Received::default(),
            tx: Sent::default(),
            lesson: None,
            mending: Mending::default(),
            was_called: matches!(state, State::Calling(_)),
            is_sibling: false,
            is_verified: false,
            is_over: false,
        }
    }

    /// Becomes a session.
    pub(crate) fn open(&mut self, now: Time, peer: usize) {
        self.state = State::Open(peer);
        self.heartbeat_at = now + HEARTBEAT;
    }

    /// Whether it is a session.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// Whether both sides have verified each other.
    pub(crate) fn is_confidential(&self) -> bool {
        self.is_verified && self.rx.is_vouched
    }

    /// Whether the other side called.
    pub(crate) fn is_accepted(&self) -> bool {
        self.state == State::Accepted
    }

    /// The peer, once it is known.
    pub(crate) fn peer(&self) -> Option<usize> {
        match self.state {
            State::Accepted => None,
            State::Calling(peer) | State::Open(peer) => Some(peer),
        }
    }

    /// How long nothing may come.
    pub(crate) fn patience(&self) -> Duration {
        match self.state {
            State::Open(_) => SILENCE,
            State::Accepted | State::Calling(_) => HELLO,
        }
    }

    /// When it wants to be looked at.
    pub(crate) fn next(&self) -> Time {
        let silent = self.last_rx + self.patience();
        match self.state {
            State::Open(_) => {
                let ack = self.rx.ack_at.unwrap_or(silent);
                silent.min(self.heartbeat_at).min(ack)
            }
            State::Accepted | State::Calling(_) => silent,
        }
    }
}

/// Longest silence of a session: more than two of the other side's signs of life.
const SILENCE: Duration = Duration::from_secs(7);

/// Longest wait for a hello or its answer.
const HELLO: Duration = Duration::from_secs(5);

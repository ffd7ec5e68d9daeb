//! What nodes of lbd tell each other beyond HAProxy's protocol: parts of counters, which add up, and
//! removals.
//!
//! # Which state wins
//!
//! On a session of two nodes of lbd an update holds the sender's own part of the counters and, behind
//! the values, the epoch of the entry. `lbd_table::nodes` says how parts and epochs make one state,
//! whatever the order in which they come. Of values of which there is one for all (tags, servers) the
//! one that came last wins, as with HAProxy. A lesson holds all parts; the learner adds what the
//! teacher knew of its own part to what it has counted since it started. A removal wins over all
//! updates that were made without knowing of it.
//!
//! # Who has forgotten
//!
//! A node that starts does not know what others know of its part. It is *sure* of its part for
//! another node when that one has taught it, or any one that was whole; it is *whole* when a whole one
//! has taught it, or all have. Until then it pushes nothing to that node, marks what it teaches as
//! unsure, and takes what it is taught for more than it has; unsure parts do not replace what is
//! known of a former life. However late another node is met, it is asked for a lesson first.
//!
//! Peers that are not of lbd get sums, and what they send is taken for the sum.

use std::ops::ControlFlow;

use lbd_core::Time;
use lbd_table::{EntryView, Origin, Table, Walk};

use super::conn::{Conn, Sent};
use super::receive::Teller;
use super::{Output, Section, Shared};
use crate::codec::entry::{self, Part};
use crate::codec::{self, Fault, Fields, Message, kind};
use crate::varint;
use crate::words::{self, Subject, Word, Words};

/// A type of the class of nodes' messages: own parts that follow may want what was forgotten.
const UNSURE: u8 = 0;

/// The opposite.
const SURE: u8 = 1;

/// Another type of that class: the sender has verified the receiver's certificate.
const VOUCHED: u8 = 2;

/// Another one: the receiver has been sent all that had changed before the session.
pub(super) const READY: u8 = 3;

/// Rows that a walk looks at under one call.
const ROWS: usize = 65_536;

/// How values go to a peer: as sums, or as parts with the epoch behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Parts,
    Sums,
}

impl Form {
    pub(super) fn of(is_sibling: bool, table: &Table) -> Self {
        match is_sibling && table.nodes() > 0 {
            true => Self::Parts,
            false => Self::Sums,
        }
    }

    /// Appends key and values, and the epoch.
    pub(super) fn put(self, tx: &mut Sent, view: &EntryView<'_>, shared: &Shared) {
        let key = shared.table.schema().key;
        match self {
            Self::Sums => entry::put(&mut tx.body, view, key, &mut tx.names),
            Self::Parts => {
                entry::put_key(&mut tx.body, view.key(), key);
                entry::put_values(&mut tx.body, view, Part::Own, &mut tx.names);
                put_epoch(&mut tx.body, view);
            }
        }
    }
}

/// Most entries are of the first epoch: nothing stands for it.
fn put_epoch(body: &mut Vec<u8>, view: &EntryView<'_>) {
    if view.epoch() != 0 {
        varint::put(body, u64::from(view.epoch()));
    }
}

/// The epoch behind an entry's values.
pub(super) fn take_epoch(fields: &mut Fields<'_>) -> Result<u32, Fault> {
    match fields.is_empty() {
        true => Ok(0),
        false => u32::try_from(fields.varint()?).map_err(|_| Fault::Protocol),
    }
}

/// Another node as a lesson tells of it.
pub(super) struct Other {
    name: String,
    /// Its life, as far as it is known.
    life: Option<u64>,
    /// It is the learner.
    is_learner: bool,
}

/// Third nodes' parts of an entry, and what the learner has told in a former life, in messages of that
/// type.
pub(super) fn put_parts(
    tx: &mut Sent,
    output: &mut Vec<u8>,
    view: &EntryView<'_>,
    shared: &Shared,
    (of, others): (u8, &[Other]),
) {
    for (node, other) in (0..shared.table.nodes()).zip(others) {
        let is_present = view.is_present(node);
        // Where buckets differ the other side tells of its own part itself.
        let is_known = is_present || of == kind::MEND_PART;
        if !view.has_part(node) || (other.is_learner && is_known) {
            continue;
        }
        tx.body.clear();
        tx.body
            .extend_from_slice(&view.expires_in_ms().to_be_bytes());
        varint::put(&mut tx.body, other.name.len() as u64);
        tx.body.extend_from_slice(other.name.as_bytes());
        let life = other.life.filter(|_| is_present);
        varint::put(&mut tx.body, u64::from(life.is_some()));
        varint::put(&mut tx.body, life.unwrap_or(0));
        entry::put_key(&mut tx.body, view.key(), shared.table.schema().key);
        entry::put_values(&mut tx.body, view, Part::Node(node), &mut tx.names);
        put_epoch(&mut tx.body, view);
        codec::put(output, of, &tx.body);
    }
}

/// Tombstones of a table that the peer was not told of, as far as there is room.
pub(super) fn put_removals(
    tx: &mut Sent,
    output: &mut Vec<u8>,
    own: usize,
    shared: &Shared,
    now: Time,
    is_lesson: bool,
) {
    let key_type = shared.table.schema().key;
    let mut last = tx.tombs[own];
    let mut body = Vec::new();
    let mut messages = Vec::new();
    shared
        .table
        .tombstones(last, !is_lesson, now, |number, key, epoch| {
            if output.len() + messages.len() >= super::fill::HIGH {
                return ControlFlow::Break(());
            }
            body.clear();
            entry::put_key(&mut body, key, key_type);
            varint::put(&mut body, u64::from(epoch));
            codec::put(&mut messages, kind::REMOVAL, &body);
            last = number;
            ControlFlow::Continue(())
        });
    tx.tombs[own] = last;
    if !messages.is_empty() {
        super::fill::select(tx, output, own, shared);
        output.extend_from_slice(&messages);
    }
}

/// Words that the peer was not told of, as far as there is room; secret ones where nobody else hears
/// them.
pub(super) fn put_words(known: &Words, conn: &mut Conn) {
    let is_confidential = conn.is_confidential();
    let (tx, output) = (&mut conn.tx, &mut conn.output);
    if conn.is_verified && !std::mem::replace(&mut tx.is_vouched, true) {
        output.extend_from_slice(&[words::CLASS, VOUCHED]);
    }
    if tx.words == known.last() {
        return;
    }
    let mut body = Vec::new();
    for (number, word) in known.since(tx.words) {
        if output.len() >= super::fill::HIGH {
            return;
        }
        tx.words = number;
        if word.thing.subject.is_secret() && !is_confidential {
            continue;
        }
        body.clear();
        word.put(&mut body);
        output.extend_from_slice(&[words::CLASS, words::WORD]);
        varint::put(output, body.len() as u64);
        output.extend_from_slice(&body);
    }
}

/// Says whether own parts that follow are sure, if that is news.
pub(super) fn put_sure(tx: &mut Sent, output: &mut Vec<u8>, is_sure: bool) {
    if tx.is_unsure == is_sure {
        tx.is_unsure = !is_sure;
        output.extend_from_slice(&[words::CLASS, if is_sure { SURE } else { UNSURE }]);
    }
}

impl Section {
    /// What a node of lbd says beside tables.
    pub(super) fn aside(
        &mut self,
        now: Time,
        conn: &mut Conn,
        message: Message<'_>,
    ) -> Result<(), Fault> {
        match message.kind {
            words::WORD => self.word(now, conn.is_confidential(), message)?,
            VOUCHED => {
                conn.rx.is_vouched = true;
                // Secret ones were left out.
                conn.tx.words = 0;
            }
            READY => self.heard_ready(conn),
            SURE => conn.rx.is_unsure = false,
            UNSURE => conn.rx.is_unsure = true,
            _ => {}
        }
        Ok(())
    }

    /// What was said on another node.
    fn word(
        &mut self,
        now: Time,
        is_confidential: bool,
        message: Message<'_>,
    ) -> Result<(), Fault> {
        let word = Word::take(message.body)?;
        let word = word.filter(|word| is_confidential || !word.thing.subject.is_secret());
        let is_own = |word: &Word| word.node == self.spec.local;
        // What this node has said before it started again is news to it as well.
        if let Some(word) = word
            && self.words.hear(word.clone(), now)
        {
            // What its own checks found in a former life is out of date.
            let is_health = word.thing.subject == Subject::ServerHealth;
            // Nothing else tells a node that starts again of the secrets that it had made up.
            let is_secret = word.thing.subject.is_secret();
            let was_said_here = is_own(&word) && !is_secret && (is_health || self.is_finished());
            if !was_said_here {
                let later = self.words.after(&word.thing);
                self.say(Output::Word(Box::new(word)));
                for word in later {
                    self.say(Output::Word(Box::new(word)));
                }
            }
        }
        Ok(())
    }

    /// The other nodes in the order of their numbers, for a lesson to one of them.
    pub(super) fn others(&self, learner: usize) -> Vec<Other> {
        let remote = self.peers.iter().enumerate();
        let remote = remote.filter(|(_, peer)| !peer.is_local);
        let other = |(at, peer): (usize, &super::Peer)| Other {
            name: peer.spec.name.clone(),
            life: peer.life,
            is_learner: at == learner,
        };
        remote.map(other).collect()
    }

    /// The number of a peer among the other nodes.
    pub(super) fn node_of(&self, at: usize) -> u8 {
        let before = self.peers[..at].iter().filter(|peer| !peer.is_local);
        // Tables with parts have few nodes; a number beyond them is of no table.
        u8::try_from(before.count()).unwrap_or(u8::MAX)
    }

    /// A session with a node of lbd has begun: whether it is the same life as before.
    pub(super) fn sibling(&mut self, now: Time, at: usize, life: u64) {
        let node = self.node_of(at);
        if !self.is_sure_for(at) {
            // However late it comes.
            self.peers[at].was_asked = false;
            if self.is_finished() {
                self.learn_from_remote(now);
            }
        }
        let peer = &mut self.peers[at];
        peer.gone_at = None;
        let is_new = peer.life.replace(life) != Some(life);
        for shared in &self.spec.tables {
            if is_new {
                forget(&shared.table, node);
                let mut walk = Walk::default();
                while shared.table.begin_life(node, &mut walk, ROWS) {}
            }
            // It may have forgotten ours.
            let mut walk = Walk::default();
            while shared.table.tell_connections(now, &mut walk, ROWS) {}
        }
    }

    /// Forgets the connections of nodes that have been away for long.
    pub(super) fn mourn(&mut self, now: Time) {
        for at in 0..self.peers.len() {
            if self.peers[at].gone_at.is_none_or(|gone| now < gone) {
                continue;
            }
            self.peers[at].gone_at = None;
            let node = self.node_of(at);
            for shared in &self.spec.tables {
                forget(&shared.table, node);
            }
        }
    }

    /// Another node's part of an entry, as the teacher knows it.
    pub(super) fn part(
        &mut self,
        now: Time,
        at: usize,
        conn: &mut Conn,
        message: Message<'_>,
    ) -> Result<(), Fault> {
        let Some(own) = self.table_of(conn)? else {
            return Ok(());
        };
        let mut fields = Fields::new(message.body);
        let expires = fields.u32()?;
        let name = fields.counted()?;
        let has_life = fields.varint()? != 0;
        let life = Some(fields.varint()?).filter(|_| has_life);
        let is_it = |name_here: &str| name_here.as_bytes() == name;
        let origin = match self.peers.iter().position(|peer| is_it(&peer.spec.name)) {
            // A node that is not of this section any more.
            None => return Ok(()),
            Some(peer) if self.peers[peer].is_local => Origin::Learner,
            Some(peer) => {
                let known = &mut self.peers[peer].life;
                // A node that this one has not met is known by what others say of it.
                if known.is_none() {
                    *known = life;
                }
                let is_present = life.is_some() && *known == life;
                Origin::Third {
                    node: self.node_of(peer),
                    is_present,
                }
            }
        };
        let nodes = self.spec.tables[own].table.nodes();
        if matches!(origin, Origin::Third { node, .. } if node >= nodes) {
            return Ok(());
        }
        let origin = match (message.kind, origin) {
            (kind::MEND_PART, Origin::Third { node, is_present }) => Teller::Mends {
                node,
                is_teller: false,
                is_present,
                wins: false,
            },
            (kind::MEND_PART, _) => return Ok(()),
            (_, origin) => Teller::Part(origin, true),
        };
        self.entry(now, at, conn, fields, (own, Some(expires)), origin)
    }

    /// An entry was cleared.
    pub(super) fn removal(
        &mut self,
        now: Time,
        at: usize,
        conn: &mut Conn,
        message: Message<'_>,
    ) -> Result<(), Fault> {
        let Some(own) = self.table_of(conn)? else {
            return Ok(());
        };
        let table = &self.spec.tables[own].table;
        let mut fields = Fields::new(message.body);
        let key = entry::take_key(&mut fields, table.schema().key)?;
        let epoch = take_epoch(&mut fields)?;
        table.learn_removal(&key, epoch, now);
        self.peers[at].counters.updates_received += 1;
        Ok(())
    }

    /// The table of ours that the other side has selected, if it has parts.
    pub(super) fn table_of(&self, conn: &Conn) -> Result<Option<usize>, Fault> {
        let current = conn.rx.current.and_then(|at| conn.rx.tables.get(at));
        let own = current.ok_or(Fault::Protocol)?.table;
        Ok(own.filter(|own| conn.is_sibling && self.spec.tables[*own].table.nodes() > 0))
    }
}

fn forget(table: &Table, node: u8) {
    let mut walk = Walk::default();
    while table.forget_connections(node, &mut walk, ROWS) {}
}

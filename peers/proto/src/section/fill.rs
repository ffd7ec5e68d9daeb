//! What goes out on a session: lessons, and the changes made here.
//!
//! Nothing is made that the other side does not take: beyond [`HIGH`] bytes the rest waits.

use lbd_core::bits::low32;
use std::ops::ControlFlow;

use lbd_core::Time;
use lbd_table::{EntryView, Walk};

use super::conn::{Conn, Sent};
use super::siblings::{self, Form};
use super::{ConnId, Lesson, Section, Shared};
use crate::codec::{self, Control, definition, kind};

impl Section {
    /// A lesson that begins. Who has yet to tell what it knew of this node's part may pass over what
    /// it is taught of it: what changes from the start of the session on is pushed to it again.
    pub(super) fn lesson(&self, at: usize) -> Lesson {
        let tables = self.spec.tables.iter();
        let marks: Vec<_> = match self.is_sure_for(at) {
            true => tables.map(|shared| shared.table.last_update()).collect(),
            false => self.peers[at].marks.clone(),
        };
        Lesson {
            table: 0,
            walk: Walk::default(),
            next_id: marks.first().map_or(0, |mark| lesson_id(*mark)),
            marks,
            is_told: false,
        }
    }

    /// Makes what there is to send on a session, as far as there is room.
    pub(super) fn fill(&mut self, now: Time, id: ConnId) {
        let Some(mut conn) = self.conns.remove(&id) else {
            return;
        };
        if let Some(at) = conn.peer().filter(|_| conn.is_open() && !conn.is_over) {
            conn.tx.defined.resize(self.spec.tables.len(), false);
            conn.tx.tombs.resize(self.spec.tables.len(), 0);
            if conn.is_sibling {
                siblings::put_words(&self.words, &mut conn);
            }
            if conn.lesson.as_ref().is_some_and(|lesson| !lesson.is_told) {
                self.teach(now, at, &mut conn);
            } else if conn.lesson.is_none() && self.may_push(at, conn.is_sibling) {
                self.push(now, at, &mut conn);
            }
        }
        self.conns.insert(id, conn);
    }

    /// Whether changes go to a peer now. A node of lbd gets none before this one has learned: what
    /// it has counted since it started would take the place of what is known of it there.
    fn may_push(&self, at: usize, is_sibling: bool) -> bool {
        !self.is_learning_from(at) && !self.is_stopping() && (!is_sibling || self.is_sure_for(at))
    }

    fn teach(&mut self, now: Time, at: usize, conn: &mut Conn) {
        let Conn {
            output,
            tx,
            lesson,
            is_sibling,
            ..
        } = conn;
        let Some(lesson) = lesson else { return };
        let others = self.others(at);
        let is_sure = self.is_sure_for(at);
        let (shard, is_local) = (self.peers[at].spec.shard, self.peers[at].is_local);
        while lesson.table < self.spec.tables.len() {
            if output.len() >= HIGH {
                return;
            }
            let shared = &self.spec.tables[lesson.table];
            select(tx, output, lesson.table, shared);
            let form = Form::of(*is_sibling, &shared.table);
            if form == Form::Parts {
                siblings::put_removals(tx, output, lesson.table, shared, now, true);
            }
            let mut sent = 0;
            let next_id = &mut lesson.next_id;
            let has_more = shared.table.teach(&mut lesson.walk, now, ROWS, |view| {
                if shard != 0 && view.peer_shard() != shard {
                    return ControlFlow::Continue(());
                }
                if output.len() >= HIGH {
                    return ControlFlow::Break(());
                }
                if form == Form::Parts {
                    siblings::put_sure(tx, output, is_sure || (is_local && view.is_owned()));
                }
                timed(tx, output, view, (shared, form), *next_id);
                if form == Form::Parts {
                    siblings::put_parts(tx, output, view, shared, (kind::PART, &others));
                }
                *next_id = next_id.wrapping_add(1);
                sent += 1;
                ControlFlow::Continue(())
            });
            self.peers[at].counters.updates_sent += sent;
            if !has_more {
                lesson.table += 1;
                lesson.walk = Walk::default();
                let mark = lesson.marks.get(lesson.table);
                lesson.next_id = mark.map_or(0, |mark| lesson_id(*mark));
                tx.last_id = None;
            }
        }
        lesson.is_told = true;
        match self.is_finished() && (!*is_sibling || self.is_whole) {
            true => Control::ResyncFinished.put(&mut conn.output),
            false => Control::ResyncPartial.put(&mut conn.output),
        }
    }

    fn push(&mut self, now: Time, at: usize, conn: &mut Conn) {
        let Conn {
            output,
            tx,
            is_sibling,
            ..
        } = conn;
        let shard = self.peers[at].spec.shard;
        let tables = self.spec.tables.len();
        // Tables without news before this one, in a row.
        let mut quiet = 0;
        while quiet < tables && output.len() < HIGH {
            let own = tx.next_table % tables;
            tx.next_table = (own + 1) % tables;
            let shared = &self.spec.tables[own];
            let form = Form::of(*is_sibling, &shared.table);
            if form == Form::Parts {
                siblings::put_sure(tx, output, true);
                siblings::put_removals(tx, output, own, shared, now, false);
            }
            let Some(reader) = self.peers[at].readers[own] else {
                quiet += 1;
                continue;
            };
            if !shared.table.has_updates(reader) {
                shared.table.arm();
                // A change may have come just before.
                if !shared.table.has_updates(reader) {
                    quiet += 1;
                    continue;
                }
            }
            quiet = 0;
            // The entry made last waits in the body: the last of a run says its id, see below.
            let mut waiting: Option<u32> = None;
            let mut sent = 0;
            shared
                .table
                .pull(reader, now, self.spec.max_updates, |id, view| {
                    if shard != 0 && view.peer_shard() != shard {
                        return ControlFlow::Continue(());
                    }
                    if output.len() >= HIGH {
                        return ControlFlow::Break(());
                    }
                    if let Some(id) = waiting.take() {
                        flush(tx, output, id, false);
                    } else {
                        select(tx, output, own, shared);
                    }
                    tx.body.clear();
                    form.put(tx, view, shared);
                    // The low bits are what peers see.
                    waiting = Some(low32(id));
                    sent += 1;
                    ControlFlow::Continue(())
                });
            if let Some(id) = waiting {
                flush(tx, output, id, true);
            }
            self.peers[at].counters.updates_sent += sent;
        }
    }
}

/// Ids of a lesson lie far behind those of changes, so that no acknowledgement of one is taken for
/// one of the others.
fn lesson_id(mark: u64) -> u32 {
    // The low bits are what peers see.
    low32(mark).wrapping_sub(1 << 31)
}

/// Says of which table the updates are that follow.
pub(super) fn select(tx: &mut Sent, output: &mut Vec<u8>, own: usize, shared: &Shared) {
    if tx.current == Some(own) {
        return;
    }
    tx.current = Some(own);
    tx.last_id = None;
    let id = own as u64 + 1;
    let mut body = Vec::new();
    if std::mem::replace(&mut tx.defined[own], true) {
        crate::varint::put(&mut body, id);
        codec::put(output, kind::SWITCH, &body);
    } else {
        definition::put(&mut body, id, &shared.name, shared.table.schema());
        codec::put(output, kind::DEFINITION, &body);
    }
}

/// Sends the entry in the body. The last one of a run says its id: HAProxy 3.4 acknowledges another
/// one after an update that does not.
fn flush(tx: &mut Sent, output: &mut Vec<u8>, id: u32, is_last: bool) {
    let is_next = tx.last_id == Some(id.wrapping_sub(1));
    tx.last_id = Some(id);
    let is_short = is_next && !is_last;
    let kind = if is_short {
        kind::INCREMENTAL
    } else {
        kind::UPDATE
    };
    let extra = if is_short { 0 } else { 4 };
    output.extend_from_slice(&[codec::TABLE, kind]);
    crate::varint::put(output, (tx.body.len() + extra) as u64);
    if !is_short {
        output.extend_from_slice(&id.to_be_bytes());
    }
    output.extend_from_slice(&tx.body);
}

/// An entry of a lesson with its remaining time.
fn timed(
    tx: &mut Sent,
    output: &mut Vec<u8>,
    view: &EntryView<'_>,
    (shared, form): (&Shared, Form),
    id: u32,
) {
    tx.body.clear();
    form.put(tx, view, shared);
    let is_next = tx.last_id == Some(id.wrapping_sub(1));
    tx.last_id = Some(id);
    let kind = if is_next {
        kind::TIMED_INCREMENTAL
    } else {
        kind::TIMED
    };
    let extra = if is_next { 4 } else { 8 };
    output.extend_from_slice(&[codec::TABLE, kind]);
    crate::varint::put(output, (tx.body.len() + extra) as u64);
    if !is_next {
        output.extend_from_slice(&id.to_be_bytes());
    }
    output.extend_from_slice(&view.expires_in_ms().to_be_bytes());
    output.extend_from_slice(&tx.body);
}

/// Bytes to be sent, beyond which no more are made.
pub(crate) const HIGH: usize = 64 * 1024;

/// Rows that a lesson looks at before it looks at the room left.
const ROWS: usize = 1024;

//! What comes in on a connection: hellos, answers to them, and messages.
//!
//! What is learned goes to the tables at once; see `fill` for what goes out.

use std::time::Duration;

use lbd_core::Time;
use lbd_table::{Mended, Origin, Told};

use super::conn::{Conn, Received, RemoteTable};
use super::siblings::take_epoch;
use super::{ConnId, Event, Output, Section};
use crate::codec::{self, Control, Fault, Fields, Message, definition, entry, kind};
use crate::hello::{self, Status};
use crate::{varint, words};

/// Whose values an entry holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Teller {
    /// A node's, of an entry whose bucket differs: see [`Mended`].
    Mends {
        node: u8,
        is_teller: bool,
        is_present: bool,
        wins: bool,
    },
    /// A node's part, and whether who tells is sure of it.
    Part(Origin, bool),
    /// All nodes' together.
    Sum,
}

impl Section {
    /// Understands what was received as far as it goes.
    pub(super) fn digest(&mut self, now: Time, id: ConnId, conn: &mut Conn) {
        let input = std::mem::take(&mut conn.input);
        let mut rest = &input[..];
        while !conn.is_over && !rest.is_empty() {
            let used = if conn.is_open() {
                self.message(now, conn, rest)
            } else if conn.is_accepted() {
                self.hello(now, id, conn, rest)
            } else {
                self.answer(now, id, conn, rest)
            };
            match used {
                0 => break,
                used => rest = &rest[used..],
            }
        }
        let left = rest.len();
        if conn.is_over {
            self.say(Output::Close(id));
            return;
        }
        if conn.rx.unacknowledged >= MOST_UNACKNOWLEDGED {
            acknowledge(conn);
        } else if conn.rx.unacknowledged > 0 && conn.rx.ack_at.is_none() {
            conn.rx.ack_at = Some(now + ACK_DELAY);
        }
        // The memory is kept.
        let start = input.len() - left;
        let mut input = input;
        input.drain(..start);
        conn.input = input;
    }

    /// The lines of a caller.
    fn hello(&mut self, now: Time, id: ConnId, conn: &mut Conn, bytes: &[u8]) -> usize {
        let (status, used, peer, life) = match hello::take(bytes) {
            Ok(None) => return 0,
            Err(status) => (status, bytes.len(), None, None),
            Ok(Some((hello, used))) => {
                let peer = self
                    .peers
                    .iter()
                    .position(|peer| peer.spec.name == hello.caller);
                let status = match peer {
                    _ if hello.callee != self.spec.local => Status::LocalName,
                    None => Status::RemoteName,
                    Some(at) if self.peers[at].is_local && self.peers[at].conn.is_some() => {
                        Status::TryAgain
                    }
                    Some(at) => {
                        self.peers[at].is_old = hello.minor == 0;
                        Status::Accepted
                    }
                };
                (status, used, peer, hello.life)
            }
        };
        let code = status as u32;
        let line = match life {
            Some(_) => format!("{code} {}\n", hello::sibling(self.life)),
            None => format!("{code}\n"),
        };
        conn.output.extend_from_slice(line.as_bytes());
        match peer.filter(|_| status == Status::Accepted && !self.is_stopping()) {
            Some(at) => {
                conn.open(now, at);
                self.opened(now, at, id);
                self.known(now, at, conn, life);
            }
            None => conn.is_over = true,
        }
        used
    }

    /// The other side has said whether it is a node of lbd. An old process of this one is the same
    /// node and has no part of its own.
    fn known(&mut self, now: Time, at: usize, conn: &mut Conn, life: Option<u64>) {
        conn.is_sibling = life.is_some();
        match life.filter(|_| !self.peers[at].is_local) {
            Some(life) => self.sibling(now, at, life),
            None => {
                self.peers[at].life = None;
                // It knows no parts. An old process has its own lesson.
                self.peers[at].has_taught = !self.peers[at].is_local;
            }
        }
    }

    /// The answer to our lines.
    fn answer(&mut self, now: Time, id: ConnId, conn: &mut Conn, bytes: &[u8]) -> usize {
        let Some(at) = conn.peer() else { return 0 };
        let (code, life, used) = match hello::take_status(bytes) {
            Ok(None) => return 0,
            Ok(Some((answer, used))) => (answer.code, answer.life, used),
            Err(hello::NoAnswer) => (0, None, bytes.len()),
        };
        self.peers[at].counters.last_status = code;
        if code == Status::Accepted as u32 && self.peers[at].conn.is_none() {
            conn.open(now, at);
            self.opened(now, at, id);
            self.known(now, at, conn, life);
            if self.is_stopping() {
                conn.lesson = Some(self.lesson(at));
            }
            return used;
        }
        if code != Status::Accepted as u32 {
            self.peers[at].is_old |= code == Status::Version as u32;
            let name = self.peers[at].spec.name.clone();
            self.say(Output::Event(Event::Refused(name, code)));
        }
        conn.is_over = true;
        used
    }

    /// One message; the bytes that it took, 0 when more must come.
    fn message(&mut self, now: Time, conn: &mut Conn, bytes: &[u8]) -> usize {
        let (message, used) = match codec::take(bytes) {
            Ok(None) => return 0,
            Ok(Some(taken)) => taken,
            Err(fault) => return self.fault(conn, fault),
        };
        let Some(at) = conn.peer() else { return used };
        let result = match message.class {
            codec::CONTROL => {
                self.control(now, at, conn, message.kind);
                Ok(())
            }
            codec::ERROR => {
                self.peers[at].counters.protocol_errors += 1;
                conn.is_over = true;
                Ok(())
            }
            codec::TABLE => {
                self.lesson_goes_on(now, at);
                self.table(now, at, conn, message)
            }
            codec::RESERVED => Err(Fault::Protocol),
            words::CLASS if conn.is_sibling => self.aside(now, conn, message),
            _ => Ok(()),
        };
        match result {
            Ok(()) => used,
            Err(fault) => self.fault(conn, fault),
        }
    }

    fn fault(&mut self, conn: &mut Conn, fault: Fault) -> usize {
        if let Some(at) = conn.peer() {
            self.peers[at].counters.protocol_errors += 1;
        }
        fault.put(&mut conn.output);
        conn.is_over = true;
        0
    }

    fn control(&mut self, now: Time, at: usize, conn: &mut Conn, kind: u8) {
        match Control::of(kind) {
            Some(Control::ResyncRequest) => {
                conn.lesson = Some(self.lesson(at));
                conn.mending.had_lesson = true;
            }
            Some(Control::ResyncFinished) => {
                Control::ResyncConfirm.put(&mut conn.output);
                self.learned(now, at, true, conn.is_sibling);
                // What follows is not of the lesson.
                self.settle();
            }
            Some(Control::ResyncPartial) => {
                Control::ResyncConfirm.put(&mut conn.output);
                self.learned(now, at, false, conn.is_sibling);
                self.settle();
            }
            Some(Control::ResyncConfirm) => self.confirmed(at, conn),
            Some(Control::Heartbeat) => self.peers[at].counters.rx_heartbeats += 1,
            None => {}
        }
    }

    /// The other side has noticed the end of its lesson: what was taught is not pushed again.
    fn confirmed(&mut self, at: usize, conn: &mut Conn) {
        let Some(lesson) = conn.lesson.take_if(|lesson| lesson.is_told) else {
            return;
        };
        let readers = &self.peers[at].readers;
        for ((shared, reader), mark) in self.spec.tables.iter().zip(readers).zip(lesson.marks) {
            if let Some(reader) = *reader {
                shared.table.skip_to(reader, mark);
            }
        }
        if self.is_stopping() && self.peers[at].is_local {
            self.stopped();
        }
    }

    fn table(
        &mut self,
        now: Time,
        at: usize,
        conn: &mut Conn,
        message: Message<'_>,
    ) -> Result<(), Fault> {
        match message.kind {
            kind::DEFINITION => self.definition(at, conn, message.body),
            kind::SWITCH => {
                let id = Fields::new(message.body).varint()?;
                conn.rx.current = conn.rx.tables.iter().position(|table| table.id == id);
                Ok(())
            }
            kind::ACK => self.ack(at, message.body),
            kind::UPDATE | kind::INCREMENTAL | kind::TIMED | kind::TIMED_INCREMENTAL => {
                self.update(now, at, conn, message)
            }
            kind::PART | kind::MEND_PART if conn.is_sibling => self.part(now, at, conn, message),
            kind::DIGESTS if conn.is_sibling => self.digests(at, conn, message.body),
            kind::MEND if conn.is_sibling => self.mended(now, at, conn, message.body),
            kind::REMOVAL if conn.is_sibling => self.removal(now, at, conn, message),
            _ => Ok(()),
        }
    }

    fn definition(&mut self, at: usize, conn: &mut Conn, body: &[u8]) -> Result<(), Fault> {
        let taken = definition::take(body)?;
        let own = self
            .spec
            .tables
            .iter()
            .position(|shared| shared.name.as_bytes() == taken.name);
        let fits = |own: &usize| {
            let key = self.spec.tables[*own].table.schema().key;
            u64::from(key.wire_type()) == taken.key_type
                && u64::from(key.wire_len()) == taken.key_len
        };
        let table = own.filter(fits);
        if table.is_none() && own.is_some() {
            let peer = self.peers[at].spec.name.clone();
            let name = String::from_utf8_lossy(taken.name).into_owned();
            self.say(Output::Event(Event::Mismatch(peer, name)));
        }
        let known = conn.rx.tables.iter().position(|known| known.id == taken.id);
        let table = RemoteTable {
            id: taken.id,
            table,
            columns: taken.columns,
            bitmap: taken.bitmap,
            last_id: known.map_or(0, |known| conn.rx.tables[known].last_id),
            is_ack_due: known.is_some_and(|known| conn.rx.tables[known].is_ack_due),
        };
        conn.rx.current = Some(match known {
            Some(known) => {
                conn.rx.tables[known] = table;
                known
            }
            None if conn.rx.tables.len() >= MAX_TABLES => return Err(Fault::Protocol),
            None => {
                conn.rx.tables.push(table);
                conn.rx.tables.len() - 1
            }
        });
        Ok(())
    }

    fn ack(&mut self, at: usize, body: &[u8]) -> Result<(), Fault> {
        let mut fields = Fields::new(body);
        let number = fields.varint()?;
        let id = fields.u32()?;
        let own = usize::try_from(number)
            .ok()
            .and_then(|number| number.checked_sub(1));
        let peer = &mut self.peers[at];
        let reader = own.and_then(|own| Some((own, (*peer.readers.get(own)?)?)));
        let is_good =
            reader.is_some_and(|(own, reader)| self.spec.tables[own].table.acknowledge(reader, id));
        peer.counters.acks_ignored += u64::from(!is_good);
        Ok(())
    }

    fn update(
        &mut self,
        now: Time,
        at: usize,
        conn: &mut Conn,
        message: Message<'_>,
    ) -> Result<(), Fault> {
        let Received {
            tables, current, ..
        } = &mut conn.rx;
        let Some(current) = current.and_then(|at| tables.get_mut(at)) else {
            return Err(Fault::Protocol);
        };
        let mut fields = Fields::new(message.body);
        let update = match message.kind {
            kind::UPDATE | kind::TIMED => fields.u32()?,
            _ => current.last_id.wrapping_add(1),
        };
        let expires = match message.kind {
            kind::TIMED | kind::TIMED_INCREMENTAL => Some(fields.u32()?),
            _ => None,
        };
        current.last_id = update;
        let Some(own) = current.table else {
            self.peers[at].counters.updates_dropped += 1;
            return Ok(());
        };
        current.is_ack_due = true;
        conn.rx.unacknowledged += 1;
        let has_parts = conn.is_sibling && self.spec.tables[own].table.nodes() > 0;
        let is_sure = !conn.rx.is_unsure;
        let teller = match (has_parts, self.peers[at].is_local) {
            (false, _) => Teller::Sum,
            (true, true) => Teller::Part(Origin::Learner, is_sure),
            (true, false) => Teller::Part(Origin::Teller(self.node_of(at)), is_sure),
        };
        self.entry(now, at, conn, fields, (own, expires), teller)
    }

    /// An entry behind its id and time.
    pub(super) fn entry(
        &mut self,
        now: Time,
        at: usize,
        conn: &mut Conn,
        mut fields: Fields<'_>,
        (own, expires): (usize, Option<u32>),
        teller: Teller,
    ) -> Result<(), Fault> {
        let Received {
            tables,
            current,
            names,
            taken,
            ..
        } = &mut conn.rx;
        let Some(current) = current.and_then(|at| tables.get(at)) else {
            return Err(Fault::Protocol);
        };
        let shared = &self.spec.tables[own];
        let key = entry::take_key(&mut fields, shared.table.schema().key)?;
        entry::take_values(&mut fields, &current.columns, names, taken)?;
        let epoch = match teller {
            Teller::Sum => 0,
            Teller::Mends { .. } | Teller::Part(..) => take_epoch(&mut fields)?,
        };
        let mut items = Vec::with_capacity(taken.len());
        entry::items(taken, names, &mut items);
        let (table, write_to) = (&shared.table, shared.write_to.as_deref());
        let learned = match teller {
            Teller::Mends {
                node,
                is_teller,
                is_present,
                wins,
            } => {
                let told = Mended {
                    node,
                    is_teller,
                    is_present,
                    epoch,
                    expires_ms: expires.unwrap_or(0),
                    wins,
                };
                table.mend(&key, told, &items, write_to, now)
            }
            Teller::Part(origin, is_sure) => {
                let told = Told {
                    origin,
                    epoch,
                    expires_ms: expires,
                    is_sure,
                };
                table.learn_of(&key, told, &items, write_to, now)
            }
            Teller::Sum => table.learn(&key, expires, &items, write_to, now),
        };
        let counters = &mut self.peers[at].counters;
        counters.updates_received += 1;
        counters.refused += u64::from(learned.is_err());
        Ok(())
    }
}

/// Says how far this side is, once for all that came since it last did.
pub(super) fn acknowledge(conn: &mut Conn) {
    conn.rx.unacknowledged = 0;
    conn.rx.ack_at = None;
    for table in &mut conn.rx.tables {
        if !std::mem::take(&mut table.is_ack_due) {
            continue;
        }
        let mut body = [0; varint::MAX_LEN + 4];
        let mut number = Vec::with_capacity(varint::MAX_LEN);
        varint::put(&mut number, table.id);
        let len = number.len();
        body[..len].copy_from_slice(&number);
        body[len..len + 4].copy_from_slice(&table.last_id.to_be_bytes());
        codec::put(&mut conn.output, kind::ACK, &body[..len + 4]);
    }
}

/// How long an acknowledgement waits for more to acknowledge. The other side keeps what it has for
/// the case that the connection breaks, and waits for nothing.
const ACK_DELAY: Duration = Duration::from_millis(10);

/// Updates that are acknowledged at once.
const MOST_UNACKNOWLEDGED: u32 = 4096;

/// Tables that one connection may define.
const MAX_TABLES: usize = 4096;

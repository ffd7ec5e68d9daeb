//! After a reconnect: two nodes of lbd compare digests of their tables, and each tells the other the
//! entries of the buckets that differ, and no others.
//!
//! What had changed before the session goes first: who has sent all of that says it is *ready*, and
//! when both are, each sends the digests of its tables. Changes that come meanwhile make buckets
//! differ that do not, which costs bytes and nothing else. A session with a lesson needs no digests,
//! and peers with shards have different tables by intention.
//!
//! Tables are looked at in slices, by [`super::Input::Tick`] alone: a worker that pushes changes does
//! none of it. `lbd_table::mend` says which state wins.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use lbd_core::Time;
use lbd_table::mend::bucket;
use lbd_table::{Seeds, Walk};

use super::conn::{Conn, Sent};
use super::fill::{HIGH, select};
use super::receive::Teller;
use super::siblings::{self, Form, READY};
use super::{Section, Shared};
use crate::codec::{self, Fault, Fields, kind};
use crate::{varint, words};

/// How far a session is in making both tables the same.
#[derive(Debug, Default)]
pub(crate) struct Mending {
    /// One side has learned, or learns, all from the other.
    pub(crate) had_lesson: bool,
    said_ready: bool,
    heard_ready: bool,
    jobs: VecDeque<Job>,
    /// The other side's digests, by table of ours.
    heard: Vec<Heard>,
}

/// The other side's digests of a table.
#[derive(Debug, Default)]
struct Heard {
    count: usize,
    sums: Vec<u64>,
    is_whole: bool,
}

/// What is done slice by slice.
#[derive(Debug)]
enum Job {
    /// Our digests are to be compared with the other side's.
    Compare(Scan, Vec<u64>),
    /// Entries of the buckets that differ are to be told.
    Teach {
        table: usize,
        walk: Walk,
        differing: Vec<bool>,
    },
    /// Our digests are to be told.
    Tell(Scan),
    /// They are made; so many are told.
    Told {
        table: usize,
        sums: Vec<u64>,
        told: usize,
    },
}

#[derive(Debug)]
struct Scan {
    table: usize,
    walk: Walk,
    sums: Vec<u64>,
}

impl Scan {
    fn new(table: usize, buckets: usize) -> Self {
        Self {
            table,
            walk: Walk::default(),
            sums: vec![0; buckets],
        }
    }
}

impl Section {
    /// Says to siblings that they have been sent all that had changed before their session.
    pub(super) fn say_ready(&mut self, now: Time) {
        let ids: Vec<_> = self.conns.keys().copied().collect();
        for id in ids {
            let Some(mut conn) = self.conns.remove(&id) else {
                continue;
            };
            if let Some(at) = conn.peer().filter(|_| conn.is_open() && !conn.is_over)
                && self.is_ready_for(at, &conn)
            {
                conn.mending.said_ready = true;
                conn.output.extend_from_slice(&[words::CLASS, READY]);
                self.begin_mending(now, &mut conn);
            }
            self.conns.insert(id, conn);
        }
    }

    fn is_ready_for(&self, at: usize, conn: &Conn) -> bool {
        let may = conn.is_sibling
            && !conn.mending.said_ready
            && !conn.mending.had_lesson
            && !self.peers[at].is_local
            && self.is_finished()
            && self.is_sure_for(at)
            && !self.is_stopping()
            && self.peers.iter().all(|peer| peer.spec.shard == 0);
        let peer = &self.peers[at];
        let tables = self.spec.tables.iter().zip(&peer.readers);
        may && tables.zip(&peer.marks).all(|((shared, reader), mark)| {
            let reader = reader.and_then(|reader| shared.table.reader(reader));
            reader.is_none_or(|reader| reader.sent >= *mark)
        })
    }

    pub(super) fn heard_ready(&mut self, conn: &mut Conn) {
        if !conn.mending.heard_ready {
            conn.mending.heard_ready = true;
            self.begin_mending(conn.last_rx, conn);
        }
    }

    /// Makes digests once both sides are ready.
    fn begin_mending(&mut self, now: Time, conn: &mut Conn) {
        let mending = &mut conn.mending;
        if !(mending.said_ready && mending.heard_ready) {
            return;
        }
        let tables = self.spec.tables.iter().enumerate();
        for (at, shared) in tables.filter(|(_, shared)| shared.table.nodes() > 0) {
            let wanted = shared.table.used() as usize / ENTRIES_OF_BUCKET;
            let buckets = wanted.next_power_of_two().clamp(1, MAX_BUCKETS);
            mending.jobs.push_back(Job::Tell(Scan::new(at, buckets)));
        }
        self.mend_at = Some(now);
    }

    /// The other side's digests of a table, as they come.
    pub(super) fn digests(
        &mut self,
        _at: usize,
        conn: &mut Conn,
        body: &[u8],
    ) -> Result<(), Fault> {
        if !(conn.mending.said_ready && conn.mending.heard_ready) {
            return Err(Fault::Protocol);
        }
        let own = self.table_of(conn)?;
        let mut fields = Fields::new(body);
        let place = |number: u64| usize::try_from(number).map_err(|_| Fault::Protocol);
        let (count, first) = (place(fields.varint()?)?, place(fields.varint()?)?);
        let sums = fields.rest().chunks_exact(8);
        if count == 0 || count > MAX_BUCKETS || !sums.remainder().is_empty() {
            return Err(Fault::Protocol);
        }
        let Some(own) = own else { return Ok(()) };
        let mending = &mut conn.mending;
        mending
            .heard
            .resize_with(self.spec.tables.len(), Heard::default);
        let heard = &mut mending.heard[own];
        if heard.sums.is_empty() {
            heard.count = count;
        }
        let is_next = heard.count == count && heard.sums.len() == first && !heard.is_whole;
        if !is_next || sums.len() == 0 || first + sums.len() > count {
            return Err(Fault::Protocol);
        }
        heard.sums.extend(sums.map(|eight| {
            eight
                .iter()
                .fold(0, |sum, &byte| sum << 8 | u64::from(byte))
        }));
        if heard.sums.len() == count {
            heard.is_whole = true;
            let theirs = std::mem::take(&mut heard.sums);
            let scan = Scan::new(own, count);
            mending.jobs.push_back(Job::Compare(scan, theirs));
            self.mend_at = Some(conn.last_rx);
        }
        Ok(())
    }

    /// An entry of a bucket that differs.
    pub(super) fn mended(
        &mut self,
        now: Time,
        at: usize,
        conn: &mut Conn,
        body: &[u8],
    ) -> Result<(), Fault> {
        let Some(own) = self.table_of(conn)? else {
            return Ok(());
        };
        let node = self.node_of(at);
        if node >= self.spec.tables[own].table.nodes() {
            return Ok(());
        }
        let mut fields = Fields::new(body);
        let expires = fields.u32()?;
        let teller = Teller::Mends {
            node,
            is_teller: true,
            is_present: true,
            wins: self.peers[at].spec.name > self.spec.local,
        };
        self.entry(now, at, conn, fields, (own, Some(expires)), teller)
    }

    /// One slice of what is to be done, for each session that has room for what it makes. One that has
    /// none goes on when it is told of room by the next tick.
    pub(super) fn mend(&mut self, now: Time) {
        self.mend_at = None;
        let ids: Vec<_> = self.conns.keys().copied().collect();
        for id in ids {
            let Some(mut conn) = self.conns.remove(&id) else {
                continue;
            };
            if let Some(at) = conn
                .peer()
                .filter(|_| !conn.is_over && conn.output.len() < HIGH)
                && let Some(job) = conn.mending.jobs.pop_front()
            {
                if let Some(job) = self.slice(now, at, &mut conn, job) {
                    conn.mending.jobs.push_front(job);
                }
                if !conn.mending.jobs.is_empty() && conn.output.len() < HIGH {
                    self.mend_at = Some(now);
                }
            }
            self.conns.insert(id, conn);
        }
    }

    /// Does a slice of a job; what is left of it, or what follows from it.
    fn slice(&mut self, now: Time, at: usize, conn: &mut Conn, job: Job) -> Option<Job> {
        match job {
            Job::Tell(mut scan) => Some(match self.scan(now, &mut scan) {
                true => Job::Tell(scan),
                false => Job::Told {
                    table: scan.table,
                    sums: scan.sums,
                    told: 0,
                },
            }),
            Job::Told {
                table,
                sums,
                mut told,
            } => {
                let Conn { tx, output, .. } = conn;
                told = put_digests((tx, output), table, &self.spec.tables[table], &sums, told);
                (told < sums.len()).then_some(Job::Told { table, sums, told })
            }
            Job::Compare(mut scan, theirs) => {
                if self.scan(now, &mut scan) {
                    return Some(Job::Compare(scan, theirs));
                }
                let differing: Vec<_> =
                    scan.sums.iter().zip(&theirs).map(|(a, b)| a != b).collect();
                let count = differing.iter().filter(|differs| **differs).count();
                let counters = &mut self.peers[at].counters;
                counters.buckets_compared += theirs.len() as u64;
                counters.buckets_differing += count as u64;
                (count > 0).then_some(Job::Teach {
                    table: scan.table,
                    walk: Walk::default(),
                    differing,
                })
            }
            Job::Teach {
                table,
                mut walk,
                differing,
            } => self
                .teach_differing(now, at, conn, (table, &mut walk), &differing)
                .then_some(Job::Teach {
                    table,
                    walk,
                    differing,
                }),
        }
    }

    fn scan(&self, now: Time, scan: &mut Scan) -> bool {
        let remote = self.peers.iter().filter(|peer| !peer.is_local);
        let seeds = Seeds::new(&self.spec.local, remote.map(|peer| &*peer.spec.name));
        let table = &self.spec.tables[scan.table].table;
        table.digests(&mut scan.walk, now, ROWS, &seeds, &mut scan.sums)
    }

    /// Tells entries of the buckets that differ; whether there are more.
    fn teach_differing(
        &mut self,
        now: Time,
        at: usize,
        conn: &mut Conn,
        (table, walk): (usize, &mut Walk),
        differing: &[bool],
    ) -> bool {
        let others = self.others(at);
        let shared = &self.spec.tables[table];
        let Conn { output, tx, .. } = conn;
        select(tx, output, table, shared);
        let mut told = 0;
        let has_more = shared.table.walk(walk, now, ROWS, |view| {
            if !differing[bucket(view.key(), differing.len())] {
                return ControlFlow::Continue(());
            }
            if output.len() >= HIGH {
                return ControlFlow::Break(());
            }
            tx.body.clear();
            tx.body
                .extend_from_slice(&view.expires_in_ms().to_be_bytes());
            Form::Parts.put(tx, view, shared);
            codec::put(output, kind::MEND, &tx.body);
            siblings::put_parts(tx, output, view, shared, (kind::MEND_PART, &others));
            told += 1;
            ControlFlow::Continue(())
        });
        let counters = &mut self.peers[at].counters;
        counters.mended += told;
        counters.updates_sent += told;
        has_more
    }
}

/// Puts digests as far as there is room; how many are told then.
fn put_digests(
    (tx, output): (&mut Sent, &mut Vec<u8>),
    table: usize,
    shared: &Shared,
    sums: &[u64],
    mut told: usize,
) -> usize {
    tx.defined.resize(tx.defined.len().max(table + 1), false);
    select(tx, output, table, shared);
    while told < sums.len() && output.len() < HIGH {
        let last = sums.len().min(told + SUMS_OF_MESSAGE);
        let mut body = Vec::with_capacity(SUMS_OF_MESSAGE * 8 + 2 * varint::MAX_LEN);
        varint::put(&mut body, sums.len() as u64);
        varint::put(&mut body, told as u64);
        for sum in &sums[told..last] {
            body.extend_from_slice(&sum.to_be_bytes());
        }
        codec::put(output, kind::DIGESTS, &body);
        told = last;
    }
    told
}

/// Most buckets of a table: half a megabyte of digests.
const MAX_BUCKETS: usize = 65_536;

/// Entries of a bucket, or more in tables of more than half a million.
const ENTRIES_OF_BUCKET: usize = 8;

/// Digests in one message, which is below [`codec::MAX_BODY`].
const SUMS_OF_MESSAGE: usize = 1024;

/// Rows that are looked at under one call: half a millisecond.
const ROWS: usize = 4096;

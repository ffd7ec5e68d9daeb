//! Calls to peers and what becomes of them: sessions that begin, fall silent and end.
//!
//! What is said in a session is not its business.

use std::time::Duration;

use lbd_core::Time;

use super::conn::Conn;
use super::receive::acknowledge;
use super::{ConnId, Event, HEARTBEAT, Output, Section};
use crate::codec::Control;
use crate::hello;

impl Section {
    /// The pause of the reference after a session that it ended: 50 to 2049 ms.
    pub(super) fn pause(&mut self) -> Duration {
        Duration::from_millis(50 + self.random() % 2000)
    }

    pub(super) fn called(&mut self, now: Time, at: usize, id: ConnId) {
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
            (self.spec.pid, self.life),
        );
        self.conns.insert(id, conn);
    }

    pub(super) fn call_failed(&mut self, now: Time, at: usize) {
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
        if self.peers[at].life.is_some() {
            self.peers[at].gone_at = Some(now + GONE);
        }
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
        let tables = self.spec.tables.iter();
        peer.marks = tables.map(|shared| shared.table.last_update()).collect();
        let name = peer.spec.name.clone();
        if let Some(old) = old.filter(|old| *old != id) {
            self.peers[at].counters.collisions += 1;
            self.lesson_lost(now, at);
            self.conns.remove(&old);
            self.say(Output::Close(old));
        }
        self.say(Output::Event(Event::Up(name)));
    }

    /// Sessions that are silent, and hellos that do not come.
    pub(super) fn tend(&mut self, now: Time) {
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
            if conn.rx.ack_at.is_some_and(|at| now >= at) {
                acknowledge(conn);
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
}

/// How long a node of lbd is away before the connections that it had are forgotten.
const GONE: Duration = Duration::from_secs(10);

/// Longest pause between two calls.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

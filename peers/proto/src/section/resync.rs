//! How far this node has learned: whom it asks for lessons, when it goes on without, and what it
//! still has to hear of its own parts.

use std::time::Duration;

use lbd_core::Time;
use lbd_table::Learning;

use super::{Output, Peer, Section};
use crate::codec::Control;

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

impl Section {
    /// Asks a peer for a lesson, or goes on without.
    pub(super) fn learn(&mut self, now: Time) {
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
        let Some(at) = open else {
            let mut remote = self.peers.iter().filter(|peer| !peer.is_local);
            if remote.all(|peer| peer.was_asked) {
                // Nobody is left who could know more.
                self.resync = Resync::Finished;
            }
            return;
        };
        self.peers[at].was_asked = true;
        if let Some(conn) = self.peers[at].conn.and_then(|id| self.conns.get_mut(&id)) {
            Control::ResyncRequest.put(&mut conn.output);
            conn.mending.had_lesson = true;
            self.resync = Resync::FromRemote {
                until: now + RESYNC_TIMEOUT,
                teacher: Some(at),
            };
        }
    }

    /// Whether another peer of the same shard has taught already.
    pub(super) fn is_covered(&self, peer: &Peer) -> bool {
        let shard = peer.spec.shard;
        shard != 0
            && self.peers.iter().any(|other| {
                other.was_asked && other.spec.shard == shard && other.spec.name != peer.spec.name
            })
    }

    /// The session in which a lesson was had is no more: it is asked for again, of the same peer too.
    pub(super) fn lesson_lost(&mut self, now: Time, at: usize) {
        if let Resync::FromRemote { teacher, until } = &mut self.resync
            && *teacher == Some(at)
        {
            *teacher = None;
            *until = now + RESYNC_TIMEOUT;
            self.peers[at].was_asked = false;
        }
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
    pub(crate) fn learned(&mut self, now: Time, at: usize, is_complete: bool, by_sibling: bool) {
        let is_local = self.peers[at].is_local;
        self.taught(at, is_complete, by_sibling);
        // Sums of an old process that is not of lbd are taken apart by a node that is.
        let has_parts = self
            .spec
            .tables
            .iter()
            .any(|shared| shared.table.nodes() > 0);
        match self.resync {
            Resync::FromLocal { .. } if is_local => match is_complete && (by_sibling || !has_parts)
            {
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
    pub(super) fn stop(&mut self, now: Time) {
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
        match local.filter(|_| self.has_learned) {
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

    /// Whether this node has learned all that can be had at present.
    pub(super) fn is_finished(&self) -> bool {
        self.resync == Resync::Finished
    }

    /// Whether our own parts are more than what a peer knows of them.
    pub(super) fn is_sure_for(&self, at: usize) -> bool {
        self.is_whole || self.peers[at].has_taught
    }

    /// A lesson that this node had of a peer is over.
    pub(super) fn taught(&mut self, at: usize, is_complete: bool, by_sibling: bool) {
        let peer = &mut self.peers[at];
        if !by_sibling || !(peer.is_local || peer.was_asked) {
            return;
        }
        peer.has_taught = true;
        self.is_whole |= is_complete;
    }

    /// Tells the tables what is still to be learned.
    pub(super) fn settle(&mut self) {
        let mut remote = self.peers.iter().filter(|peer| !peer.is_local);
        self.is_whole |= remote.all(|peer| peer.has_taught);
        self.has_learned |= self.is_finished();
        let learning = match (self.is_finished(), self.is_whole) {
            (false, _) => Learning::Lesson,
            (true, false) => Learning::Late,
            (true, true) => Learning::Over,
        };
        if std::mem::replace(&mut self.learning, learning) != learning {
            for shared in &self.spec.tables {
                shared.table.set_learning(learning);
            }
        }
    }
}

/// How long a lesson is waited for, and how long a stopping process tries to teach.
pub(super) const RESYNC_TIMEOUT: Duration = Duration::from_secs(5);

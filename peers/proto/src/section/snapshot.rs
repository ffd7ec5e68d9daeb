//! How things stand, for `show peers`.
//!
//! It formats nothing.

use lbd_core::Time;
use lbd_core::bits::held64;

use super::{PeerCounters, Resync, Section};

/// A section.
#[derive(Debug, Clone)]
pub struct SectionView {
    /// Its peers.
    pub peers: Vec<PeerView>,
    /// Milliseconds until learning is given up; `None` when it is over.
    pub resync_ms: Option<u64>,
    /// Connections refused because too many had not said who they are.
    pub strangers_refused: u64,
}

/// A peer.
#[derive(Debug, Clone)]
pub struct PeerView {
    /// Its name.
    pub name: String,
    /// Whether it is this node.
    pub is_local: bool,
    /// A session is open.
    pub is_open: bool,
    /// A call is under way.
    pub is_calling: bool,
    /// Who called, if a session is open: this node or the other.
    pub is_caller: bool,
    /// A lesson is given to it.
    pub is_learning: bool,
    /// A lesson is had of it.
    pub is_teaching: bool,
    /// The end of a lesson is to be noticed.
    pub waits_for_confirm: bool,
    /// Milliseconds to the next call.
    pub call_in_ms: Option<u64>,
    /// Milliseconds to the next sign of life.
    pub heartbeat_in_ms: Option<u64>,
    /// Counters.
    pub counters: PeerCounters,
    /// The table of its last update.
    pub remote_table: Option<usize>,
    /// The table of our last update.
    pub local_table: Option<usize>,
    /// What is known of the tables, in the order of the section.
    pub tables: Vec<TableView>,
    /// Names told by this node: place and name.
    pub sent_names: Vec<(usize, String)>,
    /// The same told by the peer.
    pub received_names: Vec<(usize, String)>,
}

/// A table as shared with a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TableView {
    /// Our number.
    pub local_id: u64,
    /// The peer's number; 0 before it has defined it.
    pub remote_id: u64,
    /// The values that the peer sends, as bits.
    pub remote_data: u64,
    /// The last update acknowledged.
    pub last_acked: u64,
    /// The last update pushed.
    pub last_pushed: u64,
    /// The last update taken.
    pub last_get: u32,
    /// The last update made here.
    pub update: u64,
}

impl Section {
    /// How things stand.
    pub fn snapshot(&self, now: Time) -> SectionView {
        let until = match self.resync {
            Resync::Finished => None,
            Resync::FromLocal { until } | Resync::FromRemote { until, .. } => Some(until),
        };
        SectionView {
            peers: (0..self.peers.len())
                .map(|at| self.peer_view(now, at))
                .collect(),
            resync_ms: until.map(|until| held64(until.since(now).as_millis())),
            strangers_refused: self.strangers_refused,
        }
    }

    fn peer_view(&self, now: Time, at: usize) -> PeerView {
        let peer = &self.peers[at];
        let conn = peer.conn.and_then(|id| self.conns.get(&id));
        let left = |until: Time| held64(until.since(now).as_millis());
        let tables = self.spec.tables.iter().zip(&peer.readers).enumerate();
        let tables = tables.map(|(own, (shared, reader))| {
            let reader = reader.and_then(|reader| shared.table.reader(reader));
            let remote = conn.and_then(|conn| {
                conn.rx
                    .tables
                    .iter()
                    .find(|remote| remote.table == Some(own))
            });
            TableView {
                local_id: own as u64 + 1,
                remote_id: remote.map_or(0, |remote| remote.id),
                remote_data: remote.map_or(0, |remote| remote.bitmap),
                last_acked: reader.map_or(0, |reader| reader.acknowledged),
                last_pushed: reader.map_or(0, |reader| reader.sent),
                last_get: remote.map_or(0, |remote| remote.last_id),
                update: shared.table.last_update(),
            }
        });
        let lesson = conn.and_then(|conn| conn.lesson.as_ref());
        PeerView {
            name: peer.spec.name.clone(),
            is_local: peer.is_local,
            is_open: conn.is_some(),
            is_calling: peer.is_calling,
            is_caller: conn.is_some_and(|conn| conn.was_called),
            is_learning: lesson.is_some(),
            is_teaching: self.is_learning_from(at),
            waits_for_confirm: lesson.is_some_and(|lesson| lesson.is_told),
            call_in_ms: peer.call_at.map(left),
            heartbeat_in_ms: conn.map(|conn| left(conn.heartbeat_at)),
            counters: peer.counters,
            remote_table: conn
                .and_then(|conn| conn.rx.tables.get(conn.rx.current?))
                .and_then(|remote| remote.table),
            local_table: conn.and_then(|conn| conn.tx.current),
            tables: tables.collect(),
            sent_names: conn.map_or_else(Vec::new, |conn| conn.tx.names.all()),
            received_names: conn.map_or_else(Vec::new, |conn| conn.rx.names.all()),
        }
    }
}

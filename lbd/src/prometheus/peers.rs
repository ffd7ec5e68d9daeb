//! Metrics of `peers` sections and their peers, which the reference does not have.
//!
//! It counts nothing.

use lbd_proxy::metric::exposed::Kind;

use ::peers::View;
use ::peers::proto::section::PeerView;

/// What a metric is read of.
pub(super) enum Of {
    /// A section.
    Section(fn(&View) -> u64),
    /// A remote peer of a section.
    Peer(fn(&PeerView) -> u64),
}

/// A metric.
pub(super) struct PeersMetric {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) kind: Kind,
    pub(super) of: Of,
}

const fn section(name: &'static str, help: &'static str, read: fn(&View) -> u64) -> PeersMetric {
    PeersMetric {
        name,
        help,
        kind: Kind::Counter,
        of: Of::Section(read),
    }
}

const fn peer(name: &'static str, help: &'static str, read: fn(&PeerView) -> u64) -> PeersMetric {
    PeersMetric {
        name,
        help,
        kind: Kind::Counter,
        of: Of::Peer(read),
    }
}

/// All of them, in the order in which they are shown.
pub(super) const PEERS: &[PeersMetric] = &[
    section(
        "lbd_peers_unsure_total",
        "Times that an answer may have left before peers knew what it had changed",
        |view| view.unsure,
    ),
    section(
        "lbd_peers_strangers_refused_total",
        "Connections refused because too many had not said who they are",
        |view| view.section.strangers_refused,
    ),
    PeersMetric {
        kind: Kind::Gauge,
        ..peer("lbd_peer_up", "Whether a session is open", |peer| {
            u64::from(peer.is_open)
        })
    },
    PeersMetric {
        kind: Kind::Gauge,
        ..peer(
            "lbd_peer_updates_unacknowledged",
            "Update ids behind the last one that the peer has acknowledged",
            |peer| {
                let behind = |table: &::peers::proto::section::TableView| {
                    table.update.saturating_sub(table.last_acked)
                };
                peer.tables.iter().map(behind).sum()
            },
        )
    },
    peer("lbd_peer_sessions_total", "Sessions that began", |peer| {
        peer.counters.sessions
    }),
    peer(
        "lbd_peer_silent_total",
        "Sessions ended because nothing came any more",
        |peer| peer.counters.silent,
    ),
    peer(
        "lbd_peer_collisions_total",
        "Sessions ended because the other side called, too",
        |peer| peer.counters.collisions,
    ),
    peer(
        "lbd_peer_protocol_errors_total",
        "Sessions ended by a fault of the other side",
        |peer| peer.counters.protocol_errors,
    ),
    peer(
        "lbd_peer_updates_sent_total",
        "Entries given to the peer, those of lessons included",
        |peer| peer.counters.updates_sent,
    ),
    peer(
        "lbd_peer_updates_received_total",
        "Entries taken from the peer, those of lessons included",
        |peer| peer.counters.updates_received,
    ),
    peer(
        "lbd_peer_updates_dropped_total",
        "Entries of the peer that no table of this node is for",
        |peer| peer.counters.updates_dropped,
    ),
    peer(
        "lbd_peer_updates_refused_total",
        "Entries of the peer that found no room",
        |peer| peer.counters.refused,
    ),
    peer(
        "lbd_peer_acks_ignored_total",
        "Acknowledgements that could not be right",
        |peer| peer.counters.acks_ignored,
    ),
    peer(
        "lbd_peer_buckets_compared_total",
        "Digests of table parts compared after reconnects",
        |peer| peer.counters.buckets_compared,
    ),
    peer(
        "lbd_peer_buckets_differing_total",
        "Those of them that differed",
        |peer| peer.counters.buckets_differing,
    ),
    peer(
        "lbd_peer_updates_mended_total",
        "Entries given to the peer because a digest differed",
        |peer| peer.counters.mended,
    ),
];

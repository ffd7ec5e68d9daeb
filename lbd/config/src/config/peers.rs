//! `peers` sections.
//!
//! Sessions are the `peers` crate's.

use std::sync::Arc;

use lbd_core::{Span, TableId};
use lbd_tls::{BindTls, ServerTls};

use super::{BindOptions, ListenAddress, LogTarget, ServerAddress};

/// A `peers` section that takes part.
#[derive(Debug, Clone)]
pub struct PeersSpec {
    /// Its name.
    pub name: Box<str>,
    /// Where it begins.
    pub span: Span,
    /// `disabled`: nothing is shared.
    pub disabled: bool,
    /// `shards`.
    pub shards: u32,
    /// All peers, this node included.
    pub peers: Vec<PeerSpec>,
    /// This node's place among them.
    pub local: usize,
    /// Where this node is called.
    pub bind: ListenAddress,
    /// How that socket is made.
    pub bind_options: BindOptions,
    /// TLS of those who call; none for clear connections.
    pub bind_tls: Option<Arc<BindTls>>,
    /// `log`: where sessions that begin and end are told.
    pub logs: Vec<LogTarget>,
    /// Tables shared, with their names on the wire.
    pub tables: Vec<(Box<str>, TableId)>,
}

/// A peer.
#[derive(Debug, Clone)]
pub struct PeerSpec {
    /// Its name.
    pub name: Box<str>,
    /// Where it is called.
    pub address: ServerAddress,
    /// The shard that it gets; 0 for all.
    pub shard: u32,
    /// TLS of calls to it; none for clear connections.
    pub tls: Option<Arc<ServerTls>>,
}

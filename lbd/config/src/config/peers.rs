//! `peers` sections.
//!
//! Sessions are the `peers` crate's.

use lbd_core::{Span, TableId};

use super::{ListenAddress, ServerAddress};

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
}

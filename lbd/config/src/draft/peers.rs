//! A `peers` section as it was said.
//!
//! Which peer is this node is known when the whole text is.

use lbd_core::Span;

use super::{Named, TableDraft};
use crate::address::AddressSpec;

/// Section `peers`.
#[derive(Debug, Clone)]
pub struct PeersDraft {
    /// Its name.
    pub name: String,
    /// Where it begins.
    pub span: Span,
    /// `disabled`, unless `enabled` came later.
    pub disabled: bool,
    /// `shards`.
    pub shards: u32,
    /// `bind`.
    pub bind: Option<(AddressSpec, Span)>,
    /// `peer` and `server` lines.
    pub peers: Vec<PeerDraft>,
    /// `shard` of `default-server`.
    pub default_shard: u32,
    /// `table` lines.
    pub tables: Vec<TableDraft>,
}

/// `peer` or `server` of a `peers` section.
#[derive(Debug, Clone)]
pub struct PeerDraft {
    /// Its name.
    pub name: Named,
    /// Where it is called.
    pub address: Option<(AddressSpec, Span)>,
    /// `shard`.
    pub shard: u32,
}

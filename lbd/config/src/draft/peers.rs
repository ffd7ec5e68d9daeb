//! A `peers` section as it was said.
//!
//! Which peer is this node is known when the whole text is.

use lbd_core::Span;

use super::{BindDraft, LogPlace, Named, ServerDraft, TableDraft};
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
    /// `bind`, with the options of `default-bind`; without addresses when only the latter was said.
    pub bind: BindDraft,
    /// `peer` and `server` lines.
    pub peers: Vec<PeerDraft>,
    /// `shard` of `default-server`.
    pub default_shard: u32,
    /// Other options of `default-server`.
    pub default_server: ServerDraft,
    /// `log`.
    pub logs: Vec<LogPlace>,
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
    /// How it is spoken to.
    pub server: ServerDraft,
}

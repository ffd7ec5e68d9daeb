//! A stick table as it was said.
//!
//! Names of other tables and of `peers` sections stay names.

use lbd_core::Span;
use lbd_table::Schema;

use super::Named;

/// `stick-table`, or `table` of a `peers` section.
#[derive(Debug, Clone)]
pub struct TableDraft {
    /// The name that rules and commands use.
    pub name: String,
    /// The name that peers use.
    pub wire_name: String,
    /// Where it stands.
    pub span: Span,
    /// Key, size, expiry and data types.
    pub schema: Schema,
    /// `peers`: the section that shares it.
    pub peers: Option<Named>,
    /// `write-to`.
    pub write_to: Option<Named>,
}

/// What a `stick` line does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StickKind {
    /// `match`.
    Match,
    /// `on`: both `match` and `store-request`.
    On,
    /// `store-request`.
    StoreRequest,
    /// `store-response`.
    StoreResponse,
}

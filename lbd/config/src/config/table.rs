//! Stick tables.
//!
//! Their entries are `lbd-proxy`'s.

use lbd_core::{Span, TableId};
use lbd_rules::acl::Cond;
use lbd_rules::expr::Expr;
use lbd_table::Schema;

/// A stick table.
#[derive(Debug, Clone)]
pub struct TableSpec {
    /// Index of this table.
    pub id: TableId,
    /// The name that rules and commands use: its proxy's, or section and name.
    pub name: Box<str>,
    /// Where it is declared.
    pub span: Span,
    /// What its entries are, the types that `stick` rules add included.
    pub schema: Schema,
    /// `write-to`.
    pub write_to: Option<TableId>,
}

/// A `stick` line.
#[derive(Debug)]
pub struct StickRule {
    /// The key.
    pub expr: Expr,
    /// Where it is looked up or stored.
    pub table: TableId,
    /// Condition; none means always.
    pub cond: Option<Cond>,
    /// A request goes to the server of the key's entry.
    pub is_match: bool,
    /// The key is stored with the server.
    pub is_store: bool,
    /// The key is one of the answer.
    pub on_response: bool,
}

//! Stick tables.
//!
//! Their entries are `lbd-proxy`'s.

use lbd_core::{Span, TableId};
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

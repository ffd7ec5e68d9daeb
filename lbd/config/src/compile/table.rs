//! Stick tables: what they need of each other.
//!
//! Declarations are read in `directive::stick`.

use lbd_core::{Diag, TableId};

use super::context::Compiler;
use crate::config::TableSpec;
use crate::draft::TableDraft;
use crate::resolve::number;

impl Compiler<'_> {
    /// All tables.
    pub(super) fn tables(&mut self) -> Vec<TableSpec> {
        let draft = self.draft;
        let tables = draft.tables().enumerate();
        tables
            .map(|(at, table)| TableSpec {
                id: TableId(number(at)),
                name: table.name.as_str().into(),
                span: table.span,
                schema: table.schema.clone(),
                write_to: self.write_to(table),
            })
            .collect()
    }

    /// The table that gets what peers say of this one.
    fn write_to(&mut self, table: &TableDraft) -> Option<TableId> {
        let named = table.write_to.as_ref()?;
        let mut fault = |text: String| {
            let message = format!(
                "Proxy '{}': failed to initialize stick-table: write-to: {text}.",
                table.name
            );
            self.diags.push(Diag::alert(named.span, message));
        };
        let Some(&id) = self.names.index.tables.get(&named.name) else {
            fault(format!("table '{}' doesn't exist", named.name));
            return None;
        };
        let target = self.draft.tables().nth(id.index())?;
        let (ours, theirs) = (table.schema.key, target.schema.key);
        if target.write_to.is_some() {
            fault(format!(
                "table '{}' is already used as a source table",
                target.name
            ));
        } else if ours.name() != theirs.name() {
            fault(format!(
                "cannot mix table types ('{}' has '{}' type and '{}' has '{}' type)",
                target.name,
                theirs.name(),
                table.name,
                ours.name()
            ));
        } else if ours != theirs {
            fault(format!(
                "cannot mix key sizes ('{}' has '{}' key_size and '{}' has '{}' key_size)",
                target.name,
                theirs.wire_len(),
                table.name,
                ours.wire_len()
            ));
        }
        Some(id)
    }
}

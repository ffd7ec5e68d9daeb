//! Stick tables: what they need of each other.
//!
//! Declarations are read in `directive::stick`.

use lbd_core::{Checkpoint, Diag, ProxyId, TableId};
use lbd_rules::acl::AclTable;
use lbd_rules::expr::Expr;
use lbd_table::schema::MAX_NODES;
use lbd_table::{DataType, Schema, Stored};

use super::context::{At, Compiler, as_words, said};
use crate::config::{StickRule, TableSpec};
use crate::draft::{ProxyDraft, Sentence, StickKind, TableDraft};
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
                schema: self.schema(TableId(number(at)), table),
                write_to: self.write_to(table),
            })
            .collect()
    }

    /// What is declared, and the server where `stick` lines store one.
    fn schema(&self, id: TableId, table: &TableDraft) -> Schema {
        let mut schema = table.schema.clone();
        schema.nodes = self.nodes(table);
        if self.stuck.contains(&id) {
            for data in [DataType::ServerId, DataType::ServerKey] {
                // They exclude no other type.
                let _ = schema.store(Stored::plain(data));
            }
        }
        schema
    }

    /// Other nodes whose contributions the table keeps: those of its section, unless there are too
    /// many.
    fn nodes(&self, table: &TableDraft) -> u8 {
        let mut sections = self.draft.peers.iter();
        let section = sections.find(|section| {
            let named = table.peers.as_ref();
            named.is_some_and(|named| named.name == section.name)
                || section.tables.iter().any(|own| own.name == table.name)
        });
        let others = section
            .filter(|section| !section.disabled)
            .map_or(0, |section| section.peers.len().saturating_sub(1));
        let others = u8::try_from(others).ok();
        others.filter(|&others| others <= MAX_NODES).unwrap_or(0)
    }

    /// `stick` lines of a backend.
    pub(super) fn sticks(
        &mut self,
        id: ProxyId,
        draft: &ProxyDraft,
        acls: &AclTable,
    ) -> Vec<StickRule> {
        if !draft.is_back() {
            return Vec::new();
        }
        let rules = draft.sticks.iter();
        rules
            .filter_map(|(kind, sentence)| self.stick(id, draft, acls, *kind, sentence))
            .collect()
    }

    fn stick(
        &mut self,
        id: ProxyId,
        draft: &ProxyDraft,
        acls: &AclTable,
        kind: StickKind,
        sentence: &Sentence,
    ) -> Option<StickRule> {
        let on_response = kind == StickKind::StoreResponse;
        let checkpoint = match on_response {
            true => Checkpoint::BeStoRul,
            false => Checkpoint::BeSetSrv,
        };
        let at = At {
            proxy: Some(id),
            acls,
            checkpoint,
        };
        let all = as_words(&sentence.words);
        let end = all
            .iter()
            .position(|word| word.is("if") || word.is("unless") || word.is("table"));
        let end = end.unwrap_or(all.len());
        let (expr, taken) = self.build(at, sentence.span, |ctx| {
            Expr::parse_words(&all[..end], ctx).map_err(|diag| said(diag, "'stick': "))
        })?;
        let mut rest = &sentence.words[taken..];
        let mut name = draft.name.clone();
        if rest.first().is_some_and(|word| word == "table") {
            let Some(word) = rest.get(1) else {
                self.fault(Diag::alert(sentence.span, "'stick': missing table name."));
                return None;
            };
            name = String::from_utf8_lossy(&word.text).into_owned();
            rest = &rest[2..];
        }
        let is_cond = rest
            .first()
            .is_none_or(|word| word == "if" || word == "unless");
        if !is_cond {
            let word = String::from_utf8_lossy(&rest[0].text).into_owned();
            self.fault(Diag::alert(
                rest[0].span,
                format!("'stick': unknown keyword '{word}'."),
            ));
            return None;
        }
        let what = "'stick': error detected while parsing sticking condition : ";
        let cond = self.condition(at, rest, sentence.span, what)?;
        let Some(&table) = self.names.index.tables.get(&name) else {
            let known: Vec<String> = self
                .draft
                .tables()
                .map(|table| table.name.clone())
                .collect();
            let hint = crate::suggest::hint(&name, known.iter().map(String::as_str));
            self.fault(
                Diag::alert(
                    sentence.span,
                    format!(
                        "Proxy '{}': unable to find stick-table '{name}'.",
                        draft.name
                    ),
                )
                .hint(hint),
            );
            return None;
        };
        let kind_of_key = self.draft.tables().nth(table.index())?.schema.key;
        if !lbd_rules::cast::exists(expr.out_type(), kind_of_key.sample_type()) {
            self.fault(Diag::alert(
                sentence.span,
                format!(
                    "Proxy '{}': type of fetch not usable with type of stick-table '{name}'.",
                    draft.name
                ),
            ));
            return None;
        }
        self.stuck.insert(table);
        Some(StickRule {
            expr,
            table,
            cond,
            is_match: matches!(kind, StickKind::Match | StickKind::On),
            is_store: kind != StickKind::Match,
            on_response,
        })
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

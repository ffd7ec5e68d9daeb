//! Process-wide variables that the runtime API sets (`set var`): their names and expressions.
//!
//! They are evaluated by whoever has the state of the process.

use std::sync::Arc;

use lbd_core::{Checkpoint, Diags, FileId, Level, Span};
use lbd_rules::acl::AclTable;
use lbd_rules::arg::parse_var;
use lbd_rules::expr::Expr;
use lbd_rules::logformat::{Flags, LogFormat};
use lbd_rules::var::{Scope, VarId};
use lbd_rules::word::Word;

use super::context::{At, Compiler};
use super::tls::Tls;
use crate::config::{Config, ProcVar};
use crate::host::{Environment, MemoryHost};
use crate::resolve::{Addresses, Index};

/// Names that may be given in all, so that an operator's script cannot fill the memory with them.
const MAX_NAMES: usize = 65_536;

impl Config {
    /// What `set var <name> [expr|fmt] <value>` says. Only one caller at a time.
    ///
    /// # Errors
    /// The reference's sentence.
    pub fn later_var(&self, words: &[String]) -> Result<(VarId, ProcVar), String> {
        let name = words
            .first()
            .filter(|name| !name.is_empty())
            .ok_or("Missing process-wide variable identifier.")?;
        if self.vars.count() >= MAX_NAMES {
            return Err("'set var': there are as many variables as there can be.".to_owned());
        }
        let mut own = self.vars.clone();
        let variable = parse_var(name.as_bytes(), &mut own)?;
        if variable.scope != Scope::Proc {
            return Err(format!(
                "'set var': cannot set variable '{name}', only scope 'proc' is permitted here."
            ));
        }
        let (is_format, text) = match &words[1..] {
            [] => return Err("Missing either 'expr', 'fmt' or expression.".to_owned()),
            [text] => (false, text),
            [kind, text] if kind == "expr" => (false, text),
            [kind, text] if kind == "fmt" => (true, text),
            [kind, _, extra, ..] if kind == "expr" || kind == "fmt" => {
                return Err(format!("'set var': unexpected argument '{extra}'."));
            }
            [kind, ..] => {
                return Err(format!(
                    "'set var': arg type must be either 'expr' or 'fmt' but got '{kind}'."
                ));
            }
        };
        let host = MemoryHost::default();
        let environment = Environment::new(&host);
        let draft = self.later.draft();
        let mut compiler = Compiler::new(
            draft,
            &environment,
            Index::new(draft),
            Addresses::new(draft, &host),
            Diags::default(),
        );
        compiler.vars = own;
        compiler.tls = Tls::at(Arc::clone(&self.tls.store));
        let value = compiler.proc_value(is_format, text);
        let refusal = compiler
            .diags
            .0
            .iter()
            .find(|diag| diag.level == Level::Alert);
        if let Some(diag) = refusal {
            return Err(diag.message.clone());
        }
        let value = value.ok_or("'set var': the value cannot be understood.")?;
        self.vars.extend_by(&compiler.vars);
        Ok((variable.id, value))
    }
}

impl Compiler<'_> {
    fn proc_value(&mut self, is_format: bool, text: &str) -> Option<ProcVar> {
        let acls = AclTable::new();
        let at = At {
            proxy: None,
            acls: &acls,
            checkpoint: Checkpoint::CliParser,
        };
        let span = Span::line(FileId(0), 0);
        self.build(at, span, |ctx| {
            if is_format {
                let format = LogFormat::parse(text.as_bytes(), span, Flags::NONE, ctx);
                return format.map(ProcVar::Format);
            }
            // One word, which the runtime socket has unescaped.
            let (expr, _) = Expr::parse_words(&[Word::new(text.as_bytes(), span)], ctx)?;
            Ok(ProcVar::Expr(expr))
        })
    }
}

//! What all parts of compiling share.
//!
//! It compiles nothing itself.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use lbd_core::{Checkpoint, Diag, Diags, ProxyId, Span, TableId};
use lbd_rules::acl::{AclTable, Cond};
use lbd_rules::expr::Expr;
use lbd_rules::logformat::{Flags, LogFormat};
use lbd_rules::pattern::PatternStore;
use lbd_rules::registry::BuildCtx;
use lbd_rules::var::VarNames;
use lbd_rules::word::Word;

use super::names::NameTable;
use crate::config::CheckSpec;
use crate::draft::{Draft, Sentence};
use crate::host::Environment;
use crate::lex;
use crate::resolve::{Addresses, Index};
use crate::state_file::StateFile;

/// The state of compiling one configuration.
pub(super) struct Compiler<'c> {
    pub(super) draft: &'c Draft,
    pub(super) environment: &'c Environment<'c>,
    pub(super) addresses: Addresses,
    pub(super) names: NameTable<'c>,
    pub(super) vars: VarNames,
    pub(super) patterns: PatternStore,
    pub(super) diags: Diags,
    /// `server-state-file`, read once.
    pub(super) states: StateFile,
    pub(super) tls: super::tls::Tls,
    /// Tables that hold servers, because `stick` lines use them.
    pub(super) stuck: HashSet<TableId>,
    /// Names of ACLs whose lines were refused.
    pub(super) failed_acls: HashSet<String>,
    /// Checks of `healthcheck` sections as servers of a proxy run them.
    pub(super) healthchecks: HashMap<(usize, ProxyId), Arc<CheckSpec>>,
}

/// Where an expression stands.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) proxy: Option<ProxyId>,
    pub(super) acls: &'a AclTable,
    pub(super) checkpoint: Checkpoint,
}

impl<'c> Compiler<'c> {
    pub(super) fn new(
        draft: &'c Draft,
        environment: &'c Environment<'c>,
        index: Index,
        addresses: Addresses,
        mut diags: Diags,
    ) -> Self {
        let states = StateFile::global(draft, environment.host(), &mut diags);
        Self {
            draft,
            environment,
            addresses,
            names: NameTable::new(draft, environment, index),
            vars: VarNames::default(),
            patterns: PatternStore::new(),
            diags,
            states,
            tls: super::tls::Tls::default(),
            stuck: HashSet::new(),
            failed_acls: HashSet::new(),
            healthchecks: HashMap::new(),
        }
    }

    /// Runs `build` with the surroundings of a place; a fault is recorded.
    pub(super) fn build<T>(
        &mut self,
        at: At<'_>,
        span: Span,
        build: impl FnOnce(&mut BuildCtx<'_>) -> Result<T, Diag>,
    ) -> Option<T> {
        let before = self.diags.0.len();
        let mut ctx = BuildCtx {
            names: &mut self.names,
            vars: &mut self.vars,
            patterns: &mut self.patterns,
            acls: at.acls,
            proxy: at.proxy,
            checkpoint: at.checkpoint,
            diags: &mut self.diags,
        };
        let result = build(&mut ctx).map_err(|diag| diag.at(span));
        for diag in &mut self.diags.0[before..] {
            diag.span.get_or_insert(span);
        }
        self.diags.take(result)
    }

    /// A log format in one word.
    pub(super) fn format(
        &mut self,
        at: At<'_>,
        word: &lex::Word,
        flags: Flags,
        what: &str,
    ) -> Option<LogFormat> {
        self.build(at, word.span, |ctx| {
            LogFormat::parse(&word.text, word.span, flags, ctx)
                .map_err(|diag| said(diag, &format!("failed to parse {what} : ")))
        })
    }

    /// An expression in one word.
    pub(super) fn expr(&mut self, at: At<'_>, word: &lex::Word, what: &str) -> Option<Expr> {
        self.build(at, word.span, |ctx| {
            Expr::parse(as_word(word), ctx).map_err(|diag| said(diag, what))
        })
    }

    /// `if …` or `unless …`; no words are no condition. `None` is a fault, which is recorded.
    pub(super) fn condition(
        &mut self,
        at: At<'_>,
        words: &[lex::Word],
        span: Span,
        what: &str,
    ) -> Option<Option<Cond>> {
        let Some((word, rest)) = words.split_first() else {
            return Some(None);
        };
        let negate = word == "unless";
        let rest = as_words(rest);
        self.build(at, span, |ctx| {
            Cond::parse(&rest, negate, ctx).map_err(|diag| said(diag, what))
        })
        .map(Some)
    }

    /// A sentence that is a condition only.
    pub(super) fn condition_of(
        &mut self,
        at: At<'_>,
        sentence: &Sentence,
        what: &str,
    ) -> Option<Cond> {
        self.condition(at, &sentence.words, sentence.span, what)
            .flatten()
    }

    /// Records a fault.
    pub(super) fn fault(&mut self, diag: Diag) {
        self.diags.push(diag);
    }
}

/// The finding with more said before it.
pub(super) fn said(diag: Diag, before: &str) -> Diag {
    Diag {
        message: format!("{before}{}", diag.message),
        ..diag
    }
}

/// A word as the rules' parsers take it.
pub(super) fn as_word(word: &lex::Word) -> Word<'_> {
    Word::new(&word.text, word.span)
}

/// Words as the rules' parsers take them.
pub(super) fn as_words(words: &[lex::Word]) -> Vec<Word<'_>> {
    words.iter().map(as_word).collect()
}

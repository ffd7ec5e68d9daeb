//! The place in a configuration that keywords read into.
//!
//! It holds no rule about any keyword.

use std::collections::BTreeSet;

use lbd_core::{Diag, Diags, FileId, Span};

use super::Section;
use crate::address::{self, AddressRules, AddressSpec};
use crate::draft::{DefaultPath, Draft, ProxyDraft, StoreDraft};
use crate::host::Environment;
use crate::lex::Line;

/// All that a keyword may read and fill.
#[derive(Debug)]
pub struct Site<'h> {
    /// Finished sections, and `global`.
    pub draft: Draft,
    /// The proxy or defaults section being read; unused in other sections.
    pub proxy: ProxyDraft,
    /// The crt-store section being read.
    pub store: StoreDraft,
    /// Kind of the section being read.
    pub section: Section,
    /// The environment as changed so far.
    pub environment: Environment<'h>,
    /// Whether a line is read that comes while the balancer runs.
    pub is_runtime: bool,
    /// Findings.
    pub diags: Diags,
    /// The line being read.
    pub line: Span,
    /// Its file.
    pub file_name: String,
    /// Names of all files.
    pub files: Vec<String>,
    /// Keywords without effect that were told already.
    pub(super) told: BTreeSet<&'static str>,
    /// Whether a section other than `global` has begun.
    pub(super) has_other_section: bool,
    /// The defaults section that proxies without `from` take.
    pub(super) current_defaults: Option<usize>,
}

impl<'h> Site<'h> {
    /// Before the first line.
    pub fn new(environment: Environment<'h>) -> Self {
        let nowhere = Span::line(FileId(0), 0);
        Self {
            draft: Draft::default(),
            proxy: ProxyDraft::new(Section::Defaults, "", nowhere),
            store: StoreDraft::default(),
            section: Section::Refused,
            environment,
            is_runtime: false,
            diags: Diags::default(),
            line: nowhere,
            file_name: String::new(),
            files: Vec::new(),
            told: BTreeSet::new(),
            has_other_section: false,
            current_defaults: None,
        }
    }

    /// Whether the section is `defaults`.
    pub fn in_defaults(&self) -> bool {
        self.section == Section::Defaults
    }

    /// Whether the section is a `defaults` without name.
    pub fn in_anonymous_defaults(&self) -> bool {
        self.in_defaults() && self.proxy.name.is_empty()
    }

    /// `file:line` of a place, for messages about another line.
    pub fn place(&self, span: Span) -> String {
        let index = usize::try_from(span.file.0).unwrap_or(usize::MAX);
        let file = self.files.get(index).map_or("?", String::as_str);
        format!("{file}:{}", span.line)
    }

    /// Records a warning.
    pub fn warn(&mut self, span: Span, message: impl Into<String>) {
        self.diags.push(Diag::warning(span, message));
    }

    /// Records findings that refuse nothing.
    pub fn warn_all(&mut self, diags: Vec<Diag>) {
        for diag in diags {
            self.diags.push(diag);
        }
    }

    /// Tells once that a keyword has no effect.
    pub fn no_effect(&mut self, name: &'static str, span: Span, reason: &str) {
        if self.told.insert(name) {
            self.diags.push(Diag::notice(
                span,
                format!("'{name}' has no effect: {reason}"),
            ));
        }
    }

    /// For a keyword of `global` that may be said once; a later one is only a warning, and wins
    /// nothing: `false`.
    pub fn once(&mut self, name: &'static str, span: Span) -> bool {
        let first = self.draft.global.said.insert(name);
        if !first {
            self.warn(span, format!("'{name}' already specified. Continuing."));
        }
        first
    }

    /// Reads an address; faults are told in the reference's form, `'{keyword}' : …`.
    ///
    /// # Errors
    /// When it is none, or not acceptable there.
    pub fn address(
        &self,
        keyword: &str,
        text: &str,
        span: Span,
        rules: &AddressRules,
    ) -> Result<AddressSpec, Diag> {
        address::parse(text, rules, &self.environment).map_err(|error| {
            Diag::alert(span, format!("'{keyword}' : {}", error.message)).hint(error.hint)
        })
    }

    /// The path of a file that the configuration names, `default-path` applied.
    pub fn path(&self, path: &str) -> String {
        if path.starts_with('/') {
            return path.to_owned();
        }
        let config_dir = || {
            self.file_name
                .rsplit_once('/')
                .map_or(".", |(dir, _)| dir)
                .to_owned()
        };
        match &self.draft.global.default_path {
            DefaultPath::Current => path.to_owned(),
            DefaultPath::Config => format!("{}/{path}", config_dir()),
            DefaultPath::Parent => format!("{}/../{path}", config_dir()),
            DefaultPath::Origin(dir) => format!("{}/{path}", dir.display()),
        }
    }

    /// The whole line as it is kept for later.
    pub fn sentence(line: &Line) -> crate::draft::Sentence {
        crate::draft::Sentence::of(line)
    }
}

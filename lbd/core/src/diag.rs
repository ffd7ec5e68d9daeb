//! Diagnostics: what is wrong in a configuration, where, why, and how to mend it.
//!
//! Rendering needs the names of the files, so it lives with the configuration loader.

use crate::span::Span;

/// Severity, named as in the reference's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Shown only with `-dD`.
    Diag,
    /// Information, printed once.
    Notice,
    /// The configuration starts, but probably does not do what its author meant.
    Warning,
    /// The configuration is refused.
    Alert,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diag {
    /// Severity.
    pub level: Level,
    /// Where, when it belongs to a place in the text.
    pub span: Option<Span>,
    /// What is wrong, in the reference's words where tools match them; lower case, no final dot.
    pub message: String,
    /// How to mend it: a full sentence, or empty.
    pub hint: String,
}

impl Diag {
    /// An alert at `span`.
    pub fn alert(span: impl Into<Option<Span>>, message: impl Into<String>) -> Self {
        Self::new(Level::Alert, span, message)
    }

    /// A warning at `span`.
    pub fn warning(span: impl Into<Option<Span>>, message: impl Into<String>) -> Self {
        Self::new(Level::Warning, span, message)
    }

    /// A notice at `span`.
    pub fn notice(span: impl Into<Option<Span>>, message: impl Into<String>) -> Self {
        Self::new(Level::Notice, span, message)
    }

    /// A finding of any level.
    pub fn new(level: Level, span: impl Into<Option<Span>>, message: impl Into<String>) -> Self {
        Self {
            level,
            span: span.into(),
            message: message.into(),
            hint: String::new(),
        }
    }

    /// Adds how to mend it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Gives it a place when it has none yet.
    #[must_use]
    pub fn at(mut self, span: Span) -> Self {
        self.span.get_or_insert(span);
        self
    }
}

/// All findings of one step, in the order in which they were made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diags(pub Vec<Diag>);

impl Diags {
    /// Adds a finding.
    pub fn push(&mut self, diag: Diag) {
        self.0.push(diag);
    }

    /// Whether anything refuses the configuration.
    pub fn has_alert(&self) -> bool {
        self.0.iter().any(|d| d.level == Level::Alert)
    }

    /// Number of findings of `level`.
    pub fn count(&self, level: Level) -> usize {
        self.0.iter().filter(|d| d.level == level).count()
    }

    /// Moves all of `other` behind these.
    pub fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// Keeps the value, or records the fault and gives `None`.
    pub fn take<T>(&mut self, result: Result<T, Diag>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(diag) => {
                self.push(diag);
                None
            }
        }
    }
}

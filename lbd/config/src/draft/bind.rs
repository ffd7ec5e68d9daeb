//! A `bind` line as it was said.
//!
//! It binds nothing and resolves no names.

use lbd_core::Span;

use crate::address::AddressSpec;
use crate::config::BindOptions;

/// A `bind` line.
#[derive(Debug, Clone)]
pub struct BindDraft {
    /// Addresses of its list, with the place of the word.
    pub addresses: Vec<AddressSpec>,
    /// The word of the addresses.
    pub text: String,
    /// Where that word stands.
    pub span: Span,
    /// `name`.
    pub name: Option<String>,
    /// Options.
    pub options: BindOptions,
    /// TLS.
    pub ssl: super::BindSslDraft,
    /// `expose-fd listeners`.
    pub exposes: bool,
    /// `level` of a `stats socket`.
    pub level: Option<crate::config::AccessLevel>,
    /// `severity-output`.
    pub severity: crate::config::SeverityOutput,
    /// `maxconn` was said.
    pub maxconn: Option<u32>,
}

impl BindDraft {
    /// A line with no options yet.
    pub fn new(text: &str, span: Span) -> Self {
        Self {
            addresses: Vec::new(),
            text: text.to_owned(),
            span,
            exposes: false,
            name: None,
            options: BindOptions::default(),
            ssl: super::BindSslDraft::default(),
            level: None,
            severity: crate::config::SeverityOutput::default(),
            maxconn: None,
        }
    }
}

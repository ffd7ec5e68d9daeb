//! The `stats` lines of a proxy as they were said.
//!
//! What is said is in [`crate::directive::stats`].

use std::time::Duration;

use lbd_core::Span;

use super::Sentence;

/// The statistics page of one section.
#[derive(Debug, Clone)]
pub struct StatsDraft {
    /// Where the section begins that said it; another one inherits it whole or not at all.
    pub section: Span,
    /// `stats uri`.
    pub uri: Option<Vec<u8>>,
    /// `stats realm`.
    pub realm: Option<Vec<u8>>,
    /// `stats auth`: user, password, place.
    pub accounts: Vec<(Vec<u8>, Vec<u8>, Span)>,
    /// `stats refresh`.
    pub refresh: Option<Duration>,
    /// `stats scope`.
    pub scopes: Vec<String>,
    /// `stats show-version`.
    pub show_version: bool,
    /// `stats show-legends`.
    pub legends: bool,
    /// `stats show-modules`.
    pub modules: bool,
    /// `stats show-node`; without a name the process's.
    pub node: Option<Option<String>>,
    /// `stats show-desc`.
    pub description: Option<String>,
    /// `stats admin` conditions.
    pub admin: Vec<Sentence>,
    /// `stats http-request` rules.
    pub rules: Vec<Sentence>,
}

impl StatsDraft {
    /// What `stats enable` says.
    pub fn new(section: Span) -> Self {
        Self {
            section,
            uri: None,
            realm: None,
            accounts: Vec::new(),
            refresh: None,
            scopes: Vec::new(),
            show_version: false,
            legends: false,
            modules: false,
            node: None,
            description: None,
            admin: Vec::new(),
            rules: Vec::new(),
        }
    }
}

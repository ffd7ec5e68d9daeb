//! The form of every registry of keywords, and the lists of their families; parser, `-dKcfg`,
//! generated reference and completion are loops over them.
//!
//! It does not know what a keyword does: that stands beside it in its family file.

pub mod dump;
mod lookup;
mod reference;
#[cfg(test)]
mod tests;

use std::time::Duration;

use lbd_core::Diag;

use crate::config::Timeouts;
use crate::directive;
use crate::draft::{BindDraft, ServerDraft};
use crate::section::Site;
use crate::words::Words;

pub use dump::dump_keywords;
pub use lookup::{bind_option, directive, option, server_option, timeout};
pub use reference::reference;

/// A set of kinds of sections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sections(u16);

impl Sections {
    /// `global`.
    pub const GLOBAL: Self = Self(1);
    /// `defaults`.
    pub const DEFAULTS: Self = Self(2);
    /// `frontend`.
    pub const FRONTEND: Self = Self(4);
    /// `listen`.
    pub const LISTEN: Self = Self(8);
    /// `backend`.
    pub const BACKEND: Self = Self(16);
    /// `userlist`.
    pub const USERLIST: Self = Self(32);
    /// `http-errors`.
    pub const HTTP_ERRORS: Self = Self(64);
    /// `peers`.
    pub const PEERS: Self = Self(128);
    /// `crt-store`.
    pub const CRT_STORE: Self = Self(256);
    /// `healthcheck`.
    pub const HEALTHCHECK: Self = Self(512);
    /// Every proxy and `defaults`.
    pub const PROXY: Self = Self(2 | 4 | 8 | 16);
    /// Every proxy.
    pub const OWN: Self = Self(4 | 8 | 16);
    /// `defaults`, `frontend`, `listen`.
    pub const FRONT: Self = Self(2 | 4 | 8);
    /// `defaults`, `backend`, `listen`.
    pub const BACK: Self = Self(2 | 8 | 16);
    /// `frontend`, `listen`.
    pub const OWN_FRONT: Self = Self(4 | 8);
    /// `backend`, `listen`.
    pub const OWN_BACK: Self = Self(8 | 16);

    /// The sections of both.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` is in the set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of `other` is in the set.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// What a keyword does here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// What the manual says.
    Supported,
    /// It is read and checked, and cannot change what lbd does, for this reason.
    NoEffect(&'static str),
}

/// A line of the reference that is also a test; keyword and arguments.
#[derive(Debug, Clone, Copy)]
pub enum Example {
    /// Accepted in each section where the keyword is valid.
    Ok(&'static str),
    /// Refused with a message that contains the second text.
    Fail(&'static str, &'static str),
}

/// The first word of a line.
#[derive(Debug)]
pub struct Directive {
    /// As written.
    pub name: &'static str,
    /// Where it has its meaning. A frontend's word in a backend, or the other way round, is a
    /// warning; one that is not for `defaults` is refused there.
    pub sections: Sections,
    /// What it does.
    pub effect: Effect,
    /// One or two sentences, the manual's section named.
    pub doc: &'static str,
    /// Tested examples.
    pub examples: &'static [Example],
    /// Reads the rest of the line into the draft.
    pub apply: fn(&mut Site<'_>, &mut Words<'_>) -> Result<(), Diag>,
}

/// Which sides of a proxy an option concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The serving side.
    Back,
    /// Both.
    Both,
    /// The accepting side.
    Front,
}

/// How an `option` takes its arguments and `no`.
#[derive(Debug, Clone, Copy)]
pub enum OptionKind {
    /// A switch without arguments; `no` and `default` are allowed.
    Flag,
    /// A switch that is read by a function, which handles `no` and `default`, too.
    Negatable(fn(&mut Site<'_>, &mut Words<'_>) -> Result<(), Diag>),
    /// Read by a function; `no` and `default` are refused.
    Plain(fn(&mut Site<'_>, &mut Words<'_>) -> Result<(), Diag>),
}

/// A word behind `option`.
#[derive(Debug)]
pub struct ProxyOption {
    /// As written.
    pub name: &'static str,
    /// Sides; on a proxy without them it is a warning.
    pub side: Side,
    /// Ignored with a warning unless in mode http.
    pub http_only: bool,
    /// How it is read.
    pub kind: OptionKind,
    /// What it does.
    pub effect: Effect,
    /// One or two sentences.
    pub doc: &'static str,
    /// Tested examples, without the word `option`.
    pub examples: &'static [Example],
}

/// A word behind `timeout`.
#[derive(Debug)]
pub struct TimeoutName {
    /// As written.
    pub name: &'static str,
    /// Sides; on a proxy without them it is a warning.
    pub side: Side,
    /// Its place.
    pub field: fn(&mut Timeouts) -> &mut Option<Duration>,
    /// One or two sentences.
    pub doc: &'static str,
}

/// A word on a `bind` line.
#[derive(Debug)]
pub struct BindOption {
    /// As written.
    pub name: &'static str,
    /// Number of arguments.
    pub args: u8,
    /// What it does.
    pub effect: Effect,
    /// One or two sentences.
    pub doc: &'static str,
    /// A tested example.
    pub example: &'static str,
    /// Reads its arguments.
    pub apply: fn(&mut Site<'_>, &mut BindDraft, &mut Words<'_>) -> Result<(), Diag>,
}

/// A word on a `server`, `default-server` or `server-template` line.
#[derive(Debug)]
pub struct ServerOption {
    /// As written.
    pub name: &'static str,
    /// Number of arguments; -1 for any.
    pub args: i8,
    /// Whether `default-server` takes it.
    pub in_default: bool,
    /// What it does.
    pub effect: Effect,
    /// One or two sentences.
    pub doc: &'static str,
    /// A tested example.
    pub example: &'static str,
    /// Reads its arguments.
    pub apply: fn(&mut Site<'_>, &mut ServerDraft, &mut Words<'_>) -> Result<(), Diag>,
}

/// All first words of lines.
pub const DIRECTIVES: &[&[Directive]] = &[
    directive::global::DIRECTIVES,
    directive::global_idle::DIRECTIVES,
    directive::process::DIRECTIVES,
    directive::environment::DIRECTIVES,
    directive::tune::DIRECTIVES,
    directive::tune_h2::DIRECTIVES,
    directive::tune_idle::DIRECTIVES,
    directive::crt_store::DIRECTIVES,
    directive::ocsp::DIRECTIVES,
    directive::runtime::DIRECTIVES,
    directive::proxy::DIRECTIVES,
    directive::frontend::DIRECTIVES,
    directive::capture::DIRECTIVES,
    directive::backend::DIRECTIVES,
    directive::balance::DIRECTIVES,
    directive::cookie::DIRECTIVES,
    directive::check::DIRECTIVES,
    directive::healthcheck::DIRECTIVES,
    directive::errors::DIRECTIVES,
    directive::log::DIRECTIVES,
    directive::rules::DIRECTIVES,
    directive::timeouts::DIRECTIVES,
    directive::keepalive::DIRECTIVES,
    directive::options::DIRECTIVES,
    directive::bind::DIRECTIVES,
    directive::server::DIRECTIVES,
    directive::stats::DIRECTIVES,
    directive::stick::DIRECTIVES,
    directive::userlist::DIRECTIVES,
    directive::ssl_global::DIRECTIVES,
    directive::ssl_tune::DIRECTIVES,
    directive::peers::DIRECTIVES,
    directive::snapshot::DIRECTIVES,
];

/// All words behind `option`.
pub const OPTIONS: &[&[ProxyOption]] = &[
    directive::options::OPTIONS,
    directive::options_http::OPTIONS,
    directive::check::OPTIONS,
    directive::log::OPTIONS,
];

/// All words behind `timeout`.
pub const TIMEOUTS: &[TimeoutName] = directive::timeouts::TIMEOUTS_TABLE;

/// All words on `bind` lines.
pub const BIND_OPTIONS: &[&[BindOption]] = &[
    directive::bind_option::OPTIONS,
    directive::bind_unix::OPTIONS,
    directive::ssl_bind::OPTIONS,
];

/// All words on `server` lines.
pub const SERVER_OPTIONS: &[&[ServerOption]] = &[
    directive::server_option::OPTIONS,
    directive::server_check::OPTIONS,
    directive::server_socket::OPTIONS,
    directive::ssl_server::OPTIONS,
];

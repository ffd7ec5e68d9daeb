//! What the text said, section by section: fields are empty unless said, and hold names.
//!
//! Nothing here is checked against other sections; see [`crate::resolve`].

mod bind;
mod check;
mod global;
mod log;
mod peers;
mod proxy;
mod server;
mod ssl;
mod stats;
mod table;

use lbd_core::Span;

use crate::lex::{Line, Word};

pub use bind::BindDraft;
pub use check::{CheckDraft, CheckKind};
pub use global::{DefaultPath, GlobalDraft, SocketDraft};
pub use log::{LogDraft, LogFormatDraft, LogPlace};
pub use peers::{PeerDraft, PeersDraft};
pub use proxy::{
    BalanceDraft, CookieDraft, DynamicCookie, ErrorDraft, ForwardDraft, ForwardedDraft, ProxyDraft,
    ReplyText, RuleDraft, Ruleset, Settings, SourceDraft, StateSource, UseSrcDraft,
};
pub use server::{HealthDraft, InitAddr, ServerDraft, Template};
pub use ssl::{
    BindSslDraft, CrtLine, CrtSource, LoadDraft, ServerSslDraft, SslDraft, SslVersion, StoreDraft,
    Verify,
};
pub use stats::StatsDraft;
pub use table::{StickKind, TableDraft};

/// A line, or the part of one, that is compiled later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// Its words.
    pub words: Vec<Word>,
    /// Where it stands.
    pub span: Span,
}

impl Sentence {
    /// The whole of a line, its keyword first.
    pub fn of(line: &Line) -> Self {
        Self {
            words: line.words.clone(),
            span: line.span,
        }
    }
}

/// A name that was said somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The name.
    pub name: String,
    /// Where.
    pub span: Span,
}

/// A whole configuration as it was said.
#[derive(Debug, Default)]
pub struct Draft {
    /// Section `global`.
    pub global: GlobalDraft,
    /// Frontends, backends and listen sections in order.
    pub proxies: Vec<ProxyDraft>,
    /// `defaults` sections in order.
    pub defaults: Vec<ProxyDraft>,
    /// `userlist` sections.
    pub user_lists: Vec<UserListDraft>,
    /// `peers` sections.
    pub peers: Vec<PeersDraft>,
    /// `http-errors` sections.
    pub http_errors: Vec<HttpErrorsDraft>,
    /// `healthcheck` sections.
    pub healthchecks: Vec<HealthcheckDraft>,
    /// `load` lines of all `crt-store` sections.
    pub loads: Vec<LoadDraft>,
}

impl Draft {
    /// All stick tables in the order of their ids.
    pub fn tables(&self) -> impl Iterator<Item = &TableDraft> {
        let own = self.proxies.iter().filter_map(|proxy| proxy.table.as_ref());
        own.chain(self.peers.iter().flat_map(|peers| &peers.tables))
    }
}

/// Section `userlist`.
#[derive(Debug, Clone)]
pub struct UserListDraft {
    /// Its name.
    pub name: String,
    /// Where it begins.
    pub span: Span,
    /// Groups with the names of users given on their lines.
    pub groups: Vec<GroupDraft>,
    /// Users.
    pub users: Vec<UserDraft>,
}

/// `group`.
#[derive(Debug, Clone)]
pub struct GroupDraft {
    /// Its name.
    pub name: Named,
    /// `users`.
    pub users: Option<Vec<Named>>,
}

/// `user`.
#[derive(Debug, Clone)]
pub struct UserDraft {
    /// The name.
    pub name: Named,
    /// Password as written.
    pub password: Option<String>,
    /// `insecure-password`.
    pub is_clear: bool,
    /// `groups`.
    pub groups: Vec<Named>,
}

/// Section `healthcheck`.
#[derive(Debug, Clone)]
pub struct HealthcheckDraft {
    /// Its name.
    pub name: String,
    /// Where it begins.
    pub span: Span,
    /// Its type and rules.
    pub check: CheckDraft,
}

/// Section `http-errors`.
#[derive(Debug, Clone)]
pub struct HttpErrorsDraft {
    /// Its name.
    pub name: String,
    /// Where it begins.
    pub span: Span,
    /// Its `errorfile` lines.
    pub errors: Vec<ErrorDraft>,
}

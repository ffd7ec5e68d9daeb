//! A proxy or `defaults` section as it was said.
//!
//! A proxy starts with a copy of the [`Settings`] of its defaults; the rest is its own.

use std::collections::BTreeMap;
use std::time::Duration;

use lbd_core::Span;

use super::{
    BindDraft, CheckDraft, LogFormatDraft, LogPlace, Named, Sentence, ServerDraft, StatsDraft,
    StickKind, TableDraft, Template,
};
use crate::address::AddressSpec;
use crate::config::{
    CaptureSpec, ConnectionMode, CookieCapture, HeaderNamePolicy, Mode, TcpKeepalive, Timeouts,
};
use crate::lex::{Modifier, Word};
use crate::section::Section;

/// A proxy or `defaults` section.
#[derive(Debug, Clone)]
pub struct ProxyDraft {
    /// Which word started it.
    pub section: Section,
    /// Its name; empty for anonymous defaults.
    pub name: String,
    /// Where it begins.
    pub span: Span,
    /// The `defaults` section whose rules it runs first: index into `Draft::defaults`.
    pub from: Option<usize>,
    /// Settings, those of the defaults section included.
    pub settings: Settings,
    /// `id`.
    pub id: Option<(u32, Span)>,
    /// `guid`.
    pub guid: Option<Named>,
    /// `description`.
    pub description: Option<String>,
    /// `bind` lines.
    pub binds: Vec<BindDraft>,
    /// `ssl-f-use`, in their order.
    pub crt_uses: Vec<super::CrtLine>,
    /// `acl` lines.
    pub acls: Vec<Sentence>,
    /// Rules of all rulesets in order.
    pub rules: Vec<RuleDraft>,
    /// `force-be-switch` lines.
    pub force_switch: Vec<Sentence>,
    /// `use_backend` lines.
    pub use_backend: Vec<Sentence>,
    /// `use-server` lines.
    pub use_server: Vec<Sentence>,
    /// `force-persist` lines.
    pub force_persist: Vec<Sentence>,
    /// `ignore-persist` lines.
    pub ignore_persist: Vec<Sentence>,
    /// `monitor fail` lines.
    pub monitor_fail: Vec<Sentence>,
    /// `capture request header` and `declare capture request`.
    pub request_captures: Vec<CaptureSpec>,
    /// `capture response header` and `declare capture response`.
    pub response_captures: Vec<CaptureSpec>,
    /// `capture cookie`.
    pub capture_cookie: Option<CookieCapture>,
    /// `server` lines and `server-template` lines expanded.
    pub servers: Vec<ServerDraft>,
    /// Names with which templates were said, for duplicates.
    pub templates: Vec<Template>,
    /// `stick` lines: kind, expression, table and condition.
    pub sticks: Vec<(StickKind, Sentence)>,
    /// `stick-table`.
    pub table: Option<TableDraft>,
    /// `dispatch`.
    pub dispatch: Option<(AddressSpec, Span)>,
    /// Explicitly named by a `from` (defaults only).
    pub is_referenced: bool,
    /// Taken by a proxy without `from` (defaults only).
    pub is_implied: bool,
    /// A later defaults section of the same name exists, or an earlier did: places.
    pub twin: Option<Span>,
}

/// `load-server-state-from-file`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StateSource {
    /// The file of `server-state-file`.
    Global,
    /// The backend's own file.
    Local,
    /// Servers start as their lines say.
    #[default]
    None,
}

/// What a `defaults` section hands down.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// `mode`.
    pub mode: Option<Mode>,
    /// `disabled`.
    pub disabled: bool,
    /// Switches of `option`: on, or off by `no`.
    pub flags: BTreeMap<&'static str, bool>,
    /// `timeout`.
    pub timeouts: Timeouts,
    /// `httpclose`, `http-server-close`, `http-keep-alive`.
    pub connection: ConnectionMode,
    /// `maxconn`.
    pub maxconn: Option<u32>,
    /// `backlog`.
    pub backlog: Option<u32>,
    /// `fullconn`.
    pub fullconn: Option<u32>,
    /// `retries`.
    pub retries: Option<u32>,
    /// `option redispatch`: its interval.
    pub redispatch: Option<i32>,
    /// `retry-on` words.
    pub retry_on: Vec<&'static str>,
    /// `http-reuse`.
    pub reuse: Option<&'static str>,
    /// `balance`.
    pub balance: Option<BalanceDraft>,
    /// `hash-type`, `hash-balance-factor`, `hash-preserve-affinity`.
    pub hash: lbd_backend::HashSpec,
    /// `max-keep-alive-queue`, -1 for no limit.
    pub max_keep_alive_queue: Option<i32>,
    /// `cookie`.
    pub cookie: Option<CookieDraft>,
    /// `dynamic-cookie-key`.
    pub dynamic_key: Option<Vec<u8>>,
    /// `default_backend`.
    pub default_backend: Option<Named>,
    /// `default-server`.
    pub default_server: ServerDraft,
    /// `source`.
    pub source: Option<SourceDraft>,
    /// Counts of client keepalives.
    pub client_keepalive: TcpKeepalive,
    /// Counts of server keepalives.
    pub server_keepalive: TcpKeepalive,
    /// `monitor-uri`.
    pub monitor_uri: Option<Vec<u8>>,
    /// `load-server-state-from-file`.
    pub state_source: StateSource,
    /// `server-state-file-name`; `None` for the backend's name.
    pub state_file: Option<String>,
    /// `max-session-srv-conns`.
    pub max_session_conns: Option<usize>,
    /// `rate-limit sessions`.
    pub rate_limit_sessions: u32,
    /// `http-send-name-header`.
    pub send_name_header: Option<Vec<u8>>,
    /// `option forwardfor`.
    pub forwardfor: Option<ForwardDraft>,
    /// `option originalto`.
    pub originalto: Option<ForwardDraft>,
    /// `option forwarded`.
    pub forwarded: Option<ForwardedDraft>,
    /// `option http-restrict-req-hdr-names`.
    pub restrict_header_names: HeaderNamePolicy,
    /// `log` lines.
    pub logs: Vec<LogPlace>,
    /// Format of log lines and where it was said.
    pub log_format: Option<(LogFormatDraft, Span)>,
    /// `error-log-format`.
    pub error_log_format: Option<Word>,
    /// `log-format-sd`.
    pub log_format_sd: Option<Word>,
    /// `log-tag`.
    pub log_tag: Option<String>,
    /// `unique-id-format`.
    pub unique_id_format: Option<Word>,
    /// `unique-id-header`.
    pub unique_id_header: Option<Vec<u8>>,
    /// `errorfile` and its like, in order.
    pub errors: Vec<ErrorDraft>,
    /// `option …chk`, `http-check`, `tcp-check`.
    pub check: CheckDraft,
    /// The statistics page.
    pub stats: Option<StatsDraft>,
    /// `tcp-request inspect-delay`.
    pub inspect_delay: Option<Duration>,
    /// `tcp-response inspect-delay`.
    pub response_inspect_delay: Option<Duration>,
}

impl Settings {
    /// Whether the switch is on.
    pub fn flag(&self, name: &str) -> bool {
        self.flags.get(name).copied().unwrap_or(false)
    }

    /// Sets a switch as `no` and `default` say.
    pub fn set_flag(&mut self, name: &'static str, modifier: Modifier) {
        match modifier {
            Modifier::Plain => self.flags.insert(name, true),
            Modifier::No => self.flags.insert(name, false),
            Modifier::Default => self.flags.remove(name),
        };
    }
}

impl ProxyDraft {
    /// An empty section.
    pub fn new(section: Section, name: &str, span: Span) -> Self {
        Self {
            section,
            name: name.to_owned(),
            span,
            from: None,
            settings: Settings::default(),
            id: None,
            guid: None,
            description: None,
            binds: Vec::new(),
            crt_uses: Vec::new(),
            acls: Vec::new(),
            rules: Vec::new(),
            force_switch: Vec::new(),
            use_backend: Vec::new(),
            use_server: Vec::new(),
            force_persist: Vec::new(),
            ignore_persist: Vec::new(),
            monitor_fail: Vec::new(),
            request_captures: Vec::new(),
            response_captures: Vec::new(),
            capture_cookie: None,
            servers: Vec::new(),
            templates: Vec::new(),
            sticks: Vec::new(),
            table: None,
            dispatch: None,
            is_referenced: false,
            is_implied: false,
            twin: None,
        }
    }

    /// `mode`, TCP unless said.
    pub fn mode(&self) -> Mode {
        self.settings.mode.unwrap_or(Mode::Tcp)
    }

    /// Whether it accepts connections.
    pub fn is_front(&self) -> bool {
        matches!(self.section, Section::Frontend | Section::Listen)
    }

    /// Whether it has servers.
    pub fn is_back(&self) -> bool {
        matches!(self.section, Section::Backend | Section::Listen)
    }

    /// `frontend`, `backend` or `proxy`: what the reference calls it in messages.
    pub fn kind(&self) -> &'static str {
        match self.section {
            Section::Frontend => "frontend",
            Section::Backend => "backend",
            Section::Listen => "proxy",
            _ => "defaults",
        }
    }

    /// Kind and name, as in `frontend 'web'`.
    pub fn title(&self) -> String {
        format!("{} '{}'", self.kind(), self.name)
    }
}

/// A ruleset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ruleset {
    /// `tcp-request connection`.
    TcpConnection,
    /// `tcp-request session`.
    TcpSession,
    /// `tcp-request content`.
    TcpContent,
    /// `tcp-response content`.
    TcpResponse,
    /// `http-request`.
    HttpRequest,
    /// `redirect`.
    Redirect,
    /// `http-response`.
    HttpResponse,
    /// `http-after-response`.
    HttpAfterResponse,
}

impl Ruleset {
    /// As written.
    pub fn name(self) -> &'static str {
        match self {
            Self::TcpConnection => "tcp-request connection",
            Self::TcpSession => "tcp-request session",
            Self::TcpContent => "tcp-request content",
            Self::TcpResponse => "tcp-response content",
            Self::HttpRequest => "http-request",
            Self::Redirect => "redirect",
            Self::HttpResponse => "http-response",
            Self::HttpAfterResponse => "http-after-response",
        }
    }
}

/// A rule: the words behind the ruleset's name.
#[derive(Debug, Clone)]
pub struct RuleDraft {
    /// Where it belongs.
    pub ruleset: Ruleset,
    /// Action, arguments and condition.
    pub sentence: Sentence,
}

/// `balance` with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BalanceDraft {
    /// Algorithm.
    pub algorithm: lbd_backend::Algorithm,
    /// Expression of `hash`.
    pub expr: Option<Word>,
    /// Where it stands.
    pub span: Span,
}

/// `cookie`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CookieDraft {
    /// Name.
    pub name: Vec<u8>,
    /// `rewrite`.
    pub rewrite: bool,
    /// `insert`.
    pub insert: bool,
    /// `prefix`.
    pub prefix: bool,
    /// `indirect`.
    pub indirect: bool,
    /// `nocache`.
    pub nocache: bool,
    /// `postonly`.
    pub postonly: bool,
    /// `preserve`.
    pub preserve: bool,
    /// `httponly`.
    pub httponly: bool,
    /// `secure`.
    pub secure: bool,
    /// `dynamic`.
    pub dynamic: DynamicCookie,
    /// `domain`, each.
    pub domains: Vec<Vec<u8>>,
    /// `attr`, each.
    pub attrs: Vec<Vec<u8>>,
    /// `maxidle`, seconds.
    pub maxidle: Option<Duration>,
    /// `maxlife`, seconds.
    pub maxlife: Option<Duration>,
}

/// Whether cookie values are made from the servers' addresses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DynamicCookie {
    /// `dynamic`.
    Dynamic,
    /// Values of `server … cookie`.
    #[default]
    Fixed,
}

/// `option forwardfor` and `option originalto`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardDraft {
    /// Header, lower case.
    pub header: Option<Vec<u8>>,
    /// `except`.
    pub except: Option<(std::net::IpAddr, u8)>,
    /// `if-none`.
    pub if_none: bool,
}

/// `option forwarded`; the words of expressions are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForwardedDraft {
    /// `proto`.
    pub proto: bool,
    /// `host`, `host-expr`.
    pub host: Option<Option<Word>>,
    /// `by`, `by-expr`.
    pub by: Option<Option<Word>>,
    /// `by_port`, `by_port-expr`.
    pub by_port: Option<Option<Word>>,
    /// `for`, `for-expr`.
    pub for_: Option<Option<Word>>,
    /// `for_port`, `for_port-expr`.
    pub for_port: Option<Option<Word>>,
}

/// A line about error answers.
#[derive(Debug, Clone)]
pub struct ErrorDraft {
    /// What it says.
    pub reply: ReplyText,
    /// Where it stands.
    pub span: Span,
}

/// What an error line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplyText {
    /// `errorfile <status> <file>`.
    File {
        /// Status.
        status: u16,
        /// Path.
        path: String,
    },
    /// `errorloc302`, `errorloc303`.
    Location {
        /// Status to replace.
        status: u16,
        /// 302 or 303.
        redirect: u16,
        /// URL.
        url: String,
    },
    /// `errorfiles <section> [<status>…]`.
    Section {
        /// Name of the `http-errors` section.
        name: String,
        /// Only these; all when empty.
        statuses: Vec<u16>,
    },
    /// `http-error …`: its words.
    Reply(Sentence),
}

/// `source`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceDraft {
    /// Address.
    pub address: AddressSpec,
    /// `interface`.
    pub interface: Option<String>,
    /// `usesrc`.
    pub usesrc: Option<UseSrcDraft>,
    /// Where it stands.
    pub span: Span,
}

/// `usesrc`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UseSrcDraft {
    /// A fixed address.
    Address(AddressSpec),
    /// `client`.
    Client,
    /// `clientip`.
    ClientIp,
    /// `hdr_ip(<name>[,<occurrence>])`.
    Header(Vec<u8>, i32),
}

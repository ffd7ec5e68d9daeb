//! The finished configuration: what exists here is valid, and nothing is looked up by name again.
//!
//! It holds no state of a running balancer (health, counters, queues): that is `lbd-proxy`'s.

mod backend;
mod frontend;
mod global;
mod listener;
mod log;
mod options;
mod server;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lbd_core::{ProxyId, Span};
use lbd_rules::pattern::PatternStore;
use lbd_rules::program::Program;
use lbd_rules::reply::ReplySpec;
use lbd_rules::var::{OwnedValue, VarId, VarNames};

pub use backend::{
    BackendSpec, CheckRequestSpec, CheckSpec, CheckToken, DispatchSpec, ServerChoice,
    ServerStateSource, SourceSpec, UseServer, UseSrc,
};
pub use frontend::{BackendChoice, CaptureSpec, CookieCapture, FrontendSpec, UseBackend};
pub use global::{
    AccessLevel, Global, SeverityOutput, StatsSocketSpec, Tune, UnixSocketSpec, UserListSpec,
    UserSpec,
};
pub use listener::{BindOptions, BindSpec, ListenAddress, ListenerSpec};
pub use log::{LogAddress, LogLine, LogSample, LogSpec, LogTarget, SyslogFormat};
pub use options::{
    ConnectionMode, ForwardFor, ForwardedNode, ForwardedSpec, HeaderNamePolicy, ProxyOptions,
    TcpKeepalive, Timeouts,
};
pub use server::{
    AgentSpec, ProxyV2Option, SendProxy, ServerAddress, ServerCheckSpec, ServerSpec,
};

/// A whole configuration.
#[derive(Debug)]
pub struct Config {
    /// Process-wide settings.
    pub global: Global,
    /// Frontends, backends and listen sections in the order of the text; `ProxyId` indexes it.
    pub proxies: Vec<ProxySpec>,
    /// Listening sockets of all `bind` lines, in order; `ListenerId` indexes it.
    pub listeners: Vec<ListenerSpec>,
    /// Names of the files that were read; `FileId` indexes it.
    pub files: Vec<String>,
    /// Names of variables.
    pub vars: VarNames,
    /// Pattern lists and maps, which the runtime API changes.
    pub patterns: PatternStore,
    /// User lists for `http_auth` in rules compiled before; kept for the runtime API.
    pub user_lists: Vec<UserListSpec>,
    /// Initial process-wide variables (`set-var`, `set-var-fmt` in `global`).
    pub proc_vars: Vec<(VarId, OwnedValue)>,
}

/// What a section may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Accepts connections (`frontend`, `listen`).
    pub frontend: bool,
    /// Has servers (`backend`, `listen`).
    pub backend: bool,
}

/// `mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// HTTP.
    Http,
    /// TCP.
    Tcp,
}

/// A frontend, backend or listen section with its defaults applied.
#[derive(Debug)]
pub struct ProxySpec {
    /// Index of this proxy.
    pub id: ProxyId,
    /// Name.
    pub name: Box<str>,
    /// Numeric id, given by `id` or counted.
    pub uid: u32,
    /// `guid`.
    pub guid: Option<Box<str>>,
    /// Where the section begins.
    pub span: Span,
    /// Capabilities.
    pub caps: Capabilities,
    /// Mode.
    pub mode: Mode,
    /// `disabled`.
    pub disabled: bool,
    /// `description`.
    pub description: Option<Box<str>>,
    /// Frontend part; also present (with defaults, unused) for a pure backend.
    pub frontend: FrontendSpec,
    /// Backend part; also present (unused) for a pure frontend.
    pub backend: BackendSpec,
    /// Timeouts; `None` is no limit.
    pub timeouts: Timeouts,
    /// Options and settings valid on both sides.
    pub options: ProxyOptions,
    /// Rulesets, those of its `defaults` section first.
    pub rules: Rules,
    /// Logging.
    pub log: LogSpec,
    /// Error answers by status (`errorfile`, `errorloc`, `errorfiles`, `http-error`).
    pub errors: BTreeMap<u16, Arc<ReplySpec>>,
}

/// Compiled rulesets of a proxy.
#[derive(Debug, Default)]
pub struct Rules {
    /// `tcp-request connection`.
    pub tcp_connection: Program,
    /// `tcp-request session`.
    pub tcp_session: Program,
    /// `tcp-request content`.
    pub tcp_content: Program,
    /// `tcp-request inspect-delay`.
    pub inspect_delay: Option<Duration>,
    /// `http-request` (`redirect` lines stand where the text has them).
    pub http_request: Program,
    /// `tcp-response content`.
    pub tcp_response: Program,
    /// `tcp-response inspect-delay`.
    pub response_inspect_delay: Option<Duration>,
    /// `http-response`.
    pub http_response: Program,
    /// `http-after-response`.
    pub http_after_response: Program,
}

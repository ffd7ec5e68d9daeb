//! The finished configuration: what exists here is valid, and nothing is looked up by name again.
//!
//! It holds no state of a running balancer (health, counters, queues): that is `lbd-proxy`'s.

mod backend;
mod frontend;
mod global;
mod listener;
mod log;
mod options;
mod peers;
mod server;
mod ssl;
mod stats;
mod table;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lbd_core::{ProxyId, Span};
use lbd_rules::expr::Expr;
use lbd_rules::logformat::LogFormat;
use lbd_rules::pattern::PatternStore;
use lbd_rules::program::Program;
use lbd_rules::reply::ReplySpec;
use lbd_rules::var::{VarId, VarNames};

pub use backend::{
    BackendSpec, CheckRequestSpec, CheckSpec, CheckToken, DispatchSpec, DynamicCookieSpec,
    ExternalCheck, ServerChoice, SourceSpec, UseServer, UseSrc,
};
pub use frontend::{BackendChoice, CaptureSpec, CookieCapture, FrontendSpec, UseBackend};
pub use global::{
    AccessLevel, Global, H2Load, H2LogErrors, SeverityOutput, SnapshotSpec, StatsSocketSpec,
    TaskProfiling, Tune, TuneH2, TuneH2Side, UnixSocketSpec, UserListSpec, UserSpec,
};
pub use listener::{BindOptions, BindSpec, ListenAddress, ListenerSpec};
pub use log::{LogAddress, LogLine, LogSample, LogSpec, LogTarget, SyslogFormat};
pub use options::{
    ConnectionMode, ForwardFor, ForwardedNode, ForwardedSpec, HeaderNamePolicy, ProxyOptions,
    TcpKeepalive, Timeouts,
};
pub use peers::{PeerSpec, PeersSpec};
pub use server::{
    AgentSpec, ProxyV2Option, SavedServer, SendProxy, ServerAddress, ServerCheckSpec, ServerSpec,
    WebsocketVersion,
};
pub use ssl::{ExtraFiles, ServerSslSpec, SslTune};
pub use stats::{DEFAULT_STATS_REALM, DEFAULT_STATS_URI, StatsSpec};
pub use table::{StickRule, TableSpec};

pub use crate::compile::{Inserted, LaterServer, LaterSpec, Others, TlsSpec};

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
    /// Stick tables; `TableId` indexes it.
    pub tables: Vec<TableSpec>,
    /// `peers` sections that take part.
    pub peers: Vec<PeersSpec>,
    /// User lists for `http_auth` in rules compiled before; kept for the runtime API.
    pub user_lists: Vec<UserListSpec>,
    /// Initial process-wide variables (`set-var`, `set-var-fmt` in `global`).
    pub proc_vars: Vec<(VarId, ProcVar)>,
    /// Certificates and authorities, which the runtime API changes.
    pub tls: TlsSpec,
    /// What servers get that come later.
    pub later: LaterSpec,
}

/// What a process-wide variable is set to at the start.
#[derive(Debug)]
pub enum ProcVar {
    /// `set-var`.
    Expr(Expr),
    /// `set-var-fmt`.
    Format(LogFormat),
}

impl Config {
    /// The network namespaces of `bind` lines.
    pub fn bind_namespaces(&self) -> impl Iterator<Item = &str> {
        let binds = self.proxies.iter().flat_map(|proxy| &proxy.frontend.binds);
        binds.filter_map(|bind| bind.options.namespace.as_deref())
    }

    /// The network namespaces of servers.
    pub fn server_namespaces(&self) -> impl Iterator<Item = &str> {
        let servers = self.proxies.iter().flat_map(|proxy| &proxy.backend.servers);
        servers.filter_map(|server| server.namespace.as_deref())
    }

    /// Whether anything listens; without it the process has nothing to do.
    pub fn has_listener(&self) -> bool {
        !self.global.stats_sockets.is_empty()
            || self.peers.iter().any(|section| !section.disabled)
            || self
                .listeners
                .iter()
                .any(|listener| !self.proxies[listener.proxy.index()].disabled)
    }

    /// The proxy of this name, for the runtime API and tests.
    pub fn proxy(&self, name: &str) -> Option<&ProxySpec> {
        self.proxies.iter().find(|proxy| &*proxy.name == name)
    }

    /// Derives what depends on the process's `maxconn`, which the daemon knows: frontends without
    /// one get it, backends without `fullconn` a tenth of what their frontends may accept.
    pub fn set_process_maxconn(&mut self, maxconn: u32) {
        for proxy in &mut self.proxies {
            if proxy.caps.frontend && proxy.frontend.maxconn == 0 {
                proxy.frontend.maxconn = maxconn;
            }
        }
        let totals: Vec<u64> = (0..self.proxies.len())
            .map(|backend| {
                self.frontends_of(backend)
                    .map(|front| u64::from(front.maxconn))
                    .sum()
            })
            .collect();
        for (proxy, total) in self.proxies.iter_mut().zip(totals) {
            if proxy.backend.roster.fullconn == 0 {
                let tenth = total.div_ceil(10);
                proxy.backend.roster.fullconn = u32::try_from(tenth).unwrap_or(u32::MAX);
            }
        }
    }

    /// The frontends that can lead to a backend by what is known before a request.
    fn frontends_of(&self, backend: usize) -> impl Iterator<Item = &FrontendSpec> {
        let leads = move |choice: &BackendChoice| match choice {
            BackendChoice::Fixed(id) => id.index() == backend,
            // Any backend may be meant.
            BackendChoice::Dynamic(_) => true,
        };
        self.proxies
            .iter()
            .filter(|proxy| proxy.caps.frontend)
            .filter_map(move |proxy| {
                let front = &proxy.frontend;
                let by_default = front
                    .default_backend
                    .is_some_and(|id| id.index() == backend);
                let by_rule = front.use_backend.iter().any(|rule| leads(&rule.target));
                (by_default || by_rule || proxy.id.index() == backend).then_some(front)
            })
    }
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
    /// Whether `id` gave it.
    pub is_uid_given: bool,
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
    /// `guid`: what its counters are called in statistics files.
    pub guid: Option<Box<str>>,
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
    /// The statistics page.
    pub stats: Option<Box<StatsSpec>>,
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

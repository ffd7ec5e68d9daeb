//! The accepting side of a proxy.
//!
//! Its sockets are in [`super::listener`].

use lbd_core::{ProxyId, Span};
use lbd_rules::acl::Cond;
use lbd_rules::logformat::LogFormat;

use super::{BindSpec, TcpKeepalive};

/// Settings of the accepting side.
#[derive(Debug)]
pub struct FrontendSpec {
    /// `bind` lines; `BindId` indexes it.
    pub binds: Vec<BindSpec>,
    /// `maxconn`; 0 for the process's.
    pub maxconn: u32,
    /// `backlog`; `None` for `maxconn`.
    pub backlog: Option<u32>,
    /// `option http-use-proxy-header`.
    pub use_proxy_header: bool,
    /// `max-session-srv-conns`: idle server connections that a session keeps for itself.
    pub max_session_conns: usize,
    /// `rate-limit sessions`, per second; 0 for none.
    pub rate_limit_sessions: u32,
    /// `force-be-switch` conditions: under them backends are chosen that are disabled or unpublished.
    pub force_switch: Vec<Cond>,
    /// `use_backend` lines in order.
    pub use_backend: Vec<UseBackend>,
    /// `default_backend`; a listen section's is itself.
    pub default_backend: Option<ProxyId>,
    /// `monitor-uri`.
    pub monitor_uri: Option<Vec<u8>>,
    /// `monitor fail` conditions.
    pub monitor_fail: Vec<Cond>,
    /// Lengths of request capture slots (`capture request header`, `declare capture`), with the
    /// header to take when there is one.
    pub request_captures: Vec<CaptureSpec>,
    /// Lengths of response capture slots.
    pub response_captures: Vec<CaptureSpec>,
    /// `capture cookie`.
    pub capture_cookie: Option<CookieCapture>,
    /// `unique-id-format`.
    pub unique_id_format: Option<LogFormat>,
    /// `unique-id-header`.
    pub unique_id_header: Option<Vec<u8>>,
    /// `h1-case-adjust-bogus-client`.
    pub h1_case_adjust: bool,
    /// `option accept-unsafe-violations-in-http-request`.
    pub accept_unsafe_request: bool,
    /// `option disable-h2-upgrade`.
    pub disable_h2_upgrade: bool,
    /// `option dontlognull`.
    pub dontlognull: bool,
    /// `option http-ignore-probes`.
    pub ignore_probes: bool,
    /// `option clitcpka` (or `tcpka`), with counts.
    pub keepalive: Option<TcpKeepalive>,
    /// `option tcp-smart-accept`.
    pub smart_accept: bool,
    /// `option socket-stats`: counters for each listening socket.
    pub socket_stats: bool,
    /// `option idle-close-on-response`.
    pub idle_close_on_response: bool,
    /// `option http-drop-response-trailers`.
    pub drop_response_trailers: bool,
}

/// `use_backend`.
#[derive(Debug)]
pub struct UseBackend {
    /// Condition; none means always.
    pub cond: Option<Cond>,
    /// Which backend.
    pub target: BackendChoice,
    /// Where it stands.
    pub span: Span,
}

/// A backend named in the text, or computed.
#[derive(Debug)]
pub enum BackendChoice {
    /// This one.
    Fixed(ProxyId),
    /// The one that has the rendered name, else the default backend.
    Dynamic(LogFormat),
}

/// One declared capture.
#[derive(Debug, Clone)]
pub struct CaptureSpec {
    /// Header to capture; `None` for `declare capture`, filled by actions.
    pub header: Option<Vec<u8>>,
    /// Longest value kept, bytes.
    pub len: usize,
}

/// `capture cookie`.
#[derive(Debug, Clone)]
pub struct CookieCapture {
    /// Cookie name or its beginning.
    pub name: Vec<u8>,
    /// Whether `name` is only the beginning (no `=` given).
    pub is_prefix: bool,
    /// Longest value kept (with the name), bytes.
    pub len: usize,
}

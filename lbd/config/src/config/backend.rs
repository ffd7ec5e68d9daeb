//! The serving side of a proxy.
//!
//! Its servers are in [`super::server`].

use std::net::SocketAddr;
use std::sync::Arc;

use lbd_core::{ServerId, Span};
use lbd_rules::acl::Cond;
use lbd_rules::expr::Expr;
use lbd_rules::logformat::LogFormat;
use lbd_rules::var::Var;

use super::{ServerSpec, StickRule, TcpKeepalive};

/// Settings of the serving side.
#[derive(Debug)]
pub struct BackendSpec {
    /// What the roster needs: algorithm, hash, fullconn and the like.
    pub roster: lbd_backend::BackendSpec,
    /// The expression of `balance hash <expr>` and `balance hdr/url_param` forms given as one.
    pub hash_expr: Option<Expr>,
    /// Servers; `ServerId` indexes it.
    pub servers: Vec<Arc<ServerSpec>>,
    /// `use-server` lines in order.
    pub use_server: Vec<UseServer>,
    /// `stick` lines in order.
    pub stick: Vec<StickRule>,
    /// `cookie`.
    pub cookie: Option<lbd_backend::persist::CookieSpec>,
    /// `cookie … dynamic` and `dynamic-cookie-key`.
    pub dynamic_cookie: DynamicCookieSpec,
    /// `force-persist` conditions.
    pub force_persist: Vec<Cond>,
    /// `ignore-persist` conditions.
    pub ignore_persist: Vec<Cond>,
    /// `retries`.
    pub retries: u32,
    /// `option redispatch <interval>`; `None` when redispatch is off.
    pub redispatch: Option<i32>,
    /// `retry-on`.
    pub retry_on: lbd_backend::retry::RetryOn,
    /// `http-reuse`.
    pub reuse: lbd_backend::reuse::ReuseMode,
    /// `option prefer-last-server`.
    pub prefer_last_server: bool,
    /// `http-send-name-header`.
    pub send_name_header: Option<Vec<u8>>,
    /// `source` of connections to servers.
    pub source: Option<SourceSpec>,
    /// `dispatch` or `option transparent`: where to go without servers.
    pub dispatch: Option<DispatchSpec>,
    /// Health checks of servers that say `check`.
    pub check: CheckSpec,
    /// `option srvtcpka` (or `tcpka`), with counts.
    pub keepalive: Option<TcpKeepalive>,
    /// `option tcp-smart-connect`.
    pub smart_connect: bool,
    /// `option accept-unsafe-violations-in-http-response`.
    pub accept_unsafe_response: bool,
    /// `option h1-case-adjust-bogus-server`.
    pub h1_case_adjust: bool,
    /// `option http-drop-request-trailers`.
    pub drop_request_trailers: bool,
    /// `option checkcache`.
    pub checkcache: bool,
}

/// Values of cookies made from the servers' addresses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DynamicCookieSpec {
    /// `cookie … dynamic`.
    pub is_on: bool,
    /// `dynamic-cookie-key`: without it none are made.
    pub key: Option<Vec<u8>>,
}

/// `use-server`.
#[derive(Debug)]
pub struct UseServer {
    /// Condition; none means always.
    pub cond: Option<Cond>,
    /// Which server.
    pub target: ServerChoice,
    /// Where it stands.
    pub span: Span,
}

/// A server named in the text, or computed.
#[derive(Debug)]
pub enum ServerChoice {
    /// This one.
    Fixed(ServerId),
    /// The one that has the rendered name.
    Dynamic(LogFormat),
}

/// `dispatch` and `option transparent`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DispatchSpec {
    /// This address.
    Address(SocketAddr),
    /// The connection's own destination.
    Transparent,
}

/// `source`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSpec {
    /// Address to bind; its port 0 unless given.
    pub address: Option<SocketAddr>,
    /// Ports to take turns with, first and last.
    pub ports: Option<(u16, u16)>,
    /// `interface`.
    pub interface: Option<Box<str>>,
    /// `usesrc`.
    pub usesrc: Option<UseSrc>,
}

/// `usesrc`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UseSrc {
    /// The client's address and port.
    Client,
    /// The client's address.
    ClientIp,
    /// A fixed foreign address.
    Address(SocketAddr),
    /// From a header: name and occurrence.
    Header(Vec<u8>, i32),
}

/// Health checks of a backend.
#[derive(Debug, Clone)]
pub struct CheckSpec {
    /// Steps and expectations; a plain connection without `option httpchk` and its like.
    pub script: Arc<lbd_backend::check::Script>,
    /// What the script refers to by number; the number indexes it.
    pub tokens: Arc<Vec<CheckToken>>,
    /// `http-check disable-on-404`.
    pub disable_on_404: bool,
    /// `http-check send-state`.
    pub send_state: bool,
    /// `option external-check`: a program takes the place of the script.
    pub external: Option<ExternalCheck>,
}

/// A program that checks servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalCheck {
    /// `external-check command`.
    pub command: Box<str>,
    /// `external-check path`: its `PATH`.
    pub path: Option<Box<str>>,
}

/// What a check script asks its renderer for (`lbd_backend::check::Renderer`).
#[derive(Debug)]
pub enum CheckToken {
    /// `port` as an expression (`connect`), and other single values.
    Expr(Expr),
    /// `send-lf`, `on-success`, `on-error`, `string-lf`; `binary-lf` and `send-binary-lf` too, whose
    /// digits the script reads.
    Format(LogFormat),
    /// The request of `option httpchk` and `http-check send`; `send-state` is added to it.
    Request(Box<CheckRequestSpec>),
    /// `set-var`.
    SetVar {
        /// Which.
        var: Var,
        /// Its value.
        value: Expr,
    },
    /// `set-var-fmt`.
    SetVarFormat {
        /// Which.
        var: Var,
        /// Its value, a string.
        value: LogFormat,
    },
    /// `unset-var`.
    UnsetVar(Var),
}

/// The request of an HTTP check.
#[derive(Debug)]
pub struct CheckRequestSpec {
    /// Method, `OPTIONS` unless given.
    pub method: Vec<u8>,
    /// Target: `uri`, `uri-lf`.
    pub uri: LogFormat,
    /// Version, `HTTP/1.0` unless given.
    pub version: Vec<u8>,
    /// Headers in their order; one that renders to nothing is left out.
    pub headers: Vec<(Vec<u8>, LogFormat)>,
    /// `body`, `body-lf`.
    pub body: Option<LogFormat>,
}

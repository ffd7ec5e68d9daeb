//! Timeouts and the options of both sides of a proxy.
//!
//! It gives no defaults: `None` is what was not said.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use lbd_rules::expr::Expr;

/// `timeout …`; `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// `client`.
    pub client: Option<Duration>,
    /// `client-fin`.
    pub client_fin: Option<Duration>,
    /// `client-hs`.
    pub client_hs: Option<Duration>,
    /// `connect`.
    pub connect: Option<Duration>,
    /// `check`.
    pub check: Option<Duration>,
    /// `http-keep-alive`.
    pub http_keep_alive: Option<Duration>,
    /// `http-request`.
    pub http_request: Option<Duration>,
    /// `queue`.
    pub queue: Option<Duration>,
    /// `server`.
    pub server: Option<Duration>,
    /// `server-fin`.
    pub server_fin: Option<Duration>,
    /// `tarpit`.
    pub tarpit: Option<Duration>,
    /// `tunnel`.
    pub tunnel: Option<Duration>,
}

/// How connections are handled between requests (`option httpclose` and its like).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConnectionMode {
    /// `http-keep-alive`, the default.
    #[default]
    KeepAlive,
    /// `http-server-close`.
    ServerClose,
    /// `httpclose`.
    Close,
}

/// Options of both sides.
#[derive(Debug, Clone)]
pub struct ProxyOptions {
    /// Connection mode.
    pub connection: ConnectionMode,
    /// `option abortonclose`: 3.4 has it on by default for HTTP; `None` is the default.
    pub abortonclose: Option<bool>,
    /// `option forwardfor`.
    pub forwardfor: Option<ForwardFor>,
    /// `option originalto`.
    pub originalto: Option<ForwardFor>,
    /// `option forwarded` (RFC 7239).
    pub forwarded: Option<ForwardedSpec>,
    /// `option http-buffer-request`.
    pub buffer_request: bool,
    /// `option http-no-delay`.
    pub no_delay: bool,
    /// `option http-pretend-keepalive`.
    pub pretend_keepalive: bool,
    /// `option http-restrict-req-hdr-names`.
    pub restrict_header_names: HeaderNamePolicy,
    /// `option nolinger`.
    pub nolinger: bool,
    /// `option independent-streams`.
    pub independent_streams: bool,
    /// `option splice-request` or `splice-auto`: lbd splices by itself where it pays unless
    /// `no option splice-*` forbids it.
    pub splice_request: Option<bool>,
    /// `option splice-response` or `splice-auto`.
    pub splice_response: Option<bool>,
    /// `option contstats`.
    pub contstats: bool,
}

/// `option http-restrict-req-hdr-names`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HeaderNamePolicy {
    /// Names beyond `[a-zA-Z0-9-]` are kept.
    #[default]
    Preserve,
    /// Such headers are removed.
    Delete,
    /// Such requests get 403.
    Reject,
}

/// `option forwardfor` and `originalto`.
#[derive(Debug, Clone)]
pub struct ForwardFor {
    /// Header name, lower case.
    pub header: Vec<u8>,
    /// Sources (destinations) for which nothing is added.
    pub except: Option<(IpAddr, u8)>,
    /// Only when the header is not there yet.
    pub if_none: bool,
}

/// `option forwarded`: which parameters, from what.
#[derive(Debug)]
pub struct ForwardedSpec {
    /// `proto`.
    pub proto: bool,
    /// `host`.
    pub host: Option<ForwardedNode>,
    /// `by` and `by_port`.
    pub by: Option<ForwardedNode>,
    /// `by_port`.
    pub by_port: Option<ForwardedNode>,
    /// `for`.
    pub for_: Option<ForwardedNode>,
    /// `for_port`.
    pub for_port: Option<ForwardedNode>,
}

impl Clone for ForwardedSpec {
    fn clone(&self) -> Self {
        Self {
            proto: self.proto,
            host: self.host.clone(),
            by: self.by.clone(),
            by_port: self.by_port.clone(),
            for_: self.for_.clone(),
            for_port: self.for_port.clone(),
        }
    }
}

/// A value of `option forwarded`.
#[derive(Debug, Clone)]
pub enum ForwardedNode {
    /// The natural one (address, port or host).
    Default,
    /// A sample expression.
    Expr(Arc<Expr>),
}

/// TCP keepalive of one side; `None` fields leave the system's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TcpKeepalive {
    /// Probes.
    pub count: Option<u32>,
    /// Idle time before the first.
    pub idle: Option<Duration>,
    /// Time between probes.
    pub interval: Option<Duration>,
}

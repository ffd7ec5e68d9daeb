//! A `server` line with all that `default-server` gave it.
//!
//! Its state while running is the proxy's.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lbd_core::{ProxyId, ServerId, Span};
use lbd_rules::expr::Expr;
use lbd_rules::logformat::LogFormat;

use super::{CheckSpec, SourceSpec};

/// A `server` line with `default-server` applied.
#[derive(Debug, Clone)]
pub struct ServerSpec {
    /// Index in its backend.
    pub id: ServerId,
    /// What the roster needs: name, numeric id, weight, limits, hash key, address.
    pub roster: lbd_backend::ServerSpec,
    /// Where it stands.
    pub span: Span,
    /// Address.
    pub address: ServerAddress,
    /// Host name as written when it is one, for `set server … fqdn` and `show servers state`.
    pub fqdn: Option<Box<str>>,
    /// Address text as written.
    pub text: Box<str>,
    /// `cookie` value.
    pub cookie: Option<Vec<u8>>,
    /// `disabled`: starts in maintenance.
    pub disabled: bool,
    /// Whether `id` gave its numeric id.
    pub is_uid_given: bool,
    /// `redir` prefix.
    pub redir: Option<Vec<u8>>,
    /// `non-stick`.
    pub non_stick: bool,
    /// `send-proxy` variants.
    pub send_proxy: Option<SendProxy>,
    /// `source`.
    pub source: Option<SourceSpec>,
    /// `tcp-ut`.
    pub user_timeout: Option<Duration>,
    /// `cc`.
    pub congestion: Option<Box<str>>,
    /// `tfo`.
    pub fast_open: bool,
    /// `socks4` proxy.
    pub socks4: Option<SocketAddr>,
    /// `namespace`: the network namespace of connections to it.
    pub namespace: Option<Box<str>>,
    /// `tcp-md5sig`.
    pub md5_key: Option<Box<[u8]>>,
    /// `strict-maxconn`: no more connections than `maxconn`, idle ones included.
    pub strict_maxconn: bool,
    /// `pool-conn-name`.
    pub pool_conn_name: Option<Arc<Expr>>,
    /// `pool-max-conn`, -1 for no limit.
    pub pool_max_conn: i32,
    /// `pool-low-conn`: idle connections that each worker keeps beyond its need.
    pub pool_low_conn: u32,
    /// `pool-purge-delay`.
    pub pool_purge_delay: Duration,
    /// `idle-ping`: time between pings on idle connections; 0 as none.
    pub idle_ping: Option<Duration>,
    /// `max-reuse`, -1 for no limit.
    pub max_reuse: i32,
    /// `proto`.
    pub proto: Option<Box<str>>,
    /// `ws`; `None` for `auto`.
    pub websocket: Option<WebsocketVersion>,
    /// TLS, of traffic or of checks only.
    pub ssl: Option<Arc<super::ServerSslSpec>>,
    /// Health check of this server; `None` without `check` (or with `no-check`).
    pub check: Option<ServerCheckSpec>,
    /// `agent-check`.
    pub agent: Option<AgentSpec>,
    /// `track`.
    pub track: Option<(ProxyId, ServerId)>,
    /// Rise, fall, observe, on-error, on-marked-*, init-state and the like.
    pub health: lbd_backend::health::HealthSpec,
    /// What a server state file says of it.
    pub saved: Option<Arc<SavedServer>>,
    /// `init-addr` methods were applied already; whether the name was left unresolved.
    pub unresolved: bool,
}

/// What a server state file says of a server, its own address apart.
#[derive(Debug, Clone)]
pub struct SavedServer {
    /// State, administration, weight, checks.
    pub health: lbd_backend::health::Saved,
    /// `srv_check_addr`.
    pub check_address: Option<IpAddr>,
    /// `srv_check_port`.
    pub check_port: Option<u16>,
    /// `srv_agent_addr`.
    pub agent_address: Option<IpAddr>,
    /// `srv_agent_port`.
    pub agent_port: Option<u16>,
}

/// The version of HTTP that a WebSocket goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebsocketVersion {
    /// HTTP/1.1.
    H1,
    /// HTTP/2, by extended CONNECT (RFC 8441).
    H2,
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerAddress {
    /// IP and port.
    Inet(SocketAddr),
    /// IP of the server, port of the client's destination plus an offset (`+n`, `-n`, or none).
    MappedPort(IpAddr, i32),
    /// Unix socket.
    Unix(PathBuf),
    /// Abstract unix socket.
    Abstract {
        /// Name without the leading zero byte.
        name: Vec<u8>,
        /// Whether the whole `sun_path` is the name.
        is_padded: bool,
    },
    /// A socket pair over which a connection is passed.
    SockPair(i32),
    /// No address (`init-addr none`, or 0.0.0.0: the client's destination address).
    Transparent {
        /// Port to use instead of the client's destination port; 0 for that one.
        port: u16,
    },
    /// Not resolved; the server is down until an address is set.
    None,
}

/// `send-proxy`, `send-proxy-v2` and their options.
#[derive(Debug, Clone)]
pub struct SendProxy {
    /// Version, 1 or 2.
    pub version: u8,
    /// `proxy-v2-options`: `crc32c`, `unique-id`, `authority`, `ssl`, `cert-cn` … as given.
    pub options: Vec<ProxyV2Option>,
    /// `set-proxy-v2-tlv-fmt`: type and value.
    pub tlvs: Vec<(u8, Arc<LogFormat>)>,
}

/// A word of `proxy-v2-options`, or of `send-proxy-v2-ssl` and `send-proxy-v2-ssl-cn`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyV2Option {
    /// Authority (SNI).
    Authority,
    /// Common name of the client's certificate; with the facts of TLS.
    CertCn,
    /// Key of our certificate; with the facts of TLS.
    CertKey,
    /// Signature of our certificate; with the facts of TLS.
    CertSig,
    /// Checksum.
    Crc32c,
    /// Facts of the client's TLS.
    Ssl,
    /// Cipher suite; with the facts of TLS.
    SslCipher,
    /// Unique id.
    UniqueId,
}

impl ProxyV2Option {
    /// Whether it tells of the client's TLS.
    pub fn is_of_tls(self) -> bool {
        match self {
            Self::CertCn | Self::CertKey | Self::CertSig | Self::Ssl | Self::SslCipher => true,
            Self::Authority | Self::Crc32c | Self::UniqueId => false,
        }
    }
}

impl ServerSpec {
    /// What its health check sends and expects: its own, else that of its backend.
    pub fn check_of<'a>(&'a self, backend: &'a CheckSpec) -> &'a CheckSpec {
        let own = self.check.as_ref().and_then(|check| check.own.as_deref());
        own.unwrap_or(backend)
    }
}

/// Schedule and place of a server's health check.
#[derive(Debug, Clone)]
pub struct ServerCheckSpec {
    /// `addr`; the server's unless given.
    pub address: Option<IpAddr>,
    /// A unix socket to check instead (`addr /path`).
    pub unix: Option<PathBuf>,
    /// `port`; the server's unless given.
    pub port: Option<u16>,
    /// `check-send-proxy`.
    pub send_proxy: bool,
    /// `check-via-socks4`.
    pub via_socks4: bool,
    /// `check-proto`.
    pub proto: Option<lbd_backend::check::Proto>,
    /// The name asked for is the host of the check's request (`check-sni-auto`).
    pub sni_auto: bool,
    /// The check of a `healthcheck` section, in place of the backend's.
    pub own: Option<Arc<CheckSpec>>,
}

/// `agent-check`.
#[derive(Debug, Clone)]
pub struct AgentSpec {
    /// `agent-addr`.
    pub address: Option<IpAddr>,
    /// `agent-port`.
    pub port: u16,
    /// `agent-inter`.
    pub inter: Duration,
    /// `agent-send`.
    pub send: Vec<u8>,
}

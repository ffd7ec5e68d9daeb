//! What `bind` lines say: sockets and the first bytes.
//!
//! It binds nothing.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lbd_core::{BindId, ListenerId, ProxyId, Span};

use lbd_tls::BindTls;

use super::UnixSocketSpec;

/// A `bind` line.
#[derive(Debug, Clone)]
pub struct BindSpec {
    /// Index in its frontend.
    pub id: BindId,
    /// `name`.
    pub name: Option<Box<str>>,
    /// Address text as written, for logs and messages.
    pub text: Box<str>,
    /// Where it stands.
    pub span: Span,
    /// Its sockets.
    pub listeners: Vec<ListenerId>,
    /// Options.
    pub options: BindOptions,
    /// Certificates with `ssl`.
    pub tls: Option<Arc<BindTls>>,
}

/// Options of a `bind` line that concern sockets and the first bytes.
#[derive(Debug, Clone, Default)]
pub struct BindOptions {
    /// `accept-proxy`.
    pub accept_proxy: bool,
    /// `accept-netscaler-cip` magic.
    pub netscaler_cip: Option<u32>,
    /// `backlog`.
    pub backlog: Option<u32>,
    /// `defer-accept`.
    pub defer_accept: bool,
    /// `guid-prefix`: of what the line's sockets are called in statistics files.
    pub guid_prefix: Option<Box<str>>,
    /// `id`: numeric id of the first socket.
    pub id: Option<u32>,
    /// `idle-ping`: time between pings of idle clients; 0 as none.
    pub idle_ping: Option<Duration>,
    /// `interface`.
    pub interface: Option<Box<str>>,
    /// `maxconn`; 0 for the frontend's.
    pub maxconn: u32,
    /// `mss`, negative to lower the default.
    pub mss: Option<i32>,
    /// `namespace`: the network namespace of the socket.
    pub namespace: Option<Box<str>>,
    /// `tcp-md5sig`.
    pub md5_key: Option<Box<[u8]>>,
    /// `proto`: forced protocol on the clear side (`h1`, `h2`).
    pub proto: Option<Box<str>>,
    /// `shards`: sockets for each address; `None` for one per worker.
    pub shards: Option<u16>,
    /// `tcp-ut`.
    pub user_timeout: Option<Duration>,
    /// `cc`.
    pub congestion: Option<Box<str>>,
    /// `tfo`.
    pub fast_open: bool,
    /// `thread`: workers that accept; empty for all.
    pub threads: Vec<u16>,
    /// `transparent`.
    pub transparent: bool,
    /// `v4v6`.
    pub v4v6: bool,
    /// `v6only`.
    pub v6only: bool,
    /// `user/uid group/gid mode` of a unix socket.
    pub unix: UnixSocketSpec,
}

/// One listening socket.
#[derive(Debug, Clone)]
pub struct ListenerSpec {
    /// Index.
    pub id: ListenerId,
    /// Numeric id (`so_id`).
    pub uid: u32,
    /// Its frontend.
    pub proxy: ProxyId,
    /// Its `bind` line.
    pub bind: BindId,
    /// Where it listens.
    pub address: ListenAddress,
}

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddress {
    /// TCP.
    Tcp(SocketAddr),
    /// A unix socket's path, prefix applied.
    Unix(PathBuf),
    /// An abstract unix socket; `is_padded` fills the name with zeros as `abns@` does, `abnsz@`
    /// does not.
    Abstract {
        /// Name without the leading zero byte.
        name: Vec<u8>,
        /// Whether the whole `sun_path` is the name.
        is_padded: bool,
    },
    /// An inherited listening socket.
    Fd(i32),
    /// One end of an inherited socket pair, over which connections are passed.
    SockPair(i32),
}

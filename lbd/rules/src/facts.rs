//! What rules and log lines may know about a session and a stream.
//!
//! The proxy writes these fields as things happen; rules read them, and actions set the few that
//! are theirs. It holds no behaviour.

mod tls;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::hints::EarlyHints;
use lbd_core::{BindId, ListenerId, ProxyId, ServerId, Time, WallTime};

use crate::track::{Counters, SessionCounters};
pub use tls::{Early, OneCertificate, TlsFacts, WireFacts};

/// One end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Endpoint {
    /// Not known (yet).
    #[default]
    Unknown,
    /// An IP address and a port.
    Inet(SocketAddr),
    /// A unix socket; carries the listener's port for logs, which is its numeric id.
    Unix,
}

impl Endpoint {
    /// The IP address, when there is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Inet(address) => Some(address.ip()),
            Self::Unknown | Self::Unix => None,
        }
    }

    /// The port, when there is one.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Inet(address) => Some(address.port()),
            Self::Unknown | Self::Unix => None,
        }
    }
}

/// Why a connection failed, numbered and named as the reference's `fc_err`/`bc_err`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnError {
    /// Number (`fc_err`).
    pub code: u16,
    /// Short name (`fc_err_name`).
    pub name: &'static str,
    /// Sentence (`fc_err_str`).
    pub text: &'static str,
    /// Of a TLS connection: OpenSSL's words for the fault, `error:NUMBER:LIBRARY::REASON`; empty
    /// when the library had none (`ssl_fc_err_str`).
    pub library: Option<&'static str>,
}

impl ConnError {
    /// OpenSSL's number of the fault (`ssl_fc_err`), 0 without one; `None` of a connection in
    /// clear.
    pub fn library_code(&self) -> Option<u32> {
        let number = self.library?.split(':').nth(1);
        Some(number.map_or(0, |hex| u32::from_str_radix(hex, 16).unwrap_or(0)))
    }
}

/// What a received PROXY header says beyond addresses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProxyHeader {
    /// Type-length-value records as received (version 2), without the signature and addresses.
    pub tlvs: Box<[u8]>,
}

impl ProxyHeader {
    /// The value of the first record of this type; a truncated record ends the list.
    pub fn tlv(&self, kind: u8) -> Option<&[u8]> {
        let mut rest = &*self.tlvs;
        while let [this, high, low, after @ ..] = rest {
            let len = usize::from(u16::from_be_bytes([*high, *low]));
            let value = after.get(..len)?;
            if *this == kind {
                return Some(value);
            }
            rest = &after[len..];
        }
        None
    }
}

/// A client connection's context, shared by its streams.
#[derive(Debug, Clone)]
pub struct SessionFacts {
    /// Unique in the process; the worker's number in the top bits.
    pub id: u64,
    /// The frontend that accepted it.
    pub frontend: ProxyId,
    /// The `bind` line.
    pub bind: BindId,
    /// The listening socket.
    pub listener: ListenerId,
    /// When it was accepted, on the wall clock.
    pub accepted_wall: WallTime,
    /// When it was accepted.
    pub accepted: Time,
    /// Source of the connection itself, unless `set-src` in `tcp-request connection` changed it
    /// (`fc_src`).
    pub conn_src: Endpoint,
    /// Destination likewise (`fc_dst`).
    pub conn_dst: Endpoint,
    /// Source of the session when a PROXY header or a `tcp-request session` rule said it (`src`).
    pub src: Option<Box<Endpoint>>,
    /// Destination of the session likewise (`dst`).
    pub dst: Option<Box<Endpoint>>,
    /// Received PROXY header, with its TLVs.
    pub proxy_header: Option<Box<ProxyHeader>>,
    /// The TLS session, once there is one.
    pub tls: Option<std::rc::Rc<TlsFacts>>,
    /// Time spent in handshakes (PROXY header, TLS): `%Th`.
    pub handshake: Duration,
    /// Streams started so far.
    pub streams: u32,
    /// Odd things the peer did.
    pub glitches: u32,
    /// Why the connection failed, if it did.
    pub error: Option<Box<ConnError>>,
    /// Major HTTP version on the client side: 1 or 2; 0 before it is known.
    pub http_major: u8,
    /// Overridden client timeout (`set-timeout client`).
    pub client_timeout: Option<Duration>,
    /// The header that the connection must begin with, asked for by `tcp-request connection
    /// expect-proxy` or `expect-netscaler-cip`; the proxy reads it after that ruleset.
    pub expected_header: Option<ExpectedHeader>,
    /// Entries that `tcp-request connection` and `session` rules track.
    pub counters: SessionCounters,
    /// Raw descriptor of the client's socket for `fc_rtt` and the like; -1 when there is none.
    pub fd: i32,
}

impl SessionFacts {
    /// Source as rules of the session see it.
    pub fn src(&self) -> Endpoint {
        self.src.as_deref().copied().unwrap_or(self.conn_src)
    }

    /// Destination likewise.
    pub fn dst(&self) -> Endpoint {
        self.dst.as_deref().copied().unwrap_or(self.conn_dst)
    }
}

/// A header before the first byte of a connection, by which another proxy tells addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedHeader {
    /// NetScaler's client IP insertion.
    NetscalerCip,
    /// PROXY protocol, version 1 or 2.
    Proxy,
}

/// What stands where a server would in logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Target {
    /// No server was chosen: `<NOSRV>`.
    #[default]
    None,
    /// A server of the stream's backend.
    Server(ServerId),
    /// An internal service by its log name, such as `<STATS>`.
    Service(&'static str),
}

/// Moments of a stream, from which `%TR %Tw %Tc %Tr %Ta %Tt …` are computed (manual 8.4).
#[derive(Debug, Clone, Copy, Default)]
pub struct Timers {
    /// Start of the stream: accept for the first, end of the previous response for later ones.
    pub start: Time,
    /// The same on the wall clock: `%t`.
    pub start_wall: WallTime,
    /// First byte of the request (`%tr`); the idle time `%Ti` lies before it.
    pub request_start: Option<Time>,
    /// The same on the wall clock.
    pub request_start_wall: Option<WallTime>,
    /// Full request head received: `%TR` ends here.
    pub request_received: Option<Time>,
    /// Left the queue: `%Tw` ends here.
    pub dequeued: Option<Time>,
    /// Connection to the server established: `%Tc` ends here.
    pub connected: Option<Time>,
    /// Full response head received: `%Tr` ends here.
    pub response_received: Option<Time>,
    /// End of the stream.
    pub end: Option<Time>,
}

/// How and when a stream ended, and what became of its cookie: the letters of manual 8.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TermLetters {
    /// First event: `C S P L R I D U K c s -`.
    pub cause: u8,
    /// State then: `R Q C H D L T -`.
    pub phase: u8,
    /// Cookie from the client: `N I D V E O U -`.
    pub cookie_request: u8,
    /// Cookie done to the response: `N I U P R D -`.
    pub cookie_response: u8,
}

impl Default for TermLetters {
    fn default() -> Self {
        Self {
            cause: b'-',
            phase: b'-',
            cookie_request: b'-',
            cookie_response: b'-',
        }
    }
}

/// Connection counts as they stood when the log line was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LoadFacts {
    /// Of the process: `%ac`.
    pub process: u32,
    /// Of the frontend: `%fc`.
    pub frontend: u32,
    /// Of the backend: `%bc`.
    pub backend: u32,
    /// Of the server: `%sc`.
    pub server: u32,
}

/// Bytes of a stream, in the form of `lbd_http::count` where they are HTTP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bytes {
    /// Received from the client: `%U`.
    pub request_in: u64,
    /// Sent to servers.
    pub request_out: u64,
    /// Received from servers: `%B`.
    pub response_in: u64,
    /// Sent to the client, lbd's own answers included.
    pub response_out: u64,
}

/// One request and its response.
#[derive(Debug, Default)]
pub struct StreamFacts {
    /// Number of the stream within its session, from 0 (`%rt` counts requests of the process).
    pub id: u64,
    /// Request counter of the process when the stream began: `%rt`.
    pub request_number: u64,
    /// Log lines of the frontend so far: `%lc`.
    pub log_number: u64,
    /// The backend that was chosen.
    pub backend: Option<ProxyId>,
    /// The server or service that answers.
    pub target: Target,
    /// Moments.
    pub timers: Timers,
    /// Ending letters.
    pub term: TermLetters,
    /// What came on a stream of HTTP/2 was no request, and nothing of it was looked at.
    pub is_no_request: bool,
    /// Status sent to the client; 0 before any.
    pub status: u16,
    /// Status received from the server; 0 before any (`server_status`).
    pub server_status: u16,
    /// Bytes moved.
    pub bytes: Bytes,
    /// Connection retries: `%rc`.
    pub retries: u32,
    /// Whether the last retry went to another server (`+` before `%rc`).
    pub redispatched: bool,
    /// Requests before this one in the server's queue: `%sq`.
    pub server_queue: u32,
    /// Requests before this one in the backend's queue: `%bq`.
    pub backend_queue: u32,
    /// Counts for the log line.
    pub load: LoadFacts,
    /// Whether the log line is written before the end (`option logasap`): `+` before sizes.
    pub logged_early: bool,
    /// The request is one to a proxy and `option http-use-proxy-header` is set: credentials are the
    /// proxy's.
    pub is_proxied: bool,
    /// Request line for the log: method, target and version as received, bounded by
    /// `tune.http.logurilen`; empty before a request was understood.
    pub request_line: Vec<u8>,
    /// Length of the method within `request_line`.
    pub method_len: u16,
    /// Length of the target within `request_line`, after the method and one space.
    pub target_len: u32,
    /// Captured request headers, by declared slot.
    pub request_captures: Vec<Option<Box<[u8]>>>,
    /// Captured response headers, by declared slot.
    pub response_captures: Vec<Option<Box<[u8]>>>,
    /// Captured request cookie: `%CC`.
    pub request_cookie: Option<Box<[u8]>>,
    /// Captured response cookie: `%CS`.
    pub response_cookie: Option<Box<[u8]>>,
    /// 103 responses that `early-hint` rules have made; the proxy sends them when the ruleset ends
    /// or waits, and takes them out.
    pub early_hints: Option<Box<EarlyHints>>,
    /// Unique id, once made: `%ID`.
    pub unique_id: Option<Box<[u8]>>,
    /// Source seen by rules when an action at stream level changed it.
    pub src: Option<Endpoint>,
    /// Destination likewise; for a backend without a server address this is where to connect.
    pub dst: Option<Endpoint>,
    /// Descriptor of the connection to the server while the stream has it, for the kernel's
    /// facts (`bc_rtt`).
    pub server_fd: Option<i32>,
    /// Own address of the connection to the server (`bc_src`).
    pub server_src: Endpoint,
    /// Address of the connection to the server (`bc_dst`).
    pub server_dst: Endpoint,
    /// Whether the connection to the server was reused (`bc_reused`).
    pub server_reused: bool,
    /// The TLS session with the server.
    pub server_tls: Option<std::rc::Rc<TlsFacts>>,
    /// Why the connection to the server failed.
    pub server_error: Option<ConnError>,
    /// Odd things that the server did on its connection so far (`bc_glitches`).
    pub server_glitches: u32,
    /// Major HTTP version on the server side.
    pub server_http_major: u8,
    /// Entries that rules on content track.
    pub counters: Counters,
    /// What actions asked for.
    pub asked: Asked,
    /// The rule that decided last (`last_rule_file`, `last_rule_line`).
    pub last_rule: Option<RulePlace>,
    /// Whether waiting for the body ended by itself (`waiting_entity` facts).
    pub waiting: Option<RulePlace>,
}

/// File and line of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RulePlace {
    /// Number of the file in `Config::files`.
    pub file: u32,
    /// Line.
    pub line: u32,
}

/// Settings of a stream that actions may override.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// `set-log-level`: `None` keeps the configured one, `Some(None)` is `silent`.
    pub log_level: Option<Option<u8>>,
    /// `set-nice`, -1024 to 1024.
    pub nice: Option<i32>,
    /// `set-fc-mark` / `set-mark`.
    pub client_mark: Option<u32>,
    /// `set-fc-tos` / `set-tos`.
    pub client_tos: Option<u8>,
    /// `set-bc-mark`.
    pub server_mark: Option<u32>,
    /// `set-bc-tos`.
    pub server_tos: Option<u8>,
    /// `set-priority-class`, -2047 to 2047.
    pub priority_class: i32,
    /// `set-priority-offset`, -524287 to 524287 milliseconds.
    pub priority_offset: i32,
    /// `set-retries`.
    pub retries: Option<u32>,
    /// `set-timeout server`.
    pub server_timeout: Option<Duration>,
    /// `set-timeout tunnel`.
    pub tunnel_timeout: Option<Duration>,
    /// `set-timeout connect`.
    pub connect_timeout: Option<Duration>,
    /// `set-timeout queue`.
    pub queue_timeout: Option<Duration>,
    /// `set-timeout tarpit`.
    pub tarpit_timeout: Option<Duration>,
    /// `disable-l7-retry`.
    pub no_l7_retry: bool,
    /// When the `pause` that is going on ends.
    pub pause_until: Option<Time>,
    /// `strict-mode off` for the rest of the ruleset.
    pub lenient: bool,
    /// Result of a failed rewrite to count.
    pub failed_rewrites: u32,
}

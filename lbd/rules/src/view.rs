//! What an expression may look at while it is evaluated.
//!
//! A view is shared borrows only; changing something is the work of [`crate::program::Ctx`].

use std::sync::Arc;

use bumpalo::Bump;
use lbd_core::{BindId, ListenerId, ProxyId, ServerId, TableId, Time, Value, WallTime};
use lbd_http::Head;

use crate::facts::{Endpoint, SessionFacts, StreamFacts};
use crate::pattern::PatternSet;
use crate::reply::ReplySpec;
use crate::track::TableHandle;
use crate::var::{OwnedValue, VarId, Vars};

/// Bytes that were received but not forwarded yet.
#[derive(Debug, Clone, Copy, Default)]
pub struct Buffered<'a> {
    /// The bytes: for HTTP the decoded body, otherwise the raw stream.
    pub data: &'a [u8],
    /// Whether no more will come (end of message or of stream).
    pub complete: bool,
    /// Whether the buffer is full, so that waiting for more is useless.
    pub full: bool,
    /// Length of the whole body when the message tells it (`req.body_size`).
    pub announced: Option<u64>,
    /// In TCP mode: what is there may still become the head of an HTTP message.
    pub awaits_head: bool,
}

/// What an expression sees. `Copy`: pass it by value or reference alike.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// Where converters and fetches allocate; reset by the proxy between streams.
    pub arena: &'a Bump,
    /// Monotonic time of this evaluation.
    pub now: Time,
    /// Wall clock of this evaluation.
    pub wall: WallTime,
    /// The session; `None` in the configuration parser, the runtime API and health checks.
    pub session: Option<&'a SessionFacts>,
    /// The stream; `None` before there is one.
    pub stream: Option<&'a StreamFacts>,
    /// Request head.
    pub request: Option<&'a Head>,
    /// Response head.
    pub response: Option<&'a Head>,
    /// Request body, or what the client sent in TCP mode.
    pub request_body: Buffered<'a>,
    /// Response body, or what the server sent in TCP mode or to a check.
    pub response_body: Buffered<'a>,
    /// Variables.
    pub vars: Vars<'a>,
    /// The rest of the process.
    pub world: &'a dyn World,
    /// The proxy whose rules are evaluated (frontend, later backend).
    pub proxy: Option<ProxyId>,
    /// Whether the input is final: a fetch that would answer "not yet" must decide now.
    pub is_final: bool,
}

impl std::fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View")
            .field("now", &self.now)
            .field("proxy", &self.proxy)
            .finish_non_exhaustive()
    }
}

impl<'a> View<'a> {
    /// Source address as rules see it: stream override, then session.
    pub fn src(&self) -> Endpoint {
        let stream = self.stream.and_then(|stream| stream.src);
        stream
            .or_else(|| self.session.map(SessionFacts::src))
            .unwrap_or_default()
    }

    /// Destination address likewise.
    pub fn dst(&self) -> Endpoint {
        let stream = self.stream.and_then(|stream| stream.dst);
        stream
            .or_else(|| self.session.map(SessionFacts::dst))
            .unwrap_or_default()
    }

    /// Copies bytes to the arena.
    pub fn keep(&self, bytes: &[u8]) -> &'a [u8] {
        self.arena.alloc_slice_copy(bytes)
    }
}

/// Numbers of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProcessFact {
    /// Current connections (`act_conn`).
    Connections,
    /// Connections of the last second.
    ConnectionRate,
    /// Worker threads.
    Threads,
    /// Number of the evaluating worker, from 0 (`thread`).
    Thread,
    /// Process id.
    Pid,
    /// Whether the process is stopping (`stopping`).
    Stopping,
    /// Seconds since the start.
    Uptime,
    /// A 64-bit random number.
    Random,
    /// Total requests so far (`%rt`).
    Requests,
}

/// Numbers of a proxy, as frontend or as backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProxyFact {
    /// Numeric id (`fe_id`, `be_id`).
    Uid,
    /// Current sessions as frontend (`fe_conn`).
    FrontendConnections,
    /// Sessions per second as frontend (`fe_sess_rate`).
    FrontendSessionRate,
    /// Requests per second as frontend (`fe_req_rate`).
    FrontendRequestRate,
    /// Current sessions as backend (`be_conn`).
    BackendConnections,
    /// Free connection slots (`be_conn_free`), negative when unlimited.
    BackendFree,
    /// Sessions per second as backend (`be_sess_rate`).
    BackendSessionRate,
    /// Usable servers (`nbsrv`).
    UsableServers,
    /// All queued requests, servers' included (`queue`).
    Queue,
    /// Queued per usable server (`avg_queue`).
    AverageQueue,
    /// Free slots of connections and queues (`connslots`).
    ConnectionSlots,
    /// Client timeout in ms (`fe_client_timeout`).
    ClientTimeout,
    /// Server timeout in ms (`be_server_timeout`).
    ServerTimeout,
    /// Tunnel timeout in ms (`be_tunnel_timeout`).
    TunnelTimeout,
    /// Connect timeout in ms.
    ConnectTimeout,
    /// Queue timeout in ms.
    QueueTimeout,
    /// Tarpit timeout in ms.
    TarpitTimeout,
    /// Connections of the listener given by id (`dst_conn`, `so_id`): see `World::listener`.
    Listeners,
}

/// Numbers of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ServerFact {
    /// Numeric id (`srv_id`).
    Uid,
    /// Current connections (`srv_conn`).
    Connections,
    /// Free connection slots (`srv_conn_free`), negative when unlimited.
    Free,
    /// 1 when up (`srv_is_up`).
    IsUp,
    /// Queued requests (`srv_queue`).
    Queue,
    /// Sessions per second (`srv_sess_rate`).
    SessionRate,
    /// Effective weight (`srv_weight`).
    Weight,
    /// Initial weight (`srv_iweight`).
    InitialWeight,
    /// User weight (`srv_uweight`).
    UserWeight,
}

/// The rest of the process as rules see it. Implemented by the proxy; tests use a small one.
pub trait World {
    /// Name of a file of the configuration by its number, for `last_rule_file`.
    fn file_name(&self, _file: u32) -> Option<&str> {
        None
    }
    /// A number of the process.
    fn process(&self, fact: ProcessFact) -> i64;
    /// A number of a proxy.
    fn proxy(&self, proxy: ProxyId, fact: ProxyFact) -> i64;
    /// A number of a server.
    fn server(&self, backend: ProxyId, server: ServerId, fact: ServerFact) -> i64;
    /// Name of a proxy.
    fn proxy_name(&self, proxy: ProxyId) -> &str;
    /// The backend that a frontend names for what no rule sends elsewhere (`fe_defbe`).
    fn default_backend(&self, proxy: ProxyId) -> Option<ProxyId>;
    /// The frontend of a name that is known at run time only.
    fn frontend_named(&self, _name: &[u8]) -> Option<ProxyId> {
        None
    }
    /// The backend of a name that is known at run time only.
    fn backend_named(&self, _name: &[u8]) -> Option<ProxyId> {
        None
    }
    /// The server of a name that is known at run time only.
    fn server_named(&self, _backend: ProxyId, _name: &[u8]) -> Option<ServerId> {
        None
    }
    /// Name of a server.
    fn server_name(&self, backend: ProxyId, server: ServerId) -> &str;
    /// Name of a `bind` line, when it has one.
    fn bind_name(&self, proxy: ProxyId, bind: BindId) -> Option<&str>;
    /// Numeric id of a listening socket (`so_id`).
    fn listener_uid(&self, listener: ListenerId) -> i64;
    /// Current connections of a listening socket (`dst_conn`).
    fn listener_connections(&self, listener: ListenerId) -> i64;
    /// Name of this node (`hostname`).
    fn hostname(&self) -> &str;
    /// Whether `address` is one of this machine's (`dst_is_local`).
    fn is_local(&self, address: std::net::IpAddr) -> bool;
    /// A process-wide variable, copied to `arena`.
    fn proc_var<'a>(&self, id: VarId, arena: &'a Bump) -> Option<Value<'a>>;
    /// Sets (or with `None` unsets) a process-wide variable.
    fn set_proc_var(&self, id: VarId, value: Option<OwnedValue>) -> bool;
    /// Limits in bytes of variable scopes: (`sess`, `txn`, `reqres`), 0 for none.
    fn var_limits(&self) -> [usize; 3];
    /// A number from the kernel about a socket: `fc_rtt`, `fc_retrans` and the like, by field
    /// name; `None` where the kernel does not say.
    fn tcp_info(&self, fd: i32, field: &str) -> Option<i64>;
    /// Seconds that the local time is east of GMT at this moment (log dates).
    fn utc_offset(&self, _at: WallTime) -> i32 {
        0
    }
    /// Whether a `bind` line speaks TLS (`%ft`).
    fn bind_is_tls(&self, _proxy: ProxyId, _bind: BindId) -> bool {
        false
    }
    /// The answer that a proxy's configuration gives to this status (`errorfile` and its kin).
    fn error_reply(&self, _proxy: ProxyId, _status: u16) -> Option<Arc<ReplySpec>> {
        None
    }
    /// Bytes that a capture slot of a frontend holds, 0 when there is no such slot.
    fn capture_len(&self, frontend: ProxyId, is_request: bool, slot: usize) -> usize;
    /// Whether an answer of this status is an error of the client or a failure of the server to
    /// tracked entries (`http-err-codes`, `http-fail-codes`).
    fn status_counts(&self, status: u16) -> (bool, bool);
    /// A stick table.
    fn table(&self, table: TableId) -> Option<&TableHandle>;
    /// A pattern list or map by its file reference, for rules that change one.
    fn pattern_set(&self, reference: &str) -> Option<Arc<PatternSet>>;
    /// A rule has given a key of a list or map another value (empty in a list), or has removed it.
    fn pattern_changed(&self, set: &PatternSet, key: &[u8], value: Option<&[u8]>);
    /// Sends a log line of this session now (`do-log`); `origin` is what `%OG` says.
    fn emit_log(&self, view: &View<'_>, origin: &'static str);
    /// Sets a mark or a type of service on a client's socket before there is a stream; what the
    /// kernel refuses is ignored, as in the reference.
    fn mark_socket(&self, fd: i32, mark: SocketMark);
}

/// What rules set on a client's socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketMark {
    /// `SO_MARK`.
    Mark(u32),
    /// `IP_TOS` or `IPV6_TCLASS`.
    Tos(u8),
}

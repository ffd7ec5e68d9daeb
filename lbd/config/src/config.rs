//! The finished configuration: what exists here is valid, and nothing is looked up by name again.
//!
//! It holds no state of a running balancer (health, counters, queues): that is `lbd-proxy`'s.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lbd_core::{BindId, ListenerId, ProxyId, ServerId, Span};
use lbd_rules::acl::Cond;
use lbd_rules::expr::Expr;
use lbd_rules::logformat::LogFormat;
use lbd_rules::pattern::PatternStore;
use lbd_rules::program::Program;
use lbd_rules::reply::ReplySpec;
use lbd_rules::var::VarNames;

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
    pub proc_vars: Vec<(lbd_rules::var::VarId, lbd_rules::var::OwnedValue)>,
}

/// Section `global`.
#[derive(Debug, Clone)]
pub struct Global {
    /// `daemon`.
    pub daemon: bool,
    /// `master-worker`.
    pub master_worker: bool,
    /// `quiet`.
    pub quiet: bool,
    /// `zero-warning`.
    pub zero_warning: bool,
    /// `nbthread`; `None` means one worker for each usable CPU.
    pub threads: Option<u16>,
    /// `cpu-map`: worker number from 1 to the CPUs it may run on.
    pub cpu_map: BTreeMap<u16, Vec<u16>>,
    /// `maxconn`; `None` derives it from the descriptor limit.
    pub maxconn: Option<u32>,
    /// `maxconnrate`, connections per second; 0 for no limit.
    pub maxconnrate: u32,
    /// `maxsessrate`; 0 for no limit.
    pub maxsessrate: u32,
    /// `maxpipes`; `None` for a quarter of `maxconn`.
    pub maxpipes: Option<u32>,
    /// `ulimit-n`.
    pub ulimit_n: Option<u64>,
    /// `fd-hard-limit`.
    pub fd_hard_limit: Option<u64>,
    /// `user`/`uid`.
    pub uid: Option<u32>,
    /// `group`/`gid`.
    pub gid: Option<u32>,
    /// `chroot`.
    pub chroot: Option<PathBuf>,
    /// `pidfile`.
    pub pidfile: Option<PathBuf>,
    /// `node`; the host name unless given.
    pub node: String,
    /// `description`.
    pub description: Option<String>,
    /// `localpeer`.
    pub localpeer: Option<String>,
    /// `hard-stop-after`.
    pub hard_stop_after: Option<Duration>,
    /// `grace`.
    pub grace: Option<Duration>,
    /// `close-spread-time`; `Some(None)` is `infinite`.
    pub close_spread_time: Option<Option<Duration>>,
    /// `spread-checks`, percent, 0 to 50.
    pub spread_checks: u8,
    /// `max-spread-checks`.
    pub max_spread_checks: Option<Duration>,
    /// `log` lines, for proxies that say `log global`.
    pub logs: Vec<LogTarget>,
    /// `log-tag`; the program's name unless given.
    pub log_tag: Option<String>,
    /// `log-send-hostname`.
    pub log_send_hostname: Option<String>,
    /// `stats socket` lines.
    pub stats_sockets: Vec<StatsSocketSpec>,
    /// `stats timeout`.
    pub stats_timeout: Duration,
    /// `stats maxconn`.
    pub stats_maxconn: u32,
    /// `server-state-file`.
    pub server_state_file: Option<PathBuf>,
    /// `server-state-base`.
    pub server_state_base: Option<PathBuf>,
    /// `unix-bind`.
    pub unix_bind: UnixSocketSpec,
    /// `tune.*` and other numbers.
    pub tune: Tune,
    /// `h1-case-adjust` pairs: lower case name, name to send.
    pub h1_case_adjust: Vec<(Vec<u8>, Vec<u8>)>,
    /// `http-err-codes`: statuses that count as errors.
    pub http_err_codes: Vec<(u16, u16)>,
    /// `http-fail-codes`: statuses that count as failures.
    pub http_fail_codes: Vec<(u16, u16)>,
    /// `strict-limits`.
    pub strict_limits: bool,
    /// `noepoll`-like switches that were given have no effect and are only notices; `nosplice`
    /// does: bodies are never spliced.
    pub no_splice: bool,
    /// `noreuseport`: one listening socket is shared by all workers.
    pub no_reuseport: bool,
    /// `insecure-fork-wanted`.
    pub insecure_fork: bool,
    /// `pp2-never-send-local`.
    pub pp2_never_send_local: bool,
    /// Environment of external checks and `env()`: what `setenv`/`presetenv` left.
    pub env: BTreeMap<String, String>,
}

/// `tune.*` settings that change what lbd does; units as in the manual.
#[derive(Debug, Clone)]
pub struct Tune {
    /// `tune.bufsize`, bytes: bound of a message head, of `http-buffer-request` and inspection.
    pub bufsize: usize,
    /// `tune.maxrewrite`, bytes kept free of `bufsize` for rewriting.
    pub maxrewrite: usize,
    /// `tune.http.maxhdr`.
    pub http_maxhdr: usize,
    /// `tune.http.logurilen`.
    pub http_logurilen: usize,
    /// `tune.http.cookielen`.
    pub http_cookielen: usize,
    /// `tune.maxaccept`; `None` for the default, -1 for no limit.
    pub maxaccept: Option<i32>,
    /// `tune.chksize`, bytes that a check keeps.
    pub chksize: usize,
    /// `tune.pipesize`, bytes; 0 for lbd's own choice.
    pub pipesize: usize,
    /// `tune.sndbuf.client/frontend`.
    pub sndbuf_client: Option<usize>,
    /// `tune.rcvbuf.client/frontend`.
    pub rcvbuf_client: Option<usize>,
    /// `tune.sndbuf.server/backend`.
    pub sndbuf_server: Option<usize>,
    /// `tune.rcvbuf.server/backend`.
    pub rcvbuf_server: Option<usize>,
    /// `tune.vars.global-max-size`, bytes, 0 for none.
    pub vars_global_max_size: usize,
    /// `tune.vars.proc-max-size`.
    pub vars_proc_max_size: usize,
    /// `tune.vars.sess-max-size`.
    pub vars_sess_max_size: usize,
    /// `tune.vars.txn-max-size`.
    pub vars_txn_max_size: usize,
    /// `tune.vars.reqres-max-size`.
    pub vars_reqres_max_size: usize,
    /// `tune.vars.check-max-size`.
    pub vars_check_max_size: usize,
    /// `tune.pattern.cache-size` (kept for `show info`).
    pub pattern_cache_size: usize,
    /// `tune.idletimer`; no effect but shown.
    pub idletimer: Option<Duration>,
    /// `tune.max-rules-at-once`.
    pub max_rules_at_once: u32,
    /// `tune.notsent-lowat.client`.
    pub notsent_lowat_client: Option<u32>,
    /// `tune.notsent-lowat.server`.
    pub notsent_lowat_server: Option<u32>,
    /// `tune.pool-low-fd-ratio`, percent.
    pub pool_low_fd_ratio: u8,
    /// `tune.pool-high-fd-ratio`, percent.
    pub pool_high_fd_ratio: u8,
    /// `tune.idle-pool.shared`.
    pub idle_pool_shared: bool,
    /// `tune.listener.multi-queue`.
    pub listener_multi_queue: bool,
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

/// Settings of the accepting side.
#[derive(Debug)]
pub struct FrontendSpec {
    /// `bind` lines; `BindId` indexes it.
    pub binds: Vec<BindSpec>,
    /// `maxconn`; 0 for the process's.
    pub maxconn: u32,
    /// `backlog`; `None` for `maxconn`.
    pub backlog: Option<u32>,
    /// `rate-limit sessions`, per second; 0 for none.
    pub rate_limit_sessions: u32,
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
    /// `option dontlognull`.
    pub dontlognull: bool,
    /// `option http-ignore-probes`.
    pub ignore_probes: bool,
    /// `option http-use-proxy-header`.
    pub use_proxy_header: bool,
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
    /// `expose-fd listeners`.
    pub expose_fd: bool,
    /// `guid-prefix`.
    pub guid_prefix: Option<Box<str>>,
    /// `id`: numeric id of the first socket.
    pub id: Option<u32>,
    /// `interface`.
    pub interface: Option<Box<str>>,
    /// `maxconn`; 0 for the frontend's.
    pub maxconn: u32,
    /// `mss`, negative to lower the default.
    pub mss: Option<i32>,
    /// `namespace`.
    pub namespace: Option<Box<str>>,
    /// `nice`.
    pub nice: i32,
    /// `proto`: forced protocol on the clear side (`h1`, `h2`).
    pub proto: Option<Box<str>>,
    /// `shards`: sockets for each address; `None` for one per worker.
    pub shards: Option<u16>,
    /// `tcp-ut`.
    pub user_timeout: Option<Duration>,
    /// `tcp-md5sig`.
    pub md5sig: Option<Box<str>>,
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
    /// `tcp-ss`.
    pub syn_save: Option<u8>,
}

/// Owner and mode of a unix socket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnixSocketSpec {
    /// `prefix` (`unix-bind` only).
    pub prefix: Option<String>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// Mode.
    pub mode: Option<u32>,
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
    /// `option splice-request`, `splice-auto`: hints; lbd splices by itself where it pays unless
    /// `no option splice-*` forbids it.
    pub splice_request: Option<bool>,
    /// `option splice-response`.
    pub splice_response: Option<bool>,
    /// `option splice-auto`.
    pub splice_auto: Option<bool>,
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
    /// `quic-initial` does not exist: refused by name.
    pub redirect: Program,
}

/// A `log` line.
#[derive(Debug, Clone)]
pub struct LogTarget {
    /// Where to.
    pub address: LogAddress,
    /// `len`, bytes of a line.
    pub len: usize,
    /// `format`.
    pub format: SyslogFormat,
    /// Facility, 0 to 23.
    pub facility: u8,
    /// Highest level sent (0 emerg to 7 debug).
    pub max_level: u8,
    /// Levels below this are raised to it.
    pub min_level: u8,
    /// `sample`: ranges of 1..=size that are sent.
    pub sample: Option<LogSample>,
    /// Where it stands.
    pub span: Span,
}

/// Where log lines go.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LogAddress {
    /// UDP.
    Udp(SocketAddr),
    /// A unix datagram socket.
    Unix(PathBuf),
    /// An abstract one.
    Abstract(Vec<u8>),
    /// A descriptor: `stdout`, `stderr`, `fd@`.
    Fd(i32),
    /// A ring buffer.
    Ring(Box<str>),
}

/// `format` of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SyslogFormat {
    /// The default: rfc3164 without the host name.
    Local,
    /// RFC 3164 with it.
    Rfc3164,
    /// RFC 5424.
    Rfc5424,
    /// Level only.
    Priority,
    /// `<level>` and the message.
    Short,
    /// Time stamp and message.
    Timed,
    /// ISO time stamp and message.
    Iso,
    /// Message only.
    Raw,
}

/// `sample ranges:size`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSample {
    /// Inclusive ranges within 1..=`size`.
    pub ranges: Vec<(u32, u32)>,
    /// Length of the cycle.
    pub size: u32,
}

/// Logging of a proxy.
#[derive(Debug)]
pub struct LogSpec {
    /// Targets, `log global` replaced by the global ones.
    pub targets: Vec<LogTarget>,
    /// Format of a line.
    pub format: LogLine,
    /// `error-log-format`.
    pub error_format: Option<LogFormat>,
    /// `log-format-sd` for rfc5424.
    pub sd_format: Option<LogFormat>,
    /// `log-tag`.
    pub tag: Option<Box<str>>,
    /// `option dontlog-normal`.
    pub dontlog_normal: bool,
    /// `option log-separate-errors`.
    pub separate_errors: bool,
    /// `option logasap`.
    pub asap: bool,
    /// `option log-health-checks`.
    pub health_checks: bool,
}

/// What a log line looks like.
#[derive(Debug)]
pub enum LogLine {
    /// The legacy `Connect from …` line.
    Default,
    /// A compiled format (`option httplog`, `tcplog`, `log-format`).
    Format(LogFormat),
}

/// `stats socket`.
#[derive(Debug, Clone)]
pub struct StatsSocketSpec {
    /// Where.
    pub address: ListenAddress,
    /// `level`.
    pub level: AccessLevel,
    /// `mode user group`.
    pub unix: UnixSocketSpec,
    /// `expose-fd listeners`.
    pub expose_fd: bool,
    /// `severity-output`.
    pub severity: SeverityOutput,
    /// `maxconn`.
    pub maxconn: Option<u32>,
    /// Text as written.
    pub text: Box<str>,
    /// Where it stands.
    pub span: Span,
}

/// Rights on the runtime API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccessLevel {
    /// Non-sensitive reading.
    User,
    /// Reading, clearing maxima.
    Operator,
    /// All.
    Admin,
}

/// `severity-output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SeverityOutput {
    /// None.
    #[default]
    None,
    /// `[3]:`.
    Number,
    /// `[err]:`.
    Text,
}

/// A `userlist`.
#[derive(Debug, Clone)]
pub struct UserListSpec {
    /// Name.
    pub name: Box<str>,
    /// Groups and users.
    pub groups: Vec<Box<str>>,
    /// Users: name, password, whether it is clear text, indices of groups.
    pub users: Vec<UserSpec>,
}

/// A user.
#[derive(Clone)]
pub struct UserSpec {
    /// Name.
    pub name: Box<str>,
    /// Password as written.
    pub password: Box<str>,
    /// Whether it is clear text (`insecure-password`).
    pub is_clear: bool,
    /// Indices into `groups`.
    pub groups: Vec<usize>,
}

impl std::fmt::Debug for UserSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserSpec").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Settings of the serving side.
#[derive(Debug)]
pub struct BackendSpec {
    /// What the roster needs: algorithm, hash, fullconn and the like.
    pub roster: lbd_backend::BackendSpec,
    /// The expression of `balance hash <expr>` and `balance hdr/url_param` forms given as one.
    pub hash_expr: Option<Expr>,
    /// Servers; `ServerId` indexes it.
    pub servers: Vec<ServerSpec>,
    /// `use-server` lines in order.
    pub use_server: Vec<UseServer>,
    /// `cookie`.
    pub cookie: Option<lbd_backend::persist::CookieSpec>,
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
    pub reuse: lbd_backend::reuse::ReusePolicy,
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
    /// `load-server-state-from-file`.
    pub server_state: ServerStateSource,
    /// `server-state-file-name`.
    pub server_state_file_name: Option<Box<str>>,
}

/// `load-server-state-from-file`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ServerStateSource {
    /// The file of `global`.
    Global,
    /// A file of the backend's own.
    Local,
    /// None.
    #[default]
    None,
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
    /// `guid`.
    pub guid: Option<Box<str>>,
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
    /// `tcp-md5sig`.
    pub md5sig: Option<Box<str>>,
    /// `cc`.
    pub congestion: Option<Box<str>>,
    /// `tfo`.
    pub fast_open: bool,
    /// `namespace`.
    pub namespace: Option<Box<str>>,
    /// `socks4` proxy.
    pub socks4: Option<SocketAddr>,
    /// `pool-max-conn`, -1 for no limit.
    pub pool_max_conn: i32,
    /// `pool-low-conn`.
    pub pool_low_conn: u32,
    /// `pool-purge-delay`.
    pub pool_purge_delay: Duration,
    /// `max-reuse`, -1 for no limit.
    pub max_reuse: i32,
    /// `proto`.
    pub proto: Option<Box<str>>,
    /// Health check of this server; `None` without `check` (or with `no-check`).
    pub check: Option<ServerCheckSpec>,
    /// `agent-check`.
    pub agent: Option<AgentSpec>,
    /// `track`.
    pub track: Option<(ProxyId, ServerId)>,
    /// Rise, fall, observe, on-error, on-marked-*, init-state and the like.
    pub health: lbd_backend::health::HealthSpec,
    /// `init-addr` methods were applied already; whether the name was left unresolved.
    pub unresolved: bool,
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

/// A word of `proxy-v2-options`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyV2Option {
    /// Authority (SNI).
    Authority,
    /// Checksum.
    Crc32c,
    /// Unique id.
    UniqueId,
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

/// Health checks of a backend.
#[derive(Debug, Clone)]
pub struct CheckSpec {
    /// Steps and expectations; a plain connection without `option httpchk` and its like.
    pub script: Arc<lbd_backend::check::CheckScript>,
    /// Log formats and expressions that the script refers to by number (`http-check send` with
    /// log formats, `set-var`).
    pub formats: Arc<Vec<LogFormat>>,
    /// `http-check disable-on-404`.
    pub disable_on_404: bool,
    /// `http-check send-state`.
    pub send_state: bool,
}

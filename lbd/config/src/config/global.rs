//! Process-wide settings: `global`, its `tune.*`, `stats socket`, and `userlist` sections.
//!
//! It holds nothing of one proxy.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use lbd_core::Span;

use super::{ListenAddress, LogTarget};

/// Section `global`.
#[derive(Debug, Clone)]
pub struct Global {
    /// `daemon`.
    pub daemon: bool,
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
    /// `chroot`; `auto` stands for an empty directory that the process makes for itself.
    pub chroot: Option<PathBuf>,
    /// `pidfile`.
    pub pidfile: Option<PathBuf>,
    /// `table-snapshots`.
    pub snapshots: Option<SnapshotSpec>,
    /// `stats-file`: counters that the process starts with.
    pub stats_file: Option<String>,
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
    /// `h2-workaround-bogus-websocket-clients`: WebSockets over HTTP/2 are not offered.
    pub h2_no_websocket: bool,
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
    /// `unix-bind`.
    pub unix_bind: UnixSocketSpec,
    /// `tune.*` and other numbers.
    pub tune: Tune,
    /// TLS.
    pub ssl: super::SslTune,
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
    /// `insecure-fork-wanted`, or `-dI`: programs may be started.
    pub insecure_fork: bool,
    /// `insecure-setuid-wanted`: programs may get more rights than this process has.
    pub insecure_setuid: bool,
    /// `external-check`: programs may check servers.
    pub external_check: bool,
    /// `external-check preserve-env`: they get this process's environment.
    pub external_check_env: bool,
    /// `pp2-never-send-local`.
    pub pp2_never_send_local: bool,
    /// `profiling.tasks`.
    pub profiling: TaskProfiling,
    /// `anonkey`: hashes the names in anonymised output; 0 for none.
    pub anonkey: u32,
    /// Environment of external checks and `env()`: what `setenv`/`presetenv` left.
    pub env: BTreeMap<String, String>,
}

/// `profiling.tasks`: whether turns of tasks are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TaskProfiling {
    /// Of the workers whose rounds are long.
    #[default]
    Auto,
    /// No.
    Off,
    /// Yes.
    On,
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
    /// `tune.notsent-lowat.client`.
    pub notsent_lowat_client: Option<u32>,
    /// `tune.notsent-lowat.server`.
    pub notsent_lowat_server: Option<u32>,
    /// `tune.peers.max-updates-at-once`.
    pub peers_max_updates: usize,
    /// `tune.stick-counters`, 0 to 100.
    pub stick_counters: u32,
    /// `tune.listener.multi-queue`.
    pub listener_multi_queue: bool,
    /// `tune.h2.*`.
    pub h2: TuneH2,
    /// `tune.runqueue-depth`: the load that `rq-load auto` bears; `None` to follow the number of
    /// workers.
    pub run_queue_depth: Option<u32>,
}

/// Limits of HTTP/2 connections, `tune.h2.*`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TuneH2 {
    /// Of connections with clients.
    pub front: TuneH2Side,
    /// Of connections with servers.
    pub back: TuneH2Side,
    /// `tune.h2.header-table-size`, bytes; `None` for 4096.
    pub header_table_size: Option<u32>,
    /// `tune.h2.initial-window-size`, for the sides that say nothing.
    pub initial_window: Option<u32>,
    /// `tune.h2.max-concurrent-streams`, for the sides that say nothing.
    pub max_concurrent: Option<u32>,
    /// `tune.h2.max-frame-size`, bytes.
    pub max_frame_size: Option<u32>,
    /// `tune.h2.fe.max-total-streams`; 0 for no limit.
    pub max_total_streams: u32,
    /// `tune.h2.fe.max-rst-at-once`; 0 for no limit.
    pub max_resets_at_once: u32,
    /// `tune.glitches.kill.cpu-usage`, percent.
    pub kill_cpu_usage: u32,
    /// `tune.h2.log-errors`.
    pub log_errors: H2LogErrors,
    /// `rq-load` of `tune.h2.fe.max-concurrent-streams`; `None` for `ignore`.
    pub load: Option<H2Load>,
    /// `min` of `tune.h2.fe.max-concurrent-streams`, at least 1.
    pub least_concurrent: Option<u32>,
}

/// The load of a worker from which on clients are offered fewer streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum H2Load {
    /// `tune.runqueue-depth`.
    Auto,
    /// So many runnable tasks, at least 1.
    Tasks(u32),
}

impl TuneH2 {
    /// Streams that a client's new connection is offered by a worker with `load` runnable tasks,
    /// one of `workers`; 0 for no limit.
    ///
    /// Beyond the load that is borne they go down with the square of the excess.
    pub fn offered_streams(&self, tune: &Tune, load: u32, workers: usize) -> u32 {
        let all = self.front.max_concurrent(tune);
        let borne = match self.load {
            None => return all,
            Some(H2Load::Tasks(tasks)) => tasks,
            Some(H2Load::Auto) => tune.run_queue_depth(workers),
        };
        if load <= borne || all == 0 {
            return all;
        }
        let (load, borne) = (u128::from(load), u128::from(borne));
        let offered = u128::from(all) * borne * borne / (load * load);
        let offered = u32::try_from(offered).unwrap_or(all);
        offered.max(self.least_concurrent.unwrap_or(1)).min(all)
    }
}

impl Tune {
    /// The load that a worker of so many bears: 280 for one, 35 for 64 and more.
    fn run_queue_depth(&self, workers: usize) -> u32 {
        const OF_ONE: u32 = 280;
        const LEAST: u32 = 35;
        self.run_queue_depth.unwrap_or_else(|| {
            let mut depths = (LEAST..=OF_ONE).rev();
            // OF_ONE / sqrt(workers), in integers.
            let fits = |depth: &u32| {
                let squared = u64::from(*depth).pow(2).saturating_mul(workers as u64);
                squared <= u64::from(OF_ONE).pow(2)
            };
            depths.find(fits).unwrap_or(LEAST)
        })
    }
}

/// Limits that each side has of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TuneH2Side {
    /// `glitches-threshold`; 0 for none.
    pub glitches_threshold: u32,
    /// `initial-window-size`, bytes.
    pub initial_window: Option<u32>,
    /// `max-concurrent-streams`; 0 for no limit.
    pub max_concurrent: Option<u32>,
    /// `max-frames-at-once`; 0 for no limit.
    pub max_frames: u32,
    /// `rxbuf`, bytes.
    pub receive_buffer: Option<u32>,
}

/// Which protocol errors get a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum H2LogErrors {
    /// Those that end the connection.
    Connection,
    /// None.
    None,
    /// All.
    #[default]
    Stream,
}

impl TuneH2Side {
    /// Smallest window of a stream in bytes.
    pub fn initial_window(&self, tune: &Tune) -> u32 {
        let bufsize = u32::try_from(tune.bufsize).unwrap_or(u32::MAX);
        let common = tune.h2.initial_window.unwrap_or(bufsize);
        self.initial_window.unwrap_or(common).min(i32::MAX as u32)
    }

    /// Streams of a connection at once; 0 for no limit.
    pub fn max_concurrent(&self, tune: &Tune) -> u32 {
        let common = tune.h2.max_concurrent.unwrap_or(100);
        self.max_concurrent.unwrap_or(common)
    }

    /// Bytes that the streams of a connection share to receive in: a buffer for each at least.
    pub fn receive_buffer(&self, tune: &Tune) -> u32 {
        let bufsize = u32::try_from(tune.bufsize).unwrap_or(u32::MAX);
        let least = self.max_concurrent(tune).max(1).saturating_mul(bufsize);
        self.receive_buffer
            .unwrap_or(1_638_400)
            .max(least)
            .min(i32::MAX as u32)
    }
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

/// `stats socket`.
#[derive(Debug, Clone)]
pub struct StatsSocketSpec {
    /// Where.
    pub address: ListenAddress,
    /// `level`.
    pub level: AccessLevel,
    /// `mode user group`.
    pub unix: UnixSocketSpec,
    /// `severity-output`.
    pub severity: SeverityOutput,
    /// `maxconn`.
    pub maxconn: Option<u32>,
    /// `expose-fd listeners`: a new process may fetch the listening sockets.
    pub exposes: bool,
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
        f.debug_struct("UserSpec")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// `table-snapshots`: stick tables on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotSpec {
    /// Where the files are.
    pub directory: PathBuf,
    /// Time between two snapshots.
    pub every: Duration,
    /// Bytes per second that are written at most; 0 for no limit.
    pub rate: u64,
}

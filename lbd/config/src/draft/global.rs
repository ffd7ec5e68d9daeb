//! Section `global` as it was said.
//!
//! Addresses are not resolved yet, expressions not compiled.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use lbd_core::Span;

use super::{BindDraft, LogDraft, Sentence};
use crate::config::{Global, TaskProfiling, Tune, UnixSocketSpec};

/// Section `global`; `value` starts with the defaults.
#[derive(Debug)]
pub struct GlobalDraft {
    /// All that needs no further work.
    pub value: Global,
    /// Keywords that may be said once, and were.
    pub said: BTreeSet<&'static str>,
    /// `log` lines.
    pub logs: Vec<LogDraft>,
    /// `stats socket` lines.
    pub sockets: Vec<SocketDraft>,
    /// `set-var` and `set-var-fmt`.
    pub proc_vars: Vec<Sentence>,
    /// `h1-case-adjust-file`.
    pub case_adjust_file: Option<(String, Span)>,
    /// `default-path`: directory before relative file names; `None` is the current one.
    pub default_path: DefaultPath,
    /// `server-state-base`.
    pub state_base: Option<String>,
    /// `server-state-file`.
    pub state_file: Option<String>,
    /// `ssl-default-bind-*`.
    pub ssl_bind: super::BindSslDraft,
    /// `ssl-default-server-*`, `ssl-server-verify`.
    pub ssl_server: super::SslDraft,
    /// `ca-base`.
    pub ca_base: Option<String>,
    /// `crt-base`.
    pub crt_base: Option<String>,
    /// `key-base`.
    pub key_base: Option<String>,
    /// `issuers-chain-path`.
    pub issuers: Option<super::Named>,
    /// `expose-experimental-directives`.
    pub experimental: bool,
    /// `expose-deprecated-directives`.
    pub deprecated: bool,
}

/// `default-path`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum DefaultPath {
    /// The configuration file's directory.
    Config,
    /// The directory in which the process was started.
    #[default]
    Current,
    /// This directory.
    Origin(PathBuf),
    /// The parent of the configuration file's directory.
    Parent,
}

/// `stats socket`.
#[derive(Debug, Clone)]
pub struct SocketDraft {
    /// Address and options.
    pub bind: BindDraft,
    /// Where it stands.
    pub span: Span,
}

impl Default for GlobalDraft {
    fn default() -> Self {
        Self {
            value: Global {
                daemon: false,
                quiet: false,
                zero_warning: false,
                threads: None,
                cpu_map: BTreeMap::new(),
                maxconn: None,
                maxconnrate: 0,
                maxsessrate: 0,
                maxpipes: None,
                ulimit_n: None,
                fd_hard_limit: None,
                uid: None,
                gid: None,
                chroot: None,
                pidfile: None,
                snapshots: None,
                stats_file: None,
                node: String::new(),
                description: None,
                localpeer: None,
                hard_stop_after: None,
                grace: None,
                close_spread_time: None,
                h2_no_websocket: false,
                spread_checks: 0,
                max_spread_checks: None,
                logs: Vec::new(),
                log_tag: None,
                log_send_hostname: None,
                stats_sockets: Vec::new(),
                stats_timeout: Duration::from_secs(10),
                stats_maxconn: 10,
                unix_bind: UnixSocketSpec::default(),
                tune: tune(),
                ssl: crate::config::SslTune::default(),
                h1_case_adjust: Vec::new(),
                http_err_codes: vec![(400, 499)],
                http_fail_codes: vec![(500, 500), (502, 504), (506, 599)],
                strict_limits: true,
                no_splice: false,
                no_reuseport: false,
                insecure_fork: false,
                insecure_setuid: false,
                external_check: false,
                external_check_env: false,
                pp2_never_send_local: false,
                profiling: TaskProfiling::default(),
                anonkey: 0,
                env: BTreeMap::new(),
            },
            said: BTreeSet::new(),
            logs: Vec::new(),
            sockets: Vec::new(),
            proc_vars: Vec::new(),
            case_adjust_file: None,
            default_path: DefaultPath::default(),
            state_base: None,
            state_file: None,
            ssl_bind: super::BindSslDraft::default(),
            ssl_server: super::SslDraft::default(),
            ca_base: None,
            crt_base: None,
            key_base: None,
            issuers: None,
            experimental: false,
            deprecated: false,
        }
    }
}

/// Defaults of `tune.*` (haproxy 3.4 configuration 3.2).
fn tune() -> Tune {
    Tune {
        bufsize: 16384,
        maxrewrite: 1024,
        http_maxhdr: 101,
        http_logurilen: 1024,
        http_cookielen: 63,
        maxaccept: None,
        chksize: 16384,
        pipesize: 0,
        sndbuf_client: None,
        rcvbuf_client: None,
        sndbuf_server: None,
        rcvbuf_server: None,
        vars_proc_max_size: 0,
        vars_sess_max_size: 0,
        vars_txn_max_size: 0,
        vars_reqres_max_size: 0,
        vars_check_max_size: 0,
        peers_max_updates: 200,
        stick_counters: lbd_rules::registry::DEFAULT_STICK_COUNTERS,
        notsent_lowat_client: None,
        notsent_lowat_server: None,
        listener_multi_queue: true,
        h2: crate::config::TuneH2::default(),
        run_queue_depth: None,
    }
}

//! Configurations made by hand: one frontend, one backend, as a file without rules would give.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use lbd_backend::health::HealthSpec;
use lbd_config::config::*;
use lbd_core::{BindId, Checkpoint, Diags, FileId, ListenerId, ProxyId, ServerId, Span};
use lbd_rules::action::{Ruleset, parse_rule};
use lbd_rules::logformat::{Flags, LogFormat};
use lbd_rules::pattern::PatternStore;
use lbd_rules::program::Step;
use lbd_rules::registry::{BuildCtx, Names};
use lbd_rules::var::VarNames;
use lbd_rules::word::Word;

/// `option httplog`.
pub const HTTPLOG: &str = "%ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc \
                           %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r";

/// `option tcplog`.
pub const TCPLOG: &str = "%ft %b/%s %Tw/%Tc/%Tt %B %ts %rc %sq/%bq";

/// Where everything stands.
pub fn span() -> Span {
    Span {
        file: FileId(0),
        line: 1,
        column: 1,
        len: 0,
    }
}

struct NoNames;

impl Names for NoNames {
    fn frontend(&self, _name: &str) -> Option<ProxyId> {
        None
    }
    fn backend(&self, _name: &str) -> Option<ProxyId> {
        None
    }
    fn server(&self, _backend: ProxyId, _name: &str) -> Option<ServerId> {
        None
    }
    fn user_list(&self, _name: &str) -> Option<usize> {
        None
    }
    fn user_lists(&self) -> Arc<dyn lbd_rules::registry::UserLists> {
        unreachable!("no user lists in these tests")
    }
    fn http_errors(&self, _name: &str) -> Option<usize> {
        None
    }
    fn is_http(&self, _proxy: ProxyId) -> bool {
        true
    }
    fn capabilities(&self, _proxy: ProxyId) -> (bool, bool) {
        (true, true)
    }
    fn capture_slots(&self, _proxy: ProxyId) -> (usize, usize) {
        (0, 0)
    }
    fn add_capture(&mut self, _proxy: ProxyId, _is_request: bool, _len: usize) -> Option<usize> {
        None
    }
    fn read_file(&self, path: &str) -> Result<Vec<u8>, String> {
        Err(format!("no file {path}"))
    }
    fn env(&self, _name: &str) -> Option<String> {
        None
    }
}

fn with_ctx<T>(
    checkpoint: Checkpoint,
    proxy: ProxyId,
    run: impl FnOnce(&mut BuildCtx<'_>) -> T,
) -> T {
    let mut names = NoNames;
    let mut vars = VarNames::default();
    let mut patterns = PatternStore::new();
    let acls = lbd_rules::acl::AclTable::default();
    let mut diags = Diags::default();
    run(&mut BuildCtx {
        names: &mut names,
        vars: &mut vars,
        patterns: &mut patterns,
        acls: &acls,
        proxy: Some(proxy),
        checkpoint,
        diags: &mut diags,
    })
}

/// One rule as a line without its first word has it.
pub fn rule(ruleset: Ruleset, checkpoint: Checkpoint, text: &str) -> Step {
    let words: Vec<&str> = text.split(' ').collect();
    let words: Vec<Word<'_>> = words.iter().map(|word| Word::new(*word, span())).collect();
    with_ctx(checkpoint, ProxyId(0), |ctx| {
        parse_rule(ruleset, &words, ctx).unwrap_or_else(|diag| panic!("{text}: {diag:?}"))
    })
}

/// An `http-request` rule.
pub fn http_request(text: &str) -> Step {
    rule(Ruleset::HttpRequest, Checkpoint::FeHrqHdr, text)
}

/// A log format.
pub fn format(text: &str) -> LogFormat {
    with_ctx(Checkpoint::FeLogEnd, ProxyId(0), |ctx| {
        LogFormat::parse(text.as_bytes(), span(), Flags::LOG, ctx).expect("log format")
    })
}

fn global() -> Global {
    Global {
        daemon: false,
        master_worker: false,
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
        node: "node".into(),
        description: None,
        localpeer: None,
        hard_stop_after: None,
        grace: None,
        close_spread_time: None,
        spread_checks: 0,
        max_spread_checks: None,
        logs: Vec::new(),
        log_tag: None,
        log_send_hostname: None,
        stats_sockets: Vec::new(),
        stats_timeout: Duration::from_secs(10),
        stats_maxconn: 10,
        server_state_file: None,
        server_state_base: None,
        unix_bind: UnixSocketSpec::default(),
        tune: tune(),
        h1_case_adjust: Vec::new(),
        http_err_codes: Vec::new(),
        http_fail_codes: Vec::new(),
        strict_limits: false,
        no_splice: false,
        no_reuseport: false,
        insecure_fork: false,
        pp2_never_send_local: false,
        env: BTreeMap::new(),
    }
}

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
        vars_global_max_size: 0,
        vars_proc_max_size: 0,
        vars_sess_max_size: 0,
        vars_txn_max_size: 0,
        vars_reqres_max_size: 0,
        vars_check_max_size: 0,
        pattern_cache_size: 0,
        idletimer: None,
        max_rules_at_once: 0,
        notsent_lowat_client: None,
        notsent_lowat_server: None,
        pool_low_fd_ratio: 20,
        pool_high_fd_ratio: 25,
        idle_pool_shared: true,
        listener_multi_queue: true,
    }
}

fn frontend() -> FrontendSpec {
    FrontendSpec {
        binds: Vec::new(),
        maxconn: 0,
        backlog: None,
        rate_limit_sessions: 0,
        use_backend: Vec::new(),
        default_backend: None,
        monitor_uri: None,
        monitor_fail: Vec::new(),
        request_captures: Vec::new(),
        response_captures: Vec::new(),
        capture_cookie: None,
        unique_id_format: None,
        unique_id_header: None,
        h1_case_adjust: false,
        accept_unsafe_request: false,
        dontlognull: false,
        ignore_probes: false,
        use_proxy_header: false,
        keepalive: None,
        smart_accept: false,
        socket_stats: false,
        idle_close_on_response: false,
        drop_response_trailers: false,
    }
}

fn options() -> ProxyOptions {
    ProxyOptions {
        connection: ConnectionMode::KeepAlive,
        abortonclose: None,
        forwardfor: None,
        originalto: None,
        forwarded: None,
        buffer_request: false,
        no_delay: false,
        pretend_keepalive: false,
        restrict_header_names: HeaderNamePolicy::Preserve,
        nolinger: false,
        independent_streams: false,
        splice_request: None,
        splice_response: None,
        splice_auto: None,
        contstats: false,
    }
}

fn backend() -> BackendSpec {
    BackendSpec {
        roster: lbd_backend::BackendSpec {
            algorithm: lbd_backend::Algorithm::RoundRobin,
            ..lbd_backend::BackendSpec::default()
        },
        hash_expr: None,
        servers: Vec::new(),
        use_server: Vec::new(),
        cookie: None,
        force_persist: Vec::new(),
        ignore_persist: Vec::new(),
        retries: 3,
        redispatch: None,
        retry_on: lbd_backend::retry::RetryOn::default(),
        reuse: lbd_backend::reuse::ReuseMode::Safe,
        prefer_last_server: false,
        send_name_header: None,
        source: None,
        dispatch: None,
        check: CheckSpec {
            script: Arc::new(lbd_backend::check::Script::new(
                lbd_backend::check::Kind::Tcp,
                Vec::new(),
            )),
            tokens: Arc::new(Vec::new()),
            disable_on_404: false,
            send_state: false,
        },
        keepalive: None,
        smart_connect: false,
        accept_unsafe_response: false,
        h1_case_adjust: false,
        drop_request_trailers: false,
        checkcache: false,
        server_state: ServerStateSource::None,
        server_state_file_name: None,
    }
}

/// A server line.
pub fn server(id: u32, addr: SocketAddr) -> ServerSpec {
    let name = format!("s{}", id + 1);
    ServerSpec {
        id: ServerId(id),
        roster: lbd_backend::ServerSpec {
            addr: Some(addr.ip()),
            port: addr.port(),
            ..lbd_backend::ServerSpec::new(name.clone(), id + 1)
        },
        span: span(),
        address: ServerAddress::Inet(addr),
        fqdn: None,
        text: addr.to_string().into(),
        cookie: None,
        disabled: false,
        guid: None,
        redir: None,
        non_stick: false,
        send_proxy: None,
        source: None,
        user_timeout: None,
        md5sig: None,
        congestion: None,
        fast_open: false,
        namespace: None,
        socks4: None,
        pool_max_conn: -1,
        pool_low_conn: 0,
        pool_purge_delay: Duration::from_secs(5),
        max_reuse: -1,
        proto: None,
        check: None,
        agent: None,
        track: None,
        health: HealthSpec::new("be", name),
        unresolved: false,
    }
}

fn log(format_text: &str) -> LogSpec {
    LogSpec {
        targets: vec![LogTarget {
            address: LogAddress::Fd(1),
            len: 1024,
            format: SyslogFormat::Raw,
            facility: 16,
            max_level: 7,
            min_level: 0,
            sample: None,
            span: span(),
        }],
        format: LogLine::Format(format(format_text)),
        error_format: None,
        sd_format: None,
        tag: None,
        dontlog_normal: false,
        separate_errors: false,
        asap: false,
        health_checks: false,
    }
}

fn proxy(id: u32, name: &str, mode: Mode, caps: Capabilities, log: LogSpec) -> ProxySpec {
    ProxySpec {
        id: ProxyId(id),
        name: name.into(),
        uid: id + 1,
        guid: None,
        span: span(),
        caps,
        mode,
        disabled: false,
        description: None,
        frontend: frontend(),
        backend: backend(),
        timeouts: Timeouts {
            client: Some(Duration::from_secs(5)),
            connect: Some(Duration::from_secs(2)),
            server: Some(Duration::from_secs(5)),
            ..Timeouts::default()
        },
        options: options(),
        rules: Rules::default(),
        log,
        errors: BTreeMap::new(),
    }
}

/// `frontend fe` and `backend be` with these servers.
pub fn config(mode: Mode, servers: &[SocketAddr]) -> Config {
    let log_text = if mode == Mode::Http { HTTPLOG } else { TCPLOG };
    let caps = |frontend| Capabilities {
        frontend,
        backend: !frontend,
    };
    let mut fe = proxy(0, "fe", mode, caps(true), log(log_text));
    let mut be = proxy(1, "be", mode, caps(false), log(log_text));
    fe.frontend.default_backend = Some(ProxyId(1));
    fe.frontend.binds.push(BindSpec {
        id: BindId(0),
        name: None,
        text: "127.0.0.1:0".into(),
        span: span(),
        listeners: vec![ListenerId(0)],
        options: BindOptions::default(),
    });
    be.backend.servers = servers
        .iter()
        .zip(0..)
        .map(|(addr, id)| server(id, *addr))
        .collect();
    Config {
        global: global(),
        proxies: vec![fe, be],
        listeners: vec![ListenerSpec {
            id: ListenerId(0),
            uid: 1,
            proxy: ProxyId(0),
            bind: BindId(0),
            address: ListenAddress::Tcp("127.0.0.1:0".parse().unwrap()),
        }],
        files: vec!["test.cfg".into()],
        vars: VarNames::default(),
        patterns: PatternStore::new(),
        user_lists: Vec::new(),
        proc_vars: Vec::new(),
    }
}

//! The columns of the statistics as Prometheus knows them: name, kind and form, in the reference's
//! order for ever (haproxy 3.4, its exporter's README).
//!
//! It computes no number: values are those of [`super::column`].

use super::column::{COLUMNS, Column};
use super::row::{B, BS, F, FB, FBS, Kinds, L, LF, LFB, S};

/// A metric.
#[derive(Debug)]
pub struct Exposed {
    /// The column that it shows.
    pub column: &'static str,
    /// Name without that of the program and of the kind of object.
    pub name: &'static str,
    /// What has it.
    pub kinds: Kinds,
    /// How the column's value becomes series.
    pub form: Form,
    /// When a series is there at all.
    pub only: Only,
    /// What it means, where that of the column does not fit.
    pub help: Option<&'static str>,
}

/// How a value becomes series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One series for each state that servers of a backend can be in: how many are.
    AllStates,
    /// One series for each status of checks of a backend's servers: how many have it.
    AllChecks,
    /// One series for each status of a check, 1 for the present one.
    Check,
    /// One series of a metric that is split by this value of the label `code`.
    Code(&'static str),
    /// Milliseconds, shown as seconds.
    Millis,
    /// The number.
    Number,
    /// A number that is 0 where there is none.
    OrZero,
    /// One series for each state, 1 for the present one.
    State,
}

/// When a series is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Only {
    /// Always.
    Always,
    /// While an agent check runs.
    Agent,
    /// While a health check runs.
    Check,
    /// In HTTP mode.
    Http,
    /// In a backend that has servers.
    Servers,
}

/// Gauge or counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
}

impl Kind {
    /// As the exposition format has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }
}

impl Exposed {
    /// By its name, as the format's rules want.
    pub fn kind(&self) -> Kind {
        match self.name.ends_with("_total") {
            true => Kind::Counter,
            false => Kind::Gauge,
        }
    }

    /// Its column.
    pub fn column(&self) -> Option<&'static Column> {
        COLUMNS.iter().find(|column| column.name == self.column)
    }

    const fn with(self, form: Form) -> Self {
        Self { form, ..self }
    }

    const fn only(self, only: Only) -> Self {
        Self { only, ..self }
    }

    const fn help(self, help: &'static str) -> Self {
        Self {
            help: Some(help),
            ..self
        }
    }
}

const fn metric(column: &'static str, kinds: u8, name: &'static str) -> Exposed {
    Exposed {
        column,
        name,
        kinds: Kinds(kinds),
        form: Form::Number,
        only: Only::Always,
        help: None,
    }
}

const fn http(column: &'static str, kinds: u8, name: &'static str) -> Exposed {
    metric(column, kinds, name).only(Only::Http)
}

const fn time(column: &'static str, kinds: u8, name: &'static str, help: &'static str) -> Exposed {
    metric(column, kinds, name).with(Form::Millis).help(help)
}

const fn responses(column: &'static str, code: &'static str) -> Exposed {
    http(column, FBS, "http_responses_total")
        .with(Form::Code(code))
        .help("Responses by the class of their status")
}

const fn check(column: &'static str, name: &'static str) -> Exposed {
    metric(column, S, name).only(Only::Check)
}

const fn agent(column: &'static str, name: &'static str) -> Exposed {
    metric(column, S, name).only(Only::Agent)
}

const ALL: u8 = L | FBS;

/// All metrics of proxies, listeners and servers.
pub const EXPOSED: &[Exposed] = &[
    metric("qcur", BS, "current_queue"),
    metric("qmax", BS, "max_queue"),
    metric("scur", ALL, "current_sessions"),
    metric("smax", ALL, "max_sessions"),
    metric("slim", ALL, "limit_sessions"),
    metric("stot", ALL, "sessions_total"),
    metric("bin", ALL, "bytes_in_total"),
    metric("bout", ALL, "bytes_out_total"),
    metric("dreq", LFB, "requests_denied_total"),
    metric("dresp", ALL, "responses_denied_total"),
    metric("ereq", LF, "request_errors_total"),
    metric("econ", BS, "connection_errors_total"),
    metric("eresp", BS, "response_errors_total"),
    metric("wretr", BS, "retry_warnings_total"),
    metric("wredis", BS, "redispatch_warnings_total"),
    metric("status", ALL, "status")
        .with(Form::State)
        .help("1 for the state that it is in, 0 for the others"),
    metric("weight", BS, "weight"),
    metric("act", B, "active_servers"),
    metric("act", S, "active"),
    metric("bck", B, "backup_servers"),
    metric("bck", S, "backup"),
    metric("chkfail", S, "check_failures_total"),
    metric("chkdown", BS, "check_up_down_total"),
    metric("lastchg", BS, "check_last_change_seconds"),
    metric("downtime", BS, "downtime_seconds_total"),
    metric("qlimit", S, "queue_limit"),
    metric("throttle", S, "current_throttle"),
    metric("lbtot", BS, "loadbalanced_total"),
    metric("rate", FBS, "current_session_rate"),
    metric("rate_lim", F, "limit_session_rate"),
    metric("rate_max", FBS, "max_session_rate"),
    check("check_status", "check_status")
        .with(Form::Check)
        .help("1 for the status of the last check, 0 for the others"),
    check("check_code", "check_code").with(Form::OrZero),
    check("check_duration", "check_duration_seconds")
        .with(Form::Millis)
        .help("Seconds of the last check"),
    responses("hrsp_1xx", "1xx"),
    responses("hrsp_2xx", "2xx"),
    responses("hrsp_3xx", "3xx"),
    responses("hrsp_4xx", "4xx"),
    responses("hrsp_5xx", "5xx"),
    responses("hrsp_other", "other"),
    http("req_rate_max", F, "http_requests_rate_max"),
    http("req_tot", FBS, "http_requests_total"),
    metric("cli_abrt", BS, "client_aborts_total"),
    metric("srv_abrt", BS, "server_aborts_total"),
    http("comp_in", FB, "http_comp_bytes_in_total"),
    http("comp_out", FB, "http_comp_bytes_out_total"),
    http("comp_byp", FB, "http_comp_bytes_bypassed_total"),
    http("comp_rsp", FB, "http_comp_responses_total"),
    metric("lastsess", BS, "last_session_seconds"),
    time(
        "qtime",
        BS,
        "queue_time_average_seconds",
        "Average seconds in queue",
    ),
    time(
        "ctime",
        BS,
        "connect_time_average_seconds",
        "Average seconds to connect",
    ),
    time(
        "rtime",
        BS,
        "response_time_average_seconds",
        "Average seconds to the response",
    ),
    time(
        "ttime",
        BS,
        "total_time_average_seconds",
        "Average seconds of a session",
    ),
    agent("agent_status", "agent_status")
        .with(Form::Check)
        .help("1 for the status of the last agent check, 0 for the others"),
    agent("agent_code", "agent_code").with(Form::OrZero),
    agent("agent_duration", "agent_duration_seconds")
        .with(Form::Millis)
        .help("Seconds of the last agent check"),
    metric("conn_rate_max", F, "connections_rate_max"),
    metric("conn_tot", LF, "connections_total"),
    http("intercepted", F, "intercepted_requests_total"),
    metric("dcon", LF, "denied_connections_total"),
    metric("dses", LF, "denied_sessions_total"),
    metric("wrew", ALL, "failed_header_rewriting_total"),
    metric("connect", BS, "connection_attempts_total"),
    metric("reuse", BS, "connection_reuses_total"),
    http("cache_lookups", FB, "http_cache_lookups_total"),
    http("cache_hits", FB, "http_cache_hits_total"),
    metric("srv_icur", S, "idle_connections_current"),
    metric("src_ilim", S, "idle_connections_limit"),
    time(
        "qtime_max",
        BS,
        "max_queue_time_seconds",
        "Most seconds in queue",
    ),
    time(
        "ctime_max",
        BS,
        "max_connect_time_seconds",
        "Most seconds to connect",
    ),
    time(
        "rtime_max",
        BS,
        "max_response_time_seconds",
        "Most seconds to the response",
    ),
    time(
        "ttime_max",
        BS,
        "max_total_time_seconds",
        "Most seconds of a session",
    ),
    metric("eint", ALL, "internal_errors_total"),
    metric("idle_conn_cur", S, "unsafe_idle_connections_current"),
    metric("safe_conn_cur", S, "safe_idle_connections_current"),
    metric("used_conn_cur", S, "used_connections_current"),
    metric("need_conn_est", S, "need_connections_current"),
    metric("uweight", BS, "uweight"),
    metric("agg_server_status", B, "agg_server_status")
        .with(Form::AllStates)
        .only(Only::Servers)
        .help("Servers by their state"),
    metric("agg_server_check_status", B, "agg_server_check_status")
        .with(Form::AllStates)
        .only(Only::Servers)
        .help("Servers by their state; the same by an older name"),
    metric("agg_check_status", B, "agg_check_status")
        .with(Form::AllChecks)
        .only(Only::Servers)
        .help("Servers by the status of their last check"),
    metric("priv_idle_cur", S, "private_idle_connections_current"),
    metric("reqbin", ALL, "req_bytes_in_total"),
    metric("reqbout", ALL, "req_bytes_out_total"),
    metric("resbin", ALL, "res_bytes_in_total"),
    metric("resbout", ALL, "res_bytes_out_total"),
];

#[cfg(test)]
mod tests;

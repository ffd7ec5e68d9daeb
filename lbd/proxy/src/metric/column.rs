//! The columns of the statistics, in the reference's order for ever: one table that CSV, typed,
//! JSON, pages and Prometheus read (haproxy 3.4 management 9.1).
//!
//! It formats nothing.

use lbd_backend::health::Which;

use super::Field::{self, Str, U32, U64};
use super::row::{
    B, BS, F, FB, FBS, LF, LFB, Object, Row, S, narrow, probe_code, probe_duration, probe_text,
    status_name,
};

/// A column.
#[derive(Debug)]
pub struct Column {
    /// Name in the first line.
    pub name: &'static str,
    /// Origin, nature, scope and persistence, a letter each.
    pub tags: &'static str,
    /// What it means, for `desc`.
    pub describe: &'static str,
    /// Its value in a row; `Empty` on objects that do not have it.
    pub read: fn(&Row<'_>) -> Field,
}

impl Column {
    /// The letters on a kind of object: the reference's differ for a few.
    pub fn tags_on(&self, row: &Row<'_>) -> &'static str {
        let is_server = matches!(row.object, Object::Server(..));
        match self.name {
            "act" | "bck" if is_server => "SGPV",
            "rate_max" if matches!(row.object, Object::Backend(_)) => "MGPV",
            _ => self.tags,
        }
    }
}

pub(super) const fn column(
    name: &'static str,
    tags: &'static str,
    describe: &'static str,
    read: fn(&Row<'_>) -> Field,
) -> Column {
    Column {
        name,
        tags,
        describe,
        read,
    }
}

/// All columns; the position is the index.
pub const COLUMNS: &[Column] = &[
    column("pxname", "KNSV", "Proxy name", |r| {
        Str(r.proxy.name.to_string())
    }),
    column(
        "svname",
        "KNSV",
        "Server name, or FRONTEND, BACKEND, or the listener's name",
        |r| Str(r.object_name()),
    ),
    column("qcur", "MGPV", "Requests in queue now", |r| r.queue_now()),
    column("qmax", "MMPV", "Most requests in queue", |r| r.queue_max()),
    column("scur", "MGPV", "Sessions now", |r| U32(r.sessions_now())),
    column("smax", "MMPV", "Most sessions", |r| U32(r.sessions_max())),
    column("slim", "CLPV", "Limit of sessions", |r| r.session_limit()),
    column("stot", "MCPP", "Sessions in all", |r| {
        U64(r.totals.sessions)
    }),
    column("bin", "MCPP", "Request bytes in all", |r| {
        U64(r.totals.bytes_in)
    }),
    column("bout", "MCPP", "Response bytes in all", |r| {
        U64(r.totals.bytes_out)
    }),
    column("dreq", "MCPP", "Requests denied by rules", |r| {
        r.on(LFB, U64(r.totals.denied_requests))
    }),
    column("dresp", "MCPP", "Responses denied by rules", |r| {
        U64(r.totals.denied_responses)
    }),
    column("ereq", "MCPP", "Invalid requests", |r| {
        r.on(LF, U64(r.totals.failed_requests))
    }),
    column("econ", "MCPP", "Failed connections to servers", |r| {
        r.on(BS, U64(r.totals.failed_connections))
    }),
    column("eresp", "MCPP", "Invalid responses", |r| {
        r.on(BS, U64(r.totals.failed_responses))
    }),
    column("wretr", "MCPP", "Connection retries", |r| {
        r.on(BS, U64(r.totals.retries))
    }),
    column("wredis", "MCPP", "Redispatches", |r| {
        r.on(BS, U64(r.totals.redispatches))
    }),
    column("status", "SGPV", "Status", |r| Str(r.status())),
    column("weight", "MaPV", "Effective weight", |r| r.weight()),
    column(
        "act",
        "MGPV",
        "Active servers, or whether this one is active",
        |r| r.active(),
    ),
    column(
        "bck",
        "MGPV",
        "Backup servers, or whether this one is backup",
        |r| r.backup(),
    ),
    column("chkfail", "MCPP", "Failed checks while up", |r| {
        r.checked(|h| U64(h.failed_checks + r.totals.earlier_check_failures))
    }),
    column("chkdown", "MCPP", "Transitions to down", |r| r.downs()),
    column(
        "lastchg",
        "MAPP",
        "Seconds since the last change of state",
        |r| r.last_change(),
    ),
    column("downtime", "MCPV", "Seconds spent down", |r| r.downtime()),
    column("qlimit", "CGSV", "Limit of the server's queue", |r| {
        r.queue_limit()
    }),
    column("pid", "KGPV", "Number of the process", |_| U32(1)),
    column("iid", "KGSV", "Numeric id of the proxy", |r| {
        U32(r.spec.uid)
    }),
    column("sid", "KGSV", "Numeric id of the server or listener", |r| {
        U32(r.object_uid())
    }),
    column(
        "throttle",
        "MGPV",
        "Percent of its weight that a starting server has",
        |r| r.throttle(),
    ),
    column("lbtot", "MCPP", "Times chosen by balance", |r| {
        r.on(BS, U64(r.chosen()))
    }),
    column("tracked", "CNSV", "Server that this one follows", |r| {
        r.tracked()
    }),
    column(
        "type",
        "CGSV",
        "0 frontend, 1 backend, 2 server, 3 listener",
        |r| U32(r.object.number()),
    ),
    column("rate", "MRPP", "Sessions in the last second", |r| {
        r.on(FBS, U32(r.totals.session_rate))
    }),
    column("rate_lim", "CLPV", "Limit of sessions per second", |r| {
        r.on(F, U32(r.spec.frontend.rate_limit_sessions))
    }),
    column("rate_max", "MMPV", "Most sessions in a second", |r| {
        r.on(FBS, U32(r.totals.max_rates()[0]))
    }),
    column("check_status", "MOPV", "Status of the last check", |r| {
        r.probe(Which::Health, |p| Str(status_name(p)))
    }),
    column("check_code", "MOPV", "Code of the last check", |r| {
        r.probe(Which::Health, probe_code)
    }),
    column(
        "check_duration",
        "MDPV",
        "Milliseconds of the last check",
        |r| r.probe(Which::Health, probe_duration),
    ),
    column("hrsp_1xx", "MCPP", "Responses 100 to 199", |r| r.http(0)),
    column("hrsp_2xx", "MCPP", "Responses 200 to 299", |r| r.http(1)),
    column("hrsp_3xx", "MCPP", "Responses 300 to 399", |r| r.http(2)),
    column("hrsp_4xx", "MCPP", "Responses 400 to 499", |r| r.http(3)),
    column("hrsp_5xx", "MCPP", "Responses 500 to 599", |r| r.http(4)),
    column("hrsp_other", "MCPP", "Responses of other status", |r| {
        r.http(5)
    }),
    column(
        "hanafail",
        "MCPP",
        "Times that traffic reached the error limit",
        |r| r.observed(),
    ),
    column("req_rate", "MRPP", "Requests in the last second", |r| {
        r.on(F, U32(r.totals.request_rate))
    }),
    column("req_rate_max", "MMPV", "Most requests in a second", |r| {
        r.on(F, U32(r.totals.max_rates()[2]))
    }),
    column("req_tot", "MCPP", "HTTP requests in all", |r| r.requests()),
    column("cli_abrt", "MCPP", "Transfers that the client broke", |r| {
        r.on(BS, U64(r.totals.client_aborts))
    }),
    column("srv_abrt", "MCPP", "Transfers that the server broke", |r| {
        r.on(BS, U64(r.totals.server_aborts))
    }),
    column("comp_in", "MCPP", "Bytes given to compression", |r| {
        r.on(FB, U64(0))
    }),
    column("comp_out", "MCPP", "Bytes that compression gave", |r| {
        r.on(FB, U64(0))
    }),
    column("comp_byp", "MCPP", "Bytes that bypassed compression", |r| {
        r.on(FB, U64(0))
    }),
    column("comp_rsp", "MCPP", "Responses compressed", |r| {
        r.on(FB, U64(0))
    }),
    column(
        "lastsess",
        "MAPP",
        "Seconds since the last session, -1 for none",
        |r| r.on(BS, r.last_session()),
    ),
    column("last_chk", "MOPV", "Text of the last check", |r| {
        r.probe(Which::Health, probe_text)
    }),
    column("last_agt", "MOPV", "Text of the last agent check", |r| {
        r.probe(Which::Agent, probe_text)
    }),
    column("qtime", "MaPV", "Average ms in queue", |r| {
        r.on(BS, U32(narrow(r.totals.times[0])))
    }),
    column("ctime", "MaPV", "Average ms to connect", |r| {
        r.on(BS, U32(narrow(r.totals.times[1])))
    }),
    column("rtime", "MaPV", "Average ms to the response", |r| {
        r.on(BS, U32(narrow(r.totals.times[2])))
    }),
    column("ttime", "MaPV", "Average ms of a session", |r| {
        r.on(BS, U32(narrow(r.totals.times[3])))
    }),
    column(
        "agent_status",
        "MOPV",
        "Status of the last agent check",
        |r| r.probe(Which::Agent, |p| Str(status_name(p))),
    ),
    column("agent_code", "MOPV", "Code of the last agent check", |r| {
        r.probe(Which::Agent, probe_code)
    }),
    column(
        "agent_duration",
        "MDPV",
        "Milliseconds of the last agent check",
        |r| r.probe(Which::Agent, probe_duration),
    ),
    column("check_desc", "MOPV", "Description of check_status", |r| {
        r.probe(Which::Health, |p| Str(p.status.describe().to_owned()))
    }),
    column("agent_desc", "MOPV", "Description of agent_status", |r| {
        r.probe(Which::Agent, |p| Str(p.status.describe().to_owned()))
    }),
    column("check_rise", "CGSV", "Successes that bring it up", |r| {
        r.probe(Which::Health, |p| U32(p.rise))
    }),
    column("check_fall", "CGSV", "Failures that bring it down", |r| {
        r.probe(Which::Health, |p| U32(p.fall))
    }),
    column(
        "check_health",
        "CGSV",
        "Count between 0 and rise + fall - 1",
        |r| r.probe(Which::Health, |p| U32(p.health)),
    ),
    column("agent_rise", "CGSV", "Successes that bring it up", |r| {
        r.probe(Which::Agent, |p| U32(p.rise))
    }),
    column("agent_fall", "CGSV", "Failures that bring it down", |r| {
        r.probe(Which::Agent, |p| U32(p.fall))
    }),
    column(
        "agent_health",
        "CGSV",
        "Count between 0 and rise + fall - 1",
        |r| r.probe(Which::Agent, |p| U32(p.health)),
    ),
    column("addr", "CGSV", "Address", |r| r.address()),
    column("cookie", "CNSV", "Cookie name or value", |r| r.cookie()),
    column("mode", "CGSV", "Mode", |r| Str(r.mode().to_owned())),
    column("algo", "CGSV", "Balance algorithm", |r| {
        r.on(B, r.algorithm())
    }),
    column("conn_rate", "MRPP", "Connections in the last second", |r| {
        r.on(F, U32(r.totals.connection_rate))
    }),
    column(
        "conn_rate_max",
        "MMPV",
        "Most connections in a second",
        |r| r.on(F, U32(r.totals.max_rates()[1])),
    ),
    column("conn_tot", "MCPP", "Connections in all", |r| {
        r.on(LF, U64(r.totals.connections))
    }),
    column(
        "intercepted",
        "MCPP",
        "Requests answered by the balancer itself",
        |r| r.in_http(F, U64(r.totals.intercepted)),
    ),
    column("dcon", "MCPP", "Connections refused by rules", |r| {
        r.on(LF, U64(r.totals.denied_connections))
    }),
    column("dses", "MCPP", "Sessions refused by rules", |r| {
        r.on(LF, U64(r.totals.denied_sessions))
    }),
    column("wrew", "MCPP", "Rewrites that failed", |r| {
        U64(r.totals.failed_rewrites)
    }),
    column(
        "connect",
        "MCPP",
        "Connections established to servers",
        |r| r.on(BS, U64(r.totals.connects)),
    ),
    column(
        "reuse",
        "MCPP",
        "Requests sent over a reused connection",
        |r| r.on(BS, U64(r.totals.reuses)),
    ),
    column("cache_lookups", "MCPP", "Look-ups in the cache", |r| {
        r.in_http(FB, U64(0))
    }),
    column("cache_hits", "MCPP", "Hits in the cache", |r| {
        r.in_http(FB, U64(0))
    }),
    column("srv_icur", "MGPV", "Idle connections to the server", |r| {
        r.on(S, U32(narrow(r.totals.idle)))
    }),
    column("src_ilim", "CLPV", "Limit of idle connections", |r| {
        r.idle_limit()
    }),
    column("qtime_max", "MMPV", "Most ms in queue", |r| {
        r.on(BS, U32(narrow(r.totals.max_times[0])))
    }),
    column("ctime_max", "MMPV", "Most ms to connect", |r| {
        r.on(BS, U32(narrow(r.totals.max_times[1])))
    }),
    column("rtime_max", "MMPV", "Most ms to the response", |r| {
        r.on(BS, U32(narrow(r.totals.max_times[2])))
    }),
    column("ttime_max", "MMPV", "Most ms of a session", |r| {
        r.on(BS, U32(narrow(r.totals.max_times[3])))
    }),
    column("eint", "MCPP", "Internal errors", |r| {
        U64(r.totals.internal_errors)
    }),
    column(
        "idle_conn_cur",
        "MGPV",
        "Idle connections that only their first client may use",
        |r| r.on(S, U32(0)),
    ),
    column(
        "safe_conn_cur",
        "MGPV",
        "Idle connections that anybody may use",
        |r| r.on(S, U32(narrow(r.totals.idle))),
    ),
    column("used_conn_cur", "MGPV", "Connections in use", |r| {
        r.on(S, U32(narrow(r.totals.used)))
    }),
    column(
        "need_conn_est",
        "MGPV",
        "Connections that are estimated to be needed",
        |r| r.on(S, U32(narrow(r.totals.used))),
    ),
    column("uweight", "MaPV", "Weight as set", |r| r.user_weight()),
    column(
        "agg_server_status",
        "MGPV",
        "Servers that are up or starting",
        |r| r.on(B, U32(0)),
    ),
    column(
        "agg_server_check_status",
        "MGPV",
        "The same by the older name",
        |r| r.on(B, U32(0)),
    ),
    column(
        "agg_check_status",
        "MGPV",
        "Servers by the result of their check",
        |r| r.on(B, U32(0)),
    ),
    column("srid", "MCPV", "Revision of the server's identity", |r| {
        r.on(S, U32(r.revision()))
    }),
    column("sess_other", "MCPV", "Sessions of no HTTP version", |r| {
        r.on(F, U64(r.totals.other_sessions))
    }),
    column("h1sess", "MCPP", "HTTP/1 sessions", |r| {
        r.on(F, U64(r.totals.h1_sessions))
    }),
    column("h2sess", "MCPP", "HTTP/2 sessions", |r| {
        r.on(F, U64(r.totals.h2_sessions))
    }),
    column("h3sess", "MCPP", "HTTP/3 sessions", |r| r.on(F, U64(0))),
    column("req_other", "MCPP", "Requests of no HTTP version", |r| {
        r.on(F, U64(0))
    }),
    column("h1req", "MCPP", "HTTP/1 requests", |r| {
        r.on(
            F,
            U64(r.totals.requests - r.totals.h2_requests.min(r.totals.requests)),
        )
    }),
    column("h2req", "MCPP", "HTTP/2 requests", |r| {
        r.on(F, U64(r.totals.h2_requests))
    }),
    column("h3req", "MCPP", "HTTP/3 requests", |r| r.on(F, U64(0))),
    column("proto", "SGPV", "Protocol of the listener", |r| {
        r.protocol()
    }),
    column(
        "priv_idle_cur",
        "MGPV",
        "Idle connections bound to one session",
        |r| r.on(S, U32(0)),
    ),
    column("reqbin", "MCPP", "Request bytes received", |r| {
        U64(r.totals.request_in)
    }),
    column("reqbout", "MCPP", "Request bytes sent on", |r| {
        U64(r.totals.request_out)
    }),
    column("resbin", "MCPP", "Response bytes received", |r| {
        U64(r.totals.response_in)
    }),
    column("resbout", "MCPP", "Response bytes sent on", |r| {
        U64(r.totals.response_out)
    }),
];

//! Fetches of the process, its proxies and servers (manual 7.3.2).
//!
//! Constants and variables stand in `constant`.

use std::time::Duration;

use super::l4::{DateUnit, millis};
use super::{
    BACKEND, Built, CLIENT, EVERYWHERE, FRONTEND, NO_ARGS, OPT_INT, RUNTIME, SERVER, boolean, eval,
    int, number, string, text,
};
use crate::acl::Truth;
use crate::arg::{Arg, ArgError, ArgKind, ArgSpec};
use crate::facts::{Asked, Target};
use crate::registry::BuildCtx;
use crate::registry::{Example, Fetch, Outcome};
use crate::view::View;
use crate::view::{ProcessFact, ProxyFact, ServerFact};
use crate::word::Word;
use lbd_core::{FileId, ProxyId, ServerId, Span};
use lbd_core::{Type, Value};

/// The family.
pub const FETCHES: &[Fetch] = &[
    Fetch {
        name: "acl",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
        ],
        out: Type::Bool,
        valid: EVERYWHERE,
        doc: "Whether all these ACLs match; a name may be negated (manual 7.3.2).",
        examples: &[
            Example::Ok("acl(TRUE)"),
            Example::Ok("acl(TRUE,!FALSE)"),
            Example::Fail("acl(none)", "ACL 'none' not found"),
        ],
        build: |ctx, args| all_acls(ctx, &args),
    },
    Fetch {
        name: "act_conn",
        args: NO_ARGS,
        out: Type::Int,
        valid: EVERYWHERE,
        doc: "Current connections of the process (manual 7.3.2).",
        examples: &[Example::Ok("act_conn")],
        build: |_, _| int(|v| Some(v.world.process(ProcessFact::Connections))),
    },
    Fetch {
        name: "avg_queue",
        args: &[ArgSpec::required(ArgKind::Backend)],
        out: Type::Int,
        valid: RUNTIME,
        doc: "Queued requests per usable server (manual 7.3.2).",
        examples: &[Example::Ok("avg_queue(be)")],
        build: |_, args| backend_fact(&args, ProxyFact::AverageQueue),
    },
    Fetch {
        name: "be_conn",
        args: &[ArgSpec::required(ArgKind::Backend)],
        out: Type::Int,
        valid: RUNTIME,
        doc: "Current connections of the backend (manual 7.3.2).",
        examples: &[Example::Ok("be_conn(be)")],
        build: |_, args| backend_fact(&args, ProxyFact::BackendConnections),
    },
    Fetch {
        name: "be_conn_free",
        args: &[ArgSpec::required(ArgKind::Backend)],
        out: Type::Int,
        valid: RUNTIME,
        doc: "Free connection slots of the usable servers, -1 without limit (manual 7.3.2).",
        examples: &[Example::Ok("be_conn_free(be)")],
        build: |_, args| backend_fact(&args, ProxyFact::BackendFree),
    },
    Fetch {
        name: "be_connect_timeout",
        args: NO_ARGS,
        out: Type::Int,
        valid: BACKEND,
        doc: "Configured connect timeout of the backend in ms (manual 7.3.2).",
        examples: &[Example::Ok("be_connect_timeout")],
        build: |_, _| int(|v| Some(v.world.proxy(backend(v)?, ProxyFact::ConnectTimeout))),
    },
    Fetch {
        name: "be_id",
        args: NO_ARGS,
        out: Type::Int,
        valid: BACKEND,
        doc: "Numeric id of the current backend (manual 7.3.2).",
        examples: &[Example::Ok("be_id")],
        build: |_, _| int(|v| Some(v.world.proxy(backend(v)?, ProxyFact::Uid))),
    },
    Fetch {
        name: "be_name",
        args: NO_ARGS,
        out: Type::Str,
        valid: BACKEND,
        doc: "Name of the current backend (manual 7.3.2).",
        examples: &[Example::Ok("be_name")],
        build: |_, _| string(|v| Some(v.world.proxy_name(backend(v)?).as_bytes())),
    },
    Fetch {
        name: "be_queue_timeout",
        args: NO_ARGS,
        out: Type::Int,
        valid: BACKEND,
        doc: "Configured queue timeout of the backend in ms (manual 7.3.2).",
        examples: &[Example::Ok("be_queue_timeout")],
        build: |_, _| int(|v| Some(v.world.proxy(backend(v)?, ProxyFact::QueueTimeout))),
    },
    Fetch {
        name: "be_server_timeout",
        args: NO_ARGS,
        out: Type::Int,
        valid: BACKEND,
        doc: "Configured server timeout of the backend in ms (manual 7.3.2).",
        examples: &[Example::Ok("be_server_timeout")],
        build: |_, _| int(|v| Some(v.world.proxy(backend(v)?, ProxyFact::ServerTimeout))),
    },
    Fetch {
        name: "be_sess_rate",
        args: &[ArgSpec::required(ArgKind::Backend)],
        out: Type::Int,
        valid: RUNTIME,
        doc: "Sessions per second of the backend (manual 7.3.2).",
        examples: &[Example::Ok("be_sess_rate(be)")],
        build: |_, args| backend_fact(&args, ProxyFact::BackendSessionRate),
    },
    Fetch {
        name: "be_tarpit_timeout",
        args: NO_ARGS,
        out: Type::Int,
        valid: BACKEND,
        doc: "Configured tarpit timeout of the backend in ms (manual 7.3.2).",
        examples: &[Example::Ok("be_tarpit_timeout")],
        build: |_, _| int(|v| Some(v.world.proxy(backend(v)?, ProxyFact::TarpitTimeout))),
    },
    Fetch {
        name: "be_tunnel_timeout",
        args: NO_ARGS,
        out: Type::Int,
        valid: BACKEND,
        doc: "Configured tunnel timeout of the backend in ms (manual 7.3.2).",
        examples: &[Example::Ok("be_tunnel_timeout")],
        build: |_, _| int(|v| Some(v.world.proxy(backend(v)?, ProxyFact::TunnelTimeout))),
    },
    Fetch {
        name: "connslots",
        args: &[ArgSpec::required(ArgKind::Backend)],
        out: Type::Int,
        valid: RUNTIME,
        doc: "Free slots of connections and queues, -1 without limit (manual 7.3.2).",
        examples: &[Example::Ok("connslots(be)")],
        build: |_, args| backend_fact(&args, ProxyFact::ConnectionSlots),
    },
    Fetch {
        name: "cur_client_timeout",
        args: NO_ARGS,
        out: Type::Int,
        valid: FRONTEND,
        doc: "Client timeout in force in ms (manual 7.3.2).",
        examples: &[Example::Ok("cur_client_timeout")],
        build: |_, _| {
            int(|v| {
                let session = v.session?;
                Some(session.client_timeout.map_or_else(
                    || v.world.proxy(session.frontend, ProxyFact::ClientTimeout),
                    millis,
                ))
            })
        },
    },
    Fetch {
        name: "cur_connect_timeout",
        args: NO_ARGS,
        out: Type::Int,
        valid: BACKEND,
        doc: "Connect timeout in force in ms (manual 7.3.2).",
        examples: &[Example::Ok("cur_connect_timeout")],
        build: |_, _| int(|v| asked(v, |a| a.connect_timeout, ProxyFact::ConnectTimeout)),
    },
    Fetch {
        name: "cur_queue_timeout",
        args: NO_ARGS,
        out: Type::Int,
        valid: BACKEND,
        doc: "Queue timeout in force in ms (manual 7.3.2).",
        examples: &[Example::Ok("cur_queue_timeout")],
        build: |_, _| int(|v| asked(v, |a| a.queue_timeout, ProxyFact::QueueTimeout)),
    },
    Fetch {
        name: "cur_server_timeout",
        args: NO_ARGS,
        out: Type::Int,
        valid: BACKEND,
        doc: "Server timeout in force in ms (manual 7.3.2).",
        examples: &[Example::Ok("cur_server_timeout")],
        build: |_, _| int(|v| asked(v, |a| a.server_timeout, ProxyFact::ServerTimeout)),
    },
    Fetch {
        name: "cur_tarpit_timeout",
        args: NO_ARGS,
        out: Type::Int,
        valid: CLIENT,
        doc: "Tarpit timeout in force in ms (manual 7.3.2).",
        examples: &[Example::Ok("cur_tarpit_timeout")],
        build: |_, _| {
            int(|v| {
                let stream = v.stream?;
                let own = stream.backend.or_else(|| v.session.map(|s| s.frontend))?;
                Some(
                    stream
                        .asked
                        .tarpit_timeout
                        .map_or_else(|| v.world.proxy(own, ProxyFact::TarpitTimeout), millis),
                )
            })
        },
    },
    Fetch {
        name: "cur_tunnel_timeout",
        args: NO_ARGS,
        out: Type::Int,
        valid: BACKEND,
        doc: "Tunnel timeout in force in ms (manual 7.3.2).",
        examples: &[Example::Ok("cur_tunnel_timeout")],
        build: |_, _| int(|v| asked(v, |a| a.tunnel_timeout, ProxyFact::TunnelTimeout)),
    },
    Fetch {
        name: "date",
        args: &[
            ArgSpec::optional(ArgKind::Int),
            ArgSpec::optional(ArgKind::Str),
        ],
        out: Type::Int,
        valid: EVERYWHERE,
        doc: "Now, shifted by an offset, in s, ms or us (manual 7.3.2).",
        examples: &[
            Example::Ok("date"),
            Example::Ok("date(-60)"),
            Example::Ok("date(0,ms)"),
            Example::Fail("date(1,x)", "expects 's', 'ms' or 'us', got 'x'"),
        ],
        build: |_, args| {
            let offset = number(&args, 0).unwrap_or(0);
            let unit = DateUnit::parse(&text(&args, 1))?;
            int(move |v| Some(unit.of(v.wall).saturating_add(offset)))
        },
    },
    Fetch {
        name: "date_us",
        args: NO_ARGS,
        out: Type::Int,
        valid: EVERYWHERE,
        doc: "Microseconds within the current second (manual 7.3.2).",
        examples: &[Example::Ok("date_us")],
        build: |_, _| int(|v| Some(i64::from(v.wall.subsec_micros()))),
    },
    Fetch {
        name: "fe_client_timeout",
        args: NO_ARGS,
        out: Type::Int,
        valid: FRONTEND,
        doc: "Configured client timeout of the frontend in ms (manual 7.3.2).",
        examples: &[Example::Ok("fe_client_timeout")],
        build: |_, _| int(|v| Some(v.world.proxy(v.session?.frontend, ProxyFact::ClientTimeout))),
    },
    Fetch {
        name: "fe_conn",
        args: &[ArgSpec::required(ArgKind::Frontend)],
        out: Type::Int,
        valid: RUNTIME,
        doc: "Current connections of the frontend (manual 7.3.2).",
        examples: &[Example::Ok("fe_conn(fe)")],
        build: |_, args| backend_fact(&args, ProxyFact::FrontendConnections),
    },
    Fetch {
        name: "fe_id",
        args: NO_ARGS,
        out: Type::Int,
        valid: FRONTEND,
        doc: "Numeric id of the frontend (manual 7.3.2).",
        examples: &[Example::Ok("fe_id")],
        build: |_, _| int(|v| Some(v.world.proxy(v.session?.frontend, ProxyFact::Uid))),
    },
    Fetch {
        name: "fe_name",
        args: NO_ARGS,
        out: Type::Str,
        valid: FRONTEND,
        doc: "Name of the frontend (manual 7.3.2).",
        examples: &[Example::Ok("fe_name")],
        build: |_, _| string(|v| Some(v.world.proxy_name(v.session?.frontend).as_bytes())),
    },
    Fetch {
        name: "fe_req_rate",
        args: &[ArgSpec::required(ArgKind::Frontend)],
        out: Type::Int,
        valid: RUNTIME,
        doc: "Requests per second of the frontend (manual 7.3.2).",
        examples: &[Example::Ok("fe_req_rate(fe)")],
        build: |_, args| backend_fact(&args, ProxyFact::FrontendRequestRate),
    },
    Fetch {
        name: "fe_sess_rate",
        args: &[ArgSpec::required(ArgKind::Frontend)],
        out: Type::Int,
        valid: RUNTIME,
        doc: "Sessions per second of the frontend (manual 7.3.2).",
        examples: &[Example::Ok("fe_sess_rate(fe)")],
        build: |_, args| backend_fact(&args, ProxyFact::FrontendSessionRate),
    },
    Fetch {
        name: "fe_tarpit_timeout",
        args: NO_ARGS,
        out: Type::Int,
        valid: FRONTEND,
        doc: "Configured tarpit timeout of the frontend in ms (manual 7.3.2).",
        examples: &[Example::Ok("fe_tarpit_timeout")],
        build: |_, _| int(|v| Some(v.world.proxy(v.session?.frontend, ProxyFact::TarpitTimeout))),
    },
    Fetch {
        name: "hostname",
        args: NO_ARGS,
        out: Type::Str,
        valid: EVERYWHERE,
        doc: "Name of this machine (manual 7.3.2).",
        examples: &[Example::Ok("hostname")],
        build: |_, _| string(|v| Some(v.world.hostname().as_bytes())),
    },
    Fetch {
        name: "last_rule_line",
        args: NO_ARGS,
        out: Type::Int,
        valid: RUNTIME,
        doc: "Line of the rule that decided last (manual 7.3.2).",
        examples: &[Example::Ok("last_rule_line")],
        build: |_, _| int(|v| Some(i64::from(v.stream?.last_rule?.line))),
    },
    Fetch {
        name: "nbproc",
        args: NO_ARGS,
        out: Type::Int,
        valid: EVERYWHERE,
        doc: "Number of processes, always 1 (manual 7.3.2).",
        examples: &[Example::Ok("nbproc")],
        build: |_, _| int(|_| Some(1)),
    },
    Fetch {
        name: "nbsrv",
        args: &[ArgSpec::required(ArgKind::Backend)],
        out: Type::Int,
        valid: RUNTIME,
        doc: "Usable servers of the backend (manual 7.3.2).",
        examples: &[
            Example::Ok("nbsrv(be)"),
            Example::Fail("nbsrv(none)", "unable to find backend 'none'"),
        ],
        build: |_, args| backend_fact(&args, ProxyFact::UsableServers),
    },
    Fetch {
        name: "pid",
        args: NO_ARGS,
        out: Type::Int,
        valid: EVERYWHERE,
        doc: "Id of the process (manual 7.3.2).",
        examples: &[Example::Ok("pid")],
        build: |_, _| int(|v| Some(v.world.process(ProcessFact::Pid))),
    },
    Fetch {
        name: "prio_class",
        args: NO_ARGS,
        out: Type::Int,
        valid: RUNTIME,
        doc: "Priority class of the stream (manual 7.3.2).",
        examples: &[Example::Ok("prio_class")],
        build: |_, _| int(|v| Some(i64::from(v.stream?.asked.priority_class))),
    },
    Fetch {
        name: "prio_offset",
        args: NO_ARGS,
        out: Type::Int,
        valid: RUNTIME,
        doc: "Priority offset of the stream (manual 7.3.2).",
        examples: &[Example::Ok("prio_offset")],
        build: |_, _| int(|v| Some(i64::from(v.stream?.asked.priority_offset))),
    },
    Fetch {
        name: "proc",
        args: NO_ARGS,
        out: Type::Int,
        valid: EVERYWHERE,
        doc: "Number of the process, always 1 (manual 7.3.2).",
        examples: &[Example::Ok("proc")],
        build: |_, _| int(|_| Some(1)),
    },
    Fetch {
        name: "queue",
        args: &[ArgSpec::required(ArgKind::Backend)],
        out: Type::Int,
        valid: RUNTIME,
        doc: "Queued requests of the backend (manual 7.3.2).",
        examples: &[Example::Ok("queue(be)")],
        build: |_, args| backend_fact(&args, ProxyFact::Queue),
    },
    Fetch {
        name: "quic_enabled",
        args: NO_ARGS,
        out: Type::Bool,
        valid: EVERYWHERE,
        doc: "Whether QUIC is enabled: it is not (manual 7.3.2).",
        examples: &[Example::Ok("quic_enabled")],
        build: |_, _| boolean(|_| Some(false)),
    },
    Fetch {
        name: "rand",
        args: OPT_INT,
        out: Type::Int,
        valid: EVERYWHERE,
        doc: "A random number below the argument, 2^32 by default (manual 7.3.2).",
        examples: &[Example::Ok("rand"), Example::Ok("rand(100)")],
        build: |_, args| {
            let range = number(&args, 0)
                .and_then(|n| u64::try_from(n).ok())
                .unwrap_or(1 << 32);
            let range = u128::from(range.min(1 << 32));
            int(move |v| {
                let random = v.world.process(ProcessFact::Random) as u32;
                Some(((u128::from(random) * range) >> 32) as i64)
            })
        },
    },
    Fetch {
        name: "srv_conn",
        args: &[ArgSpec::required(ArgKind::Server)],
        out: Type::Int,
        valid: RUNTIME,
        doc: "Current connections of the server (manual 7.3.2).",
        examples: &[Example::Ok("srv_conn(be/s1)")],
        build: |_, args| server_fact(&args, ServerFact::Connections),
    },
    Fetch {
        name: "srv_conn_free",
        args: &[ArgSpec::required(ArgKind::Server)],
        out: Type::Int,
        valid: RUNTIME,
        doc: "Free connection slots of the server, -1 without limit (manual 7.3.2).",
        examples: &[Example::Ok("srv_conn_free(be/s1)")],
        build: |_, args| server_fact(&args, ServerFact::Free),
    },
    Fetch {
        name: "srv_id",
        args: NO_ARGS,
        out: Type::Int,
        valid: SERVER,
        doc: "Numeric id of the server of this stream (manual 7.3.2).",
        examples: &[Example::Ok("srv_id")],
        build: |_, _| {
            int(|v| {
                let (backend, server) = target(v)?;
                Some(v.world.server(backend, server, ServerFact::Uid))
            })
        },
    },
    Fetch {
        name: "srv_is_up",
        args: &[ArgSpec::required(ArgKind::Server)],
        out: Type::Bool,
        valid: RUNTIME,
        doc: "Whether the server is up (manual 7.3.2).",
        examples: &[
            Example::Ok("srv_is_up(be/s1)"),
            Example::Fail("srv_is_up(be/none)", "unable to find server 'none'"),
        ],
        build: |_, args| match args.first() {
            Some(Arg::Server(backend, server)) => {
                let (backend, server) = (*backend, *server);
                boolean(move |v| Some(v.world.server(backend, server, ServerFact::IsUp) != 0))
            }
            _ => Err(ArgError::new("a server is expected")),
        },
    },
    Fetch {
        name: "srv_iweight",
        args: &[ArgSpec::required(ArgKind::Server)],
        out: Type::Int,
        valid: RUNTIME,
        doc: "Initial weight of the server (manual 7.3.2).",
        examples: &[Example::Ok("srv_iweight(be/s1)")],
        build: |_, args| server_fact(&args, ServerFact::InitialWeight),
    },
    Fetch {
        name: "srv_name",
        args: NO_ARGS,
        out: Type::Str,
        valid: SERVER,
        doc: "Name of the server of this stream (manual 7.3.2).",
        examples: &[Example::Ok("srv_name")],
        build: |_, _| {
            string(|v| {
                let (backend, server) = target(v)?;
                Some(v.world.server_name(backend, server).as_bytes())
            })
        },
    },
    Fetch {
        name: "srv_queue",
        args: &[ArgSpec::required(ArgKind::Server)],
        out: Type::Int,
        valid: RUNTIME,
        doc: "Queued requests of the server (manual 7.3.2).",
        examples: &[Example::Ok("srv_queue(be/s1)")],
        build: |_, args| server_fact(&args, ServerFact::Queue),
    },
    Fetch {
        name: "srv_sess_rate",
        args: &[ArgSpec::required(ArgKind::Server)],
        out: Type::Int,
        valid: RUNTIME,
        doc: "Sessions per second of the server (manual 7.3.2).",
        examples: &[Example::Ok("srv_sess_rate(be/s1)")],
        build: |_, args| server_fact(&args, ServerFact::SessionRate),
    },
    Fetch {
        name: "srv_uweight",
        args: &[ArgSpec::required(ArgKind::Server)],
        out: Type::Int,
        valid: RUNTIME,
        doc: "Configured weight of the server (manual 7.3.2).",
        examples: &[Example::Ok("srv_uweight(be/s1)")],
        build: |_, args| server_fact(&args, ServerFact::UserWeight),
    },
    Fetch {
        name: "srv_weight",
        args: &[ArgSpec::required(ArgKind::Server)],
        out: Type::Int,
        valid: RUNTIME,
        doc: "Effective weight of the server (manual 7.3.2).",
        examples: &[Example::Ok("srv_weight(be/s1)")],
        build: |_, args| server_fact(&args, ServerFact::Weight),
    },
    Fetch {
        name: "stopping",
        args: NO_ARGS,
        out: Type::Bool,
        valid: RUNTIME,
        doc: "Whether the process is stopping (manual 7.3.2).",
        examples: &[Example::Ok("stopping")],
        build: |_, _| boolean(|v| Some(v.world.process(ProcessFact::Stopping) != 0)),
    },
    Fetch {
        name: "tgroup",
        args: NO_ARGS,
        out: Type::Int,
        valid: EVERYWHERE,
        doc: "Number of the thread group, always 1 (manual 7.3.2).",
        examples: &[Example::Ok("tgroup")],
        build: |_, _| int(|_| Some(1)),
    },
    Fetch {
        name: "thread",
        args: NO_ARGS,
        out: Type::Int,
        valid: EVERYWHERE,
        doc: "Number of the evaluating thread, from 0 (manual 7.3.2).",
        examples: &[Example::Ok("thread")],
        build: |_, _| int(|v| Some(v.world.process(ProcessFact::Thread))),
    },
    Fetch {
        name: "uptime",
        args: NO_ARGS,
        out: Type::Int,
        valid: EVERYWHERE,
        doc: "Seconds since the start (manual 7.3.2).",
        examples: &[Example::Ok("uptime")],
        build: |_, _| int(|v| Some(v.world.process(ProcessFact::Uptime))),
    },
    Fetch {
        name: "uuid",
        args: OPT_INT,
        out: Type::Str,
        valid: EVERYWHERE,
        doc: "A random UUID of version 4 or 7 (manual 7.3.2).",
        examples: &[
            Example::Ok("uuid"),
            Example::Ok("uuid(7)"),
            Example::Fail("uuid(9)", "Unsupported UUID version"),
        ],
        build: |_, args| uuid(number(&args, 0).unwrap_or(4)),
    },
    Fetch {
        name: "wait_end",
        args: NO_ARGS,
        out: Type::Bool,
        valid: RUNTIME,
        doc: "True at the end of the inspection delay (manual 7.3.4).",
        examples: &[Example::Ok("wait_end")],
        build: |_, _| {
            eval(|v, sink| {
                if !v.is_final {
                    return Outcome::NotYet;
                }
                let _ = sink(Value::Bool(true));
                Outcome::Done
            })
        },
    },
];

fn backend(view: &View<'_>) -> Option<ProxyId> {
    view.stream.and_then(|stream| stream.backend)
}

fn target(view: &View<'_>) -> Option<(ProxyId, ServerId)> {
    let stream = view.stream?;
    match stream.target {
        Target::Server(server) => Some((stream.backend?, server)),
        Target::None | Target::Service(_) => None,
    }
}

fn backend_fact(args: &[Arg], fact: ProxyFact) -> Built {
    match args.first() {
        Some(Arg::Proxy(proxy)) => {
            let proxy = *proxy;
            int(move |view| Some(view.world.proxy(proxy, fact)))
        }
        _ => Err(ArgError::new("a proxy is expected")),
    }
}

fn server_fact(args: &[Arg], fact: ServerFact) -> Built {
    match args.first() {
        Some(Arg::Server(backend, server)) => {
            let (backend, server) = (*backend, *server);
            int(move |view| Some(view.world.server(backend, server, fact)))
        }
        _ => Err(ArgError::new("a server is expected")),
    }
}

fn asked(
    view: &View<'_>,
    own: fn(&Asked) -> Option<Duration>,
    configured: ProxyFact,
) -> Option<i64> {
    let stream = view.stream?;
    match own(&stream.asked) {
        Some(timeout) => Some(millis(timeout)),
        None => Some(view.world.proxy(stream.backend?, configured)),
    }
}

fn all_acls(ctx: &mut BuildCtx<'_>, args: &[Arg]) -> Built {
    let mut all = Vec::new();
    for at in 0..args.len() {
        let word = text(args, at);
        let (is_negated, name) = match word.strip_prefix(b"!") {
            Some(name) => (true, name),
            None => (false, &*word),
        };
        let nowhere = Span::line(FileId(0), 0);
        let table = ctx.acls;
        let acl = table
            .find_or_make(Word::new(name, nowhere), ctx)
            .map_err(|_| {
                ArgError::new(format!("ACL '{}' not found", String::from_utf8_lossy(name)))
            })?;
        all.push((is_negated, acl));
    }
    eval(move |view, sink| {
        let mut truth = Truth::True;
        for (is_negated, acl) in &all {
            let this = acl.eval(view);
            truth = truth.min(if *is_negated { this.negated() } else { this });
        }
        if truth == Truth::NotYet {
            return Outcome::NotYet;
        }
        let _ = sink(Value::Bool(truth == Truth::True));
        Outcome::Done
    })
}

/// RFC 9562: version 4 is random, version 7 begins with the time in ms.
fn uuid(version: i64) -> Built {
    if version != 4 && version != 7 {
        return Err(ArgError::new("Unsupported UUID version"));
    }
    string(move |view| {
        let random = |view: &View<'_>| view.world.process(ProcessFact::Random) as u64;
        let (mut high, mut low) = (random(view), random(view));
        if version == 7 {
            high = ((view.wall.0 / 1000) << 16) | (high & 0xffff);
        }
        high = (high & !0xf000) | ((version as u64) << 12);
        low = (low & (u64::MAX >> 2)) | (1 << 63);
        let mut text = bumpalo::collections::String::new_in(view.arena);
        // Writing to a string of the arena cannot fail.
        let _ = std::fmt::Write::write_fmt(
            &mut text,
            format_args!(
                "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
                high >> 32,
                (high >> 16) & 0xffff,
                high & 0xffff,
                low >> 48,
                low & 0xffff_ffff_ffff
            ),
        );
        Some(text.into_bump_str().as_bytes())
    })
}

//! Fetches of proxies and servers (manual 7.3.2).
//!
//! The process stands in `internal`.

use std::time::Duration;

use super::l4::millis;
use super::{BACKEND, Built, CLIENT, FRONTEND, NO_ARGS, RUNTIME, SERVER, boolean, int, string};
use crate::arg::{Arg, ArgError, ArgKind, ArgSpec};
use crate::facts::{Asked, Target};
use crate::registry::{Example, Fetch};
use crate::view::View;
use crate::view::{ProxyFact, ServerFact};
use lbd_core::Type;
use lbd_core::{ProxyId, ServerId};

/// The family.
pub const FETCHES: &[Fetch] = &[
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
        build: |_, _| int(|v| Some(v.world.proxy(current(v)?, ProxyFact::ConnectTimeout))),
    },
    Fetch {
        name: "be_id",
        args: NO_ARGS,
        out: Type::Int,
        valid: BACKEND,
        doc: "Numeric id of the current backend (manual 7.3.2).",
        examples: &[Example::Ok("be_id")],
        build: |_, _| int(|v| Some(v.world.proxy(current(v)?, ProxyFact::Uid))),
    },
    Fetch {
        name: "be_name",
        args: NO_ARGS,
        out: Type::Str,
        valid: BACKEND,
        doc: "Name of the current backend (manual 7.3.2).",
        examples: &[Example::Ok("be_name")],
        build: |_, _| string(|v| Some(v.world.proxy_name(current(v)?).as_bytes())),
    },
    Fetch {
        name: "be_queue_timeout",
        args: NO_ARGS,
        out: Type::Int,
        valid: BACKEND,
        doc: "Configured queue timeout of the backend in ms (manual 7.3.2).",
        examples: &[Example::Ok("be_queue_timeout")],
        build: |_, _| int(|v| Some(v.world.proxy(current(v)?, ProxyFact::QueueTimeout))),
    },
    Fetch {
        name: "be_server_timeout",
        args: NO_ARGS,
        out: Type::Int,
        valid: BACKEND,
        doc: "Configured server timeout of the backend in ms (manual 7.3.2).",
        examples: &[Example::Ok("be_server_timeout")],
        build: |_, _| int(|v| Some(v.world.proxy(current(v)?, ProxyFact::ServerTimeout))),
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
        build: |_, _| int(|v| Some(v.world.proxy(current(v)?, ProxyFact::TarpitTimeout))),
    },
    Fetch {
        name: "be_tunnel_timeout",
        args: NO_ARGS,
        out: Type::Int,
        valid: BACKEND,
        doc: "Configured tunnel timeout of the backend in ms (manual 7.3.2).",
        examples: &[Example::Ok("be_tunnel_timeout")],
        build: |_, _| int(|v| Some(v.world.proxy(current(v)?, ProxyFact::TunnelTimeout))),
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
        name: "fe_defbe",
        args: NO_ARGS,
        out: Type::Str,
        valid: FRONTEND,
        doc: "Name of the frontend's default backend (manual 7.3.2).",
        examples: &[Example::Ok("fe_defbe")],
        build: |_, _| {
            string(|v| {
                let backend = v.world.default_backend(v.session?.frontend)?;
                Some(v.world.proxy_name(backend).as_bytes())
            })
        },
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
        name: "queue",
        args: &[ArgSpec::required(ArgKind::Backend)],
        out: Type::Int,
        valid: RUNTIME,
        doc: "Queued requests of the backend (manual 7.3.2).",
        examples: &[Example::Ok("queue(be)")],
        build: |_, args| backend_fact(&args, ProxyFact::Queue),
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
];

/// The backend, or the frontend as long as none has been chosen.
fn current(view: &View<'_>) -> Option<ProxyId> {
    let has_request = view.request.is_some();
    let own = view.session.filter(|_| has_request);
    view.stream?
        .backend
        .or_else(|| own.map(|session| session.frontend))
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

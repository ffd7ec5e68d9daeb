//! Proxies and servers by names that are known at run time only (manual 7.3.1).
//!
//! Names that stand in the configuration are arguments of fetches.

use super::{Built, NO_ARGS, bytes};
use crate::registry::{Converter, Example};
use crate::view::{ProxyFact, ServerFact, View};
use lbd_core::{ProxyId, ServerId, Type, Value};

/// The family.
pub const CONVERTERS: &[Converter] = &[
    Converter {
        name: "fe_exists",
        args: NO_ARGS,
        from: Type::Str,
        to: Type::Bool,
        doc: "Whether a frontend of this name exists (manual 7.3.1).",
        examples: &[Example::Ok("req.hdr(x-site),fe_exists")],
        build: |_, _| {
            bytes(|view, name| Some(Value::Bool(view.world.frontend_named(name).is_some())))
        },
    },
    Converter {
        name: "nbsrv",
        args: NO_ARGS,
        from: Type::Str,
        to: Type::Int,
        doc: "Usable servers of the backend of this name (manual 7.3.1).",
        examples: &[Example::Ok("req.hdr(x-site),nbsrv")],
        build: |_, _| {
            bytes(|view, name| {
                let backend = view.world.backend_named(name)?;
                Some(Value::Int(
                    view.world.proxy(backend, ProxyFact::UsableServers),
                ))
            })
        },
    },
    Converter {
        name: "srv_is_up",
        args: NO_ARGS,
        from: Type::Str,
        to: Type::Bool,
        doc: "Whether the server of this name, backend/server or one of this proxy's, is up \
              (manual 7.3.1).",
        examples: &[Example::Ok("req.cook(SRV),srv_is_up")],
        build: |_, _| of_server(ServerFact::IsUp, |number| Value::Bool(number != 0)),
    },
    Converter {
        name: "srv_queue",
        args: NO_ARGS,
        from: Type::Str,
        to: Type::Int,
        doc: "Queued requests of the server of this name, backend/server or one of this proxy's \
              (manual 7.3.1).",
        examples: &[Example::Ok("req.cook(SRV),srv_queue")],
        build: |_, _| of_server(ServerFact::Queue, Value::Int),
    },
];

fn of_server(fact: ServerFact, value: fn(i64) -> Value<'static>) -> Built {
    bytes(move |view, name| {
        let (backend, server) = server_named(view, name)?;
        Some(value(view.world.server(backend, server, fact)))
    })
}

fn server_named(view: &View<'_>, name: &[u8]) -> Option<(ProxyId, ServerId)> {
    let slash = name.iter().position(|byte| *byte == b'/');
    let (backend, server) = match slash {
        Some(at) => (view.world.backend_named(&name[..at])?, &name[at + 1..]),
        None => (view.proxy?, name),
    };
    Some((backend, view.world.server_named(backend, server)?))
}

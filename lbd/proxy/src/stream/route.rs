//! Which backend a stream goes to: `use_backend`, then `default_backend`, backends that are disabled or
//! unpublished being passed by (haproxy 3.4 configuration 4.2, `disabled` and `force-be-switch`).
//!
//! It chooses no server.

use std::rc::Rc;

use lbd_config::config::BackendChoice;
use lbd_core::ProxyId;
use lbd_rules::acl::{Cond, Truth};

use crate::session::Session;
use crate::stream::{Halt, Stream};
use crate::term::{Phase, StreamError};

/// Chooses the backend and enters it.
pub(super) fn choose(session: &mut Session, stream: &mut Stream) -> Result<(), Halt> {
    let backend = find(session, stream);
    let Some(backend) = backend else {
        stream.enter(Phase::Connect, session);
        // Without a backend nothing was received for one, as in the reference's timers.
        stream.facts.timers.request_received = None;
        return Err(StreamError::NoServer.into());
    };
    enter(session, stream, backend);
    Ok(())
}

fn find(session: &Session, stream: &Stream) -> Option<ProxyId> {
    let bound = Rc::clone(&session.bound);
    let spec = &bound.generation.config.proxies[session.frontend.index()];
    let default = spec.frontend.default_backend;
    let is_open = |backend: &ProxyId| {
        let generation = &bound.generation;
        let is_disabled = generation.config.proxies[backend.index()].disabled;
        !is_disabled && !generation.proxy(*backend).is_unpublished()
    };
    if spec.frontend.use_backend.is_empty() && default.as_ref().is_none_or(is_open) {
        return default;
    }
    let arena = session.worker.take_arena();
    let view = session.view(Some(stream), &arena);
    let holds = |cond: &Cond| cond.eval(&view) == Truth::True;
    let mut is_forced = None;
    let mut may_enter = |backend: &ProxyId| {
        // The conditions are asked only for one that is not open.
        is_open(backend)
            || *is_forced.get_or_insert_with(|| spec.frontend.force_switch.iter().any(holds))
    };
    let mut found = None;
    for rule in &spec.frontend.use_backend {
        if !rule.cond.as_ref().is_none_or(holds) {
            continue;
        }
        let target = match &rule.target {
            BackendChoice::Fixed(backend) => Some(*backend),
            BackendChoice::Dynamic(name) => {
                let mut text = session.worker.take_bytes();
                name.render(&view, &mut text);
                let backend = bound.generation.backend_named(&text);
                session.worker.give_bytes(text);
                backend
            }
        };
        // An unknown name means the default backend, and no further rule.
        found = target.filter(&mut may_enter);
        if found.is_some() || target.is_none() {
            break;
        }
    }
    let found = found.or_else(|| default.filter(may_enter));
    session.worker.give_arena(arena);
    found
}

/// Counts the stream in its backend.
pub(super) fn enter(session: &mut Session, stream: &mut Stream, backend: ProxyId) {
    let generation = &session.bound.generation;
    let state = generation.proxy(backend);
    stream.backend = Some(backend);
    stream.facts.backend = Some(backend);
    session.live.backend.set(Some(backend));
    if stream.held.backend.is_none() {
        stream.held.backend = Some(backend);
        state.streams.enter();
        state.roster.enter();
        state
            .backend
            .of(session.worker.index)
            .session(session.now());
    }
}

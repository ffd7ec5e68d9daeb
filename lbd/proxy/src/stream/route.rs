//! Which backend a stream goes to: `use_backend`, then `default_backend`.
//!
//! It chooses no server.

use std::rc::Rc;

use lbd_config::config::BackendChoice;
use lbd_core::ProxyId;
use lbd_rules::acl::Truth;

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
    if spec.frontend.use_backend.is_empty() {
        return spec.frontend.default_backend;
    }
    let arena = session.worker.take_arena();
    let view = session.view(Some(stream), &arena);
    let holds = |rule: &&lbd_config::config::UseBackend| {
        rule.cond
            .as_ref()
            .is_none_or(|cond| cond.eval(&view) == Truth::True)
    };
    let rule = spec.frontend.use_backend.iter().find(holds);
    let found = match rule.map(|rule| &rule.target) {
        Some(BackendChoice::Fixed(backend)) => Some(*backend),
        Some(BackendChoice::Dynamic(name)) => {
            let mut text = session.worker.take_bytes();
            name.render(&view, &mut text);
            let backend = bound.generation.backend_named(&text);
            session.worker.give_bytes(text);
            // An unknown name means the default backend, and no further rule.
            backend.or(spec.frontend.default_backend)
        }
        None => spec.frontend.default_backend,
    };
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

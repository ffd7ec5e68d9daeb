//! A slot of a server: asking the roster for one, waiting in a queue, giving up.
//!
//! It opens no connection.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use lbd_backend::{Ask, Assigned, Outcome, Target, Ticket, Wake};
use lbd_config::config::ProxySpec;
use lbd_core::{ProxyId, ServerId};

use crate::session::Session;
use crate::stream::{Halt, Stream, backend, dispatch};
use crate::term::{Phase, StreamError};

/// A wait in a queue: leaving it by whatever way gives the place, or a slot granted too late, back.
struct Waiting<'a> {
    session: &'a Session,
    backend: ProxyId,
    ticket: Option<Ticket>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket.take() else {
            return;
        };
        let generation = &self.session.bound.generation;
        if generation
            .proxy(self.backend)
            .roster
            .cancel(&ticket)
            .is_some()
        {
            return;
        }
        // The grant is here or under way.
        match self.session.live.take_grant().map(|wake| wake.outcome) {
            Some(Outcome::Granted(server)) => generation.proxy(self.backend).release(
                server,
                &self.session.worker.shared,
                self.session.now(),
            ),
            // It lost its place and holds nothing.
            Some(Outcome::Redistributed) => {}
            None => self.session.worker.disown(
                self.session.live.id,
                Arc::clone(generation.proxy(self.backend)),
            ),
        }
    }
}

/// Takes a slot of a server, waiting for it when it must.
pub(super) async fn assign(
    session: &mut Session,
    stream: &mut Stream,
    spec: &ProxySpec,
) -> Result<ServerId, Halt> {
    // The server whose queue the stream had to leave.
    let mut left = None;
    loop {
        let mut wakes = Vec::new();
        let answer = ask(session, stream, spec, &mut wakes);
        session.worker.shared.deliver(&wakes);
        let state = session.bound.generation.proxy(spec.id);
        state.pass_on(&session.worker.shared, session.now());
        match answer {
            Assigned::Served(server) => {
                count_move(session, spec.id, left.take(), server);
                stream.held.slot = Some(server);
                return Ok(server);
            }
            Assigned::Queued(ticket) => {
                stream.enter(Phase::Queue, session);
                if let Some(server) = ticket.server {
                    count_move(session, spec.id, left.take(), server);
                    dispatch::aim(stream, server);
                }
                let wake = queue(session, stream, spec, ticket).await?;
                if wake.from_server {
                    stream.facts.server_queue = wake.position;
                } else {
                    stream.facts.backend_queue = wake.position;
                }
                if let Outcome::Granted(server) = wake.outcome {
                    count_move(session, spec.id, left.take(), server);
                    stream.held.slot = Some(server);
                    return Ok(server);
                }
                left = stream.server;
                stream.wanted = None;
                stream.cookie.redispatched();
            }
            full @ (Assigned::ServerQueueFull(_) | Assigned::QueueLimit) => {
                if stream.wanted.is_none() || spec.backend.redispatch.is_none() {
                    stream.enter(Phase::Queue, session);
                    if let Assigned::ServerQueueFull(server) = full {
                        dispatch::aim(stream, server);
                    }
                    return Err(StreamError::ServerAbort.into());
                }
                stream.wanted = None;
                stream.cookie.redispatched();
            }
            Assigned::NoServer => {
                if stream.wanted.is_none() {
                    stream.enter(Phase::Connect, session);
                    return Err(StreamError::NoServer.into());
                }
                stream.wanted = None;
                stream.cookie.redispatched();
            }
        }
    }
}

/// A stream that had to leave a server's queue for another one was dispatched again.
fn count_move(session: &Session, backend: ProxyId, left: Option<ServerId>, server: ServerId) {
    let Some(left) = left.filter(|left| *left != server) else {
        return;
    };
    let worker = session.worker.index;
    let generation = &session.bound.generation;
    let state = generation.proxy(backend).backend.of(worker);
    let server = generation.server(backend, left);
    let server = server.map(|server| server.counters.of(worker));
    for counters in [Some(state), server].into_iter().flatten() {
        counters.redispatches.inc();
    }
}

fn ask(
    session: &Session,
    stream: &mut Stream,
    spec: &ProxySpec,
    wakes: &mut Vec<Wake>,
) -> Assigned {
    let roster = &session.bound.generation.proxy(spec.id).roster;
    let now = session.now();
    let last = session.last_server.filter(|(backend, server)| {
        spec.backend.prefer_last_server
            && *backend == spec.id
            && stream.avoid != Some(*server)
            && roster.may_prefer(*server, now)
    });
    let wanted = stream.wanted.or_else(|| last.map(|(_, server)| server));
    let arena = session.worker.take_arena();
    let held = stream.held.slot.take();
    let key = match wanted {
        Some(_) => lbd_backend::PickKey::None,
        None => backend::pick_key(session, stream, spec, session.input.data(), &arena),
    };
    let answer = roster.assign(
        &Ask {
            target: wanted.map_or(Target::Balance, Target::Server),
            key,
            avoid: stream.avoid,
            held,
            token: session.live.id,
            class: stream.facts.asked.priority_class,
            offset_ms: stream.facts.asked.priority_offset,
            forced: stream.forces_persistence,
            now,
        },
        wakes,
    );
    session.worker.give_arena(arena);
    answer
}

async fn queue(
    session: &mut Session,
    stream: &mut Stream,
    spec: &ProxySpec,
    ticket: Ticket,
) -> Result<Wake, StreamError> {
    let limit = stream
        .facts
        .asked
        .queue_timeout
        .or(spec.timeouts.queue)
        .or(spec.timeouts.connect);
    let deadline = limit.map(|limit| session.now() + limit);
    let watch = dispatch::watches_client(session, spec);
    let mut waiting = Waiting {
        session,
        backend: spec.id,
        ticket: Some(ticket),
    };
    let result = poll_fn(|cx| {
        if let Some(wake) = session.live.take_grant() {
            return Poll::Ready(Ok(wake));
        }
        if let Some(ending) = session.live.ending() {
            return Poll::Ready(Err(StreamError::Ended(ending)));
        }
        if watch && session.io.is_read_closed(cx) {
            return Poll::Ready(Err(StreamError::ClientAbort));
        }
        session
            .live
            .poll_deadline(cx, &session.worker.clock, deadline)
            .map(|()| Err(StreamError::ServerTimeout))
    })
    .await;
    if result.is_ok() {
        waiting.ticket = None;
    } else {
        // The time in the queue counts also when it ends nowhere, and so does the place reached.
        let now = waiting.session.now();
        stream.facts.timers.dequeued.get_or_insert(now);
        if let Some(ticket) = waiting.ticket.take() {
            let roster = &waiting.session.bound.generation.proxy(spec.id).roster;
            match roster.cancel(&ticket) {
                Some(position) if ticket.server.is_some() => stream.facts.server_queue = position,
                Some(position) => stream.facts.backend_queue = position,
                // A grant is under way: the drop gives it back.
                None => waiting.ticket = Some(ticket),
            }
        }
    }
    result
}

//! Running rulesets on a stream, with the waits that they ask for.
//!
//! It decides nothing: verdicts come from the rules and are carried out here.

use std::rc::Rc;

use lbd_config::config::{Mode, ProxySpec};
use lbd_core::{ProxyId, Time};
use lbd_http::h2::ErrorCode;
use lbd_rules::acl::{Cond, Truth};
use lbd_rules::program::{Ctx, Cursor, Need, Program, Service, Verdict};
use lbd_rules::var::Vars;
use lbd_rules::view::Buffered;

use crate::handshake;
use crate::log;
use crate::session::Session;
use crate::stream::{Halt, Stream, answer, backend, response, service, track};
use crate::term::{Phase, StreamError};

/// The frontend's `tcp-request content` and `http-request` rules.
pub(super) async fn frontend(session: &mut Session, stream: &mut Stream) -> Result<(), Halt> {
    on_request(session, stream, session.frontend).await
}

/// The backend's, when it is another proxy than the frontend.
pub(super) async fn backend(session: &mut Session, stream: &mut Stream) -> Result<(), Halt> {
    match stream.backend {
        Some(backend) if backend != session.frontend => on_request(session, stream, backend).await,
        _ => Ok(()),
    }
}

async fn on_request(
    session: &mut Session,
    stream: &mut Stream,
    proxy: ProxyId,
) -> Result<(), Halt> {
    let bound = Rc::clone(&session.bound);
    let rules = &bound.generation.config.proxies[proxy.index()].rules;
    stream.place = Some(proxy);
    if !rules.tcp_content.is_empty()
        && let Err(halt) = run(session, stream, &rules.tcp_content).await
    {
        if proxy == session.frontend {
            forget_request(stream);
        }
        return Err(halt);
    }
    if proxy == session.frontend {
        track::request(session, stream);
    }
    if !rules.http_request.is_empty() {
        let done = run_as(session, stream, &rules.http_request, true).await;
        send_hints(session, stream).await?;
        done?;
    }
    let page = bound.generation.config.proxies[proxy.index()]
        .stats
        .as_ref();
    match page.filter(|page| service::is_meant(stream, page)) {
        // Apart, because the future of every other request need not hold it.
        Some(page) => Box::pin(service::statistics(session, stream, proxy, page)).await,
        None => Ok(()),
    }
}

/// Whether any of the conditions holds.
pub(super) fn any_holds(session: &Session, stream: &Stream, conds: &[Cond]) -> bool {
    if conds.is_empty() {
        return false;
    }
    let arena = session.worker.take_arena();
    let view = session.view(Some(stream), &arena);
    let held = conds.iter().any(|cond| cond.eval(&view) == Truth::True);
    session.worker.give_arena(arena);
    held
}

/// A connection that content rules of the frontend end was not yet looked at as HTTP.
fn forget_request(stream: &mut Stream) {
    stream.has_request = false;
    stream.facts.request_line.clear();
    stream.facts.timers.request_received = None;
}

/// Sends what `early-hint` rules have put together; clients of the older version know no 1xx.
async fn send_hints(session: &mut Session, stream: &mut Stream) -> Result<(), Halt> {
    let Some(hints) = stream.facts.early_hints.take() else {
        return Ok(());
    };
    if stream.parsed.version_11 {
        for hint in hints.heads() {
            answer::send_interim(session, hint).await?;
        }
    }
    Ok(())
}

/// Runs one ruleset to its end on an HTTP message.
pub(super) async fn run(
    session: &mut Session,
    stream: &mut Stream,
    program: &Program,
) -> Result<(), Halt> {
    run_as(session, stream, program, false).await
}

/// The same; what `http-request` rules refuse is an error of the client to tracked entries.
pub(super) async fn run_as(
    session: &mut Session,
    stream: &mut Stream,
    program: &Program,
    is_http_request: bool,
) -> Result<(), Halt> {
    let mut cursor = Cursor::default();
    stream.facts.asked.lenient = false;
    loop {
        limit_rewrites(session, stream);
        let verdict = evaluate(session, stream, program, &mut cursor, None, true);
        lift_limits(session, stream);
        match verdict {
            Verdict::Continue | Verdict::Stop => return Ok(()),
            Verdict::Wait(need) => {
                answer::settle(session).await?;
                send_hints(session, stream).await?;
                wait(session, stream, need).await?;
            }
            verdict => {
                if is_http_request && refuses(stream, &verdict) {
                    track::error(session, stream);
                }
                return Err(decide(session, stream, verdict).await);
            }
        }
    }
}

/// Leaves rules the room that the reference leaves them: head and buffered body share a buffer of
/// `tune.bufsize`, of which `tune.maxrewrite` is kept free when it is filled (haproxy 3.4
/// configuration 3.2, `tune.maxrewrite`).
fn limit_rewrites(session: &Session, stream: &mut Stream) {
    let tune = &session.bound.generation.config.global.tune;
    let waiting = match (stream.in_response, &stream.conn) {
        (true, Some(conn)) => conn.input.len(),
        (true, None) => 0,
        (false, _) => session.input.len(),
    };
    let (head, body) = match stream.in_response {
        true => (&mut stream.response, &mut stream.response_body),
        false => (&mut stream.request, &mut stream.body),
    };
    let input = tune.bufsize.saturating_sub(tune.maxrewrite);
    let held = body.arrived(waiting);
    let held = held.min(input.saturating_sub(head.encoded_len()));
    body.held = body.held.max(held);
    head.set_max_len(tune.bufsize.saturating_sub(body.held));
}

/// What lbd adds itself does not compete with the body.
fn lift_limits(session: &Session, stream: &mut Stream) {
    let bufsize = session.bound.generation.config.global.tune.bufsize;
    stream.request.set_max_len(bufsize);
    stream.response.set_max_len(bufsize);
}

fn refuses(stream: &Stream, verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Deny { .. } | Verdict::Tarpit { .. } | Verdict::Close => true,
        Verdict::Reply => {
            let reply = stream.reply.as_ref();
            reply.is_some_and(|reply| reply.is_deny || reply.is_tarpit)
        }
        _ => false,
    }
}

/// What raw bytes rules see in TCP mode.
#[derive(Clone, Copy)]
pub(super) struct Raw<'a> {
    pub(super) request: Buffered<'a>,
    pub(super) response: Buffered<'a>,
}

/// One run of a program until it needs something.
pub(super) fn evaluate(
    session: &mut Session,
    stream: &mut Stream,
    program: &Program,
    cursor: &mut Cursor,
    raw: Option<Raw<'_>>,
    is_final: bool,
) -> Verdict {
    let arena = session.worker.take_arena();
    let Stream {
        facts,
        request,
        response,
        txn,
        request_vars,
        response_vars,
        reply,
        body,
        response_body,
        ..
    } = stream;
    let mut ctx = Ctx {
        arena: &arena,
        now: session.worker.clock.now(),
        wall: session.worker.clock.wall(),
        session: &mut session.facts,
        stream: Some(facts),
        request: stream.has_request.then_some(request),
        response: stream.has_response.then_some(response),
        request_body: raw.map_or_else(|| body.view(), |raw| raw.request),
        response_body: raw.map_or_else(|| response_body.view(), |raw| raw.response),
        vars: Vars {
            sess: Some(&session.vars),
            txn: Some(txn),
            reqres: Some(if stream.in_response {
                response_vars
            } else {
                request_vars
            }),
            is_response: stream.in_response,
            check: None,
        },
        world: &*session.bound,
        proxy: stream.place,
        is_final,
        reply,
    };
    let verdict = program.run(cursor, &mut ctx);
    session.worker.give_arena(arena);
    verdict
}

/// Fulfils a need of a rule on an HTTP message.
async fn wait(session: &mut Session, stream: &mut Stream, need: Need) -> Result<(), Halt> {
    match need {
        Need::More if stream.in_response => response::read_body(session, stream, 0, None).await,
        Need::Body { at_least, until } if stream.in_response => {
            response::read_body(session, stream, at_least, Some(until)).await
        }
        // All of the head is there; only the body can grow.
        Need::More => {
            let until = deadline(session, stream);
            backend::read_body(session, stream, 0, until).await
        }
        Need::Body { at_least, until } => {
            backend::read_body(session, stream, at_least, Some(until)).await
        }
        Need::Handshake => Ok(handshake::confirm(session).await?),
        Need::Until(until) => Ok(session.pause(until, true).await?),
        Need::Resolve { .. } => Err(StreamError::Internal.into()),
    }
}

fn deadline(session: &Session, stream: &Stream) -> Option<Time> {
    let spec = session.spec();
    let limit = spec.timeouts.http_request.or(spec.timeouts.client)?;
    Some(stream.facts.timers.start.max(session.now()) + limit)
}

/// Carries out a verdict that ends the way.
pub(super) async fn decide(session: &mut Session, stream: &mut Stream, verdict: Verdict) -> Halt {
    match verdict {
        Verdict::Deny { status } => {
            count_denied(session, stream);
            Halt::Error(denied(stream, status))
        }
        Verdict::Tarpit { status } => {
            count_denied(session, stream);
            match tarpit(session, stream).await {
                Ok(()) => Halt::Error(StreamError::Rule(status)),
                Err(error) => Halt::Error(error),
            }
        }
        Verdict::Reply => on_reply(session, stream).await,
        Verdict::Service(Service::Prometheus) => service::prometheus(session, stream),
        Verdict::Close => {
            count_denied(session, stream);
            if let Some(h2) = session.io.h2() {
                // The connection is what is meant.
                h2.link.kill(ErrorCode::ENHANCE_YOUR_CALM);
            }
            if stream.in_response {
                stream.phase = Phase::Data;
            }
            stream.facts.timers.request_received = received_unless_request(stream);
            Halt::Close(denied(stream, 0))
        }
        Verdict::SilentDrop { rst_ttl } => {
            count_denied(session, stream);
            // Those before it were answered; what fails is dropped anyway.
            let _ = answer::settle(session).await;
            session.io.silent_drop(rst_ttl);
            stream.phase = Phase::Request;
            stream.facts.timers.request_received = received_unless_request(stream);
            Halt::Close(denied(stream, 0))
        }
        Verdict::Invalid if stream.in_response => Halt::Error(StreamError::ServerFault),
        Verdict::Invalid => Halt::Error(StreamError::ClientFault(400)),
        Verdict::TimedOut if stream.in_response => Halt::Error(StreamError::ServerTimeout),
        Verdict::TimedOut => {
            stream.facts.timers.request_received = None;
            Halt::Error(StreamError::ClientTimeout)
        }
        Verdict::RewriteFailed | Verdict::Failed => {
            if !stream.in_response {
                // As far as the reference's timers tell, rules that fail leave no request.
                stream.facts.timers.request_received = None;
            }
            Halt::Error(match verdict {
                Verdict::RewriteFailed => denied(stream, 500),
                _ => StreamError::Internal,
            })
        }
        // The client is told what it would be told had the server closed.
        Verdict::CloseServer => Halt::Error(StreamError::ServerAbort),
        _ => Halt::Error(StreamError::Internal),
    }
}

/// A request that ends without an answer was not received, as far as the reference's timers tell.
fn received_unless_request(stream: &Stream) -> Option<Time> {
    let received = stream.facts.timers.request_received;
    received.filter(|_| stream.in_response || !stream.has_request)
}

async fn on_reply(session: &mut Session, stream: &mut Stream) -> Halt {
    let Some(reply) = stream.reply.take() else {
        return Halt::Error(StreamError::Internal);
    };
    if reply.is_deny || reply.is_tarpit {
        count_denied(session, stream);
    }
    if reply.is_tarpit
        && let Err(error) = tarpit(session, stream).await
    {
        return Halt::Error(error);
    }
    Halt::Reply(reply)
}

fn denied(stream: &Stream, status: u16) -> StreamError {
    if stream.in_response {
        StreamError::ResponseRule(status)
    } else {
        StreamError::Rule(status)
    }
}

/// Refuses a response that `option checkcache` found, and tells operators.
pub(super) fn refuse_leak(session: &Session, stream: &Stream, spec: &ProxySpec) -> Halt {
    let server = stream
        .server
        .and_then(|id| session.bound.generation.server(spec.id, id))
        .map_or("<NOSRV>", |server| &*server.name);
    let text = format!(
        "Blocking cacheable cookie in response from instance {}, server {server}.",
        spec.name
    );
    log::alert(session, spec, &text);
    count_denied(session, stream);
    Halt::Error(denied(stream, 502))
}

/// Counts a message that a rule refused.
fn count_denied(session: &Session, stream: &Stream) {
    let worker = session.worker.index;
    let generation = &session.bound.generation;
    let backend = stream
        .backend
        .map(|id| generation.proxy(id).backend.of(worker));
    let server = stream
        .backend
        .zip(stream.server)
        .and_then(|(backend, server)| generation.server(backend, server))
        .map(|server| server.counters.of(worker));
    if stream.in_response {
        for counters in [Some(session.counters()), backend, server]
            .into_iter()
            .flatten()
        {
            counters.denied_responses.inc();
        }
    } else {
        session.counters().denied_requests.inc();
        if let Some(counters) = backend.filter(|_| stream.place != Some(session.frontend)) {
            counters.denied_requests.inc();
        }
    }
}

/// Holds the client back for `timeout tarpit`.
async fn tarpit(session: &mut Session, stream: &mut Stream) -> Result<(), StreamError> {
    let bound = Rc::clone(&session.bound);
    let proxies = &bound.generation.config.proxies;
    let place = stream.backend.or(stream.place).unwrap_or(session.frontend);
    let timeouts = &proxies[place.index()].timeouts;
    let limit = stream
        .facts
        .asked
        .tarpit_timeout
        .or(timeouts.tarpit)
        .or(timeouts.connect)
        .or_else(|| session.spec().timeouts.tarpit);
    stream.enter(Phase::Tarpit, session);
    let Some(limit) = limit else { return Ok(()) };
    answer::settle(session).await?;
    let watch = session.spec().mode == Mode::Http;
    // The delay counts as time in a queue, as in the reference.
    stream.facts.timers.request_received = None;
    let paused = session.pause(session.now() + limit, watch).await;
    stream.facts.timers.dequeued = Some(session.now());
    match paused {
        // The rule is what the log tells of, whether or not the client held out.
        Err(StreamError::ClientAbort) => Ok(()),
        paused => paused,
    }
}

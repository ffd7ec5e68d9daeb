//! What comes between the rules and the choice of a server: the body, cookies, `use-server`,
//! balance keys.
//!
//! It holds no server slot.

use std::net::IpAddr;
use std::rc::Rc;

use bumpalo::Bump;
use lbd_backend::persist::{CookieContext, RequestEdit};
use lbd_backend::{Algorithm, KeySpec, PickKey, State, key};
use lbd_config::config::{ProxySpec, ServerChoice};
use lbd_core::{ServerId, Time};
use lbd_http::{cookie, header, uri};
use lbd_rules::acl::Truth;

use crate::session::Session;
use crate::stream::{Halt, Stream, answer, rules, stick};
use crate::term::StreamError;

/// Waits for the request body when the backend asks for it.
pub(super) async fn buffer_body(session: &mut Session, stream: &mut Stream) -> Result<(), Halt> {
    let bound = Rc::clone(&session.bound);
    let proxies = &bound.generation.config.proxies;
    let frontend = &proxies[session.frontend.index()];
    let backend = stream.backend.map_or(frontend, |id| &proxies[id.index()]);
    let wants_key = match &backend.backend.roster.algorithm {
        Algorithm::Hash(KeySpec::UrlParam {
            check_post: true, ..
        }) => stream.request.method() == b"POST",
        _ => false,
    };
    let wants_retry = backend.backend.retry_on.needs_request();
    // A client that left while the frontend waited is missed here.
    let buffers = frontend.options.buffer_request || backend.options.buffer_request;
    if !(buffers || wants_key || wants_retry) {
        return Ok(());
    }
    let limit = frontend
        .timeouts
        .http_request
        .or_else(|| session.client_timeout());
    let until = limit.map(|limit| session.now() + limit);
    wait_for_body(session, stream, until).await
}

/// Waits for the request body before any rule when the frontend has `option http-buffer-request`.
pub(super) async fn buffer_early(session: &mut Session, stream: &mut Stream) -> Result<(), Halt> {
    let spec = session.spec();
    if !spec.options.buffer_request || stream.body.complete {
        return Ok(());
    }
    let limit = spec
        .timeouts
        .http_request
        .or_else(|| session.client_timeout());
    let until = limit.map(|limit| session.now() + limit);
    match wait_for_body(session, stream, until).await {
        // The rules run and a backend is chosen all the same; the client is missed then.
        Err(Halt::Error(StreamError::ClientAbort)) => Ok(()),
        result => result,
    }
}

/// Waits for the content of a POST to a page of lbd's own, as far as it fits a buffer.
pub(super) async fn read_form(session: &mut Session, stream: &mut Stream) -> Result<(), Halt> {
    if stream.body.complete {
        return Ok(());
    }
    let limit = session.spec().timeouts.http_request;
    let limit = limit.or_else(|| session.client_timeout());
    let until = limit.map(|limit| session.now() + limit);
    wait_for_body(session, stream, until).await
}

async fn wait_for_body(
    session: &mut Session,
    stream: &mut Stream,
    until: Option<Time>,
) -> Result<(), Halt> {
    read_body(session, stream, 0, until).await?;
    let is_late = !stream.body.complete && !stream.body.full;
    if is_late && until.is_some_and(|until| session.now() >= until) {
        stream.facts.timers.request_received = None;
        return Err(StreamError::ClientTimeout.into());
    }
    Ok(())
}

/// Buffers the request body: `at_least` bytes (0 for all that fits), not after `until`.
pub(super) async fn read_body(
    session: &mut Session,
    stream: &mut Stream,
    at_least: u64,
    until: Option<Time>,
) -> Result<(), Halt> {
    let tune = &session.bound.generation.config.global.tune;
    let limit = tune.bufsize.saturating_sub(tune.maxrewrite).max(512);
    if stream.parsed.expect_continue && session.input.is_empty() && !stream.body.complete {
        // Whoever waits for the body must let the client send it; the server is not asked.
        stream.request.remove(b"expect");
        stream.parsed.expect_continue = false;
        let mut go_on = lbd_http::Head::new();
        let begun = go_on.start_response(b"HTTP/1.1", 100, b"Continue");
        begun.map_err(|_| Halt::Error(StreamError::Internal))?;
        answer::send_interim(session, &go_on).await?;
    }
    loop {
        decode_body(session, stream, limit)?;
        let enough = at_least > 0 && stream.body.data.len() as u64 >= at_least;
        if stream.body.complete || stream.body.full || enough {
            return Ok(());
        }
        match session.fill(until).await {
            Ok(0) => {
                stream.body.complete = stream.body.decoder.on_close();
                if !stream.body.complete {
                    return Err(StreamError::ClientAbort.into());
                }
            }
            Ok(_) => {}
            Err(StreamError::ClientTimeout) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

fn decode_body(session: &mut Session, stream: &mut Stream, limit: usize) -> Result<(), Halt> {
    let body = &mut stream.body;
    let before = body.decoder.counted();
    while !session.input.is_empty() && !body.decoder.is_end() && !body.full {
        let room = limit - body.data.len().min(limit);
        let input = session.input.data();
        let step = body
            .decoder
            .decode(&input[..input.len().min(room.max(1))])
            .map_err(|error| Halt::Error(StreamError::ClientFault(error.status())))?;
        body.data.extend_from_slice(&input[step.data.clone()]);
        session.input.eat(step.consumed);
        body.full = body.data.len() >= limit;
    }
    body.complete = body.decoder.is_end();
    stream.facts.bytes.request_in += body.decoder.counted() - before;
    session.tidy_input();
    Ok(())
}

/// Which server the request asks for: `use-server`, then its cookie.
pub(super) fn persistence(session: &mut Session, stream: &mut Stream) -> Result<(), Halt> {
    let bound = Rc::clone(&session.bound);
    let Some(id) = stream.backend else {
        return Ok(());
    };
    let spec = &bound.generation.config.proxies[id.index()];
    stream.place = Some(id);
    stream.forces_persistence = rules::any_holds(session, stream, &spec.backend.force_persist);
    stream.ignores_persistence = !stream.forces_persistence
        && rules::any_holds(session, stream, &spec.backend.ignore_persist);
    stream.wanted = use_server(session, stream, spec);
    let is_directed = stream.wanted.is_some();
    if spec.backend.cookie.is_some() {
        read_cookie(session, stream, spec);
    }
    // Whom a rule sends somewhere needs no cookie for it, as in the reference.
    stream.cookie.direct |= is_directed;
    stick::on_request(session, stream, spec, None);
    Ok(())
}

/// The first `use-server` whose condition holds and whose server can be used.
pub(super) fn use_server(session: &Session, stream: &Stream, spec: &ProxySpec) -> Option<ServerId> {
    if spec.backend.use_server.is_empty() {
        return None;
    }
    let generation = &session.bound.generation;
    let state = generation.proxy(spec.id);
    let arena = session.worker.take_arena();
    let view = session.view(Some(stream), &arena);
    let mut found = None;
    for rule in &spec.backend.use_server {
        if rule
            .cond
            .as_ref()
            .is_some_and(|cond| cond.eval(&view) != Truth::True)
        {
            continue;
        }
        let server = match &rule.target {
            ServerChoice::Fixed(server) => Some(*server),
            ServerChoice::Dynamic(name) => {
                let mut text = session.worker.take_bytes();
                name.render(&view, &mut text);
                let named = state.servers.named(&text).map(|server| server.id);
                session.worker.give_bytes(text);
                named
            }
        };
        let Some(server) = server else { continue };
        let even_down = spec.backend.roster.persist || stream.forces_persistence;
        if even_down || is_up(session, spec, server) {
            found = Some(server);
            break;
        }
    }
    session.worker.give_arena(arena);
    found
}

fn is_up(session: &Session, spec: &ProxySpec, server: ServerId) -> bool {
    let state = session.bound.generation.proxy(spec.id);
    state
        .roster
        .server(server, session.now())
        .is_some_and(|view| !view.placement.maint && view.placement.state != State::Stopped)
}

fn read_cookie(session: &Session, stream: &mut Stream, spec: &ProxySpec) {
    let generation = &session.bound.generation;
    let Some(persistence) = generation.persistence(spec.id) else {
        return;
    };
    let name = persistence.spec().name.as_bytes();
    let mut kept = 0;
    for _ in 0..MAX_SAME_COOKIES {
        let cookies = cookie::request_cookies(&stream.request);
        let Some(place) = cookie::nth(cookies, name, kept) else {
            break;
        };
        let context = CookieContext {
            even_down: spec.backend.roster.persist || stream.forces_persistence,
            ignored: stream.ignores_persistence || stream.wanted.is_some(),
            now: session.worker.clock.wall(),
        };
        let (server, edit) = persistence.on_request(
            &mut stream.cookie,
            place.value_in(&stream.request),
            &context,
            |server| !is_up(session, spec, server),
        );
        match edit {
            RequestEdit::Keep => kept += 1,
            RequestEdit::Remove => cookie::remove(&mut stream.request, &place),
            RequestEdit::Strip(len) => {
                cookie::cut_value(&mut stream.request, &place, 0..len);
                kept += 1;
            }
        }
        if stream.wanted.is_none() {
            stream.wanted = server;
        }
    }
}

/// The balance key of a request; its bytes live in the arena or the request.
pub(super) fn pick_key<'a>(
    session: &'a Session,
    stream: &'a Stream,
    spec: &'a ProxySpec,
    raw: &'a [u8],
    arena: &'a Bump,
) -> PickKey<'a> {
    let Algorithm::Hash(what) = &spec.backend.roster.algorithm else {
        return PickKey::None;
    };
    let request = stream.request_view();
    let bytes = match what {
        KeySpec::Source => {
            let source = stream.facts.src.unwrap_or_else(|| session.facts.src());
            return source
                .ip()
                .map_or(PickKey::None, |ip: IpAddr| PickKey::Source(ip));
        }
        KeySpec::Uri {
            whole,
            len,
            depth,
            path_only,
        } => request.map(|head| {
            let target = head.target();
            let target = if *path_only {
                uri::pathq(target).unwrap_or(target)
            } else {
                target
            };
            key::uri_key(target, *whole, *len, *depth)
        }),
        KeySpec::UrlParam { name, check_post } => request.and_then(|head| {
            key::url_param(head.target(), name.as_bytes()).or_else(|| {
                let body = &stream.body.data;
                check_post
                    .then(|| key::body_param(body, name.as_bytes()))
                    .flatten()
            })
        }),
        KeySpec::Header { name, domain_only } => request.and_then(|head| {
            let value = header::hdr(head, name.as_bytes())
                .next()
                .filter(|v| !v.is_empty())?;
            Some(if *domain_only {
                key::domain_only(value)
            } else {
                value
            })
        }),
        KeySpec::RdpCookie(name) => rdp_cookie(raw, name.as_bytes()),
        KeySpec::Expr => {
            let view = session.view(Some(stream), arena);
            let value = spec
                .backend
                .hash_expr
                .as_ref()
                .and_then(|expr| expr.binary(&view));
            value.map(|value| &*arena.alloc_slice_copy(value))
        }
    };
    bytes.map_or(PickKey::None, PickKey::Bytes)
}

/// The cookie of an RDP connection request: `Cookie: name=value` up to the line's end.
fn rdp_cookie<'a>(raw: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let at = memchr::memmem::find(raw, b"Cookie:")?;
    let line = &raw[at + 7..];
    let line = &line[..memchr::memchr2(b'\r', b'\n', line)?];
    let text = header::trim(line);
    let value = text.get(name.len()..)?.strip_prefix(b"=")?;
    (name.is_empty() || text[..name.len()].eq_ignore_ascii_case(name)).then_some(value)
}

/// Persistence cookies of one name that are looked at: each is searched from the first, so that a
/// head full of them would cost the square of their number.
const MAX_SAME_COOKIES: usize = 16;

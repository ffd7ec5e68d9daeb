//! Services of the balancer on a stream: when the statistics page or the metrics are meant, and how an answer that
//! is made piece by piece reaches the client.
//!
//! What a page says is the daemon's matter.

use std::rc::Rc;

use lbd_config::config::StatsSpec;
use lbd_core::ProxyId;
use lbd_http::h1::encode::{EncodeOptions, encode_chunk, last_chunk};
use lbd_http::{count, uri};
use lbd_rules::facts::Target;

use crate::service::{Answer, Form, Pieces, StatsRequest};
use crate::session::Session;
use crate::stream::{Halt, Stream, answer, backend, rules};
use crate::term::StreamError;

/// Answers with the statistics page of `proxy`.
pub(super) async fn statistics(
    session: &mut Session,
    stream: &mut Stream,
    proxy: ProxyId,
    page: &StatsSpec,
) -> Result<(), Halt> {
    let bound = Rc::clone(&session.bound);
    begin(session, stream, "<STATS>");
    if !page.rules.is_empty() {
        rules::run_as(session, stream, &page.rules, true).await?;
    }
    let is_admin = rules::any_holds(session, stream, &page.admin);
    let is_post = stream.request.method() == b"POST";
    if is_post {
        backend::read_form(session, stream).await?;
    }
    let body = &stream.body;
    let form = is_post.then_some(match body.complete {
        true => Form::Content(&body.data),
        false => Form::TooLong,
    });
    let answer = bound.shared.setup().services.statistics(&StatsRequest {
        generation: &bound.generation,
        proxy: &bound.generation.config.proxies[proxy.index()],
        page,
        head: &stream.request,
        source: session.facts.src().ip(),
        is_admin,
        form,
    });
    Err(Halt::Service(Box::new(answer)))
}

/// Answers with metrics.
pub(super) fn prometheus(session: &Session, stream: &mut Stream) -> Halt {
    begin(session, stream, "<PROMEX>");
    let bound = &session.bound;
    let query = uri::query(stream.request.target()).unwrap_or_default();
    let services = &bound.shared.setup().services;
    Halt::Service(Box::new(services.prometheus(&bound.generation, query)))
}

/// Whether the request is for the page.
pub(super) fn is_meant(stream: &Stream, page: &StatsSpec) -> bool {
    let target = stream.request.target();
    matches!(stream.request.method(), b"GET" | b"HEAD" | b"POST")
        && uri::pathq(target).unwrap_or(target).starts_with(&page.uri)
}

/// The service takes the place of a server that is reached at once.
fn begin(session: &Session, stream: &mut Stream, name: &'static str) {
    stream.facts.target = Target::Service(name);
    stream.facts.timers.dequeued = Some(session.now());
    stream.facts.timers.connected = Some(session.now());
}

/// Sends the answer of a service.
pub(super) async fn send(session: &mut Session, stream: &mut Stream, answer: Answer) {
    stream.facts.timers.response_received = Some(session.now());
    let Answer { head, body } = answer;
    stream.response = head;
    stream.has_response = true;
    stream.in_response = true;
    let is_head = stream.request.method() == b"HEAD";
    let framing = match &body {
        None => Framing::Empty,
        Some(_) if session.io.is_h2() => Framing::Stream,
        Some(_) if stream.parsed.version_11 => Framing::Chunks,
        Some(_) => Framing::UntilClose,
    };
    // Rules see the framing, and cannot change it.
    let framed = frame(stream, framing, is_head);
    if answer::after_response(session, stream).is_err() {
        return answer::fail(session, stream).await;
    }
    let is_framed = framed && frame(stream, framing, is_head);
    stream.facts.status = stream.response.status();
    stream.facts.bytes.response_in += count::head_len(&stream.response);
    stream.keeps_client =
        answer::client_stays(session, stream) && is_framed && framing != Framing::UntilClose;
    if !session.io.is_h2() {
        let is_11 = stream.parsed.version_11;
        answer::say_connection(&mut stream.response, stream.keeps_client, is_11);
    }
    let body = body.filter(|_| !is_head);
    let mut out = session.worker.take_bytes();
    answer::put_head(session, stream, body.is_none(), &mut out);
    stream.is_answered = true;
    stream.facts.bytes.response_out += count::head_len(&stream.response);
    let sent = match body {
        Some(pieces) => write_pieces(session, stream, pieces, framing, &mut out).await,
        None => answer::write_all(session, &out, false).await,
    };
    session.worker.give_bytes(out);
    match sent {
        Ok(()) => answer::conclude(session, stream).await,
        Err(error) => {
            error.mark(crate::term::Phase::Data, &mut stream.facts.term);
            stream.keeps_client = false;
        }
    }
}

/// Says in the head how the body ends; false when the head is too full for it.
fn frame(stream: &mut Stream, framing: Framing, is_head: bool) -> bool {
    let head = &mut stream.response;
    let (field, value): (&[u8], &[u8]) = match framing {
        Framing::Empty => (b"content-length", b"0"),
        Framing::Chunks if !is_head => (b"transfer-encoding", b"chunked"),
        Framing::Chunks | Framing::Stream | Framing::UntilClose => {
            head.remove(b"content-length");
            head.remove(b"transfer-encoding");
            return true;
        }
    };
    let other: &[u8] = match framing {
        Framing::Empty => b"transfer-encoding",
        _ => b"content-length",
    };
    head.remove(other);
    head.first(field) == Some(value) || head.set(field, value).is_ok()
}

/// How the client knows where the body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Chunks,
    Empty,
    Stream,
    UntilClose,
}

/// Makes and sends one piece after the other; others have their turn between two.
async fn write_pieces(
    session: &mut Session,
    stream: &mut Stream,
    mut pieces: Box<dyn Pieces>,
    framing: Framing,
    out: &mut Vec<u8>,
) -> Result<(), StreamError> {
    let mut piece = Vec::new();
    loop {
        piece.clear();
        let has_more = pieces.next(&mut piece);
        if framing == Framing::Chunks {
            if !piece.is_empty() {
                encode_chunk(&piece, out);
            }
            if !has_more {
                last_chunk(None, out, &EncodeOptions::default());
            }
        } else {
            out.extend_from_slice(&piece);
        }
        stream.facts.bytes.response_in += piece.len() as u64;
        stream.facts.bytes.response_out += piece.len() as u64;
        answer::write_all(session, out, has_more).await?;
        out.clear();
        if !has_more {
            return Ok(());
        }
        tokio::task::yield_now().await;
    }
}

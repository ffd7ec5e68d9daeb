//! Clients that begin with HTTP/2 on a plain HTTP line (RFC 9113 3.3, prior knowledge).
//!
//! It speaks no HTTP/2: it looks whether the first bytes are its preface.

use lbd_http::h2::PREFACE;

use crate::session::Session;

/// Whether the connection begins with the preface of HTTP/2 and may be one: waits until its first
/// bytes tell. Whatever else comes, or nothing in time, is left to the reader of requests.
pub(super) async fn is_wanted(session: &mut Session) -> bool {
    let bind = session
        .spec()
        .frontend
        .binds
        .get(session.facts.bind.index());
    let is_forced = bind.is_some_and(|bind| bind.options.proto.is_some());
    if session.spec().frontend.disable_h2_upgrade || is_forced {
        return false;
    }
    // Whoever begins otherwise, that is nearly everybody, is told apart without a wait.
    let came = session.input.data();
    if came.is_empty() || came.len() >= PREFACE.len() || !PREFACE.starts_with(came) {
        return came.starts_with(PREFACE);
    }
    Box::pin(read_preface(session)).await
}

/// Waits for the rest of what may be a preface.
async fn read_preface(session: &mut Session) -> bool {
    let timeouts = &session.spec().timeouts;
    let limit = timeouts.http_request.or_else(|| session.client_timeout());
    let deadline = limit.map(|limit| session.facts.accepted + limit);
    loop {
        let came = session.input.data();
        if came.len() >= PREFACE.len() {
            return came.starts_with(PREFACE);
        }
        if came.is_empty() || !PREFACE.starts_with(came) {
            return false;
        }
        if !matches!(session.fill(deadline).await, Ok(1..)) {
            return false;
        }
    }
}

//! The wait for a response head while the request goes up, and what follows when none comes.
//!
//! What the head means is `response`'s.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};

use lbd_backend::health::Observation;
use lbd_backend::retry::Failure;
use lbd_config::config::ProxySpec;
use lbd_http::{Parsed, RequestInfo, Status, parse_response};

use super::{Limits, count_moved};
use crate::handshake;
use crate::server_conn::ServerConn;
use crate::session::Session;
use crate::stream::pump::{Blocked, Pump, PumpError};
use crate::stream::{Halt, Stream, dispatch, request, response};
use crate::term::StreamError;

/// Why no usable response head came.
pub(super) enum Lost {
    /// The stream is over.
    Over(StreamError),
    /// The server failed in a way that another attempt may mend.
    Server(Failure),
}

/// The wait for a response head.
pub(super) struct Waiting<'a> {
    pub(super) upload: &'a mut Pump,
    pub(super) limits: Limits,
    pub(super) spec: &'a ProxySpec,
}

impl Waiting<'_> {
    pub(super) async fn for_head(
        self,
        session: &mut Session,
        stream: &mut Stream,
        conn: &mut ServerConn,
    ) -> Result<Parsed, Lost> {
        let Self {
            upload,
            limits,
            spec,
        } = self;
        let info = RequestInfo::of(&stream.request, stream.parsed.upgrade);
        let options = request::parse_options(session, spec.backend.accept_unsafe_response);
        let aborts = spec.options.abortonclose.unwrap_or(true);
        let worker = Rc::clone(&session.worker);
        let live = Rc::clone(&session.live);
        let mut upload_broke = false;
        poll_fn(|cx| {
            let now = worker.clock.now();
            if !upload.ended && !upload_broke {
                match poll_upload(cx, session, upload, conn) {
                    Poll::Ready(Err(PumpError::Write)) => upload_broke = true,
                    Poll::Ready(Err(error)) => {
                        return Poll::Ready(Err(Lost::Over(upload_error(&error))));
                    }
                    Poll::Ready(Ok(())) | Poll::Pending => {}
                }
            }
            if let Some(h2) = conn.io.h2() {
                match h2.poll_head(cx, &mut stream.response) {
                    Poll::Ready(Ok(incoming)) => return Poll::Ready(Ok(incoming.parsed)),
                    Poll::Ready(Err(code)) => {
                        let failure = match code {
                            _ if h2.is_faulty() => Failure::JunkResponse,
                            _ => Failure::EmptyResponse,
                        };
                        return Poll::Ready(Err(Lost::Server(failure)));
                    }
                    Poll::Pending => {}
                }
            }
            while !conn.io.is_h2() {
                if !conn.input.is_empty() {
                    match parse_response(conn.input.data(), &mut stream.response, &info, &options) {
                        Ok(Status::Complete(parsed)) => {
                            if let Some(violation) = parsed.violation {
                                response::capture(session, stream, conn, violation);
                            }
                            conn.input.eat(parsed.consumed);
                            if let Err(error) = request::look_ahead(&parsed, conn.input.data()) {
                                response::capture(session, stream, conn, error);
                                return Poll::Ready(Err(Lost::Server(Failure::JunkResponse)));
                            }
                            return Poll::Ready(Ok(parsed));
                        }
                        Ok(Status::Partial) if conn.input.is_full() => {
                            return Poll::Ready(Err(Lost::Server(Failure::JunkResponse)));
                        }
                        Ok(Status::Partial) => {}
                        Err(error) => {
                            response::capture(session, stream, conn, error);
                            return Poll::Ready(Err(Lost::Server(Failure::JunkResponse)));
                        }
                    }
                }
                match response::poll_fill(cx, conn, &worker.pool) {
                    Poll::Ready(Ok(0)) | Poll::Ready(Err(_)) => {
                        let failure = if conn.input.is_empty() {
                            Failure::EmptyResponse
                        } else {
                            Failure::JunkResponse
                        };
                        return Poll::Ready(Err(Lost::Server(failure)));
                    }
                    Poll::Ready(Ok(_)) => live.last_activity.set(now),
                    Poll::Pending => break,
                }
            }
            if let Some(ending) = live.ending() {
                return Poll::Ready(Err(Lost::Over(StreamError::Ended(ending))));
            }
            if upload.ended && aborts && session.io.is_read_closed(cx) {
                return Poll::Ready(Err(Lost::Over(StreamError::ClientAbort)));
            }
            let waits_for_client = !upload.ended && upload.blocked == Blocked::Reading;
            let limit = if waits_for_client {
                limits.client
            } else {
                limits.server
            };
            let deadline = limit.map(|limit| upload.since + limit);
            live.poll_deadline(cx, &worker.clock, deadline).map(|()| {
                Err(if waits_for_client {
                    Lost::Over(StreamError::ClientTimeout)
                } else {
                    Lost::Server(Failure::ResponseTimeout)
                })
            })
        })
        .await
    }
}

pub(super) fn poll_upload(
    cx: &mut Context<'_>,
    session: &mut Session,
    upload: &mut Pump,
    conn: &ServerConn,
) -> Poll<Result<(), PumpError>> {
    let now = session.worker.clock.now();
    upload.poll(
        cx,
        &session.io,
        &conn.io,
        &mut session.input,
        &session.worker.pool,
        now,
    )
}

pub(super) fn upload_error(error: &PumpError) -> StreamError {
    match error {
        PumpError::Invalid(error) => StreamError::ClientFault(error.status()),
        PumpError::Write => StreamError::ServerAbort,
        PumpError::Read | PumpError::Truncated => StreamError::ClientAbort,
    }
}

/// What the TLS session came to, when that is why no answer came; of a connection whose request
/// went early that is its handshake.
fn session_failure(stream: &mut Stream, conn: &ServerConn) -> Option<Failure> {
    let tls = conn.io.tls()?;
    if !conn.is_early {
        let fault = tls.fault()?;
        stream.facts.server_error = Some(handshake::fatal(&fault));
        return None;
    }
    if tls.refused_early() {
        stream.facts.server_error = Some(handshake::EARLY_FAILED);
        return Some(Failure::ZeroRttRejected);
    }
    let fault = tls.fault()?;
    stream.facts.server_error = Some(handshake::failed(&fault, false));
    Some(Failure::Connection)
}

/// No response came: tries again when that is allowed, or says whose fault it was.
pub(super) async fn on_lost(
    session: &mut Session,
    stream: &mut Stream,
    spec: &ProxySpec,
    upload: Pump,
    conn: &ServerConn,
    lost: Lost,
) -> Halt {
    count_moved(stream, &upload, None);
    // What was taken off the client's bytes for this attempt is gone: another one would send a
    // body with a hole, and fill it with the next request.
    let is_whole = stream.is_replayable || !upload.has_body();
    let unsent = match conn.io.h2() {
        Some(h2) => h2.was_refused() && is_whole,
        None => !upload.has_begun() && is_whole,
    };
    let decoder = upload.into_parts().1;
    let failure = match lost {
        Lost::Over(error) => {
            stream.body.decoder = decoder;
            return error.into();
        }
        Lost::Server(failure) => failure,
    };
    let failure = session_failure(stream, conn).unwrap_or(failure);
    if let Some(server) = conn
        .server
        .as_ref()
        .filter(|_| failure != Failure::ZeroRttRejected)
    {
        let what = match failure {
            Failure::ResponseTimeout => Observation::HttpReadTimeout,
            Failure::JunkResponse => Observation::HttpInvalidResponse,
            _ => Observation::HttpBrokenPipe,
        };
        dispatch::observe(session, server, what);
    }
    // Nothing has left on a connection that the server had closed: as if it had not been there.
    let failure = if unsent && (conn.requests > 1 || conn.io.is_h2()) {
        Failure::Connection
    } else {
        failure
    };
    if let Some(after) = dispatch::again(session, stream, spec, failure, false) {
        if !after.is_zero()
            && let Err(error) = session.pause(session.now() + after, true).await
        {
            return error.into();
        }
        return Halt::Again;
    }
    stream.body.decoder = decoder;
    match failure {
        Failure::EmptyResponse if conn.requests > 1 => StreamError::ServerGone.into(),
        Failure::ZeroRttRejected => StreamError::EarlyRefused.into(),
        Failure::ResponseTimeout => StreamError::ServerTimeout.into(),
        Failure::JunkResponse => StreamError::ServerFault.into(),
        _ => StreamError::ServerAbort.into(),
    }
}

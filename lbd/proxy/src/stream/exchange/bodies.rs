//! The bodies of both directions, and what becomes of the server connection afterwards.
//!
//! How bytes are moved is the pumps'.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use lbd_config::config::ProxySpec;
use lbd_core::Time;
use lbd_http::{Framing, Parsed};

use super::head::{poll_upload, upload_error};
use super::{Limits, count_moved, count_spliced, note_glitches};
use crate::server_conn::ServerConn;
use crate::session::Session;
use crate::stream::end::Progress;
use crate::stream::pump::{self, Blocked, Pump, PumpError};
use crate::stream::{Stream, dispatch, headers, response};
use crate::term::{Phase, StreamError};

/// Moves the bodies until the response is complete.
pub(super) async fn body(
    session: &mut Session,
    stream: &mut Stream,
    spec: &ProxySpec,
    parsed: &Parsed,
    upload: Pump,
    limits: Limits,
) -> Result<(), StreamError> {
    let Some(mut conn) = stream.conn.take() else {
        return Err(StreamError::Internal);
    };
    let download = response::pump(session, stream, spec, parsed);
    stream.is_answered = true;
    stream.enter(Phase::Data, session);
    let mut pumps = (upload, download);
    // The rest of the request is read all the same, unless the client is to see a close or waits
    // to be told that it may send.
    let waits = stream.parsed.expect_continue && pumps.0.content() == 0;
    let is_h1 = !session.io.is_h2() && !conn.io.is_h2();
    let finishes = parsed.framing != Framing::UntilClose && is_h1 && !waits;
    let result = both(session, stream, &mut pumps, &mut conn, limits, finishes).await;
    let (upload, download) = pumps;
    count_moved(stream, &upload, Some(&download));
    session
        .live
        .bytes_out
        .set(session.live.bytes_out.get() + download.written);
    count_spliced(session, stream, &upload, &download);
    note_glitches(session, stream, &conn);
    stream.facts.server_fd = None;
    let request_done = upload.ended;
    let is_cut = upload.is_discarding();
    let read_all = download.read_all;
    stream.body.decoder = finish_pump(session, upload);
    finish_pump(session, download);
    if let Err(error) = result {
        if read_all {
            stream.phase = Phase::Last;
        }
        return Err(error);
    }
    stream.phase = Phase::Done;
    stream.keeps_client = stream.keeps_client && request_done;
    stream.lingers = !request_done;
    let keeps =
        parsed.keep_alive && request_done && !is_cut && !headers::server_closes(session, stream);
    if keeps && conn.may_be_kept() {
        keep(session, spec, conn);
    }
    Ok(())
}

fn finish_pump(session: &Session, pump: Pump) -> lbd_http::BodyDecoder {
    let (out, decoder) = pump.into_parts();
    session.worker.give_bytes(out);
    decoder
}

/// Lets go of the connection whose response is not wanted: it is kept when all of that has come.
pub(in crate::stream) fn recycle(
    session: &mut Session,
    stream: &mut Stream,
    spec: &ProxySpec,
    parsed: &Parsed,
) {
    let Some(mut conn) = stream.conn.take() else {
        return;
    };
    let decoder = &stream.response_body.decoder;
    let (known, is_counted) = match decoder.framing() {
        _ if decoder.is_end() => (0, true),
        Framing::ContentLength(_) => (decoder.remaining_known(), true),
        _ => (0, false),
    };
    let has_come = conn.input.len() as u64 == known;
    if is_counted && has_come && parsed.keep_alive && !headers::server_closes(session, stream) {
        let rest = conn.input.len();
        conn.input.eat(rest);
        if conn.may_be_kept() {
            keep(session, spec, conn);
        }
    }
}

/// Keeps a server connection for the next request.
fn keep(session: &mut Session, spec: &ProxySpec, mut conn: Box<ServerConn>) {
    session.worker.pool.give(std::mem::take(&mut conn.input));
    session.live.server_fd.set(-1);
    let limit = session.spec().frontend.max_session_conns;
    if !session.worker.may_keep(&session.bound, &mut conn) {
        return;
    }
    if conn.private || dispatch::keeps_private(spec) {
        session.own_conns.give(conn, limit);
    } else if !session.worker.is_stopping()
        && let Some(conn) = session.worker.idle.give(conn)
        && conn.is_of_client
    {
        // No pool wants it, but none of the others' would serve this client as well.
        session.own_conns.give(conn, limit);
    }
}

async fn both(
    session: &mut Session,
    stream: &mut Stream,
    (upload, download): &mut (Pump, Pump),
    conn: &mut ServerConn,
    limits: Limits,
    finishes: bool,
) -> Result<(), StreamError> {
    let mut progress = Progress::new(session);
    let worker = Rc::clone(&session.worker);
    let live = Rc::clone(&session.live);
    let mut upload_broke = false;
    poll_fn(|cx| {
        let now = worker.clock.now();
        if !download.ended {
            worker.tell_changes();
            let polled = download.poll(
                cx,
                &conn.io,
                &session.io,
                &mut conn.input,
                &worker.pool,
                now,
            );
            match polled {
                Poll::Ready(Ok(())) if !finishes => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) if upload_broke => {
                    upload.discard(&mut session.input, &worker.pool)
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(download_error(&error))),
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
        }
        if download.ended && upload.ended {
            return Poll::Ready(Ok(()));
        }
        if upload.ended && session.io.is_read_closed(cx) && session.io.is_broken(cx) {
            return Poll::Ready(Err(StreamError::ClientAbort));
        }
        live.last_activity.set(download.since.max(upload.since));
        progress.note(session, stream, upload.content(), download.content());
        while !upload.ended && (!upload_broke || upload.is_discarding()) {
            match poll_upload(cx, session, upload, conn) {
                // The server has stopped reading; its answer may be complete all the same.
                Poll::Ready(Err(PumpError::Write)) => {
                    upload_broke = true;
                    if download.ended {
                        upload.discard(&mut session.input, &worker.pool);
                    }
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(upload_error(&error))),
                Poll::Ready(Ok(())) if download.ended => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) | Poll::Pending => break,
            }
        }
        if let Some(ending) = live.ending() {
            return Poll::Ready(Err(StreamError::Ended(ending)));
        }
        let (deadline, error) = next_deadline(upload, download, upload_broke, limits);
        let nudge = pump::first(upload, download);
        live.poll_deadline_with(cx, &worker.clock, deadline, nudge)
            .map(|()| Err(error))
    })
    .await
}

/// Which side must move next, and until when.
fn next_deadline(
    upload: &Pump,
    download: &Pump,
    upload_broke: bool,
    limits: Limits,
) -> (Option<Time>, StreamError) {
    let (of_client, of_server) = limits.apart.silent(upload, download);
    let client = |since: Time| {
        (
            limits.client.map(|limit| since + limit),
            StreamError::ClientTimeout,
        )
    };
    let server = |since: Time| {
        (
            limits.server.map(|limit| since + limit),
            StreamError::ServerTimeout,
        )
    };
    let of_download = match download.blocked {
        Blocked::Writing => client(download.since),
        _ => server(of_server),
    };
    if upload.ended || (upload_broke && !upload.is_discarding()) {
        return of_download;
    }
    let of_upload = match upload.blocked {
        Blocked::Writing => server(upload.since),
        _ => client(of_client),
    };
    // Nothing is expected of a server as long as it has not got all of the request.
    if download.ended || download.blocked != Blocked::Writing {
        return of_upload;
    }
    match (of_download.0, of_upload.0) {
        (Some(first), Some(second)) if second < first => of_upload,
        (None, Some(_)) => of_upload,
        _ => of_download,
    }
}

fn download_error(error: &PumpError) -> StreamError {
    match error {
        PumpError::Write => StreamError::ClientAbort,
        PumpError::Invalid(_) => StreamError::ServerFault,
        PumpError::Read | PumpError::Truncated => StreamError::ServerAbort,
    }
}

//! What tracked entries count of sessions and streams (haproxy 3.4 configuration 4.3,
//! `track-sc0`): a stream's own entries, and its session's where the stream has none of that number.
//!
//! Tracking begins in rules, and connections are counted then.
//!
//! Deviations: a stream that tracks with the number of its session's counter tracks nothing, where
//! HAProxy's entry then stays referenced; a failure in the middle of an answer counts once.

use lbd_core::Time;
use lbd_rules::facts::SessionFacts;
use lbd_rules::track::edit_all;
use lbd_table::EntryMut;

use crate::session::Session;
use crate::stream::Stream;

/// Counts an event on all entries that a stream counts on.
#[inline]
fn count(session: &Session, stream: &Stream, event: impl Fn(&mut EntryMut<'_>)) {
    let (own, shared) = (&stream.facts.counters, &session.facts.counters);
    if own.is_empty() && shared.is_empty() {
        return;
    }
    edit_all(shared, Some(own), session.now(), event);
}

/// A session was accepted: `sess_cnt`, `sess_rate`.
pub(crate) fn session(session: &Session) {
    let counters = &session.facts.counters;
    if !counters.is_empty() {
        edit_all(counters, None, session.now(), |entry| entry.count_session());
    }
}

/// A client's connection did odd things: `glitch_cnt`, `glitch_rate`.
pub(crate) fn glitches(session: &SessionFacts, new: u32, now: Time) {
    if new > 0 {
        edit_all(&session.counters, None, now, |entry| {
            entry.count_glitches(new)
        });
    }
}

/// A request has come: `http_req_cnt`, `http_req_rate`.
pub(super) fn request(session: &Session, stream: &Stream) {
    count(session, stream, |entry| entry.count_request());
}

/// The client's request was refused or faulty, or not found: `http_err_cnt`, `http_err_rate`.
pub(super) fn error(session: &Session, stream: &Stream) {
    count(session, stream, |entry| entry.count_error());
}

/// The server failed: `http_fail_cnt`, `http_fail_rate`.
pub(super) fn failure(session: &Session, stream: &Stream) {
    count(session, stream, |entry| entry.count_failure());
}

/// A server's answer of this status came.
pub(super) fn status(session: &Session, stream: &Stream, status: u16) {
    let (is_error, is_failure) = session.bound.generation.status_codes.of(status);
    if is_error {
        error(session, stream);
    }
    if is_failure {
        failure(session, stream);
    }
}

/// Something that came instead of a request.
pub(super) fn bad_request(session: &Session, stream: &Stream, is_error: bool) {
    count(session, stream, |entry| {
        entry.count_request();
        if is_error {
            entry.count_error();
        }
    });
}

/// Bytes of the client's and of the server's: `bytes_in_*`, `bytes_out_*`.
pub(super) fn bytes(session: &Session, stream: &Stream, bytes_in: u64, bytes_out: u64) {
    let (own, shared) = (&stream.facts.counters, &session.facts.counters);
    if own.is_empty() && shared.is_empty() {
        return;
    }
    let mut counts = false;
    let mut look = |_: u32, entry: &lbd_rules::track::Entry| {
        counts |= entry.table().schema().counts_bytes();
    };
    own.each(&mut look);
    shared.each(&mut look);
    if !counts {
        return;
    }
    count(session, stream, |entry| {
        if bytes_in > 0 {
            entry.count_bytes_in(bytes_in);
        }
        if bytes_out > 0 {
            entry.count_bytes_out(bytes_out);
        }
    });
}

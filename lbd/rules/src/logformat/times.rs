//! The timers of a line in milliseconds (haproxy 3.4 configuration 8.4).
//!
//! Each is counted from the start of the stream and cut to whole milliseconds before the
//! difference is taken, as the reference does.

use std::time::Duration;

use lbd_core::Time;

use crate::view::View;

/// Whether the client speaks HTTP.
pub(super) fn is_http(view: &View<'_>) -> bool {
    view.session.is_some_and(|session| session.http_major > 0) || view.request.is_some()
}

/// Milliseconds since the start of the stream.
pub(super) struct Times {
    pub(super) handshake: i64,
    /// Idle time before the request; unknown in TCP.
    pub(super) idle: Option<i64>,
    pub(super) received: Option<i64>,
    pub(super) dequeued: Option<i64>,
    pub(super) connected: Option<i64>,
    pub(super) responded: Option<i64>,
    pub(super) total: i64,
    pub(super) is_http: bool,
}

impl Times {
    /// The moments of this view's stream, or of its session while there is none.
    pub(super) fn of(view: &View<'_>) -> Self {
        let shake = view
            .session
            .map_or(Duration::ZERO, |session| session.handshake);
        let Some(stream) = view.stream else {
            let accepted = view.session.map_or(view.now, |session| session.accepted);
            return Self {
                handshake: millis(shake),
                idle: Some(0),
                received: None,
                dequeued: None,
                connected: None,
                responded: None,
                total: millis(view.now.since(accepted)),
                is_http: is_http(view),
            };
        };
        let timers = &stream.timers;
        // Handshakes stand before the first stream of a session only.
        let handshake = if stream.id == 0 { millis(shake) } else { 0 };
        let since = |at: Option<Time>| at.map(|at| millis(at.since(timers.start)));
        let is_http = is_http(view);
        let idle = since(timers.request_start).map(|at| (at - handshake).max(0));
        Self {
            handshake,
            idle: if is_http { idle.or(Some(0)) } else { idle },
            received: since(timers.request_received),
            dequeued: since(timers.dequeued),
            connected: since(timers.connected),
            responded: since(timers.response_received),
            total: millis(timers.end.unwrap_or(view.now).since(timers.start)),
            is_http,
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Time between two moments, -1 when the second was not reached.
pub(super) fn between(from: Option<i64>, to: Option<i64>) -> i64 {
    match (from, to) {
        (Some(from), Some(to)) => to - from,
        _ => -1,
    }
}

//! From a stream that ends to a line: whether, at which level, rendered once; then the sink's.
//!
//! It opens no socket and knows no syslog framing: that is the sink's work.

use std::sync::atomic::Ordering::Relaxed;

use lbd_config::config::{LogLine as LineFormat, LogTarget, Mode, ProxySpec};
use lbd_core::{ProxyId, WallTime};
use lbd_rules::logformat::{LogFormat, connect_line, error_line};
use lbd_rules::view::View;

use crate::session::Session;
use crate::state::Generation;
use crate::state::world::Bound;
use crate::stream::Stream;
use crate::worker::Worker;

/// A finished line.
#[derive(Debug, Clone, Copy)]
pub struct LogLine<'a> {
    /// The proxy whose `log` lines say where to.
    pub proxy: ProxyId,
    /// Level, 0 (emergency) to 7 (debug).
    pub level: u8,
    /// The message, without a header or a line end.
    pub text: &'a [u8],
    /// Structured data for rfc5424 (`log-format-sd`), empty for none.
    pub structured: &'a [u8],
    /// When.
    pub wall: WallTime,
}

/// A finished line of no proxy.
#[derive(Debug, Clone, Copy)]
pub struct LogNote<'a> {
    /// Where to.
    pub targets: &'a [LogTarget],
    /// Level, 0 (emergency) to 7 (debug).
    pub level: u8,
    /// The message, without a header or a line end.
    pub text: &'a [u8],
    /// When.
    pub wall: WallTime,
}

/// Takes finished lines. Called on workers; must neither block nor fail: what cannot be sent is
/// counted and lost.
pub trait LogSink: Send + Sync {
    /// Takes a line for all targets of its proxy that want its level.
    fn send(&self, worker: usize, generation: &Generation, line: &LogLine<'_>);

    /// Takes a line that is of no proxy.
    fn note(&self, worker: usize, generation: &Generation, note: &LogNote<'_>);

    /// Sends what was gathered; called when the worker is about to sleep.
    fn flush(&self, worker: usize);
}

/// A sink that drops everything.
#[derive(Debug)]
pub struct NoLog;

impl LogSink for NoLog {
    fn send(&self, _worker: usize, _generation: &Generation, _line: &LogLine<'_>) {}

    fn note(&self, _worker: usize, _generation: &Generation, _note: &LogNote<'_>) {}

    fn flush(&self, _worker: usize) {}
}

/// What a line is made of.
#[derive(Clone, Copy)]
enum Line<'a> {
    /// The one of a connection without a format.
    Connect,
    Format(&'a LogFormat),
}

/// Level of what operators should mend at once.
const ALERT: u8 = 1;

/// Severity of what keeps clients out.
const EMERGENCY: u8 = 0;

/// Level of ordinary traffic.
const INFO: u8 = 6;

/// Level of errors with `option log-separate-errors`.
const ERROR: u8 = 3;

/// Logs a stream that has ended (or, with `logasap`, one whose response begins).
pub(crate) fn stream(session: &Session, stream: &mut Stream) {
    let bound = &session.bound;
    let spec = &bound.generation.config.proxies[session.frontend.index()];
    if spec.log.targets.is_empty() || stream.is_logged {
        return;
    }
    let facts = &stream.facts;
    // What came was no request, and the session ended with it (haproxy 3.4 configuration 8.2.5).
    let is_session_error = spec.mode == Mode::Http && !stream.has_request && facts.status != 0;
    if is_session_error && matches!(spec.log.format, LineFormat::Default) {
        return;
    }
    let failed = !matches!(facts.term.cause, b'-' | b'L');
    let error = facts.redispatched
        || failed
        || (facts.term.cause == b'-' && facts.retries > 0)
        || (spec.mode == Mode::Http && facts.status >= 500);
    // The line without a format is written before anybody knows how it ends.
    let is_early = matches!(spec.log.format, LineFormat::Default);
    if !error && spec.log.dontlog_normal && !is_early {
        return;
    }
    let level = match facts.asked.log_level {
        Some(None) => return,
        Some(Some(level)) => level,
        None if error && spec.log.separate_errors => ERROR,
        None => INFO,
    };
    stream.is_logged = true;
    stream.facts.logged_early |= spec.log.asap;
    let format = match &spec.log.error_format {
        Some(format) if is_session_error => Line::Format(format),
        _ => match &spec.log.format {
            LineFormat::Format(format) => Line::Format(format),
            LineFormat::Default => Line::Connect,
        },
    };
    let state = bound.generation.proxy(spec.id);
    if matches!(format, Line::Format(format) if format.is_numbered()) {
        stream.facts.log_number = state.log_lines.fetch_add(1, Relaxed);
    }
    stream.facts.load = session.load(stream.backend, stream.server);
    let worker = &session.worker;
    let mut text = worker.take_bytes();
    let mut structured = worker.take_bytes();
    let arena = worker.take_arena();
    let view = session.view(Some(stream), &arena);
    let origin = match (is_session_error, stream.facts.term.cause) {
        (true, _) => "sess_error",
        (false, b'K') => "sess_killed",
        (false, _) => "txn_close",
    };
    match format {
        Line::Format(format) => format.render_for(&view, origin, &mut text),
        Line::Connect => connect_line(&view, spec.mode == Mode::Http, &mut text),
    }
    if let Some(format) = &spec.log.sd_format {
        format.render(&view, &mut structured);
    }
    let line = LogLine {
        proxy: spec.id,
        level,
        text: &text,
        structured: &structured,
        wall: worker.clock.wall(),
    };
    worker
        .shared
        .setup()
        .log
        .send(worker.index, &bound.generation, &line);
    worker.give_arena(arena);
    worker.give_bytes(text);
    worker.give_bytes(structured);
}

/// Logs a connection that failed before it had a stream: a bad PROXY header, a timeout there.
pub(crate) fn connection(session: &Session, message: &str) {
    let bound = &session.bound;
    let spec = &bound.generation.config.proxies[session.frontend.index()];
    if spec.log.targets.is_empty() {
        return;
    }
    let worker = &session.worker;
    let mut text = worker.take_bytes();
    let arena = worker.take_arena();
    let view = session.view(None, &arena);
    match &spec.log.error_format {
        Some(format) => format.render_for(&view, "sess_error", &mut text),
        None => error_line(&view, message, &mut text),
    }
    let line = LogLine {
        proxy: spec.id,
        level: if spec.log.separate_errors {
            ERROR
        } else {
            INFO
        },
        text: &text,
        structured: b"",
        wall: worker.clock.wall(),
    };
    worker
        .shared
        .setup()
        .log
        .send(worker.index, &bound.generation, &line);
    worker.give_arena(arena);
    worker.give_bytes(text);
}

/// Tells operators of something that they should mend, in the log of `spec`.
pub(crate) fn alert(session: &Session, spec: &ProxySpec, text: &str) {
    if spec.log.targets.is_empty() {
        return;
    }
    let worker = &session.worker;
    let line = LogLine {
        proxy: spec.id,
        level: ALERT,
        text: text.as_bytes(),
        structured: b"",
        wall: worker.clock.wall(),
    };
    let log = &worker.shared.setup().log;
    log.send(worker.index, &session.bound.generation, &line);
}

/// Tells operators that a proxy's clients wait because descriptors have run out.
pub(crate) fn shortage(worker: &Worker, bound: &Bound, spec: &ProxySpec) {
    if spec.log.targets.is_empty() {
        return;
    }
    let text = format!(
        "Proxy {} reached process FD limit. Please check 'ulimit-n' and restart.",
        spec.name
    );
    let line = LogLine {
        proxy: spec.id,
        level: EMERGENCY,
        text: text.as_bytes(),
        structured: b"",
        wall: worker.clock.wall(),
    };
    let log = &worker.shared.setup().log;
    log.send(worker.index, &bound.generation, &line);
}

/// Tells operators that a connection to a server of `spec` could not even be begun, by the errno.
pub(crate) fn unconnected(session: &Session, spec: &ProxySpec, errno: i32) {
    if spec.log.targets.is_empty() {
        return;
    }
    let name = &spec.name;
    let (level, text) = match errno {
        libc::EMFILE => (
            EMERGENCY,
            format!("Proxy {name} reached process FD limit. Please check 'ulimit-n' and restart."),
        ),
        libc::ENFILE => (
            EMERGENCY,
            format!("Proxy {name} reached system FD limit. Please check system tunables."),
        ),
        libc::EADDRINUSE | libc::EADDRNOTAVAIL => (
            ERROR,
            format!("Connect() failed for backend {name}: no free ports."),
        ),
        _ => (
            EMERGENCY,
            format!("Proxy {name} reached system memory limit. Please check system tunables."),
        ),
    };
    let worker = &session.worker;
    let line = LogLine {
        proxy: spec.id,
        level,
        text: text.as_bytes(),
        structured: b"",
        wall: worker.clock.wall(),
    };
    let log = &worker.shared.setup().log;
    log.send(worker.index, &session.bound.generation, &line);
}

/// Sends a line in the middle of a session (`do-log`).
pub(crate) fn emit(bound: &Bound, view: &View<'_>) {
    let Some(session) = view.session else { return };
    let config = &bound.generation.config;
    let Some(spec) = config.proxies.get(session.frontend.index()) else {
        return;
    };
    if spec.log.targets.is_empty() {
        return;
    }
    let mut text = Vec::new();
    match &spec.log.format {
        LineFormat::Format(format) => format.render(view, &mut text),
        LineFormat::Default => connect_line(view, spec.mode == Mode::Http, &mut text),
    }
    let line = LogLine {
        proxy: spec.id,
        level: INFO,
        text: &text,
        structured: b"",
        wall: view.wall,
    };
    bound
        .shared
        .setup()
        .log
        .send(bound.worker, &bound.generation, &line);
}

//! The exchange with a server: the request goes up while the response comes down.
//!
//! Both directions are polled by one future. What the response head means is `response`'s.

use std::rc::Rc;
use std::time::Duration;

use lbd_config::config::ProxySpec;
use lbd_core::Time;

use crate::handshake;
use crate::mux::H2Stream;
use crate::server_conn::ServerConn;
use crate::session::Session;
use crate::stream::pump::{Pump, Splice};
use crate::stream::{Halt, Stream, open, response, tunnel};
use crate::term::{Phase, StreamError};

mod begin;
mod bodies;
mod head;

pub(super) use begin::may_replay;
use begin::{await_websocket, begin_upload, switch};
use bodies::body;
pub(super) use bodies::recycle;
use head::{Waiting, on_lost};

/// How long each side may be idle.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) client: Option<Duration>,
    pub(super) server: Option<Duration>,
    pub(super) apart: Apart,
}

/// `option independent-streams`: whether what is written to a side leaves the timeout of reading
/// from it alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Apart {
    client: bool,
    server: bool,
}

impl Apart {
    /// What both sides say.
    pub(super) fn of(session: &Session, backend: &ProxySpec) -> Self {
        Self {
            client: session.spec().options.independent_streams,
            server: backend.options.independent_streams,
        }
    }

    /// Since when the client and the server are silent.
    pub(super) fn silent(self, upload: &Pump, download: &Pump) -> (Time, Time) {
        let active = upload.since.max(download.since);
        (
            if self.client { upload.since } else { active },
            if self.server { download.since } else { active },
        )
    }
}

/// Sends the request and brings the response to the client.
pub(super) async fn run(session: &mut Session, stream: &mut Stream) -> Result<(), Halt> {
    let bound = Rc::clone(&session.bound);
    let Some(id) = stream.backend else {
        return Err(StreamError::Internal.into());
    };
    let spec = &bound.generation.config.proxies[id.index()];
    let Some(mut conn) = stream.conn.take() else {
        return Err(StreamError::Internal.into());
    };
    if conn.io.is_h2() && stream.parsed.upgrade {
        await_websocket(session, stream, spec, &conn).await?;
    }
    let mut upload = begin_upload(session, stream, spec, &mut conn)?;
    upload.holds_body(!stream.body.data.is_empty());
    upload.without_trailers(spec.backend.drop_request_trailers);
    upload.without_delay(no_delay(session, spec));
    upload.with_splice(may_splice(session, spec.options.splice_request));
    if !stream.is_replayable {
        stream.body.data.clear();
    }
    stream.enter(Phase::Headers, session);
    let limits = Limits {
        client: session.client_timeout(),
        server: stream.facts.asked.server_timeout.or(spec.timeouts.server),
        apart: Apart::of(session, spec),
    };
    let parsed = loop {
        let waiting = Waiting {
            upload: &mut upload,
            limits,
            spec,
        };
        let parsed = match waiting.for_head(session, stream, &mut conn).await {
            Ok(parsed) => parsed,
            Err(lost) => return Err(on_lost(session, stream, spec, upload, &conn, lost).await),
        };
        if !parsed.informational {
            break parsed;
        }
        response::forward_informational(session, stream).await?;
    };
    if parsed.upgrade {
        if !upload.ended {
            // Nobody could tell the rest of the content from what the new protocol says.
            return Err(StreamError::ServerFault.into());
        }
        switch(stream, &conn)?;
    }
    if std::mem::take(&mut conn.is_early)
        && let Some(before) = conn.tls.take()
    {
        let confirmed = handshake::confirmed(session, &conn.io, &before);
        let is_resumed = Some(confirmed.is_resumed);
        open::count_handshake(session, stream, conn.server.as_ref(), is_resumed);
        conn.tls = Some(confirmed);
        stream.facts.server_tls.clone_from(&conn.tls);
    }
    note_glitches(session, stream, &conn);
    stream.conn = Some(conn);
    if let Err(halt) = response::process(session, stream, spec, &parsed).await {
        count_moved(stream, &upload, None);
        stream.body.decoder = upload.into_parts().1;
        return Err(halt);
    }
    if parsed.tunnel {
        return tunnel::after_switch(session, stream, spec, upload).await;
    }
    let result = body(session, stream, spec, &parsed, upload, limits).await;
    result.map_err(Halt::Error)
}

/// `option http-no-delay` of either side.
pub(super) fn no_delay(session: &Session, spec: &ProxySpec) -> bool {
    spec.options.no_delay || session.spec().options.no_delay
}

/// Whether bodies may be spliced: unless the configuration forbids it.
pub(super) fn may_splice(session: &Session, option: Option<bool>) -> Splice {
    match option {
        _ if session.bound.generation.config.global.no_splice => Splice::Never,
        Some(false) => Splice::Never,
        Some(true) => Splice::Asked,
        None => Splice::WhereItPays,
    }
}

/// Adds what pumps found of the bodies.
pub(super) fn count_moved(stream: &mut Stream, upload: &Pump, download: Option<&Pump>) {
    let bytes = &mut stream.facts.bytes;
    bytes.request_in += upload.content();
    bytes.request_out += upload.content();
    let found = download.map_or(0, Pump::content);
    bytes.response_in += found;
    bytes.response_out += found;
}

/// Counts what went through pipes, for both sides.
pub(super) fn count_spliced(session: &Session, stream: &Stream, upload: &Pump, download: &Pump) {
    if upload.spliced == 0 && download.spliced == 0 {
        return;
    }
    let worker = session.worker.index;
    let process = session.worker.shared.process().counters.of(worker);
    process.spliced_in.add(upload.spliced);
    process.spliced_out.add(download.spliced);
    let front = session.counters();
    front.spliced_in.add(upload.spliced);
    front.spliced_out.add(download.spliced);
    if let Some(id) = stream.backend {
        let state = session.bound.generation.proxy(id);
        let back = state.backend.of(worker);
        back.spliced_in.add(download.spliced);
        back.spliced_out.add(upload.spliced);
    }
}

/// Notes what both ends did so far, for rules and the log line.
fn note_glitches(session: &mut Session, stream: &mut Stream, conn: &ServerConn) {
    if let Some(h2) = session.io.h2() {
        session.facts.glitches = h2.glitches();
    }
    stream.facts.server_glitches = conn.io.h2().map_or(0, H2Stream::glitches);
}

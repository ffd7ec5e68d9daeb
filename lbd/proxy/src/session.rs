//! A client connection from its first byte to its end: PROXY header, connection and session
//! rules, then TCP or HTTP/1.
//!
//! It does not choose servers: that is the streams' work.

use std::borrow::Cow;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bumpalo::Bump;
use lbd_config::config::{ListenAddress, ListenerSpec, Mode, ProxySpec, TcpKeepalive};
use lbd_core::{ProxyId, ServerId, Time, WallTime};
use lbd_http::Status;
use lbd_http::proxy_protocol::{self, Addresses, Command, ProxyError};
use lbd_rules::facts::{Endpoint, ExpectedHeader, LoadFacts, ProxyHeader, SessionFacts};
use lbd_rules::program::{Ctx, Cursor, Program, Verdict};
use lbd_rules::track::SessionCounters;
use lbd_rules::var::{VarStore, Vars};
use lbd_rules::view::{Buffered, View};

use crate::accept::Entered;
use crate::handshake;
use crate::live::Live;
use crate::log;
use crate::mux;
use crate::pool::Buf;
use crate::server_conn::OwnConns;
use crate::state;
use crate::state::world::Bound;
use crate::stream::{self, Stream, track};
use crate::term::StreamError;
use crate::transport::Transport;
use crate::worker::Worker;

/// A client connection's context.
pub struct Session {
    /// Its worker.
    pub worker: Rc<Worker>,
    /// The generation it was accepted under.
    pub bound: Rc<Bound>,
    /// The outside's hold on it.
    pub live: Rc<Live>,
    /// Its frontend.
    pub frontend: ProxyId,
    /// What rules know of it.
    pub facts: SessionFacts,
    /// Variables of scope `sess`.
    pub vars: Rc<VarStore>,
    pub(crate) io: Transport,
    /// Received and not used yet.
    pub(crate) input: Buf,
    /// Server connections that only this session may use again.
    pub(crate) own_conns: OwnConns,
    /// The server of the last request, for `option prefer-last-server`.
    pub(crate) last_server: Option<(ProxyId, ServerId)>,
    /// When the previous stream ended; `None` before the first has.
    pub(crate) previous_end: Option<(Time, WallTime)>,
    pub(crate) entry: Entry,
}

/// What holds a session's place in the lists and limits.
pub(crate) enum Entry {
    /// A connection.
    Connection(Entered),
    /// A stream of a connection, which has the place.
    Stream(#[expect(dead_code, reason = "held for its drop")] Registered),
}

/// A place in the list of live sessions.
pub(crate) struct Registered {
    worker: Rc<Worker>,
    live: Rc<Live>,
}

impl Registered {
    pub(crate) fn new(worker: Rc<Worker>, live: Rc<Live>) -> Self {
        Self { worker, live }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.worker.unregister(&self.live);
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("facts", &self.facts)
            .finish_non_exhaustive()
    }
}

/// Serves one connection to its end.
pub(crate) async fn serve(mut session: Box<Session>) {
    match open(&mut session).await {
        Ok(Some(Mode::Http)) => {
            if wants_h2(&session) || stream::run_http(&mut session).await {
                return Box::pin(mux::front::serve(session)).await;
            }
        }
        Ok(Some(Mode::Tcp)) => {
            if Box::pin(stream::run_tcp(&mut session)).await {
                // It begins as a connection that has just been accepted.
                session.facts.streams = 0;
                session.previous_end = None;
                let is_h2 = wants_h2(&session) || Box::pin(stream::run_http(&mut session)).await;
                if is_h2 {
                    return Box::pin(mux::front::serve(session)).await;
                }
            }
        }
        Ok(None) => {}
        Err(message) => log::connection(&session, &message),
    }
    session.finish();
}

/// Whether the client speaks HTTP/2: the line says so (`proto h2`), or both agreed on it by ALPN.
fn wants_h2(session: &Session) -> bool {
    let agreed = session
        .facts
        .tls
        .as_ref()
        .and_then(|tls| tls.alpn.as_deref());
    let binds = &session.spec().frontend.binds;
    if agreed == Some(b"h2") {
        return true;
    }
    binds
        .get(session.facts.bind.index())
        .is_some_and(|bind| bind.options.proto.as_deref() == Some("h2"))
}

impl Session {
    pub(crate) fn new(entered: Entered, bound: Rc<Bound>, io: Transport, peer: Endpoint) -> Self {
        let worker = Rc::clone(&entered.worker);
        let live = Rc::clone(&entered.live);
        let listener = &bound.generation.config.listeners[live.listener.index()];
        let bind = &bound.generation.config.proxies[live.frontend.index()]
            .frontend
            .binds[listener.bind.index()];
        let local = match known_local(listener, bind.options.transparent) {
            Some(local) => local,
            None => io.local(),
        };
        let facts = SessionFacts {
            id: live.id,
            frontend: live.frontend,
            bind: listener.bind,
            listener: live.listener,
            accepted_wall: live.accepted_wall,
            accepted: live.accepted,
            conn_src: peer,
            conn_dst: local,
            src: None,
            dst: None,
            proxy_header: None,
            tls: None,
            handshake: Duration::ZERO,
            streams: 0,
            glitches: 0,
            error: None,
            http_major: 0,
            client_timeout: None,
            expected_header: None,
            counters: SessionCounters::default(),
            fd: io.raw_fd(),
        };
        Self {
            frontend: live.frontend,
            facts,
            vars: Rc::default(),
            io,
            input: Buf::default(),
            own_conns: OwnConns::default(),
            last_server: None,
            previous_end: None,
            worker,
            bound,
            live,
            entry: Entry::Connection(entered),
        }
    }

    /// The frontend's section.
    pub(crate) fn spec(&self) -> &ProxySpec {
        &self.bound.generation.config.proxies[self.frontend.index()]
    }

    /// The frontend's counters of this worker.
    pub(crate) fn counters(&self) -> &state::Counters {
        self.bound
            .generation
            .proxy(self.frontend)
            .frontend
            .of(self.worker.index)
    }

    /// The time of this wake-up.
    pub(crate) fn now(&self) -> Time {
        self.worker.clock.now()
    }

    /// `timeout client`, or what a rule set instead.
    pub(crate) fn client_timeout(&self) -> Option<Duration> {
        self.facts
            .client_timeout
            .or_else(|| self.spec().timeouts.client)
    }

    /// What expressions see.
    pub(crate) fn view<'a>(&'a self, stream: Option<&'a Stream>, arena: &'a Bump) -> View<'a> {
        View {
            arena,
            now: self.worker.clock.now(),
            wall: self.worker.clock.wall(),
            session: Some(&self.facts),
            stream: stream.map(|stream| &stream.facts),
            request: stream.and_then(Stream::request_view),
            response: stream.and_then(Stream::response_view),
            request_body: match stream {
                // What has come of a stream without messages: backends are chosen by it, too.
                Some(stream) if !stream.has_request && self.spec().mode == Mode::Tcp => Buffered {
                    data: self.input.data(),
                    complete: false,
                    full: self.input.capacity() > 0 && self.input.is_full(),
                    announced: None,
                },
                stream => stream.map_or_else(Buffered::default, Stream::request_body),
            },
            response_body: stream.map_or_else(Buffered::default, Stream::response_body),
            vars: Vars {
                sess: Some(&self.vars),
                txn: stream.map(|stream| &stream.txn),
                reqres: stream.map(Stream::reqres),
                is_response: stream.is_some_and(|stream| stream.in_response),
                check: None,
            },
            world: &*self.bound,
            proxy: Some(
                stream
                    .and_then(|stream| stream.place)
                    .unwrap_or(self.frontend),
            ),
            is_final: true,
        }
    }

    /// Counts of connections for the log.
    pub(crate) fn load(&self, backend: Option<ProxyId>, server: Option<ServerId>) -> LoadFacts {
        let generation = &self.bound.generation;
        let backend = backend.map(|id| generation.proxy(id));
        LoadFacts {
            process: self.worker.shared.process().connections.get(),
            frontend: generation.proxy(self.frontend).sessions.get(),
            backend: backend.map_or(0, |state| state.streams.get()),
            server: backend
                .zip(server)
                .and_then(|(state, id)| state.servers.get(id.index()))
                .map_or(0, |server| server.streams.get()),
        }
    }

    /// Reads more into the input buffer when it comes; the number of bytes, 0 at the end.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        // An idle connection holds no buffer: wait first, then take one.
        if self.input.capacity() == 0 {
            std::task::ready!(self.io.poll_readable(cx));
            self.input = self.worker.pool.small();
        }
        match self.io.poll_read(cx, self.input.room()) {
            Poll::Ready(Ok(read)) => {
                self.input.filled(read);
                self.live.last_activity.set(self.now());
                self.live
                    .bytes_in
                    .set(self.live.bytes_in.get() + read as u64);
                Poll::Ready(Ok(read))
            }
            other => {
                self.tidy_input();
                other
            }
        }
    }

    /// Gives an empty input buffer back.
    pub(crate) fn tidy_input(&mut self) {
        if self.input.is_empty() && self.input.capacity() > 0 {
            self.worker.pool.give(std::mem::take(&mut self.input));
        }
    }

    /// Waits for more bytes; the error when the deadline passes or the session is ended.
    pub(crate) async fn fill(&mut self, deadline: Option<Time>) -> Result<usize, StreamError> {
        let live = Rc::clone(&self.live);
        let worker = Rc::clone(&self.worker);
        poll_fn(|cx| {
            match self.poll_fill(cx) {
                Poll::Ready(Ok(read)) => return Poll::Ready(Ok(read)),
                Poll::Ready(Err(_)) => return Poll::Ready(Err(StreamError::ClientAbort)),
                Poll::Pending => {}
            }
            if let Some(ending) = live.ending() {
                return Poll::Ready(Err(StreamError::Ended(ending)));
            }
            live.poll_deadline(cx, &worker.clock, deadline)
                .map(|()| Err(StreamError::ClientTimeout))
        })
        .await
    }

    /// Waits until a moment, unless the session is ended or (when asked) the client leaves.
    pub(crate) async fn pause(&self, until: Time, watch: bool) -> Result<(), StreamError> {
        poll_fn(|cx| {
            if let Some(ending) = self.live.ending() {
                return Poll::Ready(Err(StreamError::Ended(ending)));
            }
            if watch && self.io.is_read_closed(cx) {
                return Poll::Ready(Err(StreamError::ClientAbort));
            }
            self.live
                .poll_deadline(cx, &self.worker.clock, Some(until))
                .map(Ok)
        })
        .await
    }

    /// Runs a ruleset of the connection itself, where nothing can be waited for.
    fn run_early(&mut self, program: &Program) -> Verdict {
        if program.is_empty() {
            return Verdict::Continue;
        }
        let arena = self.worker.take_arena();
        let mut reply = None;
        let mut ctx = Ctx {
            arena: &arena,
            now: self.worker.clock.now(),
            wall: self.worker.clock.wall(),
            session: &mut self.facts,
            stream: None,
            request: None,
            response: None,
            request_body: Buffered::default(),
            response_body: Buffered::default(),
            vars: Vars {
                sess: Some(&self.vars),
                ..Vars::default()
            },
            world: &*self.bound,
            proxy: Some(self.frontend),
            is_final: true,
            reply: &mut reply,
        };
        let verdict = program.run(&mut Cursor::default(), &mut ctx);
        self.worker.give_arena(arena);
        verdict
    }

    /// The end: what was spliced or kept goes, then the socket closes.
    fn finish(&mut self) {
        let now = self.now();
        self.facts.counters.end(now);
        self.worker.pool.give(std::mem::take(&mut self.input));
        self.own_conns.clear();
        if self.spec().options.nolinger {
            self.io.abort();
        }
    }

    /// Takes what the client has sent so far, up to a buffer: a close with unread bytes would be
    /// a reset.
    pub(crate) fn swallow(&mut self) {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut left = self.bound.generation.config.global.tune.bufsize;
        let mut buffer = [0; 2048];
        while left > 0 {
            match self.io.poll_read(&mut cx, &mut buffer) {
                Poll::Ready(Ok(read @ 1..)) => left = left.saturating_sub(read),
                _ => break,
            }
        }
    }

    /// Ends our side, then reads what the client still sends, for a while: a close with unread
    /// bytes would be a reset that can destroy the answer on its way.
    pub(crate) async fn linger(&mut self) {
        self.io.shutdown_write();
        let deadline = self.now() + LINGER;
        let mut left = MAX_LINGER;
        while left > 0 {
            let room = self.input.len();
            self.input.eat(room);
            match self.fill(Some(deadline)).await {
                Ok(0) | Err(_) => break,
                Ok(read) => left = left.saturating_sub(read),
            }
        }
    }
}

/// Our address of every connection of a listener, where the kernel need not be asked: it listens
/// on one address, and nobody else's packets come to it.
fn known_local(listener: &ListenerSpec, is_transparent: bool) -> Option<Endpoint> {
    match listener.address {
        ListenAddress::Tcp(address)
            if !is_transparent && address.port() != 0 && !address.ip().is_unspecified() =>
        {
            Some(Endpoint::Inet(address))
        }
        _ => None,
    }
}

/// What comes before streams: rules and the PROXY header. `None` when the connection is refused.
async fn open(session: &mut Session) -> Result<Option<Mode>, Cow<'static, str>> {
    let bound = Rc::clone(&session.bound);
    let spec = &bound.generation.config.proxies[session.frontend.index()];
    let verdict = session.run_early(&spec.rules.tcp_connection);
    if !is_let_in(session, &verdict) {
        session.counters().denied_connections.inc();
        return Ok(None);
    }
    let wants_header = spec
        .frontend
        .binds
        .get(session.facts.bind.index())
        .is_some_and(|bind| bind.options.accept_proxy);
    let wants_cip = spec
        .frontend
        .binds
        .get(session.facts.bind.index())
        .is_some_and(|bind| bind.options.netscaler_cip.is_some());
    if wants_cip {
        session
            .facts
            .expected_header
            .get_or_insert(ExpectedHeader::NetscalerCip);
    }
    match session.facts.expected_header {
        Some(ExpectedHeader::NetscalerCip) => Box::pin(read_cip_header(session)).await?,
        Some(ExpectedHeader::Proxy) => Box::pin(read_proxy_header(session)).await?,
        None if wants_header => Box::pin(read_proxy_header(session)).await?,
        None => {}
    }
    if let Some(tls) = &spec.frontend.binds[session.facts.bind.index()].tls
        && let Err(failed) = Box::pin(handshake::accept(session, tls)).await
    {
        return Err(failed.message().into());
    }
    let verdict = session.run_early(&spec.rules.tcp_session);
    if !is_let_in(session, &verdict) {
        session.counters().denied_sessions.inc();
        return Ok(None);
    }
    let now = session.now();
    session.counters().session(now);
    let generation = &bound.generation;
    if let Entry::Connection(entered) = &session.entry {
        entered.count_session(now);
    }
    if let Some(listener) = generation.listener(session.facts.listener) {
        listener.counters.of(session.worker.index).session(now);
    }
    track::session(session);
    Ok(Some(spec.mode))
}

fn is_let_in(session: &Session, verdict: &Verdict) -> bool {
    match verdict {
        Verdict::SilentDrop { rst_ttl } => {
            session.io.silent_drop(*rst_ttl);
            false
        }
        Verdict::Close | Verdict::Deny { .. } | Verdict::Failed => {
            // No lingering port for someone who was refused.
            session.io.abort();
            false
        }
        _ => true,
    }
}

/// Reads more of a header that comes before everything else.
async fn fill_header(session: &mut Session, begun: Time) -> Result<(), &'static str> {
    let spec = session.spec();
    let limit = spec.timeouts.client_hs.or(spec.timeouts.client);
    match session.fill(limit.map(|limit| begun + limit)).await {
        Ok(0) if session.input.is_empty() => {
            Err("Connection closed while waiting for PROXY protocol header")
        }
        Ok(0) => Err("Truncated PROXY protocol header received"),
        Ok(_) => Ok(()),
        Err(StreamError::ClientTimeout) => Err("Timeout during PROXY protocol header reception"),
        Err(StreamError::Ended(_)) => Err("Connection killed"),
        Err(_) => Err("Connection error while waiting for PROXY protocol header"),
    }
}

async fn read_proxy_header(session: &mut Session) -> Result<(), &'static str> {
    let begun = session.now();
    loop {
        fill_header(session, begun).await?;
        let (addresses, command, tlvs, consumed) =
            match proxy_protocol::decode(session.input.data()) {
                Ok(Status::Complete(header)) => {
                    let addresses = match header.addresses {
                        Addresses::Inet {
                            source,
                            destination,
                        } => Some((Endpoint::Inet(source), Endpoint::Inet(destination))),
                        Addresses::Unix { .. } => Some((Endpoint::Unix, Endpoint::Unix)),
                        Addresses::Unspecified => None,
                    };
                    let mut tlvs = Vec::new();
                    for tlv in header.tlvs.clone() {
                        tlvs.push(tlv.kind.0);
                        let len = u16::try_from(tlv.value.len()).unwrap_or(0);
                        tlvs.extend_from_slice(&len.to_be_bytes());
                        tlvs.extend_from_slice(tlv.value);
                    }
                    (addresses, header.command, tlvs, header.consumed)
                }
                Ok(Status::Partial) if !session.input.is_full() => continue,
                Ok(Status::Partial) => return Err("Invalid PROXY protocol header"),
                Err(ProxyError::Signature | ProxyError::Version) => {
                    return Err(
                        "Received something which does not look like a PROXY protocol header",
                    );
                }
                Err(ProxyError::Family) => {
                    return Err("Received an unhandled protocol in the PROXY protocol header");
                }
                Err(_) => return Err("Received an invalid PROXY protocol header"),
            };
        session.input.eat(consumed);
        if command == Command::Proxy
            && let Some((source, destination)) = addresses
        {
            session.facts.src = Some(Box::new(source));
            session.facts.dst = Some(Box::new(destination));
            session.live.source.set(source);
        }
        session.facts.proxy_header = Some(Box::new(ProxyHeader { tlvs: tlvs.into() }));
        session.facts.handshake = session.now().since(begun);
        return Ok(());
    }
}

/// NetScaler's header: magic, length, then the client's IP and TCP headers, of which addresses and
/// ports are taken (haproxy 3.4 configuration 5.1, `accept-netscaler-cip`).
async fn read_cip_header(session: &mut Session) -> Result<(), &'static str> {
    const FAULT: &str = "Received an invalid NetScaler Client IP header";
    let begun = session.now();
    let binds = &session.spec().frontend.binds;
    let magic = binds
        .get(session.facts.bind.index())
        .and_then(|bind| bind.options.netscaler_cip)
        .unwrap_or(CIP_MAGIC);
    loop {
        fill_header(session, begun).await?;
        match crate::cip::decode(session.input.data(), magic) {
            Ok(None) if session.input.is_full() => return Err(FAULT),
            Ok(None) => {}
            Err(()) => return Err(FAULT),
            Ok(Some((source, destination, consumed))) => {
                session.input.eat(consumed);
                session.facts.src = Some(Box::new(Endpoint::Inet(source)));
                session.facts.dst = Some(Box::new(Endpoint::Inet(destination)));
                session.live.source.set(session.facts.src());
                session.facts.handshake = session.now().since(begun);
                return Ok(());
            }
        }
    }
}

/// Turns TCP keepalive on for a client.
pub(crate) fn keep_alive(io: &Transport, keepalive: TcpKeepalive) {
    if io.is_tcp() {
        crate::connect::set_keepalive(&io.options(), keepalive);
    }
}

/// How long a client may still send after its answer.
const LINGER: Duration = Duration::from_secs(1);

/// Magic of NetScaler's header unless the `bind` line gives another one.
const CIP_MAGIC: u32 = 0xcafe_f00d;

/// Bytes read and dropped meanwhile.
const MAX_LINGER: usize = 256 * 1024;

//! A client connection from its first byte to its end: PROXY header, connection and session
//! rules, then TCP or HTTP/1.
//!
//! It does not choose servers: that is the streams' work.

mod follow;
mod header;

use std::borrow::Cow;
use std::future::poll_fn;
use std::num::NonZeroU64;
use std::ops::Deref;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bumpalo::Bump;
use lbd_config::config::{ListenAddress, ListenerSpec, Mode, ProxySpec, TcpKeepalive};
use lbd_core::{ProxyId, ServerId, Time, WallTime};
use lbd_rules::facts::{Endpoint, ExpectedHeader, LoadFacts, SessionFacts};
use lbd_rules::program::{Ctx, Cursor, Program, Verdict};
use lbd_rules::track::SessionCounters;
use lbd_rules::var::{VarStore, Vars};
use lbd_rules::view::{Buffered, View};

use crate::accept::Entered;
use crate::clock::Clock;
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

/// A moment on both clocks. No wall clock shows its first microsecond, so that `None` has room in
/// the same sixteen bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// On the clock of the process.
    pub(crate) at: Time,
    wall: NonZeroU64,
}

impl Moment {
    /// What `clock` shows now.
    pub(crate) fn now(clock: &Clock) -> Self {
        Self {
            at: clock.now(),
            wall: NonZeroU64::new(clock.wall().0).unwrap_or(NonZeroU64::MIN),
        }
    }

    /// On the wall clock.
    pub(crate) fn wall(self) -> WallTime {
        WallTime(self.wall.get())
    }
}

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
    pub vars: SessionVars,
    pub(crate) io: Transport,
    /// Received and not used yet.
    pub(crate) input: Buf,
    /// Answers that leave together with the next one, whose request is here already.
    pub(crate) held: Option<Box<Held>>,
    /// Server connections that only this session may use again.
    pub(crate) own_conns: OwnConns,
    /// The server of the last request, for `option prefer-last-server`.
    pub(crate) last_server: Option<(ProxyId, ServerId)>,
    /// When the previous stream ended; `None` before the first has.
    pub(crate) previous_end: Option<Moment>,
    pub(crate) entry: Entry,
}

/// Bytes of answers that are held. Apart: hardly any session has some.
#[derive(Debug, Default)]
pub(crate) struct Held(pub(crate) Vec<u8>);

/// Variables of scope `sess`: of one stream after the other, or of all streams of a connection
/// at a time.
#[derive(Debug)]
pub enum SessionVars {
    /// Nobody else has them.
    Own(VarStore),
    /// All streams of a connection have them.
    Shared(Rc<VarStore>),
}

impl Default for SessionVars {
    fn default() -> Self {
        Self::Own(VarStore::default())
    }
}

impl SessionVars {
    /// For a connection whose streams run side by side.
    pub(crate) fn into_shared(self) -> Rc<VarStore> {
        match self {
            Self::Own(store) => Rc::new(store),
            Self::Shared(store) => store,
        }
    }
}

impl Deref for SessionVars {
    type Target = VarStore;

    fn deref(&self) -> &VarStore {
        match self {
            Self::Own(store) => store,
            Self::Shared(store) => store,
        }
    }
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
///
/// This future is what a waiting connection's task consists of: whatever lives only for a moment
/// is boxed, and nothing else is kept over a wait.
pub(crate) async fn serve(mut session: Box<Session>) {
    let opened = match begin(&mut session) {
        Begun::Refused => Ok(None),
        Begun::Ready => Ok(admit(&mut session)),
        Begun::Greets => match Box::pin(greet(&mut session)).await {
            Ok(()) => Ok(admit(&mut session)),
            Err(message) => Err(message),
        },
    };
    match opened {
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
        let listener = &bound.generation.config.listeners[live.listener.get().index()];
        let bind = &bound.generation.config.proxies[live.frontend.get().index()]
            .frontend
            .binds[listener.bind.index()];
        let local = match known_local(listener, bind.options.transparent) {
            Some(local) => local,
            None => io.local(),
        };
        let facts = SessionFacts {
            id: live.id,
            frontend: live.frontend.get(),
            bind: listener.bind,
            listener: live.listener.get(),
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
            frontend: live.frontend.get(),
            facts,
            vars: SessionVars::default(),
            io,
            input: Buf::default(),
            held: None,
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
                    awaits_head: false,
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
        stream::settle(self).await?;
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
/// How a connection goes on after the rules of its first moment.
enum Begun {
    /// They turned it away.
    Refused,
    /// It has no header and no handshake.
    Ready,
    /// It begins with a header of another proxy, or with a handshake.
    Greets,
}

fn begin(session: &mut Session) -> Begun {
    let bound = Rc::clone(&session.bound);
    let spec = &bound.generation.config.proxies[session.frontend.index()];
    let verdict = session.run_early(&spec.rules.tcp_connection);
    if !is_let_in(session, &verdict) {
        session.counters().denied_connections.inc();
        return Begun::Refused;
    }
    let Some(bind) = spec.frontend.binds.get(session.facts.bind.index()) else {
        return Begun::Ready;
    };
    let expected = &mut session.facts.expected_header;
    if bind.options.netscaler_cip.is_some() {
        expected.get_or_insert(ExpectedHeader::NetscalerCip);
    } else if bind.options.accept_proxy {
        expected.get_or_insert(ExpectedHeader::Proxy);
    }
    if expected.is_some() || bind.tls.is_some() {
        Begun::Greets
    } else {
        Begun::Ready
    }
}

/// Reads the header of another proxy and shakes hands, as far as the connection has them.
async fn greet(session: &mut Session) -> Result<(), Cow<'static, str>> {
    match session.facts.expected_header {
        Some(ExpectedHeader::NetscalerCip) => header::read_cip(session).await?,
        Some(ExpectedHeader::Proxy) => header::read_proxy(session).await?,
        None => {}
    }
    let bound = Rc::clone(&session.bound);
    let spec = &bound.generation.config.proxies[session.frontend.index()];
    let bind = spec.frontend.binds.get(session.facts.bind.index());
    if let Some(tls) = bind.and_then(|bind| bind.tls.as_ref())
        && let Err(failed) = handshake::accept(session, tls).await
    {
        return Err(handshake::message(&failed).into());
    }
    Ok(())
}

/// The rules of the session, before its first stream; what kind of stream it has, or `None` when
/// they turned it away.
fn admit(session: &mut Session) -> Option<Mode> {
    let bound = Rc::clone(&session.bound);
    let spec = &bound.generation.config.proxies[session.frontend.index()];
    let verdict = session.run_early(&spec.rules.tcp_session);
    if !is_let_in(session, &verdict) {
        session.counters().denied_sessions.inc();
        return None;
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
    Some(spec.mode)
}

fn is_let_in(session: &Session, verdict: &Verdict) -> bool {
    match verdict {
        Verdict::SilentDrop { rst_ttl } => {
            session.io.silent_drop(*rst_ttl);
            false
        }
        Verdict::Close | Verdict::Deny { .. } | Verdict::Failed | Verdict::RewriteFailed => {
            // No lingering port for someone who was refused.
            session.io.abort();
            false
        }
        _ => true,
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

/// Bytes read and dropped meanwhile.
const MAX_LINGER: usize = 256 * 1024;

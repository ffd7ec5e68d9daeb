//! Evaluates what check scripts refer to by number: requests, log formats, expressions, variables.
//!
//! It sends nothing. Bytes of the server are seen as a response, as rules see one.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use bumpalo::Bump;
use lbd_backend::check::{Answer, CheckRequest, HttpReply, Renderer};
use lbd_backend::health::StateFacts;
use lbd_config::config::{CheckRequestSpec, CheckToken, ServerAddress};
use lbd_core::{ProxyId, ServerId, WallTime};
use lbd_http::Head;
use lbd_proxy::ServerSession;
use lbd_proxy::state::Shared;
use lbd_proxy::state::world::Bound;
use lbd_rules::facts::{Endpoint, StreamFacts, Target};
use lbd_rules::logformat::LogFormat;
use lbd_rules::var::{OwnedValue, Scope, Var, VarStore, Vars};
use lbd_rules::view::{Buffered, View, World as _};

use super::slot::Job;

/// The renderer of one run.
pub(super) struct CheckRenderer {
    tokens: Arc<Vec<CheckToken>>,
    bound: Bound,
    backend: ProxyId,
    server: ServerId,
    send_state: bool,
    vars: VarStore,
    wall: WallTime,
    /// Own and the server's address of the connection, once there is one.
    ends: Option<(SocketAddr, SocketAddr)>,
    /// The connection's TLS.
    session: Option<ServerSession>,
    http_major: u8,
}

impl CheckRenderer {
    /// A renderer for a check of that server, with no variable set.
    pub(super) fn new(shared: &Arc<Shared>, job: &Job) -> Self {
        let generation = Arc::clone(&job.generation);
        // Ids of a job are of its generation, whose configuration has them all.
        let backend = &generation.config.proxies[job.backend.index()].backend;
        let check = job.state.spec.check_of(&backend.check);
        let (tokens, send_state) = (Arc::clone(&check.tokens), check.send_state);
        let wall = super::announce::wall();
        // The number after the last worker stands for the control thread.
        let bound = Bound::new(Arc::clone(shared), generation, shared.setup().workers);
        Self {
            tokens,
            bound,
            backend: job.backend,
            server: job.server,
            send_state,
            vars: VarStore::default(),
            wall,
            ends: None,
            session: None,
            http_major: 0,
        }
    }

    /// Notes between which addresses the check's new connection stands.
    pub(super) fn set_ends(&mut self, ends: Option<(SocketAddr, SocketAddr)>) {
        self.ends = ends;
        self.session = None;
        self.http_major = 0;
    }

    /// Notes what the handshake on it said.
    pub(super) fn set_session(&mut self, session: ServerSession) {
        self.session = Some(session);
    }

    /// Notes which version of HTTP is spoken on it.
    pub(super) fn set_http(&mut self, major: u8) {
        self.http_major = major;
    }

    /// The host that the script's first request names, without a port; `None` when it speaks no
    /// HTTP or names none.
    pub(super) fn host(&self) -> Option<String> {
        let request = self.tokens.iter().find_map(|token| match token {
            CheckToken::Request(spec) => Some(spec),
            _ => None,
        })?;
        let mut headers = request.headers.iter();
        let (_, format) = headers.find(|(name, _)| name.eq_ignore_ascii_case(b"host"))?;
        let text = String::from_utf8(self.format(format)).ok()?;
        let host = match text.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
            _ => &text,
        };
        Some(host.to_owned()).filter(|host| !host.is_empty())
    }

    /// The text of a format that belongs to no step: a field of the PROXY header.
    pub(super) fn format(&self, format: &LogFormat) -> Vec<u8> {
        self.with_view(
            Answer {
                payload: b"",
                http: None,
            },
            |view| {
                let mut out = Vec::new();
                format.render(view, &mut out);
                out
            },
        )
    }

    fn with_view<T>(&self, answer: Answer<'_>, look: impl FnOnce(&View<'_>) -> T) -> T {
        let arena = Bump::new();
        let head = answer.http.map(head_of);
        let end = |end: Option<SocketAddr>| end.map_or(Endpoint::Unknown, Endpoint::Inet);
        let stream = StreamFacts {
            backend: Some(self.backend),
            target: Target::Server(self.server),
            server_src: end(self.ends.map(|(own, _)| own)),
            server_dst: end(self.ends.map(|(_, server)| server)),
            server_tls: self.session.as_ref().map(|told| Rc::new(told.facts())),
            server_http_major: self.http_major,
            ..StreamFacts::default()
        };
        let view = View {
            arena: &arena,
            now: self.bound.shared.now(),
            wall: self.wall,
            session: None,
            stream: Some(&stream),
            request: None,
            response: head.as_ref(),
            request_body: Buffered::default(),
            response_body: Buffered {
                data: answer.payload,
                complete: answer.http.is_some_and(|http| http.complete),
                full: false,
                announced: None,
                awaits_head: false,
            },
            vars: Vars {
                check: Some(&self.vars),
                ..Vars::default()
            },
            world: &self.bound,
            proxy: Some(self.backend),
            is_final: true,
        };
        look(&view)
    }

    fn request(&self, spec: &CheckRequestSpec, view: &View<'_>) -> Vec<u8> {
        let text = |format: &LogFormat| {
            let mut out = Vec::new();
            format.render(view, &mut out);
            out
        };
        let mut headers: Vec<_> = spec
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), text(value)))
            .collect();
        if self.send_state
            && let Some(state) = self.state()
        {
            headers.push((b"x-haproxy-server-state".to_vec(), state.into_bytes()));
        }
        CheckRequest {
            method: spec.method.clone(),
            uri: Some(text(&spec.uri))
                .filter(|uri| !uri.is_empty())
                .unwrap_or_else(|| b"/".to_vec()),
            version: spec.version.clone(),
            headers,
            body: spec.body.as_ref().map(text).unwrap_or_default(),
        }
        .encode()
    }

    /// The value of `X-Haproxy-Server-State` (`http-check send-state`).
    fn state(&self) -> Option<String> {
        let generation = &self.bound.generation;
        let proxy = generation.proxies.get(self.backend.index())?;
        let server = proxy.servers.get(self.server.index())?;
        let now = self.bound.shared.now();
        let (view, whole) = (proxy.roster.server(self.server, now)?, proxy.roster.view());
        let (address, port) = match &*server.address() {
            ServerAddress::Inet(at) => (at.ip().to_string(), Some(at.port())),
            ServerAddress::MappedPort(ip, _) => (ip.to_string(), Some(0)),
            _ => ("unix".to_owned(), None),
        };
        let facts = StateFacts {
            name: &format!("{}/{}", proxy.name, server.name),
            address: &address,
            port,
            node: &generation.config.global.node,
            weights: (view.weight, whole.weight),
            sessions: (
                server.streams.get(),
                whole.streams.saturating_sub(whole.queued),
            ),
            queued: view.queued,
            throttle: view.throttle,
        };
        Some(server.health()?.state_header(&facts))
    }

    fn set(&self, var: Var, value: Option<OwnedValue>) {
        let limit = self.bound.generation.config.global.tune.vars_check_max_size;
        match (var.scope, value) {
            (Scope::Proc, value) => {
                // A full store keeps what it has, as everywhere.
                let _ = self.bound.set_proc_var(var.id, value);
            }
            (Scope::Check, Some(value)) => {
                let _ = self.vars.set(var.id, value, limit);
            }
            (Scope::Check, None) => self.vars.unset(var.id),
            // The configuration lets a check set no other scope.
            _ => {}
        }
    }
}

impl Renderer for CheckRenderer {
    fn render(&mut self, token: u32, answer: Answer<'_>) -> Vec<u8> {
        let tokens = Arc::clone(&self.tokens);
        let Some(token) = tokens.get(token as usize) else {
            return Vec::new();
        };
        self.with_view(answer, |view| {
            let mut out = Vec::new();
            match token {
                CheckToken::Expr(expr) => {
                    out.extend_from_slice(expr.bytes(view).unwrap_or_default());
                }
                CheckToken::Format(format) => format.render(view, &mut out),
                CheckToken::Request(spec) => out = self.request(spec, view),
                CheckToken::SetVar { .. }
                | CheckToken::SetVarFormat { .. }
                | CheckToken::UnsetVar(_) => {}
            }
            out
        })
    }

    fn perform(&mut self, token: u32, answer: Answer<'_>) {
        let tokens = Arc::clone(&self.tokens);
        let Some(token) = tokens.get(token as usize) else {
            return;
        };
        self.with_view(answer, |view| match token {
            CheckToken::SetVar { var, value } => {
                if let Some(value) = value.value(view).value() {
                    self.set(*var, Some(OwnedValue::of(value)));
                }
            }
            CheckToken::SetVarFormat { var, value } => {
                let mut out = Vec::new();
                value.render(view, &mut out);
                self.set(*var, Some(OwnedValue::Str(out.into())));
            }
            CheckToken::UnsetVar(var) => self.set(*var, None),
            CheckToken::Expr(_) | CheckToken::Format(_) | CheckToken::Request(_) => {}
        });
    }
}

/// The answer's head as rules see one; headers beyond a head's limit are left out.
fn head_of(reply: &HttpReply) -> Head {
    let mut head = Head::new();
    let mut fits = head.start_response(b"HTTP/1.1", reply.status, &reply.reason);
    for (name, value) in &reply.headers {
        if fits.is_err() {
            break;
        }
        fits = head.add(name, value);
    }
    head
}

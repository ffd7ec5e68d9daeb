//! One run of a check: does what its script asks for, and tells it what came of it.
//!
//! It judges no answer: `lbd_backend::check::CheckRun` does.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use lbd_backend::check::{
    Action, CheckRun, CheckTimeouts, Connect, Event, Finished, Proto, Renderer as _, Script,
    agent_script,
};
use lbd_backend::health::Which;
use lbd_config::config::{ProxySpec, SendProxy, ServerSpec};
use lbd_core::Time;
use lbd_http::proxy_protocol::encode::{V2Encoder, encode_v1};
use lbd_http::proxy_protocol::{Addresses, Command, Protocol, TlvType};
use lbd_proxy::Namespaces;
use lbd_proxy::state::Shared;
use tokio::time::timeout_at;

use super::external;
use super::http2::Http2;
use super::link::{Link, Refusal, system_text};
use super::renderer::CheckRenderer;
use super::run::instant;
use super::secure::Secure;
use super::slot::Job;
use super::target::{self, Cover, Place, Target};

/// What is to be done next, owned so that it can be waited for.
enum Step {
    Connect(Box<Connect>),
    Done(Finished),
    Receive,
    Send(Vec<u8>),
    Wait,
}

impl From<Action<'_>> for Step {
    fn from(action: Action<'_>) -> Self {
        match action {
            Action::Connect(connect) => Self::Connect(Box::new(connect.clone())),
            Action::Done(finished) => Self::Done(finished),
            Action::Receive => Self::Receive,
            Action::Send(bytes) => Self::Send(bytes),
            Action::Wait => Self::Wait,
        }
    }
}

/// What came of a step.
enum Outcome {
    Closed,
    ConnectFailed(String),
    /// Whether by TLS.
    Connected(bool),
    Data(usize),
    Failed(String),
    /// The connection stands, TLS is to come.
    Handshaking,
    Sent,
}

/// Runs a check to its end.
pub(super) async fn run(shared: &Arc<Shared>, job: &Job) -> Finished {
    let generation = &job.generation;
    // Ids of a job are of its generation, whose configuration has them all.
    let proxy = &generation.config.proxies[job.backend.index()];
    let server = &*job.state.spec;
    let external = &server.check_of(&proxy.backend.check).external;
    if let (Which::Health, Some(check)) = (job.which, external) {
        let limit = timeouts(proxy, server, job).inter;
        return external::run(shared, job, check, limit).await;
    }
    let mut exchange = Exchange {
        job,
        proxy,
        server,
        namespaces: &shared.setup().namespaces,
        renderer: CheckRenderer::new(shared, job),
        link: None,
        buffer: vec![
            0;
            generation
                .config
                .global
                .tune
                .chksize
                .clamp(MIN_BUFFER, MAX_BUFFER)
        ],
        received: 0,
        is_http: false,
        cover: None,
        proto: None,
        never_local: generation.config.global.pp2_never_send_local,
    };
    let now = shared.now();
    let (script, timeouts) = (script(proxy, server, job), timeouts(proxy, server, job));
    exchange.is_http = script.is_http();
    let mut run = CheckRun::new(script, timeouts, job.accepts_404, now);
    let mut step = Step::from(run.begin(now, &mut exchange.renderer));
    loop {
        let outcome = match step {
            Step::Done(finished) => {
                exchange.close();
                return finished;
            }
            step => {
                let deadline = run.poll_timeout().unwrap_or(Time(u64::MAX));
                let until = instant(deadline, shared.now());
                timeout_at(until, exchange.act(step)).await.ok()
            }
        };
        let now = shared.now();
        let data;
        let event = match &outcome {
            None => Event::Timeout,
            Some(Outcome::Closed) => Event::Closed,
            Some(Outcome::ConnectFailed(text)) => Event::ConnectFailed(text),
            Some(Outcome::Connected(tls)) => Event::Connected(*tls),
            Some(Outcome::Handshaking) => Event::Handshaking,
            Some(Outcome::Data(count)) => {
                data = exchange.buffer[..*count].to_vec();
                Event::Data(&data)
            }
            Some(Outcome::Failed(text)) => Event::Failed(text),
            Some(Outcome::Sent) => Event::Sent,
        };
        step = Step::from(run.handle(now, event, &mut exchange.renderer));
    }
}

fn script(proxy: &ProxySpec, server: &ServerSpec, job: &Job) -> Arc<Script> {
    match job.which {
        Which::Health => Arc::clone(&server.check_of(&proxy.backend.check).script),
        Which::Agent => {
            let configured = server.agent.as_ref().map(|agent| agent.send.as_slice());
            let send = job.agent_send.as_deref().or(configured).unwrap_or_default();
            Arc::new(agent_script(send))
        }
    }
}

fn timeouts(proxy: &ProxySpec, server: &ServerSpec, job: &Job) -> CheckTimeouts {
    let probe = match job.which {
        Which::Agent => &server.health.agent,
        Which::Health => &server.health.check,
    };
    CheckTimeouts {
        inter: probe.as_ref().map_or(DEFAULT_INTERVAL, |probe| probe.inter),
        connect: proxy.timeouts.connect,
        check: proxy.timeouts.check,
    }
}

/// A run with its connection.
struct Exchange<'a> {
    job: &'a Job,
    proxy: &'a ProxySpec,
    server: &'a ServerSpec,
    namespaces: &'a Namespaces,
    renderer: CheckRenderer,
    /// The connection, and whether it is closed in order instead of by a reset.
    link: Option<(Link, bool)>,
    buffer: Vec<u8>,
    /// Whether the script speaks HTTP.
    is_http: bool,
    /// The connection stands and this TLS is to come.
    cover: Option<Cover>,
    /// What is spoken, when negotiation does not decide.
    proto: Option<Proto>,
    /// Bytes received since the last connect or send.
    received: usize,
    /// `pp2-never-send-local`.
    never_local: bool,
}

impl Exchange<'_> {
    async fn act(&mut self, step: Step) -> Outcome {
        match step {
            Step::Connect(connect) => self.connect(&connect).await,
            Step::Receive => self.receive().await,
            Step::Send(bytes) => self.send(&bytes).await,
            Step::Wait => match self.cover.take() {
                Some(cover) => self.handshake(&cover).await,
                // Nothing comes of it but the timeout.
                None => std::future::pending().await,
            },
            Step::Done(_) => std::future::pending().await,
        }
    }

    fn close(&mut self) {
        if let Some((link, in_order)) = self.link.take() {
            link.close(in_order);
        }
    }

    async fn handshake(&mut self, cover: &Cover) -> Outcome {
        let (Some((link, in_order)), Some(ssl)) = (self.link.take(), &self.server.ssl) else {
            return Outcome::Failed(String::new());
        };
        match Secure::begin(link, ssl, cover).await {
            Ok((secure, told)) => {
                self.renderer.set_session(told);
                let is_h2 = self.proto.is_none() && secure.is_h2();
                self.stand(Link::Tls(Box::new(secure)), in_order, is_h2);
                Outcome::Connected(true)
            }
            Err(text) => Outcome::ConnectFailed(text),
        }
    }

    /// Keeps a connection on which the check proper begins.
    fn stand(&mut self, link: Link, in_order: bool, is_h2: bool) {
        let is_h2 = self.is_http && (is_h2 || self.proto == Some(Proto::Http2));
        let link = if is_h2 {
            Link::Http2(Box::new(Http2::new(link)))
        } else {
            link
        };
        self.link = Some((link, in_order));
        if self.is_http {
            self.renderer.set_http(if is_h2 { 2 } else { 1 });
        }
    }

    async fn connect(&mut self, step: &Connect) -> Outcome {
        self.close();
        self.cover = None;
        self.received = 0;
        let Some(target) = self.target(step) else {
            return Outcome::Failed("no address to check".to_owned());
        };
        let place = target
            .socks
            .map_or_else(|| target.place.clone(), Place::Inet);
        let source = self
            .server
            .source
            .as_ref()
            .or(self.proxy.backend.source.as_ref());
        let mut link = match Link::open(&place, self.server, source, self.namespaces) {
            Ok(link) => link,
            Err(Refusal {
                is_local: true,
                text,
            }) => return Outcome::Failed(text),
            Err(Refusal {
                is_local: false,
                text,
            }) => return Outcome::ConnectFailed(text),
        };
        if let Err(error) = link.connected().await {
            return Outcome::ConnectFailed(system_text(&error));
        }
        self.renderer.set_ends(link.addresses());
        if let Err(text) = self.greet(&mut link, &target).await {
            self.link = Some((link, step.linger));
            return Outcome::Failed(text);
        }
        self.proto = target.proto;
        let Some(mut cover) = target.tls else {
            self.stand(link, step.linger, false);
            return Outcome::Connected(false);
        };
        if cover.sni.is_none() && cover.sni_auto {
            cover.sni = self.renderer.host();
        }
        self.cover = Some(cover);
        self.link = Some((link, step.linger));
        Outcome::Handshaking
    }

    fn target(&mut self, step: &Connect) -> Option<Target> {
        let Job {
            address,
            moved,
            which,
            ..
        } = self.job;
        if *which == Which::Agent {
            return target::agent(self.server, address, *moved);
        }
        let port = step.port_token.and_then(|token| {
            let nothing = lbd_backend::check::Answer {
                payload: b"",
                http: None,
            };
            let digits = self.renderer.render(token, nothing);
            std::str::from_utf8(&digits).ok()?.trim().parse().ok()
        });
        target::health(self.server, address, *moved, step, port)
    }

    /// What comes before the check proper: the way through a SOCKS proxy, the PROXY header.
    async fn greet(&mut self, link: &mut Link, target: &Target) -> Result<(), String> {
        if let (Some(_), Place::Inet(to)) = (target.socks, &target.place) {
            socks4(link, *to).await?;
        }
        if target.send_proxy {
            let header = self.proxy_header(link, target);
            link.write_all(&header)
                .await
                .map_err(|error| system_text(&error))?;
        }
        Ok(())
    }

    fn proxy_header(&mut self, link: &Link, target: &Target) -> Vec<u8> {
        let addresses = match (link.addresses(), &target.place) {
            (Some((source, _)), Place::Inet(destination)) => Addresses::Inet {
                source,
                destination: *destination,
            },
            _ => Addresses::Unspecified,
        };
        let mut out = Vec::new();
        let Some(SendProxy {
            version: 2,
            options,
            tlvs,
        }) = &self.server.send_proxy
        else {
            encode_v1(&addresses, &mut out);
            return out;
        };
        // A check is a connection of the balancer's own, which version 2 can say.
        let command = if self.never_local {
            Command::Proxy
        } else {
            Command::Local
        };
        let mut encoder = V2Encoder::new(&mut out, command, Protocol::Stream, &addresses);
        for (kind, value) in tlvs {
            let value = self.renderer.format(value);
            // A field that does not fit is left out.
            let _ = encoder.tlv(TlvType(*kind), &value);
        }
        let checksum = options.contains(&lbd_config::config::ProxyV2Option::Crc32c);
        let _ = encoder.finish(checksum);
        out
    }

    async fn send(&mut self, bytes: &[u8]) -> Outcome {
        self.received = 0;
        let Some((link, _)) = &mut self.link else {
            return Outcome::Failed(String::new());
        };
        match link.write_all(bytes).await {
            Ok(()) => Outcome::Sent,
            Err(error) => Outcome::Failed(system_text(&error)),
        }
    }

    async fn receive(&mut self) -> Outcome {
        let Some((link, _)) = &mut self.link else {
            return Outcome::Failed(String::new());
        };
        let room = self.buffer.len() - self.received.min(self.buffer.len());
        if room == 0 {
            // `tune.chksize` is reached: what has come is all that is judged.
            return Outcome::Closed;
        }
        match link.read(&mut self.buffer[..room]).await {
            Ok(0) => Outcome::Closed,
            Ok(count) => {
                self.received += count;
                Outcome::Data(count)
            }
            // A reset right behind an answer does not spoil it.
            Err(_) if self.received > 0 => Outcome::Closed,
            Err(error) => Outcome::Failed(system_text(&error)),
        }
    }
}

/// Asks a SOCKS 4 proxy for a connection to `to`.
async fn socks4(link: &mut Link, to: SocketAddr) -> Result<(), String> {
    let SocketAddr::V4(to) = to else {
        return Err("SOCKS4 Proxy write error during handshake".to_owned());
    };
    let mut request = vec![4, 1];
    request.extend_from_slice(&to.port().to_be_bytes());
    request.extend_from_slice(&to.ip().octets());
    request.extend_from_slice(b"HAProxy\0");
    let fail =
        |what: &'static str| move |error: io::Error| format!("{what} ({})", system_text(&error));
    let written = link.write_all(&request).await;
    written.map_err(fail("SOCKS4 Proxy write error during handshake"))?;
    let mut reply = [0; 8];
    let mut filled = 0;
    while filled < reply.len() {
        let count = link.read(&mut reply[filled..]).await;
        match count.map_err(fail("SOCKS4 Proxy read error during handshake"))? {
            0 => return Err("SOCKS4 Proxy handshake aborted by server".to_owned()),
            count => filled += count,
        }
    }
    if reply[0] == 0 && reply[1] == 90 {
        Ok(())
    } else {
        Err("SOCKS4 Proxy deny the request".to_owned())
    }
}

/// Interval of a check without one.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(2);
/// Bounds of `tune.chksize`.
const MIN_BUFFER: usize = 1024;
const MAX_BUFFER: usize = lbd_backend::check::MAX_ANSWER;

//! Servers: addresses, limits, health.
//!
//! Their checks' scripts are the backend's: [`super::check`].

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use lbd_backend::health::{HealthSpec, InitState, Observe, OnError, ProbeSpec};
use lbd_core::{Checkpoint, Diag, ProxyId, ServerId, Span};
use lbd_rules::acl::AclTable;
use lbd_rules::expr::Expr;
use lbd_rules::logformat::Flags;

use super::context::{At, Compiler};
use super::server_address::ported;
use crate::address::Address;
use crate::config::{AgentSpec, SendProxy, ServerAddress, ServerCheckSpec, ServerSpec};
use crate::draft::{Named, ProxyDraft, ServerDraft};
use crate::resolve::number;
use crate::state_file::{self, StateLine};

/// `pool-purge-delay` unless said.
const PURGE_DELAY: Duration = Duration::from_secs(5);
/// `agent-inter` and `inter` unless said.
const INTERVAL: Duration = Duration::from_secs(2);

/// What all servers of a proxy share.
#[derive(Clone, Copy)]
pub(super) struct Shared<'a> {
    pub(super) id: ProxyId,
    pub(super) uid: u32,
    pub(super) proxy: &'a ProxyDraft,
    pub(super) roster: &'a lbd_backend::BackendSpec,
    pub(super) acls: &'a AclTable,
}

impl Compiler<'_> {
    /// All servers of a proxy.
    pub(super) fn servers(&mut self, shared: Shared<'_>, uids: &[u32]) -> Vec<Arc<ServerSpec>> {
        let mut list = Vec::with_capacity(shared.proxy.servers.len());
        let own = self.own_states(shared);
        for (at, draft) in shared.proxy.servers.iter().enumerate() {
            let puid = uids.get(at).copied().unwrap_or_default();
            let states = own.as_ref().unwrap_or(&self.states);
            let wants = state_file::source(shared.proxy).is_some();
            let line = states.line(&shared.proxy.name, &draft.name).cloned();
            let line = line.filter(|_| wants);
            let server = self.server(shared, draft, ServerId(number(at)), puid, line.as_ref());
            list.push(Arc::new(server));
        }
        list
    }

    pub(super) fn server(
        &mut self,
        shared: Shared<'_>,
        draft: &ServerDraft,
        server: ServerId,
        puid: u32,
        line: Option<&StateLine>,
    ) -> ServerSpec {
        let Shared {
            id,
            proxy,
            roster: backend,
            acls,
            ..
        } = shared;
        let span = draft.span.unwrap_or(proxy.span);
        let title = format!("server {}/{}", proxy.name, draft.name);
        let saved = line.and_then(|line| self.saved(line, proxy, draft));
        // What is not applied says nothing of the address either.
        let line = line.filter(|_| saved.is_some());
        let (address, is_unresolved) = self.server_address(draft, &title, line);
        let address = match line {
            Some(line) => ported(address, line),
            None => address,
        };
        let (ip, port) = match &address {
            ServerAddress::Inet(socket) => (Some(socket.ip()), socket.port()),
            ServerAddress::MappedPort(ip, _) => (Some(*ip), 0),
            ServerAddress::Transparent { port } => (None, *port),
            _ => (None, 0),
        };
        let track = draft
            .track
            .as_ref()
            .and_then(|track| self.track(id, server, track, &title));
        let roster = roster(draft, puid, ip, port);
        let health = self.health(proxy, draft, &roster, backend);
        self.check_port(proxy, draft, &address, span, &title);
        let fqdn = draft
            .address
            .as_ref()
            .and_then(|address| address.host_name())
            .map(|(name, _)| name.into());
        self.check_protocol(proxy, draft, span);
        self.check_transport(proxy, draft);
        let socks4 = draft.socks4.as_ref().and_then(|(spec, span)| {
            let socket = self.addresses.socket(spec, &title, *span);
            self.diags.take(socket)
        });
        ServerSpec {
            id: server,
            roster,
            span,
            address,
            fqdn,
            text: draft
                .address
                .as_ref()
                .map_or("", |address| &address.text)
                .into(),
            cookie: draft.cookie.clone(),
            disabled: draft.disabled,
            is_uid_given: draft.id.is_some(),
            redir: draft.redir.clone(),
            non_stick: draft.non_stick,
            send_proxy: self.send_proxy(id, draft, acls),
            source: draft.source.as_ref().and_then(|source| self.source(source)),
            user_timeout: draft.user_timeout.filter(|time| !time.is_zero()),
            congestion: draft.congestion.as_deref().map(Into::into),
            fast_open: draft.fast_open,
            socks4,
            namespace: draft.namespace.clone(),
            md5_key: draft.md5_key.clone(),
            strict_maxconn: draft.strict_maxconn,
            pool_conn_name: self.pool_conn_name(id, draft, acls),
            pool_low_conn: draft.pool_low_conn.unwrap_or(0),
            pool_max_conn: draft.pool_max_conn.unwrap_or(-1),
            idle_ping: draft.idle_ping,
            pool_purge_delay: draft.pool_purge_delay.unwrap_or(PURGE_DELAY),
            max_reuse: draft.max_reuse.unwrap_or(-1),
            proto: draft
                .proto
                .as_deref()
                .filter(|name| *name != "none")
                .map(Into::into),
            websocket: draft.websocket.flatten(),
            ssl: self.server_ssl(shared, draft, &title),
            check: self.server_check(id, draft, &title),
            agent: self.agent(draft, &title),
            track,
            health,
            saved,
            unresolved: is_unresolved,
        }
    }

    /// As in the reference, a check needs a port.
    fn check_port(
        &mut self,
        proxy: &ProxyDraft,
        draft: &ServerDraft,
        address: &ServerAddress,
        span: Span,
        title: &str,
    ) {
        let lacks = match address {
            ServerAddress::MappedPort(..) => true,
            // What is not known cannot be checked, with a port or without.
            ServerAddress::Transparent { port } => *port == 0 && draft.health.address.is_some(),
            ServerAddress::Inet(socket) => socket.port() == 0,
            _ => false,
        };
        let own = self.healthcheck_rules(draft.health.section.as_ref());
        let rules = own.unwrap_or(&proxy.settings.check);
        let scripted = [&rules.http, &rules.tcp].into_iter().flatten().any(|rule| {
            rule.words.get(1).is_some_and(|word| word == "connect")
                || rule.words.first().is_some_and(|word| word == "connect")
        });
        if draft.health.check
            && !draft.is_refused
            && lacks
            && draft.health.port.is_none()
            && !scripted
        {
            self.fault(
                Diag::alert(
                    span,
                    format!(
                        "'{title}' : server {} has neither service port nor check port nor \
                         tcp_check rule 'connect' with port information.",
                        draft.name
                    ),
                )
                .hint("Add 'port <port>' to the server, or a port to its address."),
            );
        }
    }

    fn send_proxy(
        &mut self,
        id: ProxyId,
        draft: &ServerDraft,
        acls: &AclTable,
    ) -> Option<SendProxy> {
        let at = At {
            proxy: Some(id),
            acls,
            checkpoint: Checkpoint::BeSrvCon,
        };
        let tlvs = draft
            .tlvs
            .iter()
            .filter_map(|(kind, word)| {
                let format = self.format(at, word, Flags::NONE, "set-proxy-v2-tlv-fmt")?;
                Some((*kind, Arc::new(format)))
            })
            .collect();
        let version = draft.send_proxy?;
        Some(SendProxy {
            version,
            options: draft.proxy_options.clone(),
            tlvs,
        })
    }

    fn pool_conn_name(
        &mut self,
        id: ProxyId,
        draft: &ServerDraft,
        acls: &AclTable,
    ) -> Option<Arc<Expr>> {
        let at = At {
            proxy: Some(id),
            acls,
            checkpoint: Checkpoint::BeSrvCon,
        };
        let word = draft.pool_conn_name.as_ref()?;
        self.expr(
            at,
            word,
            "error detected while parsing pool-conn-name expression : ",
        )
        .map(Arc::new)
    }

    fn server_check(
        &mut self,
        id: ProxyId,
        draft: &ServerDraft,
        title: &str,
    ) -> Option<ServerCheckSpec> {
        let health = &draft.health;
        let section = health.section.as_ref();
        let own = section.and_then(|section| self.healthcheck(section, id, &draft.name));
        if !health.check {
            return None;
        }
        let mut spec = ServerCheckSpec {
            address: None,
            unix: None,
            port: health.port,
            // A PROXY header on traffic goes with checks unless another place is checked.
            send_proxy: health.send_proxy
                || draft.send_proxy.is_some() && health.port.is_none() && health.address.is_none(),
            via_socks4: health.via_socks4,
            proto: health.proto,
            sni_auto: !health.no_sni_auto,
            own,
        };
        match health.address.as_ref().map(|address| &address.address) {
            None => {}
            Some(Address::Unix(path)) => spec.unix = Some(path.into()),
            Some(_) => {
                if let (Some(address), Some(span)) = (&health.address, draft.span) {
                    let ip = self.addresses.ip(address, title, span);
                    spec.address = self.diags.take(ip);
                }
            }
        }
        Some(spec)
    }

    fn agent(&mut self, draft: &ServerDraft, title: &str) -> Option<AgentSpec> {
        let health = &draft.health;
        let port = health.agent_port.filter(|_| health.agent)?;
        let address = match (&health.agent_address, draft.span) {
            (Some(address), Some(span)) => {
                let ip = self.addresses.ip(address, title, span);
                self.diags.take(ip)
            }
            _ => None,
        };
        Some(AgentSpec {
            address,
            port,
            inter: health.agent_inter.unwrap_or(INTERVAL),
            send: health.agent_send.clone().unwrap_or_default(),
        })
    }

    fn track(
        &mut self,
        id: ProxyId,
        own: ServerId,
        track: &Named,
        title: &str,
    ) -> Option<(ProxyId, ServerId)> {
        let (backend, server) = match track.name.split_once('/') {
            None => (Some(id), track.name.as_str()),
            Some((backend, server)) => (self.names.index.backends.get(backend).copied(), server),
        };
        let Some(backend) = backend else {
            let name = track.name.split('/').next().unwrap_or("");
            self.fault(Diag::alert(
                track.span,
                format!("'{title}' : unable to find required proxy '{name}' for tracking."),
            ));
            return None;
        };
        let Some(target) = self.names.index.server(backend, server) else {
            self.fault(Diag::alert(
                track.span,
                format!("'{title}' : unable to find required server '{server}' for tracking."),
            ));
            return None;
        };
        match self.track_end(backend, target, (id, own)) {
            Ok(()) => {
                self.names.referenced.get_mut().insert((backend, target));
                Some((backend, target))
            }
            Err(message) => {
                self.fault(Diag::alert(track.span, format!("'{title}' : {message}")));
                None
            }
        }
    }

    /// Follows a chain of tracked servers to one that has checks.
    fn track_end(
        &self,
        mut backend: ProxyId,
        mut server: ServerId,
        start: (ProxyId, ServerId),
    ) -> Result<(), String> {
        let total: usize = self
            .draft
            .proxies
            .iter()
            .map(|proxy| proxy.servers.len())
            .sum();
        for _ in 0..=total {
            if (backend, server) == start {
                return Err(
                    "unable to track a server as it belongs to a tracking chain looping \
                            back to itself."
                        .to_owned(),
                );
            }
            let proxy = &self.draft.proxies[backend.index()];
            let draft = &proxy.servers[server.index()];
            if draft.health.check || draft.health.agent {
                return Ok(());
            }
            let name = format!("{}/{}", proxy.name, draft.name);
            let Some(next) = &draft.track else {
                return Err(format!(
                    "unable to use {name} for tracking as it does not have any check nor agent \
                     enabled."
                ));
            };
            let (next_backend, next_server) = match next.name.split_once('/') {
                None => (Some(backend), next.name.as_str()),
                Some((other, server)) => (self.names.index.backends.get(other).copied(), server),
            };
            let found =
                next_backend.and_then(|b| self.names.index.server(b, next_server).map(|s| (b, s)));
            match found {
                Some((b, s)) => (backend, server) = (b, s),
                // The fault is told where that server stands.
                None => return Ok(()),
            }
        }
        Ok(())
    }

    fn health(
        &mut self,
        proxy: &ProxyDraft,
        draft: &ServerDraft,
        roster: &lbd_backend::ServerSpec,
        backend: &lbd_backend::BackendSpec,
    ) -> HealthSpec {
        let health = &draft.health;
        let global = &self.draft.global.value;
        let probe = ProbeSpec {
            inter: health.inter.unwrap_or(INTERVAL),
            fastinter: health.fastinter,
            downinter: health.downinter,
            rise: health.rise.unwrap_or(2),
            fall: health.fall.unwrap_or(3),
        };
        let agent = ProbeSpec {
            inter: health.agent_inter.unwrap_or(INTERVAL),
            ..ProbeSpec::agent()
        };
        HealthSpec {
            backup: draft.backup,
            weight: roster.weight,
            dynamic: is_dynamic(backend),
            check: health.check.then_some(probe),
            agent: (health.agent && health.agent_port.is_some()).then_some(agent),
            track: draft
                .track
                .as_ref()
                .map(|track| match track.name.contains('/') {
                    true => track.name.clone(),
                    false => format!("{}/{}", proxy.name, track.name),
                }),
            observe: health.observe.map(|what| match what {
                "layer7" => Observe::Layer7,
                _ => Observe::Layer4,
            }),
            on_error: match health.on_error {
                Some("fastinter") => OnError::FastInter,
                Some("sudden-death") => OnError::SuddenDeath,
                Some("mark-down") => OnError::MarkDown,
                _ => OnError::FailCheck,
            },
            error_limit: health.error_limit.unwrap_or(10),
            shutdown_sessions: health.shutdown_on_down,
            shutdown_backups: health.shutdown_backups_on_up,
            slowstart: draft.slowstart.unwrap_or_default(),
            init_state: match health.init_state {
                Some("fully-up") => InitState::FullyUp,
                Some("up") => InitState::Up,
                Some("down") => InitState::Down,
                Some("fully-down") => InitState::FullyDown,
                _ => InitState::None,
            },
            disabled: draft.disabled,
            log_checks: proxy.settings.flag("log-health-checks"),
            spread: u32::from(global.spread_checks),
            ..HealthSpec::new(proxy.name.as_str(), draft.name.as_str())
        }
    }
}

/// Whether weights may change while running.
fn is_dynamic(backend: &lbd_backend::BackendSpec) -> bool {
    use lbd_backend::{Algorithm, HashType};
    match backend.algorithm {
        Algorithm::StaticRr => false,
        Algorithm::Hash(_) => backend.hash.kind == HashType::Consistent,
        _ => true,
    }
}

fn roster(
    draft: &ServerDraft,
    puid: u32,
    ip: Option<IpAddr>,
    port: u16,
) -> lbd_backend::ServerSpec {
    let maxconn = draft.maxconn.unwrap_or(0);
    let minconn = draft.minconn.unwrap_or(0);
    // As in the reference: `minconn` alone, or above `maxconn`, is the limit.
    let (minconn, maxconn) = match (minconn, maxconn) {
        (min, max) if min > max => (min, min),
        (0, max) => (max, max),
        both => both,
    };
    lbd_backend::ServerSpec {
        weight: draft.weight.unwrap_or(1),
        backup: draft.backup,
        maxconn,
        minconn,
        maxqueue: draft.maxqueue.unwrap_or(0),
        slowstart: draft.slowstart.unwrap_or_default(),
        hash_key: draft.hash_key,
        addr: ip,
        port,
        guid: draft.guid.as_ref().map(|guid| guid.name.clone()),
        ..lbd_backend::ServerSpec::new(draft.name.as_str(), puid)
    }
}

//! All sockets of a configuration, bound before privileges are dropped.
//!
//! One socket is `bind.rs`'s work.

use std::os::fd::OwnedFd;

use lbd_config::config::{
    BindOptions, Config, FrontendSpec, ListenAddress, ListenerSpec, StatsSocketSpec,
};
use lbd_core::Span;
use lbd_proxy::Namespaces;
use lbd_proxy::accept::ListenerSocket;

use super::limits::Limits;
use super::old::OldProcesses;
use crate::bind::{self, BindError, Bound, ListenRequest, SocketFile};
use crate::handover::Inherited;
use crate::peers::PeersSocket;

/// A bound `stats socket`.
#[derive(Debug)]
pub(crate) struct StatsSocket {
    /// The socket.
    pub(crate) fd: OwnedFd,
    /// Its line.
    pub(crate) spec: StatsSocketSpec,
    /// Its file, if it is to be removed at the end.
    pub(crate) file: Option<SocketFile>,
}

/// Everything bound.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    /// By worker, the listening sockets it accepts on.
    pub(crate) workers: Vec<Vec<ListenerSocket>>,
    /// Runtime API.
    pub(crate) stats: Vec<StatsSocket>,
    /// The link to `lbd-failover`.
    pub(crate) failover: Option<crate::failover::Link>,
    /// Peers.
    pub(crate) peers: Vec<PeersSocket>,
    /// Paths to remove at the end.
    pub(crate) paths: Vec<SocketFile>,
}

impl Sockets {
    /// None yet, for some workers.
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            workers: (0..workers).map(|_| Vec::new()).collect(),
            ..Self::default()
        }
    }

    /// One socket for each worker that accepts; where there are fewer, connections are handed on.
    pub(crate) fn deal(
        &mut self,
        bound: Bound,
        config: &Config,
        listener: &ListenerSpec,
        limits: &Limits,
    ) {
        self.paths.extend(bound.path);
        let frontend = &config.proxies[listener.proxy.index()].frontend;
        let options = &frontend.binds[listener.bind.index()].options;
        let acceptors = acceptors(options, self.workers.len());
        let is_shared = bound.sockets.len() < acceptors.len();
        let backlog = limits.backlog(queue_of(frontend, options));
        for (worker, fd) in acceptors.into_iter().zip(bound.sockets) {
            self.workers[worker].push(ListenerSocket {
                id: listener.id,
                socket: fd,
                is_shared,
                backlog,
            });
        }
    }

    /// The socket of a `stats socket` line.
    pub(crate) fn take_stats(&mut self, bound: Bound, spec: &StatsSocketSpec) {
        // An inherited socket's path belongs to the parent.
        let is_own = !matches!(
            spec.address,
            ListenAddress::Fd(_) | ListenAddress::SockPair(_)
        );
        let mut file = bound.path.filter(|_| is_own);
        let own = bound.sockets.into_iter().map(|fd| StatsSocket {
            fd,
            spec: spec.clone(),
            file: file.take(),
        });
        self.stats.extend(own);
    }
}

/// Length of an accept queue as the lines say.
fn queue_of(frontend: &FrontendSpec, options: &BindOptions) -> Option<u32> {
    let own = options.backlog.or(frontend.backlog);
    own.or_else(|| Some(frontend.maxconn).filter(|n| *n > 0))
}

/// Binds the sockets of one listener.
pub(crate) fn bind_listener(
    config: &Config,
    listener: &ListenerSpec,
    workers: usize,
    limits: &Limits,
    namespaces: &Namespaces,
    inherited: &Inherited,
) -> Result<Bound, BindError> {
    let frontend = &config.proxies[listener.proxy.index()].frontend;
    let line = &frontend.binds[listener.bind.index()];
    let shards = shards(&line.options, workers);
    let mut claimed = inherited.claim(&listener.address, &line.options, shards);
    let request = ListenRequest {
        namespaces,
        address: &listener.address,
        options: &line.options,
        backlog: limits.backlog(queue_of(frontend, &line.options)),
        shards: shards - claimed.len(),
        quiet_ack: frontend.smart_accept,
        reuse_port: !config.global.no_reuseport,
    };
    if claimed.is_empty() {
        return bind::bind(&request);
    }
    if claimed.len() < shards
        && let Ok(more) = bind::bind(&request)
    {
        // Beside the old ones, where these let it; otherwise one accepts for all.
        claimed.extend(more.sockets);
    }
    Ok(Bound {
        sockets: claimed,
        path: None,
    })
}

/// Why a listener could not be bound.
pub(crate) fn fault_of(config: &Config, listener: &ListenerSpec, error: &BindError) -> String {
    let proxy = &config.proxies[listener.proxy.index()];
    let span = proxy.frontend.binds[listener.bind.index()].span;
    sentence(config, span, &proxy.name, error)
}

/// Why a `stats socket` could not be bound.
pub(crate) fn stats_fault(config: &Config, spec: &StatsSocketSpec, error: &BindError) -> String {
    sentence(config, spec.span, "GLOBAL", error)
}

/// Binds everything, or says all that could not be bound.
pub(crate) fn bind_all(
    config: &Config,
    old: &OldProcesses<'_>,
    workers: usize,
    limits: &Limits,
    namespaces: &Namespaces,
    inherited: &Inherited,
) -> Result<Sockets, Vec<String>> {
    let mut sockets = Sockets::new(workers);
    let mut faults = Vec::new();
    for spec in &config.global.stats_sockets {
        match bind::bind_stats(&spec.address, &spec.unix, limits.backlog(None)) {
            Ok(bound) => sockets.take_stats(bound, spec),
            Err(error) => faults.push(stats_fault(config, spec, &error)),
        }
    }
    for (section, spec) in config.peers.iter().enumerate() {
        let request = ListenRequest {
            namespaces,
            address: &spec.bind,
            options: &spec.bind_options,
            backlog: limits.backlog(spec.bind_options.backlog),
            shards: 1,
            quiet_ack: false,
            // A new process listens while the old one still does.
            reuse_port: true,
        };
        match old.bind(|| bind::bind(&request)) {
            Ok(bound) => {
                sockets.paths.extend(bound.path);
                let own = bound.sockets.into_iter();
                sockets
                    .peers
                    .extend(own.map(|fd| PeersSocket { section, fd }));
            }
            Err(error) => faults.push(sentence(config, spec.span, &spec.name, &error)),
        }
    }
    for listener in &config.listeners {
        let proxy = &config.proxies[listener.proxy.index()];
        if proxy.disabled {
            continue;
        }
        match old.bind(|| bind_listener(config, listener, workers, limits, namespaces, inherited)) {
            Ok(bound) => sockets.deal(bound, config, listener, limits),
            Err(error) => faults.push(fault_of(config, listener, &error)),
        }
    }
    if faults.is_empty() {
        return Ok(sockets);
    }
    old.resume();
    let files = sockets
        .stats
        .iter()
        .filter_map(|socket| socket.file.as_ref());
    files.for_each(SocketFile::remove);
    sockets.paths.iter().for_each(SocketFile::remove);
    faults.push("[lbd.main()] Some protocols failed to start their listeners! Exiting.".to_owned());
    Err(faults)
}

fn sentence(config: &Config, span: Span, proxy: &str, error: &BindError) -> String {
    let file = config
        .files
        .get(span.file.0 as usize)
        .map_or("?", String::as_str);
    let hint = if error.hint.is_empty() {
        String::new()
    } else {
        format!("\n  hint: {}", error.hint)
    };
    format!(
        "Binding [{file}:{}] for frontend {proxy}: {}.{hint}",
        span.line, error.message
    )
}

/// The workers that a `bind` line lets accept (`thread`), from 0.
fn acceptors(options: &BindOptions, workers: usize) -> Vec<usize> {
    let named = options.threads.iter().map(|n| usize::from(*n) - 1);
    let named: Vec<usize> = named.filter(|at| *at < workers).collect();
    match named.is_empty() {
        true => (0..workers).collect(),
        false => named,
    }
}

/// Sockets of a `bind` line for each address (`shards`).
fn shards(options: &BindOptions, workers: usize) -> usize {
    let most = acceptors(options, workers).len();
    options.shards.map_or(most, |n| usize::from(n).min(most))
}

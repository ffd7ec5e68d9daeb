//! All sockets of a configuration, bound before privileges are dropped.
//!
//! One socket is `bind.rs`'s work.

use std::os::fd::OwnedFd;

use lbd_config::config::{BindOptions, Config, ListenAddress, StatsSocketSpec};
use lbd_core::Span;
use lbd_proxy::Namespaces;
use lbd_proxy::accept::ListenerSocket;

use super::limits::Limits;
use super::old::OldProcesses;
use crate::bind::{self, BindError, Bound, ListenRequest, SocketFile};
use crate::peers::PeersSocket;

/// A bound `stats socket`.
#[derive(Debug)]
pub(crate) struct StatsSocket {
    /// The socket.
    pub(crate) fd: OwnedFd,
    /// Its line.
    pub(crate) spec: StatsSocketSpec,
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

/// Binds everything, or says all that could not be bound.
pub(crate) fn bind_all(
    config: &Config,
    old: &OldProcesses<'_>,
    workers: usize,
    limits: &Limits,
    namespaces: &Namespaces,
) -> Result<Sockets, Vec<String>> {
    let mut sockets = Sockets {
        workers: (0..workers).map(|_| Vec::new()).collect(),
        ..Sockets::default()
    };
    let mut faults = Vec::new();
    for spec in &config.global.stats_sockets {
        match bind::bind_stats(&spec.address, &spec.unix, limits.backlog(None)) {
            Ok(bound) => take_stats(bound, spec, &mut sockets),
            Err(error) => faults.push(sentence(config, spec.span, "GLOBAL", &error)),
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
        let line = &proxy.frontend.binds[listener.bind.index()];
        let backlog = line.options.backlog.or(proxy.frontend.backlog);
        let request = ListenRequest {
            namespaces,
            address: &listener.address,
            options: &line.options,
            backlog: limits
                .backlog(backlog.or_else(|| Some(proxy.frontend.maxconn).filter(|n| *n > 0))),
            shards: shards(&line.options, workers),
            quiet_ack: proxy.frontend.smart_accept,
            reuse_port: !config.global.no_reuseport,
        };
        match old.bind(|| bind::bind(&request)) {
            Ok(bound) => {
                let queue = request.backlog;
                deal(bound, listener.id, &line.options, queue, &mut sockets);
            }
            Err(error) => faults.push(sentence(config, line.span, &proxy.name, &error)),
        }
    }
    if faults.is_empty() {
        return Ok(sockets);
    }
    old.resume();
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

/// One socket for each worker that accepts; where there are fewer, connections are handed on.
fn deal(
    bound: Bound,
    listener: lbd_core::ListenerId,
    options: &BindOptions,
    backlog: u32,
    sockets: &mut Sockets,
) {
    sockets.paths.extend(bound.path);
    let acceptors = acceptors(options, sockets.workers.len());
    let is_shared = bound.sockets.len() < acceptors.len();
    for (worker, fd) in acceptors.into_iter().zip(bound.sockets) {
        sockets.workers[worker].push(ListenerSocket {
            id: listener,
            socket: fd,
            is_shared,
            backlog,
        });
    }
}

fn take_stats(bound: Bound, spec: &StatsSocketSpec, sockets: &mut Sockets) {
    // An inherited socket's path belongs to the parent.
    let is_own = !matches!(
        spec.address,
        ListenAddress::Fd(_) | ListenAddress::SockPair(_)
    );
    sockets.paths.extend(bound.path.filter(|_| is_own));
    let own = bound.sockets.into_iter().map(|fd| StatsSocket {
        fd,
        spec: spec.clone(),
    });
    sockets.stats.extend(own);
}

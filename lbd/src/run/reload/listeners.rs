//! The listening sockets of a new configuration: those that go on, and those to be bound.

use std::sync::Arc;

use lbd_config::config::{BindOptions, Config, ListenAddress};
use lbd_core::ListenerId;
use lbd_proxy::Namespaces;
use lbd_proxy::accept::ListenerSocket;
use lbd_proxy::reconcile::Heirs;
use lbd_proxy::state::Generation;

use crate::bind::SocketFile;
use crate::handover::Inherited;
use crate::run::limits::Limits;
use crate::run::listen::{self, Sockets};

/// What is to be done about sockets.
pub(super) struct Plan {
    /// By the old listeners' ids, the new ones that go on with their sockets.
    pub(super) heirs: Heirs,
    /// New sockets, by worker.
    pub(super) sockets: Vec<Vec<ListenerSocket>>,
    /// Files of new unix sockets.
    pub(super) paths: Vec<SocketFile>,
}

impl Plan {
    /// Gives up what was bound.
    pub(super) fn abandon(self) {
        self.paths.iter().for_each(SocketFile::remove);
    }
}

/// Binds what is new in `config`; nothing when anything cannot be bound.
pub(super) fn bind(
    old: &Generation,
    config: &Config,
    workers: usize,
    limits: &Limits,
    namespaces: &Arc<Namespaces>,
) -> Result<Plan, Vec<String>> {
    let mut heirs: Vec<Option<ListenerId>> = vec![None; old.config.listeners.len()];
    let mut sockets = Sockets::new(workers);
    let mut faults = Vec::new();
    let inherited = Inherited::default();
    for listener in &config.listeners {
        let proxy = &config.proxies[listener.proxy.index()];
        if proxy.disabled {
            continue;
        }
        if let Some(at) = ancestor(old, config, listener.id, &heirs) {
            heirs[at] = Some(listener.id);
            continue;
        }
        if let ListenAddress::Fd(fd) | ListenAddress::SockPair(fd) = &listener.address {
            faults.push(format!(
                "proxy {}: descriptor {fd} can be taken over at the start only",
                proxy.name
            ));
            continue;
        }
        let bound =
            listen::bind_listener(config, listener, workers, limits, namespaces, &inherited);
        match bound {
            Ok(bound) => sockets.deal(bound, config, listener, limits),
            Err(error) => faults.push(listen::fault_of(config, listener, &error)),
        }
    }
    if !faults.is_empty() {
        sockets.paths.iter().for_each(SocketFile::remove);
        return Err(faults);
    }
    Ok(Plan {
        heirs: heirs.into(),
        sockets: sockets.workers,
        paths: sockets.paths,
    })
}

/// The old listener whose sockets serve as they are: at the same address, made in the same way, and
/// accepting.
fn ancestor(
    old: &Generation,
    config: &Config,
    id: ListenerId,
    taken: &[Option<ListenerId>],
) -> Option<usize> {
    let new = config.listeners.get(id.index())?;
    let own = made_by(config, id)?;
    let mut known = old.config.listeners.iter().enumerate();
    let found = known.find(|(at, listener)| {
        let is_inherited = matches!(
            new.address,
            ListenAddress::Fd(_) | ListenAddress::SockPair(_)
        );
        taken[*at].is_none()
            && listener.address == new.address
            && !old.proxy(listener.proxy).is_disabled()
            && (is_inherited || made_by(&old.config, listener.id).as_ref() == Some(&own))
    });
    found.map(|(at, _)| at)
}

/// What the sockets of a listener are made by, besides the address.
fn made_by(config: &Config, id: ListenerId) -> Option<String> {
    let listener = config.listeners.get(id.index())?;
    let frontend = &config.proxies.get(listener.proxy.index())?.frontend;
    let BindOptions {
        backlog,
        defer_accept,
        interface,
        mss,
        namespace,
        md5_key,
        shards,
        user_timeout,
        congestion,
        fast_open,
        threads,
        transparent,
        v4v6,
        v6only,
        unix,
        ..
    } = &frontend.binds.get(listener.bind.index())?.options;
    Some(format!(
        "{:?}",
        (
            (backlog.or(frontend.backlog), defer_accept, interface, mss),
            (namespace, md5_key, shards, user_timeout, congestion),
            (fast_open, threads, transparent, v4v6, v6only, unix),
            frontend.smart_accept,
        )
    ))
}

/// Removes the files of unix sockets that the new configuration does not name, as long as they are ours.
pub(super) fn remove_gone(known: &mut Vec<SocketFile>, old: &Generation, config: &Config) {
    let listens = |config: &Config, file: &SocketFile| {
        let mut listeners = config.listeners.iter();
        listeners.any(
            |listener| matches!(&listener.address, ListenAddress::Unix(path) if file.is_at(path)),
        )
    };
    known.retain(|file| {
        let is_gone = listens(&old.config, file) && !listens(config, file);
        if is_gone {
            file.remove();
        }
        !is_gone
    });
}

//! The `peers` sections of a configuration: their listeners, calls and words to operators.
//!
//! What is said on a connection is `peers-proto`'s business.

mod caller;
mod obey;
mod rules;
mod tickets;
mod tls;

use std::cell::{Cell, RefCell};
use std::hash::BuildHasher;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;

use ::peers::proto::words::{Said, Subject, Thing, Word};
use ::peers::proto::{PeerSpec, Shared as SharedTable, Spec};
use lbd_config::config::{Config, ListenAddress, PeersSpec};
use lbd_core::Time;
use lbd_proxy::Shared;
use lbd_proxy::state::Replication;
use lbd_tls::BindTls;
use peers::{Peers, Stream, Teller, View};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::JoinHandle;

use crate::check::{Findings, wall};
use crate::report;
use crate::run::Daemon;
use caller::{Caller, clear};
pub(crate) use rules::RuleChanges;
pub(crate) use tickets::TicketSecrets;

/// The sections as workers write their changes to them; none before they run.
#[derive(Debug, Default)]
pub(crate) struct Tellers(OnceLock<Vec<Teller>>);

impl Replication for Tellers {
    fn push(&self, now: Time) {
        // Before that all is written when they begin.
        self.0
            .get()
            .into_iter()
            .flatten()
            .for_each(|teller| teller.push(now));
    }

    fn hint(&self) {
        self.0.get().into_iter().flatten().for_each(Teller::hint);
    }
}

/// A bound listener of a section.
#[derive(Debug)]
pub(crate) struct PeersSocket {
    /// The section's place in the configuration.
    pub(crate) section: usize,
    /// The socket.
    pub(crate) fd: OwnedFd,
}

/// What other threads ask of the control side.
enum Request {
    /// Rules have changed something.
    Rules,
    Say(Said),
    Stop,
    Words(mpsc::Sender<Vec<Word>>),
}

/// The sections as other threads see them.
#[derive(Clone)]
pub(crate) struct PeersHandle {
    requests: UnboundedSender<Request>,
    is_stopping: IsStopping,
    tellers: Arc<Tellers>,
    /// Secrets of session tickets that nodes share.
    pub(crate) tickets: Arc<TicketSecrets>,
}

/// Whether a new process is to be taught before this one ends. Not a request: the control side may end
/// before it has looked at its requests.
type IsStopping = Arc<AtomicBool>;

impl PeersHandle {
    /// How things stand, in the order of the configuration's sections; none of a section that is busy.
    /// The control side is not asked: it may have a lesson of a million entries at hand.
    pub(crate) fn views(&self, now: Time) -> Vec<Option<View>> {
        let tellers = self.tellers.0.get().into_iter().flatten();
        tellers.map(|teller| teller.view(now)).collect()
    }

    /// Tells other nodes of lbd what an operator has said.
    pub(crate) fn say(&self, said: Said) {
        // Without a control side there are no sessions either.
        let _ = self.requests.send(Request::Say(said));
    }

    /// Tells other nodes of lbd what checks find of servers; none without `peers` sections.
    pub(crate) fn findings(&self, config: &Config) -> Option<Findings> {
        let section = config.peers.first()?;
        let node = section.peers.get(section.local)?.name.to_string();
        let handle = self.clone();
        Some(Box::new(move |backend, server, is_up| {
            handle.say(Said {
                thing: Thing {
                    subject: Subject::ServerHealth,
                    scope: format!("{backend}/{server}"),
                    key: node.clone(),
                },
                value: Some(if is_up { "up" } else { "down" }.to_owned()),
                who: "a check".to_owned(),
                wall_ms: wall().0 / 1000,
            });
        }))
    }

    /// What operators have said, on all nodes, in the order of the sections.
    pub(crate) fn words(&self) -> Vec<Word> {
        let (sender, receiver) = mpsc::channel();
        if self.requests.send(Request::Words(sender)).is_err() {
            return Vec::new();
        }
        receiver.recv_timeout(PATIENCE).unwrap_or_default()
    }

    /// Ends all sessions and teaches a new process.
    pub(crate) fn stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
        // Without a control side nothing is left to stop.
        let _ = self.requests.send(Request::Stop);
    }
}

/// The running sections, on the control side's thread.
pub(crate) struct Running {
    sections: Vec<Peers>,
    listeners: Listeners,
    is_stopping: IsStopping,
}

/// The tasks that accept.
#[derive(Clone, Default)]
struct Listeners(Rc<RefCell<Vec<JoinHandle<()>>>>);

impl Listeners {
    /// Closes the sockets: a call of the same address reaches the new process from now on.
    async fn close(&self) {
        let tasks = self.0.take();
        tasks.iter().for_each(JoinHandle::abort);
        for task in tasks {
            // It was told to end.
            let _ = task.await;
        }
    }
}

/// A channel for requests, made before the sections run.
pub(crate) fn channel() -> (PeersHandle, Requests, Links) {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    let links = Links {
        changes: Arc::new(RuleChanges::new(sender.clone())),
        tellers: Arc::default(),
    };
    let is_stopping = IsStopping::default();
    let handle = PeersHandle {
        requests: sender,
        is_stopping: Arc::clone(&is_stopping),
        tellers: Arc::clone(&links.tellers),
        tickets: Arc::default(),
    };
    let requests = Requests {
        receiver,
        is_stopping,
        links: links.clone(),
    };
    (handle, requests, links)
}

/// What workers reach the sections by.
#[derive(Clone)]
pub(crate) struct Links {
    /// What rules change in maps and ACLs.
    pub(crate) changes: Arc<RuleChanges>,
    /// What changes in tables.
    pub(crate) tellers: Arc<Tellers>,
}

/// Where requests arrive.
pub(crate) struct Requests {
    receiver: UnboundedReceiver<Request>,
    is_stopping: IsStopping,
    links: Links,
}

/// Starts all sections. `has_old_process` is whether one was told to finish (`-sf`).
pub(crate) fn start(
    daemon: &Arc<Daemon>,
    sockets: Vec<PeersSocket>,
    requests: Requests,
    has_old_process: bool,
) -> Running {
    let shared = &daemon.shared;
    let config = Arc::clone(&shared.current().config);
    let mut sections = Vec::new();
    let listeners = Listeners::default();
    for (at, section) in config.peers.iter().enumerate() {
        let spec = spec(shared, section, has_old_process);
        let random = std::collections::hash_map::RandomState::new();
        let seed = random.hash_one(&*section.name);
        let peers = Peers::new(
            spec,
            seed,
            Box::new(Caller {
                daemon: Arc::clone(daemon),
                section: config.peers[at].clone(),
            }),
        );
        sections.push(peers);
    }
    // Sections run once only. Their first turn tells what workers could not tell before.
    let _ = requests
        .links
        .tellers
        .0
        .set(sections.iter().map(Peers::teller).collect());
    for peers in &sections {
        tokio::task::spawn_local(peers.clone().run());
    }
    for socket in sockets {
        let section = config.peers.get(socket.section);
        if let (Some(peers), Some(section)) = (sections.get(socket.section), section) {
            let door = Door {
                peers: peers.clone(),
                tls: section.bind_tls.clone(),
                handshakes: Rc::default(),
            };
            let accepting = accept(socket.fd, section.bind.clone(), door);
            let task = tokio::task::spawn_local(accepting);
            listeners.0.borrow_mut().push(task);
        }
    }
    let running = Running {
        sections,
        listeners,
        is_stopping: requests.is_stopping,
    };
    // Words of further sections would contend with those of the first.
    let secure = config.peers.iter().zip(&running.sections);
    if let Some((section, peers)) = secure
        .into_iter()
        .find(|(section, _)| section.bind_tls.is_some())
    {
        let name = section.peers[section.local].name.clone();
        let keeping = tickets::keep(Arc::clone(daemon), peers.clone(), (section.local, name));
        tokio::task::spawn_local(keeping);
    }
    let rules = Rules {
        daemon: Arc::clone(daemon),
        changes: requests.links.changes,
        has_warned: false,
    };
    let serving = serve(
        requests.receiver,
        running.sections.clone(),
        running.listeners.clone(),
        rules,
    );
    tokio::task::spawn_local(serving);
    running
}

impl Running {
    /// Waits until a new process is taught, if one is to be.
    pub(crate) async fn finish(&self) {
        if self.is_stopping.load(Ordering::Acquire) {
            self.listeners.close().await;
            for peers in &self.sections {
                peers.stop().await;
            }
        }
    }
}

fn spec(shared: &Arc<Shared>, section: &PeersSpec, has_old_process: bool) -> Spec {
    let generation = shared.current();
    let tables = section.tables.iter().filter_map(|(name, id)| {
        let table = Arc::clone(generation.tables.get(id.index())?);
        let spec = generation.config.tables.get(id.index())?;
        let write_to = spec
            .write_to
            .and_then(|id| generation.tables.get(id.index()));
        table.set_peer_shards(section.shards);
        Some(SharedTable {
            name: name.to_string(),
            table,
            write_to: write_to.map(Arc::clone),
        })
    });
    Spec {
        local: section.peers[section.local].name.to_string(),
        peers: section
            .peers
            .iter()
            .map(|peer| PeerSpec {
                name: peer.name.to_string(),
                shard: peer.shard,
            })
            .collect(),
        tables: tables.collect(),
        pid: std::process::id(),
        max_updates: generation.config.global.tune.peers_max_updates,
        has_old_process,
    }
}

/// Tells other nodes what rules change.
struct Rules {
    daemon: Arc<Daemon>,
    changes: Arc<RuleChanges>,
    has_warned: bool,
}

impl Rules {
    fn tell(&mut self, sections: &[Peers]) {
        let pending = self.changes.take();
        let mut lost = pending.lost;
        for said in pending.said(self.daemon.wall().0 / 1000) {
            for peers in sections {
                lost += u64::from(!peers.say(said.clone()));
            }
            obey::keep(&self.daemon, &said.thing, said.value.as_deref());
        }
        // Rules go on doing what they did: once is enough.
        if lost > 0 && !std::mem::replace(&mut self.has_warned, true) {
            report::warning(
                "Rules change more entries of maps and ACLs than other nodes can be told, or such \
                 that are no text or too long; these stay on this node.",
            );
        }
    }
}

async fn serve(
    mut requests: UnboundedReceiver<Request>,
    sections: Vec<Peers>,
    listeners: Listeners,
    mut rules: Rules,
) {
    while let Some(request) = requests.recv().await {
        match request {
            Request::Rules => rules.tell(&sections),
            Request::Say(said) => {
                for peers in &sections {
                    if !peers.say(said.clone()) {
                        let thing = &said.thing;
                        let (subject, scope) = (thing.subject, &thing.scope);
                        report::warning(&format!(
                            "What {} has set of {subject} {scope} is too much or too long to be \
                             told to other nodes.",
                            said.who
                        ));
                    }
                }
            }
            Request::Words(answer) => {
                // Who asked may have given up.
                let _ = answer.send(sections.iter().flat_map(Peers::words).collect());
            }
            Request::Stop => {
                listeners.close().await;
                for peers in sections.clone() {
                    tokio::task::spawn_local(async move { peers.stop().await });
                }
            }
        }
    }
}

/// Where callers of a section come in.
#[derive(Clone)]
struct Door {
    peers: Peers,
    tls: Option<Arc<BindTls>>,
    /// Handshakes under way.
    handshakes: Rc<Cell<usize>>,
}

impl Door {
    fn enter(&self, stream: Box<dyn Stream>) {
        let Some(tls) = &self.tls else {
            return self.peers.accept(clear(stream));
        };
        let under_way = self.handshakes.get();
        if under_way >= tls::MAX_HANDSHAKES {
            return;
        }
        self.handshakes.set(under_way + 1);
        let (tls, door) = (Arc::clone(tls), self.clone());
        tokio::task::spawn_local(async move {
            let secured = tls::accept(stream, &tls).await;
            door.handshakes.set(door.handshakes.get() - 1);
            // Who fails is told by the protocol's alert, and calls again.
            if let Ok(link) = secured {
                door.peers.accept(link);
            }
        });
    }
}

async fn accept(socket: OwnedFd, address: ListenAddress, door: Door) {
    let is_unix = match address {
        ListenAddress::Tcp(_) => false,
        ListenAddress::Unix(_) | ListenAddress::Abstract { .. } => true,
        ListenAddress::Fd(_) | ListenAddress::SockPair(_) => socket2::SockRef::from(&socket)
            .local_addr()
            .is_ok_and(|address| address.is_unix()),
    };
    if is_unix {
        let Ok(listener) = UnixListener::from_std(socket.into()) else {
            return;
        };
        loop {
            match listener.accept().await {
                Ok((stream, _)) => door.enter(Box::new(stream)),
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    }
    let Ok(listener) = TcpListener::from_std(socket.into()) else {
        return;
    };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Updates are made in batches already.
                let _ = stream.set_nodelay(true);
                door.enter(Box::new(stream));
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// How long another thread waits for the control side.
const PATIENCE: Duration = Duration::from_millis(500);

/// Pause after a failed accept (no descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

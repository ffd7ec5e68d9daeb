//! The `peers` sections of a configuration: their listeners, calls and words to operators.
//!
//! What is said on a connection is `peers-proto`'s business.

use std::cell::Cell;
use std::hash::BuildHasher;
use std::io;
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use ::peers::proto::section::{Event, SectionView};
use ::peers::proto::{PeerSpec, Shared as SharedTable, Spec};
use lbd_config::config::{ListenAddress, PeersSpec, ServerAddress};
use lbd_core::Time;
use lbd_proxy::Shared;
use peers::{Dial, Dialling, Peers, Stream};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use crate::report;

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
    Stop,
    View(mpsc::Sender<Vec<SectionView>>),
}

/// The sections as other threads see them.
#[derive(Clone)]
pub(crate) struct PeersHandle(UnboundedSender<Request>);

impl PeersHandle {
    /// How things stand, in the order of the configuration's sections.
    pub(crate) fn view(&self) -> Vec<SectionView> {
        let (sender, receiver) = mpsc::channel();
        if self.0.send(Request::View(sender)).is_err() {
            return Vec::new();
        }
        receiver.recv_timeout(PATIENCE).unwrap_or_default()
    }

    /// Ends all sessions and teaches a new process.
    pub(crate) fn stop(&self) {
        // Without a control side nothing is left to stop.
        let _ = self.0.send(Request::Stop);
    }
}

/// The running sections, on the control side's thread.
pub(crate) struct Running {
    sections: Vec<Peers>,
    is_stopping: Rc<Cell<bool>>,
}

/// A channel for requests, made before the sections run.
pub(crate) fn channel() -> (PeersHandle, Requests) {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    (PeersHandle(sender), Requests(receiver))
}

/// Where requests arrive.
pub(crate) struct Requests(UnboundedReceiver<Request>);

/// Starts all sections. `has_old_process` is whether one was told to finish (`-sf`).
pub(crate) fn start(
    shared: &Arc<Shared>,
    sockets: Vec<PeersSocket>,
    requests: Requests,
    has_old_process: bool,
) -> Running {
    let config = Arc::clone(&shared.current().config);
    let is_stopping = Rc::new(Cell::new(false));
    let mut sections = Vec::new();
    let mut listeners = Vec::new();
    for section in &config.peers {
        let spec = spec(shared, section, has_old_process);
        let random = std::collections::hash_map::RandomState::new();
        let seed = random.hash_one(&*section.name);
        let peers = Peers::new(
            spec,
            seed,
            Box::new(Caller {
                shared: Arc::clone(shared),
                name: section.name.clone(),
                addresses: section
                    .peers
                    .iter()
                    .map(|peer| peer.address.clone())
                    .collect(),
            }),
        );
        tokio::task::spawn_local(peers.clone().run());
        sections.push(peers);
    }
    for socket in sockets {
        let section = config.peers.get(socket.section);
        if let (Some(peers), Some(section)) = (sections.get(socket.section), section) {
            let accepting = accept(socket.fd, section.bind.clone(), peers.clone());
            listeners.push(tokio::task::spawn_local(accepting));
        }
    }
    let serving = serve(
        requests,
        sections.clone(),
        listeners,
        Rc::clone(&is_stopping),
    );
    tokio::task::spawn_local(serving);
    Running {
        sections,
        is_stopping,
    }
}

impl Running {
    /// Waits until a new process is taught, if one is to be.
    pub(crate) async fn finish(&self) {
        if self.is_stopping.get() {
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

async fn serve(
    mut requests: Requests,
    sections: Vec<Peers>,
    listeners: Vec<tokio::task::JoinHandle<()>>,
    is_stopping: Rc<Cell<bool>>,
) {
    while let Some(request) = requests.0.recv().await {
        match request {
            Request::View(answer) => {
                // Who asked may have given up.
                let _ = answer.send(sections.iter().map(Peers::snapshot).collect());
            }
            Request::Stop => {
                is_stopping.set(true);
                // The new process is called at the same address.
                listeners.iter().for_each(tokio::task::JoinHandle::abort);
                for peers in sections.clone() {
                    tokio::task::spawn_local(async move { peers.stop().await });
                }
            }
        }
    }
}

async fn accept(socket: OwnedFd, address: ListenAddress, peers: Peers) {
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
                Ok((stream, _)) => peers.accept(Box::new(stream)),
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
                peers.accept(Box::new(stream));
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Calls the peers of a section.
struct Caller {
    shared: Arc<Shared>,
    name: Box<str>,
    addresses: Vec<ServerAddress>,
}

impl Dial for Caller {
    fn dial(&self, peer: usize) -> Dialling {
        let address = self.addresses.get(peer).cloned();
        Box::pin(async move {
            let stream: Box<dyn Stream> = match address {
                Some(ServerAddress::Inet(address)) => {
                    let stream = TcpStream::connect(address).await?;
                    let _ = stream.set_nodelay(true);
                    Box::new(stream)
                }
                Some(ServerAddress::Unix(path)) => Box::new(UnixStream::connect(path).await?),
                Some(ServerAddress::Abstract { name, .. }) => {
                    let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
                    let stream = std::os::unix::net::UnixStream::connect_addr(&address)?;
                    stream.set_nonblocking(true)?;
                    Box::new(UnixStream::from_std(stream)?)
                }
                _ => return Err(io::ErrorKind::AddrNotAvailable.into()),
            };
            Ok(stream)
        })
    }

    fn now(&self) -> Time {
        self.shared.now()
    }

    fn tell(&self, event: &Event) {
        let section = &self.name;
        match event {
            Event::Up(peer) => {
                report::notice(&format!(
                    "Peers section '{section}': session with '{peer}'."
                ));
            }
            Event::Down(peer) => report::warning(&format!(
                "Peers section '{section}': session with '{peer}' has ended."
            )),
            Event::Refused(peer, code) => report::warning(&format!(
                "Peers section '{section}': '{peer}' refuses this node with code {code}."
            )),
            Event::Mismatch(peer, table) => report::warning(&format!(
                "Peers section '{section}': table '{table}' of '{peer}' has another type or \
                 length of keys; its updates are passed over."
            )),
        }
    }
}

/// How long another thread waits for the control side.
const PATIENCE: Duration = Duration::from_millis(500);

/// Pause after a failed accept (no descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

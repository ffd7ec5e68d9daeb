//! The runtime API's connections: accepting, reading, writing, their limits.
//!
//! What is said on them is `session.rs`'s and the commands' matter.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use lbd_config::config::{ListenAddress, StatsSocketSpec};
use nix::sys::socket::MsgFlags;
use tokio::io::Interest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::mpsc::Sender;
use tokio::task::JoinHandle;

use super::command::{Runner, is_of_one_entry};
use super::session::Session;
use crate::handover::{self, QUESTION};
use crate::report;
use crate::run::Daemon;

/// Bytes read at once.
const READ: usize = 4096;
/// Pieces of a long reply that wait for the client.
const PIECES: usize = 2;
/// Pause after a failed accept (no descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Limits of all connections together.
#[derive(Debug)]
pub(crate) struct Limits {
    /// `stats maxconn`.
    connections: AtomicU32,
    /// `stats timeout`, milliseconds.
    timeout: AtomicU64,
    open: AtomicU32,
}

impl Limits {
    /// Limits as configured.
    pub(crate) fn new(connections: u32, timeout: Duration) -> Self {
        let limits = Self {
            connections: AtomicU32::default(),
            timeout: AtomicU64::default(),
            open: AtomicU32::new(0),
        };
        limits.set(connections, timeout);
        limits
    }

    /// Limits as configured anew; conversations that are under way keep to theirs until they wait.
    pub(crate) fn set(&self, connections: u32, timeout: Duration) {
        let millis = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        self.connections.store(connections, Ordering::Relaxed);
        self.timeout.store(millis, Ordering::Relaxed);
    }

    fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout.load(Ordering::Relaxed))
    }
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// Takes a bound socket; an inherited one is asked what it is.
    fn new(socket: OwnedFd, address: &ListenAddress) -> io::Result<Self> {
        let is_unix = match address {
            ListenAddress::Tcp(_) => false,
            ListenAddress::Unix(_) | ListenAddress::Abstract { .. } => true,
            ListenAddress::Fd(_) | ListenAddress::SockPair(_) => {
                socket2::SockRef::from(&socket).local_addr()?.is_unix()
            }
        };
        if is_unix {
            UnixListener::from_std(socket.into()).map(Self::Unix)
        } else {
            TcpListener::from_std(socket.into()).map(Self::Tcp)
        }
    }
}

/// Serves one `stats socket` line until the runtime ends.
pub(crate) async fn serve(
    socket: OwnedFd,
    spec: Rc<RefCell<StatsSocketSpec>>,
    limits: Arc<Limits>,
    daemon: Arc<Daemon>,
) {
    let opened = Listener::new(socket, &spec.borrow().address);
    let Ok(listener) = opened else {
        return;
    };
    let mut is_held = false;
    loop {
        // More connections than allowed wait in the kernel's queue.
        if limits.open.load(Ordering::Relaxed) >= limits.connections.load(Ordering::Relaxed) {
            if !std::mem::replace(&mut is_held, true) {
                daemon.api_waits.fetch_add(1, Ordering::Relaxed);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        }
        is_held = false;
        let daemon = Arc::clone(&daemon);
        let begin = || {
            let spec = spec.borrow();
            Session::new(spec.level, spec.severity)
        };
        let accepted = match &listener {
            Listener::Tcp(listener) => listener.accept().await.map(|(stream, from)| {
                let mut session = begin();
                session.caller.who = from.ip().to_string();
                let open = Open::new(Arc::clone(&limits));
                tokio::task::spawn_local(converse(stream, session, open, daemon));
            }),
            Listener::Unix(listener) => listener.accept().await.map(|(stream, _)| {
                let mut session = begin();
                if let Ok(user) = stream.peer_cred() {
                    session.caller.who = format!("uid {}", user.uid());
                }
                let open = Open::new(Arc::clone(&limits));
                let exposes = spec.borrow().exposes;
                tokio::task::spawn_local(serve_unix(stream, session, open, exposes, daemon));
            }),
        };
        if accepted.is_err() {
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
    }
}

/// Serves one connection that is there already, such as a master's.
pub(crate) async fn serve_one(
    stream: UnixStream,
    session: Session,
    limits: Arc<Limits>,
    exposes: bool,
    daemon: Arc<Daemon>,
) {
    serve_unix(stream, session, Open::new(limits), exposes, daemon).await;
}

async fn serve_unix(
    stream: UnixStream,
    session: Session,
    open: Open,
    exposes: bool,
    daemon: Arc<Daemon>,
) {
    if exposes {
        let asking = asks_for_sockets(&stream);
        let asked = tokio::time::timeout(open.0.timeout(), asking).await;
        if asked.unwrap_or(false) {
            return give_sockets(stream, &daemon).await;
        }
    }
    converse(stream, session, open, daemon).await;
}

/// Whether a new process wants listening sockets instead of a conversation.
async fn asks_for_sockets(stream: &UnixStream) -> bool {
    let mut line = [0; QUESTION.len()];
    loop {
        if stream.readable().await.is_err() {
            return false;
        }
        let peeked = stream.try_io(Interest::READABLE, || {
            nix::sys::socket::recv(stream.as_raw_fd(), &mut line, MsgFlags::MSG_PEEK)
                .map_err(io::Error::from)
        });
        match peeked {
            Ok(count)
                if count < line.len() && QUESTION.starts_with(&line[..count]) && count > 0 =>
            {
                // The rest is on its way.
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Ok(count) => return line[..count] == *QUESTION,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return false,
        }
    }
}

/// Gives copies of all listening sockets away.
async fn give_sockets(stream: UnixStream, daemon: &Arc<Daemon>) {
    let Ok(stream) = stream.into_std() else {
        return;
    };
    let daemon = Arc::clone(daemon);
    let giving = tokio::task::spawn_blocking(move || {
        let mut stream = stream;
        stream.set_nonblocking(false)?;
        io::Read::read_exact(&mut stream, &mut [0; QUESTION.len()])?;
        handover::give(&stream, &handover::all(&daemon))
    });
    if !matches!(giving.await, Ok(Ok(()))) {
        report::warning("Listening sockets were asked for and not taken.");
    }
}

/// Counts a connection for as long as it lives.
struct Open(Arc<Limits>);

impl Open {
    fn new(limits: Arc<Limits>) -> Self {
        limits.open.fetch_add(1, Ordering::Relaxed);
        Self(limits)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn converse<S>(mut stream: S, mut session: Session, open: Open, daemon: Arc<Daemon>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let mut input = [0; READ];
    loop {
        let timeout = session.caller.timeout.unwrap_or_else(|| open.0.timeout());
        let Ok(Ok(count)) = tokio::time::timeout(timeout, stream.read(&mut input)).await else {
            return;
        };
        let (sender, mut pieces) = tokio::sync::mpsc::channel(PIECES);
        let bytes = &input[..count];
        if session.is_between_lines() && is_of_one_entry(bytes) {
            // Another thread would take longer to wake.
            let mut runner = Runner {
                daemon: Arc::clone(&daemon),
                pieces: sender,
            };
            let mut reply = Vec::new();
            session.feed(bytes, &mut runner, &mut reply);
            let sent = tokio::time::timeout(timeout, stream.write_all(&reply)).await;
            if !matches!(sent, Ok(Ok(()))) || session.is_done() {
                break;
            }
            continue;
        }
        let answering = answer(session, bytes.to_vec(), Arc::clone(&daemon), sender);
        // Who does not take a long reply in time is left, and its making ends with the channel.
        while let Some(piece) = pieces.recv().await {
            let sent = tokio::time::timeout(timeout, stream.write_all(&piece)).await;
            if !matches!(sent, Ok(Ok(()))) {
                return;
            }
        }
        let Ok((after, reply)) = answering.await else {
            return;
        };
        session = after;
        let sent = tokio::time::timeout(timeout, stream.write_all(&reply)).await;
        if !matches!(sent, Ok(Ok(()))) || session.is_done() {
            break;
        }
    }
    let _ = stream.shutdown().await;
}

/// Runs the commands that arrived (none: the client closed) on a thread of their own: some wait
/// for workers, and health checks share this one. Pieces of long replies come through the channel,
/// which ends with the commands. The task fails when a command broke off by a fault.
fn answer(
    mut session: Session,
    input: Vec<u8>,
    daemon: Arc<Daemon>,
    pieces: Sender<Vec<u8>>,
) -> JoinHandle<(Session, Vec<u8>)> {
    tokio::task::spawn_blocking(move || {
        let mut runner = Runner { daemon, pieces };
        let mut reply = Vec::new();
        if input.is_empty() {
            session.finish(&mut runner, &mut reply);
        } else {
            session.feed(&input, &mut runner, &mut reply);
        }
        (session, reply)
    })
}

//! The link to `lbd-failover`, which owns addresses for this balancer: workers beat on it while they
//! turn, backends and frontends are told up or down, and a stop is announced.
//!
//! It decides nothing about addresses. The socket is made when `LBD_FAILOVER_SOCKET` names one, as
//! the service's unit does. A worker beats by answering pings of this side, so that one without
//! traffic is not taken for hung.

use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener as StdListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use lbd_proxy::Shared;
use lbd_proxy::state::Message;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{MissedTickBehavior, interval};

/// Names the socket.
const VARIABLE: &str = "LBD_FAILOVER_SOCKET";
/// Between two beats.
const BEAT: Duration = Duration::from_millis(50);
/// Processes that may listen; `lbd-failover` is one.
const MAX_CLIENTS: usize = 8;
/// How long a process that came after this one has until its own link must be up.
const HANDOVER_MS: u64 = 5000;

/// A socket that is bound.
#[derive(Debug)]
pub(crate) struct Link {
    listener: StdListener,
    path: PathBuf,
    inode: u64,
}

/// Binds the socket, if one is named; before privileges are dropped.
///
/// # Errors
///
/// Why it cannot be bound.
pub(crate) fn open() -> Result<Option<Link>, String> {
    let Some(path) = std::env::var_os(VARIABLE).map(PathBuf::from) else {
        return Ok(None);
    };
    let fail = |error: io::Error| format!("{VARIABLE}: cannot bind {}: {error}", path.display());
    // Bound beside it and moved over it: a process that comes after another replaces its socket
    // without a moment in which there is none.
    let new = path.with_extension(format!("{}", std::process::id()));
    let _ = std::fs::remove_file(&new);
    let listener = StdListener::bind(&new).map_err(fail)?;
    listener.set_nonblocking(true).map_err(fail)?;
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o660)).map_err(fail)?;
    let inode = std::fs::metadata(&new).map_err(fail)?.ino();
    std::fs::rename(&new, &path).map_err(fail)?;
    Ok(Some(Link {
        listener,
        path,
        inode,
    }))
}

/// Serves the link for as long as the runtime lives.
pub(crate) async fn serve(link: Link, shared: Arc<Shared>) {
    let Ok(listener) = UnixListener::from_std(link.listener) else {
        return crate::report::alert("the link to lbd-failover cannot be served");
    };
    let mut served = Served {
        pulse: Pulse::new(&shared),
        clients: Vec::new(),
        known: Vec::new(),
        is_stopping: false,
        shared,
    };
    let mut ticks = interval(BEAT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted
                    && served.clients.len() < MAX_CLIENTS
                {
                    served.welcome(stream);
                }
            }
            _ = ticks.tick() => served.tick(&link.path, link.inode),
        }
    }
}

struct Served {
    shared: Arc<Shared>,
    pulse: Pulse,
    clients: Vec<UnixStream>,
    /// Proxies, each with what was told of it.
    known: Vec<String>,
    is_stopping: bool,
}

impl Served {
    fn welcome(&mut self, stream: UnixStream) {
        let mut text = format!("hello 1 {}\n", std::process::id());
        for line in states(&self.shared) {
            text.push_str(&line);
        }
        if self.is_stopping {
            text.push_str("stopping\n");
        }
        if stream
            .try_write(text.as_bytes())
            .is_ok_and(|n| n == text.len())
        {
            self.clients.push(stream);
        }
    }

    fn tick(&mut self, path: &Path, inode: u64) {
        let mut text = String::new();
        let states = states(&self.shared);
        for line in states.iter().filter(|line| !self.known.contains(line)) {
            text.push_str(line);
        }
        self.known = states;
        if !self.is_stopping && self.shared.process().is_stopping() {
            self.is_stopping = true;
            // Another process has put its socket in the place of ours.
            let is_replaced = std::fs::metadata(path).is_ok_and(|m| m.ino() != inode);
            if is_replaced {
                text.push_str(&format!("handing-over {HANDOVER_MS}\n"));
            }
            text.push_str("stopping\n");
        }
        if !self.clients.is_empty() && self.pulse.beats(&self.shared) {
            text.push_str("beat\n");
        }
        if !text.is_empty() {
            // One that does not read is let go; it will come back.
            self.clients.retain(|client| {
                client
                    .try_write(text.as_bytes())
                    .is_ok_and(|n| n == text.len())
            });
        }
    }
}

/// A line for each frontend and backend.
fn states(shared: &Shared) -> Vec<String> {
    let generation = shared.current();
    let specs = &generation.config.proxies;
    let mut lines = Vec::new();
    for (proxy, spec) in generation.proxies.iter().zip(specs) {
        let name = &proxy.name;
        if spec.caps.frontend {
            let is_up = !proxy.is_disabled() && !proxy.is_paused();
            lines.push(format!("frontend {name} {}\n", word(is_up)));
        }
        if spec.caps.backend {
            let usable = proxy.roster.view().usable;
            let is_up = usable > 0 || proxy.servers.is_empty();
            lines.push(format!("backend {name} {}\n", word(is_up)));
        }
    }
    lines
}

fn word(is_up: bool) -> &'static str {
    if is_up { "up" } else { "down" }
}

/// Asks every worker whether it turns; one question at a time.
struct Pulse {
    sender: Sender<usize>,
    answers: Receiver<usize>,
    missing: Vec<bool>,
}

impl Pulse {
    fn new(shared: &Shared) -> Self {
        let (sender, answers) = channel();
        Self {
            sender,
            answers,
            missing: vec![false; shared.mailboxes().len()],
        }
    }

    /// Whether all have answered since the last call that said so; then they are asked again.
    fn beats(&mut self, shared: &Shared) -> bool {
        while let Ok(worker) = self.answers.try_recv() {
            if let Some(missing) = self.missing.get_mut(worker) {
                *missing = false;
            }
        }
        if self.missing.contains(&true) {
            return false;
        }
        for (mailbox, missing) in shared.mailboxes().iter().zip(&mut self.missing) {
            *missing = true;
            mailbox.post(Message::Ping(self.sender.clone()));
        }
        true
    }
}

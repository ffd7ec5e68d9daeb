//! The link to `lbd-failover`, which owns addresses for this balancer: workers beat on it while they
//! turn, backends and frontends are told up or down, and a stop is announced.
//!
//! It decides nothing about addresses. A stop waits until the partner has them ([`Farewell`]). The socket is made when `LBD_FAILOVER_SOCKET` names one, as
//! the service's unit does. A worker beats by answering pings of this side, so that one without
//! traffic is not taken for hung.

use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener as StdListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use lbd_proxy::Shared;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::pulse::Pulse;

/// Names the socket.
const VARIABLE: &str = "LBD_FAILOVER_SOCKET";
/// Between two beats, unless who listens asks for another time.
const BEAT: Duration = Duration::from_millis(50);
/// The shortest and the longest time that it may ask for.
const BEATS: std::ops::RangeInclusive<u64> = 10..=1000;
/// Processes that may listen; `lbd-failover` is one.
const MAX_CLIENTS: usize = 8;
/// What a client may say in one go; its words are short.
const MAX_HEARD: usize = 256;
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

/// What the main thread has to do with the link: a stop is announced, and begins when the addresses
/// that depend on this process are elsewhere.
#[derive(Debug, Default)]
pub(crate) struct Farewell {
    /// Somebody listens who says when nothing more depends on this process.
    is_watched: AtomicBool,
    announced: Notify,
    given: OnceLock<Given>,
}

/// Called when nothing depends on this process any more.
struct Given(Box<dyn Fn() + Send + Sync>);

impl std::fmt::Debug for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Given")
    }
}

impl Farewell {
    /// Whether a stop should wait for [`Farewell::when_given`].
    pub(crate) fn is_watched(&self) -> bool {
        self.is_watched.load(Relaxed)
    }

    /// The process is stopping, as its state says already: who listens is told now.
    pub(crate) fn announce(&self) {
        self.announced.notify_one();
    }

    /// Says what to do once the addresses are given away; the first call counts.
    pub(crate) fn when_given(&self, act: impl Fn() + Send + Sync + 'static) {
        let _ = self.given.set(Given(Box::new(act)));
    }

    fn given(&self) {
        if let Some(Given(act)) = self.given.get() {
            act();
        }
    }
}

/// Serves the link for as long as the runtime lives.
pub(crate) async fn serve(link: Link, shared: Arc<Shared>, farewell: Arc<Farewell>) {
    let Ok(listener) = UnixListener::from_std(link.listener) else {
        return crate::report::alert("the link to lbd-failover cannot be served");
    };
    let mut served = Served {
        pulse: Pulse::new(&shared),
        clients: Vec::new(),
        known: Vec::new(),
        is_stopping: false,
        was_given: false,
        shared,
        farewell: Arc::clone(&farewell),
    };
    let mut due = Instant::now();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted
                    && served.clients.len() < MAX_CLIENTS
                {
                    served.welcome(stream);
                }
            }
            () = sleep_until(due) => {
                served.tick(&link.path, link.inode);
                due = Instant::now() + served.period();
            }
            () = farewell.announced.notified() => served.tick(&link.path, link.inode),
        }
    }
}

struct Served {
    shared: Arc<Shared>,
    pulse: Pulse,
    clients: Vec<Client>,
    /// Proxies, each with what was told of it.
    known: Vec<String>,
    is_stopping: bool,
    /// Nothing depends on this process any more, which was told.
    was_given: bool,
    farewell: Arc<Farewell>,
}

/// One process that listens.
struct Client {
    stream: UnixStream,
    /// What it said and was not followed by a line's end yet.
    heard: Vec<u8>,
    /// It says when nothing more depends on this process.
    answers: bool,
    /// The beats that it asked for.
    period: Duration,
    has_given: bool,
    /// It will say nothing more; one that is gone is noticed when it is told something.
    is_silent: bool,
}

impl Client {
    /// Takes what it has said; false when it speaks another language.
    fn hear(&mut self) -> bool {
        if self.is_silent {
            return true;
        }
        let mut buffer = [0; MAX_HEARD];
        match self.stream.try_read(&mut buffer) {
            Ok(0) => self.is_silent = true,
            Ok(length) => self.heard.extend_from_slice(&buffer[..length]),
            Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
        }
        while let Some(end) = self.heard.iter().position(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(&self.heard[..end]).into_owned();
            self.heard.drain(..=end);
            match line.split_once(' ').unwrap_or((&line, "")) {
                ("answers", "") => self.answers = true,
                ("given", "") => self.has_given = true,
                ("every", ms) => {
                    let ms = ms.parse().ok().filter(|ms| BEATS.contains(ms));
                    self.period = ms.map_or(BEAT, Duration::from_millis);
                }
                // A word of a later version.
                _ => {}
            }
        }
        self.heard.len() < MAX_HEARD
    }

    fn tell(&self, text: &str) -> bool {
        let written = self.stream.try_write(text.as_bytes());
        written.is_ok_and(|length| length == text.len())
    }
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
        let client = Client {
            stream,
            heard: Vec::new(),
            answers: false,
            period: BEAT,
            has_given: false,
            is_silent: false,
        };
        if client.tell(&text) {
            self.clients.push(client);
        }
    }

    /// What all who listen are content with.
    fn period(&self) -> Duration {
        let asked = self.clients.iter().map(|client| client.period);
        asked.min().unwrap_or(BEAT)
    }

    fn tick(&mut self, path: &Path, inode: u64) {
        self.clients.retain_mut(Client::hear);
        // Another process has put its socket in the place of ours.
        let is_replaced = || std::fs::metadata(path).is_ok_and(|m| m.ino() != inode);
        let mut text = String::new();
        let states = states(&self.shared);
        for line in states.iter().filter(|line| !self.known.contains(line)) {
            text.push_str(line);
        }
        self.known = states;
        if !self.is_stopping && self.shared.process().is_stopping() {
            self.is_stopping = true;
            if is_replaced() {
                text.push_str(&format!("handing-over {HANDOVER_MS}\n"));
            }
            text.push_str("stopping\n");
        }
        if !self.clients.is_empty() && self.pulse.beats(&self.shared) {
            text.push_str("beat\n");
        }
        if !text.is_empty() {
            // One that does not read is let go; it will come back.
            self.clients.retain(|client| client.tell(&text));
        }
        let answering = self.clients.iter();
        let mut answering = answering.filter(|client| client.answers && !client.is_silent);
        let is_watched = answering.clone().next().is_some();
        self.farewell.is_watched.store(is_watched, Relaxed);
        if !self.is_stopping || self.was_given {
            return;
        }
        // The process that came after this one answers for the addresses.
        if !is_watched || answering.all(|client| client.has_given) || is_replaced() {
            self.was_given = true;
            self.farewell.given();
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

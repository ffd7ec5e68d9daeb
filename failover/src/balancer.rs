//! The link to the local balancer: its death closes it, its workers beat on it.
//!
//! A beat that is missed because the machine is overloaded is told from a hang by what the kernel
//! counts: threads that wait for a processor do not hang.

use std::collections::HashMap;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use vrrp::engine::Handle;
use vrrp_config::Config;
use vrrp_config::config::{self, Track};
use vrrp_proto::track::{Runs, Status};

use crate::log::Log;
use crate::scripts::is_tracked;

/// The links that are kept.
#[derive(Debug, Default)]
pub struct Balancers {
    tasks: Vec<JoinHandle<()>>,
}

/// A balancer said that it is stopping; the addresses that depend on it are given away before it
/// counts as lost, which is when `given` is dropped.
#[derive(Debug)]
pub struct Stopping {
    /// Its place in the configuration.
    pub balancer: usize,
    /// To be dropped when nothing more depends on it.
    pub given: oneshot::Sender<()>,
}

impl Balancers {
    /// Keeps a link for each balancer that somebody tracks; those of before end.
    pub fn start(
        &mut self,
        config: &Config,
        handle: &Handle,
        log: &Arc<Log>,
        stopping: &mpsc::Sender<Stopping>,
    ) {
        self.stop();
        for (at, balancer) in config.balancers.iter().enumerate() {
            if is_tracked(config, &Track::Balancer(at)) {
                let watch = Watch {
                    at,
                    runs: Runs::new(balancer.rise, balancer.fall, false),
                    balancer: balancer.clone(),
                    handle: handle.clone(),
                    log: Arc::clone(log),
                    alive: None,
                    stopping: stopping.clone(),
                    was_given: false,
                    states: HashMap::new(),
                };
                self.tasks.push(tokio::task::spawn_local(watch.run()));
            }
        }
    }

    /// Ends all.
    pub fn stop(&mut self) {
        for task in self.tasks.drain(..) {
            task.abort();
        }
    }
}

struct Watch {
    at: usize,
    balancer: config::Balancer,
    handle: Handle,
    log: Arc<Log>,
    /// What was told of the link.
    alive: Option<bool>,
    stopping: mpsc::Sender<Stopping>,
    /// The addresses were given away because it was stopping.
    was_given: bool,
    /// What the balancer says of frontends (`f name`) and backends (`b name`).
    states: HashMap<String, bool>,
    runs: Runs,
}

/// One connection.
struct Link {
    lines: tokio::io::Lines<BufReader<OwnedReadHalf>>,
    writing: OwnedWriteHalf,
    pid: u32,
    /// An end of the link before this is no loss.
    excused: Option<Instant>,
    is_stopping: bool,
}

/// Why a link ended.
enum End {
    Closed,
    Hung,
    Stopping,
}

impl Watch {
    async fn run(mut self) {
        let mut link = None;
        loop {
            let mut current = match link.take() {
                Some(link) => link,
                None => self.connect_until().await,
            };
            let end = self.follow(&mut current).await;
            // A process that came after it has its own socket in the same place.
            link = self.successor(&current, &end).await;
            if link.is_some() {
                self.log.info(&format!(
                    "balancer {}: another process goes on",
                    self.balancer.name
                ));
                continue;
            }
            let why = match end {
                End::Closed => "its link closed",
                End::Hung => "it hangs",
                End::Stopping => "it is stopping",
            };
            if matches!(end, End::Stopping) {
                self.give_away(&mut current).await;
            }
            self.tell(false, why);
            if matches!(end, End::Stopping) {
                // One that is gone meanwhile waits for nothing.
                let _ = current.writing.try_write(b"given\n");
                // It serves what is connected; its link says when it is gone.
                while let Ok(Some(_)) = current.lines.next_line().await {}
            }
        }
    }

    /// A planned switchover, for as long as the link lives.
    async fn give_away(&mut self, link: &mut Link) {
        let (given, mut is_given) = oneshot::channel();
        let stopping = Stopping {
            balancer: self.at,
            given,
        };
        if self.stopping.send(stopping).await.is_err() {
            return;
        }
        self.was_given = true;
        let limit = tokio::time::sleep(GIVE_WAIT);
        tokio::pin!(limit);
        loop {
            tokio::select! {
                _ = &mut is_given => return,
                () = &mut limit => return,
                line = link.lines.next_line() => {
                    if !matches!(line, Ok(Some(_))) {
                        return;
                    }
                }
            }
        }
    }

    /// Tries until there is a link; until then the balancer is down.
    async fn connect_until(&mut self) -> Link {
        loop {
            if let Some(link) = self.connect().await {
                return link;
            }
            self.tell(false, "it cannot be reached");
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn connect(&self) -> Option<Link> {
        let attempt = timeout(PATIENCE, UnixStream::connect(&self.balancer.socket)).await;
        let (reading, writing) = attempt.ok()?.ok()?.into_split();
        let mut lines = BufReader::new(reading).lines();
        let hello = timeout(PATIENCE, lines.next_line()).await.ok()?.ok()??;
        let mut words = hello.split_whitespace();
        let (Some("hello"), Some("1"), Some(pid)) = (words.next(), words.next(), words.next())
        else {
            self.log
                .warning(&format!("{} speaks another language", self.balancer.socket));
            return None;
        };
        // Its stop waits for the word that nothing depends on it any more.
        let every = self.balancer.timeout.as_millis() * 2 / 5;
        writing
            .try_write(format!("answers\nevery {every}\n").as_bytes())
            .ok()?;
        Some(Link {
            lines,
            writing,
            pid: pid.parse().ok()?,
            excused: None,
            is_stopping: false,
        })
    }

    /// Follows a link to its end.
    async fn follow(&mut self, link: &mut Link) -> End {
        let mut beaten = Instant::now();
        // Once half of the time has passed in silence.
        let mut load: Option<(Instant, Load)> = None;
        loop {
            let asked = Instant::now();
            let patience = match load {
                None => self.balancer.timeout / 2,
                Some(_) => self.balancer.timeout,
            };
            let left = (beaten + patience).saturating_duration_since(asked);
            match timeout(left.max(LEAST_WAIT), link.lines.next_line()).await {
                Ok(Ok(Some(line))) => match self.line(link, &line) {
                    Said::Beat => {
                        beaten = Instant::now();
                        load = None;
                        self.tell(true, "it beats");
                    }
                    Said::Stopping => return End::Stopping,
                    Said::Other => {}
                },
                Ok(Ok(None) | Err(_)) => return End::Closed,
                Err(_) => {
                    // This process was late itself: what waits in the socket is read first.
                    let own = asked.elapsed().saturating_sub(left.max(LEAST_WAIT));
                    if own > self.balancer.timeout / 4 {
                        beaten += own;
                        continue;
                    }
                    let Some((since, before)) = &load else {
                        load = Some((Instant::now(), Load::of(link.pid)));
                        continue;
                    };
                    let is_waiting = before.waited(link.pid) > since.elapsed() / 2;
                    if is_waiting && beaten.elapsed() < self.balancer.timeout * MAX_EXTENSION {
                        continue;
                    }
                    return End::Hung;
                }
            }
        }
    }

    fn line(&mut self, link: &mut Link, line: &str) -> Said {
        let mut words = line.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some("beat"), ..) => return Said::Beat,
            (Some("stopping"), ..) => {
                link.is_stopping = true;
                return Said::Stopping;
            }
            (Some("handing-over"), Some(ms), _) => {
                let time = Duration::from_millis(ms.parse().unwrap_or(0)).min(MAX_HANDOVER);
                link.excused = Some(Instant::now() + time);
            }
            (Some(kind @ ("frontend" | "backend")), Some(name), Some(state)) => {
                if self.states.len() < MAX_STATES {
                    self.states.insert(format!("{kind} {name}"), state == "up");
                }
                self.judge();
            }
            _ => {}
        }
        Said::Other
    }

    /// `backend` and `frontend` of the configuration, with `rise` and `fall`.
    fn judge(&mut self) {
        let backends = self
            .balancer
            .backends
            .iter()
            .map(|name| format!("backend {name}"));
        let frontends = self
            .balancer
            .frontends
            .iter()
            .map(|name| format!("frontend {name}"));
        let mut missing = backends.chain(frontends);
        let failed = missing.find(|key| self.states.get(key) == Some(&false));
        let Some(status) = self.runs.result(failed.is_none()) else {
            return;
        };
        let why = failed.map_or_else(|| "all are up".to_owned(), |key| format!("{key} is down"));
        self.log.info(&format!(
            "balancer {}: conditions: {why}",
            self.balancer.name
        ));
        self.handle
            .send(vrrp::Command::Found(Track::Conditions(self.at), status));
    }

    /// The link to the process that came after the one whose link ended.
    async fn successor(&self, old: &Link, end: &End) -> Option<Link> {
        let until = match (old.excused, end) {
            (Some(until), _) => until,
            (None, End::Hung) => return None,
            // It may be there already; if not, the loss is told at once.
            (None, _) => Instant::now(),
        };
        loop {
            if let Some(link) = self.connect().await
                && link.pid != old.pid
            {
                return Some(link);
            }
            if Instant::now() >= until {
                return None;
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    fn tell(&mut self, is_alive: bool, why: &str) {
        if self.alive == Some(is_alive) {
            return;
        }
        self.alive = Some(is_alive);
        if is_alive && std::mem::take(&mut self.was_given) {
            // It was given away for the time of the stop only.
            self.handle
                .send(vrrp::Command::Reclaim(Track::Balancer(self.at)));
        }
        let status = if is_alive { Status::Up } else { Status::Down };
        self.handle
            .send(vrrp::Command::Found(Track::Balancer(self.at), status));
        let word = if is_alive { "alive" } else { "lost" };
        self.log
            .info(&format!("balancer {} is {word}: {why}", self.balancer.name));
    }
}

enum Said {
    Beat,
    Other,
    Stopping,
}

/// How long the threads of a process have waited for a processor.
struct Load(HashMap<u32, Duration>);

impl Load {
    fn of(pid: u32) -> Self {
        let mut waits = HashMap::new();
        let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
            return Self(waits);
        };
        for task in tasks.flatten().take(MAX_THREADS) {
            let Some(tid) = task.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let text = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            let nanos = text
                .split_whitespace()
                .nth(1)
                .and_then(|word| word.parse().ok());
            waits.insert(tid, Duration::from_nanos(nanos.unwrap_or(0)));
        }
        Self(waits)
    }

    /// The longest wait of any thread since then.
    fn waited(&self, pid: u32) -> Duration {
        let now = Self::of(pid);
        let waits = now.0.iter().map(|(tid, wait)| {
            let before = self.0.get(tid).copied().unwrap_or_default();
            wait.saturating_sub(before)
        });
        waits.max().unwrap_or_default()
    }
}

/// How long a switchover may take to move the addresses.
const GIVE_WAIT: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_millis(20);
/// How long a balancer may take to say hello.
const PATIENCE: Duration = Duration::from_millis(100);
const LEAST_WAIT: Duration = Duration::from_millis(1);
/// A machine that is overloaded for longer is as good as a hang.
const MAX_EXTENSION: u32 = 10;
/// The longest time a balancer may ask for.
const MAX_HANDOVER: Duration = Duration::from_secs(60);
/// Frontends and backends that are remembered.
const MAX_STATES: usize = 65_536;
const MAX_THREADS: usize = 1024;

//! The launcher: a process that is started first, keeps the right to become other users and to end
//! their processes, and runs nothing but the scripts of the configuration that it read itself.
//!
//! The daemon then gives these rights up. Messages are one JSON value on a line each.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::io;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command as Process, ExitCode, Stdio};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tokio::io::AsyncBufReadExt;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::oneshot;
use vrrp_config::Config;
use vrrp_config::config::{Command, User};

use crate::args::Options;
use crate::host::Machine;

/// The argument that makes a process a launcher; the configuration and its id follow.
pub const ARGUMENT: &str = "--be-launcher";

/// How a script ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its exit status.
    pub code: Option<i32>,
    /// The signal that killed it.
    pub signal: Option<i32>,
}

impl Ended {
    /// Whether it succeeded.
    pub fn is_success(&self) -> bool {
        self.code == Some(0)
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => write!(f, "exited with status {code}"),
            (None, Some(signal)) => write!(f, "killed by signal {signal}"),
            (None, None) => f.write_str("ended"),
        }
    }
}

type Answer = Result<Ended, String>;

/// The daemon's end.
#[derive(Debug)]
pub struct Launcher {
    writing: OwnedWriteHalf,
    waiting: RefCell<HashMap<u64, oneshot::Sender<Answer>>>,
    last: Cell<u64>,
}

/// Starts a launcher; to be done before the daemon gives up rights.
pub fn start(options: &Options) -> io::Result<UnixStream> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut process = Process::new(std::env::current_exe()?);
    process.arg(ARGUMENT).arg(&options.file);
    process.args(options.config_id.as_deref());
    process
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .spawn()?;
    Ok(ours)
}

impl Launcher {
    /// Answers are read by a task of the runtime that this is called in.
    pub fn attach(socket: UnixStream) -> io::Result<Rc<Self>> {
        socket.set_nonblocking(true)?;
        let (reading, writing) = tokio::net::UnixStream::from_std(socket)?.into_split();
        let launcher = Rc::new(Self {
            writing,
            waiting: RefCell::default(),
            // Answers to the program before this one are nobody's.
            last: Cell::new(first_id()),
        });
        tokio::task::spawn_local(Rc::clone(&launcher).hear(reading));
        Ok(launcher)
    }

    async fn hear(self: Rc<Self>, reading: OwnedReadHalf) {
        let mut lines = tokio::io::BufReader::new(reading).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            self.take(line.as_bytes());
        }
        // It is gone: nobody will answer.
        self.waiting.borrow_mut().clear();
    }

    fn take(&self, bytes: &[u8]) {
        let value: Value = serde_json::from_slice(bytes).unwrap_or(Value::Null);
        let number = |key: &str| {
            let number = value.get(key).and_then(Value::as_i64);
            number.and_then(|number| i32::try_from(number).ok())
        };
        let id = value.get("id").and_then(Value::as_u64).unwrap_or(0);
        if let Some(waiting) = self.waiting.borrow_mut().remove(&id) {
            let answer = match value.get("failed").and_then(Value::as_str) {
                Some(why) => Err(why.to_owned()),
                None => Ok(Ended {
                    code: number("code"),
                    signal: number("signal"),
                }),
            };
            let _ = waiting.send(answer);
        }
    }

    fn say(&self, value: &Value) -> io::Result<()> {
        let text = format!("{value}\n");
        match self.writing.try_write(text.as_bytes())? {
            written if written == text.len() => Ok(()),
            // A launcher that takes half a line is stuck; nothing after it would be understood.
            _ => Err(io::Error::from(io::ErrorKind::WriteZero)),
        }
    }

    /// Another program goes on: the launcher does so too, once nothing runs.
    pub fn upgrade(&self) {
        let _ = self.say(&json!({"upgrade": true}));
    }

    /// The configuration has changed: it reads it again.
    pub fn reload(&self) {
        let _ = self.say(&json!({"reload": true}));
    }

    /// Runs a script.
    pub fn run(self: &Rc<Self>, command: &Command, more: &[&str]) -> Result<Running, String> {
        let id = self.last.get() + 1;
        self.last.set(id);
        let (sender, answer) = oneshot::channel();
        self.waiting.borrow_mut().insert(id, sender);
        let user = command.user.map(|user| [user.uid, user.gid]);
        let request = json!({"id": id, "words": command.words, "user": user, "more": more});
        if let Err(error) = self.say(&request) {
            self.waiting.borrow_mut().remove(&id);
            return Err(format!("the launcher does not take it: {error}"));
        }
        Ok(Running {
            launcher: Rc::clone(self),
            id,
            answer,
            is_over: false,
        })
    }
}

/// No number that was used before.
fn first_id() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |d| u64::try_from(d.as_micros()).unwrap_or(0))
}

/// A script that runs; dropped, it is ended.
#[derive(Debug)]
pub struct Running {
    launcher: Rc<Launcher>,
    id: u64,
    answer: oneshot::Receiver<Answer>,
    is_over: bool,
}

impl Running {
    /// Waits for its end.
    pub async fn wait(&mut self) -> Answer {
        let answer = (&mut self.answer).await;
        self.is_over = true;
        answer.unwrap_or_else(|_| Err("the launcher is gone".to_owned()))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.is_over {
            self.launcher.waiting.borrow_mut().remove(&self.id);
            let _ = self.launcher.say(&json!({"id": self.id, "end": true}));
        }
    }
}

/// Everything a configuration runs.
fn commands(config: &Config) -> HashSet<Command> {
    let mut all = HashSet::new();
    all.extend(config.scripts.iter().map(|script| script.command.clone()));
    let instances = config.instances.iter().map(|i| &i.notify);
    for notify in instances.chain(config.groups.iter().map(|g| &g.notify)) {
        all.extend(notify.commands().cloned());
    }
    let global = &config.global;
    all.extend(global.fifos.iter().filter_map(|fifo| fifo.script.clone()));
    for script in [&global.startup_script, &global.shutdown_script] {
        all.extend(script.iter().map(|(command, _)| command.clone()));
    }
    all
}

/// Runs scripts for the daemon at the other end of standard input, until it is gone.
pub fn main(mut words: impl Iterator<Item = String>) -> ExitCode {
    let Some(file) = words.next() else {
        return ExitCode::FAILURE;
    };
    let machine = Machine::new(words.next());
    let load = || commands(&vrrp_config::read(&file, &machine).config);
    let mut known = load();
    let Ok(socket) = io::stdin().as_fd().try_clone_to_owned() else {
        return ExitCode::FAILURE;
    };
    let shared = Arc::new(Shared {
        socket: Mutex::new(UnixStream::from(socket)),
        groups: Mutex::new(HashMap::new()),
    });
    let Ok(stdin) = io::stdin().as_fd().try_clone_to_owned() else {
        return ExitCode::FAILURE;
    };
    let mut reading = io::BufReader::new(UnixStream::from(stdin));
    let mut line = String::new();
    let mut is_old = false;
    loop {
        // What was read ahead would be lost with this program.
        if is_old && reading.buffer().is_empty() && shared.groups().is_empty() {
            let why = process_again();
            eprintln!("lbd-failover: launcher: cannot go on: {why}");
            is_old = false;
        }
        line.clear();
        if !matches!(io::BufRead::read_line(&mut reading, &mut line), Ok(1..)) {
            break;
        }
        let value: Value = serde_json::from_str(&line).unwrap_or(Value::Null);
        if value.get("upgrade").is_some() {
            is_old = true;
            continue;
        }
        if value.get("reload").is_some() {
            known = load();
            continue;
        }
        let Some(id) = value.get("id").and_then(Value::as_u64) else {
            continue;
        };
        if value.get("end").is_some() {
            shared.end(id);
        } else {
            match request(&value).filter(|(command, _)| known.contains(command)) {
                Some((command, more)) => shared.run(id, command, more),
                None => shared.say(&json!({"id": id, "failed": "no script of the configuration"})),
            }
        }
    }
    shared.end_all();
    ExitCode::SUCCESS
}

/// Goes on as the program that now stands where this one was started from.
fn process_again() -> io::Error {
    let mut process = Process::new(crate::upgrade::program());
    process.args(std::env::args_os().skip(1)).exec()
}

fn request(value: &Value) -> Option<(Command, Vec<String>)> {
    let texts = |key: &str| -> Option<Vec<String>> {
        let all = value.get(key)?.as_array()?.iter();
        all.map(|text| text.as_str().map(str::to_owned)).collect()
    };
    let id = |at: usize| {
        let number = value.get("user")?.get(at)?.as_u64()?;
        u32::try_from(number).ok()
    };
    let user = id(0).zip(id(1)).map(|(uid, gid)| User { uid, gid });
    let words = texts("words")?;
    Some((Command { words, user }, texts("more")?))
}

/// What the launcher's threads share: one waits for each script.
struct Shared {
    socket: Mutex<UnixStream>,
    groups: Mutex<HashMap<u64, Pid>>,
}

impl Shared {
    fn say(&self, value: &Value) {
        let mut socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = socket.write_all(format!("{value}\n").as_bytes());
    }

    fn groups(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Pid>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(self: &Arc<Self>, id: u64, command: Command, more: Vec<String>) {
        if self.groups().len() >= MAX_RUNNING {
            return self.say(&json!({"id": id, "failed": "too many scripts run"}));
        }
        let mut process = Process::new(&command.words[0]);
        process
            .args(&command.words[1..])
            .args(&more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        if let Some(user) = command.user
            && nix::unistd::geteuid().is_root()
        {
            process.uid(user.uid).gid(user.gid);
        }
        let mut child = match process.spawn() {
            Ok(child) => child,
            Err(error) => {
                let why = format!("cannot run {}: {error}", command.words[0]);
                return self.say(&json!({"id": id, "failed": why}));
            }
        };
        let group = Pid::from_raw(i32::try_from(child.id()).unwrap_or(0));
        self.groups().insert(id, group);
        let shared = Arc::clone(self);
        std::thread::spawn(move || {
            let result = child.wait();
            shared.groups().remove(&id);
            shared.say(&match result {
                Ok(status) => json!({"id": id, "code": status.code(), "signal": status.signal()}),
                Err(error) => json!({"id": id, "failed": error.to_string()}),
            });
        });
    }

    /// `SIGTERM` to the group, `SIGKILL` to what is left.
    fn end(self: &Arc<Self>, id: u64) {
        let Some(group) = self.groups().get(&id).copied() else {
            return;
        };
        let _ = killpg(group, Signal::SIGTERM);
        std::thread::spawn(move || {
            std::thread::sleep(GRACE);
            let _ = killpg(group, Signal::SIGKILL);
        });
    }

    fn end_all(&self) {
        for group in self.groups().values() {
            let _ = killpg(*group, Signal::SIGTERM);
        }
    }
}

const MAX_RUNNING: usize = 256;
/// Between `SIGTERM` and `SIGKILL`.
const GRACE: Duration = Duration::from_millis(200);

//! A proxy process under test: lbd, or a real HAProxy with the same configuration text.
//!
//! It does not look at traffic. The process and what it left in its pid file end on drop.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use crate::stream::Address;
use crate::temp::TempDir;
use crate::wait::poll_until;
use crate::{free_port, program};

mod ready;

/// How long a proxy may take to start, to answer a command, or to stop.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often a proxy is started whose ports turn out to be taken.
const BIND_ATTEMPTS: usize = 3;
/// What both programs print then.
const IN_USE: &str = "Address already in use";

/// Which program runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// The one at this path, with the same command line.
    At(PathBuf),
    /// The real HAProxy.
    Haproxy,
    /// The balancer under test.
    Lbd,
}

/// A proxy to be started; see [`Proxy::lbd`].
#[derive(Clone, Debug)]
pub struct ProxyBuilder {
    program: Program,
    config: String,
    names: BTreeMap<String, Name>,
    files: Vec<(String, Vec<u8>)>,
    args: Vec<String>,
    env: Vec<(String, String)>,
    waits: bool,
    descriptors: Option<u32>,
}

#[derive(Clone, Debug)]
enum Name {
    /// A TCP listener of the proxy: gets a free port at the start.
    Listener,
    /// Text known before.
    Text(String),
    /// A unix listener of the proxy in its directory.
    UnixListener,
}

/// A running proxy.
#[derive(Debug)]
pub struct Proxy {
    program: Program,
    child: Child,
    status: Option<ExitStatus>,
    directory: TempDir,
    addresses: BTreeMap<String, String>,
    /// What stood for the names in the configuration.
    texts: Vec<(String, String)>,
    stdout: Capture,
    stderr: Capture,
}

/// A proxy that has ended.
#[derive(Clone, Debug)]
pub struct Exit {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// All of its standard output.
    pub stdout: String,
    /// All of its standard error.
    pub stderr: String,
}

/// A program that gets a limit of descriptors, by tools that every system has (util-linux).
fn limited(program: &Path, most: u32) -> Command {
    let limit = format!("--nofile={most}:{most}");
    let mut command = match nix::unistd::geteuid().is_root() {
        false => Command::new("prlimit"),
        // Without this capability root may not raise a limit either.
        true => {
            let mut command = Command::new("setpriv");
            command.args(["--bounding-set=-sys_resource", "prlimit"]);
            command
        }
    };
    command.arg(limit).arg(program);
    command
}

impl ProxyBuilder {
    fn new(program: Program, config: impl Into<String>) -> Self {
        Self {
            program,
            config: config.into(),
            names: BTreeMap::new(),
            files: Vec::new(),
            args: vec!["-db".to_owned()],
            env: Vec::new(),
            waits: true,
            descriptors: None,
        }
    }

    /// Declares a TCP listener: `<name>` in the configuration becomes `127.0.0.1:PORT`.
    #[must_use]
    pub fn listener(mut self, name: &str) -> Self {
        self.names.insert(name.to_owned(), Name::Listener);
        self
    }

    /// Declares a unix listener: `<name>` becomes a path in the proxy's directory.
    #[must_use]
    pub fn unix_listener(mut self, name: &str) -> Self {
        self.names.insert(name.to_owned(), Name::UnixListener);
        self
    }

    /// `<name>` in the configuration becomes this text (a server's address, a number).
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.names
            .insert(name.to_owned(), Name::Text(value.to_string()));
        self
    }

    /// Puts a file into the proxy's directory, which is `<dir>` in the configuration.
    #[must_use]
    pub fn file(mut self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.files
            .push((name.to_owned(), content.as_ref().to_vec()));
        self
    }

    /// Replaces the arguments before `-f CONFIG` (else `-db`).
    #[must_use]
    pub fn args(mut self, args: &[&str]) -> Self {
        self.args = args.iter().map(|&a| a.to_owned()).collect();
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl ToString) -> Self {
        self.env.push((name.to_owned(), value.to_string()));
        self
    }

    /// The process may have so many descriptors and cannot raise that limit, even as root.
    #[must_use]
    pub fn descriptors(mut self, most: u32) -> Self {
        self.descriptors = Some(most);
        self
    }

    /// Does not wait until the listeners are there.
    #[must_use]
    pub fn no_wait(mut self) -> Self {
        self.waits = false;
        self
    }

    /// Starts the proxy and waits until its listeners and its runtime socket are there.
    ///
    /// # Panics
    /// When it ends instead, or does neither within twenty seconds; with all that it printed.
    #[track_caller]
    pub fn start(self) -> Proxy {
        match self.try_start() {
            Ok(proxy) => proxy,
            Err(exit) => panic!("the proxy did not start: {exit}"),
        }
    }

    /// Like [`ProxyBuilder::start`], for a test that expects the proxy to refuse.
    ///
    /// # Errors
    /// What it printed and its exit code, when it ended before it was ready.
    ///
    /// # Panics
    /// When it neither becomes ready nor ends within twenty seconds.
    #[track_caller]
    pub fn try_start(self) -> Result<Proxy, Exit> {
        let has_listener = self.names.values().any(|n| matches!(n, Name::Listener));
        for _ in 1..BIND_ATTEMPTS {
            match self.start_once() {
                // Somebody took a port between the look at it and the bind: others are had.
                Err(exit) if has_listener && exit.stderr.contains(IN_USE) => {}
                ended => return ended,
            }
        }
        self.start_once()
    }

    #[track_caller]
    fn start_once(&self) -> Result<Proxy, Exit> {
        let mut proxy = self.spawn();
        if !self.waits {
            return Ok(proxy);
        }
        let ready = poll_until(PATIENCE, || {
            if proxy.poll_exit().is_some() {
                return Some(false);
            }
            proxy.is_ready().then_some(true)
        });
        match ready {
            Some(true) => Ok(proxy),
            Some(false) => Err(proxy.wait_exit()),
            None => {
                let (out, err) = (proxy.stdout(), proxy.stderr());
                panic!(
                    "not ready in {PATIENCE:?}: {:?}\n{out}{err}",
                    proxy.addresses
                )
            }
        }
    }

    /// Runs the proxy's own check of the configuration (`-c`) to its end.
    ///
    /// # Panics
    /// When it does not end within twenty seconds.
    #[track_caller]
    pub fn check(self) -> Exit {
        self.args(&["-c"]).run()
    }

    /// Runs the proxy to its end.
    ///
    /// # Panics
    /// When it does not end within twenty seconds.
    #[track_caller]
    pub fn run(self) -> Exit {
        self.spawn().wait_exit()
    }

    fn spawn(&self) -> Proxy {
        let directory = TempDir::new();
        let mut addresses = BTreeMap::new();
        let here = directory.path().display().to_string();
        let mut texts = vec![("<dir>".to_owned(), here.clone())];
        if self.config.contains("<runtime>") {
            let path = format!("{here}/runtime.sock");
            texts.push(("<runtime>".to_owned(), path.clone()));
            addresses.insert("runtime".to_owned(), path);
        }
        for (name, value) in &self.names {
            let text = match value {
                Name::Text(text) => text.clone(),
                Name::Listener => format!("127.0.0.1:{}", free_port()),
                Name::UnixListener => format!("{here}/{name}.sock"),
            };
            texts.push((format!("<{name}>"), text.clone()));
            if !matches!(value, Name::Text(_)) {
                addresses.insert(name.clone(), text);
            }
        }
        for (name, content) in &self.files {
            directory.write(name, content);
        }
        let path = directory.write("haproxy.cfg", fill(&self.config, &texts));
        let program = match &self.program {
            Program::At(path) => path,
            Program::Haproxy => program::haproxy(),
            Program::Lbd => program::lbd(),
        };
        let mut command = match self.descriptors {
            None => Command::new(program),
            Some(most) => limited(program, most),
        };
        command.args(&self.args).arg("-f").arg(path);
        command
            .envs(self.env.iter().cloned())
            .current_dir(directory.path());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|e| panic!("start {}: {e}", program.display()));
        let stdout = Capture::of(child.stdout.take());
        let stderr = Capture::of(child.stderr.take());
        Proxy {
            program: self.program.clone(),
            child,
            status: None,
            directory,
            addresses,
            texts,
            stdout,
            stderr,
        }
    }
}

/// A configuration with texts in the place of names.
fn fill(config: &str, texts: &[(String, String)]) -> String {
    texts
        .iter()
        .fold(config.to_owned(), |config, (name, text)| {
            config.replace(name, text)
        })
}

impl Proxy {
    /// lbd with this configuration, in which `<name>` stands for what the builder declares and
    /// `<runtime>` for a path for `stats socket`.
    pub fn lbd(config: impl Into<String>) -> ProxyBuilder {
        ProxyBuilder::new(Program::Lbd, config)
    }

    /// The real HAProxy with this configuration.
    pub fn haproxy(config: impl Into<String>) -> ProxyBuilder {
        ProxyBuilder::new(Program::Haproxy, config)
    }

    /// Either, for tests that do the same with both.
    pub fn of(program: Program, config: impl Into<String>) -> ProxyBuilder {
        ProxyBuilder::new(program, config)
    }

    /// The program at a path, with this configuration.
    pub fn at(path: impl Into<PathBuf>, config: impl Into<String>) -> ProxyBuilder {
        ProxyBuilder::new(Program::At(path.into()), config)
    }

    /// Writes another configuration over the one that the proxy was started with; names in it stand
    /// for the same as then.
    pub fn rewrite(&self, config: &str) {
        self.directory
            .write("haproxy.cfg", fill(config, &self.texts));
    }

    /// Which program this is.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The address of a declared listener.
    ///
    /// # Panics
    /// When the builder declared none of this name.
    #[track_caller]
    pub fn address(&self, name: &str) -> Address {
        let Some(text) = self.addresses.get(name) else {
            panic!("no listener {name:?}: {:?}", self.addresses)
        };
        text.parse()
            .map_or_else(|_| Address::Unix(text.clone()), Address::Tcp)
    }

    /// Its directory, with `haproxy.cfg` and the builder's files.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// One command over the runtime socket in one-shot mode, and the whole answer.
    ///
    /// # Panics
    /// When the configuration has no `<runtime>`, or no answer comes.
    #[track_caller]
    pub fn runtime(&self, command: &str) -> String {
        let mut stream = self.runtime_stream();
        let mut answer = Vec::new();
        let asked = stream
            .write_all(format!("{command}\n").as_bytes())
            .and_then(|()| stream.shutdown(Shutdown::Write))
            .and_then(|()| stream.read_to_end(&mut answer));
        if let Err(e) = asked {
            panic!("{command:?} on the runtime socket: {e}; {}", self.stderr());
        }
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// A connection to the runtime socket.
    ///
    /// # Panics
    /// When it cannot be opened.
    #[track_caller]
    pub fn runtime_stream(&self) -> UnixStream {
        let path = self
            .addresses
            .get("runtime")
            .expect("`<runtime>` stands in the configuration");
        let Some(stream) = poll_until(PATIENCE, || UnixStream::connect(path).ok()) else {
            panic!("nothing accepts at {path}: {}", self.stderr())
        };
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a timeout can be set");
        stream
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// When the process has gone.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        let pid = self.pid();
        signal::kill(as_pid(pid), signal).unwrap_or_else(|e| panic!("signal {pid}: {e}"));
    }

    /// Standard output so far.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// Standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Waits until standard error contains `part` and returns all of it.
    ///
    /// # Panics
    /// When it does not within twenty seconds.
    #[track_caller]
    pub fn wait_stderr(&self, part: &str) -> String {
        poll_until(PATIENCE, || {
            Some(self.stderr()).filter(|text| text.contains(part))
        })
        .unwrap_or_else(|| panic!("no {part:?} in standard error: {}", self.stderr()))
    }

    /// Whether the process has not ended.
    pub fn is_running(&mut self) -> bool {
        self.poll_exit().is_none()
    }

    /// Waits until the process ends and returns what it left.
    ///
    /// # Panics
    /// When it does not within twenty seconds.
    #[track_caller]
    pub fn wait_exit(&mut self) -> Exit {
        let Some(status) = poll_until(PATIENCE, || self.poll_exit()) else {
            panic!(
                "still running after {PATIENCE:?}: {}{}",
                self.stdout(),
                self.stderr()
            )
        };
        self.stdout.finish();
        self.stderr.finish();
        let (code, signal) = (status.code(), status.signal());
        Exit {
            code,
            signal,
            stdout: self.stdout(),
            stderr: self.stderr(),
        }
    }

    fn poll_exit(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
        }
        self.status
    }

    fn is_ready(&self) -> bool {
        let pid = self.pid();
        self.addresses
            .values()
            .all(|address| match address.parse() {
                Ok(address) => ready::listens(pid, address),
                Err(_) => Path::new(address).exists(),
            })
    }

    /// Processes that a pid file in the directory names (`-D`, `-p`).
    fn daemons(&self) -> Vec<u32> {
        let files = self
            .directory
            .path()
            .read_dir()
            .into_iter()
            .flatten()
            .flatten();
        files
            .map(|entry| entry.path())
            .filter(|path: &PathBuf| path.extension().is_some_and(|e| e == "pid"))
            .filter_map(|path| std::fs::read_to_string(path).ok())
            .flat_map(|text| {
                text.lines()
                    .filter_map(|l| l.trim().parse().ok())
                    .collect::<Vec<_>>()
            })
            .collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        for pid in self.daemons() {
            // A pid file may be old: only what was started from this directory is ended.
            let of_ours = std::fs::read_link(format!("/proc/{pid}/cwd"))
                .is_ok_and(|cwd| cwd == self.directory.path() || cwd == Path::new("/"));
            let command = std::fs::read_to_string(format!("/proc/{pid}/cmdline"));
            let names_us = command
                .is_ok_and(|text| text.contains(&self.directory.path().display().to_string()));
            if of_ours && names_us {
                let _ = signal::kill(as_pid(pid), Signal::SIGKILL);
            }
        }
        if self.poll_exit().is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if thread::panicking() {
            eprintln!(
                "{:?} printed:\n{}{}",
                self.program,
                self.stdout(),
                self.stderr()
            );
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => write!(f, "exit code {code}")?,
            (None, signal) => write!(f, "ended by signal {}", signal.unwrap_or(0))?,
        }
        write!(f, "\n{}{}", self.stdout, self.stderr)
    }
}

fn as_pid(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).expect("the kernel's process ids are positive i32"))
}

/// What a process prints, read by a thread so that a full pipe never stops it.
#[derive(Debug)]
struct Capture {
    bytes: Arc<Mutex<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

impl Capture {
    fn of(pipe: Option<impl Read + Send + 'static>) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&bytes);
        let thread = pipe.map(|mut pipe| {
            thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(count) = pipe.read(&mut buffer)
                    && count > 0
                {
                    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    kept.extend_from_slice(&buffer[..count]);
                }
            })
        });
        Self { bytes, thread }
    }

    fn text(&self) -> String {
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits for the end of the pipe, in bounded time: a daemon may keep it open.
    fn finish(&mut self) {
        let Some(thread) = &self.thread else { return };
        let _ = poll_until(Duration::from_secs(1), || {
            thread.is_finished().then_some(())
        });
    }
}

#[cfg(test)]
mod tests;

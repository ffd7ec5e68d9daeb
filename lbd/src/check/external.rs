//! Checks by a program of the operator's (`option external-check`, haproxy 3.4 configuration 4.2).
//!
//! It runs with this process's rights, root directory and nothing else of it: a clean environment,
//! no descriptors but /dev/null, a process group of its own that is killed whole when time is up.

#[cfg(test)]
mod tests;

use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use lbd_backend::check::Finished;
use lbd_backend::health::{CheckReport, CheckStatus};
use lbd_config::config::{
    ExternalCheck, ListenAddress, Mode, ProxySpec, ServerAddress, ServerSpec,
};
use lbd_proxy::state::Shared;
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use parking_lot::Mutex;

use super::slot::Job;

/// In the place of an address or a port that there is not.
const NOT_USED: &str = "NOT_USED";
/// Exit code of a program that could not be started.
const NOT_STARTED: u32 = 255;

/// Runs the program once; `limit` is the longest that it may take.
pub(super) async fn run(
    shared: &Shared,
    job: &Job,
    check: &ExternalCheck,
    limit: Duration,
) -> Finished {
    let begun = shared.now();
    let config = &job.generation.config;
    let report = |status, code, text: String| {
        Finished::Report(CheckReport {
            status,
            code,
            text: text.into_bytes(),
            duration: shared.now().since(begun),
        })
    };
    if !config.global.insecure_fork {
        let text = "no program is started without 'insecure-fork-wanted'";
        return report(CheckStatus::SocketError, 0, text.to_owned());
    }
    let command = command(shared, job, check);
    let process = Process::default();
    let own = process.clone();
    let ended = tokio::task::spawn_blocking(move || own.run(command));
    match tokio::time::timeout(limit, ended).await {
        // The process is killed when `process` goes.
        Err(_) => report(CheckStatus::ProcessTimeout, 0, String::new()),
        Ok(Ok(Ok(status))) if status.success() => report(CheckStatus::ProcessOk, 0, String::new()),
        Ok(Ok(Ok(status))) => report(CheckStatus::ProcessError, code(status), String::new()),
        Ok(Ok(Err(error))) => {
            let text = crate::bind::plain(&error);
            report(CheckStatus::ProcessError, NOT_STARTED, text)
        }
        Ok(Err(error)) => report(CheckStatus::SocketError, 0, error.to_string()),
    }
}

/// As a shell has it for a program that a signal ended.
fn code(status: ExitStatus) -> u32 {
    let code = status.code().or_else(|| status.signal().map(|n| 128 + n));
    code.and_then(|code| u32::try_from(code).ok()).unwrap_or(0)
}

/// A program that runs, seen from the thread that waits for it and from the one that ends it.
#[derive(Clone, Default)]
struct Process(Arc<Mutex<Progress>>);

#[derive(Default)]
enum Progress {
    #[default]
    Begun,
    /// Leader of the process group.
    Running(Pid),
    /// Nobody waits for the result any more, or it is there.
    Over,
}

impl Process {
    fn run(self, mut command: Command) -> io::Result<ExitStatus> {
        let mut child: Child = {
            // Held, so that who gives up either prevents the start or finds the process.
            let mut progress = self.0.lock();
            if matches!(*progress, Progress::Over) {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let child = command.spawn()?;
            let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
            *progress = Progress::Running(Pid::from_raw(pid));
            child
        };
        let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
        // The process keeps its number until it is known to be over: no other one is killed.
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        while let Err(nix::errno::Errno::EINTR) = waitid(Id::Pid(Pid::from_raw(pid)), flags) {}
        let mut progress = self.0.lock();
        *progress = Progress::Over;
        child.wait()
    }

    fn give_up(&self) {
        let progress = std::mem::replace(&mut *self.0.lock(), Progress::Over);
        if let Progress::Running(pid) = progress {
            let _ = killpg(pid, Signal::SIGKILL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.give_up();
    }
}

fn command(shared: &Shared, job: &Job, check: &ExternalCheck) -> Command {
    let config = &job.generation.config;
    let proxy = &config.proxies[job.backend.index()];
    let server = &job.state.spec;
    let state = job.generation.proxy(job.backend);
    let view = state.roster.server(job.server, shared.now());
    let connections = job.state.streams.get();
    let listeners = config.listeners.iter();
    let mut listeners = listeners.filter(|listener| listener.proxy == job.backend);
    let from = place_of_listener(listeners.next().map(|listener| &listener.address));
    let to = place_of_server(&job.address);
    let mut command = Command::new(&*check.command);
    if !config.global.external_check_env {
        command.env_clear();
    }
    let is_tls = server.ssl.as_ref().is_some_and(|ssl| ssl.for_traffic);
    let or_not_used = |text: &str| match text.is_empty() {
        true => NOT_USED.to_owned(),
        false => text.to_owned(),
    };
    command
        .args([&from.0, &from.1, &to.0, &to.1].map(|text| or_not_used(text)))
        .env("HAPROXY_PROXY_ADDR", &from.0)
        .env("HAPROXY_PROXY_PORT", &from.1)
        .env("HAPROXY_PROXY_ID", proxy.uid.to_string())
        .env("HAPROXY_PROXY_NAME", &*proxy.name)
        .env("HAPROXY_SERVER_ADDR", &to.0)
        .env("HAPROXY_SERVER_PORT", &to.1)
        .env("HAPROXY_SERVER_ID", server.roster.puid.to_string())
        .env("HAPROXY_SERVER_NAME", &*server.roster.name)
        .env("HAPROXY_SERVER_CURCONN", connections.to_string())
        .env(
            "HAPROXY_SERVER_MAXCONN",
            view.map_or(0, |view| view.maxconn).to_string(),
        )
        .env("HAPROXY_SERVER_SSL", if is_tls { "1" } else { "0" })
        .env("HAPROXY_SERVER_PROTO", protocol(proxy, server))
        .env("PATH", check.path.as_deref().unwrap_or(""))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    command
}

fn protocol(proxy: &ProxySpec, server: &ServerSpec) -> &'static str {
    match (proxy.mode, server.proto.as_deref()) {
        (Mode::Http, Some("h2")) => "h2",
        (Mode::Http, _) => "h1",
        _ => "tcp",
    }
}

/// Address and port; empty where there is none.
fn place_of_listener(address: Option<&ListenAddress>) -> (String, String) {
    match address {
        Some(ListenAddress::Tcp(address)) => (address.ip().to_string(), address.port().to_string()),
        Some(ListenAddress::Unix(path)) => (path.to_string_lossy().into_owned(), String::new()),
        _ => Default::default(),
    }
}

fn place_of_server(address: &ServerAddress) -> (String, String) {
    match address {
        ServerAddress::Inet(address) => (address.ip().to_string(), address.port().to_string()),
        ServerAddress::MappedPort(ip, _) => (ip.to_string(), "0".to_owned()),
        ServerAddress::Unix(path) => (path.to_string_lossy().into_owned(), String::new()),
        _ => Default::default(),
    }
}

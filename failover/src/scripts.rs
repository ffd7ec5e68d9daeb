//! `vrrp_script`: runs each every interval, bounded in time, and counts its results.

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};
use vrrp::engine::Handle;
use vrrp_config::Config;
use vrrp_config::config::{self, Script, Track};
use vrrp_proto::track::{Runs, Status};

use crate::log::Log;

/// The scripts that run.
#[derive(Debug, Default)]
pub struct Scripts {
    tasks: Vec<JoinHandle<()>>,
}

impl Scripts {
    /// Starts those that somebody tracks; those of before end.
    pub fn start(&mut self, config: &Config, handle: &Handle, log: &Arc<Log>) {
        self.stop();
        for (at, script) in config.scripts.iter().enumerate() {
            let track = Track::Script(at);
            if is_tracked(config, &track) {
                let task = watch(script.clone(), track, handle.clone(), Arc::clone(log));
                self.tasks.push(tokio::task::spawn_local(task));
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

/// Whether an instance or group tracks it.
pub fn is_tracked(config: &Config, track: &Track) -> bool {
    let own = config.instances.iter().flat_map(|i| &i.tracks);
    let shared = config.groups.iter().flat_map(|g| &g.tracks);
    own.chain(shared).any(|known| known == track)
}

async fn watch(script: Script, track: Track, handle: Handle, log: Arc<Log>) {
    let mut runs = Runs::new(script.rise, script.fall, script.init_fail);
    let mut ticks = interval(script.interval.max(MIN_INTERVAL));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let result = once(&script.command, script.timeout).await;
        let is_ok = matches!(&result, Ok(status) if status.success());
        let Some(status) = runs.result(is_ok) else {
            continue;
        };
        let why = match result {
            Ok(status) => explain(status),
            Err(why) => why,
        };
        let word = if status == Status::Up {
            "succeeded"
        } else {
            "failed"
        };
        log.info(&format!("script {} now {word} ({why})", script.name));
        handle.send(vrrp::Command::Found(track.clone(), status));
    }
}

fn explain(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with status {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

/// Runs a command to its end; one that takes too long is ended with all it started.
async fn once(command: &config::Command, limit: Duration) -> Result<ExitStatus, String> {
    let mut child = spawn(command, &[])?;
    let group = child.id();
    let ended = timeout(limit, child.wait()).await;
    match ended {
        Ok(Ok(status)) => Ok(status),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => {
            end(&mut child, group).await;
            Err(format!("timed out after {limit:?}"))
        }
    }
}

/// `SIGTERM` to the group, `SIGKILL` to what is left.
async fn end(child: &mut Child, group: Option<u32>) {
    let Some(group) = group.and_then(|id| i32::try_from(id).ok()) else {
        return;
    };
    let _ = killpg(Pid::from_raw(group), Signal::SIGTERM);
    let is_gone = timeout(GRACE, child.wait()).await.is_ok();
    let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    if !is_gone {
        let _ = child.wait().await;
    }
}

/// Starts a command as its user, in a process group of its own, with nothing on its descriptors.
pub fn spawn(command: &config::Command, more: &[&str]) -> Result<Child, String> {
    let Some((program, arguments)) = command.words.split_first() else {
        return Err("no program".to_owned());
    };
    let mut process = Command::new(program);
    process
        .args(arguments)
        .args(more)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
    if let Some(user) = command.user
        && nix::unistd::geteuid().is_root()
    {
        process.uid(user.uid).gid(user.gid);
    }
    process
        .spawn()
        .map_err(|error| format!("cannot run {program}: {error}"))
}

/// Waits for a command, but not for ever.
pub async fn finish(mut child: Child, limit: Duration) -> Result<(), String> {
    let group = child.id();
    match timeout(limit, child.wait()).await {
        Ok(_) => Ok(()),
        Err(_) => {
            end(&mut child, group).await;
            Err(format!("took longer than {limit:?} and was ended"))
        }
    }
}

const MIN_INTERVAL: Duration = Duration::from_millis(10);
/// Between `SIGTERM` and `SIGKILL`.
const GRACE: Duration = Duration::from_millis(200);

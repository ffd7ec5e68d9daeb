//! `vrrp_script`: runs each every interval, bounded in time, and counts its results.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};
use vrrp::engine::Handle;
use vrrp_config::Config;
use vrrp_config::config::{Command, Script, Track};
use vrrp_proto::track::{Runs, Status};

use crate::launcher::{Ended, Launcher};
use crate::log::Log;

/// The scripts that run.
#[derive(Debug, Default)]
pub struct Scripts {
    tasks: Vec<JoinHandle<()>>,
}

impl Scripts {
    /// Starts those that somebody tracks; those of before end.
    pub fn start(
        &mut self,
        config: &Config,
        handle: &Handle,
        launcher: &Rc<Launcher>,
        log: &Arc<Log>,
    ) {
        self.stop();
        for (at, script) in config.scripts.iter().enumerate() {
            let track = Track::Script(at);
            if is_tracked(config, &track) {
                let watch = Watch {
                    script: script.clone(),
                    track,
                    handle: handle.clone(),
                    launcher: Rc::clone(launcher),
                    log: Arc::clone(log),
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

/// Whether an instance or group tracks it.
pub fn is_tracked(config: &Config, track: &Track) -> bool {
    let own = config.instances.iter().flat_map(|i| &i.tracks);
    let shared = config.groups.iter().flat_map(|g| &g.tracks);
    own.chain(shared).any(|known| known == track)
}

struct Watch {
    script: Script,
    track: Track,
    handle: Handle,
    launcher: Rc<Launcher>,
    log: Arc<Log>,
}

impl Watch {
    async fn run(self) {
        let script = &self.script;
        let mut runs = Runs::new(script.rise, script.fall, script.init_fail);
        let mut ticks = interval(script.interval.max(MIN_INTERVAL));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let result = once(&self.launcher, &script.command, &[], script.timeout).await;
            let is_ok = result.as_ref().is_ok_and(Ended::is_success);
            let Some(status) = runs.result(is_ok) else {
                continue;
            };
            let why = result.map_or_else(|why| why, |ended| ended.to_string());
            let word = if status == Status::Up {
                "succeeded"
            } else {
                "failed"
            };
            self.log
                .info(&format!("script {} now {word} ({why})", script.name));
            self.handle
                .send(vrrp::Command::Found(self.track.clone(), status));
        }
    }
}

/// Runs a command to its end; one that takes too long is ended with all it started.
pub async fn once(
    launcher: &Rc<Launcher>,
    command: &Command,
    more: &[&str],
    limit: Duration,
) -> Result<Ended, String> {
    let mut running = launcher.run(command, more)?;
    match timeout(limit, running.wait()).await {
        Ok(answer) => answer,
        // Dropped, it is ended.
        Err(_) => Err(format!("timed out after {limit:?}")),
    }
}

const MIN_INTERVAL: Duration = Duration::from_millis(10);

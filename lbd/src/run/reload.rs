//! A change of configuration in the running process: read, judged, bound, and only then put in the
//! place of the present one (haproxy 3.4 management 4 knows this as a new process).
//!
//! What survives is `lbd_proxy::reconcile`'s decision. A configuration that cannot be had changes
//! nothing.

mod doors;
mod fixed;
mod listeners;

use std::fmt::Write as _;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use lbd_config::config::Config;
use lbd_proxy::reconcile::reconcile;
use lbd_proxy::state::{Generation, Message};
use parking_lot::Mutex;
use tokio::sync::mpsc::{Receiver, UnboundedReceiver, UnboundedSender};

use super::{Daemon, Options};
use crate::bind::SocketFile;
use crate::log::Logger;
use crate::process::Notifier;
use crate::report;
use crate::start;

pub(crate) use doors::Doors;

/// What became of a reload.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// Whether the new configuration runs.
    pub(crate) is_done: bool,
    /// What there is to tell, lines.
    pub(crate) text: String,
}

/// The way to the control side for those who want a reload.
#[derive(Clone)]
pub(crate) struct ReloadHandle(UnboundedSender<Option<mpsc::Sender<Outcome>>>);

impl ReloadHandle {
    /// Asks for a reload; nobody waits for it.
    pub(crate) fn order(&self) {
        // Without a control side the process ends.
        let _ = self.0.send(None);
    }

    /// Reloads; `None` when the process ends meanwhile, or it takes longer than is sensible.
    pub(crate) fn wait(&self) -> Option<Outcome> {
        let (sender, answer) = mpsc::channel();
        self.0.send(Some(sender)).ok()?;
        answer.recv_timeout(PATIENCE).ok()
    }
}

/// Longest wait for the end of a reload.
const PATIENCE: Duration = Duration::from_secs(120);

/// Longest wait for the workers to go on.
const LAG: Duration = Duration::from_secs(5);

/// Where orders arrive.
pub(crate) type Orders = UnboundedReceiver<Option<mpsc::Sender<Outcome>>>;

/// A handle, and where its orders arrive.
pub(crate) fn channel() -> (ReloadHandle, Orders) {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    (ReloadHandle(sender), receiver)
}

/// What a reload works with, on the control side.
pub(crate) struct Reloader {
    pub(crate) daemon: Arc<Daemon>,
    pub(crate) options: Options,
    /// Those of the configuration that runs.
    pub(crate) limits: super::Limits,
    pub(crate) logger: Arc<Logger>,
    pub(crate) notifier: Arc<Notifier>,
    pub(crate) doors: Doors,
    /// Files of unix sockets that are removed at the end.
    pub(crate) paths: Arc<Mutex<Vec<SocketFile>>>,
}

impl Reloader {
    /// Serves orders one after the other, for as long as the runtime lives.
    pub(crate) async fn run(mut self, mut orders: Orders) {
        while let Some(answer) = orders.recv().await {
            let mut answers = vec![answer];
            // Who asked before it began is served by the same one.
            while let Ok(more) = orders.try_recv() {
                answers.push(more);
            }
            let outcome = self.reload().await;
            for answer in answers.into_iter().flatten() {
                // Who asked may have left.
                let _ = answer.send(outcome.clone());
            }
        }
    }

    async fn reload(&mut self) -> Outcome {
        if self.daemon.shared.process().is_stopping() {
            return refused("The process is stopping.\n".to_owned());
        }
        report::notice("Reloading the configuration.");
        self.notifier.say(&reloading());
        let args = self.options.args.clone();
        let former = self.daemon.config();
        let loading = tokio::task::spawn_blocking(move || start::load_after(&args, &former));
        let outcome = match loading.await {
            Ok(start::Loading::Ready(config, text)) => self.change(*config, text).await,
            Ok(start::Loading::Refused(text)) => refused(text),
            Err(_) => refused("The configuration could not be read: internal error.\n".to_owned()),
        };
        if outcome.is_done {
            report::keep_instead(&outcome.text);
        }
        let status = match outcome.is_done {
            true => "READY=1\nSTATUS=Reloaded.\n".to_owned(),
            false => {
                let first = outcome.text.lines().find(|line| line.contains("[ALERT]"));
                let first = first
                    .or_else(|| outcome.text.lines().next())
                    .unwrap_or_default();
                report::alert("The new configuration is refused: the old one goes on.");
                format!("READY=1\nSTATUS=Reload failed: {first}\n")
            }
        };
        self.notifier.say(&status);
        outcome
    }

    /// Puts a configuration in the place of the present one; `text` is what was told of it.
    async fn change(&mut self, mut config: Config, mut text: String) -> Outcome {
        let daemon = Arc::clone(&self.daemon);
        let shared = &daemon.shared;
        let old = shared.current();
        let limits = self.limits_of(&mut config, &old.config);
        for setting in fixed::differing(&old.config, &config) {
            let line = format!("{setting} takes effect when the process starts again");
            report::warning(&line);
            let _ = writeln!(text, "{line}");
        }
        let setup = shared.setup();
        let names = config.server_namespaces().chain(config.bind_namespaces());
        if let Err(error) = setup.namespaces.extend(names) {
            return refused(format!("{text}{error}\n"));
        }
        let workers = setup.workers;
        let plan = match listeners::bind(&old, &config, workers, &limits, &setup.namespaces) {
            Ok(plan) => plan,
            Err(faults) => return self.fail(text, &faults),
        };
        let doors = match self.doors.bind(&config, &limits) {
            Ok(doors) => doors,
            Err(faults) => {
                plan.abandon();
                return self.fail(text, &faults);
            }
        };
        for target in super::log_targets(&config) {
            self.logger.open(&target.address);
        }
        self.limits = limits;
        shared.set_configured_maxconn(limits.maxconn);
        let mut pending = self.swap(config, &old, plan, &mut text);
        self.doors.change(doors, &daemon);
        // One that hangs is not waited for: whoever watches it knows.
        let _ = tokio::time::timeout(LAG, pending.recv()).await;
        report::notice("The new configuration runs.");
        Outcome {
            is_done: true,
            text,
        }
    }

    /// The moment itself. Commands that change something wait for it, or it for them.
    fn swap(
        &self,
        config: Config,
        old: &Generation,
        plan: listeners::Plan,
        text: &mut String,
    ) -> Receiver<()> {
        let daemon = &self.daemon;
        let shared = &daemon.shared;
        let _gate = daemon.gate.write();
        for name in config.patterns.take_over(&old.config.patterns) {
            let _ = writeln!(
                text,
                "the run-time changes of list or map {name} are lost: its file goes before"
            );
        }
        // Clients go on with the tickets that they have.
        daemon.peers.tickets.give(&config.tls.store);
        let workers = shared.setup().workers;
        // Names may have come while the files were read.
        shared.renumber_proc_vars(&old.config.vars, &config.vars);
        if config.global.profiling != old.config.global.profiling {
            shared.set_profiling(config.global.profiling);
        }
        if config.global.anonkey != old.config.global.anonkey {
            daemon.anonkey.store(config.global.anonkey, Relaxed);
        }
        let (next, changes) = reconcile(old, Arc::new(config), workers, shared.now());
        for change in changes {
            let _ = writeln!(text, "{change}");
        }
        let findings = daemon.peers.findings(&next.config);
        let next = Arc::new(next);
        daemon.checks.adopt(&next, findings);
        let listeners::Plan {
            heirs,
            sockets,
            paths,
        } = plan;
        let pending = shared.adopt(Arc::clone(&next), heirs, sockets);
        let mut known = self.paths.lock();
        listeners::remove_gone(&mut known, old, &next.config);
        known.extend(paths);
        drop(known);
        if let Some(limit) = next.config.global.hard_stop_after {
            end_later(Arc::clone(daemon), next.serial, limit);
        }
        pending
    }

    /// The limits that `config` runs with.
    fn limits_of(&self, config: &mut Config, old: &Config) -> super::Limits {
        let mut limits = self.limits;
        if config.global.maxconn.is_some() && config.global.maxconn != old.global.maxconn {
            match super::Limits::apply(
                config,
                &self.options.args,
                self.daemon.shared.setup().workers,
            ) {
                Ok(new) => limits = new,
                Err(why) => report::warning(&why),
            }
        }
        config.set_process_maxconn(limits.maxconn);
        limits
    }

    fn fail(&self, mut text: String, faults: &[String]) -> Outcome {
        for fault in faults {
            report::alert(fault);
            let _ = writeln!(text, "{fault}");
        }
        refused(text)
    }
}

fn refused(text: String) -> Outcome {
    Outcome {
        is_done: false,
        text,
    }
}

/// Ends sessions that are still under older configurations after a while (`hard-stop-after`).
fn end_later(daemon: Arc<Daemon>, serial: u64, limit: Duration) {
    tokio::task::spawn_local(async move {
        tokio::time::sleep(limit).await;
        end_before(&daemon, serial);
    });
}

/// Ends sessions that are still under older configurations at once (`hard-reload`).
pub(super) fn end_older(daemon: &Daemon) {
    end_before(daemon, daemon.shared.current().serial);
}

fn end_before(daemon: &Daemon, serial: u64) {
    for mailbox in daemon.shared.mailboxes() {
        mailbox.post(Message::EndOlder(serial));
    }
}

/// What the service manager is told at the beginning: with the time, by which it knows that what it
/// was told before is older (`Type=notify-reload`).
pub(crate) fn reloading() -> String {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC);
    let micros = now.map_or(0, |now| now.tv_sec() * 1_000_000 + now.tv_nsec() / 1000);
    format!("RELOADING=1\nMONOTONIC_USEC={micros}\nSTATUS=Reloading.\n")
}

//! How the daemon ends: for good, with a switchover first, or as another program.

use std::process::Child;
use std::rc::Rc;
use std::time::Duration;

use vrrp::Command;
use vrrp::engine::RouterStatus;
use vrrp_config::config;
use vrrp_proto::State;
use vrrp_proto::instance::Stop;

use super::Control;
use crate::args::Options;
use crate::balancer::Stopping;
use crate::server;
use crate::switchover::Until;
use crate::upgrade::{self, Legacy};

/// How the daemon ends.
#[derive(Debug)]
pub(in crate::daemon) enum Ending {
    /// For good.
    Stop,
    /// Another program goes on with this.
    Upgrade(Box<Legacy>),
}

impl Control {
    /// The partner takes the addresses first, if it can, and connections of before end here. Told
    /// again, it ends at once.
    pub(super) fn stop(&mut self) {
        let is_second = std::mem::replace(&mut self.is_stopping, true);
        if self.options.keeps_addresses {
            self.log.info("stopping");
            return self.handle.send(Command::Stop(Stop::Keep));
        }
        let given = if is_second {
            Vec::new()
        } else {
            self.switchovers.give(&self.config, Until::Over, &|_| true)
        };
        if given.is_empty() {
            self.log.info("stopping");
            return self.handle.send(Command::Stop(Stop::Release));
        }
        self.log.info("stopping once the partner has the addresses");
        let handle = self.handle.clone();
        tokio::task::spawn_local(async move {
            for one in given {
                // Whatever came of it.
                let _ = one.await;
            }
            handle.send(Command::Stop(Stop::Release));
        });
    }

    /// What depends on a balancer that is stopping goes to the partner while it still serves.
    pub(super) fn balancer_stops(&mut self, stopping: Stopping) {
        let track = config::Track::Balancer(stopping.balancer);
        let config = &self.config;
        let depends = |at: usize| {
            let own = config.instances.get(at).map(|i| &i.tracks);
            let group = config.groups.iter().find(|g| g.members.contains(&at));
            let shared = group.map(|g| &g.tracks);
            own.into_iter().chain(shared).flatten().any(|t| *t == track)
        };
        let given = self.switchovers.give(config, Until::Moved, &depends);
        tokio::task::spawn_local(async move {
            for one in given {
                let _ = one.await;
            }
            drop(stopping.given);
        });
    }

    /// Takes away what a switchover left in the middle.
    pub(in crate::daemon) async fn clean_switchover(&self) {
        if self.config.global.handover.is_some() {
            crate::switchover::clean(&self.config).await;
        }
    }

    /// Ends everything beside the protocol.
    pub(super) async fn quiet(&mut self) {
        self.scripts.stop();
        self.watches.stop();
        self.balancers.stop();
        self.notifier.drain().await;
    }

    /// What `lbctl` asks for.
    pub(super) async fn order(&mut self, order: server::Order) {
        if order.words.first().is_none_or(|word| word != "upgrade") {
            return self.switchovers.order(order, &self.config);
        }
        let status = match self.may_upgrade().await {
            Ok(status) => status,
            Err(why) => {
                self.log.error(&format!("no upgrade: {why}"));
                let _ = order.answer.send(format!("error {why}"));
                return;
            }
        };
        // What is tracked keeps its last results; who was to be notified is.
        self.quiet().await;
        let masters = status.instances.iter();
        let masters = masters.filter(|i| i.snapshot.state == State::Master);
        let text = format!(
            "going on as the new program, {} instances stay master",
            masters.count()
        );
        let _ = order.answer.send(text);
        // Who asked hears the answer first.
        tokio::time::sleep(ANSWER_TIME).await;
        if let Err(why) = self.hand_over() {
            self.log.error(&format!("no upgrade: {why}"));
        }
    }

    /// Nothing speaks against going on as the program that now stands where this one was started
    /// from.
    async fn may_upgrade(&self) -> Result<RouterStatus, String> {
        let status = self.ask().ok_or("the timers' thread does not answer")?;
        if status.switchovers > 0 || self.is_stopping {
            return Err("a switchover is under way".to_owned());
        }
        try_new(&self.options).await?;
        Ok(status)
    }

    /// Packs everything; this process ends with it.
    fn hand_over(&mut self) -> Result<(), &'static str> {
        self.log.info("going on as the new program");
        let (sender, handed) = std::sync::mpsc::channel();
        self.handle.send(Command::Hand(sender));
        let handed = handed
            .recv_timeout(HAND_WAIT)
            .map_err(|_| "the timers' thread does not answer")?;
        self.launcher.upgrade();
        // Dropped, it would shut the link down for the program that goes on too.
        std::mem::forget(Rc::clone(&self.launcher));
        self.ending = Ending::Upgrade(Box::new(Legacy {
            handed,
            launcher: self.launcher_link.take(),
            guardian: self.guardian.as_ref().map(Child::id),
        }));
        Ok(())
    }

    /// What is to be done after the end.
    pub(in crate::daemon) fn ending(&mut self) -> Ending {
        std::mem::replace(&mut self.ending, Ending::Stop)
    }

    /// Whether it ends for good.
    pub(in crate::daemon) fn is_end(&self) -> bool {
        matches!(self.ending, Ending::Stop)
    }
}

/// Whether the program that would go on can be run and takes the configuration.
async fn try_new(options: &Options) -> Result<(), String> {
    let program = upgrade::program();
    let mut test = tokio::process::Command::new(&program);
    test.args(["-t", "-f", &options.file]);
    if let Some(id) = &options.config_id {
        test.args(["-i", id]);
    }
    let name = program.display();
    let output = tokio::time::timeout(TEST_WAIT, test.kill_on_drop(true).output()).await;
    let output = output
        .map_err(|_| format!("{name} -t does not end"))?
        .map_err(|error| format!("{name}: {error}"))?;
    // What this program found wrong and can do with, the other one may find too.
    let own = crate::daemon::read(options);
    let is_known = output.status.code() == Some(i32::from(own.status()));
    if output.status.success() || is_known && !own.is_unusable {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{name} does not take the configuration: {said}"))
}

/// How long an answer takes to leave.
const ANSWER_TIME: Duration = Duration::from_millis(50);
/// How long the new program may take to read the configuration.
const TEST_WAIT: Duration = Duration::from_secs(10);
/// How long the timers' thread may take to pack.
const HAND_WAIT: Duration = Duration::from_secs(2);

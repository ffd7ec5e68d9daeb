//! Signals, reports of the timers' thread, scripts, FIFOs, dumps.

mod ending;
mod explain;

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::process::Child;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{channel as channel_of, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use vrrp::engine::{Handle, RouterStatus};
use vrrp::{Command, Report};
use vrrp_config::Config;
use vrrp_config::config::{self, Place};
use vrrp_proto::State;
use vrrp_proto::handover::Message;
use vrrp_proto::instance::{Change, Event};

use crate::args::Options;
use crate::balancer::{Balancers, Stopping};
use crate::dump;
use crate::fence::Fence;
use crate::guardian;
use crate::launcher::Launcher;
use crate::log::Log;
use crate::mail;
use crate::notify::{About, Notifier, is_told};
use crate::scripts::{self, Scripts};
use crate::server;
use crate::service::Manager;
use crate::switchover::{Incoming, Switchovers};
use crate::watch::Watches;

pub(super) use ending::Ending;
use explain::explain;

/// What is going on outside the timers' thread.
pub(super) struct Control {
    options: Options,
    /// Where this process runs, from its start on.
    place: Place,
    /// The configuration that indices in reports are about.
    config: Arc<Config>,
    /// The one that was sent and not yet taken.
    next: Option<Arc<Config>>,
    handle: Handle,
    log: Arc<Log>,
    notifier: Notifier,
    scripts: Scripts,
    watches: Watches,
    balancers: Balancers,
    fence: Fence,
    switchovers: Switchovers,
    guardian: Option<Child>,
    /// That of the program before this one, until it has ended.
    old_guardian: Option<Pid>,
    launcher: Rc<Launcher>,
    launcher_link: Option<OwnedFd>,
    ending: Ending,
    is_stopping: bool,
    manager: Manager,
    metrics: Option<(SocketAddr, JoinHandle<()>)>,
}

struct Signals {
    hangup: Signal,
    interrupt: Signal,
    json: Signal,
    terminate: Signal,
    user1: Signal,
    user2: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            json: signal(SignalKind::from_raw(nix::libc::SIGRTMIN() + 2))?,
            terminate: signal(SignalKind::terminate())?,
            user1: signal(SignalKind::user_defined1())?,
            user2: signal(SignalKind::user_defined2())?,
        })
    }
}

impl Control {
    pub(super) fn new(
        options: Options,
        config: Arc<Config>,
        handle: Handle,
        launcher: Rc<Launcher>,
        log: Arc<Log>,
    ) -> Self {
        let switchovers = Switchovers::new(handle.clone(), Arc::clone(&log));
        Self {
            place: options.place(&config),
            options,
            config,
            next: None,
            handle,
            switchovers,
            balancers: Balancers::default(),
            fence: Fence::default(),
            guardian: None,
            old_guardian: None,
            launcher_link: None,
            manager: Manager::open(),
            metrics: None,
            notifier: Notifier::new(Arc::clone(&log), Rc::clone(&launcher)),
            launcher,
            ending: Ending::Stop,
            is_stopping: false,
            log,
            scripts: Scripts::default(),
            watches: Watches::default(),
        }
    }

    /// Tells the kernel what it answers for.
    pub(super) async fn raise_fence(&mut self) {
        self.fence.raise(&self.config, &self.log).await;
    }

    /// The guardian is started again when it ends.
    pub(super) fn watch_guardian(&mut self, child: Option<Child>) {
        self.guardian = child;
    }

    /// The launcher's link goes to a program that goes on.
    pub(super) fn keep_launcher(&mut self, link: Option<OwnedFd>) {
        self.launcher_link = link;
    }

    /// A guardian of this program takes the place of the one of the program before.
    pub(super) fn replace_guardian(&mut self, old: u32) {
        self.old_guardian = i32::try_from(old).ok().map(Pid::from_raw);
        self.start_guardian();
    }

    fn start_guardian(&mut self) {
        match guardian::start() {
            Ok((link, child)) => {
                self.guardian = Some(child);
                self.handle.send(Command::Guard(Box::new(link)));
            }
            Err(error) => self.log.error(&format!("no guardian: {error}")),
        }
    }

    fn look_at_guardian(&mut self) {
        if let Some(old) = self.old_guardian {
            // It ends once its link is closed.
            let waited = waitpid(old, Some(WaitPidFlag::WNOHANG));
            if !matches!(waited, Ok(WaitStatus::StillAlive)) {
                self.old_guardian = None;
            }
        }
        let Some(child) = &mut self.guardian else {
            return;
        };
        if matches!(child.try_wait(), Ok(None)) {
            return;
        }
        self.log.error("the guardian ended, another one is started");
        self.start_guardian();
    }

    pub(super) fn shutdown_script(&self) -> Option<(config::Command, Duration)> {
        self.config.global.shutdown_script.clone()
    }

    /// Runs until the timers' thread has ended.
    pub(super) async fn run(&mut self, reports: Receiver<Report>) -> Result<(), String> {
        let mut signals = Signals::new().map_err(|error| format!("no signals: {error}"))?;
        let (sender, mut incoming) = unbounded_channel();
        // What waits in there is bounded by the machines: events are limited in rate.
        std::thread::spawn(move || {
            while let Ok(report) = reports.recv() {
                if sender.send(report).is_err() {
                    break;
                }
            }
        });
        let (said, mut partner) = channel_of(MAX_WAITING);
        let (asked, mut orders) = channel_of(MAX_WAITING);
        let (stopping, mut balancers) = channel_of(MAX_WAITING);
        let said = Said {
            partner: said,
            balancers: stopping,
        };
        let socket = self.options.socket(&self.place);
        match server::listen(&socket) {
            Ok(listener) => {
                let serve = server::serve(listener, self.handle.clone(), asked);
                tokio::task::spawn_local(serve);
            }
            Err(error) => {
                let path = socket.display();
                self.log.error(&format!("cannot listen on {path}: {error}"));
            }
        }
        self.configure(&said).await;
        self.manager.ready();
        let mut seconds = tokio::time::interval(GUARDIAN_PERIOD);
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let is_watched = self.manager.period().is_some();
        let mut beats = tokio::time::interval(self.manager.period().unwrap_or(GUARDIAN_PERIOD));
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                report = incoming.recv() => match report {
                    None | Some(Report::Stopped) => break,
                    Some(Report::Reloaded) => self.reloaded(&said).await,
                    Some(report) => self.report(report),
                },
                Some(heard) = partner.recv() => self.switchovers.incoming(heard, &self.config),
                Some(order) = orders.recv() => self.order(order).await,
                Some(stopping) = balancers.recv() => self.balancer_stops(stopping),
                _ = seconds.tick() => {
                    self.look_at_guardian();
                    self.raise_fence().await;
                }
                // The timers' thread turns too.
                _ = beats.tick(), if is_watched => if self.ask().is_some() {
                    self.manager.beat();
                },
                _ = signals.hangup.recv() => self.reload(),
                _ = signals.interrupt.recv() => self.stop(),
                _ = signals.terminate.recv() => self.stop(),
                _ = signals.user1.recv() => self.dump(dump::DATA).await,
                _ = signals.user2.recv() => self.dump(dump::STATS).await,
                _ = signals.json.recv() => self.dump(dump::JSON).await,
            }
        }
        if self.is_end() {
            self.manager.stopping();
            self.quiet().await;
        }
        let _ = std::fs::remove_file(socket);
        Ok(())
    }

    /// Starts what the configuration asks for beside the protocol.
    async fn configure(&mut self, said: &Said) {
        let config = &self.config;
        self.switchovers.configure(config, &said.partner).await;
        self.balancers
            .start(config, &self.handle, &self.log, &said.balancers);
        self.serve_metrics();
        self.notifier.configure(&self.config);
        self.scripts
            .start(&self.config, &self.handle, &self.launcher, &self.log);
        self.watches.start(&self.config, &self.handle, &self.log);
    }

    fn serve_metrics(&mut self) {
        let wanted = self.config.global.prometheus;
        if self.metrics.as_ref().map(|(address, _)| *address) == wanted {
            return;
        }
        if let Some((_, task)) = self.metrics.take() {
            task.abort();
        }
        let Some(address) = wanted else { return };
        let (handle, log) = (self.handle.clone(), Arc::clone(&self.log));
        let task = tokio::task::spawn_local(async move {
            if let Err(error) = server::prometheus(address, handle).await {
                log.error(&format!("prometheus {address}: {error}"));
            }
        });
        self.metrics = Some((address, task));
    }

    /// A configuration that cannot be used leaves everything as it is.
    fn reload(&mut self) {
        self.log.info("reloading");
        let reading = super::read(&self.options);
        super::tell(&reading, &self.log);
        if reading.is_unusable {
            self.log
                .error("the new configuration cannot be used, the old one stays");
            return;
        }
        if self.options.place(&reading.config) != self.place {
            self.log.warning(
                "net_namespace and instance stay as they were: a reload cannot change them",
            );
        }
        self.launcher.reload();
        let config = Arc::new(reading.config);
        self.next = Some(Arc::clone(&config));
        self.scripts.stop();
        self.watches.stop();
        self.balancers.stop();
        self.handle.send(Command::Reload(config));
    }

    fn report(&mut self, report: Report) {
        match report {
            Report::Changed(at, change) => self.changed(at, &change),
            Report::Event(at, event) => self.event(at, &event),
            Report::Group { group, to, .. } => self.group(group, to),
            Report::Log(severity, text) => self.log.line(severity, &text),
            Report::HandoverEnded(unit, outcome) => {
                self.switchovers.ended(unit, outcome, &self.config);
            }
            Report::HandoverStep(unit, step) => self.switchovers.step(unit, step, &self.config),
            Report::Tell(unit, message) => {
                if matches!(message, Message::Released { .. }) {
                    self.switchovers.moved(unit, &self.config);
                }
                self.switchovers.tell(unit, message, &self.config);
            }
            // `run` takes these.
            Report::Reloaded | Report::Stopped => {}
        }
    }

    async fn reloaded(&mut self, said: &Said) {
        // The first one is the start.
        let Some(config) = self.next.take() else {
            return;
        };
        self.deleted(&config);
        self.config = config;
        self.configure(said).await;
        self.raise_fence().await;
        if self.config.global.fifo_on_reload {
            self.tell_fifos();
        }
        self.log.info("reloaded");
    }

    /// `notify_deleted`: instances that the new configuration does not have.
    fn deleted(&mut self, next: &Config) {
        for old in &self.config.instances {
            let name = &old.spec.name;
            if next.instances.iter().any(|i| i.spec.name == *name) || !old.notify.tells_deleted {
                continue;
            }
            let (own, any) = (old.notify.deleted.as_ref(), old.notify.any.as_ref());
            let about = About::Instance(name);
            self.notifier
                .tell(about, "DELETED", old.spec.priority, own, any);
        }
    }

    fn tell_fifos(&mut self) {
        let Some(status) = self.ask() else { return };
        for one in &status.instances {
            let about = About::Instance(&one.name);
            let word = one.snapshot.state.to_string();
            self.notifier
                .tell(about, &word, one.snapshot.priority, None, None);
        }
        for (name, state) in &status.groups {
            let about = About::Group(name);
            let priority = vrrp_proto::Priority::RELEASE;
            self.notifier
                .tell(about, &state.to_string(), priority, None, None);
        }
    }

    fn changed(&mut self, at: usize, change: &Change) {
        let Some(instance) = self.config.instances.get(at) else {
            return;
        };
        let name = instance.spec.name.clone();
        let reason = match change.reason {
            vrrp_proto::instance::Reason::Tracked(at) => {
                let own = instance.spec.trackers.get(at).map(|tracker| &tracker.name);
                own.map_or_else(
                    || change.reason.to_string(),
                    |name| format!("tracked {name} is down"),
                )
            }
            reason => reason.to_string(),
        };
        self.log.info(&format!(
            "({name}) {} -> {} ({reason}, priority {})",
            change.from, change.to, change.priority.0
        ));
        if is_told(change) {
            let notify = instance.notify.clone();
            let about = About::Instance(&name);
            self.notifier
                .changed(&notify, about, change.to, change.priority);
            self.mail(&notify, "Instance", &name, change.to);
        }
    }

    /// `smtp_alert`.
    fn mail(&self, notify: &config::Notify, kind: &str, name: &str, to: State) {
        let global = &self.config.global;
        let is_wanted = notify.mail.or(global.mail.by_default).unwrap_or(false);
        if !is_wanted || to == State::Fault && global.mail.no_faults || to == State::Init {
            return;
        }
        let router = global.router_id.clone().unwrap_or_else(|| {
            let host = nix::unistd::gethostname().unwrap_or_default();
            host.to_string_lossy().into_owned()
        });
        let subject = format!("[{router}] VRRP {kind} {name} - Entering {to} state");
        let body = format!("=> VRRP {kind} {name} is now in {to} state <=");
        mail::send(global, subject, body, &self.log);
    }

    fn group(&mut self, at: usize, to: State) {
        let Some(group) = self.config.groups.get(at) else {
            return;
        };
        self.log
            .info(&format!("sync group ({}) -> {to}", group.name));
        if to != State::Init {
            let notify = group.notify.clone();
            let name = group.name.clone();
            let priority = vrrp_proto::Priority::RELEASE;
            self.notifier
                .changed(&notify, About::Group(&name), to, priority);
            self.mail(&notify, "Group", &name, to);
        }
    }

    fn event(&mut self, at: usize, event: &Event) {
        let Some(instance) = self.config.instances.get(at) else {
            return;
        };
        let name = instance.spec.name.clone();
        self.log.info(&format!("({name}) {}", explain(event)));
        match event {
            Event::LowerPriorityHeard { .. } => {
                let own = instance.notify.lower_priority.clone();
                let priority = instance.spec.priority;
                let about = About::Instance(&name);
                self.notifier
                    .tell(about, "MASTER_RX_LOWER_PRI", priority, own.as_ref(), None);
            }
            Event::PriorityChanged { to, .. } => {
                let asked = instance.notify.priority_changes;
                if asked.unwrap_or(self.config.global.notify_priority_changes) {
                    let state = self
                        .ask()
                        .and_then(|s| s.instances.get(at).map(|i| i.snapshot.state));
                    let word = if state == Some(State::Master) {
                        "MASTER_PRIORITY"
                    } else {
                        "BACKUP_PRIORITY"
                    };
                    self.notifier
                        .tell(About::Instance(&name), word, *to, None, None);
                }
            }
            _ => {}
        }
    }

    fn ask(&self) -> Option<RouterStatus> {
        server::ask(&self.handle)
    }

    /// Makes FIFOs while it may still give them to other users.
    pub(super) fn open_fifos(&mut self) {
        self.notifier.open(&self.config);
    }

    async fn dump(&self, path: &str) {
        let Some(status) = self.ask() else {
            return self.log.error("the timers' thread does not answer");
        };
        let text = match path {
            dump::DATA => dump::data(&status),
            dump::STATS => dump::stats(&status),
            _ => dump::json(&status).to_string(),
        };
        match dump::write(path, &text) {
            Ok(()) => self.log.info(&format!("wrote {path}")),
            Err(error) => self.log.error(&format!("cannot write {path}: {error}")),
        }
    }
}

/// Where what others say comes in.
struct Said {
    partner: tokio::sync::mpsc::Sender<Incoming>,
    balancers: tokio::sync::mpsc::Sender<Stopping>,
}

/// A script that runs once; what goes wrong is told.
pub(super) async fn run_once(
    launcher: &Rc<Launcher>,
    command: &config::Command,
    limit: Duration,
    log: &Log,
    what: &str,
) {
    let result = scripts::once(launcher, command, &[], limit).await;
    if let Err(why) = result {
        log.error(&format!("{what}: {why}"));
    }
}

/// Messages of the partner, and orders of `lbctl`, that wait.
const MAX_WAITING: usize = 64;
const GUARDIAN_PERIOD: Duration = Duration::from_secs(1);

//! The timers' thread: it wakes for packets, interface changes, commands and deadlines, hands them to
//! the router, and does what the router says.
//!
//! No decision about mastership is made here, and nothing that may wait for others is done here.

mod addresses;
mod announcer;
mod beat;
mod handed;
mod links;
mod outputs;
mod place;
mod plan;
mod status;
mod vmac;

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lbd_core::{Time, WallTime};
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::time::TimeSpec;
use vrrp_config::Config;
use vrrp_config::config::{Address, Track};
use vrrp_proto::handover::{HandoverInput, Message, Outcome, Step};
use vrrp_proto::instance::{Change, Event, Input, Stop};
use vrrp_proto::packet::{Family, Transmit};
use vrrp_proto::router::Unit;
use vrrp_proto::track::Status;
use vrrp_proto::{Router, State};

use crate::announce::Frames;
use crate::interface::Interfaces;
use crate::netlink::{Monitor, Netlink};
use crate::socket::{BUFFER, Ear};
use announcer::Announcer;
use beat::BEAT_SLACK;
pub use handed::{Handed, HandedEar};
use place::Place;
pub use status::{InstanceStatus, RouterStatus};

/// What the rest of the program asks for.
#[derive(Debug)]
pub enum Command {
    /// A tracked thing has a result.
    Found(Track, Status),
    /// Somebody else watches over the thread from now on.
    Guard(Box<dyn Guard>),
    /// Another process goes on: nothing is done any more, and this is what it needs.
    Hand(Sender<Handed>),
    /// An input for the switchover of a unit.
    Handover(Unit, HandoverInput),
    /// What tracks this takes the addresses as its priority says, although it gave them away.
    Reclaim(Track),
    /// A new configuration.
    Reload(Arc<Config>),
    /// What is going on?
    Status(Sender<RouterStatus>),
    /// End; `Report::Stopped` says when.
    Stop(Stop),
}

/// What happened, in order.
#[derive(Clone, Debug)]
pub enum Report {
    /// An instance changed its state.
    Changed(usize, Change),
    /// Something to tell about an instance.
    Event(usize, Event),
    /// A group changed its state.
    Group {
        /// Its index.
        group: usize,
        /// What it was.
        from: State,
        /// What it is.
        to: State,
    },
    /// A switchover is over.
    HandoverEnded(Unit, Outcome),
    /// A step of a switchover.
    HandoverStep(Unit, Step),
    /// Something to log.
    Log(Severity, String),
    /// From here on indices are those of the new configuration.
    Reloaded,
    /// Everything is released; the thread ends.
    Stopped,
    /// A message to the partner.
    Tell(Unit, Message),
}

/// How grave a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Something does not work.
    Error,
    /// Something happened.
    Info,
    /// Something odd happened.
    Warning,
}

/// What somebody needs who must give up the addresses for a dead daemon.
#[derive(Clone, Debug)]
pub struct Guarded {
    /// The instance.
    pub name: String,
    /// The interface packets leave by.
    pub interface: Option<(String, u32)>,
    /// The last advertisement, with priority 0.
    pub packets: Vec<Transmit>,
    /// The addresses that are in place.
    pub addresses: Vec<(u32, Address)>,
    /// The advertisement interval.
    pub interval: Duration,
}

/// Whoever watches over this thread.
pub trait Guard: Send + std::fmt::Debug {
    /// Says that the thread turns; `state` is there when it may have changed.
    fn beat(&mut self, state: Option<&[Guarded]>);
    /// Whether the addresses were given up in our place since the last call.
    fn has_released(&mut self) -> bool;
    /// Another one watches from now on: this one has nothing to give up.
    fn dismiss(&mut self);
    /// The link itself, for a process that goes on; who watches is patient meanwhile.
    fn hand_over(&mut self) -> Option<OwnedFd>;
}

/// A handle on the thread.
#[derive(Clone, Debug)]
pub struct Handle {
    commands: Sender<Command>,
    wake: Arc<EventFd>,
}

impl Handle {
    /// Asks for something.
    pub fn send(&self, command: Command) {
        // After the end nobody listens any more.
        if self.commands.send(command).is_ok() {
            let _ = self.wake.write(1);
        }
    }
}

/// The thread's state.
pub struct Engine {
    config: Arc<Config>,
    router: Router,
    places: Vec<Place>,
    slots: Vec<Slot>,
    interfaces: Interfaces,
    /// What was told of tracked interfaces.
    told_tracked: Vec<(String, Status)>,
    netlink: Netlink,
    monitor: Monitor,
    announcer: Announcer,
    reports: Sender<Report>,
    commands: Receiver<Command>,
    wake: Arc<EventFd>,
    clock: Clock,
    guard: Option<Box<dyn Guard>>,
    guard_due: Time,
    state_due: Time,
    /// When the guardian is asked again whether it gave the addresses up.
    release_due: Time,
    is_stopping: bool,
    /// What was made goes with the end.
    gives_up: bool,
    /// Another process goes on.
    is_handed: bool,
    /// What another process left, while starting.
    handed: Handed,
    counters: EngineCounters,
}

/// What the thread counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineCounters {
    /// Packets that could not be sent.
    pub send_errors: u64,
    /// Packets that were no VRRP packets at all.
    pub malformed: u64,
    /// Requests that the kernel refused.
    pub netlink_errors: u64,
    /// Announcements that could not be sent.
    pub announce_errors: u64,
    /// Virtual addresses that others removed and that were put back.
    pub addresses_restored: u64,
    /// Rounds in which more packets waited than are taken at once.
    pub floods: u64,
}

/// An interface that is named by the configuration, and what hears on it.
#[derive(Debug)]
struct Slot {
    /// Empty for instances without an interface.
    name: String,
    index: Option<u32>,
    is_up: bool,
    ears: Vec<(Family, Ear)>,
    groups: Vec<IpAddr>,
}

/// Where something waits.
struct Ready {
    has_changes: bool,
    has_commands: bool,
    slots: Vec<bool>,
}

#[derive(Clone, Copy, Debug)]
struct Clock {
    start: Instant,
    told: Time,
}

impl Clock {
    fn now(&self) -> Time {
        Time(u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}

fn wall() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    WallTime(since.map_or(0, |d| u64::try_from(d.as_micros()).unwrap_or(u64::MAX)))
}

impl Engine {
    /// Opens sockets and looks at the machine; nothing is sent yet. What another process left is gone
    /// on with, whose masters have their addresses in place.
    pub fn open(
        config: Arc<Config>,
        guard: Option<Box<dyn Guard>>,
        handed: Handed,
    ) -> io::Result<(Self, Handle, Receiver<Report>)> {
        let monitor = Monitor::open()?;
        let mut netlink = Netlink::open()?;
        let interfaces = Interfaces::new(netlink.links()?, netlink.addresses()?);
        let (commands, receiver) = mpsc::channel();
        let (reports, reported) = mpsc::channel();
        let wake = Arc::new(EventFd::from_flags(EfdFlags::EFD_NONBLOCK)?);
        let clock = Clock {
            start: Instant::now(),
            told: Time::ZERO,
        };
        let handle = Handle {
            commands,
            wake: Arc::clone(&wake),
        };
        let mut engine = Self {
            router: Router::new(vrrp_proto::RouterSpec::default(), clock.now(), wall()),
            config: Arc::new(Config::default()),
            places: Vec::new(),
            slots: Vec::new(),
            interfaces,
            told_tracked: Vec::new(),
            netlink,
            monitor,
            announcer: Announcer::new(Frames::open()?),
            reports,
            commands: receiver,
            wake,
            clock,
            guard,
            guard_due: Time::ZERO,
            state_due: Time::ZERO,
            release_due: Time::ZERO,
            is_stopping: false,
            gives_up: false,
            is_handed: false,
            handed: Handed::default(),
            counters: EngineCounters::default(),
        };
        // An empty router has said that it is configured; nobody needs to know.
        while engine.router.poll_output().is_some() {}
        engine.handed = handed;
        engine.reload(config);
        engine.handed = Handed::default();
        Ok((engine, handle, reported))
    }

    /// Runs until it is stopped.
    pub fn run(mut self) {
        let mut buffer = vec![0; BUFFER];
        while !self.is_stopping {
            let ready = self.wait();
            let now = self.clock.now();
            self.tell_clock(now);
            // What was given up in our place while we slept is not ours any more. It is given up
            // after a longer silence than the time between two of these looks only.
            if now >= self.release_due {
                self.release_due = now + MIN_BEAT;
                let mut guard = self.guard.as_mut();
                if guard.as_mut().is_some_and(|guard| guard.has_released()) {
                    self.on_released(now);
                }
            }
            if ready.has_changes {
                self.take_changes();
            }
            self.take_packets(&ready.slots, &mut buffer);
            if ready.has_commands {
                self.take_commands();
            }
            if self.is_handed {
                break;
            }
            let now = self.clock.now();
            if self.router.poll_timeout().is_some_and(|due| due <= now) {
                self.router.tick(now);
            }
            self.do_outputs();
            self.announcer.run(self.clock.now(), &mut self.counters);
            self.beat();
        }
        if self.gives_up {
            self.remove_vmacs();
        }
        self.report(Report::Stopped);
    }

    /// For a machine on which no daemon runs: opening took stale addresses away, this takes the VMAC
    /// interfaces away.
    pub fn clean(mut self) {
        self.remove_vmacs();
    }

    fn report(&self, report: Report) {
        // Nobody listens at the very end.
        let _ = self.reports.send(report);
    }

    fn log(&self, severity: Severity, text: impl Into<String>) {
        self.report(Report::Log(severity, text.into()));
    }

    /// Sleeps until something is to be done; says where to look.
    fn wait(&self) -> Ready {
        let now = self.clock.now();
        let mut due = [self.router.poll_timeout(), self.announcer.due()]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(now + IDLE)
            .min(now + IDLE);
        if self.guard.is_some() {
            // A beat waits a little for an advertisement to go with.
            due = due.min(self.guard_due + BEAT_SLACK);
        }
        let left = due.since(now);
        let mut polled = vec![
            PollFd::new(self.monitor.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.wake.as_fd(), PollFlags::POLLIN),
        ];
        for slot in &self.slots {
            for (_, ear) in &slot.ears {
                polled.push(PollFd::new(ear.as_fd(), PollFlags::POLLIN));
            }
        }
        let is_told = ppoll(&mut polled, Some(TimeSpec::from_duration(left)), None).is_ok();
        // After a signal or a bad descriptor everything is looked at.
        let mut ready = polled
            .iter()
            .map(|polled| !is_told || polled.any().unwrap_or(true));
        let mut next = || ready.next().unwrap_or(true);
        Ready {
            has_changes: next(),
            has_commands: next(),
            slots: self
                .slots
                .iter()
                .map(|slot| slot.ears.iter().fold(false, |any, _| next() || any))
                .collect(),
        }
    }

    /// The wall clock may jump; keys with a time in them follow it.
    fn tell_clock(&mut self, now: Time) {
        if now.since(self.clock.told) >= CLOCK_PERIOD || self.clock.told == Time::ZERO {
            self.clock.told = now;
            self.router.handle_all(now, &Input::Clock(wall()));
        }
    }

    fn take_packets(&mut self, ready: &[bool], buffer: &mut [u8]) {
        for at in 0..self.slots.len() {
            // A slot that came meanwhile has a socket that was just opened.
            if ready.get(at) == Some(&false) {
                continue;
            }
            let mut packets = Vec::new();
            for (_, ear) in &self.slots[at].ears {
                for _ in 0..MAX_PACKETS {
                    match ear.receive(buffer) {
                        Ok(Some(Ok(packet))) => packets.push(packet),
                        Ok(Some(Err(_))) => self.counters.malformed += 1,
                        Ok(None) => break,
                        // An interface that went down; its change is told by netlink.
                        Err(_) => break,
                    }
                }
            }
            if packets.len() >= MAX_PACKETS {
                self.counters.floods += 1;
            }
            let slot = u32::try_from(at).unwrap_or(u32::MAX);
            for packet in packets {
                self.router.receive(self.clock.now(), slot, packet);
            }
            self.do_outputs();
        }
    }

    fn take_commands(&mut self) {
        let _ = self.wake.read();
        while let Ok(command) = self.commands.try_recv() {
            let now = self.clock.now();
            match command {
                Command::Found(track, status) => self.found(now, &track, status),
                Command::Guard(guard) => {
                    if let Some(mut old) = self.guard.replace(guard) {
                        old.dismiss();
                    }
                    self.guard_now();
                }
                Command::Hand(answer) => {
                    // The packets of before are out; what is gone on with is all there is.
                    self.do_outputs();
                    let _ = answer.send(self.hand_over());
                    return;
                }
                Command::Handover(unit, input) => self.router.handover(now, unit, input),
                Command::Reclaim(track) => {
                    for (instance, _) in plan::trackers(&self.config, &track) {
                        self.router.handle(now, instance, Input::Reclaim);
                    }
                }
                Command::Reload(config) => self.reload(config),
                Command::Status(answer) => {
                    // Who asked may be gone.
                    let _ = answer.send(self.status());
                }
                Command::Stop(stop) => {
                    self.router.handle_all(now, &Input::Stop(stop));
                    self.is_stopping = true;
                    self.gives_up = stop == Stop::Release;
                }
            }
            self.do_outputs();
        }
    }

    /// Tells every instance that tracks it, by itself or through its group.
    fn found(&mut self, now: Time, track: &Track, status: Status) {
        for (instance, tracker) in plan::trackers(&self.config, track) {
            self.router
                .handle(now, instance, Input::Track { tracker, status });
        }
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("places", &self.places)
            .finish_non_exhaustive()
    }
}

/// Packets taken from one socket before timers are looked at.
const MAX_PACKETS: usize = 64;
/// The longest sleep.
const IDLE: Duration = Duration::from_secs(10);
const CLOCK_PERIOD: Duration = Duration::from_secs(1);
/// A third of the guardian's least patience.
const MIN_BEAT: Duration = Duration::from_millis(50);

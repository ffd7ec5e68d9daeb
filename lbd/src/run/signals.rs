//! Signals: what each one makes the balancer do (haproxy 3.4 management 4).
//!
//! They arrive on the main thread only.
#![allow(
    unsafe_code,
    reason = "restoring a signal's default action before dying of it"
)]

use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use nix::sys::signal::{SigHandler, Signal, raise, signal};
use signal_hook::consts;

use super::{Daemon, orders};
use crate::report;

/// Why waiting ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// All workers have ended.
    Workers,
    /// A signal asks the process to die of it.
    Signal(Signal),
}

#[derive(Debug, Clone, Copy)]
enum Event {
    /// Nothing depends on this process any more.
    Given,
    Signal(i32),
    WorkersEnded,
}

/// Signals and the end of the workers, as they come.
pub(super) struct Signals {
    sender: Sender<Event>,
    events: Receiver<Event>,
    /// From [`Signals::catch`] until [`Signals::obey`].
    caught: Option<signal_hook::iterator::Signals>,
}

/// Tells the main thread that the workers have ended.
pub(super) struct Waker(Sender<Event>);

impl Waker {
    pub(super) fn workers_ended(self) {
        // The receiver lives as long as the main thread waits.
        let _ = self.0.send(Event::WorkersEnded);
    }
}

impl Signals {
    /// Signals that still do what they do by default.
    pub(super) fn new() -> Self {
        let (sender, events) = channel();
        Self {
            sender,
            events,
            caught: None,
        }
    }

    /// Keeps signals from now on for [`Signals::obey`]. This comes before anything that lets
    /// others take the process for a running one (its listeners, its word to the service manager):
    /// a soft stop that follows at once must not kill it.
    pub(super) fn catch(&mut self) -> std::io::Result<()> {
        self.caught = Some(signal_hook::iterator::Signals::new([
            consts::SIGUSR1,
            consts::SIGUSR2,
            consts::SIGTERM,
            consts::SIGINT,
            consts::SIGHUP,
            consts::SIGQUIT,
            consts::SIGTTOU,
            consts::SIGTTIN,
        ])?);
        Ok(())
    }

    pub(super) fn waker(&self) -> Waker {
        Waker(self.sender.clone())
    }

    fn listen(&mut self) -> std::io::Result<()> {
        let Some(mut signals) = self.caught.take() else {
            return Ok(());
        };
        let sender = self.sender.clone();
        let take = move |number| sender.send(Event::Signal(number)).is_ok();
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                let _ = signals.forever().all(take);
            })?;
        Ok(())
    }

    /// Does what signals ask until the process shall end.
    pub(super) fn obey(&mut self, daemon: &Daemon) -> End {
        if let Err(error) = self.listen() {
            report::alert(&format!("signals cannot be received: {error}"));
        }
        let sender = self.sender.clone();
        daemon.farewell.when_given(move || {
            // The receiver lives as long as the main thread waits.
            let _ = sender.send(Event::Given);
        });
        let mut hard_stop: Option<Instant> = None;
        let mut announced: Option<Announced> = None;
        loop {
            let next = [announced.as_ref().map(|a| a.at), hard_stop];
            let event = match next.into_iter().flatten().min() {
                None => self
                    .events
                    .recv()
                    .map_err(|_| RecvTimeoutError::Disconnected),
                Some(at) => self
                    .events
                    .recv_timeout(at.saturating_duration_since(Instant::now())),
            };
            let mut due = None;
            match event {
                Ok(Event::WorkersEnded) => return End::Workers,
                Ok(Event::Given) => due = announced.take_if(|announced| announced.ends_when_given),
                Ok(Event::Signal(consts::SIGUSR1)) => {
                    let is_new = announced.is_none() && hard_stop.is_none();
                    announced = match is_new {
                        true => announce(daemon, Then::SoftStop),
                        false => None,
                    };
                    if announced.is_none() {
                        begin_soft_stop(daemon, &mut hard_stop);
                    }
                }
                Ok(Event::Signal(consts::SIGUSR2)) => daemon.reloads.order(),
                Ok(Event::Signal(number @ (consts::SIGTERM | consts::SIGINT))) => {
                    let signal = match number {
                        consts::SIGTERM => Signal::SIGTERM,
                        _ => Signal::SIGINT,
                    };
                    // Told twice, or while it stops already, it ends at once.
                    if daemon.shared.process().is_stopping() {
                        return End::Signal(signal);
                    }
                    announced = announce(daemon, Then::Die(signal));
                    if announced.is_none() {
                        return End::Signal(signal);
                    }
                }
                Ok(Event::Signal(consts::SIGHUP)) => orders::log_states(daemon),
                Ok(Event::Signal(consts::SIGQUIT)) => orders::release_memory(daemon),
                Ok(Event::Signal(consts::SIGTTOU)) => orders::pause(daemon, true),
                Ok(Event::Signal(consts::SIGTTIN)) => orders::pause(daemon, false),
                Ok(Event::Signal(_)) => {}
                Err(RecvTimeoutError::Timeout) => {
                    due = announced.take_if(|announced| is_past(announced.at));
                    if due.is_none() {
                        report::warning("soft-stop running for too long, performing a hard-stop.");
                        daemon.shared.hard_stop();
                        hard_stop = None;
                    }
                }
                // This value holds a sender itself.
                Err(RecvTimeoutError::Disconnected) => return End::Workers,
            }
            match due.map(|announced| announced.then) {
                None => {}
                Some(Then::SoftStop) => begin_soft_stop(daemon, &mut hard_stop),
                Some(Then::Die(signal)) => return End::Signal(signal),
            }
        }
    }
}

/// A stop that others were told of; everything goes on until it begins.
#[derive(Debug)]
struct Announced {
    /// When it begins.
    at: Instant,
    /// It begins earlier when nothing depends on this process any more.
    ends_when_given: bool,
    then: Then,
}

#[derive(Debug, Clone, Copy)]
enum Then {
    SoftStop,
    Die(Signal),
}

/// Says that the process will stop soon: when `grace` asks for it, or while addresses depend on it
/// that a partner can take. None when it may stop at once.
fn announce(daemon: &Daemon, then: Then) -> Option<Announced> {
    let grace = match then {
        Then::SoftStop => daemon.config().global.grace,
        Then::Die(_) => None,
    };
    let is_watched = daemon.farewell.is_watched();
    if grace.is_none() && !is_watched {
        return None;
    }
    match grace {
        Some(_) => report::warning("Stopping soon: connections are still accepted."),
        None => report::warning("Stopping once the addresses are elsewhere."),
    }
    daemon.shared.announce_stop();
    daemon.farewell.announce();
    Some(Announced {
        at: Instant::now() + grace.unwrap_or(MAX_FAREWELL),
        ends_when_given: grace.is_none(),
        then,
    })
}

fn is_past(at: Instant) -> bool {
    Instant::now() >= at
}

fn begin_soft_stop(daemon: &Daemon, hard_stop: &mut Option<Instant>) {
    let hard_stop_after = daemon.config().global.hard_stop_after;
    report::warning("Stopping: new connections are refused, sessions may end.");
    daemon.checks.stop();
    daemon.peers.stop();
    daemon.shared.soft_stop();
    if hard_stop.is_none() {
        *hard_stop = hard_stop_after.map(|after| Instant::now() + after);
    }
}

/// Ends as one who has not caught the signal, which is what shells and supervisors look at.
pub(super) fn die_of(number: Signal) -> ExitCode {
    // SAFETY: the default action is restored for a signal that this process is about to raise;
    // no handler of ours relies on it any more.
    let _ = unsafe { signal(number, SigHandler::SigDfl) };
    let _ = raise(number);
    ExitCode::from(128 + number as u8)
}

/// How long a stop waits for addresses to be elsewhere; less than service managers wait before they
/// kill.
const MAX_FAREWELL: Duration = Duration::from_secs(5);

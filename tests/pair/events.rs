//! What is broken, and what clients noticed.

use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::arp::{self, Prober};

use crate::client::{Kept, Load, millis};
use crate::system::Pair;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    FreezeAll,
    FreezeDaemon,
    HangBalancer,
    Heal,
    KillBalancer,
    KillDaemon,
    LinkDown,
    Return,
    Stop,
    Switchover,
    Upgrade,
}

/// What one run showed.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) outage_ms: u64,
    pub(crate) failed: u64,
    /// Connections that were kept open and broke or hung.
    pub(crate) broken: u64,
    /// Both nodes answered for the address.
    pub(crate) dual_ms: u64,
    /// Changes of the owner beyond the one that the event makes.
    pub(crate) flaps: u64,
}

/// Breaks one thing, looks, and mends it; an error is what did not do as it should.
pub(crate) fn run(
    event: Event,
    pair: &mut Pair,
    load: &Load,
    prober: &Prober,
    settled: Instant,
) -> Result<Outcome, String> {
    if event == Event::Heal {
        pair.lan.part("a", "b", true);
        thread::sleep(PARTED);
    }
    if event == Event::Return {
        pair.signal_daemon(0, Signal::SIGTERM);
        pair.wait_daemon(0);
        thread::sleep(Duration::from_millis(500));
    }
    let kept = Kept::start(&pair.lan);
    thread::sleep(Duration::from_millis(100));
    let begun = Instant::now();
    match event {
        Event::KillBalancer => pair.kill_balancer(0),
        Event::HangBalancer => pair.signal_balancer(0, Signal::SIGSTOP),
        Event::KillDaemon => pair.signal_daemon(0, Signal::SIGKILL),
        Event::FreezeAll => pair.signal_all(0, Signal::SIGSTOP),
        Event::FreezeDaemon => pair.signal_daemon(0, Signal::SIGSTOP),
        Event::Stop => pair.signal_daemon(0, Signal::SIGTERM),
        Event::Switchover => pair.lbctl(0, "switchover")?,
        Event::Upgrade => pair.lbctl(0, "upgrade")?,
        Event::LinkDown => pair.lan.carrier("a", false),
        Event::Heal => pair.lan.part("a", "b", false),
        Event::Return => pair.start_daemon(0),
    }
    thread::sleep(LOOK);
    while !load.is_well() && begun.elapsed() < LONGEST {
        thread::sleep(Duration::from_millis(20));
    }
    let (outage_ms, failed) = load.since(begun);
    let expected = match event {
        Event::Heal | Event::Upgrade => 0,
        Event::Return => 2,
        _ => 1,
    };
    let flaps = arp::changes(&prober.since(settled)).saturating_sub(expected);
    let outcome = Outcome {
        outage_ms,
        failed,
        broken: kept.broken(),
        dual_ms: millis(arp::dual(&prober.since(begun))),
        flaps,
    };
    mend(event, pair);
    Ok(outcome)
}

fn mend(event: Event, pair: &mut Pair) {
    match event {
        Event::KillBalancer => pair.start_balancer(0),
        Event::HangBalancer => pair.signal_balancer(0, Signal::SIGCONT),
        Event::FreezeAll => pair.signal_all(0, Signal::SIGCONT),
        Event::FreezeDaemon => pair.signal_daemon(0, Signal::SIGCONT),
        Event::KillDaemon | Event::Stop => {
            pair.wait_daemon(0);
            pair.start_daemon(0);
        }
        Event::Switchover => {
            // The first node leaves the address to the other until that one is gone.
            pair.signal_daemon(0, Signal::SIGTERM);
            pair.wait_daemon(0);
            pair.start_daemon(0);
        }
        Event::LinkDown => pair.lan.carrier("a", true),
        Event::Heal | Event::Return | Event::Upgrade => {}
    }
}

/// How long the first look lasts.
const LOOK: Duration = Duration::from_millis(700);
/// The longest an outage is waited for.
const LONGEST: Duration = Duration::from_secs(3);
/// Both nodes own the address by then.
const PARTED: Duration = Duration::from_millis(1000);

//! What is broken, and what clients noticed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::netns::Lan;

use crate::client::{Load, millis};
use crate::system::{Kind, Pair, VIP};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    KillBalancer,
    HangBalancer,
    KillDaemon,
    FreezeDaemon,
    Stop,
    Switchover,
    LinkDown,
    Heal,
    Return,
}

impl Event {
    pub(crate) const ALL: [Self; 9] = [
        Self::KillBalancer,
        Self::HangBalancer,
        Self::KillDaemon,
        Self::FreezeDaemon,
        Self::Stop,
        Self::Switchover,
        Self::LinkDown,
        Self::Heal,
        Self::Return,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::KillBalancer => "kill-balancer",
            Self::HangBalancer => "hang-balancer",
            Self::KillDaemon => "kill-daemon",
            Self::FreezeDaemon => "freeze-daemon",
            Self::Stop => "stop",
            Self::Switchover => "switchover",
            Self::LinkDown => "link-down",
            Self::Heal => "heal",
            Self::Return => "return",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.name() == name)
    }
}

/// What one run showed.
pub(crate) struct Outcome {
    pub(crate) outage_ms: u64,
    pub(crate) failed: u64,
    pub(crate) dual_ms: u64,
}

/// Breaks one thing, looks, and mends it; `None` for what the system does not have.
pub(crate) fn run(event: Event, pair: &mut Pair, load: &Load) -> Option<Outcome> {
    if event == Event::Switchover && pair.kind == Kind::Keepalived {
        return None;
    }
    let mut owners = Owners::start(&pair.lan);
    let mut begun = Instant::now();
    match event {
        Event::KillBalancer => pair.kill_balancer(0),
        Event::HangBalancer => pair.signal_balancer(0, Signal::SIGSTOP),
        Event::KillDaemon => pair.signal_daemon(0, Signal::SIGKILL),
        Event::FreezeDaemon => pair.signal_daemon(0, Signal::SIGSTOP),
        Event::Stop => pair.signal_daemon(0, Signal::SIGTERM),
        Event::Switchover => {
            pair.switchover(0);
        }
        Event::LinkDown => pair.lan.carrier("a", false),
        Event::Heal => {
            pair.lan.part("a", "b", true);
            thread::sleep(Duration::from_millis(1500));
            begun = Instant::now();
            owners = Owners::start(&pair.lan);
            pair.lan.part("a", "b", false);
        }
        Event::Return => {
            pair.signal_daemon(0, Signal::SIGTERM);
            thread::sleep(Duration::from_secs(1));
            begun = Instant::now();
            owners = Owners::start(&pair.lan);
            pair.start_daemon(0);
        }
    }
    thread::sleep(LOOK);
    while !load.is_well() && begun.elapsed() < LONGEST {
        thread::sleep(Duration::from_millis(20));
    }
    let (outage_ms, failed) = load.since(begun);
    let dual_ms = owners.dual();
    mend(event, pair);
    Some(Outcome {
        outage_ms,
        failed,
        dual_ms,
    })
}

fn mend(event: Event, pair: &mut Pair) {
    match event {
        Event::KillBalancer => {
            pair.start_balancer(0);
            if pair.kind == Kind::Keepalived {
                // Its check names the process.
                pair.signal_daemon(0, Signal::SIGTERM);
                thread::sleep(Duration::from_millis(1500));
                pair.start_daemon(0);
            }
        }
        Event::HangBalancer => pair.signal_balancer(0, Signal::SIGCONT),
        Event::FreezeDaemon => pair.signal_daemon(0, Signal::SIGCONT),
        Event::KillDaemon | Event::Stop => pair.start_daemon(0),
        Event::Switchover => {
            // The first node leaves the address to the other until that one is gone.
            pair.signal_daemon(0, Signal::SIGTERM);
            thread::sleep(Duration::from_millis(500));
            pair.start_daemon(0);
        }
        Event::LinkDown => pair.lan.carrier("a", true),
        Event::Heal | Event::Return => {}
    }
}

/// How long both nodes had the address at once.
struct Owners {
    end: Arc<AtomicBool>,
    dual: Arc<AtomicU64>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Owners {
    fn start(lan: &Lan) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let dual = Arc::new(AtomicU64::new(0));
        let has: Vec<_> = ["a", "b"]
            .into_iter()
            .map(|node| {
                let (has, end) = (Arc::new(AtomicBool::new(false)), Arc::clone(&end));
                let told = Arc::clone(&has);
                lan.within(node, move || {
                    let wanted = format!("|-- {VIP}\n");
                    while !end.load(Ordering::Relaxed) {
                        let text = std::fs::read_to_string("/proc/thread-self/net/fib_trie");
                        told.store(
                            text.unwrap_or_default().contains(&wanted),
                            Ordering::Relaxed,
                        );
                        thread::sleep(STEP);
                    }
                });
                has
            })
            .collect();
        let (over, sum) = (Arc::clone(&end), Arc::clone(&dual));
        let thread = thread::spawn(move || {
            let mut last = Instant::now();
            while !over.load(Ordering::Relaxed) {
                thread::sleep(STEP);
                let passed = last.elapsed();
                last = Instant::now();
                if has.iter().all(|has| has.load(Ordering::Relaxed)) {
                    sum.fetch_add(
                        u64::try_from(passed.as_micros()).unwrap_or(0),
                        Ordering::Relaxed,
                    );
                }
            }
        });
        Self {
            end,
            dual,
            thread: Some(thread),
        }
    }

    fn dual(&mut self) -> u64 {
        self.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        millis(Duration::from_micros(self.dual.load(Ordering::Relaxed)))
    }
}

impl Drop for Owners {
    fn drop(&mut self) {
        self.dual();
    }
}

/// How long the first look lasts.
const LOOK: Duration = Duration::from_millis(1500);
/// The longest an outage is waited for.
const LONGEST: Duration = Duration::from_secs(8);
const STEP: Duration = Duration::from_millis(4);

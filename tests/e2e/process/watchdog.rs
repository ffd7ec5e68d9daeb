//! The service manager hears that all workers turn (`WatchdogSec`), for as long as they do, from a
//! process without a master and from one with it.

use nix::sys::signal::kill;
use nix::unistd::Pid;
use support::ServiceManager;

use super::*;

fn begin(manager: &ServiceManager, args: &[&str], origin: &Origin) -> Proxy {
    Proxy::lbd(simple())
        .listener("front")
        .with("s1", origin.address())
        .args(args)
        .env("NOTIFY_SOCKET", manager.address())
        .env("WATCHDOG_USEC", 400_000)
        .start()
}

fn children(pid: u32) -> Vec<i32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let text = text.unwrap_or_default();
    let words = text.split_whitespace();
    words.filter_map(|word| word.parse().ok()).collect()
}

/// Beats end while this process stands still.
fn hangs(manager: &ServiceManager, pid: i32) {
    let tell = |signal| kill(Pid::from_raw(pid), signal).expect("it is there");
    manager.wait_for("WATCHDOG=1");
    tell(Signal::SIGSTOP);
    assert!(manager.is_silent(), "beats of a process that hangs");
    tell(Signal::SIGCONT);
    manager.wait_for("WATCHDOG=1");
}

#[test]
fn beats_end_when_a_process_hangs() {
    let (manager, origin) = (ServiceManager::new(), Origin::http("s1"));
    let proxy = begin(&manager, &["-db"], &origin);
    manager.wait_for("READY=1");
    hangs(&manager, proxy.pid().cast_signed());
}

/// The master turns all the while: it passes on what the worker says and has no beats of its own.
#[test]
fn beats_of_a_master_are_those_of_its_worker() {
    let (manager, origin) = (ServiceManager::new(), Origin::http("s1"));
    let proxy = begin(&manager, &["-Ws"], &origin);
    manager.wait_for("READY=1");
    let workers = children(proxy.pid());
    assert_eq!(workers.len(), 1);
    hangs(&manager, workers[0]);
    // A worker that follows beats too.
    proxy.signal(Signal::SIGUSR2);
    manager.wait_for("RELOADING=1");
    manager.wait_for("READY=1");
    manager.wait_for("WATCHDOG=1");
}

//! The service manager hears that the daemon is ready, and that it turns for as long as it does.

use std::path::Path;

use nix::sys::signal::Signal;
use support::ServiceManager;
use support::netns::Lan;

use crate::setup::{instance, lbd_failover, owned_by};

#[test]
fn beats_go_on_while_the_daemon_turns_and_end_when_it_hangs() {
    let lan = Lan::new(&["a"]);
    let manager = ServiceManager::new();
    let file = lan.temp().write("a.conf", instance(3, 150, ""));
    let program = lbd_failover().display().to_string();
    let notify = format!("NOTIFY_SOCKET={}", manager.address());
    let socket = lan.temp().path().join("a.sock").display().to_string();
    let file = file.display().to_string();
    let words = [
        &notify,
        "WATCHDOG_USEC=400000",
        &program,
        "-n",
        "-l",
        "-f",
        &file,
        "--socket",
        &socket,
    ];
    let daemon = lan.spawn("a", Path::new("env"), &words);
    manager.wait_for("READY=1");
    manager.wait_for("WATCHDOG=1");
    owned_by(&lan, "a");
    daemon.signal(Signal::SIGSTOP);
    assert!(manager.is_silent(), "beats of a process that hangs");
    daemon.signal(Signal::SIGCONT);
    manager.wait_for("WATCHDOG=1");
    daemon.signal(Signal::SIGTERM);
    manager.wait_for("STOPPING=1");
}

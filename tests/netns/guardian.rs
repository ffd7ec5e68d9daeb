//! The guardian gives the addresses up for a daemon that is killed or frozen.

use nix::sys::signal::Signal;
use support::netns::Lan;

use crate::setup::{Kind, VIP, eventually, instance, owned_by, start};

#[test]
fn addresses_of_a_killed_daemon_are_released() {
    let lan = Lan::new(&["a", "b"]);
    let a = start(&lan, "a", Kind::Lbd, &instance(3, 150, ""));
    let b = start(&lan, "b", Kind::Lbd, &instance(3, 100, ""));
    owned_by(&lan, "a");
    a.signal(Signal::SIGKILL);
    owned_by(&lan, "b");
    assert!(
        b.log().contains("the master released the addresses"),
        "{}",
        b.log()
    );
    eventually("the guardian says so", || {
        a.log().contains("guardian: released V")
    });
}

#[test]
fn a_frozen_daemon_loses_the_address_and_knows_it_when_it_thaws() {
    let lan = Lan::new(&["a", "b"]);
    let a = start(&lan, "a", Kind::Lbd, &instance(3, 150, ""));
    let _b = start(&lan, "b", Kind::Lbd, &instance(3, 100, ""));
    owned_by(&lan, "a");
    a.signal(Signal::SIGSTOP);
    owned_by(&lan, "b");
    a.signal(Signal::SIGCONT);
    eventually("it is told", || {
        a.log().contains("the guardian gave up the addresses")
    });
    owned_by(&lan, "a");
}

#[test]
fn a_daemon_that_ends_leaves_nobody() {
    let lan = Lan::new(&["a"]);
    let mut a = start(&lan, "a", Kind::Lbd, &instance(3, 150, ""));
    owned_by(&lan, "a");
    // The daemon, its guardian, its launcher.
    assert_eq!(lan.pids("a").len(), 3);
    a.signal(Signal::SIGTERM);
    a.wait();
    eventually("nothing is left", || {
        lan.pids("a").is_empty() && !lan.has("a", VIP)
    });
}

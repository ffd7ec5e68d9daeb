//! Two lbd-failover: who owns the address, and what happens when a node ends.

use crate::setup::eventually;
use nix::sys::signal::Signal;
use support::netns::Lan;

use crate::setup::{Kind, VIP, instance, owned_by, start};

#[test]
fn the_higher_priority_owns_the_address_and_a_killed_master_is_followed() {
    let lan = Lan::new(&["a", "b"]);
    let a = start(&lan, "a", Kind::Lbd, &instance(3, 150, ""));
    let _b = start(&lan, "b", Kind::Lbd, &instance(3, 100, ""));
    owned_by(&lan, "a");
    lan.signal("a", Signal::SIGKILL);
    eventually("b takes over", || lan.has("b", VIP));
    drop(a);
    // What the killed one left behind is cleaned, then it takes the address as it should.
    let a = start(&lan, "a", Kind::Lbd, &instance(3, 150, ""));
    owned_by(&lan, "a");
    assert!(
        a.log().contains(&format!("removed stale address {VIP}")),
        "{}",
        a.log()
    );
}

#[test]
fn a_stopped_master_releases_the_address_first() {
    let lan = Lan::new(&["a", "b"]);
    let mut a = start(&lan, "a", Kind::Lbd, &instance(3, 150, ""));
    let b = start(&lan, "b", Kind::Lbd, &instance(3, 100, ""));
    owned_by(&lan, "a");
    a.signal(Signal::SIGTERM);
    assert_eq!(a.wait(), Some(0));
    assert!(!lan.has("a", VIP));
    owned_by(&lan, "b");
    eventually("b says why", || {
        b.log().contains("the master released the addresses")
    });
}

#[test]
fn an_address_that_somebody_removes_is_put_back() {
    let lan = Lan::new(&["a"]);
    let a = start(&lan, "a", Kind::Lbd, &instance(3, 150, ""));
    owned_by(&lan, "a");
    lan.ip("a", &["addr", "del", &format!("{VIP}/32"), "dev", "eth0"]);
    eventually("it is told", || {
        a.log().contains("was removed by somebody else")
    });
    owned_by(&lan, "a");
}

#[test]
fn a_lost_carrier_is_a_fault_and_its_return_ends_it() {
    let lan = Lan::new(&["a", "b"]);
    let a = start(&lan, "a", Kind::Lbd, &instance(3, 150, ""));
    let _b = start(&lan, "b", Kind::Lbd, &instance(3, 100, ""));
    owned_by(&lan, "a");
    lan.carrier("a", false);
    owned_by(&lan, "b");
    assert!(
        a.log().contains("MASTER -> FAULT (the interface is down"),
        "{}",
        a.log()
    );
    lan.carrier("a", true);
    owned_by(&lan, "a");
}

#[test]
fn an_interface_that_is_removed_and_made_again_is_used_again() {
    let lan = Lan::new(&["a"]);
    let ip = |words: &str| lan.ip("a", &words.split_whitespace().collect::<Vec<_>>());
    ip("link add w0 type veth peer name w1");
    let make = || {
        ip("addr add 192.0.2.1/24 dev w0");
        ip("link set w0 up");
        ip("link set w1 up");
    };
    make();
    let config = instance(3, 150, "").replace("interface eth0", "interface w0");
    let _a = start(&lan, "a", Kind::Lbd, &config);
    owned_by(&lan, "a");
    ip("link del w0");
    eventually("the address is gone", || !lan.has("a", VIP));
    ip("link add w0 type veth peer name w1");
    make();
    owned_by(&lan, "a");
}

#[test]
fn ipv6_instances_fail_over() {
    let lan = Lan::new(&["a", "b"]);
    let config = |priority| {
        instance(3, priority, "").replace(&format!("{VIP}/32"), "fe80::50/64\nfd77::50/128")
    };
    let a = start(&lan, "a", Kind::Lbd, &config(150));
    let _b = start(&lan, "b", Kind::Lbd, &config(100));
    crate::setup::owned(&lan, "fd77::50", "a");
    lan.signal("a", Signal::SIGKILL);
    drop(a);
    eventually("b takes over", || lan.has("b", "fd77::50"));
}

#[test]
fn what_a_killed_daemon_and_guardian_left_is_cleaned_by_the_units_last_step() {
    let lan = Lan::new(&["a"]);
    let _a = start(&lan, "a", Kind::Lbd, &instance(3, 150, ""));
    owned_by(&lan, "a");
    lan.signal("a", Signal::SIGKILL);
    assert!(lan.has("a", VIP));
    let file = lan.temp().path().join("a.conf");
    let file = file.to_str().expect("a path of the tests' own");
    let mut clean = lan.spawn("a", crate::setup::lbd_failover(), &["--clean", "-f", file]);
    assert_eq!(clean.wait(), Some(0), "{}", clean.log());
    assert!(!lan.has("a", VIP));
}

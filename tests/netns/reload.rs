//! `SIGHUP`: mastership stays, instances come and go.

use crate::setup::eventually;
use nix::sys::signal::Signal;
use support::netns::Lan;

use crate::setup::{Kind, VIP, instance, owned, owned_by, start};

#[test]
fn a_reload_keeps_mastership_while_instances_come_move_and_go() {
    let lan = Lan::new(&["a", "b"]);
    let first = instance(3, 150, "");
    let second = first
        .replace("instance V", "instance W")
        .replace("router_id 51", "router_id 52")
        .replace(VIP, "10.77.0.60");
    let a = start(&lan, "a", Kind::Lbd, &first);
    let _b = start(&lan, "b", Kind::Lbd, &instance(3, 100, ""));
    owned_by(&lan, "a");
    // The new one comes first in the file, and the old one gets one more address.
    let more = first.replace("/32", "/32\n 10.77.0.70");
    lan.temp().write("a.conf", format!("{second}{more}"));
    a.signal(Signal::SIGHUP);
    owned(&lan, "10.77.0.60", "a");
    owned(&lan, "10.77.0.70", "a");
    lan.temp().write("a.conf", &first);
    a.signal(Signal::SIGHUP);
    eventually("what is gone is released", || {
        !lan.has("a", "10.77.0.60") && !lan.has("a", "10.77.0.70")
    });
    owned_by(&lan, "a");
    let log = a.log();
    assert_eq!(log.matches("(V) MASTER ->").count(), 0, "{log}");
}

#[test]
fn a_reload_of_a_file_that_cannot_be_used_changes_nothing() {
    let lan = Lan::new(&["a"]);
    let a = start(&lan, "a", Kind::Lbd, &instance(3, 150, ""));
    owned_by(&lan, "a");
    lan.temp().write("a.conf", "vrrp_instance {\n}\n");
    a.signal(Signal::SIGHUP);
    eventually("it is told", || a.log().contains("the old one stays"));
    owned_by(&lan, "a");
}

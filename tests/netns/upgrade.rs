//! Going on as another program: nobody else notices.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use nix::sys::signal::Signal;
use support::netns::{Daemon, Lan};

use crate::setup::{Kind, VIP, eventually, instance, lbctl, owned_by, start};

/// Asks for it and waits until the other program has begun.
#[track_caller]
fn upgrade(lan: &Lan, node: &str, daemon: &Daemon, state: &str) {
    let text = lbctl(lan, node, &["upgrade"]);
    assert!(text.contains("going on as the new program"), "{text}");
    let line = format!("INIT -> {state} (as in the process before this one");
    eventually("the new one goes on", || daemon.log().contains(&line));
}

#[test]
fn an_upgrade_goes_on_as_master_and_the_backup_hears_no_gap() {
    let lan = Lan::new(&["a", "b"]);
    let a = start(&lan, "a", Kind::Lbd, &instance(3, 150, ""));
    let b = start(&lan, "b", Kind::Lbd, &instance(3, 100, ""));
    owned_by(&lan, "a");
    let heard = b.log().len();
    upgrade(&lan, "a", &a, "MASTER");
    // Twice, as the second one goes on from what the first one left.
    let before = a.log().len();
    lbctl(&lan, "a", &["upgrade"]);
    eventually("the next one goes on", || {
        a.log()[before..].contains("-> MASTER")
    });
    owned_by(&lan, "a");
    assert!(!b.log()[heard..].contains("-> MASTER"), "{}", b.log());
    assert!(!a.log().contains("guardian: released"), "{}", a.log());
    assert!(!a.log().contains("stale"), "{}", a.log());
    // The daemon, its guardian, its launcher: nobody of before is left.
    eventually("three processes are left", || lan.pids("a").len() == 3);
    // The new guardian watches.
    a.signal(Signal::SIGKILL);
    owned_by(&lan, "b");
    assert!(
        b.log().contains("the master released the addresses"),
        "{}",
        b.log()
    );
}

#[test]
fn what_is_tracked_keeps_its_result_over_an_upgrade() {
    let lan = Lan::new(&["a", "b"]);
    let global = "global_defs {\n script_user root\n enable_script_security\n}\n";
    let script = "vrrp_script S {\n script /bin/true\n interval 600\n timeout 5\n}\n";
    let config = format!(
        "{global}{script}{}",
        instance(3, 150, "track_script {\n S\n }")
    );
    let a = start(&lan, "a", Kind::Lbd, &config);
    let b = start(&lan, "b", Kind::Lbd, &instance(3, 100, ""));
    owned_by(&lan, "a");
    let before = b.log().len();
    upgrade(&lan, "a", &a, "MASTER");
    owned_by(&lan, "a");
    assert!(!b.log()[before..].contains("-> MASTER"), "{}", b.log());
}

#[test]
fn a_backup_that_left_the_address_to_the_other_node_does_so_after_an_upgrade() {
    let lan = Lan::new(&["a", "b"]);
    let config = |priority, own: &str, peer: &str| {
        format!(
            "global_defs {{\n handover {{\n local 10.77.0.{own}:7000\n peer 10.77.0.{peer}:7000\n \
             secret {}\n }}\n}}\n{}",
            crate::partner::SECRET,
            instance(3, priority, "")
        )
    };
    let a = start(&lan, "a", Kind::Lbd, &config(150, "11", "12"));
    let b = start(&lan, "b", Kind::Lbd, &config(100, "12", "11"));
    owned_by(&lan, "a");
    eventually("b is ready", || b.log().contains("-> BACKUP"));
    lbctl(&lan, "a", &["switchover"]);
    owned_by(&lan, "b");
    eventually("it is over", || a.log().contains("ended: Given"));
    upgrade(&lan, "a", &a, "BACKUP");
    // A down interval later it would have preempted.
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(lan.owners(VIP), ["b"], "{}", a.log());
}

#[test]
fn scripts_run_as_their_user_after_an_upgrade_and_hear_nothing_of_it() {
    let lan = Lan::new(&["a"]);
    let out = lan.temp().path().join("who");
    fs::write(&out, "").expect("a file");
    let mode = |path: &std::path::Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("its mode");
    };
    mode(&out, 0o666);
    mode(lan.temp().path(), 0o755);
    let text = format!("#!/bin/sh\necho $3 $(id -un) >>{}\n", out.display());
    let script = lan.temp().write("who.sh", text);
    mode(&script, 0o755);
    let config = format!(
        "global_defs {{\n enable_script_security\n script_user nobody\n}}\n{}",
        instance(3, 150, &format!("notify {}", script.display()))
    );
    let a = start(&lan, "a", Kind::Lbd, &config);
    owned_by(&lan, "a");
    let heard = || fs::read_to_string(&out).unwrap_or_default();
    eventually("it heard", || heard() == "BACKUP nobody\nMASTER nobody\n");
    upgrade(&lan, "a", &a, "MASTER");
    lan.carrier("a", false);
    eventually("it heard of the fault alone", || {
        heard() == "BACKUP nobody\nMASTER nobody\nFAULT nobody\n"
    });
}

#[test]
fn a_program_that_does_not_take_the_configuration_is_not_gone_on_with() {
    let lan = Lan::new(&["a"]);
    let a = start(&lan, "a", Kind::Lbd, &instance(3, 150, ""));
    owned_by(&lan, "a");
    lan.temp().write("a.conf", "vrrp_instance {\n}\n");
    let text = lbctl(&lan, "a", &["upgrade"]);
    assert!(text.contains("does not take the configuration"), "{text}");
    owned_by(&lan, "a");
    assert!(!a.log().contains("going on"), "{}", a.log());
}

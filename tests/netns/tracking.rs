//! Scripts, files and processes that are tracked, and who is notified.

use std::fs;

use crate::setup::eventually;
use nix::sys::signal::Signal;
use support::netns::Lan;

use crate::setup::{Kind, instance, owned_by, start};

const SECURITY: &str = "global_defs {\n script_user root\n enable_script_security\n}\n";

#[test]
fn a_failing_script_gives_the_address_up_and_its_success_takes_it_back() {
    let lan = Lan::new(&["a", "b"]);
    let flag = lan.temp().write("well", "");
    let script = format!(
        "{SECURITY}vrrp_script S {{\n script \"/usr/bin/test -e {}\"\n interval 0.1\n fall 2\n rise 2\n}}\n",
        flag.display()
    );
    let a = start(
        &lan,
        "a",
        Kind::Lbd,
        &format!("{script}{}", instance(3, 150, "track_script {\n S\n }")),
    );
    let _b = start(&lan, "b", Kind::Lbd, &instance(3, 100, ""));
    owned_by(&lan, "a");
    fs::remove_file(&flag).unwrap();
    owned_by(&lan, "b");
    assert!(a.log().contains("tracked script S is down"), "{}", a.log());
    fs::write(&flag, "").unwrap();
    owned_by(&lan, "a");
}

#[test]
fn a_script_that_hangs_is_ended_with_what_it_started() {
    let lan = Lan::new(&["a"]);
    let config = format!(
        "{SECURITY}vrrp_script S {{\n script \"/bin/sh -c 'sleep 4711 & sleep 4711'\"\n interval 1\n timeout 0.2\n}}\n{}",
        instance(3, 150, "track_script {\n S\n }")
    );
    let a = start(&lan, "a", Kind::Lbd, &config);
    eventually("it is told", || a.log().contains("timed out"));
    let sleepers = || {
        let pids = lan.pids("a");
        let lines = pids
            .iter()
            .filter_map(|pid| fs::read_to_string(format!("/proc/{pid}/cmdline")).ok());
        lines.filter(|line| line.contains("sleep\x004711")).count()
    };
    // A run lasts 0.2 s of every second.
    eventually("nothing of it is left", || sleepers() == 0);
}

#[test]
fn the_number_in_a_tracked_file_moves_the_priority() {
    let lan = Lan::new(&["a", "b"]);
    let file = lan.temp().write("number", "0");
    let track = format!("track_file F {{\n file {}\n}}\n", file.display());
    let config = format!(
        "{track}{}",
        instance(3, 150, "track_file {\n F weight 1\n }")
    );
    let _a = start(&lan, "a", Kind::Lbd, &config);
    let _b = start(&lan, "b", Kind::Lbd, &instance(3, 100, ""));
    owned_by(&lan, "a");
    fs::write(&file, "-100\n").unwrap();
    owned_by(&lan, "b");
    fs::write(&file, "0\n").unwrap();
    owned_by(&lan, "a");
}

#[test]
fn a_tracked_process_is_seen_within_a_namespace() {
    let lan = Lan::new(&["a", "b"]);
    let copy = lan.temp().path().join("lbdtracked");
    fs::copy("/usr/bin/sleep", &copy).unwrap();
    let process = lan.spawn("a", &copy, &["1000"]);
    let config = format!(
        "vrrp_track_process P {{\n process lbdtracked\n weight 0\n}}\n{}",
        instance(3, 150, "track_process {\n P\n }")
    );
    let _a = start(&lan, "a", Kind::Lbd, &config);
    let _b = start(&lan, "b", Kind::Lbd, &instance(3, 100, ""));
    owned_by(&lan, "a");
    process.signal(Signal::SIGKILL);
    owned_by(&lan, "b");
}

#[test]
fn scripts_and_fifos_hear_of_changes_in_order_with_four_words() {
    let lan = Lan::new(&["a"]);
    let heard = lan.temp().path().join("heard");
    let fifo = lan.temp().path().join("fifo");
    let script = lan.temp().write(
        "notify.sh",
        format!("#!/bin/sh\necho \"$@\" >>{}\n", heard.display()),
    );
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let config = format!(
        "global_defs {{\n script_user root\n notify_fifo {}\n}}\n{}",
        fifo.display(),
        instance(
            3,
            150,
            &format!(
                "notify_master \"{0} own master\"\n notify {0}",
                script.display()
            )
        )
    );
    let mut a = start(&lan, "a", Kind::Lbd, &config);
    owned_by(&lan, "a");
    // Held open, so that nothing is lost at the end.
    use std::os::unix::fs::OpenOptionsExt;
    let mut reader = fs::OpenOptions::new()
        .read(true)
        .custom_flags(nix::libc::O_NONBLOCK)
        .open(&fifo)
        .unwrap();
    a.signal(Signal::SIGTERM);
    a.wait();
    let scripts = fs::read_to_string(&heard).unwrap();
    assert_eq!(
        scripts,
        "INSTANCE V BACKUP 150\nown master\nINSTANCE V MASTER 150\nINSTANCE V STOP 150\n"
    );
    let mut lines = String::new();
    let _ = std::io::Read::read_to_string(&mut reader, &mut lines);
    assert_eq!(
        lines,
        "INSTANCE \"V\" BACKUP 150\nINSTANCE \"V\" MASTER 150\nINSTANCE \"V\" STOP 150\n"
    );
}

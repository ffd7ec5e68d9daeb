//! What the daemon may do after its start, and who runs scripts.

use std::fs;

use support::netns::Lan;

use crate::setup::{Kind, eventually, instance, owned_by, start};

fn effective(pid: i32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("CapEff:"));
    u64::from_str_radix(line.unwrap_or_default().trim(), 16).unwrap_or(u64::MAX)
}

const NET_ADMIN: u64 = 1 << 12;
const NET_RAW: u64 = 1 << 13;

#[test]
fn the_daemon_keeps_two_capabilities_and_still_owns_addresses() {
    let lan = Lan::new(&["a"]);
    let a = start(&lan, "a", Kind::Lbd, &instance(3, 150, ""));
    owned_by(&lan, "a");
    assert_eq!(effective(a.pid().as_raw()), NET_ADMIN | NET_RAW);
    let threads = fs::read_dir(format!("/proc/{}/task", a.pid())).expect("it runs");
    for thread in threads.flatten() {
        let id = thread.file_name().to_string_lossy().parse().unwrap_or(0);
        assert_eq!(effective(id), NET_ADMIN | NET_RAW);
    }
}

#[test]
fn scripts_run_as_their_user_through_the_launcher() {
    let lan = Lan::new(&["a"]);
    let out = lan.temp().path().join("who");
    fs::write(&out, "").expect("a file");
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(&out, fs::Permissions::from_mode(0o666)).expect("its mode");
    fs::set_permissions(lan.temp().path(), fs::Permissions::from_mode(0o755)).expect("its mode");
    let script = lan
        .temp()
        .write("who.sh", format!("#!/bin/sh\nid -un >>{}\n", out.display()));
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("its mode");
    let config = format!(
        "global_defs {{\n enable_script_security\n script_user nobody\n}}\n{}",
        instance(3, 150, &format!("notify_master {}", script.display()))
    );
    let a = start(&lan, "a", Kind::Lbd, &config);
    owned_by(&lan, "a");
    eventually("the script has run", || {
        fs::read_to_string(&out).is_ok_and(|text| text == "nobody\n")
    });
    drop(a);
}

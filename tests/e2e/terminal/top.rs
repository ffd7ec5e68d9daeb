//! `lbctl top` in a terminal.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::{TempDir, program};

use super::*;

fn lbctl() -> &'static Path {
    static LBCTL: OnceLock<PathBuf> = OnceLock::new();
    LBCTL.get_or_init(|| program::built("failover", "lbctl"))
}

fn top(args: &[&str]) -> Terminal {
    let args = [&["top", "--interval", "1"], args].concat();
    Terminal::run(lbctl(), &args, 120, 24)
}

#[test]
fn servers_are_watched_disabled_and_enabled() {
    let site = Site::start("admin");
    assert_eq!(Client::fetch(site.proxy.address("web"), "/").status, 200);
    let mut top = top(&["--balancer", &site.socket()]);
    top.wait_line(&["alpha", "admin", "1", "of", "2", "servers", "down"]);
    top.wait_line(&["bad", "DOWN", "L4CON"]);
    top.wait_line(&["good", "50"]);
    // The frontend, the server.
    top.press(key::DOWN);
    top.press(key::ENTER);
    top.wait_line(&["F10", "disable:"]);
    top.press(key::F10);
    site.wait_stat("good", "MAINT");
    top.wait_line(&["good", "MAINT"]);
    top.press(key::F9);
    site.wait_stat("good", "no check");
    top.wait_line(&["good", "50"]);
    top.press(key::F5);
    top.wait_line(&["good", "40"]);
    site.wait_stat("good", "40");
    top.press(key::TAB);
    top.wait_line(&["NAME", "BIN", "BOUT"]);
    top.press("3");
    top.wait_line(&["NAME", "2xx", "5xx"]);
    top.wait_line(&["good", "1", "0"]);
    top.press("q");
    assert!(top.wait_exit().success());
    assert!(!top.screen().contains("NAME"), "the screen is put right");
}

#[test]
fn a_partner_is_shown_beside_and_may_come_and_go() {
    let (here, there) = (Site::start("admin"), Site::start("user"));
    let remote = there.proxy.address("remote").to_string();
    let mut top = top(&["--balancer", &here.socket(), "--peer", &remote]);
    top.wait_line(&["1", "alpha", "admin"]);
    top.wait_line(&["2", "alpha", "operator"]);
    top.wait_line(&["good", "1", "50"]);
    top.wait_line(&["good", "2", "50"]);
    // Whichever node answered first has its first service chosen.
    top.press(key::UP);
    // Three services stand above the partner's 'good': two frontends and this node's 'good'.
    for _ in 0..3 {
        top.press(key::DOWN);
    }
    top.press(key::F10);
    top.wait_line(&["operator;", "'level", "admin'"]);
    top.press("nn");
    top.wait_line(&["node", "2", "only"]);
    drop(there);
    top.wait_line(&["2", &format!("{remote}:"), "Connection", "refused"]);
    top.wait_line(&["1", "alpha", "admin"]);
    let pid = i32::try_from(top.pid()).expect("a process id");
    kill(Pid::from_raw(pid), Signal::SIGTERM).expect("it runs");
    assert!(top.wait_exit().success());
}

#[test]
fn what_is_no_runtime_socket_is_told() {
    let origin = Origin::http("s1");
    let address = origin.address().to_string();
    let mut top = top(&["--balancer", &address, "--peer", "/nowhere/runtime.sock"]);
    top.wait_line(&["2", "/nowhere/runtime.sock:", "No", "such", "file"]);
    top.wait_line(&["1", &format!("{address}:")]);
    top.press("q");
    assert!(top.wait_exit().success());
}

#[test]
fn without_a_terminal_there_is_no_top() {
    let directory = TempDir::new();
    let script = directory.write(
        "run",
        "#!/bin/sh\n\"$1\" top < /dev/null; echo \"code $?\"\n",
    );
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("it may run");
    let lbctl = lbctl().display().to_string();
    let top = Terminal::run(&script, &[&lbctl], 80, 24);
    top.wait_line(&["lbctl:", "top", "needs", "a", "terminal;"]);
    top.wait_line(&["code", "2"]);
}

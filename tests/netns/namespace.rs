//! `net_namespace` and `-s`: a daemon that is started outside and works within.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use support::netns::Lan;

use crate::setup::{VIP, eventually, instance, lbctl, lbd_failover, owned_by};

/// A daemon outside of all nodes; it is killed when dropped.
struct Outside {
    child: Child,
    log: std::path::PathBuf,
}

impl Outside {
    fn start(lan: &Lan, config: &str, more: &[&str]) -> Self {
        let file = lan.temp().write("outside.conf", config);
        let path = |name: &str| lan.temp().path().join(name);
        let log = path("outside.log");
        let output = fs::File::create(&log).expect("a file of the test's own");
        let child = Command::new(lbd_failover())
            .args(["-n", "-l", "-G", "-f"])
            .arg(file)
            .arg("-p")
            .arg(path("outside.pid"))
            .arg("--socket")
            .arg(path("a.sock"))
            .args(more)
            .stdin(Stdio::null())
            .stderr(output)
            .spawn()
            .expect("it was just built");
        Self { child, log }
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("ids fit");
        let _ = nix::sys::signal::kill(Pid::from_raw(pid), signal);
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn named(lan: &Lan, more: &str) -> String {
    let seen = lan.temp().path().join("seen");
    let script = lan.temp().write(
        "seen.sh",
        format!("#!/bin/sh\nip -o addr > {}\n", seen.display()),
    );
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&script, mode).expect("a file of the test's own");
    let notify = format!("notify_master {}", script.display());
    let global = "global_defs {\n script_user root\n}\n";
    format!("{global}{more}{}", instance(3, 150, &notify))
}

fn has_seen(path: &Path) -> bool {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.contains("10.77.0.11/")
}

#[test]
fn the_configurations_namespace_is_entered_by_all_processes_and_stays_over_upgrade_and_reload() {
    let lan = Lan::new(&["a", "b"]);
    let config = named(
        &lan,
        &format!("net_namespace {}\ninstance one\n", lan.ns("a")),
    );
    let daemon = Outside::start(&lan, &config, &[]);
    owned_by(&lan, "a");
    let seen = lan.temp().path().join("seen");
    eventually("the script saw the node's addresses", || has_seen(&seen));
    assert_eq!(lan.pids("a").len(), 3, "daemon, guardian, launcher");

    let text = lbctl(&lan, "a", &["upgrade"]);
    assert!(text.contains("going on as the new program"), "{text}");
    eventually("the new one goes on", || {
        daemon
            .log()
            .contains("INIT -> MASTER (as in the process before")
    });
    lan.temp()
        .write("outside.conf", config.replace("net_namespace", "# "));
    daemon.signal(Signal::SIGHUP);
    eventually("the reload is over", || {
        daemon.log().contains("\u{20}reloaded")
    });
    let told = "net_namespace and instance stay as they were";
    assert!(daemon.log().contains(told), "{}", daemon.log());
    owned_by(&lan, "a");
    daemon.signal(Signal::SIGTERM);
    eventually("the address is released", || !lan.has("a", VIP));
}

#[test]
fn the_command_lines_namespace_goes_first() {
    let lan = Lan::new(&["a", "b"]);
    let config = named(&lan, &format!("net_namespace {}\n", lan.ns("b")));
    let _daemon = Outside::start(&lan, &config, &["-s", &lan.ns("a")]);
    owned_by(&lan, "a");
}

#[test]
fn a_test_looks_for_interfaces_in_the_namespace() {
    let lan = Lan::new(&["a"]);
    let test = |config: String| {
        let file = lan.temp().write("t.conf", config);
        let mut command = Command::new(lbd_failover());
        command.arg("-t").arg("-f").arg(file);
        let output = command.output().expect("it was just built");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), text)
    };
    let within = format!("net_namespace {}\n", lan.ns("a"));
    let good = instance(3, 150, "");
    assert_eq!(test(format!("{within}{good}")), (Some(0), String::new()));
    let (status, text) = test(format!("{within}{}", good.replace("eth0", "eth9")));
    assert_eq!(status, Some(5), "{text}");
    assert!(text.contains("eth9"), "{text}");
    let (status, text) = test(format!("net_namespace lbd-nosuch\n{good}"));
    assert_eq!(status, Some(4), "{text}");
    assert!(text.contains("lbd-nosuch"), "{text}");
}

//! Nodes with a daemon each, and what tests ask about them.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use support::netns::{Daemon, Lan};
use support::program;

/// The address that is owned.
pub(crate) const VIP: &str = "10.77.0.50";

/// Which daemon a node runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Keepalived,
    Lbd,
}

pub(crate) fn lbd_failover() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| program::build("failover", "lbd-failover", false))
}

/// Starts a daemon with a configuration.
pub(crate) fn start(lan: &Lan, node: &str, kind: Kind, config: &str) -> Daemon {
    let file = lan.temp().write(format!("{node}.conf"), config);
    let file = file.to_str().expect("a path of the tests' own");
    let socket = lan.temp().path().join(format!("{node}.sock"));
    let socket = socket.to_str().expect("a path of the tests' own");
    match kind {
        Kind::Keepalived => lan.spawn(
            node,
            Path::new("keepalived"),
            &["-n", "-l", "-D", "-f", file],
        ),
        Kind::Lbd => lan.spawn(
            node,
            lbd_failover(),
            &["-n", "-l", "-G", "-f", file, "--socket", socket],
        ),
    }
}

/// An instance with the usual address; `more` are lines within it.
pub(crate) fn instance(version: u8, priority: u8, more: &str) -> String {
    let interval = if version == 2 { "1" } else { "0.1" };
    format!(
        "vrrp_instance V {{
            interface eth0
            version {version}
            virtual_router_id 51
            priority {priority}
            advert_int {interval}
            {more}
            virtual_ipaddress {{
                {VIP}/32
            }}
        }}
        "
    )
}

/// Long enough for a busy machine; what comes, comes within a few seconds.
const PATIENCE: Duration = Duration::from_secs(40);

/// Waits for a fact.
#[track_caller]
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let found = support::wait::poll_until(PATIENCE, || {
        let holds = holds();
        if !holds {
            // Each look starts a program.
            std::thread::sleep(Duration::from_millis(20));
        }
        holds.then_some(())
    });
    assert!(found.is_some(), "did not happen: {what}");
}

/// Waits until exactly this node has the address.
pub(crate) fn owned_by(lan: &Lan, node: &str) {
    owned(lan, VIP, node);
}

pub(crate) fn owned(lan: &Lan, address: &str, node: &str) {
    eventually(&format!("{node} alone owns {address}"), || {
        lan.owners(address) == [node]
    });
}

/// What `lbctl` prints about the daemon of a node.
pub(crate) fn lbctl(lan: &Lan, node: &str, words: &[&str]) -> String {
    let program = program::build("failover", "lbctl", false);
    let socket = lan.temp().path().join(format!("{node}.sock"));
    let output = std::process::Command::new(program)
        .arg("--socket")
        .arg(socket)
        .args(words)
        .output()
        .expect("lbctl starts");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

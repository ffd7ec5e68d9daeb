//! The two systems: lbd with lbd-failover, and HAProxy with keepalived.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::netns::{Daemon, Lan};
use support::program;

pub(crate) const VIP: &str = "10.77.0.50";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Lbd,
    Keepalived,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lbd => "lbd",
            Self::Keepalived => "keepalived + HAProxy",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "lbd" => Some(Self::Lbd),
            "keepalived" => Some(Self::Keepalived),
            _ => None,
        }
    }
}

/// A pair that runs.
pub(crate) struct Pair {
    pub(crate) lan: Lan,
    pub(crate) kind: Kind,
    interval: String,
    pub(crate) balancers: Vec<Option<Daemon>>,
    pub(crate) daemons: Vec<Option<Daemon>>,
}

const NODES: [&str; 2] = ["a", "b"];

fn built(package: &'static str, binary: &'static str) -> &'static Path {
    static FAILOVER: OnceLock<PathBuf> = OnceLock::new();
    static CLIENT: OnceLock<PathBuf> = OnceLock::new();
    let is_release = !cfg!(debug_assertions);
    let cell = if binary == "lbctl" {
        &CLIENT
    } else {
        &FAILOVER
    };
    cell.get_or_init(|| program::build(package, binary, is_release))
}

impl Pair {
    pub(crate) fn new(kind: Kind, interval: &str) -> Self {
        let mut pair = Self {
            lan: Lan::new(&["a", "b", "client"]),
            kind,
            interval: interval.to_owned(),
            balancers: vec![None, None],
            daemons: vec![None, None],
        };
        for node in 0..2 {
            pair.start_balancer(node);
            pair.start_daemon(node);
        }
        pair
    }

    pub(crate) fn start_balancer(&mut self, node: usize) {
        let config = "defaults
    mode http
    timeout client 30s
    timeout server 5s
    timeout connect 500ms
frontend f
    bind :80
    http-request return status 200 content-type text/plain string well
";
        let file = self
            .lan
            .temp()
            .write(format!("{}.cfg", NODES[node]), config);
        let file = file.display().to_string();
        let link = format!("LBD_FAILOVER_SOCKET={}", self.path(node, "link"));
        let program = match self.kind {
            Kind::Lbd => program::lbd(),
            Kind::Keepalived => program::haproxy(),
        };
        let program = program.display().to_string();
        let words = [link.as_str(), program.as_str(), "-db", "-f", file.as_str()];
        self.balancers[node] = Some(self.lan.spawn(NODES[node], Path::new("env"), &words));
    }

    fn path(&self, node: usize, what: &str) -> String {
        let name = format!("{}.{what}", NODES[node]);
        self.lan.temp().path().join(name).display().to_string()
    }

    pub(crate) fn start_daemon(&mut self, node: usize) {
        let file = self
            .lan
            .temp()
            .write(format!("{}.conf", NODES[node]), self.config(node));
        let file = file.display().to_string();
        let socket = self.path(node, "sock");
        self.daemons[node] = Some(match self.kind {
            Kind::Lbd => {
                let words = ["-n", "-l", "-G", "-f", &file, "--socket", &socket];
                self.lan
                    .spawn(NODES[node], built("failover", "lbd-failover"), &words)
            }
            Kind::Keepalived => {
                let words = ["-n", "-l", "-D", "-P", "-f", &file];
                self.lan.spawn(NODES[node], Path::new("keepalived"), &words)
            }
        });
    }

    fn config(&self, node: usize) -> String {
        let (own, peer) = [("11", "12"), ("12", "11")][node];
        let priority = [150, 100][node];
        let (global, track, more) = match self.kind {
            Kind::Lbd => (
                format!(
                    "handover {{\n local 10.77.0.{own}:7000\n peer 10.77.0.{peer}:7000\n \
                     secret 0123456789abcdef0123456789abcdef\n drain 5\n }}"
                ),
                format!(
                    "track_balancer chk {{\n socket {}\n}}",
                    self.path(node, "link")
                ),
                "track_balancer {\n chk\n }
                 only_backup
                 auth_hmac {\n key 1 0123456789abcdef0123456789abcdef\n }",
            ),
            Kind::Keepalived => {
                let pid = self.balancers[node]
                    .as_ref()
                    .map_or(0, |b| b.pid().as_raw());
                (
                    "script_user root\n enable_script_security".to_owned(),
                    format!(
                        "vrrp_script chk {{\n script \"/bin/kill -0 {pid}\"\n interval 1\n timeout 1\n fall 1\n rise 1\n}}"
                    ),
                    "track_script {\n chk\n }",
                )
            }
        };
        format!(
            "global_defs {{\n vrrp_version 3\n {global}\n}}\n{track}\nvrrp_instance V {{
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority {priority}
    advert_int {}
    virtual_ipaddress {{
        {VIP}/32
    }}
    {more}
}}
",
            self.interval
        )
    }

    /// Everything runs, and the first node alone owns the address.
    pub(crate) fn settle(&mut self) -> bool {
        self.lan.carrier("a", true);
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until {
            if self.lan.owners(VIP) == ["a"] {
                // Announcements after five seconds are part of neither.
                thread::sleep(Duration::from_millis(300));
                return self.lan.owners(VIP) == ["a"];
            }
            thread::sleep(Duration::from_millis(50));
        }
        false
    }

    /// Every process of the daemon on a node, but no guardian.
    pub(crate) fn signal_daemon(&self, node: usize, signal: Signal) {
        let Some(daemon) = &self.daemons[node] else {
            return;
        };
        if self.kind == Kind::Keepalived {
            for pid in self.lan.pids(NODES[node]) {
                let comm = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
                if comm.starts_with("keepalived") {
                    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal);
                }
            }
        }
        daemon.signal(signal);
    }

    /// Kills a balancer; its end is waited for, as a zombie would look alive to a script.
    pub(crate) fn kill_balancer(&mut self, node: usize) {
        self.signal_balancer(node, Signal::SIGKILL);
        if let Some(balancer) = &mut self.balancers[node] {
            balancer.wait();
        }
    }

    pub(crate) fn signal_balancer(&self, node: usize, signal: Signal) {
        if let Some(balancer) = &self.balancers[node] {
            balancer.signal(signal);
        }
    }

    /// `lbctl switchover` on a node.
    pub(crate) fn switchover(&self, node: usize) -> bool {
        let output = std::process::Command::new(built("failover", "lbctl"))
            .args(["--socket", &self.path(node, "sock"), "switchover"])
            .output();
        output.is_ok_and(|output| output.status.success())
    }
}

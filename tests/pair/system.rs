//! The systems: lbd with lbd-failover, HAProxy with keepalived, and one of each.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::netns::{Daemon, Lan};
use support::program;

pub(crate) const VIP: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 50);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Lbd,
    /// lbd is the master, keepalived with HAProxy the backup.
    Mixed,
    Keepalived,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Lbd, Self::Mixed, Self::Keepalived];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lbd => "lbd",
            Self::Mixed => "lbd, keepalived follows",
            Self::Keepalived => "keepalived + HAProxy",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "lbd" => Some(Self::Lbd),
            "mixed" => Some(Self::Mixed),
            "keepalived" => Some(Self::Keepalived),
            _ => None,
        }
    }

    /// Whether a node runs lbd.
    fn is_lbd(self, node: usize) -> bool {
        self == Self::Lbd || self == Self::Mixed && node == 0
    }
}

/// A pair that runs.
pub(crate) struct Pair {
    pub(crate) lan: Lan,
    pub(crate) kind: Kind,
    interval: String,
    balancers: [Option<Daemon>; 2],
    daemons: [Option<Daemon>; 2],
}

const NODES: [&str; 2] = ["a", "b"];

fn lbd_failover() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| program::built("failover", "lbd-failover"))
}

fn lbctl() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| program::built("failover", "lbctl"))
}

/// Builds what is not built, so that no measurement waits for it.
pub(crate) fn prepare() {
    let _ = (program::lbd(), lbd_failover(), lbctl());
}

impl Pair {
    pub(crate) fn new(kind: Kind, interval: &str) -> Self {
        let mut pair = Self {
            lan: Lan::new(&["a", "b", "client", "probe"]),
            kind,
            interval: interval.to_owned(),
            balancers: [None, None],
            daemons: [None, None],
        };
        for node in 0..2 {
            pair.start_balancer(node);
        }
        for node in 0..2 {
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
        let program = if self.kind.is_lbd(node) {
            program::lbd()
        } else {
            program::haproxy()
        };
        let program = program.display().to_string();
        let words = [link.as_str(), program.as_str(), "-db", "-f", file.as_str()];
        let balancer = self.lan.spawn(NODES[node], Path::new("env"), &words);
        let pid = format!("{}\n", balancer.pid());
        self.lan.temp().write(format!("{}.pid", NODES[node]), pid);
        self.balancers[node] = Some(balancer);
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
        let name = NODES[node];
        self.daemons[node] = Some(if self.kind.is_lbd(node) {
            let words = ["-n", "-l", "-G", "-f", &file, "--socket", &socket];
            self.lan.spawn(name, lbd_failover(), &words)
        } else {
            let words = ["-n", "-l", "-D", "-P", "-f", &file];
            self.lan.spawn(name, Path::new("keepalived"), &words)
        });
    }

    fn config(&self, node: usize) -> String {
        let priority = [150, 100][node];
        let (global, track, more) = if self.kind.is_lbd(node) {
            self.lbd_parts(node)
        } else {
            let script = format!("/usr/bin/pkill -0 -F {}", self.path(node, "pid"));
            (
                "script_user root\n enable_script_security".to_owned(),
                format!(
                    "vrrp_script chk {{\n script \"{script}\"\n interval 1\n timeout 1\n fall 1\n rise 1\n}}"
                ),
                "track_script {\n chk\n }",
            )
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

    fn lbd_parts(&self, node: usize) -> (String, String, &'static str) {
        let (own, peer) = [("11", "12"), ("12", "11")][node];
        let track = format!(
            "track_balancer chk {{\n socket {}\n}}",
            self.path(node, "link")
        );
        if self.kind == Kind::Mixed {
            return (String::new(), track, "track_balancer {\n chk\n }");
        }
        let handover = format!(
            "handover {{\n local 10.77.0.{own}:7000\n peer 10.77.0.{peer}:7000\n \
             secret 0123456789abcdef0123456789abcdef\n drain 5\n }}"
        );
        let more = "track_balancer {\n chk\n }
    only_backup
    auth_hmac {\n key 1 0123456789abcdef0123456789abcdef\n }";
        (handover, track, more)
    }

    /// Everything runs, and the first node alone owns the address.
    pub(crate) fn settle(&mut self) -> bool {
        let until = Instant::now() + SETTLE;
        let mut since = None;
        while Instant::now() < until {
            if self.owners() != [true, false] {
                since = None;
            } else if since.get_or_insert_with(Instant::now).elapsed() >= SETTLED {
                return true;
            }
            thread::sleep(Duration::from_millis(50));
        }
        false
    }

    /// Which node has the address on an interface.
    fn owners(&self) -> [bool; 2] {
        NODES.map(|node| self.lan.has(node, &VIP.to_string()))
    }

    /// The processes of the daemon on a node, without its guardian and its launcher.
    pub(crate) fn signal_daemon(&self, node: usize, signal: Signal) {
        let Some(daemon) = &self.daemons[node] else {
            return;
        };
        if !self.kind.is_lbd(node) && signal != Signal::SIGTERM {
            for pid in self.lan.pids(NODES[node]) {
                let comm = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
                if comm.starts_with("keepalived") {
                    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal);
                }
            }
        }
        daemon.signal(signal);
    }

    /// Every process of a node: daemons, guardian, balancer.
    pub(crate) fn signal_all(&self, node: usize, signal: Signal) {
        self.lan.signal(NODES[node], signal);
    }

    /// Waits for the end of a daemon that was told to end.
    pub(crate) fn wait_daemon(&mut self, node: usize) {
        if let Some(mut daemon) = self.daemons[node].take() {
            daemon.wait();
        }
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

    /// `lbctl` on a node.
    pub(crate) fn lbctl(&self, node: usize, word: &str) -> Result<(), String> {
        let output = std::process::Command::new(lbctl())
            .args(["--socket", &self.path(node, "sock"), word])
            .output()
            .map_err(|error| format!("lbctl: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        let said = [output.stdout, output.stderr].concat();
        Err(String::from_utf8_lossy(&said).into_owned())
    }

    /// The end of what each daemon has logged.
    pub(crate) fn logs(&self) -> String {
        let daemons = self.daemons.iter().chain(&self.balancers).flatten();
        let tail = |daemon: &Daemon| {
            let log = daemon.log();
            let lines: Vec<_> = log.lines().collect();
            lines[lines.len().saturating_sub(LOG_LINES)..].join("\n") + "\n\n"
        };
        daemons.map(tail).collect()
    }

    /// Processor time of each node's daemon, in microseconds of a second.
    pub(crate) fn idle_cpu(&self, time: Duration) -> [Cpu; 2] {
        let before = NODES.map(|node| self.cpu(node));
        thread::sleep(time);
        let after = NODES.map(|node| self.cpu(node));
        let rate = |before: u64, after: u64| {
            let nanos = after.saturating_sub(before);
            nanos / 1000 * 1000 / u64::try_from(time.as_millis()).unwrap_or(1)
        };
        [0, 1].map(|at| Cpu {
            own: rate(before[at].own, after[at].own),
            scripts: rate(before[at].scripts, after[at].scripts),
        })
    }

    /// Nanoseconds of processor time of all threads of a node's daemon, guardian and launcher, and of
    /// the scripts that they have run and waited for.
    fn cpu(&self, node: &str) -> Cpu {
        let pids = self.lan.pids(node).into_iter().filter(|pid| {
            let comm = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            comm.starts_with("lbd-failover") || comm.starts_with("keepalived")
        });
        let mut cpu = Cpu::default();
        for pid in pids {
            cpu.scripts += children_time(pid);
            let tasks = fs::read_dir(format!("/proc/{pid}/task"));
            for task in tasks.into_iter().flatten().flatten() {
                let text = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
                let spent = text
                    .split_whitespace()
                    .next()
                    .and_then(|n| n.parse::<u64>().ok());
                cpu.own += spent.unwrap_or(0);
            }
        }
        cpu
    }
}

/// Processor time of a daemon, and of the scripts by which it knows its balancer.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cpu {
    pub(crate) own: u64,
    pub(crate) scripts: u64,
}

/// Nanoseconds that the ended children of a process have taken; the kernel counts hundredths of a second.
fn children_time(pid: i32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let numbers: Vec<i64> = fields
        .split_whitespace()
        .filter_map(|n| n.parse().ok())
        .collect();
    // cutime and cstime, the 16th and 17th; the second is the name and the third a letter.
    let ticks = numbers.get(12).unwrap_or(&0) + numbers.get(13).unwrap_or(&0);
    u64::try_from(ticks).unwrap_or(0) * 10_000_000
}

const LOG_LINES: usize = 60;
const SETTLE: Duration = Duration::from_secs(20);
const SETTLED: Duration = Duration::from_millis(300);

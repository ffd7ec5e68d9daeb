//! A small network of namespaces: a switch, two or three nodes, a client.
//!
//! It needs root and iproute2. Everything in it ends when it is dropped, and a network of the same
//! process id that an earlier run left behind is removed first.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::TempDir;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// The network.
#[derive(Debug)]
pub struct Lan {
    prefix: String,
    names: Vec<String>,
    temp: TempDir,
}

/// A program in one of the namespaces; it is killed when dropped.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Lan {
    /// Namespaces of these names, each with `eth0` at 10.77.0.11, .12, … and fd77::11, … in order.
    ///
    /// # Panics
    /// Without root or iproute2.
    pub fn new(names: &[&str]) -> Self {
        assert!(
            nix::unistd::geteuid().is_root(),
            "tests in network namespaces need root"
        );
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("lbdt{}-{number}", std::process::id());
        let lan = Self {
            prefix,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            temp: TempDir::new(),
        };
        lan.build();
        lan
    }

    fn build(&self) {
        let switch = self.ns("sw");
        ip(&["netns", "add", &switch]);
        ip(&[
            "-n",
            &switch,
            "link",
            "add",
            "br0",
            "type",
            "bridge",
            "mcast_snooping",
            "0",
        ]);
        ip(&["-n", &switch, "link", "set", "br0", "up"]);
        for (at, name) in self.names.iter().enumerate() {
            let (ns, port, host) = (self.ns(name), format!("p{at}"), at + 11);
            ip(&["netns", "add", &ns]);
            ip(&[
                "link", "add", "eth0", "netns", &ns, "type", "veth", "peer", "name", &port,
                "netns", &switch,
            ]);
            let mac = format!("02:77:00:00:00:{host}");
            ip(&["-n", &ns, "link", "set", "lo", "up"]);
            ip(&["-n", &ns, "link", "set", "eth0", "address", &mac]);
            ip(&["-n", &ns, "link", "set", "eth0", "up"]);
            ip(&[
                "-n",
                &ns,
                "addr",
                "add",
                &format!("10.77.0.{host}/24"),
                "dev",
                "eth0",
            ]);
            ip(&[
                "-n",
                &ns,
                "addr",
                "add",
                &format!("fd77::{host}/64"),
                "dev",
                "eth0",
                "nodad",
            ]);
            ip(&["-n", &switch, "link", "set", &port, "master", "br0"]);
            ip(&["-n", &switch, "link", "set", &port, "up"]);
        }
    }

    /// The namespace of a node.
    pub fn ns(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    /// Files of this network.
    pub fn temp(&self) -> &TempDir {
        &self.temp
    }

    /// A command that will run within a node, with a `/run` and a `/tmp` of its own.
    pub fn command(&self, name: &str, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.ns(name), "unshare", "-m", "sh", "-c"]);
        command
            .arg("mount -t tmpfs tmpfs /run && exec \"$@\"")
            .arg("sh")
            .arg(program);
        command
    }

    /// Starts a program within a node; what it prints goes to a file.
    ///
    /// # Panics
    /// When it does not start.
    pub fn spawn(&self, name: &str, program: &Path, arguments: &[&str]) -> Daemon {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let log = self.temp.path().join(format!("{name}-{number}.log"));
        let file = fs::File::create(&log).unwrap_or_else(|e| panic!("{}: {e}", log.display()));
        let other = file.try_clone().unwrap_or_else(|e| panic!("{e}"));
        let child = self
            .command(name, program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(other)
            .spawn()
            .unwrap_or_else(|e| panic!("start {}: {e}", program.display()));
        Daemon { child, log }
    }

    /// What a command within a node prints.
    ///
    /// # Panics
    /// When it does not start.
    pub fn output(&self, name: &str, words: &[&str]) -> String {
        let output = Command::new("ip")
            .args(["netns", "exec", &self.ns(name)])
            .args(words)
            .output()
            .unwrap_or_else(|e| panic!("run {words:?}: {e}"));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// A node's network, to be entered.
    ///
    /// # Panics
    /// When there is none.
    pub fn network(&self, name: &str) -> fs::File {
        let path = format!("/run/netns/{}", self.ns(name));
        fs::File::open(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    /// Runs a closure on a thread of its own within a node's network.
    ///
    /// # Panics
    /// When the namespace cannot be entered.
    pub fn within<T: Send + 'static>(
        &self,
        name: &str,
        run: impl FnOnce() -> T + Send + 'static,
    ) -> std::thread::JoinHandle<T> {
        let file = self.network(name);
        std::thread::spawn(move || {
            nix::sched::setns(file, nix::sched::CloneFlags::CLONE_NEWNET)
                .unwrap_or_else(|e| panic!("enter the namespace: {e}"));
            run()
        })
    }

    /// Whether a node has an address on one of its interfaces.
    pub fn has(&self, name: &str, address: &str) -> bool {
        let ns = self.ns(name);
        let output = Command::new("ip")
            .args(["-n", &ns, "-o", "addr", "show"])
            .output();
        let text = output.map_or_else(
            |_| String::new(),
            |o| String::from_utf8_lossy(&o.stdout).into_owned(),
        );
        let wanted = format!(" {address}/");
        text.lines()
            .any(|line| line.contains(&wanted) && !line.contains(": lo "))
    }

    /// The nodes that have an address, in order.
    pub fn owners(&self, address: &str) -> Vec<&str> {
        let names = self.names.iter().map(String::as_str);
        names.filter(|name| self.has(name, address)).collect()
    }

    /// Takes the carrier of a node away, or gives it back.
    pub fn carrier(&self, name: &str, is_up: bool) {
        let at = self
            .names
            .iter()
            .position(|n| n == name)
            .unwrap_or_default();
        let state = if is_up { "up" } else { "down" };
        ip(&[
            "-n",
            &self.ns("sw"),
            "link",
            "set",
            &format!("p{at}"),
            state,
        ]);
    }

    /// Drops everything between two nodes, or ends that.
    ///
    /// # Panics
    /// Without nftables.
    pub fn part(&self, one: &str, other: &str, is_parted: bool) {
        let port = |name: &str| {
            self.names
                .iter()
                .position(|n| n == name)
                .unwrap_or_default()
        };
        let (one, other) = (port(one), port(other));
        let mut rules = "table bridge lbdtest { }\ndelete table bridge lbdtest\n".to_owned();
        if is_parted {
            rules.push_str(&format!(
                "table bridge lbdtest {{ chain f {{ type filter hook forward priority 0;\n\
                 iifname \"p{one}\" oifname \"p{other}\" drop\n\
                 iifname \"p{other}\" oifname \"p{one}\" drop\n }}\n}}\n"
            ));
        }
        let file = self.temp.write("part.nft", rules);
        let output = Command::new("ip")
            .args(["netns", "exec", &self.ns("sw"), "nft", "-f"])
            .arg(file)
            .output()
            .unwrap_or_else(|e| panic!("nft: {e}"));
        assert!(
            output.status.success(),
            "nft: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// Runs `ip` within a node.
    pub fn ip(&self, name: &str, words: &[&str]) {
        let ns = self.ns(name);
        let all: Vec<&str> = ["-n", ns.as_str()]
            .into_iter()
            .chain(words.iter().copied())
            .collect();
        ip(&all);
    }

    /// The processes within a node.
    pub fn pids(&self, name: &str) -> Vec<i32> {
        let output = Command::new("ip")
            .args(["netns", "pids", &self.ns(name)])
            .output();
        let text = output.map_or_else(
            |_| String::new(),
            |o| String::from_utf8_lossy(&o.stdout).into_owned(),
        );
        text.split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect()
    }

    /// Sends a signal to every process of a node in one go.
    pub fn signal(&self, name: &str, signal: nix::sys::signal::Signal) {
        for pid in self.pids(name) {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal);
        }
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        let nodes: Vec<_> = self.names.clone();
        for name in &nodes {
            self.signal(name, nix::sys::signal::Signal::SIGCONT);
            self.signal(name, nix::sys::signal::Signal::SIGKILL);
        }
        for name in nodes.iter().map(String::as_str).chain(["sw"]) {
            let _ = Command::new("ip")
                .args(["netns", "del", &self.ns(name)])
                .output();
        }
    }
}

impl Daemon {
    /// Its process id.
    ///
    /// # Panics
    /// Never: process ids fit.
    pub fn pid(&self) -> nix::unistd::Pid {
        nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(0))
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let _ = nix::sys::signal::kill(self.pid(), signal);
    }

    /// What it has printed.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits for its end; gives its exit status.
    ///
    /// # Panics
    /// When it cannot be waited for.
    pub fn wait(&mut self) -> Option<i32> {
        let status = self.child.wait().unwrap_or_else(|e| panic!("wait: {e}"));
        status.code()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ip(words: &[&str]) {
    let output = Command::new("ip")
        .args(words)
        .output()
        .unwrap_or_else(|e| panic!("ip {words:?}: {e}; is iproute2 installed?"));
    assert!(
        output.status.success(),
        "ip {words:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

//! A Debian 12 of one test, booted under systemd in namespaces of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use support::{TempDir, eventually, poll_until};

use crate::debian;

/// Mounts what an init system needs, then becomes it.
const BOOT: &str = r#"
set -e
lower=$1 scratch=$2 root=$2/root
mkdir -p "$root" "$scratch/upper" "$scratch/work"
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$scratch/upper,workdir=$scratch/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup" 2>/dev/null || {
    mount -t tmpfs -o mode=755 tmpfs "$root/sys/fs/cgroup"
    mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
}
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
mount -t tmpfs tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
hostname lbd-test
ip link set lo up
exec env -i container=lbd PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" /lib/systemd/systemd
"#;

/// Long enough for a machine that does three times as much as it can.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
/// Whether it owns the address of [`System::own_address`].
pub(crate) const HAS_ADDRESS: &str = "ip -br addr show dev test0 | grep -q 192.0.2.10/24";

/// The running system; it ends when it is dropped.
#[derive(Debug)]
pub(crate) struct System {
    /// The process whose end ends all others.
    outer: Child,
    /// Its init system, as this machine numbers it.
    init: u32,
    group: PathBuf,
    scratch: TempDir,
}

impl System {
    /// Boots one and waits until it is up.
    pub(crate) fn boot() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let lower = debian::root();
        let scratch = TempDir::new();
        let group = control_groups().join(format!("lbd-test-{}-{number}", std::process::id()));
        fs::create_dir(&group).unwrap_or_else(|e| panic!("{}: {e}", group.display()));
        let procs = group.join("cgroup.procs");
        let outer = Command::new("sh")
            .args(["-c", "echo $$ >\"$1\" && shift && exec \"$@\"", "sh"])
            .arg(&procs)
            .args([
                "unshare", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--fork",
            ])
            .args([
                "--kill-child=SIGKILL",
                "--propagation",
                "private",
                "sh",
                "-c",
                BOOT,
                "sh",
            ])
            .args([lower, scratch.path()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("unshare starts");
        let mut system = Self {
            outer,
            init: 0,
            group,
            scratch,
        };
        system.init = poll_until(PATIENCE, || system.child()).expect("it forks");
        let mut state = String::new();
        eventually("the system is up", PATIENCE, || {
            let output = system.output("systemctl is-system-running");
            state = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            ["running", "degraded"].contains(&state.as_str())
        });
        system
    }

    fn child(&self) -> Option<u32> {
        let pid = self.outer.id();
        let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
        text.split_whitespace().next()?.parse().ok()
    }

    /// Copies a file in and returns its path there.
    pub(crate) fn put(&self, file: &Path) -> String {
        let name = file
            .file_name()
            .expect("a file")
            .to_string_lossy()
            .into_owned();
        let path = format!("/srv/{name}");
        self.write(&path, &fs::read(file).expect("readable"));
        path
    }

    /// Writes a file in it.
    pub(crate) fn write(&self, path: &str, content: &[u8]) {
        // Its mounts are not seen from here: what runs in it writes.
        let mut child = self
            .shell(&format!("mkdir -p \"$(dirname {path})\" && cat >{path}"))
            .stdin(Stdio::piped())
            .spawn()
            .expect("nsenter starts");
        let mut input = child.stdin.take().expect("piped");
        std::io::Write::write_all(&mut input, content).expect("written");
        drop(input);
        assert!(child.wait().expect("it ends").success(), "write {path}");
    }

    /// A command of a shell within it.
    pub(crate) fn shell(&self, line: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--target={}", self.init))
            .args([
                "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root",
            ])
            .args([
                "env",
                "-C",
                "/",
                "-i",
                "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                "DEBIAN_FRONTEND=noninteractive",
            ])
            .args(["LC_ALL=C.UTF-8", "sh", "-c", line])
            .stdin(Stdio::null());
        command
    }

    /// Runs it, however it ends.
    pub(crate) fn output(&self, line: &str) -> Output {
        self.shell(line).output().expect("nsenter starts")
    }

    /// Runs it and returns what it prints.
    #[track_caller]
    pub(crate) fn run(&self, line: &str) -> String {
        let output = self.output(line);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{line}: {}\n{text}{}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr),
            self.journal()
        );
        text
    }

    /// Whether it succeeds.
    pub(crate) fn holds(&self, line: &str) -> bool {
        self.output(line).status.success()
    }

    /// Its network.
    pub(crate) fn network(&self) -> fs::File {
        let path = format!("/proc/{}/ns/net", self.init);
        fs::File::open(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    /// Gives it an address to own and the configuration that says so, and waits until it owns it.
    pub(crate) fn own_address(&self, configuration: &str) {
        self.run(
            "ip link add test0 type veth peer name test1 && ip link set test0 up && ip link set test1 up \
             && ip addr add 192.0.2.1/24 dev test0",
        );
        self.write("/etc/lbd/failover.conf", configuration.as_bytes());
        self.run("systemctl start lbd-failover.service");
        eventually("it owns the address", PATIENCE, || self.holds(HAS_ADDRESS));
    }

    /// The last lines of the system's log.
    pub(crate) fn journal(&self) -> String {
        let output = self.output("journalctl --no-pager -n 40 -o cat");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for System {
    fn drop(&mut self) {
        let _ = self.outer.kill();
        let _ = self.outer.wait();
        // Processes vanish from their groups a moment after they ended.
        let _ = poll_until(PATIENCE, || remove_groups(&self.group));
        // Files of the overlay's own are left behind by its mount.
        let _ = fs::remove_dir_all(self.scratch.path());
    }
}

/// Removes a control group and those in it; none while that cannot be done yet.
fn remove_groups(group: &Path) -> Option<()> {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            remove_groups(&entry.path())?;
        }
    }
    if group.exists() {
        fs::remove_dir(group).ok()
    } else {
        Some(())
    }
}

/// Where this machine has its unified control groups.
fn control_groups() -> PathBuf {
    let mounts = fs::read_to_string("/proc/self/mounts").expect("/proc is there");
    mounts
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .find(|words| words.get(2) == Some(&"cgroup2"))
        .map(|words| PathBuf::from(words[1]))
        .expect("control groups of version 2 are mounted")
}

//! The master of `-W` goes on as the program that was put in the place of its own, with everything that
//! it has; and it does not when that program is no good.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use support::{TempDir, program};

use super::*;

/// Long enough for a machine that does three times as much as it can.
const PATIENCE: Duration = Duration::from_secs(60);

fn text(generation: &str) -> String {
    format!(
        "global
    stats socket <runtime> level admin
{TIMEOUTS}
frontend web
    bind <front>
    bind <unix>
    http-response set-header x-generation {generation}
    default_backend app
backend app
    server s1 <s1>
"
    )
}

/// A program that is installed for one test.
struct Installed {
    directory: TempDir,
}

impl Installed {
    fn new() -> Self {
        let installed = Self {
            directory: TempDir::new(),
        };
        installed.replace();
        installed
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("lbd")
    }

    /// Puts another copy of the program in its place, as package managers do. Another process writes
    /// it: what this one has open for writing while it starts programs cannot be executed.
    fn replace(&self) {
        let new = self.directory.path().join("lbd.new");
        let copied = Command::new("cp").arg(program::lbd()).arg(&new).status();
        assert!(copied.expect("cp starts").success());
        std::fs::rename(&new, self.path()).expect("renamed");
    }

    /// Puts a script there.
    fn replace_by(&self, script: &str) {
        let new = self.directory.path().join("lbd.new");
        let _ = std::fs::remove_file(&new);
        let mut command = Command::new("sh");
        command.args(["-c", "printf %s \"$2\" >\"$1\" && chmod 755 \"$1\"", "sh"]);
        let written = command.arg(&new).arg(script).status();
        assert!(written.expect("sh starts").success());
        std::fs::rename(&new, self.path()).expect("renamed");
    }

    fn begin(&self, origin: &Origin) -> Proxy {
        Proxy::at(self.path(), text("one"))
            .listener("front")
            .unix_listener("unix")
            .with("s1", origin.address())
            .args(&["-W", "-S", "unix@master.sock"])
            .start()
    }
}

/// The file that a process runs; one that was replaced has a mark.
fn executable(pid: u32) -> PathBuf {
    std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default()
}

fn is_marked(path: &Path) -> bool {
    path.to_string_lossy().ends_with(" (deleted)")
}

/// A conversation with the master, to its end.
fn ask(proxy: &Proxy, line: &str) -> String {
    let path = proxy.directory().join("master.sock");
    let mut stream = UnixStream::connect(path).expect("the master's socket");
    stream
        .write_all(format!("{line}\n").as_bytes())
        .expect("a line");
    let mut told = String::new();
    stream.read_to_string(&mut told).expect("an answer");
    told
}

/// The process ids of the master's children.
fn children(proxy: &Proxy) -> Vec<u32> {
    let pid = proxy.pid();
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let text = text.unwrap_or_default();
    text.split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect()
}

fn generation(proxy: &Proxy, listener: &str) -> String {
    let head = "GET / HTTP/1.1\r\nhost: h\r\nconnection: close";
    let answer = Client::exchange(proxy.address(listener), head);
    answer.header("x-generation").unwrap_or_default().to_owned()
}

#[test]
fn master_and_worker_run_the_new_program_and_no_request_fails() {
    let (installed, origin) = (Installed::new(), Origin::http("s1"));
    let mut proxy = installed.begin(&origin);
    let pid = proxy.pid();
    let old = children(&proxy);
    let is_over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..3)
        .map(|_| {
            let (front, is_over) = (proxy.address("front"), Arc::clone(&is_over));
            thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    assert_eq!(Client::fetch(&front, "/").status, 200);
                }
            })
        })
        .collect();
    for turn in ["two", "three"] {
        installed.replace();
        assert!(is_marked(&executable(pid)));
        proxy.rewrite(&text(turn));
        let told = ask(&proxy, "reload");
        assert!(told.starts_with("Success=1\n--\n"), "{told}");
        assert!(told.contains("goes on as the new program"), "{told}");
        eventually("the new worker is alone", PATIENCE, || {
            children(&proxy).len() == 1
        });
        assert!(children(&proxy).iter().all(|child| !old.contains(child)));
        for process in children(&proxy).into_iter().chain([pid]) {
            assert_eq!(executable(process), installed.path());
        }
        assert_eq!(generation(&proxy, "front"), turn);
        assert_eq!(generation(&proxy, "unix"), turn);
    }
    is_over.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().expect("no request failed");
    }
    let told = ask(&proxy, "show proc");
    assert!(told.contains("2 [failed: 0]"), "{told}");
    assert!(ask(&proxy, "@1 show info").contains("Uptime_sec"));
    // A reload of the same program is a reload.
    proxy.rewrite(&text("four"));
    assert!(ask(&proxy, "reload").starts_with("Success=1\n"));
    assert_eq!(generation(&proxy, "front"), "four");
    proxy.signal(Signal::SIGTERM);
    let exit = proxy.wait_exit();
    assert_eq!(exit.code, Some(0), "{exit:?}");
}

/// The old one goes on and says why; the next good one is taken.
#[test]
fn a_program_that_is_no_good_changes_nothing() {
    let (installed, origin) = (Installed::new(), Origin::http("s1"));
    let proxy = installed.begin(&origin);
    let worker = children(&proxy);
    let real = program::lbd().display();
    let crash =
        format!("#!/bin/sh\n[ \"$1\" = --continues ] && exec {real} \"$@\"\nkill -SEGV $$\n");
    let stop = format!("#!/bin/sh\n[ \"$1\" = --continues ] && exec {real} \"$@\"\nexit 3\n");
    for (script, reason) in [
        ("no program at all", "Exec format error"),
        ("#!/bin/sh\nexit 0\n", "it is no lbd"),
        ("#!/bin/sh\nexit 1\n", "it does not know how"),
        (&crash, "exited with code 139"),
        (&stop, "exited with code 3"),
    ] {
        installed.replace_by(script);
        let told = ask(&proxy, "reload");
        assert!(told.starts_with("Success=0\n--\n"), "{reason}: {told}");
        assert!(told.contains(reason), "{reason}: {told}");
        assert!(proxy.wait_stderr(reason).contains(reason));
        assert_eq!(children(&proxy), worker, "{reason}");
        assert_eq!(generation(&proxy, "front"), "one");
    }
    // So does a configuration that the new program refuses.
    installed.replace();
    proxy.rewrite("global\n    bogus\n");
    let told = ask(&proxy, "reload");
    assert!(told.starts_with("Success=0\n--\n"), "{told}");
    assert!(told.contains("unknown keyword 'bogus'"), "{told}");
    assert!(is_marked(&executable(proxy.pid())));
    assert_eq!(generation(&proxy, "front"), "one");

    proxy.rewrite(&text("two"));
    let told = ask(&proxy, "reload");
    assert!(told.starts_with("Success=1\n--\n"), "{told}");
    assert_eq!(executable(proxy.pid()), installed.path());
    assert_eq!(generation(&proxy, "front"), "two");
    assert!(ask(&proxy, "show proc").contains("7 [failed: 6]"));
}

/// Signals that come while the master becomes another program are obeyed by that one, and every
/// conversation that waits for a reload hears how it ended.
#[test]
fn no_signal_and_no_answer_is_lost_on_the_way() {
    let (installed, origin) = (Installed::new(), Origin::http("s1"));
    let mut proxy = installed.begin(&origin);
    let done = AtomicU32::new(0);
    for turn in 0..3 {
        installed.replace();
        proxy.rewrite(&text(&format!("turn-{turn}")));
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let told = ask(&proxy, "reload");
                    assert!(told.starts_with("Success=1\n--\n"), "{told}");
                    done.fetch_add(1, Ordering::Relaxed);
                });
            }
            for _ in 0..20 {
                proxy.signal(Signal::SIGUSR2);
                thread::yield_now();
            }
        });
    }
    assert_eq!(done.load(Ordering::Relaxed), 9);
    eventually("all reloads are over", PATIENCE, || {
        children(&proxy).len() == 1 && generation(&proxy, "front") == "turn-2"
    });
    installed.replace();
    proxy.signal(Signal::SIGUSR2);
    proxy.signal(Signal::SIGTERM);
    let exit = proxy.wait_exit();
    assert_eq!(exit.code, Some(0), "{exit:?}");
    assert!(!proxy.directory().join("master.sock").exists());
}

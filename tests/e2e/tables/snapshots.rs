//! Tables on disk: what was counted is there again after a stop and after a crash at any moment.

use std::fs;
use std::io::{Read, Write};
use std::path::PathBuf;

use nix::sys::signal::Signal;
use support::TempDir;

use super::*;

fn node(directory: &TempDir, options: &str) -> Proxy {
    let text = format!(
        "global\n    stats socket <runtime> level admin\n    table-snapshots {} {options}\n\
         backend a\n    stick-table type string len 20 size 100k expire 1h store \
         gpc0,http_req_rate(1h),conn_cur\nbackend b\n    stick-table type ip size 100k store \
         gpc(3)\n",
        directory.path().display()
    );
    Proxy::of(Program::Lbd, text)
        .args(&["-db"])
        .unix_listener("runtime")
        .start()
}

fn file(directory: &TempDir, name: &str) -> PathBuf {
    directory.path().join(name)
}

/// Sets entries `from..to`, many on a line.
fn fill(proxy: &Proxy, from: usize, to: usize) {
    let mut stream = proxy.runtime_stream();
    let commands: Vec<_> = (from..to)
        .map(|n| format!("set table a key k{n} data.gpc0 {n}"))
        .collect();
    for line in commands.chunks(100) {
        let mut stream = match line.as_ptr() == commands.as_ptr() {
            true => stream.try_clone().expect("a copy"),
            false => proxy.runtime_stream(),
        };
        writeln!(stream, "{}", line.join("; ")).expect("it is taken");
        let mut reply = String::new();
        stream.read_to_string(&mut reply).expect("a reply");
    }
    let _ = stream.flush();
}

fn used(proxy: &Proxy, table: &str) -> usize {
    let tables = proxy.runtime("show table");
    let line = tables
        .lines()
        .find(|line| line.starts_with(&format!("# table: {table},")));
    let (_, used) = line.expect("the table").rsplit_once("used:").expect("used");
    used.parse().expect("a number")
}

#[test]
fn a_stop_keeps_every_entry() {
    let directory = TempDir::new();
    let mut proxy = node(&directory, "every 1h");
    fill(&proxy, 0, 300);
    proxy.runtime("set table a key x data.http_req_rate 5");
    proxy.runtime("set table b key 192.0.2.1 data.gpc[2] 7");
    let before = entries(&proxy, "a");
    proxy.signal(Signal::SIGTERM);
    proxy.wait_exit();
    let proxy = node(&directory, "every 1h");
    assert_eq!(entries(&proxy, "a"), before);
    assert_eq!(before.len(), 301);
    let line = proxy.runtime("show table b key 192.0.2.1");
    assert!(line.contains("exp=0") && line.contains("gpc2=7"), "{line}");
}

#[test]
fn a_soft_stop_keeps_every_entry_too() {
    let directory = TempDir::new();
    let mut proxy = node(&directory, "every 1h");
    fill(&proxy, 0, 50);
    proxy.signal(Signal::SIGUSR1);
    proxy.wait_exit();
    assert_eq!(used(&node(&directory, "every 1h"), "a"), 50);
}

#[test]
fn a_crash_at_any_moment_leaves_the_last_snapshot_whole() {
    let directory = TempDir::new();
    let mut proxy = node(&directory, "every 1s rate 100k");
    fill(&proxy, 0, 3000);
    let path = file(&directory, "a.table");
    eventually("a first snapshot of all", Duration::from_secs(30), || {
        fs::metadata(&path).is_ok_and(|file| file.len() > 42_000)
    });
    let mut known = 3000;
    for round in 0..8 {
        // Somewhere between two snapshots, or within one.
        std::thread::sleep(Duration::from_millis(150 * round));
        proxy.signal(Signal::SIGKILL);
        proxy.wait_exit();
        proxy = node(&directory, "every 1s rate 100k");
        assert!(!proxy.stderr().contains("refused"), "{}", proxy.stderr());
        let now = used(&proxy, "a");
        assert!(now >= known, "{now} after {known}");
        known = now;
        let more = 3000 + 10 * usize::try_from(round).expect("small");
        fill(&proxy, more, more + 10);
    }
}

#[test]
fn a_damaged_snapshot_is_set_aside_and_the_others_are_read() {
    let directory = TempDir::new();
    let mut proxy = node(&directory, "every 1h");
    fill(&proxy, 0, 20);
    proxy.runtime("set table b key 192.0.2.1 data.gpc[0] 1");
    proxy.signal(Signal::SIGTERM);
    proxy.wait_exit();
    let path = file(&directory, "a.table");
    let good = fs::read(&path).expect("it is there");
    let mut changed = good.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    for (bytes, reason) in [
        (&changed[..], "a checksum does not match"),
        (&good[..good.len() - 3], "it ends too early"),
        (b"lbd-table 9\nmore", "it is of another version"),
        (b"", "it ends too early"),
    ] {
        fs::write(&path, bytes).expect("written");
        let mut proxy = node(&directory, "every 1h");
        proxy.wait_stderr(&format!("the snapshot is refused: {reason}"));
        assert_eq!((used(&proxy, "a"), used(&proxy, "b")), (0, 1), "{reason}");
        let aside = file(&directory, "a.table.refused");
        assert_eq!(fs::read(&aside).expect("it is kept"), bytes);
        proxy.signal(Signal::SIGKILL);
        proxy.wait_exit();
    }
    fs::write(&path, &good).expect("written");
    assert_eq!(used(&node(&directory, "every 1h"), "a"), 20);
}

#[test]
fn a_directory_that_is_not_there_is_told_at_the_start() {
    let text = "global\n    table-snapshots /nowhere/at/all\nlisten l\n    bind <front>\n";
    let exit = Proxy::of(Program::Lbd, text)
        .args(&["-db"])
        .listener("front")
        .run();
    assert_eq!(exit.code, Some(1));
    assert!(
        exit.stderr.contains("cannot open the directory"),
        "{}",
        exit.stderr
    );
}

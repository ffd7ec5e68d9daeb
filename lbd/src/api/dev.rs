//! `show dev`: facts for whoever looks for the cause of a problem, in the reference's layout (haproxy 3.4
//! management 9.3).
//!
//! Programs are not meant to read it.

use std::fmt::Write;

use lbd_config::config::AccessLevel;

use super::command::{ApiCommand, Call, command};
use crate::boot::Standing;
use crate::version;

pub(super) const COMMANDS: &[ApiCommand] = &[command(
    &["show", "dev"],
    "show dev",
    "facts of build, machine and process for bug reports",
    AccessLevel::User,
    show,
)];

fn show(call: &mut Call<'_>) {
    if !call.args.is_empty() {
        return call.fail("This command takes no argument.");
    }
    let text = format!(
        "HAProxy version {}\n{}",
        lbd_config::HAPROXY_VERSION,
        version::facts()
    );
    call.out.push_str(&text);
    machine(call);
    process(call);
    threads(call);
}

fn machine(call: &mut Call<'_>) {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let cpus = read("/proc/cpuinfo").unwrap_or_default();
    let field = |text: &str, name: &str, sign: char| {
        let mut pairs = text.lines().filter_map(|line| line.split_once(sign));
        let (_, value) = pairs.find(|(known, _)| known.trim() == name)?;
        Some(value.trim().trim_matches('"').to_owned())
    };
    let release = read("/etc/os-release").unwrap_or_default();
    let is_virtual = cpus.lines().any(|line| {
        line.starts_with("flags")
            && line
                .split_ascii_whitespace()
                .any(|flag| flag == "hypervisor")
    });
    let uname = nix::sys::utsname::uname().ok();
    let part = |read: fn(&nix::sys::utsname::UtsName) -> &std::ffi::OsStr| {
        uname
            .as_ref()
            .map(|uname| read(uname).to_string_lossy().into_owned())
    };
    // Tell whose machine it is.
    let hidden = |text: Option<String>| text.map(|text| call.caller.name(&text));
    let lines = [
        ("soc vendor", field(&cpus, "vendor_id", ':')),
        ("soc model", field(&cpus, "model name", ':')),
        ("virtual machine", Some(yes(is_virtual))),
        (
            "container",
            Some(yes(std::path::Path::new("/.dockerenv").exists())),
        ),
        ("OS name", part(|uname| uname.sysname())),
        ("OS release", part(|uname| uname.release())),
        ("OS version", part(|uname| uname.version())),
        ("OS architecture", part(|uname| uname.machine())),
        ("node name", hidden(part(|uname| uname.nodename()))),
        (
            "distro pretty name",
            hidden(field(&release, "PRETTY_NAME", '=')),
        ),
    ];
    call.out.push_str("Platform info:\n");
    for (name, value) in lines {
        if let Some(value) = value {
            // Writing to a string cannot fail.
            let _ = writeln!(call.out, "  {name}: {value}");
        }
    }
}

fn yes(is_so: bool) -> String {
    if is_so { "yes" } else { "no" }.to_owned()
}

fn process(call: &mut Call<'_>) {
    let (boot, now) = (call.daemon.boot.clone(), Standing::now());
    let words: Vec<String> = std::env::args().map(|word| format!("{word} ")).collect();
    let _ = write!(
        call.out,
        "Process info:\n  pid: {}\n  cmdline: {}\n",
        std::process::id(),
        words.concat()
    );
    for (when, standing) in [("boot", &boot), ("runtime", &now)] {
        let _ = writeln!(call.out, "  {when} capabilities:");
        for line in &standing.capabilities {
            let _ = writeln!(call.out, "  \t{line}");
        }
    }
    let mut pair = |title: &str, name: &str, read: fn(&Standing) -> u64| {
        let shown = |number: u64| match number {
            u64::MAX => "unlimited".to_owned(),
            number => number.to_string(),
        };
        if !title.is_empty() {
            let _ = writeln!(
                call.out,
                "  {:<23} -boot-       -runtime-   ",
                format!("{title}:")
            );
        }
        let (boot, now) = (shown(read(&boot)), shown(read(&now)));
        let _ = writeln!(
            call.out,
            "      {:<20}{boot:<12} {now:<12}",
            format!("{name}:")
        );
    };
    pair("identity", "uid", |standing| u64::from(standing.uid));
    pair("", "gid", |standing| u64::from(standing.gid));
    pair("limits", "fd limit (soft)", |standing| {
        standing.descriptors.0
    });
    pair("", "fd limit (hard)", |standing| standing.descriptors.1);
    pair("", "ram limit (soft)", |standing| standing.memory.0);
    pair("", "ram limit (hard)", |standing| standing.memory.1);
}

/// CPUs that each worker may use.
fn threads(call: &mut Call<'_>) {
    call.out
        .push_str("Thread CPU Bindings:\n  Tgrp/Thr  Tid        CPU set\n");
    for (at, activity) in call.daemon.shared.process().activity.iter().enumerate() {
        let path = format!("/proc/self/task/{}/status", activity.thread());
        let status = std::fs::read_to_string(path).unwrap_or_default();
        let mut lines = status.lines();
        let set = lines.find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        let (number, set) = (at + 1, set.unwrap_or_default().trim());
        let place = format!("1/{number}");
        let _ = writeln!(call.out, "  {place:<9} {:<10} {set}", activity.thread());
    }
}

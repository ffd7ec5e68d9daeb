//! Asks the machine. What cannot be learnt stays unknown.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::facts::{Facts, File, Interface, Listener, Owned};
use super::kernel;
use crate::host::Machine;

const BALANCER: &str = "/etc/lbd/lbd.cfg";
const ADDRESSES: &str = "/etc/lbd/failover.conf";
const KEEPALIVED: &str = "/etc/keepalived/keepalived.conf";

/// Everything about this machine.
pub(super) fn facts() -> Facts {
    let balancer = fs::read_to_string(BALANCER).unwrap_or_default();
    let own = owned(ADDRESSES);
    let processes = processes();
    let pid_of = |name: &str| {
        processes
            .iter()
            .find(|(_, n)| n.as_str() == name)
            .map(|(pid, _)| *pid)
    };
    Facts {
        binds: binds(&balancer),
        listeners: listeners(&processes),
        settings: settings(),
        maxconn: maxconn(&balancer),
        open_files: pid_of("lbd").and_then(open_files),
        firewall: said("nft", &["list", "ruleset"]),
        has_firewalld: pid_of("firewalld").is_some() || Path::new("/run/firewalld").exists(),
        is_clock_synchronized: said("timedatectl", &["show", "-p", "NTPSynchronized", "--value"])
            .and_then(|text| match text.trim() {
                "yes" => Some(true),
                "no" => Some(false),
                _ => None,
            }),
        is_cloud: fs::read_to_string("/sys/class/dmi/id/sys_vendor")
            .is_ok_and(|vendor| vendor.trim() == "Amazon EC2"),
        interfaces: interfaces(),
        files: files(&balancer),
        keepalived: pid_of("keepalived").map(|pid| owned(&keepalived_file(pid))),
        has_user: nix::unistd::User::from_name("lbd").is_ok_and(|user| user.is_some()),
        own,
    }
}

/// Ports behind `bind`.
pub(super) fn binds(text: &str) -> Vec<u16> {
    let mut ports = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        if words.next() != Some("bind") {
            continue;
        }
        for address in words.next().unwrap_or_default().split(',') {
            let Some((_, range)) = address.rsplit_once(':') else {
                continue;
            };
            let (low, high) = range.split_once('-').unwrap_or((range, range));
            if let (Ok(low), Ok(high)) = (low.parse::<u16>(), high.parse::<u16>()) {
                ports.extend(low..=high);
            }
        }
    }
    ports
}

/// `maxconn` of `global`.
fn maxconn(text: &str) -> Option<u64> {
    let mut is_global = false;
    text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        match words.next()? {
            "global" => is_global = true,
            "defaults" | "frontend" | "backend" | "listen" => is_global = false,
            "maxconn" if is_global => return words.next()?.parse().ok(),
            _ => {}
        }
        None
    })
}

/// Process ids with the names of their programs.
fn processes() -> Vec<(u32, String)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut processes: Vec<_> = entries
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let name = fs::read_to_string(entry.path().join("comm")).ok()?;
            Some((pid, name.trim().to_owned()))
        })
        .collect();
    processes.sort_unstable();
    processes
}

fn listeners(processes: &[(u32, String)]) -> Vec<Listener> {
    let mut owners = HashMap::new();
    for (pid, name) in processes {
        let directory = fs::read_dir(format!("/proc/{pid}/fd"));
        for entry in directory.into_iter().flatten().flatten() {
            if let Ok(target) = fs::read_link(entry.path())
                && let Some(inode) = target.to_str().and_then(|t| t.strip_prefix("socket:["))
            {
                owners.insert(inode.trim_end_matches(']').to_owned(), name.clone());
            }
        }
    }
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let text: String = tables
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok())
        .collect();
    let mut listeners: Vec<Listener> = text
        .lines()
        .filter_map(listening)
        .map(|(port, inode)| Listener {
            port,
            program: owners.get(&inode).cloned().unwrap_or_default(),
        })
        .collect();
    listeners.sort_by(|a, b| (a.port, &a.program).cmp(&(b.port, &b.program)));
    listeners.dedup();
    listeners
}

/// Port and inode of a line of `/proc/net/tcp` whose socket listens.
pub(super) fn listening(line: &str) -> Option<(u16, String)> {
    let words: Vec<_> = line.split_whitespace().collect();
    let (local, state, inode) = (words.get(1)?, words.get(3)?, words.get(9)?);
    let port = u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok()?;
    (*state == "0A").then(|| (port, (*inode).to_owned()))
}

fn settings() -> BTreeMap<String, String> {
    let own = ["net.ipv4.ip_nonlocal_bind", "net.ipv6.ip_nonlocal_bind"];
    let advised = kernel::advice();
    let names = own
        .into_iter()
        .chain(advised.iter().map(|advice| advice.name));
    names
        .filter_map(|name| {
            let path = format!("/proc/sys/{}", name.replace('.', "/"));
            let value = fs::read_to_string(path).ok()?;
            Some((
                name.to_owned(),
                value.split_whitespace().collect::<Vec<_>>().join(" "),
            ))
        })
        .collect()
}

fn open_files(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    let line = text
        .lines()
        .find(|line| line.starts_with("Max open files"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

/// What a program prints; none when it is not there or fails.
fn said(program: &str, words: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}

fn interfaces() -> BTreeMap<String, Interface> {
    let entries = fs::read_dir("/sys/class/net")
        .into_iter()
        .flatten()
        .flatten();
    entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let flags = fs::read_to_string(entry.path().join("flags")).ok()?;
            let flags = u32::from_str_radix(flags.trim().trim_start_matches("0x"), 16).ok()?;
            let has = |bit: i32| flags & bit.unsigned_abs() != 0;
            let interface = Interface {
                is_up: has(nix::libc::IFF_UP),
                has_multicast: has(nix::libc::IFF_MULTICAST),
            };
            Some((name, interface))
        })
        .collect()
}

/// What a configuration of addresses owns.
fn owned(path: &str) -> Vec<Owned> {
    if !Path::new(path).exists() {
        return Vec::new();
    }
    let config = vrrp_config::read(path, &Machine::new(None)).config;
    let instances = config.instances.iter();
    instances
        .map(|instance| Owned {
            name: instance.spec.name.clone(),
            vrid: instance.spec.vrid.number(),
            interface: instance.interface.clone().unwrap_or_default(),
            addresses: addresses(instance),
            is_unicast: instance.spec.reach.is_unicast(),
        })
        .collect()
}

fn addresses(instance: &vrrp_config::config::Instance) -> Vec<IpAddr> {
    instance.all_addresses().map(|address| address.ip).collect()
}

/// What `-f` of a running keepalived names.
fn keepalived_file(pid: u32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<_> = line
        .split(|b| *b == 0)
        .map(String::from_utf8_lossy)
        .collect();
    let at = words
        .iter()
        .position(|word| word == "-f" || word == "--use-file");
    let named = at
        .and_then(|at| words.get(at + 1))
        .map(|word| word.clone().into_owned());
    named.unwrap_or_else(|| KEEPALIVED.to_owned())
}

fn files(balancer: &str) -> Vec<File> {
    let addresses = fs::read_to_string(ADDRESSES).unwrap_or_default();
    let says = |text: &str, words: &[&str]| {
        text.lines().any(|line| {
            let first = line.split_whitespace().find(|word| words.contains(word));
            first.is_some() && !line.trim_start().starts_with(['#', '!'])
        })
    };
    [
        (
            BALANCER,
            says(balancer, &["password", "insecure-password"]),
            false,
        ),
        (ADDRESSES, says(&addresses, &["auth_pass", "secret"]), false),
        ("/run/lbd", false, true),
        ("/var/lib/lbd", false, true),
    ]
    .into_iter()
    .map(|(path, has_secret, is_directory)| {
        let metadata = fs::metadata(path).ok();
        File {
            path: path.to_owned(),
            mode: metadata.as_ref().map(|m| m.mode() & 0o7777),
            owner: metadata.map_or(0, |m| m.uid()),
            has_secret,
            is_directory,
        }
    })
    .collect()
}

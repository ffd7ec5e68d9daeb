//! `-dc`: the CPUs of the machine, which of them this process may use, and who runs there.
//!
//! It decides nothing: where workers run is `cpu-map`'s matter.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;

/// Where the kernel tells about CPUs.
const SYSTEM: &str = "/sys/devices/system/cpu";
/// Highest number of a CPU that is looked at.
const MAX_CPUS: u16 = 1024;
/// `cpu_capacity` of a CPU on machines whose CPUs are all alike.
const FULL_CAPACITY: u32 = 1024;

/// One CPU; groups are told by the lowest CPU in them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cpu {
    number: u16,
    is_usable: bool,
    package: u16,
    node: u16,
    caches: [u16; 3],
    core: u16,
    capacity: u32,
}

/// The report: a line for each CPU, then groups of CPUs with a common cache, then workers.
pub(crate) fn report(workers: usize, map: &BTreeMap<u16, Vec<u16>>) -> String {
    let cpus = read(Path::new(SYSTEM));
    let mut out = String::new();
    list(&cpus, &mut out);
    bindings(&cpus, workers, map, &mut out);
    out
}

fn list(cpus: &[Cpu], out: &mut String) {
    let index = |group: fn(&Cpu) -> u16, cpu: &Cpu| {
        let groups: BTreeSet<u16> = cpus.iter().map(group).collect();
        groups.range(..group(cpu)).count()
    };
    for cpu in cpus {
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "[{}] cpu={:3} pk={:02} no={:02} cl={:03}({:03}) l3={:03} l2={:02} l1={:02} ts={:03} \
             capa={}",
            if cpu.is_usable { "keep" } else { "----" },
            cpu.number,
            index(|cpu| cpu.package, cpu),
            index(|cpu| cpu.node, cpu),
            index(|cpu| cpu.caches[2], cpu),
            index(|cpu| cpu.caches[2], cpu),
            index(|cpu| cpu.caches[2], cpu),
            index(|cpu| cpu.caches[1], cpu),
            index(|cpu| cpu.caches[0], cpu),
            index(|cpu| cpu.core, cpu),
            cpu.capacity,
        );
    }
    out.push_str("CPU clusters:\n");
    let mut clusters: BTreeMap<u16, Vec<&Cpu>> = BTreeMap::new();
    for cpu in cpus.iter().filter(|cpu| cpu.is_usable) {
        clusters.entry(cpu.caches[2]).or_default().push(cpu);
    }
    for (number, cluster) in clusters.values().enumerate() {
        let cores: BTreeSet<u16> = cluster.iter().map(|cpu| cpu.core).collect();
        let capacity: u32 = cluster.iter().map(|cpu| cpu.capacity).sum();
        let _ = writeln!(
            out,
            "{number:5}  cpus={:3} cores={:3} capa={capacity}",
            cluster.len(),
            cores.len()
        );
    }
}

/// Workers that follow each other and may run on the same CPUs share a line.
fn bindings(cpus: &[Cpu], workers: usize, map: &BTreeMap<u16, Vec<u16>>, out: &mut String) {
    let usable: Vec<u16> = cpus
        .iter()
        .filter(|cpu| cpu.is_usable)
        .map(|cpu| cpu.number)
        .collect();
    let set_of = |worker: usize| -> &[u16] {
        let own = u16::try_from(worker).ok().and_then(|n| map.get(&n));
        own.filter(|cpus| !cpus.is_empty()).unwrap_or(&usable)
    };
    out.push_str("Thread CPU Bindings:\n  Tgrp/Thr  Tid        CPU set\n");
    let mut first = 1;
    while first <= workers {
        let set = set_of(first);
        let last = (first..=workers)
            .take_while(|worker| set_of(*worker) == set)
            .last()
            .unwrap_or(first);
        let range = match last > first {
            true => format!("{first}-{last}"),
            false => first.to_string(),
        };
        let group = format!("1/{range}");
        let _ = writeln!(
            out,
            "  {group:<9} {range:<11}{}: {}",
            set.len(),
            ranges(set)
        );
        first = last + 1;
    }
    out.push('\n');
}

/// Numbers as the kernel writes them: `0-3,6`.
fn ranges(numbers: &[u16]) -> String {
    let set: BTreeSet<u16> = numbers.iter().copied().collect();
    let mut parts: Vec<(u16, u16)> = Vec::new();
    for number in set {
        match parts.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => parts.push((number, number)),
        }
    }
    let parts: Vec<String> = parts
        .into_iter()
        .map(|(low, high)| match low == high {
            true => low.to_string(),
            false => format!("{low}-{high}"),
        })
        .collect();
    parts.join(",")
}

fn read(system: &Path) -> Vec<Cpu> {
    let allowed = sched_getaffinity(Pid::from_raw(0)).unwrap_or_else(|_| CpuSet::new());
    let online = numbers(&text(&system.join("online")));
    online
        .into_iter()
        .map(|number| {
            let home = system.join(format!("cpu{number}"));
            let is_usable = allowed.is_set(usize::from(number)).unwrap_or(false);
            cpu(&home, number, is_usable)
        })
        .collect()
}

fn cpu(home: &Path, number: u16, is_usable: bool) -> Cpu {
    let one = |path: &str| text(&home.join(path)).parse::<u32>().ok();
    // The lowest CPU of a list stands for its group; a group that is not told is one's own.
    let first = |path: &str| numbers(&text(&home.join(path))).first().copied();
    let package = first("topology/package_cpus_list");
    let mut caches = [number, number, package.unwrap_or(0)];
    for index in 0..8 {
        let cache = format!("cache/index{index}");
        let shared = first(&format!("{cache}/shared_cpu_list"));
        let level = one(&format!("{cache}/level"));
        let slot = caches
            .iter_mut()
            .zip(1..)
            .find(|(_, at)| level == Some(*at));
        if let (Some((slot, _)), Some(shared)) = (slot, shared) {
            *slot = shared;
        }
    }
    Cpu {
        number,
        is_usable,
        package: package.unwrap_or(0),
        node: node(home),
        caches,
        core: first("topology/thread_siblings_list").unwrap_or(number),
        capacity: one("cpu_capacity").unwrap_or(FULL_CAPACITY),
    }
}

/// The NUMA node is told by a link in the CPU's directory.
fn node(home: &Path) -> u16 {
    let entries = std::fs::read_dir(home).into_iter().flatten().flatten();
    let mut names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names
        .find_map(|name| name.strip_prefix("node")?.parse().ok())
        .unwrap_or(0)
}

fn text(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.trim().to_owned()
}

/// A list of the kernel's, `0-3,6`.
fn numbers(text: &str) -> Vec<u16> {
    text.split(',')
        .filter_map(|part| {
            let (low, high) = part.split_once('-').unwrap_or((part, part));
            Some(low.parse::<u16>().ok()?..=high.parse::<u16>().ok()?.min(MAX_CPUS))
        })
        .flatten()
        .collect()
}

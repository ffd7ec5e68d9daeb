//! The fence: the kernel answers for a virtual address only while this node advertises it.
//!
//! Each advertisement that leaves renews, within the kernel, an element with a timeout for every
//! address of its instance; ARP requests and neighbour solicitations for an address without a living
//! element are dropped. So a node whose processes are all frozen, guardian included, stops answering
//! about when a backup takes over. It needs nftables and a kernel with an egress hook (Linux 5.16);
//! without them it is told and everything else works.
//!
//! It decides nothing: what is advertised is decided in `vrrp-proto`.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use vrrp_config::Config;
use vrrp_config::config::Instance;
use vrrp_proto::packet::Family;

use crate::log::Log;
use crate::nft;

/// What the kernel was told.
#[derive(Debug, Default)]
pub struct Fence {
    told: String,
}

impl Fence {
    /// Tells the kernel, when it does not know it yet: at the start, after a reload, and when an
    /// interface came that was not there.
    pub async fn raise(&mut self, config: &Config, log: &Log) {
        let index = |name: &str| nix::net::if_::if_nametoindex(name).ok();
        let text = rules(config, &index);
        if text == self.told {
            return;
        }
        if let Err(why) = nft::apply(&text).await {
            log.warning(&format!(
                "addresses are not fenced against a freeze of every process: {why}"
            ));
        }
        self.told = text;
    }
}

/// Takes the fence away.
pub async fn lower() {
    if nft::is_installed() {
        // Where it was never raised there is nothing to take away.
        let _ = nft::apply(&format!("{NONE}\n")).await;
    }
}

/// Everything in one transaction. Each address begins with a living element, so that the rules may
/// be replaced under a master.
fn rules(config: &Config, index: &dyn Fn(&str) -> Option<u32>) -> String {
    let mut text = format!("{NONE}\n");
    let fenced = config.instances.iter().filter(|i| is_fenced(i));
    let fenced: Vec<_> = fenced.collect();
    let devices = devices(&fenced, index);
    if !config.global.fence || fenced.is_empty() || devices.is_empty() {
        return text;
    }
    let _ = writeln!(text, "table netdev {TABLE} {{");
    for (set, kind) in [
        ("living4", "type ipv4_addr"),
        ("living6", "typeof @th,64,128"),
    ] {
        let _ = writeln!(text, "set {set} {{\n{kind}\nflags dynamic,timeout\n}}");
    }
    for (at, (name, number)) in devices.iter().enumerate() {
        // The number is there so that an interface that was made again is noticed.
        let _ = writeln!(
            text,
            "# {name} is {number}\nchain out{at} {{\n\
             type filter hook egress device \"{name}\" priority 0; policy accept;"
        );
        fenced
            .iter()
            .for_each(|instance| renew(&mut text, instance));
        let _ = writeln!(
            text,
            "}}\nchain in{at} {{\n\
             type filter hook ingress device \"{name}\" priority 0; policy accept;"
        );
        fenced
            .iter()
            .for_each(|instance| guard(&mut text, instance));
        text.push_str("}\n");
    }
    text.push_str("}\n");
    for instance in &fenced {
        for address in instance.all_addresses() {
            let (set, key) = element(address.ip);
            let _ = writeln!(
                text,
                "add element netdev {TABLE} {set} {{ {key} timeout {} }}",
                patience(instance)
            );
        }
    }
    text
}

/// The owner of the addresses has them as its own, whether it advertises or not.
fn is_fenced(instance: &Instance) -> bool {
    !instance.spec.priority.is_owner() && instance.all_addresses().next().is_some()
}

/// The interfaces that advertisements leave by and that addresses are on, those that are there.
fn devices(fenced: &[&Instance], index: &dyn Fn(&str) -> Option<u32>) -> Vec<(String, u32)> {
    let mut devices: Vec<(String, u32)> = Vec::new();
    for instance in fenced {
        let vmac = instance.vmac.as_ref().map(|vmac| &vmac.name);
        let own = instance.interface.iter().chain(vmac);
        let names = own.chain(instance.all_addresses().filter_map(|a| a.dev.as_ref()));
        for name in names {
            if let Some(number) = index(name)
                && !devices.iter().any(|(known, _)| known == name)
            {
                devices.push((name.clone(), number));
            }
        }
    }
    devices
}

/// An advertisement with another priority than 0 renews (RFC 9568 §5.2: VRID at 8, priority at 16
/// bits).
fn renew(text: &mut String, instance: &Instance) {
    let packet = match instance.spec.family() {
        Family::Ipv4 => "ip protocol 112",
        Family::Ipv6 => "ip6 nexthdr 112",
    };
    let vrid = instance.spec.vrid.number();
    for address in instance.all_addresses() {
        let (set, key) = element(address.ip);
        let _ = writeln!(
            text,
            "{packet} @th,8,8 {vrid} @th,16,8 != 0 update @{set} {{ {key} timeout {} }}",
            patience(instance)
        );
    }
}

/// Announcements of another node are no questions: they ask for the address that they come from.
fn guard(text: &mut String, instance: &Instance) {
    for address in instance.all_addresses() {
        let (set, key) = element(address.ip);
        let _ = match address.ip {
            IpAddr::V4(_) => writeln!(
                text,
                "arp operation request arp daddr ip {key} arp saddr ip != {key} \
                 arp daddr ip != @{set} drop"
            ),
            IpAddr::V6(_) => writeln!(
                text,
                "icmpv6 type nd-neighbor-solicit @th,64,128 {key} @th,64,128 != @{set} drop"
            ),
        };
    }
}

/// The set and the key of an address; IPv6 targets are read as numbers, which every nft can.
fn element(ip: IpAddr) -> (&'static str, String) {
    match ip {
        IpAddr::V4(four) => ("living4", four.to_string()),
        IpAddr::V6(six) => ("living6", format!("{:#034x}", u128::from(six))),
    }
}

/// How long an advertisement counts: a little longer than a backup waits for the next.
fn patience(instance: &Instance) -> String {
    let time = (instance.spec.interval.duration() * 4).max(MIN_PATIENCE);
    format!("{}ms", time.as_millis())
}

const TABLE: &str = "lbd_fence";
/// What was there is gone.
const NONE: &str = "table netdev lbd_fence { }\ndelete table netdev lbd_fence";
/// Below this a busy node would stop answering although it is well.
const MIN_PATIENCE: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests;

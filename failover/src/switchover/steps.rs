//! What is added to this machine during a switchover, and taken away after it.
//!
//! Every step may be done twice and undone twice. The new owner passes packets of connections that
//! began elsewhere to the old one (nftables `dup`); the old owner keeps the address on `lo` without
//! answering for it. What is added are tables of one name and addresses on `lo`, so that whoever
//! comes after a crash finds all of it.

use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use tokio::process::Command as Process;
use vrrp::Command;
use vrrp::engine::{Handle, RouterStatus};
use vrrp_config::Config;
use vrrp_config::config;
use vrrp_proto::handover::{HandoverInput, Step};
use vrrp_proto::router::Unit;

use crate::nft;

/// Where the steps of one unit are done.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    chain: String,
    addresses: Vec<IpAddr>,
    /// What the partner may be reached at, best first.
    partner: Vec<IpAddr>,
    /// This node's own address, for its questions by ARP.
    own: Option<Ipv4Addr>,
    /// The interface that link-local addresses are on.
    interface: Option<String>,
}

impl Place {
    /// `status` knows this node's address and the partner's, as its advertisements have it.
    pub(super) fn of(
        unit: Unit,
        config: &Config,
        settings: Option<&config::Handover>,
        status: Option<&RouterStatus>,
    ) -> Self {
        let (kind, at) = match unit {
            Unit::Group(at) => ("g", at),
            Unit::Instance(at) => ("i", at),
        };
        let members = super::members(unit, config);
        let instances = members.iter().filter_map(|at| config.instances.get(*at));
        let addresses = instances.flat_map(|instance| instance.all_addresses().map(|a| a.ip));
        let known = members
            .iter()
            .filter_map(|at| status?.instances.get(*at))
            .collect::<Vec<_>>();
        let heard = known.iter().filter_map(|i| i.snapshot.master);
        let partner = settings.map(|s| s.peer.ip().to_canonical());
        let own = known.iter().find_map(|i| match i.source {
            Some(IpAddr::V4(four)) => Some(four),
            _ => None,
        });
        Self {
            chain: format!("{kind}{at}"),
            addresses: addresses.collect(),
            partner: partner.into_iter().chain(heard.map(|(ip, _)| ip)).collect(),
            own,
            interface: members
                .iter()
                .find_map(|at| config.instances.get(*at)?.interface.clone()),
        }
    }

    pub(super) async fn run(&self, step: Step) -> Result<(), String> {
        match step {
            Step::KeepServing => self.keep_serving().await,
            Step::RelayToPartner => self.relay().await,
            Step::StopAnswering => nft::apply(&self.silence()).await,
            Step::StopServing => self.stop_serving().await,
            Step::StopRelay => {
                let rules = ["ip", "ip6"].map(|family| self.without(family, &[""]));
                nft::apply(&rules.concat()).await
            }
        }
    }

    /// Whether the channel's partner is on one link with this node.
    pub(super) async fn check_channel(&self) -> Result<(), String> {
        match self.partner.first() {
            Some(first) => self.partner(first.is_ipv4()).await.map(|_| ()),
            None => Err("no partner".to_owned()),
        }
    }

    /// Whether the packets of every address can be relayed to the partner.
    pub(super) async fn check(&self) -> Result<(), String> {
        if !nft::is_installed() {
            return Err("nftables is not installed".to_owned());
        }
        for is_ipv4 in [true, false] {
            if self.addresses.iter().any(|ip| ip.is_ipv4() == is_ipv4) {
                self.partner(is_ipv4).await?;
            }
        }
        Ok(())
    }

    /// The partner's address of a family, with the interface it is on.
    async fn partner(&self, is_ipv4: bool) -> Result<(IpAddr, String), String> {
        let mut partner = self.partner.iter().filter(|ip| ip.is_ipv4() == is_ipv4);
        let family = if is_ipv4 { "IPv4" } else { "IPv6" };
        let ip = partner.next().ok_or_else(|| {
            format!("no {family} address of the partner is known: name one as 'peer' of handover")
        })?;
        if let (IpAddr::V6(six), Some(dev)) = (ip, &self.interface)
            && six.is_unicast_link_local()
        {
            return Ok((*ip, dev.clone()));
        }
        let output = Process::new("ip")
            .args(["-o", "route", "get", &ip.to_string()])
            .output()
            .await
            .map_err(|error| format!("ip: {error}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let words: Vec<_> = text.split_whitespace().collect();
        let after = |word: &str| {
            let at = words.iter().position(|known| *known == word)?;
            words.get(at + 1)
        };
        match (after("dev"), after("via")) {
            (Some(dev), None) => Ok((*ip, (*dev).to_owned())),
            (_, Some(_)) => Err(format!(
                "the partner {ip} is not on one link with this node"
            )),
            (None, None) => Err(format!("the partner {ip} cannot be reached")),
        }
    }

    async fn keep_serving(&self) -> Result<(), String> {
        for ip in &self.addresses {
            ip_address("replace", *ip).await?;
        }
        Ok(())
    }

    async fn stop_serving(&self) -> Result<(), String> {
        for ip in &self.addresses {
            if has_on_lo(*ip).await {
                ip_address("del", *ip).await?;
            }
        }
        nft::apply(&self.without("arp", &["_in", "_out"])).await
    }

    /// The address on `lo` is not answered for, and this node's own questions do not say that it
    /// is here. IPv6 needs none of it: an address on `lo` is no neighbour's.
    fn silence(&self) -> String {
        let mut text = self.without("arp", &["_in", "_out"]);
        let mine = self.addresses.iter().filter(|ip| ip.is_ipv4());
        let mine: Vec<_> = mine.collect();
        let chain = &self.chain;
        let _ = writeln!(
            text,
            "table arp {TABLE} {{\nchain {chain}_in {{\n\
             type filter hook input priority 0; policy accept;"
        );
        for ip in &mine {
            let _ = writeln!(text, "arp operation request arp daddr ip {ip} drop");
        }
        let _ = writeln!(
            text,
            "}}\nchain {chain}_out {{\ntype filter hook output priority 0; policy accept;"
        );
        for ip in &mine {
            let _ = match self.own {
                Some(own) => writeln!(text, "arp saddr ip {ip} arp saddr ip set {own}"),
                None => writeln!(text, "arp saddr ip {ip} drop"),
            };
        }
        text.push_str("}\n}\n");
        text
    }

    /// Takes chains of this unit away, whether they are there or not.
    fn without(&self, family: &str, parts: &[&str]) -> String {
        let mut text = String::new();
        for part in parts {
            let chain = format!("{}{part}", self.chain);
            let _ = writeln!(
                text,
                "table {family} {TABLE} {{\nchain {chain} {{ }}\n}}\n\
                 flush chain {family} {TABLE} {chain}\ndelete chain {family} {TABLE} {chain}"
            );
        }
        text
    }

    /// After connection tracking: what begins here is accepted, what this node knows is accepted,
    /// what began elsewhere goes to the partner and is never confirmed here.
    async fn relay(&self) -> Result<(), String> {
        let mut text = String::new();
        for (family, is_ipv4) in [("ip", true), ("ip6", false)] {
            let mine = self.addresses.iter().filter(|ip| ip.is_ipv4() == is_ipv4);
            let mine: Vec<_> = mine.collect();
            if mine.is_empty() {
                continue;
            }
            let (partner, dev) = self.partner(is_ipv4).await?;
            text.push_str(&self.without(family, &[""]));
            let _ = writeln!(
                text,
                "table {family} {TABLE} {{\nchain {} {{\n\
                 type filter hook prerouting priority mangle; policy accept;",
                self.chain
            );
            for address in mine {
                let to = format!("{family} daddr {address}");
                let _ = writeln!(
                    text,
                    "{to} tcp flags & (syn | ack) == syn accept\n\
                     {to} ct state established accept\n\
                     {to} meta l4proto tcp dup to {partner} device \"{dev}\"\n\
                     {to} meta l4proto tcp drop"
                );
            }
            text.push_str("}\n}\n");
        }
        nft::apply(&text).await
    }
}

/// Says `Drained` when no connection is left on the addresses.
pub(super) async fn watch_drain(place: Place, handle: Handle, unit: Unit) {
    loop {
        tokio::time::sleep(DRAIN_PERIOD).await;
        if place.addresses.iter().all(|ip| connections(*ip) == 0) {
            handle.send(Command::Handover(unit, HandoverInput::Drained));
        }
    }
}

/// Connections on a local address that are not over.
fn connections(ip: IpAddr) -> usize {
    let (path, wanted) = match ip {
        IpAddr::V4(four) => (
            "/proc/net/tcp",
            format!("{:08X}", u32::from(four).swap_bytes()),
        ),
        IpAddr::V6(six) => {
            let words = six.octets();
            let words = words
                .chunks(4)
                .map(|c| u32::from_be_bytes([c[0], c[1], c[2], c[3]]));
            let hex: String = words.map(|w| format!("{:08X}", w.swap_bytes())).collect();
            ("/proc/net/tcp6", hex)
        }
    };
    // A socket of both families has an IPv4 address as the end of an IPv6 one.
    let mapped = format!("0000000000000000FFFF0000{wanted}");
    let count = |path: &str, wanted: &str| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let open = text.lines().skip(1).filter(|line| {
            let mut words = line.split_whitespace().skip(1);
            let local = words.next().and_then(|word| word.split(':').next());
            let state = words.nth(1).unwrap_or_default();
            local == Some(wanted) && OPEN.contains(&state)
        });
        open.count()
    };
    let mut total = count(path, &wanted);
    if ip.is_ipv4() {
        total += count("/proc/net/tcp6", &mapped);
    }
    total
}

/// Takes away what an interrupted switchover left behind.
pub async fn clean(config: &Config) {
    for family in ["arp", "ip", "ip6"] {
        // Without nft there is nothing of it.
        let _ = nft::apply(&format!(
            "table {family} {TABLE} {{ }}\ndelete table {family} {TABLE}\n"
        ))
        .await;
    }
    let addresses = config.instances.iter().flat_map(|i| i.all_addresses());
    for address in addresses {
        if has_on_lo(address.ip).await {
            let _ = ip_address("del", address.ip).await;
        }
    }
}

async fn has_on_lo(ip: IpAddr) -> bool {
    let output = Process::new("ip")
        .args(["-o", "addr", "show", "dev", "lo", "to", &ip.to_string()])
        .output()
        .await;
    output.is_ok_and(|output| !output.stdout.is_empty())
}

async fn ip_address(what: &str, ip: IpAddr) -> Result<(), String> {
    let prefix = if ip.is_ipv4() { 32 } else { 128 };
    let output = Process::new("ip")
        .args(["addr", what, &format!("{ip}/{prefix}"), "dev", "lo"])
        .output()
        .await
        .map_err(|error| format!("ip: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

const TABLE: &str = "lbd_handover";
const DRAIN_PERIOD: Duration = Duration::from_millis(200);
/// Established, FIN-WAIT-1 and -2, CLOSE-WAIT, LAST-ACK.
const OPEN: &[&str] = &["01", "04", "05", "08", "09"];

//! What is added to this machine during a switchover, and taken away after it.
//!
//! Every step may be done twice and undone twice. The new owner passes packets of connections that
//! began elsewhere to the old one (nftables `dup`); the old owner keeps the address on `lo` without
//! answering for it.

use std::fs;
use std::net::IpAddr;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command as Process;
use vrrp::Command;
use vrrp::engine::Handle;
use vrrp_config::Config;
use vrrp_config::config;
use vrrp_proto::handover::{HandoverInput, Step};
use vrrp_proto::router::Unit;

/// Where the steps of one unit are done.
#[derive(Clone, Debug)]
pub(super) struct Place {
    chain: String,
    /// Addresses with the interface they move between.
    addresses: Vec<(IpAddr, String)>,
    partner: Option<IpAddr>,
}

impl Place {
    pub(super) fn of(unit: Unit, config: &Config, settings: Option<&config::Handover>) -> Self {
        let (kind, at) = match unit {
            Unit::Group(at) => ("g", at),
            Unit::Instance(at) => ("i", at),
        };
        let members = match unit {
            Unit::Group(at) => config
                .groups
                .get(at)
                .map(|g| g.members.clone())
                .unwrap_or_default(),
            Unit::Instance(at) => vec![at],
        };
        let instances = members.iter().filter_map(|at| config.instances.get(*at));
        let addresses = instances.flat_map(|instance| {
            let own = instance.interface.clone().unwrap_or_default();
            instance
                .all_addresses()
                .map(move |a| (a.ip, a.dev.clone().unwrap_or_else(|| own.clone())))
        });
        Self {
            chain: format!("{kind}{at}"),
            addresses: addresses.collect(),
            partner: settings.map(|s| s.peer.ip().to_canonical()),
        }
    }

    pub(super) async fn run(&self, step: Step) -> Result<(), String> {
        match step {
            Step::KeepServing => self.keep_serving().await,
            Step::RelayToPartner => self.relay().await,
            Step::StopServing => self.stop_serving().await,
            Step::StopRelay => nft(&format!("{}\n{}\n", self.empty("ip"), self.empty("ip6"))).await,
        }
    }

    async fn keep_serving(&self) -> Result<(), String> {
        for (ip, dev) in &self.addresses {
            if ip.is_ipv4() {
                set_arp_ignore(dev, "1")?;
            }
            ip_address("replace", *ip).await?;
        }
        Ok(())
    }

    async fn stop_serving(&self) -> Result<(), String> {
        for (ip, dev) in &self.addresses {
            if has_on_lo(*ip).await {
                ip_address("del", *ip).await?;
            }
            if ip.is_ipv4() {
                set_arp_ignore(dev, "0")?;
            }
        }
        Ok(())
    }

    /// A table with an empty chain: what was in it is gone.
    fn empty(&self, family: &str) -> String {
        let chain = &self.chain;
        format!(
            "table {family} {TABLE} {{\n chain {chain} {{\n  type filter hook prerouting priority mangle; }}\n}}\n\
             flush chain {family} {TABLE} {chain}\ndelete chain {family} {TABLE} {chain}"
        )
    }

    /// After connection tracking: what begins here is accepted, what this node knows is accepted,
    /// what began elsewhere goes to the partner and is never confirmed here.
    async fn relay(&self) -> Result<(), String> {
        let partner = self.partner.ok_or("no partner")?;
        let mut text = String::new();
        for (family, is_ipv4) in [("ip", true), ("ip6", false)] {
            let mine = self
                .addresses
                .iter()
                .filter(|(ip, _)| ip.is_ipv4() == is_ipv4);
            let mine: Vec<_> = mine.collect();
            if mine.is_empty() {
                continue;
            }
            if partner.is_ipv4() != is_ipv4 {
                return Err(format!("the partner's address is no {family} address"));
            }
            text.push_str(&self.empty(family));
            text.push_str(&format!(
                "\ntable {family} {TABLE} {{\n chain {} {{\n  type filter hook prerouting priority mangle; policy accept;\n",
                self.chain
            ));
            for (address, dev) in mine {
                let to = format!("{family} daddr {address}");
                text.push_str(&format!(
                    "  {to} tcp flags & (syn | ack) == syn accept\n  \
                     {to} ct state established accept\n  \
                     {to} meta l4proto tcp dup to {partner} device \"{dev}\"\n  \
                     {to} meta l4proto tcp drop\n"
                ));
            }
            text.push_str(" }\n}\n");
        }
        nft(&text).await
    }
}

/// Says `Drained` when no connection is left on the addresses.
pub(super) async fn watch_drain(place: Place, handle: Handle, unit: Unit) {
    loop {
        tokio::time::sleep(DRAIN_PERIOD).await;
        if place.addresses.iter().all(|(ip, _)| connections(*ip) == 0) {
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

/// Whether this machine can do the steps.
pub(super) fn check() -> Result<(), String> {
    let places = ["/usr/sbin/nft", "/sbin/nft", "/usr/local/sbin/nft"];
    if places
        .iter()
        .any(|place| std::path::Path::new(place).exists())
    {
        Ok(())
    } else {
        Err("nftables is not installed".to_owned())
    }
}

/// Takes away what an interrupted switchover left behind.
pub async fn clean(config: &Config) {
    for family in ["ip", "ip6"] {
        // Without nft there is nothing of it.
        let _ = nft(&format!(
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

fn set_arp_ignore(dev: &str, value: &str) -> Result<(), String> {
    if dev.contains('/') {
        return Err(format!("no interface '{dev}'"));
    }
    let path = format!("/proc/sys/net/ipv4/conf/{dev}/arp_ignore");
    fs::write(&path, value).map_err(|error| format!("{path}: {error}"))
}

async fn nft(rules: &str) -> Result<(), String> {
    let mut child = Process::new("nft")
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("nft: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(rules.as_bytes()).await;
    }
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
    match output {
        Ok(Ok(output)) if output.status.success() => Ok(()),
        Ok(Ok(output)) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("nft does not end".to_owned()),
    }
}

const TABLE: &str = "lbd_handover";
const DRAIN_PERIOD: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(2);
/// Established, FIN-WAIT-1 and -2, CLOSE-WAIT, LAST-ACK.
const OPEN: &[&str] = &["01", "04", "05", "08", "09"];

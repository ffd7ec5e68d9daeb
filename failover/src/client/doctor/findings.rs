//! What is wrong with a machine, from its facts alone.

use super::facts::{Facts, File, Owned};

/// Something that is in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// What it is about.
    pub(super) area: &'static str,
    pub(super) what: String,
    /// The command that mends it.
    pub(super) mend: String,
}

/// All of them, the most hindering first.
pub(super) fn of(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    users(facts, &mut found);
    ports(facts, &mut found);
    rivals(facts, &mut found);
    nonlocal(facts, &mut found);
    reserved(facts, &mut found);
    open_files(facts, &mut found);
    firewall(facts, &mut found);
    links(facts, &mut found);
    clock(facts, &mut found);
    permissions(facts, &mut found);
    found
}

fn add(found: &mut Vec<Finding>, area: &'static str, what: String, mend: impl Into<String>) {
    let mend = mend.into();
    found.push(Finding { area, what, mend });
}

fn users(facts: &Facts, found: &mut Vec<Finding>) {
    if !facts.has_user {
        let what = "there is no user lbd, which both daemons run as".to_owned();
        add(found, "user", what, "systemd-sysusers lbd.conf");
    }
}

fn ports(facts: &Facts, found: &mut Vec<Finding>) {
    for listener in &facts.listeners {
        if !facts.binds.contains(&listener.port) || listener.program == "lbd" {
            continue;
        }
        let port = listener.port;
        let (who, mend) = match listener.program.as_str() {
            "" => (
                "another process".to_owned(),
                format!("ss -ltnp 'sport = :{port}'"),
            ),
            name @ ("haproxy" | "nginx" | "apache2" | "httpd" | "caddy" | "traefik") => {
                (name.to_owned(), format!("systemctl disable --now {name}"))
            }
            name => (name.to_owned(), format!("ss -ltnp 'sport = :{port}'")),
        };
        add(
            found,
            "port",
            format!("port {port}, which lbd.cfg binds, is taken by {who}"),
            mend,
        );
    }
}

fn rivals(facts: &Facts, found: &mut Vec<Finding>) {
    let Some(theirs) = &facts.keepalived else {
        return;
    };
    for own in &facts.own {
        for their in theirs {
            let shared = their.addresses.iter().find(|a| own.addresses.contains(a));
            let is_same_router = their.vrid == own.vrid && their.interface == own.interface;
            let what = match shared {
                Some(address) => format!("address {address}"),
                None if is_same_router => format!("VRID {} on {}", own.vrid, own.interface),
                None => continue,
            };
            add(
                found,
                "keepalived",
                format!(
                    "a running keepalived ('{}') has {what} too, as '{}' of failover.conf",
                    their.name, own.name
                ),
                "systemctl disable --now keepalived",
            );
        }
    }
}

fn nonlocal(facts: &Facts, found: &mut Vec<Finding>) {
    let uses = |is_v6: bool| {
        let mut addresses = facts.own.iter().flat_map(|own| &own.addresses);
        addresses.any(|address| address.is_ipv6() == is_v6)
    };
    for (name, is_v6) in [
        ("net.ipv4.ip_nonlocal_bind", false),
        ("net.ipv6.ip_nonlocal_bind", true),
    ] {
        let is_off = facts.settings.get(name).is_some_and(|value| value == "0");
        if is_off && (uses(is_v6) || facts.own.is_empty() && !is_v6) {
            add(
                found,
                "nonlocal_bind",
                format!("{name} is 0: the standby cannot listen on an address it does not hold"),
                format!("sysctl -w {name}=1"),
            );
        }
    }
}

fn reserved(facts: &Facts, found: &mut Vec<Finding>) {
    let range = facts.settings.get("net.ipv4.ip_local_port_range");
    let Some((low, high)) = range.and_then(|range| {
        let mut ends = range.split_whitespace().map(str::parse::<u16>);
        Some((ends.next()?.ok()?, ends.next()?.ok()?))
    }) else {
        return;
    };
    let name = "net.ipv4.ip_local_reserved_ports";
    let kept = facts.settings.get(name).map_or("", String::as_str);
    let mut inside: Vec<_> = facts.binds.clone();
    inside.retain(|port| (low..=high).contains(port) && !is_reserved(kept, *port));
    inside.sort_unstable();
    inside.dedup();
    if inside.is_empty() {
        return;
    }
    let ports: Vec<_> = inside.iter().map(u16::to_string).collect();
    let ports = ports.join(",");
    let all = if kept.is_empty() {
        ports.clone()
    } else {
        format!("{kept},{ports}")
    };
    add(
        found,
        "reserved ports",
        format!(
            "lbd.cfg binds {ports} within the ports of outgoing connections ({low} to {high}): one of \
             those may take it while lbd is not running"
        ),
        format!("sysctl -w {name}={all}"),
    );
}

/// Whether a port stands in `8080,9000-9010`.
fn is_reserved(list: &str, port: u16) -> bool {
    list.split(',').any(|part| {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        match (low.trim().parse::<u16>(), high.trim().parse::<u16>()) {
            (Ok(low), Ok(high)) => (low..=high).contains(&port),
            _ => false,
        }
    })
}

fn open_files(facts: &Facts, found: &mut Vec<Finding>) {
    let (Some(limit), Some(maxconn)) = (facts.open_files, facts.maxconn) else {
        return;
    };
    // One for the client and one for the server, and what listens, logs and checks.
    let needed = maxconn.saturating_mul(2).saturating_add(SPARE_FILES);
    if limit < needed {
        add(
            found,
            "open files",
            format!("lbd may open {limit} files; maxconn {maxconn} needs {needed}"),
            format!("systemctl edit lbd    # [Service] LimitNOFILE={needed}"),
        );
    }
}

fn firewall(facts: &Facts, found: &mut Vec<Finding>) {
    let Some(rules) = &facts.firewall else {
        return;
    };
    if facts.own.is_empty() || !closes_input(rules) || lets_vrrp_in(rules) {
        return;
    }
    let what =
        "the firewall drops what it does not know, and no rule lets VRRP (protocol 112) in: both \
                nodes would own the address"
            .to_owned();
    let mend = if facts.has_firewalld {
        "firewall-cmd --permanent --add-service=lbd-failover && firewall-cmd --reload".to_owned()
    } else {
        format!(
            "nft insert rule {} meta l4proto 112 accept",
            input_chain(rules)
        )
    };
    add(found, "firewall", what, mend);
}

/// Whether a chain that sees arriving packets ends with dropping them.
fn closes_input(rules: &str) -> bool {
    chains(rules).any(|(_, body)| {
        body.contains("hook input")
            && (body.contains("policy drop")
                || body.lines().any(|line| {
                    let line = line.trim();
                    line == "drop" || line.starts_with("reject") || line.ends_with(" counter drop")
                }))
    })
}

fn lets_vrrp_in(rules: &str) -> bool {
    rules.lines().any(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        let names = |word: &&str| {
            let word = word.trim_matches(|c| "{},\"".contains(c));
            word == "112" || word == "vrrp"
        };
        words.contains(&"accept") && words.iter().any(names)
    })
}

/// `inet filter input`: the first chain that closes, for a command.
fn input_chain(rules: &str) -> String {
    chains(rules)
        .find(|(_, body)| body.contains("hook input"))
        .map_or_else(|| "inet filter input".to_owned(), |(name, _)| name)
}

/// Each chain with the family, table and name it is called by.
fn chains(rules: &str) -> impl Iterator<Item = (String, String)> + '_ {
    let mut table = String::new();
    let mut chain: Option<(String, String)> = None;
    rules.lines().filter_map(move |line| {
        let text = line.trim();
        if let Some(name) = text.strip_prefix("table ") {
            table = name.trim_end_matches([' ', '{']).to_owned();
        } else if let Some(name) = text.strip_prefix("chain ") {
            let name = name.trim_end_matches([' ', '{']);
            chain = Some((format!("{table} {name}"), String::new()));
        } else if text == "}" {
            return chain.take();
        } else if let Some((_, body)) = &mut chain {
            body.push_str(text);
            body.push('\n');
        }
        None
    })
}

fn links(facts: &Facts, found: &mut Vec<Finding>) {
    for own in &facts.own {
        let Owned {
            name, interface, ..
        } = own;
        let Some(link) = facts.interfaces.get(interface) else {
            let what = format!("'{name}': there is no interface {interface}");
            add(found, "interface", what, "ip -brief link");
            continue;
        };
        if !link.is_up {
            let what = format!("'{name}': interface {interface} is down");
            add(
                found,
                "interface",
                what,
                format!("ip link set {interface} up"),
            );
        }
        if own.is_unicast {
            continue;
        }
        let why = if facts.is_cloud {
            "this cloud carries no multicast"
        } else if !link.has_multicast {
            "the interface carries no multicast"
        } else {
            continue;
        };
        add(
            found,
            "multicast",
            format!("'{name}' advertises by multicast on {interface}, and {why}"),
            "editor /etc/lbd/failover.conf    # unicast_src_ip OWN, unicast_peer { PARTNER }",
        );
    }
}

fn clock(facts: &Facts, found: &mut Vec<Finding>) {
    if facts.is_clock_synchronized == Some(false) {
        let what =
            "the clock follows no other: certificates, tables and logs of both nodes compare times";
        add(found, "clock", what.to_owned(), "timedatectl set-ntp true");
    }
}

fn permissions(facts: &Facts, found: &mut Vec<Finding>) {
    for File {
        path,
        mode,
        owner,
        has_secret,
        is_directory,
    } in &facts.files
    {
        let Some(mode) = mode else {
            let (what, mend) = if *is_directory {
                (
                    format!("{path} is not there"),
                    "systemd-tmpfiles --create lbd.conf".to_owned(),
                )
            } else {
                (format!("{path} is not there"), format!("editor {path}"))
            };
            add(found, "permissions", what, mend);
            continue;
        };
        if mode & 0o002 != 0 {
            let what = format!("everybody may write {path}");
            add(found, "permissions", what, format!("chmod o-w {path}"));
        } else if *has_secret && mode & 0o004 != 0 {
            let what = format!("everybody may read {path}, in which passwords stand");
            add(found, "permissions", what, format!("chmod o-r {path}"));
        }
        if !is_directory && *owner != 0 {
            let what = format!("{path} belongs to user {owner}, who may change what root runs");
            add(found, "permissions", what, format!("chown root {path}"));
        }
    }
}

/// Descriptors beside those of connections.
const SPARE_FILES: u64 = 100;

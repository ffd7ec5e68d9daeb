use std::collections::BTreeMap;

use super::facts::{Facts, File, Interface, Listener, Owned};
use super::findings::{self, Finding};
use super::{gather, kernel};

/// A machine with nothing in the way.
fn well() -> Facts {
    let setting = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let link = Interface {
        is_up: true,
        has_multicast: true,
    };
    Facts {
        binds: vec![80, 8404],
        settings: BTreeMap::from([
            setting("net.ipv4.ip_nonlocal_bind", "1"),
            setting("net.ipv6.ip_nonlocal_bind", "1"),
            setting("net.ipv4.ip_local_port_range", "32768 60999"),
            setting("net.ipv4.ip_local_reserved_ports", ""),
        ]),
        maxconn: Some(1000),
        open_files: Some(1_048_576),
        firewall: Some(OPEN.to_owned()),
        is_clock_synchronized: Some(true),
        own: vec![router("VI_1", 51, "eth0", "192.0.2.10")],
        interfaces: BTreeMap::from([("eth0".to_owned(), link)]),
        files: vec![file("/etc/lbd/lbd.cfg", Some(0o644), false)],
        has_user: true,
        ..Facts::default()
    }
}

fn router(name: &str, vrid: u8, interface: &str, address: &str) -> Owned {
    Owned {
        name: name.to_owned(),
        vrid,
        interface: interface.to_owned(),
        addresses: vec![address.parse().expect("an address")],
        is_unicast: false,
    }
}

fn file(path: &str, mode: Option<u32>, has_secret: bool) -> File {
    File {
        path: path.to_owned(),
        mode,
        owner: 0,
        has_secret,
        is_directory: false,
    }
}

const OPEN: &str = "table inet filter {\n\tchain input {\n\t\ttype filter hook input priority filter; policy accept;\n\t}\n}\n";
const CLOSED: &str = "table inet filter {\n\tchain input {\n\t\ttype filter hook input priority filter; policy drop;\n\t\ttcp dport 22 accept\n\t}\n}\n";

/// The only finding about this machine.
fn only(change: impl FnOnce(&mut Facts)) -> Finding {
    let mut facts = well();
    change(&mut facts);
    let mut found = findings::of(&facts);
    assert_eq!(found.len(), 1, "{found:#?}");
    found.remove(0)
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    assert_eq!(findings::of(&well()), []);
}

#[test]
fn what_is_not_known_is_not_found() {
    let facts = Facts {
        has_user: true,
        ..Facts::default()
    };
    assert_eq!(findings::of(&facts), []);
}

#[test]
fn a_taken_port_names_who_has_it() {
    let listener = |program: &str| Listener {
        port: 80,
        program: program.to_owned(),
    };
    let finding = only(|facts| facts.listeners = vec![listener("haproxy")]);
    assert_eq!(finding.mend, "systemctl disable --now haproxy");
    let finding = only(|facts| facts.listeners = vec![listener("")]);
    assert_eq!(finding.mend, "ss -ltnp 'sport = :80'");
    let mut facts = well();
    facts.listeners = vec![listener("lbd")];
    assert_eq!(findings::of(&facts), []);
}

#[test]
fn a_keepalived_with_the_same_address_or_router_is_found() {
    let finding =
        only(|facts| facts.keepalived = Some(vec![router("old", 7, "eth1", "192.0.2.10")]));
    assert!(finding.what.contains("address 192.0.2.10"), "{finding:?}");
    let finding =
        only(|facts| facts.keepalived = Some(vec![router("old", 51, "eth0", "192.0.2.9")]));
    assert!(finding.what.contains("VRID 51 on eth0"), "{finding:?}");
    let mut facts = well();
    facts.keepalived = Some(vec![router("old", 51, "eth1", "192.0.2.9")]);
    assert_eq!(findings::of(&facts), []);
}

#[test]
fn nonlocal_bind_is_wanted_for_the_families_in_use() {
    let off = |name: &'static str| {
        move |facts: &mut Facts| {
            facts.settings.insert(name.to_owned(), "0".to_owned());
        }
    };
    let finding = only(off("net.ipv4.ip_nonlocal_bind"));
    assert_eq!(finding.mend, "sysctl -w net.ipv4.ip_nonlocal_bind=1");
    let mut facts = well();
    off("net.ipv6.ip_nonlocal_bind")(&mut facts);
    assert_eq!(findings::of(&facts), []);
    facts.own = vec![router("six", 6, "eth0", "2001:db8::10")];
    assert_eq!(findings::of(&facts).len(), 1);
}

#[test]
fn ports_within_the_outgoing_range_must_be_reserved() {
    let name = "net.ipv4.ip_local_reserved_ports".to_owned();
    let finding = only(|facts| {
        facts.binds.push(40_000);
        facts
            .settings
            .insert(name.clone(), "50000-50010".to_owned());
    });
    assert_eq!(finding.mend, format!("sysctl -w {name}=50000-50010,40000"));
    let mut facts = well();
    facts.binds.push(50_005);
    facts.settings.insert(name, "50000-50010".to_owned());
    assert_eq!(findings::of(&facts), []);
}

#[test]
fn too_few_open_files_are_told_with_what_is_needed() {
    let finding = only(|facts| facts.open_files = Some(1024));
    assert!(finding.mend.contains("LimitNOFILE=2100"), "{finding:?}");
}

#[test]
fn a_closed_firewall_must_let_vrrp_in() {
    let finding = only(|facts| facts.firewall = Some(CLOSED.to_owned()));
    assert_eq!(
        finding.mend,
        "nft insert rule inet filter input meta l4proto 112 accept"
    );
    let finding = only(|facts| {
        facts.firewall = Some(CLOSED.to_owned());
        facts.has_firewalld = true;
    });
    assert!(finding.mend.starts_with("firewall-cmd"), "{finding:?}");
    for rule in [
        "ip protocol vrrp accept",
        "meta l4proto 112 accept",
        "meta l4proto { icmp, vrrp } accept",
    ] {
        let mut facts = well();
        facts.firewall = Some(CLOSED.replace("tcp dport 22 accept", rule));
        assert_eq!(findings::of(&facts), [], "{rule}");
    }
}

#[test]
fn multicast_needs_a_network_that_carries_it() {
    let finding = only(|facts| facts.is_cloud = true);
    assert!(finding.mend.contains("unicast_peer"), "{finding:?}");
    let finding = only(|facts| {
        let link = Interface {
            is_up: true,
            has_multicast: false,
        };
        facts.interfaces.insert("eth0".to_owned(), link);
    });
    assert_eq!(finding.area, "multicast");
    let mut facts = well();
    facts.is_cloud = true;
    facts.own[0].is_unicast = true;
    assert_eq!(findings::of(&facts), []);
}

#[test]
fn missing_and_sleeping_interfaces_are_told_apart() {
    let finding = only(|facts| facts.interfaces.clear());
    assert!(finding.what.contains("no interface eth0"), "{finding:?}");
    let finding = only(|facts| {
        let link = Interface {
            is_up: false,
            has_multicast: true,
        };
        facts.interfaces.insert("eth0".to_owned(), link);
    });
    assert_eq!(finding.mend, "ip link set eth0 up");
}

#[test]
fn a_clock_of_its_own_is_found() {
    let finding = only(|facts| facts.is_clock_synchronized = Some(false));
    assert_eq!(finding.mend, "timedatectl set-ntp true");
}

#[test]
fn permissions_that_give_too_much_are_found() {
    let path = "/etc/lbd/failover.conf";
    let finding = only(|facts| facts.files.push(file(path, Some(0o644), true)));
    assert_eq!(finding.mend, format!("chmod o-r {path}"));
    let finding = only(|facts| facts.files.push(file(path, Some(0o646), false)));
    assert_eq!(finding.mend, format!("chmod o-w {path}"));
    let finding = only(|facts| {
        facts.files.push(File {
            owner: 7,
            ..file(path, Some(0o644), false)
        })
    });
    assert_eq!(finding.mend, format!("chown root {path}"));
    let finding = only(|facts| {
        facts.files.push(File {
            is_directory: true,
            ..file("/run/lbd", None, false)
        });
    });
    assert_eq!(finding.mend, "systemd-tmpfiles --create lbd.conf");
}

#[test]
fn the_user_must_be_there() {
    assert_eq!(
        only(|facts| facts.has_user = false).mend,
        "systemd-sysusers lbd.conf"
    );
}

#[test]
fn ports_and_sockets_are_read_from_their_texts() {
    let text = "frontend a\n  bind :80\n  bind 192.0.2.1:8000-8002,[::1]:443 ssl\n  # bind :1\n  bind unix@/x\n";
    assert_eq!(gather::binds(text), [80, 8000, 8001, 8002, 443]);
    let line = "   0: 0100007F:20D4 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1";
    assert_eq!(gather::listening(line), Some((8404, "4711".to_owned())));
    assert_eq!(gather::listening(&line.replace(" 0A ", " 01 ")), None);
}

#[test]
fn the_example_is_compared_with_the_machine() {
    let advice = kernel::advice();
    assert!(advice.len() >= 14, "{advice:?}");
    let here = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    let text = kernel::comparison(&here("net.core.somaxconn", "4096"));
    assert!(
        text.contains(
            "net.core.somaxconn is 4096, busy machines have 65535\n    Connections that wait"
        ),
        "{text}"
    );
    assert_eq!(
        kernel::comparison(&here("fs.file-max", "9223372036854775807")),
        ""
    );
    assert_eq!(
        kernel::comparison(&here("net.ipv4.tcp_fin_timeout", "15")),
        ""
    );
    assert_ne!(
        kernel::comparison(&here("net.ipv4.tcp_fin_timeout", "60")),
        ""
    );
}

//! lbd-failover beside Debian's keepalived, in both roles.

use crate::setup::eventually;
use nix::sys::signal::Signal;
use support::netns::Lan;

use crate::setup::{Kind, VIP, instance, owned, owned_by, start};

const BOTH: [(Kind, Kind); 2] = [(Kind::Lbd, Kind::Keepalived), (Kind::Keepalived, Kind::Lbd)];

/// The master owns, a stop hands over, a return preempts.
fn in_both_roles(version: u8, more_a: &str, more_b: &str) {
    for (first, second) in BOTH {
        let lan = Lan::new(&["a", "b"]);
        let config_a = instance(version, 150, more_a);
        let mut a = start(&lan, "a", first, &config_a);
        let b = start(&lan, "b", second, &instance(version, 100, more_b));
        owned_by(&lan, "a");
        a.signal(Signal::SIGTERM);
        a.wait();
        owned_by(&lan, "b");
        let a = start(&lan, "a", first, &config_a);
        owned_by(&lan, "a");
        for daemon in [&a, &b] {
            assert!(!daemon.log().contains("refused"), "{}", daemon.log());
        }
    }
}

#[test]
fn version_3_by_multicast() {
    in_both_roles(3, "", "");
}

#[test]
fn version_2_with_a_password() {
    let password = "authentication {
        auth_type PASS
        auth_pass secret12
    }";
    in_both_roles(2, password, password);
}

#[test]
fn unicast_peers() {
    in_both_roles(
        3,
        "unicast_src_ip 10.77.0.11
        unicast_peer {
            10.77.0.12
        }",
        "unicast_src_ip 10.77.0.12
        unicast_peer {
            10.77.0.11
        }",
    );
}

#[test]
fn virtual_mac_addresses() {
    in_both_roles(3, "use_vmac vrrp51", "use_vmac vrrp51");
}

#[test]
fn ipv6() {
    for (first, second) in BOTH {
        let lan = Lan::new(&["a", "b"]);
        let config = |priority| {
            instance(3, priority, "").replace(&format!("{VIP}/32"), "fe80::50/64\nfd77::50/128")
        };
        let mut a = start(&lan, "a", first, &config(150));
        let _b = start(&lan, "b", second, &config(100));
        owned(&lan, "fd77::50", "a");
        a.signal(Signal::SIGTERM);
        a.wait();
        owned(&lan, "fd77::50", "b");
    }
}

#[test]
fn sync_groups_move_as_one() {
    for (first, second) in BOTH {
        let lan = Lan::new(&["a", "b"]);
        for node in ["a", "b"] {
            lan.ip(
                node,
                &["link", "add", "w0", "type", "veth", "peer", "name", "w1"],
            );
            lan.ip(node, &["link", "set", "w0", "up"]);
            lan.ip(node, &["link", "set", "w1", "up"]);
        }
        let config = |priority: u8| {
            let one = instance(3, priority, "track_interface {\n w0\n }");
            let two = instance(3, priority, "")
                .replace("instance V", "instance W")
                .replace("router_id 51", "router_id 52")
                .replace(VIP, "10.77.0.60");
            format!("vrrp_sync_group G {{\n group {{\n V\n W\n }}\n}}\n{one}{two}")
        };
        let _a = start(&lan, "a", first, &config(150));
        let _b = start(&lan, "b", second, &config(100));
        owned_by(&lan, "a");
        owned(&lan, "10.77.0.60", "a");
        // Only one member tracks it; the other follows.
        lan.ip("a", &["link", "set", "w0", "down"]);
        owned_by(&lan, "b");
        owned(&lan, "10.77.0.60", "b");
        lan.ip("a", &["link", "set", "w0", "up"]);
        eventually("both return", || {
            lan.owners(VIP) == ["a"] && lan.owners("10.77.0.60") == ["a"]
        });
    }
}

//! VMAC interfaces of single addresses, beside keepalived's.

use std::path::Path;

use nix::sys::signal::Signal;
use support::netns::Lan;

use crate::setup::{Kind, eventually, start};

/// Interfaces and addresses that a daemon has made: names, what is below, hardware addresses.
fn made(lan: &Lan, node: &str) -> Vec<String> {
    let links = lan.output(node, &["ip", "-o", "link", "show", "type", "macvlan"]);
    let links = links.lines().map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let mac = words.iter().position(|word| *word == "link/ether");
        let mac = mac.and_then(|at| words.get(at + 1)).unwrap_or(&"");
        format!("{} {mac}", words.get(1).unwrap_or(&""))
    });
    let addresses = lan.output(node, &["ip", "-o", "addr", "show"]);
    let is_ours =
        |line: &&str| line.contains("77.0.5") || line.contains("78.0.5") || line.contains("fd7");
    let addresses = addresses.lines().filter(is_ours).map(|line| {
        let words: Vec<&str> = line.split_whitespace().skip(1).take(3).collect();
        words.join(" ")
    });
    let mut all: Vec<String> = links.chain(addresses).collect();
    all.sort();
    all
}

const CONFIG: &str = "vrrp_instance V {
    interface eth0
    version 3
    virtual_router_id 51
    priority 150
    advert_int 0.1
    use_vmac
    ADDR
    virtual_ipaddress {
        10.77.0.50
        10.77.0.51 dev eth0
        10.78.0.52/24 dev eth1 WORD
        10.78.0.53/24 dev eth1
    }
    virtual_ipaddress_excluded {
        fd77::50/64 WORD
        fd78::54/64 dev eth1
        fd77::55/64
    }
}
";

fn second_interface(lan: &Lan, node: &str, at: u8) {
    let name = format!("q{at}");
    lan.ip(
        node,
        &["link", "add", "eth1", "type", "veth", "peer", "name", &name],
    );
    lan.ip(node, &["link", "set", "eth1", "up"]);
    lan.ip(node, &["link", "set", &name, "up"]);
    lan.ip(
        node,
        &["addr", "add", &format!("10.78.0.{at}/24"), "dev", "eth1"],
    );
}

fn same_as_keepalived(addr: &str, word: &str) {
    let config = CONFIG.replace("ADDR", addr).replace("WORD", word);
    // One after the other, as both would be owners.
    let [theirs, ours] = [Kind::Keepalived, Kind::Lbd].map(|kind| {
        let lan = Lan::new(&["a"]);
        second_interface(&lan, "a", 11);
        let before = made(&lan, "a");
        let mut daemon = start(&lan, "a", kind, &config);
        let last = "fd77::55/64";
        eventually("all addresses are there", || {
            made(&lan, "a").iter().any(|line| line.contains(last))
        });
        let found = made(&lan, "a");
        daemon.signal(Signal::SIGTERM);
        daemon.wait();
        assert_eq!(made(&lan, "a"), before, "{kind:?} leaves nothing");
        found
    });
    assert_eq!(ours, theirs);
}

#[test]
fn use_vmac_addr_makes_the_interfaces_that_keepalived_makes() {
    same_as_keepalived("use_vmac_addr", "");
}

#[test]
fn use_vmac_of_an_address_makes_the_interfaces_that_keepalived_makes() {
    same_as_keepalived("", "use_vmac");
}

#[test]
fn interfaces_go_with_the_lines_of_a_reload() {
    let lan = Lan::new(&["a"]);
    second_interface(&lan, "a", 11);
    let config = CONFIG.replace("ADDR", "use_vmac_addr").replace("WORD", "");
    let daemon = start(&lan, "a", Kind::Lbd, &config);
    let has = |text: &str| made(&lan, "a").iter().any(|line| line.contains(text));
    eventually("the address is there", || has("vrrp2.51 inet6 fd78::54"));
    let less = config.replace("        fd78::54/64 dev eth1\n", "");
    lan.temp().write(Path::new("a.conf"), less);
    daemon.signal(Signal::SIGHUP);
    eventually("its interface is gone", || !has("vrrp2.51"));
    assert!(has("vrrp1.51 inet 10.78.0.52"), "{:?}", made(&lan, "a"));
}

//! A node whose processes are all frozen stops answering for the address.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::arp::Prober;
use support::netns::Lan;

use crate::setup::{Kind, VIP, eventually, instance, owned_by, start};

const A: [u8; 6] = [0x02, 0x77, 0, 0, 0, 0x11];
const B: [u8; 6] = [0x02, 0x77, 0, 0, 0, 0x12];

fn vip() -> Ipv4Addr {
    VIP.parse().expect("an address")
}

#[test]
fn a_node_that_is_frozen_whole_does_not_answer_for_the_address() {
    let lan = Lan::new(&["a", "b", "probe"]);
    let _a = start(&lan, "a", Kind::Lbd, &instance(3, 150, ""));
    let _b = start(&lan, "b", Kind::Lbd, &instance(3, 100, ""));
    owned_by(&lan, "a");
    let prober = Prober::start(&lan, "probe", vip());
    let answers = |from: Instant, owner: [u8; 6]| {
        let probes = prober.since(from);
        probes.len() > 20 && probes.iter().rev().take(20).all(|p| p.owners == [owner])
    };
    let begun = Instant::now();
    eventually("a answers", || answers(begun, A));
    // Guardian included: nobody can take the address away.
    lan.signal("a", Signal::SIGSTOP);
    let begun = Instant::now();
    eventually("b alone answers", || answers(begun, B));
    assert!(lan.has("a", VIP), "the frozen node still has the address");
    lan.signal("a", Signal::SIGCONT);
    let begun = Instant::now();
    eventually("a alone answers again", || answers(begun, A));
    owned_by(&lan, "a");
}

#[test]
fn solicitations_for_an_ipv6_address_are_answered_while_it_is_advertised_only() {
    let lan = Lan::new(&["a", "probe"]);
    let config = instance(3, 150, "").replace(&format!("{VIP}/32"), "fe80::50/64\nfd77::50/128");
    let _a = start(&lan, "a", Kind::Lbd, &config);
    crate::setup::owned(&lan, "fd77::50", "a");
    // Nothing listens there: a refusal is an answer.
    let is_answered = || {
        let ns = lan.ns("probe");
        let _ = Command::new("ip")
            .args(["-n", &ns, "neigh", "flush", "dev", "eth0"])
            .output();
        let refused = lan.within("probe", || {
            let to = "[fd77::50]:9".parse().expect("an address");
            let error = TcpStream::connect_timeout(&to, Duration::from_millis(500)).err();
            error.is_some_and(|e| e.kind() == ErrorKind::ConnectionRefused)
        });
        refused.join().expect("it tries")
    };
    eventually("it is answered", is_answered);
    lan.signal("a", Signal::SIGSTOP);
    eventually("it is not answered", || !is_answered());
    assert!(lan.has("a", "fd77::50"));
    lan.signal("a", Signal::SIGCONT);
    eventually("it is answered again", is_answered);
}

#[test]
fn the_fence_is_gone_after_a_stop_and_after_a_clean() {
    let lan = Lan::new(&["a"]);
    let rules = || lan.output("a", &["nft", "list", "tables"]);
    let mut a = start(&lan, "a", Kind::Lbd, &instance(3, 150, ""));
    owned_by(&lan, "a");
    eventually("it is there", || rules().contains("lbd_fence"));
    a.signal(Signal::SIGTERM);
    a.wait();
    assert!(!rules().contains("lbd_fence"), "{}", rules());
    let _a = start(&lan, "a", Kind::Lbd, &instance(3, 150, ""));
    owned_by(&lan, "a");
    lan.signal("a", Signal::SIGKILL);
    let file = lan.temp().path().join("a.conf");
    let file = file.to_str().expect("a path of the tests' own");
    let program = crate::setup::lbd_failover();
    let mut clean = lan.spawn("a", program, &["--clean", "-f", file]);
    assert_eq!(clean.wait(), Some(0), "{}", clean.log());
    assert!(!rules().contains("lbd_fence"), "{}", rules());
}

#[test]
fn an_interface_that_is_made_again_is_fenced_again() {
    let lan = Lan::new(&["a"]);
    let ip = |words: &str| lan.ip("a", &words.split_whitespace().collect::<Vec<_>>());
    let make = || {
        ip("link add w0 type veth peer name w1");
        ip("addr add 192.0.2.1/24 dev w0");
        ip("link set w0 up");
        ip("link set w1 up");
    };
    make();
    let config = instance(3, 150, "").replace("interface eth0", "interface w0");
    let _a = start(&lan, "a", Kind::Lbd, &config);
    owned_by(&lan, "a");
    let rules = || lan.output("a", &["nft", "list", "ruleset"]);
    eventually("it is fenced", || rules().contains("device \"w0\""));
    ip("link del w0");
    eventually("its rules are gone with it", || {
        !rules().contains("device \"w0\"")
    });
    make();
    eventually("it is fenced again", || rules().contains("device \"w0\""));
    owned_by(&lan, "a");
}

//! What is seen from outside: `lbctl`, Prometheus, dumps.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use nix::sys::signal::Signal;
use support::netns::Lan;

use crate::setup::{Kind, VIP, eventually, instance, lbctl, owned_by, start};

#[test]
fn lbctl_says_who_owns_what_and_why() {
    let lan = Lan::new(&["a"]);
    let _a = start(&lan, "a", Kind::Lbd, &instance(3, 150, ""));
    owned_by(&lan, "a");
    let run = |words: &[&str]| lbctl(&lan, "a", words);
    let text = run(&["status"]);
    assert!(text.contains("V (vrid 51 on eth0): MASTER"), "{text}");
    assert!(
        text.contains("because: the master was not heard any more"),
        "{text}"
    );
    let value: serde_json::Value = serde_json::from_str(&run(&["status", "--json"])).expect("JSON");
    assert_eq!(value["instances"][0]["state"], "MASTER");
    assert_eq!(value["instances"][0]["placed"][0], VIP);
}

#[test]
fn prometheus_reads_states_and_counters() {
    let lan = Lan::new(&["a"]);
    let config = format!(
        "global_defs {{\n prometheus 10.77.0.11:9650\n}}\n{}",
        instance(3, 150, "")
    );
    let _a = start(&lan, "a", Kind::Lbd, &config);
    owned_by(&lan, "a");
    let page = lan.within("a", || {
        let mut stream = TcpStream::connect("10.77.0.11:9650").expect("connect");
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n")
            .expect("write");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("read");
        text
    });
    let page = page.join().expect("a page");
    assert!(
        page.contains("keepalived_vrrp_state{iname=\"V\",intf=\"eth0\",vrid=\"51\"} 2"),
        "{page}"
    );
    assert!(
        page.contains("keepalived_advertisements_sent_total{"),
        "{page}"
    );
}

#[test]
fn signals_write_dumps_in_keepaliveds_words() {
    let lan = Lan::new(&["a"]);
    let a = start(&lan, "a", Kind::Lbd, &instance(3, 150, ""));
    owned_by(&lan, "a");
    let within = |path: &str| format!("/proc/{}/root{path}", a.pid());
    a.signal(Signal::SIGUSR1);
    a.signal(Signal::SIGUSR2);
    eventually("both are written", || {
        let read = |path: &str| fs::read_to_string(within(path)).unwrap_or_default();
        read("/tmp/keepalived.data")
            .contains(" VRRP Instance = V\n   VRRP Version = 3\n   State = MASTER")
            && read("/tmp/keepalived.stats").contains("  Became master: 1")
    });
}

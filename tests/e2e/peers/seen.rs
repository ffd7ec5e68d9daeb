//! How peers do, as operators and scrapes see it, and that seeing it needs nobody's turn.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::hostile::{Fake, message};
use super::*;

/// The service of metrics beside a section.
const METRICS: &str = "frontend metrics\n    bind <metrics>\n    http-request use-service \
                       prometheus-exporter\n";

fn seen(name: &str, ports: &[(&str, u16)]) -> Proxy {
    let lines: String = ports
        .iter()
        .map(|(name, port)| format!("    peer {name} 127.0.0.1:{port}\n"))
        .collect();
    let text = format!(
        "global\n    stats socket <runtime> level admin\ndefaults\n    mode http\n    timeout \
         connect 2s\n    timeout client 5s\n    timeout server 5s\npeers P\n{lines}{METRICS}\
         backend t1\n    stick-table type ip size 2m expire 1h store gpc0 peers P\n"
    );
    Proxy::of(Program::Lbd, text)
        .args(&["-db", "-L", name])
        .listener("metrics")
        .start()
}

/// The value of a series of the scope `peers`.
fn series(proxy: &Proxy, name: &str) -> Option<u64> {
    let text = Client::fetch(proxy.address("metrics"), "/metrics?scope=peers").text();
    let line = text
        .lines()
        .find(|line| line.starts_with(&format!("{name} ")));
    line?.rsplit_once(' ')?.1.parse().ok()
}

#[test]
fn what_peers_were_told_and_what_was_not_sure_is_shown() {
    let ports = [("A", free_port()), ("B", free_port())];
    let (a, b) = (seen("A", &ports), seen("B", &ports));
    connected(&a, 1);
    connected(&b, 1);
    a.runtime("set table t1 key 192.0.2.1 data.gpc0 5");
    eventually("B has it", PATIENCE, || used(&b, "t1") == 1);
    let to_b = "{peers=\"P\",peer=\"B\"}";
    eventually("A knows that B has it", PATIENCE, || {
        series(&a, &format!("lbd_peer_updates_unacknowledged{to_b}")) == Some(0)
    });
    for (name, wanted) in [
        ("lbd_peer_up", 1),
        ("lbd_peer_updates_dropped_total", 0),
        ("lbd_peer_updates_refused_total", 0),
        ("lbd_peer_protocol_errors_total", 0),
    ] {
        assert_eq!(series(&a, &format!("{name}{to_b}")), Some(wanted), "{name}");
    }
    // In the lesson of the beginning, or after it.
    let sent = series(&a, &format!("lbd_peer_updates_sent_total{to_b}"));
    assert!(sent >= Some(1), "{sent:?}");
    assert_eq!(series(&a, "lbd_peer_up{peers=\"P\",peer=\"A\"}"), None);
    assert_eq!(series(&a, "lbd_peers_unsure_total{peers=\"P\"}"), Some(0));
    let shown = a.runtime("show peers");
    assert!(
        shown.contains(" task_calls=0 unsure=0 strangers=0\n"),
        "{shown}"
    );
    assert!(shown.contains("updates: sent="), "{shown}");
    drop(b);
    eventually("B is gone", PATIENCE, || {
        series(&a, &format!("lbd_peer_up{to_b}")) == Some(0)
    });
}

/// A peer that tells of entries without a pause is in nobody's way, and neither is who reads a long
/// answer slowly.
#[test]
fn commands_are_answered_while_a_lesson_is_had() {
    let port = free_port();
    let ports = [("A", port), ("X", free_port())];
    let proxy = seen("A", &ports);
    let mut fake = Fake::open(port);
    let mut definition = vec![1, 2];
    definition.extend_from_slice(b"t1\x04\x04\x04\0");
    let mut bytes = message(0x82, &definition);
    for n in 0..100_000_u32 {
        let mut body = (n + 1).to_be_bytes().to_vec();
        body.extend_from_slice(&n.to_be_bytes());
        body.push(1);
        bytes.extend(message(0x80, &body));
    }
    let is_over = Arc::new(AtomicBool::new(false));
    let until = Arc::clone(&is_over);
    let teaching = std::thread::spawn(move || {
        while !until.load(Ordering::Relaxed) {
            fake.send(&bytes);
        }
    });
    let peer = "{peers=\"P\",peer=\"X\"}";
    eventually("a lesson is had", PATIENCE, || {
        series(&proxy, &format!("lbd_peer_updates_received_total{peer}")) > Some(30_000)
    });
    let mut slow = proxy.runtime_stream();
    slow.write_all(b"show table t1\n").expect("a command");
    for _ in 0..20 {
        let shown = proxy.runtime("show peers");
        assert!(shown.contains("updates: sent="), "{shown}");
        assert!(proxy.runtime("show info").contains("Name:"));
        assert!(
            proxy
                .runtime("show table t1 key 0.0.0.7")
                .contains("gpc0=1")
        );
        let up = series(&proxy, &format!("lbd_peer_up{peer}"));
        assert!(up.is_some());
    }
    eventually("all are there", PATIENCE, || used(&proxy, "t1") == 100_000);
    let dump = proxy.runtime("show table t1");
    assert_eq!(dump.matches("gpc0=1").count(), 100_000);
    is_over.store(true, Ordering::Relaxed);
    teaching.join().expect("it ends");
}

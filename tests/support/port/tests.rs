use std::collections::BTreeSet;
use std::net::{TcpListener, UdpSocket};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::{claim, free_port};

#[test]
fn no_port_is_given_twice_and_each_can_be_bound() {
    let ports: BTreeSet<u16> = (0..50).map(|_| free_port()).collect();
    assert_eq!(ports.len(), 50);
    for port in ports {
        TcpListener::bind(("127.0.0.1", port)).expect("a free port can be bound");
        assert!(
            claim(port).is_none(),
            "port {port} is still claimed for this process"
        );
    }
}

#[test]
fn a_port_can_be_bound_while_other_threads_start_programs() {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let _ = Command::new("true").status();
                }
            });
        }
        let refused: Vec<_> = (0..100)
            .map(|_| free_port())
            .filter(|&port| UdpSocket::bind(("127.0.0.1", port)).is_err())
            .collect();
        over.store(true, Ordering::Relaxed);
        assert!(refused.is_empty(), "in use: {refused:?}");
    });
}

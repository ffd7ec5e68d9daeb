use std::net::TcpListener;
use std::process;
use std::time::Duration;

use super::listens;

#[test]
fn a_listener_is_seen_and_its_absence_too() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("an address");
    assert!(listens(process::id(), address));
    drop(listener);
    // A program that another test starts may hold the descriptor until its `exec`.
    crate::eventually("the port is free", Duration::from_secs(5), || {
        !listens(process::id(), address)
    });
}

#[test]
fn a_wildcard_listener_counts_for_each_address() {
    let listener = TcpListener::bind("0.0.0.0:0").expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    assert!(listens(process::id(), ([127, 0, 0, 1], port).into()));
    assert!(!listens(process::id(), ([127, 0, 0, 1], 1).into()));
}

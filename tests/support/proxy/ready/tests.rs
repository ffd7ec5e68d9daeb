use std::net::TcpListener;
use std::process;

use super::listens;

#[test]
fn a_listener_is_seen_and_its_absence_too() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("an address");
    assert!(listens(process::id(), address));
    drop(listener);
    assert!(!listens(process::id(), address));
}

#[test]
fn a_wildcard_listener_counts_for_each_address() {
    let listener = TcpListener::bind("0.0.0.0:0").expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    assert!(listens(process::id(), ([127, 0, 0, 1], port).into()));
    assert!(!listens(process::id(), ([127, 0, 0, 1], 1).into()));
}

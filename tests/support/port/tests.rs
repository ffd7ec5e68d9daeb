use std::collections::BTreeSet;
use std::net::TcpListener;

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

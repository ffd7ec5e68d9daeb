//! The kernel's tables of TCP and UDP sockets.
//!
//! It opens no socket.

use std::collections::BTreeSet;
use std::fs;

/// The ports that sockets of this network namespace have, in any state and on any address.
pub(super) fn used_ports() -> BTreeSet<u16> {
    ["tcp", "tcp6", "udp", "udp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(format!("/proc/self/net/{table}")).ok())
        .flat_map(|text| {
            text.lines()
                .skip(1)
                .filter_map(local_port)
                .collect::<Vec<_>>()
        })
        .collect()
}

/// `sl local_address rem_address st …`, a port in hexadecimal digits after the address.
fn local_port(line: &str) -> Option<u16> {
    let local = line.split_whitespace().nth(1)?;
    u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok()
}

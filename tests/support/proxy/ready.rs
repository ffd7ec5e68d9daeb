//! Whether a process listens on a port, without connecting to it.
//!
//! It does not connect: a connection would be counted, logged and balanced.

use std::fs;
use std::net::{IpAddr, SocketAddr};

/// The state LISTEN in /proc/net/tcp.
const LISTEN: &str = "0A";

/// Whether something in the network namespace of `pid` listens at `address`, or at its port on the
/// wildcard address.
pub(super) fn listens(pid: u32, address: SocketAddr) -> bool {
    ["tcp", "tcp6"].iter().any(|table| {
        fs::read_to_string(format!("/proc/{pid}/net/{table}"))
            .is_ok_and(|text| text.lines().skip(1).any(|line| is_listener(line, address)))
    })
}

/// `sl local_address rem_address st …`, addresses as hexadecimal words of the host's byte order.
fn is_listener(line: &str, address: SocketAddr) -> bool {
    let mut columns = line.split_whitespace().skip(1);
    let (Some(local), Some(state)) = (columns.next(), columns.nth(1)) else {
        return false;
    };
    let Some((ip, port)) = local.rsplit_once(':') else {
        return false;
    };
    let same_ip = ip.bytes().all(|b| b == b'0')
        || match address.ip() {
            IpAddr::V4(v4) => ip == format!("{:08X}", u32::from_ne_bytes(v4.octets())),
            IpAddr::V6(_) => ip.len() == 32,
        };
    state == LISTEN && same_ip && u16::from_str_radix(port, 16) == Ok(address.port())
}

#[cfg(test)]
mod tests;

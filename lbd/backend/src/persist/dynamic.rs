//! Cookie values made from addresses, and addresses read from RDP cookies.
//!
//! It resolves nothing.

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};

/// The value of a `dynamic` cookie: 16 hexadecimal digits over key, address and port.
pub fn dynamic_cookie(key: &str, addr: IpAddr, port: u16) -> String {
    let mut input = key.as_bytes().to_vec();
    match addr {
        IpAddr::V4(v4) => input.extend_from_slice(&v4.octets()),
        IpAddr::V6(v6) => input.extend_from_slice(&v6.octets()),
    }
    input.extend_from_slice(&u32::from(port).to_be_bytes());
    format!("{:016x}", xxhash_rust::xxh64::xxh64(&input, 0))
}

/// The server that an `msts` cookie names (`persist rdp-cookie`): address and port as decimal
/// numbers in little-endian order, then `.0000`.
pub fn rdp_target(value: &[u8]) -> Option<SocketAddrV4> {
    let mut parts = value.split(|&b| b == b'.');
    let mut number = || {
        let text = std::str::from_utf8(parts.next()?).ok()?;
        text.parse::<u32>().ok()
    };
    let (addr, port) = (number()?, number()?);
    parts.next()?;
    let port = u16::try_from(port).ok()?.swap_bytes();
    Some(SocketAddrV4::new(Ipv4Addr::from(addr.to_le_bytes()), port))
}

//! NetScaler's client IP header: what stands before the first byte of a connection.
//!
//! It reads addresses only and trusts whoever is let to send it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Source, destination and length of a complete header; `None` when bytes are missing.
///
/// Two layouts exist: the legacy one (magic, length, IP header, TCP header) and the standard one
/// (magic, length, then an id, a length and a version before those).
pub(crate) fn decode(
    input: &[u8],
    magic: u32,
) -> Result<Option<(SocketAddr, SocketAddr, usize)>, ()> {
    let Some(fixed) = input.first_chunk::<8>() else {
        return Ok(None);
    };
    if fixed[..4] != magic.to_be_bytes() {
        return Err(());
    }
    let len = u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]) as usize;
    let standard = len == 0;
    let (start, end) = if standard {
        let Some(more) = input.get(8..12) else {
            return Ok(None);
        };
        let total = usize::from(u16::from_be_bytes([more[0], more[1]]));
        (12, total.max(12))
    } else {
        (8, 8 + len)
    };
    if end > MAX_LEN {
        return Err(());
    }
    let Some(packet) = input.get(start..end) else {
        return Ok(None);
    };
    let (source, destination, ports) = match packet.first().map(|byte| byte >> 4) {
        Some(4) => {
            let head = packet.first_chunk::<20>().ok_or(())?;
            let ip = |at: usize| {
                IpAddr::V4(Ipv4Addr::new(
                    head[at],
                    head[at + 1],
                    head[at + 2],
                    head[at + 3],
                ))
            };
            (ip(12), ip(16), usize::from(head[0] & 15) * 4)
        }
        Some(6) => {
            let head = packet.first_chunk::<40>().ok_or(())?;
            let ip = |at: usize| {
                let mut bytes = [0; 16];
                bytes.copy_from_slice(&head[at..at + 16]);
                IpAddr::V6(Ipv6Addr::from(bytes))
            };
            (ip(8), ip(24), 40)
        }
        _ => return Err(()),
    };
    let tcp = packet
        .get(ports..)
        .and_then(|rest| rest.first_chunk::<4>())
        .ok_or(())?;
    let source = SocketAddr::new(source, u16::from_be_bytes([tcp[0], tcp[1]]));
    let destination = SocketAddr::new(destination, u16::from_be_bytes([tcp[2], tcp[3]]));
    Ok(Some((source, destination, end)))
}

/// Longest header: both packet headers with all their options.
const MAX_LEN: usize = 512;

#[cfg(test)]
mod tests;

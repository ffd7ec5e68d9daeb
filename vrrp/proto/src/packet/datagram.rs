//! What an advertisement travels in: the addresses and the hop limit of an IP packet.
//!
//! It reads IPv4 headers, which raw sockets deliver; for IPv6 the kernel gives the parts.

use std::net::{IpAddr, Ipv4Addr};

use super::{Family, PROTOCOL, PROTOCOL_AH, Rejection};

/// A received packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// The sender.
    pub source: IpAddr,
    /// The group, or one of our addresses.
    pub destination: IpAddr,
    /// TTL or hop limit; `None` when the kernel did not say.
    pub hops: Option<u8>,
    /// What follows the IP header.
    pub payload: &'a [u8],
}

impl<'a> Datagram<'a> {
    /// From an IPv4 packet with its header. The header's total length is trusted, not the length
    /// received: short frames are padded.
    pub fn from_ipv4(packet: &'a [u8]) -> Result<Self, Rejection> {
        let header: &[u8; IPV4_HEADER] = packet.first_chunk().ok_or(Rejection::IpHeader)?;
        let length = usize::from(header[0] & 0x0f) * 4;
        let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
        if header[0] >> 4 != 4 || length < IPV4_HEADER || total < length {
            return Err(Rejection::IpHeader);
        }
        let payload = packet.get(length..total).ok_or(Rejection::IpLength)?;
        // More fragments, or an offset: the kernel reassembles, so this never is a whole packet.
        if u16::from_be_bytes([header[6], header[7]]) & 0x3fff != 0 {
            return Err(Rejection::Fragment);
        }
        match header[9] {
            PROTOCOL => {}
            PROTOCOL_AH => return Err(Rejection::AuthenticationHeader),
            _ => return Err(Rejection::Protocol),
        }
        let address = |at: usize| {
            IpAddr::V4(Ipv4Addr::new(
                header[at],
                header[at + 1],
                header[at + 2],
                header[at + 3],
            ))
        };
        Ok(Self {
            source: address(12),
            destination: address(16),
            hops: Some(header[8]),
            payload,
        })
    }

    /// The family of the addresses.
    pub fn family(&self) -> Family {
        Family::of(self.destination)
    }
}

const IPV4_HEADER: usize = 20;

//! Networks: an address with a prefix length or a mask.
//!
//! It matches addresses; lists of networks are the rules' work.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses that agree with one in the bits of a mask. IPv4 masks may have holes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Network {
    /// IPv4.
    V4 {
        /// Address, with the bits outside of the mask cleared.
        address: Ipv4Addr,
        /// Mask.
        mask: Ipv4Addr,
    },
    /// IPv6.
    V6 {
        /// Address, with the bits outside of the prefix cleared.
        address: Ipv6Addr,
        /// Length of the prefix, 0 to 128.
        prefix: u8,
    },
}

impl Network {
    /// Whether `address` lies in it; an IPv4 address mapped into IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self, address.to_canonical()) {
            (Self::V4 { address, mask }, IpAddr::V4(other)) => {
                other.to_bits() & mask.to_bits() == address.to_bits()
            }
            (Self::V6 { address, prefix }, IpAddr::V6(other)) => {
                other.to_bits() & mask6(*prefix) == address.to_bits()
            }
            _ => false,
        }
    }
}

fn mask6(prefix: u8) -> u128 {
    u128::MAX
        .checked_shl(128 - u32::from(prefix.min(128)))
        .unwrap_or(0)
}

/// Reads `10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `2001:db8::/32`, or an address alone, which is a
/// network of one.
///
/// # Errors
/// The text that follows the keyword's name.
pub fn parse_network(text: &str) -> Result<Network, String> {
    let invalid = || format!("'{text}' is not a valid IPv4 or IPv6 address or network");
    let (address, mask) = match text.split_once('/') {
        Some((address, mask)) => (address, Some(mask)),
        None => (text, None),
    };
    let bits = |max: u8| match mask {
        None => Some(max),
        Some(mask) if mask.bytes().all(|b| b.is_ascii_digit()) => {
            mask.parse::<u8>().ok().filter(|bits| *bits <= max)
        }
        Some(_) => None,
    };
    if let Ok(address) = address.parse::<Ipv4Addr>() {
        let mask = match (bits(32), mask) {
            (Some(bits), _) => u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0),
            (None, Some(mask)) => mask.parse::<Ipv4Addr>().map_err(|_| invalid())?.to_bits(),
            (None, None) => return Err(invalid()),
        };
        return Ok(Network::V4 {
            address: Ipv4Addr::from_bits(address.to_bits() & mask),
            mask: Ipv4Addr::from_bits(mask),
        });
    }
    let address: Ipv6Addr = address.parse().map_err(|_| invalid())?;
    let prefix = bits(128).ok_or_else(invalid)?;
    Ok(Network::V6 {
        address: Ipv6Addr::from_bits(address.to_bits() & mask6(prefix)),
        prefix,
    })
}

//! Advertisements on the wire: VRRP version 2 (RFC 3768) and 3 (RFC 9568), IPv4 and IPv6.
//!
//! It does not judge whether an advertisement is meant for an instance: see `instance::receive`.

pub mod auth;
pub mod checksum;
mod datagram;
pub mod hmac;
mod rejection;
mod sender;
mod v2;
mod v3;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU8;
use std::time::Duration;

pub use datagram::Datagram;
pub use rejection::{Rejection, Rejections};
pub use sender::{Sender, Target, Transmit};

use hmac::Trailer;

/// The protocol's version. Version 2 knows IPv4 and whole seconds only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// RFC 3768, with the authentication of RFC 2338 that keepalived kept.
    V2,
    /// RFC 9568 (before it RFC 5798).
    V3,
}

impl Version {
    /// The number in the first nibble of a packet.
    pub const fn number(self) -> u8 {
        match self {
            Self::V2 => 2,
            Self::V3 => 3,
        }
    }
}

/// The address family of an instance: of its virtual addresses and of its packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

impl Family {
    /// The family an address belongs to.
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::Ipv4,
            IpAddr::V6(_) => Self::Ipv6,
        }
    }

    /// The bytes an address takes in a packet.
    pub const fn address_length(self) -> usize {
        match self {
            Self::Ipv4 => 4,
            Self::Ipv6 => 16,
        }
    }

    /// The multicast group of RFC 9568 §5.1.1.2 and §5.1.2.2.
    pub const fn group(self) -> IpAddr {
        match self {
            Self::Ipv4 => IpAddr::V4(GROUP_IPV4),
            Self::Ipv6 => IpAddr::V6(GROUP_IPV6),
        }
    }
}

/// A virtual router's identifier, 1 to 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Vrid(NonZeroU8);

impl Vrid {
    /// None for 0, which RFC 9568 §5.2.3 does not allow.
    pub const fn new(number: u8) -> Option<Self> {
        match NonZeroU8::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number, 1 to 255.
    pub const fn number(self) -> u8 {
        self.0.get()
    }
}

/// A priority as advertised (RFC 9568 §5.2.4); the higher one wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Priority(pub u8);

impl Priority {
    /// The master gives the addresses up.
    pub const RELEASE: Self = Self(0);
    /// The least a router that takes part can have.
    pub const LOWEST: Self = Self(1);
    /// What a backup has when nothing is said.
    pub const DEFAULT: Self = Self(100);
    /// The most a router that does not own the addresses can have.
    pub const HIGHEST: Self = Self(254);
    /// The router that owns the addresses.
    pub const OWNER: Self = Self(255);

    /// Whether this is the address owner's priority.
    pub fn is_owner(self) -> bool {
        self == Self::OWNER
    }
}

/// A time on the wire in hundredths of a second; version 2 uses whole seconds only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Centisecs(pub u16);

impl Centisecs {
    /// The longest interval version 3 can say (12 bits).
    pub const MAX_V3: Self = Self(4095);
    /// The longest interval version 2 can say (255 seconds).
    pub const MAX_V2: Self = Self(25_500);

    /// The same as a duration.
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0 as u64 * 10)
    }
}

/// A decoded advertisement; it borrows the bytes it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advertisement<'a> {
    /// The version of the packet.
    pub version: Version,
    /// The virtual router.
    pub vrid: Vrid,
    /// The sender's priority, 0 when it gives up.
    pub priority: Priority,
    /// The sender's advertisement interval, never 0.
    pub interval: Centisecs,
    /// The virtual addresses.
    pub addresses: Addresses<'a>,
    /// Version 2's authentication; `None` in version 3.
    pub auth: auth::Field<'a>,
    /// What keepalived's `auth_hmac` appends.
    pub trailer: Option<Trailer<'a>>,
    /// The packet without the trailer.
    pub pdu: &'a [u8],
}

/// The addresses of an advertisement, in the sender's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses<'a> {
    family: Family,
    bytes: &'a [u8],
}

impl<'a> Addresses<'a> {
    /// How many there are, 0 to 255.
    pub fn len(self) -> usize {
        self.bytes.len() / self.family.address_length()
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.bytes.is_empty()
    }

    /// The addresses in the sender's order.
    pub fn iter(self) -> impl Iterator<Item = IpAddr> + 'a {
        self.bytes
            .chunks_exact(self.family.address_length())
            .filter_map(address)
    }

    /// Whether these are the same addresses as `others`, in whatever order.
    pub fn are(self, others: &[IpAddr]) -> bool {
        self.len() == others.len()
            && others
                .iter()
                .all(|other| self.iter().any(|address| address == *other))
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::V4(Ipv4Addr::from(four)));
    }
    let sixteen = <[u8; 16]>::try_from(bytes).ok()?;
    Some(IpAddr::V6(Ipv6Addr::from(sixteen)))
}

impl<'a> Advertisement<'a> {
    /// Reads the payload of an IP packet.
    ///
    /// Checked are version, type, identifier, interval and that the length is exactly what the
    /// count of addresses makes of it, with or without a trailer (RFC 9568 §7.1). The checksum is
    /// for [`checksum::verify`], which needs the addresses of the IP header.
    pub fn decode(family: Family, payload: &'a [u8]) -> Result<Self, Rejection> {
        let header: &[u8; HEADER] = payload.first_chunk().ok_or(Rejection::TooShort)?;
        let version = match header[0] >> 4 {
            2 if family == Family::Ipv4 => Version::V2,
            3 => Version::V3,
            _ => return Err(Rejection::Version),
        };
        if header[0] & 0x0f != ADVERTISEMENT {
            return Err(Rejection::Type);
        }
        let vrid = Vrid::new(header[1]).ok_or(Rejection::Vrid)?;
        let after_addresses = HEADER + usize::from(header[3]) * family.address_length();
        let auth_length = match version {
            Version::V2 => auth::LENGTH,
            Version::V3 => 0,
        };
        let (pdu, rest) = payload
            .split_at_checked(after_addresses + auth_length)
            .ok_or(Rejection::CountLength)?;
        let trailer = match rest.len() {
            0 => None,
            _ => Some(Trailer::decode(rest).ok_or(Rejection::CountLength)?),
        };
        let (interval, auth) = match version {
            Version::V2 => v2::fields(header, &pdu[after_addresses..])?,
            Version::V3 => (v3::interval(header), auth::Field::None),
        };
        if interval.0 == 0 {
            return Err(Rejection::Interval);
        }
        let bytes = &pdu[HEADER..after_addresses];
        Ok(Self {
            version,
            vrid,
            priority: Priority(header[2]),
            interval,
            addresses: Addresses { family, bytes },
            auth,
            trailer,
            pdu,
        })
    }
}

/// The identifier a payload claims, to find the instance before anything is checked.
pub fn peek_vrid(payload: &[u8]) -> Option<Vrid> {
    Vrid::new(*payload.get(1)?)
}

/// IP protocol number of VRRP.
pub const PROTOCOL: u8 = 112;
/// IP protocol number of the authentication header, which is refused.
pub const PROTOCOL_AH: u8 = 51;
/// What TTL or hop limit advertisements to the group have (RFC 9568 §5.1.1.3).
pub const HOPS: u8 = 255;
/// Where IPv4 advertisements go.
pub const GROUP_IPV4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
/// Where IPv6 advertisements go.
pub const GROUP_IPV6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12);
/// The most addresses a packet can count (8 bits).
pub const MAX_ADDRESSES: usize = 255;

const HEADER: usize = 8;
/// The only packet type (RFC 9568 §5.2.2).
const ADVERTISEMENT: u8 = 1;

#[cfg(test)]
mod tests;

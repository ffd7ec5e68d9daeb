//! The checksum of an advertisement, with and without the IP pseudo-header.
//!
//! It does not know why a peer uses which kind: see `Sender` and `instance::receive`.

use std::net::IpAddr;

use super::{Advertisement, Datagram, Family, PROTOCOL, Version};

/// What a checksum over IPv4 covers beside the packet. Version 2 and IPv6 leave no choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Checksum {
    /// Nothing: RFC 9568 §5.2.8 over IPv4, Cisco, Juniper (`v3_checksum_as_v2`).
    Plain,
    /// The pseudo-header of the IP packet, as keepalived sends version 3.
    #[default]
    Pseudo,
    /// The pseudo-header with the multicast group for a destination although the packet goes to a
    /// unicast peer: keepalived up to 1.3.6 (`old_unicast_checksum`).
    PseudoGroup,
}

/// The checksum of a packet whose own checksum field is taken as zero.
///
/// `pdu` is the packet without an `auth_hmac` trailer, `trailer` the trailer. Over IPv4 the trailer
/// is not covered; over IPv6 the kernel computes the checksum over everything.
pub fn compute(
    version: Version,
    kind: Checksum,
    addresses: (IpAddr, IpAddr),
    group: IpAddr,
    pdu: &[u8],
    trailer: &[u8],
) -> u16 {
    let (source, destination) = addresses;
    let mut sum = Sum::default();
    match (version, Family::of(destination), kind) {
        (Version::V2, _, _) | (_, Family::Ipv4, Checksum::Plain) => {}
        (_, Family::Ipv4, Checksum::Pseudo) => sum.pseudo_header(source, destination, pdu.len()),
        (_, Family::Ipv4, Checksum::PseudoGroup) => sum.pseudo_header(source, group, pdu.len()),
        (_, Family::Ipv6, _) => {
            sum.pseudo_header(source, destination, pdu.len() + trailer.len());
            sum.add(trailer);
        }
    }
    let (before, after) = pdu.split_at(FIELD.start.min(pdu.len()));
    sum.add(before);
    sum.add(after.get(FIELD.len()..).unwrap_or_default());
    sum.finish()
}

/// The kind by which the packet's checksum is right, tried in the order keepalived's, RFC 9568's,
/// then old keepalived's; `None` if it is wrong by each.
pub fn verify(
    datagram: &Datagram<'_>,
    advertisement: &Advertisement<'_>,
    group: IpAddr,
) -> Option<Checksum> {
    let pdu = advertisement.pdu;
    let trailer = datagram.payload.get(pdu.len()..).unwrap_or_default();
    let sent = u16::from_be_bytes([*pdu.get(6)?, *pdu.get(7)?]);
    let addresses = (datagram.source, datagram.destination);
    let is_right =
        |kind| compute(advertisement.version, kind, addresses, group, pdu, trailer) == sent;
    [Checksum::Pseudo, Checksum::Plain, Checksum::PseudoGroup]
        .into_iter()
        .find(|&kind| is_right(kind))
}

/// The one's complement sum of RFC 1071.
#[derive(Default)]
struct Sum(u64);

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        let mut pairs = bytes.chunks_exact(2);
        for pair in &mut pairs {
            self.0 += u64::from(u16::from_be_bytes([pair[0], pair[1]]));
        }
        if let [last] = pairs.remainder() {
            self.0 += u64::from(*last) << 8;
        }
    }

    /// The pseudo-header of RFC 768 or RFC 8200 §8.1; the two add up alike.
    fn pseudo_header(&mut self, source: IpAddr, destination: IpAddr, length: usize) {
        for address in [source, destination] {
            match address {
                IpAddr::V4(four) => self.add(&four.octets()),
                IpAddr::V6(six) => self.add(&six.octets()),
            }
        }
        self.0 += u64::from(PROTOCOL) + length as u64;
    }

    fn finish(self) -> u16 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum >> 16) + (sum & 0xffff);
        }
        !lbd_core::bits::low16(sum)
    }
}

/// Where the checksum lies.
const FIELD: std::ops::Range<usize> = 6..8;

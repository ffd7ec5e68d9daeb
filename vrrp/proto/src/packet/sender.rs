//! Builds the packets of one virtual router, to the group or to each peer.
//!
//! It does not know when to send: the instance does, and whoever must give up for a dead instance.

use std::net::IpAddr;

use lbd_core::WallTime;

use super::auth::Authentication;
use super::checksum::{self, Checksum};
use super::hmac::{self, Binding, Sequence};
use super::{ADVERTISEMENT, Centisecs, MAX_ADDRESSES, Priority, Version, Vrid, v2, v3};

/// Everything needed to build an advertisement at any moment. A copy of it lets another process
/// send the last one, with priority 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The version of the packets.
    pub version: Version,
    /// The virtual router.
    pub vrid: Vrid,
    /// The interval that is advertised.
    pub interval: Centisecs,
    /// The virtual addresses in the order of the configuration; the first 255 are sent.
    pub addresses: Vec<IpAddr>,
    /// Our address; without it nothing is sent.
    pub source: Option<IpAddr>,
    /// The group, or the peers.
    pub targets: Vec<Target>,
    /// What takes the destination's place in `Checksum::PseudoGroup`.
    pub group: IpAddr,
    /// Version 2's password.
    pub authentication: Authentication,
    /// Keys for a trailer.
    pub hmac: Option<hmac::Spec>,
    /// The last sequence sent in a trailer.
    pub sequence: Sequence,
}

/// Where packets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The group or a peer.
    pub address: IpAddr,
    /// TTL or hop limit.
    pub hops: u8,
    /// How its IPv4 checksum is made.
    pub checksum: Checksum,
}

/// A packet to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Our address.
    pub source: IpAddr,
    /// The group or a peer.
    pub destination: IpAddr,
    /// TTL or hop limit.
    pub hops: u8,
    /// What follows the IP header, its checksum filled in.
    pub payload: Vec<u8>,
}

impl Sender {
    /// One advertisement for each target; the copies carry the same sequence.
    pub fn advertise(&mut self, priority: Priority, wall: WallTime) -> Vec<Transmit> {
        let Some(source) = self.source else {
            return Vec::new();
        };
        let mut pdu = self.pdu(priority);
        let mut trailer = Vec::new();
        if let Some(spec) = self.hmac.as_ref().filter(|spec| spec.signs()) {
            let sequence = self.sequence.next(spec, wall);
            let binding = Binding {
                version: self.version,
                vrid: self.vrid.number(),
                source,
            };
            trailer.extend_from_slice(&hmac::sign(spec, sequence, binding, &pdu));
        }
        let mut packets = Vec::with_capacity(self.targets.len());
        for target in &self.targets {
            let checksum = checksum::compute(
                self.version,
                target.checksum,
                (source, target.address),
                self.group,
                &pdu,
                &trailer,
            );
            pdu[6..8].copy_from_slice(&checksum.to_be_bytes());
            let mut payload = Vec::with_capacity(pdu.len() + trailer.len());
            payload.extend_from_slice(&pdu);
            payload.extend_from_slice(&trailer);
            packets.push(Transmit {
                source,
                destination: target.address,
                hops: target.hops,
                payload,
            });
        }
        packets
    }

    /// The packet with a checksum of zero and without a trailer.
    fn pdu(&self, priority: Priority) -> Vec<u8> {
        let addresses = &self.addresses[..self.addresses.len().min(MAX_ADDRESSES)];
        let [fourth, fifth] = match self.version {
            Version::V2 => v2::put(&self.authentication, self.interval),
            Version::V3 => v3::put(self.interval),
        };
        let count = u8::try_from(addresses.len()).unwrap_or(u8::MAX);
        let mut pdu = vec![
            self.version.number() << 4 | ADVERTISEMENT,
            self.vrid.number(),
            priority.0,
            count,
            fourth,
            fifth,
            0,
            0,
        ];
        for address in addresses {
            match address {
                IpAddr::V4(four) => pdu.extend_from_slice(&four.octets()),
                IpAddr::V6(six) => pdu.extend_from_slice(&six.octets()),
            }
        }
        if self.version == Version::V2 {
            pdu.extend_from_slice(&self.authentication.data());
        }
        pdu
    }
}

//! Gratuitous ARP and unsolicited neighbour advertisements, as frames.
//!
//! It does not know when: `vrrp-proto` does. Between frames of one interface a pause is kept if asked.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use pnet_base::MacAddr;
use pnet_packet::arp::{ArpHardwareTypes, ArpOperations, MutableArpPacket};
use pnet_packet::ethernet::{EtherTypes, MutableEthernetPacket};
use pnet_packet::icmpv6::ndp::{
    MutableNeighborAdvertPacket, NdpOption, NdpOptionTypes, NeighborAdvertFlags,
};
use pnet_packet::icmpv6::{Icmpv6Code, Icmpv6Packet, Icmpv6Types};
use pnet_packet::ip::IpNextHeaderProtocols;
use pnet_packet::ipv6::MutableIpv6Packet;
use pnet_packet::{Packet, icmpv6};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// A socket that sends frames and hears none.
#[derive(Debug)]
pub struct Frames {
    socket: Socket,
}

impl Frames {
    /// Opens it.
    pub fn open() -> io::Result<Self> {
        // Protocol 0 hears nothing.
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(0)))?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket })
    }

    /// Announces that an address is at `mac`, out of an interface.
    pub fn announce(
        &self,
        index: u32,
        mac: [u8; 6],
        ip: IpAddr,
        is_router: bool,
    ) -> io::Result<()> {
        let frame = match ip {
            IpAddr::V4(four) => gratuitous_arp(mac, four),
            IpAddr::V6(six) => neighbour_advertisement(mac, six, is_router),
        };
        let frame = frame.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        self.socket.send_to(&frame, &link_address(index)?)?;
        Ok(())
    }
}

/// An ARP request of the address for itself (RFC 5227 §3; what keepalived sends).
pub fn gratuitous_arp(mac: [u8; 6], ip: Ipv4Addr) -> Option<Vec<u8>> {
    let mut frame = vec![0; ETHERNET + ARP];
    ethernet(&mut frame, mac, MacAddr::broadcast(), EtherTypes::Arp)?;
    let mut arp = MutableArpPacket::new(&mut frame[ETHERNET..])?;
    arp.set_hardware_type(ArpHardwareTypes::Ethernet);
    arp.set_protocol_type(EtherTypes::Ipv4);
    arp.set_hw_addr_len(6);
    arp.set_proto_addr_len(4);
    arp.set_operation(ArpOperations::Request);
    arp.set_sender_hw_addr(MacAddr::from(mac));
    arp.set_sender_proto_addr(ip);
    arp.set_target_hw_addr(MacAddr::broadcast());
    arp.set_target_proto_addr(ip);
    Some(frame)
}

/// An unsolicited neighbour advertisement to all nodes (RFC 4861 §7.2.6).
pub fn neighbour_advertisement(mac: [u8; 6], ip: Ipv6Addr, is_router: bool) -> Option<Vec<u8>> {
    let mut frame = vec![0; ETHERNET + IPV6 + ADVERT];
    let all_nodes = MacAddr::new(0x33, 0x33, 0, 0, 0, 1);
    ethernet(&mut frame, mac, all_nodes, EtherTypes::Ipv6)?;
    let to = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
    {
        let mut advert = MutableNeighborAdvertPacket::new(&mut frame[ETHERNET + IPV6..])?;
        advert.set_icmpv6_type(Icmpv6Types::NeighborAdvert);
        advert.set_icmpv6_code(Icmpv6Code(0));
        let router = if is_router {
            NeighborAdvertFlags::Router
        } else {
            0
        };
        advert.set_flags(NeighborAdvertFlags::Override | router);
        advert.set_target_addr(ip);
        advert.set_options(&[NdpOption {
            option_type: NdpOptionTypes::TargetLLAddr,
            length: 1,
            data: mac.to_vec(),
        }]);
    }
    let checksum = {
        let packet = Icmpv6Packet::new(&frame[ETHERNET + IPV6..])?;
        icmpv6::checksum(&packet, &ip, &to)
    };
    MutableNeighborAdvertPacket::new(&mut frame[ETHERNET + IPV6..])?.set_checksum(checksum);
    let mut header = MutableIpv6Packet::new(&mut frame[ETHERNET..])?;
    header.set_version(6);
    header.set_payload_length(u16::try_from(ADVERT).ok()?);
    header.set_next_header(IpNextHeaderProtocols::Icmpv6);
    header.set_hop_limit(255);
    header.set_source(ip);
    header.set_destination(to);
    debug_assert_eq!(header.to_immutable().packet().len(), IPV6 + ADVERT);
    Some(frame)
}

fn ethernet(
    frame: &mut [u8],
    from: [u8; 6],
    to: MacAddr,
    kind: pnet_packet::ethernet::EtherType,
) -> Option<()> {
    let mut header = MutableEthernetPacket::new(frame)?;
    header.set_source(MacAddr::from(from));
    header.set_destination(to);
    header.set_ethertype(kind);
    Some(())
}

/// `sockaddr_ll` of an interface; socket2 has no safe way to make one.
#[allow(
    unsafe_code,
    reason = "the storage is zeroed, large enough for sockaddr_ll and filled within its length"
)]
fn link_address(index: u32) -> io::Result<SockAddr> {
    let number = i32::try_from(index).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    // SAFETY: sockaddr_storage is as large and as aligned as every address; all bit patterns of the
    // integers of sockaddr_ll are valid; the length says what was filled in.
    let ((), address) = unsafe {
        SockAddr::try_init(|storage, length| {
            let link = &mut *storage.cast::<nix::libc::sockaddr_ll>();
            link.sll_family = AF_PACKET;
            link.sll_ifindex = number;
            *length = SOCKADDR_LL;
            Ok(())
        })?
    };
    Ok(address)
}

const AF_PACKET: u16 = 17;
const SOCKADDR_LL: nix::libc::socklen_t = 20;
const ETHERNET: usize = 14;
const ARP: usize = 28;
const IPV6: usize = 40;
/// 24 bytes and the option of 8.
const ADVERT: usize = 32;

#[cfg(test)]
mod tests;

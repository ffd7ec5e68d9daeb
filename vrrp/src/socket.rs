//! Raw sockets for advertisements: one that hears for each interface, one that speaks for each instance.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrIn6, recvmsg, setsockopt, sockopt};
use pnet_packet::ip::IpNextHeaderProtocol;
use pnet_packet::ipv4::MutableIpv4Packet;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use vrrp_proto::Family;
use vrrp_proto::instance::Packet;
use vrrp_proto::packet::{Datagram, PROTOCOL, Rejection, Transmit};

/// A socket that hears advertisements.
#[derive(Debug)]
pub struct Ear {
    socket: Socket,
    family: Family,
}

impl Ear {
    /// Hears what comes in on an interface, or on all.
    pub fn open(family: Family, interface: Option<&str>) -> io::Result<Self> {
        let socket = raw(family)?;
        if let Some(interface) = interface {
            socket.bind_device(Some(interface.as_bytes()))?;
        }
        socket.set_nonblocking(true)?;
        match family {
            Family::Ipv4 => {
                // Only groups that this socket joined.
                socket.set_multicast_all_v4(false)?;
            }
            Family::Ipv6 => {
                setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
                setsockopt(&socket, sockopt::Ipv6RecvHopLimit, &true)?;
            }
        }
        Ok(Self { socket, family })
    }

    /// One that another process opened, with what waits in it.
    pub fn adopt(family: Family, socket: std::os::fd::OwnedFd) -> Self {
        Self {
            socket: Socket::from(socket),
            family,
        }
    }

    /// Joins a group; being in it already is no error.
    pub fn join(&self, group: IpAddr, index: u32) -> io::Result<()> {
        let result = match group {
            IpAddr::V4(four) => self.socket.join_multicast_v4_n(&four, &by_index(index)),
            IpAddr::V6(six) => self.socket.join_multicast_v6(&six, index),
        };
        match result {
            Err(error) if error.raw_os_error() == Some(nix::libc::EADDRINUSE) => Ok(()),
            result => result,
        }
    }

    /// Leaves and joins, so that switches hear a report again.
    pub fn rejoin(&self, group: IpAddr, index: u32) -> io::Result<()> {
        // Not being in it is no error.
        let _ = match group {
            IpAddr::V4(four) => self.socket.leave_multicast_v4_n(&four, &by_index(index)),
            IpAddr::V6(six) => self.socket.leave_multicast_v6(&six, index),
        };
        self.join(group, index)
    }

    /// The next packet; `None` when there is none. The inner error is about the packet.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<Result<Packet, Rejection>>> {
        let received = match self.family {
            Family::Ipv4 => self.receive_ipv4(buffer),
            Family::Ipv6 => self.receive_ipv6(buffer),
        };
        match received {
            Ok(packet) => Ok(Some(packet)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn receive_ipv4(&self, buffer: &mut [u8]) -> io::Result<Result<Packet, Rejection>> {
        let length = io::Read::read(&mut &self.socket, buffer)?;
        Ok(Datagram::from_ipv4(&buffer[..length]).map(Packet::from))
    }

    fn receive_ipv6(&self, buffer: &mut [u8]) -> io::Result<Result<Packet, Rejection>> {
        let mut space = nix::cmsg_space!(nix::libc::in6_pktinfo, nix::libc::c_int);
        let mut parts = [IoSliceMut::new(buffer)];
        let message = recvmsg::<SockaddrIn6>(
            self.socket.as_raw_fd(),
            &mut parts,
            Some(&mut space),
            MsgFlags::empty(),
        )?;
        let (mut destination, mut hops) = (Ipv6Addr::UNSPECIFIED, None);
        for control in message.cmsgs()? {
            match control {
                ControlMessageOwned::Ipv6PacketInfo(info) => {
                    destination = Ipv6Addr::from(info.ipi6_addr.s6_addr);
                }
                ControlMessageOwned::Ipv6HopLimit(limit) => hops = u8::try_from(limit).ok(),
                _ => {}
            }
        }
        let source = message.address.map(|address| address.ip());
        let length = message.bytes;
        let Some(source) = source else {
            return Ok(Err(Rejection::IpHeader));
        };
        Ok(Ok(Packet {
            source: source.into(),
            destination: destination.into(),
            hops,
            payload: buffer[..length].to_vec(),
        }))
    }
}

impl AsFd for Ear {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A socket that sends advertisements of one instance.
#[derive(Debug)]
pub struct Voice {
    socket: Socket,
    scope: u32,
}

impl Voice {
    /// Speaks from an address, out of an interface if one is named.
    pub fn open(source: IpAddr, interface: Option<(&str, u32)>) -> io::Result<Self> {
        let family = Family::of(source);
        let socket = raw(family)?;
        if let Some((name, _)) = interface {
            socket.bind_device(Some(name.as_bytes()))?;
        }
        socket.set_nonblocking(true)?;
        // It hears nothing: the least buffer there is.
        socket.set_recv_buffer_size(1)?;
        let scope = interface.map_or(0, |(_, index)| index);
        match source {
            IpAddr::V4(_) => {
                socket.set_header_included_v4(true)?;
                socket.set_multicast_loop_v4(false)?;
            }
            IpAddr::V6(six) => {
                if scope != 0 {
                    socket.set_multicast_if_v6(scope)?;
                }
                socket.set_multicast_loop_v6(false)?;
                setsockopt(&socket, sockopt::Ipv6TClass, &TRAFFIC_CLASS)?;
                let address = SocketAddrV6::new(six, 0, 0, scope);
                socket.bind(&SockAddr::from(SocketAddr::V6(address)))?;
            }
        }
        Ok(Self { socket, scope })
    }

    /// Sends a packet.
    pub fn send(&self, packet: &Transmit) -> io::Result<()> {
        match (packet.source, packet.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let bytes = ipv4(source, destination, packet.hops, &packet.payload)?;
                let to = SocketAddr::new(packet.destination, 0);
                self.socket.send_to(&bytes, &SockAddr::from(to))?;
            }
            (_, IpAddr::V6(destination)) => {
                self.socket.set_multicast_hops_v6(u32::from(packet.hops))?;
                self.socket.set_unicast_hops_v6(u32::from(packet.hops))?;
                let to = SocketAddrV6::new(destination, 0, 0, self.scope);
                let to = SockAddr::from(SocketAddr::V6(to));
                self.socket.send_to(&packet.payload, &to)?;
            }
            (IpAddr::V6(_), IpAddr::V4(_)) => {
                return Err(io::Error::from(io::ErrorKind::InvalidInput));
            }
        }
        Ok(())
    }
}

fn raw(family: Family) -> io::Result<Socket> {
    let domain = match family {
        Family::Ipv4 => Domain::IPV4,
        Family::Ipv6 => Domain::IPV6,
    };
    let protocol = Protocol::from(i32::from(PROTOCOL));
    Socket::new(domain, Type::RAW, Some(protocol))
}

fn by_index(index: u32) -> socket2::InterfaceIndexOrAddress {
    socket2::InterfaceIndexOrAddress::Index(index)
}

/// The header too; the kernel fills in its checksum and identification.
fn ipv4(source: Ipv4Addr, destination: Ipv4Addr, hops: u8, payload: &[u8]) -> io::Result<Vec<u8>> {
    let length = IPV4_HEADER + payload.len();
    let mut bytes = vec![0; length];
    let too_long = || io::Error::from(io::ErrorKind::InvalidInput);
    let mut packet = MutableIpv4Packet::new(&mut bytes).ok_or_else(too_long)?;
    packet.set_version(4);
    packet.set_header_length(5);
    // RFC 2474's class selector 6, internetwork control, as keepalived sends it.
    packet.set_dscp(DSCP);
    packet.set_total_length(u16::try_from(length).map_err(|_| too_long())?);
    packet.set_ttl(hops);
    packet.set_next_level_protocol(IpNextHeaderProtocol::new(PROTOCOL));
    packet.set_source(source);
    packet.set_destination(destination);
    packet.set_payload(payload);
    Ok(bytes)
}

const IPV4_HEADER: usize = 20;
const DSCP: u8 = 0x30;
const TRAFFIC_CLASS: i32 = 0xc0;
/// An advertisement with 255 IPv6 addresses and a trailer, with room.
pub const BUFFER: usize = 8192;

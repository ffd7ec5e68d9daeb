//! What changes in interfaces and addresses, as the kernel tells it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use netlink_packet_core::NetlinkPayload;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::{Socket, protocols::NETLINK_ROUTE};

use super::{KernelAddress, KernelLink, messages};

/// A change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// An interface is new or different.
    Link(KernelLink),
    /// An interface is gone.
    NoLink(u32),
    /// An address is new or different.
    Address(KernelAddress),
    /// An address is gone.
    NoAddress(KernelAddress),
    /// Some changes were lost: look at everything again.
    Lost,
}

/// A socket that hears of changes.
#[derive(Debug)]
pub struct Monitor {
    socket: Socket,
}

impl Monitor {
    /// Opens it; changes from now on are heard.
    pub fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        for group in [GROUP_LINK, GROUP_IPV4_ADDRESS, GROUP_IPV6_ADDRESS] {
            socket.add_membership(group)?;
        }
        socket.set_non_blocking(true)?;
        Ok(Self { socket })
    }

    /// What has changed; empty when nothing has.
    pub fn read(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        for _ in 0..MAX_DATAGRAMS {
            match self.socket.recv_from_full() {
                Ok((bytes, _)) => {
                    for message in messages(&bytes) {
                        if let NetlinkPayload::InnerMessage(inner) = message.payload {
                            changes.extend(change(&inner));
                        }
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The buffer overflowed.
                Err(_) => {
                    changes.push(Change::Lost);
                    break;
                }
            }
        }
        changes
    }
}

impl AsFd for Monitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn change(message: &RouteNetlinkMessage) -> Option<Change> {
    match message {
        RouteNetlinkMessage::NewLink(link) => KernelLink::of(link).map(Change::Link),
        RouteNetlinkMessage::DelLink(link) => Some(Change::NoLink(link.header.index)),
        RouteNetlinkMessage::NewAddress(address) => KernelAddress::of(address).map(Change::Address),
        RouteNetlinkMessage::DelAddress(address) => {
            KernelAddress::of(address).map(Change::NoAddress)
        }
        _ => None,
    }
}

/// `RTNLGRP_LINK`, `RTNLGRP_IPV4_IFADDR`, `RTNLGRP_IPV6_IFADDR`.
const GROUP_LINK: u32 = 1;
const GROUP_IPV4_ADDRESS: u32 = 5;
const GROUP_IPV6_ADDRESS: u32 = 9;
/// Datagrams in one go; the rest waits for the next.
const MAX_DATAGRAMS: usize = 256;

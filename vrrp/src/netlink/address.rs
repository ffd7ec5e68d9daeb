//! Addresses of interfaces.

use std::io;
use std::net::IpAddr;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressMessage, AddressScope, CacheInfo,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use vrrp_config::config::Address;

use super::Netlink;

/// An address as the kernel has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelAddress {
    /// The interface.
    pub index: u32,
    /// The address.
    pub ip: IpAddr,
    /// Its prefix length.
    pub prefix: u8,
    /// Another address of the same network is older.
    pub is_secondary: bool,
    /// Duplicate address detection is not over, or failed.
    pub is_tentative: bool,
    /// The address's own route is not for this use.
    pub is_deprecated: bool,
}

impl KernelAddress {
    pub(super) fn of(message: &AddressMessage) -> Option<Self> {
        let mut found = None;
        let mut flags = AddressFlags::empty();
        for attribute in &message.attributes {
            match attribute {
                AddressAttribute::Local(ip) => found = Some(*ip),
                AddressAttribute::Address(ip) => {
                    found.get_or_insert(*ip);
                }
                AddressAttribute::Flags(all) => flags = *all,
                _ => {}
            }
        }
        Some(Self {
            index: message.header.index,
            ip: found?,
            prefix: message.header.prefix_len,
            is_secondary: flags.contains(AddressFlags::Secondary),
            is_tentative: flags.intersects(AddressFlags::Tentative | AddressFlags::Dadfailed),
            is_deprecated: flags.contains(AddressFlags::Deprecated),
        })
    }
}

impl Netlink {
    /// All addresses.
    pub fn addresses(&mut self) -> io::Result<Vec<KernelAddress>> {
        let mut found = Vec::new();
        let all = RouteNetlinkMessage::GetAddress(AddressMessage::default());
        self.dump(all, |message| {
            if let RouteNetlinkMessage::NewAddress(message) = message {
                found.extend(KernelAddress::of(&message));
            }
        })?;
        Ok(found)
    }

    /// Adds an address; one that is there already is no error.
    pub fn add_address(&mut self, index: u32, address: &Address) -> io::Result<()> {
        let message = RouteNetlinkMessage::NewAddress(message(index, address, true));
        match self.request(message.clone(), NLM_F_CREATE | NLM_F_EXCL) {
            Err(error) if super::is_there(&error) => {
                // Its lifetimes and flags may be others.
                self.request(message, NLM_F_CREATE | NLM_F_REPLACE)
            }
            result => result,
        }
    }

    /// Removes an address; one that is not there is no error.
    pub fn remove_address(&mut self, index: u32, address: &Address) -> io::Result<()> {
        let message = RouteNetlinkMessage::DelAddress(message(index, address, false));
        match self.request(message, 0) {
            Err(error) if super::is_absent(&error) => Ok(()),
            result => result,
        }
    }
}

fn message(index: u32, address: &Address, is_new: bool) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.index = index;
    message.header.prefix_len = address.prefix;
    message.header.family = match address.ip {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    };
    let attributes = &mut message.attributes;
    attributes.push(AddressAttribute::Local(address.ip));
    attributes.push(AddressAttribute::Address(
        address.peer.unwrap_or(address.ip),
    ));
    if !is_new {
        return message;
    }
    message.header.scope = AddressScope::from(address.scope);
    if let Some(label) = &address.label
        && address.ip.is_ipv4()
    {
        attributes.push(AddressAttribute::Label(label.clone()));
    }
    if let Some(broadcast) = address.broadcast {
        attributes.push(AddressAttribute::Broadcast(broadcast));
    }
    if let Some(preferred) = address.preferred {
        let mut lifetimes = CacheInfo::default();
        lifetimes.ifa_preferred = preferred;
        lifetimes.ifa_valid = u32::MAX;
        attributes.push(AddressAttribute::CacheInfo(lifetimes));
    }
    let mut flags = AddressFlags::empty();
    // Others are asked by advertisements, not by duplicate address detection: it would take a second.
    flags.set(AddressFlags::Nodad, address.ip.is_ipv6());
    flags.set(AddressFlags::Homeaddress, address.is_home);
    flags.set(AddressFlags::Managetempaddr, address.makes_temporary);
    flags.set(AddressFlags::Noprefixroute, address.no_prefix_route);
    flags.set(AddressFlags::Mcautojoin, address.autojoin);
    if !flags.is_empty() {
        attributes.push(AddressAttribute::Flags(flags));
    }
    message
}

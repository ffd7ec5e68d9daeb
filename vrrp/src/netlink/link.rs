//! Interfaces, and macvlan interfaces with a virtual router's address (VMAC).

use std::io;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    AfSpecInet6, AfSpecUnspec, In6AddrGenMode, InfoData, InfoKind, InfoMacVlan, LinkAttribute,
    LinkFlags, LinkInfo, LinkMessage, MacVlanMode,
};

use super::Netlink;

/// An interface as the kernel has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelLink {
    /// Its number.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// It is up and has carrier.
    pub is_up: bool,
    /// Its hardware address; none for what is no Ethernet.
    pub mac: Option<[u8; 6]>,
    /// The interface below.
    pub parent: Option<u32>,
}

impl KernelLink {
    pub(super) fn of(message: &LinkMessage) -> Option<Self> {
        let (mut name, mut mac, mut parent) = (None, None, None);
        for attribute in &message.attributes {
            match attribute {
                LinkAttribute::IfName(text) => name = Some(text.clone()),
                LinkAttribute::Address(bytes) => mac = bytes.as_slice().try_into().ok(),
                LinkAttribute::Link(index) => parent = Some(*index),
                _ => {}
            }
        }
        let flags = message.header.flags;
        Some(Self {
            index: message.header.index,
            name: name?,
            is_up: flags.contains(LinkFlags::Up | LinkFlags::Running),
            mac,
            parent,
        })
    }
}

/// A macvlan interface to be made.
#[derive(Clone, Debug)]
pub struct Macvlan {
    /// Its name.
    pub name: String,
    /// The interface below.
    pub parent: u32,
    /// Its hardware address.
    pub mac: [u8; 6],
}

impl Netlink {
    /// All interfaces.
    pub fn links(&mut self) -> io::Result<Vec<KernelLink>> {
        let mut found = Vec::new();
        let all = RouteNetlinkMessage::GetLink(LinkMessage::default());
        self.dump(all, |message| {
            if let RouteNetlinkMessage::NewLink(message) = message {
                found.extend(KernelLink::of(&message));
            }
        })?;
        Ok(found)
    }

    /// Makes a macvlan in private mode, without an IPv6 address of its own making.
    pub fn add_macvlan(&mut self, macvlan: &Macvlan) -> io::Result<()> {
        let mut message = LinkMessage::default();
        message.attributes = vec![
            LinkAttribute::IfName(macvlan.name.clone()),
            LinkAttribute::Link(macvlan.parent),
            LinkAttribute::Address(macvlan.mac.to_vec()),
            LinkAttribute::LinkInfo(vec![
                LinkInfo::Kind(InfoKind::MacVlan),
                LinkInfo::Data(InfoData::MacVlan(vec![InfoMacVlan::Mode(
                    MacVlanMode::Private,
                )])),
            ]),
        ];
        let new = RouteNetlinkMessage::NewLink(message);
        self.request(new, NLM_F_CREATE | NLM_F_EXCL)
    }

    /// Switches an interface on, without an IPv6 address made from its hardware address: two nodes
    /// with one VMAC would make the same.
    pub fn raise(&mut self, index: u32) -> io::Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message
            .attributes
            .push(LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet6(
                vec![AfSpecInet6::AddrGenMode(In6AddrGenMode::None)],
            )]));
        // Without IPv6 in the kernel there is nothing to switch off.
        let _ = self.request(RouteNetlinkMessage::SetLink(message), 0);
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.header.flags = LinkFlags::Up;
        message.header.change_mask = LinkFlags::Up;
        self.request(RouteNetlinkMessage::SetLink(message), 0)
    }

    /// Removes an interface.
    pub fn remove_link(&mut self, index: u32) -> io::Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        match self.request(RouteNetlinkMessage::DelLink(message), 0) {
            Err(error) if super::is_absent(&error) => Ok(()),
            result => result,
        }
    }
}

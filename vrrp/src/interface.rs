//! What is known of interfaces and their addresses.
//!
//! It is a table; `engine` keeps it true.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::netlink::{KernelAddress, KernelLink};

/// All interfaces.
#[derive(Clone, Debug, Default)]
pub struct Interfaces {
    links: BTreeMap<u32, KernelLink>,
    addresses: Vec<KernelAddress>,
}

impl Interfaces {
    /// A table of these.
    pub fn new(links: Vec<KernelLink>, addresses: Vec<KernelAddress>) -> Self {
        Self {
            links: links.into_iter().map(|link| (link.index, link)).collect(),
            addresses,
        }
    }

    /// Takes a link that is new or different.
    pub fn put(&mut self, link: KernelLink) {
        self.links.insert(link.index, link);
    }

    /// Forgets a link with its addresses.
    pub fn remove(&mut self, index: u32) {
        self.links.remove(&index);
        self.addresses.retain(|address| address.index != index);
    }

    /// Takes an address that is new or different.
    pub fn put_address(&mut self, address: KernelAddress) {
        self.remove_address(&address);
        self.addresses.push(address);
    }

    /// Forgets an address.
    pub fn remove_address(&mut self, address: &KernelAddress) {
        self.addresses
            .retain(|a| (a.index, a.ip, a.prefix) != (address.index, address.ip, address.prefix));
    }

    /// By name.
    pub fn named(&self, name: &str) -> Option<&KernelLink> {
        self.links.values().find(|link| link.name == name)
    }

    /// By number.
    pub fn link(&self, index: u32) -> Option<&KernelLink> {
        self.links.get(&index)
    }

    /// The addresses of an interface.
    pub fn of(&self, index: u32) -> impl Iterator<Item = &KernelAddress> {
        self.addresses
            .iter()
            .filter(move |address| address.index == index)
    }

    /// Whether an interface, or any, has this address.
    pub fn has(&self, index: Option<u32>, ip: IpAddr) -> bool {
        self.addresses
            .iter()
            .any(|a| a.ip == ip && index.is_none_or(|index| a.index == index))
    }

    /// What packets of an interface come from: the first IPv4 address, or the link-local IPv6 one,
    /// that is none of `virtual_addresses`.
    pub fn source(
        &self,
        index: u32,
        is_ipv6: bool,
        virtual_addresses: &dyn Fn(IpAddr) -> bool,
    ) -> Option<IpAddr> {
        let fits = |address: &&KernelAddress| match address.ip {
            IpAddr::V4(_) => !is_ipv6 && !address.is_secondary,
            IpAddr::V6(six) => is_ipv6 && six.is_unicast_link_local() && !address.is_tentative,
        };
        self.of(index)
            .filter(fits)
            .map(|address| address.ip)
            .find(|ip| !virtual_addresses(*ip))
    }
}

//! VMAC interfaces: an instance's own, and those that only addresses are on.

use vrrp_config::config::{Address, AddressVmac};
use vrrp_proto::packet::Family;

use super::{Engine, Place, Severity};
use crate::netlink::Macvlan;
use crate::sysctl;

impl Engine {
    /// Makes the VMAC interfaces of an instance, or finds those that are there.
    pub(super) fn make_vmacs(&mut self, at: usize) {
        self.make_own_vmac(at);
        let config = std::sync::Arc::clone(&self.config);
        for vmac in &config.instances[at].address_vmacs {
            self.make_address_vmac(at, vmac);
        }
    }

    fn make_own_vmac(&mut self, at: usize) {
        let Some(vmac) = self.config.instances[at].vmac.clone() else {
            return;
        };
        let place = &self.places[at];
        let is_known = place.vmac.is_some() && self.interfaces.named(&vmac.name).is_some();
        let Some(base) = self.base(at).map(|link| link.name.clone()) else {
            return;
        };
        if is_known {
            return;
        }
        let index = self.found_or_made(at, &base, &vmac.name, vmac.mac);
        self.places[at].vmac = index;
        self.places[at].made_vmac |= index.is_some();
        if let Some(index) = index
            && self.config.instances[at].spec.family() == Family::Ipv6
            && !vmac.xmit_base
        {
            // Packets leave by the VMAC interface from the address of the one below.
            self.give_link_local(at, &base, index);
        }
    }

    fn make_address_vmac(&mut self, at: usize, vmac: &AddressVmac) {
        let index = self.interfaces.named(&vmac.name).map(|link| link.index);
        let held = &mut self.places[at].address_vmacs;
        // One that was made again has another number.
        held.retain(|(name, known)| *name != vmac.name || Some(*known) == index);
        if held.iter().any(|(name, _)| *name == vmac.name) {
            return;
        }
        let Some(index) = self.found_or_made(at, &vmac.base, &vmac.name, vmac.mac) else {
            return;
        };
        let held = &mut self.places[at].address_vmacs;
        held.push((vmac.name.clone(), index));
        if vmac.family == Family::Ipv6 {
            self.give_link_local(at, &vmac.base, index);
        }
        if self.places[at].is_owner {
            self.add_addresses(at);
        }
    }

    /// Those that the configuration no longer has.
    pub(super) fn forget_vmacs(&mut self, at: usize) {
        let wanted = &self.config.instances[at].address_vmacs;
        let is_wanted = |(name, _): &(String, u32)| wanted.iter().any(|v| v.name == *name);
        let held = std::mem::take(&mut self.places[at].address_vmacs);
        let (kept, gone): (Vec<_>, Vec<_>) = held.into_iter().partition(is_wanted);
        self.places[at].address_vmacs = kept;
        let name = self.places[at].name.clone();
        for (_, index) in gone {
            self.remove_vmac(&name, index);
        }
    }

    /// All of them, at the end.
    pub(super) fn remove_vmacs(&mut self) {
        for place in std::mem::take(&mut self.places) {
            self.remove_vmacs_of(&place);
        }
    }

    /// Those of one instance.
    pub(super) fn remove_vmacs_of(&mut self, place: &Place) {
        let own = place.vmac.filter(|_| place.made_vmac);
        let others = place.address_vmacs.iter().map(|(_, index)| *index);
        for index in own.into_iter().chain(others) {
            self.remove_vmac(&place.name, index);
        }
    }

    fn remove_vmac(&mut self, instance: &str, index: u32) {
        if let Err(error) = self.netlink.remove_link(index) {
            let text = format!("({instance}) cannot remove its VMAC interface: {error}");
            self.log(Severity::Error, text);
        }
    }

    /// The number of the interface of this name, which is made when it is not there.
    fn found_or_made(&mut self, at: usize, base: &str, name: &str, mac: [u8; 6]) -> Option<u32> {
        if self.interfaces.named(name).is_none() {
            let macvlan = Macvlan {
                name: name.to_owned(),
                parent: self.interfaces.named(base)?.index,
                mac,
            };
            let result = self.netlink.add_macvlan(&macvlan);
            if !self.told(at, &format!("make {name}"), result) {
                return None;
            }
            if let Ok(links) = self.netlink.links() {
                links.into_iter().for_each(|link| self.interfaces.put(link));
            }
        }
        let index = self.interfaces.named(name)?.index;
        self.settle_vmac(at, base, name, index);
        Some(index)
    }

    /// Settings without which both interfaces would answer for each other's addresses.
    fn settle_vmac(&mut self, at: usize, base: &str, name: &str, index: u32) {
        let settings = [
            ("ipv4", name, "accept_local", "1"),
            ("ipv4", name, "rp_filter", "0"),
            ("ipv4", name, "arp_ignore", "1"),
            ("ipv4", name, "promote_secondaries", "1"),
            ("ipv6", name, "autoconf", "0"),
            ("ipv6", name, "accept_ra", "0"),
            ("ipv4", base, "arp_ignore", "1"),
            ("ipv4", base, "arp_filter", "1"),
        ];
        for (family, interface, key, value) in settings {
            let result = sysctl::set(family, interface, key, value);
            self.told(at, &format!("set {key} of {interface}"), result);
        }
        let result = self.netlink.raise(index);
        self.told(at, &format!("switch {name} on"), result);
    }

    /// The link-local address of the interface below, as the source of what leaves by this one.
    fn give_link_local(&mut self, at: usize, base: &str, index: u32) {
        let Some(parent) = self.interfaces.named(base).map(|link| link.index) else {
            return;
        };
        let source = self.interfaces.source(parent, true, &|_| false);
        let Some(ip) = source else { return };
        let address = Address {
            scope: 253,
            no_track: true,
            no_dad: true,
            no_prefix_route: true,
            ..Address::new(ip, 64)
        };
        let result = self.netlink.add_address(index, &address);
        self.told(at, &format!("give {ip} to the VMAC interface"), result);
    }
}

//! Interfaces and addresses that change.

use std::net::IpAddr;

use vrrp_config::config::Track;
use vrrp_proto::instance::Input;
use vrrp_proto::packet::Family;
use vrrp_proto::track::Status;

use super::{Engine, Severity, plan};
use crate::interface::Interfaces;
use crate::netlink::{Change, KernelAddress};

impl Engine {
    /// Takes what netlink tells.
    pub(super) fn take_changes(&mut self) {
        let changes = self.monitor.read();
        if changes.is_empty() {
            return;
        }
        let mut lost = Vec::new();
        for change in changes {
            match change {
                Change::Link(link) => self.interfaces.put(link),
                Change::NoLink(index) => {
                    // Bridges tell of their ports' end in the same words; the link is asked again.
                    self.interfaces.remove(index);
                    if let Ok(links) = self.netlink.links() {
                        links.into_iter().for_each(|link| self.interfaces.put(link));
                    }
                }
                Change::Address(address) => self.interfaces.put_address(address),
                Change::NoAddress(address) => {
                    self.interfaces.remove_address(&address);
                    lost.push(address);
                }
                Change::Lost => self.look_again(),
            }
        }
        self.follow_slots();
        for address in lost {
            self.on_lost(address);
        }
        for at in 0..self.places.len() {
            self.make_vmacs(at);
        }
        // Those that were just made are heard on.
        self.follow_slots();
        for at in 0..self.places.len() {
            self.tell(at);
        }
        self.tell_tracked();
        self.do_outputs();
    }

    fn look_again(&mut self) {
        match (self.netlink.links(), self.netlink.addresses()) {
            (Ok(links), Ok(addresses)) => self.interfaces = Interfaces::new(links, addresses),
            (Err(error), _) | (_, Err(error)) => {
                self.log(
                    Severity::Error,
                    format!("cannot look at interfaces: {error}"),
                );
            }
        }
    }

    /// Sockets follow interfaces that came, went, or returned.
    pub(super) fn follow_slots(&mut self) {
        let mut has_new = false;
        for at in 0..self.slots.len() {
            let slot = &self.slots[at];
            let link = self.interfaces.named(&slot.name);
            let (index, is_up) = (link.map(|l| l.index), link.is_some_and(|l| l.is_up));
            if index != slot.index {
                self.slots[at].ears.clear();
                has_new = true;
                for place in self.places.iter_mut().filter(|place| place.slot == at) {
                    place.voice = None;
                    place.vmac = place.vmac.filter(|known| Some(*known) == index);
                }
            } else if is_up && !slot.is_up {
                self.report_membership(at);
            }
            self.slots[at].is_up = is_up;
        }
        if has_new {
            self.settle_slots();
        }
    }

    /// A switch that lost its carrier has forgotten who wants the group, and who has the addresses.
    fn report_membership(&mut self, at: usize) {
        let slot = &self.slots[at];
        if let Some(index) = slot.index {
            for (family, ear) in &slot.ears {
                for group in slot.groups.iter().filter(|g| Family::of(**g) == *family) {
                    if let Err(error) = ear.rejoin(*group, index) {
                        let text = format!("cannot join {group} on '{}': {error}", slot.name);
                        self.log(Severity::Error, text);
                    }
                }
            }
        }
        let now = self.clock.now();
        for place in 0..self.places.len() {
            if self.places[place].slot == at {
                self.router.handle(now, place, Input::Doubt);
            }
        }
    }

    /// Tells an instance about its interface and its source address.
    pub(super) fn tell(&mut self, at: usize) {
        let now = self.clock.now();
        let place = &self.places[at];
        let instance = &self.config.instances[at];
        let slot = &self.slots[place.slot];
        let base = self.base(at);
        let is_up = instance.interface.is_none() || slot.is_up && base.is_some_and(|b| b.is_up);
        let source = match (instance.spec.source, base.map(|b| b.index)) {
            (Some(_), _) => None,
            (None, Some(index)) => {
                let is_ipv6 = instance.spec.family() == Family::Ipv6;
                self.interfaces
                    .source(index, is_ipv6, &|ip| self.is_virtual(ip))
            }
            (None, None) => None,
        };
        // Said again, a change that waits for its delay would wait from now on.
        if self.places[at].told != Some((is_up, source)) {
            self.places[at].told = Some((is_up, source));
            self.router.handle(now, at, Input::Source(source));
            self.router.handle(now, at, Input::Link(is_up));
        }
    }

    fn is_virtual(&self, ip: IpAddr) -> bool {
        let mut all = self.config.instances.iter().flat_map(|i| i.all_addresses());
        all.any(|address| address.ip == ip)
    }

    /// Tells about interfaces and addresses that are tracked.
    pub(super) fn tell_tracked(&mut self) {
        let now = self.clock.now();
        for track in plan::tracked(&self.config) {
            match &track {
                Track::Interface(name) => {
                    let is_up = self.interfaces.named(name).is_some_and(|link| link.is_up);
                    let status = if is_up { Status::Up } else { Status::Down };
                    if !self.told_tracked.contains(&(name.clone(), status)) {
                        self.told_tracked.retain(|(known, _)| known != name);
                        self.told_tracked.push((name.clone(), status));
                        self.found(now, &track, status);
                    }
                }
                Track::Source => self.tell_sources(),
                _ => {}
            }
        }
    }

    fn tell_sources(&mut self) {
        let now = self.clock.now();
        for (at, tracker) in plan::trackers(&self.config, &Track::Source) {
            let source = self.config.instances[at].spec.source;
            let is_there = source.is_none_or(|ip| self.interfaces.has(None, ip));
            let status = if is_there { Status::Up } else { Status::Down };
            self.router
                .handle(now, at, Input::Track { tracker, status });
        }
    }

    /// A virtual address was taken away by somebody else: it is put back.
    fn on_lost(&mut self, address: KernelAddress) {
        if self.interfaces.has(Some(address.index), address.ip) {
            return;
        }
        let now = self.clock.now();
        for at in 0..self.places.len() {
            let place = &self.places[at];
            let holds = |(index, held): &(u32, vrrp_config::config::Address)| {
                *index == address.index && held.ip == address.ip && !held.no_track
            };
            if !place.is_owner || !place.addresses.iter().any(holds) {
                continue;
            }
            self.counters.addresses_restored += 1;
            let text = format!(
                "({}) address {} was removed by somebody else",
                place.name, address.ip
            );
            self.log(Severity::Warning, text);
            self.router.handle(now, at, Input::AddressesLost);
        }
    }
}

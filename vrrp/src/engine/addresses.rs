//! Puts virtual addresses, routes and rules into place and takes them away; makes VMAC interfaces.

use std::io;

use vrrp_config::config::Address;
use vrrp_proto::packet::Family;

use super::{Engine, Place, Severity};
use crate::netlink::{self, KernelLink};
use crate::sysctl;

impl Engine {
    /// The interface of an instance, below its VMAC interface if it has one.
    pub(super) fn base(&self, at: usize) -> Option<&KernelLink> {
        let name = self.config.instances[at].interface.as_deref()?;
        self.interfaces.named(name)
    }

    /// The interface an address belongs on.
    fn device(&self, at: usize, address: &Address) -> Option<u32> {
        if let Some(name) = &address.vmac {
            return self.interfaces.named(name).map(|link| link.index);
        }
        if let Some(dev) = &address.dev {
            // The instance's own interface, named again, is the VMAC's place too.
            let own = self.config.instances[at].interface.as_deref();
            if own != Some(dev) {
                return self.interfaces.named(dev).map(|link| link.index);
            }
        }
        let place = &self.places[at];
        let instance = &self.config.instances[at];
        // The VMAC would be the wrong one for the other family: as keepalived 2.2.7, not as its manual.
        if instance.vmac.is_some() {
            return match Family::of(address.ip) == instance.spec.family() {
                true => place.vmac,
                false => self.base(at).map(|link| link.index),
            };
        }
        let slot = &self.slots[place.slot];
        slot.index.or_else(|| {
            let default = &self.config.global.default_interface;
            self.interfaces.named(default).map(|link| link.index)
        })
    }

    /// Puts everything of an instance into place.
    pub(super) fn add_addresses(&mut self, at: usize) {
        self.places[at].is_owner = true;
        let instance = self.config.instances[at].clone();
        if instance.promote_secondaries {
            let interface = self
                .base(at)
                .map(|link| link.name.clone())
                .unwrap_or_default();
            let result = sysctl::set("ipv4", &interface, "promote_secondaries", "1");
            self.told(at, "set promote_secondaries", result);
        }
        for address in instance.all_addresses() {
            let Some(index) = self.device(at, address) else {
                self.log(
                    Severity::Error,
                    format!("({}) no interface for {}", instance.spec.name, address.ip),
                );
                continue;
            };
            let result = self.netlink.add_address(index, address);
            if self.told(at, &format!("add {}", address.ip), result) {
                let held = &mut self.places[at].addresses;
                if !held.iter().any(|(i, a)| *i == index && a.ip == address.ip) {
                    held.push((index, address.clone()));
                }
            }
        }
        for route in &instance.routes {
            let interfaces = &self.interfaces;
            let index = |name: &str| interfaces.named(name).map(|link| link.index);
            let result = self.netlink.add_route(route, &index);
            if self.told(at, &format!("add route {}", route.to), result) {
                self.places[at].routes.push(route.clone());
            }
        }
        for rule in &instance.rules {
            let result = self.netlink.add_rule(rule);
            if self.told(at, "add rule", result) {
                self.places[at].rules.push(rule.clone());
            }
        }
        self.guard_now();
    }

    /// Takes everything of an instance away.
    pub(super) fn remove_addresses(&mut self, at: usize) {
        self.places[at].is_owner = false;
        let mut place = Place {
            name: self.places[at].name.clone(),
            addresses: std::mem::take(&mut self.places[at].addresses),
            routes: std::mem::take(&mut self.places[at].routes),
            rules: std::mem::take(&mut self.places[at].rules),
            ..Place::default()
        };
        self.take_away(&mut place);
        self.announcer.forget(at);
        self.guard_now();
    }

    /// After a change of configuration: what is not named any more goes, what is new comes.
    pub(super) fn replace_addresses(&mut self, at: usize) {
        let instance = self.config.instances[at].clone();
        let wanted: Vec<(u32, Address)> = instance
            .all_addresses()
            .filter_map(|address| Some((self.device(at, address)?, address.clone())))
            .collect();
        let place = &mut self.places[at];
        let (kept, gone) = std::mem::take(&mut place.addresses)
            .into_iter()
            .partition(|held| wanted.contains(held));
        place.addresses = kept;
        let is_kept = |route: &_| instance.routes.contains(route);
        let (_, routes): (Vec<_>, Vec<_>) = std::mem::take(&mut place.routes)
            .into_iter()
            .partition(is_kept);
        let is_kept = |rule: &_| instance.rules.contains(rule);
        let (_, rules): (Vec<_>, Vec<_>) = std::mem::take(&mut place.rules)
            .into_iter()
            .partition(is_kept);
        let mut old = Place {
            name: place.name.clone(),
            addresses: gone,
            routes,
            rules,
            ..Place::default()
        };
        self.take_away(&mut old);
        self.add_addresses(at);
    }

    /// An instance is no longer configured.
    pub(super) fn put_away(&mut self, mut place: Place) {
        self.take_away(&mut place);
        self.remove_vmacs_of(&place);
    }

    fn take_away(&mut self, place: &mut Place) {
        let mut errors = Vec::new();
        for rule in place.rules.drain(..).rev() {
            errors.extend(self.netlink.remove_rule(&rule).err());
        }
        for route in place.routes.drain(..).rev() {
            let interfaces = &self.interfaces;
            let index = |name: &str| interfaces.named(name).map(|link| link.index);
            // With its interface the route is gone too.
            let result = self.netlink.remove_route(&route, &index);
            errors.extend(result.err().filter(|error| !netlink::is_absent(error)));
        }
        for (index, address) in place.addresses.drain(..).rev() {
            errors.extend(self.netlink.remove_address(index, &address).err());
        }
        for error in errors {
            self.counters.netlink_errors += 1;
            let text = format!(
                "({}) cannot remove what was put into place: {error}",
                place.name
            );
            self.log(Severity::Error, text);
        }
    }

    /// Addresses that a process before this one left behind (`kill -9`).
    pub(super) fn clean_stale(&mut self, at: usize) {
        let instance = self.config.instances[at].clone();
        if instance.spec.priority.is_owner() {
            return;
        }
        for address in instance.all_addresses() {
            let Some(index) = self.device(at, address) else {
                continue;
            };
            if !self.interfaces.has(Some(index), address.ip) {
                continue;
            }
            let result = self.netlink.remove_address(index, address);
            if self.told(at, &format!("remove stale {}", address.ip), result) {
                let text = format!(
                    "({}) removed stale address {}",
                    instance.spec.name, address.ip
                );
                self.log(Severity::Warning, text);
            }
        }
    }

    /// Logs and counts what the kernel refused; whether it was done.
    pub(super) fn told(&mut self, at: usize, what: &str, result: io::Result<()>) -> bool {
        match result {
            Ok(()) => true,
            Err(error) => {
                self.counters.netlink_errors += 1;
                let text = format!("({}) cannot {what}: {error}", self.places[at].name);
                self.log(Severity::Error, text);
                false
            }
        }
    }
}

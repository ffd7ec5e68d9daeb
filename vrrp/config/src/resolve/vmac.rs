//! Names of VMAC interfaces, and which addresses are on one of their own.

use std::collections::HashSet;

use vrrp_proto::packet::Family;

use crate::Config;
use crate::config::{Address, AddressVmac, Global, Instance, Vmac};

/// `use_vmac_addr`: addresses on other interfaces, and those of the other family.
pub(super) fn mean_other_addresses(instance: &mut Instance) {
    let (own, family) = (instance.interface.clone(), instance.spec.family());
    for address in instance.addresses.iter_mut().chain(&mut instance.excluded) {
        let is_elsewhere = address.dev.is_some() && address.dev != own;
        address.uses_vmac |= is_elsewhere || Family::of(address.ip) != family;
    }
}

/// Gives each VMAC interface that has no name one that nobody else has, and makes those of single
/// addresses up.
pub(super) fn name(config: &mut Config) {
    let named = config.instances.iter().filter_map(|i| i.vmac.as_ref());
    let mut used: HashSet<String> = named.map(|vmac| vmac.name.clone()).collect();
    let global = &config.global;
    for instance in &mut config.instances {
        let (family, vrid) = (instance.spec.family(), instance.spec.vrid.number());
        if let Some(vmac) = &mut instance.vmac
            && vmac.name.is_empty()
        {
            vmac.name = free(&global.vmac_prefix, family, vrid, &mut used);
        }
        of_addresses(instance, global, &mut used);
    }
}

fn of_addresses(instance: &mut Instance, global: &Global, used: &mut HashSet<String>) {
    let prefix = global.vmac_addr_prefix.as_ref();
    let prefix = prefix.unwrap_or(&global.vmac_prefix);
    let (own, vrid) = (instance.interface.clone(), instance.spec.vrid);
    let family = instance.spec.family();
    let has_own = instance.vmac.is_some();
    let mut made: Vec<AddressVmac> = Vec::new();
    let mut settle = |address: &mut Address| {
        let theirs = Family::of(address.ip);
        let base = address.dev.clone().or_else(|| own.clone());
        let is_on_own = has_own && theirs == family && base == own;
        let Some(base) = base.filter(|_| address.uses_vmac && !is_on_own) else {
            return;
        };
        let known = made
            .iter()
            .find(|vmac| vmac.base == base && vmac.family == theirs);
        let name = known.map(|vmac| vmac.name.clone()).unwrap_or_else(|| {
            let name = free(prefix, theirs, vrid.number(), used);
            let vmac = AddressVmac {
                base,
                family: theirs,
                name: name.clone(),
                mac: Vmac::usual_mac(theirs, vrid),
            };
            made.push(vmac);
            name
        });
        address.vmac = Some(name);
    };
    instance.addresses.iter_mut().for_each(&mut settle);
    instance.excluded.iter_mut().for_each(&mut settle);
    instance.address_vmacs = made;
}

/// `vrrp.51`, else `vrrp6.51` for IPv6, else `vrrp1.51` and so on, as keepalived 2.2.7 names them.
fn free(prefix: &str, family: Family, vrid: u8, used: &mut HashSet<String>) -> String {
    let plain = format!("{prefix}.{vrid}");
    let six = (family == Family::Ipv6).then(|| format!("{prefix}6.{vrid}"));
    let numbered = (1u32..).map(|number| format!("{prefix}{number}.{vrid}"));
    let mut names = std::iter::once(plain).chain(six).chain(numbered);
    let found = names.find(|name| !used.contains(name));
    let name = found.unwrap_or_default();
    used.insert(name.clone());
    name
}

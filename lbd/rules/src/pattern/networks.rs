//! Networks indexed by prefix length, in both address families.
//!
//! Which family an address is looked up in follows manual 7.1.6.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use super::index::{Held, Hit, Map, Pattern, drop_from, drop_pattern, put, uncount};
use super::parse::{Test, mask6};
use crate::cast;

#[derive(Debug, Clone, Default)]
pub(super) struct Networks {
    v4: Map<(u32, u8)>,
    v4_lengths: BTreeMap<u8, usize>,
    v6: Map<(u128, u8)>,
    v6_lengths: BTreeMap<u8, usize>,
    odd: Vec<Pattern>,
}

impl Networks {
    pub(super) fn place(&mut self, pattern: Pattern) {
        match pattern.test {
            Test::V4 { net, mask } if mask.leading_ones() == mask.count_ones() => {
                let bits = lbd_core::bits::low8(mask.leading_ones().into());
                *self.v4_lengths.entry(bits).or_default() += 1;
                put(&mut self.v4, (net, bits), pattern.held);
            }
            Test::V6 { net, prefix } => {
                *self.v6_lengths.entry(prefix).or_default() += 1;
                put(&mut self.v6, (net, prefix), pattern.held);
            }
            _ => self.odd.push(pattern),
        }
    }

    pub(super) fn remove(&mut self, test: &Test, entry: u64) -> bool {
        match test {
            Test::V4 { net, mask } if mask.leading_ones() == mask.count_ones() => {
                let bits = lbd_core::bits::low8(mask.leading_ones().into());
                let found = drop_from(&mut self.v4, &(*net, bits), entry);
                if found {
                    uncount(&mut self.v4_lengths, bits);
                }
                found
            }
            Test::V6 { net, prefix } => {
                let found = drop_from(&mut self.v6, &(*net, *prefix), entry);
                if found {
                    uncount(&mut self.v6_lengths, *prefix);
                }
                found
            }
            _ => drop_pattern(&mut self.odd, entry),
        }
    }

    pub(super) fn find(&self, address: IpAddr) -> Option<Hit<'_>> {
        let (v4, v6) = both_families(address);
        let by_v4 = v4.and_then(|v4| {
            self.v4_lengths.keys().rev().find_map(|bits| {
                let mask = if *bits == 0 {
                    0
                } else {
                    u32::MAX << (32 - u32::from(*bits))
                };
                self.v4.get(&(v4 & mask, *bits))?.first()
            })
        });
        let by_v6 = || {
            self.v6_lengths
                .keys()
                .rev()
                .find_map(|bits| self.v6.get(&(v6 & mask6(*bits), *bits))?.first())
        };
        let odd = || {
            self.odd
                .iter()
                .find(|p| match_network(&p.test, address).is_some())
                .map(|p| &p.held)
        };
        let first = if address.is_ipv4() {
            by_v4.or_else(by_v6)
        } else {
            by_v6().or(by_v4)
        };
        first.or_else(odd).map(Held::hit)
    }
}

/// The address as IPv4 (when it has or carries one) and as IPv6.
fn both_families(address: IpAddr) -> (Option<u32>, u128) {
    match address {
        IpAddr::V4(v4) => (Some(u32::from(v4)), u128::from(v4.to_ipv6_mapped())),
        IpAddr::V6(v6) => (carried(v6), u128::from(v6)),
    }
}

fn carried(v6: Ipv6Addr) -> Option<u32> {
    cast::embedded_v4(v6).map(u32::from)
}

/// How specific the network is that holds `address`; the address's own family counts more.
pub(super) fn match_network(test: &Test, address: IpAddr) -> Option<usize> {
    let (v4, v6) = both_families(address);
    match test {
        Test::V4 { net, mask } => {
            let own = usize::from(address.is_ipv4()) * 256;
            (v4? & mask == *net).then_some(own + mask.count_ones() as usize)
        }
        Test::V6 { net, prefix } => {
            let own = usize::from(address.is_ipv6()) * 256;
            (v6 & mask6(*prefix) == *net).then_some(own + usize::from(*prefix))
        }
        _ => None,
    }
}

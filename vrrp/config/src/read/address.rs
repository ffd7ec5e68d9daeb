//! Addresses as `ip address add` takes them.

use std::net::{IpAddr, Ipv4Addr};

use crate::config::Address;
use crate::lex::Word;
use crate::read::{Cx, value};
use crate::tree::Item;

/// `static_ipaddress`.
pub(super) fn statics(cx: &mut Cx<'_>, items: &[Item]) {
    let default = cx.config.global.default_interface.clone();
    for mut address in list(cx, items) {
        address.dev.get_or_insert_with(|| default.clone());
        cx.config.static_addresses.push(address);
    }
}

/// A block of addresses; what is wrong is told and left out.
pub(super) fn list(cx: &mut Cx<'_>, items: &[Item]) -> Vec<Address> {
    let mut addresses: Vec<Address> = Vec::new();
    for item in items {
        let Some(address) = one(cx, &item.words) else {
            continue;
        };
        if addresses
            .iter()
            .any(|a| a.ip == address.ip && a.dev == address.dev)
        {
            let text = format!(
                "address {} is there twice, the second is ignored",
                address.ip
            );
            cx.error(item.span(), text, "");
            continue;
        }
        addresses.push(address);
    }
    addresses
}

fn one(cx: &mut Cx<'_>, words: &[Word]) -> Option<Address> {
    let first = &words[0];
    let (ip, prefix) = match first.text.split_once('/') {
        Some((ip, prefix)) => (ip, Some(prefix)),
        None => (first.text.as_str(), None),
    };
    let Ok(ip) = ip.parse::<IpAddr>() else {
        let text = format!("invalid address '{}', it is left out", first.text);
        cx.error(
            first.span,
            text,
            "Write an IPv4 or IPv6 address, with /prefix if need be.",
        );
        return None;
    };
    let longest = if ip.is_ipv4() { 32 } else { 128 };
    let length = match prefix.map(str::parse::<u8>) {
        None => Some(longest),
        Some(Ok(length)) if length <= longest => Some(length),
        Some(_) => None,
    };
    let Some(length) = length else {
        let text = format!(
            "invalid prefix length in '{}', the address is left out",
            first.text
        );
        cx.error(first.span, text, "");
        return None;
    };
    let mut address = Address::new(ip, length);
    options(cx, &mut address, &words[1..])?;
    if ip.is_ipv6() && address.prefix == 128 && address.preferred.is_none() {
        // keepalived: not to be chosen as a source.
        address.preferred = Some(0);
    }
    if address.preferred == Some(u32::MAX) {
        address.preferred = None;
    }
    Some(address)
}

fn options(cx: &mut Cx<'_>, address: &mut Address, words: &[Word]) -> Option<()> {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.text.as_str() {
            "no_track" => address.no_track = true,
            "home" => address.is_home = true,
            "-nodad" | "nodad" => address.no_dad = true,
            "mngtmpaddr" => address.makes_temporary = true,
            "noprefixroute" => address.no_prefix_route = true,
            "autojoin" => address.autojoin = true,
            "use_vmac" => address.uses_vmac = true,
            name => {
                let Some(value) = words.next() else {
                    return wrong(cx, word, "has no value or is unknown");
                };
                option(cx, address, word, name, value)?;
            }
        }
    }
    Some(())
}

fn option(
    cx: &mut Cx<'_>,
    address: &mut Address,
    word: &Word,
    name: &str,
    value: &Word,
) -> Option<()> {
    let text = value.text.as_str();
    match name {
        "dev" => address.dev = Some(text.to_owned()),
        "label" => address.label = Some(text.to_owned()),
        "scope" => match value::scope(text) {
            Some(scope) => address.scope = scope,
            None => return wrong(cx, value, "is no scope"),
        },
        "brd" | "broadcast" => {
            let host_bits = |ones: bool| match address.ip {
                IpAddr::V4(four) => {
                    let mask = u32::MAX.checked_shr(u32::from(address.prefix)).unwrap_or(0);
                    let base = u32::from(four) & !mask;
                    Some(Ipv4Addr::from(if ones { base | mask } else { base }))
                }
                IpAddr::V6(_) => None,
            };
            address.broadcast = match text {
                "+" => host_bits(true),
                "-" => host_bits(false),
                other => other.parse().ok(),
            };
            if address.broadcast.is_none() {
                return wrong(cx, value, "is no broadcast address");
            }
        }
        "peer" => {
            let (peer, prefix) = match text.split_once('/') {
                Some((peer, prefix)) => (peer, prefix.parse().ok()),
                None => (text, None),
            };
            match peer.parse() {
                Ok(peer) => address.peer = Some(peer),
                Err(_) => return wrong(cx, value, "is no address"),
            }
            if let Some(prefix) = prefix {
                address.prefix = prefix;
            }
        }
        "preferred_lft" => match text {
            "forever" => address.preferred = Some(u32::MAX),
            other => match other.parse() {
                Ok(seconds) => address.preferred = Some(seconds),
                Err(_) => return wrong(cx, value, "is no lifetime"),
            },
        },
        "track_group" => return wrong(cx, word, "is not supported: addresses are put back"),
        _ => return wrong(cx, word, "is unknown"),
    }
    Some(())
}

fn wrong(cx: &mut Cx<'_>, word: &Word, why: &str) -> Option<()> {
    let text = format!("'{}' {why}; the address is left out", word.text);
    cx.error(
        word.span,
        text,
        "Options are brd, dev, use_vmac, scope, label, peer, home, -nodad, noprefixroute, autojoin, no_track, \
         preferred_lft.",
    );
    None
}

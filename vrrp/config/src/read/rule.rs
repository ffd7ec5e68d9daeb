//! Rules as `ip rule add` takes them.

use crate::config::{RouteKind, Rule};
use crate::lex::Word;
use crate::read::{Cx, route, value};
use crate::tree::Item;

pub(super) fn statics(cx: &mut Cx<'_>, items: &[Item]) {
    let rules = list(cx, items);
    cx.config.static_rules.extend(rules);
}

/// A block of rules; what is wrong is told and left out.
pub(super) fn list(cx: &mut Cx<'_>, items: &[Item]) -> Vec<Rule> {
    items.iter().filter_map(|item| one(cx, item)).collect()
}

fn one(cx: &mut Cx<'_>, item: &Item) -> Option<Rule> {
    let mut rule = Rule::default();
    let mut words = item.words.iter();
    while let Some(word) = words.next() {
        if let Err(why) = option(&mut rule, &word.text, &mut words) {
            let text = format!("'{}' {why}; the rule is left out", word.text);
            cx.error(word.span, text, "");
            return None;
        }
    }
    let addresses = [rule.from, rule.to].into_iter().flatten();
    rule.is_ipv6 |= addresses
        .clone()
        .any(|net| matches!(net, ipnet::IpNet::V6(_)));
    if rule.is_ipv6
        && addresses
            .clone()
            .any(|net| matches!(net, ipnet::IpNet::V4(_)))
    {
        cx.error(item.span(), "a rule with IPv4 and IPv6; it is left out", "");
        return None;
    }
    if rule.preference.is_none() {
        let text = "a rule without preference; the kernel chooses one";
        cx.warn(item.span(), text, "Add 'preference N'.");
    }
    Some(rule)
}

fn option(
    rule: &mut Rule,
    name: &str,
    words: &mut std::slice::Iter<'_, Word>,
) -> Result<(), &'static str> {
    match name {
        "no_track" => rule.no_track = true,
        "not" => rule.is_inverted = true,
        "inet6" => rule.is_ipv6 = true,
        "inet" => {}
        "blackhole" => rule.kind = RouteKind::Blackhole,
        "prohibit" => rule.kind = RouteKind::Prohibit,
        "unreachable" => rule.kind = RouteKind::Unreachable,
        "tos" | "dsfield" => rule.tos = route::byte(words)?,
        _ => {
            let value = words
                .next()
                .ok_or("has no value or is not supported in a rule")?;
            let text = value.text.as_str();
            match name {
                "from" => rule.from = network(text)?,
                "to" => rule.to = network(text)?,
                "table" | "lookup" => {
                    rule.table = Some(value::table(text).ok_or("has no such table")?);
                }
                "preference" | "priority" | "order" => {
                    rule.preference = Some(number(text)?);
                }
                "iif" | "dev" => rule.iif = Some(text.to_owned()),
                "oif" => rule.oif = Some(text.to_owned()),
                "fwmark" => {
                    rule.mark = Some(match text.split_once('/') {
                        Some((mark, mask)) => (number(mark)?, Some(number(mask)?)),
                        None => (number(text)?, None),
                    });
                }
                _ => return Err("is not supported in a rule"),
            }
        }
    }
    Ok(())
}

fn network(text: &str) -> Result<Option<ipnet::IpNet>, &'static str> {
    if text == "all" || text == "any" {
        return Ok(None);
    }
    match value::network(text) {
        Some(network) => Ok(Some(network)),
        None => Err("has a value that is no network"),
    }
}

fn number(text: &str) -> Result<u32, &'static str> {
    let value = match text.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => text.parse(),
    };
    value.map_err(|_| "has a value that is no number")
}

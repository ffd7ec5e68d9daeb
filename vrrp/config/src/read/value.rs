//! Words to numbers, durations, yes and no, addresses.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::lex::Word;
use crate::read::Cx;
use crate::tree::Item;

/// A whole number in a range.
pub(crate) fn number(cx: &mut Cx<'_>, word: &Word, range: RangeInclusive<i64>) -> Option<i64> {
    let text = &word.text;
    let value = match text.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16),
        None => text.parse(),
    };
    let Ok(value) = value else {
        cx.error(word.span, format!("invalid number '{text}'"), "");
        return None;
    };
    if !range.contains(&value) {
        let (low, high) = (range.start(), range.end());
        cx.error(
            word.span,
            format!("number '{text}' outside range [{low}, {high}]"),
            "",
        );
        return None;
    }
    Some(value)
}

/// The number after a keyword, cut to the type it is kept in.
pub(crate) fn of<T: TryFrom<i64>>(
    cx: &mut Cx<'_>,
    item: &Item,
    range: RangeInclusive<i64>,
) -> Option<T> {
    let word = item.values().first()?;
    number(cx, word, range).and_then(|value| T::try_from(value).ok())
}

/// Seconds, with fractions.
pub(crate) fn seconds(
    cx: &mut Cx<'_>,
    word: &Word,
    range: RangeInclusive<f64>,
) -> Option<Duration> {
    let text = &word.text;
    let is_plain = text
        .bytes()
        .all(|b| b.is_ascii_digit() || b == b'.' || b == b'-');
    let value: f64 = match text.parse() {
        Ok(value) if is_plain => value,
        _ => {
            cx.error(word.span, format!("invalid number '{text}'"), "");
            return None;
        }
    };
    if !range.contains(&value) {
        let (low, high) = (range.start(), range.end());
        cx.error(
            word.span,
            format!("number '{text}' outside range [{low}, {high}]"),
            "",
        );
        return None;
    }
    Duration::try_from_secs_f64(value).ok()
}

/// Seconds after a keyword.
pub(crate) fn seconds_of(
    cx: &mut Cx<'_>,
    item: &Item,
    range: RangeInclusive<f64>,
) -> Option<Duration> {
    seconds(cx, item.values().first()?, range)
}

/// `on|off|true|false|yes|no`.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text {
        "on" | "true" | "yes" => Some(true),
        "off" | "false" | "no" => Some(false),
        _ => None,
    }
}

/// Whether a keyword switches on: alone it does.
pub(crate) fn switch(cx: &mut Cx<'_>, item: &Item) -> Option<bool> {
    let Some(word) = item.values().first() else {
        return Some(true);
    };
    let value = boolean(&word.text);
    if value.is_none() {
        let text = format!("invalid {} '{}'", item.keyword(), word.text);
        cx.error(
            word.span,
            text,
            "Write one of on, off, true, false, yes, no.",
        );
    }
    value
}

/// An address.
pub(crate) fn address(cx: &mut Cx<'_>, word: &Word) -> Option<IpAddr> {
    match word.text.parse() {
        Ok(address) => Some(address),
        Err(_) => {
            cx.error(word.span, format!("invalid address '{}'", word.text), "");
            None
        }
    }
}

/// An address with a port.
pub(crate) fn socket_address(cx: &mut Cx<'_>, item: &Item) -> Option<SocketAddr> {
    let word = &item.values()[0];
    let address = word.text.parse().ok();
    if address.is_none() {
        cx.error(word.span, "invalid address", "Write ADDRESS:PORT.");
    }
    address
}

/// A multicast address of a family.
pub(crate) fn group(cx: &mut Cx<'_>, item: &Item, is_ipv4: bool) -> Option<IpAddr> {
    let group = address(cx, &item.values()[0])?;
    if group.is_multicast() && group.is_ipv4() == is_ipv4 {
        return Some(group);
    }
    let family = if is_ipv4 { "IPv4" } else { "IPv6" };
    let text = format!("not an {family} multicast address");
    cx.error(item.span(), text, "");
    None
}

/// A network: address and prefix length; `default` is all of IPv4.
pub(crate) fn network(text: &str) -> Option<ipnet::IpNet> {
    if text == "default" {
        return "0.0.0.0/0".parse().ok();
    }
    match text.split_once('/') {
        Some((address, prefix)) => {
            ipnet::IpNet::new(address.parse().ok()?, prefix.parse().ok()?).ok()
        }
        None => Some(ipnet::IpNet::from(text.parse::<IpAddr>().ok()?)),
    }
}

/// The kernel's numbers of scopes.
pub(crate) fn scope(text: &str) -> Option<u8> {
    match text {
        "global" => Some(0),
        "site" => Some(200),
        "link" => Some(253),
        "host" => Some(254),
        "nowhere" => Some(255),
        other => other.parse().ok(),
    }
}

/// The kernel's numbers of routing tables.
pub(crate) fn table(text: &str) -> Option<u32> {
    match text {
        "default" => Some(253),
        "main" => Some(254),
        "local" => Some(255),
        other => match other.strip_prefix("0x") {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => other.parse().ok(),
        },
    }
}

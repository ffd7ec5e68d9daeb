//! Routes as `ip route add` takes them.

use std::net::IpAddr;

use crate::config::{NextHop, Route, RouteKind, RouteMetric};
use crate::lex::Word;
use crate::read::{Cx, value};
use crate::tree::Item;

pub(super) fn statics(cx: &mut Cx<'_>, items: &[Item]) {
    let routes = list(cx, items);
    cx.config.static_routes.extend(routes);
}

/// A block of routes; what is wrong is told and left out.
pub(super) fn list(cx: &mut Cx<'_>, items: &[Item]) -> Vec<Route> {
    items
        .iter()
        .filter_map(|item| one(cx, &item.words))
        .collect()
}

fn one(cx: &mut Cx<'_>, words: &[Word]) -> Option<Route> {
    let mut reader = Reader {
        to: None,
        kind: RouteKind::Unicast,
        hops: vec![NextHop {
            weight: 1,
            ..NextHop::default()
        }],
        is_multipath: false,
        source: None,
        table: None,
        metric: None,
        scope: None,
        tos: 0,
        protocol: None,
        metrics: Vec::new(),
        no_track: false,
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if let Err(why) = reader.word(word.text.as_str(), &mut words) {
            let text = format!("'{}' {why}; the route is left out", word.text);
            cx.error(word.span, text, "");
            return None;
        }
    }
    reader.route()
}

struct Reader {
    to: Option<ipnet::IpNet>,
    kind: RouteKind,
    hops: Vec<NextHop>,
    is_multipath: bool,
    source: Option<IpAddr>,
    table: Option<u32>,
    metric: Option<u32>,
    scope: Option<u8>,
    tos: u8,
    protocol: Option<u8>,
    metrics: Vec<(RouteMetric, u32)>,
    no_track: bool,
}

type Words<'a> = std::slice::Iter<'a, Word>;

impl Reader {
    fn word(&mut self, name: &str, words: &mut Words<'_>) -> Result<(), &'static str> {
        match name {
            "blackhole" => self.kind = RouteKind::Blackhole,
            "unreachable" => self.kind = RouteKind::Unreachable,
            "prohibit" => self.kind = RouteKind::Prohibit,
            "throw" => self.kind = RouteKind::Throw,
            "unicast" | "inet" | "inet6" => {}
            "no_track" => self.no_track = true,
            "onlink" => self.hop().is_onlink = true,
            "nexthop" => {
                if self.is_multipath {
                    self.hops.push(NextHop::default());
                }
                self.is_multipath = true;
                self.hop().weight = 1;
            }
            "or" => {
                self.is_multipath = true;
                self.hops.push(NextHop {
                    via: Some(address(words)?),
                    weight: 1,
                    ..NextHop::default()
                });
            }
            "to" => self.to = Some(network(words)?),
            "via" | "gw" => {
                if words
                    .as_slice()
                    .first()
                    .is_some_and(|w| w.text.starts_with("inet"))
                {
                    words.next();
                }
                self.hop().via = Some(address(words)?);
            }
            "dev" | "oif" => self.hop().dev = Some(text(words)?.to_owned()),
            "weight" => self.hop().weight = parse(words)?,
            "src" => self.source = Some(address(words)?),
            "table" => self.table = Some(value::table(text(words)?).ok_or("has no such table")?),
            "metric" | "priority" | "preference" => self.metric = Some(parse(words)?),
            "scope" => self.scope = Some(value::scope(text(words)?).ok_or("has no such scope")?),
            "tos" | "dsfield" => self.tos = byte(words)?,
            "protocol" | "proto" => self.protocol = Some(protocol(text(words)?)?),
            _ => return self.metric(name, words),
        }
        Ok(())
    }

    fn metric(&mut self, name: &str, words: &mut Words<'_>) -> Result<(), &'static str> {
        let metric = match name {
            "advmss" => RouteMetric::AdvMss,
            "cwnd" => RouteMetric::Cwnd,
            "hoplimit" => RouteMetric::HopLimit,
            "initcwnd" => RouteMetric::InitCwnd,
            "initrwnd" => RouteMetric::InitRwnd,
            "mtu" => RouteMetric::Mtu,
            "reordering" => RouteMetric::Reordering,
            "window" => RouteMetric::Window,
            other if self.to.is_none() => {
                self.to = Some(value::network(other).ok_or("is no network and no route keyword")?);
                return Ok(());
            }
            _ => return Err("is not supported in a route"),
        };
        self.metrics.push((metric, parse(words)?));
        Ok(())
    }

    fn hop(&mut self) -> &mut NextHop {
        // There always is one; the last is the one being read.
        if self.hops.is_empty() {
            self.hops.push(NextHop::default());
        }
        let last = self.hops.len() - 1;
        &mut self.hops[last]
    }

    fn route(mut self) -> Option<Route> {
        self.hops
            .retain(|hop| hop.via.is_some() || hop.dev.is_some());
        Some(Route {
            to: self.to?,
            kind: self.kind,
            hops: self.hops,
            source: self.source,
            table: self.table,
            metric: self.metric,
            scope: self.scope,
            tos: self.tos,
            protocol: self.protocol,
            metrics: self.metrics,
            no_track: self.no_track,
        })
    }
}

fn text<'a>(words: &mut Words<'a>) -> Result<&'a str, &'static str> {
    words
        .next()
        .map(|word| word.text.as_str())
        .ok_or("has no value")
}

fn parse<T: std::str::FromStr>(words: &mut Words<'_>) -> Result<T, &'static str> {
    let word = match text(words)? {
        "lock" => text(words)?,
        word => word,
    };
    word.parse().map_err(|_| "has a value that is no number")
}

fn address(words: &mut Words<'_>) -> Result<IpAddr, &'static str> {
    text(words)?
        .parse()
        .map_err(|_| "has a value that is no address")
}

fn network(words: &mut Words<'_>) -> Result<ipnet::IpNet, &'static str> {
    value::network(text(words)?).ok_or("has a value that is no network")
}

pub(super) fn byte(words: &mut Words<'_>) -> Result<u8, &'static str> {
    let word = text(words)?;
    let value = match word.strip_prefix("0x") {
        Some(hex) => u8::from_str_radix(hex, 16),
        None => word.parse(),
    };
    value.map_err(|_| "has a value that is no number up to 255")
}

/// Names of `rt_protos` that are used; numbers are always understood.
fn protocol(name: &str) -> Result<u8, &'static str> {
    Ok(match name {
        "redirect" => 1,
        "kernel" => 2,
        "boot" => 3,
        "static" => 4,
        "bird" => 12,
        "keepalived" => 18,
        other => return other.parse().map_err(|_| "has an unknown protocol"),
    })
}

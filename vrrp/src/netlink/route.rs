//! Routes and rules.

use std::io;
use std::net::IpAddr;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_REPLACE};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteMetric as KernelMetric,
    RouteNextHop, RouteNextHopFlags, RouteProtocol, RouteScope, RouteType, RouteVia,
};
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleFlags, RuleMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use vrrp_config::config::{NextHop, Route, RouteKind, RouteMetric, Rule};

use super::Netlink;

impl Netlink {
    /// Adds or replaces a route. `index` finds interfaces by name.
    pub fn add_route(
        &mut self,
        route: &Route,
        index: &dyn Fn(&str) -> Option<u32>,
    ) -> io::Result<()> {
        let message = RouteNetlinkMessage::NewRoute(message(route, index)?);
        self.request(message, NLM_F_CREATE | NLM_F_REPLACE)
    }

    /// Removes a route; one that is not there is no error.
    pub fn remove_route(
        &mut self,
        route: &Route,
        index: &dyn Fn(&str) -> Option<u32>,
    ) -> io::Result<()> {
        let message = RouteNetlinkMessage::DelRoute(message(route, index)?);
        match self.request(message, 0) {
            Err(error) if super::is_absent(&error) => Ok(()),
            result => result,
        }
    }

    /// Adds a rule; one that is there already is no error.
    pub fn add_rule(&mut self, rule: &Rule) -> io::Result<()> {
        let message = RouteNetlinkMessage::NewRule(rule_message(rule));
        match self.request(message, NLM_F_CREATE | netlink_packet_core::NLM_F_EXCL) {
            Err(error) if super::is_there(&error) => Ok(()),
            result => result,
        }
    }

    /// Removes a rule; one that is not there is no error.
    pub fn remove_rule(&mut self, rule: &Rule) -> io::Result<()> {
        let message = RouteNetlinkMessage::DelRule(rule_message(rule));
        match self.request(message, 0) {
            Err(error) if super::is_absent(&error) => Ok(()),
            result => result,
        }
    }
}

fn family(ip: IpAddr) -> AddressFamily {
    match ip {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

fn message(route: &Route, index: &dyn Fn(&str) -> Option<u32>) -> io::Result<RouteMessage> {
    let mut message = RouteMessage::default();
    let header = &mut message.header;
    header.address_family = family(route.to.addr());
    header.destination_prefix_length = route.to.prefix_len();
    header.tos = route.tos;
    header.protocol = RouteProtocol::from(route.protocol.unwrap_or(PROTOCOL_KEEPALIVED));
    header.kind = match route.kind {
        RouteKind::Unicast => RouteType::Unicast,
        RouteKind::Blackhole => RouteType::BlackHole,
        RouteKind::Unreachable => RouteType::Unreachable,
        RouteKind::Prohibit => RouteType::Prohibit,
        RouteKind::Throw => RouteType::Throw,
    };
    let has_gateway = route.hops.iter().any(|hop| hop.via.is_some());
    header.scope = match route.scope {
        Some(scope) => RouteScope::from(scope),
        // As ip route: what is on the link itself is link.
        None if route.kind == RouteKind::Unicast && !has_gateway && route.to.addr().is_ipv4() => {
            RouteScope::Link
        }
        None => RouteScope::Universe,
    };
    let table = route.table.unwrap_or(TABLE_MAIN);
    header.table = u8::try_from(table).unwrap_or(RouteHeader::RT_TABLE_UNSPEC);
    let attributes = &mut message.attributes;
    attributes.push(RouteAttribute::Table(table));
    if route.to.prefix_len() > 0 {
        attributes.push(RouteAttribute::Destination(RouteAddress::from(
            route.to.addr(),
        )));
    }
    if let Some(source) = route.source {
        attributes.push(RouteAttribute::PrefSource(RouteAddress::from(source)));
    }
    if let Some(metric) = route.metric {
        attributes.push(RouteAttribute::Priority(metric));
    }
    let metrics: Vec<_> = route.metrics.iter().map(|(m, v)| metric(*m, *v)).collect();
    if !metrics.is_empty() {
        attributes.push(RouteAttribute::Metrics(metrics));
    }
    match route.hops.as_slice() {
        [] => {}
        [hop] => {
            attributes.extend(gateway(hop, route.to.addr()));
            if let Some(dev) = &hop.dev {
                attributes.push(RouteAttribute::Oif(find(dev, index)?));
            }
            if hop.is_onlink {
                message.header.flags |= netlink_packet_route::route::RouteFlags::Onlink;
            }
        }
        hops => {
            let hops: io::Result<Vec<_>> = hops
                .iter()
                .map(|hop| next_hop(hop, route.to.addr(), index))
                .collect();
            attributes.push(RouteAttribute::MultiPath(hops?));
        }
    }
    Ok(message)
}

fn find(dev: &str, index: &dyn Fn(&str) -> Option<u32>) -> io::Result<u32> {
    index(dev).ok_or_else(|| io::Error::from_raw_os_error(nix::libc::ENODEV))
}

fn gateway(hop: &NextHop, to: IpAddr) -> Option<RouteAttribute> {
    let via = hop.via?;
    Some(if via.is_ipv4() == to.is_ipv4() {
        RouteAttribute::Gateway(RouteAddress::from(via))
    } else {
        RouteAttribute::Via(RouteVia::from(via))
    })
}

fn next_hop(
    hop: &NextHop,
    to: IpAddr,
    index: &dyn Fn(&str) -> Option<u32>,
) -> io::Result<RouteNextHop> {
    let mut next = RouteNextHop::default();
    next.hops = u8::try_from(hop.weight.clamp(1, 256) - 1).unwrap_or(u8::MAX);
    if let Some(dev) = &hop.dev {
        next.interface_index = find(dev, index)?;
    }
    if hop.is_onlink {
        next.flags |= RouteNextHopFlags::Onlink;
    }
    next.attributes.extend(gateway(hop, to));
    Ok(next)
}

fn metric(metric: RouteMetric, value: u32) -> KernelMetric {
    match metric {
        RouteMetric::AdvMss => KernelMetric::Advmss(value),
        RouteMetric::Cwnd => KernelMetric::Cwnd(value),
        RouteMetric::HopLimit => KernelMetric::Hoplimit(value),
        RouteMetric::InitCwnd => KernelMetric::InitCwnd(value),
        RouteMetric::InitRwnd => KernelMetric::InitRwnd(value),
        RouteMetric::Mtu => KernelMetric::Mtu(value),
        RouteMetric::Reordering => KernelMetric::Reordering(value),
        RouteMetric::Window => KernelMetric::Window(value),
    }
}

fn rule_message(rule: &Rule) -> RuleMessage {
    let mut message = RuleMessage::default();
    let header = &mut message.header;
    header.family = if rule.is_ipv6 {
        AddressFamily::Inet6
    } else {
        AddressFamily::Inet
    };
    header.tos = rule.tos;
    header.action = match rule.kind {
        RouteKind::Unicast | RouteKind::Throw => RuleAction::ToTable,
        RouteKind::Blackhole => RuleAction::Blackhole,
        RouteKind::Unreachable => RuleAction::Unreachable,
        RouteKind::Prohibit => RuleAction::Prohibit,
    };
    if rule.is_inverted {
        header.flags |= RuleFlags::Invert;
    }
    let attributes = &mut message.attributes;
    if let Some(from) = rule.from {
        header.src_len = from.prefix_len();
        attributes.push(RuleAttribute::Source(from.addr()));
    }
    if let Some(to) = rule.to {
        header.dst_len = to.prefix_len();
        attributes.push(RuleAttribute::Destination(to.addr()));
    }
    if header.action == RuleAction::ToTable {
        let table = rule.table.unwrap_or(TABLE_MAIN);
        header.table = u8::try_from(table).unwrap_or(RouteHeader::RT_TABLE_UNSPEC);
        attributes.push(RuleAttribute::Table(table));
    }
    let optional = [
        rule.preference.map(RuleAttribute::Priority),
        rule.iif.clone().map(RuleAttribute::Iifname),
        rule.oif.clone().map(RuleAttribute::Oifname),
        rule.mark.map(|(mark, _)| RuleAttribute::FwMark(mark)),
        rule.mark
            .and_then(|(_, mask)| mask)
            .map(RuleAttribute::FwMask),
    ];
    attributes.extend(optional.into_iter().flatten());
    message
}

/// `RT_TABLE_MAIN`.
const TABLE_MAIN: u32 = RouteHeader::RT_TABLE_MAIN as u32;
/// `RTPROT_KEEPALIVED`: what other tools know it by.
const PROTOCOL_KEEPALIVED: u8 = 18;

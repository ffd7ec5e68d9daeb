//! Addresses, routes and rules that an owner has.
//!
//! Setting them is the shell's.

use std::net::{IpAddr, Ipv4Addr};
/// An address with the options of `ip address add`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The address.
    pub ip: IpAddr,
    /// Its prefix length; 32 or 128 if none is set.
    pub prefix: u8,
    /// `dev`.
    pub dev: Option<String>,
    /// `label`.
    pub label: Option<String>,
    /// `brd`.
    pub broadcast: Option<Ipv4Addr>,
    /// `peer`.
    pub peer: Option<IpAddr>,
    /// `scope`, as the kernel counts them.
    pub scope: u8,
    /// `preferred_lft`; `Some(0)` is a deprecated address.
    pub preferred: Option<u32>,
    /// `no_track`.
    pub no_track: bool,
    /// `home`.
    pub is_home: bool,
    /// `-nodad`.
    pub no_dad: bool,
    /// `mngtmpaddr`.
    pub makes_temporary: bool,
    /// `noprefixroute`.
    pub no_prefix_route: bool,
    /// `autojoin`.
    pub autojoin: bool,
    /// `use_vmac`; after all is read, also what `use_vmac_addr` means it for.
    pub uses_vmac: bool,
    /// The name of the VMAC interface among `Instance::address_vmacs` that it is on.
    pub vmac: Option<String>,
}

impl Address {
    /// An address without options.
    pub fn new(ip: IpAddr, prefix: u8) -> Self {
        Self {
            ip,
            prefix,
            dev: None,
            label: None,
            broadcast: None,
            peer: None,
            scope: 0,
            preferred: None,
            no_track: false,
            is_home: false,
            no_dad: false,
            makes_temporary: false,
            no_prefix_route: false,
            autojoin: false,
            uses_vmac: false,
            vmac: None,
        }
    }
}

/// What a route does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RouteKind {
    /// Passes packets on.
    #[default]
    Unicast,
    /// Drops them.
    Blackhole,
    /// Answers that there is no way.
    Unreachable,
    /// Answers that it is forbidden.
    Prohibit,
    /// Looks in the next table.
    Throw,
}

/// A next hop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NextHop {
    /// `via`.
    pub via: Option<IpAddr>,
    /// `dev`.
    pub dev: Option<String>,
    /// `weight`, 1 to 256.
    pub weight: u16,
    /// `onlink`.
    pub is_onlink: bool,
}

/// A route with options of `ip route add`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Where to.
    pub to: ipnet::IpNet,
    /// What it does.
    pub kind: RouteKind,
    /// One, or several of a multipath route; empty for those that pass nothing on.
    pub hops: Vec<NextHop>,
    /// `src`.
    pub source: Option<IpAddr>,
    /// `table`.
    pub table: Option<u32>,
    /// `metric`, `priority`, `preference`.
    pub metric: Option<u32>,
    /// `scope`.
    pub scope: Option<u8>,
    /// `tos`.
    pub tos: u8,
    /// `protocol`.
    pub protocol: Option<u8>,
    /// `mtu`, `advmss`, `window`, …: number of the kernel's metric, value.
    pub metrics: Vec<(RouteMetric, u32)>,
    /// `no_track`.
    pub no_track: bool,
}

/// A metric of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteMetric {
    /// `advmss`.
    AdvMss,
    /// `cwnd`.
    Cwnd,
    /// `hoplimit`.
    HopLimit,
    /// `initcwnd`.
    InitCwnd,
    /// `initrwnd`.
    InitRwnd,
    /// `mtu`.
    Mtu,
    /// `reordering`.
    Reordering,
    /// `window`.
    Window,
}

/// A rule with options of `ip rule add`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// `from`.
    pub from: Option<ipnet::IpNet>,
    /// `to`.
    pub to: Option<ipnet::IpNet>,
    /// `inet6`, or what the addresses are.
    pub is_ipv6: bool,
    /// `table`.
    pub table: Option<u32>,
    /// `preference`.
    pub preference: Option<u32>,
    /// `iif`.
    pub iif: Option<String>,
    /// `oif`.
    pub oif: Option<String>,
    /// `tos`.
    pub tos: u8,
    /// `fwmark` and its mask.
    pub mark: Option<(u32, Option<u32>)>,
    /// `blackhole`, `prohibit`, `unreachable`.
    pub kind: RouteKind,
    /// `not`.
    pub is_inverted: bool,
    /// `no_track`.
    pub no_track: bool,
}

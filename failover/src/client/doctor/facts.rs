//! What is known of a machine.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// Everything that findings are made of. What could not be learnt is absent, and then nothing is found.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    /// Ports that the balancer's configuration binds.
    pub(super) binds: Vec<u16>,
    /// Who listens on which port now.
    pub(super) listeners: Vec<Listener>,
    /// Settings of the kernel by name (`net.ipv4.ip_nonlocal_bind`).
    pub(super) settings: BTreeMap<String, String>,
    /// `maxconn` of the balancer's configuration.
    pub(super) maxconn: Option<u64>,
    /// Open files that the running balancer may have.
    pub(super) open_files: Option<u64>,
    /// The rules of the firewall, as `nft list ruleset` prints them.
    pub(super) firewall: Option<String>,
    /// Whether firewalld makes these rules.
    pub(super) has_firewalld: bool,
    /// Whether the clock follows another one.
    pub(super) is_clock_synchronized: Option<bool>,
    /// Whether this is a machine of a cloud that carries no multicast.
    pub(super) is_cloud: bool,
    /// What lbd-failover is to own.
    pub(super) own: Vec<Owned>,
    /// What a running keepalived owns.
    pub(super) keepalived: Option<Vec<Owned>>,
    /// Interfaces by name.
    pub(super) interfaces: BTreeMap<String, Interface>,
    /// Files and directories of the package.
    pub(super) files: Vec<File>,
    /// Whether the user lbd is there.
    pub(super) has_user: bool,
}

/// A listening socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listener {
    pub(super) port: u16,
    /// The name of its process; empty when it may not be known.
    pub(super) program: String,
}

/// A virtual router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owned {
    pub(super) name: String,
    pub(super) vrid: u8,
    pub(super) interface: String,
    pub(super) addresses: Vec<IpAddr>,
    pub(super) is_unicast: bool,
}

/// A network interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interface {
    pub(super) is_up: bool,
    pub(super) has_multicast: bool,
}

/// A file whose permissions matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    pub(super) path: String,
    /// None when it is not there.
    pub(super) mode: Option<u32>,
    pub(super) owner: u32,
    /// Whether passwords stand in it.
    pub(super) has_secret: bool,
    pub(super) is_directory: bool,
}

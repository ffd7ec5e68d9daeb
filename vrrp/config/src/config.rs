//! What a configuration says, names resolved to indices.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use lbd_core::Span;
use vrrp_proto::InstanceSpec;
use vrrp_proto::packet::{Family, GROUP_IPV4, GROUP_IPV6, Priority, Version, Vrid};
use vrrp_proto::spec::GarpSpec;
use vrrp_proto::track::{Delays, TrackSpec};

mod route;
mod track;

pub use route::{Address, NextHop, Route, RouteKind, RouteMetric, Rule};
pub use track::{Balancer, ParamMatch, Script, Track, TrackFile, TrackProcess};

/// User and group that a script runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

/// A whole configuration.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// `global_defs`.
    pub global: Global,
    /// `vrrp_script` blocks.
    pub scripts: Vec<Script>,
    /// `track_file` blocks.
    pub files: Vec<TrackFile>,
    /// `vrrp_track_process` blocks.
    pub processes: Vec<TrackProcess>,
    /// `track_balancer` blocks.
    pub balancers: Vec<Balancer>,
    /// `vrrp_instance` blocks.
    pub instances: Vec<Instance>,
    /// `vrrp_sync_group` blocks.
    pub groups: Vec<Group>,
    /// `static_ipaddress`.
    pub static_addresses: Vec<Address>,
    /// `static_routes`.
    pub static_routes: Vec<Route>,
    /// `static_rules`.
    pub static_rules: Vec<Rule>,
    /// `interface_up_down_delays`.
    pub interface_delays: Vec<(String, Delays)>,
    /// `garp_group` blocks.
    pub garp_groups: Vec<GarpGroup>,
    /// `net_namespace`, `instance`.
    pub place: Place,
}

/// Where the process runs, and what tells it from others of the same machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// `net_namespace`: the network namespace, by its name in `/run/netns`.
    pub net_namespace: Option<String>,
    /// `instance`: part of the names of the files in `/run` and of the lines in syslog.
    pub instance: Option<String>,
}

impl Place {
    /// What a name of one may not be, as the end of a sentence.
    pub fn check(name: &str) -> Result<(), &'static str> {
        match name {
            "" | "." | ".." => Err("cannot be part of a file's name"),
            _ if name.len() > MAX_PLACE => Err("is too long"),
            _ if name.contains('/') => Err("has a '/', which cannot be part of a file's name"),
            _ => Ok(()),
        }
    }

    /// What follows the program's name in file names and in syslog, as in keepalived's
    /// `keepalived_NAMESPACE_INSTANCE`; nothing by default.
    pub fn suffix(&self) -> String {
        let names = self.net_namespace.iter().chain(&self.instance);
        names.map(|name| format!("_{name}")).collect()
    }
}

/// Two of them and the rest fit in the longest name of a file.
const MAX_PLACE: usize = 100;

/// `global_defs`.
#[derive(Clone, Debug)]
pub struct Global {
    /// `router_id`.
    pub router_id: Option<String>,
    /// `vrrp_version`.
    pub version: Option<Version>,
    /// `vrrp_garp_master_*`, `vrrp_garp_lower_prio_*`, `vrrp_min_garp`, `vrrp_garp_extra_if`.
    pub garp: GarpSettings,
    /// `vrrp_garp_interval`: between two gratuitous ARP on an interface.
    pub garp_interval: Duration,
    /// `vrrp_gna_interval`: between two neighbour advertisements on an interface.
    pub gna_interval: Duration,
    /// `vrrp_mcast_group4`.
    pub group4: Ipv4Addr,
    /// `vrrp_mcast_group6`.
    pub group6: Ipv6Addr,
    /// `default_interface`.
    pub default_interface: String,
    /// `vrrp_check_unicast_src`.
    pub check_unicast_src: bool,
    /// `vrrp_skip_check_adv_addr`.
    pub skip_check_adv_addr: bool,
    /// `vrrp_strict`.
    pub is_strict: bool,
    /// `vrrp_lower_prio_no_advert`.
    pub lower_prio_no_advert: bool,
    /// `vrrp_higher_prio_send_advert`; on unless it is set to off.
    pub higher_prio_send_advert: bool,
    /// `vrrp_down_timer_adverts`.
    pub down_timer_adverts: Option<u8>,
    /// `vrrp_startup_delay`.
    pub startup_delay: Duration,
    /// `vrrp_notify_priority_changes`.
    pub notify_priority_changes: bool,
    /// `vrrp_priority`: nice value.
    pub nice: Option<i32>,
    /// `vrrp_rt_priority`.
    pub rt_priority: Option<u32>,
    /// `vrrp_no_swap`.
    pub no_swap: bool,
    /// `vrrp_cpu_affinity`.
    pub cpus: Vec<u32>,
    /// `enable_script_security`.
    pub script_security: bool,
    /// `script_user`, or keepalived's default.
    pub script_user: Option<User>,
    /// `notify_fifo` and `vrrp_notify_fifo`.
    pub fifos: Vec<Fifo>,
    /// `fifo_write_vrrp_states_on_reload`.
    pub fifo_on_reload: bool,
    /// `dynamic_interfaces`.
    pub dynamic_interfaces: bool,
    /// `startup_script` with its timeout.
    pub startup_script: Option<(Command, Duration)>,
    /// `shutdown_script` with its timeout.
    pub shutdown_script: Option<(Command, Duration)>,
    /// Mail: `smtp_server`, `notification_email`, …
    pub mail: Mail,
    /// `prometheus`: where metrics are served (lbd's own keyword).
    pub prometheus: Option<std::net::SocketAddr>,
    /// `handover`: the channel between the two nodes (lbd's own keyword).
    pub handover: Option<Handover>,
    /// `fence`: the kernel answers for addresses only while they are advertised (lbd's own keyword).
    pub fence: bool,
    /// `vmac_prefix`: how names of VMAC interfaces begin.
    pub vmac_prefix: String,
    /// `vmac_addr_prefix`: likewise of those that only addresses are on.
    pub vmac_addr_prefix: Option<String>,
}

impl Default for Global {
    fn default() -> Self {
        Self {
            router_id: None,
            version: None,
            garp: GarpSettings::default(),
            garp_interval: Duration::ZERO,
            gna_interval: Duration::ZERO,
            group4: GROUP_IPV4,
            group6: GROUP_IPV6,
            default_interface: "eth0".to_owned(),
            check_unicast_src: false,
            skip_check_adv_addr: false,
            is_strict: false,
            lower_prio_no_advert: false,
            higher_prio_send_advert: true,
            down_timer_adverts: None,
            startup_delay: Duration::ZERO,
            notify_priority_changes: false,
            nice: None,
            rt_priority: None,
            no_swap: false,
            cpus: Vec::new(),
            script_security: false,
            script_user: None,
            fifos: Vec::new(),
            fifo_on_reload: false,
            dynamic_interfaces: false,
            startup_script: None,
            shutdown_script: None,
            mail: Mail::default(),
            prometheus: None,
            handover: None,
            fence: true,
            vmac_prefix: "vrrp".to_owned(),
            vmac_addr_prefix: None,
        }
    }
}

/// The channel between two nodes for planned switchovers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handover {
    /// Our address and port.
    pub local: std::net::SocketAddr,
    /// The partner's.
    pub peer: std::net::SocketAddr,
    /// What both nodes know.
    pub secret: Vec<u8>,
    /// How long old connections may take.
    pub drain: Duration,
}

/// Settings of announcements; what is not set is taken from the place above.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GarpSettings {
    /// `garp_master_delay`.
    pub delay: Option<Duration>,
    /// `garp_master_repeat`.
    pub repeat: Option<u16>,
    /// `garp_master_refresh`.
    pub refresh: Option<Duration>,
    /// `garp_master_refresh_repeat`.
    pub refresh_repeat: Option<u16>,
    /// `garp_lower_prio_delay`.
    pub lower_prio_delay: Option<Duration>,
    /// `garp_lower_prio_repeat`.
    pub lower_prio_repeat: Option<u16>,
    /// `garp_extra_if`.
    pub extra_interval: Option<Duration>,
    /// `vrrp_min_garp`.
    pub is_minimal: bool,
}

impl GarpSettings {
    /// These over those of the place above, with keepalived's defaults below both.
    pub fn over(&self, above: &Self) -> GarpSpec {
        let base = if self.is_minimal || above.is_minimal {
            GarpSpec::minimal()
        } else {
            GarpSpec::default()
        };
        let delay = self.delay.or(above.delay).unwrap_or(base.delay);
        let repeat = self.repeat.or(above.repeat).unwrap_or(base.repeat);
        let lower_delay = self.lower_prio_delay.or(above.lower_prio_delay);
        let lower_repeat = self.lower_prio_repeat.or(above.lower_prio_repeat);
        let refresh_repeat = self.refresh_repeat.or(above.refresh_repeat);
        let extra = self.extra_interval.or(above.extra_interval);
        GarpSpec {
            repeat,
            delay,
            refresh: self.refresh.or(above.refresh).unwrap_or(base.refresh),
            refresh_repeat: refresh_repeat.unwrap_or(base.refresh_repeat),
            lower_prio_repeat: lower_repeat.unwrap_or(repeat),
            lower_prio_delay: lower_delay.unwrap_or(delay),
            extra_interval: extra.unwrap_or(base.extra_interval),
        }
    }
}

/// A program with its arguments, and who runs it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Command {
    /// Program and arguments; never empty.
    pub words: Vec<String>,
    /// `None` for whoever runs the daemon.
    pub user: Option<User>,
}

/// A FIFO that events are written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fifo {
    /// Its path; it is made if it is not there.
    pub path: String,
    /// Who owns it when it is made.
    pub user: Option<User>,
    /// What reads it; the path is its last argument.
    pub script: Option<Command>,
}

/// Where mail goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mail {
    /// `smtp_server`: host and port.
    pub server: Option<(String, u16)>,
    /// `notification_email`.
    pub to: Vec<String>,
    /// `notification_email_from`.
    pub from: Option<String>,
    /// `smtp_helo_name`.
    pub helo: Option<String>,
    /// `smtp_connect_timeout`.
    pub timeout: Option<Duration>,
    /// `smtp_alert`, `smtp_alert_vrrp`.
    pub by_default: Option<bool>,
    /// `no_email_faults`.
    pub no_faults: bool,
}

/// `vrrp_instance`.
#[derive(Clone, Debug)]
pub struct Instance {
    /// What the protocol needs.
    pub spec: InstanceSpec,
    /// `interface`; `None` in unicast without one.
    pub interface: Option<String>,
    /// `use_vmac`.
    pub vmac: Option<Vmac>,
    /// `use_vmac_addr`, `use_vmac` of an address: interfaces for addresses that are not on the
    /// instance's own or not of its family.
    pub address_vmacs: Vec<AddressVmac>,
    /// `virtual_ipaddress`, in order.
    pub addresses: Vec<Address>,
    /// `virtual_ipaddress_excluded`.
    pub excluded: Vec<Address>,
    /// `virtual_routes`.
    pub routes: Vec<Route>,
    /// `virtual_rules`.
    pub rules: Vec<Rule>,
    /// `promote_secondaries`.
    pub promote_secondaries: bool,
    /// `notify*`.
    pub notify: Notify,
    /// What its trackers are, as `spec.trackers`.
    pub tracks: Vec<Track>,
    /// Where it is defined.
    pub span: Span,
}

impl Instance {
    /// Addresses that are in advertisements and others.
    pub fn all_addresses(&self) -> impl Iterator<Item = &Address> {
        self.addresses.iter().chain(&self.excluded)
    }
}

/// `use_vmac`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vmac {
    /// The name of the interface.
    pub name: String,
    /// Its address; the one of RFC 9568 §7.3 if none is set.
    pub mac: [u8; 6],
    /// `vmac_xmit_base`: packets go out from the interface below.
    pub xmit_base: bool,
}

impl Vmac {
    /// The address of RFC 9568 §7.3.
    pub fn usual_mac(family: Family, vrid: Vrid) -> [u8; 6] {
        let group = match family {
            Family::Ipv4 => 1,
            Family::Ipv6 => 2,
        };
        [0, 0, 0x5e, 0, group, vrid.number()]
    }
}

/// A VMAC interface that only addresses are on: one for each interface below and family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressVmac {
    /// The interface below.
    pub base: String,
    /// The family of its addresses.
    pub family: Family,
    /// The name of the interface.
    pub name: String,
    /// The address of RFC 9568 §7.3 for the family.
    pub mac: [u8; 6],
}

/// What runs when the state changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notify {
    /// `notify_master`.
    pub master: Option<Command>,
    /// `notify_backup`.
    pub backup: Option<Command>,
    /// `notify_fault`.
    pub fault: Option<Command>,
    /// `notify_stop`.
    pub stop: Option<Command>,
    /// `notify_deleted` without a script: `DELETED` is told to others.
    pub tells_deleted: bool,
    /// `notify_deleted`.
    pub deleted: Option<Command>,
    /// `notify`: with four more arguments.
    pub any: Option<Command>,
    /// `notify_master_rx_lower_pri`.
    pub lower_priority: Option<Command>,
    /// `notify_priority_changes`.
    pub priority_changes: Option<bool>,
    /// `smtp_alert`.
    pub mail: Option<bool>,
}

impl Notify {
    /// All commands.
    pub fn commands(&self) -> impl Iterator<Item = &Command> {
        [
            &self.master,
            &self.backup,
            &self.fault,
            &self.stop,
            &self.deleted,
            &self.any,
            &self.lower_priority,
        ]
        .into_iter()
        .flatten()
    }

    pub(crate) fn slots(&mut self) -> [&mut Option<Command>; 7] {
        [
            &mut self.master,
            &mut self.backup,
            &mut self.fault,
            &mut self.stop,
            &mut self.deleted,
            &mut self.any,
            &mut self.lower_priority,
        ]
    }
}

/// `vrrp_sync_group`.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Indices of its instances.
    pub members: Vec<usize>,
    /// `notify*`.
    pub notify: Notify,
    /// What every member tracks beside its own.
    pub trackers: Vec<TrackSpec>,
    /// What these are.
    pub tracks: Vec<Track>,
    /// Where it is defined.
    pub span: Span,
}

/// `garp_group`: interfaces that share a pace of announcements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GarpGroup {
    /// `garp_interval`.
    pub garp_interval: Duration,
    /// `gna_interval`.
    pub gna_interval: Duration,
    /// `interface`, `interfaces`.
    pub interfaces: Vec<String>,
}

/// What keepalived uses when `priority` is missing or wrong.
pub const DEFAULT_PRIORITY: Priority = Priority::DEFAULT;

//! What an instance is configured to be, with keepalived's defaults and corrections.
//!
//! It parses no configuration; interfaces, routes and scripts are the shell's.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use crate::packet::auth::Authentication;
use crate::packet::checksum::Checksum;
use crate::packet::hmac;
use crate::packet::{
    Centisecs, Family, HOPS, MAX_ADDRESSES, Priority, Sender, Target, Version, Vrid,
};
use crate::track::{Delays, TrackSpec};

/// One `vrrp_instance`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceSpec {
    /// Its name in the configuration.
    pub name: String,
    /// `version` or `vrrp_version`.
    pub version: Version,
    /// `virtual_router_id`.
    pub vrid: Vrid,
    /// `priority`, 1 to 255.
    pub priority: Priority,
    /// `state MASTER`: start as if the master had just gone.
    pub starts_as_master: bool,
    /// `advert_int`: whole seconds in version 2, 10 ms to 40.95 s in version 3.
    pub interval: Centisecs,
    /// `mcast_src_ip` or `unicast_src_ip`; `None` takes the interface's address.
    pub source: Option<IpAddr>,
    /// To the group, or to peers.
    pub reach: Reach,
    /// `virtual_ipaddress`, in order; `virtual_ipaddress_excluded` is the shell's alone.
    pub addresses: Vec<IpAddr>,
    /// `v3_checksum_as_v2`: the checksum of RFC 9568 over IPv4.
    pub checksum_as_v2: bool,
    /// `old_unicast_checksum`.
    pub old_unicast_checksum: OldUnicastChecksum,
    /// `authentication`, version 2 only.
    pub authentication: Authentication,
    /// `auth_hmac`.
    pub hmac: Option<hmac::Spec>,
    /// `preempt`, `nopreempt`, `preempt_delay`.
    pub preempt: Preempt,
    /// `down_timer_adverts`, 1 to 100: intervals without an advertisement before the master is lost.
    pub down_timer_adverts: u8,
    /// `skip_check_adv_addr`: do not compare addresses of the master that was heard last.
    pub skip_check_adv_addr: bool,
    /// `strict_mode`.
    pub is_strict: bool,
    /// Not `lower_prio_no_advert`: a master answers an advertisement of a lower priority.
    pub lower_prio_advert: bool,
    /// `higher_prio_send_advert`: a master says its priority once more before it gives way.
    pub higher_prio_send_advert: bool,
    /// Announcements of the addresses.
    pub garp: GarpSpec,
    /// `vrrp_startup_delay`.
    pub start_delay: Duration,
    /// `timer_expired_backup`: the highest priority others can have. A master whose own
    /// advertisement is so late that such a router may have taken over goes to BACKUP.
    pub timer_expired_backup: Option<Priority>,
    /// Nobody else waits for the addresses: after a release proved by `auth_hmac` there is no skew.
    pub is_only_backup: bool,
    /// Not `dont_track_primary`: the interface's being down is a fault.
    pub track_primary: bool,
    /// `interface_up_down_delays` of the interface.
    pub interface_delays: Delays,
    /// `track_*`.
    pub trackers: Vec<TrackSpec>,
}

/// Whom an instance speaks to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Everyone on the link.
    Multicast {
        /// 224.0.0.18, ff02::12, or `mcast_dst_ip`.
        group: IpAddr,
    },
    /// `unicast_peer`.
    Unicast {
        /// The peers; none is a fault (`unicast_fault_no_peer`).
        peers: Vec<PeerSpec>,
        /// `unicast_ttl`.
        hops: u8,
        /// `check_unicast_src`: hear peers only.
        check_source: bool,
    },
}

impl Reach {
    /// Whether packets go to peers.
    pub fn is_unicast(&self) -> bool {
        matches!(self, Self::Unicast { .. })
    }
}

/// One unicast peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerSpec {
    /// Its address.
    pub address: IpAddr,
    /// `min_ttl`: refuse packets that came farther.
    pub min_ttl: u8,
    /// `max_ttl`.
    pub max_ttl: u8,
}

/// keepalived up to 1.3.6 used the multicast group in the checksum of unicast packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OldUnicastChecksum {
    /// Send so, always.
    Always,
    /// Answer in kind a peer that sends so.
    #[default]
    Detect,
    /// Refuse what was sent so.
    Never,
}

/// Whether a backup takes the addresses from a master of lower priority.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preempt {
    /// Yes.
    #[default]
    Always,
    /// `preempt_delay`: yes, after having heard it for so long (at most 1000 s).
    Delayed(Duration),
    /// `nopreempt`.
    Never,
}

/// When the addresses are announced by gratuitous ARP or unsolicited neighbour advertisement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GarpSpec {
    /// `garp_master_repeat`: how many at once on becoming master.
    pub repeat: u16,
    /// `garp_master_delay`: when once more; 0 for never.
    pub delay: Duration,
    /// `garp_master_refresh`: how often while master; 0 for never.
    pub refresh: Duration,
    /// `garp_master_refresh_repeat`.
    pub refresh_repeat: u16,
    /// `garp_lower_prio_repeat`: how many when another master shows up, 0 for none.
    pub lower_prio_repeat: u16,
    /// `garp_lower_prio_delay`: when once more; 0 for never.
    pub lower_prio_delay: Duration,
    /// `garp_extra_if`: how often on the addresses' other interfaces; 0 for never.
    pub extra_interval: Duration,
}

impl Default for GarpSpec {
    fn default() -> Self {
        Self {
            repeat: 5,
            delay: Duration::from_secs(5),
            refresh: Duration::ZERO,
            refresh_repeat: 1,
            lower_prio_repeat: 5,
            lower_prio_delay: Duration::from_secs(5),
            extra_interval: Duration::ZERO,
        }
    }
}

impl GarpSpec {
    /// `vrrp_min_garp`: one announcement, none later.
    pub fn minimal() -> Self {
        Self {
            repeat: 1,
            delay: Duration::ZERO,
            lower_prio_repeat: 1,
            lower_prio_delay: Duration::ZERO,
            ..Self::default()
        }
    }
}

impl InstanceSpec {
    /// An instance with keepalived's defaults, except that a master that yields says so
    /// (`higher_prio_send_advert`), without which addresses stay dead after a split.
    pub fn new(name: &str, version: Version, vrid: Vrid, addresses: Vec<IpAddr>) -> Self {
        let family = addresses.first().map_or(Family::Ipv4, |a| Family::of(*a));
        Self {
            name: name.to_owned(),
            version,
            vrid,
            priority: Priority::DEFAULT,
            starts_as_master: false,
            interval: Centisecs(100),
            source: None,
            reach: Reach::Multicast {
                group: family.group(),
            },
            addresses,
            checksum_as_v2: false,
            old_unicast_checksum: OldUnicastChecksum::default(),
            authentication: Authentication::None,
            hmac: None,
            preempt: Preempt::default(),
            down_timer_adverts: DOWN_TIMER_ADVERTS,
            skip_check_adv_addr: false,
            is_strict: false,
            lower_prio_advert: true,
            higher_prio_send_advert: true,
            garp: GarpSpec::default(),
            start_delay: Duration::ZERO,
            timer_expired_backup: None,
            is_only_backup: false,
            track_primary: true,
            interface_delays: Delays::default(),
            trackers: Vec::new(),
        }
    }

    /// The family of its packets.
    pub fn family(&self) -> Family {
        match (&self.reach, self.addresses.first()) {
            (Reach::Multicast { group }, _) => Family::of(*group),
            (Reach::Unicast { peers, .. }, first) => peers
                .first()
                .map(|peer| peer.address)
                .or_else(|| first.copied())
                .map_or(Family::Ipv4, Family::of),
        }
    }

    /// What builds its packets.
    pub(crate) fn sender(&self) -> Sender {
        let checksum = match (self.checksum_as_v2, self.old_unicast_checksum) {
            (true, _) => Checksum::Plain,
            (false, OldUnicastChecksum::Always) => Checksum::PseudoGroup,
            (false, _) => Checksum::Pseudo,
        };
        let (targets, group) = match &self.reach {
            Reach::Multicast { group } => {
                let target = Target {
                    address: *group,
                    hops: HOPS,
                    checksum,
                };
                (vec![target], *group)
            }
            Reach::Unicast { peers, hops, .. } => {
                let target = |peer: &PeerSpec| Target {
                    address: peer.address,
                    hops: *hops,
                    checksum,
                };
                (peers.iter().map(target).collect(), self.family().group())
            }
        };
        Sender {
            version: self.version,
            vrid: self.vrid,
            interval: self.interval,
            addresses: self.addresses.clone(),
            source: self.source,
            targets,
            group,
            authentication: self.authentication.clone(),
            hmac: self.hmac.clone(),
            sequence: hmac::Sequence::default(),
        }
    }

    /// Finds contradictions, and mends those that keepalived mends; says all of them.
    pub fn settle(&mut self) -> Vec<SpecFault> {
        let mut faults = Vec::new();
        self.settle_packets(&mut faults);
        self.settle_preemption(&mut faults);
        if self.is_strict {
            self.settle_strict(&mut faults);
        }
        faults
    }

    fn settle_packets(&mut self, faults: &mut Vec<SpecFault>) {
        let family = self.family();
        let mut found = |is_wrong: bool, fault| {
            if is_wrong {
                faults.push(fault);
            }
            is_wrong
        };
        found(self.priority.0 == 0, SpecFault::Priority);
        found(
            self.version == Version::V2 && family == Family::Ipv6,
            SpecFault::Version2Ipv6,
        );
        found(
            match self.version {
                Version::V2 => {
                    self.interval.0 == 0
                        || !self.interval.0.is_multiple_of(100)
                        || self.interval > Centisecs::MAX_V2
                }
                Version::V3 => self.interval.0 == 0 || self.interval > Centisecs::MAX_V3,
            },
            SpecFault::Interval,
        );
        let is_mixed = self.addresses.iter().any(|a| Family::of(*a) != family);
        found(is_mixed, SpecFault::MixedFamilies);
        found(
            self.addresses.len() > MAX_ADDRESSES,
            SpecFault::TooManyAddresses,
        );
        let no_peer = matches!(&self.reach, Reach::Unicast { peers, .. } if peers.is_empty());
        found(no_peer, SpecFault::NoPeer);
        let has_password = self.authentication != Authentication::None;
        let is_wrong_password =
            has_password && (self.version == Version::V3 || self.hmac.is_some());
        if found(is_wrong_password, SpecFault::PasswordUnused) {
            self.authentication = Authentication::None;
        }
        if found(
            !(1..=100).contains(&self.down_timer_adverts),
            SpecFault::DownTimerAdverts,
        ) {
            self.down_timer_adverts = DOWN_TIMER_ADVERTS;
        }
    }

    fn settle_preemption(&mut self, faults: &mut Vec<SpecFault>) {
        let is_owner = self.priority.is_owner();
        match self.preempt {
            Preempt::Always => {}
            Preempt::Never | Preempt::Delayed(_) if is_owner || self.starts_as_master => {
                faults.push(SpecFault::PreemptOfMaster);
                self.preempt = Preempt::Always;
            }
            Preempt::Delayed(delay) if delay > MAX_PREEMPT_DELAY => {
                faults.push(SpecFault::PreemptDelay);
                self.preempt = Preempt::Delayed(MAX_PREEMPT_DELAY);
            }
            Preempt::Never | Preempt::Delayed(_) => {}
        }
        if self.timer_expired_backup.is_some() && self.preempt != Preempt::Never {
            faults.push(SpecFault::TimerExpiredBackup);
            self.timer_expired_backup = None;
        }
        let patience = self.interval.duration() * u32::from(self.down_timer_adverts.max(1) - 1);
        if self.interface_delays.down > patience {
            faults.push(SpecFault::InterfaceDelay);
            self.interface_delays.down = patience;
        }
    }

    /// What `strict_mode` allows (RFC 3768, RFC 9568); the rest is mended.
    fn settle_strict(&mut self, faults: &mut Vec<SpecFault>) {
        let mut found = |is_wrong: bool, what| {
            if is_wrong {
                faults.push(SpecFault::Strict(what));
            }
            is_wrong
        };
        found(self.addresses.is_empty(), "no virtual address");
        found(self.reach.is_unicast(), "unicast peers");
        let is_link_local =
            |a: &IpAddr| matches!(a, IpAddr::V6(six) if six.is_unicast_link_local());
        let starts_wrong =
            self.family() == Family::Ipv6 && !self.addresses.first().is_none_or(is_link_local);
        found(starts_wrong, "a first IPv6 address that is not link-local");
        if found(
            self.starts_as_master != self.priority.is_owner(),
            "a state that does not match being the owner",
        ) {
            self.starts_as_master = self.priority.is_owner();
        }
        if found(
            self.authentication != Authentication::None,
            "authentication",
        ) {
            self.authentication = Authentication::None;
        }
        let is_lax = self
            .hmac
            .as_ref()
            .is_some_and(|h| h.mode() != hmac::Mode::Enforce);
        found(is_lax, "auth_hmac that is not enforced");
        if found(matches!(self.preempt, Preempt::Delayed(_)), "preempt_delay") {
            self.preempt = Preempt::Always;
        }
        if found(
            self.down_timer_adverts != DOWN_TIMER_ADVERTS,
            "down_timer_adverts",
        ) {
            self.down_timer_adverts = DOWN_TIMER_ADVERTS;
        }
        // Silently: these are defaults of ours and of keepalived that strict mode turns.
        self.higher_prio_send_advert = false;
        self.lower_prio_advert = false;
        self.garp.lower_prio_repeat = 0;
        self.garp.lower_prio_delay = Duration::ZERO;
    }
}

/// A contradiction in a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpecFault {
    /// `down_timer_adverts` out of range; 3 is taken.
    DownTimerAdverts,
    /// The interface's down delay outlasts the patience of a backup; it is cut.
    InterfaceDelay,
    /// The interval cannot be said in the version.
    Interval,
    /// IPv4 and IPv6 in one instance.
    MixedFamilies,
    /// Unicast without a peer.
    NoPeer,
    /// A password with version 3 or with `auth_hmac`; it is dropped.
    PasswordUnused,
    /// `preempt_delay` over 1000 s; it is cut.
    PreemptDelay,
    /// `nopreempt` or `preempt_delay` of one that starts as master; it is dropped.
    PreemptOfMaster,
    /// Priority 0.
    Priority,
    /// `strict_mode` forbids this.
    Strict(&'static str),
    /// `timer_expired_backup` without `nopreempt`; it is dropped.
    TimerExpiredBackup,
    /// More than 255 virtual addresses.
    TooManyAddresses,
    /// IPv6 with version 2.
    Version2Ipv6,
}

impl SpecFault {
    /// Whether the instance cannot run; otherwise `settle` mended it.
    pub fn is_fatal(self) -> bool {
        match self {
            Self::Interval
            | Self::MixedFamilies
            | Self::NoPeer
            | Self::Priority
            | Self::TooManyAddresses
            | Self::Version2Ipv6 => true,
            Self::Strict(what) => matches!(
                what,
                "no virtual address" | "unicast peers" | "auth_hmac that is not enforced"
            ),
            _ => false,
        }
    }
}

impl fmt::Display for SpecFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DownTimerAdverts => "down_timer_adverts must be 1 to 100, 3 is used",
            Self::InterfaceDelay => {
                "interface down delay is longer than backups wait for the master, it is cut"
            }
            Self::Interval => {
                "advert_int must be 1 to 255 whole seconds in version 2, 0.01 to 40.95 in version 3"
            }
            Self::MixedFamilies => {
                "IPv4 and IPv6 in one instance; put the other family into \
                 virtual_ipaddress_excluded or an instance of its own"
            }
            Self::NoPeer => "unicast without a peer",
            Self::PasswordUnused => {
                "authentication has no effect with version 3 or auth_hmac, it is dropped"
            }
            Self::PreemptDelay => "preempt_delay must be 0 to 1000 seconds, 1000 is used",
            Self::PreemptOfMaster => {
                "nopreempt and preempt_delay need an initial state BACKUP, they are dropped"
            }
            Self::Priority => "priority must be 1 to 255",
            Self::Strict(what) => return write!(f, "strict_mode does not allow {what}"),
            Self::TimerExpiredBackup => "timer_expired_backup needs nopreempt, it is dropped",
            Self::TooManyAddresses => {
                "more than 255 virtual addresses; put the others into virtual_ipaddress_excluded"
            }
            Self::Version2Ipv6 => "version 2 has no IPv6, use version 3",
        })
    }
}

/// RFC 9568 §6.1: the master is lost after three intervals.
pub const DOWN_TIMER_ADVERTS: u8 = 3;
/// keepalived's upper bound of `preempt_delay`.
pub const MAX_PREEMPT_DELAY: Duration = Duration::from_secs(1000);

#[cfg(test)]
mod tests;

//! VRRP without sockets: packets of version 2 and 3, instances, sync groups, tracking, switchover.
//!
//! It opens no socket, sets no address and reads no clock: what is to be done comes out as values,
//! what happened goes in as values.
#![forbid(unsafe_code)]

pub mod group;
pub mod handover;
pub mod instance;
pub mod packet;
pub mod router;
pub mod spec;
pub mod track;

pub use instance::{Input, Instance, Output, Snapshot, State};
pub use packet::{Advertisement, Datagram, Family, Priority, Rejection, Version, Vrid};
pub use router::{Router, RouterOutput, RouterSpec};
pub use spec::InstanceSpec;

/// Where this differs from RFC 9568 or from keepalived on purpose: what, and why.
pub const DEVIATIONS: &[(&str, &str)] = &[
    (
        "auth_type AH is refused",
        "HMAC-MD5 in an IPsec header was dropped by RFC 3768; auth_hmac protects",
    ),
    (
        "IPv6 in version 2 is refused",
        "no RFC defines it; keepalived has a form of its own",
    ),
    (
        "higher_prio_send_advert is on unless strict",
        "without it addresses stay dead after a split until ARP caches expire",
    ),
    (
        "answers and announcements to masters of lower priority are bounded in rate",
        "a flood of advertisements shall not make a flood",
    ),
    (
        "a backup whose timer was looked at late listens for one more interval",
        "its own lateness shall not make a second master",
    ),
    (
        "a differing list of addresses is told and not refused",
        "RFC 9568 section 7.1 leaves it open; two routers that ignore each other are both master",
    ),
    (
        "strict mode goes on accepting what is sent to the addresses, and no_accept is refused",
        "keepalived drops it unless it owns them; a balancer that accepts nothing serves nobody",
    ),
    (
        "members of a sync group that must follow send priority 0",
        "the partner's group need not wait for its down timers",
    ),
    (
        "after a release that auth_hmac proves the only backup does not wait for the skew",
        "nobody else could take the addresses",
    ),
];

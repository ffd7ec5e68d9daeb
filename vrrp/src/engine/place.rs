//! One instance on this machine: where its packets go out and which addresses it has put into place.

use std::net::IpAddr;

use vrrp_config::config::{Address, Route, Rule};

use crate::socket::Voice;

/// What this machine holds for one instance.
#[derive(Debug, Default)]
pub(super) struct Place {
    pub(super) name: String,
    /// The interface it hears on, by its place among the slots.
    pub(super) slot: usize,
    /// The VMAC interface, once it is there.
    pub(super) vmac: Option<u32>,
    /// We made the VMAC interface.
    pub(super) made_vmac: bool,
    /// VMAC interfaces that only addresses are on: names and numbers.
    pub(super) address_vmacs: Vec<(String, u32)>,
    pub(super) voice: Option<(IpAddr, Option<u32>, Voice)>,
    /// Addresses in place, with the interface's number.
    pub(super) addresses: Vec<(u32, Address)>,
    pub(super) routes: Vec<Route>,
    pub(super) rules: Vec<Rule>,
    /// The addresses are wanted: what is taken away is put back.
    pub(super) is_owner: bool,
    /// What the machine knows of the link and the source address.
    pub(super) told: Option<(bool, Option<IpAddr>)>,
    /// A packet could not be sent since the last change of state; told once.
    pub(super) has_told_error: bool,
}

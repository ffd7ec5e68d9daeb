//! What status pages and tests look at.
//!
//! It is a copy; nothing in it changes an instance.

use std::net::IpAddr;
use std::time::Duration;

use lbd_core::Time;

use super::{Reason, State};
use crate::packet::{Centisecs, Priority, Rejections};

/// An instance at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Its state.
    pub state: State,
    /// Why it is in that state.
    pub reason: Reason,
    /// Since when.
    pub since: Time,
    /// What it advertises, or would.
    pub priority: Priority,
    /// The master it hears, with its priority; `None` when it is master itself or never heard one.
    pub master: Option<(IpAddr, Priority)>,
    /// The interval that timers are made from.
    pub master_interval: Centisecs,
    /// It leaves the addresses to a master of lower priority after a switchover or release.
    pub is_holding: bool,
    /// When it takes over if nothing is heard.
    pub down_at: Option<Time>,
    /// What it counted.
    pub counters: Counters,
    /// What it refused.
    pub rejections: Rejections,
}

/// What an instance counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Advertisements sent; to many peers it is one.
    pub adverts_sent: u64,
    /// Advertisements accepted.
    pub adverts_received: u64,
    /// Times it became master.
    pub became_master: u64,
    /// Times it stopped being master.
    pub released_master: u64,
    /// Advertisements with priority 0 sent.
    pub releases_sent: u64,
    /// Advertisements with priority 0 accepted.
    pub releases_received: u64,
    /// Advertisements whose list of addresses was not ours.
    pub address_list_errors: u64,
    /// Advertisements of lower rank heard while master.
    pub lower_heard: u64,
    /// Answers to them that were left out because one had just been sent.
    pub answers_limited: u64,
    /// Announcements at doubt that were put off because one had just been made.
    pub announcements_limited: u64,
    /// Events that were not told because there were too many.
    pub events_limited: u64,
    /// Timers looked at more than half an interval late.
    pub late: u64,
    /// The latest of all timers.
    pub latest: Duration,
    /// Take-overs put off because the timer was looked at late.
    pub graces: u64,
}

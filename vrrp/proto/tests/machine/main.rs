//! Routers in virtual time: what a pair does when something happens, and random schedules.
//!
//! Packets alone are in `packets.rs`.

mod failover;
mod hostile;
#[path = "../support/lan.rs"]
mod lan;
mod schedules;
#[path = "../support/specs.rs"]
mod specs;

//! VRRP on this machine: raw sockets, addresses, routes, announcements, interfaces, the timers' thread.
//!
//! It decides nothing about who is master: `vrrp-proto` does. It runs no script.

pub mod announce;
pub mod engine;
pub mod interface;
pub mod netlink;
pub mod realtime;
pub mod socket;
mod sysctl;

pub use engine::{Command, Engine, Report};

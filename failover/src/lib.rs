//! What `lbd-failover` and `lbctl` are made of.
//!
//! No decision about mastership is made here (`vrrp-proto`), and no packet is sent (`vrrp`).

pub mod args;
pub mod balancer;
pub mod client;
pub mod daemon;
pub mod dump;
pub mod fence;
pub mod fifo;
pub mod guardian;
pub mod host;
pub mod launcher;
pub mod log;
pub mod mail;
pub mod metrics;
pub mod namespace;
mod nft;
pub mod notify;
pub mod privileges;
pub mod scripts;
pub mod server;
pub mod service;
pub mod switchover;
pub mod upgrade;
pub mod watch;

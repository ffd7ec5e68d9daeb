//! The runtime API on `stats socket` (haproxy 3.4 management 9.3).
//!
//! `line` and `session` are the conversation without sockets, `server` puts it on them, the
//! other files are families of commands.

pub(crate) mod activity;
mod backends;
mod basic;
pub(crate) mod command;
mod descriptors;
mod dev;
mod errors;
mod facts;
mod growing;
mod info;
mod info_command;
mod line;
mod modes;
mod patterns;
mod peers;
pub(crate) mod rare;
mod rate_limit;
pub(crate) mod refused;
pub(crate) mod server;
mod server_state;
mod servers;
pub(crate) mod session;
mod sessions;
mod ssl;
mod stat_command;
mod tables;
mod variables;

pub(crate) use info::{info_field, info_text};
pub(crate) use servers::address_of;

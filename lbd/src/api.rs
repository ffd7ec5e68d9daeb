//! The runtime API on `stats socket` (haproxy 3.4 management 9.3).
//!
//! `line` and `session` are the conversation without sockets, `server` puts it on them, the
//! other files are families of commands.

mod basic;
pub(crate) mod command;
mod errors;
mod facts;
mod growing;
mod info;
mod info_command;
mod line;
mod patterns;
mod peers;
mod rate_limit;
pub(crate) mod server;
mod server_state;
mod servers;
pub(crate) mod session;
mod sessions;
mod ssl;
mod stat_command;
mod tables;

pub(crate) use info::{info_field, info_text};
pub(crate) use servers::address_of;

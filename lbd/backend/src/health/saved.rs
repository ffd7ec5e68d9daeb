//! What a server state file says of one server, for a machine that starts where another one ended
//! (haproxy 3.4 management 9.3, `show servers state`).
//!
//! It reads no file: the configuration does.

use std::time::Duration;

use super::status::CheckStatus;
use crate::spec::State;

/// A server's state as it was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// `srv_op_state`.
    pub state: State,
    /// `srv_admin_state` said that an operator had put it in maintenance.
    pub forced_maint: bool,
    /// `srv_admin_state` said that the configuration had `disabled`.
    pub was_disabled: bool,
    /// `srv_admin_state` said that it was draining.
    pub forced_drain: bool,
    /// `srv_uweight`.
    pub weight: u32,
    /// `srv_iweight`: the configured weight of then.
    pub configured_weight: u32,
    /// `srv_time_since_last_change`.
    pub age: Duration,
    /// `srv_check_status`.
    pub status: CheckStatus,
    /// `srv_check_health`.
    pub health: u32,
    /// `srv_check_state` said that an operator had turned checks off.
    pub check_off: bool,
    /// `srv_agent_state` said the same of the agent.
    pub agent_off: bool,
}

//! What others may read of a roster.
//!
//! Plain values: a view is true for the moment in which it was taken.

use crate::spec::Placement;

/// What a change of placement did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Placed {
    /// Usable servers that are not backups.
    pub active: u32,
    /// Usable backups.
    pub backup: u32,
    /// Waiters that lost their place and were woken to ask again.
    pub requeued: u32,
    /// Waiters that got a slot of the server.
    pub granted: u32,
    /// Streams still waiting in the server's queue.
    pub remaining: u32,
    /// Whether the server may take streams by balance now.
    pub usable: bool,
    /// Its effective weight in configured units, rounded up.
    pub weight: u32,
    /// The backend had usable servers and has none now: say so (`health::backend_down_line`).
    pub emptied: bool,
    /// The backend had none and has one now.
    pub revived: bool,
}

/// What status pages and sample fetches read of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerView {
    /// Taken out at run time.
    pub removed: bool,
    /// State, administration and weight.
    pub placement: Placement,
    /// Whether balance gives it streams.
    pub usable: bool,
    /// Effective weight, scaled.
    pub effective: u32,
    /// Effective weight in configured units, rounded up.
    pub weight: u32,
    /// Slow start in percent, 0 to 99, while it lasts.
    pub throttle: Option<u32>,
    /// Streams that hold a slot.
    pub served: u32,
    /// Most that held one at once.
    pub served_max: u32,
    /// Streams that wait for this server.
    pub queued: u32,
    /// Most that waited at once.
    pub queued_max: u32,
    /// Streams that balance gave it (`lbtot`).
    pub chosen: u64,
    /// `maxconn` in force; 0 for no limit.
    pub slots: u32,
    /// Configured `maxconn`, or as changed at run time.
    pub maxconn: u32,
}

/// What status pages and sample fetches read of the backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BackendView {
    /// Usable servers that are not backups.
    pub active: u32,
    /// Usable backups.
    pub backup: u32,
    /// Servers that get traffic: the active ones, else the first or all backups.
    pub usable: u32,
    /// Weight of those in configured units.
    pub weight: u32,
    /// Streams in the backend, waiting ones included.
    pub streams: u32,
    /// Streams that hold a slot.
    pub served: u32,
    /// Streams waiting in the backend's own queue.
    pub queued: u32,
    /// Most that waited there at once.
    pub queued_max: u32,
    /// Streams waiting anywhere in the backend.
    pub pending: u32,
    /// Streams refused because a queue had reached the program's limit.
    pub queue_limit_hits: u64,
    /// Changes of the list of servers.
    pub version: u64,
}

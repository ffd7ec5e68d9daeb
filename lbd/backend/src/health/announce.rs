//! Lines that tell of a server's change of state, as operators' tools match them.
//!
//! The numbers in them come from the roster after the change was applied there.

use crate::roster::Placed;
use crate::spec::Placement;

/// A change to be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// For `Roster::place`.
    pub placement: Placement,
    /// What to log then; nothing when only the weight moved.
    pub announcement: Option<Announcement>,
    /// Close the server's streams (`on-marked-down shutdown-sessions`).
    pub shutdown_sessions: bool,
    /// Close the streams of all backups (`on-marked-up shutdown-backup-sessions`), when the
    /// server's effective weight is above 0.
    pub shutdown_backups: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    Left,
    None,
    Online,
}

/// A line to be completed and logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    pub(super) head: String,
    pub(super) tail: Tail,
    /// Syslog level alert instead of notice; the console gets a warning in either case.
    pub alert: bool,
}

impl Announcement {
    /// The line. `placed` is what the roster answered, `sessions` the server's open sessions.
    pub fn line(&self, placed: &Placed, sessions: u32) -> String {
        let Placed {
            active,
            backup,
            requeued,
            granted,
            remaining,
            ..
        } = *placed;
        let running = if backup > 0 && active == 0 {
            " Running on backup."
        } else {
            ""
        };
        let moved = requeued + granted;
        let head = &self.head;
        match self.tail {
            Tail::None => format!("{head}."),
            Tail::Left => format!(
                "{head}. {active} active and {backup} backup servers left.{running} \
                 {sessions} sessions active, {moved} requeued, {remaining} remaining in queue."
            ),
            Tail::Online => format!(
                "{head}. {active} active and {backup} backup servers online.{running} \
                 {moved} sessions requeued, {remaining} total in queue."
            ),
        }
    }
}

/// The emergency that is logged when a backend loses its last server.
pub fn backend_down_line(backend: &str) -> String {
    format!("backend {backend} has no server available!")
}

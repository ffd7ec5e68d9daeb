//! Actions of the reference that are refused by name, each with what it needs.
//!
//! The parity test compares this list and the registry with the reference's.

use lbd_core::Diag;

use super::Ruleset;
use crate::word::Word;

/// Actions that need the same missing thing.
#[derive(Debug, Clone, Copy)]
pub struct UnsupportedAction {
    /// Their names; a `*` at the end stands for what follows in the word.
    pub names: &'static [&'static str],
    /// The rulesets in which the reference has them.
    pub rulesets: &'static [Ruleset],
    /// What they need; completes "It needs …".
    pub reason: &'static str,
}

use Ruleset as R;

/// All refused actions.
pub const UNSUPPORTED_ACTIONS: &[UnsupportedAction] = &[
    UnsupportedAction {
        names: &["send-spoe-group"],
        rulesets: &[
            R::TcpContent,
            R::TcpResponse,
            R::HttpRequest,
            R::HttpResponse,
        ],
        reason: "the SPOE filter",
    },
    UnsupportedAction {
        names: &["set-bandwidth-limit"],
        rulesets: &[
            R::TcpContent,
            R::TcpResponse,
            R::HttpRequest,
            R::HttpResponse,
        ],
        reason: "bandwidth limitation filters",
    },
    UnsupportedAction {
        names: &["do-resolve*"],
        rulesets: &[R::TcpContent, R::HttpRequest],
        reason: "resolvers",
    },
    UnsupportedAction {
        names: &["attach-srv"],
        rulesets: &[R::TcpSession],
        reason: "reverse HTTP",
    },
    UnsupportedAction {
        names: &["cache-use"],
        rulesets: &[R::HttpRequest],
        reason: "the cache",
    },
    UnsupportedAction {
        names: &["cache-store"],
        rulesets: &[R::HttpResponse],
        reason: "the cache",
    },
    UnsupportedAction {
        names: &["lua.*"],
        rulesets: &R::ALL,
        reason: "Lua",
    },
];

/// The fault that a word makes when it names such an action.
pub(super) fn refusal(ruleset: Ruleset, word: Word<'_>) -> Option<Diag> {
    let entry = UNSUPPORTED_ACTIONS.iter().find(|entry| {
        entry.rulesets.contains(&ruleset)
            && entry.names.iter().any(|name| match name.strip_suffix('*') {
                Some(stem) => word.text.starts_with(stem.as_bytes()),
                None => word.is(name),
            })
    })?;
    let message = format!("'{} {}' is not supported yet", ruleset.name(), word.lossy());
    Some(Diag::alert(word.span, message).hint(format!("It needs {}.", entry.reason)))
}

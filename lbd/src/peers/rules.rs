//! What rules of this node change in maps and ACLs (`http-request set-map` and its like), on its way
//! to the other nodes.
//!
//! Workers leave the newest value of each entry here and never wait; the control side takes all at
//! once, so that an entry that changes with each request is told as often as it can be told.

use std::collections::BTreeMap;

use lbd_proxy::state::PatternObserver;
use lbd_rules::pattern::PatternSet;
use parking_lot::Mutex;
use peers::proto::words::{RULES, Said, Subject, Thing};
use tokio::sync::mpsc::UnboundedSender;

use super::Request;

/// Takes what rules change.
pub(crate) struct RuleChanges {
    pending: Mutex<Pending>,
    requests: UnboundedSender<Request>,
}

/// What was not taken yet.
#[derive(Debug, Default)]
pub(super) struct Pending {
    changes: BTreeMap<Thing, Option<String>>,
    /// Changes that found no room, or are not text.
    pub(super) lost: u64,
}

impl RuleChanges {
    pub(super) fn new(requests: UnboundedSender<Request>) -> Self {
        Self {
            pending: Mutex::default(),
            requests,
        }
    }

    /// All that has changed since it was last taken.
    pub(super) fn take(&self) -> Pending {
        std::mem::take(&mut self.pending.lock())
    }
}

impl PatternObserver for RuleChanges {
    fn changed(&self, set: &PatternSet, key: &[u8], value: Option<&[u8]>) {
        let subject = match set.is_map() {
            true => Subject::Map,
            false => Subject::Acl,
        };
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        let value = match value {
            None => Some(None),
            Some(value) => text(value).map(Some),
        };
        let mut pending = self.pending.lock();
        let is_first = pending.changes.is_empty() && pending.lost == 0;
        match (text(key), value) {
            (Some(key), Some(value)) => {
                let scope = set.reference().unwrap_or_default().to_owned();
                pending.put(
                    Thing {
                        subject,
                        scope,
                        key,
                    },
                    value,
                );
            }
            _ => pending.lost += 1,
        }
        drop(pending);
        if is_first {
            // Without a control side there are no sessions either.
            let _ = self.requests.send(Request::Rules);
        }
    }
}

impl Pending {
    fn put(&mut self, thing: Thing, value: Option<String>) {
        if self.changes.len() >= MAX_PENDING && !self.changes.contains_key(&thing) {
            self.lost += 1;
            return;
        }
        self.changes.insert(thing, value);
    }

    /// What other nodes are to be told.
    pub(super) fn said(self, wall_ms: u64) -> impl Iterator<Item = Said> {
        self.changes.into_iter().map(move |(thing, value)| Said {
            thing,
            value,
            who: RULES.to_owned(),
            wall_ms,
        })
    }
}

/// Most entries that wait for the control side.
const MAX_PENDING: usize = 4096;

#[cfg(test)]
mod tests;

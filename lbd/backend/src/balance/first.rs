//! `balance first`: the lowest id that has room.
//!
//! It does not weigh: a weight of 0 only closes a server.

use std::collections::BTreeSet;

use super::{Group, Member, Pool};

/// Usable servers by numeric id, active ones and backups.
#[derive(Debug, Default)]
pub(crate) struct First {
    active: BTreeSet<(u32, usize)>,
    backup: BTreeSet<(u32, usize)>,
}

impl First {
    pub(crate) fn fill(&mut self, members: &[Member]) {
        for at in 0..members.len() {
            self.update(members, at);
        }
    }

    pub(crate) fn update(&mut self, members: &[Member], at: usize) {
        let member = &members[at];
        let set = if member.spec.backup {
            &mut self.backup
        } else {
            &mut self.active
        };
        let key = (member.spec.puid, at);
        if member.usable {
            set.insert(key);
        } else {
            set.remove(&key);
        }
    }

    pub(crate) fn pick(&self, pool: &Pool<'_>, avoid: Option<usize>) -> Option<usize> {
        let set = match pool.totals.group() {
            Group::Active => &self.active,
            Group::Backup => &self.backup,
            Group::Only(at) => return Some(at),
            Group::Nobody => return None,
        };
        let mut avoided = None;
        for &(_, at) in set {
            if pool.members[at].has_room(pool.load) {
                if Some(at) != avoid {
                    return Some(at);
                }
                avoided = Some(at);
            }
        }
        avoided
    }
}

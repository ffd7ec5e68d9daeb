//! Static map of servers by weight: `static-rr`, and hashes of type `map-based`.
//!
//! It does not hash: the caller gives the number.

use super::{Member, Pool, Totals};
use lbd_core::bits;

/// The map; each usable server stands in it as often as its weight says.
#[derive(Debug, Default)]
pub(crate) struct Map {
    slots: Vec<u32>,
    /// Next slot for the round robin.
    next: usize,
}

impl Map {
    /// Lays the map anew. The first server of the configuration comes first whatever the weights.
    pub(crate) fn rebuild(&mut self, members: &[Member], totals: &Totals) {
        self.slots.clear();
        if totals.used == 0 {
            return;
        }
        let backup = totals.active == 0;
        let whole = i64::from(totals.weight);
        let mut scores: Vec<(usize, i64, i64)> = members
            .iter()
            .enumerate()
            .filter(|(_, m)| m.usable && m.spec.backup == backup)
            .map(|(at, m)| (at, i64::from(m.weight), 0))
            .collect();
        if whole == 1 {
            self.slots
                .extend(scores.first().map(|s| bits::count32(s.0)));
            return;
        }
        for _ in 0..whole {
            let mut best: Option<(usize, i64)> = None;
            for (rank, (_, weight, score)) in scores.iter_mut().enumerate() {
                *score += *weight;
                let claim = (*score + whole) / whole;
                if best.is_none_or(|(_, most)| claim > most) {
                    best = Some((rank, claim));
                }
            }
            if let Some((rank, _)) = best {
                scores[rank].2 -= whole;
                self.slots.push(bits::count32(scores[rank].0));
            }
        }
    }

    pub(crate) fn pick_hash(&self, hash: u32) -> Option<usize> {
        let size = u32::try_from(self.slots.len()).ok().filter(|&n| n > 0)?;
        Some(self.slots[(hash % size) as usize] as usize)
    }

    pub(crate) fn pick_next(&mut self, pool: &Pool<'_>, avoid: Option<usize>) -> Option<usize> {
        let size = self.slots.len();
        if size == 0 {
            return None;
        }
        if self.next >= size {
            self.next = 0;
        }
        let start = self.next;
        let mut avoided = None;
        for step in 0..size {
            let slot = (start + step) % size;
            let at = self.slots[slot] as usize;
            if pool.members[at].has_room(pool.load) {
                if Some(at) != avoid {
                    self.next = slot + 1;
                    return Some(at);
                }
                avoided = Some((at, slot + 1));
            }
        }
        let (at, next) = avoided?;
        self.next = next;
        Some(at)
    }
}

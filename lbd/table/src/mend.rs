//! Digests of a table, by which two nodes find what differs between their copies of it, and taking
//! over what the other has of that.
//!
//! Entries fall into buckets by their key. The digest of a bucket is the sum of those of its entries,
//! so that it needs no order. An entry's digest is over its key, its epoch, the values of which there
//! is one for all, and each node's part under that node's name. Connections at this moment are not in
//! it, and neither are deadlines nor the phases of rates: nodes have clocks of their own. So a rate
//! whose counts are the same on both nodes is taken for the same.
//!
//! # Which state wins
//!
//! The epoch decides as everywhere. Of the teller's own part the teller knows best. Of a third node's
//! part that both know in the same life the larger counts: within an epoch parts only grow. Values of
//! which there is one for all are those of the entry that was used last, and of entries used at the
//! same time, as far as can be told, those of the node with the greater name.

use std::ops::ControlFlow;

use lbd_core::Time;
use xxhash_rust::xxh64::{Xxh64, xxh64};

use crate::data::{DataType, Rate, Value};
use crate::entry::{EntryMut, EntryView, Part};
use crate::key::Key;
use crate::learn::Item;
use crate::nodes::Life;
use crate::shard::slab;
use crate::table::{Full, Table, entry_id};
use crate::walk::Walk;

/// What the names of a table's nodes contribute to digests.
#[derive(Debug, Clone)]
pub struct Seeds {
    own: u64,
    others: Vec<u64>,
}

impl Seeds {
    /// Of this node's name, and of the other nodes' in the order of their numbers.
    pub fn new<'a>(own: &str, others: impl Iterator<Item = &'a str>) -> Self {
        let seed = |name: &str| xxh64(name.as_bytes(), 0);
        Self {
            own: seed(own),
            others: others.map(seed).collect(),
        }
    }
}

/// Whose part is taken over, and what is told beside its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mended {
    /// The node's number.
    pub node: u8,
    /// It is the one that tells.
    pub is_teller: bool,
    /// What is told is of the node's present life.
    pub is_present: bool,
    /// The entry's epoch there.
    pub epoch: u32,
    /// Milliseconds that it lives there.
    pub expires_ms: u32,
    /// The teller's name is the greater one.
    pub wins: bool,
}

/// The bucket of a key, of so many.
pub fn bucket(key: &[u8], count: usize) -> usize {
    let hash = u128::from(xxh64(key, BUCKETS));
    // Below `count`.
    usize::try_from((hash * count as u128) >> 64).unwrap_or(0)
}

impl EntryView<'_> {
    /// What digests hold of it.
    fn digest(&self, seeds: &Seeds) -> u64 {
        let mut all = Xxh64::new(0);
        all.update(self.key());
        all.update(&self.epoch().to_le_bytes());
        self.each(Part::Own, |data, _, value| {
            if data.is_as_is() {
                feed(&mut all, value);
            }
        });
        let layout = &self.context.layout;
        let parts = seeds.others.iter().take(layout.nodes).enumerate();
        let parts = parts.map(|(node, seed)| (Part::Node(node), *seed));
        let parts = parts.chain([(Part::Own, seeds.own)]);
        let sum = parts.fold(0_u64, |sum, (part, seed)| {
            sum.wrapping_add(self.part_digest(part, seed))
        });
        all.update(&sum.to_le_bytes());
        all.digest()
    }

    /// Zero of a part in which nothing is counted.
    fn part_digest(&self, part: Part, seed: u64) -> u64 {
        let mut hash = Xxh64::new(seed);
        let mut is_empty = true;
        self.each(part, |data, _, value| {
            if data.is_as_is() || data.is_local() {
                return;
            }
            let value = self.without_phase(data, value);
            is_empty &= matches!(
                value,
                Value::Unsigned(0)
                    | Value::Long(0)
                    | Value::Rate(Rate {
                        current: 0,
                        previous: 0,
                        ..
                    })
            );
            feed(&mut hash, value);
        });
        if is_empty { 0 } else { hash.digest() }
    }

    fn without_phase<'v>(&self, data: DataType, value: Value<'v>) -> Value<'v> {
        let Value::Rate(rate) = value else {
            return value;
        };
        let period = u64::from(self.context.layout.period_ms(data));
        // Who learns it later does not store it any more.
        let is_over = u64::from(rate.elapsed_ms) > 2 * period;
        Value::Rate(match is_over {
            true => Rate::default(),
            false => Rate {
                elapsed_ms: 0,
                ..rate
            },
        })
    }
}

fn feed(hash: &mut Xxh64, value: Value<'_>) {
    match value {
        Value::Long(number) => hash.update(&number.to_le_bytes()),
        Value::Name(name) => {
            hash.update(name.unwrap_or_default().as_bytes());
            hash.update(&[0]);
        }
        Value::Rate(rate) => {
            hash.update(&rate.current.to_le_bytes());
            hash.update(&rate.previous.to_le_bytes());
        }
        Value::Signed(number) => hash.update(&number.to_le_bytes()),
        Value::Unsigned(number) => hash.update(&number.to_le_bytes()),
    }
}

impl Table {
    /// Adds the digests of entries to those of their buckets, `at_most` rows of them in this slice;
    /// says whether there are more.
    pub fn digests(
        &self,
        walk: &mut Walk,
        now: Time,
        at_most: usize,
        seeds: &Seeds,
        sums: &mut [u64],
    ) -> bool {
        self.walk(walk, now, at_most, |entry| {
            let at = bucket(entry.key(), sums.len());
            if let Some(sum) = sums.get_mut(at) {
                *sum = sum.wrapping_add(entry.digest(seeds));
            }
            ControlFlow::Continue(())
        })
    }

    /// Takes over what another node has of an entry whose bucket differs.
    ///
    /// # Errors
    ///
    /// [`Full`].
    pub fn mend(
        &self,
        key: &Key<'_>,
        told: Mended,
        items: &[Item<'_>],
        write_to: Option<&Self>,
        now: Time,
    ) -> Result<(), Full> {
        let now_ms = now.as_millis();
        let layout = &self.context.layout;
        let Some(present_at) = layout.present_at() else {
            return Ok(());
        };
        let Some(met) = self.meet(key, told.epoch, now_ms)? else {
            return Ok(());
        };
        if met.life == Life::Over {
            return Ok(());
        }
        let (index, slot, mut state, is_new) = (met.index, met.slot, met.state, met.is_new);
        let lives_ms = u64::from(told.expires_ms.min(layout.expire_ms.unwrap_or(0)));
        let (row, long_key) = state.row_and_key(layout, slot);
        let left_ms = slab::deadline(row).saturating_sub(now_ms);
        let is_newer = match layout.expire_ms {
            _ if met.life == Life::New => true,
            Some(_) if lives_ms.abs_diff(left_ms) > SAME_TIME_MS => lives_ms > left_ms,
            _ => told.wins,
        };
        let takes_as_is = told.is_teller && is_newer;
        let was_present = row[present_at] & 1 << told.node != 0;
        let mut entry = EntryMut {
            context: &self.context,
            row,
            long_key,
            now_ms,
            id: entry_id(index, slot),
            is_new: false,
            is_changed: false,
        };
        for &(data, element, value) in items {
            let node = usize::from(told.node);
            if data.is_as_is() {
                if takes_as_is {
                    entry.accept(data, element, value);
                }
            } else if told.is_teller || told.is_present && !was_present && !data.is_local() {
                entry.accept_of(node, data, element, value);
            } else if told.is_present == was_present && !data.is_local() {
                entry.raise_of(node, data, element, value);
            }
        }
        if told.is_teller || told.is_present {
            // At most seven nodes.
            entry.row[present_at] |= 1 << told.node;
        }
        let lives_ms = if is_new {
            lives_ms
        } else {
            lives_ms.max(left_ms)
        };
        state.touch_remote(&self.context, slot, now_ms + lives_ms);
        self.publish(index, &state);
        drop(state);
        if let Some(target) = write_to.filter(|_| takes_as_is) {
            let as_is: Vec<_> = items
                .iter()
                .filter(|item| item.0.is_as_is())
                .copied()
                .collect();
            // A target without room counts it as refused; the source has it.
            let _ = target.learn(key, Some(told.expires_ms), &as_is, None, now);
        }
        Ok(())
    }
}

/// The seed of buckets: others than those of the shards of a `peers` section.
const BUCKETS: u64 = 0x6c62_6462;

/// Uses within this of each other are of the same time: what is told takes a while.
const SAME_TIME_MS: u64 = 1000;

#[cfg(test)]
mod tests;

//! What callers see of an entry while its shard is locked.
//!
//! It changes nothing; see [`EntryMut`] for that.

mod edit;
mod shared;

pub use edit::EntryMut;

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use lbd_core::freq::FreqCounter;
use lbd_core::time::Ticks;

use crate::data::{DataType, Kind, Rate, Value};
use crate::key;
use crate::shard::{Context, slab};
use crate::table::EntryId;

/// A general purpose counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gpc {
    /// Element of the arrays `gpc` and `gpc_rate`.
    At(u32),
    /// `gpc0` and `gpc0_rate`, or the first elements of the arrays.
    First,
    /// `gpc1` and `gpc1_rate`, or the second elements of the arrays.
    Second,
}

impl Gpc {
    fn places(self, context: &Context) -> (Option<Spot>, Option<Spot>) {
        let (count, rate, index) = match self {
            Self::At(index) => (DataType::Gpc, DataType::GpcRate, index),
            Self::First => (DataType::Gpc0, DataType::Gpc0Rate, 0),
            Self::Second => (DataType::Gpc1, DataType::Gpc1Rate, 1),
        };
        let spot = |single: DataType, array: DataType| {
            let single_index = if single.is_array() { index } else { 0 };
            Spot::of(context, single, single_index).or_else(|| Spot::of(context, array, index))
        };
        (spot(count, DataType::Gpc), spot(rate, DataType::GpcRate))
    }
}

/// Whose part of the counters is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Another node's.
    Node(usize),
    /// Ours.
    Own,
    /// All together.
    Sum,
}

/// A stored value: where it lies, and its period.
#[derive(Clone, Copy)]
struct Spot {
    at: usize,
    data: DataType,
}

impl Spot {
    #[inline]
    fn of(context: &Context, data: DataType, index: u32) -> Option<Self> {
        let at = context.layout.at(data, index)?;
        Some(Self { at, data })
    }
}

/// An entry to read.
#[derive(Clone, Copy)]
pub struct EntryView<'a> {
    pub(crate) context: &'a Context,
    pub(crate) row: &'a [u32],
    pub(crate) long_key: &'a [u8],
    pub(crate) now_ms: u64,
    pub(crate) id: EntryId,
}

impl std::fmt::Debug for EntryView<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EntryView")
            .field("id", &self.id)
            .field("key", &self.key())
            .finish_non_exhaustive()
    }
}

impl EntryView<'_> {
    /// The bytes of its key; a number's are in the machine's own order.
    pub fn key(&self) -> &[u8] {
        let layout = &self.context.layout;
        if layout.key.is_inline() {
            return key::load_inline(&self.row[slab::HEADER..layout.data_at], layout.key);
        }
        self.long_key
    }

    /// Its place in the table, as `show table` prints it.
    pub fn id(&self) -> EntryId {
        self.id
    }

    /// How many trackers refer to it.
    pub fn trackers(&self) -> u32 {
        slab::refs(self.row)
    }

    /// Milliseconds until it is over; zero in a table without expiry.
    pub fn expires_in_ms(&self) -> u32 {
        match self.context.layout.expire_ms {
            Some(_) => {
                let left = slab::deadline(self.row).saturating_sub(self.now_ms);
                u32::try_from(left).unwrap_or(u32::MAX)
            }
            None => 0,
        }
    }

    /// Milliseconds since it was last used; zero in a table without expiry.
    pub fn idle_ms(&self) -> u32 {
        let full = self.context.layout.expire_ms.unwrap_or(0);
        full.saturating_sub(self.expires_in_ms())
    }

    /// Whether its last change was made here and not learned from a peer.
    pub fn is_local(&self) -> bool {
        slab::has(self.row, slab::LOCAL)
    }

    /// The shard of the `peers` section that it goes to; 0 when the section has none.
    pub fn peer_shard(&self) -> u32 {
        let shards = self.context.peer_shards.load(Ordering::Relaxed);
        key::peer_shard(self.key(), self.context.shard_seed, shards)
    }

    /// Whether that type and element is stored.
    pub fn has(&self, data: DataType, index: u32) -> bool {
        self.context.layout.at(data, index).is_some()
    }

    /// A value as commands and rules compare it: counters as they are, rates as events in the
    /// period, byte rates times `brates-factor`, a `server_key` as 0. None when it is not stored.
    pub fn number(&self, data: DataType, index: u32) -> Option<i64> {
        let at = self.context.layout.at(data, index)?;
        let layout = &self.context.layout;
        Some(match data.kind() {
            Kind::Unsigned => i64::from(shared::sum(layout, self.row, data, at)),
            Kind::Signed => i64::from(self.row[at] as i32),
            Kind::Long => shared::sum_long(layout, self.row, data, at) as i64,
            Kind::Name => 0,
            Kind::Rate => {
                let rate = shared::sum_rate(layout, self.row, data, at, self.ticks());
                if data.is_byte_rate() {
                    i64::from(rate) * i64::from(self.context.layout.brates_factor)
                } else {
                    i64::from(rate)
                }
            }
        })
    }

    /// A rate's counter and its period in milliseconds.
    pub fn rate_counter(&self, data: DataType, index: u32) -> Option<(FreqCounter, u32)> {
        let at = self.context.layout.at(data, index)?;
        let layout = &self.context.layout;
        (data.kind() == Kind::Rate).then(|| {
            let merged = shared::merged(layout, self.row, data, at, self.ticks());
            (merged, layout.period_ms(data))
        })
    }

    /// The count of a general purpose counter.
    pub fn gpc(&self, which: Gpc) -> Option<u32> {
        let (count, _) = which.places(self.context);
        count.map(|spot| shared::sum(&self.context.layout, self.row, spot.data, spot.at))
    }

    /// The rate of a general purpose counter.
    pub fn gpc_rate(&self, which: Gpc) -> Option<u32> {
        let spot = which.places(self.context).1?;
        let (layout, now) = (&self.context.layout, self.ticks());
        Some(shared::sum_rate(layout, self.row, spot.data, spot.at, now))
    }

    /// A general purpose tag; the first one may be stored as `gpt0` or in `gpt`.
    pub fn gpt(&self, index: u32) -> Option<u32> {
        tag(self.context, index).map(|spot| self.row[spot.at])
    }

    /// The id of the server that it sticks to; none when none is stored or known.
    pub fn server_id(&self) -> Option<i32> {
        let at = self.context.layout.at(DataType::ServerId, 0)?;
        Some(self.row[at] as i32).filter(|&id| id != 0)
    }

    /// The name or address of the server that it sticks to.
    pub fn server_key(&self) -> Option<Arc<str>> {
        let at = self.context.layout.at(DataType::ServerKey, 0)?;
        self.context.dictionary.text(self.row[at])
    }

    /// Every stored value in the order of the peers protocol; of counters the sum.
    pub fn values(&self, take: impl FnMut(DataType, u32, Value<'_>)) {
        self.each(Part::Sum, take);
    }

    /// The same of one part of the counters.
    pub(crate) fn each(&self, part: Part, mut take: impl FnMut(DataType, u32, Value<'_>)) {
        let layout = &self.context.layout;
        for (data, index) in layout.all() {
            let Some(at) = layout.at(data, index) else {
                continue;
            };
            let is_sum = part == Part::Sum;
            let at = match part {
                Part::Node(node) if layout.is_shared(data) => layout.of_node(at, node),
                Part::Node(_) | Part::Own | Part::Sum => at,
            };
            match data.kind() {
                Kind::Unsigned => {
                    let number = match is_sum {
                        true => shared::sum(layout, self.row, data, at),
                        false => self.row[at],
                    };
                    take(data, index, Value::Unsigned(number));
                }
                Kind::Signed => take(data, index, Value::Signed(self.row[at] as i32)),
                Kind::Long => {
                    let number = match is_sum {
                        true => shared::sum_long(layout, self.row, data, at),
                        false => long(self.row, at),
                    };
                    take(data, index, Value::Long(number));
                }
                Kind::Rate => {
                    let counter = match is_sum {
                        true => shared::merged(layout, self.row, data, at, self.ticks()),
                        false => rate(self.row, at),
                    };
                    take(data, index, Value::Rate(Rate::of(&counter, self.ticks())));
                }
                Kind::Name => {
                    let name = self.server_key();
                    take(data, index, Value::Name(name.as_deref()));
                }
            }
        }
    }

    /// The line of `show table`, with its end of line.
    pub fn write_line(&self, out: &mut String) {
        let layout = &self.context.layout;
        // Writing to a String cannot fail.
        let _ = write!(out, "{}: key=", self.id);
        key::display(out, layout.key, self.key());
        let _ = write!(
            out,
            " use={} exp={} shard={}",
            self.trackers(),
            self.expires_in_ms(),
            self.peer_shard()
        );
        for (data, index) in layout.all() {
            let name = data.name();
            let _ = match name.split_once('_').filter(|_| data.is_array()) {
                _ if !data.is_array() => write!(out, " {name}"),
                Some((array, rest)) => write!(out, " {array}{index}_{rest}"),
                None => write!(out, " {name}{index}"),
            };
            if data.has_period() {
                let _ = write!(out, "({})", layout.period_ms(data));
            }
            let _ = match data.kind() {
                Kind::Name => write!(out, "={}", self.server_key().as_deref().unwrap_or("-")),
                // As unsigned: the reference prints 64-bit counters so.
                Kind::Long => write!(
                    out,
                    "={}",
                    self.number(data, index).unwrap_or(0).cast_unsigned()
                ),
                _ => write!(out, "={}", self.number(data, index).unwrap_or(0)),
            };
        }
        out.push('\n');
    }

    fn ticks(&self) -> Ticks {
        ticks(self.now_ms)
    }
}

fn tag(context: &Context, index: u32) -> Option<Spot> {
    let single = (index == 0).then(|| Spot::of(context, DataType::Gpt0, 0));
    single
        .flatten()
        .or_else(|| Spot::of(context, DataType::Gpt, index))
}

/// Rates count in 32 bits of milliseconds.
#[inline]
fn ticks(now_ms: u64) -> Ticks {
    Ticks(lbd_core::bits::low32(now_ms))
}

#[inline]
fn long(row: &[u32], at: usize) -> u64 {
    u64::from(row[at]) | u64::from(row[at + 1]) << 32
}

#[inline]
fn set_long(row: &mut [u32], at: usize, value: u64) {
    row[at] = lbd_core::bits::low32(value);
    row[at + 1] = lbd_core::bits::low32(value >> 32);
}

#[inline]
fn rate(row: &[u32], at: usize) -> FreqCounter {
    FreqCounter {
        start: Ticks(row[at]),
        current: row[at + 1],
        previous: row[at + 2],
    }
}

#[inline]
fn set_rate(row: &mut [u32], at: usize, counter: FreqCounter) {
    row[at] = counter.start.0;
    row[at + 1] = counter.current;
    row[at + 2] = counter.previous;
}

#[cfg(test)]
mod tests;

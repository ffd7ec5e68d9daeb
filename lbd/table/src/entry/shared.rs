//! Counters of which other nodes have parts: what they make together.
//!
//! Where no other node is kept a counter is what stands in its place.

use lbd_core::freq::FreqCounter;
use lbd_core::time::Ticks;

use super::{long, rate};
use crate::data::DataType;
use crate::schema::Layout;

/// Places of all parts of a counter.
#[inline]
fn parts(layout: &Layout, data: DataType, at: usize) -> impl Iterator<Item = usize> + use<> {
    let nodes = if layout.is_shared(data) {
        layout.nodes
    } else {
        0
    };
    let words = layout.node_words;
    (0..=nodes).map(move |part| at + part * words)
}

/// The sum of a counter; it wraps as each part does.
#[inline]
pub(super) fn sum(layout: &Layout, row: &[u32], data: DataType, at: usize) -> u32 {
    parts(layout, data, at).fold(0, |sum, at| sum.wrapping_add(row[at]))
}

/// The sum of a counter of 64 bits.
#[inline]
pub(super) fn sum_long(layout: &Layout, row: &[u32], data: DataType, at: usize) -> u64 {
    parts(layout, data, at).fold(0, |sum, at| sum.wrapping_add(long(row, at)))
}

/// The events of a rate on all nodes.
#[inline]
pub(super) fn sum_rate(layout: &Layout, row: &[u32], data: DataType, at: usize, now: Ticks) -> u32 {
    let period = layout.period_ms(data);
    parts(layout, data, at).fold(0, |sum, at| {
        sum.saturating_add(rate(row, at).read(now, period))
    })
}

/// One rate that reads now as all parts do together, for peers that know one part only.
pub(super) fn merged(
    layout: &Layout,
    row: &[u32],
    data: DataType,
    at: usize,
    now: Ticks,
) -> FreqCounter {
    let own = rate(row, at);
    let is_empty = |counter: &FreqCounter| (counter.current, counter.previous) == (0, 0);
    if parts(layout, data, at)
        .skip(1)
        .all(|at| is_empty(&rate(row, at)))
    {
        return own;
    }
    let period = layout.period_ms(data);
    let age = |counter: &FreqCounter| now.0.wrapping_sub(counter.start.0);
    let total = u64::from(sum_rate(layout, row, data, at, now));
    let current = parts(layout, data, at).map(|at| rate(row, at));
    let current = current.filter(|counter| age(counter) <= period);
    let current = current.fold(0_u64, |sum, counter| sum + u64::from(counter.current));
    let current = current.min(total);
    let elapsed = match is_empty(&own) {
        false if age(&own) < period => age(&own),
        _ => 0,
    };
    // The part of the former period that still counts makes up the rest.
    let left = u64::from(period.max(1) - elapsed.min(period.max(1) - 1));
    let previous = ((total - current) * u64::from(period)).div_ceil(left);
    let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    FreqCounter {
        start: Ticks(now.0.wrapping_sub(elapsed) & !1),
        current: narrow(current),
        previous: narrow(previous),
    }
}

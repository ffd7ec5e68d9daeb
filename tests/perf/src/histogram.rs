//! Latencies, counted in buckets of about 3 % width.
//!
//! It keeps no single value, so that recording costs no memory.

use std::time::Duration;

/// Buckets per doubling, as a power of two.
const FINE: u32 = 5;

#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self {
            counts: vec![0; 64 << FINE],
            total: 0,
        }
    }

    pub(crate) fn record(&mut self, latency: Duration) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket(nanos)] += 1;
        self.total += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.total += other.total;
    }

    /// The upper end of the bucket below which `share` (0 to 1) of the values lie, in microseconds.
    pub(crate) fn quantile_us(&self, share: f64) -> f64 {
        let wanted = (share * self.total as f64).ceil().max(1.0);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen as f64 >= wanted {
                return upper_end(index) / 1000.0;
            }
        }
        0.0
    }
}

fn bucket(nanos: u64) -> usize {
    let value = nanos.max(1 << FINE);
    let doublings = value.ilog2() - FINE;
    // Below 2^6: the top bits of the value, without the leading one.
    let top = usize::try_from(value >> doublings).unwrap_or(usize::MAX);
    let within = top - (1 << FINE);
    ((doublings as usize) << FINE) + within
}

fn upper_end(bucket: usize) -> f64 {
    let (doublings, within) = (bucket >> FINE, bucket & ((1 << FINE) - 1));
    ((1 << FINE) + within + 1) as f64 * 2f64.powi(i32::try_from(doublings).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests;

//! Frequency counters: events over a sliding period (haproxy 3.4 configuration, `fe_sess_rate`).
//!
//! A counter keeps the events of the current and of the previous period; a reading weighs the
//! previous one by the part of it that still lies in the sliding window.

use crate::time::Ticks;

/// Events over a sliding period whose length the caller gives with every call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FreqCounter {
    /// Start of the current period, in milliseconds.
    pub start: Ticks,
    /// Events since `start`.
    pub current: u32,
    /// Events in the period before.
    pub previous: u32,
}

impl FreqCounter {
    /// Adds `events` at `now` to a counter of `period_ms` milliseconds.
    pub fn add(&mut self, now: Ticks, period_ms: u32, events: u32) {
        self.rotate(now, period_ms);
        self.current = self.current.saturating_add(events);
    }

    /// Events in the last `period_ms` milliseconds as seen at `now`.
    pub fn read(&self, now: Ticks, period_ms: u32) -> u32 {
        let period = u64::from(period_ms.max(1));
        let elapsed = u64::from(self.elapsed(now));
        let (current, previous, remain) = if elapsed <= period {
            (self.current, self.previous, period - elapsed)
        } else if elapsed <= 2 * period {
            (0, self.current, 2 * period - elapsed)
        } else {
            return 0;
        };
        // A lone event must not read as one and none in turn: it counts in full until it is gone.
        if current == 0 && previous <= 1 {
            return previous;
        }
        let weighed = u64::from(previous) * remain / period;
        u32::try_from(u64::from(current) + weighed).unwrap_or(u32::MAX)
    }

    /// Milliseconds since the start of the current period. Threads read their clocks at different
    /// moments: for one that lags a little behind the one that began the period it begins now.
    fn elapsed(&self, now: Ticks) -> u32 {
        match now.0.wrapping_sub(self.start.0) {
            elapsed @ 0..NEAR_FUTURE => elapsed,
            NEAR_FUTURE.. => 0,
        }
    }

    /// Begins a new period when the current one is over. Periods begin at even milliseconds, as the
    /// reference's do, so that both sides of a peers session hold the same.
    fn rotate(&mut self, now: Ticks, period_ms: u32) {
        let elapsed = self.elapsed(now);
        if elapsed < period_ms && (self.current, self.previous) != (0, 0) {
            return;
        }
        let is_next = u64::from(elapsed) < 2 * u64::from(period_ms);
        let start = if is_next && elapsed >= period_ms {
            self.previous = self.current;
            self.start.0.wrapping_add(period_ms)
        } else {
            self.previous = 0;
            now.0
        };
        self.start = Ticks(start & !1);
        self.current = 0;
    }
}

/// Elapsed times from here on are those of moments less than a second ahead.
const NEAR_FUTURE: u32 = u32::MAX - 1000;

#[cfg(test)]
mod tests;

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
        let mut copy = *self;
        copy.rotate(now, period_ms);
        let elapsed = now.0.wrapping_sub(copy.start.0);
        let remain = u64::from(period_ms.saturating_sub(elapsed));
        let weighed = u64::from(copy.previous) * remain / u64::from(period_ms.max(1));
        u32::try_from(u64::from(copy.current) + weighed).unwrap_or(u32::MAX)
    }

    fn rotate(&mut self, now: Ticks, period_ms: u32) {
        let elapsed = now.0.wrapping_sub(self.start.0);
        if elapsed < period_ms {
            return;
        }
        if elapsed / 2 < period_ms {
            self.previous = self.current;
            self.start = Ticks(self.start.0.wrapping_add(period_ms));
        } else {
            self.previous = 0;
            self.start = now;
        }
        self.current = 0;
    }
}

#[cfg(test)]
mod tests;

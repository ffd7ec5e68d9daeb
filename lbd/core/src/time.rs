//! Time as values: machines take `now` as an argument and never read a clock.

use std::ops::{Add, Sub};
use std::time::Duration;

/// Monotonic time in nanoseconds since the process started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Time(pub u64);

impl Time {
    /// The moment the process started.
    pub const ZERO: Self = Self(0);

    /// Whole milliseconds since the process started.
    #[inline]
    pub fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// The time that `ms` milliseconds after the start make.
    #[inline]
    pub fn from_millis(ms: u64) -> Self {
        Self(ms.saturating_mul(1_000_000))
    }

    /// How long after `earlier` this is; zero when it is not after it.
    #[inline]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The same as 32-bit milliseconds, for rate arithmetic.
    #[inline]
    pub fn ticks(self) -> Ticks {
        Ticks(crate::bits::low32(self.as_millis()))
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    #[inline]
    fn add(self, delay: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX)),
        )
    }
}

impl Sub for Time {
    type Output = Duration;

    #[inline]
    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

/// Milliseconds that wrap at 2^32, as the reference's rate counters use them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Ticks(pub u32);

/// Wall-clock time: microseconds since 1970-01-01 00:00:00 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct WallTime(pub u64);

impl WallTime {
    /// Whole seconds since the epoch.
    #[inline]
    pub fn secs(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Microseconds within the second, 0 to 999,999.
    #[inline]
    pub fn subsec_micros(self) -> u32 {
        (self.0 % 1_000_000) as u32
    }
}

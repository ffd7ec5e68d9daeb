//! When checks start, so that they do not all run at once.
//!
//! It keeps no timers: it computes delays, and the shell gives them to the machines.

use lbd_core::bits;
use std::time::Duration;

/// Intervals below this one do not set the pace of the initial spread.
pub const MIN_SPREAD_INTERVAL: Duration = Duration::from_millis(1000);

/// Start of all checks of a configuration, in the order of their servers.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    /// The shortest interval of at least `MIN_SPREAD_INTERVAL`; zero when there is none.
    shortest: Duration,
    count: u32,
    /// `spread-checks` in percent.
    spread: u32,
    /// `max-spread-checks`.
    longest: Option<Duration>,
}

impl Schedule {
    /// A schedule for checks of these intervals.
    pub fn new(
        intervals: impl IntoIterator<Item = Duration>,
        spread: u32,
        longest: Option<Duration>,
    ) -> Self {
        let mut schedule = Self {
            shortest: Duration::ZERO,
            count: 0,
            spread,
            longest,
        };
        for inter in intervals {
            schedule.count += 1;
            let first = schedule.shortest.is_zero();
            if inter >= MIN_SPREAD_INTERVAL && (first || inter < schedule.shortest) {
                schedule.shortest = inter;
            }
        }
        schedule
    }

    /// Delay of the first run of check number `position` (from 0), whose own interval is `inter`;
    /// `random` is any evenly distributed number.
    pub fn delay(&self, position: u32, inter: Duration, random: u32) -> Duration {
        let mut span = spread_interval(self.shortest.max(inter), inter, self.spread, random);
        if let Some(longest) = self.longest {
            span = span.min(longest);
        }
        let millis = span.as_millis() * u128::from(position) / u128::from(self.count.max(1));
        Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }
}

/// `base` moved at random by up to `spread` percent of `inter` in either direction.
pub fn spread_interval(base: Duration, inter: Duration, spread: u32, random: u32) -> Duration {
    if spread == 0 {
        return base;
    }
    let most = u64::try_from(inter.as_millis()).unwrap_or(u64::MAX / 128) * u64::from(spread) / 100;
    let back = u128::from(most) * 2 * u128::from(random) / u128::from(u32::MAX);
    (base + Duration::from_millis(most)).saturating_sub(Duration::from_millis(bits::held64(back)))
}

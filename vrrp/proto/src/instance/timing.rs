//! How long a backup waits (RFC 9568 §6.1, RFC 3768 §6.1).
//!
//! It keeps no timer.

use std::time::Duration;

use crate::packet::{Centisecs, Priority, Version};

/// `Skew_Time`: the lower the priority, the longer. In version 2 up to a second whatever the
/// interval is, in version 3 up to the master's interval.
pub fn skew(version: Version, priority: Priority, master_interval: Centisecs) -> Duration {
    let steps = 256 - u64::from(priority.0);
    let step_nanos = match version {
        Version::V2 => NANOS_PER_SECOND,
        Version::V3 => u64::from(master_interval.0) * NANOS_PER_CENTISEC,
    };
    Duration::from_nanos(steps * step_nanos / 256)
}

/// `Active_Down_Interval` of RFC 9568, `Master_Down_Interval` before it.
pub fn active_down_interval(
    version: Version,
    adverts: u8,
    priority: Priority,
    master_interval: Centisecs,
) -> Duration {
    master_interval.duration() * u32::from(adverts) + skew(version, priority, master_interval)
}

const NANOS_PER_SECOND: u64 = 1_000_000_000;
const NANOS_PER_CENTISEC: u64 = 10_000_000;

#[cfg(test)]
mod tests;

//! When a fast stream of bytes is woken for large pieces only (`SO_RCVLOWAT`, socket(7)).
//!
//! Each piece costs a wake-up, two system calls and the kernel's work for a segment. A stream that
//! comes fast enough fills a large piece in less time than anybody notices; one that pauses is
//! woken for every byte again. It holds no socket and no clock.

use std::time::Duration;

use lbd_core::Time;

/// Bytes of a large piece.
pub(super) const PIECE: u32 = 256 * 1024;

/// Bytes by which the speed is judged.
const WINDOW: u64 = 1024 * 1024;

/// Time in which these must have come: 250 MB/s, at which a piece takes a millisecond.
const WITHIN: Duration = Duration::from_millis(4);

/// The longest that the last bytes before a pause are kept waiting.
const QUIET: Duration = Duration::from_millis(2);

/// How one direction is woken.
#[derive(Debug, Default)]
pub(super) struct Gather {
    is_on: bool,
    /// When the window began, or when bytes last came in large pieces.
    since: Time,
    counted: u64,
}

impl Gather {
    /// Notes a turn at `now` in which `moved` bytes came; `is_short` when less than a piece is to
    /// come, as far as is known. The low-water mark to set, when it changes.
    pub(super) fn turn(&mut self, now: Time, moved: u64, is_short: bool) -> Option<u32> {
        if self.is_on {
            if moved > 0 {
                self.since = now;
            }
            if is_short || now.since(self.since) >= QUIET {
                *self = Self::default();
                return Some(1);
            }
            return None;
        }
        if is_short || moved == 0 {
            return None;
        }
        if self.counted == 0 {
            self.since = now;
        }
        self.counted += moved;
        if self.counted < WINDOW {
            return None;
        }
        self.counted = 0;
        self.is_on = now.since(self.since) <= WITHIN;
        self.is_on.then_some(PIECE)
    }

    /// When it must have another turn, whatever comes: a smaller piece may be waiting.
    pub(super) fn until(&self) -> Option<Time> {
        self.is_on.then(|| self.since + QUIET)
    }
}

#[cfg(test)]
mod tests;

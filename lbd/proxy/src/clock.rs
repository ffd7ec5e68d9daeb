//! The worker's clock: read once for each wake-up of a task, cached in between.
//!
//! It wakes nobody by itself: the timers that go with it are driven by a task of the worker.

use std::cell::Cell;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lbd_core::{Time, WallTime};

use crate::timers::Timers;

/// A clock of one worker. All workers share the origin, so that their times compare.
#[derive(Debug)]
pub struct Clock {
    origin: Instant,
    now: Cell<Time>,
    /// Wall-clock microseconds at the origin; read anew now and then, for it may be adjusted.
    wall_origin: Cell<u64>,
    wall_read: Cell<Time>,
    pub(crate) timers: Timers,
}

impl Clock {
    /// A clock that counts from `origin`.
    pub fn new(origin: Instant) -> Self {
        let clock = Self {
            origin,
            now: Cell::default(),
            wall_origin: Cell::default(),
            wall_read: Cell::default(),
            timers: Timers::default(),
        };
        clock.refresh();
        clock.read_wall();
        clock
    }

    /// Reads the clock.
    pub fn refresh(&self) {
        let now = Time::ZERO + self.origin.elapsed();
        self.now.set(now);
        if now.since(self.wall_read.get()) > WALL_INTERVAL {
            self.read_wall();
        }
    }

    fn read_wall(&self) {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let micros = u64::try_from(wall.as_micros()).unwrap_or(u64::MAX);
        self.wall_origin
            .set(micros.saturating_sub(self.now.get().0 / 1_000));
        self.wall_read.set(self.now.get());
    }

    /// The time of this wake-up.
    #[inline]
    pub fn now(&self) -> Time {
        self.now.get()
    }

    /// The same on the wall clock.
    #[inline]
    pub fn wall(&self) -> WallTime {
        WallTime(self.wall_origin.get() + self.now.get().0 / 1_000)
    }

    /// The runtime's form of a time.
    pub fn instant(&self, time: Time) -> tokio::time::Instant {
        (self.origin + Duration::from_nanos(time.0)).into()
    }
}

/// How long an adjustment of the wall clock may stay unnoticed.
const WALL_INTERVAL: Duration = Duration::from_millis(500);

pub use crate::sys::utc_offset;

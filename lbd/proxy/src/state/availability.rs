//! Since when a backend has been up or down, how often it went down, and for how long in all.
//!
//! It decides nothing: whoever places servers tells it.

use lbd_core::Time;
use parking_lot::Mutex;

/// The history of a backend, or of anything that is up or down.
#[derive(Debug)]
pub struct Availability(Mutex<History>);

#[derive(Debug)]
struct History {
    is_up: bool,
    since: Time,
    downs: u64,
    /// Seconds down before `since`.
    down_before: u64,
}

impl Availability {
    /// A history that begins.
    pub fn new(is_up: bool, now: Time) -> Self {
        Self(Mutex::new(History {
            is_up,
            since: now,
            downs: 0,
            down_before: 0,
        }))
    }

    /// Notes how it is at `now`.
    pub fn note(&self, is_up: bool, now: Time) {
        let mut history = self.0.lock();
        if history.is_up == is_up {
            return;
        }
        if history.is_up {
            history.downs += 1;
        } else {
            history.down_before += now.since(history.since).as_secs();
        }
        history.is_up = is_up;
        history.since = now;
    }

    /// Times that it went down.
    pub fn downs(&self) -> u64 {
        self.0.lock().downs
    }

    /// Seconds since it last changed.
    pub fn seconds_since_change(&self, now: Time) -> u64 {
        now.since(self.0.lock().since).as_secs()
    }

    /// Seconds spent down, the present time down included.
    pub fn downtime(&self, now: Time) -> u64 {
        let history = self.0.lock();
        let present = if history.is_up {
            0
        } else {
            now.since(history.since).as_secs()
        };
        history.down_before + present
    }
}

#[cfg(test)]
mod tests;

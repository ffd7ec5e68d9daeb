//! Waiting for something that another process or thread will do.
//!
//! It does not sleep for a fixed time: a test waits for a fact and fails when the fact does not come.

use std::thread;
use std::time::{Duration, Instant};

/// How often [`poll_until`] looks.
const INTERVAL: Duration = Duration::from_millis(5);

/// Calls `look` every few milliseconds until it gives a value; `None` once `timeout` has passed.
pub fn poll_until<T>(timeout: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + timeout;
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if Instant::now() >= end {
            return None;
        }
        thread::sleep(INTERVAL);
    }
}

/// Waits until `holds` is true, and fails the test, naming `what`, when it is not within `timeout`.
#[track_caller]
pub fn eventually(what: &str, timeout: Duration, mut holds: impl FnMut() -> bool) {
    if poll_until(timeout, || holds().then_some(())).is_none() {
        panic!("did not happen within {timeout:?}: {what}");
    }
}

#[cfg(test)]
mod tests;

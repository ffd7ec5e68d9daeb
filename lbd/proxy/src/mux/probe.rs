//! Whether the peer of a connection without streams still answers (`idle-ping`).
//!
//! It keeps no timer: who drives the connection looks again when it is told to.

use std::time::Duration;

use lbd_core::Time;
use lbd_http::h2::Connection;

/// The pings of one connection.
#[derive(Debug)]
pub(crate) struct Probe {
    /// Time between pings, in which each is to be answered; `None` for no pings.
    interval: Option<Duration>,
    /// When the next one is due; `None` while there are streams.
    next: Option<Time>,
    is_waiting: bool,
    /// When the last answer came.
    pub(crate) answered: Option<Time>,
}

/// The peer did not answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Dead;

impl Probe {
    pub(crate) fn new(interval: Option<Duration>) -> Self {
        Self {
            interval: interval.filter(|interval| !interval.is_zero()),
            next: None,
            is_waiting: false,
            answered: None,
        }
    }

    /// Sends a ping when one is due; when to look again.
    pub(crate) fn look(
        &mut self,
        now: Time,
        is_idle: bool,
        machine: &mut Connection,
    ) -> Result<Option<Time>, Dead> {
        let Some(interval) = self.interval else {
            return Ok(None);
        };
        if self.is_waiting && !machine.awaits_pong() {
            self.is_waiting = false;
            self.answered = Some(now);
        }
        if !is_idle || machine.is_failed() {
            self.next = None;
            return Ok(None);
        }
        let next = *self.next.get_or_insert(now + interval);
        if now < next {
            return Ok(Some(next));
        }
        if self.is_waiting {
            return Err(Dead);
        }
        machine.ping();
        self.is_waiting = true;
        self.next = Some(now + interval);
        Ok(self.next)
    }
}

#[cfg(test)]
mod tests;

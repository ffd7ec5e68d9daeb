//! What an instance has to say: outputs in order, counters, and how often events may be told.
//!
//! It decides nothing.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use lbd_core::Time;

use super::output::{Event, Output};
use super::snapshot::Counters;
use crate::packet::{Rejection, Rejections};

#[derive(Clone, Debug, Default)]
pub(super) struct Book {
    pub(super) outputs: VecDeque<Output>,
    pub(super) counters: Counters,
    pub(super) rejections: Rejections,
    /// Reasons told since the last change of state, one bit each.
    told: u64,
    window: Option<(Time, u32)>,
}

impl Book {
    pub(super) fn put(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    /// Tells an event, unless there were `MAX_EVENTS` in the last second: what comes from the
    /// network must not fill logs.
    pub(super) fn tell(&mut self, now: Time, event: Event) {
        let (start, count) = match self.window {
            Some((start, count)) if now.since(start) < EVENT_WINDOW => (start, count + 1),
            _ => (now, 1),
        };
        self.window = Some((start, count));
        if count > MAX_EVENTS {
            self.counters.events_limited += 1;
        } else {
            self.put(Output::Event(event));
        }
    }

    pub(super) fn reject(&mut self, now: Time, source: IpAddr, reason: Rejection) {
        self.rejections.count(reason);
        let bit = 1 << (reason as u64 % 64);
        if self.told & bit == 0 {
            self.told |= bit;
            self.tell(now, Event::Rejected { source, reason });
        }
    }

    /// A change of state lets every reason be told once more.
    pub(super) fn turn_page(&mut self) {
        self.told = 0;
    }
}

const MAX_EVENTS: u32 = 20;
const EVENT_WINDOW: Duration = Duration::from_secs(1);

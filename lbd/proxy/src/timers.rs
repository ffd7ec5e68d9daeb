//! The deadlines of a worker's sessions: one wheel, and one task that sleeps until the next.
//!
//! It decides nothing: a session that is woken looks by itself whether its deadline has passed.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

use lbd_core::Time;

use crate::wheel::Wheel;
use crate::worker::Worker;

/// The timers of the sessions of one worker, by their places in its list.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    wheel: RefCell<Wheel>,
    /// The task that waits for the next one.
    driver: RefCell<Option<Waker>>,
    /// Until when it sleeps, in milliseconds; `None` while nothing is set.
    planned: Cell<Option<u64>>,
}

impl Timers {
    /// Whether a timer is set that goes off between `now` and `deadline`.
    pub(crate) fn is_armed(&self, slot: usize, deadline: Time) -> bool {
        let due = self.wheel.borrow().due(name(slot));
        due.is_some_and(|due| due <= millis(deadline))
    }

    /// Has the session at `slot` woken at `deadline`; replaces what was set before.
    pub(crate) fn arm(&self, slot: usize, deadline: Time) {
        let at = millis(deadline);
        self.wheel.borrow_mut().set(name(slot), at);
        if self.planned.get().is_none_or(|planned| at < planned) {
            self.planned.set(Some(at));
            if let Some(driver) = self.driver.borrow().as_ref() {
                driver.wake_by_ref();
            }
        }
    }

    /// Forgets the timer of a session that ends.
    pub(crate) fn disarm(&self, slot: usize) {
        self.wheel.borrow_mut().clear(name(slot));
    }
}

/// Wakes sessions whose timers go off, as long as the worker lives.
pub(crate) async fn drive(worker: Rc<Worker>) {
    let timers = &worker.clock.timers;
    let mut sleep = pin!(tokio::time::sleep_until(worker.clock.instant(Time::ZERO)));
    let mut due = Vec::new();
    poll_fn(|cx| {
        *timers.driver.borrow_mut() = Some(cx.waker().clone());
        loop {
            worker.clock.refresh();
            // Rounded down: what is due within this millisecond has not passed yet.
            let now = worker.clock.now().0 / NANOS;
            let mut wheel = timers.wheel.borrow_mut();
            wheel.advance(now, |slot| due.push(slot));
            let next = wheel.next();
            drop(wheel);
            for slot in due.drain(..) {
                worker.wake_at(slot as usize);
            }
            timers.planned.set(next);
            let Some(next) = next else {
                return Poll::<()>::Pending;
            };
            let at = worker.clock.instant(Time(next * NANOS));
            sleep.as_mut().reset(at);
            std::task::ready!(sleep.as_mut().poll(cx));
        }
    })
    .await
}

/// A deadline in whole milliseconds, rounded up: a session that is woken finds it passed.
fn millis(deadline: Time) -> u64 {
    deadline.0.div_ceil(NANOS)
}

/// A place in the list of sessions as the wheel calls it; places are of 24 bits.
fn name(slot: usize) -> u32 {
    u32::try_from(slot).unwrap_or(u32::MAX - 1)
}

/// Nanoseconds of a millisecond.
const NANOS: u64 = 1_000_000;

//! `observe`: what traffic shows of servers, counted on the workers, handed over at the limit.
//!
//! It does not touch a machine: the runner takes the events.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use lbd_backend::health::Observation;
use lbd_proxy::state::{Observer, ServerState};
use parking_lot::Mutex;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// A server's errors have reached the limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event {
    /// The server's slot.
    pub(super) server: usize,
    pub(super) errors: u32,
    pub(super) last: Observation,
}

/// What became of events.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// Events dropped because the runner lagged behind by `MAX_EVENTS`.
    lost: AtomicU64,
}

impl Counters {
    /// Events lost since the last call.
    pub(super) fn take_lost(&self) -> u64 {
        self.lost.swap(0, Relaxed)
    }
}

/// The observer that workers call.
#[derive(Debug)]
pub(crate) struct Watch {
    counters: Arc<Counters>,
    sender: Sender<Event>,
    receiver: Mutex<Option<Receiver<Event>>>,
}

impl Watch {
    /// An observer for all servers.
    pub(crate) fn new() -> Self {
        let (sender, receiver) = channel(MAX_EVENTS);
        Self {
            counters: Arc::default(),
            sender,
            receiver: Mutex::new(Some(receiver)),
        }
    }

    pub(super) fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// The receiving end, once; afterwards an end at which nothing arrives.
    pub(super) fn take_events(&self) -> Receiver<Event> {
        self.receiver.lock().take().unwrap_or_else(|| channel(1).1)
    }
}

impl Observer for Watch {
    fn observed(&self, server: &ServerState, what: Observation) {
        let Some(counter) = &server.observed else {
            return;
        };
        let Some(errors) = counter.note(what) else {
            return;
        };
        let event = Event {
            server: server.slot.index(),
            errors,
            last: what,
        };
        if self.sender.try_send(event).is_err() {
            self.counters.lost.fetch_add(1, Relaxed);
        }
    }
}

/// Most events that wait for the runner.
const MAX_EVENTS: usize = 1024;

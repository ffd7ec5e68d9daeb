//! `observe`: errors of live traffic count against a server.
//!
//! It does not touch the health: when the limit is reached the caller tells the machine.

use std::sync::atomic::{AtomicU32, Ordering};

/// Which traffic is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observe {
    /// `layer4`: connections.
    Layer4,
    /// `layer7`: connections and HTTP responses.
    Layer7,
}

/// `on-error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    /// `fail-check`: counts as a failed check.
    #[default]
    FailCheck,
    /// `fastinter`: the next check comes sooner.
    FastInter,
    /// `mark-down`: the server goes down.
    MarkDown,
    /// `sudden-death`: one more failed check brings it down.
    SuddenDeath,
}

/// What traffic showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observation {
    /// The server closed before answering.
    HttpBrokenPipe,
    /// Headers that the rules refuse.
    HttpInvalidHeaders,
    /// A response that cannot be read.
    HttpInvalidResponse,
    /// A good response.
    HttpOk,
    /// Reading failed.
    HttpReadError,
    /// No answer in time.
    HttpReadTimeout,
    /// A status of 100 or below, or 500 and above but 501 and 505.
    HttpWrongStatus,
    /// No connection.
    L4Error,
    /// A connection.
    L4Ok,
}

impl Observation {
    /// As messages name it.
    pub fn describe(self) -> &'static str {
        match self {
            Self::HttpBrokenPipe => "Close from server (http)",
            Self::HttpInvalidHeaders => "Invalid http response (headers)",
            Self::HttpInvalidResponse => "Invalid http response",
            Self::HttpOk => "Correct http response",
            Self::HttpReadError => "Read error (http)",
            Self::HttpReadTimeout => "Read timeout (http)",
            Self::HttpWrongStatus => "Wrong http response",
            Self::L4Error => "L4 unsuccessful connection",
            Self::L4Ok => "L4 successful connection",
        }
    }

    /// Good or bad for one who watches that layer; `None` when it does not count.
    fn is_good(self, layer: Observe) -> Option<bool> {
        match (self, layer) {
            (Self::L4Error, _) => Some(false),
            (Self::L4Ok, Observe::Layer4) | (Self::HttpOk, Observe::Layer7) => Some(true),
            (Self::L4Ok, Observe::Layer7) | (_, Observe::Layer4) => None,
            (_, Observe::Layer7) => Some(false),
        }
    }
}

/// Counter of errors in a row of one server; written by all workers.
#[derive(Debug)]
pub struct Observer {
    layer: Observe,
    limit: u32,
    errors: AtomicU32,
}

impl Observer {
    /// A counter with `error-limit` (default 10).
    pub fn new(layer: Observe, limit: u32) -> Self {
        Self {
            layer,
            limit: limit.max(1),
            errors: AtomicU32::new(0),
        }
    }

    /// Counts what traffic showed; when the limit is reached, the number to give to the machine
    /// as `Input::Observed`, and the count starts over.
    pub fn note(&self, observation: Observation) -> Option<u32> {
        match observation.is_good(self.layer) {
            None => None,
            Some(true) => {
                self.reset();
                None
            }
            Some(false) => {
                let errors = self.errors.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
                (errors >= self.limit).then(|| {
                    self.reset();
                    errors
                })
            }
        }
    }

    /// A check has passed: errors are forgotten.
    pub fn reset(&self) {
        if self.errors.load(Ordering::Relaxed) != 0 {
            self.errors.store(0, Ordering::Relaxed);
        }
    }
}

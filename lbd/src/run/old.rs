//! The processes that this one takes over from (`-sf`, `-st`): they release addresses that cannot
//! be had otherwise, and leave once this one listens (haproxy 3.4 management 4).
//!
//! It waits for none of them to end.

use std::cell::Cell;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::args::Args;
use crate::bind::{BindError, Bound, RETRIES, RETRY_PAUSE};

/// The old processes.
pub(crate) struct OldProcesses<'a> {
    args: &'a Args,
    is_paused: Cell<bool>,
}

impl<'a> OldProcesses<'a> {
    /// Those that the command line names.
    pub(crate) fn new(args: &'a Args) -> Self {
        Self {
            args,
            is_paused: Cell::new(false),
        }
    }

    /// Binds; while an old process has the address it is asked to pause, and has a moment for it.
    pub(crate) fn bind(
        &self,
        bind: impl Fn() -> Result<Bound, BindError>,
    ) -> Result<Bound, BindError> {
        let mut result = bind();
        if self.args.finish.is_empty() && self.args.terminate.is_empty() {
            return result;
        }
        for _ in 1..RETRIES {
            if !result.as_ref().is_err_and(|error| error.is_in_use) {
                break;
            }
            if !self.is_paused.replace(true) {
                self.tell(Signal::SIGTTOU, Signal::SIGTTOU);
            }
            std::thread::sleep(RETRY_PAUSE);
            result = bind();
        }
        result
    }

    /// This process cannot start: those that paused go on.
    pub(crate) fn resume(&self) {
        if self.is_paused.take() {
            self.tell(Signal::SIGTTIN, Signal::SIGTTIN);
        }
    }

    /// This process listens: the others finish (`-sf`) or stop at once (`-st`).
    pub(crate) fn dismiss(&self) {
        self.tell(Signal::SIGUSR1, Signal::SIGTERM);
    }

    fn tell(&self, finish: Signal, terminate: Signal) {
        let orders = [
            (&self.args.finish, finish),
            (&self.args.terminate, terminate),
        ];
        for (pids, order) in orders {
            for pid in pids {
                // One that is gone already needs no order.
                let _ = kill(Pid::from_raw(*pid), order);
            }
        }
    }
}

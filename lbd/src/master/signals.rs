//! The master's signals: held back from its first moment and read from a descriptor, so that one that
//! comes while it goes on as another program waits for that.
//!
//! It obeys none of them.
#![allow(
    unsafe_code,
    reason = "the runtime has no type for a descriptor of signals"
)]

use std::io;

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc::UnboundedSender;

use super::Event;

/// Signals that are held back.
pub(super) struct Held(SignalFd);

impl Held {
    /// Holds them back from now on. There is one thread.
    ///
    /// # Errors
    /// When the system has no descriptor for it.
    pub(super) fn new() -> io::Result<Self> {
        let mut set = SigSet::empty();
        for signal in SIGNALS {
            set.add(*signal);
        }
        set.thread_block()?;
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        Ok(Self(SignalFd::with_flags(&set, flags)?))
    }

    /// Makes events of them for as long as the runtime lives.
    ///
    /// # Errors
    /// When the runtime cannot watch the descriptor.
    pub(super) fn serve(self, events: UnboundedSender<Event>) -> io::Result<()> {
        // SAFETY: the value owns its descriptor, which stays the same one until it is dropped.
        let held = unsafe { AsyncFd::register(self.0) }?;
        tokio::task::spawn_local(async move {
            loop {
                let Ok(mut guard) = held.readable().await else {
                    return;
                };
                match held.get_ref().read_signal() {
                    Ok(Some(info)) => {
                        let number = i32::try_from(info.ssi_signo).unwrap_or(0);
                        let Ok(signal) = Signal::try_from(number) else {
                            continue;
                        };
                        if events.send(Event::Signal(signal)).is_err() {
                            return;
                        }
                    }
                    _ => guard.clear_ready(),
                }
            }
        });
        Ok(())
    }
}

const SIGNALS: &[Signal] = &[
    Signal::SIGCHLD,
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
];

//! Who waits on the master's socket for the end of a reload: a connection that takes the outcome and
//! ends with it, also when the master goes on as another program meanwhile.
#![allow(
    unsafe_code,
    reason = "a connection of either family, which the runtime has no type for"
)]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use tokio::io::unix::AsyncFd;

/// What became of a reload.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    pub(super) is_done: bool,
    pub(super) text: String,
}

impl Outcome {
    /// One that did not begin.
    pub(super) fn refused(why: &str) -> Self {
        Self {
            is_done: false,
            text: format!("{why}\n"),
        }
    }
}

/// One who waits.
#[derive(Debug)]
pub(super) struct Waiter(OwnedFd);

impl Waiter {
    /// Behind this connection, which does not block.
    pub(super) fn new(fd: OwnedFd) -> Self {
        Self(fd)
    }

    pub(super) fn descriptor(&self) -> i32 {
        self.0.as_raw_fd()
    }

    /// Tells the outcome and ends the connection; one that does not read is left after a while.
    pub(super) fn tell(self, outcome: &Outcome) {
        let text = format!(
            "Success={}\n--\n{}\n",
            u8::from(outcome.is_done),
            outcome.text
        );
        tokio::task::spawn_local(tokio::time::timeout(PATIENCE, write(self.0, text)));
    }

    /// Tells that the process ends, which leaves no time to wait.
    pub(super) fn refuse(self) {
        let text = "Success=0\n--\nThe process ends.\n\n";
        // There is room in the connection, which nobody has written to.
        let _ = nix::unistd::write(&self.0, text.as_bytes());
    }
}

/// How long who waits may take to read.
const PATIENCE: Duration = Duration::from_secs(60);

async fn write(fd: OwnedFd, text: String) -> io::Result<()> {
    // SAFETY: the value owns its descriptor, which stays the same one until it is dropped.
    let stream = unsafe { AsyncFd::register(fd) }?;
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let mut guard = stream.writable().await?;
        let written = guard.try_io(|fd| Ok(nix::unistd::write(fd.get_ref(), rest)?));
        if let Ok(count) = written {
            rest = &rest[count?..];
        }
    }
    Ok(())
}

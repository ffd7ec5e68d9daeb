//! The service manager that started the daemon: it hears that the daemon is ready and ends, and, when it
//! watches over it (`WatchdogSec`), that it turns.
//!
//! It decides nothing: who calls [`Manager::beat`] knows that all turns.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The way to it, if there is one (`NOTIFY_SOCKET`).
#[derive(Debug, Default)]
pub struct Manager {
    socket: Option<UnixDatagram>,
    limit: Option<Duration>,
}

impl Manager {
    /// As the environment says.
    pub fn open() -> Self {
        let connect = || {
            let name = std::env::var_os("NOTIFY_SOCKET")?;
            let socket = UnixDatagram::unbound().ok()?;
            let address = match name.as_encoded_bytes().strip_prefix(b"@") {
                Some(name) => SocketAddr::from_abstract_name(name).ok()?,
                None => SocketAddr::from_pathname(&name).ok()?,
            };
            socket.connect_addr(&address).ok()?;
            // The timers do not wait for a manager that does not read.
            socket.set_nonblocking(true).ok()?;
            Some(socket)
        };
        let variable = |name| std::env::var(name).ok();
        Self {
            socket: connect(),
            limit: limit(
                variable("WATCHDOG_USEC").as_deref(),
                variable("WATCHDOG_PID").as_deref(),
                std::process::id(),
            ),
        }
    }

    /// Between two beats: one may be lost.
    pub fn period(&self) -> Option<Duration> {
        let least = Duration::from_millis(10);
        self.limit.map(|limit| (limit / 4).max(least))
    }

    /// The daemon serves.
    pub fn ready(&self) {
        self.say("READY=1\nSTATUS=Ready.\n");
    }

    /// Everything turns.
    pub fn beat(&self) {
        self.say("WATCHDOG=1\n");
    }

    /// The daemon ends.
    pub fn stopping(&self) {
        self.say("STOPPING=1\n");
    }

    fn say(&self, text: &str) {
        if let Some(socket) = &self.socket {
            // A manager that does not listen has nobody else to tell.
            let _ = socket.send(text.as_bytes());
        }
    }
}

/// How long it waits for a beat of this process; `None` when it does not wait.
fn limit(micros: Option<&str>, pid: Option<&str>, own: u32) -> Option<Duration> {
    let is_ours = pid.is_none_or(|pid| pid.parse() == Ok(own));
    let micros: u64 = micros.filter(|_| is_ours)?.parse().ok()?;
    Some(Duration::from_micros(micros)).filter(|limit| !limit.is_zero())
}

#[cfg(test)]
mod tests;

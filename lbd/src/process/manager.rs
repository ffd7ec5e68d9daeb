//! The service manager that started the process: what it hears, and how often it wants to hear that all
//! turns (`WatchdogSec`).
//!
//! It does not know whether anything turns.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The way to the service manager (`NOTIFY_SOCKET`), opened before the root directory changes.
#[derive(Debug)]
pub(crate) struct Notifier(Option<UnixDatagram>);

impl Notifier {
    /// None.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// Connects, when there is a service manager.
    pub(crate) fn open() -> Self {
        let Some(name) = std::env::var_os("NOTIFY_SOCKET") else {
            return Self(None);
        };
        let connect = || {
            let socket = UnixDatagram::unbound()?;
            let bytes = name.as_encoded_bytes();
            let address = match bytes.strip_prefix(b"@") {
                Some(name) => SocketAddr::from_abstract_name(name)?,
                None => SocketAddr::from_pathname(&name)?,
            };
            socket.connect_addr(&address)?;
            io::Result::Ok(socket)
        };
        Self(connect().ok())
    }

    /// Says something, such as `READY=1`; one line each.
    pub(crate) fn say(&self, text: &str) {
        if let Some(socket) = &self.0 {
            // A service manager that does not listen has nobody else to tell.
            let _ = socket.send(text.as_bytes());
        }
    }
}

/// Names the time without a beat after which the manager ends the process, in microseconds.
pub(crate) const WATCHDOG_USEC: &str = "WATCHDOG_USEC";
/// Names the process that is meant.
pub(crate) const WATCHDOG_PID: &str = "WATCHDOG_PID";

/// Time between two beats, when the manager waits for those of this process.
pub(crate) fn watchdog_period() -> Option<Duration> {
    let variable = |name| std::env::var(name).ok();
    period(
        variable(WATCHDOG_USEC).as_deref(),
        variable(WATCHDOG_PID).as_deref(),
        std::process::id(),
    )
}

/// One beat may be lost, and one be late.
fn period(micros: Option<&str>, pid: Option<&str>, own: u32) -> Option<Duration> {
    let is_ours = pid.is_none_or(|pid| pid.parse() == Ok(own));
    let micros: u64 = micros.filter(|_| is_ours)?.parse().ok()?;
    let limit = Duration::from_micros(micros);
    Some((limit / 4).max(Duration::from_millis(10))).filter(|_| !limit.is_zero())
}

#[cfg(test)]
mod tests;

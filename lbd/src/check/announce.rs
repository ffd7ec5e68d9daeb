//! Lines about servers: to the log of their backend, and to the operator's terminal.
//!
//! It writes no line of its own but the one of a backend without servers.

use std::time::{SystemTime, UNIX_EPOCH};

use lbd_config::config::{Capabilities, ProxySpec};
use lbd_core::WallTime;
use lbd_proxy::log::LogLine;
use lbd_proxy::state::{Generation, Shared};

use super::Console;

/// Syslog level of a server that goes down.
pub(super) const ALERT: u8 = 1;
/// Syslog level of other changes.
pub(crate) const NOTICE: u8 = 5;
/// Syslog level of a backend without servers.
const EMERGENCY: u8 = 0;

/// Where lines go.
pub(super) struct Notes {
    console: Option<Console>,
}

impl Notes {
    pub(super) fn new(console: Option<Console>) -> Self {
        Self { console }
    }

    /// A server changed.
    pub(super) fn server(
        &self,
        shared: &Shared,
        generation: &Generation,
        proxy: &ProxySpec,
        level: u8,
        text: &str,
    ) {
        self.print("WARNING", text);
        log(shared, generation, proxy, level, text);
    }

    /// A backend lost its last server.
    pub(super) fn backend_down(&self, shared: &Shared, generation: &Generation, proxy: &ProxySpec) {
        let kind = match proxy.caps {
            Capabilities { frontend: true, .. } => "proxy",
            Capabilities {
                frontend: false, ..
            } => "backend",
        };
        self.print(
            "ALERT",
            &format!("{kind} '{}' has no server available!", proxy.name),
        );
        let text = format!("{kind} {} has no server available!", proxy.name);
        log(shared, generation, proxy, EMERGENCY, &text);
    }

    /// A line for the terminal only.
    pub(super) fn print(&self, severity: &'static str, text: &str) {
        if let Some(console) = &self.console {
            console(severity, text);
        }
    }
}

/// Writes a line to the log of a proxy at once.
pub(crate) fn log(
    shared: &Shared,
    generation: &Generation,
    proxy: &ProxySpec,
    level: u8,
    text: &str,
) {
    if proxy.log.targets.is_empty() {
        return;
    }
    let setup = shared.setup();
    // The number after the last worker stands for the control thread.
    let writer = setup.workers;
    let line = LogLine {
        proxy: proxy.id,
        level,
        text: text.as_bytes(),
        structured: b"",
        wall: wall(),
    };
    setup.log.send(writer, generation, &line);
    setup.log.flush(writer);
}

/// The wall clock now.
pub(crate) fn wall() -> WallTime {
    let wall = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    WallTime(u64::try_from(wall.as_micros()).unwrap_or(u64::MAX))
}

//! A network namespace for the measurement, and its congestion control.
//!
//! It changes nothing outside this process: without root it says what cannot be measured.

use std::fs;
use std::io;
use std::process::Command;

use nix::sched::{CloneFlags, unshare};
use nix::unistd::geteuid;

const CONGESTION_CONTROL: &str = "/proc/sys/net/ipv4/tcp_congestion_control";

/// Many short connections need many ports and a long accept queue.
const SETTINGS: &[(&str, &str)] = &[
    ("/proc/sys/net/ipv4/ip_local_port_range", "32768 64999"),
    ("/proc/sys/net/ipv4/tcp_tw_reuse", "1"),
    ("/proc/sys/net/core/somaxconn", "65535"),
];

#[derive(Clone, Debug)]
pub(crate) struct Network {
    is_own: bool,
    /// Why there is no namespace of its own.
    pub problem: Option<String>,
}

impl Network {
    /// Moves this process into a namespace of its own, with only loopback in it, when it may.
    pub(crate) fn isolate() -> Self {
        match Self::try_isolate() {
            Ok(()) => Self {
                is_own: true,
                problem: None,
            },
            Err(why) => {
                let problem =
                    format!("no network namespace ({why}): one congestion control is measured");
                Self {
                    is_own: false,
                    problem: Some(problem),
                }
            }
        }
    }

    fn try_isolate() -> Result<(), String> {
        if !geteuid().is_root() {
            return Err("not root".to_owned());
        }
        // Before leaving: without `ip`, loopback would stay down.
        Command::new("ip")
            .arg("-V")
            .output()
            .map_err(|e| format!("ip: {e}"))?;
        unshare(CloneFlags::CLONE_NEWNET).map_err(|e| format!("unshare: {e}"))?;
        let up = Command::new("ip")
            .args(["link", "set", "lo", "up"])
            .status();
        if !up.is_ok_and(|status| status.success()) {
            return Err("loopback cannot be brought up".to_owned());
        }
        for (path, value) in SETTINGS {
            // A missing setting only makes the machine slower for both sides.
            let _ = fs::write(path, value);
        }
        Ok(())
    }

    /// The congestion control that new sockets get.
    pub(crate) fn congestion_control(&self) -> String {
        fs::read_to_string(CONGESTION_CONTROL)
            .unwrap_or_default()
            .trim()
            .to_owned()
    }

    /// The ones to measure bulk work under: BBR and Reno where they can be set.
    pub(crate) fn congestion_controls(&self) -> Vec<String> {
        let before = self.congestion_control();
        if !self.is_own {
            return vec![before];
        }
        let wanted = ["bbr", "reno"].map(str::to_owned);
        let found: Vec<_> = wanted
            .into_iter()
            .filter(|name| self.set(name).is_ok())
            .collect();
        let _ = self.set(&before);
        if found.is_empty() {
            vec![before]
        } else {
            found
        }
    }

    /// Sockets made from now on use this congestion control.
    pub(crate) fn set(&self, name: &str) -> io::Result<()> {
        if !self.is_own && self.congestion_control() == name {
            return Ok(());
        }
        if !self.is_own {
            return Err(io::Error::other("not in a namespace of its own"));
        }
        fs::write(CONGESTION_CONTROL, name)
    }
}

//! Lines for syslog, the console and a file.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use vrrp::engine::Severity;
use vrrp_config::config::Place;

use crate::args::Options;

/// Where lines go.
#[derive(Debug)]
pub struct Log {
    syslog: Option<UnixDatagram>,
    facility: u8,
    /// The name that lines begin with.
    ident: String,
    file: Option<Mutex<File>>,
    console: bool,
    /// `-D`.
    pub is_detailed: bool,
}

impl Log {
    /// As the command line says. A syslog that is not there is tried again with each line.
    pub fn open(options: &Options, place: &Place) -> Self {
        let file = options.log_file.as_deref().and_then(|path| {
            let file = OpenOptions::new().create(true).append(true).open(path);
            file.ok().map(Mutex::new)
        });
        Self {
            syslog: (!options.no_syslog)
                .then(UnixDatagram::unbound)
                .and_then(Result::ok),
            ident: format!("lbd-failover{}", place.suffix()),
            facility: options.facility.map_or(DAEMON, |local| LOCAL0 + local),
            file,
            console: options.log_console,
            is_detailed: options.log_detail,
        }
    }

    /// Writes a line. A sink that does not take it does not hold up the program.
    pub fn line(&self, severity: Severity, text: &str) {
        let level = match severity {
            Severity::Error => 3,
            Severity::Warning => 4,
            Severity::Info => 6,
        };
        if let Some(socket) = &self.syslog {
            let priority = u16::from(self.facility) * 8 + level;
            let (ident, id) = (&self.ident, std::process::id());
            let line = format!("<{priority}>{ident}[{id}]: {text}");
            let _ = socket.set_nonblocking(true);
            let _ = socket.send_to(line.as_bytes(), Path::new(SYSLOG));
        }
        if self.console {
            eprintln!("{} {text}", clock());
        }
        if let Some(file) = &self.file
            && let Ok(mut file) = file.lock()
        {
            let _ = writeln!(file, "{} {text}", clock());
        }
    }

    /// Something happened.
    pub fn info(&self, text: &str) {
        self.line(Severity::Info, text);
    }

    /// Something odd happened.
    pub fn warning(&self, text: &str) {
        self.line(Severity::Warning, text);
    }

    /// Something does not work.
    pub fn error(&self, text: &str) {
        self.line(Severity::Error, text);
    }
}

/// Seconds since 1970 with milliseconds, which needs no time zone.
fn clock() -> String {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    format!("{}.{:03}", since.as_secs(), since.subsec_millis())
}

const SYSLOG: &str = "/dev/log";
const DAEMON: u8 = 3;
const LOCAL0: u8 = 16;

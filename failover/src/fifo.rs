//! `notify_fifo`: events as lines, in order, for programs that read them.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, chown};
use std::path::Path;

use vrrp_config::config::{Command, Fifo};

/// A FIFO that is open.
#[derive(Debug)]
pub struct OpenFifo {
    path: String,
    file: File,
    /// Lines that nobody read in time.
    pub dropped: u64,
    was_full: bool,
    /// What reads it.
    pub script: Option<Command>,
}

impl OpenFifo {
    /// Makes it if need be and opens it. It is opened for both ways, so that no reader need be there.
    pub fn open(fifo: &Fifo) -> Result<Self, String> {
        let path = Path::new(&fifo.path);
        let fail = |what: &str, error: &dyn std::fmt::Display| {
            format!("cannot {what} FIFO {}: {error}", fifo.path)
        };
        match path.symlink_metadata() {
            Ok(metadata) if metadata.file_type().is_fifo() => {}
            Ok(_) => return Err(fail("use", &"it is something else")),
            Err(_) => {
                let mode = nix::sys::stat::Mode::from_bits_truncate(0o600);
                nix::unistd::mkfifo(path, mode).map_err(|e| fail("make", &e))?;
                if let Some(user) = fifo.user {
                    chown(path, Some(user.uid), Some(user.gid))
                        .map_err(|e| fail("give away", &e))?;
                }
            }
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(nix::libc::O_NONBLOCK | nix::libc::O_NOFOLLOW)
            .open(path)
            .map_err(|e| fail("open", &e))?;
        Ok(Self {
            path: fifo.path.clone(),
            file,
            dropped: 0,
            was_full: false,
            script: fifo.script.clone(),
        })
    }

    /// Its path.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Writes a line; a FIFO takes up to 4096 bytes whole or not at all. The first line that does not fit is told, the others are counted.
    pub fn line(&mut self, line: &str) -> Option<String> {
        match self.file.write_all(line.as_bytes()) {
            Ok(()) => {
                self.was_full = false;
                None
            }
            Err(error) => {
                self.dropped += 1;
                let is_first = !std::mem::replace(&mut self.was_full, true);
                let why = match error.kind() {
                    ErrorKind::WouldBlock => "it is full, nobody reads it".to_owned(),
                    _ => error.to_string(),
                };
                is_first.then(|| format!("FIFO {}: line dropped: {why}", self.path))
            }
        }
    }
}

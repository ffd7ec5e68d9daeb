//! The file with the process id, which two processes cannot hold.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

/// A pid file that is ours; it is removed at the end.
#[derive(Debug)]
pub(super) struct PidFile {
    path: PathBuf,
    _file: Flock<File>,
}

impl PidFile {
    /// Writes our id, unless another process holds the file.
    pub(super) fn take(path: &Path) -> Result<Self, String> {
        let fail = |error: &dyn std::fmt::Display| format!("pid file {}: {error}", path.display());
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|error| fail(&error))?;
        let mut file = Flock::lock(file, FlockArg::LockExclusiveNonblock)
            .map_err(|_| fail(&"another lbd-failover is running"))?;
        file.set_len(0).map_err(|error| fail(&error))?;
        writeln!(file, "{}", std::process::id()).map_err(|error| fail(&error))?;
        Ok(Self {
            path: path.to_owned(),
            _file: file,
        })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

//! The file with the process id, which two processes cannot hold.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

/// A pid file that is ours; it is removed at the end.
#[derive(Debug)]
pub(super) struct PidFile {
    path: PathBuf,
    _file: Flock<File>,
}

impl PidFile {
    /// Writes our id, unless another process holds the file. On a file system that is read-only
    /// there is none, and nobody is kept out; addresses are worth more.
    pub(super) fn take(path: &Path, log: &dyn Fn(&str)) -> Result<Option<Self>, String> {
        let fail = |error: &dyn std::fmt::Display| format!("pid file {}: {error}", path.display());
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path);
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::ReadOnlyFilesystem => {
                log(&fail(&error));
                return Ok(None);
            }
            Err(error) => return Err(fail(&error)),
        };
        let mut file = Flock::lock(file, FlockArg::LockExclusiveNonblock)
            .map_err(|_| fail(&"another lbd-failover is running"))?;
        file.set_len(0).map_err(|error| fail(&error))?;
        writeln!(file, "{}", std::process::id()).map_err(|error| fail(&error))?;
        Ok(Some(Self {
            path: path.to_owned(),
            _file: file,
        }))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

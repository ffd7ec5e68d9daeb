//! A service manager as daemons know it: a socket that hears what they say of themselves
//! (`NOTIFY_SOCKET`).
//!
//! It starts nothing.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::temp::TempDir;

/// Longest wait for what is to come.
const PATIENCE: Duration = Duration::from_secs(40);
/// So long nothing comes from one that says nothing any more.
const SILENCE: Duration = Duration::from_secs(3);

/// One; its socket goes with it.
#[derive(Debug)]
pub struct ServiceManager {
    socket: UnixDatagram,
    path: PathBuf,
    _directory: TempDir,
}

impl Default for ServiceManager {
    fn default() -> Self {
        Self::new()
    }
}

impl ServiceManager {
    /// With a socket in a directory of its own.
    ///
    /// # Panics
    /// When that cannot be made.
    pub fn new() -> Self {
        let directory = TempDir::new();
        let path = directory.path().join("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        socket
            .set_read_timeout(Some(SILENCE))
            .expect("a timeout can be set");
        Self {
            socket,
            path,
            _directory: directory,
        }
    }

    /// What `NOTIFY_SOCKET` shall be.
    pub fn address(&self) -> String {
        self.path.display().to_string()
    }

    /// Waits for a message with these words.
    ///
    /// # Panics
    /// When none comes within forty seconds.
    #[track_caller]
    pub fn wait_for(&self, words: &str) {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if self.hear().is_some_and(|text| text.contains(words)) {
                return;
            }
        }
        panic!("the service manager heard no {words:?}");
    }

    /// Waits until nothing has been said for a while; false when there is always more.
    pub fn is_silent(&self) -> bool {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if self.hear().is_none() {
                return true;
            }
        }
        false
    }

    fn hear(&self) -> Option<String> {
        let mut bytes = [0; 4096];
        let count = self.socket.recv(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes[..count]).into_owned())
    }
}

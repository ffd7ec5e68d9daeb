//! What the configuration asks of the outside: files, names, users, the environment.
//!
//! It reads nothing itself: the daemon, a rollout and tests each implement [`Host`].

mod environment;
mod memory;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

pub use environment::Environment;
pub use memory::MemoryHost;

/// Largest file that [`Host::read`] may return; an implementation refuses a larger one.
pub const MAX_FILE_BYTES: usize = 64 << 20;

/// Which addresses a look-up may give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// Either; the system's order of preference.
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

/// The outside, as far as a verdict on a configuration depends on it.
pub trait Host {
    /// Content of the file at `path`; the error is the system's text (`No such file or directory`).
    ///
    /// # Errors
    /// When it cannot be read whole, is a directory, or is larger than [`MAX_FILE_BYTES`].
    fn read(&self, path: &str) -> Result<Vec<u8>, String>;

    /// Names (not paths) of the entries of a directory, in any order.
    ///
    /// # Errors
    /// The system's text.
    fn list(&self, dir: &str) -> Result<Vec<String>, String>;

    /// Whether `path` is a directory.
    fn is_dir(&self, path: &str) -> bool;

    /// Seconds since 1970, to judge what has an end: certificates, OCSP answers. `None` without a
    /// clock; nothing is over then.
    fn unix_time(&self) -> Option<i64> {
        None
    }

    /// Whether everybody on the machine may read the file at `path`.
    fn is_world_readable(&self, _path: &str) -> bool {
        false
    }

    /// What a command prints when it is run with `path` before its own arguments: the passphrase of
    /// the key in that file (`ssl-passphrase-cmd`). The first word is the program.
    ///
    /// # Errors
    /// Why there is none: it cannot be run, it failed, it takes too long, it prints too much.
    fn passphrase(&self, _command: &[String], _path: &str) -> Result<Vec<u8>, String> {
        Err("no command is run here".to_owned())
    }

    /// An environment variable of the process; never one changed by the configuration
    /// (see [`Environment`]).
    fn env(&self, name: &str) -> Option<String>;

    /// Names of all environment variables.
    fn env_names(&self) -> Vec<String>;

    /// Addresses of a host name by the system's resolver, best first, never empty.
    ///
    /// # Errors
    /// The resolver's text.
    fn lookup(&self, name: &str, family: Family) -> Result<Vec<IpAddr>, String>;

    /// Looks up many names; an implementation does it in parallel and in bounded time.
    fn lookup_all(&self, names: &[(String, Family)]) -> Vec<Result<Vec<IpAddr>, String>> {
        names
            .iter()
            .map(|(name, family)| self.lookup(name, *family))
            .collect()
    }

    /// Number of a user.
    fn user(&self, name: &str) -> Option<u32>;

    /// Number of a group.
    fn group(&self, name: &str) -> Option<u32>;

    /// Name of this machine.
    fn hostname(&self) -> String;

    /// Build features for `feature()`, upper case as in the reference (`EPOLL`, `TFO`).
    fn features(&self) -> &[&str];

    /// Whether there is a network namespace of this name (`/var/run/netns`).
    fn has_namespace(&self, _name: &str) -> bool {
        false
    }

    /// Whether servers whose names do not resolve start down instead of refusing the
    /// configuration (`-dr`).
    fn ignores_unresolved(&self) -> bool {
        false
    }

    /// Whether the command line allows programs to be started (`-dI`).
    fn may_fork(&self) -> bool {
        false
    }

    /// Whether a run-time option for `enabled()` (`EPOLL`, `SPLICE`, `REUSEPORT`...) is on.
    fn enabled(&self, option: &str) -> bool;
}

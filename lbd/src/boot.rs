//! What the process was when it began: identity, capabilities, limits. It may give all up later.
//!
//! It changes nothing.

use nix::sys::resource::{Resource, getrlimit};

/// Identity, capabilities and limits at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Effective user.
    pub(crate) uid: u32,
    /// Effective group.
    pub(crate) gid: u32,
    /// Descriptors, soft and hard.
    pub(crate) descriptors: (u64, u64),
    /// Bytes of address space, soft and hard; `u64::MAX` for none.
    pub(crate) memory: (u64, u64),
    /// Lines of capability sets as the system writes them, `CapEff: 0x…`.
    pub(crate) capabilities: Vec<String>,
}

impl Standing {
    /// How it is now.
    pub(crate) fn now() -> Self {
        let limits = |resource| getrlimit(resource).unwrap_or((u64::MAX, u64::MAX));
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = |name: &&str| {
            let mut lines = status.lines().filter_map(|line| line.strip_prefix(*name));
            let value = lines.next()?.trim_start_matches(':').trim();
            Some(format!("{name}: 0x{value}"))
        };
        Self {
            uid: nix::unistd::geteuid().as_raw(),
            gid: nix::unistd::getegid().as_raw(),
            descriptors: limits(Resource::RLIMIT_NOFILE),
            memory: limits(Resource::RLIMIT_AS),
            capabilities: ["CapEff", "CapPrm", "CapInh"]
                .iter()
                .filter_map(line)
                .collect(),
        }
    }
}

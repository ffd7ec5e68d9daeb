//! The process itself: limits, background, identity, pid file, readiness.
//!
//! Everything here happens once, before worker threads start.
#![allow(unsafe_code, reason = "fork, before any thread exists")]

mod manager;

use std::fs;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{self, ForkResult, Gid, Uid};

pub(crate) use manager::{Notifier, WATCHDOG_PID, WATCHDOG_USEC, watchdog_period};

/// Which side of the fork this is.
pub(crate) enum Side {
    /// The one that the shell waits for; it tells the result and leaves.
    Parent(PipeReader),
    /// The one that runs in the background.
    Child(PipeWriter),
}

/// Reads the child's one byte: whether it started.
pub(crate) struct PipeReader(OwnedFd);

/// Tells the parent that the start succeeded.
pub(crate) struct PipeWriter(OwnedFd);

impl PipeReader {
    /// Waits until the child says that it started; false when it ended before.
    pub(crate) fn wait(self) -> bool {
        let mut byte = [0u8; 1];
        loop {
            match unistd::read(&self.0, &mut byte) {
                Ok(1) => return true,
                Err(nix::errno::Errno::EINTR) => {}
                _ => return false,
            }
        }
    }
}

impl PipeWriter {
    /// Releases the parent.
    pub(crate) fn started(self) {
        let _ = unistd::write(&self.0, &[1]);
    }
}

/// Forks to the background; the parent shall wait for the child's word.
pub(crate) fn fork_to_background() -> io::Result<Side> {
    let (reader, writer) = unistd::pipe()?;
    // SAFETY: called from `main` before any thread was started, so the child has the whole
    // process's state and may go on like the parent.
    match unsafe { unistd::fork() }? {
        ForkResult::Parent { .. } => {
            drop(writer);
            Ok(Side::Parent(PipeReader(reader)))
        }
        ForkResult::Child => {
            drop(reader);
            unistd::setsid()?;
            Ok(Side::Child(PipeWriter(writer)))
        }
    }
}

/// Detaches the standard streams from the terminal.
pub(crate) fn close_standard_streams() -> io::Result<()> {
    let null = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    for target in 0..3 {
        // SAFETY: duplicating onto the three standard numbers; `null` stays open until the end
        // of this function.
        if unsafe { libc::dup2(null.as_raw_fd(), target) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Writes the process id.
pub(crate) fn write_pidfile(path: &Path, pid: u32) -> io::Result<()> {
    let mut file = fs::File::create(path)?;
    writeln!(file, "{pid}")
}

/// The soft and hard limit of descriptors.
pub(crate) fn descriptor_limits() -> (u64, u64) {
    getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024))
}

/// Raises the limit of descriptors to `wanted`; gives what was reached.
pub(crate) fn raise_descriptors(wanted: u64) -> u64 {
    let (soft, hard) = descriptor_limits();
    if soft >= wanted {
        return soft;
    }
    if setrlimit(Resource::RLIMIT_NOFILE, wanted, hard.max(wanted)).is_ok() {
        return wanted;
    }
    let most = wanted.min(hard);
    if setrlimit(Resource::RLIMIT_NOFILE, most, hard).is_ok() {
        most
    } else {
        soft
    }
}

/// Begins once more, unless this was done, with an allocator that takes address space as it needs
/// it: the gigabyte that it reserves otherwise counts as memory that the process may write to, and
/// it is reserved before the command line can be read.
///
/// # Errors
///
/// When the system does not start the program again.
pub(crate) fn without_reserve() -> io::Result<()> {
    use std::os::unix::process::CommandExt as _;
    if std::env::var_os(EAGER_COMMIT).is_some() {
        return Ok(());
    }
    let mut words = std::env::args_os();
    let mut command = std::process::Command::new(std::env::current_exe()?);
    if let Some(name) = words.next() {
        command.arg0(name);
    }
    Err(command.args(words).env(EAGER_COMMIT, "0").exec())
}

/// The allocator's switch for it.
const EAGER_COMMIT: &str = "MIMALLOC_ARENA_EAGER_COMMIT";

/// Limits the memory that the process may write to (`-m`): address space that threads only
/// reserve does not count.
pub(crate) fn limit_memory(megabytes: u64) -> io::Result<()> {
    let bytes = megabytes.saturating_mul(1024 * 1024);
    Ok(setrlimit(Resource::RLIMIT_DATA, bytes, bytes)?)
}

/// What to become.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Identity<'a> {
    /// New root directory.
    pub(crate) chroot: Option<&'a Path>,
    /// Group.
    pub(crate) gid: Option<u32>,
    /// User.
    pub(crate) uid: Option<u32>,
}

/// Gives up privileges: root directory, groups, group, user, in this order.
///
/// # Errors
///
/// In the reference's words, naming the step that failed.
pub(crate) fn drop_privileges(identity: Identity<'_>) -> Result<(), String> {
    if let Some(root) = identity.chroot {
        change_root(root).map_err(|_| format!("Cannot chroot({}).", root.display()))?;
    }
    if let Some(gid) = identity.gid {
        if unistd::getgroups().is_ok_and(|groups| groups.len() > 1)
            && unistd::setgroups(&[Gid::from_raw(gid)]).is_err()
            && Uid::effective().is_root()
        {
            return Err("Failed to drop supplementary groups.".to_owned());
        }
        unistd::setgid(Gid::from_raw(gid)).map_err(|_| format!("Cannot set gid {gid}."))?;
    }
    if let Some(uid) = identity.uid {
        unistd::setuid(Uid::from_raw(uid)).map_err(|_| format!("Cannot set uid {uid}."))?;
    }
    Ok(())
}

/// Changes the root directory; without root's rights from within a user namespace of its own.
/// `auto` is an empty directory that has no name any more.
fn change_root(root: &Path) -> nix::Result<()> {
    let is_anonymous = root == Path::new("auto");
    let root = if is_anonymous {
        unistd::mkdtemp("/tmp/lbd-root-XXXXXX")?
    } else {
        root.to_owned()
    };
    unistd::chdir(&root)?;
    if is_anonymous {
        fs::set_permissions(".", fs::Permissions::from_mode(0o555))
            .and_then(|()| fs::remove_dir(&root))
            .map_err(|_| nix::errno::Errno::EIO)?;
    }
    match unistd::chroot(".") {
        Err(nix::errno::Errno::EPERM) if !Uid::effective().is_root() => {
            nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWUSER)?;
            unistd::chroot(".")?;
        }
        result => result?,
    }
    unistd::chdir("/")
}

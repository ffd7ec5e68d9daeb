//! How the calling thread is scheduled: priority, processors, memory that stays.

use std::io;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::mman::{MlockAllFlags, mlockall};
use nix::unistd::Pid;
use vrrp_config::config::Global;

/// Does what the configuration asks for; gives what could not be done.
pub fn apply(global: &Global) -> Vec<String> {
    let mut failed = Vec::new();
    let mut told = |what: &str, result: io::Result<()>| {
        if let Err(error) = result {
            failed.push(format!("cannot {what}: {error}"));
        }
    };
    if let Some(priority) = global.rt_priority {
        told("use real-time priority", real_time(priority));
    } else if let Some(nice) = global.nice {
        told("set the priority", set_nice(nice));
    }
    if global.no_swap {
        let flags = MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE;
        told("lock memory", mlockall(flags).map_err(Into::into));
    }
    if !global.cpus.is_empty() {
        let mut set = CpuSet::new();
        let result = global
            .cpus
            .iter()
            .try_for_each(|cpu| set.set(*cpu as usize))
            .and_then(|()| sched_setaffinity(Pid::from_raw(0), &set));
        told("bind to processors", result.map_err(Into::into));
    }
    failed
}

/// Round robin among real-time threads, for this thread only.
#[allow(
    unsafe_code,
    reason = "nix has no sched_setscheduler; the structure is plain and lives through the call"
)]
fn real_time(priority: u32) -> io::Result<()> {
    let number = i32::try_from(priority).unwrap_or(1);
    // SAFETY: all bit patterns of sched_param are valid; it is fully initialised by zeroing, and the
    // call only reads it. Process 0 is the calling thread.
    let result = unsafe {
        let mut parameters: nix::libc::sched_param = std::mem::zeroed();
        parameters.sched_priority = number;
        nix::libc::sched_setscheduler(0, SCHED_RR_RESET, &raw const parameters)
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The nice value of this thread.
#[allow(
    unsafe_code,
    reason = "nix has no setpriority; the call takes numbers only"
)]
fn set_nice(nice: i32) -> io::Result<()> {
    // SAFETY: no memory is passed. Process 0 is the calling thread.
    let result = unsafe { nix::libc::setpriority(nix::libc::PRIO_PROCESS, 0, nice) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// `SCHED_RR`, and what it starts is scheduled as usual.
const SCHED_RR_RESET: i32 = nix::libc::SCHED_RR | nix::libc::SCHED_RESET_ON_FORK;

//! What the daemon may do: it keeps what addresses, raw sockets and scheduling need, and gives up the
//! rest for good. Scripts run in the launcher, which was started before.

use vrrp_config::config::Global;

use caps::{CapSet, Capability, CapsHashSet};

/// Gives up all other rights, for this thread and those it starts.
pub fn drop_rest(global: &Global) -> Result<(), String> {
    let fail = |error: caps::errors::CapsError| format!("cannot give up privileges: {error}");
    let mut kept: CapsHashSet = [Capability::CAP_NET_ADMIN, Capability::CAP_NET_RAW]
        .into_iter()
        .collect();
    if global.rt_priority.is_some() || global.nice.is_some() || !global.cpus.is_empty() {
        kept.insert(Capability::CAP_SYS_NICE);
    }
    if global.no_swap {
        kept.insert(Capability::CAP_IPC_LOCK);
    }
    let permitted = caps::read(None, CapSet::Permitted).map_err(fail)?;
    if permitted.contains(&Capability::CAP_SETPCAP) {
        // What root executes has what is in the bounding set.
        for capability in caps::all() {
            if !kept.contains(&capability)
                && matches!(caps::has_cap(None, CapSet::Bounding, capability), Ok(true))
            {
                caps::drop(None, CapSet::Bounding, capability).map_err(fail)?;
            }
        }
    }
    let left: CapsHashSet = permitted.intersection(&kept).copied().collect();
    caps::set(None, CapSet::Inheritable, &CapsHashSet::new()).map_err(fail)?;
    caps::set(None, CapSet::Effective, &left).map_err(fail)?;
    caps::set(None, CapSet::Permitted, &left).map_err(fail)
}

/// Lets what is executed next have the rights that are left: for a user other than root an `exec`
/// takes all that are not ambient.
pub fn keep_over_exec() -> Result<(), String> {
    let fail = |error: caps::errors::CapsError| format!("cannot keep privileges: {error}");
    if nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    let left = caps::read(None, CapSet::Permitted).map_err(fail)?;
    caps::set(None, CapSet::Inheritable, &left).map_err(fail)?;
    caps::set(None, CapSet::Ambient, &left).map_err(fail)
}

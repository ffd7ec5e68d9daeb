//! `net_namespace` and `-s`: the network namespace that the process works in.

use std::fs::File;

use lbd_core::Diag;
use nix::sched::{CloneFlags, setns};
use vrrp_config::Reading;

use crate::args::Options;
use crate::host::Machine;

/// Reads the configuration in the namespace that it names, where its interfaces are. One that cannot
/// be entered makes it unusable; a test by somebody who may not enter any says only so.
pub fn read(options: &Options, is_test: bool) -> Reading {
    let machine = Machine::new(options.config_id.clone());
    let mut reading = vrrp_config::read(&options.file, &machine);
    let Some(name) = options.place(&reading.config).net_namespace else {
        return reading;
    };
    match enter(&name) {
        Ok(()) => vrrp_config::read(&options.file, &machine),
        Err((errno, why)) => {
            let is_stranger =
                is_test && matches!(errno, Some(nix::libc::EPERM | nix::libc::EACCES));
            let diag = match is_stranger {
                true => Diag::warning(None, why).hint("Interfaces were looked for outside of it."),
                false => {
                    Diag::alert(None, why).hint("'ip netns add' makes one, 'ip netns' lists them.")
                }
            };
            reading.is_unusable |= !is_stranger;
            reading.diags.push(diag);
            reading
        }
    }
}

/// Goes into the network namespace of this name, as `ip netns` made it; what is started afterwards is
/// in it too. To be called before there are threads, which would stay behind. Mounts stay as they
/// are, as with keepalived: scripts see the `/sys` of the machine.
fn enter(name: &str) -> Result<(), (Option<i32>, String)> {
    let path = format!("{DIRECTORY}/{name}");
    let enter =
        || setns(File::open(&path)?, CloneFlags::CLONE_NEWNET).map_err(std::io::Error::from);
    enter().map_err(|error| {
        let text = format!("cannot enter network namespace {name} ({path}): {error}");
        (error.raw_os_error(), text)
    })
}

/// Where `ip netns` keeps them.
const DIRECTORY: &str = "/run/netns";

//! Settings of the kernel that virtual addresses need.

use std::fs;
use std::io;

/// Sets `net.<family>.conf.<interface>.<name>`; a kernel without it is no error.
pub(crate) fn set(family: &str, interface: &str, name: &str, value: &str) -> io::Result<()> {
    // A name with a slash would leave the directory; the kernel allows none.
    if interface.contains('/') {
        return Ok(());
    }
    let path = format!("/proc/sys/net/{family}/conf/{interface}/{name}");
    match fs::read_to_string(&path) {
        Ok(now) if now.trim() == value => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        _ => fs::write(&path, value),
    }
}

/// Whether packets of a family are forwarded: then announcements say that we are a router.
pub(crate) fn forwards_ipv6() -> bool {
    fs::read_to_string("/proc/sys/net/ipv6/conf/all/forwarding")
        .is_ok_and(|text| text.trim() == "1")
}

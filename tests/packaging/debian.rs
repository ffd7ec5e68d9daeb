//! A small Debian 12, made once by debootstrap and kept for the next run.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::packages::said;

/// What a machine of an operator has beside the base system, as far as the packages care.
const PACKAGES: &str = "systemd,systemd-sysv,dbus,rsyslog,logrotate,curl,iproute2,nftables";

/// Where it is; nobody writes into it.
pub(crate) fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bookworm-1");
        if !root.exists() {
            let making = root.with_extension(format!("making-{}", std::process::id()));
            said(
                Command::new("debootstrap")
                    .args([
                        "--variant=minbase",
                        &format!("--include={PACKAGES}"),
                        "bookworm",
                    ])
                    .arg(&making),
            );
            // Archives and lists are half of it.
            for waste in ["var/cache/apt", "var/lib/apt/lists"] {
                let _ = std::fs::remove_dir_all(making.join(waste));
            }
            std::fs::rename(&making, &root).expect("renamed");
        }
        root
    })
}

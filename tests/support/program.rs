//! Which programs the tests start: the balancer under test and the HAProxy beside it.
//!
//! It starts none of them.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Where Debian's package puts HAProxy.
const DEBIAN_HAPROXY: &str = "/usr/sbin/haproxy";

/// The balancer: `$LBD_BIN`, else as `built` says, once per process.
///
/// # Panics
/// When it does not build.
pub fn lbd() -> &'static Path {
    static LBD: OnceLock<PathBuf> = OnceLock::new();
    LBD.get_or_init(|| match env::var_os("LBD_BIN") {
        Some(path) => existing(PathBuf::from(path), "$LBD_BIN"),
        None => built("lbd", "lbd"),
    })
}

/// The reference: `$HAPROXY`, else Debian's.
///
/// # Panics
/// When there is none.
pub fn haproxy() -> &'static Path {
    static HAPROXY: OnceLock<PathBuf> = OnceLock::new();
    HAPROXY.get_or_init(|| match env::var_os("HAPROXY") {
        Some(path) => existing(PathBuf::from(path), "$HAPROXY"),
        None => existing(PathBuf::from(DEBIAN_HAPROXY), "package haproxy"),
    })
}

fn existing(path: PathBuf, source: &str) -> PathBuf {
    assert!(path.is_file(), "{} ({source}) is not there", path.display());
    path
}

/// Whether the HAProxy that judges is Debian's 2.6.
///
/// # Panics
/// When it does not start.
pub fn haproxy_is_old() -> bool {
    let version = Command::new(haproxy())
        .arg("-v")
        .output()
        .unwrap_or_else(|error| panic!("start {}: {error}", haproxy().display()));
    String::from_utf8_lossy(&version.stdout).contains("version 2.")
}

/// A program of the workspace: `$LBD_BIN_DIR/BINARY`, else built in the profile of this program.
///
/// # Panics
/// When it does not build.
pub fn built(package: &str, binary: &str) -> PathBuf {
    match env::var_os("LBD_BIN_DIR") {
        Some(directory) => existing(Path::new(&directory).join(binary), "$LBD_BIN_DIR"),
        None => build(package, binary, !cfg!(debug_assertions)),
    }
}

/// Builds a program of the workspace and returns where cargo put it.
///
/// # Panics
/// When it does not build.
pub fn build(package: &str, binary: &str, release: bool) -> PathBuf {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--package", package, "--bin", binary]);
    command.arg("--message-format=json-render-diagnostics");
    if release {
        command.arg("--release");
    }
    // Run from the workspace, whatever directory the test was started in.
    command.current_dir(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| ".".into()));
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo can be started");
    assert!(
        output.status.success(),
        "`cargo build -p {package} --bin {binary}` failed"
    );
    let text = String::from_utf8_lossy(&output.stdout);
    executable(&text).unwrap_or_else(|| panic!("cargo names no executable for {binary}"))
}

/// The last executable that cargo's messages name.
fn executable(messages: &str) -> Option<PathBuf> {
    let (_, rest) = messages.rsplit_once(r#""executable":""#)?;
    let (path, _) = rest.split_once('"')?;
    Some(PathBuf::from(path))
}

#[cfg(test)]
mod tests;

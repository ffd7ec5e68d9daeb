//! The .rpm, installed below a directory by rpm itself.

use std::path::Path;
use std::process::Command;

use support::TempDir;

use crate::debian;
use crate::packages::{Packages, said};

/// A machine whose files are in a directory, with rpm's own data beside.
struct Root {
    directory: TempDir,
}

impl Root {
    fn new() -> Self {
        let directory = TempDir::new();
        let root = directory.path().join("root");
        said(
            Command::new("cp")
                .args(["-a", "--reflink=auto"])
                .arg(debian::root())
                .arg(&root),
        );
        Self { directory }
    }

    fn path(&self) -> std::path::PathBuf {
        self.directory.path().join("root")
    }

    fn rpm(&self, words: &[&str], package: Option<&Path>) -> String {
        // Debian's root has the libraries, but no package of rpm that says so.
        // Its scripts want /proc, as an installation below a directory has it.
        let mut command = Command::new("unshare");
        // Nor shall they set what the kernel of this machine does.
        command.args([
            "--mount",
            "--net",
            "--propagation",
            "private",
            "--",
            "sh",
            "-c",
        ]);
        command.arg("mount -t proc proc \"$1/proc\" && shift && exec rpm \"$@\"");
        command.arg("sh").arg(self.path());
        command
            .arg("--root")
            .arg(self.path())
            .args(["--dbpath", "/var/lib/rpm"])
            .args(words);
        said(command.args(package))
    }

    fn list(&self) -> Vec<String> {
        let list = said(Command::new("find").arg(self.path()).args([
            "-path",
            "*/var/lib/rpm",
            "-prune",
            "-o",
            "-path",
            "*/var/log",
            "-prune",
            "-o",
            "-print",
        ]));
        let mut list: Vec<_> = list.lines().map(str::to_owned).collect();
        list.sort();
        list
    }
}

#[test]
fn the_rpm_comes_and_goes_by_rpm_itself() {
    let root = Root::new();
    let before = root.list();
    let packages = Packages::first();
    root.rpm(
        &["--install", "--nodeps", "--nosignature"],
        Some(&packages.rpm()),
    );
    let passwd = std::fs::read_to_string(root.path().join("etc/passwd")).expect("readable");
    assert!(passwd.contains("\nlbd:"), "{passwd}");
    let differs = root.rpm(&["--verify", "--nodeps", "lbd"], None);
    assert_eq!(
        differs.trim(),
        "",
        "files, modes and owners are the package's"
    );
    assert!(
        root.path().join("var/lib/lbd/dev").is_dir(),
        "tmpfiles made it"
    );
    let check = said(Command::new("chroot").arg(root.path()).args([
        "/usr/sbin/lbd",
        "-c",
        "-V",
        "-f",
        "/etc/lbd/lbd.cfg",
    ]));
    assert!(check.contains("Configuration file is valid"), "{check}");

    // What was edited stays at an upgrade.
    let edited = root.path().join("etc/lbd/lbd.cfg");
    let text = std::fs::read_to_string(&edited).expect("readable") + "# mine\n";
    std::fs::write(&edited, &text).expect("writable");
    root.rpm(
        &["--upgrade", "--nodeps", "--nosignature"],
        Some(&Packages::second().rpm()),
    );
    assert_eq!(std::fs::read_to_string(&edited).expect("readable"), text);
    assert_eq!(
        root.rpm(&["--query", "--queryformat", "%{release}", "lbd"], None),
        "2"
    );

    root.rpm(&["--erase", "--nodeps", "lbd"], None);
    let left: Vec<_> = root
        .list()
        .into_iter()
        .filter(|path| before.binary_search(path).is_err())
        .filter(|path| !KEPT.iter().any(|kept| path.ends_with(kept)))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}

/// What rpm leaves by its own rules: what was edited, and what is made while running, with its user.
const KEPT: &[&str] = &[
    "/usr/share/licenses",
    "/etc/lbd",
    "/etc/lbd/lbd.cfg.rpmsave",
    "/run/lbd",
    "/var/lib/lbd",
    "/var/lib/lbd/dev",
    "/etc/passwd-",
    "/etc/group-",
    "/etc/shadow-",
    "/etc/gshadow-",
    "/etc/.pwd.lock",
];

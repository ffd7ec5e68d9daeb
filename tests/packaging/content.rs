//! What is in the packages, without installing them.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use support::TempDir;

use crate::packages::{Packages, said};

/// Everything that operators may count on finding, with its mode.
const FILES: &[(&str, &str)] = &[
    ("/etc/default/lbd", "-rw-r--r--"),
    ("/etc/lbd/errors/400.http", "-rw-r--r--"),
    ("/etc/lbd/errors/403.http", "-rw-r--r--"),
    ("/etc/lbd/errors/408.http", "-rw-r--r--"),
    ("/etc/lbd/errors/500.http", "-rw-r--r--"),
    ("/etc/lbd/errors/502.http", "-rw-r--r--"),
    ("/etc/lbd/errors/503.http", "-rw-r--r--"),
    ("/etc/lbd/errors/504.http", "-rw-r--r--"),
    ("/etc/lbd/failover.conf", "-rw-r--r--"),
    ("/etc/lbd/lbd.cfg", "-rw-r--r--"),
    ("/etc/logrotate.d/lbd", "-rw-r--r--"),
    ("/etc/rsyslog.d/49-lbd.conf", "-rw-r--r--"),
    ("/lib/systemd/system/lbd-failover.service", "-rw-r--r--"),
    ("/lib/systemd/system/lbd.service", "-rw-r--r--"),
    ("/usr/bin/lbctl", "-rwxr-xr-x"),
    ("/usr/lib/firewalld/services/lbd-failover.xml", "-rw-r--r--"),
    ("/usr/lib/sysctl.d/60-lbd.conf", "-rw-r--r--"),
    ("/usr/lib/sysusers.d/lbd.conf", "-rw-r--r--"),
    ("/usr/lib/tmpfiles.d/lbd.conf", "-rw-r--r--"),
    ("/usr/sbin/lbd", "-rwxr-xr-x"),
    ("/usr/sbin/lbd-failover", "-rwxr-xr-x"),
    ("/usr/share/bash-completion/completions/lbctl", "-rw-r--r--"),
    ("/usr/share/bash-completion/completions/lbd", "-rw-r--r--"),
    (
        "/usr/share/bash-completion/completions/lbd-failover",
        "-rw-r--r--",
    ),
    ("/usr/share/doc/lbd/THIRD-PARTY.txt", "-rw-r--r--"),
    ("/usr/share/doc/lbd/examples/first-site.cfg", "-rw-r--r--"),
    (
        "/usr/share/doc/lbd/examples/pair-failover.conf",
        "-rw-r--r--",
    ),
    ("/usr/share/doc/lbd/examples/sysctl.conf", "-rw-r--r--"),
    ("/usr/share/doc/lbd/keywords.md", "-rw-r--r--"),
    ("/usr/share/doc/lbd/selinux.md", "-rw-r--r--"),
    (
        "/usr/share/fish/vendor_completions.d/lbctl.fish",
        "-rw-r--r--",
    ),
    (
        "/usr/share/fish/vendor_completions.d/lbd-failover.fish",
        "-rw-r--r--",
    ),
    (
        "/usr/share/fish/vendor_completions.d/lbd.fish",
        "-rw-r--r--",
    ),
    ("/usr/share/man/man1/lbctl.1.gz", "-rw-r--r--"),
    ("/usr/share/man/man8/lbd-failover.8.gz", "-rw-r--r--"),
    ("/usr/share/man/man8/lbd.8.gz", "-rw-r--r--"),
    ("/usr/share/zsh/vendor-completions/_lbctl", "-rw-r--r--"),
    ("/usr/share/zsh/vendor-completions/_lbd", "-rw-r--r--"),
    (
        "/usr/share/zsh/vendor-completions/_lbd-failover",
        "-rw-r--r--",
    ),
];

/// What only one of the formats has, by its beginning.
const OWN: &[&str] = &[
    "/usr/share/doc/lbd/changelog.Debian.gz",
    "/usr/share/doc/lbd/copyright",
    "/usr/share/licenses/lbd/",
    "/usr/share/lintian/",
];

/// Path, mode and owners of each file.
fn files_of_deb(package: &Path) -> BTreeSet<(String, String, String)> {
    let list = said(Command::new("dpkg-deb").arg("-c").arg(package));
    list.lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|words| words[0].starts_with('-'))
        .map(|words| {
            let path = words[5].trim_start_matches('.').to_owned();
            (path, words[0].to_owned(), words[1].to_owned())
        })
        .collect()
}

fn files_of_rpm(package: &Path) -> BTreeSet<(String, String, String)> {
    let list = said(
        Command::new("rpm")
            .args(["-qlvp", "--nosignature"])
            .arg(package),
    );
    list.lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|words| words[0].starts_with('-'))
        .map(|words| {
            let path = words[words.len() - 1];
            let path = path
                .replace("/usr/lib/systemd/", "/lib/systemd/")
                .replace("/zsh/site-functions/", "/zsh/vendor-completions/");
            (
                path,
                words[0].to_owned(),
                format!("{}/{}", words[2], words[3]),
            )
        })
        .collect()
}

#[test]
fn both_formats_hold_the_same_files_all_of_root() {
    let packages = Packages::first();
    for found in [files_of_deb(&packages.deb()), files_of_rpm(&packages.rpm())] {
        let common: Vec<_> = found
            .iter()
            .filter(|(path, ..)| !OWN.iter().any(|own| path.starts_with(own)))
            .map(|(path, mode, _)| (path.as_str(), mode.as_str()))
            .collect();
        assert_eq!(common, FILES);
        assert!(
            found.iter().all(|(.., owner)| owner == "root/root"),
            "{found:?}"
        );
    }
}

#[test]
fn what_administrators_edit_is_configuration_in_both_formats() {
    let packages = Packages::first();
    let control = TempDir::new();
    said(
        Command::new("dpkg-deb")
            .arg("-e")
            .arg(packages.deb())
            .arg(control.path()),
    );
    let list =
        std::fs::read_to_string(control.path().join("conffiles")).expect("there are conffiles");
    let deb: BTreeSet<_> = list.lines().map(str::to_owned).collect();
    let list = said(
        Command::new("rpm")
            .args(["-qcp", "--nosignature"])
            .arg(packages.rpm()),
    );
    let rpm: BTreeSet<_> = list.lines().map(str::to_owned).collect();
    assert_eq!(deb, rpm);
    let in_etc: BTreeSet<_> = FILES
        .iter()
        .filter(|(path, _)| path.starts_with("/etc/"))
        .map(|(path, _)| (*path).to_owned())
        .collect();
    assert_eq!(deb, in_etc);
}

/// RHEL 9 has glibc 2.34; this machine has a newer one.
#[test]
fn no_program_needs_a_glibc_newer_than_the_oldest_supported() {
    let root = TempDir::new();
    said(
        Command::new("dpkg-deb")
            .arg("-x")
            .arg(Packages::first().deb())
            .arg(root.path()),
    );
    let mut newest = (0, 0);
    for name in ["usr/sbin/lbd", "usr/sbin/lbd-failover", "usr/bin/lbctl"] {
        let symbols = said(
            Command::new("objdump")
                .arg("-T")
                .arg(root.path().join(name)),
        );
        for (_, version) in symbols.lines().filter_map(|line| line.split_once("GLIBC_")) {
            let number = version
                .split(|c: char| c == ')' || c.is_whitespace())
                .next();
            let mut parts = number
                .unwrap_or_default()
                .split('.')
                .map_while(|n| n.parse().ok());
            let version: (u32, u32) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
            assert!(version <= (2, 34), "{name}: {version:?}");
            newest = newest.max(version);
        }
    }
    let depends = said(
        Command::new("dpkg-deb")
            .arg("-f")
            .arg(Packages::first().deb())
            .arg("Depends"),
    );
    let (major, minor) = newest;
    assert!(
        depends.contains(&format!("libc6 (>= {major}.{minor})")),
        "{depends}"
    );
    let requires = said(
        Command::new("rpm")
            .args(["-qp", "--requires", "--nosignature"])
            .arg(Packages::first().rpm()),
    );
    assert!(
        requires.contains(&format!("libc.so.6(GLIBC_{major}.{minor})(64bit)")),
        "{requires}"
    );
}

#[test]
fn the_same_programs_give_the_same_packages() {
    let again = Packages::make(1, &["--only-lbd"]);
    let first = Packages::first();
    for (one, two) in [(first.deb(), again.deb()), (first.rpm(), again.rpm())] {
        let same = std::fs::read(&one).expect("readable") == std::fs::read(&two).expect("readable");
        assert!(same, "{} and {}", one.display(), two.display());
    }
}

#[test]
fn lintian_has_nothing_to_say() {
    let packages = Packages::first();
    let debs = packages
        .files()
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "deb"));
    let text = said(
        Command::new("lintian")
            .args([
                "--no-cfg",
                "--allow-root",
                "--fail-on",
                "none",
                "--tag-display-limit",
                "0",
            ])
            .args(debs),
    );
    assert_eq!(text.trim(), "");
}

#[test]
fn rpmlint_has_nothing_to_say() {
    let packages = Packages::first();
    let rpms = packages
        .files()
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "rpm"));
    let configuration = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/rpmlint.toml");
    let text = said(
        Command::new("rpmlint")
            .args(["-c", configuration])
            .args(rpms),
    );
    assert!(text.contains("0 errors, 0 warnings"), "{text}");
}

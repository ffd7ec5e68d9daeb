//! The packages under test: made once, of the programs of this profile.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use support::TempDir;
use support::program::built;

/// A set of packages of one release.
#[derive(Debug)]
pub(crate) struct Packages {
    directory: TempDir,
    release: u32,
}

impl Packages {
    /// The first release.
    pub(crate) fn first() -> &'static Self {
        static FIRST: OnceLock<Packages> = OnceLock::new();
        FIRST.get_or_init(|| Self::make(1, &[]))
    }

    /// The one after it.
    pub(crate) fn second() -> &'static Self {
        static SECOND: OnceLock<Packages> = OnceLock::new();
        SECOND.get_or_init(|| Self::make(2, &["--only-lbd"]))
    }

    /// Makes them, by the command that a person would call.
    pub(crate) fn make(release: u32, more: &[&str]) -> Self {
        let directory = TempDir::new();
        let output = Command::new(packager())
            .arg("--programs")
            .arg(programs())
            .arg("--output")
            .arg(directory.path())
            .args(["--fast", "--release", &release.to_string()])
            .args(more)
            .output()
            .expect("the packages' maker starts");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Self { directory, release }
    }

    pub(crate) fn deb(&self) -> PathBuf {
        self.named("lbd_", "amd64.deb")
    }

    pub(crate) fn compat_deb(&self) -> PathBuf {
        self.named("lbd-compat_", "all.deb")
    }

    pub(crate) fn rpm(&self) -> PathBuf {
        self.named(&format!("lbd-{VERSION}-{}.", self.release), "x86_64.rpm")
    }

    pub(crate) fn image(&self) -> PathBuf {
        self.named("lbd-", "oci.tar")
    }

    /// All files, sorted.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.directory.path()).expect("the output is there");
        let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        files.sort();
        files
    }

    fn named(&self, begin: &str, end: &str) -> PathBuf {
        let name = |path: &Path| path.file_name().map(|n| n.to_string_lossy().into_owned());
        self.files()
            .into_iter()
            .find(|path| name(path).is_some_and(|n| n.starts_with(begin) && n.ends_with(end)))
            .unwrap_or_else(|| panic!("no {begin}…{end} in {:?}", self.files()))
    }
}

/// The version of the workspace.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

fn packager() -> PathBuf {
    built("lbd-packaging", "lbd-packaging")
}

/// A directory with all three programs.
fn programs() -> &'static Path {
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let lbd = built("lbd", "lbd");
        built("failover", "lbd-failover");
        built("failover", "lbctl");
        lbd.parent().expect("it is in a directory").to_owned()
    })
}

/// What a program prints.
#[track_caller]
pub(crate) fn said(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

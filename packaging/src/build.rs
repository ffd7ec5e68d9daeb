//! One run: the programs, where they came from, and what all packages share.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Orders;
use crate::debug::{self, Parted};
use crate::elf;

/// Which programs are packaged, with the package of the workspace that makes each.
const PROGRAMS: &[(&str, &str)] = &[
    ("lbd", "lbd"),
    ("failover", "lbd-failover"),
    ("failover", "lbctl"),
];

/// How hard the packages are pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    Fast,
    Small,
}

impl Compression {
    /// The preset of xz.
    pub(crate) fn preset(self) -> u32 {
        match self {
            Self::Fast => 0,
            Self::Small => 6,
        }
    }
}

/// A program, parted from its debug symbols.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) parted: Parted,
    pub(crate) needs: elf::Needs,
}

/// What all packages of a run share.
#[derive(Debug)]
pub(crate) struct Build {
    pub(crate) root: PathBuf,
    pub(crate) output: PathBuf,
    pub(crate) version: &'static str,
    pub(crate) release: u32,
    pub(crate) compression: Compression,
    /// Of the last commit, in seconds since 1970: it stands wherever a time is wanted, so that
    /// the same source gives the same bytes.
    pub(crate) time: u32,
    pub(crate) programs: Vec<Program>,
}

impl Build {
    /// Builds the programs, unless they are there, and parts them.
    pub(crate) fn prepare(orders: Orders) -> Result<Self, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .ok_or("packaging has no parent directory")?
            .to_owned();
        let time = time(&root)?;
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let directory = match orders.programs {
            Some(directory) => directory,
            None => compile(&root, &target, &orders.profile, time)?,
        };
        let output = orders.output.unwrap_or_else(|| target.join("packages"));
        std::fs::create_dir_all(&output).map_err(|e| format!("{}: {e}", output.display()))?;
        let programs = PROGRAMS
            .iter()
            .map(|&(_, name)| {
                let path = directory.join(name);
                Ok(Program {
                    name,
                    parted: debug::part(&path, name)?,
                    needs: elf::needs(&path)?,
                })
            })
            .collect::<Result<_, String>>()?;
        Ok(Self {
            root,
            output,
            version: env!("CARGO_PKG_VERSION"),
            release: orders.release,
            compression: orders.compression,
            time,
            programs,
        })
    }

    /// A text below `packaging/`, or of the root with `../`.
    pub(crate) fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        let path = self.root.join("packaging").join(name);
        std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))
    }
}

/// `SOURCE_DATE_EPOCH`, else the time of the last commit.
fn time(root: &Path) -> Result<u32, String> {
    let text = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text,
        Err(_) => run(Command::new("git")
            .args(["log", "-1", "--format=%ct"])
            .current_dir(root))?,
    };
    text.trim()
        .parse()
        .map_err(|_| format!("'{}' is no time in seconds", text.trim()))
}

/// Builds all programs, without names of this machine's directories in them.
fn compile(root: &Path, target: &Path, profile: &str, time: u32) -> Result<PathBuf, String> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--locked", "--profile", profile]);
    for (package, name) in PROGRAMS {
        command.args(["--package", package, "--bin", name]);
    }
    let home = std::env::var("CARGO_HOME")
        .or_else(|_| std::env::var("HOME").map(|home| format!("{home}/.cargo")))
        .map_err(|_| "neither CARGO_HOME nor HOME is set")?;
    let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    command.current_dir(root);
    command.env("SOURCE_DATE_EPOCH", time.to_string());
    if profile != "dev" {
        let maps = format!(
            "{flags} --remap-path-prefix={}=lbd --remap-path-prefix={home}=cargo",
            root.display()
        );
        command.env("RUSTFLAGS", maps.trim());
        let maps = format!(
            "-ffile-prefix-map={}=lbd -ffile-prefix-map={home}=cargo",
            root.display()
        );
        command.env("CFLAGS", maps);
    }
    let status = command.status().map_err(|e| format!("cargo: {e}"))?;
    if !status.success() {
        return Err("the programs do not build".to_owned());
    }
    let directory = if profile == "dev" { "debug" } else { profile };
    Ok(target.join(directory))
}

/// What a command prints.
pub(crate) fn run(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|e| format!("{name}: {e}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{name}: {}", text.trim()));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("{name} prints no text"))
}

//! A program and its debug symbols, apart, joined by the build id.

use std::path::Path;
use std::process::Command;

use crate::build::run;

/// The two halves of a program.
#[derive(Debug)]
pub(crate) struct Parted {
    /// What runs.
    pub(crate) program: Vec<u8>,
    /// What debuggers read.
    pub(crate) symbols: Vec<u8>,
    /// Where they look for it.
    pub(crate) symbols_path: String,
}

/// Parts the program at `path`.
pub(crate) fn part(path: &Path, name: &str) -> Result<Parted, String> {
    let scratch = std::env::temp_dir().join(format!("lbd-package-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&scratch).map_err(|e| format!("{}: {e}", scratch.display()))?;
    let parted = part_in(path, &scratch);
    // What is left of it is in the way of nobody.
    let _ = std::fs::remove_dir_all(&scratch);
    parted
}

fn part_in(path: &Path, scratch: &Path) -> Result<Parted, String> {
    let id = build_id(path)?;
    let (front, back) = id.split_at_checked(2).ok_or("a build id is too short")?;
    let (program, symbols) = (
        scratch.join("program"),
        scratch.join(format!("{back}.debug")),
    );
    let objcopy = || Command::new("objcopy");
    run(objcopy()
        .args(["--only-keep-debug", "--compress-debug-sections=zlib"])
        .args([path, &symbols]))?;
    run(objcopy()
        .args(["--strip-all", "--remove-section=.comment"])
        .arg(format!("--add-gnu-debuglink={}", symbols.display()))
        .args([path, &program]))?;
    let read = |path: &Path| std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()));
    Ok(Parted {
        program: read(&program)?,
        symbols: read(&symbols)?,
        symbols_path: format!("/usr/lib/debug/.build-id/{front}/{back}.debug"),
    })
}

fn build_id(path: &Path) -> Result<String, String> {
    let notes = run(Command::new("readelf").arg("--notes").arg(path))?;
    notes
        .lines()
        .find_map(|line| line.trim().strip_prefix("Build ID: "))
        .map(str::to_owned)
        .ok_or_else(|| format!("{} has no build id", path.display()))
}

//! The workspace on disk, read once per test.
//!
//! It judges nothing.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::manifest::{Dependency, Package};
use crate::source::Source;

/// Directories that hold no source of the project.
const SKIPPED: &[&str] = &["target", ".git"];
/// Data of tests: inputs as their users wrote them.
const DATA: &str = "tests/data";
/// What else than Rust is read as text.
const TEXTS: &[&str] = &["rs", "toml", "md", "sh", "yml", "yaml", "service", "proto"];

pub(crate) struct Workspace {
    pub packages: Vec<Package>,
    pub sources: Vec<Source>,
    /// Path and content of every text file, sources included.
    pub texts: Vec<(String, String)>,
    pub top_level: Vec<String>,
}

impl Workspace {
    pub(crate) fn here() -> Self {
        let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("run by cargo"))
            .parent()
            .expect("tests/ lies in the workspace")
            .to_owned();
        let mut texts = Vec::new();
        collect(&root, &root, &mut texts);
        texts.sort();
        let sources = texts
            .iter()
            .filter(|(path, _)| path.ends_with(".rs"))
            .map(|(path, text)| Source::new(path, text))
            .collect();
        let mut top_level: Vec<_> = fs::read_dir(&root)
            .expect("the root can be listed")
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| !SKIPPED.contains(&name.as_str()))
            .collect();
        top_level.sort();
        Self {
            packages: packages(&root),
            sources,
            texts,
            top_level,
        }
    }
}

fn collect(root: &Path, directory: &Path, into: &mut Vec<(String, String)>) {
    let entries =
        fs::read_dir(directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display()));
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let relative = path
            .strip_prefix(root)
            .expect("below the root")
            .display()
            .to_string();
        if path.is_dir() {
            if !SKIPPED.contains(&name.as_str()) && relative != DATA {
                collect(root, &path, into);
            }
            continue;
        }
        let extension = path.extension().map(|e| e.to_string_lossy().into_owned());
        let is_text = extension.is_some_and(|e| TEXTS.contains(&e.as_str()))
            || relative.starts_with(".ci/")
            || relative.starts_with(".cargo/");
        if is_text && let Ok(text) = fs::read_to_string(&path) {
            into.push((relative, text));
        }
    }
}

fn packages(root: &Path) -> Vec<Package> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(root)
        .output()
        .expect("cargo can be started");
    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo metadata: {problem}");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let list = metadata["packages"].as_array().expect("a list of packages");
    let packages: Vec<_> = list.iter().map(package).collect();
    assert!(packages.len() >= 2, "the members were found");
    packages
}

fn package(value: &Value) -> Package {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let manifest_path = PathBuf::from(text(&value["manifest_path"]));
    let directory = manifest_path
        .parent()
        .expect("a manifest lies in a directory")
        .to_owned();
    let dependencies = value["dependencies"].as_array().into_iter().flatten();
    let library = value["targets"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|target| {
            target["kind"]
                .as_array()
                .into_iter()
                .flatten()
                .any(|kind| kind == "lib")
        });
    let read = |path: &Path| fs::read_to_string(path).ok();
    Package {
        name: text(&value["name"]),
        dependencies: dependencies
            .map(|dependency| Dependency {
                name: text(&dependency["name"]),
                is_member: dependency["path"].is_string(),
                is_for_tests: dependency["kind"] == "dev",
            })
            .collect(),
        manifest: read(&manifest_path).unwrap_or_default(),
        library: library.and_then(|target| read(Path::new(&text(&target["src_path"])))),
        clippy: read(&directory.join(".clippy.toml")),
    }
}

//! The licences of everything that is linked into the programs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::build::run;

/// Members of the workspace whose programs are packaged.
const ROOTS: &[&str] = &["failover", "lbd"];
/// What a file with a licence or a notice is called, in capitals.
const NAMES: &[&str] = &[
    "LICENSE",
    "LICENCE",
    "COPYING",
    "NOTICE",
    "COPYRIGHT",
    "UNLICENSE",
];

/// A package of others that is linked in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Linked {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) license: String,
    directory: PathBuf,
}

/// All of them, by name.
pub(crate) fn linked(root: &Path) -> Result<Vec<Linked>, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let text = run(Command::new(cargo)
        .args(["metadata", "--locked", "--format-version", "1"])
        .args(["--filter-platform", &platform()?])
        .current_dir(root))?;
    let metadata = serde_json::from_str(&text).map_err(|e| format!("cargo metadata: {e}"))?;
    from_metadata(&metadata)
}

/// The platform of this compiler.
fn platform() -> Result<String, String> {
    let text = run(Command::new("rustc").arg("-vV"))?;
    text.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .ok_or_else(|| "rustc names no host".to_owned())
}

fn from_metadata(metadata: &Value) -> Result<Vec<Linked>, String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages: BTreeMap<_, _> = list(&metadata["packages"])
        .into_iter()
        .map(|package| (text(&package["id"]), package))
        .collect();
    let nodes: BTreeMap<_, _> = list(&metadata["resolve"]["nodes"])
        .into_iter()
        .map(|node| (text(&node["id"]), node))
        .collect();
    let mut waiting: Vec<String> = packages
        .iter()
        .filter(|(_, package)| ROOTS.contains(&text(&package["name"]).as_str()))
        .map(|(id, _)| id.clone())
        .collect();
    let mut seen = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        if !seen.insert(id.clone()) {
            continue;
        }
        for dependency in nodes
            .get(&id)
            .map_or_else(Vec::new, |node| list(&node["deps"]))
        {
            // Of build scripts and tests nothing is in the program.
            let is_linked = list(&dependency["dep_kinds"])
                .iter()
                .any(|kind| kind["kind"].is_null());
            if is_linked {
                waiting.push(text(&dependency["pkg"]));
            }
        }
    }
    let mut linked = Vec::new();
    for package in seen.iter().filter_map(|id| packages.get(id)) {
        if package["source"].is_null() {
            continue;
        }
        let name = text(&package["name"]);
        let license = match (&package["license"], &package["license_file"]) {
            (Value::String(license), _) => license.clone(),
            (_, Value::String(file)) => format!("see {file}"),
            _ => return Err(format!("{name} states no licence")),
        };
        let manifest = PathBuf::from(text(&package["manifest_path"]));
        linked.push(Linked {
            name,
            version: text(&package["version"]),
            license,
            directory: manifest.parent().map(Path::to_owned).unwrap_or_default(),
        });
    }
    linked.sort();
    Ok(linked)
}

/// The file that tells them all, each text once.
pub(crate) fn notices(linked: &[Linked]) -> Result<String, String> {
    let mut texts = BTreeMap::<String, Vec<String>>::new();
    for package in linked {
        for content in texts_of(&package.directory)? {
            let users = texts.entry(content).or_default();
            users.push(format!("{} {}", package.name, package.version));
        }
    }
    let mut all =
        "What is linked into lbd, lbd-failover and lbctl beside their own code:\n\n".to_owned();
    for package in linked {
        let Linked {
            name,
            version,
            license,
            ..
        } = package;
        all.push_str(&format!("{name} {version}: {license}\n"));
    }
    let mut texts: Vec<_> = texts
        .into_iter()
        .map(|(text, users)| (users, text))
        .collect();
    texts.sort();
    for (users, text) in texts {
        let rule = "-".repeat(72);
        all.push_str(&format!(
            "\n{rule}\n{}\n{rule}\n\n{text}\n",
            users.join(", ")
        ));
    }
    Ok(all)
}

fn texts_of(directory: &Path) -> Result<Vec<String>, String> {
    let entries =
        std::fs::read_dir(directory).map_err(|e| format!("{}: {e}", directory.display()))?;
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let is_license = |path: &PathBuf| {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().to_uppercase());
        path.is_file() && name.is_some_and(|name| NAMES.iter().any(|known| name.starts_with(known)))
    };
    let mut texts = Vec::new();
    for path in paths.into_iter().filter(is_license) {
        let bytes = std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let text = String::from_utf8_lossy(&bytes).replace('\r', "");
        texts.push(text.trim().to_owned());
    }
    Ok(texts)
}

#[cfg(test)]
mod tests;

//! What programs need of shared libraries, and what that is called in each format.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::build::run;

/// Which package of Debian has a library, and what its versions begin with.
const DEBIAN: &[(&str, &str, &str)] = &[
    ("ld-linux-aarch64.so.1", "libc6", "GLIBC_"),
    ("ld-linux-x86-64.so.2", "libc6", "GLIBC_"),
    ("libc.so.6", "libc6", "GLIBC_"),
    ("libgcc_s.so.1", "libgcc-s1", "GCC_"),
    ("libm.so.6", "libc6", "GLIBC_"),
];

/// Libraries, each with the versions of its symbols that are used.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Needs(BTreeMap<String, Vec<String>>);

/// Reads them from a program.
pub(crate) fn needs(path: &Path) -> Result<Needs, String> {
    run(Command::new("objdump").arg("-p").arg(path)).map(|text| parse(&text))
}

/// From what `objdump -p` prints.
fn parse(text: &str) -> Needs {
    let mut needs = BTreeMap::<String, Vec<String>>::new();
    let mut library = None;
    for line in text.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        match words[..] {
            ["NEEDED", name] => {
                needs.entry(name.to_owned()).or_default();
            }
            ["required", "from", name] => library = Some(name.trim_end_matches(':').to_owned()),
            [hash, _, _, version] if hash.starts_with("0x") => {
                if let Some(library) = &library {
                    needs
                        .entry(library.clone())
                        .or_default()
                        .push(version.to_owned());
                }
            }
            _ => {}
        }
    }
    for versions in needs.values_mut() {
        versions.sort();
        versions.dedup();
    }
    Needs(needs)
}

impl Needs {
    /// What all of these need together.
    pub(crate) fn union<'a>(all: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut union = Self::default();
        for (library, versions) in all.into_iter().flat_map(|needs| &needs.0) {
            let known = union.0.entry(library.clone()).or_default();
            known.extend(versions.iter().cloned());
            known.sort();
            known.dedup();
        }
        union
    }

    /// `Depends` of Debian: each package with the newest version of a symbol.
    pub(crate) fn debian(&self) -> Result<Vec<String>, String> {
        let mut packages = BTreeMap::new();
        for (library, versions) in &self.0 {
            let (_, package, prefix) = DEBIAN
                .iter()
                .find(|(name, ..)| name == library)
                .ok_or_else(|| format!("no package of Debian is known for {library}"))?;
            let newest = packages.entry(*package).or_insert_with(Vec::new);
            let numbers = versions.iter().filter_map(|v| v.strip_prefix(prefix));
            *newest = numbers
                .map(numbers_of)
                .fold(std::mem::take(newest), Ord::max);
        }
        Ok(packages
            .into_iter()
            .map(|(package, newest)| {
                let text: Vec<_> = newest.iter().map(u32::to_string).collect();
                format!("{package} (>= {})", text.join("."))
            })
            .collect())
    }

    /// `Requires` of RPM: each library with each version.
    pub(crate) fn rpm(&self) -> Vec<String> {
        let mut requires = Vec::new();
        for (library, versions) in &self.0 {
            let is_loader = library.starts_with("ld-linux");
            if !is_loader {
                requires.push(format!("{library}()(64bit)"));
            }
            let named = versions.iter().map(|v| format!("{library}({v})(64bit)"));
            requires.extend(named);
        }
        requires
    }

    /// The libraries by name.
    pub(crate) fn libraries(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

fn numbers_of(version: &str) -> Vec<u32> {
    version.split('.').filter_map(|n| n.parse().ok()).collect()
}

#[cfg(test)]
mod tests;

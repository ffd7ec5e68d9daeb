//! Rules about packages: who may depend on whom, and what keeps a pure crate pure.
//!
//! It knows nothing of what stands in the sources but the first lines of a library.

/// A member of the workspace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Package {
    pub name: String,
    pub dependencies: Vec<Dependency>,
    /// The text of Cargo.toml.
    pub manifest: String,
    /// The text of the library's root file, if there is a library.
    pub library: Option<String>,
    /// The text of the `.clippy.toml` beside the manifest.
    pub clippy: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Dependency {
    pub name: String,
    pub is_member: bool,
    pub is_for_tests: bool,
}

/// What a package may depend on among the members, and whether it is pure (no sockets, clocks,
/// files, environment, threads).
struct Crate {
    name: &'static str,
    may_use: &'static [&'static str],
    is_pure: bool,
}

const fn pure(name: &'static str, may_use: &'static [&'static str]) -> Crate {
    Crate {
        name,
        may_use,
        is_pure: true,
    }
}

const fn shell(name: &'static str, may_use: &'static [&'static str]) -> Crate {
    Crate {
        name,
        may_use,
        is_pure: false,
    }
}

/// The architecture: layer 0 first. A crate uses lower layers only; within a layer there are
/// two edges, `peers-proto` to `lbd-table` and `vrrp-config` to `vrrp-proto`. `failover` does not use `lbd`: it speaks to the daemon over
/// its socket, because what gives an address away must outlive what crashed.
const CRATES: &[Crate] = &[
    pure("lbd-core", &[]),
    pure("lbd-http", &["lbd-core"]),
    pure("lbd-backend", &["lbd-core"]),
    pure("lbd-tls", &["lbd-core"]),
    pure("lbd-table", &["lbd-core"]),
    pure("peers-proto", &["lbd-core", "lbd-table"]),
    pure("vrrp-proto", &["lbd-core"]),
    pure("vrrp-config", &["lbd-core", "vrrp-proto"]),
    pure("failover-plan", &["lbd-core"]),
    pure(
        "lbd-rules",
        &[
            "lbd-backend",
            "lbd-core",
            "lbd-http",
            "lbd-table",
            "lbd-tls",
        ],
    ),
    pure(
        "lbd-config",
        &[
            "lbd-core",
            "lbd-http",
            "lbd-backend",
            "lbd-tls",
            "lbd-table",
            "lbd-rules",
        ],
    ),
    shell(
        "lbd-proxy",
        &[
            "lbd-core",
            "lbd-http",
            "lbd-backend",
            "lbd-tls",
            "lbd-table",
            "lbd-rules",
            "lbd-config",
        ],
    ),
    shell("peers", &["lbd-core", "lbd-table", "peers-proto"]),
    shell("vrrp", &["lbd-core", "vrrp-config", "vrrp-proto"]),
    shell(
        "lbd",
        &[
            "lbd-core",
            "lbd-http",
            "lbd-backend",
            "lbd-tls",
            "lbd-table",
            "lbd-rules",
            "lbd-config",
            "lbd-proxy",
            "peers",
        ],
    ),
    shell(
        "failover",
        &[
            "lbd-core",
            "failover-plan",
            "vrrp",
            "vrrp-config",
            "vrrp-proto",
        ],
    ),
    // What it packages it calls as programs; it uses their descriptions of command lines.
    shell("lbd-packaging", &["failover", "lbd-core", "lbd-http"]),
    shell("lbd-ec2", &["lbd-core", "failover-plan"]),
    shell(
        "lbd-tests",
        &[
            "lbd-core",
            "lbd-http",
            "lbd-backend",
            "lbd-tls",
            "lbd-rules",
            "lbd-config",
        ],
    ),
    shell("lbd-perf", &["lbd-tests", "lbd-tls"]),
];

/// Packages, or families of packages by prefix, that reach the outside.
const IMPURE: &[&str] = &[
    "async-std",
    "aws-config",
    "aws-sdk",
    "aws-smithy",
    "hyper",
    "mio",
    "nix",
    "openraft",
    "pnet",
    "reqwest",
    "rustix",
    "smol",
    "socket2",
    "tokio",
    "tonic",
];

/// Functions that a pure crate must not call, each with a reason, in its own `.clippy.toml`: clippy
/// takes the nearest file and does not merge it with the one above.
const BANNED_CALLS: &[&str] = &[
    "std::time::Instant::now",
    "std::time::SystemTime::now",
    "std::thread::sleep",
    "std::fs::read",
    "std::fs::read_to_string",
    "std::fs::File::open",
    "std::env::var",
];

/// Lines of the root's `.clippy.toml` that a crate-local one must repeat.
const SHARED_SETTINGS: &[&str] = &[
    "allow-unwrap-in-tests = true",
    "allow-expect-in-tests = true",
];

fn known(name: &str) -> Option<&'static Crate> {
    CRATES.iter().find(|known| known.name == name)
}

pub(crate) fn edges(packages: &[Package]) -> Vec<String> {
    let mut findings = Vec::new();
    for package in packages {
        let Some(rule) = known(&package.name) else {
            findings.push(format!(
                "{}: unknown package; give it a line in CRATES of tests/tidy/manifest.rs that says \
                 what it may depend on",
                package.name
            ));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|d| d.is_member) {
            if !rule.may_use.contains(&dependency.name.as_str()) {
                findings.push(format!(
                    "{}: may not depend on {}; move what is shared to a lower crate, or pass it in \
                     through a trait of {0} (allowed: {})",
                    package.name,
                    dependency.name,
                    rule.may_use.join(" "),
                ));
            }
        }
    }
    findings
}

pub(crate) fn purity(package: &Package) -> Vec<String> {
    if !known(&package.name).is_some_and(|rule| rule.is_pure) {
        return Vec::new();
    }
    let name = &package.name;
    let mut findings = Vec::new();
    for dependency in package.dependencies.iter().filter(|d| !d.is_for_tests) {
        if reaches_outside(&dependency.name) {
            findings.push(format!(
                "{name}: a pure crate may not depend on {}; decide here and do it in a shell crate",
                dependency.name
            ));
        }
    }
    let library = package.library.as_deref().unwrap_or_default();
    if !library
        .lines()
        .any(|line| line.trim() == "#![forbid(unsafe_code)]")
    {
        findings.push(format!(
            "{name}: put `#![forbid(unsafe_code)]` into its lib.rs"
        ));
    }
    match &package.clippy {
        None => findings.push(format!(
            "{name}: copy lbd/core/.clippy.toml beside its Cargo.toml"
        )),
        Some(text) => findings.extend(clippy(name, text)),
    }
    findings
}

fn reaches_outside(name: &str) -> bool {
    IMPURE.iter().any(|&family| {
        name.strip_prefix(family)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
    })
}

fn clippy(name: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    for setting in SHARED_SETTINGS {
        if !text.lines().any(|line| line.trim() == *setting) {
            findings.push(format!(
                "{name}: its .clippy.toml lacks `{setting}`, as the root has it"
            ));
        }
    }
    for call in BANNED_CALLS {
        let quoted = format!("\"{call}\"");
        let line = text.lines().find(|line| line.contains(&quoted));
        match line.map(reason) {
            None => findings.push(format!(
                "{name}: its .clippy.toml must list {call} in disallowed-methods, as lbd/core has it"
            )),
            Some("") => findings.push(format!(
                "{name}: its .clippy.toml bans {call} without `reason = \"what to do instead\"`"
            )),
            Some(_) => {}
        }
    }
    findings
}

/// The text of `reason = "…"` in a line, empty when there is none.
fn reason(line: &str) -> &str {
    let after = line.split_once("reason = \"").map_or("", |(_, rest)| rest);
    after.split('"').next().unwrap_or_default().trim()
}

pub(crate) fn lints(package: &Package) -> Vec<String> {
    let has = package
        .manifest
        .split_once("[lints]")
        .is_some_and(|(_, rest)| {
            rest.lines()
                .skip(1)
                .any(|line| line.replace(' ', "") == "workspace=true")
        });
    if has {
        Vec::new()
    } else {
        vec![format!("{}: add `[lints] workspace = true`", package.name)]
    }
}

#[cfg(test)]
mod tests;

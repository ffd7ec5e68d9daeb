use super::{BANNED_CALLS, Dependency, Package, SHARED_SETTINGS, edges, lints, purity};

fn package(name: &str, uses: &[&str]) -> Package {
    let dependency = |&name: &&str| Dependency {
        name: name.to_owned(),
        is_member: name.starts_with("lbd"),
        is_for_tests: false,
    };
    let calls: String = BANNED_CALLS
        .iter()
        .map(|c| format!("{{ path = \"{c}\", reason = \"take it\" }},\n"))
        .collect();
    Package {
        name: name.to_owned(),
        dependencies: uses.iter().map(dependency).collect(),
        manifest: "[package]\n[lints]\nworkspace = true\n".to_owned(),
        library: Some("//! It.\n#![forbid(unsafe_code)]\n".to_owned()),
        clippy: Some(format!("{}\n{calls}", SHARED_SETTINGS.join("\n"))),
    }
}

/// Exactly one finding, which names this.
#[track_caller]
fn finds(findings: &[String], part: &str) {
    assert!(
        matches!(findings, [one] if one.contains(part)),
        "{part:?} in {findings:?}"
    );
}

#[test]
fn an_orderly_package_passes() {
    let package = package("lbd-rules", &["lbd-core", "lbd-http", "regex"]);
    assert_eq!(purity(&package), [""; 0]);
    assert_eq!(lints(&package), [""; 0]);
    assert_eq!(edges(&[package]), [""; 0]);
}

#[test]
fn an_edge_upwards_or_within_a_layer_is_found() {
    finds(
        &edges(&[package("lbd-core", &["lbd-http"])]),
        "lbd-core: may not depend on lbd-http",
    );
    finds(
        &edges(&[package("lbd-http", &["lbd-backend"])]),
        "lbd-http: may not depend on",
    );
    finds(
        &edges(&[package("failover", &["lbd"])]),
        "failover: may not depend on lbd;",
    );
    finds(
        &edges(&[package("surprise", &[])]),
        "surprise: unknown package",
    );
}

#[test]
fn a_dependency_that_reaches_the_outside_is_found_in_a_pure_crate_only() {
    for name in ["tokio", "tokio-util", "aws-sdk-ec2", "nix", "pnet_packet"] {
        finds(&purity(&package("lbd-http", &[name])), name);
    }
    assert_eq!(
        purity(&package("lbd-http", &["miow-like", "nixon"])),
        [""; 0]
    );
    assert_eq!(purity(&package("lbd", &["tokio"])), [""; 0]);
    let mut for_tests = package("lbd-http", &["tokio"]);
    for_tests.dependencies[0].is_for_tests = true;
    assert_eq!(purity(&for_tests), [""; 0]);
}

#[test]
fn unsafe_that_is_not_forbidden_is_found() {
    let mut package = package("lbd-core", &[]);
    package.library = Some("//! It.\n#![deny(unsafe_code)]\n".to_owned());
    finds(&purity(&package), "#![forbid(unsafe_code)]");
}

#[test]
fn a_lacking_or_unexplained_ban_is_found() {
    let mut package = package("lbd-core", &[]);
    let whole = package.clippy.take().expect("set above");
    finds(&purity(&package), "copy lbd/core/.clippy.toml");
    package.clippy = Some(whole.replace("std::env::var", "std::env::vars"));
    finds(&purity(&package), "must list std::env::var");
    package.clippy = Some(whole.replacen("reason = \"take it\"", "", 1));
    finds(&purity(&package), "bans std::time::Instant::now without");
    package.clippy = Some(whole.replace(SHARED_SETTINGS[0], ""));
    finds(&purity(&package), "lacks `allow-unwrap-in-tests = true`");
}

#[test]
fn a_package_without_the_lints_is_found() {
    let mut package = package("lbd-core", &[]);
    package.manifest = "[package]\n[lints.rust]\n".to_owned();
    finds(&lints(&package), "add `[lints] workspace = true`");
}

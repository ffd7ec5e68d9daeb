//! The style and the architecture of the workspace, as tests.
//!
//! It runs no product code: it reads manifests and sources.

mod manifest;
mod rules;
mod source;
mod workspace;

use workspace::Workspace;

/// Fails with one line per finding.
#[track_caller]
fn report(findings: Vec<String>) {
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn crates_depend_on_lower_layers_only() {
    report(manifest::edges(&Workspace::here().packages));
}

#[test]
fn pure_crates_have_no_way_to_the_outside() {
    let workspace = Workspace::here();
    for package in &workspace.packages {
        report(manifest::purity(package));
    }
}

#[test]
fn every_package_takes_the_lints_of_the_workspace() {
    let workspace = Workspace::here();
    report(
        workspace
            .packages
            .iter()
            .flat_map(manifest::lints)
            .collect(),
    );
}

#[test]
fn sources_keep_the_rules_of_the_house() {
    let workspace = Workspace::here();
    assert!(workspace.sources.len() > 10, "the sources were found");
    report(workspace.sources.iter().flat_map(rules::source).collect());
}

#[test]
fn every_listed_exception_is_still_one() {
    report(rules::stale_exceptions(&Workspace::here().sources));
}

#[test]
fn no_file_names_a_directory_of_a_build_machine() {
    let workspace = Workspace::here();
    report(
        workspace
            .texts
            .iter()
            .flat_map(|(path, text)| rules::machine_paths(path, text))
            .collect(),
    );
}

#[test]
fn the_top_level_holds_the_agreed_entries_only() {
    report(rules::top_level(&Workspace::here().top_level));
}

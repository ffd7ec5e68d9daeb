//! The requirements of RFC 9113, RFC 7541 and RFC 8441 on a server and on a client, one row each:
//! where it is written, what it asks for, what we send, what must be said then.
//!
//! The rows are run against lbd, and against HAProxy 3.4 where that is the reference. The table
//! for readers, `conformance.md`, is made of the same rows (`UPDATE_EXPECT=1` writes it).

mod as_client;
mod as_server;
mod requests;
mod responses;
mod rules;
mod say;

use std::fmt::Write as _;
use std::path::PathBuf;

use super::*;
use say::{Expect, Rule};

/// A table's rows, in their parts.
type Parts = &'static [&'static [Rule]];

const SERVER: Parts = &[rules::SERVER, requests::RULES, requests::COMPRESSION];
const CLIENT: Parts = &[rules::CLIENT, responses::RULES];

/// Runs the rows of one side against lbd, and against the reference where it is 3.4.
fn run_all(parts: Parts, run: impl Fn(&Program, &Rule) -> Result<(), String>) {
    let mut faults = String::new();
    let is_current = is_reference_current();
    for rule in parts.concat() {
        let name = format!("{} {}", rule.section, rule.text);
        if let Err(said) = run(&Program::Lbd, &rule) {
            let _ = writeln!(faults, "{name}: {}\n  lbd: {said}", rule.expect);
        }
        if !is_current {
            continue;
        }
        match (run(&Program::Haproxy, &rule), rule.differs) {
            (Err(said), false) => {
                let _ = writeln!(faults, "{name}: {}\n  reference: {said}", rule.expect);
            }
            (Ok(()), true) => {
                let _ = writeln!(faults, "{name}: the reference does the same");
            }
            _ => {}
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

#[test]
fn a_server_does_what_the_rules_ask_for() {
    let stages = BOTH.map(|program| as_server::Stage::start(&program));
    run_all(SERVER, |program, rule| {
        let stage = &stages[usize::from(*program == Program::Lbd)];
        stage.run(rule)
    });
}

#[test]
fn a_client_does_what_the_rules_ask_for() {
    run_all(CLIENT, as_client::run);
}

#[test]
fn the_table_for_readers_is_made_of_the_rows() {
    let mut text = "# HTTP/2: what is required, and tested\n\nMade of the rows in this \
        directory: do not edit. *Reference*: HAProxy 3.4, where it does otherwise.\n"
        .to_owned();
    for (title, parts) in [("Of a server", SERVER), ("Of a client", CLIENT)] {
        let _ = writeln!(
            text,
            "\n## {title}\n\n| where | requirement | sent | expected | reference |\n|---|---|---|---|---|"
        );
        for rule in parts.concat() {
            let sent: Vec<String> = rule.sent.iter().map(ToString::to_string).collect();
            let reference = if rule.differs { "otherwise" } else { "" };
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {reference} |",
                rule.section,
                rule.text,
                sent.join(", ").replace('|', "\\|"),
                rule.expect,
            );
        }
    }
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("e2e/h2/conformance.md");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &text).expect("the table can be written");
    }
    let written = std::fs::read_to_string(&path).expect("the table");
    assert_eq!(written, text, "{}", path.display());
}

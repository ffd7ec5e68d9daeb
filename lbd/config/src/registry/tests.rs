use std::collections::BTreeSet;

use lbd_core::Level;

use super::*;
use crate::host::{Environment, MemoryHost};
use crate::lex::Reader;
use crate::loader::Sources;
use crate::section::{Section, Site};

/// Findings of one line in a section.
fn read(section: Section, line: &str) -> Vec<Diag> {
    // Lists of certificates are read with their line, certificates only later.
    let host = MemoryHost::new()
        .file("/var/run/netns/blue", "")
        .file("sites.list", "site.pem\n");
    let name = match section {
        Section::Global => String::new(),
        Section::HttpErrors | Section::UserList => " a".to_owned(),
        _ => " p".to_owned(),
    };
    let text = format!("{}{name}\n    {line}\n", section.name());
    let sources = Sources::from_text("t.cfg", text);
    let mut site = crate::section::read(&sources, Environment::new(&host));
    crate::section::findings(&mut site).0
}

fn sections(set: Sections) -> impl Iterator<Item = Section> {
    [
        Section::Global,
        Section::Defaults,
        Section::Frontend,
        Section::Listen,
        Section::Backend,
        Section::UserList,
        Section::HttpErrors,
        Section::Peers,
        Section::CrtStore,
        Section::Healthcheck,
    ]
    .into_iter()
    .filter(move |section| set.has(section.set()))
}

fn expect(section: Section, line: &str, wanted: Option<&str>) {
    let found = read(section, line);
    let alerts: Vec<&str> = found
        .iter()
        .filter(|diag| diag.level == Level::Alert)
        .map(|diag| diag.message.as_str())
        .collect();
    match wanted {
        None => assert!(
            alerts.is_empty(),
            "'{line}' in {}: {alerts:?}",
            section.name()
        ),
        Some(part) => assert!(
            alerts.iter().any(|message| message.contains(part)),
            "'{line}' in {}: {alerts:?} lack '{part}'",
            section.name()
        ),
    }
}

fn run(section: Section, before: &str, examples: &[Example]) {
    for example in examples {
        match example {
            Example::Ok(text) => expect(section, &format!("{before}{text}"), None),
            Example::Fail(text, part) => expect(section, &format!("{before}{text}"), Some(part)),
        }
    }
}

#[test]
fn every_directive_reads_its_examples_wherever_it_is_valid() {
    for directive in DIRECTIVES.iter().flat_map(|family| family.iter()) {
        assert!(!directive.examples.is_empty(), "{}", directive.name);
        for section in sections(directive.sections) {
            run(section, "", directive.examples);
        }
    }
}

#[test]
fn every_option_reads_its_examples_wherever_it_is_valid() {
    for option in OPTIONS.iter().flat_map(|family| family.iter()) {
        let set = match option.side {
            Side::Back => Sections::BACK,
            Side::Both => Sections::PROXY,
            Side::Front => Sections::FRONT,
        };
        for section in sections(set) {
            expect(section, &format!("option {}", bare(option)), None);
            run(section, "option ", option.examples);
            if matches!(option.kind, OptionKind::Flag) {
                expect(section, &format!("no option {}", option.name), None);
                expect(section, &format!("default option {}", option.name), None);
                let extra = format!("option {} x", option.name);
                expect(section, &extra, Some("unexpected argument"));
            }
        }
    }
}

/// The option as it can stand: some need an argument.
fn bare(option: &ProxyOption) -> &str {
    let ok = option.examples.iter().find_map(|example| match example {
        Example::Ok(text) => Some(*text),
        Example::Fail(..) => None,
    });
    ok.unwrap_or(option.name)
}

#[test]
fn every_word_of_a_bind_line_reads_its_example() {
    for option in BIND_OPTIONS.iter().flat_map(|family| family.iter()) {
        if option.example.is_empty() {
            expect(
                Section::Frontend,
                &format!(
                    "bind :80 {}{}",
                    option.name,
                    " 1".repeat(usize::from(option.args))
                ),
                Some("not supported anymore"),
            );
            continue;
        }
        expect(
            Section::Frontend,
            &format!("bind :80 {}", option.example),
            None,
        );
        if option.args > 0 {
            let lone = format!("bind :80 {}", option.name);
            expect(Section::Frontend, &lone, Some("'bind :80' : "));
        }
    }
}

#[test]
fn every_word_of_a_server_line_reads_its_example() {
    for option in SERVER_OPTIONS.iter().flat_map(|family| family.iter()) {
        if option.example.is_empty() {
            continue;
        }
        let line = format!("server s 127.0.0.1:80 {}", option.example);
        expect(Section::Backend, &line, None);
        let line = format!("default-server {}", option.example);
        match option.in_default {
            true => expect(Section::Backend, &line, None),
            false => expect(
                Section::Backend,
                &line,
                Some("not accepted in default-server"),
            ),
        }
        if option.args > 0 {
            let lone = format!("server s 127.0.0.1:80 {}", option.name);
            expect(Section::Backend, &lone, Some("'server p/s' : "));
        }
    }
}

#[test]
fn every_timeout_is_read_with_and_without_unit() {
    for timeout in TIMEOUTS {
        expect(
            Section::Listen,
            &format!("timeout {} 5000", timeout.name),
            None,
        );
        expect(
            Section::Listen,
            &format!("timeout {} 5s", timeout.name),
            None,
        );
        let far = format!("timeout {} 30d", timeout.name);
        expect(Section::Listen, &far, Some("timer overflow"));
    }
}

#[test]
fn names_are_unique_and_documented() {
    let mut seen = BTreeSet::new();
    for directive in DIRECTIVES.iter().flat_map(|family| family.iter()) {
        assert!(!directive.doc.is_empty());
        for section in sections(directive.sections) {
            assert!(
                seen.insert((section.name(), directive.name)),
                "{}",
                directive.name
            );
        }
    }
    let mut seen = BTreeSet::new();
    for option in SERVER_OPTIONS.iter().flat_map(|family| family.iter()) {
        assert!(seen.insert(option.name), "{}", option.name);
    }
    let mut seen = BTreeSet::new();
    for option in OPTIONS.iter().flat_map(|family| family.iter()) {
        assert!(seen.insert(option.name), "{}", option.name);
    }
}

#[test]
fn a_keyword_without_effect_is_told_once() {
    let host = MemoryHost::new();
    let sources = Sources::from_text("t.cfg", "global\n noepoll\n noepoll\n");
    let mut site: Site<'_> = crate::section::read(&sources, Environment::new(&host));
    let found = crate::section::findings(&mut site);
    assert_eq!(found.count(Level::Notice), 1);
    assert!(found.0[0].message.starts_with("'noepoll' has no effect: "));
    let _ = Reader::new(&sources);
}

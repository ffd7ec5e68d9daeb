//! Each action in each ruleset where it is allowed: examples, and what it does to a message.

mod effects;

use std::collections::BTreeSet;

use lbd_core::Level;

use super::*;
use crate::program::Verdict;
use crate::registry::Example;
use crate::rig::{Rig, Stage, show};

#[test]
fn every_example_does_what_it_says_in_each_ruleset() {
    for ruleset in Ruleset::ALL {
        for spec in actions(ruleset) {
            assert!(
                !spec.doc.is_empty() && !spec.examples.is_empty(),
                "{}",
                spec.name
            );
            for example in spec.examples {
                let mut rig = Rig::default();
                let text = |text: &str| text.replacen("set-x", spec.name, 1);
                match example {
                    Example::Ok(line) => {
                        let line = text(line);
                        let result = rig.rule(ruleset, &line);
                        assert!(result.is_ok(), "{} {line}: {result:?}", ruleset.name());
                        let alerts = rig.diags.count(Level::Alert);
                        assert_eq!(alerts, 0, "{line}: {:?}", rig.diags);
                    }
                    Example::Fail(line, message) => {
                        let line = text(line);
                        let fault = rig.rule(ruleset, &line).map(|_| ()).unwrap_err();
                        assert!(fault.message.contains(message), "{line}: {}", fault.message);
                    }
                }
            }
        }
    }
}

#[test]
fn supported_and_refused_actions_are_the_references() {
    let reference: BTreeSet<String> = include_str!("../../tests/data/haproxy-3.4-actions.txt")
        .lines()
        .map(String::from)
        .collect();
    let supported: BTreeSet<String> = keyword_lines().into_iter().collect();
    let mut refused = BTreeSet::new();
    for entry in UNSUPPORTED_ACTIONS {
        for ruleset in entry.rulesets {
            for name in entry.names {
                refused.insert(format!("{} {name}", ruleset.name()));
            }
        }
    }
    let unknown: Vec<_> = supported.difference(&reference).collect();
    assert!(unknown.is_empty(), "not in the reference: {unknown:?}");
    let both: Vec<_> = supported.intersection(&refused).collect();
    assert!(both.is_empty(), "both supported and refused: {both:?}");
    let missing: Vec<_> = reference
        .iter()
        .filter(|l| !supported.contains(*l) && !refused.contains(*l))
        .collect();
    assert!(
        missing.is_empty(),
        "neither supported nor refused: {missing:?}"
    );
    let file = include_str!("../../tests/data/haproxy-3.4-actions.txt");
    let in_order: Vec<_> = file
        .lines()
        .filter(|line| supported.contains(*line))
        .collect();
    assert_eq!(keyword_lines(), in_order);
    // The reference does not list what is built into its TCP rules, nor Lua's own names.
    let is_unlisted = |line: &str| {
        line.ends_with(" lua.*")
            || (line.starts_with("tcp-") && line.ends_with(" track-sc*"))
            || line.starts_with("http-after-response sc-")
    };
    let invented: Vec<_> = refused
        .iter()
        .filter(|l| !reference.contains(*l) && !is_unlisted(l))
        .collect();
    assert!(
        invented.is_empty(),
        "refused, but not in the reference: {invented:?}"
    );
}

#[test]
fn names_are_unique_in_each_ruleset() {
    for ruleset in Ruleset::ALL {
        let mut seen = BTreeSet::new();
        for spec in actions(ruleset) {
            assert!(seen.insert(spec.name), "{} {}", ruleset.name(), spec.name);
        }
    }
}

#[test]
fn an_unknown_action_is_refused_with_the_known_ones_and_the_nearest() {
    let mut rig = Rig::default();
    let fault = rig
        .rule(Ruleset::HttpRequest, "set-haeder X y")
        .map(|_| ())
        .unwrap_err();
    assert!(
        fault
            .message
            .starts_with("'http-request' expects 'add-acl(*)', 'add-header', ")
    );
    assert!(
        fault.message.ends_with(", but got 'set-haeder'."),
        "{}",
        fault.message
    );
    assert_eq!(fault.hint, "Did you mean 'set-header' maybe ?");
    let fault = rig.rule(Ruleset::HttpRequest, "").map(|_| ()).unwrap_err();
    assert!(
        fault.message.ends_with("but got '' (missing argument)."),
        "{}",
        fault.message
    );
}

#[test]
fn an_action_of_a_later_issue_is_refused_by_name() {
    let mut rig = Rig::default();
    let fault = rig
        .rule(Ruleset::HttpRequest, "cache-use c")
        .map(|_| ())
        .unwrap_err();
    assert_eq!(
        fault.message,
        "'http-request cache-use' is not supported yet"
    );
    assert_eq!(fault.hint, "It needs the cache.");
}

#[test]
fn faults_come_in_the_whole_sentence_when_the_proxy_is_known() {
    let mut rig = Rig::default();
    rig.names.title = Some("frontend 'www'".to_owned());
    let mut message = |text: &str| {
        rig.rule(Ruleset::HttpRequest, text)
            .map(|_| ())
            .unwrap_err()
            .message
    };
    assert_eq!(
        message("set-header X-A"),
        "error detected in frontend 'www' while parsing 'http-request set-header' rule : \
         expects exactly 2 arguments"
    );
    assert_eq!(
        message("deny unlike { always_true }"),
        "'http-request deny' expects either 'if' or 'unless' followed by a condition but found \
         'unlike'"
    );
}

#[test]
fn a_condition_decides_whether_the_rule_runs() {
    let mut rig = Rig::default();
    let step = rig
        .rule(Ruleset::HttpRequest, "deny unless { int(1) -m int 2 }")
        .unwrap();
    assert!(step.cond.is_some());
    assert!(step.is_final);
    assert_eq!(step.place.line, 7);
}

#[test]
fn an_edit_that_does_not_fit_fails_the_message_or_is_counted() {
    let mut rig = Rig::default();
    let step = rig
        .rule(Ruleset::HttpRequest, "set-header X-A 0123456789")
        .unwrap();
    let mut stage = Stage::of(Ruleset::HttpRequest);
    let head = stage.request.as_mut().unwrap();
    head.set_max_len(head.encoded_len() + 4);
    let before = show(stage.request.as_ref().unwrap());
    assert_eq!(stage.run(&step), Verdict::RewriteFailed);
    let lenient = rig.rule(Ruleset::HttpRequest, "strict-mode off").unwrap();
    assert_eq!(stage.run(&lenient), Verdict::Continue);
    assert_eq!(stage.run(&step), Verdict::Continue);
    assert_eq!(stage.stream.as_ref().unwrap().asked.failed_rewrites, 2);
    assert_eq!(show(stage.request.as_ref().unwrap()), before);
}

#[test]
fn content_type_without_a_body_is_a_warning() {
    let mut rig = Rig::default();
    rig.rule(
        Ruleset::HttpRequest,
        "return status 200 content-type text/plain",
    )
    .unwrap();
    assert_eq!(rig.diags.count(Level::Warning), 1);
    assert_eq!(
        rig.diags.0[0].message,
        "content-type 'text/plain' ignored by the http reply because neither errorfile nor \
         payload defined."
    );
}

#[test]
fn a_header_name_with_forbidden_characters_is_a_warning_unless_it_breaks_the_message() {
    let mut rig = Rig::default();
    rig.rule(Ruleset::HttpRequest, "set-header X-A: b").unwrap();
    assert_eq!(
        rig.diags.0[0].message,
        "header name 'X-A:' contains forbidden character ':'"
    );
    let words = [
        Word::new("set-header", crate::rig::SPAN),
        Word::new("X\r\nEvil", crate::rig::SPAN),
        Word::new("b", crate::rig::SPAN),
    ];
    let checkpoint = Ruleset::HttpRequest.checkpoint(false);
    let result = rig.at(checkpoint, |ctx| {
        parse_rule(Ruleset::HttpRequest, &words, ctx)
    });
    assert!(result.is_err());
}

#[test]
fn a_side_that_the_proxy_has_not_refuses_what_would_be_for_it() {
    let mut rig = Rig::default();
    rig.names.capabilities = (true, false);
    rig.names.title = Some("frontend 'www'".to_owned());
    let mut message = |text: &str| {
        let fault = rig.rule(Ruleset::HttpRequest, text).map(|_| ());
        fault.unwrap_err().message
    };
    assert_eq!(
        message("set-timeout server 3s"),
        "error detected in frontend 'www' while parsing 'http-request set-timeout' rule : \
         'www' has no backend capability"
    );
    assert_eq!(
        message("set-retries 3"),
        "error detected in frontend 'www' while parsing 'http-request set-retries' rule : \
         'set-retries' only available in backend or listen section"
    );
    rig.names.capabilities = (false, true);
    assert!(
        rig.rule(Ruleset::HttpRequest, "set-timeout client 3s")
            .is_err()
    );
    assert!(
        rig.rule(Ruleset::HttpRequest, "capture str(a) len 3")
            .is_err()
    );
    assert!(rig.rule(Ruleset::TcpContent, "switch-mode http").is_err());
    assert!(
        rig.rule(Ruleset::HttpRequest, "capture str(a) id 99")
            .is_ok()
    );
}

#[test]
fn only_what_changes_a_list_or_map_is_told() {
    for (rule, told) in [
        ("set-map(l) k 1", ""),
        ("set-map(l) k 2", "l k Some(\"2\")"),
        ("set-map(l) new 1", "l new Some(\"1\")"),
        ("del-map(l) k", "l k None"),
        ("del-map(l) other", ""),
        ("add-acl(l) k", ""),
        ("add-acl(l) new", "l new Some(\"\")"),
        ("del-acl(l) k", "l k None"),
        ("del-acl(l) other", ""),
    ] {
        let mut rig = Rig::default();
        let is_map = rule.contains("map");
        let usage = crate::pattern::Usage {
            what: "map".to_owned(),
            span: None,
        };
        let set = rig.patterns.add_file(None, "l", is_map, usage).unwrap();
        set.add(None, b"k", is_map.then_some(b"1")).unwrap();
        let step = rig.rule(Ruleset::HttpRequest, rule).unwrap();
        let mut stage = Stage::of(Ruleset::HttpRequest);
        stage.run(&step);
        assert_eq!(stage.world.changes.borrow().join(","), told, "{rule}");
    }
}

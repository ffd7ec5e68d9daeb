//! Fetches, converters, actions, words of ACLs and aliases of log formats.

use lbd_core::Checkpoint;
use lbd_rules::action::{self, Ruleset};
use lbd_rules::pattern::MatchKind;
use lbd_rules::registry::{Example, find_fetch};

use crate::collect;
use crate::places::{in_modes, lines, words};
use crate::trial::{MODES, PROXIES, Trial, Wanted, proxy};

/// Each example at each point: accepted where it is valid, refused elsewhere.
pub(crate) fn fetches_at(name: &str, expression: &str, valid: lbd_core::Checkpoints) -> Vec<Trial> {
    let mut trials = Vec::new();
    for point in Checkpoint::ALL {
        let wanted = match valid.contains(point) {
            true => Wanted::Accepted,
            false => Wanted::AsReference,
        };
        for place in lines(point, expression) {
            let title = format!("{name}: {}", place.name);
            trials.push(Trial::new(title, place.text, wanted));
        }
    }
    trials
}

/// All fetches.
pub(crate) fn fetches() -> Vec<Trial> {
    collect(lbd_rules::registry::fetches().flat_map(|fetch| {
        let texts = fetch.examples.iter().filter_map(accepted);
        texts.flat_map(|text| fetches_at(fetch.name, text, fetch.valid))
    }))
}

fn accepted(example: &Example) -> Option<&'static str> {
    match example {
        Example::Ok(text) => Some(text),
        Example::Fail(..) => None,
    }
}

/// All converters.
pub(crate) fn converters() -> Vec<Trial> {
    let all = lbd_rules::registry::converters();
    collect(all.flat_map(|converter| {
        let texts = converter.examples.iter().filter_map(accepted);
        texts.flat_map(|text| {
            let end = text.find([',', '(']).unwrap_or(text.len());
            let fetch = find_fetch(&text[..end]).expect("an example begins with a fetch");
            fetches_at(converter.name, text, fetch.valid)
        })
    }))
}

/// All actions: in each ruleset, in each kind of proxies that has its rules.
pub(crate) fn actions() -> Vec<Trial> {
    let mut trials = Vec::new();
    for ruleset in Ruleset::ALL {
        for spec in action::actions(ruleset) {
            for text in spec.examples.iter().filter_map(accepted) {
                let text = text.replacen("set-x", spec.name, 1);
                for end in ["", " if { src 127.0.0.1 }"] {
                    let line = format!("{} {}{end}", ruleset.name(), words(&text));
                    trials.extend(in_rules(ruleset, spec.name, &line));
                }
            }
        }
    }
    collect(trials)
}

fn in_rules(ruleset: Ruleset, action: &str, line: &str) -> Vec<Trial> {
    let kinds: &[&str] = match (ruleset, action) {
        (Ruleset::TcpConnection | Ruleset::TcpSession, _) => &["defaults", "frontend", "listen"],
        (_, "switch-mode") | (Ruleset::TcpContent, "capture") => &["frontend", "listen"],
        (_, "set-retries") => &["listen", "backend"],
        (Ruleset::TcpResponse, _) => &["defaults", "listen", "backend"],
        _ => &PROXIES,
    };
    let places = in_modes(&PROXIES, line).into_iter();
    places
        .map(|place| {
            let wanted = match kinds.contains(&place.kind) {
                true => Wanted::Accepted,
                false => Wanted::AsReference,
            };
            Trial::new(place.name, place.text, wanted)
        })
        .collect()
}

/// Keywords of ACLs, methods of matching with their flags, operators, and ready-made names.
pub(crate) fn acls() -> Vec<Trial> {
    let mut tests: Vec<String> = Vec::new();
    for keyword in lbd_rules::acl::keywords() {
        let Some(fetch) = find_fetch(keyword.fetch) else {
            continue;
        };
        let example = fetch.examples.iter().find_map(accepted);
        let rest = example.and_then(|text| text.strip_prefix(keyword.fetch));
        let pattern = match keyword.options().is_dotted {
            true => "3.1",
            false => pattern(keyword.kind),
        };
        tests.push(format!("{}{} {pattern}", keyword.name, rest.unwrap_or("")));
    }
    for (fetch, kind) in METHODS {
        let pattern = pattern(*kind);
        let word = kind.name();
        tests.push(format!("{fetch} -m {word} {pattern}"));
        tests.push(format!("{fetch} -m {word} -- {pattern}"));
        tests.push(format!("{fetch} -m {word} -i {pattern}"));
        tests.push(format!("{fetch} -u 7 -m {word} {pattern}"));
    }
    for operator in ["eq", "ge", "gt", "le", "lt"] {
        tests.push(format!("dst_port {operator} 80"));
    }
    tests.push("src -n 127.0.0.1".to_owned());
    tests.push("path -f words.lst".to_owned());
    tests.push("path,map_str(words.map) -m str a".to_owned());
    tests.push("path -M -f words.map".to_owned());
    let mut trials = Vec::new();
    for test in tests {
        for kind in PROXIES {
            for mode in MODES {
                let text = proxy(kind, mode, &format!("acl a {test}\n{}", user(mode, "a")));
                let title = format!("acl '{test}' in {kind}, mode {mode}");
                trials.push(Trial::new(title, text, Wanted::Accepted));
            }
        }
    }
    for (name, _) in lbd_rules::acl::PREDEFINED {
        for kind in PROXIES {
            for mode in MODES {
                let title = format!("{name} in {kind}, mode {mode}");
                let text = proxy(kind, mode, &user(mode, name));
                trials.push(Trial::new(title, text, Wanted::Accepted));
            }
        }
    }
    collect(trials)
}

/// A rule that any proxy of this mode may have.
fn user(mode: &str, acl: &str) -> String {
    match mode {
        "http" => format!("http-request deny if {acl}"),
        _ => format!("tcp-request content reject if {acl}"),
    }
}

/// A pattern of a method.
fn pattern(kind: MatchKind) -> &'static str {
    match kind {
        MatchKind::Int | MatchKind::Len => "1",
        MatchKind::Bin => "00",
        MatchKind::Ip => "127.0.0.1",
        MatchKind::Method => "GET",
        MatchKind::Bool | MatchKind::Found => "",
        _ => "a",
    }
}

/// Methods of `-m`, each with a fetch that it takes.
const METHODS: &[(&str, MatchKind)] = &[
    ("path", MatchKind::Beg),
    ("path", MatchKind::Bin),
    ("dst_port", MatchKind::Bool),
    ("path", MatchKind::Dir),
    ("path", MatchKind::Dom),
    ("path", MatchKind::End),
    ("path", MatchKind::Found),
    ("dst_port", MatchKind::Int),
    ("src", MatchKind::Ip),
    ("path", MatchKind::Len),
    ("path", MatchKind::Reg),
    ("path", MatchKind::Str),
    ("path", MatchKind::Sub),
];

/// Aliases in every format; those of HTTP in mode tcp as the reference has it.
pub(crate) fn aliases() -> Vec<Trial> {
    let mut trials = Vec::new();
    for alias in lbd_rules::logformat::alias::ALIASES {
        for flags in ["", "{+Q}", "{+E,+X}"] {
            let format = format!("'%{flags}{}'", alias.name);
            for mode in MODES {
                let wanted = match (alias.is_http, mode) {
                    (true, "tcp") => Wanted::AsReference,
                    _ => Wanted::Accepted,
                };
                for line in FORMATS {
                    let line = line.replace("<f>", &format);
                    for kind in ["defaults", "frontend", "listen"] {
                        let title = format!("'{line}' in {kind}, mode {mode}");
                        trials.push(Trial::new(title, proxy(kind, mode, &line), wanted));
                    }
                }
            }
        }
    }
    collect(trials)
}

/// Lines with a log format.
const FORMATS: [&str; 5] = [
    "log-format <f>",
    "error-log-format <f>",
    "log-format-sd <f>",
    "unique-id-format <f>",
    "http-request set-header x <f>",
];

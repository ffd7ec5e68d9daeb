//! Each keyword of the reference is supported, without effect, removed, or refused by name; and
//! each of ours is one of the reference's.

use std::collections::BTreeSet;

use lbd_config::directive::removed;
use lbd_config::registry::{self, Effect, Sections};
use lbd_config::unsupported;

/// Sections of the reference whose keywords are refused with them.
const REFUSED_SECTIONS: &[&str] = &["acme", "crt-list", "crt-store", "peers", "traces"];

fn reference() -> BTreeSet<String> {
    let listed = crate::support::text(&crate::support::data("keywords-3.4.txt"));
    let mut names = BTreeSet::new();
    let mut section = "";
    for line in listed.lines() {
        match line.strip_prefix('\t') {
            None => section = line,
            Some(_) if REFUSED_SECTIONS.contains(&section) => {}
            Some(keyword) => {
                names.extend(name(section, keyword));
            }
        }
    }
    let unlisted = crate::support::text(&crate::support::data("keywords-3.4-unlisted.txt"));
    names.extend(unlisted.lines().map(str::to_owned));
    names
}

/// `bind …`, `server …`, `option …` and first words; rules are the concern of `lbd-rules`.
fn name(section: &str, keyword: &str) -> Option<String> {
    if let Some(rest) = keyword.strip_prefix("bind <addr> ") {
        let word = rest
            .strip_prefix("ssl ")
            .unwrap_or(rest)
            .split(' ')
            .next()?;
        return Some(format!("bind {word}"));
    }
    if let Some(rest) = keyword.strip_prefix("server <name> <addr> ") {
        return Some(format!("server {}", rest.split(' ').next()?));
    }
    if let Some(rest) = keyword.strip_prefix("option ") {
        return Some(format!("option {}", rest.split(' ').next()?));
    }
    match keyword.contains(' ') {
        true => None,
        false => Some(format!("{section} {keyword}")),
    }
}

fn ours() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for directive in registry::DIRECTIVES.iter().flat_map(|family| family.iter()) {
        for (set, section) in [
            (Sections::GLOBAL, "global"),
            (Sections::PROXY, "listen"),
            (Sections::USERLIST, "userlist"),
        ] {
            if directive.sections.meets(set) {
                names.insert(format!("{section} {}", directive.name));
            }
        }
    }
    let options = registry::OPTIONS.iter().flat_map(|family| family.iter());
    names.extend(options.map(|option| format!("option {}", option.name)));
    names.extend(
        registry::TIMEOUTS
            .iter()
            .map(|timeout| format!("timeout {}", timeout.name)),
    );
    let binds = registry::BIND_OPTIONS
        .iter()
        .flat_map(|family| family.iter());
    names.extend(binds.map(|option| format!("bind {}", option.name)));
    let servers = registry::SERVER_OPTIONS
        .iter()
        .flat_map(|family| family.iter());
    names.extend(servers.map(|option| format!("server {}", option.name)));
    names
}

fn refused() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (class, list) in [
        ("global", unsupported::GLOBAL),
        ("listen", unsupported::PROXY),
        ("option", unsupported::OPTIONS),
        ("bind", unsupported::BIND_OPTIONS),
        ("server", unsupported::SERVER_OPTIONS),
    ] {
        let sorted = list.windows(2).all(|pair| pair[0].name < pair[1].name);
        assert!(sorted, "{class} is searched by halves");
        names.extend(list.iter().map(|entry| format!("{class} {}", entry.name)));
    }
    names
}

fn gone() -> BTreeSet<String> {
    let keywords = removed::KEYWORDS.iter().map(|removed| {
        let class = if removed.in_global {
            "global"
        } else {
            "listen"
        };
        format!("{class} {}", removed.name)
    });
    let options = removed::OPTIONS
        .iter()
        .map(|removed| format!("option {}", removed.name));
    keywords.chain(options).collect()
}

/// Ours that the reference has under no name of its own lists.
const NOT_LISTED: &[&str] = &[
    // Known to the reference only when built with QUIC.
    "bind quic-cc-algo",
    "bind quic-force-retry",
    "bind quic-socket",
    "listen quic-initial",
    // The word before the words of TLS.
    "bind ssl",
    // lbd's own.
    "global table-snapshots",
    // Gone for long; the reference names another option.
    "option http-use-htx",
];

#[test]
fn every_keyword_of_the_reference_is_accounted_for() {
    let (ours, refused, gone) = (ours(), refused(), gone());
    let known: BTreeSet<String> = ours.union(&refused).chain(&gone).cloned().collect();
    let reference = reference();
    let lacking: Vec<&String> = reference.difference(&known).collect();
    assert!(
        lacking.is_empty(),
        "neither supported nor refused: {lacking:?}"
    );
    let extra: Vec<&String> = known
        .difference(&reference)
        .filter(|name| !NOT_LISTED.contains(&name.as_str()))
        .collect();
    assert!(extra.is_empty(), "not the reference's: {extra:?}");
}

#[test]
fn no_keyword_is_both_supported_and_refused() {
    let (ours, refused, gone) = (ours(), refused(), gone());
    assert_eq!(
        ours.intersection(&refused).collect::<Vec<_>>(),
        Vec::<&String>::new()
    );
    assert_eq!(
        ours.intersection(&gone).collect::<Vec<_>>(),
        Vec::<&String>::new()
    );
    assert_eq!(
        refused.intersection(&gone).collect::<Vec<_>>(),
        Vec::<&String>::new()
    );
}

#[test]
fn the_dump_of_keywords_has_the_references_form() {
    let mut out = String::new();
    registry::dump_keywords("cfg", &mut out);
    let listed = crate::support::text(&crate::support::data("keywords-3.4.txt"));
    let known: BTreeSet<&str> = listed.lines().collect();
    let ours: Vec<&str> = out.lines().collect();
    assert_eq!(ours[0], "# List of registered configuration keywords:");
    assert_eq!(ours[1], "global");
    for line in [
        "\tserver <name> <addr> weight +1",
        "\tserver <name> <addr> check",
        "\tbind <addr> accept-proxy",
        "\toption abortonclose [ FE BE ]",
        "\toption checkcache [ BE HTTP ]",
        "\ttune.bufsize",
    ] {
        assert!(ours.contains(&line), "{line}");
        assert!(known.contains(line), "{line}");
    }
    let missing: Vec<&str> = ours
        .iter()
        .filter(|line| line.starts_with("\tserver <") || line.starts_with("\tbind <"))
        .filter(|line| !known.contains(*line))
        .copied()
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn few_settings_are_without_effect() {
    let directives = registry::DIRECTIVES.iter().flat_map(|family| family.iter());
    let idle = directives.filter(|directive| directive.effect != Effect::Supported);
    for directive in idle {
        let Effect::NoEffect(reason) = directive.effect else {
            continue;
        };
        assert!(reason.len() > 10, "{} says why", directive.name);
    }
}

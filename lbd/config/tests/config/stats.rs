//! `stats` in proxies: what is refused, what is warned of, what sections hand down.

use lbd_config::config::Config;
use lbd_config::host::MemoryHost;
use lbd_config::loader::Sources;
use lbd_config::render;

/// What is said of lines in a section of this word, and the configuration that comes of them.
fn load(section: &str, lines: &str) -> (String, Option<Config>) {
    let times = "timeout connect 1s\ntimeout client 1s\ntimeout server 1s\n";
    let proxy = |lines: &str, word: &str| {
        let bind = if word == "backend" { "" } else { "bind :80\n" };
        format!("{word} p\n{bind}{lines}\n")
    };
    let text = match section {
        "defaults" => format!(
            "defaults\nmode http\n{times}{lines}\n{}",
            proxy("", "listen")
        ),
        word => format!("defaults\nmode http\n{times}{}", proxy(lines, word)),
    };
    read(&text)
}

fn read(text: &str) -> (String, Option<Config>) {
    let sources = Sources::from_text("x.cfg", text);
    let (config, diags) = lbd_config::load(&sources, &MemoryHost::new());
    (render::render(&diags, &sources, 1, false), config)
}

#[test]
fn faulty_lines_are_refused_in_the_words_of_the_reference() {
    let cases = [
        (
            "stats",
            "missing keyword in 'stats', expects 'admin', 'uri'",
        ),
        (
            "stats foo",
            "unknown stats parameter 'foo', expects 'admin'",
        ),
        (
            "stats bind-process 1",
            "unknown stats parameter 'bind-process'",
        ),
        ("stats uri", "'uri' needs an URI prefix."),
        ("stats realm", "'realm' needs an realm name."),
        ("stats auth", "'auth' needs a user:password account."),
        ("stats scope", "'scope' needs a proxy name."),
        (
            "stats refresh x",
            "unexpected character 'x' in argument to stats refresh interval.",
        ),
        (
            "stats refresh 5x",
            "unexpected character 'x' in argument to stats refresh interval.",
        ),
        (
            "stats refresh 99999999999d",
            "timer overflow in argument '99999999999d' to 'stats",
        ),
        ("stats show-node a/b", "'stats show-node' invalid node name"),
    ];
    for (line, wanted) in cases {
        for section in ["defaults", "frontend", "listen", "backend"] {
            let (said, config) = load(section, line);
            assert!(config.is_none(), "{section}: {line}: {said}");
            assert!(said.contains(wanted), "{section}: {line}: {said}");
        }
    }
}

#[test]
fn conditions_and_rules_stand_in_proxies_only() {
    let cases = [
        (
            "stats admin if TRUE",
            "'stats admin' not allowed in 'defaults' section.",
        ),
        (
            "stats http-request allow",
            "'stats' not allowed in 'defaults' section.",
        ),
    ];
    for (line, wanted) in cases {
        let (said, config) = load("defaults", line);
        assert!(config.is_none() && said.contains(wanted), "{said}");
        for section in ["frontend", "listen", "backend"] {
            let (said, config) = load(section, line);
            assert!(config.is_some(), "{section}: {said}");
        }
    }
    let faults = [
        (
            "stats admin",
            "'stats admin' requires either 'if' or 'unless' followed by a condition.",
        ),
        (
            "stats admin TRUE",
            "'stats admin' requires either 'if' or 'unless'",
        ),
        (
            "stats admin if nope",
            "error detected while parsing a 'stats admin' rule : no such ACL",
        ),
        (
            "stats http-request",
            "'stats http-request' expects an action",
        ),
        ("stats http-request foo", "'http-request' expects"),
        ("stats http-request auth realm", "missing realm value"),
        (
            "stats http-request deny foo",
            "expects either 'if' or 'unless' followed by a condition",
        ),
        (
            "stats auth a:b\nstats http-request allow if TRUE",
            "stats 'auth'/'realm' and 'http-request' can't be used at the same time.",
        ),
    ];
    for (lines, wanted) in faults {
        let (said, config) = load("listen", lines);
        assert!(config.is_none() && said.contains(wanted), "{lines}: {said}");
    }
}

#[test]
fn what_cannot_take_effect_is_warned_of() {
    let cases = [
        (
            "stats auth a:b\nstats auth a:c",
            "ignoring duplicated user 'a'.",
        ),
        (
            "stats http-request allow\nstats http-request deny",
            "previous 'stats' action has no condition attached, further entries are NOOP.",
        ),
        (
            "stats show-desc",
            "'show-desc' requires a parameter or 'desc' to be set in the global",
        ),
        (
            "mode tcp\nstats enable",
            "'stats' statement ignored for proxy 'p' as it requires HTTP",
        ),
        (
            "stats uri /a /b",
            "'stats uri' cannot handle unexpected argument '/b'. It is ignored",
        ),
    ];
    for (lines, wanted) in cases {
        let (said, config) = load("listen", lines);
        assert!(
            config.is_some() && said.contains("[WARNING]"),
            "{lines}: {said}"
        );
        assert!(said.contains(wanted), "{lines}: {said}");
    }
}

#[test]
fn a_section_takes_the_page_of_its_defaults_whole_or_not_at_all() {
    let text = "global\nnode here\ndefaults\nmode http\ntimeout client 1s\nstats uri /d\n\
                stats scope .\nstats refresh 2m\nstats show-node\nstats show-version\n\
                frontend inherits\nbind :80\nfrontend own\nbind :81\nstats show-legends\n\
                stats show-desc one  two\nstats hide-version\n";
    let (said, config) = read(text);
    let config = config.unwrap_or_else(|| panic!("{said}"));
    let page = |name: &str| config.proxy(name).unwrap().stats.as_ref().unwrap();
    let inherited = page("inherits");
    assert_eq!(&*inherited.uri, b"/d");
    assert_eq!(inherited.refresh, Some(std::time::Duration::from_secs(120)));
    assert_eq!(inherited.node.as_deref(), Some("here"));
    assert_eq!(inherited.scopes.len(), 1);
    assert!(inherited.shows_version && !inherited.shows_legends);
    let own = page("own");
    assert_eq!(&*own.uri, b"/haproxy?stats");
    assert_eq!(own.refresh, None);
    assert_eq!(own.description.as_deref(), Some("one two"));
    assert!(own.scopes.is_empty() && own.node.is_none());
    assert!(own.shows_legends && !own.shows_version);
}

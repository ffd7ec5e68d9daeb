use lbd_core::Level;

use super::*;
use crate::config::Mode;
use crate::host::MemoryHost;

fn draft(text: &str) -> (crate::draft::Draft, Diags) {
    let host = MemoryHost::new();
    let sources = Sources::from_text("a.cfg", text);
    let mut site = read(&sources, Environment::new(&host));
    let diags = findings(&mut site);
    (site.draft, diags)
}

#[test]
fn a_proxy_takes_the_defaults_before_it_or_those_that_it_names() {
    let (draft, diags) = draft(
        "defaults one\n mode http\n retries 1\ndefaults two from one\n retries 2\n\
         backend a from one\nbackend b\ndefaults\nbackend c\n",
    );
    assert_eq!(diags.count(Level::Alert), 0, "{diags:?}");
    let retries: Vec<_> = draft.proxies.iter().map(|p| p.settings.retries).collect();
    assert_eq!(retries, [Some(1), Some(2), None]);
    let modes: Vec<_> = draft.proxies.iter().map(|p| p.settings.mode).collect();
    assert_eq!(modes, [Some(Mode::Http), Some(Mode::Http), None]);
}

#[test]
fn no_and_default_cancel_options_of_the_defaults() {
    let (draft, diags) = draft(
        "defaults\n option dontlognull\n option redispatch\nfrontend a\n no option dontlognull\n\
         frontend b\n default option dontlognull\nbackend c\n no option redispatch\n",
    );
    assert_eq!(diags.count(Level::Alert), 0, "{diags:?}");
    assert_eq!(
        draft.proxies[0].settings.flags.get("dontlognull"),
        Some(&false)
    );
    assert_eq!(draft.proxies[1].settings.flags.get("dontlognull"), None);
    assert_eq!(draft.proxies[2].settings.redispatch, None);
}

#[test]
fn an_unsupported_section_is_refused_once() {
    let (_, diags) = draft("resolvers r\n nameserver a 192.0.2.1:53\n hold valid 10s\n");
    assert_eq!(diags.0.len(), 1);
    assert!(
        diags.0[0]
            .message
            .starts_with("'resolvers' is not supported yet")
    );
}

#[test]
fn a_section_goes_on_behind_a_faulty_first_line() {
    let (draft, diags) = draft("listen a 0.0.0.0:80\n maxcon 3\n mode http\n");
    let messages: Vec<&str> = diags.0.iter().map(|d| d.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "please use the 'bind' keyword for listening addresses.",
            "unknown keyword 'maxcon' in 'listen' section; did you mean 'maxconn' maybe ?"
        ]
    );
    assert_eq!(draft.proxies[0].settings.mode, Some(Mode::Http));
}

#[test]
fn an_own_check_rule_replaces_those_of_the_defaults() {
    let (draft, diags) = draft(
        "defaults\n option httpchk\n http-check expect status 200\n\
         backend a\nbackend b\n http-check expect status 201\n http-check expect status 202\n",
    );
    assert_eq!(diags.count(Level::Alert), 0, "{diags:?}");
    assert_eq!(draft.proxies[0].settings.check.http.len(), 1);
    assert_eq!(draft.proxies[1].settings.check.http.len(), 2);
}

#[test]
fn rules_of_defaults_are_for_proxies_of_one_kind() {
    let start = "defaults d\n mode http\n http-request set-header x y\n\
                 defaults t\n tcp-response content accept\n\
                 defaults e\n tcp-request session accept\n";
    for (users, wanted) in [
        ("frontend a from d\nfrontend b from d\nbackend c\n", None),
        ("backend a from d\nbackend b from d\n", None),
        (
            "frontend a from d\nbackend b from d\n",
            Some("frontends and backends cannot"),
        ),
        (
            "backend a from d\nfrontend b from d\n",
            Some("frontends and backends cannot"),
        ),
        (
            "frontend a from t\n",
            Some("a frontend section cannot inherit"),
        ),
        ("backend a from t\n", None),
        (
            "backend a from e\n",
            Some("a backend section cannot inherit"),
        ),
        ("frontend a from e\n", None),
        ("listen a from d\n", Some("a listen section cannot inherit")),
        (
            "defaults u from d\n",
            Some("a defaults section cannot inherit"),
        ),
    ] {
        let (_, diags) = draft(&format!("{start}defaults\n{users}"));
        let first = diags.0.iter().find(|diag| diag.level == Level::Alert);
        match (first, wanted) {
            (None, None) => {}
            (Some(diag), Some(text)) => assert!(diag.message.starts_with(text), "{diag:?}"),
            other => panic!("{users}: {other:?}"),
        }
    }
}

#[test]
fn words_of_one_side_are_refused_or_ignored_on_the_other() {
    for (line, wanted) in [
        (
            "frontend a\n retry-on none",
            Some("'retry-on' only available in backend or listen"),
        ),
        (
            "frontend a\n hash-preserve-affinity maxconn",
            Some("only available in backend or"),
        ),
        (
            "backend a\n declare capture request len 9",
            Some("'declare' only available in frontend"),
        ),
        (
            "frontend a\n server s 127.0.0.1:1",
            Some("'server' not allowed because frontend 'a'"),
        ),
        (
            "frontend a\n default-server check",
            Some("'default-server' not allowed because"),
        ),
        (
            "frontend a\n tcp-response content accept",
            Some("only allowed in 'backend' sections"),
        ),
        ("frontend a\n retries 3", None),
        ("frontend a\n option allbackups", None),
        ("backend a\n maxconn 3", None),
    ] {
        let (_, diags) = draft(&format!("{line}\n"));
        let first = diags.0.iter().find(|diag| diag.level == Level::Alert);
        match (first, wanted) {
            (None, None) => assert_eq!(diags.count(Level::Warning), 1, "{line}"),
            (Some(diag), Some(text)) => assert!(diag.message.contains(text), "{diag:?}"),
            other => panic!("{line}: {other:?}"),
        }
    }
}

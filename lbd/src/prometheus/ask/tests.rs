use super::*;

fn ask(query: &str) -> Ask {
    Ask::parse(query.as_bytes()).expect("a query that is right")
}

#[test]
fn all_is_wanted_unless_a_scope_is_given() {
    for query in ["", "foo=bar", "scope=*", "scope=&scope=*", "no-maint"] {
        assert!(ask(query).has(Scope::Global), "{query}");
        assert!(ask(query).has(Scope::Server), "{query}");
    }
    let two = ask("scope=frontend&scope=%62ackend");
    assert!(two.has(Scope::Frontend) && two.has(Scope::Backend) && !two.has(Scope::Server));
    assert!(!ask("scope=*&scope=").has(Scope::Frontend));
    assert!(!ask("scope=resolver").has(Scope::Frontend));
}

#[test]
fn names_are_included_or_excluded() {
    let some = ask("metrics=a,b&metrics=-b");
    assert!(some.wants("a") && !some.wants("b") && !some.wants("c"));
    let but = ask("metrics=-a,-b");
    assert!(!but.wants("a") && but.wants("c"));
    assert!(ask("metrics=").wants("a") && ask("metrics=,").wants("a"));
}

#[test]
fn what_is_wrong_is_said() {
    for (query, fault) in [
        ("scope=nope", "unknown scope 'nope'"),
        ("scope", "the parameter 'scope' needs a value"),
        ("scope=Global", "unknown scope 'Global'"),
        ("metrics=%zz", "malformed percent coding"),
    ] {
        assert_eq!(Ask::parse(query.as_bytes()).expect_err(query), fault);
    }
}

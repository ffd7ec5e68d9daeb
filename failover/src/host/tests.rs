use vrrp_config::Host;

use super::{Machine, braces, like};

#[test]
fn patterns_match_as_in_a_shell() {
    let matches = |name: &str, pattern: &str| {
        let (name, pattern): (Vec<char>, Vec<char>) =
            (name.chars().collect(), pattern.chars().collect());
        like(&name, &pattern)
    };
    assert!(matches("a.conf", "*.conf"));
    assert!(matches("a.conf", "[a-c].c?nf"));
    assert!(!matches("d.conf", "[!a-e].conf"));
    assert!(!matches("a.con", "*.conf"));
}

#[test]
fn braces_give_alternatives_within_each_other() {
    assert_eq!(
        braces("{foo/{,cat,dog},bar}", 0),
        ["foo/", "foo/cat", "foo/dog", "bar"]
    );
}

#[test]
fn a_missing_directory_matches_nothing() {
    let machine = Machine::new(Some("x".to_owned()));
    assert!(machine.glob("/nonexistent", "*.conf").is_empty());
}

//! What is said at the start about certificates that will not do, and keys that others may read.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;

use super::*;

/// What a check of a configuration with this certificate says about it.
fn said_of(bundle: &str, mode: u32) -> Vec<String> {
    let files = support::TempDir::new();
    let path = files.write("site.pem", bundle);
    set_permissions(&path, Permissions::from_mode(mode)).expect("permissions");
    let text = "frontend web
    bind <front> ssl crt <site>
    http-request return status 200
";
    let checked = program(&Program::Lbd, text)
        .with("site", path.display())
        .check();
    assert_eq!(checked.code, Some(0), "{checked}");
    let lines = checked.stderr.lines();
    let about = lines.filter(|line| line.contains("site.pem'"));
    let words = about.map(|line| {
        let (_, words) = line.split_once("site.pem' : ").expect("its words");
        assert!(line.starts_with("[WARNING]"), "{line}");
        words.to_owned()
    });
    words.collect()
}

#[test]
fn certificates_out_of_their_time_are_told_and_served_all_the_same() {
    let authority = Authority::new("CA");
    let names = ["a.test"];
    let good = authority.leaf(&names).bundle();
    assert_eq!(said_of(&good, 0o600), Vec::<String>::new());
    let expired = said_of(&authority.expired_leaf(&names).bundle(), 0o600);
    assert_eq!(
        expired,
        ["the certificate has expired; it is served all the same."]
    );
    let future = said_of(&authority.future_leaf(&names).bundle(), 0o600);
    assert_eq!(
        future,
        ["the certificate is not valid yet; it is served all the same."]
    );
}

#[test]
fn keys_that_everybody_may_read_are_told() {
    let bundle = Authority::new("CA").leaf(&["a.test"]).bundle();
    for (mode, is_told) in [(0o600, false), (0o640, false), (0o644, true)] {
        assert_eq!(!said_of(&bundle, mode).is_empty(), is_told, "{mode:o}");
    }
}

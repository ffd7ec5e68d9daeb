use super::{MAX_LINES, Source, machine_paths, source, stale, top_level};

fn findings(path: &str, text: &str) -> Vec<String> {
    source(&Source::new(path, text))
}

/// Exactly one finding, which names this.
#[track_caller]
fn finds(text: &str, part: &str) {
    let found = findings("a/b.rs", text);
    assert!(
        matches!(&found[..], [one] if one.contains(part)),
        "{part:?} in {found:?}"
    );
}

#[test]
fn orderly_text_passes() {
    let text = "//! It.\n#[cfg(test)]\nmod tests;\n// todos are unfinished\nfn attest_it() {}\n\
                const TEXT: &str = \"#[ignore] todo!() mod tests { TODO\";\n";
    assert_eq!(findings("a/b.rs", text), [""; 0]);
    assert_eq!(
        findings("a/b.rs", "// MYTODO and TODOS are words\n"),
        [""; 0]
    );
}

#[test]
fn unwanted_code_is_found_with_its_line() {
    finds("x();\nmod tests { }", "a/b.rs:2: `mod tests {`");
    finds("#[ignore = \"slow\"]\nfn x() {}", "a/b.rs:1: `#[ignore`");
    finds("fn x() { todo!() }", "todo!(");
    finds("fn x() { unimplemented!() }", "unimplemented!(");
    finds("#[test]\nfn test_it() {}", "a/b.rs:2: `fn test_`");
    finds("// TODO: later", "TODO: do it now");
    finds("/* a\n FIXME */", "a/b.rs:2: FIXME");
}

#[test]
fn a_mod_rs_is_found() {
    assert!(findings("a/mod.rs", "")[0].contains("name it `foo.rs`"));
}

#[test]
fn unsafe_without_a_reason_is_found() {
    finds("#[allow(unsafe_code)]\nfn x() {}", "a/b.rs:1: say in");
    finds(
        "/// A documented item.\n#[allow(unsafe_code)]\nfn x() {}",
        "a/b.rs:2: say in",
    );
    assert_eq!(
        findings("a.rs", "#[allow(unsafe_code, reason = \"fork\")]\n"),
        [""; 0]
    );
    assert_eq!(
        findings(
            "a.rs",
            "// only before threads start\n#[allow(unsafe_code)]\n"
        ),
        [""; 0]
    );
}

#[test]
fn a_long_file_is_found() {
    assert_eq!(findings("a.rs", &"x();\n".repeat(MAX_LINES)), [""; 0]);
    finds(&"x();\n".repeat(MAX_LINES + 1), "801 lines, more than 800");
}

#[test]
fn an_exception_without_need_or_reason_is_found() {
    let long = [
        Source::new("a.rs", &"x();\n".repeat(MAX_LINES + 1)),
        Source::new("b.rs", ""),
    ];
    assert_eq!(stale(&[("a.rs", "one table")], &long), [""; 0]);
    for exception in [
        ("a.rs", ""),
        ("b.rs", "one table"),
        ("gone.rs", "one table"),
    ] {
        assert_eq!(stale(&[exception], &long).len(), 1, "{exception:?}");
    }
}

#[test]
fn a_directory_of_a_build_machine_is_found() {
    let roots = super::MACHINE_ROOTS;
    for text in [
        format!("x = \"/{}/y\"", roots[0]),
        format!("cd /{}/y", roots[1]),
    ] {
        assert_eq!(machine_paths("a.sh", &text).len(), 1, "{text}");
    }
    for text in [
        format!("src/{}/y", roots[0]),
        format!("$x/usr/{}/y", roots[1]),
    ] {
        assert_eq!(machine_paths("a.sh", &text), [""; 0], "{text}");
    }
}

#[test]
fn a_new_entry_at_the_top_is_found() {
    let entries = ["lbd", ".ci", "docs"].map(str::to_owned);
    let found = top_level(&entries);
    assert!(
        matches!(&found[..], [one] if one.starts_with("docs: ")),
        "{found:?}"
    );
}

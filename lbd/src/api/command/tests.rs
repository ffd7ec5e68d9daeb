use super::*;

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn the_longest_match_is_the_command() {
    assert_eq!(
        find(&words("show servers state be")).unwrap().words,
        ["show", "servers", "state"]
    );
    assert_eq!(
        find(&words("set server b/s weight 3")).unwrap().words,
        ["set", "server"]
    );
    assert!(find(&words("show")).is_none());
    assert!(find(&[]).is_none());
}

#[test]
fn usages_are_unique_and_begin_with_their_words() {
    let all = commands();
    for pair in all.windows(2) {
        assert!(pair[0].usage < pair[1].usage, "{} twice", pair[0].usage);
    }
    for command in all {
        assert!(
            command.usage.starts_with(&command.words.join(" ")),
            "{}",
            command.usage
        );
        assert!(!command.describe.is_empty());
    }
}

#[test]
fn an_unknown_command_gets_the_likely_ones() {
    let mut out = String::new();
    unknown(AccessLevel::Admin, &words("show servers"), &mut out);
    assert!(out.starts_with("Unknown command: 'show'"), "{out}");
    assert!(out.contains("show servers state"), "{out}");
    assert!(!out.contains("show info"), "{out}");
    assert!(out.contains("quit"), "{out}");
}

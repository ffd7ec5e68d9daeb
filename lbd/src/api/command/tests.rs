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
    let caller = Caller::new(AccessLevel::Admin, lbd_config::config::SeverityOutput::None);
    unknown(&caller, &words("show servers"), &mut out);
    assert!(out.starts_with("Unknown command: 'show'"), "{out}");
    assert!(out.contains("show servers state"), "{out}");
    assert!(!out.contains("show info"), "{out}");
    assert!(out.contains("quit"), "{out}");
}

#[test]
fn what_is_refused_by_name_is_no_command() {
    for entry in refused::REFUSED {
        let words: Vec<String> = entry.words.iter().map(|word| (*word).to_owned()).collect();
        assert!(find(&words).is_none(), "{words:?}");
        let refusal = refused::refusal(&words).unwrap();
        assert!(refusal.contains(entry.reason), "{refusal}");
    }
    assert!(refused::refusal(&words("show stat")).is_none());
}

#[test]
fn help_tells_of_experimental_commands_when_they_may_be_used() {
    let mut caller = Caller::new(AccessLevel::Admin, lbd_config::config::SeverityOutput::None);
    let told = |caller: &Caller| {
        let mut out = String::new();
        list(caller, &[], &mut out);
        out
    };
    assert!(!told(&caller).contains("set var"));
    caller.is_experimental = true;
    assert!(told(&caller).contains("set var"));
    assert!(!told(&caller).contains("experimental-mode"));
    caller.lower(AccessLevel::Operator);
    assert!(!told(&caller).contains("set var"));
}

#[test]
fn commands_about_one_entry_are_known_by_their_line() {
    for line in [
        "show table t1 key 10.0.0.1\n",
        "set table t1 key a data.gpc0 1\n",
        "clear  table P/t2 key x\r\n",
    ] {
        assert!(is_of_one_entry(line.as_bytes()), "{line}");
    }
    for line in [
        "show table t1 key 10.0.0.1",
        "show table t1\n",
        "show table t1 data.gpc0 gt 1\n",
        "show table t1 key a; show peers\n",
        "show table t1 key a\nshow peers\n",
        "set table t1 key a <<\n",
        "show peers\n",
        "\n",
        "",
    ] {
        assert!(!is_of_one_entry(line.as_bytes()), "{line}");
    }
}

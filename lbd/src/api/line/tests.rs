use super::*;

fn words(line: &str) -> Vec<Vec<String>> {
    split(line)
        .into_iter()
        .map(|command| command.words)
        .collect()
}

#[test]
fn semicolons_part_commands_unless_escaped() {
    assert_eq!(
        words("show info;show stat"),
        [["show", "info"], ["show", "stat"]]
    );
    assert_eq!(words("echo a b\\;c"), [["echo", "a", "b;c"]]);
    assert_eq!(words("echo a\\ b \\\\"), [["echo", "a b", "\\"]]);
    assert_eq!(words(""), [Vec::<String>::new()]);
}

#[test]
fn a_payload_mark_is_not_a_word() {
    let commands = split("add map #0 <<END");
    assert_eq!(commands[0].words, ["add", "map", "#0"]);
    assert_eq!(commands[0].payload_mark.as_deref(), Some("END"));
    assert_eq!(split("add map #0 <<")[0].payload_mark.as_deref(), Some(""));
}

#[test]
fn words_beyond_the_limit_are_dropped() {
    let line = "x ".repeat(1000);
    assert_eq!(split(&line)[0].words.len(), MAX_WORDS);
}

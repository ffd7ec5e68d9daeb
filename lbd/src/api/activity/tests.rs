use super::*;

#[test]
fn times_have_four_digits() {
    for (nanos, text) in [
        (0, "      -   "),
        (7, "   7.000ns"),
        (982, "   982.0ns"),
        (1_110, "   1.110us"),
        (83_790, "   83.79us"),
        (3_268_000, "   3.268ms"),
        (1_500_000_000_000, "     1500s"),
    ] {
        assert_eq!(cell(Duration::from_nanos(nanos)), text);
    }
}

#[test]
fn words_choose_what_of_a_profile_is_shown() {
    let parse = |line: &str| {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Shown::parse(&words)
    };
    let shown = parse("tasks bytime 3").unwrap();
    assert!(!shown.status && shown.tasks && shown.is_by_time);
    assert_eq!(shown.lines, 3);
    let shown = parse("memory").unwrap();
    assert!(!shown.status && !shown.tasks);
    assert!(parse("").is_some_and(|shown| shown.status && shown.tasks));
    assert!(parse("x").is_none());
    assert!(parse("-3").is_none());
}

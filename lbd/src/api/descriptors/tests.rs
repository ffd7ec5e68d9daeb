use super::*;

fn parse(line: &str) -> Option<Wanted> {
    let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    Wanted::parse(&words)
}

#[test]
fn letters_choose_classes_and_may_be_inverted() {
    let has = |line: &str, class| parse(line).unwrap().has(7, class);
    assert!(has("", Class::Other));
    assert!(has("l", Class::Listener) && !has("l", Class::Pipe));
    assert!(has("-l", Class::Pipe) && !has("-l", Class::Listener));
    assert!(has("c!f", Class::Server) && !has("c!f", Class::Front));
    assert!(has("pl", Class::Pipe) && has("pl", Class::Listener));
    assert!(!has("s", Class::Dispatch) && has("b", Class::Dispatch));
    assert_eq!(parse("x"), None);
    assert_eq!(parse("/7"), None);
}

#[test]
fn a_number_may_have_a_group_before_it() {
    for line in ["7", "1/7"] {
        let wanted = parse(line).unwrap();
        assert!(
            wanted.has(7, Class::Pipe) && !wanted.has(8, Class::Pipe),
            "{line}"
        );
    }
    assert!(parse("1/").unwrap().has(8, Class::Pipe));
}

use super::Source;

#[test]
fn comments_and_literals_are_told_from_code() {
    let text = "let a = \"x // no\"; // yes \"q\"\nlet b = r#\"raw \" \"#; /* in\nner */ c('\"'); d::<'a>();";
    let source = Source::new("a.rs", text);
    assert_eq!(source.code[0].trim_end(), "let a =          ;");
    assert_eq!(source.comments[0].trim(), "// yes \"q\"");
    assert_eq!(source.code[1].trim_end(), "let b =            ;");
    assert_eq!(source.comments[1].trim(), "/* in");
    assert_eq!(source.code[2].trim(), "c(   ); d::<'a>();");
}

#[test]
fn an_escaped_quote_does_not_end_a_string() {
    let source = Source::new("a.rs", r#"f("\"todo", b"\\", '\''); g()"#);
    assert_eq!(
        source.code[0].split_whitespace().collect::<String>(),
        "f(,b,);g()"
    );
}

use lbd_core::{Diags, Level};
use proptest::prelude::*;

use super::*;
use crate::host::{Environment, MemoryHost};
use crate::loader::Sources;

fn host() -> MemoryHost {
    MemoryHost::new()
        .var("USER", "web")
        .var("EMPTY", "")
        .var("LIST", " 1 2  3 ")
        .var("ONE", "1")
}

/// Statements as `|`-joined words, and findings.
fn read(text: impl Into<Vec<u8>>) -> (Vec<String>, Diags) {
    let sources = Sources::from_text("t.cfg", text);
    read_all(&sources)
}

fn read_all(sources: &Sources) -> (Vec<String>, Diags) {
    let host = host();
    let mut environment = Environment::new(&host);
    let mut reader = Reader::new(sources);
    let mut diags = Diags::default();
    let mut lines = Vec::new();
    while let Some(line) = reader.next_line(&environment, &mut diags) {
        let words: Vec<String> = line
            .words
            .iter()
            .map(|word| String::from_utf8_lossy(&word.text).into_owned())
            .collect();
        if words[0] == "setenv" {
            environment.set(&words[1], &words[2]);
        }
        if !line.starts_section {
            lines.push(words.join("|"));
        }
    }
    (lines, diags)
}

/// The words of one line of a section, or the first message.
fn words(line: &str) -> Result<String, String> {
    let (lines, diags) = read(format!("global\n{line}\n"));
    match diags.0.into_iter().next() {
        Some(diag) => Err(diag.message),
        None => Ok(lines.join("/")),
    }
}

fn messages(diags: &Diags) -> Vec<String> {
    diags
        .0
        .iter()
        .map(|diag| {
            let span = diag.span.unwrap();
            format!("{}:{}: {}", span.line, span.column, diag.message)
        })
        .collect()
}

#[test]
fn words_are_split_as_the_reference_splits_them() {
    for (line, expected) in [
        ("a b\tc", "a|b|c"),
        ("  a   b  ", "a|b"),
        ("a#b", "a"),
        ("a \\# b", "a|#|b"),
        ("# a", ""),
        ("", ""),
        ("a\\ b", "a b"),
        ("a \"b c\" 'd e'", "a|b c|d e"),
        ("a\"b\"'c'd", "abcd"),
        ("a '\"' \"'\"", "a|\"|'"),
        ("a '#' \"#\"", "a|#|#"),
        ("a \\\" \\' \\\\", "a|\"|'|\\"),
        ("a \\n\\t\\r.", "a|\n\t\r."),
        ("a \\x41\\x7a \"\\x42\" '\\x43'", "a|Az|B|\\x43"),
        ("a \\d+ \"\\d+\" '\\d+'", "a|\\d+|\\d+|\\d+"),
        ("a \\$ \"\\$\" $ '$ONE'", "a|\\$|$|$|$ONE"),
        ("a \\", "a|\\"),
        ("log-format %{+Q}o\\ %t", "log-format|%{+Q}o %t"),
        (
            "log-format \"%{+Q}o %t\"' %s'\\ %r",
            "log-format|%{+Q}o %t %s %r",
        ),
        ("a \"${LIST[*]}\" b", "a|1|2|3|b"),
        ("a \"x${LIST[*]}y\"", "a|x|1|2|3|y"),
        ("a \"${NOPE[*]}\" b", "a|b"),
        ("a \"${EMPTY[*]}\" b", "a|b"),
        ("a \"${NOPE[*]-5 6}\" b", "a|5|6|b"),
        ("\"${NOPE[*]}\"", ""),
        ("\"$NOPE\"", ""),
        ("a \"$USER\" $USER", "a|web|$USER"),
        ("a \"${USER}x\" \"$USER-x\"", "a|webx|web-x"),
        (
            "a \"${USER-dflt}\" \"${NOPE-d f}\" \"${EMPTY-x}y\"",
            "a|web|d f|y",
        ),
        ("a \"${NOPE-}x\" \"b$NOPE\"", "a|x|b"),
        ("a \"${NOPE-\"quoted\"}\"", "a|\"quoted\""),
        (
            "a \"${.LINE}\" \"$.FILE\" \"${.SECTION}\"",
            "a|2|t.cfg|global",
        ),
        ("a b\r", "a|b"),
        ("a \u{e9}", "a|\u{e9}"),
    ] {
        assert_eq!(words(line), Ok(expected.into()), "{line}");
    }
}

#[test]
fn faults_of_a_line_are_told_in_the_words_of_the_reference() {
    for (line, message) in [
        ("  daemon \"abc", "unmatched quote at position 10"),
        ("a 'b", "unmatched quote at position 3"),
        (
            " log \"${}x\"",
            "forbidden first char in environment variable name at position 9",
        ),
        (
            " log \"${.FOO}x\"",
            "forbidden first char in environment variable name at position 9",
        ),
        (
            " log \"$\"",
            "forbidden first char in environment variable name at position 8",
        ),
        (
            " log \"$1\"",
            "forbidden first char in environment variable name at position 8",
        ),
        (
            " log \"${ABC\"",
            "unmatched brace in environment variable name at position 8",
        ),
        (
            " log \"${ABC-x\"",
            "unmatched brace in environment variable name at position 8",
        ),
        (
            " log \"${ABC[*x\"",
            "truncated or invalid word expansion sequence at position 12",
        ),
        (
            " log \"\\xg\"",
            "truncated or invalid hexadecimal sequence at position 7",
        ),
        (
            " log \\x4",
            "truncated or invalid hexadecimal sequence at position 6",
        ),
        (
            " log \"\" local0",
            "argument number 1 at position 7 is empty and marks the end of the argument list",
        ),
        (
            " log \"$NOPE\" local0",
            "argument number 1 at position 8 is empty and marks the end of the argument list",
        ),
        (
            "\"$NOPE\" local0",
            "argument number 0 at position 3 is empty and marks the end of the argument list",
        ),
        ("a\rb", "stray carriage return at position 2"),
        ("a \\x00", "NUL character in an argument at position 3"),
        (
            "no maxconn 5",
            "negation/default currently supported only for options, log, busy-polling, \
             set-dumpable, strict-limits, insecure-fork-wanted and numa-cpu-mapping",
        ),
        ("[foo]", "scopes in brackets are not supported"),
        (".foo", "unknown directive '.foo'"),
        (
            ".alert a b",
            "Unexpected argument 'b' for '.alert'. Use quotes if the message should contain spaces",
        ),
        (".alert \"a b\"", "'a b'"),
        (".else", "lone '.else' with no matching '.if'"),
        (".elif 1", "lone '.elif' with no matching '.if'"),
        (".endif x", "Unexpected argument 'x' for '.endif'"),
        (".if 1", "non-terminated '.if' block"),
        (
            ".if foo",
            "unparsable conditional expression 'foo' in '.if' at position 1",
        ),
    ] {
        assert_eq!(words(line), Err(message.into()), "{line}");
    }
}

#[test]
fn word_and_line_lengths_are_limited() {
    let many = |count: usize| vec!["w"; count].join(" ");
    assert_eq!(words(&many(64)).map(|line| line.len()), Ok(127));
    assert_eq!(
        words(&many(65)),
        Err("too many words, truncating after word 64, position 127: <w>".into())
    );
    assert!(words(&"w".repeat(MAX_LINE_BYTES)).is_ok());
    let long = Err("line too long, limited to 1048576 bytes".to_owned());
    assert_eq!(words(&"w".repeat(MAX_LINE_BYTES + 1)), long);
    let grown = format!(
        "setenv BIG {}\na \"{}\"",
        "x".repeat(100_000),
        "$BIG".repeat(1000)
    );
    assert_eq!(words(&grown), long);
}

#[test]
fn conditions_choose_one_branch() {
    for (text, expected) in [
        (".if 1\na\n.else\nb\n.endif\nc\n", "a c"),
        (".if 0\na\n.else\nb\n.endif\nc\n", "b c"),
        (".if\na\n.else\nb\n.endif\n", "b"),
        (".if 0\na\n.elif 1\nb\n.elif 1\nc\n.else\nd\n.endif\n", "b"),
        (".if 0\na\n.elif 0\nb\n.else\nd\n.endif\n", "d"),
        (".if 1\n.if 0\na\n.endif\nb\n.endif\n", "b"),
        (
            ".if 0\n.if 1\na\n.else\nb\n.endif\nc\n.else\nd\n.endif\n",
            "d",
        ),
        (".if 1\na\n.elif bad(\nb\n.endif\n", "a"),
        (
            ".if 0\n.if bad(\nb\n.endif\n.foo\n.alert x\n.endif\nc\n",
            "c",
        ),
        (".if 0\n\"\" x\n.endif\nc\n", "c"),
        (".if streq(\"$USER\",web)   &&  !0\na\n.endif\n", "a"),
        (".if streq(\"$USER\", web)\na\n.endif\nb\n", "b"),
        ("setenv X 1\n.if \"$X\"\na\n.endif\n", "setenv|X|1 a"),
    ] {
        let (lines, diags) = read(format!("global\n{text}"));
        assert_eq!(lines.join(" "), expected, "{text}");
        assert!(diags.0.is_empty(), "{text}: {diags:?}");
    }
}

#[test]
fn a_condition_that_cannot_be_read_takes_no_branch_and_reading_goes_on() {
    let (lines, diags) = read("global\n.if foo(1)\na\n.elif 1\nb\n.else\nc\n.endif\n\"x\ny\n");
    assert_eq!(lines, ["y"]);
    assert_eq!(
        messages(&diags),
        [
            "2:5: unparsable conditional expression 'foo(1)' in '.if' at position 1",
            "9:1: unmatched quote at position 1",
        ]
    );
}

#[test]
fn the_order_of_branches_is_checked() {
    let (lines, diags) = read("global\n.if 0\n.else\n.else\n.elif 1\na\n.endif\n.endif\n");
    assert_eq!(lines, ["a"]);
    assert_eq!(
        messages(&diags),
        [
            "4:1: '.else' after '.else' is not permitted",
            "5:1: '.elif' after '.else' is not permitted",
            "8:1: lone '.endif' with no matching '.if'",
        ]
    );
}

#[test]
fn nested_blocks_are_limited_as_in_the_reference() {
    let nested = |depth: usize| {
        let blocks = ".if 1\n".repeat(depth) + "a\n" + &".endif\n".repeat(depth);
        read(format!("global\n{blocks}"))
    };
    assert_eq!(nested(99).0, ["a"]);
    let (lines, diags) = nested(100);
    assert!(lines.is_empty());
    assert_eq!(
        messages(&diags),
        ["101:1: too many nested '.if', max is 100"]
    );
}

#[test]
fn messages_have_their_level_and_only_alerts_refuse() {
    let (_, diags) = read("global\n.warning \"a b\"\n.notice x\n.diag u\n");
    let levels: Vec<Level> = diags.0.iter().map(|diag| diag.level).collect();
    assert_eq!(levels, [Level::Warning, Level::Notice, Level::Diag]);
    assert_eq!(diags.0[0].message, "'a b'");
}

#[test]
fn truncated_and_binary_files_are_refused_once() {
    for (text, expected) in [
        (
            &b"global\n  maxconn 10"[..],
            "2:0: Missing LF on last line, file might have been truncated at position 13",
        ),
        (
            b"global\n  max\0conn\n \0 x\n",
            "2:6: Stray NUL character at position 6",
        ),
        (b"\0\x01\x02", "1:1: Stray NUL character at position 1"),
        (b"global\n#\0", "2:2: Stray NUL character at position 2"),
    ] {
        let (_, diags) = read(text);
        assert_eq!(messages(&diags), [expected]);
    }
    assert_eq!(read("").1, Diags::default());
    assert_eq!(read("\n \n#\n").1, Diags::default());
}

#[test]
fn each_file_must_begin_with_a_section() {
    let mut sources = Sources::from_text("a.cfg", "global\n  maxconn 1\n");
    sources.push(
        "b.cfg",
        " maxconn 1\n daemon\nbackend b\n  mode \"${.SECTION}\"\n",
    );
    sources.push("c.cfg", "frontedn f\n");
    let (lines, diags) = read_all(&sources);
    assert_eq!(lines, ["maxconn|1", "mode|b"]);
    assert_eq!(
        messages(&diags),
        [
            "1:2: unknown keyword 'maxconn' out of section",
            "1:1: unknown keyword 'frontedn' out of section",
        ]
    );
    assert_eq!(diags.0[0].span.unwrap().file.0, 1);
    assert_eq!(diags.0[1].hint, "Maybe you meant 'frontend'.");
}

#[test]
fn an_unset_variable_is_answered_with_the_nearest() {
    let (_, diags) = read("global\n log \"$USR\" local0\n");
    assert_eq!(
        diags.0[0].hint,
        "Variable USR is not set; maybe you meant USER."
    );
}

#[test]
fn messages_repeat_only_the_start_of_a_long_text() {
    let (_, diags) = read(format!(
        "global\n.if {}\n.endif\n.alert {0}\n",
        "x".repeat(100_000)
    ));
    assert_eq!(diags.0.len(), 2, "{diags:?}");
    assert!(diags.0.iter().all(|diag| diag.message.len() < 700));
}

#[test]
fn default_alone_is_answered_with_the_section() {
    let (_, diags) = read("global\ndefault\n");
    assert_eq!(diags.0[0].hint, "The section is named 'defaults'.");
}

#[test]
fn a_file_full_of_faults_ends_early() {
    let mut sources = Sources::from_text("a", format!("global\n{}", "a 'b\n".repeat(1000)));
    sources.push("b", "global\n x\n");
    let (lines, diags) = read_all(&sources);
    assert_eq!(diags.0.len(), MAX_FATAL_ERRORS + 1);
    assert_eq!(
        diags.0[MAX_FATAL_ERRORS].message,
        "too many fatal errors (50), stopping now"
    );
    assert_eq!(lines, ["x"]);
}

#[test]
fn spans_cover_words_as_written() {
    let sources = Sources::from_text("t", "global\n\tlog \"a b\"'c' x\\ y # z\n");
    let host = host();
    let environment = Environment::new(&host);
    let mut diags = Diags::default();
    let mut reader = Reader::new(&sources);
    reader.next_line(&environment, &mut diags);
    let line = reader.next_line(&environment, &mut diags).unwrap();
    let places: Vec<(u32, u32)> = line
        .words
        .iter()
        .map(|word| (word.span.column, word.span.len))
        .collect();
    assert_eq!(places, [(2, 3), (6, 8), (15, 4)]);
    assert_eq!(line.span.line, 2);
}

#[test]
fn section_names_are_sorted() {
    assert!(SECTIONS.is_sorted());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_and_no_word_is_empty(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        text in "(global\n|[.](if|elif|else|endif) [01]?\n|[ a-c\"'\\\\#$\\{\\}\\[\\]*.x\t\r-]{0,12}\n){0,20}",
    ) {
        for input in [bytes, text.into_bytes()] {
            let sources = Sources::from_text("t", input);
            let host = host();
            let environment = Environment::new(&host);
            let mut diags = Diags::default();
            let mut reader = Reader::new(&sources);
            while let Some(line) = reader.next_line(&environment, &mut diags) {
                prop_assert!((1..=MAX_WORDS).contains(&line.words.len()));
                for word in &line.words {
                    prop_assert!(!word.text.is_empty() && !word.text.contains(&0));
                }
            }
            prop_assert!(diags.0.len() <= 500);
            crate::render::render(&diags, &sources, 1, true);
        }
    }
}

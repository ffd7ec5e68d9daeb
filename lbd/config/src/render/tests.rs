use super::*;

fn sources() -> Sources {
    Sources::from_text("t.cfg", "global\n  daemon \"abc\n\tmaxconn x # y\n")
}

fn span(line: u32, column: u32, len: u32) -> Span {
    Span {
        file: FileId(0),
        line,
        column,
        len,
    }
}

fn text(diag: Diag) -> String {
    render(&Diags(vec![diag]), &sources(), 42, true)
}

#[test]
fn first_line_is_padded_as_the_reference_pads_it() {
    for (level, expected) in [
        (Level::Alert, "[ALERT]    (42) : config : m\n"),
        (Level::Warning, "[WARNING]  (42) : config : m\n"),
        (Level::Notice, "[NOTICE]   (42) : config : m\n"),
        (Level::Diag, "[DIAG]     (42) : config : m\n"),
    ] {
        assert_eq!(text(Diag::new(level, None, "m")), expected);
    }
}

#[test]
fn the_word_is_underlined_and_the_hint_follows() {
    assert_eq!(
        text(Diag::alert(span(2, 10, 4), "unmatched quote").hint("Close it.")),
        "[ALERT]    (42) : config : parsing [t.cfg:2] : unmatched quote\n\
         \x20 2:10 |   daemon \"abc\n\
         \x20      |          ^^^^\n\
         \x20 hint: Close it.\n"
    );
    assert_eq!(
        text(Diag::alert(span(3, 10, 1), "bad")),
        "[ALERT]    (42) : config : parsing [t.cfg:3] : bad\n\
         \x20 3:10 |  maxconn x # y\n\
         \x20      |          ^\n"
    );
    assert_eq!(
        text(Diag::alert(span(1, 0, 0), "bad")),
        "[ALERT]    (42) : config : parsing [t.cfg:1] : bad\n  1 | global\n"
    );
}

#[test]
fn diagnostics_of_the_lowest_level_are_shown_on_demand() {
    let diags = Diags(vec![Diag::new(Level::Diag, None, "m")]);
    assert_eq!(render(&diags, &sources(), 1, false), "");
}

#[test]
fn control_characters_and_wide_spans_do_no_harm() {
    let long = Sources::from_text("l", vec![b'\x1b'; 1 << 20]);
    let diags = Diags(vec![
        Diag::alert(span(1, 500_000, u32::MAX), "a\x1b[2Jb"),
        Diag::alert(span(1, u32::MAX, 7), "x"),
        Diag::alert(span(9, 1, 7), "x"),
        Diag::alert(
            Span {
                file: FileId(7),
                ..span(1, 1, 1)
            },
            "x",
        ),
    ]);
    let shown = render(&diags, &long, 1, false);
    assert!(!shown.contains('\x1b') && shown.len() < 2000, "{shown}");
}

#[test]
fn verdict_names_each_file_once() {
    let diags = Diags(vec![
        Diag::alert(span(1, 1, 1), "a"),
        Diag::alert(span(2, 1, 1), "b"),
        Diag::warning(None, "c"),
    ]);
    let shown: Vec<String> = verdict(&diags, &sources())
        .0
        .into_iter()
        .map(|diag| diag.message)
        .collect();
    assert_eq!(
        shown,
        [
            "Error(s) found in configuration file : t.cfg",
            "Fatal errors found in configuration."
        ]
    );
    assert!(verdict(&Diags::default(), &sources()).0.is_empty());
}

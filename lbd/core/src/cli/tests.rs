use super::{Flag, Group, Program, Value};

#[test]
fn the_usage_page_has_a_line_for_each_flag() {
    let long = Flag {
        long: "--configuration",
        ..Flag::new("-f", Value::Next("file"), "read this")
    };
    let program = Program {
        name: "it",
        section: 8,
        summary: "does",
        synopsis: &["[flags]", "demo"],
        about: &[],
        groups: vec![Group {
            title: "all",
            flags: vec![long, Flag::new("-d", Value::Attached("how"), "debug")],
        }],
        exits: &[],
        signals: &[],
        files: &[],
        see_also: &[],
    };
    assert_eq!(
        program.usage(),
        "Usage: it [flags]\n       it demo\n all\n   -f, --configuration <file>\n   \
         \x20                 read this\n   -d[how]           debug\n"
    );
}

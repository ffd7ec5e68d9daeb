use super::*;

#[test]
fn words_are_cut_at_spaces_and_brackets_only() {
    let span = Span::line(FileId(0), 1);
    for (line, wanted) in [
        ("", &[][..]),
        ("# a.pem", &[]),
        ("  #a.pem", &[]),
        ("a.pem", &["a.pem"]),
        ("a.pem x #y fo#o", &["a.pem", "x", "#y", "fo#o"]),
        ("a.pem \"x y", &["a.pem", "\"x", "y"]),
        ("'a.pem' x\\ y\\", &["'a.pem'", "x\\", "y\\"]),
        (
            "a.pem[alpn \"h2\"]x\r",
            &["a.pem", "[", "alpn", "\"h2\"", "]", "x"],
        ),
    ] {
        let words = split(line.as_bytes(), "t", span).expect(line);
        assert_eq!(words, wanted, "{line}");
    }
}

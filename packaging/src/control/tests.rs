use super::wrap;

#[test]
fn long_paragraphs_are_broken_at_blanks() {
    assert_eq!(wrap("one two  three", 8), ["one two", "three"]);
    assert_eq!(wrap("incomprehensible", 8), ["incomprehensible"]);
}
